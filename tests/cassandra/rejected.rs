//! Rows that cannot be written: kept, counted, put right and loaded again.

use std::path::{Path, PathBuf};
use std::process::Command;

use cbulk::Session;
use cbulk::write::outcome::LoadReport;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use futures::TryStreamExt;

use crate::common::{TestKeyspace, error_of, host, metric, number, plan, run, session, sorted_rows};

/// A folder for rejected rows, removed at the end.
struct Folder(PathBuf);

impl Folder {
    /// And lets the session keep up to `max_rejected` rows in it.
    async fn of(ks: &TestKeyspace, session: &Session, max_rejected: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cbulk-{}", ks.sql("{ks}")));
        run(session, &format!("SET cassandra.rejected_path = '{}'", folder.display())).await.unwrap();
        run(session, &format!("SET cassandra.max_rejected = '{max_rejected}'")).await.unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs an INSERT; gives the rows it says it has written, and its report, which must add up.
pub(crate) async fn load(session: &Session, sql: &str) -> (u64, LoadReport) {
    let query = plan(session, sql).await;
    let batches: Vec<RecordBatch> =
        query.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let report = LoadReport::of(&query.plan).unwrap();
    let LoadReport { read, written, not_applied, rejected, unknown, .. } = report;
    assert_eq!(read, written + not_applied + rejected + unknown, "{report:?}");
    (batches[0].column(0).as_primitive::<UInt64Type>().value(0), report)
}

async fn rejected_table(session: &Session, folder: &Path, name: &str, format: &str) {
    let sql = format!("CREATE EXTERNAL TABLE {name} STORED AS {format} LOCATION '{}/'", folder.display());
    run(session, &sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_bound_are_kept_and_loaded_again() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c text, ip inet, tags list<text>, PRIMARY KEY (k, c))").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "40").await;
    // Of 10,000 rows, 10 have no key, 10 no address, and 10 a key that is too long.
    let insert = ks.sql(
        "INSERT INTO {ks}.t SELECT value, \
         CASE value % 1000 WHEN 1 THEN NULL WHEN 2 THEN repeat('x', 66000) ELSE 'c' END, \
         CASE value % 1000 WHEN 3 THEN 'nowhere' ELSE '10.0.0.1' END, make_array('a', 'b') FROM generate_series(1, 10000)",
    );
    let (count, report) = load(&session, &insert).await;
    assert_eq!((count, report.written, report.rejected, report.unknown), (9_970, 9_970, 30, 0));
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 9_970);

    let kept = report.rejected_folder.unwrap();
    assert!(kept.starts_with(&folder.0), "{}", kept.display());
    rejected_table(&session, &kept, "bad", "PARQUET").await;
    let told = "SELECT rejected_class, rejected_attempts, count(*), count(DISTINCT rejected_because) > 3 FROM bad GROUP BY 1, 2";
    assert_eq!(sorted_rows(&session, told).await, ["data|0|30|true"]);
    let because = sorted_rows(&session, "SELECT k, rejected_because FROM bad WHERE k IN (1, 2, 3) ORDER BY 1").await;
    assert!(because[0].starts_with("1|a column of the primary key is null"), "{because:?}");
    assert!(because[1].contains("longer than the 65535 bytes"), "{because:?}");
    assert!(because[2].contains("cannot write \"nowhere\" as inet"), "{because:?}");

    // Put right, and loaded again.
    let again = "INSERT INTO {ks}.t SELECT k, CASE WHEN c IS NULL OR length(c) > 1 THEN 'c' ELSE c END, \
                 CASE ip WHEN 'nowhere' THEN '10.0.0.1' ELSE ip END, tags FROM bad";
    let (count, report) = load(&session, &ks.sql(again)).await;
    assert_eq!((count, report.rejected, report.rejected_folder), (30, 0, None));
    let all = ks.sql("SELECT count(*), min(k), max(k), count(DISTINCT c), count(DISTINCT ip) FROM {ks}.t");
    assert_eq!(sorted_rows(&session, &all).await, ["10000|1|10000|1|1"]);
    let lists = ks.sql("SELECT count(*) FROM {ks}.t WHERE array_to_string(tags, '') = 'ab'");
    assert_eq!(number(&session, &lists).await, 10_000);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_cannot_be_cast_is_a_rejected_row() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, n bigint, at timestamp, d date, PRIMARY KEY (k, c))").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "0").await;
    std::fs::create_dir_all(&folder.0).unwrap();
    let csv = folder.0.join("dirty.csv");
    let mut lines = vec!["k,c,n,at,d".to_owned()];
    lines.extend((0..3_000).map(|i| match i {
        700 => format!("{},{i},many,2026-01-01T00:00:00Z,2026-01-01", i % 7),
        1_400 => format!("{},{i},1,yesterday,2026-01-01", i % 7),
        2_100 => format!("seven,{i},1,2026-01-01T00:00:00Z,2026-01-01"),
        2_101 => format!("{},99999999999,1,2026-01-01T00:00:00Z,2026-01-01", i % 7),
        2_800 => format!("{},{i},1,2026-01-01T00:00:00Z,2026-02-30", i % 7),
        _ => format!("{},{i},{i},2026-01-01T00:00:00Z,2026-01-01", i % 7),
    }));
    std::fs::write(&csv, lines.join("\n")).unwrap();
    let columns = "k VARCHAR, c VARCHAR, n VARCHAR, at VARCHAR, d VARCHAR";
    let table = format!("CREATE EXTERNAL TABLE dirty ({columns}) STORED AS CSV LOCATION '{}'", csv.display());
    run(&session, &table).await.unwrap();
    let insert = ks.sql("INSERT INTO {ks}.t SELECT k, c, at, d, n FROM dirty");

