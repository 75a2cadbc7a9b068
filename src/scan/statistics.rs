//! How many rows a scan gives, about: for DataFusion's choice of join sides, and for progress.
//!
//! Cassandra estimates Cassandra partitions and bytes of a table, and not rows. Where a table has clustering columns, rows
//! are bytes by the width of a row as its types suggest; a factor of three off is no surprise, and all of it is `Inexact`.

use datafusion::common::Statistics;
use datafusion::common::stats::Precision;

use super::ScanRecipe;
use super::restriction::Access;
use super::split;
use crate::cluster::estimates::Estimate;
use crate::cluster::schema::{ColumnKind, CqlType, TableSchema};

/// The part of rows that one term is taken to let pass, as DataFusion takes it for a filter.
const SELECTIVITY: f64 = 0.2;

/// Bytes that a row of the table takes, with the overhead of its cells.
fn row_bytes(table: &TableSchema) -> f64 {
    use CqlType::{Boolean, Date, Float, Int, SmallInt, TimeUuid, TinyInt, Uuid};
    let width = |cql_type: &CqlType| match cql_type {
        Boolean | TinyInt => 1.0,
        SmallInt => 2.0,
        Int | Float | Date => 4.0,
        Uuid | TimeUuid => 16.0,
        CqlType::BigInt | CqlType::Counter | CqlType::Double | CqlType::Time | CqlType::Timestamp => 8.0,
        _ => 20.0,
    };
    let columns = table.columns.iter().filter(|c| !matches!(c.kind, ColumnKind::PartitionKey | ColumnKind::Static));
    8.0 + columns.map(|column| 2.0 + width(&column.cql_type)).sum::<f64>()
}

/// Rows of the whole table.
fn table_rows(table: &TableSchema, estimate: Estimate) -> f64 {
    let partitions = estimate.partitions as f64;
    let has_clustering = table.primary_key().count() > table.partition_key().count();
    if has_clustering { partitions.max(estimate.bytes as f64 / row_bytes(table)) } else { partitions }
}

/// Of all partitions of a scan, or of one of them.
pub(super) fn of_scan(recipe: &ScanRecipe, limit: Option<usize>, partitions: usize) -> Statistics {
    let unknown = Statistics::new_unknown(&recipe.schema);
    let table = &recipe.table;
    let rows = match (&recipe.restriction.access, recipe.estimate) {
        (Access::Keys(keys), estimate) => {
            let each = estimate.map_or(1.0, |e| table_rows(table, e) / (e.partitions.max(1) as f64));
            keys.len() as f64 * each.max(1.0)
        }
        (Access::Ring(ranges), Some(estimate)) => table_rows(table, estimate) * split::share(ranges),
        (Access::Ring(_), None) => return unknown,
    };
    let terms = i32::try_from(recipe.restriction.terms.len()).unwrap_or(i32::MAX);
    let rows = rows * SELECTIVITY.powi(terms) * partitions as f64 / recipe.partitions.len().max(1) as f64;
    let rows = limit.map_or(rows, |limit| rows.min((limit * partitions) as f64)).ceil();
    let bytes = rows * row_bytes(table) * recipe.columns.len() as f64 / table.columns.len().max(1) as f64;
    Statistics { num_rows: inexact(rows), total_byte_size: inexact(bytes), ..unknown }
}

fn inexact(number: f64) -> Precision<usize> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate that is never negative, and saturates"
    )]
    Precision::Inexact(number as usize)
}
