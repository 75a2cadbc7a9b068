//! The measures by name, and which raw one each of ours is held against.

use crate::Result;
use crate::rows::ROWS_A_PARTITION;

/// One thing that is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    /// All pages of the table, requested and dropped: so many at a time.
    RawDrain {
        in_flight: usize,
    },
    /// A count of each split by the server: so many splits, so many at a time.
    RawCount {
        splits: usize,
        in_flight: usize,
    },
    /// Prepared rows in unlogged groups of one Cassandra partition each.
    RawWrite,
    /// The same into the table that is read, once.
    Load,
    Scan,
    /// A join with keys in a Parquet file that reads the whole table.
    JoinByScan,
    /// The same that looks up the keys.
    JoinByKeys,
    Count,
    Csv,
    Parquet,
    Iceberg,
    Insert,
}

impl Measure {
    const ALL: [Self; 14] = [
        Self::DRAIN_4,
        Self::DRAIN_8,
        Self::FEW_COUNTS,
        Self::MANY_COUNTS,
        Self::Load,
        Self::RawWrite,
        Self::Scan,
        Self::JoinByScan,
        Self::JoinByKeys,
        Self::Count,
        Self::Csv,
        Self::Parquet,
        Self::Iceberg,
        Self::Insert,
    ];
    const DRAIN_4: Self = Self::RawDrain { in_flight: 4 };
    const DRAIN_8: Self = Self::RawDrain { in_flight: 8 };
    const FEW_COUNTS: Self = Self::RawCount { splits: 16, in_flight: 2 };
    const MANY_COUNTS: Self = Self::RawCount { splits: 32, in_flight: 4 };

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RawDrain { in_flight: 4 } => "raw_page_drain_4",
            Self::RawDrain { .. } => "raw_page_drain_8",
            Self::RawCount { splits: 16, .. } => "raw_count_16x2",
            Self::RawCount { .. } => "raw_count_32x4",
            Self::Load => "load",
            Self::RawWrite => "raw_grouped_write",
            Self::Scan => "scan_to_arrow",
            Self::JoinByScan => "join_by_scan",
            Self::JoinByKeys => "join_by_keys",
            Self::Count => "count",
            Self::Csv => "export_to_csv",
            Self::Parquet => "export_to_parquet",
            Self::Iceberg => "export_to_iceberg",
            Self::Insert => "insert",
        }
    }

    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|measure| measure.name() == name);
        found.ok_or_else(|| format!("'{name}' is not a measure").into())
    }

    /// Of a table of so many rows, those that it deals with.
    pub(crate) fn rows(self, of_table: u64) -> u64 {
        match self {
            Self::JoinByScan | Self::JoinByKeys => join_keys(of_table) * ROWS_A_PARTITION,
            _ => of_table,
        }
    }

    pub(crate) fn writes_to_cassandra(self) -> bool {
        matches!(self, Self::RawWrite | Self::Insert)
    }
}

/// Keys that a table of so many rows is joined with, each of which it has.
pub(crate) fn join_keys(rows: u64) -> u64 {
    (rows / ROWS_A_PARTITION).min(10_000)
}

/// One of ours against the best of some raw ones, run one after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) raw: &'static [Measure],
    pub(crate) ours: Measure,
    /// The least ratio of rates, ours to raw.
    pub(crate) target: Option<f64>,
}

/// All pairs, in the order of a round.
pub(crate) const PAIRS: [Pair; 7] = [
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Scan, target: Some(0.9) },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Csv, target: None },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Parquet, target: Some(0.8) },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Iceberg, target: Some(0.8) },
    Pair { raw: &[Measure::FEW_COUNTS, Measure::MANY_COUNTS], ours: Measure::Count, target: Some(1.0) },
    Pair { raw: &[Measure::JoinByScan], ours: Measure::JoinByKeys, target: Some(10.0) },
    Pair { raw: &[Measure::RawWrite], ours: Measure::Insert, target: Some(0.9) },
];

/// The most memory that one of ours may take, in MB (10^6 bytes).
pub(crate) const MEMORY_TARGET_MB: f64 = 200.0;