    // The first of them ends the load, and is named.
    let error = error_of(&session, &insert).await;
    assert!(error.contains("cannot write \"") && error.contains("column: ") && error.contains("row: "), "{error}");

    run(&session, "SET cassandra.max_rejected = 5").await.unwrap();
    for sort in ["false", "true"] {
        ks.run("TRUNCATE {ks}.t").await;
        run(&session, &format!("SET cassandra.sort_by_token = {sort}")).await.unwrap();
        let (count, report) = load(&session, &insert).await;
        assert_eq!((count, report.rejected), (2_995, 5), "sort_by_token = {sort}");
        assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 2_995);
        // As they came.
        run(&session, "DROP TABLE IF EXISTS bad").await.unwrap();
        rejected_table(&session, &report.rejected_folder.unwrap(), "bad", "PARQUET").await;
        let kept = sorted_rows(&session, "SELECT c, k, n, at, d, rejected_class FROM bad").await;
        let day = "2026-01-01T00:00:00Z";
        let expected = [
            "1400|0|1|yesterday|2026-01-01|data".to_owned(),
            format!("2100|seven|1|{day}|2026-01-01|data"),
            format!("2800|0|1|{day}|2026-02-30|data"),
            format!("700|0|many|{day}|2026-01-01|data"),
            format!("99999999999|1|1|{day}|2026-01-01|data"),
        ];
        assert_eq!(kept, expected);
    }
    let because = sorted_rows(&session, "SELECT rejected_because FROM bad WHERE k = 'seven'").await;
    assert!(because[0].contains("cannot write \"seven\" as int") && because[0].contains("column: k"), "{because:?}");
    assert!(because[0].contains("key: k = seven"), "{because:?}");

    // Put right, and loaded again.
    let again = "INSERT INTO {ks}.t SELECT replace(k, 'seven', '0'), replace(c, '99999999999', '2101'), \
                 replace(at, 'yesterday', '2025-12-31T00:00:00Z'), replace(d, '-30', '-28'), replace(n, 'many', '700') FROM bad";
    let (count, report) = load(&session, &ks.sql(again)).await;
    assert_eq!((count, report.rejected), (5, 0));
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 3_000);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_server_refuses_is_found_in_its_group() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    // An index of the first kind takes no value of more than 64 KiB.
    ks.run("CREATE INDEX ON {ks}.t (v)").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "1%").await;
    run(&session, "SET cassandra.rejected_format = 'json'").await.unwrap();
    run(&session, "SET cassandra.group_bytes = 10000000").await.unwrap();
    let insert = "INSERT INTO {ks}.t SELECT value / 50, value, \
                  CASE value % 500 WHEN 7 THEN repeat('x', 66000) ELSE 'v' END FROM generate_series(1, 2000)";
    let (count, report) = load(&session, &ks.sql(insert)).await;
    assert_eq!((count, report.rejected), (1_996, 4));
    let kept = report.rejected_folder.unwrap();
    rejected_table(&session, &kept, "bad", "JSON").await;
    let rows = sorted_rows(&session, "SELECT c, rejected_class, rejected_attempts FROM bad").await;
    assert_eq!(rows, ["1007|refused|1", "1507|refused|1", "507|refused|1", "7|refused|1"]);
    let because = sorted_rows(&session, "SELECT rejected_because FROM bad WHERE c = 507").await;
    assert!(because[0].contains("index value of size") && because[0].contains("key: k = 10, c = 507"), "{because:?}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 1_996);

    // As long as none may be rejected, the statement fails, and names the row.
    run(&session, "SET cassandra.max_rejected = 0").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("index value of size") && error.contains("key: k = "), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejected_rows_are_an_error_and_are_kept_all_the_same() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, ip inet)").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "5").await;
    run(&session, "SET datafusion.execution.batch_size = 100").await.unwrap();
    let insert = "INSERT INTO {ks}.t SELECT value, CASE value % 100 WHEN 0 THEN '?' ELSE '::1' END FROM \
                  generate_series(1, 5000)";
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("could not be written, which is more than cassandra.max_rejected = 5 allows"), "{error}");
    assert!(error.contains(&folder.0.display().to_string()) && error.contains("cannot write \"?\" as inet"), "{error}");
    let kept: Vec<PathBuf> = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    rejected_table(&session, &kept[0], "bad", "PARQUET").await;
    assert!(number(&session, "SELECT count(*) FROM bad WHERE ip = '?'").await > 5);

    // A share is looked at when all rows have been read: 1 % is what there is.
    run(&session, "SET cassandra.max_rejected = '0.999%'").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("more than cassandra.max_rejected = 0.999% allows"), "{error}");
    run(&session, "SET cassandra.max_rejected = '2%'").await.unwrap();
    let (count, report) = load(&session, &ks.sql(insert)).await;
    assert_eq!((count, report.rejected), (4_950, 50));

    // What cannot be kept is refused before anything is read.
    run(&session, "SET cassandra.rejected_path = '/dev/null/nowhere'").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("/dev/null/nowhere") && error.contains("cassandra.rejected_path"), "{error}");
    run(&session, "SET cassandra.rejected_format = csv").await.unwrap();
    ks.run("CREATE TABLE {ks}.lists (k int PRIMARY KEY, l list<int>)").await;
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.lists VALUES (1, make_array(1))")).await;
    assert!(error.contains("csv") && error.contains("column l"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_must_not_be_done_twice_is_reported_as_unknown() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.hits (page int, day int, n counter, PRIMARY KEY (page, day))").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "100%").await;
    // A hundred counters in one request take longer than this, and go on after the client has given up.
    run(&session, "SET cassandra.request_timeout_ms = 1").await.unwrap();
    let insert = "INSERT INTO {ks}.hits SELECT value / 100, value % 100, 1 FROM generate_series(0, 19999)";
    let query = plan(&session, &ks.sql(insert)).await;
    let _: Vec<RecordBatch> = query.execute().unwrap().try_collect().await.unwrap();
    let report = LoadReport::of(&query.plan).unwrap();
    assert_eq!(report.read, report.written + report.rejected + report.unknown, "{report:?}");
    assert!(report.unknown > 0 && report.read == 20_000, "{report:?}");
    assert_eq!(metric(query.plan.as_ref(), "retries"), 0);
    rejected_table(&session, &report.rejected_folder.clone().unwrap(), "bad", "PARQUET").await;
    assert_eq!(
        number(&session, "SELECT count(*) FROM bad WHERE rejected_class = 'unknown'").await,
        i64::try_from(report.unknown).unwrap()
    );
    // No row has been counted twice. Requests that are still on their way may add to it.
    run(&session, "SET cassandra.request_timeout_ms = 30000").await.unwrap();
    let counted = number(&session, &ks.sql("SELECT CAST(coalesce(max(n), 0) AS BIGINT) FROM {ks}.hits")).await;
    assert!(counted <= 1, "{counted}");
    let rows = run(&session, &ks.sql("SELECT sum(n) FROM {ks}.hits")).await.unwrap();
    let sum = rows[0].column(0).as_primitive::<Int64Type>().value(0);
    assert!(sum >= i64::try_from(report.written).unwrap() && sum <= 20_000, "{sum} {report:?}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_tells_and_ends_with_1() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, ip inet)").await;
    let folder = Folder::of(&ks, &session(), "1").await;
    let shell = |sql: &str| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_cbulk-sql"));
        shell.args(["--host", &host(), "--set", "cassandra.max_rejected=2"]);
        shell.arg("--set").arg(format!("cassandra.rejected_path={}", folder.0.display()));
        let output = shell.args(["-c", &ks.sql(sql)]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '::1'), (2, '?'), (NULL, '::1')");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("inserted 1 row in") && said.contains("3 rows read = 1 written + 2 rejected"), "{said}");
    assert!(said.contains("warning: not all rows were written; the others are kept in"), "{said}");
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '::1'); INSERT INTO {ks}.t VALUES (2, '::1')");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '?'), (2, '?'), (3, '?')");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("more than cassandra.max_rejected = 2 allows"), "{said}");
    let (code, said) = shell("SET cassandra.dry_run = true; INSERT INTO {ks}.t VALUES (7, '::1'), (8, '?')");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("dry run, nothing was written: of 2 rows 1 can be sent, as 1 statement groups"), "{said}");
    ks.drop_it().await;
}
