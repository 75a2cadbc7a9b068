//! `cassandra.sort_by_token`: rows of one Cassandra partition that come apart are written together.

use std::time::{Duration, Instant};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::UInt64Type;
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt, TryStreamExt};

use crate::common::{
    QueryRuntime, TestKeyspace, assert_same_tables, error_of, explain, metric, number, plan, run, session, sorted_rows,
};

/// What a load has done.
struct Load {
    rows: u64,
    groups: usize,
    spills: usize,
}

async fn load(session: &cbulk::Session, sql: &str) -> Load {
    let query = plan(session, sql).await;
    let counts: Vec<_> = query.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let rows = counts.iter().map(|batch| batch.column(0).as_primitive::<UInt64Type>().iter().flatten().sum::<u64>());
    Load { rows: rows.sum(), groups: metric(query.plan.as_ref(), "groups"), spills: spills(query.plan.as_ref()) }
}

/// Files that sorts have written.
fn spills(plan: &dyn ExecutionPlan) -> usize {
    let own = plan.metrics().and_then(|metrics| metrics.spill_count()).unwrap_or_default();
    own + plan.children().iter().map(|child| spills(child.as_ref())).sum::<usize>()
}

/// 60,000 rows of 600 Cassandra partitions, no two rows of one near each other.
fn shuffled(table: &str) -> String {
    format!(
        "INSERT INTO {table} (a, b, c, v) SELECT n % 600, concat('key ', n % 7), n / 600, repeat(CAST(n AS VARCHAR), 30) \
         FROM (SELECT value * 7919 % 60000 AS n FROM generate_series(0, 59999))"
    )
}

