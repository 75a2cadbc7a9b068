//! Our measures: SQL through the library, with its defaults.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cbulk::scan::exec::CassandraScanExec;
use cbulk::{ClusterOptions, Session, SessionBuilder};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::datasource::MemTable;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::Result;
use crate::inputs;
use crate::measure::{Measure, Order, join_keys};
use crate::rows::{self, KEYSPACE, READ_TABLE, ROWS_A_PARTITION, WRITE_TABLE};

/// Rows of a batch of the source of an INSERT: what DataFusion's own sources give.
pub(crate) const SOURCE_BATCH_ROWS: u64 = 8_192;

/// A statement and a session to run it in.
pub(crate) struct Statement {
    session: Session,
    sql: String,
    result: ResultRows,
    output: Option<Output>,
}

/// What tells how many rows a statement has dealt with.
#[derive(Clone, Copy)]
enum ResultRows {
    /// They are the result.
    Themselves,
    /// The result is their number.
    Number,
}

/// Where rows went, to be counted there again.
enum Output {
    Csv(PathBuf),
    Parquet(PathBuf),
    Iceberg(String),
}

impl Statement {
    /// Connects, and makes what the statement needs beforehand; `folder` is empty and takes what it writes.
    pub(crate) async fn prepare(host: &str, measure: Measure, rows: u64, folder: &Path) -> Result<Self> {
        let session = match measure {
            Measure::LoadFile(_) => connect(host, &inputs::folder()).await?,
            _ => connect(host, folder).await?,
        };
        let all = format!("SELECT * FROM cassandra.{KEYSPACE}.{READ_TABLE}");
        let (sql, result, output) = match measure {
            Measure::Scan => (all, ResultRows::Themselves, None),
            Measure::Count => {
                (format!("SELECT count(*) FROM cassandra.{KEYSPACE}.{READ_TABLE}"), ResultRows::Number, None)
            }
            Measure::JoinByScan | Measure::JoinByKeys => {
                let (keys, file) = (join_keys(rows), folder.join("keys.parquet"));
                // Spread over all of them.
                let step = rows / ROWS_A_PARTITION / keys.max(1);
                let numbers =
                    format!("SELECT value * {step} AS device FROM generate_series(0, {})", keys.saturating_sub(1));
                let way = if measure == Measure::JoinByKeys { "auto" } else { "off" };
                for sql in [
                    format!("COPY ({numbers}) TO '{}'", file.display()),
                    format!("CREATE EXTERNAL TABLE keys STORED AS PARQUET LOCATION '{}'", file.display()),
                    format!("SET cassandra.lookup_join = {way}"),
                ] {
                    run(&session, &sql, ResultRows::Number).await?;
                }
                let join =
                    format!("SELECT t.* FROM keys JOIN cassandra.{KEYSPACE}.{READ_TABLE} t ON t.device = keys.device");
                (join, ResultRows::Themselves, None)
            }
            Measure::Csv => {
                let file = folder.join("export.csv");
                (format!("COPY ({all}) TO '{}'", file.display()), ResultRows::Number, Some(Output::Csv(file)))
            }
            Measure::Parquet => {
                let file = folder.join("export.parquet");
                (format!("COPY ({all}) TO '{}'", file.display()), ResultRows::Number, Some(Output::Parquet(file)))
            }
            Measure::Iceberg => {
                let table = "iceberg.bench.export".to_owned();
                (format!("CREATE TABLE {table} AS {all}"), ResultRows::Number, Some(Output::Iceberg(table)))
            }
            Measure::Insert => {
                session.context().register_table("source", Arc::new(source(&session, rows)?))?;
                let sql = format!("INSERT INTO cassandra.{KEYSPACE}.{WRITE_TABLE} SELECT * FROM source");
                (sql, ResultRows::Number, None)
            }
            Measure::LoadFile(input) => {
                let from = inputs::open(&session, input).await?;
                let sort = input.order == Order::Shuffled;
                execute(&session, &format!("SET cassandra.sort_by_token = {sort}")).await?;
                (
                    format!("INSERT INTO cassandra.{KEYSPACE}.{WRITE_TABLE} SELECT * FROM {from}"),
                    ResultRows::Number,
                    None,
                )
            }
            raw => return Err(format!("{} is not a statement", raw.name()).into()),
        };
        // As raw statements are prepared: what the first plan of a process costs is no part of a rate. Planning CREATE TABLE
        // makes the table.
        if measure != Measure::Iceberg {
            plan(&session, &sql).await?;
        }
        Ok(Self { session, sql, result, output })
    }

