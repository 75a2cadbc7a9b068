//! `cbulk-sql`: SQL on Apache Cassandra from a terminal or a script.
//!
//! ```text
//! args ─ main ─┬─ source ─ script ─┬─ run ─┬─ print     results on standard output
//!              └─ repl ────────────┘       ├─ progress  on standard error
//!                                          └─ failure   on standard error, and the exit code
//! ```

mod args;
mod commands;
mod failure;
mod interrupt;
mod loaded;
mod password;
mod print;
mod progress;
mod repl;
mod run;
mod script;
mod source;

use std::io::{self, IsTerminal};
use std::process::ExitCode;

use cbulk::{ClusterOptions, Session, SessionBuilder};
use tokio::runtime::{Builder, Runtime};

use crate::args::{Args, Input};
use crate::failure::{Failure, ROWS_REJECTED};
use crate::interrupt::Interrupt;
use crate::print::notice;
use crate::repl::Repl;
use crate::run::{Shell, Stop};
use crate::source::Source;

fn main() -> ExitCode {
    let args = Args::read();
    match start(&args) {
        Ok(End::Complete) | Err(Stop::Quit | Stop::Closed) => ExitCode::SUCCESS,
        Ok(End::RowsRejected) => ROWS_REJECTED.into(),
        Err(Stop::Failed(failure)) => {
            notice(&failure);
            failure.code.into()
        }
        Err(Stop::Interrupted) => {
            notice("cancelled");
            interrupt::EXIT_CODE.into()
        }
    }
}

/// How the program has ended, if nothing stopped it.
enum End {
    Complete,
    RowsRejected,
}

fn start(args: &Args) -> Result<End, Stop> {
    // Whatever can be refused is refused before anything runs.
    let sources = sources(&args.inputs)?;
    let session = session(args)?;
    let no_threads = |e: io::Error| Failure::aborted(format!("cannot start threads: {e}"));
    let workers = Runtime::new().map_err(no_threads)?;
    let front = Builder::new_current_thread().enable_all().build().map_err(no_threads)?;
    let interactive = args.inputs.is_empty() && io::stdin().is_terminal();
    let repl = if interactive { Some(Repl::open(!args.no_history)?) } else { None };
    let interrupt = Interrupt::listen().map_err(no_threads)?;
    let mut shell = Shell::new(session, workers.handle().clone(), interrupt, args);
    let result = run(args, sources, repl, &mut shell, &front);
    // Nobody waits for a thread that still reads standard input.
    front.shutdown_background();
    workers.shutdown_background();
    result?;
    Ok(if shell.incomplete && !interactive { End::RowsRejected } else { End::Complete })
}

fn run(args: &Args, sources: Vec<Source>, repl: Option<Repl>, shell: &mut Shell, front: &Runtime) -> Result<(), Stop> {
    front.block_on(async {
        for (name, value) in &args.set {
            shell.set(name, value).await?;
        }
        for source in sources {
            shell.script(source).await?;
        }
        Ok::<_, Stop>(())
    })?;
    if let Some(repl) = repl {
        repl.run(shell, front)?;
    }
    Ok(())
}

/// What is to be run without anybody at a terminal.
fn sources(inputs: &[Input]) -> Result<Vec<Source>, Failure> {
    if inputs.is_empty() && !io::stdin().is_terminal() {
        return Ok(vec![Source::stdin()]);
    }
    let single = inputs.len() == 1;
    let source = |input: &Input| match input {
        Input::Command(sql) => Ok(Source::command(sql.clone(), single)),
        Input::File(path) => Source::file(path),
    };
    inputs.iter().map(source).collect()
}

fn session(args: &Args) -> Result<Session, Failure> {
    let mut cluster = ClusterOptions::default();
    if !args.host.is_empty() {
        cluster.contact_points.clone_from(&args.host);
    }
    cluster.local_dc.clone_from(&args.local_dc);
    cluster.user.clone_from(&args.user);
    cluster.password = password::find(args)?;
    if let Some(compression) = args.compression {
        cluster.compression = compression;
    }
    if let Some(connections) = args.connections {
        cluster.connections_per_node = connections;
    }
    let mut builder = SessionBuilder::default();
    // Where nobody speaks of a cluster there need not be one.
    if cluster != ClusterOptions::default() || !args.host.is_empty() {
        builder = builder.with_cluster(cluster);
    }
    if let Some(folder) = &args.iceberg_folder {
        builder = builder.with_iceberg_folder(folder);
    }
    builder.build().map_err(|e| Failure::plan(&e))
}
