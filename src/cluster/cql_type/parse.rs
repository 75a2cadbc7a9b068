//! Reads the text of a CQL type, by recursive descent.

use super::{CqlType, UserType};
use crate::error::{Error, Result};

/// Types nested deeper are refused, so that no text can exhaust the stack.
pub(super) const MAX_DEPTH: usize = 64;

pub(super) fn parse(text: &str) -> Result<CqlType> {
    let mut parser = Parser { text, at: 0 };
    let parsed = parser.cql_type(0)?;
    parser.skip_space();
    if parser.rest().is_empty() { Ok(parsed) } else { Err(parser.expected("the end")) }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes already read.
    at: usize,
}

impl<'a> Parser<'a> {
    fn cql_type(&mut self, depth: usize) -> Result<CqlType> {
        if depth > MAX_DEPTH {
            return Err(self.error(&format!("types are nested deeper than {MAX_DEPTH}")));
        }
        self.skip_space();
        if self.rest().starts_with('"') {
            return self.quoted('"').map(|name| CqlType::Udt(UserType::named(name)));
        }
        if self.rest().starts_with('\'') {
            return self.quoted('\'').map(CqlType::Custom);
        }
        let begin = self.at;
        let word = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_').to_ascii_lowercase();
        if !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.at = begin;
            return Err(self.expected("a type"));
        }
        if self.eat('<') {
            self.with_arguments(&word, begin, depth + 1)
        } else {
            // Also `list` and the like: without arguments it can only be the name of a user-defined type.
            Ok(CqlType::scalar(&word).unwrap_or_else(|| CqlType::Udt(UserType::named(word))))
        }
    }

    /// What follows `word<`; `begin` is where the word is.
    fn with_arguments(&mut self, word: &str, begin: usize, depth: usize) -> Result<CqlType> {
        let parsed = match word {
            "list" => CqlType::List(Box::new(self.cql_type(depth)?)),
            "set" => CqlType::Set(Box::new(self.cql_type(depth)?)),
            "frozen" => CqlType::Frozen(Box::new(self.cql_type(depth)?)),
            "map" => {
                let key = self.cql_type(depth)?;
                self.expect(',')?;
                CqlType::Map(Box::new(key), Box::new(self.cql_type(depth)?))
            }
            "tuple" => {
                let mut elements = vec![self.cql_type(depth)?];
                while self.eat(',') {
                    elements.push(self.cql_type(depth)?);
                }
                CqlType::Tuple(elements)
            }
            "vector" => {
                let element = self.cql_type(depth)?;
                self.expect(',')?;
                CqlType::Vector(Box::new(element), self.dimension()?)
            }
            _ => {
                self.at = begin;
                return Err(self.error(&format!("'{word}' takes no types in <>")));
            }
        };
        self.expect('>')?;
        Ok(parsed)
    }

    fn dimension(&mut self) -> Result<usize> {
        self.skip_space();
        let begin = self.at;
        match self.take_while(|c| c.is_ascii_digit()).parse() {
            Ok(dimension) if dimension > 0 => Ok(dimension),
            _ => {
                self.at = begin;
                Err(self.expected("the number of a vector's elements"))
            }
        }
    }

    /// A non-empty text between two of `quote`; a doubled one stands for one inside it.
    fn quoted(&mut self, quote: char) -> Result<String> {
        let begin = self.at;
        let mut inner = String::new();
        while self.rest().starts_with(quote) {
            self.at += quote.len_utf8();
            if self.at > begin + 1 {
                inner.push(quote); // the second of two
            }
            inner.push_str(self.take_while(|c| c != quote));
            if self.rest().is_empty() {
                self.at = begin;
                return Err(self.error(&format!("the {quote} is not closed")));
            }
            self.at += quote.len_utf8();
        }
        if inner.is_empty() {
            self.at = begin;
            return Err(self.error("the name is empty"));
        }
        Ok(inner)
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = &rest[..rest.find(|c| !wanted(c)).unwrap_or(rest.len())];
        self.at += taken.len();
        taken
    }

    fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn eat(&mut self, symbol: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn expect(&mut self, symbol: char) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(&format!("'{symbol}'"))) }
    }

    fn expected(&self, what: &str) -> Error {
        let found = self.rest().chars().next().map_or("the text ends".to_owned(), |c| format!("there is '{c}'"));
        self.error(&format!("expected {what}, but {found}"))
    }

    fn error(&self, why: &str) -> Error {
        let character = self.text[..self.at].chars().count() + 1;
        Error::schema(format!("cannot read the CQL type `{}`: {why} at character {character}", self.text))
    }
}
