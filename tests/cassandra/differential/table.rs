//! Random tables: their columns, keys and indexes.

use super::choices::Choices;
use super::column_type::{ColumnType, Values};
use super::scalar::{Scalar, text};

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
    /// What the table holds.
    pub(crate) values: Vec<String>,
    /// What these are made of, see [`Values`].
    pub(crate) parts: Vec<Vec<String>>,
    /// The indexes that know something of it.
    pub(crate) indexes: Indexes,
}

/// Which kinds of index a column is given. The server may have refused them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Indexes {
    pub(crate) sai: bool,
    pub(crate) legacy: bool,
}

impl Indexes {
    pub(crate) fn any(self) -> bool {
        self.sai || self.legacy
    }
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
pub(crate) type Domain = (ColumnType, Values);

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
        // Of many types, for many indexes.
        let is_wide = choices.chance(35);
        let regular = if is_wide { choices.between(3, 6) } else { choices.between(0, 4) };
        // So many of the last columns have elements.
        let collections = if is_wide { choices.below(3) } else { 0 };
        let mut columns = Vec::new();
        let kinds = [
            vec![Kind::Partition; partition],
            (0..clustering).map(|_| Kind::Clustering { descending: choices.chance(50) }).collect(),
            vec![Kind::Static; statics],
            vec![Kind::Regular; regular],
        ];
        let kinds = kinds.concat();
        for &kind in &kinds {
            let is_key = !matches!(kind, Kind::Static | Kind::Regular);
            let of_domain = if is_wide && !is_key { 30 } else { 60 };
            let (cql_type, values) = if choices.chance(of_domain) {
                choices.pick(domains).clone()
            } else {
                let is_collection = columns.len() >= kinds.len() - collections;
                let cql_type = match kind {
                    _ if is_key => key_type(kind, choices),
                    _ if is_collection => collection_type(choices),
                    _ => any_type(choices),
                };
                (cql_type, cql_type.values(choices))
            };
            let name = column_name(columns.len(), choices);
            let Values { whole: mut values, parts } = values;
            if let (Kind::Clustering { .. }, Some(scalar)) = (kind, cql_type.scalar()) {
                scalar.keep_one_form(&mut values);
            }
            columns.push(Column { name, cql_type, kind, values, parts, indexes: Indexes::default() });
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
            column.indexes = Indexes::default();
            column.name = format!("k{index}");
        }
        let values = ["1", "2", "3"].map(str::to_owned).to_vec();
        columns.push(Column {
            name: "note".into(),
            cql_type: ColumnType::Scalar(Scalar::Bigint),
            kind: Kind::Regular,
            values,
            parts: Vec::new(),
            indexes: Indexes::default(),
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

    /// `CREATE INDEX` on some columns, or on most of them, with both kinds of index side by side. The server may refuse some.
    pub(crate) fn indexes(&mut self, full_name: &str, choices: &mut Choices) -> Vec<String> {
        let style = choices.weighted(&[40, 25, 35]);
        let (percent, is_rich) = ([0, 45, 80][style], style == 2);
        let composite = self.partition_key().count() > 1;
        let most = [0, 4, 6][style];
        let mut indexes = Vec::new();
        let mut columns: Vec<&mut Column> = self.columns.iter_mut().collect();
        choices.shuffle(&mut columns);
        // Collections first: of other columns there are many.
        columns.sort_by_key(|column| !(is_rich && column.cql_type.scalar().is_none()));
        for column in columns {
            // What a partition has one of, an index cannot add to.
            let possible = column.kind != Kind::Partition || composite;
            if !possible || indexes.len() >= most || !choices.chance(percent) {
                continue;
            }
            let mut targets = column.cql_type.index_targets().to_vec();
            choices.shuffle(&mut targets);
            targets.truncate(1 + if is_rich { choices.weighted(&[3, 2, 1]) } else { 0 });
            for target in targets {
                let target = target.replace("{}", &column.quoted());
                let legacy = format!("CREATE INDEX ON {full_name} ({target})");
                let is_legacy = choices.chance(if is_rich { 50 } else { 35 });
                if is_legacy || !may_have_sai(column) {
                    column.indexes.legacy = true;
                    indexes.push(legacy.clone());
                }
                if may_have_sai(column) && (!is_legacy || (is_rich && choices.chance(10))) {
                    column.indexes.sai = true;
                    indexes.push(format!("{legacy} USING 'sai'{}", sai_options(column, choices)));
                }
            }
        }
        indexes
    }
}

/// SAI knows no blobs, and allows only letters, digits and `_` in a name.
fn may_have_sai(column: &Column) -> bool {
    let has_blob = column.cql_type.scalar() == Some(Scalar::Blob) || column.cql_type.parts().contains(&Scalar::Blob);
    !has_blob && column.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn sai_options(column: &Column, choices: &mut Choices) -> &'static str {
    let is_text = column.cql_type.scalar().is_some_and(Scalar::is_text);
    let is_text = is_text && matches!(column.kind, Kind::Regular | Kind::Static);
    match choices.below(6) {
        1 if is_text => " WITH OPTIONS = {'case_sensitive': 'false'}",
        2 if is_text => " WITH OPTIONS = {'normalize': 'true'}",
        _ => "",
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

fn collection_type(choices: &mut Choices) -> ColumnType {
    let scalar = *choices.pick(&Scalar::ALL);
    if choices.chance(50) { ColumnType::List(scalar) } else { ColumnType::Set(scalar) }
}

fn any_type(choices: &mut Choices) -> ColumnType {
    let scalar = *choices.pick(&Scalar::ALL);
    let key = *choices.pick(&[Scalar::Text, Scalar::Text, Scalar::Int, scalar]);
    match choices.weighted(&[16, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1]) {
        1 => ColumnType::List(scalar),
        2 => ColumnType::Set(scalar),
        3 => ColumnType::Map(key, scalar),
        4 => ColumnType::FrozenList(scalar),
        5 => ColumnType::FrozenSet(scalar),
        6 => ColumnType::FrozenMap(key, scalar),
        7 => ColumnType::Tuple(scalar, key),
        8 => ColumnType::Udt(scalar),
        9 => ColumnType::FrozenUdt(scalar),
        10 => ColumnType::Vector(scalar),
        11 => ColumnType::Duration,
        _ => ColumnType::Scalar(scalar),
    }
}

/// Names that need quotes, and names that do not.
fn column_name(index: usize, choices: &mut Choices) -> String {
    match choices.weighted(&[6, 1, 1, 1]) {
        0 => char::from(b'a' + u8::try_from(index).unwrap()).to_string(),
        1 => format!("Mixed{index}"),
        2 => format!("say \"{index}\""),
        _ => [
            "select", "order", "token", "key", "value", "from", "where", "count", "date", "group", "limit", "in", "ts",
            "set",
        ][index]
            .to_owned(),
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
