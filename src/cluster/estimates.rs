//! How large a table is, from what every node estimates about its own part.

use std::sync::Arc;

use futures::future::join_all;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::Consistency;
use scylla::statement::unprepared::Statement;

use super::Cluster;
use super::schema::TableName;

/// The size of a table, one copy of each row counted. A few minutes old, and rough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Estimate {
    /// Cassandra partitions.
    pub partitions: u64,
    /// Bytes of data, before compression.
    pub bytes: u64,
}

/// One row for each primary range of the asked node, so the rows of all nodes together cover the ring once.
const SIZE_ESTIMATES: &str = "SELECT partitions_count, mean_partition_size FROM system.size_estimates \
                              WHERE keyspace_name = ? AND table_name = ?";

impl Cluster {
    /// What all nodes together say, or `None` if none of them knows the table yet (it takes them some minutes) or one of
    /// those that hold a part does not answer.
    pub async fn estimate(&self, table: &TableName) -> Option<Estimate> {
        let state = self.session().get_cluster_state();
        let answers =
            join_all(state.get_nodes_info().iter().map(|node| self.estimate_of_node(Arc::clone(node), table))).await;
        let mut total = Estimate::default();
        for answer in answers {
            let part = answer?;
            total.partitions += part.partitions;
            total.bytes += part.bytes;
        }
        (total.partitions > 0).then_some(total)
    }

    async fn estimate_of_node(&self, node: Arc<scylla::cluster::Node>, table: &TableName) -> Option<Estimate> {
        let mut statement = Statement::new(SIZE_ESTIMATES);
        statement.set_consistency(Consistency::One);
        statement.set_is_idempotent(true);
        statement
            .set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(NodeIdentifier::Node(node), None)));
        let result = self.session().query_unpaged(statement, (&table.keyspace, &table.table)).await.ok()?;
        let rows = result.into_rows_result().ok()?;
        let mut total = Estimate::default();
        for row in rows.rows::<(i64, i64)>().ok()? {
            let (partitions, mean_bytes) = row.ok()?;
            let (partitions, mean_bytes) = (u64::try_from(partitions).ok()?, u64::try_from(mean_bytes).ok()?);
            total.partitions = total.partitions.saturating_add(partitions);
            total.bytes = total.bytes.saturating_add(partitions.saturating_mul(mean_bytes));
        }
        Some(total)
    }
}
