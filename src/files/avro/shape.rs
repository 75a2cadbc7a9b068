//! What stands in the file: each Arrow type as one that Avro has.
//!
//! | Arrow | in the file |
//! |---|---|
//! | Map with keys of text | map |
//! | Map with other keys, since Avro's have text | array of records `key`, `value` |
//! | every kind of list | array |
//! | Struct | record, its fields by allowed names ([`names`](super::names)) |
//! | `FixedSizeBinary(16)` with the extension `arrow.uuid` | string of logical type `uuid` |
//! | `FixedSizeBinary` | fixed |
//! | Decimal | bytes of logical type `decimal` |
//! | Int8, Int16, unsigned integers, Float16, times, timestamps and durations of any unit, intervals | int, long or fixed, with a logical type of Avro's if it has one that loses nothing, else with one of Arrow's (`arrow.…`), which other programs may ignore |
//! | Dictionary | as its values |
//! | text, bytes, Boolean, Int32, Int64, Float32, Float64, Date32 | the type of Avro that has this name |
//!
//! All of them nest, and may be null where the field says so.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use arrow_avro::schema::AVRO_NAME_METADATA_KEY;

use super::names::{TypeNames, field_names};
use crate::codec::CQL_TYPE_KEY;
use crate::error::{Error, Result};

/// The key under which Arrow keeps the name of an extension type.
pub(super) const EXTENSION_KEY: &str = "ARROW:extension:name";

/// The schema of Arrow that becomes the file's of Avro one to one.
///
/// # Errors
/// [`ErrorKind::Data`](crate::ErrorKind::Data): a type that Avro has nothing for. The error names column and type.
pub(super) fn shape(schema: &Schema) -> Result<Schema> {
    let mut names = TypeNames::new();
    let fields = schema.fields().iter().zip(field_names(schema.fields())).map(|(field, name)| {
        shape_field(field, &name, &mut names).map_err(|(path, why)| {
            Error::data(format!("an Avro file cannot have this column: {why}"))
                .with_context("column", path)
                .with_context("type", field.data_type().to_string())
        })
    });
    Ok(Schema::new(fields.collect::<Result<Vec<_>>>()?))
}

/// Where it is, and what is wrong.
type Fault = (String, String);

/// The field under this name. What else is known of it goes along as far as Avro must know it.
fn shape_field(field: &Field, name: &str, names: &mut TypeNames) -> Result<Field, Fault> {
    let keys = [EXTENSION_KEY, CQL_TYPE_KEY];
    let of_field = |key: &str| field.metadata().get(key).map(|value| (key.to_owned(), value.clone()));
    let mut metadata: HashMap<String, String> = keys.into_iter().filter_map(of_field).collect();
    if is_named(field.data_type()) && !metadata.contains_key(EXTENSION_KEY) {
        metadata.insert(AVRO_NAME_METADATA_KEY.to_owned(), names.name_like(name));
    }
    let data_type = shape_type(field.data_type(), name, names).map_err(|(path, why)| {
        let path = if path.is_empty() { field.name().clone() } else { format!("{}.{path}", field.name()) };
        (path, why)
    })?;
    Ok(Field::new(name, data_type, field.is_nullable()).with_metadata(metadata))
}

/// Whether Avro may ask for a name of this type.
fn is_named(data_type: &DataType) -> bool {
    use DataType::{FixedSizeBinary, Float16, Interval, Struct, UInt64};
    matches!(data_type, FixedSizeBinary(_) | Float16 | Interval(_) | Struct(_) | UInt64)
}

/// `name` is that of the field, and what a type within is named after.
fn shape_type(data_type: &DataType, name: &str, names: &mut TypeNames) -> Result<DataType, Fault> {
    use DataType::{
        Binary, BinaryView, Boolean, Date32, Date64, Decimal32, Decimal64, Decimal128, Decimal256, Dictionary,
        Duration, FixedSizeBinary, FixedSizeList, Float16, Float32, Float64, Int8, Int16, Int32, Int64, Interval,
        LargeBinary, LargeList, LargeUtf8, List, Map, Struct, Time32, Time64, Timestamp, UInt8, UInt16, UInt32, UInt64,
        Utf8, Utf8View,
    };
    Ok(match data_type {
        Boolean | Int8 | Int16 | Int32 | Int64 | UInt8 | UInt16 | UInt32 | UInt64 | Float16 | Float32 | Float64
        | Utf8 | LargeUtf8 | Utf8View | Binary | LargeBinary | BinaryView | FixedSizeBinary(_) | Date32 | Date64
        | Time32(_) | Time64(_) | Timestamp(..) | Duration(_) | Interval(_) => data_type.clone(),
        Decimal32(precision, scale)
        | Decimal64(precision, scale)
        | Decimal128(precision, scale)
        | Decimal256(precision, scale) => {
            if u8::try_from(*scale).is_ok_and(|scale| scale <= *precision) {
                let is_large = matches!(data_type, Decimal256(..));
                if is_large { data_type.clone() } else { Decimal128(*precision, *scale) }
            } else {
                let why =
                    "Avro's decimals have a scale from 0 to their precision: CAST it to such a DECIMAL, or to VARCHAR";
                return Err((String::new(), why.to_owned()));
            }
        }
        Dictionary(_, values) => shape_type(values, name, names)?,
        List(item) | LargeList(item) | FixedSizeList(item, _) => List(Arc::new(shape_field(item, name, names)?)),
        Struct(fields) => {
            let fields = fields.iter().zip(field_names(fields));
            Struct(fields.map(|(field, name)| shape_field(field, &name, names)).collect::<Result<_, Fault>>()?)
        }
        Map(entries, sorted) => {
            let Struct(parts) = entries.data_type() else { return Err(unknown(data_type)) };
            let [key, value] = &parts[..] else { return Err(unknown(data_type)) };
            let is_text = is_text(key.data_type());
            let key = if is_text { Field::new("key", Utf8, false) } else { shape_field(key, "key", names)? };
            let record = Struct(vec![key, shape_field(value, "value", names)?].into());
            let entries = Field::new("entries", record, false);
            if is_text {
                Map(Arc::new(entries), *sorted)
            } else {
                let name = HashMap::from([(AVRO_NAME_METADATA_KEY.to_owned(), names.name_like(name))]);
                List(Arc::new(entries.with_metadata(name)))
            }
        }
        other => return Err(unknown(other)),
    })
}

fn is_text(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_text(values),
        other => matches!(other, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View),
    }
}

fn unknown(data_type: &DataType) -> Fault {
    (String::new(), format!("Avro has no type for {data_type}: leave the column out, or CAST it to another type"))
}

/// The schema of a file that does not say what it was in Arrow: without the notes of the crate `arrow-avro`, which are
/// about this one file, and with the text of enums instead of dictionaries.
pub(super) fn plain(schema: &Schema) -> Schema {
    Schema::new(schema.fields().iter().map(plain_field).collect::<Vec<_>>())
}

fn plain_field(field: &FieldRef) -> FieldRef {
    let mut metadata = field.metadata().clone();
    metadata.retain(|key, _| key == EXTENSION_KEY);
    let data_type = match field.data_type() {
        DataType::Dictionary(_, values) => values.as_ref().clone(),
        // DataFusion drops the metadata of elements in some places and not in others.
        DataType::List(item) => {
            DataType::List(Arc::new(plain_field(item).as_ref().clone().with_metadata(HashMap::new())))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(plain_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(plain_field(entries), *sorted),
        other => other.clone(),
    };
    Arc::new(field.as_ref().clone().with_data_type(data_type).with_metadata(metadata))
}
