//! Ctrl-C: the first cancels the statement, the second, when the first is not heeded, ends the program.

use std::{io, process, thread};

use tokio::runtime::Builder;
use tokio::sync::watch;

/// Exit code of an interrupted program: 128 and the number of the signal, as shells have it.
pub(crate) const EXIT_CODE: u8 = 130;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the prompt, where the line editor has Ctrl-C to itself.
    Idle,
    Running,
    Requested,
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
                    listener.send_modify(|state| match state {
                        State::Idle => {}
                        State::Running => *state = State::Requested,
                        State::Requested => process::exit(EXIT_CODE.into()),
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
        let _ = self.state.subscribe().wait_for(|state| *state == State::Requested).await;
    }
}
