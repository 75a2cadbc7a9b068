//! The primary key of a new table, as text: `'((country, city), seen_at DESC, id)'`.

use std::fmt;
use std::str::FromStr;

use super::options::OPTION_PRIMARY_KEY;
use super::words::Words;
use crate::cluster::quote::quote_if_needed;
use crate::error::{Error, Result};

/// The columns of a primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PrimaryKey {
    /// The partition key, at least one column.
    pub(super) partition: Vec<String>,
    /// The clustering columns, and whether each is kept in descending order.
    pub(super) clustering: Vec<(String, bool)>,
}

impl FromStr for PrimaryKey {
    type Err = Error;

    /// Takes what stands in `PRIMARY KEY (…)` of CQL, with the parentheses or without them, and `ASC` or `DESC` after
    /// each clustering column.
    fn from_str(text: &str) -> Result<Self> {
        let mut words = Words::new(OPTION_PRIMARY_KEY, text);
        if !words.eat('(') {
            // `a, b DESC`
            let partition = vec![partition_column(&mut words)?];
            return Ok(Self { partition, clustering: clustering(&mut words, None)? });
        }
        if words.eat('(') {
            // `((a, b), c DESC)`
            let partition = partition(&mut words)?;
            return Ok(Self { partition, clustering: clustering(&mut words, Some(')'))? });
        }
        // `(a, b), c DESC`
        let partition = partition(&mut words)?;
        if words.is_at_end() && partition.len() > 1 {
            let all: Vec<String> = partition.iter().map(|name| quote_if_needed(name)).collect();
            let (all, first, others) = (all.join(", "), &all[0], all[1..].join(", "));
            return Err(Error::config(format!(
                "{OPTION_PRIMARY_KEY} = '{text}' can be read in two ways: write '(({all}))' if all of them are the \
                 partition key, or '(({first}), {others})' if {first} alone is"
            )));
        }
        Ok(Self { partition, clustering: clustering(&mut words, None)? })
    }
}

/// A name of the partition key, which has no order.
fn partition_column(words: &mut Words<'_>) -> Result<String> {
    let name = words.name()?;
    if words.eat_word("DESC") || words.eat_word("ASC") {
        return Err(words.error(&format!(
            "column {} of the partition key cannot have an order, only clustering columns can: this ends",
            quote_if_needed(&name)
        )));
    }
    Ok(name)
}

/// Names up to the closing parenthesis.
fn partition(words: &mut Words<'_>) -> Result<Vec<String>> {
    let mut names = vec![partition_column(words)?];
    while words.eat(',') {
        names.push(partition_column(words)?);
    }
    words.expect(')')?;
    Ok(names)
}

/// All clustering columns, each with a comma before it, up to this symbol and the end.
fn clustering(words: &mut Words<'_>, end: Option<char>) -> Result<Vec<(String, bool)>> {
    let mut columns = Vec::new();
    while words.eat(',') {
        let name = words.name()?;
        let descending = words.eat_word("DESC");
        if !descending {
            words.eat_word("ASC");
        }
        columns.push((name, descending));
    }
    if let Some(end) = end {
        words.expect(end)?;
    }
    words.expect_end()?;
    Ok(columns)
}

/// As it is read, in its one unmistakable form: `((a, b), c DESC)`.
impl fmt::Display for PrimaryKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let partition: Vec<String> = self.partition.iter().map(|name| quote_if_needed(name)).collect();
        write!(f, "(({})", partition.join(", "))?;
        for (name, descending) in &self.clustering {
            write!(f, ", {}{}", quote_if_needed(name), if *descending { " DESC" } else { "" })?;
        }
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_ways_to_write_a_key() {
        for (text, read) in [
            ("a", "((a))"),
            (" A ", "((a))"),
            ("(a)", "((a))"),
            ("((a))", "((a))"),
            ("a, b", "((a), b)"),
            ("a,b desc,c asc", "((a), b DESC, c)"),
            ("(a), b DESC", "((a), b DESC)"),
            ("(a, b), c DESC", "((a, b), c DESC)"),
            ("((a, b), c DESC)", "((a, b), c DESC)"),
            ("((a,b))", "((a, b))"),
            ("\"My \"\"Key\"\"\", \"desc\" DESC", "((\"My \"\"Key\"\"\"), \"desc\" DESC)"),
        ] {
            assert_eq!(text.parse::<PrimaryKey>().unwrap().to_string(), read, "{text}");
        }
    }

    #[test]
    fn what_is_no_key_is_an_error_that_says_where() {
        for (text, expected) in [
            ("", "expected the name of a column, but the text ends at character 1"),
            ("()", "expected the name of a column, but there is ')' at character 2"),
            ("(a, b)", "write '((a, b))' if all of them are the partition key, or '((a), b)' if a alone is"),
            ("((a), b", "expected ')', but the text ends at character 8"),
            ("(a, b), ", "expected the name of a column, but the text ends"),
            ("a b", "expected the end, but there is 'b' at character 3"),
            ("a DESC", "column a of the partition key cannot have an order"),
            ("((a desc), b)", "column a of the partition key cannot have an order"),
            ("a, (b)", "expected the name of a column, but there is '('"),
            ("\"a", "a quote is not closed at character 1"),
            ("\"\"", "a name is empty"),
        ] {
            let error = text.parse::<PrimaryKey>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(
            partition in prop::collection::vec(".{1,6}", 1..4),
            clustering in prop::collection::vec((".{1,6}", any::<bool>()), 0..4),
        ) {
            let key = PrimaryKey { partition, clustering };
            prop_assert_eq!(key.to_string().parse::<PrimaryKey>().unwrap(), key);
        }

        #[test]
        fn no_text_panics(text in "[(),\"aD ES_C]{0,20}") {
            let _ = text.parse::<PrimaryKey>();
        }
    }
}
