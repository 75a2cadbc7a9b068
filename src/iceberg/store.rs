//! The SQLite catalog behind an [`IcebergCatalog`](super::IcebergCatalog): opened late and once, used from anywhere.
//!
//! The `iceberg` crate binds a catalog to the tokio runtime it was opened in (connections, manifest readers), and
//! DataFusion asks for names in functions that are not async. So the store has two threads of its own: async callers
//! await a task there, sync callers block on one, and neither needs a runtime of a certain kind or one that outlives the
//! catalog.

use std::collections::HashMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ::iceberg::io::{FileIO, FileIOBuilder, LocalFsStorageFactory};
use ::iceberg::table::Table;
use ::iceberg::{Catalog, CatalogBuilder, NamespaceIdent, TableCreation, TableIdent};
use iceberg_catalog_sql::{SqlCatalog, SqlCatalogBuilder};
use sqlx::{ConnectOptions, Connection};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::OnceCell;

use super::IcebergOptions;
use super::error::failed;
use crate::error::{Error, Result};

const CATALOG_FILE: &str = "catalog.db";
const WAREHOUSE_FOLDER: &str = "warehouse";

/// The catalog of one folder.
pub(crate) struct Store {
    options: IcebergOptions,
    runtime: Mutex<Option<Runtime>>,
    catalog: OnceCell<Arc<SqlCatalog>>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("options", &self.options).finish_non_exhaustive()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Waiting for the threads is not allowed where async code drops the store.
        let runtime = self.runtime.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

impl Store {
    pub(crate) fn new(options: IcebergOptions) -> Self {
        Self { options, runtime: Mutex::new(None), catalog: OnceCell::new() }
    }

    /// The folder as the user gave it, for messages.
    pub(crate) fn folder(&self) -> &Path {
        &self.options.folder
    }

    /// What reads and writes data files.
    pub(crate) fn file_io() -> FileIO {
        FileIOBuilder::new(Arc::new(LocalFsStorageFactory)).build()
    }

    /// The location of a table made here. Names are escaped, so that none reaches outside of the warehouse.
    ///
    /// # Errors
    /// A working directory that cannot be told.
    pub(crate) fn location(&self, ident: &TableIdent) -> Result<String> {
        let escaped = |name: &str| match url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>() {
            dots if dots == "." || dots == ".." => dots.replace('.', "%2E"),
            name => name,
        };
        let mut location = self.warehouse()?;
        for name in ident.namespace().as_ref().iter().map(String::as_str).chain([ident.name()]) {
            location.push('/');
            location.push_str(&escaped(name));
        }
        Ok(location)
    }

    /// The URL of the warehouse, without a slash at its end. Paths stand in it as they are: neither `iceberg` nor
    /// `pyiceberg` decodes percent signs in locations.
    pub(crate) fn warehouse(&self) -> Result<String> {
        Ok(format!("file://{}", self.path(WAREHOUSE_FOLDER)?.display()))
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let folder = std::path::absolute(&self.options.folder).map_err(|e| {
            Error::config(format!("the folder '{}' is no path", self.folder().display())).with_source(e)
        })?;
        Ok(folder.join(name))
    }

    fn handle(&self) -> Result<Handle> {
        let mut runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = runtime.as_ref() {
            return Ok(runtime.handle().clone());
        }
        let new = Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("iceberg")
            .enable_all()
            .build()
            .map_err(|e| Error::unavailable("could not start the threads of the Iceberg catalog").with_source(e))?;
        let handle = new.handle().clone();
        *runtime = Some(new);
        Ok(handle)
    }

    /// Runs `work` on the store's threads. It goes on when the caller stops waiting: a commit is never cut in two.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.handle()?.spawn(work).await.unwrap_or_else(|e| Err(stopped(e)))
    }

