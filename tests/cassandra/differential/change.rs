//! Random `DELETE` and `UPDATE`, and what they must leave of the rows that there were.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Cells, NULL_CELL};
use super::choices::Choices;
use super::condition::{Relation, any_column, conjuncts, predicate};
use super::query::Tables;
use super::table::{Column, Kind, Table};

/// A statement that changes rows, and a query for those rows.
pub(crate) struct Change {
    /// Which of the Cassandra tables.
    pub(crate) table: usize,
    pub(crate) sql: String,
    /// Gives the key of each row that is changed, and then its new values.
    pub(crate) chosen: String,
    effect: Effect,
}

enum Effect {
    Delete,
    /// Of these columns.
    Update(Vec<String>),
    /// Of these static ones.
    UpdateStatic(Vec<String>),
    /// None: the statement must be refused.
    Refused,
}

pub(crate) fn random(tables: &Tables, choices: &mut Choices) -> Change {
    let index = choices.below(tables.cassandra.len());
    let relation = Relation { alias: "x", table: &tables.cassandra[index] };
    if choices.chance(5) {
        return refused(index, relation, choices);
    }
    let filter = filter(relation, &tables.keys[index], choices);
    let of = |kind| relation.table.columns.iter().filter(move |column| column.kind == kind).collect::<Vec<_>>();
    let (regular, statics) = (of(Kind::Regular), of(Kind::Static));
    let (effect, set, values) = match choices.weighted(&[5, 5, 2]) {
        1 if !regular.is_empty() => {
            let (names, set, values) = assignments(relation, &regular, &relation.table.columns, choices);
            (Effect::Update(names), set, values)
        }
        2 if !statics.is_empty() => {
            let is_source = |column: &&Column| matches!(column.kind, Kind::Partition | Kind::Static);
            let sources: Vec<Column> = relation.table.columns.iter().filter(is_source).cloned().collect();
            let (names, set, values) = assignments(relation, &statics, &sources, choices);
            (Effect::UpdateStatic(names), set, values)
        }
        _ => (Effect::Delete, Vec::new(), Vec::new()),
    };
    let item = relation.item();
    let sql = match &effect {
        Effect::Delete | Effect::Refused => format!("DELETE FROM {item} WHERE {filter}"),
        Effect::Update(_) | Effect::UpdateStatic(_) => format!("UPDATE {item} SET {} WHERE {filter}", set.join(", ")),
    };
    let key = relation.table.primary_key().map(|column| relation.column(column));
    let values = values.iter().enumerate().map(|(place, value)| format!("{value} AS n{place}"));
    let chosen = format!("SELECT {} FROM {item} WHERE {filter}", key.chain(values).collect::<Vec<_>>().join(", "));
    Change { table: index, sql, chosen, effect }
}

/// What changes a key, or all rows.
fn refused(table: usize, relation: Relation<'_>, choices: &mut Choices) -> Change {
    let item = relation.item();
    let key: Vec<&Column> = relation.table.primary_key().collect();
    let name = choices.pick(&key).quoted();
    let sql = match choices.below(4) {
        0 => format!("UPDATE {item} SET {name} = NULL WHERE {} IS NULL", relation.column(key[0])),
        1 => format!("DELETE FROM {item} WHERE 1 = 1"),
        2 => format!("DELETE FROM {item}"),
        _ => format!("DELETE FROM {item} WHERE {} IS NOT NULL OR TRUE LIMIT 1", relation.column(key[0])),
    };
    Change { table, sql, chosen: format!("SELECT 1 FROM {item} WHERE FALSE"), effect: Effect::Refused }
}

fn filter(relation: Relation<'_>, keys: &Table, choices: &mut Choices) -> String {
    if choices.chance(15) {
        let of_keys = Relation { alias: "y", table: keys };
        let pairs: Vec<(String, String)> = relation
            .table
            .partition_key()
            .zip(&keys.columns)
            .map(|(column, key)| (relation.column(column), of_keys.column(key)))
            .collect();
        let item = of_keys.item();
        if choices.chance(50) {
            return format!("{} IN (SELECT {} FROM {item})", pairs[0].0, pairs[0].1);
        }
        let equal: Vec<String> = pairs.iter().map(|(column, key)| format!("{column} = {key}")).collect();
        return format!("EXISTS (SELECT 1 FROM {item} WHERE {})", equal.join(" AND "));
    }
    let conjuncts = conjuncts(&[relation], choices);
    if conjuncts.is_empty() {
        return predicate(relation, any_column(relation.table, choices), choices);
    }
    conjuncts.join(" AND ")
}

/// The names of some of the columns, `column = value` for each, and the values once more as the column has them.
fn assignments(
    relation: Relation<'_>,
    columns: &[&Column],
    sources: &[Column],
    choices: &mut Choices,
) -> (Vec<String>, Vec<String>, Vec<String>) {
    let mut columns = columns.to_vec();
    choices.shuffle(&mut columns);
    columns.truncate(choices.between(1, 3));
    let (mut set, mut values) = (Vec::new(), Vec::new());
    for column in &columns {
        let (written, exact) = value(relation, column, sources, choices);
        set.push(format!("{} = {written}", column.quoted()));
        values.push(exact);
    }
    (columns.iter().map(|column| column.name.clone()).collect(), set, values)
}

