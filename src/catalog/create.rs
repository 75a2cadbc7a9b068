//! Tables and keyspaces that are made and dropped.
//!
//! A new table is first a definition ([`NewTable`]), of which everything follows: the statement of CQL, and the columns that
//! rows are written to. `CREATE TABLE … AS` is an INSERT into a [`FutureTable`], whose plan makes the table when it runs.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Fields, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::CassandraCatalog;
use super::table::CassandraTable;
use crate::cluster::no_table;
use crate::cluster::quote::{quote, quote_if_needed, quote_table};
use crate::cluster::schema::TableName;
use crate::codec::ReadAs;
use crate::error::{Error, Result};
use crate::options::CassandraOptions;
use crate::write::create::{CassandraCreateExec, CreateRecipe};

mod definition;
mod literal;
mod options;
mod primary_key;
mod words;

pub(crate) use definition::NewTable;
pub(crate) use options::TableOptions;

impl CassandraCatalog {
    /// Whether the schema is a keyspace, rather than the place of what the session defines.
    pub(crate) fn is_keyspace(&self, schema: &str) -> bool {
        schema != self.session_schema.name
    }

    /// Whether there is a table or view of this name.
    pub(crate) async fn has_table(&self, name: &TableName) -> Result<bool> {
        Ok(self.source.cluster.table(name).await?.is_some())
    }

    /// The definition of a table with these columns.
    ///
    /// # Errors
    /// The keyspace is not there, or Cassandra would not have such a table.
    pub(crate) async fn new_table(&self, name: TableName, fields: &Fields, options: &TableOptions) -> Result<NewTable> {
        let Some(user_types) = self.source.cluster.user_types(&name.keyspace).await? else {
            let keyspace = quote_if_needed(&name.keyspace);
            return Err(Error::schema(format!(
                "keyspace {keyspace} does not exist: make it with CREATE SCHEMA cassandra.{keyspace} WITH (replication = 3)"
            )));
        };
        NewTable::new(name, fields, options, &user_types)
    }

    /// Makes the table.
    ///
    /// # Errors
    /// What the cluster says.
    pub(crate) async fn create_table(&self, new: &NewTable, options: &CassandraOptions) -> Result<()> {
        CreateRecipe::new(&self.source.cluster, &new.table.name, new.cql()).run(options).await
    }

    /// Makes a keyspace; false if it was there.
    ///
    /// # Errors
    /// Options that cannot be, and what the cluster says.
    pub(crate) async fn create_keyspace(
        &self,
        name: &str,
        given: &[(String, String)],
        options: &CassandraOptions,
    ) -> Result<bool> {
        options.check_not_dry("CREATE SCHEMA")?;
        let cluster = self.source.cluster.connect().await?;
        if cluster.has_keyspace(name).await? {
            return Ok(false);
        }
        let with = options::keyspace_options(given, cluster.local_dc())?;
        let with: Vec<String> = with.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let cql = format!("CREATE KEYSPACE {} WITH {}", quote(name), with.join(" AND "));
        cluster.define("CREATE SCHEMA", &cql, options.request_timeout()).await?;
        Ok(true)
    }

    /// Drops a table with all of its rows; false if there was none.
    ///
    /// # Errors
    /// It is no table of its own, and what the cluster says.
    pub(crate) async fn drop_table(&self, name: &TableName, options: &CassandraOptions) -> Result<bool> {
        let Some(table) = self.source.cluster.table(name).await? else { return Ok(false) };
        if table.view {
            return Err(Error::config(format!(
                "{name} is a materialized view, and its rows are those of another table: drop it with DROP MATERIALIZED VIEW \
                 in cqlsh"
            )));
        }
        options.check_not_dry("DROP TABLE")?;
        let cluster = self.source.cluster.connect().await?;
        let cql = format!("DROP TABLE {}", quote_table(&name.keyspace, &name.table));
        cluster.define("DROP TABLE", &cql, options.request_timeout()).await?;
        Ok(true)
    }

    /// The error for a table that is not there.
    pub(crate) fn missing(name: &TableName) -> Error {
        no_table(name)
    }

    /// The table as one that can be written to, once.
    pub(crate) fn future_table(&self, new: NewTable) -> Arc<dyn TableProvider> {
        let written = CassandraTable::of(self.source.cluster.clone(), new.table.clone(), ReadAs::default());
        Arc::new(FutureTable { new, written })
    }
}

/// A table that is made by the statement that writes to it.
#[derive(Debug)]
struct FutureTable {
    new: NewTable,
    /// As it will be.
    written: CassandraTable,
}

#[async_trait]
impl TableProvider for FutureTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        self.written.schema()
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
        Err(Error::schema(format!("table {} is not there yet", self.new.table.name)).into())
    }

    async fn insert_into(
        &self,
        session: &dyn Session,
        input: Arc<dyn ExecutionPlan>,
        op: InsertOp,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        if let Some(counter) = self.new.table.counter() {
            return Err(Error::config(format!(
                "column {} is a counter, and rows of counters cannot be inserted by CREATE TABLE … AS: after a failure it could                  not be run again, as rows would be counted twice; CREATE TABLE first, then INSERT",
                counter.name
            ))
            .into());
        }
        let write = self.written.insert_into(session, input, op).await?;
        let recipe = CreateRecipe::new(self.written.cluster(), &self.new.table.name, self.new.cql());
        Ok(Arc::new(CassandraCreateExec::new(recipe, write)))
    }
}
