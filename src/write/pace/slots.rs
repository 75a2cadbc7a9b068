//! As many slots as a node's limit says.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use datafusion::physical_plan::metrics::{Count, Gauge};
use tokio::sync::Semaphore;

use super::limit::Limit;
use crate::cluster::ring::NodeId;

/// The slots of one node.
#[derive(Debug)]
pub(super) struct Slots {
    node: NodeId,
    free: Semaphore,
    state: Mutex<State>,
    in_flight_limit: Gauge,
    overloads: Count,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    /// Slots that there are, those in use included.
    slots: usize,
}

impl Slots {
    pub(super) fn new(node: NodeId, limit: Limit, in_flight_limit: Gauge, overloads: Count) -> Self {
        in_flight_limit.set(limit.now());
        Self {
            node,
            free: Semaphore::new(limit.now()),
            state: Mutex::new(State { slots: limit.now(), limit }),
            in_flight_limit,
            overloads,
        }
    }

    /// Slots that can be taken now.
    pub(super) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// How many groups may be in flight now.
    pub(super) fn limit(&self) -> usize {
        self.state().limit.now()
    }

    /// A slot, if there is one.
    pub(super) fn try_take(self: &Arc<Self>) -> Option<Slot> {
        self.free.try_acquire().ok().map(|permit| {
            permit.forget();
            Slot { of: Arc::clone(self) }
        })
    }

    /// A slot, in the order of those who wait.
    pub(super) async fn wait(self: &Arc<Self>) -> Slot {
        // It fails only when it is closed, which nobody does.
        if let Ok(permit) = self.free.acquire().await {
            permit.forget();
        }
        Slot { of: Arc::clone(self) }
    }

    fn change(&self, change: impl FnOnce(&mut Limit)) {
        let mut state = self.state();
        change(&mut state.limit);
        let now = state.limit.now();
        self.in_flight_limit.set(now);
        if now > state.slots {
            self.free.add_permits(now - state.slots);
            state.slots = now;
        } else if now < state.slots {
            // Those in use are given up when they come back, see `Slot`.
            state.slots -= self.free.forget_permits(state.slots - now);
        }
    }

    /// Nothing panics while it has the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to have one statement group in flight at a node.
#[derive(Debug)]
pub(crate) struct Slot {
    of: Arc<Slots>,
}

impl Slot {
    /// Where.
    pub(crate) fn node(&self) -> NodeId {
        self.of.node
    }

    /// The node has acknowledged the group after this time.
    pub(crate) fn acknowledged(&self, after: Duration) {
        self.of.change(|limit| limit.acknowledged(after, Instant::now()));
    }

    /// The node has said that it is overloaded, or has not answered in time.
    pub(crate) fn overloaded(&self) {
        self.of.change(|limit| {
            if limit.overloaded() {
                self.of.overloads.add(1);
            }
        });
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.of.state();
        if state.slots > state.limit.now() {
            state.slots -= 1;
        } else {
            self.of.free.add_permits(1);
        }
    }
}
