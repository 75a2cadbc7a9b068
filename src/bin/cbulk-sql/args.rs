//! The command line.

use std::path::PathBuf;

use cbulk::options::{Compression, Positive};
use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser};

use crate::print::Format;

/// Environment variable with the password.
pub(crate) const PASSWORD_VARIABLE: &str = "CBULK_PASSWORD";
/// Flag of the file with the password.
pub(crate) const PASSWORD_FILE_FLAG: &str = "--password-file";

const EXAMPLES: &str = "\
Examples:
  Count a table on a cluster:
    cbulk-sql --host 10.0.0.1,10.0.0.2 -c 'SELECT count(*) FROM shop.orders'
  Export to Iceberg, and back into another table:
    cbulk-sql -c 'CREATE TABLE iceberg.shop.orders AS SELECT * FROM cassandra.shop.orders'
    cbulk-sql -c 'INSERT INTO cassandra.shop.copy SELECT * FROM iceberg.shop.orders'
  Read from a majority of replicas:
    cbulk-sql --set cassandra.read_consistency=QUORUM -c 'SELECT count(*) FROM shop.orders'
  Write CSV to a file:
    cbulk-sql --format csv -c 'SELECT * FROM shop.orders' > orders.csv
  Run a script; it stops at the first error:
    cbulk-sql -f load.sql
  With a password:
    CBULK_PASSWORD=… cbulk-sql --user ann
  Which settings there are:
    cbulk-sql -c 'SHOW ALL'

Results are written to standard output, everything else to standard error.
Exit codes: 0 done · 1 done, but rows were rejected · 2 usage, SQL or configuration is wrong ·
            3 a statement failed while it ran · 130 interrupted";

/// SQL on Apache Cassandra: count, export and import whole tables.
///
/// Without --command and --file, statements are read from the terminal, or from standard input if that is a pipe.
/// Tables are cassandra.<keyspace>.<table> and iceberg.<namespace>.<table>; nothing is contacted before a statement
/// needs it.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(name = "cbulk-sql", version, after_help = EXAMPLES, max_term_width = 120)]
pub(crate) struct Args {
    /// Run these statements, separated by semicolons; may be repeated and mixed with --file
    #[arg(short, long, value_name = "SQL")]
    command: Vec<String>,

    /// Run the statements of this file, `-` is standard input; may be repeated
    #[arg(short, long, value_name = "FILE")]
    file: Vec<PathBuf>,

    /// Cassandra nodes to ask first, separated by commas [default: 127.0.0.1:9042]
    #[arg(long, value_name = "HOST[:PORT]", env = "CBULK_HOST", value_delimiter = ',', value_parser = host)]
    pub(crate) host: Vec<String>,

    /// Data centre whose nodes are used; needed where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) local_dc: Option<String>,

    /// User; the password comes from CBULK_PASSWORD, from --password-file or from a prompt
    #[arg(long, value_name = "NAME", env = "CBULK_USER")]
    pub(crate) user: Option<String>,

    /// File that holds the password
    #[arg(long, value_name = "FILE", requires = "user")]
    pub(crate) password_file: Option<PathBuf>,

    /// Taken only to be refused with advice; the value is never printed.
    #[arg(long, hide = true, num_args = 0..=1, default_missing_value = "")]
    password: Option<String>,

    /// Compression between here and the nodes: none, lz4 or snappy [default: none]
    #[arg(long, value_name = "NAME")]
    pub(crate) compression: Option<Compression>,

    /// Connections to each node [default: 2]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) connections: Option<Positive>,

    /// Set an option, as SET does, before the first statement: cassandra.* or datafusion.*; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,

    /// Folder of the catalog `iceberg`, made by the first write [default: iceberg]
    #[arg(long, value_name = "FOLDER", env = "CBULK_ICEBERG_FOLDER")]
    pub(crate) iceberg_folder: Option<PathBuf>,

    /// How results are written
    #[arg(long, value_name = "FORMAT", default_value_t = Format::Table)]
    pub(crate) format: Format,

    /// Rows only: no names of columns, no counts of rows
    #[arg(short, long)]
    pub(crate) tuples_only: bool,

    /// No counts of rows, no progress; errors and warnings still
    #[arg(short, long)]
    pub(crate) quiet: bool,

    /// Print the time of each statement
    #[arg(long)]
    pub(crate) timing: bool,

    /// No progress bar (there is none anyway unless standard error is a terminal)
    #[arg(long)]
    pub(crate) no_progress: bool,

