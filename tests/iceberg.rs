//! Iceberg tables, end to end and without Cassandra: written by SQL, read back by pyiceberg cell by cell; written by
//! pyiceberg, read back by SQL.

#[path = "iceberg/support.rs"]
mod support;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, Time64NanosecondArray, TimestampMillisecondArray};
use datafusion::physical_plan::ExecutionPlan;
use futures::StreamExt;
use support::{Folder, assert_same_rows, files_of, pyiceberg_table, pyiceberg_tables, run_python, wait_until};

/// Every partitioning that can be written. Each table is also appended to by a second statement.
#[tokio::test(flavor = "multi_thread")]
async fn pyiceberg_reads_what_sql_writes() {
    let folder = Folder::new();
    let session = folder.session();
    let source = support::all_types(1_200);
    support::register(&session, "source", &source, 3);
    let partitionings = [
        "",
        "country",
        "year(ts)",
        "month(ts)",
        "day(ts)",
        "hour(ts)",
        "day(d)",
        "month(d)",
        "bucket(4, id)",
        "bucket(5, i)",
        "bucket(4, u)",
        "bucket(3, name)",
        "bucket(3, ts)",
        "bucket(3, d)",
        "bucket(3, bin)",
        "bucket(3, t)",
        "truncate(2, name)",
        "truncate(100, i)",
        "truncate(100, id)",
        "identity(b)",
        "d",
        "t",
        "dec",
        "bin",
        "bucket(3, dec)",
        "truncate(1000, dec)",
        "i, country",
        "country, year(ts), bucket(2, id)",
    ];
    let tables: Vec<String> = (0..partitionings.len()).map(|number| format!("ns.t{number}")).collect();
    for (table, partitioning) in tables.iter().zip(partitionings) {
        let with =
            if partitioning.is_empty() { String::new() } else { format!("WITH (partitioning = '{partitioning}')") };
        let count =
            support::count(&session, &format!("CREATE TABLE iceberg.{table} {with} AS SELECT * FROM source")).await;
        assert_eq!(count, 1_200, "{partitioning}");
    }
    let mut expected = support::cells(&source);
    for snapshots in [1, 2] {
        let read = pyiceberg_tables(&folder, &tables);
        for ((table, partitioning), read) in tables.iter().zip(partitionings).zip(&read) {
            assert_eq!(read["snapshots"], snapshots, "{partitioning}");
            support::assert_files_are_sound(read, partitioning);
            assert_same_rows(&expected, &support::json_rows(read), partitioning);
            let own = support::query(&session, &format!("SELECT * FROM iceberg.{table}")).await;
            assert_same_rows(&expected, &support::cells(&own), partitioning);
            if snapshots == 1 {
                let append = format!("INSERT INTO iceberg.{table} SELECT * FROM source WHERE id % 2 = 0");
                assert_eq!(support::count(&session, &append).await, 600);
            }
        }
        expected.extend(support::cells(&support::query(&session, "SELECT * FROM source WHERE id % 2 = 0").await));
    }
}

