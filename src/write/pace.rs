//! How fast a load goes: at each node as many statement groups in flight as it takes without slowing down, and no more rows
//! and bytes a second than options allow.
//!
//! Each node has a closed loop of its own ([`limit`]) and as many slots as its limit says ([`slots`]). A group takes a slot at
//! one of the replicas of its rows: at the one with the most free slots relative to its limit, or, if none has one, at the
//! first that has one again. So a slow node gets fewer groups, a frozen one keeps those that it has, and both leave the other
//! nodes as quick as they are.

mod limit;
mod rate;
mod slots;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder};
use futures::future::select_all;

use crate::cluster::ring::NodeId;
use crate::options::{CassandraOptions, Positive};
use limit::Limit;
use rate::Rate;
pub(crate) use slots::Slot;
use slots::Slots;

#[cfg(test)]
mod tests;

/// Shared by all streams of a load.
#[derive(Debug)]
pub(crate) struct Pace {
    /// The nodes seen so far. One that joins or replaces another begins like any other.
    nodes: RwLock<HashMap<NodeId, Arc<Slots>>>,
    most_per_node: NonZeroUsize,
    /// The most that may be in flight at any time.
    most: NonZeroUsize,
    rows: Option<Rate>,
    bytes: Option<Rate>,
    metrics: ExecutionPlanMetricsSet,
}

impl Pace {
    /// For a cluster of so many nodes. Each node's `in_flight_limit`, how many statement groups may be in flight there now, and
    /// its `overloads`, how often it was found overloaded, are among the metrics once it is seen.
    pub(crate) fn new(options: &CassandraOptions, nodes: usize, metrics: &ExecutionPlanMetricsSet) -> Self {
        let rate = |most: Option<Positive>| most.map(|most| Rate::new(most.get()));
        let most_per_node = options.groups_in_flight_per_node.nonzero();
        Self {
            nodes: RwLock::default(),
            most_per_node,
            most: most_per_node.saturating_mul(NonZeroUsize::new(nodes).unwrap_or(NonZeroUsize::MIN)),
            rows: rate(options.max_rows_per_second),
            bytes: rate(options.max_bytes_per_second),
            metrics: metrics.clone(),
        }
    }

    /// The most statement groups that may ever be in flight.
    pub(crate) fn most(&self) -> NonZeroUsize {
        self.most
    }

    /// Waits until so much more may be sent.
    pub(crate) async fn wait_for(&self, rows: usize, bytes: usize) {
        for (rate, amount) in [(&self.rows, rows), (&self.bytes, bytes)] {
            if let Some(rate) = rate {
                let wait = rate.take(amount, Instant::now());
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Waits until a statement group may be sent to one of these nodes: it is in flight there while the slot is kept. `None` if
    /// there are no nodes. `name` is what the metrics call a node.
    pub(crate) async fn enter(&self, nodes: &[NodeId], name: impl Fn(NodeId) -> String) -> Option<Slot> {
        let nodes: Vec<Arc<Slots>> = nodes.iter().map(|&node| self.slots_of(node, &name)).collect();
        if let [only] = nodes.as_slice() {
            return Some(only.wait().await);
        }
        if let Some(slot) = freest(&nodes).and_then(Slots::try_take) {
            return Some(slot);
        }
        if nodes.is_empty() {
            return None;
        }
        // A slot that another node gives at the same moment goes to who is next in line there when its future is dropped.
        let (slot, ..) = select_all(nodes.iter().map(|node| Box::pin(node.wait()))).await;
        Some(slot)
    }

    fn slots_of(&self, node: NodeId, name: impl Fn(NodeId) -> String) -> Arc<Slots> {
        if let Some(slots) = self.nodes.read().unwrap_or_else(PoisonError::into_inner).get(&node) {
            return Arc::clone(slots);
        }
        let mut nodes = self.nodes.write().unwrap_or_else(PoisonError::into_inner);
        let slots = nodes.entry(node).or_insert_with(|| {
            let name = name(node);
            let metric = || MetricBuilder::new(&self.metrics).with_new_label("node", name.clone());
            let (in_flight_limit, overloads) =
                (metric().global_gauge("in_flight_limit"), metric().global_counter("overloads"));
            Arc::new(Slots::new(node, Limit::new(self.most_per_node), in_flight_limit, overloads))
        });
        Arc::clone(slots)
    }
}

/// The node with the most free slots relative to its limit, of several the first; none if all are full.
fn freest(nodes: &[Arc<Slots>]) -> Option<&Arc<Slots>> {
    let free = nodes.iter().map(|node| (node, node.free(), node.limit())).filter(|(_, free, _)| *free > 0);
    let freest = free.reduce(|best, other| if other.1 * best.2 > best.1 * other.2 { other } else { best });
    freest.map(|(node, ..)| node)
}
