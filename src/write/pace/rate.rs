//! No more than so many a second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets so many through a second, one after the other: nothing is saved up in quiet times.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    /// When the next one may go.
    free: Mutex<Option<Instant>>,
}

impl Rate {
    pub(super) fn new(per_second: usize) -> Self {
        Self { per_second: per_second as f64, free: Mutex::default() }
    }

    /// How long to wait before this amount may go. Those who come later wait for it too.
    pub(super) fn take(&self, amount: usize, now: Instant) -> Duration {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let start = free.map_or(now, |free| free.max(now));
        *free = Some(start + Duration::from_secs_f64(amount as f64 / self.per_second));
        start - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_for_those_before() {
        let (rate, now) = (Rate::new(100), Instant::now());
        assert_eq!(rate.take(50, now), Duration::ZERO);
        assert_eq!(rate.take(1, now), Duration::from_millis(500));
        assert_eq!(rate.take(1, now + Duration::from_millis(300)), Duration::from_millis(210));
        // After a pause there is no credit.
        let later = now + Duration::from_mins(1);
        assert_eq!((rate.take(100, later), rate.take(1, later)), (Duration::ZERO, Duration::from_secs(1)));
    }
}
