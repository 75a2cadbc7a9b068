//! What the server computes of each split.

use crate::cluster::quote::quote;
use crate::cluster::schema::{Column, ColumnKind, CqlType};

/// A column of the statement's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A column that rows are grouped by.
    Group(Column),
    /// The number of rows.
    CountRows,
    /// The number of rows in which the column is not null.
    Count(Column),
    /// The least value of the column that is not null.
    Min(Column),
    /// The greatest one.
    Max(Column),
}

impl Answer {
    /// The column of the table that it is about.
    pub(crate) fn source(&self) -> Option<&Column> {
        match self {
            Self::CountRows => None,
            Self::Group(column) | Self::Count(column) | Self::Min(column) | Self::Max(column) => Some(column),
        }
    }

    /// As it is selected, under the name of [`Self::column`].
    pub(crate) fn cql(&self, place: usize) -> String {
        let call = match self {
            Self::Group(column) => return quote(&column.name),
            Self::CountRows => return "count(*)".to_owned(),
            Self::Count(column) => format!("count({})", quote(&column.name)),
            Self::Min(column) => format!("min({})", quote(&column.name)),
            Self::Max(column) => format!("max({})", quote(&column.name)),
        };
        format!("{call} AS {}", name(place))
    }

    /// The column of the answer, with the type that the server gives it.
    pub(crate) fn column(&self, place: usize) -> Column {
        let cql_type = match self {
            Self::Group(column) => return column.clone(),
            Self::CountRows => {
                return Column { name: "count".to_owned(), cql_type: CqlType::BigInt, kind: ColumnKind::Regular };
            }
            Self::Count(_) => CqlType::BigInt,
            Self::Min(column) | Self::Max(column) => column.cql_type.clone(),
        };
        Column { name: name(place), cql_type, kind: ColumnKind::Regular }
    }
}

fn name(place: usize) -> String {
    format!("a{place}")
}
