//! Answers to queries, and what is wrong with a pair of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use cbulk::Session;
use futures::TryStreamExt;

use super::query::Check;

/// Longer than any query should take, on a busy machine too.
const PATIENCE: Duration = Duration::from_mins(1);

/// Rows of a finding that are shown.
const SHOWN: usize = 8;

/// What no value looks like.
const NULL: &str = "␀";

/// A null among [`Cells`].
pub(crate) const NULL_CELL: &str = "\"␀\"";

/// The cells of a row as texts in quotes.
pub(crate) type Cells = Vec<String>;

#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Rows {
        types: Vec<String>,
        rows: Vec<Cells>,
    },
    Error {
        /// Whether the query had been planned.
        running: bool,
        message: String,
    },
}

/// The answer of a session; also if it panics or never comes.
pub(crate) async fn answer(session: &Session, sql: &str) -> Answer {
    let task = tokio::spawn({
        let (session, sql) = (session.clone(), sql.to_owned());
        async move { answer_now(&session, &sql).await }
    });
    let stop = task.abort_handle();
    match tokio::time::timeout(PATIENCE, task).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(panic)) => Answer::Error { running: true, message: format!("PANIC: {panic}") },
        Err(_) => {
            stop.abort();
            Answer::Error { running: true, message: format!("NO END within {PATIENCE:?}") }
        }
    }
}

async fn answer_now(session: &Session, sql: &str) -> Answer {
    let error = |running, e: datafusion::error::DataFusionError| Answer::Error { running, message: e.to_string() };
    let statement = match session.parse(sql) {
        Ok(mut statements) => statements.pop_front().unwrap(),
        Err(e) => return error(false, e),
    };
    let query = match session.plan(statement).await {
        Ok(query) => query,
        Err(e) => return error(false, e),
    };
    let batches: Result<Vec<RecordBatch>, _> = match query.execute() {
        Ok(stream) => stream.try_collect().await,
        Err(e) => return error(true, e),
    };
    match batches {
        Ok(batches) => Answer::Rows {
            types: query.schema.fields().iter().map(|field| plain(field.data_type())).collect(),
            rows: batches.iter().flat_map(rows).collect(),
        },
        Err(e) => error(true, e),
    }
}

/// A type without the names and metadata of what is in it.
fn plain(data_type: &DataType) -> String {
    match data_type {
        DataType::List(field) => format!("List<{}>", plain(field.data_type())),
        DataType::Map(field, _) => format!("Map<{}>", plain(field.data_type())),
        DataType::Struct(fields) => fields.iter().map(|field| plain(field.data_type())).collect::<Vec<_>>().join(" & "),
        other => other.to_string(),
    }
}

/// The rows of a batch.
pub(crate) fn rows(batch: &RecordBatch) -> Vec<Cells> {
    let options = FormatOptions::default().with_null(NULL);
    let columns: Vec<ArrayRef> = batch.columns().iter().map(readable).collect();
    let columns: Vec<ArrayFormatter<'_>> =
        columns.iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options).unwrap()).collect();
    let cells = |row| columns.iter().map(|column| format!("{:?}", column.value(row).to_string())).collect();
    (0..batch.num_rows()).map(cells).collect()
}

/// Dates and times as numbers: some of them have no text.
fn readable(column: &ArrayRef) -> ArrayRef {
    let as_number = match column.data_type() {
        DataType::Date32 | DataType::Time32(_) => DataType::Int32,
        DataType::Timestamp(..) | DataType::Time64(_) => DataType::Int64,
        _ => return ArrayRef::clone(column),
    };
    cast(column, &as_number).unwrap()
}

/// What a pair of answers is.
#[derive(Debug)]
pub(crate) enum Verdict {
    Same {
        rows: usize,
    },
    /// Neither knows an answer.
    BothFailed,
    /// One has read fewer rows, and so not the one whose value is an error in an expression of the query.
    OneWasSpared,
    /// The statement has changed what it had to.
    Changed {
        rows: usize,
    },
    /// The statement was refused, and has changed nothing.
    Refused,
    /// So do the answers of two sessions in memory, of which one has the settings of the session at the cluster.
    OfDataFusion(Difference),
    Different(Difference),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Difference {
    Types,
    Rows,
    OnlyCassandraFailed,
    OnlyMemoryFailed,
}

/// Compares; `all` is the answer of the memory without a limit, if the query has one that any rows fulfil.
pub(crate) fn compare(cassandra: &Answer, memory: &Answer, check: &Check, all: Option<&Answer>) -> Verdict {
    use Verdict::{BothFailed, Different, OneWasSpared, Same};
    match (cassandra, memory) {
        (Answer::Error { .. }, Answer::Error { .. }) => BothFailed,
        (Answer::Error { running, .. }, Answer::Rows { .. }) => {
            // The limit was reached before the value that is an error.
            let spared = *running && matches!(all, Some(Answer::Error { running: true, .. }));
            if spared { OneWasSpared } else { Different(Difference::OnlyCassandraFailed) }
        }
        (Answer::Rows { .. }, Answer::Error { running, .. }) => {
            if *running {
                OneWasSpared
            } else {
                Different(Difference::OnlyMemoryFailed)
            }
        }
        (Answer::Rows { types, rows }, Answer::Rows { types: wanted_types, rows: wanted }) => {
            if types != wanted_types {
                return Different(Difference::Types);
            }
            if matches!((check, all), (Check::AmongRowsOf(_), Some(Answer::Error { .. }))) {
                // Neither has come to the value that is an error.
                return OneWasSpared;
            }
            let same = match check {
                Check::Sequence => rows == wanted,
                Check::Rows => count(rows) == count(wanted),
                Check::AmongRowsOf(_) => {
                    let all = if let Some(Answer::Rows { rows, .. }) = all { count(rows) } else { BTreeMap::new() };
                    rows.len() == wanted.len() && count(rows).iter().all(|(row, n)| all.get(row) >= Some(n))
                }
            };
            if same { Same { rows: rows.len() } } else { Different(Difference::Rows) }
        }
    }
}

pub(crate) fn count(rows: &[Cells]) -> BTreeMap<&[String], usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        *counts.entry(row.as_slice()).or_default() += 1;
    }
    counts
}

/// Both answers for a reader, rows that both have left out.
pub(crate) fn show(cassandra: &Answer, memory: &Answer) -> String {
    let mut text = String::new();
    let rows_of = |answer: &Answer| if let Answer::Rows { rows, .. } = answer { rows.clone() } else { Vec::new() };
    let (ours, theirs) = (rows_of(cassandra), rows_of(memory));
    for (name, answer, others) in [("cassandra", cassandra, &theirs), ("memory", memory, &ours)] {
        match answer {
            Answer::Error { running, message } => {
                let when = if *running { "running" } else { "planning" };
                writeln!(text, "{name}: error while {when}: {message}").unwrap();
            }
            Answer::Rows { types, rows } => {
                writeln!(text, "{name}: {} rows of ({})", rows.len(), types.join(", ")).unwrap();
                let mut others = count(others);
                let only: Vec<&Cells> = rows
                    .iter()
                    .filter(|row| match others.get_mut(row.as_slice()) {
                        Some(left) if *left > 0 => {
                            *left -= 1;
                            false
                        }
                        _ => true,
                    })
                    .collect();
                for row in only.iter().take(SHOWN) {
                    writeln!(text, "    only here: {}", row.join(" ")).unwrap();
                }
                if only.is_empty() {
                    writeln!(text, "    in this order: {:?}", &rows[..rows.len().min(SHOWN)]).unwrap();
                }
            }
        }
    }
    text
}
