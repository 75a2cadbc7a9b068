//! The definition of a new table, from its columns and options; all that is wrong with it at once.

use std::fmt::Write;

use datafusion::arrow::datatypes::{DataType, Field, Fields};

use super::literal::Literal;
use super::options::{OPTION_PRIMARY_KEY, OPTION_STATIC, OPTION_TYPES, TableOptions};
use crate::cluster::cql_type::Definitions;
use crate::cluster::quote::{quote, quote_if_needed, quote_table};
use crate::cluster::schema::{Column, ColumnKind, CqlType, TableName, TableSchema};
use crate::codec::{CQL_TYPE_KEY, column_type, frozen};
use crate::error::{Error, Result, listed};

/// A table that is not there yet.
#[derive(Debug, Clone)]
pub(crate) struct NewTable {
    /// As it will be.
    pub(super) table: TableSchema,
    /// For each of its columns the column it comes from.
    sources: Vec<usize>,
    /// Options of CQL.
    options: Vec<(String, Literal)>,
}

impl NewTable {
    /// A table with these columns. `user_types` are those of its keyspace.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) with all that Cassandra would not have.
    pub(super) fn new(
        name: TableName,
        fields: &Fields,
        options: &TableOptions,
        user_types: &Definitions,
    ) -> Result<Self> {
        let mut problems = Vec::new();
        check_names(fields, options, &mut problems);
        let mut columns: Vec<(Place, Column, usize)> = Vec::with_capacity(fields.len());
        for (source, field) in fields.iter().enumerate() {
            let place = Place::of(field.name(), options);
            match cql_type(field, &place, options, user_types) {
                Ok(cql_type) => {
                    let column = Column { name: field.name().clone(), cql_type, kind: place.kind() };
                    columns.push((place, column, source));
                }
                Err(why) => problems.push(format!("column {}: {why}", quote_if_needed(field.name()))),
            }
        }
        if !problems.is_empty() {
            return Err(Error::schema(listed(&format!("table {name} cannot be made"), &problems)));
        }
        // As Cassandra has them.
        columns.sort_by(|(a, first, _), (b, second, _)| a.cmp(b).then_with(|| first.name.cmp(&second.name)));
        let sources = columns.iter().map(|(_, _, source)| *source).collect();
        let columns = columns.into_iter().map(|(_, column, _)| column).collect();
        let table = TableSchema { name, columns, indexes: Vec::new(), node_local: false, view: false };
        Ok(Self { table, sources, options: options.cql.clone() })
    }

    /// For each column of the table, in the order in which rows are written to it, which of the columns given it is.
    pub(crate) fn sources(&self) -> &[usize] {
        &self.sources
    }

    /// Refuses columns that shall never be null, which Cassandra has only in the primary key.
    ///
    /// # Errors
    /// There is one among those given.
    pub(crate) fn check_not_null(&self, fields: &Fields) -> Result<()> {
        let columns = self.table.columns.iter().zip(&self.sources);
        let mut required = columns.filter(|(column, source)| !column.kind.is_key() && !fields[**source].is_nullable());
        match required.next() {
            None => Ok(()),
            Some((column, _)) => Err(Error::config(format!(
                "column {}: Cassandra has no NOT NULL, only columns of the primary key always have a value; leave it out",
                quote_if_needed(&column.name)
            ))),
        }
    }

    /// The statement of CQL that makes it.
    pub(crate) fn cql(&self) -> String {
        let TableSchema { name, columns, .. } = &self.table;
        let mut cql = format!("CREATE TABLE {} (", quote_table(&name.keyspace, &name.table));
        for Column { name, cql_type, kind } in columns {
            let suffix = if *kind == ColumnKind::Static { " static" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(cql, "{} {cql_type}{suffix}, ", quote(name));
        }
        let names = |of: &dyn Fn(ColumnKind) -> Option<&'static str>| -> Vec<String> {
            columns.iter().filter_map(|c| Some(format!("{}{}", quote(&c.name), of(c.kind)?))).collect()
        };
        let partition = names(&|kind| (kind == ColumnKind::PartitionKey).then_some(""));
        let clustering = names(&|kind| matches!(kind, ColumnKind::Clustering { .. }).then_some(""));
        let key: Vec<String> = std::iter::once(format!("({})", partition.join(", "))).chain(clustering).collect();
        let _ = write!(cql, "PRIMARY KEY ({}))", key.join(", "));
        let order = names(&|kind| match kind {
            ColumnKind::Clustering { descending: true } => Some(" DESC"),
            ColumnKind::Clustering { descending: false } => Some(" ASC"),
            _ => None,
        });
        let mut options: Vec<String> = self.options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        if columns.iter().any(|c| c.kind == ColumnKind::Clustering { descending: true }) {
            options.insert(0, format!("CLUSTERING ORDER BY ({})", order.join(", ")));
        }
        if !options.is_empty() {
            let _ = write!(cql, " WITH {}", options.join(" AND "));
        }
        cql
    }
}

