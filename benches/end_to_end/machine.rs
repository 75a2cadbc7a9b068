//! Where and with what was measured.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::{Result, Setup, raw};

const LOCK_FILE: &str = include_str!("../../Cargo.lock");

/// The folder `bench` in cargo's target folder.
pub(crate) fn output_folder() -> PathBuf {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"));
    scratch.parent().unwrap_or(scratch).join("bench")
}

/// The processor, its cores, the memory, and how busy it all is.
pub(crate) fn machine() -> Result<Value> {
    let field = |file: &str, name: &str| -> Result<String> {
        let text = fs::read_to_string(file)?;
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        Ok(line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned())
    };
    let memory: u64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches("kB").trim().parse()?;
    Ok(json!({
        "cpu": field("/proc/cpuinfo", "model name")?,
        "cores": std::thread::available_parallelism()?.get(),
        "memory_bytes": memory * 1024,
        "load_average_before": fs::read_to_string("/proc/loadavg")?.split(' ').next(),
    }))
}

/// Versions of all that takes part.
pub(crate) async fn versions(setup: &Setup) -> Result<Value> {
    let session = raw::connect(&setup.host).await?;
    let answer = session.query_unpaged("SELECT release_version FROM system.local", ()).await?;
    let (cassandra,) = answer.into_rows_result()?.single_row::<(String,)>()?;
    let rustc = Command::new("rustc").arg("--version").output()?;
    Ok(json!({
        "cassandra": cassandra,
        "cbulk": env!("CARGO_PKG_VERSION"),
        "rustc": String::from_utf8_lossy(&rustc.stdout).trim(),
        "scylla": locked_version("scylla"),
        "datafusion": locked_version("datafusion"),
    }))
}

fn locked_version(package: &str) -> Option<&'static str> {
    let name = format!("name = \"{package}\"\nversion = \"");
    LOCK_FILE.split_once(&name).and_then(|(_, rest)| rest.split('"').next())
}
