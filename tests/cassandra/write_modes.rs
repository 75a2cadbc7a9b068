//! What INSERT does besides replacing rows: leave those that are there, count, append; and how fast it goes.

use std::time::{Duration, Instant};

use crate::common::{TestKeyspace, error_of, explain, host, metric, number, plan, run, session, sorted_rows};
use crate::rejected::{Folder, load, rejected_table};
use futures::TryStreamExt;

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_there_are_left_alone() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    number(&session, &ks.sql("INSERT INTO {ks}.t VALUES (1, 1, 'old'), (2, 1, 'old')")).await;
    run(&session, "SET cassandra.existing_rows = keep").await.unwrap();
    let insert = ks.sql("INSERT INTO {ks}.t VALUES (1, 1, 'new'), (1, 2, 'new'), (2, 1, 'new'), (3, 1, 'new')");
    let (count, report) = load(&session, &insert).await;
    assert_eq!((count, report.not_applied, report.rejected), (2, 2, 0));
    let rows = sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await;
    assert_eq!(rows, ["1|1|old", "1|2|new", "2|1|old", "3|1|new"]);
    let (count, report) = load(&session, &insert).await;
    assert_eq!((count, report.not_applied), (0, 4));

    run(&session, "SET cassandra.existing_rows = reject").await.unwrap();
    let error = error_of(&session, &insert).await;
    assert!(error.contains("there is a row of this key already") && error.contains("key: k = "), "{error}");
    let folder = std::env::temp_dir().join(format!("cbulk-{}", ks.sql("{ks}")));
    run(&session, &format!("SET cassandra.rejected_path = '{}'", folder.display())).await.unwrap();
    run(&session, "SET cassandra.max_rejected = 3").await.unwrap();
    let (count, report) = load(&session, &ks.sql("INSERT INTO {ks}.t VALUES (1, 1, 'new'), (9, 1, 'new')")).await;
    assert_eq!((count, report.not_applied, report.rejected), (1, 0, 1));
    let kept = report.rejected_folder.unwrap();
    run(&session, &format!("CREATE EXTERNAL TABLE bad STORED AS PARQUET LOCATION '{}/'", kept.display()))
        .await
        .unwrap();
    assert_eq!(sorted_rows(&session, "SELECT k, c, v, rejected_class FROM bad").await, ["1|1|new|exists"]);
    std::fs::remove_dir_all(folder).unwrap();

    run(&session, "SET cassandra.write_timestamp_us = 5").await.unwrap();
    let error = error_of(&session, &insert).await;
    assert!(error.contains("cassandra.existing_rows") && error.contains("cassandra.write_timestamp_us"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_added_to() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.hits (page text, day int, views counter, clicks counter, PRIMARY KEY (page, day))").await;
    let session = session();
    let insert = ks.sql(
        "INSERT INTO {ks}.hits (page, day, views, clicks) \
         VALUES ('a', 1, 10, NULL), ('a', 2, 20, 2), ('b', 1, 1, 1), ('a', 1, 5, -3)",
    );
    let (count, _) = load(&session, &insert).await;
    assert_eq!(count, 4);
    let rows = sorted_rows(&session, &ks.sql("SELECT page, day, views, clicks FROM {ks}.hits")).await;
    assert_eq!(rows, ["a|1|15|-3", "a|2|20|2", "b|1|1|1"]);
    number(&session, &insert).await;
    let rows = sorted_rows(&session, &ks.sql("SELECT views FROM {ks}.hits")).await;
    assert_eq!(rows, ["2", "30", "40"]);
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.hits (page, day) VALUES ('a', 1)")).await;
    assert!(error.contains("lists no counter to add to"), "{error}");
    run(&session, "SET cassandra.write_ttl_seconds = 60").await.unwrap();
    let error = error_of(&session, &insert).await;
    assert!(error.contains("counters") && error.contains("cassandra.write_ttl_seconds"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn elements_are_appended() {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (k int PRIMARY KEY, v text, l list<int>, s set<text>, m map<text, int>, f frozen<list<int>>)",
    )
    .await;
    ks.run("INSERT INTO {ks}.t (k, v, l, s, m, f) VALUES (1, 'old', [1, 2], {'a'}, {'x': 1, 'y': 2}, [1])").await;
    let session = session();
    run(&session, "SET cassandra.write_collections = append").await.unwrap();
    let insert = "INSERT INTO {ks}.t (k, v, l, s, m, f) SELECT 1, 'new', make_array(3), make_array('b'), map(['y', 'z'], [20, 30]), make_array(9)";
    assert_eq!(load(&session, &ks.sql(insert)).await.0, 1);
    assert_eq!(load(&session, &ks.sql("INSERT INTO {ks}.t (k, s) VALUES (2, make_array('c'))")).await.0, 1);
    let rows = ks.cql.query_unpaged(ks.sql("SELECT JSON * FROM {ks}.t WHERE k = 1"), ()).await.unwrap();
    let (json,) = rows.into_rows_result().unwrap().single_row::<(String,)>().unwrap();
    assert_eq!(
        json,
        r#"{"k": 1, "f": [9], "l": [1, 2, 3], "m": {"x": 1, "y": 20, "z": 30}, "s": ["a", "b"], "v": "new"}"#
    );
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT k, v FROM {ks}.t")).await, ["1|new", "2|NULL"]);
    // A row of nothing but its key would be dropped by the server.
    let error =
        error_of(&session, &ks.sql("INSERT INTO {ks}.t (k, s) VALUES (3, make_array('a')), (4, CAST(NULL AS TEXT[]))"))
            .await;
    assert!(error.contains("there is nothing to append") && error.contains("row: 2"), "{error}");
    ks.drop_it().await;
}

/// What Cassandra does, and so what is not repeated.
#[tokio::test(flavor = "multi_thread")]
async fn elements_of_lists_with_a_time_are_there_twice_when_written_twice() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, l list<int>, f frozen<list<int>>, s set<int>)").await;
    let session = session();
    let update = ks.sql("UPDATE {ks}.t SET l = make_array(7, 8) WHERE k = 1");
    let others = ks.sql("UPDATE {ks}.t SET f = make_array(7), s = make_array(7, 7) WHERE k = 1");
    let is_repeated = async |sql: &str| !explain(&session, sql).await.contains("repeatable=false");
    // Later than the INSERT.
    for (time, list, repeated) in [("RESET", "[7, 8]", true), ("SET", "[7, 8, 7, 8]", false), ("RESET", "[7, 8]", true)]
    {
        let value = if time == "SET" { " = 4000000000000000" } else { "" };
        run(&session, &format!("{time} cassandra.write_timestamp_us{value}")).await.unwrap();
        ks.run("TRUNCATE {ks}.t").await;
        ks.run("INSERT INTO {ks}.t (k, f) VALUES (1, [])").await;
        for sql in [&update, &update, &others, &others] {
            assert_eq!(number(&session, sql).await, 1);
        }
        let rows = sorted_rows(&session, &ks.sql("SELECT l, f, s FROM {ks}.t")).await;
        assert_eq!(rows, [format!("{list}|[7]|[7]")], "{time}");
        assert_eq!((is_repeated(&update).await, is_repeated(&others).await), (repeated, true));
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_writes_nothing() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    run(&session, "SET cassandra.dry_run = true").await.unwrap();
    let insert = "INSERT INTO {ks}.t SELECT value % 10, value, 'v' FROM generate_series(1, 1000)";
    let query = plan(&session, &ks.sql(insert)).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let report = cbulk::write::outcome::LoadReport::of(&query.plan).unwrap();
    assert_eq!((report.read, report.written, report.dry_run), (1_000, 0, true));
    assert!(report.groups >= 10 && report.bytes > 10_000, "{report:?}");
    let hottest: Vec<_> = report.hottest.iter().map(|hot| (hot.key.as_str(), hot.rows)).collect();
    assert_eq!(hottest, [("k = 0", 100), ("k = 1", 100), ("k = 2", 100), ("k = 3", 100), ("k = 4", 100)]);
    let nodes: Vec<_> = report.nodes.iter().map(|node| (node.rows, node.bytes)).collect();
    assert_eq!(nodes, [(1_000, report.bytes)], "{report:?}");
    assert!(report.nodes[0].node.starts_with(host().split(':').next().unwrap()), "{report:?}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);

    // What cannot be written is kept as by a load.
    let _folder = Folder::of(&ks, &session, "100").await;
    let insert = "INSERT INTO {ks}.t SELECT value, nullif(value % 100, 0), 'v' FROM generate_series(1, 1000)";
    let query = plan(&session, &ks.sql(insert)).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let report = cbulk::write::outcome::LoadReport::of(&query.plan).unwrap();
    assert_eq!((report.read, report.written, report.rejected, report.dry_run), (1_000, 0, 10, true));
    rejected_table(&session, &report.rejected_folder.unwrap(), "bad", "PARQUET").await;
    let kept = "SELECT count(*), min(k), max(k), count(c), min(rejected_class), max(rejected_attempts) FROM bad";
    assert_eq!(sorted_rows(&session, kept).await, ["10|100|1000|0|data|0"]);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);

    run(&session, "SET cassandra.allow_all_rows = true").await.unwrap();
    for sql in [
        "TRUNCATE {ks}.t",
        "DROP TABLE {ks}.t",
        "CREATE TABLE {ks}.u (k INT) WITH (primary_key = 'k')",
        "CREATE TABLE {ks}.u WITH (primary_key = 'k') AS SELECT 1 AS k",
        "CREATE SCHEMA cassandra.{ks}_u WITH (replication = 1)",
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains("has no dry run"), "{sql}: {error}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pace_is_what_the_options_allow() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, v text)").await;
    let session = session();
    let insert = ks.sql("INSERT INTO {ks}.t SELECT value, 'v' FROM generate_series(1, 20000)");
    let query = plan(&session, &insert).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let limit = metric(query.plan.as_ref(), "in_flight_limit");
    assert!((1..=64).contains(&limit), "{limit}");

    let of_nodes = sorted_rows(&session, &format!("EXPLAIN ANALYZE VERBOSE {insert}")).await.concat();
    assert!(of_nodes.contains("in_flight_limit{node=") && of_nodes.contains("overloads{node="), "{of_nodes}");

    run(&session, "SET cassandra.groups_in_flight_per_node = 3").await.unwrap();
    let query = plan(&session, &insert).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    assert_eq!(metric(query.plan.as_ref(), "in_flight_limit"), 3);

    run(&session, "SET cassandra.max_rows_per_second = 500").await.unwrap();
    let started = Instant::now();
    let insert = ks.sql("INSERT INTO {ks}.t SELECT value, 'v' FROM generate_series(1, 1000)");
    assert_eq!(number(&session, &insert).await, 1_000);
    // Every row but the first waits its turn.
    assert!(started.elapsed() >= Duration::from_millis(1_990), "{:?}", started.elapsed());
    run(&session, "SET cassandra.max_rows_per_second = 1000000").await.unwrap();
    run(&session, "SET cassandra.max_bytes_per_second = 8000").await.unwrap();
    let started = Instant::now();
    assert_eq!(number(&session, &insert).await, 1_000);
    // Each row has 13 bytes: two lengths, an int and a letter.
    assert!(started.elapsed() >= Duration::from_millis(1_600), "{:?}", started.elapsed());
    ks.drop_it().await;
}
