//! Random conditions, most of all such as a planner could send to the server, and such as only look like it.

use super::choices::Choices;
use super::nested;
use super::scalar::Scalar;
use super::table::{Column, Kind, Table};

/// A table under the name it has in a query.
#[derive(Clone, Copy)]
pub(crate) struct Relation<'a> {
    pub(crate) alias: &'static str,
    pub(crate) table: &'a Table,
}

impl Relation<'_> {
    pub(crate) fn column(&self, column: &Column) -> String {
        format!("{}.{}", self.alias, column.quoted())
    }

    /// As an item of FROM.
    pub(crate) fn item(&self) -> String {
        format!("{} AS {}", self.table.placeholder, self.alias)
    }
}

/// ` WHERE …`, or nothing.
pub(crate) fn where_clause(relations: &[Relation<'_>], choices: &mut Choices) -> String {
    let conjuncts = conjuncts(relations, choices);
    if conjuncts.is_empty() { String::new() } else { format!(" WHERE {}", conjuncts.join(" AND ")) }
}

/// Conditions to be joined by AND.
pub(crate) fn conjuncts(relations: &[Relation<'_>], choices: &mut Choices) -> Vec<String> {
    let mut all = Vec::new();
    let kind = choices.weighted(&[10, 38, 25, 12, 15]);
    if kind == 1 || kind == 3 {
        all.extend(key_conditions(*choices.pick(relations), choices));
    }
    if kind == 4 {
        all.extend(index_conditions(*choices.pick(relations), choices));
    }
    if kind == 2 || kind == 3 {
        let count = 1 + choices.weighted(&[4, 3, 1]);
        all.extend((0..count).map(|_| tree(relations, 2, choices)));
    }
    choices.shuffle(&mut all);
    all
}

/// A condition in brackets where it needs them.
pub(crate) fn tree(relations: &[Relation<'_>], depth: usize, choices: &mut Choices) -> String {
    let kind = if depth == 0 { 0 } else { choices.weighted(&[12, 3, 4, 2, 1]) };
    let branches = |choices: &mut Choices| -> Vec<String> {
        let count = choices.between(2, 3);
        (0..count).map(|_| tree(relations, depth - 1, choices)).collect()
    };
    match kind {
        0 => {
            let relation = *choices.pick(relations);
            let column = any_column(relation.table, choices);
            predicate(relation, column, choices)
        }
        1 => format!("({})", branches(choices).join(" AND ")),
        2 => format!("({})", branches(choices).join(" OR ")),
        3 => format!("NOT ({})", tree(relations, depth - 1, choices)),
        _ => (choices.word(&["1 = 1", "1 = 0", "TRUE", "FALSE", "CAST(NULL AS BOOLEAN)", "'a' = 'b'"])).to_owned(),
    }
}

/// A column, columns of the key more often.
pub(crate) fn any_column<'a>(table: &'a Table, choices: &mut Choices) -> &'a Column {
    let key: Vec<&Column> = table.primary_key().collect();
    if !key.is_empty() && choices.chance(55) { key[choices.below(key.len())] } else { choices.pick(&table.columns) }
}

/// Conditions on the columns of the primary key in turn, as a Cassandra statement could have them, and then some more that
/// are too much, contradict these or stand in another order.
fn key_conditions(relation: Relation<'_>, choices: &mut Choices) -> Vec<String> {
    let table = relation.table;
    let row = if table.rows.is_empty() { vec![None; table.columns.len()] } else { choices.pick(&table.rows).clone() };
    let mut conditions = Vec::new();
    let mut columns_of_key: Vec<&Column> = Vec::new();
    for column in table.primary_key() {
        let name = relation.column(column);
        let Some(scalar) = column.cql_type.scalar() else { break };
        let known = row[table.index_of(column)].as_ref();
        let near = |choices: &mut Choices| match known {
            Some(value) if !choices.chance(20) => scalar.sql(value, choices),
            _ => literal(column, scalar, choices),
        };
        let is_partition = column.kind == Kind::Partition;
        let weights = if is_partition { [12, 4, 1, 0, 0, 1] } else { [8, 4, 3, 3, 2, 3] };
        match choices.weighted(&weights) {
            0 => {
                let value = near(choices);
                conditions.push(if choices.chance(12) {
                    format!("{value} = {name}")
                } else {
                    format!("{name} = {value}")
                });
            }
            1 => {
                let mut list = in_list(column, scalar, choices);
                list.push(near(choices));
                choices.shuffle(&mut list);
                conditions.push(format!("{name} IN ({})", list.join(", ")));
            }
            2 => {
                let operator = choices.word(&[">=", ">", "<=", "<"]);
                conditions.push(format!("{name} {operator} {}", near(choices)));
                if !choices.chance(25) {
                    break;
                }
            }
            3 => {
                let (low, high) = (choices.word(&[">", ">="]), choices.word(&["<", "<="]));
                conditions.push(format!("{name} {low} {}", literal(column, scalar, choices)));
                conditions.push(format!("{name} {high} {}", literal(column, scalar, choices)));
                break;
            }
            4 => {
                conditions.push(format!("{name} BETWEEN {} AND {}", near(choices), literal(column, scalar, choices)));
                break;
            }
            _ => {
                if !choices.chance(30) {
                    break;
                }
            }
        }
        columns_of_key.push(column);
    }
    let clustering: Vec<&Column> = table.clustering().collect();
    if clustering.len() > 1 && choices.chance(20) {
        conditions.extend(tuple_condition(relation, &clustering, choices));
    }
    if choices.chance(15) {
        let key: Vec<String> = table.partition_key().map(|column| relation.column(column)).collect();
        let operator = choices.word(&[">", "<=", "<", ">=", "="]);
        let bound = choices.word(&["0", "-9223372036854775808", "9223372036854775807", "4611686018427387904", "-1"]);
        conditions.push(format!("token({}) {operator} {bound}", key.join(", ")));
    }
    if !columns_of_key.is_empty() && choices.chance(30) {
        let column = *choices.pick(&columns_of_key);
        conditions.push(predicate(relation, column, choices));
    }
    let others: Vec<&Column> =
        table.columns.iter().filter(|column| matches!(column.kind, Kind::Regular | Kind::Static)).collect();
    if !others.is_empty() && choices.chance(30) {
        let column = *choices.pick(&others);
        conditions.push(predicate(relation, column, choices));
    }
    choices.shuffle(&mut conditions);
    conditions
}

/// Conditions on columns that have indexes, on several at once; on those of the key if no column has one.
fn index_conditions(relation: Relation<'_>, choices: &mut Choices) -> Vec<String> {
    let table = relation.table;
    let mut indexed: Vec<&Column> = table.columns.iter().filter(|column| column.indexes.any()).collect();
    if indexed.is_empty() {
        return key_conditions(relation, choices);
    }
    // Most conditions are true of this row.
    let row = (!table.rows.is_empty()).then(|| choices.pick(&table.rows));
    choices.shuffle(&mut indexed);
    // An SAI index and one of the first kind, of which the server is asked for one only.
    let is_sai = |column: &&Column| column.indexes.sai && column.cql_type.scalar().is_some();
    let is_legacy = |column: &&Column| column.indexes.legacy && column.cql_type.scalar().is_none();
    let pair = (indexed.iter().copied().find(is_sai), indexed.iter().copied().find(is_legacy));
    if let (Some(sai), Some(legacy)) = pair
        && choices.chance(50)
    {
        indexed = vec![sai, legacy];
    }
    indexed.truncate(1 + choices.weighted(&[3, 4, 2]));
    let mut conditions = Vec::new();
    for column in indexed {
        let Some(scalar) = column.cql_type.scalar() else {
            conditions.push(nested::indexable(relation, column, choices));
            continue;
        };
        let name = relation.column(column);
        let value = match row.and_then(|row| row[table.index_of(column)].as_ref()) {
            Some(known) if !choices.chance(15) => scalar.sql(known, choices),
            _ => literal(column, scalar, choices),
        };
        let operator = choices.word(&["=", "=", "=", "<=", ">=", "<", ">"]);
        conditions.push(format!("{name} {operator} {value}"));
        if operator != "=" && choices.chance(30) {
            conditions.push(format!("{name} {} {}", choices.word(&["<>", "<", ">"]), literal(column, scalar, choices)));
        }
    }
    if choices.chance(15) {
        conditions.push(predicate(relation, any_column(table, choices), choices));
    }
    choices.shuffle(&mut conditions);
    conditions
}

/// `(a, b) > (1, 2)`, as it is or spelled out.
fn tuple_condition(relation: Relation<'_>, columns: &[&Column], choices: &mut Choices) -> Option<String> {
    let (first, second) = (columns[0], columns[1]);
    let (a, b) = (relation.column(first), relation.column(second));
    let (first_type, second_type) = (first.cql_type.scalar()?, second.cql_type.scalar()?);
    let (x, y) = (literal(first, first_type, choices), literal(second, second_type, choices));
    let operator = choices.word(&[">", "<"]);
    let or_equal = if choices.chance(50) { "=" } else { "" };
    Some(match choices.weighted(&[5, 2, 1]) {
        0 => format!("({a} {operator} {x} OR ({a} = {x} AND {b} {operator}{or_equal} {y}))"),
        1 => {
            let other = (first_type.exact(&first.values[0]), second_type.exact(&second.values[0]));
            format!("(({a} = {x} AND {b} = {y}) OR ({a} = {} AND {b} = {}))", other.0, other.1)
        }
        _ => {
            let (x, y) = (first_type.plain(&first.values[0]), second_type.plain(&second.values[0]));
            format!("({a}, {b}) {operator}{or_equal} ({x}, {y})")
        }
    })
}

/// A condition on one column.
pub(crate) fn predicate(relation: Relation<'_>, column: &Column, choices: &mut Choices) -> String {
    let name = relation.column(column);
    let Some(scalar) = column.cql_type.scalar() else { return nested::predicate(relation, column, choices) };
    let literal = |choices: &mut Choices| literal(column, scalar, choices);
    let operator = |choices: &mut Choices| choices.word(&["=", "<", ">", "<=", ">=", "<>"]);
    match choices.weighted(&[20, 10, 6, 5, 6, 4, 4, 5, 4, 3, 3, 2]) {
        0 => {
            let (operator, value) = (operator(choices), literal(choices));
            if choices.chance(20) { format!("{value} {operator} {name}") } else { format!("{name} {operator} {value}") }
        }
        1 => {
            let mut list = in_list(column, scalar, choices);
            list.push(literal(choices));
            let not = if choices.chance(25) { "NOT " } else { "" };
            format!("{name} {not}IN ({})", list.join(", "))
        }
        2 => {
            let not = if choices.chance(20) { "NOT " } else { "" };
            format!("{name} {not}BETWEEN {} AND {}", literal(choices), literal(choices))
        }
        3 => {
            let not = if choices.chance(50) { "NOT " } else { "" };
            format!("{name} IS {not}NULL")
        }
        4 => {
            let count = choices.between(2, 4);
            let parts: Vec<String> =
                (0..count).map(|_| format!("{name} {} {}", operator(choices), literal(choices))).collect();
            format!("({})", parts.join(" AND "))
        }
        5 => {
            let count = choices.between(2, 4);
            let parts: Vec<String> = (0..count).map(|_| format!("{name} = {}", literal(choices))).collect();
            format!("({})", parts.join(" OR "))
        }
        6 => format!("{name} {} NULL", operator(choices)),
        7 => on_type(&name, column, scalar, choices),
        8 => {
            let not = if choices.chance(50) { "NOT " } else { "" };
            // In brackets, or an AND that follows is read as part of it.
            format!("({name} IS {not}DISTINCT FROM {})", literal(choices))
        }
        9 => {
            let same: Vec<&Column> =
                relation.table.columns.iter().filter(|other| other.cql_type == column.cql_type).collect();
            format!("{name} {} {}", operator(choices), relation.column(same[choices.below(same.len())]))
        }
        10 => {
            let (operator, value) = (operator(choices), scalar.exact(&column.values[0]));
            format!("COALESCE({name}, {value}) {operator} {value}")
        }
        _ => {
            let values = (literal(choices), literal(choices));
            format!("CASE WHEN {name} = {} THEN TRUE ELSE {name} < {} END", values.0, values.1)
        }
    }
}

fn on_type(name: &str, column: &Column, scalar: Scalar, choices: &mut Choices) -> String {
    let value = choices.pick(&column.values).clone();
    if scalar.is_text() {
        return match choices.below(7) {
            0 => format!("{name} LIKE 'a%'"),
            1 => format!("{name} NOT LIKE '%b'"),
            2 => format!("{name} LIKE {}", scalar.exact(&value)),
            3 => format!("{name} ILIKE '_B'"),
            4 => format!("upper({name}) = upper({})", scalar.exact(&value)),
            5 => format!("starts_with({name}, 'a')"),
            _ => format!("{name} || 'x' > {}", scalar.exact(&value)),
        };
    }
    if scalar.is_integer() {
        return match choices.below(7) {
            0 => format!("CAST({name} AS BIGINT) = {value}"),
            1 => format!("CAST({name} AS DOUBLE) >= {value}"),
            2 => format!("CAST({name} AS VARCHAR) = '{value}'"),
            3 => format!("{name} % 2 = 0"),
            4 => format!("CAST({name} AS BIGINT) > 1"),
            5 => format!("-CAST({name} AS DOUBLE) < {value}"),
            _ => format!("CAST({name} AS DECIMAL(38, 2)) < 1.25"),
        };
    }
    match scalar {
        Scalar::Boolean => {
            let form = choices.word(&["{}", "NOT {}", "{} IS TRUE", "{} IS NOT FALSE", "{} IS UNKNOWN", "{} = TRUE"]);
            form.replace("{}", name)
        }
        Scalar::Timestamp => {
            (choices.word(&["CAST({} AS DATE) = '1970-01-01'", "{} < '2000-01-01'", "{} = '1970-01-01T00:00:00Z'"]))
                .replace("{}", name)
        }
        Scalar::Date => {
            (choices.word(&["{} < '1970-01-02'", "{} >= TIMESTAMP '1970-01-01T00:00:00'", "{} = '1970-01-01'"]))
                .replace("{}", name)
        }
        Scalar::Float | Scalar::Double => (*choices.pick(&[
            "{} = {}",
            "{} <> {}",
            "{} > 0",
            "{} >= -0.0",
            "{} < 0.0",
            "isnan({})",
            "CAST({} AS DOUBLE) = 0.1",
        ]))
        .replace("{}", name),
        Scalar::Uuid | Scalar::Timeuuid => format!("CAST({name} AS VARCHAR) LIKE '0%'"),
        Scalar::Inet => format!("{name} LIKE '10.%'"),
        Scalar::Decimal | Scalar::Varint => format!("CAST({name} AS DOUBLE) < 1.5"),
        _ => format!("{name} = {name}"),
    }
}

/// Other members of a list for IN, possibly none.
fn in_list(column: &Column, scalar: Scalar, choices: &mut Choices) -> Vec<String> {
    let count = match choices.weighted(&[3, 6, 1]) {
        0 => 0,
        1 => choices.between(1, 4),
        _ => choices.between(5, 40),
    };
    let mut list: Vec<String> = (0..count).map(|_| literal(column, scalar, choices)).collect();
    if choices.chance(20) && !list.is_empty() {
        list.push(list[0].clone());
    }
    if choices.chance(10) {
        list.push("NULL".into());
    }
    list
}

/// A constant to compare a column with, mostly one that it holds.
fn literal(column: &Column, scalar: Scalar, choices: &mut Choices) -> String {
    match choices.weighted(&[76, 16, 8]) {
        0 => {
            let value = choices.pick(&column.values).clone();
            scalar.sql(&value, choices)
        }
        1 => {
            let value = choices.word(scalar.values());
            scalar.sql(value, choices)
        }
        _ => scalar.odd(choices),
    }
}
