//! What must not be done twice is sent once: if no answer comes, the rows are of unknown outcome, and kept.

use cbulk::Session;
use cbulk::write::outcome::LoadReport;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use futures::TryStreamExt;

use crate::common::{TestKeyspace, metric, number, plan, run, session, sorted_rows};
use crate::rejected::{Folder, rejected_table};

/// Runs an INSERT of so many rows whose requests take longer than the client waits, and go on after that. None of them is repeated,
/// and all rows without an answer are kept.
async fn load_without_answers(session: &Session, insert: &str, rows: u64) -> LoadReport {
    run(session, "SET cassandra.request_timeout_ms = 1").await.unwrap();
    let query = plan(session, insert).await;
    let _: Vec<RecordBatch> = query.execute().unwrap().try_collect().await.unwrap();
    run(session, "SET cassandra.request_timeout_ms = 30000").await.unwrap();
    let report = LoadReport::of(&query.plan).unwrap();
    assert_eq!(report.read, rows, "{report:?}");
    assert_eq!(report.read, report.written + report.not_applied + report.rejected + report.unknown, "{report:?}");
    assert!(report.unknown > 0, "{report:?}");
    assert_eq!(metric(query.plan.as_ref(), "retries"), 0);
    rejected_table(session, &report.rejected_folder.clone().unwrap(), "bad", "PARQUET").await;
    let kept = "SELECT rejected_class, rejected_attempts, count(*), count(DISTINCT k * 100000 + c) FROM bad WHERE rejected_class = 'unknown' GROUP BY 1, 2";
    assert_eq!(sorted_rows(session, kept).await, [format!("unknown|1|{0}|{0}", report.unknown)]);
    let because = "SELECT count(*) FROM bad WHERE rejected_because LIKE '%nobody knows whether the row was written%'";
    assert_eq!(number(session, because).await, i64::try_from(report.unknown).unwrap());
    report
}

#[tokio::test(flavor = "multi_thread")]
async fn counters() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.hits (k int, c int, n counter, PRIMARY KEY (k, c))").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "100%").await;
    // A hundred counters in one request.
    let insert = "INSERT INTO {ks}.hits SELECT value / 100, value % 100, 1 FROM generate_series(0, 19999)";
    let report = load_without_answers(&session, &ks.sql(insert), 20_000).await;
    // No row has been counted twice. Requests that are still on their way may add to it.
    let counted = number(&session, &ks.sql("SELECT CAST(coalesce(max(n), 0) AS BIGINT) FROM {ks}.hits")).await;
    assert!(counted <= 1, "{counted}");
    let rows = run(&session, &ks.sql("SELECT sum(n) FROM {ks}.hits")).await.unwrap();
    let sum = rows[0].column(0).as_primitive::<Int64Type>().value(0);
    assert!(sum >= i64::try_from(report.written).unwrap() && sum <= 20_000, "{sum} {report:?}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_written_if_there_are_none() {
    for (existing, left_alone) in [("keep", true), ("reject", false)] {
        let ks = TestKeyspace::create().await;
        ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
        let session = session();
        let _folder = Folder::of(&ks, &session, "100%").await;
        run(&session, &format!("SET cassandra.existing_rows = {existing}")).await.unwrap();
        let insert = "INSERT INTO {ks}.t SELECT value AS k, value AS c, 'new' AS v FROM generate_series(1, 1000)";
        let report = load_without_answers(&session, &ks.sql(insert), 1_000).await;
        // There was no row: one that was found would be the load's own, sent for the second time.
        assert_eq!((report.not_applied, report.rejected), (0, 0), "{existing} {report:?}");
        let written = number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE v = 'new'")).await;
        assert!((report.written..=1_000).contains(&u64::try_from(written).unwrap()), "{existing} {written} {report:?}");

        // What is kept can be loaded again: this condition tells which of them had been written.
        let again = "INSERT INTO {ks}.t SELECT k, c, 'again' FROM bad";
        let query = plan(&session, &ks.sql(again)).await;
        let _: Vec<RecordBatch> = query.execute().unwrap().try_collect().await.unwrap();
        let second = LoadReport::of(&query.plan).unwrap();
        assert_eq!((second.read, second.unknown), (report.unknown, 0), "{second:?}");
        assert_eq!(second.written + if left_alone { second.not_applied } else { second.rejected }, report.unknown);
        let all = ks.sql("SELECT count(*), count(DISTINCT c) FROM {ks}.t");
        assert_eq!(sorted_rows(&session, &all).await, ["1000|1000"], "{existing}");
        ks.drop_it().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_that_are_appended_to_lists() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, l list<int>, PRIMARY KEY (k, c))").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "100%").await;
    run(&session, "SET cassandra.write_collections = append").await.unwrap();
    // A hundred rows of thirty elements in one request.
    let insert = "INSERT INTO {ks}.t SELECT value / 100, value % 100, range(30) FROM generate_series(0, 9999)";
    let report = load_without_answers(&session, &ks.sql(insert), 10_000).await;
    // No list has its elements twice. Requests that are still on their way may make others.
    let lists = "SELECT count(*), coalesce(min(cardinality(l)), 30), coalesce(max(cardinality(l)), 30) FROM {ks}.t";
    let lists = sorted_rows(&session, &ks.sql(lists)).await;
    let [there, "30", "30"] = lists[0].split('|').collect::<Vec<_>>()[..] else { panic!("{lists:?}") };
    assert!((report.written..=10_000).contains(&there.parse().unwrap()), "{there} {report:?}");
    ks.drop_it().await;
}
