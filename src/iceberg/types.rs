//! The table Arrow type ↔ Iceberg type, both ways.
//!
//! | Arrow | Iceberg | back in Arrow |
//! |---|---|---|
//! | Boolean | boolean | Boolean |
//! | Int8, Int16, Int32, UInt8, UInt16 | int | Int32 |
//! | UInt32, Int64 | long | Int64 |
//! | Float16, Float32 · Float64 | float · double | Float32 · Float64 |
//! | Decimal32, Decimal64, Decimal128 (scale ≥ 0) | decimal | Decimal128 |
//! | Utf8, LargeUtf8, Utf8View | string | Utf8 |
//! | Binary, LargeBinary, BinaryView | binary | LargeBinary |
//! | FixedSizeBinary(16) with the extension `arrow.uuid` | uuid | the same |
//! | FixedSizeBinary(n) | fixed(n) | the same |
//! | Date32, Date64 | date | Date32 |
//! | Time32, Time64 | time (µs) | Time64(ns), the type of SQL's TIME: DataFusion compares times of one unit only |
//! | Timestamp without zone · with a zone | timestamp · timestamptz (µs) | Timestamp(µs) · Timestamp(µs, +00:00) |
//! | List, LargeList, FixedSizeList · Map · Struct | list · map · struct | List · Map · Struct |
//! | Dictionary, RunEndEncoded | as its values | |
//! | UInt64, Decimal256, Interval, Duration, Null, Union | an error that says how to cast | |
//!
//! Iceberg's nanosecond timestamps need format version 3, which many readers lack: never made here.
#![expect(clippy::doc_markdown, reason = "the names of types in the table read better without backticks")]

use std::collections::HashMap;
use std::sync::Arc;

use ::iceberg::arrow::schema_to_arrow_schema;
use ::iceberg::spec::{
    ListType, MapType, NestedField, NestedFieldRef, PrimitiveType, Schema, StructType, TableMetadata, Type,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields, Schema as ArrowSchema, SchemaRef, TimeUnit};

use super::error::failed;
use crate::codec::CQL_TYPE_KEY;
use crate::error::{Error, Result};

const EXTENSION_NAME: &str = "ARROW:extension:name";
const UUID_EXTENSION: &str = "arrow.uuid";

/// The Iceberg schema of a new table with these columns.
///
/// # Errors
/// A column of a type that Iceberg has not; two columns of one name.
pub(crate) fn table_schema(fields: &Fields) -> Result<Schema> {
    // Only has to be unique: ids are given anew, the columns first, when the table's metadata is made.
    let mut next_id = 0;
    let columns = fields.iter().map(|f| nested_field(f, f.name(), &mut next_id)).collect::<Result<Vec<_>>>()?;
    Schema::builder().with_fields(columns).build().map_err(|e| failed("make the table's schema", &e))
}

fn nested_field(field: &Field, path: &str, next_id: &mut i32) -> Result<NestedFieldRef> {
    *next_id += 1;
    let id = *next_id;
    let field_type = iceberg_type(field, path, next_id)?;
    Ok(Arc::new(NestedField::new(id, field.name(), field_type, !field.is_nullable())))
}

