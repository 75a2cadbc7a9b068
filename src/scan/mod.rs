//! The read path.
//!
//! ```text
//! plan time   table ─ ring, estimates ─ split (ranges → splits → one list a partition) ─▶ CassandraScanExec
//! run time    a partition: its splits, some at a time ─ page (request, next page ahead) ─ codec ─▶ RecordBatch
//! ```
//!
//! A *split* is a token range (start, end] that one statement reads from one of its replicas. A *partition* is
//! DataFusion's: one stream over a list of splits. DataFusion starts all partitions at once, so their number and the
//! splits each keeps in flight bound the load on the cluster.
//!
//! Nothing is buffered beyond the pages in flight: one being decoded and one ahead for each split in flight.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

pub mod aggregate;
pub(crate) mod cql;
pub mod exec;
pub mod grouped;
pub mod lookup;
pub(crate) mod order;
mod pace;
pub(crate) mod page;
pub(crate) mod pushdown;
pub(crate) mod restriction;
pub mod split;
pub mod statement;
mod statistics;

use crate::cluster::estimates::Estimate;
use crate::cluster::ring::{TokenRange, validate_ranges};
use crate::cluster::schema::{Column, TableSchema};
use crate::cluster::{ClusterHandle, Placement};
use crate::codec::ReadAs;
use crate::error::Result;
use crate::options::CassandraOptions;
use restriction::{Access, Restriction};
use split::{Part, Split};

/// What a scan reads and where: all that is needed to run it in this process or another one.
#[derive(Debug, Clone)]
pub(crate) struct ScanRecipe {
    pub(crate) cluster: ClusterHandle,
    pub(crate) table: Arc<TableSchema>,
    /// The columns read, in order; possibly none.
    pub(crate) columns: Vec<Column>,
    /// Their Arrow form.
    pub(crate) schema: SchemaRef,
    /// How that was chosen.
    pub(crate) read_as: ReadAs,
    pub(crate) options: CassandraOptions,
    /// Which rows.
    pub(crate) restriction: Restriction,
    /// How large the table is, if the nodes know.
    pub(crate) estimate: Option<Estimate>,
    /// Whether the rows of its only Cassandra partition come in the order that is not the table's.
    pub(crate) reversed: bool,
    /// The splits of each partition.
    pub(crate) partitions: Vec<Vec<Split>>,
    /// Splits that one partition reads at the same time.
    pub(crate) splits_in_flight: usize,
}

impl ScanRecipe {
    /// The same with partitions of which each reads its splits one after the other, and as many splits in flight in all.
    pub(crate) fn one_split_at_a_time(&self) -> Self {
        let deal = |splits: &Vec<Split>| {
            let lists = self.splits_in_flight.clamp(1, splits.len().max(1));
            let list = |first| splits.iter().skip(first).step_by(lists).cloned().collect();
            (0..lists).map(list).collect::<Vec<Vec<Split>>>()
        };
        Self { partitions: self.partitions.iter().flat_map(deal).collect(), splits_in_flight: 1, ..self.clone() }
    }

    pub(crate) fn split_count(&self) -> usize {
        self.partitions.iter().map(Vec::len).sum()
    }

    /// The number of different nodes that hold rows of this scan.
    pub(crate) fn node_count(&self) -> usize {
        let mut nodes: Vec<_> = self.partitions.iter().flatten().flat_map(|s| s.replicas.iter().copied()).collect();
        nodes.sort_unstable();
        nodes.dedup();
        nodes.len()
    }
}

impl ScanRecipe {
    /// What a plan shows of it if so many splits may be in flight.
    fn with_in_flight(&self, most: usize) -> impl fmt::Display {
        let in_flight = most.min(self.split_count());
        fmt::from_fn(move |f| {
            write!(
                f,
                "splits={}, partitions={}, in_flight={in_flight}, replicas={}",
                self.split_count(),
                self.partitions.len(),
                self.node_count()
            )?;
            write!(f, "{}", self.restriction)
        })
    }
}

impl fmt::Display for ScanRecipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_in_flight(self.splits_in_flight * self.partitions.len()).fmt(f)
    }
}

/// Cuts what is read of the table into splits for `target_partitions` partitions.
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the splits of the whole table are not the whole ring, exactly once.
pub(crate) fn plan_partitions(
    table: &TableSchema,
    placement: Placement,
    restriction: &Restriction,
    options: &CassandraOptions,
    target_partitions: usize,
) -> Result<Vec<Vec<Split>>> {
    if table.node_local {
        return Ok(vec![vec![Split { part: Part::Table, replicas: Vec::new() }]]);
    }
    let Placement { ranges, nodes, estimate } = placement;
    let wanted = match &restriction.access {
        Access::Ring(wanted) => wanted,
        Access::Keys(keys) => return Ok(split::assign(split::plan_keys(ranges, keys), target_partitions)),
    };
    let count = if let Some(count) = options.splits {
        count.get()
    } else {
        let split_bytes = (options.split_size_mb.get() as u64).saturating_mul(1 << 20);
        split::split_count(estimate.map(|e| e.bytes), split_bytes, target_partitions, nodes)
    };
    let splits = if *wanted == [TokenRange::RING] {
        let splits = split::plan_splits(ranges, count);
        // Whatever happens above: a gap would lose rows, an overlap would count them twice.
        validate_ranges(splits.iter().filter_map(Split::range))?;
        splits
    } else {
        // Splits as large as those of the whole table would be, or a few for each partition.
        let few = target_partitions.max(1).saturating_mul(split::MIN_SPLITS_EACH).min(count);
        split::plan_splits(split::restrict(ranges, wanted), split::part_of(count, wanted).max(few))
    };
    Ok(split::assign(splits, target_partitions))
}

/// The splits one of `partitions` partitions keeps in flight, so that all together keep the cluster busy.
pub(crate) fn splits_in_flight(
    options: &CassandraOptions,
    restriction: &Restriction,
    nodes: usize,
    partitions: usize,
) -> usize {
    let each = match restriction.access {
        Access::Ring(_) => options.splits_in_flight_per_node,
        Access::Keys(_) => options.keys_in_flight_per_node,
    };
    each.get().saturating_mul(nodes).div_ceil(partitions.max(1)).max(1)
}
