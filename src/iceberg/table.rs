//! An Iceberg table as DataFusion sees it: thin; the work is in the scan, write and commit nodes.

use std::any::Any;
use std::sync::Arc;

use ::iceberg::TableIdent;
use ::iceberg::expr::Predicate;
use ::iceberg::spec::SchemaRef as IcebergSchemaRef;
use ::iceberg::table::Table;
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::datasource::MemTable;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;

use super::commit::IcebergCommitExec;
use super::error::failed;
use super::scan::IcebergScanExec;
use super::scan_tasks;
use super::store::Store;
use super::target::{NewTable, Target};
use super::write::IcebergWriteExec;
use super::{predicate, types};
use crate::error::{Error, Result};

/// A table, or one snapshot of it, or one that the statement at hand is about to make.
#[derive(Debug)]
pub(crate) struct IcebergTable {
    store: Arc<Store>,
    ident: TableIdent,
    schema: SchemaRef,
    state: State,
}

#[derive(Debug)]
enum State {
    /// As it was when the statement was planned.
    Current(Table),
    /// As it was after this snapshot: can be read only.
    Past(Table, i64),
    /// Not there yet: can be written only, once.
    Future(Box<NewTable>),
}

/// A name as it stands in SQL: `t`, `t$snapshots`, `t@123`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Name<'a> {
    Table(&'a str),
    Metadata(&'a str, &'static str),
    Snapshot(&'a str, i64),
}

const SNAPSHOTS: &str = "snapshots";
const MANIFESTS: &str = "manifests";

impl<'a> Name<'a> {
    pub(super) fn parse(name: &'a str) -> Self {
        if let Some((table, kind)) = name.rsplit_once('$') {
            for known in [SNAPSHOTS, MANIFESTS] {
                if kind == known {
                    return Self::Metadata(table, known);
                }
            }
        }
        match name.rsplit_once('@').map(|(table, id)| (table, id.parse())) {
            Some((table, Ok(id))) => Self::Snapshot(table, id),
            _ => Self::Table(name),
        }
    }

    /// The name in the catalog.
    pub(super) fn table(&self) -> &'a str {
        match self {
            Self::Table(table) | Self::Metadata(table, _) | Self::Snapshot(table, _) => table,
        }
    }

    /// What the name stands for, in a table that has been loaded.
    pub(super) async fn open(&self, store: &Arc<Store>, table: Table) -> Result<Arc<dyn TableProvider>> {
        match self {
            Self::Table(_) => Ok(Arc::new(IcebergTable::current(store, table)?)),
            Self::Snapshot(_, id) => Ok(Arc::new(IcebergTable::past(store, table, *id)?)),
            Self::Metadata(_, kind) => metadata_table(store, table, kind).await,
        }
    }
}

impl IcebergTable {
    pub(crate) fn current(store: &Arc<Store>, table: Table) -> Result<Self> {
        let schema = types::visible_schema(table.metadata(), table.metadata().current_schema())?;
        Ok(Self { store: Arc::clone(store), ident: table.identifier().clone(), schema, state: State::Current(table) })
    }

    fn past(store: &Arc<Store>, table: Table, snapshot: i64) -> Result<Self> {
        let ident = table.identifier().clone();
        let found = table.metadata().snapshot_by_id(snapshot).ok_or_else(|| {
            Error::schema(format!("table {ident} has no snapshot {snapshot}: see \"{}${SNAPSHOTS}\"", ident.name()))
        })?;
        let columns = found.schema(table.metadata()).map_err(|e| failed(format!("read the schema of {ident}"), &e))?;
        let schema = types::visible_schema(table.metadata(), &columns)?;
        Ok(Self { store: Arc::clone(store), ident, schema, state: State::Past(table, snapshot) })
    }

