//! A part of a session's memory for one sort, beyond which it spills.

use std::sync::Arc;

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

use crate::error::Error;
use crate::options::SORT_MEMORY_MB;

/// Gives at most so many bytes of another pool, where all of it is counted.
///
/// A part of them is for merging alone. While the sort merges what it holds, to spill it, it also collects what comes out of the
/// merge for as long as it is given memory, and then the merge, which cannot spill, is refused its next batch: whether that
/// happens is a matter of who asks first, and it is the end of the sort
/// ([DataFusion #20642](https://github.com/apache/datafusion/pull/20642),
/// [#24739](https://github.com/apache/datafusion/issues/24739)).
#[derive(Debug)]
pub(super) struct Share {
    own: GreedyMemoryPool,
    /// Of that, what can be spilled.
    collected: GreedyMemoryPool,
    bytes: usize,
    of: Arc<dyn MemoryPool>,
}

impl Share {
    /// Of `bytes`, so many are for merging alone.
    pub(super) fn new(of: &Arc<dyn MemoryPool>, bytes: usize, for_merging: usize) -> Self {
        let collected = GreedyMemoryPool::new(bytes.saturating_sub(for_merging));
        Self { own: GreedyMemoryPool::new(bytes), collected, bytes, of: Arc::clone(of) }
    }

    /// The pools in which a reservation is counted here.
    fn pools(&self, reservation: &MemoryReservation) -> impl Iterator<Item = &GreedyMemoryPool> {
        let collected = reservation.consumer().can_spill().then_some(&self.collected);
        std::iter::once(&self.own).chain(collected)
    }

    fn refusal(&self) -> Error {
        let (mb, more) = (self.bytes >> 20, (self.bytes >> 20).saturating_mul(4));
        Error::config(format!(
            "the rows are too large to be sorted by token in {mb} MiB: SET {SORT_MEMORY_MB} = {more}"
        ))
    }
}

impl MemoryPool for Share {
    fn register(&self, consumer: &MemoryConsumer) {
        self.of.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.of.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.pools(reservation).for_each(|pool| pool.grow(reservation, additional));
        self.of.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.pools(reservation).for_each(|pool| pool.shrink(reservation, shrink));
        self.of.shrink(reservation, shrink);
    }

    /// The sort spills when it is refused more. What it makes an error of is that not even a few rows fit.
    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        let is_collected = reservation.consumer().can_spill();
        if is_collected {
            self.collected.try_grow(reservation, additional).map_err(|_| self.refusal())?;
        }
        let own = self.own.try_grow(reservation, additional).map_err(|_| self.refusal().into());
        let all = own.and_then(|()| {
            self.of.try_grow(reservation, additional).inspect_err(|_| self.own.shrink(reservation, additional))
        });
        all.inspect_err(|_| {
            if is_collected {
                self.collected.shrink(reservation, additional);
            }
        })
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused_is_counted_nowhere() {
        let session: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(3 << 20));
        let [first, second] = [2 << 20; 2].map(|bytes| Arc::new(Share::new(&session, bytes, 0)) as Arc<dyn MemoryPool>);
        let of_first = MemoryConsumer::new("first").register(&first);
        let of_second = MemoryConsumer::new("second").register(&second);
        of_first.try_grow(2 << 20).unwrap();
        let error = of_first.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("in 2 MiB: SET cassandra.sort_memory_mb = 8"), "{error}");
        // Within its own, and beyond that of the session.
        let error = of_second.try_grow(2 << 20).unwrap_err().to_string();
        assert!(error.contains("second"), "{error}");
        assert_eq!((first.reserved(), second.reserved(), session.reserved()), (2 << 20, 0, 2 << 20));
        drop(of_first);
        of_second.try_grow(2 << 20).unwrap();
        assert_eq!((first.reserved(), second.reserved(), session.reserved()), (0, 2 << 20, 2 << 20));
    }

    #[test]
    fn what_is_for_merging_is_given_to_nothing_else() {
        let session: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(8 << 20));
        let share: Arc<dyn MemoryPool> = Arc::new(Share::new(&session, 4 << 20, 1 << 20));
        let sort = MemoryConsumer::new("sort").with_can_spill(true).register(&share);
        let merge = MemoryConsumer::new("merge").register(&share);
        sort.try_grow(3 << 20).unwrap();
        assert!(sort.try_grow(1).is_err());
        assert_eq!((share.reserved(), session.reserved()), (3 << 20, 3 << 20));
        merge.try_grow(1 << 20).unwrap();
        assert!(merge.try_grow(1).is_err());
        // Of what is free it may have all.
        sort.free();
        merge.try_grow(3 << 20).unwrap();
        assert!(sort.try_grow(1).is_err());
        drop(merge);
        sort.try_grow(3 << 20).unwrap();
        drop(sort);
        assert_eq!((share.reserved(), session.reserved()), (0, 0));
    }
}
