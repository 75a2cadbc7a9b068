//! Files of statements and what they should give, in the format of sqllogictest:
//!
//! ```text
//! # A comment.
//! statement ok
//! SET cassandra.splits = 2
//!
//! query T
//! EXPLAIN SELECT …
//! ----
//! the rows, one a line
//!
//! query error
//! SELECT nonsense
//! ----
//! the whole message
//! ```
//!
//! The crate `sqllogictest` reads such files too, but is not used: with it as a dependency, `rand_core` has other features in
//! tests than without, and DataFusion is compiled twice, once for `cargo build` and once for `cargo test`.

use std::ops::Range;
use std::path::{Path, PathBuf};

/// A statement and what it should give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The line of its first word, from 1.
    pub(crate) line: usize,
    pub(crate) kind: Kind,
    pub(crate) sql: String,
    /// The lines, from 0, of what is expected.
    expected: Range<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It works.
    Ok,
    /// It gives these rows.
    Rows,
    /// It fails with this message.
    Error,
}

/// A file and its records.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    lines: Vec<String>,
    pub(crate) records: Vec<Record>,
}

impl File {
    /// All files of a folder, by name.
    pub(crate) fn all(folder: &Path) -> Vec<Self> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "slt")).collect();
        paths.sort();
        paths.into_iter().map(|path| Self::new(std::fs::read_to_string(&path).unwrap().as_str(), path)).collect()
    }

    fn new(text: &str, path: PathBuf) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let records = records(&lines).unwrap_or_else(|line| panic!("{}:{line}: no record", path.display()));
        Self { path, lines, records }
    }

    /// Where a record stands, for messages.
    pub(crate) fn place(&self, record: &Record) -> String {
        format!("{}:{}", self.path.file_name().unwrap().display(), record.line)
    }

    /// The lines that a record should give.
    pub(crate) fn expected(&self, record: &Record) -> &[String] {
        &self.lines[record.expected.clone()]
    }

    /// Writes the file with what its records gave, in their order.
    pub(crate) fn write(&self, given: &[Vec<String>]) {
        assert_eq!(given.len(), self.records.len());
        let mut lines = self.lines.clone();
        for (record, given) in self.records.iter().zip(given).rev() {
            lines.splice(record.expected.clone(), given.iter().cloned());
        }
        std::fs::write(&self.path, lines.join("\n") + "\n").unwrap();
    }
}

/// The records, or the number of the line that begins none.
fn records(lines: &[String]) -> Result<Vec<Record>, usize> {
    let mut records = Vec::new();
    let mut at = 0;
    // The first line from here on that fulfils a condition, or the end.
    let find =
        |from: usize, is: &dyn Fn(&str) -> bool| (from..lines.len()).find(|i| is(&lines[*i])).unwrap_or(lines.len());
    while at < lines.len() {
        let kind = match lines[at].as_str() {
            comment if comment.is_empty() || comment.starts_with('#') => {
                at += 1;
                continue;
            }
            "statement ok" => Kind::Ok,
            "query T" => Kind::Rows,
            "query error" => Kind::Error,
            _ => return Err(at + 1),
        };
        let sql = at + 1..find(at + 1, &|line| line.is_empty() || line == "----");
        let expected = if kind == Kind::Ok {
            sql.end..sql.end
        } else if lines.get(sql.end).is_some_and(|line| line == "----") {
            sql.end + 1..find(sql.end + 1, &str::is_empty)
        } else {
            return Err(at + 1);
        };
        let text = lines[sql].join("\n");
        let end = expected.end;
        records.push(Record { line: at + 1, kind, sql: text, expected });
        at = end;
    }
    Ok(records)
}

#[test]
fn records_are_found_and_written_back() {
    let text =
        "# c\n\nstatement ok\nSET a = 1\n\nquery T\nSELECT 1,\n  2\n----\n1 2\n\nquery error\nSELECT x\n----\nno x\n";
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let found = records(&lines).unwrap();
    let kinds: Vec<Kind> = found.iter().map(|record| record.kind).collect();
    assert_eq!(kinds, [Kind::Ok, Kind::Rows, Kind::Error]);
    assert_eq!((found[1].sql.as_str(), &lines[found[1].expected.clone()]), ("SELECT 1,\n  2", &["1 2".to_owned()][..]));

    let folder = tempfile::tempdir().unwrap();
    let file = File::new(text, folder.path().join("a.slt"));
    file.write(&[vec![], vec!["3".to_owned(), "4".to_owned()], vec!["no".to_owned()]]);
    assert_eq!(
        std::fs::read_to_string(&file.path).unwrap(),
        text.replace("1 2", "3\n4").replace("----\nno x", "----\nno")
    );

    assert_eq!(records(&["query T".to_owned(), "SELECT 1".to_owned()]), Err(1));
    assert_eq!(records(&["query".to_owned()]), Err(1));
}
