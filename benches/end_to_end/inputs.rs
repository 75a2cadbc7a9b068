//! The files that loads read, made once before anything is measured: all rows by their keys, and the same ones shuffled.

use std::path::PathBuf;
use std::sync::Arc;

use cbulk::{Session, SessionBuilder};
use datafusion::datasource::MemTable;

use crate::child::Folder;
use crate::measure::{Format, Input, Order};
use crate::ours::{SOURCE_BATCH_ROWS, execute};
use crate::{Result, machine, rows};

/// Where the files are while the benchmark runs; below it the catalog of the Iceberg tables.
pub(crate) fn folder() -> PathBuf {
    machine::output_folder().join("inputs")
}

/// Their folder, empty; it goes when this is dropped.
pub(crate) fn make_folder() -> Result<Folder> {
    Folder::make(&folder())
}

impl Order {
    fn word(self) -> &'static str {
        match self {
            Self::Ordered => "ordered",
            Self::Shuffled => "shuffled",
        }
    }
}

/// Makes all files; returns the rows of each.
pub(crate) async fn make(rows: u64) -> Result<u64> {
    // One partition, or the rows would be dealt out and come back in another order.
    let builder = SessionBuilder::default().with_iceberg_folder(folder().join("iceberg"));
    let session = builder.with_setting("datafusion.execution.target_partitions", "1")?.build()?;
    for order in [Order::Ordered, Order::Shuffled] {
        let name = order.word();
        session.context().register_table(name, Arc::new(source(rows, order)?))?;
        for sql in [
            format!("COPY (SELECT * FROM {name}) TO '{}'", file(name, "csv")),
            format!("COPY (SELECT * FROM {name}) TO '{}'", file(name, "parquet")),
            format!("CREATE TABLE iceberg.bench.{name} AS SELECT * FROM {name}"),
        ] {
            let written = execute(&session, &sql).await?;
            if written != rows {
                return Err(format!("{sql}: {written} rows instead of {rows}").into());
            }
        }
        // Before the other ones are made.
        session.context().deregister_table(name)?;
    }
    Ok(rows)
}

fn file(name: &str, extension: &str) -> String {
    folder().join(name).with_extension(extension).display().to_string()
}

fn source(rows: u64, order: Order) -> Result<MemTable> {
    let schema = rows::schema();
    let numbers = match order {
        Order::Ordered => (0..rows).collect(),
        Order::Shuffled => rows::shuffled(rows),
    };
    let batches = numbers.chunks(SOURCE_BATCH_ROWS as usize).map(|some| rows::batch(&schema, some.iter().copied()));
    Ok(MemTable::try_new(schema.clone(), vec![batches.collect::<Result<_>>()?])?)
}

/// Makes one known to a session whose catalog of Iceberg tables is in [`folder`]; returns its name there.
pub(crate) async fn open(session: &Session, input: Input) -> Result<String> {
    let name = input.order.word();
    let stored = match input.format {
        Format::Iceberg => return Ok(format!("iceberg.bench.{name}")),
        Format::Csv => format!("STORED AS CSV LOCATION '{}' OPTIONS ('format.has_header' 'true')", file(name, "csv")),
        Format::Parquet => format!("STORED AS PARQUET LOCATION '{}'", file(name, "parquet")),
    };
    execute(session, &format!("CREATE EXTERNAL TABLE input {stored}")).await?;
    Ok("input".to_owned())
}
