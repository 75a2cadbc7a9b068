//! `UPDATE t SET c = expression, … WHERE …`.

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::Column as ColumnName;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Subquery, cast};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, Expr as SqlExpr, Ident, SelectItem, UnaryOperator, Update, Value,
};

use super::refuse;
use super::rows::{Source, check_one_line_each, item, reads_what_changes, real_rows};
use super::target::{Target, only_table};
use crate::cluster::schema::{Column, ColumnKind, CqlType};
use crate::codec::encode::RowEncoder;
use crate::error::{Error, Result};
use crate::write::Change;

const UPDATE: &str = "UPDATE";

pub(super) async fn plan(context: &SessionContext, update: Update) -> DataFusionResult<LogicalPlan> {
    let Update { update_token: _, optimizer_hint, table, assignments, from, selection, returning, or, limit } = update;
    refuse(
        UPDATE,
        &[
            ("FROM", from.is_some(), "write SET column = (SELECT …)"),
            ("RETURNING", returning.is_some(), "select the rows afterwards"),
            ("OR", or.is_some(), "there are no conflicts"),
            ("LIMIT", limit.is_some(), "write WHERE key IN (SELECT … LIMIT …)"),
            ("an optimizer hint", optimizer_hint.is_some(), "leave it out"),
        ],
    )?;
    let target = Target::find(context, UPDATE, &only_table(UPDATE, &table)?).await?;
    target.check_keys()?;
    let set = assignments.into_iter().map(|one| assigned(&target, one)).collect::<Result<Vec<_>>>()?;
    let is_static = all_or_none_static(&target, &set)?;
    let source = Source { from: table, selection };
    source.check_chooses(context, &target).await?;

    // Static columns belong to the Cassandra partition, and so do the rows that set them.
    let key: Vec<Column> = if is_static {
        target.table.partition_key().cloned().collect()
    } else {
        target.table.primary_key().cloned().collect()
    };
    let mut items: Vec<SelectItem> = Vec::new();
    let mut columns = Vec::new();
    for (column, value) in set {
        let alias = Ident::with_quote('"', &column.name);
        items.push(SelectItem::ExprWithAlias { expr: exact_number(value, &column), alias });
        columns.push(column);
    }
    items.extend(key.iter().map(item));
    let values = columns.len();
    columns.extend(key);

    let rows = source.select(context, items).await?;
    check_one_line_each(&target, &rows)?;
    let read_first = reads_what_changes(&target, &rows)?;
    let rows = if is_static { one_for_each_partition(&target, rows, values)? } else { real_rows(&target, rows)? };
    let rows = as_assigned(&target, rows, &columns)?;
    Ok(target.plan(Change::Update, columns, rows, read_first))
}

/// The column that is set, and its new value.
fn assigned(target: &Target, assignment: Assignment) -> Result<(Column, SqlExpr)> {
    let Assignment { target: left, value } = assignment;
    let name = match &left {
        AssignmentTarget::ColumnName(name) => match name.0.as_slice() {
            [part] => part.as_ident(),
            _ => None,
        },
        AssignmentTarget::Tuple(_) => None,
    };
    let table = &target.table;
    let Some(name) = name else {
        return Err(Error::config(format!("UPDATE sets whole columns, named as they are, and '{left}' is none")));
    };
    let name = target.normalized(name);
    let Some(column) = table.columns.iter().find(|column| column.name == name) else {
        let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
        return Err(Error::schema(format!("{} has no column {name}: it has {}", table.name, names.join(", "))));
    };
    if column.kind.is_key() {
        return Err(Error::config(format!(
            "column {name} is of the primary key of {}, which identifies a row: INSERT the row anew and DELETE the old one",
            table.name
        )));
    }
    if column.cql_type == CqlType::Counter {
        return Err(Error::config(format!(
            "column {name} of {} is a counter, which can only be added to: use UPDATE … SET {name} = {name} + … of CQL",
            table.name
        )));
    }
    Ok((column.clone(), value))
}

/// Whether static columns are set, which are not set together with others: they have other rows.
fn all_or_none_static(target: &Target, set: &[(Column, SqlExpr)]) -> Result<bool> {
    let names: Vec<&str> = set.iter().map(|(column, _)| column.name.as_str()).collect();
    if let Some((_, name)) = names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
        return Err(Error::config(format!("UPDATE sets column {name} twice: once is enough")));
    }
    let (statics, others): (Vec<_>, Vec<_>) = set.iter().partition(|(column, _)| column.kind == ColumnKind::Static);
    match (statics.first(), others.first()) {
        (Some((one, _)), Some((other, _))) => Err(Error::config(format!(
            "column {} of {} is static, that is of a whole Cassandra partition, and column {} is not: set them in two \
             statements",
            one.name, target.table.name, other.name
        ))),
        (statics, _) => Ok(statics.is_some()),
    }
}

