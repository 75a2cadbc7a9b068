//! Whether the server means the same type as we do.

use scylla::frame::response::result::{CollectionType, ColumnType, NativeType};

use crate::cluster::cql_type::CqlType;
use crate::codec::is_custom;

/// Whether the type the server announces is the one we know the column by. `frozen` does not count: results do not
/// tell it. A type with a Java class in it is announced as `blob`, because it is asked for as one: the driver cannot read
/// the names of such types.
pub(super) fn is_same_type(ours: &CqlType, theirs: &ColumnType<'_>) -> bool {
    match (ours, theirs) {
        (_, ColumnType::Native(NativeType::Blob)) if ours.contains(is_custom) => true,
        (CqlType::Frozen(inner), _) => is_same_type(inner, theirs),
        (CqlType::List(a), ColumnType::Collection { typ: CollectionType::List(b), .. })
        | (CqlType::Set(a), ColumnType::Collection { typ: CollectionType::Set(b), .. }) => is_same_type(a, b),
        (CqlType::Map(ak, av), ColumnType::Collection { typ: CollectionType::Map(bk, bv), .. }) => {
            is_same_type(ak, bk) && is_same_type(av, bv)
        }
        (CqlType::Tuple(a), ColumnType::Tuple(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_type(a, b))
        }
        (CqlType::Vector(a, n), ColumnType::Vector { typ, dimensions }) => {
            *n == usize::from(*dimensions) && is_same_type(a, typ)
        }
        (CqlType::Udt(a), ColumnType::UserDefinedType { definition: b, .. }) => {
            let is_same_field =
                |(a, b): (&(String, CqlType), &(_, ColumnType<'_>))| a.0 == b.0 && is_same_type(&a.1, &b.1);
            a.name == b.name
                && a.fields.len() == b.field_types.len()
                && a.fields.iter().zip(&b.field_types).all(is_same_field)
        }
        (_, ColumnType::Native(native)) => scalar(native).as_ref() == Some(ours),
        _ => false,
    }
}

fn scalar(native: &NativeType) -> Option<CqlType> {
    Some(match native {
        NativeType::Ascii => CqlType::Ascii,
        NativeType::Boolean => CqlType::Boolean,
        NativeType::Blob => CqlType::Blob,
        NativeType::Counter => CqlType::Counter,
        NativeType::Date => CqlType::Date,
        NativeType::Decimal => CqlType::Decimal,
        NativeType::Double => CqlType::Double,
        NativeType::Duration => CqlType::Duration,
        NativeType::Float => CqlType::Float,
        NativeType::Int => CqlType::Int,
        NativeType::BigInt => CqlType::BigInt,
        NativeType::Text => CqlType::Text,
        NativeType::Timestamp => CqlType::Timestamp,
        NativeType::Inet => CqlType::Inet,
        NativeType::SmallInt => CqlType::SmallInt,
        NativeType::TinyInt => CqlType::TinyInt,
        NativeType::Time => CqlType::Time,
        NativeType::Timeuuid => CqlType::TimeUuid,
        NativeType::Uuid => CqlType::Uuid,
        NativeType::Varint => CqlType::Varint,
        _ => return None,
    })
}

/// The type the server announces, as text for an error message.
pub(super) fn server_name(theirs: &ColumnType<'_>) -> String {
    match theirs {
        ColumnType::Native(native) => {
            scalar(native).as_ref().map_or_else(|| format!("{native:?}"), ToString::to_string)
        }
        ColumnType::Collection { typ: CollectionType::List(e), .. } => format!("list<{}>", server_name(e)),
        ColumnType::Collection { typ: CollectionType::Set(e), .. } => format!("set<{}>", server_name(e)),
        ColumnType::Collection { typ: CollectionType::Map(k, v), .. } => {
            format!("map<{}, {}>", server_name(k), server_name(v))
        }
        ColumnType::Tuple(parts) => {
            format!("tuple<{}>", parts.iter().map(server_name).collect::<Vec<_>>().join(", "))
        }
        ColumnType::Vector { typ, dimensions } => format!("vector<{}, {dimensions}>", server_name(typ)),
        ColumnType::UserDefinedType { definition, .. } => {
            let fields: Vec<String> =
                definition.field_types.iter().map(|(name, field)| format!("{name} {}", server_name(field))).collect();
            format!("{} ({})", definition.name, fields.join(", "))
        }
        other => format!("{other:?}"),
    }
}
