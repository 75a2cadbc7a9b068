//! INSERT: what is written, what is left alone, what is refused and when.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::common::{
    QueryRuntime, TestKeyspace, assert_same_tables, error_of, explain, metric, number, plan, run, session, sorted_rows,
};
use futures::{StreamExt, TryStreamExt};

async fn rows_on_the_server(ks: &TestKeyspace, cql: &str) -> i64 {
    let result = ks.cql.query_unpaged(ks.sql(cql), ()).await.unwrap();
    result.into_rows_result().unwrap().single_row::<(i64,)>().unwrap().0
}

#[tokio::test(flavor = "multi_thread")]
async fn values_selects_and_columns_in_any_order() {
    let ks = TestKeyspace::create().await;
    for table in ["t", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k int, c text, a text, b double, PRIMARY KEY (k, c))")).await;
    }
    let session = session();
    assert_eq!(
        number(&session, &ks.sql("INSERT INTO {ks}.t VALUES (1, 'x', 'a1', 1.5), (2, 'y', 'a2', 2.5)")).await,
        2
    );
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.t (b, c, k, a) VALUES (3.5, 'z', 3, 'a3')")).await, 1);
    let expected = ["1|x|a1|1.5", "2|y|a2|2.5", "3|z|a3|3.5"];
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await, expected);
    let insert = "INSERT INTO {ks}.copy (a, k, b, c) SELECT a, k, b, c FROM {ks}.t";
    assert_eq!(number(&session, &ks.sql(insert)).await, 3);
    assert_same_tables(&ks, &session, "{ks}.t", "{ks}.copy").await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_is_refused_before_anything_is_sent() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (a int, b int, c int, v text, tags list<int>, PRIMARY KEY ((a, b), c))").await;
    ks.run("CREATE TABLE {ks}.hits (page text PRIMARY KEY, n counter)").await;
    ks.run(
        "CREATE MATERIALIZED VIEW {ks}.by_c AS SELECT * FROM {ks}.t \
         WHERE a IS NOT NULL AND b IS NOT NULL AND c IS NOT NULL PRIMARY KEY (c, a, b)",
    )
    .await;
    let session = session();
    let refused = [
        (
            "INSERT INTO {ks}.t (a, v) VALUES (1, 'x')",
            "no value for b, c of the primary key of {ks}.t: add the columns",
        ),
        (
            "INSERT INTO {ks}.t (a, b, v) SELECT 1, 2, 'x'",
            "no value for c of the primary key of {ks}.t: add the column",
        ),
        ("INSERT OVERWRITE {ks}.t (a, b, c) VALUES (1, 2, 3)", "Insert Overwrite is not supported for {ks}.t"),
        (
            "INSERT INTO {ks}.by_c (c, a, b) VALUES (1, 2, 3)",
            "{ks}.by_c is a materialized view: insert into its base table",
        ),
        ("INSERT INTO {ks}.t (a, b, c, nonsense) VALUES (1, 2, 3, 4)", "nonsense"),
        ("INSERT INTO {ks}.nonsense (a) VALUES (1)", "nonsense"),
    ];
    for (sql, expected) in refused {
        // The mistake is found by planning alone.
        let statement = session.parse(&ks.sql(sql)).unwrap().pop_front().unwrap();
        let error = session.plan(statement).await.map(|_| ()).expect_err(sql).to_string();
        assert!(error.contains(&ks.sql(expected)), "{sql}\n{error}");
    }
    assert_eq!(rows_on_the_server(&ks, "SELECT count(*) FROM {ks}.t").await, 0);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_row_is_named_and_so_is_what_was_written_before_it() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k smallint, c text, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    run(&session, "SET datafusion.execution.batch_size = 100").await.unwrap();

    let null_key = "INSERT INTO {ks}.t (k, c, v) VALUES (1, 'a', 'x'), (2, NULL, 'x')";
    let error = error_of(&session, &ks.sql(null_key)).await;
    assert!(error.contains("primary key is null") && error.contains("column: c, row: 2"), "{error}");
    // By its number in a batch nobody finds a row again: by its key.
    assert!(error.contains(&ks.sql("column: c, row: 2, table: {ks}.t, key: k = 2)")), "{error}");
    let empty_key = "INSERT INTO {ks}.t (k, c) SELECT 1, repeat('x', 70000)";
    let error = error_of(&session, &ks.sql(empty_key)).await;
    assert!(error.contains("65535 bytes") && error.contains("column: c, row: 1"), "{error}");
    // Both were found in the first batch, all rows of which are checked before one is sent.
    assert_eq!(rows_on_the_server(&ks, "SELECT count(*) FROM {ks}.t").await, 0);
    // Each column may be so long, but not both.
    ks.run("CREATE TABLE {ks}.two (a text, b text, PRIMARY KEY ((a, b)))").await;
    let long_key =
        "INSERT INTO {ks}.two VALUES ('short', repeat('y', 40000)), (repeat('x', 40000), repeat('y', 40000))";
    let error = error_of(&session, &ks.sql(long_key)).await;
    assert!(error.contains("partition key is longer than the 65535 bytes"), "{error}");
    assert!(error.contains("column: b, row: 2"), "{error}");
    assert_eq!(rows_on_the_server(&ks, "SELECT count(*) FROM {ks}.two").await, 0);
    let read = "SELECT * FROM {ks}.two WHERE a = repeat('x', 40000) AND b = repeat('y', 40000)";
    assert_eq!(sorted_rows(&session, &ks.sql(read)).await, [""; 0], "there is no such key");

    // DataFusion's own error, from the cast to smallint, in the 328th batch.
    let too_large = "INSERT INTO {ks}.t (k, c) SELECT value, 'c' FROM generate_series(1, 40000)";
    let error = error_of(&session, &ks.sql(too_large)).await;
    // Which of the values that do not fit comes first is up to DataFusion's partitions.
    assert!(error.contains("Can't cast value 32") && error.contains("Int16"), "{error}");
    let told = error.split_once(" rows had been written").map(|(before, _)| before.rsplit(' ').next().unwrap());
    let told: i64 = told.unwrap_or_else(|| panic!("the rows written are not told: {error}")).parse().unwrap();
    let there = rows_on_the_server(&ks, "SELECT count(*) FROM {ks}.t").await;
    assert!(told > 0 && told <= there && there <= 32_767, "{told} told, {there} there");
    // What failed can be run again.
    let fits = "INSERT INTO {ks}.t (k, c) SELECT value, 'c' FROM generate_series(1, 32767)";
    assert_eq!(number(&session, &ks.sql(fits)).await, 32_767);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 32_767);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_and_unlisted_columns_leave_what_is_there() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, a text, b int, tags list<int>)").await;
    ks.run("INSERT INTO {ks}.t (k, a, b, tags) VALUES (1, 'kept', 10, [1, 2])").await;
    ks.run("INSERT INTO {ks}.t (k, a, b, tags) VALUES (2, 'kept', 20, [3])").await;
    let session = session();
    assert_eq!(
        number(&session, &ks.sql("INSERT INTO {ks}.t (k, a, b) VALUES (1, NULL, 11), (3, NULL, NULL)")).await,
        2
    );
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.t (k, b) VALUES (2, 21)")).await, 1);
    let rows = sorted_rows(&session, &ks.sql("SELECT k, a, b FROM {ks}.t")).await;
    assert_eq!(rows, ["1|kept|11", "2|kept|21", "3|NULL|NULL"]);
    let tags =
        ks.cql.query_unpaged(ks.sql("SELECT k, tags FROM {ks}.t"), ()).await.unwrap().into_rows_result().unwrap();
    let tags: BTreeSet<(i32, Option<Vec<i32>>)> = tags.rows().unwrap().map(Result::unwrap).collect();
    assert_eq!(tags, BTreeSet::from([(1, Some(vec![1, 2])), (2, Some(vec![3])), (3, None)]));
    // No tombstone: a value with an older time than the INSERT is not covered by anything.
    ks.run("INSERT INTO {ks}.t (k, a, b) VALUES (3, 'older', 30) USING TIMESTAMP 1").await;
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT a, b FROM {ks}.t")).await[2], "older|30");
    ks.drop_it().await;
}

