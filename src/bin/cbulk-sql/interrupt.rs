//! Ctrl-C: the first cancels the statement; a later one, when the first is not heeded, ends the program.

use std::time::{Duration, Instant};
use std::{io, process, thread};

use tokio::runtime::Builder;
use tokio::sync::watch;

/// Exit code of an interrupted program: 128 and the number of the signal, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

/// Time that the first Ctrl-C has to be heeded before a further one ends the program.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the prompt, where the line editor has Ctrl-C to itself.
    Idle,
    Running,
    /// Ctrl-C was pressed at this time.
    Requested(Instant),
}

impl State {
    /// The state after a signal; `None` is the end of the program.
    fn after_signal(self, now: Instant) -> Option<Self> {
        match self {
            Self::Idle => Some(Self::Idle),
            Self::Running => Some(Self::Requested(now)),
            Self::Requested(before) if now.duration_since(before) < PATIENCE => Some(self),
            Self::Requested(_) => None,
        }
    }
}

/// Tells a running statement that it shall end.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt {
    state: watch::Sender<State>,
}

impl Interrupt {
    /// Listens from now on, on a thread of its own: it hears Ctrl-C however busy the others are.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn listen() -> io::Result<Self> {
        let (state, _) = watch::channel(State::Running);
        let listener = state.clone();
        let runtime = Builder::new_current_thread().enable_io().build()?;
        thread::Builder::new().name("interrupt".into()).spawn(move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    listener.send_modify(|state| match state.after_signal(Instant::now()) {
                        Some(next) => *state = next,
                        None => process::exit(EXIT_CODE.into()),
                    });
                }
            });
        })?;
        Ok(Self { state })
    }

    /// A statement begins; what was requested before does not concern it.
    pub(crate) fn arm(&self) {
        self.state.send_replace(State::Running);
    }

    /// Nothing runs that could be cancelled.
    pub(crate) fn disarm(&self) {
        self.state.send_replace(State::Idle);
    }

    /// Returns when an interrupt has been requested since [`Self::arm`].
    pub(crate) async fn requested(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.state.subscribe().wait_for(|state| matches!(state, State::Requested(_))).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_signal_cancels_and_a_later_one_ends() {
        let start = Instant::now();
        let requested = State::Running.after_signal(start).unwrap();
        assert_eq!(requested, State::Requested(start));
        // Pressed twice in a hurry.
        assert_eq!(requested.after_signal(start + PATIENCE / 2), Some(requested));
        assert_eq!(requested.after_signal(start + PATIENCE), None);
    }

    #[test]
    fn a_signal_at_the_prompt_is_none_of_the_next_statements_business() {
        assert_eq!(State::Idle.after_signal(Instant::now()), Some(State::Idle));
    }
}
