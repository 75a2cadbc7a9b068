//! Pages of the driver to Arrow batches.
//!
//! A page's rows are one run of bytes: for every row, for every column, a length of 32 bits (negative for null) and that
//! many bytes. [`PageDecoder`] walks it once and gives each cell to the decoder of its column; nothing is allocated for
//! a cell, and text and blobs are copied once, into the array's buffer. Decoders of nested types have decoders of their
//! parts and give them slices of the cell.

mod column;
mod fault;
mod nested;
mod number;
mod scalar;

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use scylla::deserialize::row::ColumnIterator;
use scylla::frame::response::result::ColumnSpec;
use scylla::response::query_result::QueryRowsResult;

use super::ReadAs;
use super::driver_type::{is_same_type, server_name};
use super::far_time::value_text;
use crate::cluster::schema::{Column, CqlType, TableName};
use crate::error::{Error, Result};
use crate::options::{DecimalOverflow, EmptyValues};
use column::{ColumnDecoder, Manner, Room, fixed_width};
use fault::Fault;

/// The bytes of a cell's length.
const LENGTH_BYTES: usize = 4;

/// The most bytes a page may have: text of addresses and numbers is longer than what it is made from, and must still fit
/// one Arrow array. The server's own limit of a frame is 256 MiB unless changed.
const MAX_PAGE_BYTES: usize = i32::MAX as usize / 4;

