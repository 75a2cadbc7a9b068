//! Tokens of rows of Arrow: what `token(pk)` is in CQL, wherever the rows come from.
//!
//! A token is a hash of the bytes that Cassandra keeps of a partition key, so the CQL types matter: the `int` 1 and the
//! `bigint` 1 have different tokens. A field says its CQL type under [`CQL_TYPE_KEY`], as columns of Cassandra's tables and
//! of files made from them do. Without that it is the type that is read as this Arrow type, `bigint` for Int64.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Int64Array, Int64Builder, RecordBatch, RecordBatchOptions};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema};

use super::encode::RowEncoder;
use super::{CQL_TYPE_KEY, is_custom};
use crate::cluster::cql_type::{CqlType, UserType};
use crate::cluster::route::token_of_key;
use crate::cluster::schema::{Column, ColumnKind};
use crate::error::{Error, Result};
use crate::options::DECIMAL_AS;

/// The name in SQL of the function that gives the token of a partition key, whose columns are its arguments, in order.
pub const TOKEN: &str = "token";

/// Computes tokens of partition keys whose columns have certain fields.
#[derive(Debug, Clone)]
pub struct TokenEncoder {
    encoder: RowEncoder,
    schema: Arc<Schema>,
}

impl TokenEncoder {
    /// The fields are those of the columns of the partition key, in order.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) if there are none, or one cannot be a column of a partition key.
    pub fn try_new(fields: &[FieldRef]) -> Result<Self> {
        if fields.is_empty() {
            return Err(Error::schema(format!(
                "{TOKEN}() needs arguments: the columns of the partition key, in order, as in {TOKEN}(a, b) for PRIMARY KEY \
                 ((a, b), c)"
            )));
        }
        let column = |field: &FieldRef| {
            let cql_type = key_type(field).map_err(|e| e.with_context("column", field.name()))?;
            Ok(Column { name: field.name().clone(), cql_type, kind: ColumnKind::PartitionKey })
        };
        Self::of_key(&fields.iter().map(column).collect::<Result<Vec<_>>>()?, fields)
    }

    /// For these columns of a table's partition key, in order, and the fields of what is written to them.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for a column that cannot be written from what comes in.
    pub(crate) fn of_key(columns: &[Column], fields: &[FieldRef]) -> Result<Self> {
        // A literal may be named like a column, and null is decided here.
        let nullable = |field: &FieldRef| Field::clone(field).with_nullable(true);
        let schema = Schema::new(fields.iter().map(nullable).collect::<Vec<_>>());
        let encoder = RowEncoder::try_new(columns, &schema)?;
        Ok(Self { encoder, schema: Arc::new(schema) })
    }

    /// The token of each of `rows` rows; null where one of the columns is null.
    ///
    /// # Errors
    /// [`ErrorKind::Data`](crate::ErrorKind::Data) for a value that cannot be a part of a partition key;
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) for arrays of other types than those of the fields.
    pub fn tokens(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<Int64Array> {
        self.compute(arrays, rows, |error| Err(error.with_context("function", TOKEN)))
    }

    /// The same, but null also where a value cannot be a part of a partition key.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) for arrays of other types than those of the fields.
    pub(crate) fn tokens_where_possible(&self, arrays: Vec<ArrayRef>, rows: usize) -> Result<Int64Array> {
        self.compute(arrays, rows, |_| Ok(()))
    }

    fn compute(
        &self,
        arrays: Vec<ArrayRef>,
        rows: usize,
        without_token: impl Fn(Error) -> Result<()>,
    ) -> Result<Int64Array> {
        let nulls = arrays.iter().fold(None, |nulls, array| {
            // Dictionaries and arrays of type Null know their nulls only logically.
            NullBuffer::union(nulls.as_ref(), array.logical_nulls().as_ref())
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.schema), arrays, &options)
            .map_err(|e| Error::internal("the columns of a key are not what was planned").with_source(e))?;
        let bound = self.encoder.bind(&batch)?;
        let mut tokens = Int64Builder::with_capacity(rows);
        let mut key = Vec::new();
        for row in 0..rows {
            if nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
                tokens.append_null();
                continue;
            }
            key.clear();
            match bound.partition_key(row, &mut key) {
                Ok(()) => tokens.append_value(token_of_key(&key)),
                Err(error) => {
                    without_token(error)?;
                    tokens.append_null();
                }
            }
        }
        Ok(tokens.finish())
    }
}

/// The CQL type of a column that a partition key shall have.
fn key_type(field: &Field) -> Result<CqlType> {
    let cql_type = field_type(field)?;
    if cql_type.contains(|part| matches!(part, CqlType::Duration | CqlType::Counter)) {
        return Err(Error::schema(format!(
            "a column of type {cql_type} cannot be part of a partition key, so it has no token"
        )));
    }
    Ok(cql_type)
}

