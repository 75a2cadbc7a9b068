//! Random tables, written by the Python driver, copied by cbulk, straight and through Parquet, and compared as bytes.

use std::path::Path;

use cbulk::Session;

use crate::common::cluster::RealCluster;
use crate::common::{TestKeyspace, host, number, python, run, session, session_at};

const TABLES: usize = 40;
const ROWS: i64 = 60;
/// Set it to see other tables: each number makes its own, and always the same ones.
const SEED_VARIABLE: &str = "CBULK_TEST_SEED";

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_types_return_unchanged() {
    let ks = TestKeyspace::create().await;
    tables_return_unchanged(&session(), &ks, &host(), "5.0").await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_all_types_return_unchanged_from_4_1() {
    let cluster = RealCluster::start(&["--version", "4.1"]).await;
    let host = &cluster.hosts[0];
    let ks = TestKeyspace::create_at(host, 1).await;
    tables_return_unchanged(&session_at(host), &ks, host, "4.1").await;
    ks.drop_it().await;
}

async fn tables_return_unchanged(session: &Session, ks: &TestKeyspace, host: &str, version: &str) {
    let seed = std::env::var(SEED_VARIABLE).unwrap_or_else(|_| "1".to_owned());
    eprintln!("{SEED_VARIABLE}={seed}");
    let (tables, rows) = (TABLES.to_string(), ROWS.to_string());
    let made = python("random_types/tables.py", &["make", host, &ks.name, &seed, &tables, &rows, version]);
    let made: Vec<serde_json::Value> = serde_json::from_str(&made).unwrap();
    assert_eq!(made.len(), TABLES);

    let folder = tempfile::tempdir().unwrap();
    let mut pairs = Vec::new();
    for of in &made {
        let table = of["table"].as_str().unwrap();
        let list =
            |key: &str| of[key].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect::<Vec<_>>().join(",");
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.{table}_copy SELECT * FROM {{ks}}.{table}"));
        assert_eq!(number(session, &insert).await, ROWS, "{insert}");
        pairs.push(format!("{table}={table}_copy:{}", list("columns")));

        let columns = list("file_columns");
        through_a_file(session, ks, table, &columns, folder.path()).await;
        pairs.push(format!("{table}={table}_file:{columns}"));
    }
    let mut arguments = vec!["compare", host, &ks.name];
    arguments.extend(pairs.iter().map(String::as_str));
    assert_eq!(python("random_types/tables.py", &arguments).trim(), "[]");
}

async fn through_a_file(session: &Session, ks: &TestKeyspace, table: &str, columns: &str, folder: &Path) {
    let file = folder.join(format!("{table}.parquet")).to_string_lossy().into_owned();
    let copy = ks.sql(&format!("COPY (SELECT {columns} FROM {{ks}}.{table}) TO '{file}'"));
    assert_eq!(number(session, &copy).await, ROWS, "{copy}");
    run(session, &format!("CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{file}'")).await.unwrap();
    let insert = ks.sql(&format!("INSERT INTO {{ks}}.{table}_file ({columns}) SELECT {columns} FROM {table}"));
    assert_eq!(number(session, &insert).await, ROWS, "{insert}");
}