/// A number that is written for a column of numbers of any size keeps its digits, which SQL would make a float of.
fn exact_number(value: SqlExpr, column: &Column) -> SqlExpr {
    let digits = match &value {
        SqlExpr::Value(number) => digits(&number.value).map(str::to_owned),
        SqlExpr::UnaryOp { op: UnaryOperator::Minus, expr } => match expr.as_ref() {
            SqlExpr::Value(number) => digits(&number.value).map(|digits| format!("-{digits}")),
            _ => None,
        },
        _ => None,
    };
    match digits {
        Some(digits) if matches!(column.cql_type, CqlType::Decimal | CqlType::Varint) => {
            SqlExpr::Value(Value::SingleQuotedString(digits).into())
        }
        _ => value,
    }
}

fn digits(value: &Value) -> Option<&str> {
    if let Value::Number(digits, _) = value { Some(digits) } else { None }
}

/// Brings values to the types of their columns as far as nothing but the last digits of a float can be lost; the others are
/// left to the encoder, which writes them exactly or says why it cannot.
fn as_assigned(target: &Target, rows: LogicalPlan, columns: &[Column]) -> DataFusionResult<LogicalPlan> {
    let mut casts = false;
    let expressions: Vec<Expr> = rows
        .schema()
        .iter()
        .zip(columns)
        .map(|((qualifier, field), column)| {
            let value = Expr::Column(ColumnName::from((qualifier, field)));
            if column.kind.is_key() {
                return Ok(value);
            }
            let native = target.schema.field_with_name(&column.name)?.data_type();
            if !is_cast(column, field.data_type(), native) {
                return Ok(value);
            }
            casts = true;
            Ok(cast(value, native.clone()).alias(&column.name))
        })
        .collect::<DataFusionResult<_>>()?;
    if casts { LogicalPlanBuilder::from(rows).project(expressions)?.build() } else { Ok(rows) }
}

fn is_cast(column: &Column, from: &DataType, native: &DataType) -> bool {
    if native.is_floating() {
        return from != native && from.is_numeric();
    }
    let fits = || {
        let field = Field::new(&column.name, from.clone(), true);
        RowEncoder::try_new(std::slice::from_ref(column), &Schema::new(vec![field])).is_ok()
    };
    let is_text = matches!(from, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    is_text && !native.is_nested() && !fits()
}

/// One row for each Cassandra partition, whose new values must be the same for all of its rows.
fn one_for_each_partition(target: &Target, rows: LogicalPlan, values: usize) -> DataFusionResult<LogicalPlan> {
    let LogicalPlan::Projection(projection) = &rows else {
        return Err(Error::internal("a SELECT is not a projection").into());
    };
    for value in projection.expr.iter().take(values) {
        for name in columns_of(value)? {
            let column = target.table.columns.iter().find(|column| column.name == name);
            if column.is_none_or(|column| !matches!(column.kind, ColumnKind::PartitionKey | ColumnKind::Static)) {
                return Err(Error::config(format!(
                    "a static column has one value for a whole Cassandra partition, and {name} has one for each row: \
                     only static columns and the partition key may stand in its new value"
                ))
                .into());
            }
        }
    }
    let column = |(qualifier, field)| Expr::Column(ColumnName::from((qualifier, field)));
    let all: Vec<Expr> = rows.schema().iter().map(column).collect();
    let key = all[values..].to_vec();
    LogicalPlanBuilder::from(rows).distinct_on(key, all, None)?.build()
}

/// The columns of the row that an expression depends on, also by its subqueries.
fn columns_of(expr: &Expr) -> DataFusionResult<Vec<String>> {
    let mut names = Vec::new();
    expr.apply(|part| {
        let mut outer = |subquery: &Subquery| {
            for column in &subquery.outer_ref_columns {
                if let Expr::OuterReferenceColumn(_, column) = column {
                    names.push(column.name.clone());
                }
            }
        };
        match part {
            Expr::ScalarSubquery(subquery) => outer(subquery),
            Expr::InSubquery(within) => outer(&within.subquery),
            Expr::Exists(exists) => outer(&exists.subquery),
            Expr::Column(column) => names.push(column.name.clone()),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(names)
}
