//! `make bench`: how near cbulk comes to what the server can give, on one node, as ratios within one run.
//!
//! ```text
//! parent   load, files ─ rounds of (raw, ours) pairs ─ medians ─▶ a line a measure, target/bench/end_to_end.json
//! child    one measure in a process of its own, so that its peak memory and CPU time can be told ─▶ a line of JSON
//! ```
//!
//! A *raw* measure does the same work with the driver alone, as fast as we know how; ours does it in SQL. See README.md.
#![allow(
    clippy::cast_possible_truncation,
    clippy::large_futures,
    clippy::naive_bytecount,
    clippy::print_stdout,
    clippy::similar_names,
    reason = "a program that prints its measures; its numbers are small, and its futures few"
)]

mod child;
mod inputs;
mod load;
mod machine;
mod measure;
mod ours;
mod process;
mod raw;
mod report;
mod rows;
mod suite;

use std::error::Error;
use std::process::ExitCode;

use measure::Measure;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The contact point of the node.
const HOST_VARIABLE: &str = "CBULK_BENCH_HOST";
/// The name of its cluster for `scripts/cluster`.
const CLUSTER_VARIABLE: &str = "CBULK_BENCH_CLUSTER";

const USAGE: &str = "usage: make bench [ROWS=n] [ROUNDS=n] [ONLY=measure,…]";

/// What is measured with.
#[derive(Debug, Clone)]
struct Setup {
    host: String,
    cluster: String,
    rows: u64,
    rounds: usize,
    /// The pairs to run, by the name of our measure; empty for all.
    only: Vec<String>,
    /// The measure to run and end, in a child; and how many splits a raw drain makes.
    child: Option<Measure>,
    splits: usize,
}

impl Setup {
    fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set: run `make bench`"));
        let mut setup = Self {
            host: variable(HOST_VARIABLE)?,
            cluster: variable(CLUSTER_VARIABLE)?,
            rows: 2_000_000,
            rounds: 3,
            only: Vec::new(),
            child: None,
            splits: 0,
        };
        let mut arguments = arguments.filter(|argument| argument != "--bench"); // cargo's own
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--rows" => setup.rows = value.parse()?,
                "--rounds" => setup.rounds = value.parse()?,
                "--only" => setup.only = value.split(',').map(str::to_owned).collect(),
                "--child" => setup.child = Some(Measure::named(&value)?),
                "--splits" => setup.splits = value.parse()?,
                _ => return Err(USAGE.into()),
            }
        }
        if setup.rows == 0 || !setup.rows.is_multiple_of(rows::ROWS_A_PARTITION) || setup.rounds == 0 {
            return Err(format!("rows must be a multiple of {}, rounds at least 1", rows::ROWS_A_PARTITION).into());
        }
        Ok(setup)
    }
}

async fn run() -> Result<()> {
    let setup = Setup::read(std::env::args().skip(1))?;
    match setup.child {
        Some(measure) => child::run(&setup, measure).await,
        None => suite::run(&setup).await,
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
