//! Random tables, written by the Python driver, copied by cbulk, straight and through files, and compared as bytes.

use std::path::Path;

use cbulk::{ClusterOptions, Session, SessionBuilder};

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
    let through = Through { ks, folder: folder.path(), session: exporting_session(host, folder.path()) };
    let mut pairs = Vec::new();
    let mut in_iceberg = 0;
    for of in &made {
        let table = of["table"].as_str().unwrap();
        let list =
            |key: &str| of[key].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect::<Vec<_>>().join(",");
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.{table}_copy SELECT * FROM {{ks}}.{table}"));
        assert_eq!(number(session, &insert).await, ROWS, "{insert}");
        pairs.push(format!("{table}={table}_copy:{}", list("columns")));

        through.parquet(table, &list("columns")).await;
        pairs.push(format!("{table}={table}_file:{}", list("columns")));

        through.avro(session, table, &list("columns")).await;
        pairs.push(format!("{table}={table}_avro:{}", list("columns")));

        let columns = list("iceberg_columns");
        if !columns.is_empty() {
            through.iceberg(table, &columns).await;
            pairs.push(format!("{table}={table}_iceberg:{columns}"));
            in_iceberg += 1;
        }
    }
    assert!(in_iceberg > TABLES / 3, "{in_iceberg}");
    let mut arguments = vec!["compare", host, &ks.name];
    arguments.extend(pairs.iter().map(String::as_str));
    assert_eq!(python("random_types/tables.py", &arguments).trim(), "[]");
}

/// A session whose durations can be in files.
fn exporting_session(host: &str, folder: &Path) -> Session {
    let builder = SessionBuilder::default()
        .with_cluster(ClusterOptions::new([host]))
        .with_iceberg_folder(folder.join("iceberg"))
        .with_setting("cassandra.duration_as", "text");
    builder.unwrap().build().unwrap()
}

/// What copies tables by way of files.
struct Through<'a> {
    ks: &'a TestKeyspace,
    folder: &'a Path,
    session: Session,
}

impl Through<'_> {
    async fn parquet(&self, table: &str, columns: &str) {
        let file = self.folder.join(format!("{table}.parquet")).to_string_lossy().into_owned();
        self.write(&format!("COPY (SELECT {columns} FROM {{ks}}.{table}) TO '{file}'")).await;
        let create = format!("CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{file}'");
        run(&self.session, &create).await.unwrap_or_else(|e| panic!("{create}: {e}"));
        self.write(&format!("INSERT INTO {{ks}}.{table}_file ({columns}) SELECT {columns} FROM {table}")).await;
    }

    /// By a session without any option: Avro has all types.
    async fn avro(&self, session: &Session, table: &str, columns: &str) {
        let file = self.folder.join(format!("{table}.avro")).to_string_lossy().into_owned();
        let copy = self.ks.sql(&format!("COPY (SELECT {columns} FROM {{ks}}.{table}) TO '{file}'"));
        assert_eq!(number(session, &copy).await, ROWS, "{copy}");
        let create = format!("CREATE EXTERNAL TABLE {table} STORED AS AVRO LOCATION '{file}'");
        run(session, &create).await.unwrap_or_else(|e| panic!("{create}: {e}"));
        let insert = self.ks.sql(&format!("INSERT INTO {{ks}}.{table}_avro ({columns}) SELECT {columns} FROM {table}"));
        assert_eq!(number(session, &insert).await, ROWS, "{insert}");
    }

    async fn iceberg(&self, table: &str, columns: &str) {
        self.write(&format!("CREATE TABLE iceberg.{{ks}}.{table} AS SELECT {columns} FROM {{ks}}.{table}")).await;
        let from = format!("iceberg.{{ks}}.{table}");
        self.write(&format!("INSERT INTO {{ks}}.{table}_iceberg ({columns}) SELECT {columns} FROM {from}")).await;
    }

    /// Runs a statement that writes all rows.
    async fn write(&self, sql: &str) {
        let sql = self.ks.sql(sql);
        assert_eq!(number(&self.session, &sql).await, ROWS, "{sql}");
    }
}