    /// A table that is made by the first INSERT into it.
    pub(crate) fn future(store: &Arc<Store>, new: NewTable) -> Result<Self> {
        let target = Target::new(Arc::clone(store), new.clone())?;
        let schema = types::visible_schema(&target.metadata, target.metadata.current_schema())?;
        Ok(Self { store: Arc::clone(store), ident: target.ident, schema, state: State::Future(Box::new(new)) })
    }

    /// The table, the snapshot to read (none in a table without rows) and its columns.
    fn readable(&self) -> Result<(&Table, Option<i64>, IcebergSchemaRef)> {
        match &self.state {
            State::Current(table) => {
                let metadata = table.metadata();
                Ok((table, metadata.current_snapshot_id(), Arc::clone(metadata.current_schema())))
            }
            State::Past(table, id) => {
                let snapshot = table.metadata().snapshot_by_id(*id);
                let schema = snapshot.map(|s| s.schema(table.metadata())).transpose();
                let schema = schema.map_err(|e| failed(format!("read the schema of {}", self.ident), &e))?;
                let schema = schema.ok_or_else(|| Error::internal("a snapshot went away"))?;
                Ok((table, Some(*id), schema))
            }
            State::Future(_) => Err(Error::schema(format!("table {} is not there yet", self.ident))),
        }
    }
}

#[async_trait]
impl TableProvider for IcebergTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> DataFusionResult<Vec<TableProviderFilterPushDown>> {
        let (_, _, schema) = self.readable()?;
        let kind = |filter: &&Expr| match predicate::implied(filter, &schema) {
            Some(_) => TableProviderFilterPushDown::Inexact,
            None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(kind).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let (table, snapshot, schema) = self.readable()?;
        let visible = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        let pushed: Vec<Predicate> = filters.iter().filter_map(|f| predicate::implied(f, &schema)).collect();
        let partitions = session.config().target_partitions();
        let request = scan_tasks::Request { snapshot, schema, visible, pushed, limit, partitions };
        let work = request.plan(table.clone());
        let planned = self.store.run(work).await.map_err(|e| e.with_context("table", self.ident.to_string()))?;
        Ok(Arc::new(IcebergScanExec::new(table.clone(), planned)))
    }

    async fn insert_into(
        &self,
        _session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if op != InsertOp::Append {
            return Err(Error::config(format!(
                "{op} is not possible for the Iceberg table {}: INSERT INTO a new table, then drop the old one",
                self.ident
            ))
            .into());
        }
        let target = match &self.state {
            State::Current(table) => {
                Target::existing(Arc::clone(&self.store), self.ident.clone(), table.metadata_ref())
            }
            State::Future(new) => Target::new(Arc::clone(&self.store), new.as_ref().clone())?,
            State::Past(_, id) => {
                return Err(Error::config(format!("snapshot {id} of table {} can only be read", self.ident)).into());
            }
        };
        let target = Arc::new(target);
        let write = IcebergWriteExec::new(input, Arc::clone(&target))?;
        Ok(Arc::new(IcebergCommitExec::new(Arc::new(write), target)))
    }
}

/// A table about a table. Small, so it is read at once.
async fn metadata_table(store: &Arc<Store>, table: Table, kind: &'static str) -> Result<Arc<dyn TableProvider>> {
    let name = format!("{}${kind}", table.identifier());
    let batches = store
        .run(async move {
            let inspect = table.inspect();
            let stream =
                if kind == SNAPSHOTS { inspect.snapshots().scan().await } else { inspect.manifests().scan().await };
            let batches: ::iceberg::Result<Vec<RecordBatch>> = match stream {
                Ok(stream) => stream.try_collect().await,
                Err(e) => Err(e),
            };
            batches.map_err(|e| failed(format!("read {name}"), &e))
        })
        .await?;
    let schema =
        batches.first().map(RecordBatch::schema).ok_or_else(|| Error::internal("a metadata table without rows"))?;
    let table = MemTable::try_new(schema, vec![batches]);
    Ok(Arc::new(table.map_err(|e| Error::internal("a metadata table of mixed rows").with_source(e))?))
}
