//! The table that a statement changes.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{DmlStatement, Expr, LogicalPlan, TableType, WriteOp};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::planner::{IdentNormalizer, object_name_to_table_reference};
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, TableFactor, TableWithJoins};

use crate::catalog::table::CassandraTable;
use crate::cluster::ClusterHandle;
use crate::cluster::schema::{Column, TableSchema};
use crate::codec::ReadAs;
use crate::codec::encode::RowEncoder;
use crate::error::{Error, Result};
use crate::options::{ALLOW_ALL_ROWS, CassandraOptions, DECIMAL_AS, VARINT_AS};
use crate::write::casts::Casts;
use crate::write::exec::CassandraWriteExec;
use crate::write::form::Form;
use crate::write::written::WrittenRowsExec;
use crate::write::{Change, WriteRecipe};

/// A table of Cassandra whose rows can be changed.
pub(super) struct Target {
    /// `DELETE`, `UPDATE` or `TRUNCATE`, for messages.
    pub(super) word: &'static str,
    pub(super) cluster: ClusterHandle,
    pub(super) table: Arc<TableSchema>,
    /// As SQL sees it.
    pub(super) schema: SchemaRef,
    pub(super) options: CassandraOptions,
    normalizer: IdentNormalizer,
}

impl Target {
    /// Looks the table up.
    ///
    /// # Errors
    /// There is none, or it is no table of Cassandra that can be written.
    pub(super) async fn find(
        context: &SessionContext,
        word: &'static str,
        name: &ObjectName,
    ) -> DataFusionResult<Self> {
        let state = context.state();
        let normalize = state.config_options().sql_parser.enable_ident_normalization;
        let reference = object_name_to_table_reference(name.clone(), normalize)?;
        let provider = state.schema_for_ref(reference.clone())?.table(reference.table()).await?;
        let Some(provider) = provider else {
            return Err(
                Error::schema(format!("table {name} does not exist: see `SHOW TABLES` for what there is")).into()
            );
        };
        let Some(found) = provider.as_any().downcast_ref::<CassandraTable>() else {
            return Err(
                Error::config(format!("{word} is possible for tables of Cassandra only, and {name} is none")).into()
            );
        };
        let table = found.definition();
        if found.has_cell_times() {
            let message = format!("{word} is not possible for {reference}: name the table itself, {}", table.name);
            return Err(Error::config(message).into());
        }
        if table.view {
            let message = format!("{} is a materialized view: {word} changes its base table only", table.name);
            return Err(Error::config(message).into());
        }
        if table.node_local {
            let message = format!("{word} is not possible for {}, of which each node has its own", table.name);
            return Err(Error::config(message).into());
        }
        Ok(Self {
            word,
            cluster: found.cluster().clone(),
            table: Arc::new(table.clone()),
            schema: found.schema(),
            options: found.options(state.config_options())?,
            normalizer: IdentNormalizer::new(normalize),
        })
    }

    /// A name of a column, as the table spells it.
    pub(super) fn normalized(&self, name: &Ident) -> String {
        self.normalizer.normalize(name.clone())
    }

    /// Whether the whole table may be changed.
    ///
    /// # Errors
    /// The option says no.
    pub(super) fn check_all_rows(&self) -> Result<()> {
        if self.options.allow_all_rows {
            return Ok(());
        }
        Err(Error::config(format!(
            "{} would change all rows of {}: say in WHERE which rows, or allow it with SET {ALLOW_ALL_ROWS} = true",
            self.word, self.table.name
        )))
    }

    /// A key that is read as a number of another form need not be the key that is there.
    ///
    /// # Errors
    /// There is such a column in the primary key.
    pub(super) fn check_keys(&self) -> Result<()> {
        for (i, column) in self.table.primary_key().enumerate() {
            let (read, exact) = (self.schema.field(i).data_type(), ReadAs::default().arrow_type(&column.cql_type));
            if *read != exact {
                return Err(Error::config(format!(
                    "{} needs the primary key as it is, but column {} of type {} is read as {read}: \
                     SET {DECIMAL_AS} = 'text' and {VARINT_AS} = 'text' first",
                    self.word, column.name, column.cql_type
                ))
                .with_context("table", self.table.name.to_string()));
            }
        }
        Ok(())
    }

    /// The plan that changes `rows`, which have these columns.
    ///
    /// For DataFusion it is an INSERT: of all statements that write, only its input is planned like a query.
    pub(super) fn plan(self, change: Change, columns: Vec<Column>, rows: LogicalPlan, read_first: bool) -> LogicalPlan {
        let label = TableReference::bare(format!("{} {}", self.word, self.table.name));
        let schema = Arc::clone(rows.schema().inner());
        let writer = ChangedTable { target: self, change, columns, schema, read_first };
        let op = WriteOp::Insert(InsertOp::Append);
        LogicalPlan::Dml(DmlStatement::new(label, provider_as_source(Arc::new(writer)), op, Arc::new(rows)))
    }
}

/// The name of the only table of a statement. The relation stays as it is written, because an alias is seen by WHERE.
pub(super) fn only_table(word: &str, table: &TableWithJoins) -> Result<ObjectName> {
    // All that may stand at a table in SQL, so that nothing is dropped.
    if let TableWithJoins { relation, joins } = table
        && let TableFactor::Table {
            name,
            alias,
            args: None,
            with_hints,
            version: None,
            with_ordinality: false,
            partitions,
            json_path: None,
            sample: None,
            index_hints,
        } = relation
        && joins.is_empty()
        && with_hints.is_empty()
        && partitions.is_empty()
        && index_hints.is_empty()
        // With names of its own for the columns, another column could pass for the key.
        && alias.as_ref().is_none_or(|alias| alias.columns.is_empty())
    {
        return Ok(name.clone());
    }
    Err(Error::config(format!(
        "{word} changes one table, written keyspace.table or keyspace.table AS t, and '{table}' is something else"
    )))
}

/// Takes rows as an INSERT would, and changes them.
struct ChangedTable {
    target: Target,
    change: Change,
    columns: Vec<Column>,
    schema: SchemaRef,
    read_first: bool,
}

impl std::fmt::Debug for ChangedTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangedTable").field("table", &self.target.table.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for ChangedTable {
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
        Err(DataFusionError::from(Error::internal("the target of a statement is not read")))
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        _: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let Target { table, cluster, options, .. } = &self.target;
        let encoder = RowEncoder::try_new(&self.columns, &input.schema());
        let encoder = encoder.map_err(|e| e.with_context("table", table.name.to_string()))?;
        cluster.check_modify(table).await?;
        let limits = cluster.request_limits().await?;
        let group_bytes = limits.of_group(options.group_bytes);
        let recipe = WriteRecipe {
            cluster: cluster.clone(),
            table: Arc::clone(table),
            change: self.change,
            columns: self.columns.clone(),
            input_columns: (0..self.columns.len()).collect(),
            form: Form::Columns(Casts::default()),
            times: None,
            encoder: encoder.with_nulls().with_limit(limits.of_row()),
            options: CassandraOptions { group_bytes, ..options.clone() },
            read_first: self.read_first,
        };
        Ok(Arc::new(WrittenRowsExec::new(Arc::new(CassandraWriteExec::new(Arc::new(recipe), input)))))
    }
}
