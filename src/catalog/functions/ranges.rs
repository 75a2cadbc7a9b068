//! `cassandra_ring('ks')` and `cassandra_splits('ks.t')`: where rows are, and how a scan shares them out, as tables.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Float64Array, Int64Array, ListBuilder, RecordBatch, StringBuilder, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, Session, TableFunctionImpl, TableProvider};
use datafusion::common::plan_datafusion_err;
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::super::factory::split_quoted;
use super::text_argument;
use crate::cluster::ring::{NodeId, TokenRange};
use crate::cluster::schema::TableName;
use crate::cluster::{ClusterHandle, no_table};
use crate::error::{Error, Result};
use crate::options::CassandraOptions;
use crate::scan::plan_partitions;
use crate::scan::restriction::Restriction;

/// The table function that gives the token ranges of a keyspace.
pub const CASSANDRA_RING: &str = "cassandra_ring";

/// The table function that gives the splits of a table.
pub const CASSANDRA_SPLITS: &str = "cassandra_splits";

/// `cassandra_ring('ks')`.
#[derive(Debug)]
pub(super) struct RingFunction {
    cluster: ClusterHandle,
}

impl RingFunction {
    pub(super) fn new(cluster: ClusterHandle) -> Self {
        Self { cluster }
    }
}

impl TableFunctionImpl for RingFunction {
    fn call(&self, arguments: &[Expr]) -> DataFusionResult<Arc<dyn TableProvider>> {
        let text = text_argument(CASSANDRA_RING, "'keyspace'", arguments)?;
        match split_quoted(text).as_deref() {
            Some([keyspace]) if !keyspace.is_empty() => {
                Ok(Arc::new(RangesTable::new(&self.cluster, Question::Ring(keyspace.clone()))))
            }
            _ => Err(plan_datafusion_err!(
                "'{text}' is not the name of a keyspace: write {CASSANDRA_RING}('keyspace'), names with special characters \
                 in double quotes"
            )),
        }
    }
}

/// `cassandra_splits('ks.t')`.
#[derive(Debug)]
pub(super) struct SplitsFunction {
    cluster: ClusterHandle,
}

impl SplitsFunction {
    pub(super) fn new(cluster: ClusterHandle) -> Self {
        Self { cluster }
    }
}

impl TableFunctionImpl for SplitsFunction {
    fn call(&self, arguments: &[Expr]) -> DataFusionResult<Arc<dyn TableProvider>> {
        let text = text_argument(CASSANDRA_SPLITS, "'keyspace.table'", arguments)?;
        match split_quoted(text).as_deref() {
            Some([keyspace, table]) if !keyspace.is_empty() && !table.is_empty() => {
                let name = TableName::new(keyspace, table);
                Ok(Arc::new(RangesTable::new(&self.cluster, Question::Splits(name))))
            }
            _ => Err(plan_datafusion_err!(
                "'{text}' is not the name of a Cassandra table: write {CASSANDRA_SPLITS}('keyspace.table'), names with \
                 special characters in double quotes"
            )),
        }
    }
}

/// What the cluster is asked.
#[derive(Debug, Clone)]
enum Question {
    Ring(String),
    Splits(TableName),
}

/// The answer as a table. The cluster is asked when a scan is planned, with the options of that session.
struct RangesTable {
    cluster: ClusterHandle,
    question: Question,
    schema: SchemaRef,
}

impl fmt::Debug for RangesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RangesTable").field(&self.question).finish()
    }
}

impl RangesTable {
    fn new(cluster: &ClusterHandle, question: Question) -> Self {
        let is_splits = matches!(question, Question::Splits(_));
        let place = ["partition", "split"].map(|name| Field::new(name, DataType::Int64, false));
        let texts = || DataType::new_list(DataType::Utf8, true);
        let range = [
            // Tables that each node has for itself have no tokens.
            Field::new("start_token", DataType::Int64, is_splits),
            Field::new("end_token", DataType::Int64, is_splits),
            Field::new("tokens", DataType::UInt64, is_splits),
            Field::new("share", DataType::Float64, is_splits),
            Field::new("replicas", texts(), false),
            Field::new("host_ids", texts(), false),
        ];
        let fields: Vec<Field> = if is_splits { place.into_iter().chain(range).collect() } else { range.into() };
        Self { cluster: cluster.clone(), question, schema: Arc::new(Schema::new(fields)) }
    }

