//! Arrow batches to the bound values of statements.
//!
//! [`RowEncoder`] decides once for each column how its values are written; [`RowEncoder::bind`] looks at a batch once;
//! [`BoundBatch::row`] is then a light value that the driver writes into its request. Every value is written exactly or
//! refused with an error that names it: nothing is rounded, cut or wrapped. Null is sent as *unset*, which leaves the cell
//! as it is and makes no tombstone, unless [`RowEncoder::with_nulls`] says otherwise.
//!
//! What is accepted for a column, besides the type that reading gives (the table in [`super`]):
//!
//! | CQL | Arrow |
//! |---|---|
//! | tinyint … bigint, counter | every integer type, values checked |
//! | varint | every integer type, Decimal of scale 0, text |
//! | decimal | every integer type, Decimal of any width, text |
//! | float, double | every floating-point type, values checked |
//! | ascii, text | Utf8, `LargeUtf8`, `Utf8View` |
//! | blob | Binary, `LargeBinary`, `BinaryView`, `FixedSizeBinary`, and text as CQL writes it, `0xcafe` |
//! | uuid, timeuuid, inet | text, and bytes of the right length |
//! | date | Date32, Date64 |
//! | time | Time32, Time64 of any unit |
//! | timestamp | Timestamp of any unit and time zone; without a time zone it counts as UTC |
//! | duration | Interval and Duration of any unit |
//!
//! | list, set | List in any of Arrow's layouts, with elements that bind |
//! | vector | the same, with as many elements as the vector has |
//! | map | Map, and lists of structs with the fields `key` and `value` |
//! | tuple | Struct with as many fields, whatever their names |
//! | user-defined type | Struct, by the names of its fields; fields that do not come are null |
//!
//! and dictionaries of all these, also inside others. A column of type Null writes nothing. Null elements, keys and values
//! are refused, since Cassandra keeps none; null fields are written. Values of Java classes cannot be written: the driver
//! does not know how to bind them.

mod exact;
mod plan;
mod refusal;
mod row;
mod size;
mod values;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use scylla::serialize::writers::RowWriter;

use super::key_bytes::{KeyBytes, MAX_KEY_BYTES};
use super::place::describe;
use crate::cluster::limits::RequestLimit;
use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::error::{Error, Result};
use exact::{Fault, Misfit, Reason};
use plan::Plan;
use refusal::plan;
pub use row::BoundRow;
use values::Values;

/// The bytes of a cell's length.
const LENGTH_BYTES: usize = 4;

/// Writes batches of one schema as rows of one list of columns.
#[derive(Debug, Clone)]
pub struct RowEncoder {
    recipe: Arc<Recipe>,
    writes_nulls: bool,
    limit: Option<RequestLimit>,
}

/// What is decided for all batches.
#[derive(Debug)]
struct Recipe {
    columns: Vec<Column>,
    plans: Vec<Plan>,
    /// Where the columns of the partition key stand.
    partition_key: Vec<usize>,
}

impl RowEncoder {
    /// Column `i` of `input` is written to `columns[i]`, whatever its name. The columns of the partition key must stand
    /// among `columns` in the order they have in the key.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for the columns that cannot be written from what comes in.
    pub fn try_new(columns: &[Column], input: &Schema) -> Result<Self> {
        Self::try_columns(columns, input).map_err(|refusals| Error::all("these columns cannot be written", refusals))
    }

    /// As [`Self::try_new`], with an error for each column that cannot be written.
    ///
    /// # Errors
    /// As [`Self::try_new`].
    pub fn try_columns(columns: &[Column], input: &Schema) -> Result<Self, Vec<Error>> {
        if columns.len() != input.fields().len() {
            let message = format!("{} columns are to be written, but {} come", columns.len(), input.fields().len());
            return Err(vec![Error::schema(message)]);
        }
        let mut refusals = Vec::new();
        let plans = columns.iter().zip(input.fields()).filter_map(|(column, field)| {
            let plan = plan(column, field.data_type());
            plan.map_err(|refusal| refusals.push(refusal)).ok()
        });
        let plans: Vec<Plan> = plans.collect();
        if !refusals.is_empty() {
            return Err(refusals);
        }
        let is_key = |(index, column): (usize, &Column)| (column.kind == ColumnKind::PartitionKey).then_some(index);
        let partition_key = columns.iter().enumerate().filter_map(is_key).collect();
        let recipe = Arc::new(Recipe { columns: columns.to_vec(), plans, partition_key });
        Ok(Self { recipe, writes_nulls: false, limit: None })
    }

    /// Sends null as null, which deletes what the cell has held and leaves a tombstone.
    #[must_use]
    pub fn with_nulls(self) -> Self {
        Self { writes_nulls: true, ..self }
    }

