//! Types of columns, and random values of theirs.

use super::choices::Choices;
use super::scalar::Scalar;

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnType {
    Scalar(Scalar),
    List(Scalar),
    Set(Scalar),
    Map(Scalar, Scalar),
    FrozenList(Scalar),
    FrozenSet(Scalar),
    FrozenMap(Scalar, Scalar),
    Tuple(Scalar, Scalar),
    /// The fields `first`, of this type, and `Second`, a text.
    Udt(Scalar),
    FrozenUdt(Scalar),
    /// Of two elements.
    Vector(Scalar),
    Duration,
}

/// The values of a column, so that conditions are true of some rows.
#[derive(Debug, Clone)]
pub(crate) struct Values {
    /// Those of a scalar as [`Scalar::values`] gives them, others as literals of CQL.
    pub(crate) whole: Vec<String>,
    /// What these are made of: for each of [`ColumnType::parts`], as [`Scalar::values`] gives them.
    pub(crate) parts: Vec<Vec<String>>,
}

impl ColumnType {
    pub(crate) fn cql_name(self) -> String {
        match self {
            Self::Scalar(scalar) => scalar.cql_name(),
            Self::List(of) => format!("list<{}>", of.cql_name()),
            Self::Set(of) => format!("set<{}>", of.cql_name()),
            Self::Map(key, value) => format!("map<{}, {}>", key.cql_name(), value.cql_name()),
            Self::FrozenList(of) => format!("frozen<list<{}>>", of.cql_name()),
            Self::FrozenSet(of) => format!("frozen<set<{}>>", of.cql_name()),
            Self::FrozenMap(key, value) => format!("frozen<map<{}, {}>>", key.cql_name(), value.cql_name()),
            Self::Tuple(a, b) => format!("frozen<tuple<{}, {}>>", a.cql_name(), b.cql_name()),
            Self::Udt(of) => udt_name(of),
            Self::FrozenUdt(of) => format!("frozen<{}>", udt_name(of)),
            Self::Vector(of) => format!("vector<{}, 2>", of.cql_name()),
            Self::Duration => "duration".to_owned(),
        }
    }

    /// The definition of the type in a keyspace, if it needs one.
    pub(crate) fn definition(self, keyspace: &str) -> Option<String> {
        let (Self::Udt(of) | Self::FrozenUdt(of)) = self else { return None };
        let (name, of) = (udt_name(of), of.cql_name());
        Some(format!("CREATE TYPE IF NOT EXISTS {keyspace}.{name} (first {of}, \"Second\" text)"))
    }

    pub(crate) fn scalar(self) -> Option<Scalar> {
        if let Self::Scalar(scalar) = self { Some(scalar) } else { None }
    }

    /// The types of what a value is made of: elements, keys and values, or fields.
    pub(crate) fn parts(self) -> Vec<Scalar> {
        match self {
            Self::Scalar(_) | Self::Duration => Vec::new(),
            Self::List(of) | Self::Set(of) | Self::FrozenList(of) | Self::FrozenSet(of) | Self::Vector(of) => vec![of],
            Self::Map(a, b) | Self::FrozenMap(a, b) | Self::Tuple(a, b) => vec![a, b],
            Self::Udt(of) | Self::FrozenUdt(of) => vec![of, Scalar::Text],
        }
    }

    /// The names that SQL has for the fields, if it has fields.
    pub(crate) fn fields(self) -> Option<[&'static str; 2]> {
        match self {
            Self::Tuple(..) => Some(["_1", "_2"]),
            Self::Udt(_) | Self::FrozenUdt(_) => Some(["first", "Second"]),
            _ => None,
        }
    }

    /// What of the column an index may know, as it is written around its name in `CREATE INDEX`.
    pub(crate) fn index_targets(self) -> &'static [&'static str] {
        match self {
            Self::Scalar(_) | Self::Tuple(..) | Self::FrozenUdt(_) => &["{}"],
            Self::List(_) | Self::Set(_) => &["VALUES({})"],
            Self::Map(..) => &["KEYS({})", "VALUES({})", "ENTRIES({})"],
            Self::FrozenList(_) | Self::FrozenSet(_) | Self::FrozenMap(..) => &["FULL({})"],
            // An index of vectors answers other questions.
            Self::Udt(_) | Self::Vector(_) | Self::Duration => &[],
        }
    }

    pub(crate) fn values(self, choices: &mut Choices) -> Values {
        if let Self::Scalar(scalar) = self {
            return Values { whole: of_scalar(scalar, choices), parts: Vec::new() };
        }
        let mut parts: Vec<Vec<String>> = self.parts().into_iter().map(|part| few(part, 4, choices)).collect();
        for (part, values) in self.parts().into_iter().zip(&mut parts) {
            part.keep_one_form(values);
        }
        if let Self::Vector(_) = self {
            // The driver, by which rows are counted, cannot read empty texts and blobs in vectors. Of at least two values, one is left.
            parts[0].retain(|value| !value.is_empty());
        }
        let whole = (0..4).map(|_| self.literal(&parts, choices)).collect();
        Values { whole, parts }
    }

    /// A literal of CQL made of these parts.
    fn literal(self, parts: &[Vec<String>], choices: &mut Choices) -> String {
        let types = self.parts();
        let part = |place: usize, choices: &mut Choices| types[place].cql(choices.text(&parts[place]));
        let elements =
            |count: usize, choices: &mut Choices| (0..count).map(|_| part(0, choices)).collect::<Vec<_>>().join(", ");
        let field = |place: usize, choices: &mut Choices| {
            if choices.chance(15) { "null".to_owned() } else { part(place, choices) }
        };
        match self {
            Self::Scalar(_) => unreachable!("its values are listed"),
            Self::List(_) | Self::FrozenList(_) => format!("[{}]", elements(choices.between(0, 3), choices)),
            Self::Set(_) | Self::FrozenSet(_) => format!("{{{}}}", elements(choices.between(0, 3), choices)),
            Self::Map(..) | Self::FrozenMap(..) => {
                let entries = (0..choices.between(0, 2)).map(|_| format!("{}: {}", part(0, choices), part(1, choices)));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
            Self::Tuple(..) => format!("({}, {})", field(0, choices), field(1, choices)),
            Self::Udt(_) | Self::FrozenUdt(_) => {
                format!("{{first: {}, \"Second\": {}}}", field(0, choices), field(1, choices))
            }
            Self::Vector(_) => format!("[{}]", elements(2, choices)),
            Self::Duration => (choices.word(&["1mo2d3h", "0s", "-5m", "1y"])).to_owned(),
        }
    }
}

fn udt_name(of: Scalar) -> String {
    format!("pair_{}", of.cql_name())
}

fn of_scalar(scalar: Scalar, choices: &mut Choices) -> Vec<String> {
    if choices.chance(25) {
        return scalar.many_values();
    }
    let extreme = scalar == Scalar::Timestamp && choices.chance(8);
    let mut values = few(scalar, 6, choices);
    if extreme {
        values.extend([i64::MIN, i64::MAX, 253_402_300_800_000].map(|extreme| extreme.to_string()));
    }
    values
}

/// At most so many values, at least two.
fn few(scalar: Scalar, most: usize, choices: &mut Choices) -> Vec<String> {
    let mut values: Vec<String> = scalar.values().iter().map(|value| (*value).to_owned()).collect();
    choices.shuffle(&mut values);
    values.truncate(choices.between(2, most));
    values
}
