//! Writes the rows of one stream, and accounts for each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::SendableRecordBatchStream;
use futures::{TryStreamExt, stream};

use super::WriteRecipe;
use super::ahead::read_ahead;
use super::batch::{GroupLimit, PartitionKeys, SourceBatch, StatementGroup, statement_groups};
use super::form::Form;
use super::load::Load;
use super::metrics::WriteMetrics;
use super::outcome::RejectedClass;
use super::rejected_file::{Rejected, check_format};
use super::sender::{Failed, Sender, Sent};
use super::times::Statements;
use crate::cluster::route::token_of_key;
use crate::cluster::schema::ColumnKind;
use crate::codec::far_time::value_text;
use crate::codec::shown::shown;
use crate::error::{Error, ErrorKind, Result};
use crate::options::ExistingRows;

/// Everything that writes one stream.
pub(super) struct WritePartition {
    recipe: Arc<WriteRecipe>,
    load: Arc<Load>,
    sender: Sender,
    metrics: WriteMetrics,
    limit: GroupLimit,
    /// The number of this stream, and how many there are.
    stream: usize,
    streams: usize,
}

/// How many rows a group or a stream has had of each end.
#[derive(Debug, Default, Clone, Copy)]
struct Ends {
    written: usize,
    not_applied: usize,
    rejected: usize,
    unknown: usize,
}

impl Ends {
    fn add(&mut self, other: Self) {
        self.written += other.written;
        self.not_applied += other.not_applied;
        self.rejected += other.rejected;
        self.unknown += other.unknown;
    }

    fn sum(self) -> usize {
        self.written + self.not_applied + self.rejected + self.unknown
    }
}

impl WritePartition {
    /// Connects and prepares.
    pub(super) async fn start(
        recipe: Arc<WriteRecipe>,
        load: Arc<Load>,
        metrics: WriteMetrics,
        stream: usize,
        streams: usize,
    ) -> Result<Self> {
        let sender = Sender::start(&recipe, &load, &metrics).await?;
        let limit = GroupLimit::new(&recipe);
        Ok(Self { recipe, load, sender, metrics, limit, stream, streams })
    }

    /// Writes all rows; returns how many have been written, all of them acknowledged.
    pub(super) async fn write(self: Arc<Self>, input: SendableRecordBatchStream) -> DataFusionResult<u64> {
        if self.recipe.keeps_rejected() {
            let rows = input.schema().project(&self.recipe.input_columns)?;
            check_format(self.recipe.options.rejected_format, &rows)?;
        }
        let ends = self.write_groups(input).await;
        let closed = self.load.unwritten().close(self.stream);
        let ends = ends?;
        closed?;
        self.load.stream_has_ended(self.streams, &self.recipe.options)?;
        let read = self.metrics.rows_read.value();
        if ends.sum() != read {
            return Err(
                Error::internal(format!("{read} rows were read, but these ends add up to others: {ends:?}")).into()
            );
        }
        Ok(if self.recipe.options.dry_run { 0 } else { ends.written as u64 })
    }

    async fn write_groups(self: &Arc<Self>, input: SendableRecordBatchStream) -> DataFusionResult<Ends> {
        let this = Arc::clone(self);
        let groups = read_ahead(input, move |batch| Ok(this.groups_of(&batch)?))
            .map_ok(|(refused, groups)| {
                let refused = (refused > 0).then_some(Ok(Work::Refused(refused)));
                stream::iter(refused.into_iter().chain(groups.into_iter().map(|group| Ok(Work::Group(group)))))
            })
            .try_flatten();
        groups
            .map_ok(|work| async move {
                match work {
                    Work::Refused(rows) => Ok(Ends { rejected: rows, ..Ends::default() }),
                    Work::Group(group) => self.send(group).await.map_err(DataFusionError::from),
                }
            })
            .try_buffer_unordered(self.sender.most_in_flight())
            .try_fold(Ends::default(), |mut sum, ends| async move {
                sum.add(ends);
                Ok(sum)
            })
            .await
    }