/// The types that Iceberg has, column by column.
#[tokio::test(flavor = "multi_thread")]
async fn columns_get_the_types_of_the_table() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &support::all_types(3), 1);
    support::count(&session, "CREATE TABLE iceberg.ns.t AS SELECT * FROM source").await;
    let read = pyiceberg_table(&folder, "ns.t");
    let expected = serde_json::json!([
        ["id", "long", true],
        ["country", "string", false],
        ["name", "string", false],
        ["i", "int", false],
        ["small", "int", false],
        ["f", "float", false],
        ["g", "double", false],
        ["b", "boolean", false],
        ["bin", "binary", false],
        ["u", "uuid", false],
        ["d", "date", false],
        ["t", "time", false],
        ["ts", "timestamptz", false],
        ["plain", "timestamp", false],
        ["dec", "decimal(20, 3)", false],
        ["nothing", "string", false]
    ]);
    assert_eq!(read["columns"], expected);
    assert_eq!(read["properties"]["cassandra.type.u"], "timeuuid");
    let own = support::query(&session, "SELECT u FROM iceberg.ns.t").await;
    let schema = own[0].schema();
    let metadata = schema.field(0).metadata();
    assert_eq!(metadata.get("cassandra.type").map(String::as_str), Some("timeuuid"));
    assert_eq!(metadata.get("ARROW:extension:name").map(String::as_str), Some("arrow.uuid"));
}

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
        run_python("write_table.py", &[folder.text(), "py.t", partitioning, old]);
        let own = support::query(&session, "SELECT * FROM iceberg.py.t").await;
        let read = pyiceberg_table(&folder, "py.t");
        assert_eq!(support::json_rows(&read).len(), 5);
        assert_same_rows(&support::json_rows(&read), &support::cells(&own), partitioning);
        // And is written to.
        let count = support::count(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
        assert_eq!(count, 5);
        let read = pyiceberg_table(&folder, "py.t");
        support::assert_files_are_sound_but_codec(&read, partitioning);
        assert_eq!(support::json_rows(&read).len(), 10);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_statement_leaves_nothing() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &support::all_types(40_000), 4);
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
    support::register(&session, "source", &support::all_types(20_000), 2);
    // Far more rows than can be written before the stream is dropped.
    let endless = "SELECT a.*, n.value AS n FROM source a, generate_series(1, 1000000) n";
    for (number, with) in ["", "WITH (partitioning = 'country')"].into_iter().enumerate() {
        let sql = format!("CREATE TABLE iceberg.ns.t{number} {with} AS {endless}");
        let query = support::plan(&session, &sql).await;
        let mut stream = query.execute().unwrap();
        let warehouse = folder.path().join("warehouse");
        let wrote = tokio::select! {
            _ = stream.next() => panic!("the statement ended before it was cancelled"),
            found = wait_until(|| !files_of(&warehouse).is_empty()) => found,
        };
        assert!(wrote, "no file was begun");
        drop(stream);
        // The plan outlives its run; the files do not.
        assert!(wait_until(|| files_of(&warehouse).is_empty()).await, "left behind: {:?}", files_of(&warehouse));
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
    assert_eq!(support::json_rows(&read).len(), 400);
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

/// DataFusion's cast of nanoseconds to microseconds cuts digits; ours refuses to.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_exact_or_an_error() {
    let folder = Folder::new();
    let session = folder.session();
    let times = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        ("t", Arc::new(Time64NanosecondArray::from(vec![1_000, 1_001]))),
    ])
    .unwrap();
    support::register(&session, "times", &[times], 1);
    let far = RecordBatch::try_from_iter([(
        "ts",
        Arc::new(TimestampMillisecondArray::from(vec![Some(0), Some(i64::MAX / 10)]).with_timezone("UTC")) as ArrayRef,
    )])
    .unwrap();
    support::register(&session, "far", &[far], 1);

    for sql in
        ["CREATE TABLE iceberg.ns.bad AS SELECT * FROM times", "CREATE TABLE iceberg.ns.bad AS SELECT * FROM far"]
    {
        let error = support::error(&session, sql).await;
        assert!(error.contains("row: 2 of its partition"), "{error}");
    }
    support::run(&session, "CREATE TABLE iceberg.ns.t (id BIGINT, t TIME)").await;
    for sql in
        ["INSERT INTO iceberg.ns.t SELECT * FROM times", "INSERT INTO iceberg.ns.t (t, id) SELECT t, id FROM times"]
    {
        let error = support::error(&session, sql).await;
        assert!(error.contains("1 ns beyond the microsecond") && error.contains("column: t"), "{error}");
    }
    // What the user casts is the user's.
    let cut = "INSERT INTO iceberg.ns.t SELECT id, arrow_cast(t, 'Time64(Microsecond)') FROM times";
    assert_eq!(support::count(&session, cut).await, 2);
    assert_eq!(support::count(&session, "INSERT INTO iceberg.ns.t SELECT * FROM times WHERE id = 1").await, 1);
    // An INSERT from another type is DataFusion's cast, which errs where a value does not fit.
    support::run(&session, "CREATE TABLE iceberg.ns.narrow (a INT)").await;
    let error = support::error(&session, "INSERT INTO iceberg.ns.narrow SELECT 3000000000").await;
    assert!(error.contains("3000000000"), "{error}");
}

