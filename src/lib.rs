//! Bulk operations on Apache Cassandra, in SQL.

pub mod catalog;
pub mod cluster;
pub mod codec;
mod error;
pub mod iceberg;
pub mod options;
pub mod rules;
pub mod scan;
pub mod session;
pub mod write;

pub use error::{Error, ErrorKind, Result};
pub use options::{CassandraOptions, ClusterOptions};
pub use session::{Session, SessionBuilder};
