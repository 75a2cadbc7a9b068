//! Copies that keep write times and times to live, and times that come with the rows of an INSERT.

use std::time::{Duration, Instant};

use crate::common::{TestKeyspace, error_of, explain, metric, number, plan, run, session, sorted_rows, wait_until};
use futures::TryStreamExt;
use scylla::value::Row;

/// All columns of the tables of these tests that are not of the key.
const CELLS: [&str; 7] = ["s", "a", "\"B b\"", "f", "l", "m", "u"];

/// Those whose write time is kept.
const WRITE_TIMES: [&str; 6] = ["s", "a", "\"B b\"", "f", "m", "u"];

/// A table `source` whose cells have times of every sort, and tables of the same columns.
async fn keyspace_with(copies: &[(&str, &str)]) -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.pair (x int, y int)").await;
    for (table, options) in [("source", "")].iter().chain(copies) {
        ks.run(&format!(
            "CREATE TABLE {{ks}}.{table} (k int, c int, s text STATIC, a text, \"B b\" int, f frozen<list<int>>, l list<int>, \
             m map<text, int>, u pair, PRIMARY KEY (k, c)){options}"
        ))
        .await;
    }
    for cql in [
        // Cells of one row with three different pairs.
        "INSERT INTO {ks}.source (k, c, a) VALUES (1, 1, 'x') USING TIMESTAMP 10",
        "UPDATE {ks}.source USING TIMESTAMP 20 AND TTL 100000 SET \"B b\" = 1 WHERE k = 1 AND c = 1",
        "UPDATE {ks}.source USING TIMESTAMP 20 SET f = [1, 2] WHERE k = 1 AND c = 1",
        // With one.
        "INSERT INTO {ks}.source (k, c, a, \"B b\", f) VALUES (1, 2, 'y', 2, []) USING TIMESTAMP 30 AND TTL 200000",
        // With none.
        "INSERT INTO {ks}.source (k, c) VALUES (1, 3) USING TIMESTAMP 40",
        // A static cell that comes with two rows.
        "INSERT INTO {ks}.source (k, s) VALUES (2, 'static') USING TIMESTAMP 5 AND TTL 300000",
        "INSERT INTO {ks}.source (k, c, a) VALUES (2, 1, 'x') USING TIMESTAMP 40",
        "INSERT INTO {ks}.source (k, c, a) VALUES (2, 2, 'x') USING TIMESTAMP 40",
        "UPDATE {ks}.source USING TIMESTAMP 7 SET a = 'updated' WHERE k = 3 AND c = 1",
        // Cells of many cells.
        "UPDATE {ks}.source USING TIMESTAMP 5 SET l = [1, 2], u = {x: 1, y: 2} WHERE k = 4 AND c = 1",
        "UPDATE {ks}.source USING TIMESTAMP 6 SET l = l + [3], u.y = 3 WHERE k = 4 AND c = 1",
        "UPDATE {ks}.source USING TIMESTAMP 6 AND TTL 400000 SET m = {'a': 1, 'b': 2} WHERE k = 4 AND c = 1",
        "UPDATE {ks}.source USING TIMESTAMP 8 AND TTL 500000 SET u = {x: 1} WHERE k = 4 AND c = 2",
    ] {
        ks.run(cql).await;
    }
    ks
}

/// The statements that a copy of `source` takes, row by row.
const STATEMENTS: usize = 3 + 1 + 1 + 2 + 1 + 1 + 3 + 1;

/// The rows as the driver reads them: the key, what each cell holds and when it was written, and then the times to live.
async fn rows(ks: &TestKeyspace, table: &str) -> Vec<(String, Vec<Option<i32>>)> {
    type Many = Option<Vec<Option<i32>>>;
    type Ttls = (Option<i32>, Option<i32>, Option<i32>, Option<i32>, Many, Many, Many);
    let of = |function: &str, cells: &[&str]| {
        let calls: Vec<String> = cells.iter().map(|cell| format!("{function}({cell})")).collect();
        calls.join(", ")
    };
    let select = async |columns: String| {
        let cql = ks.sql(&format!("SELECT {columns} FROM {{ks}}.{table}"));
        ks.cql.query_unpaged(cql, ()).await.unwrap().into_rows_result().unwrap()
    };
    let cells = select(format!("k, c, {}, {}", CELLS.join(", "), of("maxwritetime", &WRITE_TIMES))).await;
    let cells = cells.rows::<Row>().unwrap().map(|row| format!("{:?}", row.unwrap().columns));
    let ttls = select(of("ttl", &CELLS)).await;
    let ttls = ttls.rows::<Ttls>().unwrap().map(|row| {
        let (text, other, number, frozen, list, map, user) = row.unwrap();
        // All elements have the same one here.
        let first = |many: Many| many.unwrap_or_default().into_iter().flatten().next();
        vec![text, other, number, frozen, first(list), first(map), first(user)]
    });
    let mut rows: Vec<_> = cells.zip(ttls).collect();
    rows.sort();
    rows
}

