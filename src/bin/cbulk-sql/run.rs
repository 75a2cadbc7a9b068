//! Runs statements, one after the other, for `--command`, `--file` and the interactive shell alike.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use cbulk::Session;
use cbulk::session::Query;
use cbulk::write::outcome::LoadReport;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute;
use datafusion::arrow::datatypes::{DataType, UInt64Type};
use datafusion::sql::parser::Statement as ParsedStatement;
use datafusion::sql::sqlparser::ast;
use futures::StreamExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::args::Args;
use crate::commands::{self, Command};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::loaded;
use crate::print::{Format, PrintError, Printer, notice, printer};
use crate::progress::{self, Progress};
use crate::script::{Piece, Statement};
use crate::source::Source;

/// Time that a cancelled statement gets to tidy up before the program ends.
const GRACE: Duration = Duration::from_secs(5);
/// The same before the prompt comes back; it may go on tidying up then.
const GRACE_AT_PROMPT: Duration = Duration::from_secs(1);
/// Scripts that run scripts that run scripts …
const MAX_INCLUDES: usize = 16;

/// Why nothing more is run.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Failure),
    /// By Ctrl-C.
    Interrupted,
    /// Nobody reads the output any more.
    Closed,
    /// By `\q`.
    Quit,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<PrintError> for Stop {
    fn from(error: PrintError) -> Self {
        match error {
            PrintError::Closed => Self::Closed,
            PrintError::Output(error) => Failure::aborted(format!("cannot write to standard output: {error}")).into(),
            PrintError::Value(error) => Failure::run(&error.into()).into(),
        }
    }
}

/// A session and how its results are shown.
///
/// Statements are planned and run by the workers. The thread that reads, prints and shows the progress has a runtime of
/// its own, since the clock of the workers' runtime stands still while all of them compute.
#[expect(clippy::struct_excessive_bools, reason = "each is switched by itself")]
pub(crate) struct Shell {
    session: Session,
    workers: Handle,
    pub(crate) interrupt: Interrupt,
    /// Somebody types and reads: definitions are answered by `ok`.
    pub(crate) interactive: bool,
    format: Format,
    tuples_only: bool,
    quiet: bool,
    timing: bool,
    progress: bool,
    includes: usize,
    /// Whether a statement has ended without having written all of its rows.
    pub(crate) incomplete: bool,
}

impl Shell {
    pub(crate) fn new(session: Session, workers: Handle, interrupt: Interrupt, args: &Args) -> Self {
        Self {
            session,
            workers,
            interrupt,
            interactive: false,
            format: args.format,
            tuples_only: args.tuples_only,
            quiet: args.quiet,
            timing: args.timing,
            progress: !args.no_progress && !args.quiet && io::stderr().is_terminal(),
            includes: 0,
            incomplete: false,
        }
    }

    /// Sets an option as the statement `SET` does.
    ///
    /// # Errors
    /// An unknown name or a value that cannot be.
    pub(crate) async fn set(&self, name: &str, value: &str) -> Result<(), Failure> {
        let sql = format!("SET {name} = '{}'", value.replace('\'', "''"));
        let refused = |e| Failure::plan(&e).within(format_args!("--set {name}={value}"));
        for statement in self.session.parse(&sql).map_err(refused)? {
            let session = self.session.clone();
            let mut work = JoinSet::new();
            work.spawn_on(async move { session.plan(statement).await.map(drop) }, &self.workers);
            if let Some(planned) = work.join_next().await {
                planned.map_err(|panic| panicked(&panic))?.map_err(refused)?;
            }
        }
        Ok(())
    }

