//! Random tables: their columns, keys and indexes.

use super::choices::Choices;
use super::scalar::{Scalar, text};

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Scalar(Scalar),
    List(Scalar),
    Set(Scalar),
    Map(Scalar, Scalar),
    FrozenList(Scalar),
    FrozenSet(Scalar),
    Tuple(Scalar, Scalar),
    Duration,
}

impl ColumnType {
    fn cql_name(self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.cql_name(),
            Self::List(of) => format!("list<{}>", of.cql_name()),
            Self::Set(of) => format!("set<{}>", of.cql_name()),
            Self::Map(key, value) => format!("map<{}, {}>", key.cql_name(), value.cql_name()),
            Self::FrozenList(of) => format!("frozen<list<{}>>", of.cql_name()),
            Self::FrozenSet(of) => format!("frozen<set<{}>>", of.cql_name()),
            Self::Tuple(a, b) => format!("frozen<tuple<{}, {}>>", a.cql_name(), b.cql_name()),
            Self::Duration => "duration".to_owned(),
        }
    }

    pub(crate) fn scalar(self) -> Option<Scalar> {
        if let Self::Scalar(scalar) = self { Some(scalar) } else { None }
    }

    /// Values of a scalar as [`Scalar::values`] gives them, others as literals of CQL.
    fn values(self, choices: &mut Choices) -> Vec<String> {
        let cql = |scalar: Scalar, choices: &mut Choices| scalar.cql(choices.word(scalar.values()));
        let elements = |of: Scalar, choices: &mut Choices| {
            let count = choices.between(0, 3);
            (0..count).map(|_| cql(of, choices)).collect::<Vec<_>>().join(", ")
        };
        let one = |choices: &mut Choices| match self {
            Self::Scalar(_) => unreachable!(),
            Self::List(of) | Self::FrozenList(of) => format!("[{}]", elements(of, choices)),
            Self::Set(of) | Self::FrozenSet(of) => format!("{{{}}}", elements(of, choices)),
            Self::Map(key, value) => format!("{{{}: {}}}", cql(key, choices), cql(value, choices)),
            Self::Tuple(a, b) => format!("({}, {})", cql(a, choices), cql(b, choices)),
            Self::Duration => (choices.word(&["1mo2d3h", "0s", "-5m", "1y"])).to_owned(),
        };
        if let Self::Scalar(scalar) = self {
            if choices.chance(25) {
                return scalar.many_values();
            }
            let mut values: Vec<String> = scalar.values().iter().map(|value| (*value).to_owned()).collect();
            if scalar == Scalar::Timestamp && choices.chance(8) {
                values.extend([i64::MIN, i64::MAX, 253_402_300_800_000].map(|extreme| extreme.to_string()));
            }
            choices.shuffle(&mut values);
            values.truncate(choices.between(2, 6));
            return values;
        }
        (0..3).map(|_| one(choices)).collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Partition,
    Clustering { descending: bool },
    Static,
    Regular,
}

#[derive(Debug, Clone)]
pub(crate) struct Column {
    /// In the case it has, without quotes.
    pub(crate) name: String,
    pub(crate) cql_type: ColumnType,
    pub(crate) kind: Kind,
    /// What the table holds, so that conditions are true of some rows.
    pub(crate) values: Vec<String>,
}

impl Column {
    pub(crate) fn quoted(&self) -> String {
        quote(&self.name)
    }

    /// A literal of CQL for one of [`Self::values`].
    pub(crate) fn cql(&self, value: &str) -> String {
        self.cql_type.scalar().map_or_else(|| value.to_owned(), |scalar| scalar.cql(value))
    }
}

/// A row as it was written; a row written later may have replaced it.
pub(crate) type Row = Vec<Option<String>>;

/// A table of Cassandra, or one in memory in both sessions, all of whose columns are regular.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: String,
    /// What stands for it in queries, such as `{t0}`.
    pub(crate) placeholder: String,
    /// Partition key, clustering columns, then the others.
    pub(crate) columns: Vec<Column>,
    /// Some of what it holds.
    pub(crate) rows: Vec<Row>,
}

pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A type with its values, so that columns of several tables have the same ones and joins find partners.
pub(crate) type Domain = (ColumnType, Vec<String>);

pub(crate) fn domains(choices: &mut Choices) -> Vec<Domain> {
    (0..5)
        .map(|_| {
            let cql_type = ColumnType::Scalar(*choices.pick(&Scalar::ALL));
            (cql_type, cql_type.values(choices))
        })
        .collect()
}

impl Table {
    pub(crate) fn random(number: usize, domains: &[Domain], choices: &mut Choices) -> Self {
        let partition = 1 + choices.weighted(&[5, 3, 2]);
        let clustering = choices.weighted(&[2, 4, 4, 3]);
        let statics = if clustering == 0 { 0 } else { choices.weighted(&[5, 3, 2]) };
        let regular = choices.between(0, 4);
        let mut columns = Vec::new();
        let kinds = [
            vec![Kind::Partition; partition],
            (0..clustering).map(|_| Kind::Clustering { descending: choices.chance(50) }).collect(),
            vec![Kind::Static; statics],
            vec![Kind::Regular; regular],
        ];
        for kind in kinds.concat() {
            let is_key = !matches!(kind, Kind::Static | Kind::Regular);
            let (cql_type, values) = if choices.chance(60) {
                choices.pick(domains).clone()
            } else {
                let cql_type = if is_key { key_type(kind, choices) } else { any_type(choices) };
                (cql_type, cql_type.values(choices))
            };
            let name = column_name(columns.len(), choices);
            columns.push(Column { name, cql_type, kind, values });
        }
        let name = (choices.word(&["t", "T", "select", "Table"])).to_owned() + &number.to_string();
        Self { name, placeholder: format!("{{t{number}}}"), columns, rows: Vec::new() }
    }

    /// A table in memory, with the key of this one and a column of its own.
    pub(crate) fn of_keys(&self, number: usize, clustering: usize) -> Self {
        let mut columns: Vec<Column> =
            self.partition_key().chain(self.clustering().take(clustering)).cloned().collect();
        for (index, column) in columns.iter_mut().enumerate() {
            column.kind = Kind::Regular;
            column.name = format!("k{index}");
        }
        let values = ["1", "2", "3"].map(str::to_owned).to_vec();
        columns.push(Column {
            name: "note".into(),
            cql_type: ColumnType::Scalar(Scalar::Bigint),
            kind: Kind::Regular,
            values,
        });
        let name = format!("keys{number}");
        Self { placeholder: quote(&name), name, columns, rows: Vec::new() }
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        !self.placeholder.starts_with('{')
    }