/// Cassandra resolves cells of one time by their values, cell by cell: rows of one statement group that share a primary
/// key would become one row that nobody has written.
#[tokio::test(flavor = "multi_thread")]
async fn rows_with_the_same_key_are_not_mixed() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.flat (k int PRIMARY KEY, a int, b int)").await;
    ks.run("CREATE TABLE {ks}.deep (k int, c text, a int, b int, PRIMARY KEY (k, c))").await;
    let session = session();
    for (table, key) in [("flat", "value / 20"), ("deep", "value / 100, CAST(value % 5 AS VARCHAR)")] {
        let columns = if table == "flat" { "k, a, b" } else { "k, c, a, b" };
        let insert = format!(
            "INSERT INTO {{ks}}.{table} ({columns}) SELECT {key}, value, 1000000 - value FROM generate_series(0, 1999)"
        );
        assert_eq!(number(&session, &ks.sql(&insert)).await, 2_000, "each row is written and counted");
        assert_eq!(number(&session, &ks.sql(&format!("SELECT count(*) FROM {{ks}}.{table}"))).await, 100);
        let mixed = format!("SELECT count(*) FROM {{ks}}.{table} WHERE a + b <> 1000000");
        assert_eq!(number(&session, &ks.sql(&mixed)).await, 0, "rows of {table} mixed of several rows");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_all_partitions_are_acknowledged_and_counted() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k bigint, c bigint, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    let part = |i: i64| {
        format!("SELECT value / 10, value, 'part {i}' FROM generate_series({}, {})", i * 25_000, i * 25_000 + 24_999)
    };
    let parts: Vec<String> = (0..4).map(part).collect();
    let query = plan(&session, &ks.sql(&format!("INSERT INTO {{ks}}.t {}", parts.join(" UNION ALL ")))).await;
    let written: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let text = datafusion::arrow::util::pretty::pretty_format_batches(&written).unwrap().to_string();
    assert!(text.contains("100000"), "{text}");
    assert_eq!(metric(query.plan.as_ref(), "rows_written"), 100_000);
    assert!(metric(query.plan.as_ref(), "groups") <= 20_000, "rows of a Cassandra partition go together");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 100_000);
    let parts = sorted_rows(&session, &ks.sql("SELECT v, count(*), sum(c) FROM {ks}.t GROUP BY v")).await;
    assert_eq!(parts[0], "part 0|25000|312487500");
    assert_eq!(parts.len(), 4);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_shows_what_is_written() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, a text, b int)").await;
    let session = session();
    run(&session, "SET cassandra.write_consistency = 'ALL'").await.unwrap();
    let text = explain(&session, &ks.sql("INSERT INTO {ks}.t (b, k) SELECT 1, value FROM generate_series(1, 5)")).await;
    let expected = "CassandraWriteExec: cql=INSERT INTO {ks}.t (\"k\", \"b\") VALUES (?, ?), consistency=ALL";
    assert!(text.replace('"', "").contains(&ks.sql(expected).replace('"', "")), "{text}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0, "EXPLAIN writes nothing");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_say_what_null_does_and_how_old_and_how_long_lived_rows_are() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, v int, w int)").await;
    ks.run("INSERT INTO {ks}.t (k, v, w) VALUES (1, 10, 100) USING TIMESTAMP 1000").await;
    let session = session();
    let all = ks.sql("SELECT k, v, w, writetime(w), ttl(w) IS NULL FROM {ks}.t");
    let insert = |sql: &str| ks.sql(sql);
    let written = async |sql: &str| run(&session, sql).await.unwrap();

    // Older than what is there.
    written("SET cassandra.write_timestamp_us = 999").await;
    written(&insert("INSERT INTO {ks}.t VALUES (1, 11, 111)")).await;
    assert_eq!(sorted_rows(&session, &all).await, ["1|10|100|1000|true"]);
    written("SET cassandra.write_timestamp_us = 2000").await;
    written(&insert("INSERT INTO {ks}.t (k, v, w) VALUES (1, 11, NULL)")).await;
    assert_eq!(sorted_rows(&session, &all).await, ["1|11|100|1000|true"]);

    // Columns that are not listed stay.
    written("SET cassandra.write_nulls = tombstone; SET cassandra.write_timestamp_us = 3000").await;
    written(&insert("INSERT INTO {ks}.t (k, w) VALUES (1, 101), (2, NULL)")).await;
    assert_eq!(sorted_rows(&session, &all).await, ["1|11|101|3000|true", "2|NULL|NULL|NULL|true"]);
    written("SET cassandra.write_timestamp_us = 4000").await;
    written(&insert("INSERT INTO {ks}.t (k, v) SELECT k, CASE WHEN k > 5 THEN 1 END FROM {ks}.t")).await;
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT k, v FROM {ks}.t")).await, ["1|NULL", "2|NULL"]);

    written("SET cassandra.write_timestamp_us = 5000; SET cassandra.write_ttl_seconds = 100000").await;
    written(&insert("INSERT INTO {ks}.t (k, w) VALUES (3, 1)")).await;
    written(&insert("UPDATE {ks}.t SET w = 2 WHERE k = 1")).await;
    let lives = ks.sql("SELECT k, w FROM {ks}.t WHERE ttl(w) BETWEEN 90000 AND 100000");
    assert_eq!(sorted_rows(&session, &lives).await, ["1|2", "3|1"]);
    // What it deletes is newer.
    written("SET cassandra.write_timestamp_us = 4999").await;
    written(&insert("DELETE FROM {ks}.t WHERE k = 3")).await;
    assert_eq!(sorted_rows(&session, &lives).await, ["1|2", "3|1"]);

    let error = error_of(&session, "SET cassandra.write_ttl_seconds = 630720001").await;
    assert!(error.contains("from 1 to 630720000 (20 years)"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_insert_stops_and_leaves_the_session_usable() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k bigint PRIMARY KEY, v text)").await;
    let session = session();
    // Would take hours.
    let insert = "INSERT INTO {ks}.t SELECT value, 'x' FROM generate_series(1, 1000000000)";
    let query = plan(&session, &ks.sql(insert)).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let runtime = QueryRuntime::new();
    let begun = async move {
        let mut stream = query.execute().unwrap();
        while metric(query.plan.as_ref(), "rows_written") < 1_000 {
            assert!(Instant::now() < deadline, "nothing is written");
            // The stream only runs while it is asked.
            let _ = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
        }
    };
    runtime.run(begun).await;
    // Nothing is left that could send more rows.
    runtime.wait_until_idle().await;
    let count = async || rows_on_the_server(&ks, "SELECT count(*) FROM {ks}.t").await;
    let mut there = count().await;
    assert!(there >= 1_000);
    // Rows that were on their way may arrive between the two counts.
    while number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await != there {
        assert!(Instant::now() < deadline, "the INSERT goes on after it was cancelled: {there} rows");
        there = count().await;
    }
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.t VALUES (-1, 'still works')")).await, 1);
    ks.drop_it().await;
}