/// Fails unless both tables hold the same cells with the same times; those to live may differ by the seconds since `begin`.
async fn assert_copied(ks: &TestKeyspace, copy: &str, begin: Instant) {
    let (source, copied) = (rows(ks, "source").await, rows(ks, copy).await);
    let passed = i32::try_from(begin.elapsed().as_secs()).unwrap() + 2;
    assert_eq!(source.len(), copied.len(), "{copied:#?}");
    assert_eq!(source.len(), 8);
    for ((source, ttls), (copied, copied_ttls)) in source.iter().zip(&copied) {
        assert_eq!(source, copied);
        for (ttl, copied_ttl) in ttls.iter().zip(copied_ttls) {
            assert_eq!(ttl.is_some(), copied_ttl.is_some(), "{source}: {ttls:?}, {copied_ttls:?}");
            let apart = ttl.unwrap_or_default().abs_diff(copied_ttl.unwrap_or_default());
            assert!(apart <= passed.unsigned_abs(), "{source}: {ttls:?}, {copied_ttls:?}");
        }
    }
}

/// Runs an INSERT; gives the rows that it counted, and the statement groups and statements that they took.
async fn insert(session: &cbulk::Session, sql: &str) -> (i64, usize, usize) {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::UInt64Type;
    let query = plan(session, sql).await;
    let batches: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let written: u64 = batches.iter().map(|batch| batch.column(0).as_primitive::<UInt64Type>().value(0)).sum();
    let of = |name| metric(query.plan.as_ref(), name);
    (written.try_into().unwrap(), of("groups"), of("statements"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_the_times_of_its_source() {
    let ks = keyspace_with(&[("copy", ""), ("short", " WITH default_time_to_live = 1000"), ("loaded", "")]).await;
    let session = session();
    // One partition, so that static cells meet.
    run(&session, "SET cassandra.group_rows = 1; SET datafusion.execution.target_partitions = 1").await.unwrap();
    let begin = Instant::now();
    for copy in ["copy", "short"] {
        let sql = ks.sql(&format!("INSERT INTO {{ks}}.\"{copy}$times\" SELECT * FROM {{ks}}.\"source$times\""));
        assert_eq!(insert(&session, &sql).await, (8, 8, STATEMENTS), "{copy}");
        // A row of nothing but its key has no cell that could say when it expires.
        assert_copied(&ks, copy, begin).await;
    }
    // Rows of one Cassandra partition share a group, with all of their statements.
    run(&session, "SET cassandra.group_rows = 100").await.unwrap();
    let sql = ks.sql("INSERT INTO {ks}.\"copy$times\" SELECT * FROM {ks}.\"source$times\"");
    assert_eq!(insert(&session, &sql).await, (8, 4, STATEMENTS));
    assert_copied(&ks, "copy", begin).await;

    // By way of a file.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("source.parquet");
    let through = format!(
        "COPY (SELECT * FROM {{ks}}.\"source$times\") TO '{0}'; CREATE EXTERNAL TABLE file STORED AS PARQUET LOCATION '{0}'; \
         INSERT INTO {{ks}}.\"loaded$times\" SELECT * FROM file",
        file.display()
    );
    assert_eq!(number(&session, &ks.sql(&through)).await, 8);
    assert_copied(&ks, "loaded", begin).await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_cells_get_the_times_that_are_given() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, a int, b text, d double, PRIMARY KEY (k, c))").await;
    let session = session();
    let insert_all = "INSERT INTO {ks}.\"t$times\" (k, c, a, b, d, \"writetime(a)\", \"ttl(a)\", \"writetime(b)\", \"writetime(d)\") \
         SELECT value / 100, value % 100, value, CASE WHEN value % 5 > 0 THEN 'b' END, value + 0.0, 1000 + value % 2, \
         CASE WHEN value % 3 > 0 THEN 100000 END, 1000 + value % 3, CASE WHEN value % 7 > 0 THEN 1002 END \
         FROM generate_series(0, 9999)";
    assert_eq!(number(&session, &ks.sql(insert_all)).await, 10_000);
    let wrong = "SELECT count(*) FROM {ks}.t WHERE a <> d OR a IS NULL OR writetime(a) <> 1000 + a % 2 \
                 OR (ttl(a) IS NULL) <> (a % 3 = 0) OR ttl(a) > 100000 \
                 OR (b IS NULL) <> (a % 5 = 0) OR writetime(b) <> 1000 + a % 3 OR ttl(b) > 0 \
                 OR (a % 7 > 0 AND writetime(d) <> 1002) OR (a % 7 = 0 AND writetime(d) < 1700000000000000)";
    assert_eq!(number(&session, &ks.sql(wrong)).await, 0);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 10_000);
    // Of two rows of one key the later time wins, cell by cell, though they are in one group.
    let twice = "INSERT INTO {ks}.\"t$times\" (k, c, a, d, \"writetime(a)\", \"writetime(d)\") \
                 VALUES (-1, 1, 10, 10, 5, 6), (-1, 1, 20, 20, 6, 5)";
    assert_eq!(insert(&session, &ks.sql(twice)).await, (2, 1, 4));
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT a, d FROM {ks}.t WHERE k = -1")).await, ["20|10.0"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_copied_is_told() {
    let ks = keyspace_with(&[("copy", "")]).await;
    ks.run("CREATE TABLE {ks}.hits (k int PRIMARY KEY, n counter)").await;
    let session = session();
    for (sql, expected) in [
        ("SELECT * FROM {ks}.\"hits$times\"", "there is no {ks}.hits$times: n is a counter"),
        ("SELECT * FROM {ks}.\"nonsense$times\"", "not found"),
        ("DELETE FROM {ks}.\"copy$times\" WHERE k = 1", "DELETE is not possible"),
        ("INSERT INTO {ks}.\"copy$times\" (k, c, \"ttl(a)\") VALUES (1, 1, 5)", "gives ttl(a), but not the column"),
        (
            "INSERT INTO {ks}.\"copy$times\" (k, c, a, \"writetime(a)\", \"ttl(a)\") \
             VALUES (1, 1, 'x', 5, 630720000), (2, 1, 'x', 5, -1)",
            "-1 cannot be written as time to live: it must be 0, which is for ever, to 630720000 seconds, which is 20 years \
             (column: ttl(a), row: 2",
        ),
        (
            // The second row is the third statement.
            "INSERT INTO {ks}.\"copy$times\" (k, c, a, \"B b\", \"writetime(a)\", \"writetime(\"\"B b\"\")\") \
             VALUES (1, 1, 'x', 1, 5, 6), (2, NULL, 'x', 1, 5, 6)",
            "column: c, row: 2",
        ),
        (
            "SET cassandra.write_nulls = 'tombstone'; INSERT INTO {ks}.\"copy$times\" SELECT * FROM {ks}.\"source$times\"",
            "do not go together with cassandra.write_nulls = 'tombstone'",
        ),
        (
            "SET cassandra.write_nulls = 'unset'; SET cassandra.existing_rows = 'keep'; \
             INSERT INTO {ks}.\"copy$times\" SELECT * FROM {ks}.\"source$times\"",
            "do not go together with cassandra.existing_rows",
        ),
        (
            "SET cassandra.existing_rows = 'replace'; SET cassandra.write_collections = 'append'; \
             INSERT INTO {ks}.\"copy$times\" SELECT * FROM {ks}.\"source$times\"",
            "do not go together with cassandra.write_collections",
        ),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(&ks.sql(expected)), "{sql}\n{error}");
    }
    assert!(sorted_rows(&session, &ks.sql("SELECT k FROM {ks}.copy")).await.is_empty());
    // Only what is asked for is asked of the server.
    let text = explain(&session, &ks.sql("SELECT k, \"writetime(a)\" FROM {ks}.\"source$times\"")).await;
    assert!(text.contains(r#"cql=SELECT "k", writetime(a) AS "writetime(a)" FROM"#), "{text}");
    let read = "SELECT k, c, \"writetime(a)\", writetime(a), \"maxwritetime(m)\", \"ttl(l)\" FROM {ks}.\"source$times\" WHERE k > 2";
    assert_eq!(
        sorted_rows(&session, &ks.sql(read)).await,
        ["3|1|7|7|NULL|NULL", "4|1|NULL|NULL|6|[NULL, NULL, NULL]", "4|2|NULL|NULL|NULL|NULL"]
    );
    ks.drop_it().await;
}

/// Write time and time to live of the column `v`, as the server has them.
async fn times(ks: &TestKeyspace, k: i32) -> (Option<i64>, Option<i32>) {
    let cql = ks.sql(&format!("SELECT writetime(v), ttl(v) FROM {{ks}}.t WHERE k = {k}"));
    let result = ks.cql.query_unpaged(cql, ()).await.unwrap().into_rows_result().unwrap();
    result.single_row().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_table_takes_the_times_of_rows_from_columns() {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (k int PRIMARY KEY, v text, at timestamp, secs smallint) WITH default_time_to_live = 9000",
    )
    .await;
    let session = session();
    let create = "CREATE EXTERNAL TABLE e STORED AS CASSANDRA LOCATION '{ks}.t' OPTIONS (ttl_column 'lives', \
                  timestamp_column 'Written'); \
                  CREATE EXTERNAL TABLE own STORED AS CASSANDRA LOCATION '{ks}.t' OPTIONS (ttl_column 'secs', \
                  timestamp_column 'at', write_ttl_seconds '5000')";
    run(&session, &ks.sql(create)).await.unwrap();
    let moment = 1_700_000_000_123_456_i64;
    for (insert, k, time, ttl) in [
        ("e VALUES (1, NULL, NULL, 'x', 100000, 1700000000123456)", 1, Some(moment), Some(100_000)),
        ("e (v, k, \"Written\") VALUES ('x', 2, 1700000000123456)", 2, Some(moment), Some(9_000)),
        (
            "e (k, v, \"Written\", lives) SELECT 3, 'x', TIMESTAMP '2023-11-14T22:13:20.123456', 0",
            3,
            Some(moment),
            None,
        ),
        (
            "e (k, v, lives, \"Written\") \
             SELECT 4, 'x', nullif(value, 4) AS a, nullif(value, 4) AS b FROM generate_series(4, 4)",
            4,
            None,
            Some(9_000),
        ),
        ("e (k, v) VALUES (5, 'x')", 5, None, Some(9_000)),
        ("e (k, v, \"Written\") SELECT 6, 'x', '2023-11-14T22:13:20.123456Z'", 6, Some(moment), Some(9_000)),
        ("own VALUES (7, TIMESTAMP '2023-11-14T22:13:20.123', 800, 'x')", 7, Some(1_700_000_000_123_000), Some(800)),
        ("own (k, v, at) VALUES (8, 'x', NULL)", 8, None, Some(5_000)),
        (
            "own (k, v, secs, at) SELECT 9, 'x', nullif(value, 9), TIMESTAMP '2023-11-14T22:13:20.123' \
             FROM generate_series(9, 9)",
            9,
            Some(1_700_000_000_123_000),
            Some(5_000),
        ),
    ] {
        assert_eq!(number(&session, &format!("INSERT INTO {insert}")).await, 1, "{insert}");
        let (written, left) = times(&ks, k).await;
        match time {
            Some(time) => assert_eq!(written, Some(time), "{insert}"),
            None => assert!(written.is_some_and(|written| written > moment + 1_000_000_000), "{insert}: {written:?}"),
        }
        let least = ttl.map(|ttl| ttl - 300);
        assert!(least <= left && left <= ttl && left.is_some() == ttl.is_some(), "{insert}: {left:?}");
    }
    // Column `at` is written as well as used.
    let read =
        "SELECT k, v, at, secs, lives, \"Written\", writetime(v) FROM e WHERE k IN (1, 7) AND lives IS NULL ORDER BY k";
    assert_eq!(
        sorted_rows(&session, read).await,
        ["1|x|NULL|NULL|NULL|NULL|1700000000123456", "7|x|2023-11-14T22:13:20.123Z|800|NULL|NULL|1700000000123000"]
    );
    assert_eq!(number(&session, "SELECT count(*) FROM e").await, 9);
    assert_eq!(number(&session, "SELECT count(lives) FROM e").await, 0);
    assert_eq!(sorted_rows(&session, "SELECT lives FROM e LIMIT 2").await, ["NULL", "NULL"]);
    let text = explain(&session, "INSERT INTO e SELECT k, at, secs, v, secs AS lives, at AS written FROM e").await;
    assert!(text.contains("VALUES (?, ?, ?, ?) USING TTL ? AND TIMESTAMP ?"), "{text}");
    // Null deletes a cell where that is asked for, but is no time.
    let nulls = "SET cassandra.write_nulls = 'tombstone'; INSERT INTO e (k, v, lives, \"Written\") \
                 SELECT 1, CASE WHEN value > 1 THEN 'x' END, nullif(value, 1), 1700000000123457 FROM generate_series(1, 1)";
    assert_eq!(number(&session, nulls).await, 1);
    assert_eq!(times(&ks, 1).await, (None, None));

    // The row itself lives no longer, though it has no other cell.
    assert_eq!(number(&session, "INSERT INTO e (k, lives) VALUES (100, 1)").await, 1);
    let count = ks.sql("SELECT count(*) FROM {ks}.t WHERE k = 100");
    let written = Instant::now();
    wait_until(|| "the row does not expire".to_owned(), async || number(&session, &count).await == 0).await;
    assert!(written.elapsed() < Duration::from_secs(30), "the row has expired after {:?}", written.elapsed());
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_rows_that_cannot_be_are_refused() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, v text, secs bigint, l list<int>)").await;
    ks.run("CREATE TABLE {ks}.hits (k int PRIMARY KEY, n counter)").await;
    let session = session();
    for (location, expected) in [
        ("t' OPTIONS (ttl_column 'v')", "ttl_column: column v is of type text, not of int, bigint, smallint, tinyint"),
        ("t' OPTIONS (timestamp_column 'v')", "timestamp_column: column v is of type text, not of bigint, timestamp"),
        ("t' OPTIONS (ttl_column 'x', timestamp_column 'x')", "one column cannot be both"),
        ("t$times' OPTIONS (ttl_column 'x')", "{ks}.t$times has columns for the times of its cells already"),
        ("hits' OPTIONS (ttl_column 'x')", "{ks}.hits has counters, which have neither"),
    ] {
        let create = ks.sql(&format!("CREATE EXTERNAL TABLE bad STORED AS CASSANDRA LOCATION '{{ks}}.{location}"));
        let error = error_of(&session, &create).await;
        assert!(error.contains(&ks.sql(expected)), "{create}\n{error}");
    }
    let create = "CREATE EXTERNAL TABLE e STORED AS CASSANDRA LOCATION '{ks}.t' OPTIONS (ttl_column 'secs', \
                  timestamp_column 'written'); \
                  CREATE EXTERNAL TABLE times STORED AS CASSANDRA LOCATION '{ks}.t$times'";
    run(&session, &ks.sql(create)).await.unwrap();
    for (values, expected) in [
        ("(1, 'x', 5, 1), (2, 'x', -1, 1)", "-1 cannot be written as time to live"),
        ("(1, 'x', 5, 1), (2, 'x', 630720001, 1)", "(column: secs, row: 2"),
        ("(1, 'x', 5, -9223372036854775808)", "-9223372036854775808 cannot be written as write time"),
    ] {
        let error = error_of(&session, &format!("INSERT INTO e (k, v, secs, written) VALUES {values}")).await;
        assert!(error.contains(expected), "{values}\n{error}");
    }
    let list = error_of(&session, "INSERT INTO e (k, l, written) VALUES (1, [1], 5)").await;
    assert!(list.contains("column l is a list, whose elements would be there twice"), "{list}");
    let given = "SET cassandra.write_timestamp_us = 5; INSERT INTO {ks}.t (k, l) VALUES (1, [1])";
    let list = error_of(&crate::common::session(), &ks.sql(given)).await;
    assert!(list.contains("column l is a list") && list.contains("write_timestamp_us"), "{list}");
    assert_eq!(number(&session, "SELECT count(*) FROM e").await, 0, "rows are checked before the first is sent");
    assert_eq!(number(&session, "INSERT INTO times (k, v, \"writetime(v)\") VALUES (1, 'x', -5)").await, 1);
    assert_eq!(sorted_rows(&session, "SELECT k, \"writetime(v)\" FROM times").await, ["1|-5"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_work() {
    let page = include_str!("../../docs/copies.md");
    let examples: Vec<&str> = page.split("```sql").skip(1).map(|part| part.split("```").next().unwrap()).collect();
    let ks = TestKeyspace::create().await;
    let session = session();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.parquet").display().to_string();
    let here = |sql: &str| sql.replace("shop", &ks.name).replace("'events.parquet'", &format!("'{file}'"));
    let (tables, copies) = examples[0].split_once("-- From table").unwrap();
    run(&session, &here(tables)).await.unwrap();
    ks.run("INSERT INTO {ks}.events (k, c, v) VALUES (1, 2, 'x') USING TIMESTAMP 5 AND TTL 100000").await;
    ks.run("UPDATE {ks}.events USING TIMESTAMP 6 SET n = 3 WHERE k = 1 AND c = 2").await;
    run(&session, &here(&format!("-- From table{copies}"))).await.unwrap();
    run(&session, &here(examples[1])).await.unwrap();
    for copy in ["copy", "loaded"] {
        let read = format!("SELECT v, n, writetime(v), ttl(v) > 80000, writetime(n), ttl(n) FROM {{ks}}.{copy}");
        assert_eq!(sorted_rows(&session, &ks.sql(&read)).await, ["x|3|5|true|6|NULL"], "{copy}");
    }
    run(&session, &here(examples[2])).await.unwrap();
    let read = "SELECT c, writetime(v), ttl(v) > 3000 FROM {ks}.events";
    assert_eq!(sorted_rows(&session, &ks.sql(read)).await, ["1|1769860800000000|true", "2|5|true"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_bad_times_are_rejected_as_a_whole() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c text, a int, ip inet, PRIMARY KEY (k, c))").await;
    let session = session();
    let folder = tempfile::tempdir().unwrap();
    let keep =
        format!("SET cassandra.max_rejected = '50'; SET cassandra.rejected_path = '{}'", folder.path().display());
    run(&session, &keep).await.unwrap();
    // Each tenth row has a bad time, a bad value, or no key.
    let sql = "INSERT INTO {ks}.\"t$times\" (k, c, a, ip, \"writetime(a)\", \"ttl(a)\", \"writetime(ip)\") \
               SELECT value / 10, CASE value % 30 WHEN 20 THEN NULL ELSE concat('c', value) END, value AS a, \
               CASE value % 30 WHEN 10 THEN 'nowhere' ELSE '10.0.0.1' END, 5, CASE value % 30 WHEN 0 THEN -1 ELSE 100000 END, 6 \
               FROM generate_series(0, 299)";
    let (count, report) = super::rejected::load(&session, &ks.sql(sql)).await;
    assert_eq!((count, report.read, report.written, report.rejected), (270, 300, 270, 30));
    let there = "SELECT count(*), count(a), count(ip), min(writetime(a)), max(writetime(ip)) FROM {ks}.t";
    assert_eq!(sorted_rows(&session, &ks.sql(there)).await, ["270|270|270|5|6"]);
    let file = format!(
        "CREATE EXTERNAL TABLE bad STORED AS PARQUET LOCATION '{}/'",
        report.rejected_folder.unwrap().display()
    );
    run(&session, &file).await.unwrap();
    let told = "SELECT a, rejected_because FROM bad WHERE a IN (0, 10, 20) ORDER BY a";
    let told = sorted_rows(&session, told).await;
    assert!(told[0].starts_with("0|-1 cannot be written as time to live"), "{told:?}");
    // A row has several statements, and is named by its own number.
    assert!(told[0].contains("row: 1"), "{told:?}");
    assert!(told[1].contains("cannot write \"nowhere\" as inet") && told[1].contains("row: 11"), "{told:?}");
    assert!(told[2].contains("primary key is null") && told[2].contains("row: 21"), "{told:?}");
    let again = "INSERT INTO {ks}.\"t$times\" (k, c, a, ip, \"writetime(a)\", \"ttl(a)\", \"writetime(ip)\") \
                 SELECT k, coalesce(c, 'x'), a, nullif(ip, 'nowhere'), \"writetime(a)\", nullif(\"ttl(a)\", -1), \
                 \"writetime(ip)\" FROM bad";
    assert_eq!(number(&session, &ks.sql(again)).await, 30);
    assert_eq!(sorted_rows(&session, &ks.sql(there)).await, ["300|300|290|5|6"]);
    ks.drop_it().await;
}