/// Each operator on each type, with nulls and edges: a pushed filter changes no answer.
#[tokio::test(flavor = "multi_thread")]
async fn pushed_filters_change_no_answer() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &support::all_types(500), 2);
    let conditions = support::conditions();
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
            assert_same_rows(&support::cells(&expected), &support::cells(&found), condition);
            let counted = support::query(&session, &format!("SELECT count(*) FROM {table} WHERE {condition}")).await;
            let counted = support::cells(&counted)[0][0].clone().unwrap();
            assert_eq!(counted, support::rows(&expected).to_string(), "{with} {condition}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn scans_read_what_they_need() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &support::all_types(3_000), 3);
    support::count(&session, "CREATE TABLE iceberg.ns.t WITH (partitioning = 'country') AS SELECT * FROM source").await;

    // From the manifests alone.
    let plan = support::text(&session, "EXPLAIN FORMAT INDENT SELECT count(*) FROM iceberg.ns.t").await;
    assert!(plan.contains("PlaceholderRowExec") && !plan.contains("IcebergScanExec"), "{plan}");
    let rows = support::query(&session, "SELECT count(*), count(id) FROM iceberg.ns.t").await;
    assert_eq!(support::cells(&rows), vec![vec![Some("3000".into()), Some("3000".into())]]);
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
async fn the_plan_of_a_write_has_one_commit_above_all_writers() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &support::all_types(100), 3);
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

