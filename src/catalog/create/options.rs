//! The options of `CREATE TABLE … WITH (…)` and `CREATE SCHEMA … WITH (…)`.

use super::literal::Literal;
use super::primary_key::PrimaryKey;
use super::words::{Words, names};
use crate::cluster::quote::quote_if_needed;
use crate::cluster::schema::CqlType;
use crate::error::{Error, Result};

/// The primary key, such as `((country), session, seq DESC)`; required.
pub(super) const OPTION_PRIMARY_KEY: &str = "primary_key";
/// CQL types of single columns, such as `id uuid, tags set<text>`. Default: what their Arrow types become.
pub(super) const OPTION_TYPES: &str = "types";
/// Columns with one value for a whole Cassandra partition, such as `a, b`. Default: none.
pub(super) const OPTION_STATIC: &str = "static_columns";
/// Where copies of the rows are; required for a keyspace.
pub(super) const OPTION_REPLICATION: &str = "replication";

/// What a new table is made of, besides its columns.
#[derive(Debug, Clone)]
pub(crate) struct TableOptions {
    pub(super) primary_key: PrimaryKey,
    /// By the names of columns.
    pub(super) types: Vec<(String, CqlType)>,
    pub(super) static_columns: Vec<String>,
    /// Those of CQL, which the server knows.
    pub(super) cql: Vec<(String, Literal)>,
}

impl TableOptions {
    /// Reads options by name. All that are not ours are CQL's.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) if there is no primary key, an option is given twice, or its value
    /// cannot be read.
    pub(crate) fn read(given: &[(String, String)]) -> Result<Self> {
        let (mut primary_key, mut types, mut static_columns) = (None, Vec::new(), Vec::new());
        let mut cql = Vec::new();
        for (name, value) in given {
            check_name(given, name)?;
            match name.as_str() {
                OPTION_PRIMARY_KEY => primary_key = Some(value.parse()?),
                OPTION_TYPES => types = read_types(value)?,
                OPTION_STATIC => static_columns = names(OPTION_STATIC, value)?,
                _ => cql.push((name.clone(), Literal::of_option(name, value)?)),
            }
        }
        let primary_key = primary_key.ok_or_else(|| {
            Error::config(format!(
                "a table of Cassandra needs a primary key: write WITH ({OPTION_PRIMARY_KEY} = '((a, b), c DESC)'), in \
                 which a and b are the partition key, and c a clustering column"
            ))
        })?;
        Ok(Self { primary_key, types, static_columns, cql })
    }

    /// Adds types of columns that [`OPTION_TYPES`] does not name.
    #[must_use]
    pub(crate) fn with_types(mut self, types: Vec<(String, CqlType)>) -> Self {
        let is_new = |name: &String, named: &[(String, CqlType)]| named.iter().all(|(other, _)| other != name);
        let others: Vec<_> = types.into_iter().filter(|(name, _)| is_new(name, &self.types)).collect();
        self.types.extend(others);
        self
    }
}

/// The options of a keyspace, all of which are CQL's. `replication = 3` is three copies in this data centre, if it has a name.
///
/// # Errors
/// There is no replication, an option is given twice, or its value cannot be read.
pub(super) fn keyspace_options(given: &[(String, String)], local_dc: Option<&str>) -> Result<Vec<(String, Literal)>> {
    if !given.iter().any(|(name, _)| name == OPTION_REPLICATION) {
        let dc = local_dc.unwrap_or("dc1");
        return Err(Error::config(format!(
            "a keyspace needs a replication: write WITH ({OPTION_REPLICATION} = '{{''class'': \
             ''NetworkTopologyStrategy'', ''{dc}'': 3}}'), or {OPTION_REPLICATION} = 3 for that"
        )));
    }
    let read = |(name, value): &(String, String)| {
        check_name(given, name)?;
        let literal = Literal::of_option(name, value)?;
        match &literal {
            Literal::Word(copies) if name == OPTION_REPLICATION => Ok((name.clone(), replication(local_dc, copies))),
            _ => Ok((name.clone(), literal)),
        }
    };
    given.iter().map(read).collect()
}

