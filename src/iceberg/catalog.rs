//! The catalog `iceberg`: namespaces as schemas, tables as tables, always as they are at this moment.

use std::any::Any;
use std::sync::Arc;

use ::iceberg::{NamespaceIdent, TableIdent};
use async_trait::async_trait;
use datafusion::arrow::datatypes::Fields;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::TableType;

use super::IcebergOptions;
use super::error::failed;
use super::store::Store;
use super::table::{IcebergTable, Name};
use super::target::{CreateOptions, NewTable};
use crate::error::{Error, Result};

/// Iceberg tables in a folder: a SQLite catalog and a warehouse. Nothing is opened before it is needed.
///
/// Besides tables, `"t$snapshots"` and `"t$manifests"` tell of a table's history, and `"t@<snapshot id>"` is the table as
/// it was then.
#[derive(Debug)]
pub struct IcebergCatalog {
    store: Arc<Store>,
}

impl IcebergCatalog {
    /// The catalog in that folder, which need not be there.
    pub fn new(options: IcebergOptions) -> Self {
        Self { store: Arc::new(Store::new(options)) }
    }

    /// Whether the table is there.
    pub(crate) async fn has_table(&self, schema: &str, table: &str) -> Result<bool> {
        let (store, ident) = (Arc::clone(&self.store), ident(schema, table)?);
        self.store.run(async move { Ok(store.load(&ident).await?.is_some()) }).await
    }

    /// Makes an empty table, and its namespace if that is not there.
    pub(crate) async fn create_table(
        &self,
        schema: &str,
        table: &str,
        fields: &Fields,
        options: &CreateOptions,
    ) -> Result<()> {
        let new = NewTable::new(&self.store, ident(schema, table)?, fields, options)?;
        let store = Arc::clone(&self.store);
        self.store.run(async move { store.create(new.ident(), new.creation()).await.map(drop) }).await
    }

    /// A table that is made when the first statement has written its rows into it.
    pub(crate) fn new_table(
        &self,
        schema: &str,
        table: &str,
        fields: &Fields,
        options: &CreateOptions,
    ) -> Result<Arc<dyn TableProvider>> {
        let new = NewTable::new(&self.store, ident(schema, table)?, fields, options)?;
        Ok(Arc::new(IcebergTable::future(&self.store, new)?))
    }

    /// Drops a table; false if it was not there. The files of a table in this warehouse are deleted.
    pub(crate) async fn drop_table(&self, schema: &str, table: &str) -> Result<bool> {
        let (store, ident) = (Arc::clone(&self.store), ident(schema, table)?);
        self.store.run(async move { store.drop_table(&ident).await }).await
    }

    /// Makes a namespace; false if it was there.
    pub(crate) async fn create_namespace(&self, schema: &str) -> Result<bool> {
        let (store, namespace) = (Arc::clone(&self.store), namespace(schema)?);
        self.store.run(async move { store.create_namespace(&namespace).await }).await
    }

    /// The error for a table that is not there.
    pub(crate) fn missing(&self, schema: &str, table: &str) -> Error {
        Error::schema(format!("no table '{table}' in namespace '{schema}' of the Iceberg catalog"))
            .with_context("folder", self.store.folder().display().to_string())
    }
}

/// A schema name `a.b` is a nested namespace.
fn namespace(schema: &str) -> Result<NamespaceIdent> {
    let levels = schema.split('.').map(str::to_owned).collect::<Vec<_>>();
    if levels.iter().any(String::is_empty) {
        return Err(Error::config(format!("'{schema}' is not the name of a namespace")));
    }
    NamespaceIdent::from_vec(levels).map_err(|e| failed(format!("use '{schema}' as a namespace"), &e))
}

fn ident(schema: &str, table: &str) -> Result<TableIdent> {
    if table.is_empty() {
        return Err(Error::config("the name of a table is empty"));
    }
    Ok(TableIdent::new(namespace(schema)?, table.to_owned()))
}

impl CatalogProvider for IcebergCatalog {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema_names(&self) -> Vec<String> {
        let store = Arc::clone(&self.store);
        // The trait has no room for an error; whoever then asks for a table gets it.
        self.store.block(async move { store.namespaces().await }).unwrap_or_default()
    }

    /// Also for a name that is not there: the error for a missing table says more than one for a missing schema.
    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(IcebergNamespace { store: Arc::clone(&self.store), name: name.to_owned() }))
    }

    fn register_schema(
        &self,
        name: &str,
        _schema: Arc<dyn SchemaProvider>,
    ) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        let (store, namespace) = (Arc::clone(&self.store), namespace(name)?);
        self.store.block(async move { store.create_namespace(&namespace).await })?;
        Ok(None)
    }

    fn deregister_schema(&self, name: &str, cascade: bool) -> DataFusionResult<Option<Arc<dyn SchemaProvider>>> {
        if cascade {
            return Err(
                Error::config("DROP SCHEMA … CASCADE is not possible for Iceberg: drop the tables first").into()
            );
        }
        let (store, namespace) = (Arc::clone(&self.store), namespace(name)?);
        let dropped = self.store.block(async move { store.drop_namespace(&namespace).await })?;
        Ok(if dropped { self.schema(name) } else { None })
    }
}

/// One namespace.
#[derive(Debug)]
struct IcebergNamespace {
    store: Arc<Store>,
    name: String,
}

#[async_trait]
impl SchemaProvider for IcebergNamespace {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn table_names(&self) -> Vec<String> {
        let Ok(namespace) = namespace(&self.name) else { return Vec::new() };
        let store = Arc::clone(&self.store);
        self.store.block(async move { store.tables(&namespace).await }).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        // A table may really be called so.
        for name in [Name::Table(name), Name::parse(name)] {
            let (store, ident) = (Arc::clone(&self.store), ident(&self.name, name.table())?);
            if let Some(table) = self.store.run(async move { store.load(&ident).await }).await? {
                return Ok(Some(name.open(&self.store, table).await?));
            }
        }
        // Not an error: DataFusion also looks for tables that are about to be made.
        Ok(None)
    }

    async fn table_type(&self, _name: &str) -> DataFusionResult<Option<TableType>> {
        Ok(Some(TableType::Base))
    }

    fn deregister_table(&self, name: &str) -> DataFusionResult<Option<Arc<dyn TableProvider>>> {
        let (store, ident) = (Arc::clone(&self.store), ident(&self.name, name)?);
        let dropped: Option<IcebergTable> = self.store.block(async move {
            let Some(table) = store.load(&ident).await? else { return Ok(None) };
            store.drop_table(&ident).await?;
            IcebergTable::current(&store, table).map(Some)
        })?;
        Ok(dropped.map(|table| Arc::new(table) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        let Ok(ident) = ident(&self.name, Name::parse(name).table()) else { return false };
        let store = Arc::clone(&self.store);
        self.store.block(async move { Ok(store.load(&ident).await?.is_some()) }).unwrap_or_default()
    }
}
