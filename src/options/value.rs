//! What options are made of: words, numbers, secrets.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use datafusion::common::config::{ConfigField, Visit};
use datafusion::error::{DataFusionError, Result as DataFusionResult};

use crate::error::{Error, Result};

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The secret itself, for the one place that sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Lets an option be set and shown by the text that its type reads and prints.
macro_rules! set_from_text {
    ($name:ident) => {
        impl ConfigField for $name {
            fn visit<V: Visit>(&self, v: &mut V, key: &str, description: &'static str) {
                v.some(key, self, description);
            }

            fn set(&mut self, _: &str, value: &str) -> DataFusionResult<()> {
                *self = value.parse().map_err(DataFusionError::from)?;
                Ok(())
            }
        }
    };
}

/// An enum that is written as one of a few words, in SQL and on the command line.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $what:literal, default $default:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $($(#[$vdoc])* $variant),+ }

        impl Default for $name {
            fn default() -> Self {
                Self::$default
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$variant => $word),+ })
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                $(if text.eq_ignore_ascii_case($word) {
                    return Ok(Self::$variant);
                })+
                Err(Error::config(format!(
                    concat!("'{}' is not a ", $what, ": write one of {}"), text, [$($word),+].join(", ")
                )))
            }
        }

        set_from_text!($name);
    };
}

words!(
    /// How many replicas must answer, as in CQL.
    Consistency, "consistency level", default LocalOne {
        /// One replica, in any data centre.
        One = "ONE",
        /// Two replicas.
        Two = "TWO",
        /// Three replicas.
        Three = "THREE",
        /// A majority of all replicas.
        Quorum = "QUORUM",
        /// Every replica.
        All = "ALL",
        /// A majority in the local data centre.
        LocalQuorum = "LOCAL_QUORUM",
        /// A majority in each data centre.
        EachQuorum = "EACH_QUORUM",
        /// One replica of the local data centre.
        LocalOne = "LOCAL_ONE",
        /// Writes only: a hint is enough.
        Any = "ANY",
    }
);

words!(
    /// How frames are compressed between the client and the nodes.
    Compression, "compression", default None {
        /// Not at all: the fastest on a local network.
        None = "none",
        /// LZ4.
        Lz4 = "lz4",
        /// Snappy.
        Snappy = "snappy",
    }
);

words!(
    /// What becomes of values that are present and have no bytes, in types to which Arrow gives no such value: all but
    /// text, blobs, tuples and user-defined types.
    EmptyValues, "treatment of empty values", default Error {
        /// Reading one fails.
        Error = "error",
        /// They are read as null, and can then not be told from cells that are null.
        Null = "null",
    }
);

words!(
    /// What becomes of numbers that the decimal type chosen for them cannot hold exactly.
    DecimalOverflow, "treatment of numbers that do not fit", default Error {
        /// Reading one fails.
        Error = "error",
        /// They are read as the nearest number that fits: cut at the ends of the range, rounded to the digits there are.
        Clamp = "clamp",
        /// They are read as null, and can then not be told from cells that are null.
        Null = "null",
    }
);

words!(
    /// Which joins look up keys in a table instead of reading all of it.
    LookupJoin, "choice of joins that look up keys", default Auto {
        /// Those whose other side has few keys, as far as is known. If it proves to have many, the rest of it is joined
        /// with a scan.
        Auto = "auto",
        /// All that can, however many keys there are.
        On = "on",
        /// None.
        Off = "off",
    }
);

words!(
    /// What INSERT makes of null.
    WriteNulls, "treatment of nulls that are written", default Unset {
        /// The cell is left as it is: nothing is deleted, no tombstone is made.
        Unset = "unset",
        /// What the cell has held is deleted, which leaves a tombstone.
        Tombstone = "tombstone",
    }
);

words!(
    /// What INSERT does with rows that are there already.
    ExistingRows, "treatment of rows that are there already", default Replace {
        /// They are written over.
        Replace = "replace",
        /// They stay as they are, by `IF NOT EXISTS`; those of the INSERT count as not applied.
        Keep = "keep",
        /// The same, and those of the INSERT are rejected.
        Reject = "reject",
    }
);

