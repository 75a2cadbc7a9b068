//! Every keyspace a schema, every table and view a table.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::prelude::SessionContext;

pub(crate) mod create;
pub mod factory;
pub mod functions;
pub mod table;

use crate::cluster::ClusterHandle;
use crate::cluster::schema::TableName;
use crate::codec::ReadAs;
use crate::error::Error;
use crate::options::CassandraOptions;
use table::{CassandraTable, JSON, JsonTable};

/// A cluster as a DataFusion catalog. Nothing is contacted until a table is looked up.
///
/// DataFusion asks for *names* without waiting for an answer, so the names of keyspaces and tables are known only once
/// the cluster is connected: call [`ClusterHandle::connect`] before listing them. Looking a table up by name connects by
/// itself.
///
/// One schema also takes what the session defines, such as external tables and views; these come before tables of a
/// keyspace of that name.
#[derive(Debug)]
pub struct CassandraCatalog {
    source: Source,
    session_schema: Arc<Keyspace>,
}

impl CassandraCatalog {
    /// The keyspaces of this cluster; `session_schema` is the name of the schema for what the session defines.
    ///
    /// The options of the session, which should be the one the catalog is registered with, say how tables are read that
    /// are looked up from then on: see [`ReadAs`].
    pub fn new(cluster: ClusterHandle, session_schema: &str, session: &SessionContext) -> Self {
        // Weak, because the session has the catalog. A session that is gone looks nothing up.
        let session = session.state_weak_ref();
        let read_as = move || {
            let options = session.upgrade().map(|state| CassandraOptions::of(state.read().config_options()));
            options.map_or_else(ReadAs::default, |options| ReadAs::of(&options))
        };
        let source = Source { cluster, read_as: Arc::new(read_as) };
        let session_schema = Keyspace {
            source: source.clone(),
            name: session_schema.to_owned(),
            defined: Some(MemorySchemaProvider::new()),
        };
        Self { source, session_schema: Arc::new(session_schema) }
    }
}

/// Where tables come from.
#[derive(Clone)]
struct Source {
    cluster: ClusterHandle,
    /// What the session says now.
    read_as: Arc<dyn Fn() -> ReadAs + Send + Sync>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cluster.fmt(f)
    }
}

impl CatalogProvider for CassandraCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        let mut names = self.source.cluster.connected().map(|cluster| cluster.keyspace_names()).unwrap_or_default();
        if !names.contains(&self.session_schema.name) {
            names.push(self.session_schema.name.clone());
        }
        names
    }

    /// Any name, because whether the keyspace exists is known only to the cluster; its tables are looked up there.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        if name == self.session_schema.name {
            return Some(Arc::clone(&self.session_schema) as Arc<dyn SchemaProvider>);
        }
        Some(Arc::new(Keyspace { source: self.source.clone(), name: name.to_owned(), defined: None }))
    }
}

/// A keyspace as a DataFusion schema.
#[derive(Debug)]
struct Keyspace {
    source: Source,
    name: String,
    /// What the session has defined here, if this is the place for it.
    defined: Option<MemorySchemaProvider>,
}

impl Keyspace {
    fn defined(&self) -> DataFusionResult<&MemorySchemaProvider> {
        self.defined.as_ref().ok_or_else(|| {
            let message =
                format!("views and external tables cannot be made in the keyspace {}: leave it out", self.name);
            Error::config(message).into()
        })
    }
}

#[async_trait]
impl SchemaProvider for Keyspace {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        let mut names = self.defined.as_ref().map(SchemaProvider::table_names).unwrap_or_default();
        names
            .extend(self.source.cluster.connected().map(|cluster| cluster.table_names(&self.name)).unwrap_or_default());
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        if let Some(defined) = &self.defined {
            // A keyspace of this name is looked at only if the cluster is connected: a mistyped name of an external table
            // should not need a cluster to be found wrong.
            if let Some(table) = defined.table(name).await? {
                return Ok(Some(table));
            }
            if self.source.cluster.connected().is_none_or(|c| !c.keyspace_names().contains(&self.name)) {
                return Ok(None);
            }
        }
        let json = name.strip_suffix(JSON);
        let name = TableName::new(&self.name, json.unwrap_or(name));
        let table = CassandraTable::open(self.source.cluster.clone(), &name, (self.source.read_as)()).await?;
        Ok(table.and_then(|table| match json {
            Some(_) => JsonTable::of(table).map(|table| Arc::new(table) as Arc<dyn TableProvider>),
            None => Some(Arc::new(table)),
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.defined.as_ref().is_some_and(|defined| defined.table_exist(name))
            || self
                .source
                .cluster
                .connected()
                .is_some_and(|cluster| cluster.table_names(&self.name).iter().any(|t| t == name))
    }

    fn register_table(
        &self,
        name: String,
        table: Arc<dyn TableProvider>,
    ) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        self.defined()?.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        self.defined()?.deregister_table(name)
    }
}
