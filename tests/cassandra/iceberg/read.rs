//! What is read: written by pyiceberg or by SQL.

use super::cells::{assert_same_rows, cells, json_rows};
use super::support::{Folder, files_of, pyiceberg_table};
use super::{source, support};
use crate::common::python;

#[tokio::test(flavor = "multi_thread")]
async fn sql_reads_what_pyiceberg_writes() {
    for (partitioning, old) in [("none", "no"), ("country", "no"), ("none", "yes")] {
        let folder = Folder::new();
        let session = folder.session();
        // Opened before the table is there: what another program does meanwhile is seen.
        std::fs::create_dir_all(folder.path()).unwrap();
        if old == "no" {
            support::run(&session, "CREATE SCHEMA iceberg.before").await;
            assert!(support::error(&session, "SELECT * FROM iceberg.py.t").await.contains("no table 't'"));
        }
        python("iceberg/write_table.py", &[folder.text(), "py.t", partitioning, old]);
        let own = support::query(&session, "SELECT * FROM iceberg.py.t").await;
        let read = pyiceberg_table(&folder, "py.t");
        assert_eq!(json_rows(&read).len(), 5);
        assert_same_rows(&json_rows(&read), &cells(&own), partitioning);
        // And is written to.
        let count = support::count(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
        assert_eq!(count, 5);
        let read = pyiceberg_table(&folder, "py.t");
        support::assert_files_are_sound_but_codec(&read, partitioning);
        assert_eq!(json_rows(&read).len(), 10);
        let filtered = support::query(&session, "SELECT id FROM iceberg.py.t WHERE country = 'Peru' AND i = 5").await;
        assert_eq!(support::rows(&filtered), 2);
        let names = support::query(
            &session,
            "SELECT table_name FROM information_schema.tables WHERE table_catalog = 'iceberg' AND table_schema = 'py'",
        )
        .await;
        assert_eq!(support::rows(&names), 1);
    }
}

/// Each operator on each type, with nulls and edges: a pushed filter changes no answer.
#[tokio::test(flavor = "multi_thread")]
async fn pushed_filters_change_no_answer() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(500), 2);
    let conditions = source::conditions();
    for (number, with) in [
        "",
        "WITH (partitioning = 'country')",
        "WITH (partitioning = 'day(ts), bucket(4, id)')",
        "WITH (partitioning = 'truncate(2, name)')",
    ]
    .into_iter()
    .enumerate()
    {
        let table = format!("iceberg.ns.t{number}");
        support::count(&session, &format!("CREATE TABLE {table} {with} AS SELECT * FROM source")).await;
        for condition in &conditions {
            let expected = support::query(&session, &format!("SELECT * FROM source WHERE {condition}")).await;
            let found = support::query(&session, &format!("SELECT * FROM {table} WHERE {condition}")).await;
            assert_same_rows(&cells(&expected), &cells(&found), condition);
            let counted = support::query(&session, &format!("SELECT count(*) FROM {table} WHERE {condition}")).await;
            let counted = cells(&counted)[0][0].clone().unwrap();
            assert_eq!(counted, support::rows(&expected).to_string(), "{with} {condition}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_read_what_they_need() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(3_000), 3);
    support::count(&session, "CREATE TABLE iceberg.ns.t WITH (partitioning = 'country') AS SELECT * FROM source").await;

    // From the manifests alone.
    let plan = support::text(&session, "EXPLAIN FORMAT INDENT SELECT count(*) FROM iceberg.ns.t").await;
    assert!(plan.contains("PlaceholderRowExec") && !plan.contains("IcebergScanExec"), "{plan}");
    let rows = support::query(&session, "SELECT count(*), count(id) FROM iceberg.ns.t").await;
    assert_eq!(cells(&rows), vec![vec![Some("3000".into()), Some("3000".into())]]);
    // Rows without columns that are not counted.
    assert_eq!(support::rows(&support::query(&session, "SELECT 1 FROM iceberg.ns.t").await), 3_000);
    assert_eq!(support::rows(&support::query(&session, "SELECT id FROM iceberg.ns.t LIMIT 7").await), 7);

    let plan = support::text(
        &session,
        "EXPLAIN FORMAT INDENT SELECT name, i FROM iceberg.ns.t WHERE country = 'Chile' AND i > 5",
    )
    .await;
    let scan = plan.lines().find(|l| l.contains("IcebergScanExec")).unwrap();
    for part in ["table=ns.t", "snapshot=", "files=", "projection=[", "predicate=", "country = \"Chile\""] {
        assert!(scan.contains(part), "{part}: {scan}");
    }
    let files =
        |plan: &str| plan.split("files=").nth(1).and_then(|t| t.split(',').next()).unwrap().parse::<usize>().unwrap();
    let all = support::text(&session, "EXPLAIN FORMAT INDENT SELECT * FROM iceberg.ns.t").await;
    assert!(files(scan) < files(&all), "{scan} {all}");

    let analyzed = support::text(&session, "EXPLAIN ANALYZE SELECT sum(i) FROM iceberg.ns.t").await;
    for metric in ["files=", "bytes_read=", "output_rows=3.00 K"] {
        let scan = analyzed.lines().find(|l| l.contains("IcebergScanExec")).unwrap();
        assert!(scan.contains(metric), "{metric}: {scan}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn history_can_be_read() {
    let folder = Folder::new();
    let session = folder.session();
    support::count(&session, "CREATE TABLE iceberg.ns.t AS SELECT 1 AS a").await;
    support::count(&session, "INSERT INTO iceberg.ns.t VALUES (2), (3)").await;
    let snapshots =
        support::query(&session, "SELECT snapshot_id, operation FROM iceberg.ns.\"t$snapshots\" ORDER BY committed_at")
            .await;
    let snapshots = cells(&snapshots);
    assert_eq!(snapshots.len(), 2);
    assert_eq!(snapshots[0][1].as_deref(), Some("append"));
    let manifests = support::query(&session, "SELECT count(*) FROM iceberg.ns.\"t$manifests\"").await;
    assert_eq!(cells(&manifests), vec![vec![Some("2".into())]]);
    let first = snapshots[0][0].clone().unwrap();
    let past = support::query(&session, &format!("SELECT a FROM iceberg.ns.\"t@{first}\"")).await;
    assert_eq!(cells(&past), vec![vec![Some("1".into())]]);
    assert!(support::error(&session, "SELECT * FROM iceberg.ns.\"t@1\"").await.contains("no snapshot 1"));
}

/// One large file is read by several partitions of the plan, each row by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_read_in_parts() {
    let folder = Folder::new();
    let session = folder.session();
    session.context().sql("SET datafusion.execution.target_partitions = 1").await.unwrap();
    let sql = "CREATE TABLE iceberg.ns.t AS SELECT value AS id, random() AS noise FROM generate_series(1, 5000000)";
    assert_eq!(support::count(&session, sql).await, 5_000_000);
    session.context().sql("SET datafusion.execution.target_partitions = 3").await.unwrap();
    assert_eq!(files_of(&folder.path().join("warehouse/ns/t/data")).len(), 1);
    let query = support::plan(&session, "SELECT id FROM iceberg.ns.t").await;
    assert_eq!(query.plan.properties().output_partitioning().partition_count(), 3);
    let sums = support::query(&session, "SELECT count(id + 0), sum(id), min(id), max(id) FROM iceberg.ns.t").await;
    let expected = ["5000000", "12500002500000", "1", "5000000"].map(|s| Some(s.to_owned())).to_vec();
    assert_eq!(cells(&sums), vec![expected]);
}
