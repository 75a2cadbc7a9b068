//! [`CassandraTable`]: a table of Cassandra as a DataFusion table.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column as NamedColumn, Constraint, Constraints, DFSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column as ColumnExpr;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use crate::cluster::ClusterHandle;
use crate::cluster::schema::{Column, TableName, TableSchema};
use crate::codec::ReadAs;
use crate::error::{Error, Result};
use crate::options::CassandraOptions;
use crate::scan::cql::only_static;
use crate::scan::exec::CassandraScanExec;
use crate::scan::pushdown::{Pushdown, may_push, push};
use crate::scan::{ScanRecipe, plan_partitions, splits_in_flight};
use crate::write::exec::CassandraWriteExec;
use crate::write::sort::sorted_by_token;
use crate::write::written::WrittenRowsExec;

mod computed;
mod insert;
mod json;
mod times;

use insert::Coming;
pub(crate) use insert::with_insert_options;
pub(super) use json::{JSON, JsonTable};
use times::{InsertTimes, TIMES};
pub(super) use times::{TIMESTAMP_COLUMN, TTL_COLUMN};

/// A table, materialized view or system table, as it was when it was looked up.
#[derive(Clone)]
pub struct CassandraTable {
    cluster: ClusterHandle,
    table: Arc<TableSchema>,
    schema: SchemaRef,
    read_as: ReadAs,
    constraints: Constraints,
    /// Options of this table, by name; they take precedence over the session's, and later ones over earlier ones.
    options: Vec<(String, String)>,
    /// Where the times of what INSERT writes come from, other than options.
    insert_times: InsertTimes,
}

impl CassandraTable {
    /// Looks the table up; `None` if there is none of this name. Its columns are read as `read_as` says, whatever the
    /// session's options say later. `t$times` is the table `t` with the times of its cells.
    ///
    /// # Errors
    /// The cluster cannot be reached; `t$times` of a table that has counters.
    pub async fn open(cluster: ClusterHandle, name: &TableName, read_as: ReadAs) -> Result<Option<Self>> {
        // No table of Cassandra has this character in its name.
        let Some(plain) = name.table.strip_suffix(TIMES) else {
            let table = cluster.table(name).await?;
            return Ok(table.map(|table| Self::of(cluster, table, read_as)));
        };
        let Some(table) = cluster.table(&TableName::new(&name.keyspace, plain)).await? else { return Ok(None) };
        let has_element_times = cluster.has_element_times().await?;
        Self::of(cluster, table, read_as).with_cell_times(has_element_times).map(Some)
    }

    /// A table of this definition.
    pub(super) fn of(cluster: ClusterHandle, table: TableSchema, read_as: ReadAs) -> Self {
        let schema = read_as.schema(&table.columns);
        let key: Vec<usize> = (0..table.primary_key().count()).collect();
        // A Cassandra partition with static values alone is read as a row without clustering columns: no key then.
        let is_key = key.iter().all(|&i| !schema.field(i).is_nullable());
        let constraints = if is_key { vec![Constraint::PrimaryKey(key)] } else { Vec::new() };
        Self {
            cluster,
            schema: Arc::new(schema),
            read_as,
            constraints: Constraints::new_unverified(constraints),
            table: Arc::new(table),
            options: Vec::new(),
            insert_times: InsertTimes::None,
        }
    }

    /// Sets options of [`CassandraOptions`] for this table alone, except those of which [`ReadAs`] is made.
    ///
    /// # Errors
    /// An unknown name, or a value that cannot be read.
    pub fn with_options(mut self, options: Vec<(String, String)>) -> Result<Self> {
        apply(&mut CassandraOptions::default(), &options)?;
        self.options = options;
        Ok(self)
    }

    /// The definition of the table.
    pub fn definition(&self) -> &TableSchema {
        &self.table
    }

    /// The cluster it is in.
    pub(crate) fn cluster(&self) -> &ClusterHandle {
        &self.cluster
    }

    /// How it is read and written by a session of this configuration.
    ///
    /// # Errors
    /// None after [`Self::with_options`] has taken them.
    pub(crate) fn options(&self, config: &ConfigOptions) -> Result<CassandraOptions> {
        let mut options = CassandraOptions::of(config);
        apply(&mut options, &self.options)?;
        Ok(options)
    }

    /// The scan of these columns and what of the filters it leaves over.
    async fn plan_scan(
        &self,
        config: &ConfigOptions,
        projection: &[usize],
        pushdown: Pushdown,
        limit: Option<usize>,
    ) -> Result<CassandraScanExec> {
        let columns: Vec<Column> = projection.iter().map(|&i| self.table.columns[i].clone()).collect();
        let schema = self.schema.project(projection).map_err(|e| Error::internal("projection").with_source(e))?;
        let options = self.options(config)?;
        let placement = self.cluster.placement(&self.table).await?;
        let (nodes, estimate) = (placement.nodes, placement.estimate);
        let restriction = pushdown.restriction;
        let target = config.execution.target_partitions;
        let partitions = plan_partitions(&self.table, placement, &restriction, &options, target)?;
        let recipe = ScanRecipe {
            cluster: self.cluster.clone(),
            table: Arc::clone(&self.table),
            columns,
            schema: Arc::new(schema),
            read_as: self.read_as,
            splits_in_flight: splits_in_flight(&options, &restriction, nodes, partitions.len()),
            options,
            restriction,
            estimate,
            reversed: false,
            partitions,
        };
        Ok(CassandraScanExec::new(Arc::new(recipe), limit))
    }
}

