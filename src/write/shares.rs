//! What each node would hold of the rows of a dry run.

use std::collections::HashMap;

use crate::cluster::ring::NodeId;

/// What a node would hold.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeShare {
    /// Its address.
    pub node: String,
    /// Rows that it is a replica of.
    pub rows: u64,
    /// Bytes of values in them.
    pub bytes: u64,
}

/// Counts rows by node.
#[derive(Debug, Default)]
pub(crate) struct NodeShares {
    by_node: HashMap<NodeId, NodeShare>,
}

impl NodeShares {
    /// Adds rows that all `replicas` hold; `address` tells that of a node.
    pub(crate) fn add(&mut self, replicas: &[NodeId], rows: usize, bytes: usize, address: impl Fn(NodeId) -> String) {
        for &node in replicas {
            let share =
                self.by_node.entry(node).or_insert_with(|| NodeShare { node: address(node), rows: 0, bytes: 0 });
            share.rows += rows as u64;
            share.bytes += bytes as u64;
        }
    }

    /// By address.
    pub(crate) fn all(&self) -> Vec<NodeShare> {
        let mut all: Vec<NodeShare> = self.by_node.values().cloned().collect();
        all.sort_by(|a, b| a.node.cmp(&b.node));
        all
    }
}