    /// Lets [`BoundBatch::check`] refuse rows that no request could hold.
    #[must_use]
    pub(crate) fn with_limit(self, limit: Option<RequestLimit>) -> Self {
        Self { limit, ..self }
    }

    /// Makes a batch ready to be written row by row.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if the batch is not of the schema the encoder was made for.
    pub fn bind(&self, batch: &RecordBatch) -> Result<BoundBatch> {
        let recipe = Arc::clone(&self.recipe);
        if batch.num_columns() != recipe.plans.len() {
            return Err(Error::internal("a batch has another number of columns than was planned"));
        }
        let values = recipe.plans.iter().zip(batch.columns()).map(|(plan, array)| Values::new(plan, array));
        let values: Vec<Values> = values
            .collect::<Result<_, _>>()
            .map_err(|e| Error::internal("a batch is not of the schema that was planned").with_source(e))?;
        let may_fail = |index: &usize| {
            let values: &Values = &values[*index];
            let is_key = recipe.columns[*index].kind.is_key();
            values.is_fallible() || (is_key && (values.is_variable() || values.has_nulls()))
        };
        let fallible = (0..values.len()).filter(may_fail).collect();
        // A part of a nested value may be larger in a request than in memory, other values are not.
        let memory = batch.get_array_memory_size();
        let may_exceed = |limit: &RequestLimit| memory > limit.bytes || recipe.plans.iter().any(Plan::is_nested);
        let limit = self.limit.filter(may_exceed);
        let (rows, writes_nulls) = (batch.num_rows(), self.writes_nulls);
        Ok(BoundBatch { recipe, values, fallible, rows, numbers: None, writes_nulls, limit })
    }
}

/// A batch whose rows can be sent. It shares the batch's memory.
#[derive(Debug)]
pub struct BoundBatch {
    recipe: Arc<Recipe>,
    values: Vec<Values>,
    /// The columns that [`BoundBatch::check`] has to look at.
    fallible: Vec<usize>,
    rows: usize,
    /// For messages, what rows are counted as, from 0.
    numbers: Option<Vec<usize>>,
    writes_nulls: bool,
    /// Of a row's values together, if one may exceed it.
    limit: Option<RequestLimit>,
}

impl BoundBatch {
    /// Errors name the row of this number, counted from 0, instead of the batch's own.
    #[must_use]
    pub(crate) fn numbered(self, numbers: &[usize]) -> Self {
        Self { numbers: Some(numbers.to_vec()), ..self }
    }

    /// A row as errors name it.
    fn number(&self, row: usize) -> usize {
        self.numbers.as_ref().and_then(|numbers| numbers.get(row)).copied().unwrap_or(row) + 1
    }

    /// The number of rows.
    pub fn num_rows(&self) -> usize {
        self.rows
    }

