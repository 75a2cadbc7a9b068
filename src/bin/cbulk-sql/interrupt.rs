//! Ctrl-C: the first cancels the statement, the second, when the first is not heeded, ends the program.

use std::process;

use tokio::sync::watch;

use crate::print::notice;

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
    /// Listens from now on. Must be called within the runtime.
    pub(crate) fn listen() -> Self {
        let (state, _) = watch::channel(State::Running);
        let listener = state.clone();
        tokio::spawn(async move {
            loop {
                if let Err(error) = tokio::signal::ctrl_c().await {
                    return notice(format_args!("warning: statements cannot be cancelled by Ctrl-C: {error}"));
                }
                listener.send_modify(|state| match state {
                    State::Idle => {}
                    State::Running => *state = State::Requested,
                    State::Requested => process::exit(EXIT_CODE.into()),
                });
            }
        });
        Self { state }
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
