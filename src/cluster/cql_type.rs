//! CQL types, as `system_schema.columns` writes them.

use std::fmt;
use std::str::FromStr;

use super::quote::{quote, quote_if_needed};
use crate::error::{Error, Result};

mod parse;
mod resolve;
#[cfg(test)]
mod tests;

pub(crate) use resolve::Definitions;

/// A CQL type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the CQL type of that name")]
pub enum CqlType {
    Ascii,
    /// `text`, also written `varchar`.
    Text,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Counter,
    Varint,
    Decimal,
    Float,
    Double,
    Boolean,
    Blob,
    Uuid,
    TimeUuid,
    Inet,
    Date,
    Time,
    Timestamp,
    Duration,
    List(Box<CqlType>),
    Set(Box<CqlType>),
    Map(Box<CqlType>, Box<CqlType>),
    Tuple(Vec<CqlType>),
    /// A user-defined type of the table's keyspace.
    Udt(UserType),
    /// A vector of a fixed number of elements.
    Vector(Box<CqlType>, usize),
    /// `frozen<…>`.
    Frozen(Box<CqlType>),
    /// A Java class, as text.
    Custom(String),
}

/// A user-defined type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct UserType {
    /// Its name, as Cassandra spells it.
    pub name: String,
    /// Names and types of its fields, in order. None as long as only the name has been read: no type of Cassandra's is
    /// without fields.
    pub fields: Vec<(String, CqlType)>,
}

impl UserType {
    /// A type of which nothing but the name is known.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), fields: Vec::new() }
    }
}

/// Scalar types by the name that CQL gives them.
const SCALARS: [(&str, CqlType); 20] = [
    ("ascii", CqlType::Ascii),
    ("text", CqlType::Text),
    ("tinyint", CqlType::TinyInt),
    ("smallint", CqlType::SmallInt),
    ("int", CqlType::Int),
    ("bigint", CqlType::BigInt),
    ("counter", CqlType::Counter),
    ("varint", CqlType::Varint),
    ("decimal", CqlType::Decimal),
    ("float", CqlType::Float),
    ("double", CqlType::Double),
    ("boolean", CqlType::Boolean),
    ("blob", CqlType::Blob),
    ("uuid", CqlType::Uuid),
    ("timeuuid", CqlType::TimeUuid),
    ("inet", CqlType::Inet),
    ("date", CqlType::Date),
    ("time", CqlType::Time),
    ("timestamp", CqlType::Timestamp),
    ("duration", CqlType::Duration),
];

/// The class of the type `empty`, which old tables without regular columns have.
const EMPTY_CLASS: &str = "org.apache.cassandra.db.marshal.EmptyType";

/// Words that name no user-defined type unless quoted, besides [`SCALARS`].
const OTHER_WORDS: [&str; 8] = ["varchar", "empty", "list", "set", "map", "tuple", "vector", "frozen"];

impl CqlType {
    /// The type of a name without quotes or `<…>`, in lower case; none if no type of Cassandra has it.
    fn scalar(word: &str) -> Option<Self> {
        match word {
            "varchar" => Some(Self::Text),
            "empty" => Some(Self::Custom(EMPTY_CLASS.to_owned())),
            _ => SCALARS.iter().find(|(name, _)| *name == word).map(|(_, scalar)| scalar.clone()),
        }
    }

    /// The CQL name of a scalar type; none for the others.
    fn scalar_name(&self) -> Option<&'static str> {
        SCALARS.iter().find(|(_, scalar)| scalar == self).map(|(name, _)| *name)
    }

    /// Whether a value is one thing: not a collection, tuple, vector, user-defined type or Java class.
    pub fn is_scalar(&self) -> bool {
        self.scalar_name().is_some()
    }

    /// The types that this one is directly made of, in order.
    pub fn parts(&self) -> Vec<&Self> {
        match self {
            Self::List(inner) | Self::Set(inner) | Self::Frozen(inner) | Self::Vector(inner, _) => vec![&**inner],
            Self::Map(key, value) => vec![&**key, &**value],
            Self::Tuple(elements) => elements.iter().collect(),
            Self::Udt(user_type) => user_type.fields.iter().map(|(_, field)| field).collect(),
            _ => Vec::new(),
        }
    }

    /// Whether it, or a type inside it at any depth, is as asked.
    pub fn contains(&self, is_wanted: fn(&Self) -> bool) -> bool {
        is_wanted(self) || self.parts().into_iter().any(|part| part.contains(is_wanted))
    }

    /// The type inside `frozen<…>`, or itself. Types further inside stay as they are.
    pub fn strip_frozen(&self) -> &Self {
        match self {
            Self::Frozen(inner) => inner.strip_frozen(),
            other => other,
        }
    }
}

impl FromStr for CqlType {
    type Err = Error;

    /// Reads the text that Cassandra writes into `system_schema.columns.type`.
    ///
    /// A name that is no type of Cassandra's is a user-defined type. `varchar` is [`CqlType::Text`]; `empty` is the
    /// [`CqlType::Custom`] of its class.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) with the text and the position of the mistake.
    fn from_str(text: &str) -> Result<Self> {
        parse::parse(text)
    }
}

/// Writes CQL: what is written is read as the same type again.
impl fmt::Display for CqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(element) => write!(f, "list<{element}>"),
            Self::Set(element) => write!(f, "set<{element}>"),
            Self::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Self::Tuple(elements) => {
                f.write_str("tuple<")?;
                for (i, element) in elements.iter().enumerate() {
                    write!(f, "{}{element}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(">")
            }
            Self::Vector(element, dimension) => write!(f, "vector<{element}, {dimension}>"),
            Self::Frozen(inner) => write!(f, "frozen<{inner}>"),
            Self::Custom(class) => write!(f, "'{}'", class.replace('\'', "''")),
            Self::Udt(UserType { name, .. }) => {
                let means_another = Self::scalar(name).is_some() || OTHER_WORDS.contains(&name.as_str());
                f.write_str(&if means_another { quote(name) } else { quote_if_needed(name) })
            }
            scalar => f.write_str(scalar.scalar_name().unwrap_or_default()),
        }
    }
}
