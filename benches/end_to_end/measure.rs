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
    /// The files that loads read, once.
    Inputs,
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
    /// An INSERT of the rows of a file.
    LoadFile(Input),
}

/// A file, or table of files, that has all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Input {
    pub(crate) format: Format,
    pub(crate) order: Order,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Csv,
    Parquet,
    Iceberg,
}

/// How rows of one Cassandra partition come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// One after the other.
    Ordered,
    /// Anywhere.
    Shuffled,
}

impl Measure {
    const ALL: [Self; 21] = [
        Self::DRAIN_4,
        Self::DRAIN_8,
        Self::FEW_COUNTS,
        Self::MANY_COUNTS,
        Self::Load,
        Self::Inputs,
        Self::RawWrite,
        Self::Scan,
        Self::JoinByScan,
        Self::JoinByKeys,
        Self::Count,
        Self::Csv,
        Self::Parquet,
        Self::Iceberg,
        Self::Insert,
        Self::load(Format::Csv, Order::Ordered),
        Self::load(Format::Csv, Order::Shuffled),
        Self::load(Format::Parquet, Order::Ordered),
        Self::load(Format::Parquet, Order::Shuffled),
        Self::load(Format::Iceberg, Order::Ordered),
        Self::load(Format::Iceberg, Order::Shuffled),
    ];
    const DRAIN_4: Self = Self::RawDrain { in_flight: 4 };
    const DRAIN_8: Self = Self::RawDrain { in_flight: 8 };
    const FEW_COUNTS: Self = Self::RawCount { splits: 16, in_flight: 2 };
    const MANY_COUNTS: Self = Self::RawCount { splits: 32, in_flight: 4 };

    const fn load(format: Format, order: Order) -> Self {
        Self::LoadFile(Input { format, order })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RawDrain { in_flight: 4 } => "raw_page_drain_4",
            Self::RawDrain { .. } => "raw_page_drain_8",
            Self::RawCount { splits: 16, .. } => "raw_count_16x2",
            Self::RawCount { .. } => "raw_count_32x4",
            Self::Load => "load",
            Self::Inputs => "inputs",
            Self::RawWrite => "raw_grouped_write",
            Self::Scan => "scan_to_arrow",
            Self::JoinByScan => "join_by_scan",
            Self::JoinByKeys => "join_by_keys",
            Self::Count => "count",
            Self::Csv => "export_to_csv",
            Self::Parquet => "export_to_parquet",
            Self::Iceberg => "export_to_iceberg",
            Self::Insert => "insert",
            Self::LoadFile(Input { format, order }) => match (format, order) {
                (Format::Csv, Order::Ordered) => "load_csv_ordered",
                (Format::Csv, Order::Shuffled) => "load_csv_shuffled",
                (Format::Parquet, Order::Ordered) => "load_parquet_ordered",
                (Format::Parquet, Order::Shuffled) => "load_parquet_shuffled",
                (Format::Iceberg, Order::Ordered) => "load_iceberg_ordered",
                (Format::Iceberg, Order::Shuffled) => "load_iceberg_shuffled",
            },
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
        matches!(self, Self::RawWrite | Self::Insert | Self::LoadFile(_))
    }

    /// Whether its rows are in memory before it begins.
    pub(crate) fn has_rows_beforehand(self) -> bool {
        matches!(self, Self::RawWrite | Self::Insert)
    }

    /// The most memory that one of ours may take, in MB (10^6 bytes).
    pub(crate) fn memory_target_mb(self) -> f64 {
        if matches!(self, Self::LoadFile(_)) { 300.0 } else { 200.0 }
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
pub(crate) const PAIRS: [Pair; 13] = [
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Scan, target: Some(0.9) },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Csv, target: None },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Parquet, target: Some(0.8) },
    Pair { raw: &[Measure::DRAIN_4, Measure::DRAIN_8], ours: Measure::Iceberg, target: Some(0.8) },
    Pair { raw: &[Measure::FEW_COUNTS, Measure::MANY_COUNTS], ours: Measure::Count, target: Some(1.0) },
    Pair { raw: &[Measure::JoinByScan], ours: Measure::JoinByKeys, target: Some(10.0) },
    Pair { raw: &[Measure::RawWrite], ours: Measure::Insert, target: Some(0.9) },
    load(Format::Csv, Order::Ordered),
    load(Format::Parquet, Order::Ordered),
    load(Format::Iceberg, Order::Ordered),
    load(Format::Csv, Order::Shuffled),
    load(Format::Parquet, Order::Shuffled),
    load(Format::Iceberg, Order::Shuffled),
];

/// The raw writer has its rows in order, whatever those of the file are: of rows that come apart it could only send each by
/// itself, and it could be overtaken by sorting them.
const fn load(format: Format, order: Order) -> Pair {
    let target = match order {
        Order::Ordered => 0.9,
        Order::Shuffled => 0.8,
    };
    Pair { raw: &[Measure::RawWrite], ours: Measure::load(format, order), target: Some(target) }
}
