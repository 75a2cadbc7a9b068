//! GROUP BY and window functions that work on one Cassandra partition after the other: the same answers as with a hash table
//! or a sort, and plans that have neither.

use cbulk::Session;

use crate::common::{TestKeyspace, explain, run, session};

/// `{ks}.t`: two columns of the partition key, two clustering columns in mixed order. `{ks}.s`: a static column, and Cassandra
/// partitions that have nothing else. `{ks}.f`: a key whose values SQL and Cassandra do not tell apart alike.
async fn tables() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (a int, b text, c bigint, d text, v int, PRIMARY KEY ((a, b), c, d)) \
         WITH CLUSTERING ORDER BY (c ASC, d DESC)",
    )
    .await;
    ks.run("CREATE TABLE {ks}.s (k int, c int, st text static, v int, PRIMARY KEY (k, c))").await;
    ks.run("CREATE TABLE {ks}.f (k double, c int, v int, PRIMARY KEY (k, c))").await;
    let session = session();
    // Large and small Cassandra partitions: some take several pages, see `sessions`.
    let rows = "SELECT a.value AS a, chr(120 + b.value) AS b, c.value AS c, chr(109 + d.value) AS d, \
                CASE WHEN c.value % 5 = 0 THEN NULL ELSE a.value * c.value END AS v \
                FROM generate_series(0, 19) a, generate_series(0, 2) b, generate_series(0, 30) c, generate_series(0, 2) d \
                WHERE c.value < a.value + 5";
    run(&session, &ks.sql(&format!("INSERT INTO {{ks}}.t {rows}"))).await.unwrap();
    let rows = "SELECT k.value AS k, c.value AS c, concat('s', k.value % 3) AS st, c.value * 10 AS v \
                FROM generate_series(0, 49) k, generate_series(0, 4) c";
    run(&session, &ks.sql(&format!("INSERT INTO {{ks}}.s (k, c, st, v) {rows}"))).await.unwrap();
    for alone in [77, 78] {
        ks.run(&format!("INSERT INTO {{ks}}.s (k, st) VALUES ({alone}, 'alone')")).await;
    }
    ks.run("INSERT INTO {ks}.f (k, c, v) VALUES (0.0, 1, 1)").await;
    ks.run("INSERT INTO {ks}.f (k, c, v) VALUES (-0.0, 1, 2)").await;
    ks
}

/// With several splits at a time and small pages: with streaming, and without.
async fn sessions() -> [Session; 2] {
    let sessions = [session(), session()];
    for session in &sessions {
        for option in
            ["cassandra.splits = 30", "cassandra.splits_in_flight_per_node = 6", "cassandra.page_size_rows = 7"]
        {
            run(session, &format!("SET {option}")).await.unwrap();
        }
        // What the server answers is tested elsewhere.
        run(session, "SET cassandra.aggregate_pushdown = false").await.unwrap();
        run(session, "SET datafusion.execution.batch_size = 50").await.unwrap();
    }
    run(&sessions[1], "SET cassandra.streaming_groups = false").await.unwrap();
    sessions
}

async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches = run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let table = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    let mut rows: Vec<String> = table.lines().skip(3).filter(|line| line.starts_with('|')).map(str::to_owned).collect();
    rows.sort();
    rows
}

/// Queries, and what must stand in the line of the node.
const STREAM: [(&str, &str); 17] = [
    ("SELECT a, b, sum(v), avg(c), count(DISTINCT d) FROM {ks}.t GROUP BY a, b", "ordering_mode=Sorted"),
    ("SELECT b, a, sum(v) FROM {ks}.t GROUP BY b, a", "ordering_mode=Sorted"),
    ("SELECT a, b, c, array_agg(v ORDER BY d) FROM {ks}.t GROUP BY c, b, a", "ordering_mode=Sorted"),
    // Only the groups of one Cassandra partition are kept at a time.
    ("SELECT a, b, d, sum(v) FROM {ks}.t GROUP BY a, b, d", "ordering_mode=PartiallySorted([0, 1])"),
    ("SELECT a, b, v % 3, count(*) FROM {ks}.t GROUP BY a, b, v % 3", "PartiallySorted([0, 1])"),
    ("SELECT b AS x, a + 1, sum(v) FILTER (WHERE c > 3) FROM {ks}.t WHERE v % 2 = 0 GROUP BY a, b", "FilterExec"),
    ("SELECT a, b, sum(v) AS s FROM {ks}.t GROUP BY a, b HAVING sum(v) > 100", "ordering_mode=Sorted"),
    ("SELECT DISTINCT a, b FROM {ks}.t", "ordering_mode=Sorted"),
    ("SELECT k, max(st), sum(v) FROM {ks}.s GROUP BY k", "ordering_mode=Sorted"),
    ("SELECT k, c, max(st), sum(v) FROM {ks}.s GROUP BY k, c", "ordering_mode=Sorted"),
    ("SELECT a, b, c, d, row_number() OVER (PARTITION BY a, b ORDER BY c, d DESC) FROM {ks}.t", "mode=[Sorted]"),
    ("SELECT a, v, lag(c) OVER (PARTITION BY b, a ORDER BY c, d DESC) FROM {ks}.t WHERE c <> 3", "mode=[Sorted]"),
    ("SELECT a, b, c, sum(v) OVER (PARTITION BY a, b) FROM {ks}.t", "WindowAggExec"),
    ("SELECT a, b, c, sum(v) OVER (PARTITION BY a, b ORDER BY c) FROM {ks}.t", "mode=[Sorted]"),
    ("SELECT k, c, st, rank() OVER (PARTITION BY k ORDER BY c) FROM {ks}.s", "mode=[Sorted]"),
    // One node runs both.
    (
        "SELECT a, b, c, d, sum(v) OVER (PARTITION BY a, b), first_value(c) OVER (PARTITION BY a, b ORDER BY c, d DESC) \
         FROM {ks}.t",
        " <- ",
    ),
    // An aggregate of an aggregate.
    ("SELECT a, b, max(s) FROM (SELECT a, b, c, sum(v) AS s FROM {ks}.t GROUP BY a, b, c) GROUP BY a, b", " <- "),
];

