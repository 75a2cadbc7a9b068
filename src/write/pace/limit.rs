//! The number of statement groups in flight at a node, as a function of what has been seen.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

/// Statement groups in flight to begin with; latency alone never leaves fewer.
const FIRST: usize = 8;

/// The number grows after a window that took at most so many times as long as the quickest one.
const QUICK: u32 = 2;

/// The number shrinks after a window that took more than so many times as long as the quickest one.
const SLOW: u32 = 4;

/// How long the quickest window counts. Then it is measured anew with as many groups in flight as at the beginning: with
/// many in flight, their waiting for each other would be taken for the node's own time.
const REMEMBERED: Duration = Duration::from_secs(30);

/// Closed loop. Acknowledgements are looked at in windows of as many as may be in flight. While those of a window took about
/// as long as those of the quickest one, one eighth more may be in flight; when they took much longer, one eighth fewer. When
/// the node is overloaded or does not answer in time, half as many, at once, down to one.
#[derive(Debug)]
pub(super) struct Limit {
    now: usize,
    first: usize,
    most: usize,
    phase: Phase,
    acknowledged: usize,
    taken: Duration,
    /// The least mean time of a window, and when it was measured.
    quickest: Option<(Duration, Instant)>,
    /// Failures still expected of groups that were in flight at the last overload: they were sent together, and fail together.
    expected: usize,
    /// Whether this window has had an overload.
    overloaded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The number follows the windows.
    Steady,
    /// Acknowledgements of groups that were sent with more in flight are still to come; then it is measured.
    Draining { left: usize, back: usize },
    /// The quickest window is measured anew; afterwards so many may be in flight again.
    Measuring { back: usize },
}

impl Limit {
    /// Never more than `most`.
    pub(super) fn new(most: NonZeroUsize) -> Self {
        let most = most.get();
        let first = FIRST.min(most);
        Self {
            now: first,
            first,
            most,
            phase: Phase::Steady,
            acknowledged: 0,
            taken: Duration::ZERO,
            quickest: None,
            expected: 0,
            overloaded: false,
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now
    }

    /// A group was acknowledged after `took`.
    pub(super) fn acknowledged(&mut self, took: Duration, at: Instant) {
        if let Phase::Draining { left, back } = &mut self.phase {
            *left = left.saturating_sub(1);
            if *left == 0 {
                self.phase = Phase::Measuring { back: *back };
            }
            return;
        }
        self.acknowledged += 1;
        self.taken += took;
        if self.acknowledged < self.now {
            return;
        }
        let mean = self.taken / u32::try_from(self.acknowledged).unwrap_or(u32::MAX);
        let overloaded = self.overloaded;
        self.next_window();
        if let Phase::Measuring { back } = self.phase {
            self.phase = Phase::Steady;
            self.quickest = Some((mean, at));
            self.now = back;
            return;
        }
        let (quickest, since) = match self.quickest {
            Some((quickest, since)) if quickest <= mean => (quickest, since),
            _ => (mean, at),
        };
        self.quickest = Some((quickest, since));
        if at.saturating_duration_since(since) > REMEMBERED && self.now > self.first {
            self.phase = Phase::Draining { left: self.now, back: self.now };
            self.now = self.first;
        } else if overloaded {
            // It was halved in this window; the next one will tell.
        } else if mean <= quickest * QUICK {
            self.now = (self.now + self.now.div_ceil(8)).min(self.most);
        } else if mean > quickest * SLOW && self.now > self.first {
            self.now = (self.now - self.now / 8).max(self.first);
        }
    }

    /// Whether this was news.
    pub(super) fn overloaded(&mut self) -> bool {
        if self.expected > 0 {
            self.expected -= 1;
            return false;
        }
        let in_flight = self.now;
        let now = match self.phase {
            Phase::Steady => self.now,
            Phase::Draining { back, .. } | Phase::Measuring { back } => back.min(self.now),
        };
        self.phase = Phase::Steady;
        self.now = (now / 2).max(1);
        self.next_window();
        self.expected = in_flight - 1;
        self.overloaded = true;
        true
    }

    fn next_window(&mut self) {
        self.acknowledged = 0;
        self.taken = Duration::ZERO;
        self.expected = 0;
        self.overloaded = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MOST: usize = 64;

    fn limit(most: usize) -> Limit {
        Limit::new(NonZeroUsize::new(most).unwrap())
    }

    /// Windows of a server that works on `workers` groups at once, each for 10 ms: more of them wait for each other.
    fn windows(limit: &mut Limit, workers: usize, n: usize, clock: &mut Instant) {
        for _ in 0..n {
            let in_flight = limit.now();
            let took = Duration::from_millis(10) * u32::try_from(in_flight.div_ceil(workers)).unwrap();
            for _ in 0..in_flight {
                *clock += took / u32::try_from(in_flight).unwrap();
                limit.acknowledged(took, *clock);
            }
        }
    }

    #[test]
    fn it_grows_as_long_as_that_takes_no_longer() {
        let mut clock = Instant::now();
        let mut quick = limit(MOST);
        windows(&mut quick, 1000, 100, &mut clock);
        assert_eq!(quick.now(), MOST);
        // A server that works on 8 at once has nothing of 64.
        let mut limit = limit(MOST);
        windows(&mut limit, 8, 500, &mut clock);
        assert!((16..=32).contains(&limit.now()), "{}", limit.now());
    }

    #[test]
    fn what_is_quickest_is_measured_again() {
        let mut clock = Instant::now();
        let mut limit = limit(MOST);
        windows(&mut limit, 16, 200, &mut clock);
        let before = limit.now();
        assert!((32..=64).contains(&before), "{before}");
        // Now the server has less to give, for minutes: it settles, and what waits is not taken for what is quick.
        windows(&mut limit, 8, 20_000, &mut clock);
        assert!((16..=32).contains(&limit.now()) || limit.now() == 8, "{}", limit.now());
    }

    #[test]
    fn it_is_halved_by_an_overload_and_once_for_all_that_fail_together() {
        let mut clock = Instant::now();
        let mut limit = limit(192);
        windows(&mut limit, 1000, 200, &mut clock);
        assert_eq!(limit.now(), 192);
        for _ in 0..96 {
            limit.overloaded();
        }
        assert_eq!(limit.now(), 96);
        // None of those that were in flight is left, and it goes on.
        for _ in 0..192 {
            limit.overloaded();
        }
        assert_eq!(limit.now(), 48);
        for _ in 0..20 {
            windows(&mut limit, 1000, 1, &mut clock);
            limit.overloaded();
        }
        assert_eq!(limit.now(), 1);
        windows(&mut limit, 1000, 200, &mut clock);
        assert_eq!(limit.now(), 192);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            most in 1_usize..300,
            seen in prop::collection::vec(prop::option::weighted(0.95, 1_u64..500), 0..2000),
        ) {
            let mut clock = Instant::now();
            let mut limit = limit(most);
            for seen in seen {
                match seen {
                    Some(ms) => {
                        clock += Duration::from_millis(ms);
                        limit.acknowledged(Duration::from_millis(ms), clock);
                    }
                    None => {
                        limit.overloaded();
                    }
                }
                prop_assert!(limit.now() >= 1 && limit.now() <= most);
            }
        }
    }
}
