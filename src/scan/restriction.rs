//! What of a table a scan reads, as far as Cassandra itself can tell the rows apart.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::cluster::quote::quote;
use crate::cluster::ring::TokenRange;
use crate::cluster::route::token_of_key;
use crate::codec::key_bytes::KeyBytes;

/// The rows that a scan reads: those of some token ranges or Cassandra partitions for which all terms hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restriction {
    pub(crate) access: Access,
    /// Conditions on columns, in the order of the statement.
    pub(crate) terms: Vec<Term>,
    /// Whether the statement says `ALLOW FILTERING`.
    pub(crate) allow_filtering: bool,
}

impl Restriction {
    /// Every row.
    pub(crate) fn none() -> Self {
        Self { access: Access::Ring(vec![TokenRange::RING]), terms: Vec::new(), allow_filtering: false }
    }

    /// No row.
    pub(crate) fn nothing() -> Self {
        Self { access: Access::Keys(Vec::new()), terms: Vec::new(), allow_filtering: false }
    }

    /// The only Cassandra partition that is read, if it is only one.
    pub(crate) fn single_key(&self) -> Option<&PartitionKey> {
        match &self.access {
            Access::Keys(keys) if keys.len() == 1 => keys.first(),
            _ => None,
        }
    }

    /// The values of the terms, in the order of their bind markers.
    pub(crate) fn bound(&self) -> Arc<[Bytes]> {
        self.terms.iter().flat_map(|term| term.values.iter().map(|value| value.bytes.clone())).collect()
    }
}

/// How the Cassandra partitions are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access {
    /// All with a token in one of these ranges, which do not overlap.
    Ring(Vec<TokenRange>),
    /// These, each once.
    Keys(Vec<PartitionKey>),
}

/// The key of a Cassandra partition.
#[derive(Clone, PartialEq, Eq)]
pub struct PartitionKey {
    /// A value for each column of the key.
    pub(crate) values: Vec<Bytes>,
    pub(crate) token: i64,
    /// For people.
    text: Arc<str>,
}

impl PartitionKey {
    /// `None` if the values are too long together: no row has such a key.
    pub(crate) fn new(values: Vec<Value>) -> Option<Self> {
        let mut buffer = Vec::new();
        let mut key = KeyBytes::new(&mut buffer, values.len());
        values.iter().try_for_each(|value| key.push(&value.bytes)).ok()?;
        let text: Vec<String> = values.iter().map(|value| value.text.clone()).collect();
        let values = values.into_iter().map(|value| value.bytes).collect();
        Some(Self { values, token: token_of_key(&buffer), text: text.join(", ").into() })
    }
}

impl fmt::Display for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({})", self.text)
    }
}

impl fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) bytes: Bytes,
    /// For people.
    pub(crate) text: String,
}

/// A condition of CQL on columns other than the partition key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Term {
    /// Several are compared as a tuple.
    pub(crate) columns: Vec<String>,
    pub(crate) relation: Relation,
    pub(crate) values: Vec<Value>,
}

/// What a term says about its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Relation {
    Eq,
    In,
    Lt,
    LtEq,
    Gt,
    GtEq,
    Contains,
}

impl Relation {
    fn cql(self) -> &'static str {
        match self {
            Self::Eq => "=",
            Self::In => "IN",
            Self::Lt => "<",
            Self::LtEq => "<=",
            Self::Gt => ">",
            Self::GtEq => ">=",
            Self::Contains => "CONTAINS",
        }
    }
}

impl Term {
    /// On one column.
    pub(crate) fn new(column: &str, relation: Relation, values: Vec<Value>) -> Self {
        Self { columns: vec![column.to_owned()], relation, values }
    }

    /// Whether it is about this column and no other.
    pub(crate) fn is_on(&self, column: &str) -> bool {
        self.columns == [column]
    }

    /// With bind markers.
    pub(crate) fn cql(&self) -> String {
        let markers = vec!["?"; self.values.len()].join(", ");
        let is_tuple = self.columns.len() > 1;
        let in_parentheses = |text: String, yes: bool| if yes { format!("({text})") } else { text };
        let columns = self.columns.iter().map(|column| quote(column)).collect::<Vec<_>>().join(", ");
        let columns = in_parentheses(columns, is_tuple);
        let markers = in_parentheses(markers, is_tuple || self.relation == Relation::In);
        format!("{columns} {} {markers}", self.relation.cql())
    }
}

/// What plans show of the values that are bound: nothing if there are none.
impl fmt::Display for Restriction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 3;
        match &self.access {
            Access::Ring(ranges) if *ranges == [TokenRange::RING] => {}
            Access::Ring(ranges) => {
                f.write_str(", tokens=[")?;
                for (i, range) in ranges.iter().enumerate() {
                    write!(f, "{}{range}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("]")?;
            }
            Access::Keys(keys) => {
                write!(f, ", keys={} [", keys.len())?;
                for (i, key) in keys.iter().take(SHOWN).enumerate() {
                    write!(f, "{}{key}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str(if keys.len() > SHOWN { ", …]" } else { "]" })?;
            }
        }
        let mut values = self.terms.iter().flat_map(|term| &term.values).peekable();
        if values.peek().is_some() {
            let values: Vec<&str> = values.map(|value| value.text.as_str()).collect();
            write!(f, ", values=[{}]", values.join(", "))?;
        }
        Ok(())
    }
}
