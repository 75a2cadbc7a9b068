//! The page `docs/options.md`, made from the options.

use std::fmt::Write;
use std::path::Path;

use datafusion::common::config::{ConfigExtension, ExtensionOptions};

use super::{CassandraOptions, ClusterOptions};

/// Set to anything, the test writes the page instead of comparing it.
const REWRITE: &str = "CBULK_WRITE_DOCS";

const HEAD: &str = "\
# Options

Made by a test from the code: change the code, not this page.

Of a session: `SET cassandra.page_size_rows = 500`, `cbulk-sql --set cassandra.page_size_rows=500`, and `SHOW ALL` prints their
values. Of one table: `CREATE EXTERNAL TABLE t STORED AS CASSANDRA LOCATION 'keyspace.table' OPTIONS (page_size_rows '500')`, which
takes precedence. So an option holds for one statement if it is set before and set back behind it.

| option | default | what it does |
|---|---|---|
";

fn page() -> String {
    let mut page = HEAD.to_owned();
    for entry in CassandraOptions::default().entries() {
        let default = entry.value.map_or_else(|| "not set".to_owned(), |value| format!("`{value}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{}` | {default} | {} |", entry.key, entry.description.replace('|', "\\|"));
    }
    let names = ClusterOptions::NAMES.map(|name| format!("`{name}`")).join(", ");
    let prefix = CassandraOptions::PREFIX;
    let _ = writeln!(
        page,
        "\nHow a cluster is reached is said once: in the shell by `cbulk-sql --help`, for a table by its `OPTIONS`, which are, \
         besides those above without `{prefix}.`: {names}."
    );
    page
}

#[test]
fn the_page_tells_of_all_options() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/options.md");
    let page = page();
    if std::env::var_os(REWRITE).is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/options.md is not what the code does: run this test once with {REWRITE}=1 to rewrite it"
    );
}
