//! Every keyspace a schema, every table and view a table.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;

pub mod factory;
pub mod table;

use crate::cluster::ClusterHandle;
use crate::cluster::schema::TableName;
use table::CassandraTable;

/// A cluster as a DataFusion catalog. Nothing is contacted until a table is looked up.
///
/// DataFusion asks for *names* without waiting for an answer, so the names of keyspaces and tables are known only once
/// the cluster is connected: call [`ClusterHandle::connect`] before listing them. Looking a table up by name connects by
/// itself.
#[derive(Debug)]
pub struct CassandraCatalog {
    cluster: ClusterHandle,
}

impl CassandraCatalog {
    /// The keyspaces of this cluster.
    pub fn new(cluster: ClusterHandle) -> Self {
        Self { cluster }
    }
}

impl CatalogProvider for CassandraCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        self.cluster.connected().map(|cluster| cluster.keyspace_names()).unwrap_or_default()
    }

    /// Any name, because whether the keyspace exists is known only to the cluster; its tables are looked up there.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(Keyspace { cluster: self.cluster.clone(), name: name.to_owned() }))
    }
}

/// A keyspace as a DataFusion schema.
#[derive(Debug)]
struct Keyspace {
    cluster: ClusterHandle,
    name: String,
}

#[async_trait]
impl SchemaProvider for Keyspace {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        self.cluster.connected().map(|cluster| cluster.table_names(&self.name)).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let name = TableName::new(&self.name, name);
        match CassandraTable::open(self.cluster.clone(), &name).await? {
            Some(table) => Ok(Some(Arc::new(table))),
            None => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}
