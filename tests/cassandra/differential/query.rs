//! Random queries over some tables.

use super::choices::Choices;
use super::column_type::ColumnType;
use super::condition::{Relation, any_column, conjuncts, tree, where_clause};
use super::scalar::Scalar;
use super::table::{Column, Kind, Table};
use super::{join, nested};

/// What two answers to a query must have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Check {
    /// The same rows in the same order.
    Sequence,
    /// The same rows.
    Rows,
    /// As many rows, all of which are among those of this query, which has no limit.
    AmongRowsOf(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) sql: String,
    pub(crate) check: Check,
}

impl Query {
    pub(crate) fn rows(sql: String) -> Self {
        Self { sql, check: Check::Rows }
    }
}

/// Cassandra tables, and those in memory that have keys of theirs.
pub(crate) struct Tables {
    pub(crate) cassandra: Vec<Table>,
    pub(crate) keys: Vec<Table>,
}

pub(crate) fn random(tables: &Tables, choices: &mut Choices) -> Query {
    let relation = Relation { alias: "x", table: choices.pick(&tables.cassandra) };
    match choices.weighted(&[26, 10, 14, 14, 6, 6, 4, 20]) {
        0 => select(relation, choices),
        1 => ordered_in_one_partition(relation, choices),
        2 => aggregate(relation, choices),
        3 => group_by(relation, choices),
        4 => distinct(relation, choices),
        5 => window(relation, choices),
        6 => set_operation(relation, choices),
        _ => join::random(tables, choices),
    }
}

/// Plain columns, or expressions, each under a name of its own. A `*` is more than one column.
fn projection(relation: Relation<'_>, choices: &mut Choices) -> String {
    if choices.chance(15) {
        return format!("{}.*", relation.alias);
    }
    let count = choices.between(1, 4);
    let items = (0..count).map(|index| {
        let column = any_column(relation.table, choices);
        let name = relation.column(column);
        let item = match (column.cql_type.scalar(), choices.weighted(&[10, 1, 1, 1, 1])) {
            (_, 1) => "1".to_owned(),
            (_, 2) => format!("{name} IS NULL"),
            (Some(scalar), 3) if scalar.is_integer() => format!("CAST({name} AS BIGINT) + 1"),
            (Some(scalar), 3) if scalar.is_text() => format!("length({name}) || '.' || {name}"),
            (None, 3 | 4) if !column.parts.is_empty() => nested::part(&name, column, choices).0,
            (Some(_), 4) => format!("CASE WHEN {name} IS NULL THEN 'none' ELSE CAST({name} AS VARCHAR) END"),
            _ => name,
        };
        format!("{item} AS o{index}")
    });
    items.collect::<Vec<_>>().join(", ")
}

fn select(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let from = from(relation, choices);
    let filter = where_clause(&[relation], choices);
    let items = projection(relation, choices);
    let all = format!("SELECT {items} FROM {from}{filter}");
    match choices.weighted(&[8, 5, 4]) {
        0 => Query::rows(all),
        1 => {
            let sql = format!("{all} ORDER BY {}{}", total_order(relation, choices), limit(choices));
            Query { sql, check: Check::Sequence }
        }
        _ => Query { sql: format!("{all}{}", limit(choices)), check: Check::AmongRowsOf(all) },
    }
}

/// The table itself, or rows of it that a subquery has chosen.
fn from(relation: Relation<'_>, choices: &mut Choices) -> String {
    match choices.weighted(&[12, 1, 1]) {
        0 => relation.item(),
        1 => {
            let inner = Relation { alias: "y", table: relation.table };
            format!("(SELECT * FROM {}{}) AS x", inner.item(), where_clause(&[inner], choices))
        }
        _ => {
            let inner = Relation { alias: "y", table: relation.table };
            let (filter, order) = (where_clause(&[inner], choices), total_order(inner, choices));
            format!("(SELECT * FROM {}{filter} ORDER BY {order} LIMIT {}) AS x", inner.item(), choices.between(1, 30))
        }
    }
}

fn limit(choices: &mut Choices) -> String {
    let limit = *choices.pick(&[1, 2, 3, 5, 10, 50, 1000, 0]);
    match choices.weighted(&[5, 1]) {
        0 => format!(" LIMIT {limit}"),
        _ => format!(" LIMIT {limit} OFFSET {}", choices.between(1, 12)),
    }
}

