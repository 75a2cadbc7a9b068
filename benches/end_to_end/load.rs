//! Makes the tables and fills the one that is read.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::measure::Measure;
use crate::rows::{self, KEYSPACE, READ_TABLE, WRITE_TABLE};
use crate::{Result, Setup, child, raw};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Loads the table through the raw writer, then compacts it: one file on disk, and estimates that know it.
pub(crate) async fn load(setup: &Setup) -> Result<()> {
    let session = raw::connect(&setup.host).await?;
    let run = async |cql: String| session.query_unpaged(cql.as_str(), ()).await.map_err(|e| format!("{cql}: {e}"));
    run(format!("DROP KEYSPACE IF EXISTS {KEYSPACE}")).await?;
    run(format!(
        "CREATE KEYSPACE {KEYSPACE} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': 1}}"
    ))
    .await?;
    run(rows::create_table(READ_TABLE)).await?;
    run(rows::create_table(WRITE_TABLE)).await?;
    child::spawn(setup, Measure::Load, 0)?;
    nodetool(setup, &["flush", KEYSPACE])?;
    nodetool(setup, &["compact", KEYSPACE, READ_TABLE])?;
    nodetool(setup, &["refreshsizeestimates"])
}

/// Empties the table that is written.
pub(crate) async fn truncate(setup: &Setup) -> Result<()> {
    let session = raw::connect(&setup.host).await?;
    session.query_unpaged(format!("TRUNCATE {KEYSPACE}.{WRITE_TABLE}"), ()).await?;
    Ok(())
}

fn nodetool(setup: &Setup, arguments: &[&str]) -> Result<()> {
    let mut command = Command::new(root().join("scripts/cluster"));
    command.args(["nodetool", "--name", &setup.cluster]).args(arguments);
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("nodetool {} failed: {}", arguments.join(" "), said.trim()).into())
}

/// The process of the server, if it is one of `scripts/cluster`.
pub(crate) fn server_process(cluster: &str) -> Option<String> {
    let file: PathBuf = root().join("target/cluster").join(cluster).join("node1/pid");
    let text = std::fs::read_to_string(file).ok()?;
    text.split_ascii_whitespace().next().map(str::to_owned)
}