fn field_type(field: &Field) -> Result<CqlType> {
    match field.metadata().get(CQL_TYPE_KEY) {
        Some(declared) => completed(&declared.parse()?, field.data_type()),
        None => natural(field.data_type()),
    }
}

/// A declared type with what its name leaves out: the fields of user-defined types, which stand in the Arrow type. Java
/// classes are read as the bytes they are, and so become `blob`.
///
/// A declared type that the Arrow type does not fit is left as it is; it is refused where it shall be written.
fn completed(declared: &CqlType, read_as: &DataType) -> Result<CqlType> {
    let element = |element: &CqlType| match element_field(read_as) {
        Some(field) => completed(element, field.data_type()),
        None => Ok(element.clone()),
    };
    Ok(match declared {
        CqlType::Frozen(inner) => completed(inner, read_as)?,
        custom if is_custom(custom) => CqlType::Blob,
        CqlType::Decimal if read_as.is_decimal() => {
            return Err(Error::schema(format!(
                "the token of a decimal depends on its scale (1.5 and 1.50 are different keys), which is lost in numbers \
                 of type {read_as}: read them as text with SET {DECIMAL_AS} = 'text'"
            )));
        }
        CqlType::List(inner) => CqlType::List(Box::new(element(inner)?)),
        CqlType::Set(inner) => CqlType::Set(Box::new(element(inner)?)),
        CqlType::Vector(inner, dimension) => CqlType::Vector(Box::new(element(inner)?), *dimension),
        CqlType::Map(key, value) => match element_field(read_as).map(Field::data_type) {
            Some(DataType::Struct(entry)) if entry.len() == 2 => CqlType::Map(
                Box::new(completed(key, entry[0].data_type())?),
                Box::new(completed(value, entry[1].data_type())?),
            ),
            _ => declared.clone(),
        },
        CqlType::Tuple(elements) => match read_as {
            DataType::Struct(fields) if fields.len() == elements.len() => {
                let parts = elements.iter().zip(fields).map(|(element, field)| completed(element, field.data_type()));
                CqlType::Tuple(parts.collect::<Result<_>>()?)
            }
            _ => declared.clone(),
        },
        CqlType::Udt(UserType { name, .. }) => match read_as {
            DataType::Struct(fields) => CqlType::Udt(UserType { name: name.clone(), fields: named_types(fields)? }),
            _ => declared.clone(),
        },
        scalar => scalar.clone(),
    })
}

fn named_types(fields: &Fields) -> Result<Vec<(String, CqlType)>> {
    fields.iter().map(|field| Ok((field.name().clone(), field_type(field)?))).collect()
}

/// The type of columns that are read as this one, or as nearly this one as Arrow has several.
fn natural(arrow: &DataType) -> Result<CqlType> {
    use DataType as Arrow;
    let element = || element_field(arrow).map_or(Ok(CqlType::Blob), field_type).map(Box::new);
    Ok(match arrow {
        // Nothing but nulls: whatever the type, there is no token.
        Arrow::Null | Arrow::Utf8 | Arrow::LargeUtf8 | Arrow::Utf8View => CqlType::Text,
        Arrow::Boolean => CqlType::Boolean,
        Arrow::Int8 => CqlType::TinyInt,
        Arrow::Int16 => CqlType::SmallInt,
        Arrow::Int32 => CqlType::Int,
        Arrow::Int64 => CqlType::BigInt,
        Arrow::Float32 => CqlType::Float,
        Arrow::Float64 => CqlType::Double,
        Arrow::Binary | Arrow::LargeBinary | Arrow::BinaryView | Arrow::FixedSizeBinary(_) => CqlType::Blob,
        Arrow::Date32 | Arrow::Date64 => CqlType::Date,
        Arrow::Time32(_) | Arrow::Time64(_) => CqlType::Time,
        Arrow::Timestamp(..) => CqlType::Timestamp,
        decimal if decimal.is_decimal() => CqlType::Decimal,
        Arrow::Dictionary(_, values) => natural(values)?,
        Arrow::FixedSizeList(_, dimension) => CqlType::Vector(element()?, usize::try_from(*dimension).unwrap_or(0)),
        Arrow::List(_) | Arrow::LargeList(_) | Arrow::ListView(_) | Arrow::LargeListView(_) => {
            CqlType::List(element()?)
        }
        Arrow::Map(entries, _) => match entries.data_type() {
            Arrow::Struct(entry) if entry.len() == 2 => {
                CqlType::Map(Box::new(field_type(&entry[0])?), Box::new(field_type(&entry[1])?))
            }
            _ => return Err(no_key(arrow)),
        },
        Arrow::Struct(fields) => CqlType::Tuple(named_types(fields)?.into_iter().map(|(_, part)| part).collect()),
        _ => return Err(no_key(arrow)),
    })
}

fn no_key(arrow: &DataType) -> Error {
    Error::schema(format!(
        "no CQL type is read as Arrow type {arrow}, so it has no token: convert the value to the type of the key, for \
         example with arrow_cast(…, 'Int32') for an int"
    ))
}