fn direction(choices: &mut Choices) -> &'static str {
    choices.word(&["", " DESC", " ASC", " NULLS FIRST", " DESC NULLS LAST", " ASC NULLS FIRST"])
}

/// Columns that no two rows have in common, in the order of the primary key or in another one.
fn total_order(relation: Relation<'_>, choices: &mut Choices) -> String {
    let mut key: Vec<&Column> = relation.table.primary_key().collect();
    if choices.chance(20) {
        choices.shuffle(&mut key);
    }
    if choices.chance(20) {
        key.insert(0, any_column(relation.table, choices));
    }
    let mut order: Vec<String> = key.iter().map(|column| relation.column(column) + direction(choices)).collect();
    // 1.5 and 1.50 are equal, and may be in different Cassandra partitions.
    let forms = key.iter().filter(|column| !has_one_form(column));
    order.extend(forms.map(|column| format!("{} || ''", relation.column(column))));
    order.join(", ")
}

fn has_one_form(column: &Column) -> bool {
    column.cql_type.scalar().is_none_or(Scalar::has_one_form)
}

/// The first or last rows of one Cassandra partition.
fn ordered_in_one_partition(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let table = relation.table;
    let clustering: Vec<&Column> = table.clustering().collect();
    let is_suited = !clustering.is_empty() && table.primary_key().all(has_one_form) && !table.rows.is_empty();
    if !is_suited {
        return select(relation, choices);
    }
    let row = choices.pick(&table.rows).clone();
    let mut conditions: Vec<String> = table
        .partition_key()
        .zip(&row)
        .map(|(column, value)| {
            let scalar = column.cql_type.scalar().unwrap();
            format!("{} = {}", relation.column(column), scalar.sql(value.as_ref().unwrap(), choices))
        })
        .collect();
    let mut order: Vec<String> = Vec::new();
    let turned = choices.chance(50);
    for column in &clustering {
        let is_descending = column.kind == (Kind::Clustering { descending: true });
        // One turned against the others now and then.
        let descending = (is_descending != turned) != choices.chance(12);
        let nulls = choices.word(&["", "", "", " NULLS FIRST", " NULLS LAST"]);
        order.push(format!("{}{}{nulls}", relation.column(column), if descending { " DESC" } else { " ASC" }));
    }
    if choices.chance(50) {
        conditions.extend(conjuncts(&[relation], choices));
    }
    let used = if choices.chance(30) { choices.between(1, clustering.len()) } else { clustering.len() };
    // Rows that have no order among them are the same then.
    let items = if used < clustering.len() {
        clustering[..used].iter().map(|column| relation.column(column)).collect::<Vec<_>>().join(", ")
    } else {
        projection(relation, choices)
    };
    let (filter, order) = (conditions.join(" AND "), order[..used].join(", "));
    let sql = format!("SELECT {items} FROM {} WHERE {filter} ORDER BY {order}{}", relation.item(), limit(choices));
    Query { sql, check: Check::Sequence }
}

fn aggregates(relation: Relation<'_>, choices: &mut Choices) -> Vec<String> {
    let count = choices.between(1, 3);
    (0..count)
        .map(|_| {
            let column = any_column(relation.table, choices);
            let name = relation.column(column);
            let is_integer = column.cql_type.scalar().is_some_and(Scalar::is_integer);
            let has_order = !matches!(
                column.cql_type,
                ColumnType::Scalar(Scalar::Decimal | Scalar::Varint) | ColumnType::Map(..) | ColumnType::FrozenMap(..)
            );
            let mut call = match choices.weighted(&[6, 4, 2, 4, 4, 2, 1]) {
                1 => format!("count({name})"),
                2 => format!("count(DISTINCT {name})"),
                3 if has_order => format!("min({name})"),
                4 if has_order => format!("max({name})"),
                5 if is_integer => format!("sum({name})"),
                6 => "count(1)".to_owned(),
                _ => "count(*)".to_owned(),
            };
            if choices.chance(8) {
                call = format!("{call} FILTER (WHERE {})", tree(&[relation], 1, choices));
            }
            call
        })
        .collect()
}

fn named(items: &[String]) -> String {
    items.iter().enumerate().map(|(index, item)| format!("{item} AS o{index}")).collect::<Vec<_>>().join(", ")
}

fn aggregate(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let from = from(relation, choices);
    let filter = where_clause(&[relation], choices);
    let items = named(&aggregates(relation, choices));
    let having = if choices.chance(8) { " HAVING count(*) > 1" } else { "" };
    Query::rows(format!("SELECT {items} FROM {from}{filter}{having}"))
}

