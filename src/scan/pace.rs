//! How many splits are counted at a time: found out while counting.
//!
//! A count is work of the nodes alone. How many splits a node counts at the same time to the best effect depends on its
//! cores, which no client can ask for: too few leave cores idle, too many only disturb each other. So a count begins
//! with few, doubles them while that counts noticeably faster, and takes the last step back if it does not. A table of few
//! splits is done before there is anything to learn.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};

/// Splits counted at each level, for each that is in flight, before the level is judged.
const TURNS_TO_JUDGE: usize = 8;

/// How much faster the double must be to stay.
const WORTH_IT: f64 = 1.2;

/// Lets splits begin. Shared by all partitions of a count.
#[derive(Debug)]
pub(crate) struct Pace {
    permits: Arc<Semaphore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    climb: Climb,
    /// When the first split began.
    started: Option<Instant>,
    /// Permits to take away when splits end.
    too_many: usize,
}

/// The right to count one split.
pub(crate) struct Turn(OwnedSemaphorePermit);

impl Pace {
    /// Begins with `first` splits at a time and goes up to `most`.
    pub(crate) fn new(first: usize, most: usize) -> Self {
        let climb = Climb::new(first, most);
        let permits = Arc::new(Semaphore::new(climb.level));
        Self { permits, state: Mutex::new(State { climb, started: None, too_many: 0 }) }
    }

    /// Waits until another split may be counted.
    ///
    /// # Errors
    /// None that can be: the semaphore is never closed.
    pub(crate) async fn turn(&self) -> Result<Turn> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|e| Error::internal("no turn to count a split").with_source(e))?;
        self.state().started.get_or_insert_with(Instant::now);
        Ok(Turn(permit))
    }

    /// To be called when the split of this turn has been counted. A turn that is dropped instead only lets another begin.
    pub(crate) fn done(&self, turn: Turn) {
        let mut state = self.state();
        let before = state.climb.level;
        let now = state.started.map_or(Duration::ZERO, |started| started.elapsed());
        state.climb.done(now);
        let level = state.climb.level;
        self.permits.add_permits(level.saturating_sub(before));
        state.too_many += before.saturating_sub(level);
        if state.too_many > 0 {
            state.too_many -= 1;
            turn.0.forget();
        }
    }

    /// Splits at a time, now.
    pub(crate) fn level(&self) -> usize {
        self.state().climb.level
    }

    /// Nothing panics while it has the lock.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The search for the number of splits in flight.
#[derive(Debug)]
struct Climb {
    level: usize,
    most: usize,
    /// The level before this one, and the splits a second it gave.
    before: Option<(usize, f64)>,
    /// Splits still to end that began at the level before.
    to_skip: usize,
    /// Splits ended at this level.
    ended: usize,
    /// When the first of them could begin.
    since: Duration,
    settled: bool,
}

impl Climb {
    fn new(first: usize, most: usize) -> Self {
        let most = most.max(1);
        let level = first.clamp(1, most);
        Self { level, most, before: None, to_skip: 0, ended: 0, since: Duration::ZERO, settled: level == most }
    }

    /// A split has ended, `now` after the first began.
    fn done(&mut self, now: Duration) {
        if self.settled {
            return;
        }
        if self.to_skip > 0 {
            self.to_skip -= 1;
            self.since = now;
            return;
        }
        self.ended += 1;
        if self.ended < TURNS_TO_JUDGE * self.level {
            return;
        }
        let rate = self.ended as f64 / now.saturating_sub(self.since).as_secs_f64();
        match self.before {
            Some((level, slower)) if rate < slower * WORTH_IT => {
                self.level = level;
                self.settled = true;
            }
            _ if self.level == self.most => self.settled = true,
            _ => {
                self.before = Some((self.level, rate));
                self.to_skip = self.level;
                self.ended = 0;
                self.level = (2 * self.level).min(self.most);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The level in the end, on nodes that count at most so many splits at a time without slowing down.
    fn settled(first: usize, most: usize, cores: usize) -> (usize, usize) {
        let mut climb = Climb::new(first, most);
        let (mut now, mut highest) = (0.0, 0);
        for _ in 0..10_000 {
            now += 1.0 / climb.level.min(cores) as f64;
            climb.done(Duration::from_secs_f64(now));
            highest = highest.max(climb.level);
        }
        (climb.level, highest)
    }

    #[test]
    fn as_many_as_count_faster() {
        for (first, most, cores, expected) in [
            // Two are as good as more: one step up, and back.
            (2, 16, 1, (2, 4)),
            (2, 16, 2, (2, 4)),
            (2, 16, 3, (4, 8)),
            (2, 16, 8, (8, 16)),
            (2, 16, 16, (16, 16)),
            (2, 16, 64, (16, 16)),
            (6, 48, 20, (24, 48)),
            (2, 1, 8, (1, 1)),
            (2, 3, 8, (3, 3)),
            (0, 0, 8, (1, 1)),
        ] {
            assert_eq!(settled(first, most, cores), expected, "{first}..{most} on {cores} cores");
        }
    }

    #[test]
    fn few_splits_change_nothing() {
        let mut climb = Climb::new(2, 16);
        for second in 1..16 {
            climb.done(Duration::from_secs(second));
            assert_eq!(climb.level, 2);
        }
    }

    #[tokio::test]
    async fn no_more_turns_than_the_level() {
        let pace = Pace::new(2, 2);
        let (first, second) = (pace.turn().await.unwrap(), pace.turn().await.unwrap());
        assert_eq!(pace.permits.available_permits(), 0);
        pace.done(first);
        drop(second);
        assert_eq!(pace.permits.available_permits(), 2);
    }

    #[tokio::test]
    async fn turns_are_taken_away_when_more_is_not_faster() {
        let pace = Pace::new(1, 2);
        {
            let mut state = pace.state.lock().unwrap();
            state.climb =
                Climb { level: 2, before: Some((1, f64::MAX)), ended: 2 * TURNS_TO_JUDGE - 1, ..Climb::new(1, 2) };
        }
        pace.permits.add_permits(1);
        let (first, second) = (pace.turn().await.unwrap(), pace.turn().await.unwrap());
        pace.done(first);
        assert_eq!((pace.level(), pace.permits.available_permits()), (1, 0));
        pace.done(second);
        assert_eq!(pace.permits.available_permits(), 1);
    }
}