/// The field of a list's elements or of a map's entries.
fn element_field(list: &DataType) -> Option<&Field> {
    match list {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::ListView(field)
        | DataType::LargeListView(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => Some(field),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{
        DictionaryArray, FixedSizeBinaryArray, Int32Array, Int64Array, NullArray, StringArray, StructArray,
    };
    use arrow::datatypes::Int8Type;

    use super::*;

    /// From `SELECT token(pk)` of Apache Cassandra 5.0 for the int 1.
    const INT_1: i64 = -4_069_959_284_402_364_209;
    /// The same for the bigint 1.
    const BIGINT_1: i64 = 6_292_367_497_774_912_474;

    fn field(cql_type: Option<&str>, arrow: DataType) -> FieldRef {
        let metadata = cql_type.map(|text| (CQL_TYPE_KEY.to_owned(), text.to_owned()));
        Arc::new(Field::new("k", arrow, true).with_metadata(HashMap::from_iter(metadata)))
    }

    fn tokens(cql_type: Option<&str>, array: impl Array + 'static) -> Result<Vec<Option<i64>>> {
        let encoder = TokenEncoder::try_new(&[field(cql_type, array.data_type().clone())])?;
        let rows = array.len();
        Ok(encoder.tokens(vec![Arc::new(array)], rows)?.iter().collect())
    }

    #[test]
    fn the_declared_type_counts_and_then_that_of_arrow() {
        assert_eq!(tokens(None, Int32Array::from(vec![Some(1), None])).unwrap(), [Some(INT_1), None]);
        assert_eq!(tokens(Some("int"), Int64Array::from(vec![1])).unwrap(), [Some(INT_1)]);
        assert_eq!(tokens(None, Int64Array::from(vec![1])).unwrap(), [Some(BIGINT_1)]);
        assert_eq!(tokens(Some("bigint"), Int32Array::from(vec![1])).unwrap(), [Some(BIGINT_1)]);
        // A file may keep a Java class, and has its bytes.
        let bytes = FixedSizeBinaryArray::from(vec![&[0, 0, 0, 1]]);
        assert_eq!(tokens(Some("'org.example.Type'"), bytes).unwrap(), [Some(INT_1)]);
    }

    #[test]
    fn nulls_of_every_kind_have_no_token() {
        assert_eq!(tokens(None, NullArray::new(2)).unwrap(), [None, None]);
        let dictionary: DictionaryArray<Int8Type> = [Some("a"), None, Some("a")].into_iter().collect();
        let of_dictionary = tokens(None, dictionary).unwrap();
        assert_eq!(of_dictionary, tokens(None, StringArray::from(vec![Some("a"), None, Some("a")])).unwrap());
        assert!(of_dictionary[0].is_some() && of_dictionary[1].is_none());
    }

    #[test]
    fn the_fields_of_a_user_defined_type_are_those_of_arrow() {
        let part = |cql: &str, value: i64| {
            (field(Some(cql), DataType::Int64), Arc::new(Int64Array::from(vec![value])) as ArrayRef)
        };
        let of = |cql: Option<&str>, part: (FieldRef, ArrayRef)| tokens(cql, StructArray::from(vec![part])).unwrap();
        let as_int = of(Some("frozen<address>"), part("int", 7));
        assert_eq!(as_int, of(None, part("int", 7)));
        assert_ne!(as_int, of(Some("frozen<address>"), part("bigint", 7)));
    }

    #[test]
    fn what_has_no_token_is_refused_with_advice() {
        let error = |cql, arrow| TokenEncoder::try_new(&[field(cql, arrow)]).unwrap_err().to_string();
        assert!(error(None, DataType::UInt32).contains("arrow_cast"));
        assert!(error(Some("duration"), DataType::Utf8).contains("cannot be part of a partition key"));
        assert!(error(Some("counter"), DataType::Int64).contains("cannot be part of a partition key"));
        assert!(error(Some("decimal"), DataType::Decimal128(38, 10)).contains(DECIMAL_AS));
        assert!(error(Some("int"), DataType::Utf8).contains("column k of type int cannot be written"));
        assert!(TokenEncoder::try_new(&[]).unwrap_err().to_string().contains("partition key"));
        let empty = tokens(None, StringArray::from(vec![""])).unwrap_err();
        assert!(empty.to_string().contains("must not be empty"), "{empty}");
    }

    #[test]
    fn what_has_no_token_may_be_left_out() {
        let texts = StringArray::from(vec![Some("a"), Some(""), None]);
        let encoder = TokenEncoder::try_new(&[field(None, DataType::Utf8)]).unwrap();
        let possible = encoder.tokens_where_possible(vec![Arc::new(texts)], 3).unwrap();
        let all = tokens(None, StringArray::from(vec!["a"])).unwrap();
        assert_eq!(possible.iter().collect::<Vec<_>>(), [all[0], None, None]);
    }
}
