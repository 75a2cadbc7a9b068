//! Random joins and subqueries over two tables.

use super::choices::Choices;
use super::condition::{Relation, any_column, predicate, tree, where_clause};
use super::query::{Query, Tables};
use super::table::{Column, Table};

pub(crate) fn random(tables: &Tables, choices: &mut Choices) -> Query {
    let target = choices.pick(&tables.cassandra);
    let others: Vec<&Table> = tables.keys.iter().chain(&tables.cassandra).collect();
    let other = if choices.chance(40) { *choices.pick(&others) } else { keys_of(tables, target) };
    let (x, y) = (Relation { alias: "x", table: target }, Relation { alias: "y", table: other });
    match choices.weighted(&[10, 5, 2, 2]) {
        0 => join(x, y, choices),
        1 => subquery(x, y, choices),
        2 => scalar_subquery(x, y, choices),
        _ => of_values(x, choices),
    }
}

fn keys_of<'a>(tables: &'a Tables, target: &Table) -> &'a Table {
    let index = tables.cassandra.iter().position(|table| table.name == target.name).unwrap();
    &tables.keys[index]
}

/// Equal columns: the partition key of `x` with some clustering columns, or whatever has the same type.
fn equalities(x: Relation<'_>, y: Relation<'_>, choices: &mut Choices) -> (Vec<String>, bool) {
    let same_type = |column: &Column| -> Vec<&Column> {
        y.table.columns.iter().filter(|other| other.cql_type == column.cql_type).collect()
    };
    let whole_key = !choices.chance(25);
    let columns: Vec<&Column> = if whole_key {
        let clustering = choices.weighted(&[4, 2, 1, 1]);
        x.table.partition_key().chain(x.table.clustering().take(clustering)).collect()
    } else {
        vec![any_column(x.table, choices)]
    };
    let mut missed = false;
    let mut equalities: Vec<String> = Vec::new();
    for column in columns {
        let left = x.column(column);
        let index = x.table.index_of(column);
        let candidates = same_type(column);
        // Columns of a table of keys stand in the order of the key.
        let right = if y.table.is_in_memory()
            && y.table.columns.get(index).is_some_and(|c| candidates.iter().any(|o| o.name == c.name))
            && !choices.chance(5)
        {
            y.table.columns.get(index)
        } else if candidates.is_empty() {
            None
        } else {
            Some(*choices.pick(&candidates))
        };
        match (right, column.cql_type.scalar()) {
            (Some(right), _) => {
                let (a, b) = if choices.chance(30) { (y.column(right), left) } else { (left, y.column(right)) };
                let is_null_safe = choices.chance(6);
                equalities.push(if is_null_safe {
                    format!("({a} IS NOT DISTINCT FROM {b})")
                } else {
                    format!("{a} = {b}")
                });
            }
            (None, Some(scalar)) if choices.chance(50) => {
                let value = choices.pick(&column.values).clone();
                equalities.push(format!("{left} = {}", scalar.sql(&value, choices)));
                missed = true;
            }
            (None, _) => missed = true,
        }
    }
    if equalities.is_empty() {
        equalities.push("1 = 1".to_owned());
    }
    choices.shuffle(&mut equalities);
    (equalities, whole_key && !missed)
}

fn join(x: Relation<'_>, y: Relation<'_>, choices: &mut Choices) -> Query {
    let (mut on, is_keyed) = equalities(x, y, choices);
    if choices.chance(20) {
        let relation = if choices.chance(50) { x } else { y };
        on.push(predicate(relation, any_column(relation.table, choices), choices));
    }
    let kinds = [
        "JOIN",
        "LEFT JOIN",
        "RIGHT JOIN",
        "FULL JOIN",
        "LEFT SEMI JOIN",
        "LEFT ANTI JOIN",
        "RIGHT SEMI JOIN",
        "RIGHT ANTI JOIN",
    ];
    let kind = kinds[choices.weighted(&[8, 4, 4, 1, 2, 2, 2, 2])];
    let turned = choices.chance(50);
    let (first, second) = if turned { (y, x) } else { (x, y) };
    // What a semi join has columns of.
    let seen: Vec<Relation<'_>> = match kind {
        "LEFT SEMI JOIN" | "LEFT ANTI JOIN" => vec![first],
        "RIGHT SEMI JOIN" | "RIGHT ANTI JOIN" => vec![second],
        _ => vec![first, second],
    };
    let filter = if choices.chance(50) { where_clause(&seen, choices) } else { String::new() };
    // Without a key there can be many rows.
    let items = if is_keyed && !choices.chance(20) {
        let count = choices.between(1, 4);
        let items = (0..count).map(|index| {
            let relation = *choices.pick(&seen);
            format!("{} AS o{index}", relation.column(any_column(relation.table, choices)))
        });
        items.collect::<Vec<_>>().join(", ")
    } else {
        let relation = *choices.pick(&seen);
        let column = relation.column(any_column(relation.table, choices));
        format!("count(*) AS o0, count({column}) AS o1, min({column}) AS o2")
    };
    Query::rows(format!(
        "SELECT {items} FROM {} {kind} {} ON {}{filter}",
        first.item(),
        second.item(),
        on.join(" AND ")
    ))
}

