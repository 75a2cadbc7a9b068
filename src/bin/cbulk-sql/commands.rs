//! The commands of the shell itself, which begin with a backslash. Their names are psql's.

use clap::ValueEnum;

use crate::failure::Failure;
use crate::print::Format;

/// What `\?` prints.
pub(crate) const HELP: &str = "\
\\d                 list all tables
\\d NAME            columns of a table: cassandra.keyspace.table, keyspace.table, \"Quoted\".\"Name\"
\\i FILE            run the statements of a file; it stops at the first error
\\pset format NAME  how results are written: table, csv, tsv, json, ndjson
\\timing [on|off]   print the time of each statement
\\? or \\h           this list
\\q or Ctrl-D       leave
Ctrl-C             cancel the statement that runs, or drop the one being typed
Everything else is SQL and ends with a semicolon. SHOW ALL lists the settings, SET name = value changes one.";

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    ListTables,
    Describe(String),
    Include(String),
    Format(Format),
    /// `None` turns it over.
    Timing(Option<bool>),
    Help,
    Quit,
}

impl Command {
    /// Reads a command from its line, backslash included.
    ///
    /// # Errors
    /// An unknown command, or arguments it does not take.
    pub(crate) fn parse(line: &str) -> Result<Self, Failure> {
        // A semicolon after a command is a habit and does no harm.
        let line = line.trim().trim_end_matches(';').trim_end();
        let (name, argument) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let argument = argument.trim();
        let command = match (name, argument) {
            (r"\d", "") => Self::ListTables,
            (r"\d", table) => Self::Describe(table.to_owned()),
            (r"\i", "") => return Err(Failure::usage(r"\i needs the name of a file")),
            (r"\i", file) => Self::Include(unquoted(file).to_owned()),
            (r"\pset", _) => Self::Format(format(argument)?),
            (r"\timing", "") => Self::Timing(None),
            (r"\timing", "on") => Self::Timing(Some(true)),
            (r"\timing", "off") => Self::Timing(Some(false)),
            (r"\timing", other) => return Err(Failure::usage(format!(r"\timing is on or off, not '{other}'"))),
            (r"\?" | r"\h", _) => Self::Help,
            (r"\q", "") => Self::Quit,
            _ => return Err(Failure::usage(format!("there is no command {line}")).with_hint(r"\? lists the commands")),
        };
        Ok(command)
    }
}

fn format(argument: &str) -> Result<Format, Failure> {
    let (name, value) = argument.split_once(char::is_whitespace).unwrap_or((argument, ""));
    if name != "format" {
        return Err(Failure::usage(format!(r"\pset sets only 'format', not '{name}'")));
    }
    let value = value.trim();
    Format::from_str(value, true)
        .map_err(|_| Failure::usage(format!("'{value}' is not a format: write one of {}", Format::names())))
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        for (line, command) in [
            (r"\d", Command::ListTables),
            (r"\d;", Command::ListTables),
            (r#"\d "Ks".t "#, Command::Describe(r#""Ks".t"#.into())),
            (r"\i a b.sql", Command::Include("a b.sql".into())),
            (r"\i 'a.sql'", Command::Include("a.sql".into())),
            (r"\pset format CSV", Command::Format(Format::Csv)),
            (r"\timing", Command::Timing(None)),
            (r"\timing  off", Command::Timing(Some(false))),
            (r"\?", Command::Help),
            (r"\q", Command::Quit),
        ] {
            assert_eq!(Command::parse(line).unwrap(), command, "{line}");
        }
    }

    #[test]
    fn what_is_not_a_command_is_refused() {
        for (line, message) in [
            (r"\x", r"there is no command \x"),
            (r"\q now", r"there is no command \q now"),
            (r"\i", "name of a file"),
            (r"\timing maybe", "not 'maybe'"),
            (r"\pset border 2", "not 'border'"),
            (r"\pset format xml", "write one of table, csv, tsv, json, ndjson"),
        ] {
            let error = Command::parse(line).unwrap_err().to_string();
            assert!(error.contains(message), "{line}: {error}");
        }
    }
}