    /// As [`Self::run`], for callers that are not async. Blocks the thread for as long as SQLite takes, a millisecond.
    pub(crate) fn block<T: Send + 'static>(&self, work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
        let (sender, receiver) = std::sync::mpsc::sync_channel(1);
        self.handle()?.spawn(async move {
            // The receiver is gone only if the waiting thread died.
            let _ = sender.send(work.await);
        });
        receiver.recv().unwrap_or_else(|e| Err(stopped(e)))
    }

    /// The catalog, or none where nothing has been written yet. Call it on the store's threads.
    pub(crate) async fn existing(&self) -> Result<Option<Arc<SqlCatalog>>> {
        if self.catalog.initialized() || self.path(CATALOG_FILE)?.exists() {
            self.made().await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// The catalog; its folder and file are made if they are not there. Call it on the store's threads.
    pub(crate) async fn made(&self) -> Result<Arc<SqlCatalog>> {
        self.catalog.get_or_try_init(|| self.open()).await.cloned()
    }

    async fn open(&self) -> Result<Arc<SqlCatalog>> {
        let file = self.path(CATALOG_FILE)?;
        let in_folder = |e: Error| e.with_context("folder", self.folder().display().to_string());
        std::fs::create_dir_all(self.path(WAREHOUSE_FOLDER)?)
            .map_err(|e| in_folder(Error::config("could not make the folder of the Iceberg catalog").with_source(e)))?;
        if file.exists() {
            add_missing_column(&file)
                .await
                .map_err(|e| in_folder(Error::unavailable("could not open the Iceberg catalog").with_source(e)))?;
        }
        let url = url::Url::from_file_path(&file)
            .map_err(|()| in_folder(Error::config("the folder of the Iceberg catalog cannot be written as a URL")))?;
        let properties = HashMap::from([
            ("uri".to_owned(), format!("sqlite://{}?mode=rwc", url.path())),
            ("warehouse".to_owned(), self.warehouse()?),
        ]);
        SqlCatalogBuilder::default()
            .with_storage_factory(Arc::new(LocalFsStorageFactory))
            .load(self.options.name.clone(), properties)
            .await
            .map(Arc::new)
            .map_err(|e| in_folder(failed("open the Iceberg catalog", &e)))
    }

    /// All namespaces, nested ones as `a.b`. Call it on the store's threads, as all below.
    pub(crate) async fn namespaces(&self) -> Result<Vec<String>> {
        let Some(catalog) = self.existing().await? else { return Ok(Vec::new()) };
        let list = |e: ::iceberg::Error| failed("list the namespaces of the Iceberg catalog", &e);
        let mut names = Vec::new();
        for first in catalog.list_namespaces(None).await.map_err(list)? {
            // A nested namespace may be there without its parent; asking below the parent would then be an error.
            if !catalog.namespace_exists(&first).await.map_err(list)? {
                continue;
            }
            let prefix = format!("{}.", first.join("."));
            // The crate compares prefixes of text: below `a` it also finds `ab`.
            let below = catalog.list_namespaces(Some(&first)).await.map_err(list)?;
            names.extend(below.iter().map(|n| n.join(".")).filter(|n| n.starts_with(&prefix)));
            names.push(first.join("."));
        }
        names.sort();
        Ok(names)
    }

    /// The tables of a namespace; none if it is not there.
    pub(crate) async fn tables(&self, namespace: &NamespaceIdent) -> Result<Vec<String>> {
        let list = |e: ::iceberg::Error| failed(format!("list the tables of namespace {}", namespace.join(".")), &e);
        let Some(catalog) = self.existing().await? else { return Ok(Vec::new()) };
        if !catalog.namespace_exists(namespace).await.map_err(list)? {
            return Ok(Vec::new());
        }
        let tables = catalog.list_tables(namespace).await.map_err(list)?;
        let mut names: Vec<String> = tables.into_iter().map(|t| t.name).collect();
        names.sort();
        Ok(names)
    }

    /// A table as it is at this moment, or none.
    pub(crate) async fn load(&self, ident: &TableIdent) -> Result<Option<Table>> {
        let Some(catalog) = self.existing().await? else { return Ok(None) };
        match catalog.load_table(ident).await {
            Ok(table) => Ok(Some(table)),
            Err(e) if e.kind() == ::iceberg::ErrorKind::TableNotFound => Ok(None),
            Err(e) => Err(failed(format!("load table {ident}"), &e)),
        }
    }

    /// Makes a namespace. False if it was there.
    pub(crate) async fn create_namespace(&self, namespace: &NamespaceIdent) -> Result<bool> {
        match self.made().await?.create_namespace(namespace, HashMap::new()).await {
            Ok(_) => Ok(true),
            Err(e) if e.kind() == ::iceberg::ErrorKind::NamespaceAlreadyExists => Ok(false),
            Err(e) => Err(failed(format!("make namespace {}", namespace.join(".")), &e)),
        }
    }

    /// Drops a namespace without tables. False if it was not there.
    pub(crate) async fn drop_namespace(&self, namespace: &NamespaceIdent) -> Result<bool> {
        let drop = |e: ::iceberg::Error| failed(format!("drop namespace {}", namespace.join(".")), &e);
        let Some(catalog) = self.existing().await? else { return Ok(false) };
        if !catalog.namespace_exists(namespace).await.map_err(drop)? {
            return Ok(false);
        }
        catalog.drop_namespace(namespace).await.map_err(drop)?;
        Ok(true)
    }

    /// Makes a table, and its namespace if that is not there.
    pub(crate) async fn create(&self, ident: &TableIdent, creation: TableCreation) -> Result<Table> {
        self.create_namespace(ident.namespace()).await?;
        let catalog = self.made().await?;
        catalog
            .create_table(ident.namespace(), creation)
            .await
            .map_err(|e| failed(format!("make table {ident}"), &e))?;
        // The crate drops an error of SQLite's COMMIT: only what can be read back has been made.
        self.load(ident).await?.ok_or_else(|| {
            Error::unavailable(format!("table {ident} was made but is not in the catalog; is the disk full?"))
                .with_context("folder", self.folder().display().to_string())
        })
    }

    /// Drops a table. Its files are deleted if it lies in this warehouse, with the folders that are empty then; the files
    /// of a table kept elsewhere stay. False if it was not there.
    pub(crate) async fn drop_table(&self, ident: &TableIdent) -> Result<bool> {
        let Some(table) = self.load(ident).await? else { return Ok(false) };
        let catalog = self.made().await?;
        let drop = |e: ::iceberg::Error| failed(format!("drop table {ident}"), &e);
        let location = table.metadata().location();
        if !location.starts_with(&format!("{}/", self.warehouse()?)) {
            catalog.drop_table(ident).await.map_err(drop)?;
            return Ok(true);
        }
        catalog.purge_table(ident).await.map_err(drop)?;
        remove_empty_folders(&local_path(location));
        Ok(true)
    }
}

fn stopped(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::internal("the work of the Iceberg catalog stopped before its end").with_source(cause)
}

/// The path of a location `file:///…`, as the `iceberg` crate reads it.
pub(crate) fn local_path(location: &str) -> PathBuf {
    PathBuf::from(location.strip_prefix("file://").or_else(|| location.strip_prefix("file:")).unwrap_or(location))
}

/// Removes the folders below and including this one that hold no file. Others, and failures, are left as they are.
pub(crate) fn remove_empty_folders(folder: &Path) {
    if let Ok(entries) = std::fs::read_dir(folder) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|t| t.is_dir()) {
                remove_empty_folders(&entry.path());
            }
        }
        // Fails for a folder with something in it, which is what we want.
        let _ = std::fs::remove_dir(folder);
    }
}

/// `pyiceberg` has made SQLite catalogs without the column `iceberg_type`, which the `iceberg` crate asks for by name.
/// Both take NULL there for a table.
async fn add_missing_column(file: &Path) -> Result<(), sqlx::Error> {
    const COLUMNS: &str = "SELECT name FROM pragma_table_info('iceberg_tables')";
    let lacks = |columns: &[String]| !columns.is_empty() && !columns.iter().any(|c| c == "iceberg_type");
    let mut connection = sqlx::sqlite::SqliteConnectOptions::new().filename(file).connect().await?;
    let columns: Vec<String> = sqlx::query_scalar(COLUMNS).fetch_all(&mut connection).await?;
    if lacks(&columns) {
        let added =
            sqlx::query("ALTER TABLE iceberg_tables ADD COLUMN iceberg_type VARCHAR(5)").execute(&mut connection).await;
        // Another process may have added it meanwhile; then all is well.
        if let Err(e) = added {
            let columns: Vec<String> = sqlx::query_scalar(COLUMNS).fetch_all(&mut connection).await?;
            if lacks(&columns) {
                return Err(e);
            }
        }
    }
    connection.close().await
}
