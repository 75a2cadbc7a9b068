//! Random rows: what CQL can leave behind in a table, not only full rows.

use super::choices::Choices;
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
        if rows > 0 && choices.chance(20) {
            let row = choices.pick(&table.rows).clone();
            statements.delete(table, &row, choices);
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
    fn timestamp(&self) -> usize {
        self.written.len() + 1
    }

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
            let time = self.timestamp();
            self.written
                .push(format!("UPDATE {} USING TIMESTAMP {time} SET {assignments} WHERE {key}", self.full_name));
        } else {
            self.insert(table, row);
        }
    }

    fn insert(&mut self, table: &Table, row: &Row) {
        let set: Vec<(&Column, &String)> =
            table.columns.iter().zip(row).filter_map(|(column, cell)| Some((column, cell.as_ref()?))).collect();
        let names: Vec<String> = set.iter().map(|(column, _)| column.quoted()).collect();
        let cells: Vec<String> = set.iter().map(|(column, cell)| column.cql(cell)).collect();
        self.written.push(format!(
            "INSERT INTO {} ({}) VALUES ({}) USING TIMESTAMP {}",
            self.full_name,
            names.join(", "),
            cells.join(", "),
            self.timestamp()
        ));
    }

    /// Deletes a row, or all rows of its Cassandra partition that begin with some of its clustering columns.
    fn delete(&mut self, table: &Table, row: &Row, choices: &mut Choices) {
        let depth = choices.between(1, table.clustering().count().max(1));
        let last = table.partition_key().count() + depth;
        let known = &row[..last.min(table.primary_key().count())];
        let key = list(table, &known.to_vec(), " AND ", |_| true);
        self.written.push(format!("DELETE FROM {} USING TIMESTAMP {} WHERE {key}", self.full_name, self.timestamp()));
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
