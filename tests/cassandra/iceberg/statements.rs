//! Statements as a whole: all or nothing, at the same time, refused.

use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;

use super::cells::json_rows;
use super::support::{Folder, files_of, pyiceberg_table};
use super::{source, support};
use crate::common::wait_until;

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_leaves_nothing() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(40_000), 4);
    let failing = "SELECT id, name, 10 / (id - 39990) AS q FROM source";

    let error = support::error(&session, &format!("CREATE TABLE iceberg.ns.t AS {failing}")).await;
    assert!(error.contains("ivide by zero"), "{error}");
    assert_eq!(files_of(&folder.path().join("warehouse")), Vec::<String>::new());
    assert!(support::error(&session, "SELECT * FROM iceberg.ns.t").await.contains("no table 't'"));

    support::run(
        &session,
        "CREATE TABLE iceberg.ns.t (id BIGINT NOT NULL, name TEXT, q BIGINT) WITH (partitioning = 'bucket(4, id)')",
    )
    .await;
    let before = files_of(&folder.path().join("warehouse"));
    let error = support::error(&session, &format!("INSERT INTO iceberg.ns.t {failing}")).await;
    assert!(error.contains("ivide by zero"), "{error}");
    assert_eq!(files_of(&folder.path().join("warehouse")), before);
    assert_eq!(pyiceberg_table(&folder, "ns.t")["snapshots"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_statement_leaves_nothing() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(20_000), 2);
    // Far more rows than can be written before the stream is dropped.
    let endless = "SELECT a.*, n.value AS n FROM source a, generate_series(1, 1000000) n";
    for (number, with) in ["", "WITH (partitioning = 'country')"].into_iter().enumerate() {
        let sql = format!("CREATE TABLE iceberg.ns.t{number} {with} AS {endless}");
        let query = support::plan(&session, &sql).await;
        let mut stream = query.execute().unwrap();
        let warehouse = folder.path().join("warehouse");
        tokio::select! {
            _ = stream.next() => panic!("the statement ended before it was cancelled"),
            () = wait_until(|| "no file is begun".to_owned(), async || !files_of(&warehouse).is_empty()) => {}
        }
        drop(stream);
        // The plan outlives its run; the files do not.
        let trouble = || format!("left behind: {:?}", files_of(&warehouse));
        wait_until(trouble, async || files_of(&warehouse).is_empty()).await;
        assert!(support::error(&session, &format!("SELECT * FROM iceberg.ns.t{number}")).await.contains("no table"));
        drop(query);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_at_the_same_time_all_arrive() {
    let folder = Folder::new();
    let session = folder.session();
    support::run(&session, "CREATE TABLE iceberg.ns.t (id BIGINT, writer INT)").await;
    let writers = (0..4).map(|writer| {
        let session = session.clone();
        tokio::spawn(async move {
            let sql = format!("INSERT INTO iceberg.ns.t SELECT value, {writer} FROM generate_series(1, 100)");
            support::count(&session, &sql).await
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.unwrap(), 100);
    }
    let read = pyiceberg_table(&folder, "ns.t");
    assert_eq!(read["snapshots"], 4);
    assert_eq!(json_rows(&read).len(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_by_reading() {
    let folder = Folder::new();
    let session = folder.session();
    let error = support::error(&session, "SELECT * FROM iceberg.ns.t").await;
    assert!(error.contains("no table 't' in namespace 'ns'") && error.contains(folder.text()), "{error}");
    let tables = support::query(&session, "SELECT * FROM information_schema.tables WHERE table_catalog = 'iceberg' AND table_schema <> 'information_schema'").await;
    assert_eq!(support::rows(&tables), 0);
    support::run(&session, "DROP TABLE IF EXISTS iceberg.ns.t").await;
    support::query(&session, "EXPLAIN CREATE TABLE iceberg.ns.t AS SELECT 1 AS a").await;
    assert!(!folder.path().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_and_dropped() {
    let folder = Folder::new();
    let session = folder.session();
    let create = "CREATE TABLE iceberg.ns.t (id BIGINT NOT NULL, name VARCHAR, at TIMESTAMP, z TIMESTAMP WITH TIME ZONE, d DATE, x DOUBLE, b BOOLEAN, y BYTEA, tm TIME, n DECIMAL(10, 2), s SMALLINT)";
    support::run(&session, create).await;
    let read = pyiceberg_table(&folder, "ns.t");
    let types: Vec<&str> = read["columns"].as_array().unwrap().iter().map(|c| c[1].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "long",
            "string",
            "timestamp",
            "timestamptz",
            "date",
            "double",
            "boolean",
            "binary",
            "time",
            "decimal(10, 2)",
            "int"
        ]
    );
    assert_eq!(read["snapshots"], 0);
    assert_eq!(support::rows(&support::query(&session, "SELECT * FROM iceberg.ns.t").await), 0);
    assert!(support::error(&session, create).await.contains("there already"));
    support::run(&session, &create.replace("TABLE", "TABLE IF NOT EXISTS")).await;
    // The table is there: no row is written.
    assert_eq!(support::count(&session, "CREATE TABLE IF NOT EXISTS iceberg.ns.t AS SELECT 1 AS other").await, 0);
    // No rows, no snapshot.
    assert_eq!(support::count(&session, "INSERT INTO iceberg.ns.t (id) SELECT 1 WHERE false").await, 0);
    assert_eq!(pyiceberg_table(&folder, "ns.t")["snapshots"], 0);
    assert_eq!(support::count(&session, "CREATE TABLE iceberg.ns.empty AS SELECT 1 AS a WHERE false").await, 0);
    assert_eq!(pyiceberg_table(&folder, "ns.empty")["snapshots"], 0);

    support::run(&session, "INSERT INTO iceberg.ns.t (id, name) VALUES (1, 'one')").await;
    support::run(&session, "DROP TABLE iceberg.ns.t").await;
    support::run(&session, "DROP TABLE iceberg.ns.empty").await;
    assert_eq!(files_of(&folder.path().join("warehouse")), Vec::<String>::new());
    assert!(support::error(&session, "DROP TABLE iceberg.ns.t").await.contains("no table 't'"));
    support::run(&session, "DROP TABLE IF EXISTS iceberg.ns.t").await;
    // Its name can be taken again.
    assert_eq!(support::count(&session, "CREATE TABLE iceberg.ns.t AS SELECT 1 AS a").await, 1);

    support::run(&session, "CREATE SCHEMA iceberg.other").await;
    assert!(support::error(&session, "CREATE SCHEMA iceberg.other").await.contains("there already"));
    support::run(&session, "CREATE SCHEMA IF NOT EXISTS iceberg.other").await;
    support::run(&session, "DROP SCHEMA iceberg.other").await;
    assert!(support::error(&session, "DROP SCHEMA iceberg.ns").await.contains("not empty"));
    assert_eq!(support::count(&session, "CREATE TABLE iceberg.\"a.b\".t AS SELECT 1 AS a").await, 1);
    assert_eq!(support::rows(&support::query(&session, "SELECT * FROM iceberg.\"a.b\".t").await), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_stay_inside_the_warehouse() {
    let folder = Folder::new();
    let session = folder.session();
    for name in ["..", "../../x", "a b", "ü?#%", "."] {
        assert_eq!(support::count(&session, &format!("CREATE TABLE iceberg.ns.\"{name}\" AS SELECT 1 AS a")).await, 1);
        assert_eq!(support::rows(&support::query(&session, &format!("SELECT * FROM iceberg.ns.\"{name}\"")).await), 1);
    }
    let all = files_of(folder.path());
    assert!(all.iter().all(|f| f == "catalog.db" || f.starts_with("warehouse/ns/")), "{all:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_says_so() {
    let folder = Folder::new();
    let session = folder.session();
    for (sql, expected) in [
        ("CREATE OR REPLACE TABLE iceberg.ns.t AS SELECT 1 AS a", "OR REPLACE"),
        ("CREATE TABLE iceberg.ns.t WITH (format = 'orc') AS SELECT 1 AS a", "write partitioning"),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = a) AS SELECT 1 AS a", "WITH (name = 'value')"),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'a') AS SELECT now() AS a", "cannot be partitioned"),
        (
            "CREATE TABLE iceberg.ns.t WITH (partitioning = 'a') AS SELECT arrow_cast('ab', 'FixedSizeBinary(2)') AS a",
            "cannot be partitioned",
        ),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'a', partitioning = 'a') AS SELECT 1 AS a", "given twice"),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'b') AS SELECT 1 AS a", "the columns are a"),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'weeks(a)') AS SELECT 1 AS a", "'weeks(a)' is not"),
        (
            "CREATE TABLE iceberg.ns.t WITH (partitioning = 'day(a)') AS SELECT 1 AS a",
            "cannot be partitioned by 'day(a)'",
        ),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'bucket(0, a)') AS SELECT 1 AS a", "at least 1"),
        ("CREATE TABLE iceberg.ns.t WITH (partitioning = 'a') AS SELECT 1.5e0 AS a", "cannot be partitioned"),
        ("CREATE TABLE iceberg.ns.t (a INT PRIMARY KEY)", "no keys"),
        ("CREATE TABLE iceberg.ns.t (a INT DEFAULT 1)", "defaults"),
        ("CREATE TABLE iceberg.ns.t (a INT) AS SELECT 1", "takes its columns from the query"),
        ("CREATE TABLE iceberg.ns.t AS SELECT NULL AS a", "CAST(NULL AS INT)"),
        ("CREATE TABLE iceberg.ns.t AS SELECT INTERVAL '1 day' AS a", "cast column 'a' to VARCHAR"),
        ("CREATE TABLE iceberg.ns.t AS SELECT arrow_cast(1, 'UInt64') AS a", "BIGINT"),
        ("CREATE TABLE iceberg.ns.t AS SELECT arrow_cast(1, 'Decimal256(40, 0)') AS a", "DECIMAL(38"),
        ("INSERT INTO iceberg.ns.t VALUES (1)", "no table 't'"),
    ] {
        let error = support::error(&session, sql).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    assert_eq!(files_of(&folder.path().join("warehouse")), Vec::<String>::new());

    support::run(&session, "CREATE TABLE iceberg.ns.t (id BIGINT NOT NULL, name TEXT)").await;
    for (sql, expected) in [
        ("INSERT OVERWRITE iceberg.ns.t VALUES (1, 'a')", "not possible"),
        ("INSERT INTO iceberg.ns.t (name) VALUES ('a')", "column: id"),
        ("INSERT INTO iceberg.ns.\"t@7\" VALUES (1, 'a')", "no snapshot 7"),
        ("DELETE FROM iceberg.ns.t", "DELETE"),
    ] {
        let error = support::error(&session, sql).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    assert_eq!(support::rows(&support::query(&session, "SELECT * FROM iceberg.ns.t").await), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plan_of_a_write_has_one_commit_above_all_writers() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(100), 3);
    support::run(&session, "CREATE TABLE iceberg.ns.t (id BIGINT)").await;
    for sql in ["INSERT INTO iceberg.ns.t SELECT id FROM source", "CREATE TABLE iceberg.ns.u AS SELECT id FROM source"]
    {
        let query = support::plan(&session, sql).await;
        assert!(query.writes);
        let names = |plan: &Arc<dyn ExecutionPlan>| {
            (plan.name().to_owned(), plan.children().into_iter().map(Arc::clone).collect::<Vec<_>>())
        };
        let (commit, below) = names(&query.plan);
        let (gather, below) = names(&below[0]);
        let (write, _) = names(&below[0]);
        assert_eq!(
            [commit.as_str(), &gather, &write],
            ["IcebergCommitExec", "CoalescePartitionsExec", "IcebergWriteExec"]
        );
        assert_eq!(below[0].properties().output_partitioning().partition_count(), 3);
    }
    let plan =
        support::text(&session, "EXPLAIN FORMAT INDENT CREATE TABLE iceberg.ns.u AS SELECT id FROM source").await;
    assert!(plan.contains("IcebergCommitExec: table=ns.u, create=true"), "{plan}");
    assert!(support::error(&session, "SELECT * FROM iceberg.ns.u").await.contains("no table 'u'"));
}

/// The catalog has threads of its own: it serves any runtime, one after another.
#[test]
fn works_on_any_runtime() {
    let folder = Folder::new();
    let session = folder.session();
    for (number, multi) in [false, true, false].into_iter().enumerate() {
        let mut builder = if multi {
            tokio::runtime::Builder::new_multi_thread()
        } else {
            tokio::runtime::Builder::new_current_thread()
        };
        let runtime = builder.enable_all().build().unwrap();
        runtime.block_on(async {
            let sql = format!("CREATE TABLE iceberg.ns.t{number} AS SELECT 1 AS a");
            assert_eq!(support::count(&session, &sql).await, 1);
            let tables =
                support::query(&session, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'ns'")
                    .await;
            assert_eq!(support::rows(&tables), number + 1);
        });
    }
    // Dropped inside of async code, where a runtime must not be waited for.
    tokio::runtime::Runtime::new().unwrap().block_on(async move { drop(session) });
}