/// Where a column stands in the table, in the order of `SELECT *`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Partition(usize),
    Clustering(usize, bool),
    Static,
    Regular,
}

impl Place {
    fn of(name: &str, options: &TableOptions) -> Self {
        let key = &options.primary_key;
        if let Some(position) = key.partition.iter().position(|column| column == name) {
            return Self::Partition(position);
        }
        if let Some(position) = key.clustering.iter().position(|(column, _)| column == name) {
            return Self::Clustering(position, key.clustering[position].1);
        }
        if options.static_columns.iter().any(|column| column == name) { Self::Static } else { Self::Regular }
    }

    fn kind(self) -> ColumnKind {
        match self {
            Self::Partition(_) => ColumnKind::PartitionKey,
            Self::Clustering(_, descending) => ColumnKind::Clustering { descending },
            Self::Static => ColumnKind::Static,
            Self::Regular => ColumnKind::Regular,
        }
    }
}

/// Names in the options that are not those of columns, and names that are there twice.
fn check_names(fields: &Fields, options: &TableOptions, problems: &mut Vec<String>) {
    let key = &options.primary_key;
    let keys: Vec<&String> = key.partition.iter().chain(key.clustering.iter().map(|(name, _)| name)).collect();
    let named = [
        (OPTION_PRIMARY_KEY, keys.clone()),
        (OPTION_STATIC, options.static_columns.iter().collect()),
        (OPTION_TYPES, options.types.iter().map(|(name, _)| name).collect()),
    ];
    let twice = |names: &[&String], i: usize| names[..i].contains(&names[i]);
    let columns: Vec<&String> = fields.iter().map(|field| field.name()).collect();
    for (i, name) in columns.iter().enumerate() {
        if twice(&columns, i) {
            problems.push(format!("there are several columns {}: name them apart with AS", quote_if_needed(name)));
        }
    }
    for (option, names) in &named {
        for (i, name) in names.iter().enumerate() {
            if twice(names, i) {
                problems.push(format!("{option} names {} twice", quote_if_needed(name)));
            } else if !columns.contains(name) {
                let all: Vec<String> = columns.iter().map(|name| quote_if_needed(name)).collect();
                let name = quote_if_needed(name);
                problems.push(format!("{option} names {name}, but the columns are {}", all.join(", ")));
            }
        }
    }
    for name in options.static_columns.iter().filter(|name| keys.contains(name)) {
        problems.push(format!("column {} of the primary key cannot be static", quote_if_needed(name)));
    }
    if !options.static_columns.is_empty() && key.clustering.is_empty() {
        problems
            .push(format!("{OPTION_STATIC} need a clustering column: without one, each row is a Cassandra partition"));
    }
}

/// The type of a column: the one that is asked for, or what its Arrow type becomes.
fn cql_type(field: &Field, place: &Place, options: &TableOptions, user_types: &Definitions) -> Result<CqlType, String> {
    let asked = options.types.iter().find(|(name, _)| name == field.name());
    let cql_type = match asked {
        Some((_, cql_type)) => cql_type.clone(),
        None => column_type(field)?,
    };
    let is_key = place.kind().is_key();
    if is_key && cql_type.contains(|t| matches!(t, CqlType::Counter | CqlType::Duration)) {
        return Err(format!("a {cql_type} cannot be part of a primary key"));
    }
    for user_type in user_types_in(&cql_type) {
        if !user_types.contains_key(user_type) {
            return Err(missing_type(field, user_type));
        }
    }
    let cql_type = cql_type.resolve(user_types).map_err(|e| e.to_string())?;
    Ok(if is_key { frozen(cql_type) } else { cql_type })
}

/// The names of all user-defined types in a type.
fn user_types_in(cql_type: &CqlType) -> Vec<&str> {
    let mut names: Vec<&str> = cql_type.parts().into_iter().flat_map(user_types_in).collect();
    if let CqlType::Udt(user_type) = cql_type {
        names.push(&user_type.name);
    }
    names
}

