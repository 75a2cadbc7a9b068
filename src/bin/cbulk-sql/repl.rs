//! The interactive shell: reads lines, keeps the history, survives errors.

use std::fs;
use std::path::PathBuf;

use rustyline::config::{Behavior, Config};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{DefaultEditor, Editor};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::print::notice;
use crate::run::{Shell, Stop};
use crate::script::Splitter;

const PROMPT: &str = "cbulk=> ";
const CONTINUATION: &str = "cbulk-> ";

/// Somebody at a terminal.
pub(crate) struct Repl {
    editor: Editor<(), FileHistory>,
    /// `None`: no history is kept.
    history: Option<PathBuf>,
}

impl Repl {
    /// Opens the terminal. To be called before anybody listens to SIGINT: the line editor sets a handler of its own.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub(crate) fn open(keep_history: bool) -> Result<Self, Failure> {
        // The prompt goes to the terminal itself, so that standard output has results only.
        let config = Config::builder().behavior(Behavior::PreferTerm).auto_add_history(false).build();
        let mut editor = DefaultEditor::with_config(config)
            .map_err(|e| Failure::aborted(format!("the terminal cannot be used: {e}")))?;
        let history = if keep_history { history_file() } else { None };
        if let Some(file) = &history {
            // There is none at the first start.
            let _ = editor.load_history(file);
        }
        Ok(Self { editor, history })
    }

    /// Reads and runs statements until `\q` or Ctrl-D.
    ///
    /// # Errors
    /// The terminal cannot be read.
    pub(crate) fn run(mut self, shell: &mut Shell, front: &Runtime) -> Result<(), Failure> {
        shell.interactive = true;
        shell.interrupt.disarm();
        notice(format_args!("cbulk-sql {} · \\? for help, \\q to leave", env!("CARGO_PKG_VERSION")));

        let mut splitter = Splitter::default();
        let mut typed = String::new();
        loop {
            let prompt = if splitter.is_between() { PROMPT } else { CONTINUATION };
            let line = match self.editor.readline(prompt) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => {
                    splitter = Splitter::default();
                    typed.clear();
                    continue;
                }
                Err(ReadlineError::Eof) => return Ok(()),
                Err(error) => return Err(Failure::aborted(format!("the terminal cannot be read: {error}"))),
            };
            if !typed.is_empty() {
                typed.push('\n');
            }
            typed.push_str(&line);
            // Pasted text may have several lines.
            let pieces: Vec<_> = line.split('\n').flat_map(|line| splitter.push(line)).collect();
            if splitter.is_between() {
                self.remember(typed.trim());
                typed.clear();
                // Positions in errors count from the start of what was typed.
                splitter = Splitter::default();
            }
            for piece in pieces {
                shell.interrupt.arm();
                let result = front.block_on(shell.piece(&piece));
                shell.interrupt.disarm();
                match result {
                    Ok(()) => {}
                    Err(Stop::Failed(failure)) => {
                        notice(failure);
                        break;
                    }
                    Err(Stop::Interrupted) => {
                        notice("cancelled");
                        break;
                    }
                    Err(Stop::Quit | Stop::Closed) => return Ok(()),
                }
            }
        }
    }

    fn remember(&mut self, typed: &str) {
        if typed.is_empty() || !matches!(self.editor.add_history_entry(typed), Ok(true)) {
            return;
        }
        // Appended at once, so that neither a crash nor a second shell loses anything. A history that cannot be written
        // is no reason to disturb.
        if let Some(file) = &self.history {
            let _ = self.editor.append_history(file);
        }
    }
}

/// `$XDG_STATE_HOME/cbulk/history`, by default below `~/.local/state`.
fn history_file() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?.join("cbulk");
    fs::create_dir_all(&folder).ok()?;
    Some(folder.join("history"))
}