    /// Plans and runs the statement; returns the number of rows it says it has dealt with.
    pub(crate) async fn run(&self) -> Result<u64> {
        run(&self.session, &self.sql, self.result).await
    }

    /// The rows of the output, counted by other means, where there is one.
    pub(crate) async fn rows_of_output(&self) -> Result<Option<u64>> {
        Ok(Some(match &self.output {
            None => return Ok(None),
            Some(Output::Csv(file)) => lines(file)?.saturating_sub(1),
            Some(Output::Parquet(file)) => parquet_rows(file)?,
            Some(Output::Iceberg(table)) => {
                run(&self.session, &format!("SELECT count(*) FROM {table}"), ResultRows::Number).await?
            }
        }))
    }
}

async fn connect(host: &str, folder: &Path) -> Result<Session> {
    let builder = SessionBuilder::default().with_cluster(ClusterOptions::new([host]));
    let session = builder.with_iceberg_folder(folder.join("iceberg")).build()?;
    session.cluster().connect().await?;
    Ok(session)
}

/// How many splits a scan of the whole table makes.
pub(crate) async fn scan_splits(host: &str) -> Result<usize> {
    fn splits(plan: &dyn ExecutionPlan) -> usize {
        let scan = plan.as_any().downcast_ref::<CassandraScanExec>();
        let own = scan.map_or(0, |scan| scan.partitions().iter().map(Vec::len).sum());
        own + plan.children().iter().map(|child| splits(child.as_ref())).sum::<usize>()
    }
    let session = connect(host, Path::new("unused")).await?;
    let query = plan(&session, &format!("SELECT * FROM cassandra.{KEYSPACE}.{READ_TABLE}")).await?;
    match splits(query.plan.as_ref()) {
        0 => Err("the plan of a scan has no splits".into()),
        splits => Ok(splits),
    }
}

async fn plan(session: &Session, sql: &str) -> Result<cbulk::session::Query> {
    let statement = session.parse(sql)?.pop_front().ok_or("no statement")?;
    Ok(session.plan(statement).await?)
}

/// Runs a statement that gives the number of rows it has dealt with, or nothing.
pub(crate) async fn execute(session: &Session, sql: &str) -> Result<u64> {
    run(session, sql, ResultRows::Number).await
}

async fn run(session: &Session, sql: &str, result: ResultRows) -> Result<u64> {
    let mut batches = plan(session, sql).await?.execute()?;
    let mut rows = 0;
    while let Some(batch) = batches.try_next().await? {
        rows += match result {
            ResultRows::Themselves => batch.num_rows() as u64,
            ResultRows::Number if batch.num_rows() == 0 => 0,
            ResultRows::Number => match batch.column(0).as_primitive_opt::<UInt64Type>() {
                Some(numbers) => numbers.value(0),
                None => u64::try_from(batch.column(0).as_primitive::<Int64Type>().value(0))?,
            },
        };
    }
    Ok(rows)
}

/// The rows as batches in memory, dealt out to as many partitions as DataFusion would read a file with.
fn source(session: &Session, rows: u64) -> Result<MemTable> {
    let schema = rows::schema();
    let mut partitions = vec![Vec::new(); session.context().copied_config().target_partitions()];
    let starts = (0..rows).step_by(SOURCE_BATCH_ROWS as usize);
    for (start, partition) in starts.zip((0..partitions.len()).cycle()) {
        let batch = rows::batch(&schema, start..rows.min(start + SOURCE_BATCH_ROWS))?;
        partitions[partition].push(batch);
    }
    Ok(MemTable::try_new(schema, partitions)?)
}

fn lines(file: &Path) -> Result<u64> {
    let mut reader = BufReader::new(File::open(file)?);
    let (mut buffer, mut lines) = (vec![0; 1 << 16], 0);
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(lines),
            read => lines += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64,
        }
    }
}

fn parquet_rows(file: &Path) -> Result<u64> {
    let reader = SerializedFileReader::new(File::open(file)?)?;
    Ok(u64::try_from(reader.metadata().file_metadata().num_rows())?)
}
