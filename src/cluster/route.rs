//! Which node coordinates a request for a token range.
//!
//! A statement over a token range has no routing key, so the driver alone would pick any node, and that node would fetch
//! the rows from a replica and pass them on. Each split names its replicas instead, and its requests go to one of them.

use std::sync::Arc;

use scylla::cluster::{ClusterState, Node, NodeRef};
use scylla::frame::response::result::TableSpec;
use scylla::policies::load_balancing::{FallbackPlan, LoadBalancingPolicy, RoutingInfo};
use scylla::routing::partitioner::{Murmur3Partitioner, Partitioner, PartitionerHasher};
use scylla::routing::{Shard, Token};

use super::Cluster;
use super::ring::NodeId;

/// Tries these nodes, in this order, and no other.
#[derive(Debug)]
struct InOrder {
    nodes: Vec<Arc<Node>>,
}

impl LoadBalancingPolicy for InOrder {
    fn pick<'a>(&'a self, _: &'a RoutingInfo, _: &'a ClusterState) -> Option<(NodeRef<'a>, Option<Shard>)> {
        self.nodes.first().map(|node| (node, None))
    }

    fn fallback<'a>(&'a self, _: &'a RoutingInfo, _: &'a ClusterState) -> FallbackPlan<'a> {
        Box::new(self.nodes.iter().skip(1).map(|node| (node, None)))
    }

    fn name(&self) -> String {
        "replicas in order".to_owned()
    }
}

impl Cluster {
    /// A policy that sends a request to one of `replicas`: connected ones first, and another one first with each attempt.
    /// `None` if none of them is known any more (the driver then chooses).
    pub(crate) fn route(&self, replicas: &[NodeId], attempt: usize) -> Option<Arc<dyn LoadBalancingPolicy>> {
        let state = self.session().get_cluster_state();
        let mut nodes: Vec<Arc<Node>> =
            replicas.iter().filter_map(|id| state.get_node_by_host_id(*id).cloned()).collect();
        if nodes.is_empty() {
            return None;
        }
        let first = attempt % nodes.len();
        nodes.rotate_left(first);
        // A stable sort: the order among connected nodes stays.
        nodes.sort_by_key(|node| !node.is_connected());
        Some(Arc::new(InOrder { nodes }))
    }

    /// The nodes of the local data centre that hold a token's rows; with each token another one is the first, so that
    /// they share the work. None for a keyspace that is not there.
    pub(crate) fn replicas_of_token(&self, keyspace: &str, token: i64) -> Vec<NodeId> {
        let state = self.session().get_cluster_state();
        let Some(strategy) = state.get_keyspace(keyspace).map(|keyspace| &keyspace.strategy) else { return Vec::new() };
        // Only tables of ScyllaDB with tablets depend on the table; the name is not looked at otherwise.
        let table = TableSpec::borrowed(keyspace, "");
        let found =
            state.replica_locator().replicas_for_token(Token::new(token), strategy, self.local_dc.as_deref(), &table);
        let mut replicas: Vec<NodeId> = found.into_iter().map(|(replica, _)| replica.host_id).collect();
        if let Some(first) = token.unsigned_abs().checked_rem(replicas.len() as u64) {
            replicas.rotate_left(usize::try_from(first).unwrap_or_default());
        }
        replicas
    }
}

/// The token of a serialized partition key, as Murmur3Partitioner computes it.
pub(crate) fn token_of_key(key: &[u8]) -> i64 {
    let mut hasher = Murmur3Partitioner.build_hasher();
    hasher.write(key);
    hasher.finish().value()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_cassandras() {
        // From `SELECT token(pk)` of Apache Cassandra 5.0 for the int 1.
        assert_eq!(token_of_key(&1_i32.to_be_bytes()), -4_069_959_284_402_364_209);
    }
}
