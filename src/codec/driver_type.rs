//! Types as the server announces them with its results, and ours.

use scylla::frame::response::result::{CollectionType, ColumnSpec, ColumnType, NativeType};

use crate::cluster::cql_type::{CqlType, UserType};
use crate::cluster::schema::{Column, ColumnKind, TableName};
use crate::codec::is_custom;
use crate::error::{Error, Result};

/// The columns of a result of which nothing is known but what the server announces: any of them may be null.
///
/// # Errors
/// [`ErrorKind::Schema`](crate::ErrorKind::Schema) naming the first column whose type is not known.
pub(crate) fn result_columns(specs: &[ColumnSpec<'_>]) -> Result<Vec<Column>> {
    let column = |spec: &ColumnSpec<'_>| {
        let cql_type = cql_type(spec.typ()).ok_or_else(|| {
            Error::schema(format!(
                "column {} of the result is of the type {:?}, which cbulk does not know: select it as (blob){0}",
                spec.name(),
                spec.typ()
            ))
        })?;
        Ok(Column { name: spec.name().to_owned(), cql_type, kind: ColumnKind::Regular })
    };
    specs.iter().map(column).collect()
}

/// The table that a result is of.
pub(crate) fn result_table(specs: &[ColumnSpec<'_>]) -> TableName {
    // A result without columns is of none.
    let table = specs.first().map(ColumnSpec::table_spec);
    table.map_or(TableName::new("", ""), |table| TableName::new(table.ks_name(), table.table_name()))
}

/// Our name for a type of the server's. `frozen` is nowhere in it, because results do not tell.
fn cql_type(theirs: &ColumnType<'_>) -> Option<CqlType> {
    let boxed = |part| cql_type(part).map(Box::new);
    Some(match theirs {
        ColumnType::Native(native) => scalar(native)?,
        ColumnType::Collection { typ: CollectionType::List(element), .. } => CqlType::List(boxed(element)?),
        ColumnType::Collection { typ: CollectionType::Set(element), .. } => CqlType::Set(boxed(element)?),
        ColumnType::Collection { typ: CollectionType::Map(key, value), .. } => CqlType::Map(boxed(key)?, boxed(value)?),
        ColumnType::Vector { typ, dimensions } => CqlType::Vector(boxed(typ)?, usize::from(*dimensions)),
        ColumnType::Tuple(parts) => CqlType::Tuple(parts.iter().map(cql_type).collect::<Option<_>>()?),
        ColumnType::UserDefinedType { definition, .. } => {
            let fields = definition.field_types.iter().map(|(name, field)| Some((name.to_string(), cql_type(field)?)));
            let fields = fields.collect::<Option<_>>()?;
            CqlType::Udt(UserType { name: definition.name.to_string(), fields })
        }
        _ => return None,
    })
}

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
