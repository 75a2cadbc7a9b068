//! Random rows: what CQL can leave behind in a table, not only full rows.

use super::choices::Choices;
use super::column_type::ColumnType;
use super::scalar::Scalar;
use super::table::{Column, Kind, Row, Table};

/// Fills `table.rows` and gives the statements of CQL that write them, whose order does not matter: each has its own
/// timestamp.
pub(crate) fn statements(table: &mut Table, full_name: &str, choices: &mut Choices) -> Vec<String> {
    let mut statements = Writer { full_name, written: Vec::new() };
    for partition in 0..choices.between(3, 14) {
        let key = values(table, choices, |kind| kind == Kind::Partition);
        if has_empty_key(table, &key) {
            continue;
        }
        let rows = match partition {
            // Several pages.
            0 => choices.between(20, 120),
            // Of static values alone.
            1 | 2 => 0,
            _ => choices.between(1, 12),
        };
        statements.static_values(table, &key, choices);
        for _ in 0..rows {
            let mut row = values(table, choices, |kind| matches!(kind, Kind::Clustering { .. } | Kind::Regular));
            for (cell, key) in row.iter_mut().zip(&key).filter(|(_, key)| key.is_some()) {
                cell.clone_from(key);
            }
            statements.row(table, &row, choices);
            table.rows.push(row);
        }
        if rows > 0 {
            for _ in 0..choices.weighted(&[5, 3, 2, 1]) {
                let row = choices.pick(&table.rows).clone();
                statements.afterwards(table, &row, choices);
            }
        }
    }
    statements.written
}

/// A value for each column of these kinds; other columns are null, and so are some regular ones.
fn values(table: &Table, choices: &mut Choices, of: impl Fn(Kind) -> bool) -> Row {
    let value = |column: &Column, choices: &mut Choices| {
        let may_be_null = matches!(column.kind, Kind::Regular | Kind::Static);
        (of(column.kind) && !(may_be_null && choices.chance(25))).then(|| choices.pick(&column.values).clone())
    };
    table.columns.iter().map(|column| value(column, choices)).collect()
}

/// Cassandra refuses a partition key of no bytes.
fn has_empty_key(table: &Table, row: &Row) -> bool {
    let mut key = table.partition_key();
    let (first, others) = (key.next().unwrap(), key.count());
    others == 0
        && first.cql_type.scalar().is_some_and(|scalar| scalar.is_text() || scalar == Scalar::Blob)
        && row[0].as_deref() == Some("")
}

struct Writer<'a> {
    full_name: &'a str,
    written: Vec<String>,
}