    /// Runs all of a script, up to the first error or `\q`.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(crate) async fn script(&mut self, mut source: Source) -> Result<(), Stop> {
        loop {
            let pieces = tokio::select! {
                biased;
                () = self.interrupt.requested() => return Err(Stop::Interrupted),
                pieces = source.next() => pieces?,
            };
            let Some(pieces) = pieces else { return Ok(()) };
            for piece in pieces {
                match self.piece(&piece).await {
                    Ok(()) => {}
                    // As in psql, it ends this script only.
                    Err(Stop::Quit) => return Ok(()),
                    Err(Stop::Failed(failure)) => return Err(source.locate(failure, &piece).into()),
                    Err(stop) => return Err(stop),
                }
            }
        }
    }

    /// Runs a statement or a command.
    ///
    /// # Errors
    /// See [`Stop`].
    pub(crate) async fn piece(&mut self, piece: &Piece) -> Result<(), Stop> {
        match piece {
            Piece::Statement(statement) => self.statement(statement).await,
            Piece::Command { text, .. } => self.command(Command::parse(text)?).await,
        }
    }

    async fn command(&mut self, command: Command) -> Result<(), Stop> {
        match command {
            Command::ListTables => {
                let sql = "SELECT table_catalog AS catalog, table_schema AS schema, table_name AS \"table\", \
                           table_type AS type FROM information_schema.tables \
                           WHERE table_schema <> 'information_schema' ORDER BY 1, 2, 3";
                self.sql(sql).await
            }
            Command::Describe(table) => self.sql(&format!("DESCRIBE {table}")).await,
            Command::Include(file) => {
                if self.includes == MAX_INCLUDES {
                    let message =
                        format!("\\i {file}: scripts run one another {MAX_INCLUDES} deep, perhaps in a circle");
                    return Err(Failure::usage(message).into());
                }
                let source = Source::file(file.as_ref())?;
                self.includes += 1;
                let result = Box::pin(self.script(source)).await;
                self.includes -= 1;
                result
            }
            Command::Format(format) => {
                self.format = format;
                Ok(())
            }
            Command::Timing(on) => {
                self.timing = on.unwrap_or(!self.timing);
                notice(if self.timing { "timing is on" } else { "timing is off" });
                Ok(())
            }
            Command::Help => {
                notice(commands::HELP);
                Ok(())
            }
            Command::Quit => Err(Stop::Quit),
        }
    }

    async fn statement(&mut self, statement: &Statement) -> Result<(), Stop> {
        self.sql(&statement.text).await.map_err(|stop| match stop {
            Stop::Failed(failure) => Stop::Failed(failure.in_statement(statement)),
            other => other,
        })
    }

    async fn sql(&mut self, sql: &str) -> Result<(), Stop> {
        for statement in self.session.parse(sql).map_err(|e| Failure::plan(&e))? {
            let started = Instant::now();
            self.run(statement, started).await?;
            if self.timing {
                notice(format_args!("time: {}", seconds(started.elapsed())));
            }
        }
        Ok(())
    }

    async fn run(&mut self, statement: ParsedStatement, started: Instant) -> Result<(), Stop> {
        let done = past_participle(&statement);
        let query = self.plan(statement).await?;
        for warning in query.warnings() {
            notice(format_args!("warning: {warning}"));
        }
        let mut shown = if query.writes {
            Shown::Written { rows: 0 }
        } else if query.schema.fields().is_empty() {
            Shown::Nothing
        } else {
            let printer = printer(self.format, !self.tuples_only, query.schema.clone());
            Shown::Rows { printer, out: BufWriter::with_capacity(1 << 16, io::stdout()), rows: 0 }
        };
        self.drive(&query, &mut shown).await?;
        let say = !self.quiet && !self.tuples_only;
        let report = LoadReport::of(&query.plan);
        match shown {
            Shown::Nothing if self.interactive && say => notice("ok"),
            Shown::Rows { rows, .. } if say => notice(format_args!("({})", count(rows))),
            Shown::Written { rows } if say && !report.as_ref().is_some_and(|report| report.dry_run) => {
                notice(format_args!("{done} {} in {}", count(rows), seconds(started.elapsed())));
            }
            _ => {}
        }
        self.incomplete |= report.is_some_and(|report| loaded::tell(&report, say));
        Ok(())
    }

    async fn plan(&self, statement: ParsedStatement) -> Result<Arc<Query>, Stop> {
        let session = self.session.clone();
        let mut work = JoinSet::new();
        work.spawn_on(async move { session.plan(statement).await }, &self.workers);
        tokio::select! {
            biased;
            () = self.interrupt.requested() => {
                self.end(work).await;
                Err(Stop::Interrupted)
            }
            planned = work.join_next() => match planned {
                Some(Ok(Ok(query))) => Ok(Arc::new(query)),
                Some(Ok(Err(error))) => Err(Failure::plan(&error).into()),
                Some(Err(panic)) => Err(panicked(&panic).into()),
                None => Err(Stop::Interrupted),
            },
        }
    }

    /// Lets the statement run, and shows its result and its progress meanwhile.
    async fn drive(&self, query: &Arc<Query>, shown: &mut Shown) -> Result<(), Stop> {
        let mut progress = self.progress.then(Progress::start);
        let (sender, mut batches) = mpsc::channel(1);
        let mut work = JoinSet::new();
        let running = Arc::clone(query);
        work.spawn_on(
            async move {
                let mut stream = running.execute()?;
                while let Some(batch) = stream.next().await {
                    if sender.send(batch?).await.is_err() {
                        break;
                    }
                }
                Ok(())
            },
            &self.workers,
        );
        let mut tick = interval(progress::INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let result = loop {
            let batch = tokio::select! {
                biased;
                () = self.interrupt.requested() => break Err(Stop::Interrupted),
                _ = tick.tick(), if progress.is_some() => {
                    if let Some(progress) = &progress {
                        progress.update(query.plan.as_ref());
                    }
                    continue;
                }
                batch = batches.recv() => batch,
            };
            let Some(batch) = batch else { break Ok(()) };
            if shown.is_on_terminal() {
                progress = None;
            }
            if let Err(stop) = shown.batch(&batch) {
                break Err(stop);
            }
        };
        drop(progress);
        drop(batches);
        // Whatever the end, the work is over before the next line is printed.
        if let Err(stop) = result {
            self.end(work).await;
            return Err(stop);
        }
        match work.join_next().await {
            Some(Ok(Err(error))) => Err(Failure::run(&error).into()),
            Some(Err(panic)) => Err(panicked(&panic).into()),
            _ => shown.finish(),
        }
    }

    /// Cancels what a statement has begun, and gives it time to tidy up.
    async fn end<T: 'static>(&self, mut work: JoinSet<T>) {
        let grace = if self.interactive { GRACE_AT_PROMPT } else { GRACE };
        if timeout(grace, work.shutdown()).await.is_err() && !self.interactive {
            notice("warning: the statement has been told to end, but has not ended yet");
        }
    }
}