/// The expression with columns of a scan's own schema, which has no table name.
fn unqualified(expr: Expr) -> DataFusionResult<Expr> {
    let strip = |expr| match expr {
        Expr::Column(column) => Ok(Transformed::yes(Expr::Column(NamedColumn::new_unqualified(column.name)))),
        other => Ok(Transformed::no(other)),
    };
    expr.transform(strip).data()
}

/// Sets options by name, one after the other.
pub(super) fn apply(options: &mut CassandraOptions, overrides: &[(String, String)]) -> Result<()> {
    use datafusion::common::config::ExtensionOptions;
    for (name, value) in overrides {
        ExtensionOptions::set(options, name, value)
            .map_err(|e| Error::config(format!("option {name} cannot be set to '{value}'")).with_source(e))?;
    }
    Ok(())
}

impl fmt::Debug for CassandraTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CassandraTable").field("table", &self.table.name).finish_non_exhaustive()
    }
}

#[async_trait]
impl TableProvider for CassandraTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn constraints(&self) -> Option<&Constraints> {
        Some(&self.constraints)
    }

    fn table_type(&self) -> TableType {
        if self.table.view { TableType::View } else { TableType::Base }
    }

    /// What the server may answer is taken as a whole: what it does not answer after all, because other filters take
    /// precedence, is filtered within [`Self::scan`].
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        // The session's options are not at hand here; they are in `scan`.
        let options = CassandraOptions { allow_filtering: true, ..CassandraOptions::default() };
        let answer = |filter: &&Expr| {
            if may_push(&self.table, &self.schema, &options, filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let wanted = projection.map_or_else(|| (0..self.table.columns.len()).collect(), Clone::clone);
        let read: Vec<usize> = wanted.iter().copied().filter(|&index| !self.is_insert_only(index)).collect();
        let scan = self.scan_columns(state, &read, filters, limit).await?;
        if read.len() == wanted.len() { Ok(scan) } else { self.with_nulls(scan, &wanted) }
    }

    async fn insert_into(
        &self,
        state: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        self.write_plan(state, Coming::Columns, input, op).await
    }
}

impl CassandraTable {
    /// The plan of an INSERT.
    async fn write_plan(
        &self,
        state: &dyn Session,
        coming: Coming,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (recipe, input) = self.plan_insert(state.config_options(), coming, input, op).await?;
        let recipe = Arc::new(recipe);
        let input = sorted_by_token(&recipe, input)?;
        Ok(Arc::new(WrittenRowsExec::new(Arc::new(CassandraWriteExec::new(recipe, input)))))
    }

    /// A plan that gives these columns of the rows that pass the filters.
    async fn scan_columns(
        &self,
        state: &dyn Session,
        wanted: &[usize],
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let config = state.config_options();
        let pushdown = push(&self.table, &self.schema, &self.options(config)?, filters);
        // The columns of the filter are read too, behind those that are wanted.
        let residual = conjunction(pushdown.residual.clone());
        let mut read = wanted.to_vec();
        let mut names: Vec<&str> = residual.iter().flat_map(Expr::column_refs).map(NamedColumn::name).collect();
        names.sort_unstable();
        for name in names {
            let index = self.schema.index_of(name)?;
            if !read.contains(&index) {
                read.push(index);
            }
        }
        let is_refused = !read.is_empty() && only_static(&self.table, read.iter().map(|&i| &self.table.columns[i]));
        if is_refused && !pushdown.restriction.terms.is_empty() {
            // The first clustering column makes it a question about rows.
            read.push(self.table.partition_key().count());
        }
        let limit = if residual.is_none() { limit } else { None };
        let scan: Arc<dyn ExecutionPlan> = Arc::new(self.plan_scan(config, &read, pushdown, limit).await?);
        let schema = scan.schema();
        if let Some(residual) = residual {
            let schema = DFSchema::try_from(schema.as_ref().clone())?;
            let residual = state.create_physical_expr(unqualified(residual)?, &schema)?;
            // As DataFusion would plan it.
            let filter = FilterExecBuilder::new(residual, scan)
                .with_batch_size(config.execution.batch_size)
                .with_default_selectivity(config.optimizer.default_filter_selectivity)
                .apply_projection(Some((0..wanted.len()).collect()))?
                .build()?;
            return Ok(Arc::new(filter));
        }
        if read.len() == wanted.len() {
            return Ok(scan);
        }
        let column = |i: usize| {
            let name = schema.field(i).name();
            ProjectionExpr::new(Arc::new(ColumnExpr::new(name, i)), name)
        };
        Ok(Arc::new(ProjectionExec::try_new((0..wanted.len()).map(column), scan)?))
    }
}
