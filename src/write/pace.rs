//! How fast a load goes: as many statement groups in flight as the cluster takes without slowing down, and no more rows
//! and bytes a second than options allow.

mod limit;
mod rate;

use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use datafusion::physical_plan::metrics::{Count, Gauge};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::{Error, Result};
use crate::options::CassandraOptions;
use limit::Limit;
use rate::Rate;

/// Shared by all streams of a load.
#[derive(Debug)]
pub(crate) struct Pace {
    slots: Semaphore,
    state: Mutex<State>,
    rows: Option<Rate>,
    bytes: Option<Rate>,
    /// The most that may be in flight at any time.
    most: NonZeroUsize,
}

#[derive(Debug)]
struct State {
    limit: Limit,
    /// Slots that there are, those in use included.
    slots: usize,
}

/// What is counted of the pace.
#[derive(Debug, Clone)]
pub(crate) struct PaceMetrics {
    /// How many statement groups may be in flight now.
    pub(crate) in_flight_limit: Gauge,
    /// How often the cluster was found overloaded.
    pub(crate) overloads: Count,
}

impl Pace {
    /// For a cluster of so many nodes.
    pub(crate) fn new(options: &CassandraOptions, nodes: usize) -> Self {
        let limit = Limit::new(nodes, options.groups_in_flight_per_node.get());
        let rate = |most: Option<crate::options::Positive>| most.map(|most| Rate::new(most.get()));
        Self {
            slots: Semaphore::new(limit.now()),
            most: limit.most(),
            state: Mutex::new(State { slots: limit.now(), limit }),
            rows: rate(options.max_rows_per_second),
            bytes: rate(options.max_bytes_per_second),
        }
    }

    /// The most statement groups that may ever be in flight.
    pub(crate) fn most(&self) -> NonZeroUsize {
        self.most
    }

    /// Waits until a statement group of this size may be sent. It is in flight while the slot is kept.
    ///
    /// # Errors
    /// None, unless there is a bug.
    pub(crate) async fn enter(&self, rows: usize, bytes: usize) -> Result<Slot<'_>> {
        for (rate, amount) in [(&self.rows, rows), (&self.bytes, bytes)] {
            if let Some(rate) = rate {
                let wait = rate.take(amount, Instant::now());
                if !wait.is_zero() {
                    tokio::time::sleep(wait).await;
                }
            }
        }
        let permit = self.slots.acquire().await.map_err(|e| Error::internal("no more slots").with_source(e))?;
        Ok(Slot { pace: self, permit: Some(permit) })
    }

    /// A statement group has been acknowledged after this time.
    pub(crate) fn acknowledged(&self, after: Duration, metrics: &PaceMetrics) {
        self.change(metrics, |limit| limit.acknowledged(after, Instant::now()));
    }

    /// The cluster has said that it is overloaded, or has not answered in time.
    pub(crate) fn overloaded(&self, metrics: &PaceMetrics) {
        self.change(metrics, |limit| {
            if limit.overloaded() {
                metrics.overloads.add(1);
            }
        });
    }

    fn change(&self, metrics: &PaceMetrics, change: impl FnOnce(&mut Limit)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.limit);
        let now = state.limit.now();
        metrics.in_flight_limit.set(now);
        if now > state.slots {
            self.slots.add_permits(now - state.slots);
            state.slots = now;
        } else if now < state.slots {
            // Those in use are given up when they come back, see `Slot`.
            state.slots -= self.slots.forget_permits(state.slots - now);
        }
    }
}

/// The right to have one statement group in flight.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        let mut state = self.pace.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.slots > state.limit.now()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
            state.slots -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> PaceMetrics {
        PaceMetrics { in_flight_limit: Gauge::new(), overloads: Count::new() }
    }

    #[tokio::test]
    async fn there_are_as_many_slots_as_the_limit_says() {
        let (pace, metrics) = (Pace::new(&CassandraOptions::default(), 1), metrics());
        let mut slots = Vec::new();
        while pace.slots.available_permits() > 0 {
            slots.push(pace.enter(1, 1).await.unwrap());
        }
        let first = slots.len();
        pace.overloaded(&metrics);
        assert_eq!((metrics.in_flight_limit.value(), metrics.overloads.value()), (first / 2, 1));
        // The first half of them that come back are not given out again.
        slots.truncate(first / 2);
        assert_eq!(pace.slots.available_permits(), 0);
        slots.pop();
        assert_eq!(pace.slots.available_permits(), 1);
    }
}
