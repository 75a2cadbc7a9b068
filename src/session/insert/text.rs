//! Text for blobs and UUIDs.
//!
//! DataFusion casts what a SELECT gives to the types of the table: text to a blob of that text's own bytes, and to a UUID not at
//! all. In CQL and in files the text for a blob is `0xcafe`. So the text goes to the encoder, which reads that form and refuses all
//! other. A cast that the user writes stays what it is.

use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, StringArray};
use datafusion::arrow::compute::can_cast_types;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::Column as ColumnName;
use datafusion::datasource::provider_as_source;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{DmlStatement, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, WriteOp};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, SetExpr, Statement as SqlStatement, Value};

use super::Insert;
use crate::catalog::table::CassandraTable;
use crate::cluster::schema::{Column, CqlType};
use crate::codec::encode::RowEncoder;
use crate::codec::hex;
use crate::error::{Error, Result};

impl Insert {
    /// The plan of an `INSERT … SELECT` with text for blobs or UUIDs; none if there is none, or if something is wrong that DataFusion
    /// finds as well.
    pub(in crate::session) async fn with_text(
        &self,
        context: &SessionContext,
    ) -> DataFusionResult<Option<LogicalPlan>> {
        if !self.is_plain {
            return Ok(None);
        }
        let Some((name, provider)) = self.provider(context).await else { return Ok(None) };
        let Some(table) = provider.as_any().downcast_ref::<CassandraTable>() else { return Ok(None) };
        let schema = table.schema();
        let may_differ = |data_type: &DataType| is_bytes(data_type) || data_type.is_nested();
        if !schema.fields().iter().any(|field| may_differ(field.data_type())) {
            return Ok(None);
        }
        let (targets, problems) = self.targets(table, &Self::normalizer(context));
        let targets: Option<Vec<(Column, DataType)>> = targets.into_iter().collect();
        let Some(targets) = targets.filter(|_| problems.is_empty()) else { return Ok(None) };
        let Some(rows) = self.rows(context).await else { return Ok(None) };
        let given = rows.schema();
        if given.fields().len() != targets.len() {
            return Ok(None);
        }
        let name_of_table = &table.definition().name;
        let taken = targets.iter().zip(given.fields()).map(|((column, native), field)| {
            taken_as(column, native, field.data_type())
                .map_err(|refusals| Error::all(&format!("INSERT INTO {name_of_table} is not possible"), refusals))
        });
        let taken = taken.collect::<Result<Vec<Option<DataType>>>>()?;
        if taken.iter().all(Option::is_none) {
            return Ok(None);
        }
        let value = |field: &Arc<Field>| {
            let value = match targets.iter().position(|(column, _)| column.name == *field.name()) {
                Some(place) => {
                    let value = Expr::Column(ColumnName::from(given.qualified_field(place)));
                    value.cast_to(taken[place].as_ref().unwrap_or(field.data_type()), given)?
                }
                None => Expr::Literal(ScalarValue::Null, None).cast_to(field.data_type(), given)?,
            };
            Ok(value.alias(field.name()))
        };
        let values = schema.fields().iter().map(value).collect::<DataFusionResult<Vec<_>>>()?;
        let rows = LogicalPlanBuilder::from(rows.clone()).project(values)?.build()?;
        let insert = WriteOp::Insert(InsertOp::Append);
        Ok(Some(LogicalPlan::Dml(DmlStatement::new(name, provider_as_source(provider), insert, Arc::new(rows)))))
    }

    /// Writes text constants of `VALUES` for blobs and UUIDs in the statement as constants of their bytes.
    ///
    /// # Errors
    /// One of them is no blob or UUID.
    pub(in crate::session) async fn read_constants(
        &self,
        context: &SessionContext,
        statement: &mut Statement,
    ) -> Result<()> {
        let Statement::Statement(statement) = statement else { return Ok(()) };
        let SqlStatement::Insert(insert) = statement.as_mut() else { return Ok(()) };
        let Some(body) = insert.source.as_mut().map(|source| source.body.as_mut()) else { return Ok(()) };
        let SetExpr::Values(values) = body else { return Ok(()) };
        let Some((_, provider)) = self.provider(context).await else { return Ok(()) };
        let Some(table) = provider.as_any().downcast_ref::<CassandraTable>() else { return Ok(()) };
        let (targets, _) = self.targets(table, &Self::normalizer(context));
        for (i, row) in values.rows.iter_mut().enumerate() {
            for (target, value) in targets.iter().zip(row) {
                let Some((column, _)) = target else { continue };
                let SqlExpr::Value(value) = value else { continue };
                let Value::SingleQuotedString(text) = &value.value else { continue };
                if matches!(column.cql_type, CqlType::Blob | CqlType::Uuid | CqlType::TimeUuid) {
                    let digits = hex::text_of(&cell(column, text, i)?);
                    value.value = Value::HexStringLiteral(digits.trim_start_matches("0x").to_owned());
                }
            }
        }
        Ok(())
    }
}

