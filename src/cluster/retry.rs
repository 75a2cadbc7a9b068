//! Repeating what is safe to repeat, with a growing wait, and counting it.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use scylla::errors::ExecutionError;

use super::driver_error::{changed_nothing, is_transient};
use crate::options::CassandraOptions;

/// No wait between two attempts is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How often, and after which waits, a request is repeated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RetryPlan {
    max_retries: usize,
    first_wait: Duration,
    /// Whether a request may be sent again after it has perhaps been carried out.
    repeatable: bool,
}

impl RetryPlan {
    pub(crate) fn new(options: &CassandraOptions) -> Self {
        Self {
            max_retries: options.max_retries,
            first_wait: Duration::from_millis(options.retry_backoff_ms.get() as u64),
            repeatable: true,
        }
    }

    /// For requests that must not be carried out twice: they are sent again only if it is certain that nothing has come
    /// of them.
    pub(crate) fn for_once(self) -> Self {
        Self { repeatable: false, ..self }
    }

    /// The same with fewer repetitions, if it has more than that.
    pub(crate) fn at_most(self, retries: usize) -> Self {
        Self { max_retries: self.max_retries.min(retries), ..self }
    }

    /// Runs `attempt(0)`, `attempt(1)`, … until one succeeds, fails for good, or retries are used up. `on_retry` is called
    /// before each repetition.
    pub(crate) async fn run<T, F>(
        self,
        on_retry: impl Fn(),
        mut attempt: impl FnMut(usize) -> F,
    ) -> Result<T, ExecutionError>
    where
        F: Future<Output = Result<T, ExecutionError>>,
    {
        let mut n = 0;
        loop {
            match attempt(n).await {
                Err(error) if n < self.max_retries && self.may_repeat(&error) => {
                    tokio::time::sleep(with_jitter(self.wait(n))).await;
                    on_retry();
                    n += 1;
                }
                result => return result,
            }
        }
    }

    fn may_repeat(self, error: &ExecutionError) -> bool {
        is_transient(error) && (self.repeatable || changed_nothing(error))
    }

    /// The wait after attempt `n`: doubles each time.
    fn wait(self, n: usize) -> Duration {
        let factor = 1_u32.checked_shl(u32::try_from(n).unwrap_or(u32::MAX)).unwrap_or(u32::MAX);
        self.first_wait.saturating_mul(factor).min(LONGEST_WAIT)
    }
}

/// Between half and all of it, so that clients that failed together do not come back together.
fn with_jitter(wait: Duration) -> Duration {
    // A fresh RandomState is seeded by the system; this needs no more than that.
    let random = RandomState::new().hash_one(0_u8) % 1_000;
    wait / 2 + wait.mul_f64(random as f64 / 2_000.0)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::time::Instant;

    use scylla::errors::{DbError, RequestAttemptError};

    use super::*;

    fn plan(max_retries: usize) -> RetryPlan {
        RetryPlan { max_retries, first_wait: Duration::from_millis(1), repeatable: true }
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let plan = RetryPlan { first_wait: Duration::from_millis(100), ..plan(99) };
        assert_eq!(plan.wait(0), Duration::from_millis(100));
        assert_eq!(plan.wait(3), Duration::from_millis(800));
        assert_eq!(plan.wait(20), LONGEST_WAIT);
        assert_eq!(plan.wait(500), LONGEST_WAIT);
    }

    #[test]
    fn waits_are_spread_over_their_second_half() {
        let wait = Duration::from_millis(100);
        // That none of so many falls into the first or the last fifth of it happens once in ten to the power of nineteen.
        let waits: Vec<Duration> = (0..200).map(|_| with_jitter(wait)).collect();
        assert!(waits.iter().all(|one| (wait / 2..=wait).contains(one)), "{waits:?}");
        assert!(waits.iter().any(|one| *one < wait.mul_f64(0.6)), "{waits:?}");
        assert!(waits.iter().any(|one| *one > wait.mul_f64(0.9)), "{waits:?}");
    }

    #[tokio::test]
    async fn it_waits_before_each_repetition() {
        let plan = RetryPlan { first_wait: Duration::from_millis(20), ..plan(2) };
        let attempts = RefCell::new(Vec::new());
        let timeout = || ExecutionError::RequestTimeout(Duration::from_secs(1));
        let result: Result<(), _> = plan
            .run(
                || (),
                |_| {
                    attempts.borrow_mut().push(Instant::now());
                    async { Err(timeout()) }
                },
            )
            .await;
        assert!(result.is_err());
        // At the least half of 20 ms, then of 40 ms.
        let [first, second, third] = attempts.into_inner()[..] else { panic!("it was not sent three times") };
        assert!(second - first >= Duration::from_millis(10), "{:?}", second - first);
        assert!(third - second >= Duration::from_millis(20), "{:?}", third - second);
    }

    #[tokio::test]
    async fn repeats_transient_failures_and_counts_them() {
        let retries = Cell::new(0);
        let timeout = || ExecutionError::RequestTimeout(Duration::from_secs(1));
        let result = plan(5)
            .run(|| retries.set(retries.get() + 1), |n| async move { if n < 3 { Err(timeout()) } else { Ok(n) } })
            .await;
        assert_eq!(result.unwrap(), 3);
        assert_eq!(retries.get(), 3);
    }

    #[tokio::test]
    async fn an_exhausted_retry_is_an_error() {
        let retries = Cell::new(0);
        let result: Result<(), _> = plan(2)
            .run(
                || retries.set(retries.get() + 1),
                |_| async { Err(ExecutionError::RequestTimeout(Duration::from_secs(1))) },
            )
            .await;
        assert!(result.is_err());
        assert_eq!(retries.get(), 2);
    }

    #[tokio::test]
    async fn what_may_have_been_carried_out_is_not_repeated_if_that_matters() {
        let once = plan(2).for_once();
        let timeout = || ExecutionError::RequestTimeout(Duration::from_secs(1));
        let result: Result<(), _> = once.run(|| panic!("must not be repeated"), |_| async { Err(timeout()) }).await;
        assert!(matches!(result, Err(ExecutionError::RequestTimeout(_))));
        let not_sent = || ExecutionError::LastAttemptError(RequestAttemptError::UnableToAllocStreamId);
        let retries = Cell::new(0);
        let result = once
            .run(|| retries.set(retries.get() + 1), |n| async move { if n == 0 { Err(not_sent()) } else { Ok(n) } });
        assert_eq!((result.await.unwrap(), retries.get()), (1, 1));
    }

    #[tokio::test]
    async fn other_failures_are_not_repeated() {
        let refused =
            || ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, String::new()));
        let result: Result<(), _> = plan(2).run(|| panic!("must not be repeated"), |_| async { Err(refused()) }).await;
        assert!(matches!(result, Err(ExecutionError::LastAttemptError(_))));
    }
}