/// Checks that the server means the same columns as we: as many, with the same names and types, in the same order.
///
/// To be called once for each prepared statement, with the columns of its result or of its bind markers.
///
/// # Errors
/// [`ErrorKind::Schema`](crate::ErrorKind::Schema) naming the first column that differs, because the table was changed
/// after the statement was planned.
pub fn check_columns(specs: &[ColumnSpec<'_>], columns: &[Column]) -> Result<()> {
    const CHANGED: &str = "the table was changed since the statement was planned; run it again";
    for (spec, column) in specs.iter().zip(columns) {
        if spec.name() != column.name || !is_same_type(&column.cql_type, spec.typ()) {
            return Err(Error::schema(format!(
                "expected column {} {}, but the server has {} {}: {CHANGED}",
                column.name,
                with_fields(&column.cql_type),
                spec.name(),
                server_name(spec.typ()),
            )));
        }
    }
    if specs.len() != columns.len() {
        return Err(Error::schema(format!(
            "expected {} columns, but the server has {}: {CHANGED}",
            columns.len(),
            specs.len()
        )));
    }
    Ok(())
}

/// Decodes the pages of one statement. Which decoder a column has is decided once.
#[derive(Debug)]
pub struct PageDecoder {
    table: TableName,
    columns: Vec<Column>,
    schema: SchemaRef,
    read_as: ReadAs,
    empty_values: EmptyValues,
    decimal_overflow: DecimalOverflow,
}

impl PageDecoder {
    /// A decoder of pages with these columns of `table`, to batches of `schema`, whose fields are those of
    /// [`ReadAs::schema`] in the order of `columns`. Whether a field may be null is up to the schema.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if columns and schema do not belong together.
    pub fn try_new(table: &TableName, columns: &[Column], schema: SchemaRef, read_as: ReadAs) -> Result<Self> {
        let belongs = |(column, field): (&Column, &Arc<arrow::datatypes::Field>)| {
            read_as.arrow_type(&column.cql_type) == *field.data_type()
        };
        if columns.len() != schema.fields().len() || !columns.iter().zip(schema.fields()).all(belongs) {
            return Err(Error::internal(format!("the schema {schema} is not that of the columns"))
                .with_context("table", table.to_string()));
        }
        Ok(Self {
            table: table.clone(),
            columns: columns.to_vec(),
            schema,
            read_as,
            empty_values: EmptyValues::default(),
            decimal_overflow: DecimalOverflow::default(),
        })
    }

    /// What becomes of empty values, which Arrow does not have.
    #[must_use]
    pub fn with_empty_values(mut self, empty_values: EmptyValues) -> Self {
        self.empty_values = empty_values;
        self
    }

    /// What becomes of numbers that are not in the decimal type they are read as.
    #[must_use]
    pub fn with_decimal_overflow(mut self, decimal_overflow: DecimalOverflow) -> Self {
        self.decimal_overflow = decimal_overflow;
        self
    }

    /// All rows of a page. A decoder without columns gives a batch that has only a number of rows, whatever columns the
    /// page has.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for a cell that is no value of its column's type, naming table,
    /// column and row within the page (counted from 1), what was expected and what came;
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) if the page has another number of columns.
    pub fn decode(&self, page: &QueryRowsResult) -> Result<RecordBatch> {
        if self.columns.is_empty() {
            return self.batch(page.rows_num(), Vec::new());
        }
        if page.column_specs().len() != self.columns.len() {
            check_columns(page.column_specs().as_slice(), &self.columns)?;
        }
        self.decode_rows(page.rows_num(), &self.body(page)?)
    }

    /// The bytes of a page's rows. The driver hands them out only through a cell that is not null.
    fn body<'page>(&self, page: &'page QueryRowsResult) -> Result<Cow<'page, [u8]>> {
        let rows = page.rows::<ColumnIterator<'_, '_>>().map_err(|e| self.broken_page("has no rows").with_source(e))?;
        for row in rows {
            for cell in row.map_err(|e| self.broken_page("ends within a row").with_source(e))? {
                let cell = cell.map_err(|e| self.broken_page("ends within a cell").with_source(e))?;
                let Some(slice) = cell.slice else { continue };
                let body = slice.as_original_frame_bytes();
                if body.len() != page.rows_bytes_size() {
                    return Err(Error::internal("the driver's cells do not lie in the bytes of their page"));
                }
                return Ok(Cow::Borrowed(body));
            }
        }
        // There is no such cell, so all are null.
        let cells = page.rows_num().saturating_mul(self.columns.len());
        Ok(Cow::Owned((-1_i32).to_be_bytes().repeat(cells)))
    }

    /// The same from the bytes of a page's rows alone: so many rows, and nothing behind them. What [`PageDecoder::decode`]
    /// comes down to; it needs no server.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) as for [`PageDecoder::decode`], for whatever bytes.
    pub fn decode_rows(&self, rows: usize, body: &[u8]) -> Result<RecordBatch> {
        let cells = rows.saturating_mul(self.columns.len());
        if cells > body.len() / LENGTH_BYTES {
            return Err(self.broken_page(format!("has {} bytes, too few for {rows} rows", body.len())));
        }
        if body.len() > MAX_PAGE_BYTES {
            let message = format!("has {} bytes, more than {MAX_PAGE_BYTES}; ask for fewer rows a page", body.len());
            return Err(self.broken_page(message));
        }
        let mut decoders = self.decoders(rows, body.len() - cells * LENGTH_BYTES);
        let mut rest = body;
        for row in 0..rows {
            for (index, decoder) in decoders.iter_mut().enumerate() {
                let cell = read_cell(&mut rest);
                let cell = cell.map_err(|EndOfPage| self.broken_page(format!("ends within row {}", row + 1)))?;
                decoder.append(cell).map_err(|fault| self.bad_cell(index, row, body, cell, &fault))?;
            }
        }
        if !rest.is_empty() {
            return Err(self.broken_page(format!("has {} bytes behind its last row", rest.len())));
        }
        let mut arrays: Vec<ArrayRef> = Vec::with_capacity(decoders.len());
        for (index, decoder) in decoders.into_iter().enumerate() {
            let array = decoder.finish().map_err(|error| self.bad_text(index, rows, body, error))?;
            self.check_nulls(index, &array, body)?;
            arrays.push(array);
        }
        self.batch(rows, arrays)
    }

    fn batch(&self, rows: usize, arrays: Vec<ArrayRef>) -> Result<RecordBatch> {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|e| Error::internal("cannot put the columns of a page together").with_source(e))
    }

    /// One decoder a column. `content` is the size of all cells together: what columns of a fixed width do not need of
    /// it is shared out among the others, which is a guess; they grow if it was wrong.
    fn decoders(&self, rows: usize, content: usize) -> Vec<ColumnDecoder> {
        let widths = || self.columns.iter().map(|c| fixed_width(c.cql_type.strip_frozen()));
        let fixed = widths().flatten().sum::<usize>() * rows;
        let share = content.saturating_sub(fixed) / widths().filter(Option::is_none).count().max(1);
        let room = Room { rows, bytes: share };
        (0..self.columns.len()).map(|index| self.decoder(index, room)).collect()
    }

    fn decoder(&self, index: usize, room: Room) -> ColumnDecoder {
        let manner = Manner {
            read_as: self.read_as,
            empty_is_null: self.empty_values == EmptyValues::Null,
            overflow: self.decimal_overflow,
        };
        // A null would only be refused later, with less to say about it.
        let manner = if self.schema.field(index).is_nullable() { manner } else { manner.without_nulls() };
        ColumnDecoder::new(&self.columns[index].cql_type, room, manner)
    }

    fn check_nulls(&self, index: usize, array: &ArrayRef, body: &[u8]) -> Result<()> {
        if array.null_count() == 0 || self.schema.field(index).is_nullable() {
            return Ok(());
        }
        let row = (0..array.len()).find(|row| array.is_null(*row)).unwrap_or_default();
        Err(self.place(Error::data("the server sent null for a column of the primary key"), index, row, body))
    }

    fn place(&self, error: Error, index: usize, row: usize, body: &[u8]) -> Error {
        let error = error
            .with_context("table", self.table.to_string())
            .with_context("column", &self.columns[index].name)
            .with_context("row of the page", (row + 1).to_string());
        match self.key_of(row, body) {
            Some(key) => error.with_context("primary key", key),
            None => error,
        }
    }

    /// The primary key of a row, as far as its columns are read, such as `id=1, day=2026-01-01`.
    fn key_of(&self, row: usize, body: &[u8]) -> Option<String> {
        let mut rest = body;
        for _ in 0..row * self.columns.len() {
            read_cell(&mut rest).ok()?;
        }
        let mut key = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            let cell = read_cell(&mut rest).ok()?;
            if column.kind.is_key() {
                let mut alone = self.decoder(index, Room { rows: 1, bytes: 0 });
                alone.append(cell).ok()?;
                let value = alone.finish().ok()?;
                let text = if value.is_null(0) { Some("NULL".to_owned()) } else { value_text(&value, 0) };
                key.push(format!("{}={}", column.name, text.unwrap_or_else(|| "?".to_owned())));
            }
        }
        (!key.is_empty()).then(|| key.join(", "))
    }

    fn broken_page(&self, what: impl std::fmt::Display) -> Error {
        Error::data(format!("a page of the server {what}")).with_context("table", self.table.to_string())
    }

    #[cold]
    fn bad_cell(&self, index: usize, row: usize, body: &[u8], cell: Option<&[u8]>, fault: &Fault) -> Error {
        let may_be_null = self.schema.field(index).is_nullable();
        let message = fault.message(&self.columns[index].cql_type, cell, may_be_null);
        self.place(Error::data(message), index, row, body)
    }

    /// Finds the cell because of which a whole column is not UTF-8: the one that makes no array by itself.
    #[cold]
    fn bad_text(
        &self,
        index: usize,
        rows: usize,
        body: &[u8],
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Error {
        let is_bad = |cell| {
            let mut alone = self.decoder(index, Room { rows: 1, bytes: 0 });
            alone.append(cell).is_ok() && alone.finish().is_err()
        };
        let mut rest = body;
        for row in 0..rows {
            for column in 0..self.columns.len() {
                let cell = read_cell(&mut rest).unwrap_or_default();
                if column == index && is_bad(cell) {
                    return self.bad_cell(index, row, body, cell, &Fault::expected("UTF-8"));
                }
            }
        }
        Error::internal("a column does not make an array").with_source(error)
    }
}

/// A type for the message that it is another one than the server's: a user-defined type with its fields, since they may be
/// all that differs.
fn with_fields(cql_type: &CqlType) -> String {
    let mut text = cql_type.to_string();
    let mut open = vec![cql_type];
    while let Some(next) = open.pop() {
        if let CqlType::Udt(user_type) = next {
            let fields: Vec<String> = user_type.fields.iter().map(|(name, field)| format!("{name} {field}")).collect();
            text = format!("{text}, {next} ({})", fields.join(", "));
        }
        open.extend(next.parts());
    }
    text
}

/// The bytes of a page end before the cell they promise.
struct EndOfPage;

/// One cell off the front, or `None` if it is null.
#[inline]
fn read_cell<'a>(rest: &mut &'a [u8]) -> Result<Option<&'a [u8]>, EndOfPage> {
    let (length, tail) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(EndOfPage)?;
    let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
        *rest = tail;
        return Ok(None);
    };
    let (cell, tail) = tail.split_at_checked(length).ok_or(EndOfPage)?;
    *rest = tail;
    Ok(Some(cell))
}

#[cfg(test)]
mod tests;
