//! The CQL types of what `unnest` makes of lists: DataFusion gives those columns none.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::FieldRef;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlan, Unnest};

use super::elements::element_type;
use crate::codec::{CQL_TYPE_KEY, with_cql_type};

/// The node with a schema that tells these types; `unnests` says whether there was an `unnest` below it. What is planned
/// after the analysis may forget them again.
pub(super) fn with_types(node: LogicalPlan, unnests: &mut bool) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Unnest(unnest) => {
            *unnests = true;
            typed(unnest).map(|unnest| Transformed::yes(LogicalPlan::Unnest(unnest)))
        }
        node if *unnests => node.recompute_schema().map(Transformed::yes),
        node => Ok(Transformed::no(node)),
    }
}

fn typed(unnest: Unnest) -> Result<Unnest> {
    let mut types = HashMap::new();
    for (index, list) in &unnest.list_type_columns {
        let mut field = Arc::clone(unnest.input.schema().field(*index));
        for depth in 1..=list.depth {
            let Some(cql_type) = element_type(&field) else { break };
            field = Arc::new(with_cql_type(field.as_ref().clone(), &cql_type));
            if depth == list.depth {
                types.insert(list.output_column.clone(), cql_type);
            }
        }
    }
    let typed_field = |table: Option<&_>, field: &FieldRef| -> FieldRef {
        let column = Column::new(table.cloned(), field.name());
        match types.get(&column) {
            Some(cql_type) if !field.metadata().contains_key(CQL_TYPE_KEY) => {
                Arc::new(with_cql_type(field.as_ref().clone(), cql_type))
            }
            _ => Arc::clone(field),
        }
    };
    let fields = unnest.schema.iter().map(|(table, field)| (table.cloned(), typed_field(table, field))).collect();
    let schema = DFSchema::new_with_metadata(fields, unnest.schema.metadata().clone())?
        .with_functional_dependencies(unnest.schema.functional_dependencies().clone())?;
    Ok(Unnest { schema: Arc::new(schema), ..unnest })
}
