//! Names, words and symbols read off a short text, such as the value of an option.

use crate::error::{Error, Result};

/// A text that is being read, and what it is for messages.
pub(super) struct Words<'a> {
    option: &'static str,
    text: &'a str,
    /// Bytes already read.
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(option: &'static str, text: &'a str) -> Self {
        Self { option, text, at: 0 }
    }

    /// A name as CQL and SQL read it: without quotes in lower case, with quotes as it is.
    pub(super) fn name(&mut self) -> Result<String> {
        self.skip_space();
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.expected("the name of a column"));
        }
        self.at += end;
        Ok(rest[..end].to_ascii_lowercase())
    }

    fn quoted(&mut self) -> Result<String> {
        let mut name = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((index, c)) = chars.next() {
            if c != '"' {
                name.push(c);
            } else if chars.next_if(|(_, next)| *next == '"').is_some() {
                name.push('"');
            } else if name.is_empty() {
                return Err(self.error("a name is empty"));
            } else {
                self.at += index + 1;
                return Ok(name);
            }
        }
        Err(self.error("a quote is not closed"))
    }

    /// Whether the symbol comes next; it is read then.
    pub(super) fn eat(&mut self, symbol: char) -> bool {
        let found = self.comes(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    /// Whether the symbol comes next.
    pub(super) fn comes(&mut self, symbol: char) -> bool {
        self.skip_space();
        self.rest().starts_with(symbol)
    }

    /// Whether the word comes next, in any case; it is read then.
    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let found = rest[..end].eq_ignore_ascii_case(word);
        if found {
            self.at += end;
        }
        found
    }

    /// What stands before the next comma, or the end, that is not within `<…>` or quotes.
    pub(super) fn until_comma(&mut self) -> &'a str {
        self.skip_space();
        let rest = self.rest();
        let (mut depth, mut quote) = (0_usize, None);
        let ends = |c: char| {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (None, '<') => depth += 1,
                (None, '>') => depth = depth.saturating_sub(1),
                (None, ',') => return depth == 0,
                // Also all that is in quotes.
                _ => {}
            }
            false
        };
        let taken = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += taken.len();
        taken.trim_end()
    }

    pub(super) fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest().is_empty()
    }

    pub(super) fn expect(&mut self, symbol: char) -> Result<()> {
        if self.eat(symbol) { Ok(()) } else { Err(self.expected(&format!("'{symbol}'"))) }
    }

    pub(super) fn expect_end(&mut self) -> Result<()> {
        if self.is_at_end() { Ok(()) } else { Err(self.expected("the end")) }
    }

    pub(super) fn expected(&self, what: &str) -> Error {
        let found = self.rest().chars().next().map_or("the text ends".to_owned(), |c| format!("there is '{c}'"));
        self.error(&format!("expected {what}, but {found}"))
    }

    pub(super) fn error(&self, why: &str) -> Error {
        let character = self.text[..self.at].chars().count() + 1;
        Error::config(format!("cannot read {} = '{}': {why} at character {character}", self.option, self.text))
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip_space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }
}

/// Names with commas between them.
pub(super) fn names(option: &'static str, text: &str) -> Result<Vec<String>> {
    let mut words = Words::new(option, text);
    let mut names = vec![words.name()?];
    while words.eat(',') {
        names.push(words.name()?);
    }
    words.expect_end()?;
    Ok(names)
}
