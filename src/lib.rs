//! Bulk operations on Apache Cassandra, in SQL.
//!
//! Tables of Cassandra become tables of [DataFusion](datafusion): counting is `SELECT count(*)`, an export is `COPY … TO`
//! or `INSERT INTO iceberg.…`, an import is `INSERT INTO cassandra.…`.
//!
//! A [`Session`] has all of it:
//!
//! ```no_run
//! use cbulk::{ClusterOptions, SessionBuilder};
//! use futures::TryStreamExt;
//!
//! # async fn count() -> datafusion::error::Result<()> {
//! let session = SessionBuilder::default().with_cluster(ClusterOptions::new(["127.0.0.1"])).build()?;
//! for statement in session.parse("SELECT count(*) FROM shop.clicks")? {
//!     let mut batches = session.plan(statement).await?.execute()?;
//!     while let Some(batch) = batches.try_next().await? {
//!         println!("{:?}", batch.column(0));
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! An application with a DataFusion session of its own registers as much as it wants, here `STORED AS CASSANDRA` and
//! nothing else:
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use cbulk::ClusterOptions;
//! use cbulk::catalog::factory::{CASSANDRA, CassandraTableFactory};
//! use cbulk::cluster::ClusterHandle;
//! use datafusion::prelude::SessionContext;
//!
//! # async fn embed() -> datafusion::error::Result<()> {
//! let context = SessionContext::new();
//! let cluster = ClusterHandle::new(ClusterOptions::new(["127.0.0.1"]));
//! let factory = Arc::new(CassandraTableFactory::new(cluster));
//! context.state_ref().write().table_factories_mut().insert(CASSANDRA.into(), factory);
//! context.sql("CREATE EXTERNAL TABLE clicks STORED AS CASSANDRA LOCATION 'shop.clicks' OPTIONS (splits '64')").await?;
//! context.sql("SELECT country, count(*) FROM clicks GROUP BY country").await?.show().await?;
//! # Ok(())
//! # }
//! ```

pub mod catalog;
pub mod cluster;
pub mod codec;
mod error;
pub mod files;
pub mod iceberg;
pub mod options;
pub mod rules;
pub mod scan;
pub mod session;
pub mod write;

pub use error::{Error, ErrorKind, Result};
pub use options::{CassandraOptions, ClusterOptions};
pub use session::{Session, SessionBuilder};
