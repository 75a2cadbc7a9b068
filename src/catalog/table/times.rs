//! Where the times of what INSERT writes come from, other than options.
//!
//! Two ways. The table `t$times` has behind the columns of `t` the times of their cells, as the server computes them: reading it
//! is a scan like any other, and what is written to it is written with these times. And an external table can have a column
//! for the time to live, or the time, of the rows that are inserted.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::{Column as ColumnExpr, Literal};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};

use super::CassandraTable;
use crate::catalog::functions::{CellTime, has_many_cells};
use crate::cluster::schema::{Column, ColumnKind, CqlType, TableSchema};
use crate::error::{Error, Result};
use crate::options::{CassandraOptions, WriteNulls};
use crate::write::Change;
use crate::write::times::{RowTimes, TimedColumn, TimesLayout};

/// What the name of a table with the times of its cells ends with.
pub(super) const TIMES: &str = "$times";

/// The option of an external table that names the column with the time to live of each row.
pub(in crate::catalog) const TTL_COLUMN: &str = "ttl_column";

/// The option of an external table that names the column with the write time of each row.
pub(in crate::catalog) const TIMESTAMP_COLUMN: &str = "timestamp_column";

/// Where INSERT takes times from, other than options.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum InsertTimes {
    /// From nowhere.
    #[default]
    None,
    /// Each cell has its own, in the computed columns behind the table's.
    OfCells,
    /// Each row has its own, in these columns of the definition. Those that are computed are none of the table's: they are
    /// there for INSERT alone, and null for everybody else.
    OfRows { ttl: Option<usize>, timestamp: Option<usize> },
}

impl CassandraTable {
    /// The same table with the times of its cells behind its columns. Without `has_element_times`, the cluster knows those of
    /// single cells only.
    ///
    /// # Errors
    /// Its times cannot be written.
    pub(super) fn with_cell_times(self, has_element_times: bool) -> Result<Self> {
        let (table, times) = (&self.table, TIMES);
        if let Some(counter) = self.table.counter() {
            return Err(Error::config(format!(
                "there is no {}{times}: {} is a counter, whose times cannot be kept; read {} itself",
                table.name, counter.name, table.name
            )));
        }
        let mut computed = Vec::new();
        for column in table.columns.iter().filter(|column| !column.kind.is_key()) {
            if !has_many_cells(&column.cql_type) || has_element_times {
                computed.extend(write_time_of(column));
                computed.push(CellTime::Ttl.column(column));
            }
        }
        Ok(Self { insert_times: InsertTimes::OfCells, ..self.with_computed(computed) })
    }

    /// Whether it is a table `t$times`.
    pub(crate) fn has_cell_times(&self) -> bool {
        self.insert_times == InsertTimes::OfCells
    }

    /// The same table, whose INSERT takes the time to live and the time of each row from the columns of these names. A name
    /// that the table does not have becomes a column behind its own, for INSERT alone.
    ///
    /// # Errors
    /// A column cannot hold such a time, or the table has no such times.
    pub(in crate::catalog) fn with_row_times(self, ttl: Option<&str>, timestamp: Option<&str>) -> Result<Self> {
        if ttl.is_none() && timestamp.is_none() {
            return Ok(self);
        }
        let name = self.table.name.to_string();
        let failed = |why: &str| Err(Error::config(format!("{TTL_COLUMN} and {TIMESTAMP_COLUMN}: {why}")));
        if self.insert_times != InsertTimes::None {
            return failed(&format!("{name}{TIMES} has columns for the times of its cells already"));
        }
        if self.table.counter().is_some() {
            return failed(&format!("{name} has counters, which have neither"));
        }
        if ttl == timestamp {
            return failed("one column cannot be both");
        }
        let mut definition = self.table.as_ref().clone();
        let mut place = |option: &str, name: Option<&str>, types: &[CqlType]| {
            let Some(name) = name else { return Ok(None) };
            let Some(index) = definition.columns.iter().position(|column| column.name == name) else {
                let column = Column { name: name.to_owned(), cql_type: CqlType::BigInt, kind: ColumnKind::Computed };
                definition.columns.push(column);
                return Ok(Some(definition.columns.len() - 1));
            };
            let column = &definition.columns[index];
            if types.contains(&column.cql_type) {
                return Ok(Some(index));
            }
            let types = types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            Err(Error::config(format!("{option}: column {name} is of type {}, not of {types}", column.cql_type)))
        };
        let integers = [CqlType::Int, CqlType::BigInt, CqlType::SmallInt, CqlType::TinyInt];
        let insert_times = InsertTimes::OfRows {
            ttl: place(TTL_COLUMN, ttl, &integers)?,
            timestamp: place(TIMESTAMP_COLUMN, timestamp, &[CqlType::BigInt, CqlType::Timestamp])?,
        };
        Ok(Self { insert_times, ..self }.with_definition(definition))
    }

    /// The same table with columns behind its own.
    pub(super) fn with_definition(self, definition: TableSchema) -> Self {
        let mut fields: Vec<_> = self.read_as.schema(&definition.columns).fields().iter().cloned().collect();
        if let InsertTimes::OfRows { ttl, timestamp } = self.insert_times {
            // A time of any unit, or a number of microseconds, is cast to this one and stays the same time.
            let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
            for (index, data_type) in [(ttl, DataType::Int64), (timestamp, time)] {
                if let Some(index) = index.filter(|&index| definition.columns[index].kind == ColumnKind::Computed) {
                    fields[index] = Arc::new(Field::new(&definition.columns[index].name, data_type, true));
                }
            }
        }
        Self { table: Arc::new(definition), schema: Arc::new(Schema::new(fields)), ..self }
    }

