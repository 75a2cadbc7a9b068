//! A part of a session's memory for one sort, beyond which it spills.

use std::sync::Arc;

use datafusion::error::Result as DataFusionResult;
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};

use crate::error::Error;
use crate::options::SORT_MEMORY_MB;

/// Gives at most so many bytes of another pool, where all of it is counted.
#[derive(Debug)]
pub(super) struct Share {
    own: GreedyMemoryPool,
    bytes: usize,
    of: Arc<dyn MemoryPool>,
}

impl Share {
    pub(super) fn new(of: &Arc<dyn MemoryPool>, bytes: usize) -> Self {
        Self { own: GreedyMemoryPool::new(bytes), bytes, of: Arc::clone(of) }
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
        self.own.grow(reservation, additional);
        self.of.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.of.shrink(reservation, shrink);
    }

    /// The sort spills when it is refused more. What it makes an error of is that not even a few rows fit.
    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> DataFusionResult<()> {
        if self.own.try_grow(reservation, additional).is_err() {
            let (mb, more) = (self.bytes >> 20, (self.bytes >> 20).saturating_mul(4));
            return Err(Error::config(format!(
                "the rows are too large to be sorted by token in {mb} MiB: SET {SORT_MEMORY_MB} = {more}"
            ))
            .into());
        }
        self.of.try_grow(reservation, additional).inspect_err(|_| self.own.shrink(reservation, additional))
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
        let [first, second] = [2 << 20; 2].map(|bytes| Arc::new(Share::new(&session, bytes)) as Arc<dyn MemoryPool>);
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
}