fn replication(local_dc: Option<&str>, copies: &str) -> Literal {
    let text = |text: &str| Literal::Text(text.to_owned());
    Literal::Map(vec![
        (text("class"), text("NetworkTopologyStrategy")),
        // Cassandra puts each data centre in the place of this name.
        (text(local_dc.unwrap_or("replication_factor")), Literal::Word(copies.to_owned())),
    ])
}

/// A name that stands in CQL without quotes, once.
fn check_name(given: &[(String, String)], name: &str) -> Result<()> {
    if given.iter().filter(|(other, _)| other == name).count() > 1 {
        return Err(Error::config(format!("option {name} is given twice")));
    }
    // A reserved word would be something else than an option, so that one thing cannot be smuggled in as another.
    if quote_if_needed(name) == name {
        return Ok(());
    }
    Err(Error::config(format!("'{name}' is not the name of an option: see CREATE TABLE of CQL for what there is")))
}

fn read_types(text: &str) -> Result<Vec<(String, CqlType)>> {
    let mut words = Words::new(OPTION_TYPES, text);
    let mut types = Vec::new();
    loop {
        let name = words.name()?;
        let cql_type = words.until_comma();
        if cql_type.is_empty() {
            return Err(words.expected("the CQL type of the column"));
        }
        let parsed = cql_type.parse().map_err(|e: Error| e.with_context("option", OPTION_TYPES))?;
        types.push((name, parsed));
        if !words.eat(',') {
            return Ok(types);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(options: &[(&str, &str)]) -> Vec<(String, String)> {
        options.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn options_are_read() {
        let options = TableOptions::read(&given(&[
            ("primary_key", "(a, b), c"),
            ("types", "a uuid, \"B c\" map<text, frozen<list<int>>>,c inet"),
            ("static_columns", "s, \"T\""),
            ("gc_grace_seconds", "10"),
        ]))
        .unwrap();
        assert_eq!(options.primary_key.to_string(), "((a, b), c)");
        let types: Vec<String> = options.types.iter().map(|(name, t)| format!("{name}: {t}")).collect();
        assert_eq!(types, ["a: uuid", "B c: map<text, frozen<list<int>>>", "c: inet"]);
        assert_eq!(options.static_columns, ["s", "T"]);
        assert_eq!(options.cql, [("gc_grace_seconds".to_owned(), Literal::Word("10".to_owned()))]);
    }

    #[test]
    fn bad_options_are_told() {
        for (options, expected) in [
            (&[][..], "needs a primary key"),
            (&[("primary_key", "a"), ("primary_key", "b")], "primary_key is given twice"),
            (&[("primary_key", "a"), ("gc grace", "1")], "'gc grace' is not the name of an option"),
            (&[("primary_key", "a"), ("x\" = 1 and y", "1")], "is not the name of an option"),
            (&[("primary_key", "a"), ("and", "1")], "'and' is not the name of an option"),
            (&[("primary_key", "a"), ("types", "a")], "expected the CQL type of the column"),
            (&[("primary_key", "a"), ("types", "a list<")], "expected a type, but the text ends"),
            (&[("primary_key", "a"), ("types", "a int,")], "expected the name of a column"),
            (&[("primary_key", "a"), ("static_columns", "a b")], "expected the end"),
            (&[("primary_key", "a"), ("compaction", "{'class'}")], "compaction is no value of CQL"),
        ] {
            let error = TableOptions::read(&given(options)).unwrap_err().to_string();
            assert!(error.contains(expected), "{options:?}: {error}");
        }
    }

    #[test]
    fn a_replication_may_be_a_number() {
        let shown = |value: &str, dc| keyspace_options(&given(&[("replication", value)]), dc).unwrap()[0].1.to_string();
        assert_eq!(shown("3", Some("dc1")), "{'class': 'NetworkTopologyStrategy', 'dc1': 3}");
        assert_eq!(shown("3", None), "{'class': 'NetworkTopologyStrategy', 'replication_factor': 3}");
        let simple = "{'class': 'SimpleStrategy', 'replication_factor': 1}";
        assert_eq!(shown(simple, Some("dc1")), simple);
        let error = keyspace_options(&given(&[("durable_writes", "false")]), Some("east")).unwrap_err().to_string();
        assert!(error.contains("''NetworkTopologyStrategy'', ''east'': 3"), "{error}");
    }
}