impl Writer<'_> {
    fn static_values(&mut self, table: &Table, key: &Row, choices: &mut Choices) {
        let statics = values(table, choices, |kind| kind == Kind::Static);
        if statics.iter().any(Option::is_some) {
            let row: Row = key.iter().zip(statics).map(|(key, cell)| key.clone().or(cell)).collect();
            self.insert(table, &row);
        }
    }

    fn row(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let is_set = |kind| table.columns.iter().zip(row).any(|(column, cell)| column.kind == kind && cell.is_some());
        // A row made by UPDATE is there only as long as one of its cells is.
        if is_set(Kind::Regular) && choices.chance(15) {
            let assignments = list(table, row, ", ", |kind| kind == Kind::Regular);
            let key = list(table, row, " AND ", |kind| !matches!(kind, Kind::Regular | Kind::Static));
            self.write(|full_name, time| {
                format!("UPDATE {full_name} USING TIMESTAMP {time} SET {assignments} WHERE {key}")
            });
        } else {
            self.insert(table, row);
        }
    }

    fn insert(&mut self, table: &Table, row: &Row) {
        let set: Vec<(&Column, &String)> =
            table.columns.iter().zip(row).filter_map(|(column, cell)| Some((column, cell.as_ref()?))).collect();
        let names: Vec<String> = set.iter().map(|(column, _)| column.quoted()).collect();
        let cells: Vec<String> = set.iter().map(|(column, cell)| column.cql(cell)).collect();
        let (names, cells) = (names.join(", "), cells.join(", "));
        self.write(|full_name, time| {
            format!("INSERT INTO {full_name} ({names}) VALUES ({cells}) USING TIMESTAMP {time}")
        });
    }

    /// What may become of a row that is there.
    fn afterwards(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        match choices.weighted(&[4, 4, 2, 1, 2]) {
            0 => {
                let mut row = row.clone();
                for (cell, new) in row.iter_mut().zip(values(table, choices, |kind| kind == Kind::Regular)) {
                    *cell = new.or(cell.take());
                }
                self.row(table, &row, choices);
            }
            1 => self.delete(table, row, choices),
            2 => self.delete_cells(table, row, choices),
            3 => self.delete_range(table, row, choices),
            _ => self.change_collection(table, row, choices),
        }
    }

    /// Deletes a row, or all rows of its Cassandra partition that begin with some of its clustering columns, or that.
    fn delete(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let clustering = table.clustering().count();
        let depth = if choices.chance(10) { 0 } else { choices.between(1.min(clustering), clustering) };
        let known = &row[..table.partition_key().count() + depth];
        let key = list(table, &known.to_vec(), " AND ", |_| true);
        self.write(|full_name, time| format!("DELETE FROM {full_name} USING TIMESTAMP {time} WHERE {key}"));
    }

    fn delete_cells(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let regular: Vec<&Column> = table.columns.iter().filter(|column| column.kind == Kind::Regular).collect();
        if regular.is_empty() {
            return self.delete(table, row, choices);
        }
        let name = choices.pick(&regular).quoted();
        let key = list(table, row, " AND ", |kind| !matches!(kind, Kind::Regular | Kind::Static));
        self.write(|full_name, time| format!("DELETE {name} FROM {full_name} USING TIMESTAMP {time} WHERE {key}"));
    }

    /// Deletes the rows of its Cassandra partition from this one on, or up to it.
    fn delete_range(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let Some(first) = table.clustering().next() else { return self.delete(table, row, choices) };
        let bound = first.cql(row[table.index_of(first)].as_ref().unwrap());
        let condition = format!("{} {} {bound}", first.quoted(), choices.word(&["<", ">", "<=", ">="]));
        let key = list(table, row, " AND ", |kind| kind == Kind::Partition);
        self.write(|full_name, time| {
            format!("DELETE FROM {full_name} USING TIMESTAMP {time} WHERE {key} AND {condition}")
        });
    }

    /// Adds an element to a set or a map, or takes one away. Not to a list, whose order is that of the server's clock.
    fn change_collection(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let is_suited = |column: &&Column| {
            column.kind == Kind::Regular && matches!(column.cql_type, ColumnType::Set(_) | ColumnType::Map(..))
        };
        let suited: Vec<&Column> = table.columns.iter().filter(is_suited).collect();
        if suited.is_empty() {
            return self.delete(table, row, choices);
        }
        let column = *choices.pick(&suited);
        let name = column.quoted();
        let types = column.cql_type.parts();
        let first = types[0].cql(choices.text(&column.parts[0]));
        let assignment = match (types.get(1), choices.chance(50)) {
            (_, true) => format!("{name} = {name} - {{{first}}}"),
            (None, false) => format!("{name} = {name} + {{{first}}}"),
            (Some(value), false) => format!("{name}[{first}] = {}", value.cql(choices.text(&column.parts[1]))),
        };
        let key = list(table, row, " AND ", |kind| !matches!(kind, Kind::Regular | Kind::Static));
        self.write(|full_name, time| format!("UPDATE {full_name} USING TIMESTAMP {time} SET {assignment} WHERE {key}"));
    }

    fn write(&mut self, statement: impl FnOnce(&str, usize) -> String) {
        let time = self.written.len() + 1;
        self.written.push(statement(self.full_name, time));
    }
}

/// `column = value` for the columns of these kinds that have a value.
fn list(table: &Table, row: &Row, separator: &str, of: impl Fn(Kind) -> bool) -> String {
    let cells = table.columns.iter().zip(row).filter(|(column, _)| of(column.kind));
    let cells = cells.filter_map(|(column, cell)| Some((column, cell.as_ref()?)));
    cells
        .map(|(column, cell)| format!("{} = {}", column.quoted(), column.cql(cell)))
        .collect::<Vec<_>>()
        .join(separator)
}