    async fn answer(&self, config: &ConfigOptions) -> Result<RecordBatch> {
        let mut rows = Rows::default();
        match &self.question {
            Question::Ring(keyspace) => {
                let cluster = self.cluster.connect().await?;
                if cluster.is_node_local(keyspace).await? {
                    return Err(Error::schema(format!(
                        "keyspace {keyspace} has no ring: each node has rows of its own in it"
                    )));
                }
                for range in cluster.ranges(keyspace)? {
                    rows.push(&self.cluster, (0, 0), Some(range.range), &range.replicas);
                }
            }
            Question::Splits(name) => {
                let table = self.cluster.table(name).await?.ok_or_else(|| no_table(name))?;
                let placement = self.cluster.placement(&table).await?;
                let (options, partitions) = (CassandraOptions::of(config), config.execution.target_partitions);
                let partitions = plan_partitions(&table, placement, &Restriction::none(), &options, partitions)?;
                for (partition, splits) in partitions.iter().enumerate() {
                    for (number, split) in splits.iter().enumerate() {
                        rows.push(&self.cluster, (partition, number), split.range(), &split.replicas);
                    }
                }
            }
        }
        rows.batch(&self.schema)
    }
}

/// Rows of either table, column by column.
#[derive(Default)]
struct Rows {
    partition: Vec<i64>,
    split: Vec<i64>,
    range: Vec<Option<TokenRange>>,
    replicas: ListBuilder<StringBuilder>,
    host_ids: ListBuilder<StringBuilder>,
}

impl Rows {
    fn push(&mut self, cluster: &ClusterHandle, place: (usize, usize), range: Option<TokenRange>, replicas: &[NodeId]) {
        self.partition.push(i64::try_from(place.0).unwrap_or(i64::MAX));
        self.split.push(i64::try_from(place.1).unwrap_or(i64::MAX));
        self.range.push(range);
        // A node that has just left has no address any more, but keeps its place; one that is only planned for has none.
        let cluster = cluster.connected();
        self.replicas.append_value(replicas.iter().map(|node| cluster.as_ref()?.node_address(*node)));
        self.host_ids.append_value(replicas.iter().map(|node| Some(node.to_string())));
    }

    fn batch(mut self, schema: &SchemaRef) -> Result<RecordBatch> {
        let ranges = || self.range.iter().copied();
        let whole = TokenRange::RING.size() as f64;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(ranges().map(|range| range.map(TokenRange::start)).collect::<Int64Array>()),
            Arc::new(ranges().map(|range| range.map(TokenRange::end)).collect::<Int64Array>()),
            Arc::new(ranges().map(|range| range.map(TokenRange::size)).collect::<UInt64Array>()),
            Arc::new(ranges().map(|range| range.map(|range| range.size() as f64 / whole)).collect::<Float64Array>()),
            Arc::new(self.replicas.finish()),
            Arc::new(self.host_ids.finish()),
        ];
        if schema.fields().len() > columns.len() {
            let place: [ArrayRef; 2] =
                [Arc::new(Int64Array::from(self.partition)), Arc::new(Int64Array::from(self.split))];
            columns.splice(0..0, place);
        }
        RecordBatch::try_new(Arc::clone(schema), columns).map_err(|e| Error::internal("token ranges").with_source(e))
    }
}

#[async_trait]
impl TableProvider for RangesTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let answer = self.answer(state.config_options()).await?;
        let table = MemTable::try_new(self.schema(), vec![vec![answer]])?;
        table.scan(state, projection, filters, limit).await
    }
}