/// The type that values of a column are cast to before they are encoded, where it is not the column's own.
///
/// # Errors
/// A cast to the column's type would make other values of them, and the encoder takes nothing else either.
fn taken_as(column: &Column, native: &DataType, given: &DataType) -> Result<Option<DataType>, Vec<Error>> {
    let Some(wanted) = with_text(given, native) else { return Ok(None) };
    let encoded = |data_type: &DataType| {
        let field = Field::new(&column.name, data_type.clone(), true);
        RowEncoder::try_columns(std::slice::from_ref(column), &Schema::new(vec![field]))
    };
    if can_cast_types(given, &wanted) && encoded(&wanted).is_ok() {
        return Ok(Some(wanted));
    }
    encoded(given).map(|_| Some(given.clone()))
}

/// The type `to` with text where a cast would make bytes of text, in a value or in its parts; none if it nowhere does. A map, which
/// lists cannot be cast to, is the list of its entries.
fn with_text(from: &DataType, to: &DataType) -> Option<DataType> {
    use DataType::{Dictionary, FixedSizeList, LargeList, LargeListView, List, ListView, Map, Struct};
    // The encoder looks for nulls.
    let field = |to: &Field, data_type: DataType| Arc::new(to.clone().with_data_type(data_type).with_nullable(true));
    let part = |from: &Field, to: &Field| Some(field(to, with_text(from.data_type(), to.data_type())?));
    match (from, to) {
        (Dictionary(_, values), to) => with_text(values, to),
        (List(from) | LargeList(from) | ListView(from) | LargeListView(from) | FixedSizeList(from, _), to) => {
            match to {
                List(to) => part(from, to).map(List),
                FixedSizeList(to, length) => Some(FixedSizeList(part(from, to)?, *length)),
                Map(to, _) => {
                    let DataType::Struct(entry) = to.data_type() else { return None };
                    let entry = Struct(entry.iter().map(|part| field(part, part.data_type().clone())).collect());
                    let entry = with_text(from.data_type(), &entry).unwrap_or(entry);
                    Some(List(field(to, entry)))
                }
                _ => None,
            }
        }
        (Map(from, _), Map(to, sorted)) => Some(Map(part(from, to)?, *sorted)),
        (Struct(from), Struct(to)) => {
            let parts = to.iter().enumerate().map(|(i, to)| {
                let from = from.iter().find(|from| from.name() == to.name()).or_else(|| from.get(i));
                from.and_then(|from| part(from, to))
            });
            let parts: Vec<Option<Arc<Field>>> = parts.collect();
            let unchanged = |to: &Arc<Field>| field(to, to.data_type().clone());
            let all =
                || to.iter().zip(&parts).map(|(to, part)| part.clone().unwrap_or_else(|| unchanged(to))).collect();
            parts.iter().any(Option::is_some).then(|| Struct(all()))
        }
        (DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View, to) if is_bytes(to) => Some(from.clone()),
        _ => None,
    }
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_))
}