/// A new value as people write it, and the same with exactly the type of the column.
fn value(relation: Relation<'_>, column: &Column, sources: &[Column], choices: &mut Choices) -> (String, String) {
    let twice = |sql: String| (sql.clone(), sql);
    let same: Vec<&Column> = sources.iter().filter(|source| source.cql_type == column.cql_type).collect();
    let Some(scalar) = column.cql_type.scalar() else {
        return match choices.below(2) {
            0 => twice("NULL".into()),
            _ => twice(relation.column(same[choices.below(same.len())])),
        };
    };
    let constant = choices.pick(&column.values).clone();
    let (plain, exact) = (scalar.plain(&constant), scalar.exact(&constant));
    let other = relation.column(same[choices.below(same.len())]);
    match choices.weighted(&[5, 2, 2, 2, 2]) {
        0 => (plain, exact),
        1 => twice("NULL".into()),
        2 => twice(other),
        3 => twice(format!("COALESCE({other}, {exact})")),
        _ => twice(format!("CASE WHEN {other} IS NULL THEN {exact} ELSE {} END", relation.column(column))),
    }
}

/// What a table holds: the names of its columns, and its rows.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Cells>,
}

/// What a change must lead to.
pub(crate) struct Outcome {
    pub(crate) content: Content,
    /// The number that the statement gives.
    pub(crate) changed: usize,
    /// Keys of Cassandra partitions with rows of which nothing but the primary key is left: such a row is there if it was
    /// made by an INSERT and gone if by an UPDATE, and nothing that can be read tells which.
    undecided: BTreeSet<Cells>,
}

impl Change {
    /// Whether the statement must be refused.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self.effect, Effect::Refused)
    }

    /// What is left of `before` if `chosen` are the rows of the query for them.
    pub(crate) fn outcome(&self, table: &Table, before: &Content, chosen: &[Cells]) -> Outcome {
        let (partition, key) = (table.partition_key().count(), table.primary_key().count());
        let places = |kind| -> Vec<usize> {
            let of_kind = table.columns.iter().filter(|column| column.kind == kind);
            of_kind.map(|column| before.place(&column.name)).collect()
        };
        let (statics, regular) = (places(Kind::Static), places(Kind::Regular));
        let all_null = |row: &Cells, places: &[usize]| places.iter().all(|&place| row[place] == NULL_CELL);
        // A Cassandra partition with static values alone is a row without clustering columns, but none to delete or update.
        let is_row = |row: &Cells| key == partition || row[partition] != NULL_CELL;
        let mut undecided = BTreeSet::new();
        let mut rows = before.rows.clone();
        let changed = match &self.effect {
            Effect::Refused => 0,
            Effect::Delete => {
                let keys: BTreeSet<&[String]> =
                    chosen.iter().filter(|row| is_row(row)).map(|row| &row[..key]).collect();
                rows.retain(|row| !keys.contains(&row[..key]));
                let left: BTreeSet<Cells> = rows.iter().map(|row| row[..partition].to_vec()).collect();
                let mut emptied: BTreeMap<&[String], Cells> = BTreeMap::new();
                for row in before.rows.iter().filter(|row| !left.contains(&row[..partition])) {
                    let mut alone = vec![NULL_CELL.to_owned(); row.len()];
                    for place in (0..partition).chain(statics.iter().copied()) {
                        alone[place].clone_from(&row[place]);
                    }
                    emptied.insert(&row[..partition], alone);
                }
                rows.extend(emptied.into_values().filter(|row| !all_null(row, &statics)));
                keys.len()
            }
            Effect::Update(names) => {
                let chosen: BTreeMap<&[String], &[String]> =
                    chosen.iter().filter(|row| is_row(row)).map(|row| row.split_at(key)).collect();
                for row in &mut rows {
                    let Some(values) = chosen.get(&row[..key]) else { continue };
                    for (name, value) in names.iter().zip(*values) {
                        row[before.place(name)].clone_from(value);
                    }
                    if all_null(row, &regular) {
                        undecided.insert(row[..partition].to_vec());
                    }
                }
                chosen.len()
            }
            Effect::UpdateStatic(names) => {
                let chosen: BTreeMap<&[String], &[String]> =
                    chosen.iter().map(|row| (&row[..partition], &row[key..])).collect();
                for row in &mut rows {
                    let Some(values) = chosen.get(&row[..partition]) else { continue };
                    for (name, value) in names.iter().zip(*values) {
                        row[before.place(name)].clone_from(value);
                    }
                }
                rows.retain(|row| is_row(row) || !all_null(row, &statics));
                chosen.len()
            }
        };
        Outcome { content: Content { columns: before.columns.clone(), rows }, changed, undecided }
    }
}

impl Content {
    fn place(&self, column: &str) -> usize {
        self.columns.iter().position(|name| name == column).unwrap()
    }
}

impl Outcome {
    /// The rows that must be there, and those of `after` to compare them with.
    pub(crate) fn compared(&self, table: &Table, after: &Content) -> (Vec<Cells>, Vec<Cells>) {
        let partition = table.partition_key().count();
        let decided = |content: &Content| -> Vec<Cells> {
            content.rows.iter().filter(|row| !self.undecided.contains(&row[..partition])).cloned().collect()
        };
        (decided(&self.content), decided(after))
    }
}
