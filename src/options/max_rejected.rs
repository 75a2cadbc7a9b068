//! How many rows a statement may fail to write.

use std::fmt;
use std::str::FromStr;

use datafusion::common::config::{ConfigField, Visit};
use datafusion::error::{DataFusionError, Result as DataFusionResult};

use crate::error::{Error, Result};

/// Shares are kept in thousandths of a percent.
const PER_PERCENT: u64 = 1_000;

/// A share says little of fewer rows.
const LEAST_ROWS: u64 = 1_000;

/// How many rows a statement may fail to write before it fails as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MaxRejected {
    /// So many.
    Rows(u64),
    /// So many of 100,000 rows read; looked at once 1,000 rows have been read, and at the end.
    Share(u32),
}

impl MaxRejected {
    /// Whether rows that cannot be written are kept, and the others go on.
    pub fn keeps_rows(self) -> bool {
        !matches!(self, Self::Rows(0) | Self::Share(0))
    }

    /// Whether `rejected` rows of `read` are too many. `end`: no more will be read.
    pub fn is_exceeded(self, rejected: u64, read: u64, end: bool) -> bool {
        match self {
            Self::Rows(most) => rejected > most,
            Self::Share(share) => {
                let most = u128::from(read) * u128::from(share);
                (end || read >= LEAST_ROWS) && u128::from(rejected) * u128::from(100 * PER_PERCENT) > most
            }
        }
    }
}

impl Default for MaxRejected {
    fn default() -> Self {
        Self::Rows(0)
    }
}

impl fmt::Display for MaxRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rows(rows) => rows.fmt(f),
            Self::Share(share) => write!(f, "{}%", f64::from(*share) / PER_PERCENT as f64),
        }
    }
}

impl FromStr for MaxRejected {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let parsed = match text.strip_suffix('%') {
            Some(percent) => share(percent.trim()).map(Self::Share),
            None => text.parse().ok().map(Self::Rows),
        };
        parsed.ok_or_else(|| {
            Error::config(format!(
                "'{text}' is no number of rows: write a whole number such as 100, or a share of the rows read such as 0.5% \
                 (0 to 100, with three digits behind the point at the most)"
            ))
        })
    }
}

/// Digits with at most three behind the point, in thousandths.
fn share(percent: &str) -> Option<u32> {
    let (whole, fraction) = percent.split_once('.').unwrap_or((percent, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > 3 {
        return None;
    }
    let share = whole.parse::<u32>().ok()?.checked_mul(1_000)? + format!("{fraction:0<3}").parse::<u32>().ok()?;
    (share <= 100_000).then_some(share)
}

impl ConfigField for MaxRejected {
    fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
        v.some(key, self, description);
    }

    fn set(&mut self, _: &str, value: &str) -> DataFusionResult<()> {
        *self = value.parse().map_err(DataFusionError::from)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_shares_are_read_and_printed() {
        for (text, value) in [
            ("0", MaxRejected::Rows(0)),
            ("100", MaxRejected::Rows(100)),
            ("0.5%", MaxRejected::Share(500)),
            ("0.001%", MaxRejected::Share(1)),
            ("100%", MaxRejected::Share(100_000)),
            ("7%", MaxRejected::Share(7_000)),
        ] {
            assert_eq!(text.parse::<MaxRejected>().unwrap(), value, "{text}");
            assert_eq!(value.to_string(), text);
        }
        assert_eq!(" 12 % ".parse::<MaxRejected>().unwrap(), MaxRejected::Share(12_000));
        for bad in ["", "-1", "1.5", "%", ".5%", "5.%", "-1%", "1e1%", "0.0001%", "100.001%", "99999999999%", "many"] {
            let error = bad.parse::<MaxRejected>().unwrap_err().to_string();
            assert!(error.contains("is no number of rows"), "{bad}: {error}");
        }
    }

    #[test]
    fn what_is_too_many() {
        let rows = MaxRejected::Rows(2);
        assert!(!rows.is_exceeded(2, 2, true) && rows.is_exceeded(3, 1_000_000, false));
        let share = MaxRejected::Share(1_000);
        assert!(!share.is_exceeded(1, 1, false), "too early to say");
        assert!(share.is_exceeded(1, 1, true) && !share.is_exceeded(0, 0, true));
        assert!(!share.is_exceeded(10, 1_000, false) && share.is_exceeded(11, 1_000, false));
        assert!(!MaxRejected::Share(100_000).is_exceeded(5, 5, true));
    }
}