async fn make(ks: &TestKeyspace, tables: &[&str]) {
    for table in tables {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (a bigint, b text, c bigint, v text, PRIMARY KEY ((a, b), c))"))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_full_though_rows_come_apart() {
    let ks = TestKeyspace::create().await;
    make(&ks, &["apart", "sorted", "spilled"]).await;
    let session = session();
    run(&session, "SET datafusion.execution.target_partitions = 3").await.unwrap();
    let apart = load(&session, &ks.sql(&shuffled("{ks}.apart"))).await;
    run(&session, "SET cassandra.sort_by_token = true").await.unwrap();
    let sorted = load(&session, &ks.sql(&shuffled("{ks}.sorted"))).await;
    run(&session, "SET cassandra.sort_memory_mb = 4").await.unwrap();
    let spilled = load(&session, &ks.sql(&shuffled("{ks}.spilled"))).await;
    for load in [&apart, &sorted, &spilled] {
        assert_eq!(load.rows, 60_000);
    }
    assert_eq!((apart.spills, sorted.spills), (0, 0));
    assert!(spilled.spills > 3, "{} files of three partitions", spilled.spills);

    let partitions = "SELECT count(*) FROM (SELECT a, b FROM {ks}.sorted GROUP BY a, b)";
    let partitions = usize::try_from(number(&session, &ks.sql(partitions)).await).unwrap();
    assert!(partitions >= 600);
    // At the least one a Cassandra partition. Some are cut where a batch ends, and where more than `group_rows` come.
    let least = partitions.max(60_000 / 100);
    assert!(sorted.groups >= least && sorted.groups <= least * 11 / 10, "{} groups, {least} at least", sorted.groups);
    assert!(spilled.groups <= least * 12 / 10, "{} groups, {least} at least", spilled.groups);
    assert!(apart.groups > least * 4, "{} groups, though rows come apart", apart.groups);
    assert_same_tables(&ks, &session, "{ks}.apart", "{ks}.sorted").await;
    assert_same_tables(&ks, &session, "{ks}.apart", "{ks}.spilled").await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_made_by_a_query_are_sorted_too() {
    let ks = TestKeyspace::create().await;
    let session = session();
    run(&session, "SET cassandra.sort_by_token = true").await.unwrap();
    let create = "CREATE TABLE {ks}.made WITH (primary_key = '((k), c)') AS \
                  SELECT value * 7919 % 100 AS k, value AS c FROM generate_series(0, 19999)";
    let text = explain(&session, &ks.sql(create)).await;
    assert!(text.contains("TokenSortExec: by=token(k), memory_mb=64"), "{text}");
    let made = load(&session, &ks.sql(create)).await;
    assert_eq!(made.rows, 20_000);
    assert!((200..=220).contains(&made.groups), "{} groups of 100 rows", made.groups);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.made")).await, 20_000);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_written_are_named_as_without_the_sort() {
    let ks = TestKeyspace::create().await;
    make(&ks, &["t"]).await;
    ks.run("CREATE TABLE {ks}.hosts (host inet, c int, v text, PRIMARY KEY (host, c))").await;
    let session = session();
    // One stream, so that nothing has been written by another one when a row is refused.
    run(&session, "SET datafusion.execution.target_partitions = 1").await.unwrap();
    let null_key = "INSERT INTO {ks}.t (a, b, c) \
                    SELECT value AS a, CASE WHEN value <> 50 THEN 'b' END, value AS c FROM generate_series(1, 100)";
    let null_row = "INSERT INTO {ks}.t (a, b, c) \
                    SELECT value, 'b', CASE WHEN value <> 50 THEN value END FROM generate_series(1, 100)";
    let no_address = "INSERT INTO {ks}.hosts (host, c) \
                      SELECT CASE WHEN value = 50 THEN 'nowhere' ELSE concat('10.0.0.', value) END, value \
                      FROM generate_series(1, 100)";
    let long_key = "INSERT INTO {ks}.t (a, b, c) \
                    SELECT value AS a, repeat('x', CASE WHEN value = 50 THEN 70000 ELSE 1 END), value AS c \
                    FROM generate_series(1, 100)";
    // The place of the row in its batch is all that may differ.
    let what = |error: String| {
        let (before, place) = error.split_once("row: ").unwrap_or_else(|| panic!("{error}"));
        format!("{before}{}", place.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    for insert in [null_key, null_row, no_address, long_key].map(|sql| ks.sql(sql)) {
        run(&session, "SET cassandra.sort_by_token = false").await.unwrap();
        let apart = what(error_of(&session, &insert).await);
        run(&session, "SET cassandra.sort_by_token = true").await.unwrap();
        assert_eq!(what(error_of(&session, &insert).await), apart);
    }
    for table in ["t", "hosts"] {
        let there = sorted_rows(&session, &ks.sql(&format!("SELECT * FROM {{ks}}.{table}"))).await;
        assert_eq!(there, [""; 0], "a batch is checked before its first row is sent");
    }
    ks.drop_it().await;
}

/// Whatever the form of a key in Arrow, the rows of one Cassandra partition are found.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_many_types_come_together() {
    let ks = TestKeyspace::create().await;
    let session = session();
    run(&session, "SET cassandra.sort_by_token = true; SET cassandra.write_timestamp_us = 1").await.unwrap();
    let n = "(value * 7919 % 50)";
    for (number, (cql, key)) in [
        ("int", format!("CAST({n} AS SMALLINT)")),
        ("varint", format!("CAST({n} AS DECIMAL(20, 0))")),
        ("decimal", format!("concat({n}, '.50')")),
        ("double", format!("{n} / 4.0")),
        ("text", format!("arrow_cast(concat('k', {n}), 'Utf8View')")),
        ("text", format!("arrow_cast(concat('k', {n}), 'Dictionary(Int32, Utf8)')")),
        ("blob", format!("arrow_cast(arrow_cast(concat('k', {n}), 'Binary'), 'BinaryView')")),
        (
            "uuid",
            format!("decode(concat('000000000000400080000000000000', lpad(CAST({n} AS VARCHAR), 2, '0')), 'hex')"),
        ),
        ("inet", format!("concat('10.0.0.', {n})")),
        ("date", format!("CAST(CAST({n} AS INT) AS DATE)")),
        ("timestamp", format!("CAST({n} AS TIMESTAMP)")),
        ("boolean", format!("{n} % 2 = 0")),
        ("frozen<list<int>>", format!("make_array(CAST({n} AS INT), 1)")),
        ("frozen<map<text, int>>", format!("map(make_array(concat('k', {n})), make_array(CAST({n} AS INT)))")),
        ("frozen<tuple<int, text>>", format!("named_struct('_1', CAST({n} AS INT), '_2', 'x')")),
    ]
    .into_iter()
    .enumerate()
    {
        ks.run(&format!("CREATE TABLE {{ks}}.t{number} (k {cql}, c bigint, PRIMARY KEY (k, c))")).await;
        let insert = format!("INSERT INTO {{ks}}.t{number} (k, c) SELECT {key}, value FROM generate_series(0, 4999)");
        let done = load(&session, &ks.sql(&insert)).await;
        assert_eq!(done.rows, 5_000, "{cql}");
        assert_eq!(number_of(&session, &ks, number).await, 5_000, "{cql}");
        // One that is not sorted has 50 groups in each of its batches as well: there is only one batch.
        assert_eq!(done.groups, 50, "{cql}");
    }
    ks.drop_it().await;
}

async fn number_of(session: &cbulk::Session, ks: &TestKeyspace, table: usize) -> i64 {
    number(session, &ks.sql(&format!("SELECT count(*) FROM {{ks}}.t{table}"))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_sort_leaves_nothing() {
    let ks = TestKeyspace::create().await;
    make(&ks, &["t"]).await;
    let session = session();
    run(&session, "SET cassandra.sort_by_token = true").await.unwrap();
    run(&session, "SET cassandra.sort_memory_mb = 4").await.unwrap();
    // Would take hours to read, and nothing is sent before all is read.
    let insert =
        "INSERT INTO {ks}.t (a, b, c, v) SELECT value, 'b', value + 1, 'v' FROM generate_series(1, 100000000000)";
    let query = plan(&session, &ks.sql(insert)).await;
    let deadline = Instant::now() + Duration::from_mins(1);
    let runtime = QueryRuntime::new();
    let begun = async move {
        let mut stream = query.execute().unwrap();
        while spills(query.plan.as_ref()) < 3 {
            assert!(Instant::now() < deadline, "nothing is spilled");
            // The stream only runs while it is asked.
            let _ = tokio::time::timeout(Duration::from_millis(20), stream.next()).await;
        }
    };
    runtime.run(begun).await;
    runtime.wait_until_idle().await;
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);
    // Files of a sort go with it; the session's own folder would keep them.
    let folders = session.context().runtime_env().disk_manager.used_disk_space();
    assert_eq!(folders, 0, "bytes of spilled rows are left");
    ks.drop_it().await;
}
