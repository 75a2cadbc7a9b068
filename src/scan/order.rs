//! The order of rows: within one Cassandra partition they come by their clustering columns, forwards or backwards.
//!
//! More than one Cassandra partition has no order that SQL could name: they come by the hash of their keys, from several
//! splits at a time.

use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::physical_expr::equivalence::{AcrossPartitions, ConstExpr};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};

use super::ScanRecipe;
use super::pushdown::has_arrow_order;
use super::restriction::Relation;
use crate::cluster::schema::{Column, ColumnKind};

/// Whether the column has the same value in all rows of the scan's only Cassandra partition.
fn is_constant(recipe: &ScanRecipe, column: &Column) -> bool {
    let is_equal = |term: &super::restriction::Term| term.is_on(&column.name) && term.relation == Relation::Eq;
    column.kind == ColumnKind::PartitionKey || recipe.restriction.terms.iter().any(is_equal)
}

/// The clustering columns that differ between rows, with the direction that the scan reads them in: as far as Cassandra's
/// order is Arrow's.
fn clustering(recipe: &ScanRecipe) -> Vec<(&Column, bool)> {
    let differing = recipe.table.columns.iter().filter(|column| !is_constant(recipe, column));
    let directions = differing.map_while(|column| match column.kind {
        ColumnKind::Clustering { descending } => Some((column, descending)),
        _ => None,
    });
    directions.take_while(|(column, _)| has_arrow_order(&column.cql_type)).collect()
}

/// Whether nothing but rows of one Cassandra partition is read.
fn is_single(recipe: &ScanRecipe) -> bool {
    recipe.restriction.single_key().is_some() && !recipe.table.node_local
}

/// Whether the server may ask an index, which it does for any column with one that ALLOW FILTERING lets it filter: it then
/// refuses `ORDER BY`.
fn may_ask_index(recipe: &ScanRecipe) -> bool {
    let mut columns = recipe.restriction.terms.iter().flat_map(|term| &term.columns);
    recipe.restriction.allow_filtering && columns.any(|column| recipe.table.is_indexed(column))
}

/// What DataFusion may know of the scan's rows.
pub(super) fn properties(recipe: &ScanRecipe) -> EquivalenceProperties {
    let mut properties = EquivalenceProperties::new(Arc::clone(&recipe.schema));
    if !is_single(recipe) {
        return properties;
    }
    let constants = recipe.columns.iter().filter(|c| is_constant(recipe, c)).filter_map(|c| expr(recipe, c));
    let constants = constants.map(|expr| ConstExpr::new(expr, AcrossPartitions::Uniform(None)));
    if properties.add_constants(constants.collect::<Vec<_>>()).is_err() {
        return EquivalenceProperties::new(Arc::clone(&recipe.schema));
    }
    add_clustering(&mut properties, recipe, &[]);
    properties
}

/// What an operator may know that needs the rows of each Cassandra partition side by side, in the order of the clustering
/// columns, and does not care for the order of Cassandra partitions: it is made up here, since they have none but the one by
/// token. `groups` are the columns of the scan that the operator groups by, in its order.
pub(super) fn within_splits(recipe: &ScanRecipe, groups: &[usize]) -> EquivalenceProperties {
    let mut properties = EquivalenceProperties::new(Arc::clone(&recipe.schema));
    let columns = groups.iter().filter_map(|index| recipe.columns.get(*index));
    let key: Vec<_> = columns.filter(|column| column.kind == ColumnKind::PartitionKey).collect();
    if recipe.table.partition_key().all(|column| key.contains(&column)) {
        let key = key.into_iter().filter_map(|column| expr(recipe, column)).map(PhysicalSortExpr::new_default);
        add_clustering(&mut properties, recipe, &key.collect::<Vec<_>>());
    }
    properties
}

fn expr(recipe: &ScanRecipe, column: &Column) -> Option<Arc<dyn PhysicalExpr>> {
    let index = recipe.columns.iter().position(|c| c == column)?;
    Some(Arc::new(ColumnExpr::new(&column.name, index)))
}

/// Rows come by `first`, and then by the clustering columns.
fn add_clustering(properties: &mut EquivalenceProperties, recipe: &ScanRecipe, first: &[PhysicalSortExpr]) {
    // Only a Cassandra partition of a single row, with nothing but static values, has nulls here: they are first and last.
    for nulls_last in [false, true] {
        // A column that is not read ends what can be said.
        let known = clustering(recipe).into_iter().map_while(|(c, descending)| {
            let descending = descending != recipe.reversed;
            let options = SortOptions { descending, nulls_first: descending != nulls_last };
            Some(PhysicalSortExpr::new(expr(recipe, c)?, options))
        });
        properties.add_ordering(first.iter().cloned().chain(known).collect::<Vec<_>>());
    }
}

/// Whether the rows must be read backwards to come in this order; `None` if they cannot come in it.
pub(super) fn is_reversed(recipe: &ScanRecipe, wanted: &LexOrdering) -> Option<bool> {
    if !is_single(recipe) || recipe.options.per_partition_limit.is_some() {
        return None;
    }
    let mut rest = clustering(recipe).into_iter();
    let may_reverse = !may_ask_index(recipe);
    let all = recipe.table.columns.iter().filter(|c| matches!(c.kind, ColumnKind::Clustering { .. }));
    let differing = all.filter(|c| !is_constant(recipe, c)).count();
    let (mut direction, mut matched) = (None, 0);
    for sort in wanted {
        if matched == differing {
            // Every row has been told from the others.
            break;
        }
        let found = sort.expr.as_any().downcast_ref::<ColumnExpr>()?;
        let column = recipe.columns.get(found.index())?;
        if is_constant(recipe, column) {
            continue;
        }
        let (_, descending) = rest.next().filter(|(next, _)| *next == column)?;
        let reversed = descending != sort.options.descending;
        if *direction.get_or_insert(reversed) != reversed || (reversed && !may_reverse) {
            return None;
        }
        matched += 1;
    }
    Some(direction.unwrap_or(recipe.reversed))
}
