//! A process that does one measure and prints a [`Sample`] as a line of JSON; and the parent's side of it.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::measure::Measure;
use crate::ours::Statement;
use crate::rows::{READ_TABLE, WRITE_TABLE};
use crate::{Result, Setup, inputs, load, machine, process, raw};

/// What one run of a measure has shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) rows: u64,
    /// From the statement to its end, without connecting and preparing.
    pub(crate) seconds: f64,
    /// The peak of resident memory, in bytes: of the process, and of the time measured beyond what was there before.
    pub(crate) peak_memory: u64,
    pub(crate) added_memory: u64,
    /// CPU time in the time measured, in seconds: of this process, and of the server if it is ours.
    pub(crate) client_cpu: f64,
    pub(crate) server_cpu: Option<f64>,
}

impl Sample {
    /// Rows a second.
    pub(crate) fn rate(&self) -> f64 {
        self.rows as f64 / self.seconds
    }

    pub(crate) fn to_json(self) -> Value {
        json!({
            "rows": self.rows,
            "seconds": self.seconds,
            "peak_memory_bytes": self.peak_memory,
            "added_memory_bytes": self.added_memory,
            "client_cpu_seconds": self.client_cpu,
            "server_cpu_seconds": self.server_cpu,
        })
    }

    fn from_json(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            rows: value["rows"].as_u64()?,
            seconds: value["seconds"].as_f64()?,
            peak_memory: value["peak_memory_bytes"].as_u64()?,
            added_memory: value["added_memory_bytes"].as_u64()?,
            client_cpu: value["client_cpu_seconds"].as_f64()?,
            server_cpu: value["server_cpu_seconds"].as_f64(),
        })
    }

    async fn of(setup: &Setup, work: impl Future<Output = Result<u64>>) -> Result<Self> {
        let server = load::server_process(&setup.cluster);
        let server_cpu = || server.as_deref().map(process::cpu_seconds).transpose();
        let before = process::resident_memory()?;
        let peak_before = process::peak_memory()?;
        process::forget_peak()?;
        let (client, served, clock) = (process::cpu_seconds("self")?, server_cpu()?, Instant::now());
        let rows = work.await?;
        let seconds = clock.elapsed().as_secs_f64();
        let peak = process::peak_memory()?;
        Ok(Self {
            rows,
            seconds,
            peak_memory: peak.max(peak_before),
            added_memory: peak.saturating_sub(before),
            client_cpu: process::cpu_seconds("self")? - client,
            server_cpu: server_cpu()?.zip(served).map(|(after, before)| after - before),
        })
    }
}

/// Does the measure in this process.
pub(crate) async fn run(setup: &Setup, measure: Measure) -> Result<()> {
    let (host, rows) = (setup.host.as_str(), setup.rows);
    let sample = match measure {
        Measure::RawDrain { in_flight } => {
            let drain = raw::Drain::prepare(host, READ_TABLE, setup.splits, in_flight).await?;
            Sample::of(setup, drain.run()).await?
        }
        Measure::RawCount { splits, in_flight } => {
            let splits = NonZeroUsize::new(splits).ok_or("a count has no splits")?;
            let count = raw::Count::prepare(host, READ_TABLE, splits, in_flight).await?;
            Sample::of(setup, count.run()).await?
        }
        Measure::Load => {
            let write = raw::Write::prepare(host, READ_TABLE, rows).await?;
            Sample::of(setup, write.run()).await?
        }
        Measure::Inputs => Sample::of(setup, inputs::make(rows)).await?,
        Measure::RawWrite => {
            let write = raw::Write::prepare(host, WRITE_TABLE, rows).await?;
            Sample::of(setup, write.run()).await?
        }
        _ => in_sql(setup, measure).await?,
    };
    check(measure, "dealt with", sample.rows, measure.rows(rows))?;
    if measure.writes_to_cassandra() {
        let splits = NonZeroUsize::MIN.saturating_add(15);
        let there = raw::Count::prepare(host, WRITE_TABLE, splits, 2).await?.run().await?;
        check(measure, "left in the table", there, rows)?;
    }
    println!("{}", sample.to_json());
    Ok(())
}

async fn in_sql(setup: &Setup, measure: Measure) -> Result<Sample> {
    let folder = Folder::make(&machine::output_folder().join("work"))?;
    let statement = Statement::prepare(&setup.host, measure, setup.rows, &folder.0).await?;
    let sample = Sample::of(setup, statement.run()).await?;
    if let Some(there) = statement.rows_of_output().await? {
        check(measure, "left in its output", there, setup.rows)?;
    }
    Ok(sample)
}

fn check(measure: Measure, what: &str, rows: u64, expected: u64) -> Result<()> {
    if rows == expected {
        return Ok(());
    }
    Err(format!("{} has {what} {rows} rows instead of {expected}", measure.name()).into())
}

/// A folder that is made empty and goes when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn make(path: &Path) -> Result<Self> {
        if path.exists() {
            fs::remove_dir_all(path)?;
        }
        fs::create_dir_all(path)?;
        Ok(Self(path.to_path_buf()))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("{} stays: {error}", self.0.display());
        }
    }
}

/// Does the measure in a child.
pub(crate) fn spawn(setup: &Setup, measure: Measure, splits: usize) -> Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .args(["--child", measure.name()])
        .args(["--rows", &setup.rows.to_string()])
        .args(["--splits", &splits.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("{} has failed, see above", measure.name()).into());
    }
    let sample = Sample::from_json(&String::from_utf8(output.stdout)?);
    let sample = sample.ok_or_else(|| format!("{} has printed something else than a sample", measure.name()))?;
    let server = sample.server_cpu.map_or(String::new(), |cpu| format!(", server {cpu:.1} s"));
    eprintln!(
        "  {:<22}{:>8.2} s {:>9.0} rows/s   CPU: client {:.1} s{server}   memory: peak {:.0} MB, added {:.0} MB",
        measure.name(),
        sample.seconds,
        sample.rate(),
        sample.client_cpu,
        sample.peak_memory as f64 / 1e6,
        sample.added_memory as f64 / 1e6,
    );
    Ok(sample)
}
