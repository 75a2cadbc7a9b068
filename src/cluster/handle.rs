//! [`ClusterHandle`]: what catalogs and plans hold of a cluster. Only here it is decided where planning gets its facts from.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::OnceCell;

use super::Cluster;
use super::cql_type::Definitions;
use super::limits::RequestLimits;
use super::placement::Placement;
use super::schema::{TableName, TableSchema};
use crate::error::{Error, Result};
use crate::options::{ClusterOptions, Compression};

/// A cluster that is connected to when it is first needed, or one that is only planned for. Cheap to clone; clones share
/// the connection.
#[derive(Clone)]
pub struct ClusterHandle {
    facts: Arc<Facts>,
}

/// Where planning gets its facts from.
enum Facts {
    Asked { options: ClusterOptions, cluster: OnceCell<Arc<Cluster>> },
    Given(HashMap<TableName, (TableSchema, Placement)>),
}

impl ClusterHandle {
    /// Contacts nothing yet.
    pub fn new(options: ClusterOptions) -> Self {
        Self { facts: Arc::new(Facts::Asked { options, cluster: OnceCell::new() }) }
    }

    /// A cluster that is never contacted: all that planning would ask it is given here. Statements on these tables can be
    /// planned and explained, and fail when they run.
    pub fn planned(tables: impl IntoIterator<Item = (TableSchema, Placement)>) -> Self {
        let tables = tables.into_iter().map(|(table, placement)| (table.name.clone(), (table, placement)));
        Self { facts: Arc::new(Facts::Given(tables.collect())) }
    }

    /// How the cluster is reached; `None` for one that is only planned for.
    pub fn options(&self) -> Option<&ClusterOptions> {
        match self.facts.as_ref() {
            Facts::Asked { options, .. } => Some(options),
            Facts::Given(_) => None,
        }
    }

    /// The connected cluster; connects if that has not been done, or has failed before.
    ///
    /// # Errors
    /// What [`Cluster::connect`] says; [`ErrorKind::Config`](crate::ErrorKind::Config) for one that is only planned for.
    pub fn connect(&self) -> BoxFuture<'_, Result<Arc<Cluster>>> {
        // Boxed here for the reason that Session::plan tells.
        Box::pin(async move {
            let Facts::Asked { options, cluster } = self.facts.as_ref() else {
                return Err(Error::config(
                    "this cluster is only planned for: EXPLAIN shows plans, but nothing can be read, written or listed; \
                     name a cluster that can be reached",
                ));
            };
            let connect = || async { Cluster::connect(options).await.map(Arc::new) };
            cluster.get_or_try_init(connect).await.cloned()
        })
    }

    /// The cluster if it has been connected to; never contacts it.
    pub fn connected(&self) -> Option<Arc<Cluster>> {
        match self.facts.as_ref() {
            Facts::Asked { cluster, .. } => cluster.get().cloned(),
            Facts::Given(_) => None,
        }
    }

    /// The definition of a table; `None` if there is none of this name.
    ///
    /// # Errors
    /// What [`Self::connect`] and [`Cluster::table`] say.
    pub(crate) fn table<'a>(&'a self, name: &'a TableName) -> BoxFuture<'a, Result<Option<TableSchema>>> {
        Box::pin(async move {
            match self.facts.as_ref() {
                Facts::Asked { .. } => self.connect().await?.table(name).await,
                Facts::Given(tables) => Ok(tables.get(name).map(|(table, _)| table.clone())),
            }
        })
    }

    /// Whether `writetime` and its like have answers for collections and user-defined types that are not frozen. Of a
    /// cluster that is only planned for, they have.
    ///
    /// # Errors
    /// What [`Self::connect`] says, and no answer.
    pub(crate) fn has_element_times(&self) -> BoxFuture<'_, Result<bool>> {
        Box::pin(async move {
            match self.facts.as_ref() {
                Facts::Asked { .. } => self.connect().await?.has_element_times().await,
                Facts::Given(_) => Ok(true),
            }
        })
    }

    /// The user-defined types of a keyspace; `None` if there is no such keyspace.
    ///
    /// # Errors
    /// What [`Self::connect`] says, and no answer.
    pub(crate) fn user_types<'a>(&'a self, keyspace: &'a str) -> BoxFuture<'a, Result<Option<Definitions>>> {
        Box::pin(async move {
            match self.facts.as_ref() {
                Facts::Asked { .. } => {
                    let cluster = self.connect().await?;
                    if !cluster.has_keyspace(keyspace).await? {
                        return Ok(None);
                    }
                    cluster.types_of(keyspace).await.map(Some)
                }
                // Types that are not given cannot be planned with.
                Facts::Given(tables) => {
                    Ok(tables.keys().any(|table| table.keyspace == keyspace).then(Definitions::new))
                }
            }
        })
    }

    /// Where the rows of a table are now.
    ///
    /// # Errors
    /// What [`Self::connect`] and [`Cluster::placement`] say.
    pub(crate) fn placement<'a>(&'a self, table: &'a TableSchema) -> BoxFuture<'a, Result<Placement>> {
        Box::pin(async move {
            match self.facts.as_ref() {
                Facts::Asked { .. } => self.connect().await?.placement(table).await,
                Facts::Given(tables) => {
                    let known = tables.get(&table.name).map(|(_, placement)| placement.clone());
                    known.ok_or_else(|| super::no_table(&table.name))
                }
            }
        })
    }

    /// How large a request may be; nothing is known of a cluster that is only planned for.
    ///
    /// # Errors
    /// What [`Self::connect`] says.
    pub(crate) fn request_limits(&self) -> BoxFuture<'_, Result<RequestLimits>> {
        Box::pin(async move {
            let Facts::Asked { options, .. } = self.facts.as_ref() else { return Ok(RequestLimits::default()) };
            let limits = self.connect().await?.request_limits().await;
            Ok(if options.compression == Compression::None { limits } else { limits.compressed() })
        })
    }

    /// Whether rows of the table may be written.
    ///
    /// # Errors
    /// What [`Self::connect`] and [`Cluster::check_modify`] say.
    pub(crate) fn check_modify<'a>(&'a self, table: &'a TableSchema) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            match self.facts.as_ref() {
                Facts::Asked { .. } => self.connect().await?.check_modify(table).await,
                Facts::Given(_) => Ok(()),
            }
        })
    }
}

impl From<ClusterOptions> for ClusterHandle {
    fn from(options: ClusterOptions) -> Self {
        Self::new(options)
    }
}

impl fmt::Debug for ClusterHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClusterHandle").field("options", &self.options()).finish_non_exhaustive()
    }
}
