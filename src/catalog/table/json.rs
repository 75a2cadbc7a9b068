//! `t$json`: rows of a table as JSON texts, as `INSERT INTO t JSON` of CQL takes them.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::CassandraTable;
use super::insert::Coming;
use crate::error::Error;

/// What the name of a table whose rows are JSON texts ends with.
pub(in crate::catalog) const JSON: &str = "$json";

/// Its only column.
const COLUMN: &str = "json";

/// A table of Cassandra that takes its rows as JSON texts.
#[derive(Debug)]
pub(in crate::catalog) struct JsonTable {
    table: CassandraTable,
    schema: SchemaRef,
}

impl JsonTable {
    /// `None` for `t$times`, whose times are no JSON of Cassandra's.
    pub(in crate::catalog) fn of(table: CassandraTable) -> Option<Self> {
        if table.has_cell_times() {
            return None;
        }
        let schema = Schema::new(vec![Field::new(COLUMN, DataType::Utf8, true)]);
        Some(Self { table, schema: Arc::new(schema) })
    }

    /// What its rows are written to.
    pub(super) fn table(&self) -> &CassandraTable {
        &self.table
    }

    /// The same for another form of its table.
    pub(super) fn with_table(&self, table: CassandraTable) -> Self {
        Self { table, schema: Arc::clone(&self.schema) }
    }
}

#[async_trait]
impl TableProvider for JsonTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let name = &self.table.definition().name;
        let message = format!("{name}{JSON} is only written: read {name}, or cql('SELECT JSON * FROM {name}')");
        Err(Error::schema(message).into())
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.table.write_plan(state, Coming::Json, input, op).await
    }
}
