//! Which equalities of a join are those of a table's key.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::physical_expr::PhysicalExprRef;
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_plan::ExecutionPlan;

use crate::cluster::schema::{ColumnKind, CqlType};
use crate::rules::step::step;
use crate::scan::ScanRecipe;
use crate::scan::cql::only_static;
use crate::scan::lookup::LookupKey;

/// The equalities of a join.
pub(super) struct Matched {
    /// Those of the key, in its order.
    pub(super) keys: Vec<LookupKey>,
    /// All others: of the input, and of the table's side.
    pub(super) equal: Vec<(PhysicalExprRef, PhysicalExprRef)>,
}

/// Finds the columns of the whole partition key, and as many clustering columns after it as there are. None if a column of
/// the partition key is missing, or another equality cannot be checked.
///
/// `on` has for each equality the side of the `input` and that of `table`, the plan above `scan`.
pub(super) fn match_key<'a>(
    on: impl Iterator<Item = (&'a PhysicalExprRef, &'a PhysicalExprRef)>,
    input: &Arc<dyn ExecutionPlan>,
    table: &Arc<dyn ExecutionPlan>,
    scan: &ScanRecipe,
) -> Option<Matched> {
    let mut left: Vec<(&PhysicalExprRef, &PhysicalExprRef)> = on.collect();
    let mut keys = Vec::new();
    let no_rows = !scan.columns.is_empty() && only_static(&scan.table, scan.columns.iter());
    for column in scan.table.primary_key() {
        let is_column = |(value, of_table): &(&PhysicalExprRef, &PhysicalExprRef)| {
            let data_type = of_table.data_type(&table.schema()).ok();
            source(of_table, table).and_then(|index| scan.columns.get(index)) == Some(column)
                && data_type == value.data_type(&input.schema()).ok()
                && data_type.is_some_and(|data_type| is_exact(&column.cql_type, &data_type))
        };
        match left.iter().position(is_column) {
            // Nothing but static columns is read: the server refuses the clustering columns in the question.
            Some(_) if column.kind != ColumnKind::PartitionKey && no_rows => break,
            Some(index) => {
                keys.push(LookupKey { column: column.clone(), value: Arc::clone(left.remove(index).0) });
            }
            None if column.kind == ColumnKind::PartitionKey => return None,
            // What comes behind cannot be given without this one.
            None => break,
        }
    }
    let equal: Vec<(PhysicalExprRef, PhysicalExprRef)> =
        left.into_iter().map(|(value, of_table)| (Arc::clone(value), Arc::clone(of_table))).collect();
    let can_be_checked = |(value, of_table): &(PhysicalExprRef, PhysicalExprRef)| {
        let data_type = value.data_type(&input.schema()).ok();
        data_type.as_ref().is_some_and(|data_type| !data_type.is_nested())
            && data_type == of_table.data_type(&table.schema()).ok()
    };
    equal.iter().all(can_be_checked).then_some(Matched { keys, equal })
}

/// The column of the scan that an expression above it is, or is a cast of.
fn source(expr: &PhysicalExprRef, plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let (mut expr, mut plan) = (Arc::clone(expr), plan);
    let mut is_cast = false;
    loop {
        let inner = expr.as_any().downcast_ref::<CastExpr>().map(|cast| Arc::clone(cast.expr()));
        if let Some(inner) = inner {
            // Of one cast it is known what it does to values, see `is_exact`.
            if std::mem::replace(&mut is_cast, true) {
                return None;
            }
            expr = inner;
            continue;
        }
        let index = expr.as_any().downcast_ref::<Column>()?.index();
        let Some(below) = step(plan, index) else { return Some(index) };
        (expr, plan) = below;
    }
}

/// Whether values of a column are equal in CQL exactly if they are in Arrow, as this type, and whether what is of this type and
/// in the column comes back from it without a change. That is so for types with one form for each value, and for wider
/// ones. Not for floats (NaN, and zero of two signs), numbers of any size (1.0 and 1.00), addresses (several texts for one).
fn is_exact(cql_type: &CqlType, compared: &DataType) -> bool {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, FixedSizeBinary, Int8, Int16, Int32, Int64, LargeBinary, LargeUtf8,
        Time64, Timestamp, Utf8, Utf8View,
    };
    match cql_type {
        CqlType::TinyInt => matches!(compared, Int8 | Int16 | Int32 | Int64),
        CqlType::SmallInt => matches!(compared, Int16 | Int32 | Int64),
        CqlType::Int => matches!(compared, Int32 | Int64),
        CqlType::BigInt => matches!(compared, Int64),
        CqlType::Ascii | CqlType::Text => matches!(compared, Utf8 | LargeUtf8 | Utf8View),
        CqlType::Blob => matches!(compared, Binary | LargeBinary | BinaryView),
        CqlType::Uuid | CqlType::TimeUuid => {
            matches!(compared, FixedSizeBinary(16) | Binary | LargeBinary | BinaryView)
        }
        CqlType::Boolean => matches!(compared, Boolean),
        CqlType::Date => matches!(compared, Date32),
        CqlType::Time => matches!(compared, Time64(TimeUnit::Nanosecond)),
        // All of them are instants; a coarser unit would make different ones equal.
        CqlType::Timestamp => !matches!(compared, Timestamp(TimeUnit::Second, _)) && matches!(compared, Timestamp(..)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_wider_types_keep_values_apart() {
        let utc = |unit| DataType::Timestamp(unit, Some("UTC".into()));
        let exact = [
            (CqlType::Int, DataType::Int64),
            (CqlType::Text, DataType::Utf8View),
            (CqlType::TimeUuid, DataType::FixedSizeBinary(16)),
            (CqlType::Timestamp, utc(TimeUnit::Nanosecond)),
        ];
        for (cql_type, compared) in exact {
            assert!(is_exact(&cql_type, &compared), "{cql_type} as {compared}");
        }
        let other = [
            (CqlType::BigInt, DataType::Int32),
            (CqlType::BigInt, DataType::Float64),
            (CqlType::Int, DataType::Utf8),
            (CqlType::Uuid, DataType::Utf8),
            (CqlType::Timestamp, utc(TimeUnit::Second)),
            (CqlType::Date, DataType::Date64),
            (CqlType::Double, DataType::Float64),
            (CqlType::Float, DataType::Float32),
            (CqlType::Decimal, DataType::Utf8),
            (CqlType::Varint, DataType::Utf8),
            (CqlType::Inet, DataType::Utf8),
            (CqlType::Frozen(Box::new(CqlType::List(Box::new(CqlType::Int)))), DataType::Int32),
        ];
        for (cql_type, compared) in other {
            assert!(!is_exact(&cql_type, &compared), "{cql_type} as {compared}");
        }
    }
}
