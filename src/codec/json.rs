//! JSON texts to columns of Arrow, in the words of `INSERT INTO t JSON '…'`: one object is one row.
//!
//! Names of columns, and of the fields of user-defined types, are taken in lower case, unless they stand in quotes within
//! the JSON text: `{"id": 1, "\"MyName\"": 2}`. What does not come, or comes as `null`, is null.
//!
//! | CQL | JSON | note |
//! |---|---|---|
//! | ascii, text | text | |
//! | tinyint, smallint, int, bigint, counter | integer, or one as text | `1.0` and `1e3` are none |
//! | varint | integer, or one as text | of any size |
//! | decimal | number, or one as text | of any size; `1.50` keeps its scale |
//! | float, double | number, or one as text | the nearest; the texts `"NaN"`, `"Infinity"`, `"-Infinity"` too |
//! | boolean | `true`, `false`, or these as text | |
//! | blob | text | `"0x"` and hexadecimal digits |
//! | uuid, timeuuid, inet | text | |
//! | date | text | `"2011-02-03"`; years of more digits, and negative ones, as far as dates go |
//! | time | text | `"04:05:06"`, with up to nine digits of a second behind a point |
//! | timestamp | integer, or text | milliseconds since 1970, also as text; or a date, `"2011-02-03 04:05:06.789+0000"`, RFC 3339 |
//! | duration | text | `"1y2mo3d4h5m6s7ms8us9ns"`, `"P1Y2M3DT4H5M6S"` |
//! | list, set, vector | array | |
//! | map | object | its names are the keys; those that are no text as the text of their JSON: `{"1": …}`, `{"[1, 2]": …}` |
//! | tuple | array | of all its fields, some of which may be null |
//! | user-defined type | object | fields that do not come are null |
//!
//! What has parts may also come as a text of its JSON. A timestamp without a time zone is UTC, and not, as in Cassandra,
//! in the zone of whichever node is asked; digits behind the millisecond must be zeros.
//!
//! Nothing is rounded but what a float or double has no number for: numbers are read from their text. Where Cassandra
//! would keep something else than what is written, or only some of it, the row is refused: a field that the table does not
//! have, a name or the key of a map that comes twice (also as `a` and `A`), an integer that does not fit, an empty text for
//! anything that is no text. Values of a type that has a text of its own (uuid, timeuuid, inet, varint, decimal, duration)
//! become that text, and it is [`encode`](super::encode) that refuses it; ASCII, nulls in collections and the dimension of
//! vectors are checked there too.

mod array;
mod calendar;
mod document;
mod fields;
mod nested;
mod refusal;
mod scalar;

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::nullif;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::is_custom;
use crate::cluster::schema::Column;
use crate::error::{Error, Result};
use array::Values;
use fields::Fields;
use refusal::{Place, Refusals};

/// The bytes of text that Arrow's arrays, whose offsets have 32 bits, surely can hold when it is taken apart.
const MOST_BYTES: usize = i32::MAX as usize;

/// Reads JSON texts as rows of one list of columns.
#[derive(Debug, Clone)]
pub(crate) struct JsonDecoder {
    columns: Vec<Column>,
    fields: Fields,
    schema: SchemaRef,
}

impl JsonDecoder {
    /// For texts whose fields are these columns.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for the columns that no JSON can be read for.
    pub(crate) fn try_new(columns: &[Column]) -> Result<Self, Vec<Error>> {
        let java = columns.iter().filter(|column| column.cql_type.contains(is_custom)).map(|column| {
            Error::schema(format!(
                "column {} of type {} cannot be read from JSON, because values of Java classes are only bytes to us: \
                 leave the column out",
                column.name, column.cql_type
            ))
        });
        let java: Vec<Error> = java.collect();
        if !java.is_empty() {
            return Err(java);
        }
        let fields = Fields::new("the table".to_owned(), "column", columns.iter().map(|column| column.name.as_str()));
        let mut none = Refusals::new(0);
        let types = columns.iter().map(|column| {
            let array = array::array(&column.cql_type, Values { json: &[], place: &Place::Column(column) }, &mut none)?;
            // A row that is refused is null, also in the key.
            Ok(Field::new(&column.name, array.data_type().clone(), true))
        });
        let types: Vec<Field> = types.collect::<Result<_, _>>().map_err(|e| vec![internal(e)])?;
        Ok(Self { columns: columns.to_vec(), fields, schema: Arc::new(Schema::new(types)) })
    }

    /// What [`Self::decode`] gives: the columns in their order, all of them nullable.
    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// A row for each text, in their order, and for those that were refused (all of whose values are null) why: the row,
    /// counted from 0, with an error of [`ErrorKind::Data`](crate::ErrorKind::Data) that does not name the row.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) if the texts together have 2 GiB or more.
    pub(crate) fn decode(&self, json: &dyn Array) -> Result<(RecordBatch, Vec<(usize, Error)>)> {
        let texts = texts(json)?;
        check_bytes(texts.iter().flatten().map(|text| text.len()).sum())?;
        let mut refusals = Refusals::new(texts.len());
        for (row, _) in texts.iter().enumerate().filter(|(_, text)| text.is_none()) {
            refusals.row(row, "null", "there is no JSON text");
        }
        let values = self.fields.columns(&texts, |row, text, why| refusals.row(row, text, why));
        let arrays = self.columns.iter().zip(&values).map(|(column, json)| {
            array::array(&column.cql_type, Values { json, place: &Place::Column(column) }, &mut refusals)
        });
        let mut arrays: Vec<ArrayRef> = arrays.collect::<Result<_, _>>().map_err(internal)?;
        if let Some(refused) = refusals.refused() {
            for array in &mut arrays {
                *array = nullif(array, &refused).map_err(internal)?;
            }
        }
        let rows = RecordBatchOptions::new().with_row_count(Some(texts.len()));
        let batch = RecordBatch::try_new_with_options(self.schema(), arrays, &rows).map_err(internal)?;
        Ok((batch, refusals.into_errors()))
    }
}

fn texts(array: &dyn Array) -> Result<Vec<Option<&str>>> {
    Ok(match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().iter().collect(),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().collect(),
        DataType::Utf8View => array.as_string_view().iter().collect(),
        other => return Err(Error::internal(format!("JSON texts come as {other}"))),
    })
}

fn check_bytes(bytes: usize) -> Result<()> {
    if bytes <= MOST_BYTES {
        return Ok(());
    }
    Err(Error::data(format!(
        "the JSON texts of a batch have {bytes} bytes together, and {MOST_BYTES} are the most that can be read at once; \
         make batches of fewer rows with SET datafusion.execution.batch_size"
    )))
}

fn internal(error: ArrowError) -> Error {
    Error::internal("columns were read from JSON that do not fit together").with_source(error)
}

/// What the text of a date is read as.
#[cfg(test)]
pub(crate) fn days_of_date(text: &str) -> Option<i32> {
    calendar::date(text).ok()
}

#[cfg(test)]
mod tests;
