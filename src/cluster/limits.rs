//! The largest requests that a cluster takes.
//!
//! Two settings of `cassandra.yaml` bound what one request writes: `native_transport_max_frame_size` the request itself, and
//! `max_mutation_size` what becomes of it. `batch_size_fail_threshold` does not: it is for batches of several Cassandra
//! partitions, and ours have one.

use std::collections::HashMap;
use std::fmt;

use super::Cluster;
use crate::options::Positive;

/// Since Cassandra 4.1, and as 4.0 names them.
const SETTINGS: &str = "SELECT name, value FROM system_views.settings WHERE name IN \
                        ('max_mutation_size', 'max_mutation_size_in_kb', 'native_transport_max_frame_size', \
                        'native_transport_max_frame_size_in_mb')";

const MUTATION: &str = "max_mutation_size, which is half of commitlog_segment_size if it is not set";
const FRAME: &str = "native_transport_max_frame_size";

/// What Cassandra takes if nobody has changed it.
const DEFAULT_BYTES: usize = 16 << 20;

/// The most bytes of one request, and which setting of the server says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestLimit {
    pub(crate) bytes: usize,
    pub(crate) setting: &'static str,
}

impl fmt::Display for RequestLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a node takes {} at the most: write fewer into one row, or raise in cassandra.yaml of every node {}",
            self.bytes, self.setting
        )
    }
}

/// What a node says about its limits. Users may not read its settings everywhere: what is not known is not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RequestLimits {
    mutation: Option<usize>,
    frame: Option<usize>,
}

impl RequestLimits {
    /// The limit that a row comes to first, if any is known.
    pub(crate) fn of_row(self) -> Option<RequestLimit> {
        let limit = |bytes: Option<usize>, setting| bytes.map(|bytes| RequestLimit { bytes, setting });
        let limits = [limit(self.mutation, MUTATION), limit(self.frame, FRAME)];
        limits.into_iter().flatten().min_by_key(|limit| limit.bytes)
    }

    /// The most bytes of values that rows sent together should have, where the user wants `wanted`. A quarter of the limit,
    /// because of a list of small numbers a mutation has up to four times the bytes: each element has a key.
    pub(crate) fn of_group(self, wanted: Positive) -> Positive {
        let most = self.of_row().map_or(DEFAULT_BYTES, |limit| limit.bytes) / 4;
        Positive::at_least_one(wanted.get().min(most))
    }

    /// The same where requests are compressed, so that nobody knows how large they will be.
    pub(crate) fn compressed(self) -> Self {
        Self { frame: None, ..self }
    }

    fn of(settings: &HashMap<String, Option<String>>) -> Self {
        let bytes = |name: &str, unit: usize| parse(settings.get(name)?.as_deref()?, unit);
        Self {
            mutation: bytes("max_mutation_size", 1).or_else(|| bytes("max_mutation_size_in_kb", 1 << 10)),
            frame: bytes(FRAME, 1).or_else(|| bytes("native_transport_max_frame_size_in_mb", 1 << 20)),
        }
    }
}

impl Cluster {
    /// The limits of one node, by which the others are judged. Asked for once.
    pub(crate) async fn request_limits(&self) -> RequestLimits {
        *self.limits.get_or_init(|| async { self.ask_limits().await.unwrap_or_default() }).await
    }

    /// `None` if the user may not read them, or if there is no such table, as before Cassandra 4.0.
    async fn ask_limits(&self) -> Option<RequestLimits> {
        let rows = self.ask(SETTINGS, &()).await.ok()?;
        let settings = rows.rows::<(String, Option<String>)>().ok()?.collect::<Result<_, _>>().ok()?;
        Some(RequestLimits::of(&settings))
    }
}

/// `16MiB`, or a number of units.
fn parse(text: &str, unit: usize) -> Option<usize> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, suffix) = text.split_at(digits);
    let unit = match suffix {
        "" => unit,
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<usize>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(settings: &[(&str, Option<&str>)]) -> RequestLimits {
        let owned = settings.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        RequestLimits::of(&owned.collect())
    }

    #[test]
    fn settings_of_all_versions_are_read() {
        let new =
            limits(&[("max_mutation_size", Some("16384KiB")), ("native_transport_max_frame_size", Some("32MiB"))]);
        assert_eq!(new, RequestLimits { mutation: Some(16 << 20), frame: Some(32 << 20) });
        let old = [("max_mutation_size_in_kb", Some("8192")), ("native_transport_max_frame_size_in_mb", Some("16"))];
        assert_eq!(limits(&old), RequestLimits { mutation: Some(8 << 20), frame: Some(16 << 20) });
        for unknown in [None, Some(""), Some("MiB"), Some("16MB"), Some("0MiB"), Some("-1"), Some("99999999999GiB")] {
            assert_eq!(limits(&[("max_mutation_size", unknown)]), RequestLimits::default(), "{unknown:?}");
        }
    }

    #[test]
    fn the_smaller_limit_counts() {
        let both = RequestLimits { mutation: Some(4 << 20), frame: Some(2 << 20) };
        assert_eq!(both.of_row(), Some(RequestLimit { bytes: 2 << 20, setting: FRAME }));
        assert_eq!(both.compressed().of_row(), Some(RequestLimit { bytes: 4 << 20, setting: MUTATION }));
        assert_eq!(RequestLimits::default().of_row(), None);
    }

    #[test]
    fn groups_stay_well_below() {
        let wanted = |bytes| Positive::at_least_one(bytes);
        let known = RequestLimits { mutation: Some(1 << 20), frame: None };
        assert_eq!(known.of_group(wanted(64 << 10)), wanted(64 << 10));
        assert_eq!(known.of_group(wanted(100 << 20)), wanted(256 << 10));
        assert_eq!(RequestLimits::default().of_group(wanted(100 << 20)), wanted(4 << 20));
    }
}