fn panicked(panic: &JoinError) -> Failure {
    Failure::aborted(format!("a bug ended the statement: {panic}")).with_hint("please report it with the statement")
}

/// What is shown of a result.
enum Shown {
    /// Nothing: the statement has no result.
    Nothing,
    /// Its rows.
    Rows { printer: Box<dyn Printer>, out: BufWriter<io::Stdout>, rows: u64 },
    /// The number of rows written, which is what the result consists of.
    Written { rows: u64 },
}

impl Shown {
    fn batch(&mut self, batch: &RecordBatch) -> Result<(), Stop> {
        match self {
            Self::Nothing => {}
            Self::Rows { printer, out, rows } => {
                *rows += batch.num_rows() as u64;
                printer.batch(batch, out)?;
                out.flush().map_err(PrintError::from)?;
            }
            Self::Written { rows } => {
                if let Some(counts) = batch.columns().first() {
                    let counts = compute::cast(counts, &DataType::UInt64).map_err(PrintError::from)?;
                    *rows += counts.as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> Result<(), Stop> {
        if let Self::Rows { printer, out, .. } = self {
            printer.finish(out)?;
            out.flush().map_err(PrintError::from)?;
        }
        Ok(())
    }

    /// Whether rows appear where the progress bar is.
    fn is_on_terminal(&self) -> bool {
        matches!(self, Self::Rows { out, .. } if out.get_ref().is_terminal())
    }
}

/// What a statement that writes has done with its rows.
fn past_participle(statement: &ParsedStatement) -> &'static str {
    match statement {
        ParsedStatement::CopyTo(_) => "copied",
        ParsedStatement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Insert(_) | ast::Statement::CreateTable(_) => "inserted",
            ast::Statement::Update { .. } => "updated",
            ast::Statement::Delete(_) => "deleted",
            _ => "wrote",
        },
        _ => "wrote",
    }
}

fn count(rows: u64) -> String {
    if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") }
}

fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 1.0 { format!("{seconds:.3} s") } else { format!("{seconds:.1} s") }
}