    pub(crate) fn partition_key(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.kind == Kind::Partition)
    }

    pub(crate) fn clustering(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| matches!(column.kind, Kind::Clustering { .. }))
    }

    pub(crate) fn primary_key(&self) -> impl Iterator<Item = &Column> {
        self.partition_key().chain(self.clustering())
    }

    pub(crate) fn index_of(&self, column: &Column) -> usize {
        self.columns.iter().position(|other| other.name == column.name).unwrap()
    }

    /// `CREATE TABLE`, where `full_name` is the quoted name with its keyspace.
    pub(crate) fn create(&self, full_name: &str) -> String {
        let names = |columns: Vec<&Column>| columns.iter().map(|c| c.quoted()).collect::<Vec<_>>().join(", ");
        let defined: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                let is_static = if column.kind == Kind::Static { " STATIC" } else { "" };
                format!("{} {}{is_static}", column.quoted(), column.cql_type.cql_name())
            })
            .collect();
        let partition = names(self.partition_key().collect());
        let clustering: String = self.clustering().map(|column| format!(", {}", column.quoted())).collect();
        let orders: Vec<String> = self
            .clustering()
            .map(|column| {
                let order = if column.kind == (Kind::Clustering { descending: true }) { "DESC" } else { "ASC" };
                format!("{} {order}", column.quoted())
            })
            .collect();
        let order = match orders.len() {
            0 => String::new(),
            _ => format!(" WITH CLUSTERING ORDER BY ({})", orders.join(", ")),
        };
        format!("CREATE TABLE {full_name} ({}, PRIMARY KEY (({partition}){clustering})){order}", defined.join(", "))
    }

    /// `CREATE INDEX` on some columns.
    pub(crate) fn indexes(&self, full_name: &str, choices: &mut Choices) -> Vec<String> {
        if choices.chance(50) {
            return Vec::new();
        }
        let composite = self.partition_key().count() > 1;
        let indexes = self.columns.iter().filter_map(|column| {
            // What a partition has one of, an index cannot add to.
            let possible = (column.kind != Kind::Partition || composite) && column.cql_type != ColumnType::Duration;
            if !possible || !choices.chance(45) {
                return None;
            }
            let name = column.quoted();
            let target = match column.cql_type {
                ColumnType::List(_) | ColumnType::Set(_) => format!("VALUES({name})"),
                ColumnType::Map(..) => {
                    format!("{}({name})", choices.word(&["KEYS", "VALUES", "ENTRIES"]))
                }
                ColumnType::FrozenList(_) | ColumnType::FrozenSet(_) => format!("FULL({name})"),
                ColumnType::Scalar(_) | ColumnType::Tuple(..) | ColumnType::Duration => name,
            };
            if choices.chance(35) {
                return Some(format!("CREATE INDEX ON {full_name} ({target})"));
            }
            let is_blob = matches!(column.cql_type, ColumnType::Scalar(Scalar::Blob));
            // That is all SAI allows in a name.
            if is_blob || !column.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
                return None;
            }
            let is_text = column.cql_type.scalar().is_some_and(Scalar::is_text);
            let is_text = is_text && matches!(column.kind, Kind::Regular | Kind::Static);
            let options = match choices.below(4) {
                1 if is_text => " WITH OPTIONS = {'case_sensitive': 'false'}",
                2 if is_text => " WITH OPTIONS = {'normalize': 'true'}",
                _ => "",
            };
            Some(format!("CREATE INDEX ON {full_name} ({target}) USING 'sai'{options}"))
        });
        indexes.collect()
    }
}

fn key_type(kind: Kind, choices: &mut Choices) -> ColumnType {
    let scalar = *choices.pick(&Scalar::ALL);
    match choices.below(20) {
        19 if kind != Kind::Partition => ColumnType::FrozenList(scalar),
        18 if kind != Kind::Partition => ColumnType::Tuple(scalar, Scalar::Int),
        _ => ColumnType::Scalar(scalar),
    }
}

fn any_type(choices: &mut Choices) -> ColumnType {
    let scalar = *choices.pick(&Scalar::ALL);
    match choices.below(14) {
        13 => ColumnType::List(scalar),
        12 => ColumnType::Set(scalar),
        11 => ColumnType::Map(Scalar::Text, scalar),
        10 => *choices.pick(&[
            ColumnType::FrozenList(scalar),
            ColumnType::FrozenSet(scalar),
            ColumnType::Tuple(scalar, Scalar::Text),
            ColumnType::Duration,
        ]),
        _ => ColumnType::Scalar(scalar),
    }
}

/// Names that need quotes, and names that do not.
fn column_name(index: usize, choices: &mut Choices) -> String {
    match choices.weighted(&[6, 1, 1, 1]) {
        0 => ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m"][index].to_owned(),
        1 => format!("Mixed{index}"),
        2 => format!("say \"{index}\""),
        _ => {
            ["select", "order", "token", "key", "value", "from", "where", "count", "date", "group", "limit", "in", "ts"]
                [index]
                .to_owned()
        }
    }
}

/// A value of a column as SQL writes it exactly; NULL for what SQL has no constants of.
pub(crate) fn exact(column: &Column, value: Option<&String>) -> String {
    match (column.cql_type.scalar(), value) {
        (Some(scalar), Some(value)) => scalar.exact(value),
        (Some(scalar), None) => format!("NULLIF({0}, {0})", scalar.exact(scalar.values()[0])),
        (None, _) => format!("NULLIF({0}, {0})", text("")),
    }
}