fn iceberg_type(field: &Field, path: &str, next_id: &mut i32) -> Result<Type> {
    let primitive = match field.data_type() {
        DataType::Boolean => PrimitiveType::Boolean,
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => PrimitiveType::Int,
        DataType::UInt32 | DataType::Int64 => PrimitiveType::Long,
        DataType::Float16 | DataType::Float32 => PrimitiveType::Float,
        DataType::Float64 => PrimitiveType::Double,
        DataType::Decimal32(p, s) | DataType::Decimal64(p, s) | DataType::Decimal128(p, s) => {
            let scale = u32::try_from(*s).map_err(|_| unsupported(path, field.data_type(), "DECIMAL(38, 0)"))?;
            PrimitiveType::Decimal { precision: u32::from(*p), scale }
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => PrimitiveType::String,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => PrimitiveType::Binary,
        DataType::FixedSizeBinary(16) if is_uuid(field) => PrimitiveType::Uuid,
        DataType::FixedSizeBinary(n) => PrimitiveType::Fixed(u64::try_from(*n).unwrap_or_default()),
        DataType::Date32 | DataType::Date64 => PrimitiveType::Date,
        DataType::Time32(_) | DataType::Time64(_) => PrimitiveType::Time,
        DataType::Timestamp(_, None) => PrimitiveType::Timestamp,
        DataType::Timestamp(_, Some(_)) => PrimitiveType::Timestamptz,
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            *next_id += 1;
            let id = *next_id;
            let element = iceberg_type(item, &format!("{path}.element"), next_id)?;
            let element_field = Arc::new(NestedField::list_element(id, element, !item.is_nullable()));
            return Ok(Type::List(ListType { element_field }));
        }
        DataType::Map(entries, _) => {
            let DataType::Struct(pair) = entries.data_type() else {
                return Err(unsupported(path, field.data_type(), "a map of keys and values"));
            };
            let [key, value] = pair.as_ref() else {
                return Err(unsupported(path, field.data_type(), "a map of keys and values"));
            };
            *next_id += 2;
            let (key_id, value_id) = (*next_id - 1, *next_id);
            let key_type = iceberg_type(key, &format!("{path}.key"), next_id)?;
            let value_type = iceberg_type(value, &format!("{path}.value"), next_id)?;
            return Ok(Type::Map(MapType {
                key_field: Arc::new(NestedField::map_key_element(key_id, key_type)),
                value_field: Arc::new(NestedField::map_value_element(value_id, value_type, !value.is_nullable())),
            }));
        }
        DataType::Struct(fields) => {
            let fields = fields
                .iter()
                .map(|f| nested_field(f, &format!("{path}.{}", f.name()), next_id))
                .collect::<Result<Vec<_>>>()?;
            return Ok(Type::Struct(StructType::new(fields)));
        }
        DataType::Dictionary(_, values) => {
            let values = Field::new(field.name(), values.as_ref().clone(), field.is_nullable());
            return iceberg_type(&values, path, next_id);
        }
        DataType::RunEndEncoded(_, values) => return iceberg_type(values, path, next_id),
        DataType::UInt64 => return Err(unsupported(path, field.data_type(), "BIGINT or DECIMAL(20, 0)")),
        DataType::Decimal256(..) => return Err(unsupported(path, field.data_type(), "DECIMAL(38, …) or VARCHAR")),
        DataType::Null => {
            return Err(unsupported(path, field.data_type(), "the type it should have, as CAST(NULL AS INT)"));
        }
        other => return Err(unsupported(path, other, "VARCHAR")),
    };
    Ok(Type::Primitive(primitive))
}

fn unsupported(path: &str, data_type: &DataType, advice: &str) -> Error {
    Error::schema(format!("Iceberg has no type for {data_type}: cast column '{path}' to {advice}"))
}

fn is_uuid(field: &Field) -> bool {
    field.metadata().get(EXTENSION_NAME).is_some_and(|name| name == UUID_EXTENSION)
}

/// The properties of a new table that keep what an Iceberg schema cannot: the CQL types of its columns, as
/// `cassandra.type.<column>`.
pub(crate) fn table_properties(fields: &Fields) -> HashMap<String, String> {
    fields
        .iter()
        .filter_map(|f| Some((format!("{CQL_TYPE_KEY}.{}", f.name()), f.metadata().get(CQL_TYPE_KEY)?.clone())))
        .collect()
}

/// The columns of a table as DataFusion sees them: names, types and nullability, the mark of a uuid and the CQL type; but
/// not Iceberg's field ids, which would make equal columns of two tables look different.
pub(crate) fn visible_schema(metadata: &TableMetadata, schema: &Schema) -> Result<SchemaRef> {
    let arrow = schema_to_arrow_schema(schema).map_err(|e| failed("read the table's schema", &e))?;
    let fields: Vec<Field> = arrow
        .fields()
        .iter()
        .zip(schema.as_struct().fields())
        .map(|(field, column)| {
            let mut kept = HashMap::new();
            if matches!(column.field_type.as_ref(), Type::Primitive(PrimitiveType::Uuid)) {
                kept.insert(EXTENSION_NAME.to_owned(), UUID_EXTENSION.to_owned());
            }
            if let Some(cql) = metadata.properties().get(&format!("{CQL_TYPE_KEY}.{}", column.name)) {
                kept.insert(CQL_TYPE_KEY.to_owned(), cql.clone());
            }
            let plain = without_metadata(field).as_ref().clone().with_metadata(kept);
            match plain.data_type() {
                DataType::Time64(_) => plain.with_data_type(DataType::Time64(TimeUnit::Nanosecond)),
                _ => plain,
            }
        })
        .collect();
    Ok(Arc::new(ArrowSchema::new(fields)))
}

fn without_metadata(field: &Field) -> FieldRef {
    let data_type = match field.data_type() {
        DataType::List(item) => DataType::List(without_metadata(item)),
        DataType::Map(entries, sorted) => DataType::Map(without_metadata(entries), *sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|f| without_metadata(f)).collect()),
        other => other.clone(),
    };
    Arc::new(Field::new(field.name(), data_type, field.is_nullable()))
}
