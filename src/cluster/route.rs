//! Which node coordinates a request.
//!
//! A statement over a token range has no routing key, so the driver alone would pick any node, and that node would fetch
//! the rows from a replica and pass them on. Each split names its replicas instead, and its requests go to one of them.
//! Writes have a routing key; but which of the replicas takes one is for the pace of the load to say, and not left to chance.

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

tokio::task_local! {
    /// Where the request goes that is sent with the policy [`Chosen`].
    static CHOSEN: NodeId;
}

/// Tries the node that [`send_to`] was told, and no other. A policy is part of a statement, and of a CQL batch with its copy
/// of the statement for each row: this one is the same for all nodes, so that these need not be there once for each.
#[derive(Debug)]
struct Chosen;

impl LoadBalancingPolicy for Chosen {
    fn pick<'a>(&'a self, _: &'a RoutingInfo, state: &'a ClusterState) -> Option<(NodeRef<'a>, Option<Shard>)> {
        let node = CHOSEN.try_with(|node| state.get_node_by_host_id(*node)).ok().flatten()?;
        Some((node, None))
    }

    fn fallback<'a>(&'a self, _: &'a RoutingInfo, _: &'a ClusterState) -> FallbackPlan<'a> {
        Box::new(std::iter::empty())
    }

    fn name(&self) -> String {
        "the chosen node".to_owned()
    }
}

/// The policy of statements that are sent with [`send_to`].
pub(crate) fn chosen_node() -> Arc<dyn LoadBalancingPolicy> {
    Arc::new(Chosen)
}

/// Runs a request of a statement with the policy [`chosen_node`] at this node. It fails with an empty plan if the node has
/// left the cluster.
pub(crate) async fn send_to<T>(node: NodeId, request: impl Future<Output = T>) -> T {
    CHOSEN.scope(node, request).await
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
        ids(self.replicas(&self.session().get_cluster_state(), keyspace, token))
    }

    /// The nodes of the local data centre that a write to the rows of a token may be sent to, with each token another one
    /// first: the replicas that are connected. If none is, or none is known (the driver has not heard of the keyspace yet, or it
    /// has no replicas in this data centre), all nodes that are connected, as the driver's own policy would: they pass it on,
    /// or say why they cannot. If none of these is either, the replicas or nodes that there are.
    pub(crate) fn coordinators(&self, keyspace: &str, token: i64) -> Vec<NodeId> {
        let state = self.session().get_cluster_state();
        if let [only] = state.get_nodes_info() {
            return vec![only.host_id];
        }
        let replicas = self.replicas(&state, keyspace, token);
        if replicas.iter().any(|node| node.is_connected()) {
            return ids(replicas.into_iter().filter(|node| node.is_connected()));
        }
        let nodes = turned(self.local_nodes(&state).collect(), token);
        if nodes.iter().any(|node| node.is_connected()) {
            return ids(nodes.into_iter().filter(|node| node.is_connected()));
        }
        ids(if replicas.is_empty() { nodes } else { replicas })
    }

    fn replicas<'a>(&'a self, state: &'a ClusterState, keyspace: &str, token: i64) -> Vec<NodeRef<'a>> {
        let Some(strategy) = state.get_keyspace(keyspace).map(|keyspace| &keyspace.strategy) else { return Vec::new() };
        // Only tables of ScyllaDB with tablets depend on the table; the name is not looked at otherwise.
        let table = TableSpec::borrowed(keyspace, "");
        let locator = state.replica_locator();
        let found = locator.replicas_for_token(Token::new(token), strategy, self.local_dc.as_deref(), &table);
        turned(found.into_iter().map(|(replica, _)| replica).collect(), token)
    }
}

fn ids<'a>(nodes: impl IntoIterator<Item = NodeRef<'a>>) -> Vec<NodeId> {
    nodes.into_iter().map(|node| node.host_id).collect()
}

/// With each token another node is the first.
fn turned(mut nodes: Vec<NodeRef<'_>>, token: i64) -> Vec<NodeRef<'_>> {
    if let Some(first) = token.unsigned_abs().checked_rem(nodes.len() as u64) {
        nodes.rotate_left(usize::try_from(first).unwrap_or_default());
    }
    nodes
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