    /// Whether a column is there for INSERT alone.
    pub(super) fn is_insert_only(&self, index: usize) -> bool {
        let InsertTimes::OfRows { ttl, timestamp } = self.insert_times else { return false };
        [ttl, timestamp].contains(&Some(index)) && self.table.columns[index].kind == ColumnKind::Computed
    }

    /// These columns, `scan` giving those that are not for INSERT alone, in order.
    pub(super) fn with_nulls(
        &self,
        scan: Arc<dyn ExecutionPlan>,
        columns: &[usize],
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let mut read = 0;
        let column = |&index: &usize| {
            let field = self.schema.field(index);
            if self.is_insert_only(index) {
                let null = ScalarValue::try_from(field.data_type())?;
                return Ok(ProjectionExpr::new(Arc::new(Literal::new(null)), field.name()));
            }
            read += 1;
            Ok(ProjectionExpr::new(Arc::new(ColumnExpr::new(field.name(), read - 1)), field.name()))
        };
        let columns = columns.iter().map(column).collect::<DataFusionResult<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }

    /// How an INSERT of these columns takes times from them; none if it does not.
    ///
    /// # Errors
    /// The options ask for what then cannot be done.
    pub(super) fn times_layout(
        &self,
        change: Change,
        inserted: &[usize],
        options: &CassandraOptions,
    ) -> Result<Option<TimesLayout>> {
        let place_of = |index: usize| inserted.iter().position(|&other| other == index);
        let place_of_column = |column: &Column| place_of(self.table.columns.iter().position(|c| c == column)?);
        let kept = |&(_, index): &(usize, &usize)| self.table.columns[*index].kind != ColumnKind::Computed;
        let column = |(place, &index): (usize, &usize)| {
            let column = &self.table.columns[index];
            let times = (self.has_cell_times() && !column.kind.is_key()).then(|| {
                let write_time = write_time_of(column);
                (write_time.as_ref().and_then(place_of_column), place_of_column(&CellTime::Ttl.column(column)))
            });
            let (timestamp, ttl) = times.unwrap_or_default();
            TimedColumn { place, kind: column.kind, timestamp, ttl }
        };
        let columns: Vec<TimedColumn> = inserted.iter().enumerate().filter(kept).map(column).collect();
        let used: Vec<usize> = columns.iter().flat_map(|c| [c.timestamp, c.ttl]).flatten().collect();
        if self.has_cell_times()
            && let Some((_, &unused)) = inserted.iter().enumerate().find(|&it| !kept(&it) && !used.contains(&it.0))
        {
            return Err(Error::config(format!(
                "the statement gives {}, but not the column that it is of: add that, or leave it out",
                self.table.columns[unused].name
            ))
            .with_context("table", self.table.name.to_string()));
        }
        let layout = match self.insert_times {
            InsertTimes::None => None,
            InsertTimes::OfCells => TimesLayout::of_cells(columns, options),
            InsertTimes::OfRows { ttl, timestamp } => {
                let row = RowTimes { ttl: ttl.and_then(place_of), timestamp: timestamp.and_then(place_of) };
                TimesLayout::of_rows(columns, row, options)
            }
        };
        self.check_times(change, layout.is_some(), options)?;
        if change == Change::Insert {
            self.check_lists(inserted, options)?;
        }
        Ok(layout)
    }

    /// Whether what is asked for goes together with times that come with the rows.
    ///
    /// # Errors
    /// It does not.
    fn check_times(&self, change: Change, has_times: bool, options: &CassandraOptions) -> Result<()> {
        let clash = match change {
            _ if !has_times => return Ok(()),
            Change::Insert if self.has_cell_times() && options.write_nulls == WriteNulls::Tombstone => {
                "cassandra.write_nulls = 'tombstone': a row takes several statements, and each would delete what the others write"
            }
            Change::Insert => return Ok(()),
            Change::InsertNew => "cassandra.existing_rows",
            _ => "cassandra.write_collections = 'append'",
        };
        let message = format!("times that come with the rows do not go together with {clash}; leave one out");
        Err(Error::config(message).with_context("table", self.table.name.to_string()))
    }

    /// Whether lists among these columns, if there are any, are replaced when a request is repeated.
    ///
    /// # Errors
    /// They are written with a time that is given, and so would be there twice.
    fn check_lists(&self, inserted: &[usize], options: &CassandraOptions) -> Result<()> {
        let given = match self.insert_times {
            InsertTimes::OfRows { timestamp: Some(index), .. } if inserted.contains(&index) => TIMESTAMP_COLUMN,
            _ if options.write_timestamp_us.is_some() => "write_timestamp_us",
            _ => return Ok(()),
        };
        let Some(list) = inserted.iter().map(|&index| &self.table.columns[index]).find(|column| is_list(column)) else {
            return Ok(());
        };
        Err(Error::config(format!(
            "column {} is a list, whose elements would be there twice if a request was repeated with the time that {given} \
             gives: insert lists by a statement of their own, without it",
            list.name
        ))
        .with_context("table", self.table.name.to_string()))
    }
}

/// The computed column with the write time of another one, the latest of all its cells.
///
/// None of lists. Their elements have no keys of their own: written again with the same time, as a repeated request does, they
/// are there twice.
fn write_time_of(column: &Column) -> Option<Column> {
    let of = if has_many_cells(&column.cql_type) { CellTime::MaxWriteTime } else { CellTime::WriteTime };
    (!is_list(column)).then(|| of.column(column))
}

/// Whether it is a list of the table's whose elements are cells.
fn is_list(column: &Column) -> bool {
    column.kind != ColumnKind::Computed && matches!(column.cql_type, CqlType::List(_))
}
