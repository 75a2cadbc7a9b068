//! The page `docs/options.md`, made from the options.

use std::fmt::Write;
use std::path::Path;

use datafusion::common::config::ExtensionOptions;

use super::{CassandraOptions, ClusterOptions};

/// Set to anything, the test writes the page instead of comparing it.
const REWRITE: &str = "CBULK_WRITE_DOCS";

const HEAD: &str = "\
# Options

Made by a test from the code: change the code, not this page.

Of a session: `SET cassandra.page_size_rows = 500`, `cbulk-sql --set cassandra.page_size_rows=500`, and `SHOW ALL` prints their
values. Of one table: `CREATE EXTERNAL TABLE t STORED AS CASSANDRA LOCATION 'keyspace.table' OPTIONS (page_size_rows '500')`, which
takes precedence. Of one INSERT: `INSERT INTO keyspace.table WITH (write_ttl_seconds = 60, max_rejected = '1%') SELECT …`, which takes
precedence over both; it has the options that say how rows are written. For any other statement, set an option before it and
`RESET cassandra.page_size_rows` behind it.

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
    page.push_str(CLUSTER);
    for (name, default, doc) in CLUSTER_OPTIONS {
        let _ = writeln!(page, "| `{name}` | {default} | {doc} |");
    }
    page
}

const CLUSTER: &str = "
How a cluster is reached is said once: in the shell by the arguments below (`cbulk-sql --help`), for a table by its `OPTIONS`:
`CREATE EXTERNAL TABLE t STORED AS CASSANDRA LOCATION 'keyspace.table' OPTIONS (contact_points '10.0.0.1,10.0.0.2', local_dc 'dc1')`.

| option | default | what it does |
|---|---|---|
";

/// As the documentation of [`ClusterOptions`] has it, whose defaults the test below compares.
const CLUSTER_OPTIONS: [(&str, &str, &str); 7] = [
    (
        "contact_points",
        "`127.0.0.1`",
        "`--host`: nodes to ask first, `host` or `host:port` (port 9042), separated by commas",
    ),
    (
        "local_dc",
        "not set",
        "`--local-dc`: the data centre whose nodes are used. When not set, that of the node that answers first, if it is the only one",
    ),
    ("user", "not set", "`--user`: the name for password authentication"),
    ("password", "not set", "its password; in the shell `--password-file`, `CBULK_PASSWORD`, or asked for"),
    ("compression", "`none`", "`--compression`: compression of what goes over the network, `none`, `lz4` or `snappy`"),
    ("connections_per_node", "`2`", "connections to each node"),
    ("connect_timeout_ms", "`5000`", "time to wait for a connection, in milliseconds"),
];

#[test]
fn the_defaults_of_a_cluster_are_told() {
    assert_eq!(CLUSTER_OPTIONS.map(|(name, ..)| name), ClusterOptions::NAMES);
    let mut told = ClusterOptions::default();
    for (name, default, _) in CLUSTER_OPTIONS.iter().filter(|(_, default, _)| *default != "not set") {
        told.set(name, default.trim_matches('`')).unwrap();
    }
    assert_eq!(told, ClusterOptions::default());
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