words!(
    /// What INSERT does with the elements of non-frozen collections.
    WriteCollections, "treatment of collections", default Replace {
        /// What is there is replaced.
        Replace = "replace",
        /// They are added to what is there.
        Append = "append",
    }
);

words!(
    /// What rejected rows are written as.
    RejectedFormat, "format of rejected rows", default Parquet {
        /// Keeps all types.
        Parquet = "parquet",
        /// With a header. It has no nested types.
        Csv = "csv",
        /// An object a line.
        Json = "json",
    }
);

words!(
    /// What durations are read as.
    DurationAs, "representation of durations", default Interval {
        /// Arrow's interval of months, days and nanoseconds, which Parquet and Iceberg do not have.
        Interval = "interval",
        /// Text as CQL has it, such as `1y2mo3d4h5m6s7ms8us9ns`.
        Text = "text",
    }
);

/// The time to live of what is written, in whole seconds. Cassandra has no longer ones than 20 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ttl(u32);

impl Ttl {
    pub(crate) const MOST_SECONDS: u32 = 20 * 365 * 24 * 60 * 60;

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

/// The longest one. Only what options ask for before they have a value: without one, the table's own time holds.
impl Default for Ttl {
    fn default() -> Self {
        Self(Self::MOST_SECONDS)
    }
}

impl fmt::Display for Ttl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Ttl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let seconds = text.trim().parse::<u32>().ok().filter(|seconds| (1..=Self::MOST_SECONDS).contains(seconds));
        seconds.map(Self).ok_or_else(|| {
            Error::config(format!(
                "'{text}' is no time to live: it must be a whole number of seconds from 1 to {} (20 years); leave the \
                 option out for the table's own",
                Self::MOST_SECONDS
            ))
        })
    }
}

set_from_text!(Ttl);

/// What numbers of any size (`varint`, `decimal`) are read as: `text` or `decimal(p, s)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum NumberAs {
    /// Their digits, all of them.
    #[default]
    Text,
    /// Arrow's `Decimal128` of this precision and scale.
    Decimal {
        /// Digits in all, 1 to 38.
        precision: u8,
        /// Digits behind the point, 0 to `precision`.
        scale: u8,
    },
}

impl fmt::Display for NumberAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("text"),
            Self::Decimal { precision, scale } => write!(f, "decimal({precision}, {scale})"),
        }
    }
}

impl FromStr for NumberAs {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const MAX_PRECISION: u8 = 38;
        let word = text.trim().to_ascii_lowercase();
        if word == "text" {
            return Ok(Self::Text);
        }
        let digits = word.strip_prefix("decimal").and_then(|rest| rest.trim().strip_prefix('(')?.strip_suffix(')'));
        let digits = digits.map(|digits| digits.split_once(',').unwrap_or((digits, "0")));
        let parsed = digits.and_then(|(p, s)| Some((p.trim().parse().ok()?, s.trim().parse().ok()?)));
        match parsed {
            Some((precision @ 1..=MAX_PRECISION, scale)) if scale <= precision => {
                Ok(Self::Decimal { precision, scale })
            }
            _ => Err(Error::config(format!(
                "'{text}' is not a representation of numbers: write text, or decimal(p, s) with 1 to {MAX_PRECISION} \
                 digits, of which s are behind the point"
            ))),
        }
    }
}

set_from_text!(NumberAs);

/// A number of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Positive(NonZeroUsize);

impl Positive {
    /// `n`, or one if `n` is zero.
    pub const fn at_least_one(n: usize) -> Self {
        match NonZeroUsize::new(n) {
            Some(n) => Self(n),
            None => Self(NonZeroUsize::MIN),
        }
    }

    /// The number.
    pub const fn get(self) -> usize {
        self.0.get()
    }

    /// The number, as the standard library's type.
    pub const fn nonzero(self) -> NonZeroUsize {
        self.0
    }
}

impl Default for Positive {
    fn default() -> Self {
        Self(NonZeroUsize::MIN)
    }
}

impl fmt::Display for Positive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Positive {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        text.parse().map(Self).map_err(|_| Error::config(format!("'{text}' is not a whole number of at least 1")))
    }
}

set_from_text!(Positive);
