//! Cuts a script into statements, line by line, as it is typed or read.
//!
//! It knows just enough SQL to find the semicolons that end statements: quotes, dollar quotes and comments. Everything
//! else is left to the parser. Between statements a backslash begins a command of the shell, which ends with its line.

#[cfg(test)]
mod tests;

/// What a script consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A statement without its semicolon.
    Statement(Statement),
    /// A command of the shell, with its backslash.
    Command {
        /// The whole line from the backslash on.
        text: String,
        /// Counted from 1.
        line: usize,
    },
}

/// A statement and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Statement {
    /// From its first word on; comments before that are left out.
    pub(crate) text: String,
    /// Line of its first word, from 1.
    pub(crate) line: usize,
    /// Column of its first word in characters, from 1.
    pub(crate) column: usize,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Plain,
    /// In a text or identifier that ends with this character; doubling it needs no care, it closes and opens again.
    Quoted { end: char, backslash_escapes: bool },
    /// In `/* */`, which nests.
    Comment { depth: usize },
    /// In a text that ends with this tag, `$$` or `$name$`.
    DollarQuoted { tag: String },
}

/// Takes lines, gives statements.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    state: State,
    /// The statement that has begun.
    pending: Option<Statement>,
    lines: usize,
}

impl Splitter {
    /// Takes the next line, with or without its line end, and returns what is now complete.
    pub(crate) fn push(&mut self, line: &str) -> Vec<Piece> {
        self.lines += 1;
        let line = line.strip_suffix('\n').unwrap_or(line);
        let mut pieces = Vec::new();
        // What of this line is not yet in the pending statement begins here.
        let mut from = 0;
        let mut at = 0;
        while let Some(c) = line[at..].chars().next() {
            let rest = &line[at..];
            if matches!(self.state, State::Plain) {
                if rest.starts_with("--") {
                    break;
                }
                if c == ';' {
                    if let Some(mut statement) = self.pending.take() {
                        statement.text.push_str(&line[from..at]);
                        pieces.push(Piece::Statement(statement));
                    }
                    from = at + 1;
                } else if self.pending.is_none() && !c.is_whitespace() && !rest.starts_with("/*") {
                    if c == '\\' {
                        pieces.push(Piece::Command { text: rest.trim_end().to_owned(), line: self.lines });
                        return pieces;
                    }
                    let column = line[..at].chars().count() + 1;
                    self.pending = Some(Statement { text: String::new(), line: self.lines, column });
                    from = at;
                }
            }
            at += self.step(rest, c, &line[..at]);
        }
        if let Some(statement) = &mut self.pending {
            statement.text.push_str(&line[from..]);
            statement.text.push('\n');
        }
        pieces
    }

    /// Lines taken so far.
    pub(crate) fn lines(&self) -> usize {
        self.lines
    }

    /// Whether nothing has begun: neither a statement nor a comment.
    pub(crate) fn is_between(&self) -> bool {
        self.pending.is_none() && matches!(self.state, State::Plain)
    }

    /// The last statement, if it has no semicolon.
    pub(crate) fn finish(self) -> Option<Statement> {
        self.pending
    }

    /// Goes over the next character, or characters that belong together, and returns how many bytes that was.
    fn step(&mut self, rest: &str, c: char, before: &str) -> usize {
        match &mut self.state {
            State::Plain => {
                if rest.starts_with("/*") {
                    self.state = State::Comment { depth: 1 };
                    return 2;
                }
                match c {
                    '\'' => self.state = State::Quoted { end: c, backslash_escapes: is_escape_prefix(before) },
                    '"' | '`' => self.state = State::Quoted { end: c, backslash_escapes: false },
                    '$' if !ends_in_word(before) => {
                        if let Some(tag) = dollar_tag(rest) {
                            self.state = State::DollarQuoted { tag: tag.to_owned() };
                            return tag.len();
                        }
                    }
                    _ => {}
                }
            }
            State::Quoted { backslash_escapes: true, .. } if c == '\\' => {
                return 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
            }
            State::Quoted { end, .. } if c == *end => self.state = State::Plain,
            State::Comment { depth } if rest.starts_with("/*") => {
                *depth += 1;
                return 2;
            }
            State::Comment { depth } if rest.starts_with("*/") => {
                *depth -= 1;
                if *depth == 0 {
                    self.state = State::Plain;
                }
                return 2;
            }
            State::DollarQuoted { tag } if rest.starts_with(tag.as_str()) => {
                let length = tag.len();
                self.state = State::Plain;
                return length;
            }
            State::Quoted { .. } | State::Comment { .. } | State::DollarQuoted { .. } => {}
        }
        c.len_utf8()
    }
}

/// Whether the character before belongs to a word.
fn ends_in_word(before: &str) -> bool {
    before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '@' | '#'))
}

/// Whether the quote that follows is that of `E'…'`, in which a backslash takes the meaning of the next character away.
fn is_escape_prefix(before: &str) -> bool {
    before.strip_suffix(['e', 'E']).is_some_and(|word| !ends_in_word(word))
}

/// `$$` or `$name$` at the start of a text.
fn dollar_tag(rest: &str) -> Option<&str> {
    let name_end = rest[1..].find(|c: char| !(c.is_alphanumeric() || c == '_'))? + 1;
    rest[name_end..].starts_with('$').then(|| &rest[..=name_end])
}
