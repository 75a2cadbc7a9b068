//! Plans, as EXPLAIN shows them, without a cluster: `offline/*.slt` are read as a documentation of what the server is asked,
//! and checked here. The same queries run on a real cluster in `tests/cassandra/golden.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so a test fails")]

mod file;
mod shop;

use std::fmt::Write as _;
use std::path::Path;

use cbulk::Session;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::plan_err;
use datafusion::error::Result;
use file::{File, Kind};
use futures::TryStreamExt;

/// With this variable, what the statements give today is written into the files: look at the difference before it is kept.
const UPDATE: &str = "CBULK_SLT_UPDATE";

/// What a statement gives, line by line: of EXPLAIN the lines of the plan.
async fn run(session: &Session, sql: &str) -> Result<Vec<String>> {
    let statement = session.parse(sql)?.pop_front().unwrap();
    let batches: Vec<RecordBatch> = session.plan(statement).await?.execute()?.try_collect().await?;
    let is_plan = sql.starts_with("EXPLAIN");
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in &batches {
        if is_plan && batch.column(0).as_string::<i32>().iter().flatten().any(|kind| kind != "physical_plan") {
            // EXPLAIN of what cannot be planned gives the error among plans.
            return plan_err!("{}", pretty_format_batches(&batches)?);
        }
        let columns = if is_plan { &batch.columns()[1..] } else { batch.columns() };
        let columns = columns.iter().map(|column| Ok(ArrayFormatter::try_new(column.as_ref(), &options)?));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        for row in 0..batch.num_rows() {
            let row = columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(" ");
            lines.extend(row.lines().map(str::to_owned));
        }
    }
    Ok(lines)
}

#[tokio::test]
async fn plans_are_as_they_are_written() {
    let files = File::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt/offline"));
    let records: usize = files.iter().map(|file| file.records.len()).sum();
    assert!(files.len() >= 8 && records >= 80, "{records} records in {} files", files.len());
    let update = std::env::var_os(UPDATE).is_some();
    let mut wrong = String::new();
    for file in &files {
        let session = shop::offline();
        let mut all = Vec::new();
        for record in &file.records {
            let (kind, given) = match run(&session, &record.sql).await {
                Ok(_) if record.kind == Kind::Ok => (Kind::Ok, Vec::new()),
                Ok(lines) => (Kind::Rows, lines),
                Err(error) => (Kind::Error, error.strip_backtrace().lines().map(str::to_owned).collect()),
            };
            if kind != record.kind {
                writeln!(wrong, "{}: {}: {kind:?}\n{}", file.place(record), record.sql, given.join("\n")).unwrap();
            } else if !update && given != file.expected(record) {
                let (expected, given) = (file.expected(record).join("\n"), given.join("\n"));
                writeln!(
                    wrong,
                    "{}: {}\n--- expected\n{expected}\n--- given\n{given}\n",
                    file.place(record),
                    record.sql
                )
                .unwrap();
            }
            all.push(given);
        }
        if update && wrong.is_empty() {
            file.write(&all);
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}\n{UPDATE}=1 writes what is given into the files");
}