    /// The statement groups of a batch, every row checked before the first is sent, and how many rows have been rejected.
    fn groups_of(&self, batch: &RecordBatch) -> Result<(usize, Vec<StatementGroup>)> {
        let columns =
            batch.project(&self.recipe.input_columns).map_err(|e| Error::internal("input columns").with_source(e))?;
        let rows = columns.num_rows();
        let (values, misfits) = self.recipe.form.rows(&columns)?;
        let Statements { batch, row_of, refused, timed } = match &self.recipe.times {
            Some(times) => times.statements(&values)?,
            None => Statements::of_rows(values.clone()),
        };
        let unread: BTreeSet<usize> = misfits.iter().map(|(row, _)| *row).collect();
        let mut refused: BTreeMap<usize, Error> = misfits.into_iter().chain(refused).rev().collect();
        let bound = self.recipe.encoder.bind(&batch)?;
        let bound = match &row_of {
            Some(row_of) => bound.numbered(row_of),
            None => bound,
        };
        let source = Arc::new(SourceBatch::new(columns, values, bound, row_of));
        let bound = &source.bound;
        self.metrics.rows_read.add(rows);
        self.load.has_read(rows);
        let (mut keys, mut good, mut bad) = (PartitionKeys::default(), Vec::with_capacity(rows), Vec::new());
        let mut last = None;
        for row in 0..rows {
            let statements = source.statements(row);
            let checked = match refused.remove(&row) {
                Some(error) => Err(error),
                None => {
                    self.check(&source.values, row).and_then(|()| statements.clone().try_for_each(|s| bound.check(s)))
                }
            };
            let keyed = checked.and_then(|()| keys.push(|buffer| bound.partition_key(statements.start, buffer)));
            match keyed.map_err(|error| self.told(error, &source, row, unread.contains(&row))) {
                Ok(()) => good.push(row),
                Err(error) if self.recipe.keeps_rejected() && error.kind() == ErrorKind::Data => {
                    bad.push(Rejected { row, because: error.to_string(), class: RejectedClass::Data, attempts: 0 });
                    last = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(last) = &last {
            self.keep(&source, &bad, last)?;
        }
        // A row all of whose statements bring their own times may share a group with any other.
        let is_timed = |statement: usize| timed.get(statement).copied().unwrap_or_default();
        let hash = |&row: &usize| match source.statements(row) {
            mut all if all.clone().all(is_timed) => Ok(all.next().unwrap_or_default() as u64),
            all => bound.clustering_hash(all.start),
        };
        let hashes = good.iter().map(hash).collect::<Result<Vec<u64>>>()?;
        let groups = statement_groups(&keys, self.limit, token_of_key, |i| hashes[i], |i| source.row_bytes(good[i]));
        let groups = groups.into_iter().map(|(token, rows)| (token, rows.into_iter().map(|i| good[i]).collect()));
        Ok((bad.len(), groups.map(|(token, rows)| StatementGroup::new(&source, token, rows)).collect()))
    }

    /// The error of a row with its table and what people find it by: its number counts within a batch only. `unread`: what came
    /// has not become values of the columns.
    #[cold]
    fn told(&self, error: Error, source: &SourceBatch, row: usize, unread: bool) -> Error {
        let error = error.with_context("table", self.recipe.table.name.to_string());
        let (name, shown) = match (&self.recipe.form, source.columns.columns().first()) {
            (Form::Json(_), Some(json)) if unread => ("json", shown_value(json, row).unwrap_or_default()),
            _ => ("key", self.key(source, row, ColumnKind::is_key)),
        };
        if shown.is_empty() { error } else { error.with_context(name, shown) }
    }

    /// What the statement does not do, though the values can be bound.
    fn check(&self, values: &RecordBatch, row: usize) -> Result<()> {
        if !self.recipe.change.needs_values() {
            return Ok(());
        }
        let mut values = self.recipe.columns.iter().zip(values.columns()).filter(|(column, _)| !column.kind.is_key());
        if values.any(|(_, array)| !array.is_null(row)) {
            return Ok(());
        }
        Err(Error::data(
            "there is nothing to append: all columns but those of the key are null, and so no row would be made",
        )
        .with_context("row", (row + 1).to_string()))
    }

    /// Sends a group. If the server refuses it, its halves are sent, until those rows are found that it does not take.
    async fn send(&self, group: StatementGroup) -> Result<Ends> {
        let mut ends = Ends::default();
        let mut todo = vec![group];
        while let Some(group) = todo.pop() {
            let rows = group.rows.len();
            match self.sender.send(&group).await {
                Ok(Sent::Written) => {
                    if self.recipe.options.dry_run {
                        let first = group.rows.first().copied().unwrap_or_default();
                        let key = self.key(&group.source, first, |kind| kind == ColumnKind::PartitionKey);
                        self.load.hot().add(key, rows, group.bytes);
                    } else {
                        self.metrics.rows_written.add(rows);
                    }
                    self.metrics.groups.add(1);
                    self.metrics.statements.add(group.statements().len());
                    self.metrics.bytes.add(group.bytes);
                    ends.written += rows;
                }
                Ok(Sent::NotApplied) if self.recipe.options.existing_rows == ExistingRows::Reject => {
                    let error = Error::data("there is a row of this key already")
                        .with_context("table", self.recipe.table.name.to_string());
                    ends.add(self.reject(&group, error, RejectedClass::Exists, 1)?);
                }
                Ok(Sent::NotApplied) => {
                    self.metrics.rows_not_applied.add(rows);
                    ends.not_applied += rows;
                }
                Err(Failed { class: Some(RejectedClass::Refused), .. }) if rows > 1 => todo.extend(group.halves()),
                Err(Failed { class: Some(class), error, attempts }) => {
                    ends.add(self.reject(&group, error, class, attempts)?);
                }
                Err(Failed { class: None, error, .. }) => return Err(error),
            }
        }
        Ok(ends)
    }

    /// Keeps the rows of a group.
    ///
    /// # Errors
    /// There are too many of them, or they cannot be kept.
    fn reject(&self, group: &StatementGroup, error: Error, class: RejectedClass, attempts: usize) -> Result<Ends> {
        let rows = group.rows.len();
        let error = match group.rows.first() {
            Some(&row) if rows == 1 => error.with_context("key", self.key(&group.source, row, ColumnKind::is_key)),
            _ => error,
        };
        if !self.recipe.keeps_rejected() {
            return Err(error);
        }
        let because = error.to_string();
        let one = |&row: &usize| Rejected { row, because: because.clone(), class, attempts };
        let rejected: Vec<Rejected> = group.rows.iter().map(one).collect();
        self.keep(&group.source, &rejected, &error)?;
        Ok(match class {
            RejectedClass::Unknown => Ends { unknown: rows, ..Ends::default() },
            _ => Ends { rejected: rows, ..Ends::default() },
        })
    }

    /// Writes rows to the file of rejected ones and counts them.
    fn keep(&self, source: &SourceBatch, rejected: &[Rejected], last: &Error) -> Result<()> {
        let mut unwritten = self.load.unwritten();
        unwritten.keep(&self.recipe, self.stream, &source.columns, rejected, last)?;
        // They are in a file now; and whoever is told that there are too many finds these among them.
        let unknown = rejected.iter().filter(|one| one.class == RejectedClass::Unknown).count();
        self.metrics.rows_unknown.add(unknown);
        self.metrics.rows_rejected.add(rejected.len() - unknown);
        unwritten.check(&self.recipe.options, self.load.read(), false)
    }

    /// The values of a row's columns of some kinds, for people; of those that are null nothing, or what a cast has failed for.
    fn key(&self, source: &SourceBatch, row: usize, is_told: impl Fn(ColumnKind) -> bool) -> String {
        let came = |index: usize| match self.recipe.form {
            Form::Columns(_) => source.columns.columns().get(index).and_then(|array| shown_value(array, row)),
            Form::Json(_) => None,
        };
        let columns = self.recipe.columns.iter().zip(source.values.columns()).enumerate();
        let told = columns.filter(|(_, (column, _))| is_told(column.kind)).filter_map(|(index, (column, array))| {
            let value = shown_value(array, row).or_else(|| came(index))?;
            Some(format!("{} = {value}", column.name))
        });
        told.collect::<Vec<_>>().join(", ")
    }
}

/// A load that is cancelled keeps the rows that it has rejected.
impl Drop for WritePartition {
    fn drop(&mut self) {
        // There is nobody left to tell; the statement has failed anyway, or the file is closed.
        let _ = self.load.unwritten().close(self.stream);
    }
}

/// A value that is not null, as it is shown.
fn shown_value(array: &dyn Array, row: usize) -> Option<String> {
    let text = value_text(array, row).or_else(|| array.is_valid(row).then(|| "?".to_owned()))?;
    Some(shown(&text))
}

/// What is to be done about rows of a batch.
enum Work {
    /// So many have been rejected.
    Refused(usize),
    Group(StatementGroup),
}