#[tokio::test(flavor = "multi_thread")]
async fn whole_cassandra_partitions_are_grouped_as_they_come() {
    let ks = tables().await;
    let [streaming, hashing] = sessions().await;
    for (sql, shown) in STREAM {
        let sql = ks.sql(sql);
        let plan = explain(&streaming, &sql).await;
        let line =
            plan.lines().find(|line| line.contains("CassandraGroupedExec")).unwrap_or_else(|| panic!("{sql}\n{plan}"));
        assert!(line.contains(shown), "{sql}: no {shown} in\n{plan}");
        for other in ["SortExec", "RepartitionExec: partitioning=Hash"] {
            assert!(!plan.contains(other), "{sql}: {other} in\n{plan}");
        }
        assert!(!explain(&hashing, &sql).await.contains("CassandraGroupedExec"), "{sql}");
        let expected = rows(&hashing, &sql).await;
        assert!(expected.len() > 40, "{sql}: {} rows", expected.len());
        assert_eq!(rows(&streaming, &sql).await, expected, "{sql}");
    }
    ks.drop_it().await;
}

/// Queries whose groups do not follow each other, or whose answer is needed in an order.
const DO_NOT: [&str; 8] = [
    "SELECT a, sum(v) FROM {ks}.t GROUP BY a",
    "SELECT c, d, sum(v) FROM {ks}.t GROUP BY c, d",
    "SELECT abs(a), b, sum(v) FROM {ks}.t GROUP BY abs(a), b",
    "SELECT a, b, sum(v) FROM {ks}.t GROUP BY ROLLUP (a, b)",
    "SELECT k, sum(v) FROM {ks}.f GROUP BY k",
    "SELECT a, b, row_number() OVER (PARTITION BY a, b ORDER BY v, c, d) FROM {ks}.t",
    "SELECT a, b, c, d, row_number() OVER (PARTITION BY a, b ORDER BY c, d) FROM {ks}.t",
    "SELECT a, b, sum(v) FROM (SELECT * FROM {ks}.t WHERE a = 3 AND b = 'x') GROUP BY a, b",
];

#[tokio::test(flavor = "multi_thread")]
async fn other_groups_are_left_alone() {
    let ks = tables().await;
    let [streaming, hashing] = sessions().await;
    for sql in DO_NOT {
        let sql = ks.sql(sql);
        let plan = explain(&streaming, &sql).await;
        assert!(!plan.contains("CassandraGroupedExec"), "{sql}\n{plan}");
        assert_eq!(rows(&streaming, &sql).await, rows(&hashing, &sql).await, "{sql}");
    }
    ks.drop_it().await;
}

/// What comes from the node is in no order and in no known partitioning: what is above it must sort and distribute by itself.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_above_takes_the_order_for_one_of_sql() {
    let ks = tables().await;
    let [streaming, hashing] = sessions().await;
    let groups = "SELECT a, b, sum(v) AS s FROM {ks}.t GROUP BY a, b";
    for sql in [
        format!("SELECT * FROM ({groups}) ORDER BY a, b"),
        format!("SELECT * FROM ({groups}) ORDER BY a, b LIMIT 7"),
        format!("SELECT x.a, x.b, x.s, y.s FROM ({groups}) x JOIN ({groups}) y ON x.a = y.a AND x.b = y.b"),
        format!("SELECT x.s, t.v FROM ({groups}) x JOIN {{ks}}.t ON x.a = t.a AND x.b = t.b AND t.c = 2"),
        format!("SELECT a, row_number() OVER (PARTITION BY a ORDER BY b) FROM ({groups})"),
        format!("SELECT s FROM ({groups}) UNION ALL SELECT v FROM {{ks}}.s"),
    ] {
        let sql = ks.sql(&sql);
        assert!(explain(&streaming, &sql).await.contains("CassandraGroupedExec"), "{sql}");
        assert_eq!(rows(&streaming, &sql).await, rows(&hashing, &sql).await, "{sql}");
    }
    let ordered = ks.sql(&format!("SELECT a, b FROM ({groups}) ORDER BY a DESC, b"));
    let in_order = |batches: Vec<datafusion::arrow::array::RecordBatch>| {
        datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string()
    };
    let [left, right] = [run(&streaming, &ordered).await.unwrap(), run(&hashing, &ordered).await.unwrap()];
    assert_eq!(in_order(left), in_order(right));
    ks.drop_it().await;
}