/// `IN`, `NOT IN`, `EXISTS` and `NOT EXISTS`.
fn subquery(x: Relation<'_>, y: Relation<'_>, choices: &mut Choices) -> Query {
    let (outer, inner) = if choices.chance(25) { (y, x) } else { (x, y) };
    let (conditions, _) = equalities(x, y, choices);
    let not = if choices.chance(30) { "NOT " } else { "" };
    let mut parts: Vec<String> = Vec::new();
    let outer_columns: Vec<&Column> = outer.table.columns.iter().collect();
    let pairs: Vec<(&Column, &Column)> = outer_columns
        .iter()
        .flat_map(|a| inner.table.columns.iter().filter(|b| b.cql_type == a.cql_type).map(|b| (*a, b)))
        .collect();
    if choices.chance(50) && !pairs.is_empty() {
        let (a, b) = *choices.pick(&pairs[..pairs.len().min(4)]);
        let filter = if choices.chance(50) { where_clause(&[inner], choices) } else { String::new() };
        parts.push(format!("{} {not}IN (SELECT {} FROM {}{filter})", outer.column(a), inner.column(b), inner.item()));
    } else {
        let mut conditions = conditions;
        if choices.chance(30) {
            conditions.push(tree(&[inner], 1, choices));
        }
        parts.push(format!("{not}EXISTS (SELECT 1 FROM {} WHERE {})", inner.item(), conditions.join(" AND ")));
    }
    if choices.chance(40) {
        parts.push(tree(&[outer], 1, choices));
    }
    let items: Vec<String> = (0..choices.between(1, 3))
        .map(|index| format!("{} AS o{index}", outer.column(any_column(outer.table, choices))))
        .collect();
    Query::rows(format!("SELECT {} FROM {} WHERE {}", items.join(", "), outer.item(), parts.join(" AND ")))
}

/// A column compared with the one value of a subquery.
fn scalar_subquery(x: Relation<'_>, y: Relation<'_>, choices: &mut Choices) -> Query {
    let pairs: Vec<(&Column, &Column)> = x
        .table
        .columns
        .iter()
        .flat_map(|a| y.table.columns.iter().filter(|b| b.cql_type == a.cql_type).map(move |b| (a, b)))
        .collect();
    if pairs.is_empty() {
        return join(x, y, choices);
    }
    let (a, b) = *choices.pick(&pairs);
    let (operator, function) = (choices.word(&["=", "<", ">="]), choices.word(&["min", "max"]));
    let filter = where_clause(&[y], choices);
    let inner = format!("SELECT {function}({}) FROM {}{filter}", y.column(b), y.item());
    let of = x.column(any_column(x.table, choices));
    Query::rows(format!("SELECT {of} AS o0 FROM {} WHERE {} {operator} ({inner})", x.item(), x.column(a)))
}

/// Keys that stand in the statement, of the types that people's literals have.
fn of_values(x: Relation<'_>, choices: &mut Choices) -> Query {
    let key: Vec<&Column> = x.table.partition_key().collect();
    let rows: Vec<String> = (0..choices.between(1, 6))
        .map(|_| {
            let row = (!x.table.rows.is_empty() && choices.chance(80)).then(|| choices.pick(&x.table.rows).clone());
            let cells: Vec<String> = key
                .iter()
                .enumerate()
                .map(|(index, column)| {
                    let scalar = column.cql_type.scalar().unwrap();
                    let value = match &row {
                        Some(row) => row[index].clone().unwrap(),
                        None => choices.pick(&column.values).clone(),
                    };
                    // Numbers as people write them, which are wider than the column; others must fit.
                    if scalar.is_integer() { value } else { scalar.exact(&value) }
                })
                .collect();
            format!("({})", cells.join(", "))
        })
        .collect();
    let names: Vec<String> = (0..key.len()).map(|index| format!("v{index}")).collect();
    let on: Vec<String> =
        key.iter().zip(&names).map(|(column, name)| format!("{} = v.{name}", x.column(column))).collect();
    let items: Vec<String> = (0..choices.between(1, 3))
        .map(|index| format!("{} AS o{index}", x.column(any_column(x.table, choices))))
        .collect();
    let kind = choices.word(&["JOIN", "LEFT JOIN", "RIGHT JOIN"]);
    let filter = if choices.chance(40) { where_clause(&[x], choices) } else { String::new() };
    Query::rows(format!(
        "SELECT {} FROM {} {kind} (VALUES {}) AS v({}) ON {}{filter}",
        items.join(", "),
        x.item(),
        rows.join(", "),
        names.join(", "),
        on.join(" AND ")
    ))
}