fn missing_type(field: &Field, user_type: &str) -> String {
    let name = quote_if_needed(user_type);
    // What is known of the type is the struct that comes.
    let parts = match field.data_type() {
        DataType::Struct(parts) => parts.iter().map(|part| struct_field(part)).collect::<Vec<_>>().join(", "),
        _ => "…".to_owned(),
    };
    format!(
        "the keyspace has no user-defined type {name}: make it first with the CQL CREATE TYPE {name} ({parts}), or write \
         another type with {OPTION_TYPES} = '{} …'",
        quote_if_needed(field.name())
    )
}

fn struct_field(field: &Field) -> String {
    let name = quote_if_needed(field.name());
    match field.metadata().get(CQL_TYPE_KEY).cloned().or_else(|| Some(column_type(field).ok()?.to_string())) {
        Some(cql_type) => format!("{name} {cql_type}"),
        None => format!("{name} …"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(columns: &[(&str, DataType)]) -> Fields {
        columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true)).collect()
    }

    fn abc() -> Fields {
        let list = DataType::new_list(DataType::Utf8, true);
        fields(&[("V w", DataType::Int64), ("b", DataType::Utf8), ("a", DataType::Int32), ("l", list)])
    }

    fn make(fields: &Fields, options: &[(&str, &str)]) -> Result<NewTable> {
        let given: Vec<_> = options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let address = vec![("street".to_owned(), CqlType::Text)];
        let types = Definitions::from([("address".to_owned(), address)]);
        NewTable::new(TableName::new("ks", "t"), fields, &TableOptions::read(&given)?, &types)
    }

    #[test]
    fn the_statement_of_a_table() {
        let table = make(&abc(), &[("primary_key", "a")]).unwrap();
        assert_eq!(
            table.cql(),
            r#"CREATE TABLE "ks"."t" ("a" int, "V w" bigint, "b" text, "l" list<text>, PRIMARY KEY (("a")))"#
        );
        assert_eq!(table.sources, [2, 0, 1, 3]);
        let options = [
            ("primary_key", "((b, a), l DESC)"),
            ("types", "b uuid, \"V w\" varint"),
            ("static_columns", "\"V w\""),
            ("compaction", "{'class': 'LeveledCompactionStrategy'}"),
            ("comment", "it's"),
        ];
        assert_eq!(
            make(&abc(), &options).unwrap().cql(),
            "CREATE TABLE \"ks\".\"t\" (\"b\" uuid, \"a\" int, \"l\" frozen<list<text>>, \"V w\" varint static, PRIMARY \
             KEY ((\"b\", \"a\"), \"l\")) WITH CLUSTERING ORDER BY (\"l\" DESC) AND compaction = {'class': \
             'LeveledCompactionStrategy'} AND comment = 'it''s'"
        );
        let address = make(&abc(), &[("primary_key", "a"), ("types", "b list<frozen<address>>")]).unwrap();
        assert_eq!(address.table.columns[2].cql_type.parts()[0].parts()[0].parts(), [&CqlType::Text]);
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let mut columns = abc().to_vec();
        columns.extend(fields(&[("n", DataType::Null), ("a", DataType::Int32)]).iter().cloned());
        let options =
            [("primary_key", "((a, x), b, b)"), ("types", "b duration, y int, l \"Gone\""), ("static_columns", "b")];
        let error = make(&Fields::from(columns), &options).unwrap_err().to_string();
        for expected in [
            "table ks.t cannot be made, for 8 reasons:\n  1. there are several columns a",
            "\n  2. primary_key names x, but the columns are \"V w\", b, a, l, n, a\n",
            "primary_key names b twice",
            "types names y, but",
            "column b of the primary key cannot be static",
            "column b: a duration cannot be part of a primary key",
            "column n: it has no type",
            "column l: the keyspace has no user-defined type \"Gone\": make it first with the CQL CREATE TYPE \"Gone\" (…)",
        ] {
            assert!(error.contains(expected), "{expected}: {error}");
        }
        let error = make(&abc(), &[("primary_key", "a"), ("static_columns", "b")]).unwrap_err().to_string();
        assert!(error.contains("need a clustering column"), "{error}");
        let of_struct = fields(&[("a", DataType::Int32), ("u", DataType::Struct(fields(&[("X", DataType::Int32)])))]);
        let error = make(&of_struct, &[("primary_key", "a"), ("types", "u phone")]).unwrap_err().to_string();
        assert!(error.contains("CREATE TYPE phone (\"X\" int)"), "{error}");
    }
}