    /// The values of one row, for the driver.
    pub fn row(&self, row: usize) -> BoundRow<'_> {
        BoundRow::new(self, row)
    }

    /// Checks that every value of a row can be written, that each column of the primary key has one, and that a request can hold
    /// all of them.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) naming column, value and the row of this batch, counted from 1.
    pub fn check(&self, row: usize) -> Result<()> {
        self.check_row(row)?;
        for &index in &self.fallible {
            if self.cell(index, row, |_| ())?.is_none() && self.recipe.columns[index].kind.is_key() {
                return Err(null_key(&self.recipe.columns[index], self.number(row)));
            }
        }
        self.check_size(row)
    }

    /// Writes the row's cells in the order of the columns. After an error, what was written is not to be sent.
    ///
    /// # Errors
    /// As [`BoundBatch::check`].
    pub fn encode_row(&self, row: usize, writer: &mut RowWriter<'_>) -> Result<()> {
        self.check_row(row)?;
        for index in 0..self.values.len() {
            let cell = writer.make_cell_writer();
            if self.values[index].is_null(row) {
                // Of the times of a statement, null is none; only unset says that.
                if self.writes_nulls && self.recipe.columns[index].kind != ColumnKind::Computed {
                    cell.set_null();
                } else {
                    cell.set_unset();
                }
                continue;
            }
            if let Some(Err(_)) = self.cell(index, row, |bytes| cell.set_value(bytes).map(drop))? {
                return Err(self.bad_value(index, row, Fault("it is 2 GiB or larger").into()));
            }
        }
        Ok(())
    }

    /// The bytes of one cell, or `None` if it is null.
    ///
    /// # Errors
    /// As [`BoundBatch::check`].
    pub fn value(&self, column: usize, row: usize) -> Result<Option<Vec<u8>>> {
        self.check_row(row)?;
        self.cell(column, row, <[u8]>::to_vec)
    }

    /// Appends the row's partition key in one piece, as it is hashed to its token.
    ///
    /// # Errors
    /// As [`BoundBatch::check`], and if one of the columns is null or all together are too long.
    pub fn partition_key(&self, row: usize, key: &mut Vec<u8>) -> Result<()> {
        self.check_row(row)?;
        let mut key = KeyBytes::new(key, self.recipe.partition_key.len());
        for &index in &self.recipe.partition_key {
            let pushed = self.cell(index, row, |cell| key.push(cell))?;
            let pushed = pushed.ok_or_else(|| null_key(&self.recipe.columns[index], self.number(row)))?;
            pushed.map_err(|_| self.bad_value(index, row, LONG_PARTITION_KEY.into()))?;
        }
        Ok(())
    }

    /// A number that rows of equal clustering columns share, and others most likely not; the same for all rows if the
    /// table has none. Columns do not count where Cassandra may take values of different bytes for the same.
    ///
    /// # Errors
    /// As [`BoundBatch::check`].
    pub fn clustering_hash(&self, row: usize) -> Result<u64> {
        self.check_row(row)?;
        let mut hasher = DefaultHasher::new();
        for (index, column) in self.recipe.columns.iter().enumerate() {
            let is_float = matches!(column.cql_type, CqlType::Float | CqlType::Double);
            if matches!(column.kind, ColumnKind::Clustering { .. })
                && (is_float || !column.cql_type.contains(has_aliases))
            {
                // Of a float, all that is no NaN has only one form.
                self.cell(index, row, |cell| Some(cell).filter(|cell| !is_float || !is_nan(cell)).hash(&mut hasher))?;
            }
        }
        Ok(hasher.finish())
    }

    /// Gives `take` the cell of a column; `None` if it is null.
    #[inline]
    fn cell<R>(&self, index: usize, row: usize, take: impl FnOnce(&[u8]) -> R) -> Result<Option<R>> {
        let values = &self.values[index];
        if values.is_null(row) {
            return Ok(None);
        }
        let taken = if self.recipe.columns[index].kind.is_key() {
            let checked = values.cell(row, |cell| self.check_key(index, cell).map(|()| take(cell)));
            checked.and_then(|checked| checked.map_err(Misfit::from))
        } else {
            values.cell(row, take)
        };
        taken.map(Some).map_err(|misfit| self.bad_value(index, row, misfit))
    }

    /// Cassandra's limits for what identifies a row.
    #[inline]
    fn check_key(&self, index: usize, cell: &[u8]) -> Result<(), Fault> {
        match cell.len() {
            0 if self.recipe.partition_key == [index] => Err(Fault("a partition key must not be empty")),
            0..=MAX_KEY_BYTES => Ok(()),
            _ => Err(LONG_KEY),
        }
    }

    fn check_row(&self, row: usize) -> Result<()> {
        if row < self.rows {
            return Ok(());
        }
        Err(Error::internal(format!("row {row} is asked for of a batch of {} rows", self.rows)))
    }

    #[cold]
    fn bad_value(&self, index: usize, row: usize, misfit: Misfit) -> Error {
        let column = &self.recipe.columns[index];
        let Reason { why, part } = misfit.reason();
        let (value, cql_type) = (self.values[index].shown(row), &column.cql_type);
        let message = match part {
            None => format!("cannot write {value:?} as {cql_type}: {why}"),
            Some(part) => {
                let (place, inner) = describe(cql_type, &part.steps);
                format!("cannot write {value:?} as {cql_type}: {place}, {:?} as {inner}: {why}", part.shown)
            }
        };
        Error::data(message).with_context("column", &column.name).with_context("row", self.number(row).to_string())
    }
}

/// Whether Cassandra takes values of different bytes for the same key: elements in another order, 1.0 and 1.00, or NaNs.
fn has_aliases(cql_type: &CqlType) -> bool {
    use CqlType::{Decimal, Double, Float, Map, Set};
    matches!(cql_type, Set(_) | Map(..) | Decimal | Float | Double)
}

/// Whether the bytes of a float or double are those of one of many NaNs.
fn is_nan(bytes: &[u8]) -> bool {
    let float = bytes.try_into().is_ok_and(|bytes| f32::from_be_bytes(bytes).is_nan());
    float || bytes.try_into().is_ok_and(|bytes| f64::from_be_bytes(bytes).is_nan())
}

const LONG_KEY: Fault = Fault("it is longer than the 65535 bytes that a key may have");

const LONG_PARTITION_KEY: Fault = Fault("with it the partition key is longer than the 65535 bytes that it may have");

fn null_key(column: &Column, number: usize) -> Error {
    Error::data("a column of the primary key is null; filter such rows out, or give it a value with coalesce")
        .with_context("column", &column.name)
        .with_context("row", number.to_string())
}

#[cfg(test)]
mod tests;
