//! DataFusion's filters as Iceberg predicates, to skip files and row groups.
//!
//! Only what means the same on both sides: a plain column against literals of the column's own type. No cast on a column
//! (the crate iceberg-datafusion strips them and loses rows), no negation, no floats (NaN and −0.0 sort differently), no
//! decimals and no binaries. The caller keeps every filter, so that what is skipped here only costs time.

use ::iceberg::expr::{Predicate, Reference};
use ::iceberg::spec::{Datum, PrimitiveType, Schema, Type};
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::scalar::ScalarValue;

/// A predicate that is true wherever `expr` is; none if no part of it can be told.
pub(crate) fn implied(expr: &Expr, schema: &Schema) -> Option<Predicate> {
    match expr {
        // Half of a conjunction is implied by it. Only sound outside of OR, and as there is no NOT.
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            match (implied(left, schema), implied(right, schema)) {
                (Some(left), Some(right)) => Some(left.and(right)),
                (one, other) => one.or(other),
            }
        }
        _ => equivalent(expr, schema),
    }
}

/// A predicate that is true where `expr` is, and nowhere else.
fn equivalent(expr: &Expr, schema: &Schema) -> Option<Predicate> {
    match expr {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
            Some(equivalent(left, schema)?.and(equivalent(right, schema)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
            Some(equivalent(left, schema)?.or(equivalent(right, schema)?))
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
            (Expr::Column(column), Expr::Literal(value, _)) => compare(&column.name, *op, value, schema),
            (Expr::Literal(value, _), Expr::Column(column)) => compare(&column.name, op.swap()?, value, schema),
            _ => None,
        },
        Expr::InList(list) if !list.negated => {
            let Expr::Column(column) = list.expr.as_ref() else { return None };
            let primitive = primitive(&column.name, schema)?;
            let values = list.list.iter().map(|value| match value {
                Expr::Literal(value, _) => datum(value, primitive),
                _ => None,
            });
            Some(Reference::new(&column.name).is_in(values.collect::<Option<Vec<_>>>()?))
        }
        Expr::IsNull(inner) => Some(Reference::new(top_level(inner, schema)?).is_null()),
        Expr::IsNotNull(inner) => Some(Reference::new(top_level(inner, schema)?).is_not_null()),
        _ => None,
    }
}

fn compare(column: &str, op: Operator, value: &ScalarValue, schema: &Schema) -> Option<Predicate> {
    let primitive = primitive(column, schema)?;
    let value = datum(value, primitive)?;
    let column = Reference::new(column);
    match op {
        Operator::Eq => Some(column.equal_to(value)),
        // A uuid is bytes to Arrow and a number to Iceberg: only equality is surely the same.
        _ if *primitive == PrimitiveType::Uuid => None,
        Operator::Lt => Some(column.less_than(value)),
        Operator::LtEq => Some(column.less_than_or_equal_to(value)),
        Operator::Gt => Some(column.greater_than(value)),
        Operator::GtEq => Some(column.greater_than_or_equal_to(value)),
        _ => None,
    }
}

/// The name of a primitive column that stands alone.
fn top_level<'a>(expr: &'a Expr, schema: &Schema) -> Option<&'a str> {
    let Expr::Column(column) = expr else { return None };
    primitive(&column.name, schema).map(|_| column.name.as_str())
}

fn primitive<'a>(column: &str, schema: &'a Schema) -> Option<&'a PrimitiveType> {
    // Not `field_by_name`, which reads `a.b` as a field of a struct.
    let field = schema.as_struct().fields().iter().find(|f| f.name == column)?;
    match field.field_type.as_ref() {
        // A dot in a name could be taken for a path when the predicate is bound.
        Type::Primitive(primitive) if !column.contains('.') => Some(primitive),
        _ => None,
    }
}

fn datum(value: &ScalarValue, primitive: &PrimitiveType) -> Option<Datum> {
    Some(match (primitive, value) {
        (PrimitiveType::Boolean, ScalarValue::Boolean(Some(v))) => Datum::bool(*v),
        (PrimitiveType::Int, ScalarValue::Int32(Some(v))) => Datum::int(*v),
        (PrimitiveType::Long, ScalarValue::Int64(Some(v))) => Datum::long(*v),
        (
            PrimitiveType::String,
            ScalarValue::Utf8(Some(v)) | ScalarValue::LargeUtf8(Some(v)) | ScalarValue::Utf8View(Some(v)),
        ) => Datum::string(v),
        (PrimitiveType::Uuid, ScalarValue::FixedSizeBinary(16, Some(v))) => {
            Datum::uuid(uuid::Uuid::from_slice(v).ok()?)
        }
        (PrimitiveType::Date, ScalarValue::Date32(Some(v))) if v.unsigned_abs() < MAX_DAYS.unsigned_abs() => {
            Datum::date(*v)
        }
        (PrimitiveType::Timestamp, ScalarValue::TimestampMicrosecond(Some(v), None)) if transformed_right(*v) => {
            Datum::timestamp_micros(*v)
        }
        (PrimitiveType::Timestamptz, ScalarValue::TimestampMicrosecond(Some(v), Some(_))) if transformed_right(*v) => {
            Datum::timestamptz_micros(*v)
        }
        _ => return None,
    })
}

/// Days that the calendar of the `iceberg` crate surely has, about the year 260,000.
const MAX_DAYS: i32 = 95_000_000;

const MICROS_PER_DAY: u64 = 86_400_000_000;

/// Whether the `iceberg` crate computes the right partition values for this timestamp when it prunes: not for fractions
/// of a second before 1970 (see [`super::split`]), nor beyond its calendar.
fn transformed_right(micros: i64) -> bool {
    micros.unsigned_abs() < u64::from(MAX_DAYS.unsigned_abs()) * MICROS_PER_DAY
        && (micros >= 0 || micros % 1_000_000 == 0)
}