/// Columns to group by: the partition key, a prefix of the primary key, some of it, or others.
fn group_columns<'a>(table: &'a Table, choices: &mut Choices) -> Vec<&'a Column> {
    let key: Vec<&Column> = table.primary_key().collect();
    let partition = table.partition_key().count();
    match choices.weighted(&[5, 4, 2, 2, 2]) {
        0 => key[..partition].to_vec(),
        1 => key[..choices.between(1, key.len())].to_vec(),
        2 => {
            let mut part = key[..partition].to_vec();
            choices.shuffle(&mut part);
            part.push(any_column(table, choices));
            part
        }
        3 => vec![any_column(table, choices)],
        _ => vec![any_column(table, choices), any_column(table, choices)],
    }
}

fn group_by(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let filter = where_clause(&[relation], choices);
    let columns = group_columns(relation.table, choices);
    let names: Vec<String> = columns.iter().map(|column| relation.column(column)).collect();
    let mut items = names.clone();
    items.extend(aggregates(relation, choices));
    let having = match choices.weighted(&[8, 1, 1]) {
        0 => String::new(),
        1 => " HAVING count(*) > 2".to_owned(),
        _ => format!(" HAVING max({}) IS NOT NULL", names[0]),
    };
    let all =
        format!("SELECT {} FROM {}{filter} GROUP BY {}{having}", named(&items), relation.item(), names.join(", "));
    limited(all, &columns, &names, choices)
}

/// Perhaps with an order by all of the columns, perhaps with a limit.
fn limited(all: String, columns: &[&Column], names: &[String], choices: &mut Choices) -> Query {
    match choices.weighted(&[6, 2, 2]) {
        0 => Query::rows(all),
        1 if columns.iter().all(|column| has_one_form(column)) => {
            let order: Vec<String> = names.iter().map(|name| format!("{name}{}", direction(choices))).collect();
            let sql = format!("{all} ORDER BY {}{}", order.join(", "), limit(choices));
            Query { sql, check: Check::Sequence }
        }
        _ => Query { sql: format!("{all}{}", limit(choices)), check: Check::AmongRowsOf(all) },
    }
}

fn distinct(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let filter = where_clause(&[relation], choices);
    let columns = group_columns(relation.table, choices);
    let names: Vec<String> = columns.iter().map(|column| relation.column(column)).collect();
    let all = format!("SELECT DISTINCT {} FROM {}{filter}", named(&names), relation.item());
    let ordinals: Vec<String> = (0..names.len()).map(|index| format!("o{index}")).collect();
    limited(all, &columns, &ordinals, choices)
}

fn window(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let table = relation.table;
    let list = |columns: Vec<&Column>, choices: &mut Choices| -> Vec<String> {
        columns.iter().map(|column| relation.column(column) + direction(choices)).collect()
    };
    let partition: Vec<String> = table.partition_key().map(|column| relation.column(column)).collect();
    let clustering: Vec<&Column> = table.clustering().collect();
    let order = match clustering.len() {
        0 => String::new(),
        _ => format!(" ORDER BY {}", list(clustering, choices).join(", ")),
    };
    let of = relation.column(any_column(table, choices));
    let function = match choices.below(4) {
        0 => "row_number()".to_owned(),
        1 => format!("lag({of})"),
        2 => format!("count({of})"),
        _ => format!("first_value({of})"),
    };
    let filter = where_clause(&[relation], choices);
    // DataFusion has no frames by range for UUIDs.
    let frame = if order.is_empty() { "" } else { " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW" };
    let over = format!("{function} OVER (PARTITION BY {}{order}{frame})", partition.join(", "));
    let items = projection(relation, choices);
    let sql = format!("SELECT {items}, {over} AS w FROM {}{filter}", relation.item());
    if function.starts_with("row") && choices.chance(50) {
        return Query::rows(format!("SELECT * FROM ({sql}) AS s WHERE w <= {}", choices.between(1, 3)));
    }
    Query::rows(sql)
}

fn set_operation(relation: Relation<'_>, choices: &mut Choices) -> Query {
    let items = projection(relation, choices);
    let operator = choices.word(&["UNION ALL", "UNION", "EXCEPT", "INTERSECT"]);
    let mut side = || format!("SELECT {items} FROM {}{}", relation.item(), where_clause(&[relation], choices));
    let (left, right) = (side(), side());
    Query::rows(format!("{left} {operator} {right}"))
}
