//! Values of CQL in the options of tables and keyspaces. They are read and written again, never pasted into a statement.

use std::fmt;

use crate::error::{Error, Result};

/// Maps nested deeper are refused; Cassandra has none.
const MAX_DEPTH: usize = 8;

/// A value as CQL writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Literal {
    /// Text, without its quotes.
    Text(String),
    /// A number, `true` or `false`, as it is written.
    Word(String),
    /// Entries in their order.
    Map(Vec<(Literal, Literal)>),
}

impl Literal {
    /// The value of an option: a number, `true`, `false`, `'text'` or `{'a map': 'of such'}` as CQL writes it. Any other text stands
    /// for itself, as it would within quotes: `99p` for `'99p'`.
    ///
    /// # Errors
    /// Text that begins like a map or like text in quotes, and is none.
    pub(crate) fn of_option(option: &str, text: &str) -> Result<Self> {
        let mut reader = Reader { rest: text };
        match reader.all() {
            Some(literal) => Ok(literal),
            None if text.trim_start().starts_with(['{', '\'']) => Err(Error::config(format!(
                "{option} is no value of CQL: {text}; write text, a number, true or false, or a map such as \
                 {{'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 160}}"
            ))),
            None => Ok(Self::Text(text.to_owned())),
        }
    }
}

/// Writes CQL.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            Self::Word(word) => f.write_str(word),
            Self::Map(entries) => {
                f.write_str("{")?;
                for (i, (key, value)) in entries.iter().enumerate() {
                    write!(f, "{}{key}: {value}", if i == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// A value and nothing after it.
    fn all(&mut self) -> Option<Literal> {
        let literal = self.literal(0)?;
        self.rest.trim_start().is_empty().then_some(literal)
    }

    fn literal(&mut self, depth: usize) -> Option<Literal> {
        self.rest = self.rest.trim_start();
        match self.rest.chars().next()? {
            '{' if depth < MAX_DEPTH => self.map(depth + 1),
            '\'' => self.text(),
            _ => self.word(),
        }
    }

    fn map(&mut self, depth: usize) -> Option<Literal> {
        self.rest = &self.rest[1..];
        let mut entries = Vec::new();
        if self.eat('}') {
            return Some(Literal::Map(entries));
        }
        loop {
            let key = self.literal(depth)?;
            self.eat(':').then_some(())?;
            entries.push((key, self.literal(depth)?));
            if self.eat('}') {
                return Some(Literal::Map(entries));
            }
            self.eat(',').then_some(())?;
        }
    }

    fn text(&mut self) -> Option<Literal> {
        let mut text = String::new();
        loop {
            // The opening quote, or the second of two inside.
            let inner = &self.rest[1..];
            let end = inner.find('\'')?;
            text.push_str(&inner[..end]);
            self.rest = &inner[end + 1..];
            if !self.rest.starts_with('\'') {
                return Some(Literal::Text(text));
            }
            text.push('\'');
        }
    }

    /// A number or a boolean.
    fn word(&mut self) -> Option<Literal> {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let word = &self.rest[..end];
        let is_boolean = word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false");
        if !is_boolean && !is_number(word) {
            return None;
        }
        self.rest = &self.rest[end..];
        Some(Literal::Word(word.to_ascii_lowercase()))
    }

    fn eat(&mut self, symbol: char) -> bool {
        self.rest = self.rest.trim_start();
        let after = self.rest.strip_prefix(symbol);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }
}

/// Digits, with a minus before them, a fraction and an exponent, as far as they are there.
fn is_number(word: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (mantissa, exponent) = word.split_once(['e', 'E']).map_or((word, None), |(m, e)| (m, Some(e)));
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
    digits(whole)
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|e| digits(e.strip_prefix(['+', '-']).unwrap_or(e)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn option(text: &str) -> String {
        Literal::of_option("x", text).map_or_else(|e| e.to_string(), |literal| literal.to_string())
    }

    #[test]
    fn values_become_cql() {
        for (text, cql) in [
            ("3600", "3600"),
            ("-1", "-1"),
            ("0.01", "0.01"),
            ("1E-3", "1e-3"),
            ("true", "true"),
            ("99p", "'99p'"),
            ("", "''"),
            ("it's", "'it''s'"),
            ("'it''s'", "'it''s'"),
            ("x' AND y = 'z", "'x'' AND y = ''z'"),
            ("1; DROP TABLE t", "'1; DROP TABLE t'"),
            ("--", "'--'"),
            ("{}", "{}"),
            (" {'class' : 'A','n':3, 'b':false } ", "{'class': 'A', 'n': 3, 'b': false}"),
            ("{'a': {'b': 'c'}}", "{'a': {'b': 'c'}}"),
        ] {
            assert_eq!(option(text), cql, "{text}");
        }
        for text in
            ["{", "{'a'}", "{'a': }", "{'a': 'b'} AND c = 1", "{a: 'b'}", "{'a': 'b',}", "'a", "'a' b", "{'a': now()}"]
        {
            assert!(option(text).starts_with("x is no value of CQL"), "{text}: {}", option(text));
        }
        assert!(option(&"{1: ".repeat(100_000)).starts_with("x is no value"));
    }

    fn literal() -> impl Strategy<Value = Literal> {
        let leaf = prop_oneof![
            ".*".prop_map(Literal::Text),
            "-?[0-9]{1,5}(\\.[0-9]{1,3})?(e[+-]?[0-9])?".prop_map(Literal::Word),
            prop_oneof![Just("true"), Just("false")].prop_map(|word| Literal::Word(word.to_owned())),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop::collection::vec((inner.clone(), inner), 0..4).prop_map(Literal::Map)
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_as_the_same(value in literal()) {
            prop_assert_eq!(Literal::of_option("x", &value.to_string()).unwrap(), value);
        }

        #[test]
        fn whatever_is_written_is_one_value(text in ".*") {
            if let Ok(value) = Literal::of_option("x", &text) {
                prop_assert_eq!(Literal::of_option("x", &value.to_string()).unwrap(), value);
            }
        }
    }
}
