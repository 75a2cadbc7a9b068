//! Where the rows of a table are, and how many: with the table's definition, all that planning asks of a cluster.

use super::Cluster;
use super::estimates::Estimate;
use super::ring::ReplicaRange;
use super::schema::TableSchema;
use crate::error::Result;

/// Where the rows of a table are, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The token ranges of its keyspace with their replicas: `(MIN, MAX]` exactly once. None for a table that each node has
    /// for itself.
    pub ranges: Vec<ReplicaRange>,
    /// The number of nodes that requests go to, at least 1.
    pub nodes: usize,
    /// How large it is, if the nodes know.
    pub estimate: Option<Estimate>,
}

impl Cluster {
    /// Where the rows of this table are now.
    ///
    /// # Errors
    /// What [`Self::ranges`] says.
    pub async fn placement(&self, table: &TableSchema) -> Result<Placement> {
        let (ranges, estimate) = if table.node_local {
            (Vec::new(), None)
        } else {
            (self.ranges(&table.name.keyspace)?, self.estimate(&table.name).await)
        };
        Ok(Placement { ranges, nodes: self.node_count(), estimate })
    }
}