    /// Keep no history of the statements typed
    #[arg(long)]
    pub(crate) no_history: bool,

    /// What to run, in the order given.
    #[arg(skip)]
    pub(crate) inputs: Vec<Input>,
}

/// A source of statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Input {
    /// The text of a `--command`.
    Command(String),
    /// The name of a `--file`.
    File(PathBuf),
}

impl Args {
    /// Reads the command line; prints help, version or a usage error and ends the program where there is nothing to run.
    pub(crate) fn read() -> Self {
        Self::from_matches(&Self::command().get_matches()).unwrap_or_else(|error| error.exit())
    }

    fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::from_arg_matches(matches)?;
        if args.password.is_some() {
            return Err(Self::command().error(ErrorKind::UnknownArgument, password_refused()));
        }
        let commands = args.command.drain(..).map(Input::Command);
        let files = args.file.drain(..).map(Input::File);
        let indices = |id| matches.indices_of(id).into_iter().flatten();
        let mut inputs: Vec<(usize, Input)> =
            indices("command").zip(commands).chain(indices("file").zip(files)).collect();
        inputs.sort_by_key(|(index, _)| *index);
        args.inputs = inputs.into_iter().map(|(_, input)| input).collect();
        Ok(args)
    }
}

/// Other users of the machine can read the command line.
fn password_refused() -> String {
    format!("a password is not taken from the command line, where others can read it: {}", password_ways())
}

/// The three ways to give a password.
pub(crate) fn password_ways() -> String {
    format!("set {PASSWORD_VARIABLE}, or give {PASSWORD_FILE_FLAG} FILE, or run on a terminal and be asked")
}

fn host(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a name or address is missing".into());
    }
    // More than one colon, or a bracket at the end: an IPv6 address without a port.
    let port = match text.rsplit_once(':') {
        Some((host, port)) if host.ends_with(']') || !host.contains(':') => Some((host, port)),
        _ => None,
    };
    match port {
        Some(("", _)) => Err("a name or address is missing before the port".into()),
        Some((_, port)) if !port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Err(format!("'{port}' is not a port: write a number from 1 to 65535"))
        }
        _ => Ok(text.to_owned()),
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    let Some((name, value)) = text.split_once('=') else {
        return Err("write name=value".into());
    };
    let name = name.trim();
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if !name.split('.').all(is_name) {
        return Err(format!("'{name}' is not a name of a setting: SHOW ALL lists them"));
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, clap::Error> {
        let arguments = std::iter::once("cbulk-sql").chain(arguments.iter().copied());
        Args::from_matches(&Args::command().try_get_matches_from(arguments)?)
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn commands_and_files_keep_their_order() {
        let args = parse(&["-c", "a", "-f", "b.sql", "--command", "c", "-f-"]).unwrap();
        let expected = [
            Input::Command("a".into()),
            Input::File("b.sql".into()),
            Input::Command("c".into()),
            Input::File("-".into()),
        ];
        assert_eq!(args.inputs, expected);
    }

    #[test]
    fn hosts_may_be_names_and_addresses() {
        let args = parse(&["--host", "a, b:9043,[::1]:9042,::1,[fe80::1]"]).unwrap();
        assert_eq!(args.host, ["a", "b:9043", "[::1]:9042", "::1", "[fe80::1]"]);
        for wrong in ["", "a,,b", "a:", "a:x", "a:0", "a:65536", ":9042", "[::1]:x"] {
            parse(&["--host", wrong]).expect_err(wrong);
        }
    }

    #[test]
    fn settings_are_name_and_value() {
        let args = parse(&["--set", "a.b = c=d", "--set", "x="]).unwrap();
        assert_eq!(args.set, [("a.b".into(), "c=d".into()), ("x".into(), String::new())]);
        for wrong in ["a", "=1", "a..b=1", "a b=1", "a;b=1", "1=1", "a.=1"] {
            parse(&["--set", wrong]).expect_err(wrong);
        }
    }

    #[test]
    fn a_password_on_the_command_line_is_refused_and_not_repeated() {
        for arguments in [&["--password", "hunter2"][..], &["--password=hunter2"], &["--password"]] {
            let message = parse(arguments).unwrap_err().to_string();
            assert!(!message.contains("hunter2"), "{message}");
            for way in [PASSWORD_VARIABLE, PASSWORD_FILE_FLAG, "terminal"] {
                assert!(message.contains(way), "{message}");
            }
        }
    }
}