#[tokio::test(flavor = "multi_thread")]
async fn history_can_be_read() {
    let folder = Folder::new();
    let session = folder.session();
    support::count(&session, "CREATE TABLE iceberg.ns.t AS SELECT 1 AS a").await;
    support::count(&session, "INSERT INTO iceberg.ns.t VALUES (2), (3)").await;
    let snapshots =
        support::query(&session, "SELECT snapshot_id, operation FROM iceberg.ns.\"t$snapshots\" ORDER BY committed_at")
            .await;
    let snapshots = support::cells(&snapshots);
    assert_eq!(snapshots.len(), 2);
    assert_eq!(snapshots[0][1].as_deref(), Some("append"));
    let manifests = support::query(&session, "SELECT count(*) FROM iceberg.ns.\"t$manifests\"").await;
    assert_eq!(support::cells(&manifests), vec![vec![Some("2".into())]]);
    let first = snapshots[0][0].clone().unwrap();
    let past = support::query(&session, &format!("SELECT a FROM iceberg.ns.\"t@{first}\"")).await;
    assert_eq!(support::cells(&past), vec![vec![Some("1".into())]]);
    assert!(support::error(&session, "SELECT * FROM iceberg.ns.\"t@1\"").await.contains("no snapshot 1"));
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

/// A table property that asks for another codec is honoured, and one that cannot be is an error.
#[tokio::test(flavor = "multi_thread")]
async fn properties_of_a_table_are_honoured() {
    let folder = Folder::new();
    let session = folder.session();
    std::fs::create_dir_all(folder.path()).unwrap();
    run_python("write_table.py", &[folder.text(), "py.t", "none", "no"]);
    run_python("set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "gzip"]);
    support::count(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
    let read = pyiceberg_table(&folder, "py.t");
    let codecs: Vec<_> = read["files"].as_array().unwrap().iter().map(|f| f["codecs"][0].as_str().unwrap()).collect();
    assert!(codecs.contains(&"GZIP"), "{codecs:?}");
    run_python("set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "rar"]);
    let error = support::error(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
    assert!(error.contains("'rar'") && error.contains("zstd"), "{error}");
    run_python("set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "zstd"]);

    // A small file size: several files for one writer.
    run_python("set_property.py", &[folder.text(), "py.t", "write.target-file-size-bytes", "20000"]);
    support::register(&session, "source", &support::all_types(30_000), 1);
    let sql = "INSERT INTO iceberg.py.t SELECT id, country, i, f, g, b, bin, u, d, t, ts FROM source";
    assert_eq!(support::count(&session, sql).await, 30_000);
    let read = pyiceberg_table(&folder, "py.t");
    assert!(read["files"].as_array().unwrap().len() > 4);
    assert_eq!(support::json_rows(&read).len(), 30_010);
    assert_eq!(support::rows(&support::query(&session, "SELECT id FROM iceberg.py.t").await), 30_010);
}

/// Many partition values at once: more than may be open, so files are closed on the way.
#[tokio::test(flavor = "multi_thread")]
async fn many_partition_values_are_written() {
    let folder = Folder::new();
    let session = folder.session();
    let sql = "CREATE TABLE iceberg.ns.t WITH (partitioning = 'p') AS SELECT value % 300 AS p, value AS id FROM generate_series(1, 20000)";
    assert_eq!(support::count(&session, sql).await, 20_000);
    let sums =
        support::query(&session, "SELECT count(DISTINCT p), count(DISTINCT id), count(*) FROM iceberg.ns.t").await;
    assert_eq!(support::cells(&sums), vec![vec![Some("300".into()), Some("20000".into()), Some("20000".into())]]);
    let read = pyiceberg_table(&folder, "ns.t");
    support::assert_files_are_sound(&read, "p");
    assert_eq!(read["snapshots"], 1);
}

/// More rows than are kept in memory, most of one partition value: row groups are written on the way, into one file a value.
#[tokio::test(flavor = "multi_thread")]
async fn rare_partition_values_wait_for_common_ones() {
    let folder = Folder::new();
    let session = folder.session();
    let sql = "CREATE TABLE iceberg.ns.t WITH (partitioning = 'p') AS \
               SELECT CASE WHEN value % 1000 = 0 THEN value % 7 ELSE 100 END AS p, value AS id, repeat('x', 300) || value AS pad \
               FROM generate_series(1, 300000)";
    assert_eq!(support::count(&session, sql).await, 300_000);
    let data = files_of(&folder.path().join("warehouse/ns/t/data"));
    assert_eq!(data.len(), 8, "{data:?}");
    let sums = "SELECT count(DISTINCT id), sum(id), sum(length(pad)), count(DISTINCT p) FROM";
    let expected = support::query(
        &session,
        &format!("{sums} (SELECT CASE WHEN value % 1000 = 0 THEN value % 7 ELSE 100 END AS p, value AS id, repeat('x', 300) || value AS pad FROM generate_series(1, 300000))"),
    )
    .await;
    let found = support::query(&session, &format!("{sums} iceberg.ns.t")).await;
    assert_eq!(support::cells(&expected), support::cells(&found));
}

/// One large file is read by several partitions of the plan, each row by one of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_is_read_in_parts() {
    let folder = Folder::new();
    let session = folder.session();
    let sql = "CREATE TABLE iceberg.ns.t AS SELECT value AS id, random() AS noise FROM generate_series(1, 5000000)";
    assert_eq!(support::count(&session, sql).await, 5_000_000);
    assert_eq!(files_of(&folder.path().join("warehouse/ns/t/data")).len(), 1);
    let query = support::plan(&session, "SELECT id FROM iceberg.ns.t").await;
    assert_eq!(query.plan.properties().output_partitioning().partition_count(), 3);
    let sums = support::query(&session, "SELECT count(id + 0), sum(id), min(id), max(id) FROM iceberg.ns.t").await;
    let expected = ["5000000", "12500002500000", "1", "5000000"].map(|s| Some(s.to_owned())).to_vec();
    assert_eq!(support::cells(&sums), vec![expected]);
}
