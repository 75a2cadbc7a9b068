//! What DataFusion does not read of a definition, taken out of the statement: `WITH (…)`, and CQL types of columns.

use std::fmt::Display;

use datafusion::arrow::datatypes::Fields;
use datafusion::common::TableReference;
use datafusion::error::Result as DataFusionResult;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::planner::IdentNormalizer;
use datafusion::sql::sqlparser::ast::{
    CreateTable, CreateTableOptions, DataType, Expr, ObjectName, SchemaName, SqlOption, Statement as SqlStatement,
    UnaryOperator, Value,
};

use super::home::Home;
use super::{resolve, resolve_schema};
use crate::catalog::CassandraCatalog;
use crate::cluster::schema::CqlType;
use crate::error::{Error, Result};

/// What was taken out of `CREATE TABLE` or `CREATE SCHEMA`.
#[derive(Debug, Default)]
pub(super) struct Definition {
    /// Names, in lower case, and values of `WITH (…)`.
    pub(super) options: Vec<(String, String)>,
    /// For each column the type of CQL that was written, if it was one. What DataFusion makes of it is of no interest.
    types: Vec<Option<CqlType>>,
}

impl Definition {
    /// Takes all of it out of a statement about one of our catalogs; nothing of others.
    ///
    /// # Errors
    /// Options in a form that is not ours.
    pub(super) fn take(context: &SessionContext, statement: &mut Statement) -> DataFusionResult<Self> {
        let Statement::Statement(inner) = statement else { return Ok(Self::default()) };
        match inner.as_mut() {
            SqlStatement::CreateTable(create) => Self::of_table(context, create),
            SqlStatement::CreateSchema { schema_name, with, options, default_collate_spec, clone, .. } => {
                let SchemaName::Simple(name) = schema_name else { return Ok(Self::default()) };
                let Some((name, catalog)) = resolve_schema(context, &plain_name(context, name)) else {
                    return Ok(Self::default());
                };
                if Home::of(catalog.as_ref(), &name).is_none() {
                    return Ok(Self::default());
                }
                if options.is_some() || default_collate_spec.is_some() || clone.is_some() {
                    return Err(Error::config("options of a schema are written WITH (name = 'value')").into());
                }
                let options = with.take().unwrap_or_default().iter().map(option_text).collect::<Result<_>>()?;
                Ok(Self { options, types: Vec::new() })
            }
            _ => Ok(Self::default()),
        }
    }

    fn of_table(context: &SessionContext, create: &mut CreateTable) -> DataFusionResult<Self> {
        let Some((name, catalog)) = resolve(context, &TableReference::parse_str(&create.name.to_string())) else {
            return Ok(Self::default());
        };
        let Some(home) = Home::of(catalog.as_ref(), &name.schema) else {
            if catalog.as_any().is::<CassandraCatalog>() && matches!(create.table_options, CreateTableOptions::With(_))
            {
                return Err(Error::config(format!(
                    "{} would be a table of this session, which takes no options: name the keyspace of a table of \
                     Cassandra, as keyspace.table",
                    name.table
                ))
                .into());
            }
            return Ok(Self::default());
        };
        if create.query.is_some() && !create.columns.is_empty() {
            return Err(Error::config(
                "CREATE TABLE … AS takes its columns from the query: give names and types there, as CAST(a AS INT) AS b",
            )
            .into());
        }
        let given = match std::mem::replace(&mut create.table_options, CreateTableOptions::None) {
            CreateTableOptions::None => Vec::new(),
            CreateTableOptions::With(given) => given,
            other => {
                return Err(
                    Error::config(format!("'{other}': options of a table are written WITH (name = 'value')")).into()
                );
            }
        };
        let options = given.iter().map(option_text).collect::<Result<_>>()?;
        let types = if matches!(home, Home::Cassandra(_)) { take_types(create) } else { Vec::new() };
        Ok(Self { options, types })
    }

    /// The types of CQL that were written, by the names of these columns.
    pub(super) fn types(&self, fields: &Fields) -> Vec<(String, CqlType)> {
        let typed = fields.iter().zip(&self.types);
        typed.filter_map(|(field, cql_type)| Some((field.name().clone(), cql_type.clone()?))).collect()
    }
}

/// The name of a schema, as DataFusion writes it in a plan.
fn plain_name(context: &SessionContext, name: &ObjectName) -> String {
    let normalizer = IdentNormalizer::new(context.state().config_options().sql_parser.enable_ident_normalization);
    let parts = name.0.iter().filter_map(|part| part.as_ident().cloned());
    parts.map(|part| normalizer.normalize(part)).collect::<Vec<_>>().join(".")
}

/// Types that CQL has are CQL's, also those that SQL has not: `uuid`, `inet`, `varint`. Names that mean nothing to SQL are
/// those of user-defined types.
fn take_types(create: &mut CreateTable) -> Vec<Option<CqlType>> {
    let types = create.columns.iter_mut().map(|column| {
        let cql_type: CqlType = column.data_type.to_string().parse().ok()?;
        let is_unknown = matches!(&column.data_type, DataType::Custom(_, modifiers) if modifiers.is_empty());
        if !(cql_type.is_scalar() || is_unknown && matches!(cql_type, CqlType::Udt(_))) {
            return None;
        }
        column.data_type = DataType::Text;
        Some(cql_type)
    });
    types.collect()
}

fn option_text(option: &SqlOption) -> Result<(String, String)> {
    let text = match option {
        SqlOption::KeyValue { key, value } => value_text(value).map(|text| (key.value.to_ascii_lowercase(), text)),
        _ => None,
    };
    text.ok_or_else(|| not_an_option(option))
}

pub(in crate::session) fn not_an_option(option: &dyn Display) -> Error {
    Error::config(format!("'{option}': options are written WITH (name = 'value')"))
}

/// Text, or what needs no quotes: a number, a boolean, a map.
pub(in crate::session) fn value_text(value: &Expr) -> Option<String> {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => Some(text.clone()),
            Value::Number(..) | Value::Boolean(_) => Some(value.value.to_string()),
            _ => None,
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if matches!(**expr, Expr::Value(_)) => {
            Some(format!("-{}", value_text(expr)?))
        }
        Expr::Dictionary(_) => Some(value.to_string()),
        _ => None,
    }
}