/// The cell that a text makes in a column; `row` is where it stands, for messages.
fn cell(column: &Column, text: &str, row: usize) -> Result<Vec<u8>> {
    let schema = Arc::new(Schema::new(vec![Field::new(&column.name, DataType::Utf8, false)]));
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(StringArray::from(vec![text]))])
        .map_err(|e| Error::internal("a constant as a column").with_source(e))?;
    let bound = RowEncoder::try_new(std::slice::from_ref(column), &schema)?.bind(&batch)?.numbered(&[row]);
    Ok(bound.value(0, 0)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::schema::ColumnKind;

    fn column(cql_type: CqlType) -> Column {
        Column { name: "c".to_owned(), cql_type, kind: ColumnKind::Regular }
    }

    fn list(inner: DataType) -> DataType {
        DataType::new_list(inner, true)
    }

    fn pair(names: [&str; 2], first: DataType, second: DataType) -> DataType {
        DataType::Struct(vec![Field::new(names[0], first, true), Field::new(names[1], second, true)].into())
    }

    #[test]
    fn text_stays_wherever_it_meets_bytes() {
        use DataType::{Binary, FixedSizeBinary, Int32, Int64, Utf8, Utf8View};
        let entry = |value: DataType| pair(["key", "value"], Int32, value);
        let map = |value: DataType| DataType::Map(Arc::new(Field::new("entries", entry(value), true)), false);
        let entries = |value: DataType| DataType::List(Arc::new(Field::new("entries", entry(value), true)));
        for (from, to, expected) in [
            (Utf8View, Binary, Some(Utf8View)),
            (Binary, Binary, None),
            (Utf8, FixedSizeBinary(16), Some(Utf8)),
            (Utf8, Int32, None),
            (list(list(Utf8)), list(list(Binary)), Some(list(list(Utf8)))),
            (list(Binary), list(Binary), None),
            // By name, or else by place.
            (pair(["a", "b"], Utf8, Binary), pair(["b", "a"], Binary, Utf8), None),
            (pair(["a", "b"], Int64, Utf8), pair(["a", "b"], Int32, Binary), Some(pair(["a", "b"], Int32, Utf8))),
            (pair(["_1", "_2"], Utf8, Int64), pair(["a", "b"], Binary, Int32), Some(pair(["a", "b"], Utf8, Int32))),
            (list(pair(["key", "value"], Int64, Utf8)), map(Binary), Some(entries(Utf8))),
            (list(pair(["key", "value"], Int64, Int64)), map(Int32), Some(entries(Int32))),
            (map(Utf8), map(Binary), Some(map(Utf8))),
            (map(Utf8), map(Utf8), None),
        ] {
            assert_eq!(with_text(&from, &to), expected, "{from} {to}");
        }
    }

    #[test]
    fn the_encoder_gets_what_a_cast_would_change() {
        use DataType::{Binary, FixedSizeBinary, Int32, Int64, Utf8};
        let taken = |cql_type: CqlType, native: &DataType, given: &DataType| {
            taken_as(&column(cql_type), native, given).map_err(|refusals| refusals[0].to_string())
        };
        let uuid = FixedSizeBinary(16);
        assert_eq!(taken(CqlType::Blob, &Binary, &Utf8), Ok(Some(Utf8)));
        assert_eq!(taken(CqlType::Uuid, &uuid, &Utf8), Ok(Some(Utf8)));
        assert_eq!(taken(CqlType::Uuid, &uuid, &Binary), Ok(None));
        assert_eq!(taken(CqlType::Int, &Int32, &Utf8), Ok(None));
        // Numbers are no UUIDs; DataFusion says so.
        assert_eq!(taken(CqlType::Uuid, &uuid, &Int64), Ok(None));
        let tuple = || CqlType::Tuple(vec![CqlType::Int, CqlType::Blob]);
        let parts = |first: DataType, second: DataType| pair(["_1", "_2"], first, second);
        let native = parts(Int32, Binary);
        assert_eq!(taken(tuple(), &native, &parts(Utf8, Utf8)), Ok(Some(parts(Int32, Utf8))));
        let refused = taken(tuple(), &native, &parts(list(Int32), Utf8)).unwrap_err();
        assert!(refused.contains("of type int cannot be written from Arrow type List"), "{refused}");
    }

    #[test]
    fn constants_are_cells() {
        assert_eq!(cell(&column(CqlType::Blob), "0xCAFE", 0).unwrap(), [0xca, 0xfe]);
        let error = cell(&column(CqlType::Blob), "cafe", 6).unwrap_err().to_string();
        assert!(error.contains("cannot write \"cafe\" as blob: it must be 0x") && error.contains("row: 7"), "{error}");
        let uuid = "123e4567-e89b-12d3-a456-426614174000";
        assert_eq!(cell(&column(CqlType::Uuid), uuid, 0).unwrap().len(), 16);
        assert!(cell(&column(CqlType::TimeUuid), uuid, 0).is_ok());
    }
}
