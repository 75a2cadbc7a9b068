//! Filters, limits, orders and aggregates that the server answers: the answer is that of a full scan, and no more is read.

use std::fmt::Write as _;

use cbulk::Session;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;

use crate::common::{TestKeyspace, explain, plan, run, session};

/// `{ks}.t`: two columns of the partition key, two clustering columns in mixed order, indexes of both kinds.
/// `{ks}.s`: with a static column, and a Cassandra partition that has nothing else.
async fn tables() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (a int, b text, c bigint, d text, v int, w text, x double, tags set<text>, \
         PRIMARY KEY ((a, b), c, d)) WITH CLUSTERING ORDER BY (c ASC, d DESC)",
    )
    .await;
    ks.run("CREATE INDEX ON {ks}.t (v) USING 'sai'").await;
    ks.run("CREATE INDEX ON {ks}.t (w)").await;
    ks.run("CREATE INDEX ON {ks}.t (values(tags)) USING 'sai'").await;
    ks.run("CREATE TABLE {ks}.s (k int, c int, st text static, v int, PRIMARY KEY (k, c))").await;
    ks.run("CREATE TABLE {ks}.one (k text PRIMARY KEY, v int)").await;
    let session = session();
    let rows = "SELECT a.value AS a, chr(120 + b.value) AS b, c.value AS c, chr(109 + d.value) AS d, \
                CASE WHEN c.value = 5 THEN NULL ELSE a.value * c.value END AS v, \
                concat(chr(120 + b.value), chr(109 + d.value)) AS w, c.value / 2.0 AS x, \
                make_array(chr(120 + b.value), chr(109 + d.value)) AS tags \
                FROM generate_series(0, 4) a, generate_series(0, 2) b, generate_series(-3, 6) c, generate_series(0, 2) d";
    run(&session, &ks.sql(&format!("INSERT INTO cassandra.{{ks}}.t (a, b, c, d, v, w, x, tags) {rows}")))
        .await
        .unwrap();
    let rows = "SELECT k.value AS k, c.value AS c, concat('s', k.value) AS st, c.value * 10 AS v \
                FROM generate_series(0, 9) k, generate_series(0, 4) c";
    run(&session, &ks.sql(&format!("INSERT INTO cassandra.{{ks}}.s (k, c, st, v) {rows}"))).await.unwrap();
    ks.run("INSERT INTO {ks}.s (k, st) VALUES (77, 'alone')").await;
    let rows = "SELECT concat('k', value) AS k, value AS v FROM generate_series(0, 199)";
    run(&session, &ks.sql(&format!("INSERT INTO cassandra.{{ks}}.one (k, v) {rows}"))).await.unwrap();
    ks
}

/// The rows as text, in their order.
async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches = run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let table = datafusion::arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    table.lines().skip(3).filter(|line| line.starts_with('|')).map(str::to_owned).collect()
}

/// A session that leaves everything to DataFusion.
async fn without_pushdown() -> Session {
    let session = session();
    for option in ["filter_pushdown", "aggregate_pushdown"] {
        run(&session, &format!("SET cassandra.{option} = false")).await.unwrap();
    }
    session
}

/// Filters of `t`, and what the plan of a query with them must say.
const FILTERS: [(&str, &str); 38] = [
    ("a = 1 AND b = 'x'", "\"a\" = ? AND \"b\" = ?, splits=1, partitions=1"),
    ("a IN (1, 3, 1) AND b IN ('x', 'z', 'nobody')", "keys=6 [(1, 'nobody'), (1, 'x'), (1, 'z'), …]"),
    ("a = 1", "FilterExec"),
    ("a = 1 AND b = 'x' AND c = 2", "AND \"c\" = ?, splits=1"),
    ("a = 1 AND b = 'x' AND c IN (2, 4, 99, 2)", "AND \"c\" IN (?, ?, ?)"),
    ("a = 1 AND b = 'x' AND c > 1 AND c <= 4 AND c > -1", "AND \"c\" > ? AND \"c\" <= ?, "),
    ("a = 1 AND b = 'x' AND c BETWEEN -2 AND 1", "AND \"c\" >= ? AND \"c\" <= ?"),
    ("a = 1 AND b = 'x' AND c IN (2, 4) AND d > 'm'", "AND \"c\" IN (?, ?) AND \"d\" > ?"),
    ("a = 1 AND b = 'x' AND c = 2 AND d >= 'm' AND d < 'o'", "AND \"c\" = ? AND \"d\" >= ? AND \"d\" < ?"),
    ("a = 1 AND b = 'x' AND c = 2 AND d IN ('o', 'm')", "AND \"c\" = ? AND \"d\" IN (?, ?)"),
    ("a = 1 AND b = 'x' AND c > 2 AND d = 'n'", "FilterExec: d@3 = n"),
    ("a = 1 AND b = 'x' AND d = 'n'", "FilterExec: d@3 = n"),
    ("a = 1 AND b = 'x' AND (c, d) > (2, 'n')", "AND (\"c\", \"d\") > (?, ?)"),
    (
        "a = 1 AND b = 'x' AND (c, d) >= (2, 'n') AND (c, d) < (4, 'o')",
        "AND (\"c\", \"d\") >= (?, ?) AND (\"c\", \"d\") < (?, ?)",
    ),
    ("a = 1 AND b = 'x' AND v > 3", "FilterExec: v@5 > 3"),
    ("a = 1 AND b = 'x' AND x = 1.5", "FilterExec"),
    ("a = 1 AND b = 'x' AND c <> 2", "FilterExec"),
    ("a = 1 AND b = 'x' AND (c = 2 OR c = 3)", "AND \"c\" IN (?, ?)"),
    ("a = 1 AND b = 'x' AND (c = 2 OR d = 'm')", "FilterExec"),
    ("1 = a AND 'x' = b AND 2 < c", "AND \"c\" > ?"),
    ("a = 1 AND a = 2 AND b = 'x'", "EmptyExec"),
    ("a IN (1, 2) AND a IN (3, 4) AND b = 'x'", ""),
    ("a = 1 AND b = 'x' AND c > 5 AND c < 2", "keys=0 []"),
    ("c = 2", "FilterExec"),
    ("v = 4", "<= ? AND \"v\" = ?, "),
    ("v > 6 AND v <= 12", "AND \"v\" > ? AND \"v\" <= ?"),
    ("v = 4 AND array_has(tags, 'x')", "AND \"tags\" CONTAINS ? AND \"v\" = ?"),
    ("w = 'xm'", "AND \"w\" = ?"),
    ("w = 'xm' AND v > 3", "FilterExec"),
    ("w > 'xm'", "FilterExec"),
    ("w = ''", "FilterExec"),
    ("array_has(tags, 'x')", "AND \"tags\" CONTAINS ?"),
    ("array_has(tags, 'x') AND array_has(tags, 'm')", "FilterExec"),
    ("v IS NULL", "FilterExec"),
    ("v IN (4, 6, 8)", "FilterExec"),
    ("a = 1 AND b = 'x' AND c = CAST(2 AS INT)", "AND \"c\" = ?"),
    ("a = 1 AND b = ''", "keys=1 [(1, '')]"),
    ("a = 3000000000 AND b = 'x'", ""),
];

#[tokio::test]
async fn every_pushed_filter_gives_the_answer_of_a_scan() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    let mut wrong = String::new();
    for (filter, expected) in FILTERS {
        let order = "ORDER BY a, b, c, d";
        let sql = ks.sql(&format!("SELECT * FROM cassandra.{{ks}}.t WHERE {filter} {order}"));
        if rows(&pushed, &sql).await != rows(&scanned, &sql).await {
            writeln!(wrong, "{filter}: another answer").unwrap();
        }
        // As it is planned without the order, which reads more columns.
        let plan = explain(&pushed, &ks.sql(&format!("SELECT * FROM cassandra.{{ks}}.t WHERE {filter}"))).await;
        if !plan.contains(expected) {
            writeln!(wrong, "{filter}: no {expected} in\n{plan}").unwrap();
        }
        for what in ["count(*)", "count(v), min(v), max(v), min(d), max(c)", "count(x), count(DISTINCT v)", "sum(v)"] {
            let sql = ks.sql(&format!("SELECT {what} FROM cassandra.{{ks}}.t WHERE {filter}"));
            if rows(&pushed, &sql).await != rows(&scanned, &sql).await {
                writeln!(wrong, "{what} where {filter}: another answer").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    ks.drop_it().await;
}

#[tokio::test]
async fn the_order_and_limit_of_one_cassandra_partition_are_the_servers() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    let one = "FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x'";
    for (sql, expected, sorts) in [
        (format!("SELECT * {one} ORDER BY c DESC, d LIMIT 4"), "ORDER BY \"c\" DESC, \"d\" ASC LIMIT 4", false),
        (format!("SELECT * {one} ORDER BY c, d DESC LIMIT 4"), "\"b\" = ? LIMIT 4", false),
        (format!("SELECT v {one} ORDER BY c DESC, d ASC LIMIT 2"), "ORDER BY \"c\" DESC, \"d\" ASC LIMIT 2", false),
        (format!("SELECT c, d {one} AND c > 1 ORDER BY a, c, b, d DESC LIMIT 3"), "AND \"c\" > ? LIMIT 3", false),
        (format!("SELECT c, d {one} AND c = 2 ORDER BY d LIMIT 2"), "ORDER BY \"c\" DESC, \"d\" ASC LIMIT 2", false),
        (format!("SELECT c, d {one} AND c IN (4, 2) ORDER BY c DESC, d LIMIT 5"), "ORDER BY \"c\" DESC", false),
        (format!("SELECT c, d {one} ORDER BY c DESC, d DESC LIMIT 4"), "SELECT", true),
        (format!("SELECT c, d {one} ORDER BY d, c LIMIT 4"), "SELECT", true),
        (format!("SELECT c, d, v {one} AND v > 2 ORDER BY c DESC, d LIMIT 3"), "FilterExec", true),
        (format!("SELECT c, row_number() OVER (ORDER BY c DESC, d) {one}"), "ORDER BY \"c\" DESC", false),
        ("SELECT c, v FROM cassandra.{ks}.s WHERE k = 3 ORDER BY c DESC LIMIT 2".into(), "DESC LIMIT 2", false),
        ("SELECT c, st FROM cassandra.{ks}.s WHERE k = 77 ORDER BY c LIMIT 2".into(), "= ? LIMIT 2", false),
        ("SELECT k, v FROM cassandra.{ks}.s WHERE k IN (1, 2) ORDER BY k, c LIMIT 3".into(), "keys=2", true),
    ] {
        let sql = ks.sql(&sql);
        assert_eq!(rows(&pushed, &sql).await, rows(&scanned, &sql).await, "{sql}");
        let plan = explain(&pushed, &sql).await;
        assert!(plan.contains(expected), "{sql}: no {expected} in\n{plan}");
        assert_eq!(plan.contains("SortExec"), sorts, "{sql}\n{plan}");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn groups_of_the_key_are_the_servers() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    for (sql, on_server) in [
        ("SELECT a, b, count(*), min(v), max(d), count(v) FROM cassandra.{ks}.t GROUP BY a, b ORDER BY a, b", true),
        ("SELECT c, b, a, count(*) FROM cassandra.{ks}.t GROUP BY c, a, b ORDER BY a, b, c", true),
        ("SELECT count(*), b, a FROM cassandra.{ks}.t GROUP BY b, a HAVING max(v) > 10 ORDER BY a, b", true),
        ("SELECT a, b, c, d, count(*) FROM cassandra.{ks}.t GROUP BY a, b, c, d ORDER BY a, b, c, d LIMIT 7", true),
        ("SELECT a, b, count(*) FROM cassandra.{ks}.t WHERE a = 1 AND b IN ('x', 'y') GROUP BY a, b ORDER BY b", true),
        ("SELECT a, count(*) FROM cassandra.{ks}.t GROUP BY a ORDER BY a", false),
        ("SELECT a, b, d, count(*) FROM cassandra.{ks}.t GROUP BY a, b, d ORDER BY a, b, d", false),
        ("SELECT a, b, sum(v) FROM cassandra.{ks}.t GROUP BY a, b ORDER BY a, b", false),
        ("SELECT k, count(*), min(c), max(v) FROM cassandra.{ks}.s GROUP BY k ORDER BY k", false),
        ("SELECT k, max(v) FROM cassandra.{ks}.one GROUP BY k ORDER BY k", true),
        ("SELECT count(st), count(c), count(*), min(c) FROM cassandra.{ks}.s", false),
        ("SELECT count(c), count(*), min(c) FROM cassandra.{ks}.s", true),
        ("SELECT count(v) FILTER (WHERE v > 3), count(*) FROM cassandra.{ks}.t", false),
    ] {
        let sql = ks.sql(sql);
        assert_eq!(rows(&pushed, &sql).await, rows(&scanned, &sql).await, "{sql}");
        let plan = explain(&pushed, &sql).await;
        assert_eq!(plan.contains("CassandraAggregateExec"), on_server, "{sql}\n{plan}");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn thousands_of_keys_are_read_by_themselves() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    let keys: Vec<String> = (0..3_000).map(|k| format!("'k{}'", k * 7 % 3_000)).collect();
    let sql = ks.sql(&format!("SELECT * FROM cassandra.{{ks}}.one WHERE k IN ({}) ORDER BY k", keys.join(", ")));
    let found = rows(&pushed, &sql).await;
    assert_eq!(found, rows(&scanned, &sql).await);
    assert_eq!(found.len(), 200);
    assert!(explain(&pushed, &sql).await.contains("keys=3000 "));
    ks.drop_it().await;
}

/// The table promises to answer filters before it knows the session's options; what it then checks itself is planned by
/// these options, as a filter of DataFusion's is.
#[tokio::test]
async fn a_filter_that_is_left_over_is_planned_by_the_sessions_options() {
    let ks = tables().await;
    let session = session();
    run(&session, "SET datafusion.execution.batch_size = 100").await.unwrap();
    run(&session, "SET datafusion.optimizer.default_filter_selectivity = 7").await.unwrap();
    // By cbulk, by DataFusion.
    for filter in ["c = 2", "x > 1.0"] {
        let sql = ks.sql(&format!("SELECT a FROM cassandra.{{ks}}.t WHERE {filter} LIMIT 3"));
        let query = plan(&session, &sql).await;
        let mut node = &query.plan;
        let filter = loop {
            match node.as_any().downcast_ref::<FilterExec>() {
                Some(filter) => break filter,
                None => node = node.children()[0],
            }
        };
        assert_eq!((filter.batch_size(), filter.default_selectivity()), (100, 7), "{sql}");
        assert_eq!(filter.fetch(), Some(3), "{sql}");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn filtering_on_the_server_is_a_choice() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    let filters = ["c = 2", "c > 2 AND d = 'm'", "x > 1.0", "c = 2 AND w > 'xm'", "v > 3 AND c = 2", "d IN ('m', 'n')"];
    for filter in filters {
        let sql = ks.sql(&format!("SELECT * FROM cassandra.{{ks}}.t WHERE {filter}"));
        assert!(!explain(&pushed, &sql).await.contains("ALLOW FILTERING"), "{filter}");
    }
    run(&pushed, "SET cassandra.allow_filtering = true").await.unwrap();
    for filter in filters {
        let sql = ks.sql(&format!("SELECT * FROM cassandra.{{ks}}.t WHERE {filter} ORDER BY a, b, c, d"));
        assert_eq!(rows(&pushed, &sql).await, rows(&scanned, &sql).await, "{filter}");
    }
    let sql = ks.sql("SELECT * FROM cassandra.{ks}.t WHERE c = 2");
    assert!(explain(&pushed, &sql).await.contains("AND \"c\" = ? ALLOW FILTERING"));
    ks.drop_it().await;
}

/// What ALLOW FILTERING lets the server filter, it looks up in an index if there is one.
#[tokio::test]
async fn filtering_by_an_index_has_its_limits() {
    let ks = tables().await;
    ks.run("CREATE TABLE {ks}.by_key (a int, b int, c int, st text static, v int, PRIMARY KEY ((a, b), c))").await;
    ks.run("CREATE INDEX ON {ks}.by_key (a)").await;
    for cql in ["(a, b, c, st, v) VALUES (1, 1, 2, 's', 3)", "(a, b, c, v) VALUES (1, 2, 2, 4)"] {
        ks.run(&format!("INSERT INTO {{ks}}.by_key {cql}")).await;
    }
    ks.run("INSERT INTO {ks}.by_key (a, b, st) VALUES (1, 3, 'alone')").await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    run(&pushed, "SET cassandra.allow_filtering = true").await.unwrap();
    for (sql, expected) in [
        // It refuses an order then.
        ("SELECT c, d FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND v = 4 ORDER BY c DESC, d LIMIT 2", "SortExec"),
        ("SELECT c, d FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND w = 'xm' ORDER BY c DESC, d", "SortExec"),
        ("SELECT c, d FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND x = 1.5 ORDER BY c DESC, d", "DESC, \"d\" ASC"),
        ("SELECT c, d FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND v = 4 ORDER BY c, d DESC LIMIT 2", "ALLOW"),
        // It compares the clustering columns of static ones, which there are none of, and fails.
        ("SELECT b, c FROM cassandra.{ks}.by_key WHERE a = 1 AND c = 2 ORDER BY b", "FilterExec"),
        ("SELECT b, c FROM cassandra.{ks}.by_key WHERE a = 1 AND v = 4 ORDER BY b", "AND \"v\" = ? ALLOW FILTERING"),
    ] {
        let sql = ks.sql(sql);
        let found = rows(&pushed, &sql).await;
        assert_eq!(found, rows(&scanned, &sql).await, "{sql}");
        assert!(!found.is_empty(), "{sql}");
        let plan = explain(&pushed, &sql).await;
        assert!(plan.contains(expected), "{sql}: no {expected} in\n{plan}");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn a_limit_a_cassandra_partition() {
    let ks = tables().await;
    let session = session();
    run(&session, "SET cassandra.per_partition_limit = 2").await.unwrap();
    let sql = ks.sql("SELECT c, d FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x'");
    assert!(explain(&session, &sql).await.contains("PER PARTITION LIMIT 2"));
    assert_eq!(rows(&session, &format!("{sql} ORDER BY c, d DESC")).await, ["| -3 | o |", "| -3 | n |"]);
    // The first ones of each, whatever order they are then brought into.
    assert_eq!(rows(&session, &format!("{sql} ORDER BY c DESC, d")).await, ["| -3 | n |", "| -3 | o |"]);
    assert_eq!(rows(&session, &ks.sql("SELECT count(*) AS n FROM cassandra.{ks}.t")).await, ["| 30 |"]);
    ks.drop_it().await;
}

#[tokio::test]
async fn a_count_survives_splits_that_cannot_be_answered_in_time() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    let rows_of = "SELECT value / 50 AS k, value % 50 AS c, repeat('x', 100) AS v FROM generate_series(0, 99999)";
    run(&session, &ks.sql(&format!("INSERT INTO cassandra.{{ks}}.t {rows_of}"))).await.unwrap();
    // One split of all rows takes far longer than that; its pieces do not.
    for setting in ["count_timeout_ms = 15", "splits = 2", "retry_backoff_ms = 1"] {
        run(&session, &format!("SET cassandra.{setting}")).await.unwrap();
    }
    let sql = ks.sql("EXPLAIN ANALYZE SELECT count(*) FROM cassandra.{ks}.t");
    let halved = |plan: &str| -> usize {
        let after = plan.split("splits_halved=").nth(1).unwrap_or_else(|| panic!("no splits_halved in {plan}"));
        after.split([',', ']']).next().unwrap().trim().parse().unwrap()
    };
    // Where this process does not run for so long, answer and timeout are there at once, and an answer is taken.
    let mut plan = String::new();
    for _ in 0..20 {
        plan = rows(&session, &sql).await.join("\n");
        if halved(&plan) > 0 {
            break;
        }
    }
    assert!(halved(&plan) > 0, "{plan}");
    assert_eq!(rows(&session, &ks.sql("SELECT count(*) FROM cassandra.{ks}.t")).await, ["| 100000   |"]);
    // Not even the smallest piece is answered: the keys are counted here.
    run(&session, "SET cassandra.count_timeout_ms = 1").await.unwrap();
    assert_eq!(rows(&session, &ks.sql("SELECT count(*) FROM cassandra.{ks}.t")).await, ["| 100000   |"]);
    ks.drop_it().await;
}

/// Reads of single Cassandra partitions, and of ranges of them, that the node has served of `{ks}.t`.
async fn served(ks: &TestKeyspace) -> (i64, i64) {
    let mut counts = Vec::new();
    for view in ["local_read_latency", "local_scan_latency"] {
        let cql =
            ks.sql(&format!("SELECT count FROM system_views.{view} WHERE keyspace_name = ? AND table_name = 't'"));
        let rows = ks.cql.query_unpaged(cql, (&ks.name,)).await.unwrap().into_rows_result().unwrap();
        counts.push(rows.maybe_first_row::<(i64,)>().unwrap().map_or(0, |(count,)| count));
    }
    (counts[0], counts[1])
}

#[tokio::test]
async fn the_server_reads_no_more_cassandra_partitions_than_it_must() {
    let ks = tables().await;
    let session = session();
    // Few rows each, since every page is a read.
    for (sql, partitions, scans) in [
        ("SELECT * FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND c > 4", 1, false),
        ("SELECT c FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' ORDER BY c DESC LIMIT 2", 1, false),
        ("SELECT * FROM cassandra.{ks}.t WHERE a IN (1, 2, 3) AND b IN ('x', 'y') AND c = 1", 6, false),
        ("SELECT count(*) FROM cassandra.{ks}.t WHERE a IN (1, 2) AND b = 'x'", 2, false),
        ("SELECT * FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND a = 2", 0, false),
        ("SELECT * FROM cassandra.{ks}.t WHERE a = 1 AND b = 'x' AND c > 5 AND c < 2", 0, false),
        ("SELECT * FROM cassandra.{ks}.t WHERE c = 1", 0, true),
    ] {
        let before = served(&ks).await;
        run(&session, &ks.sql(sql)).await.unwrap();
        let after = served(&ks).await;
        assert_eq!(after.0 - before.0, partitions, "{sql}");
        assert_eq!(after.1 > before.1, scans, "{sql}");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn a_limit_of_several_pages_gives_each_row_once() {
    let ks = tables().await;
    let session = session();
    run(&session, "SET cassandra.splits = 1").await.unwrap();
    // More rows than the first page has, and pages that could hold all of them: 450 rows there are.
    for (limit, expected) in [(9, 9), (10, 10), (11, 11), (50, 50), (449, 449), (450, 450), (451, 450), (100_000, 450)]
    {
        let sql = ks.sql(&format!("SELECT a, b, c, d FROM cassandra.{{ks}}.t LIMIT {limit}"));
        let mut found = rows(&session, &sql).await;
        assert_eq!(found.len(), expected, "{limit}");
        found.sort();
        found.dedup();
        assert_eq!(found.len(), expected, "{limit}");
        let statement = ks.sql(&format!("SELECT a, b, c, d FROM {{ks}}.t LIMIT {limit}"));
        let sql = format!("SELECT DISTINCT * FROM cql('{statement}')");
        assert_eq!(rows(&session, &sql).await.len(), expected, "{limit} by cql");
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn static_columns_of_chosen_rows() {
    let ks = tables().await;
    let (pushed, scanned) = (session(), without_pushdown().await);
    for columns in ["k, st", "st", "k", "count(*)", "min(k)", "k, st, c", "1"] {
        for filter in ["k = 3 AND c > 2", "k = 3 AND c > 2 AND st = 's3'", "k IN (2, 3) AND c = 1", "k = 77 AND c = 1"]
        {
            let sql = ks.sql(&format!("SELECT {columns} FROM cassandra.{{ks}}.s WHERE {filter} ORDER BY 1"));
            assert_eq!(rows(&pushed, &sql).await, rows(&scanned, &sql).await, "{sql}");
        }
    }
    // An index of a clustering column, and a filter of static columns that is left over.
    ks.run("CREATE TABLE {ks}.i (k int, c int, st text static, PRIMARY KEY (k, c))").await;
    ks.run("CREATE INDEX ON {ks}.i (c) USING 'sai'").await;
    let load = "INSERT INTO {ks}.i (k, c, st) SELECT value % 7, value % 3, concat('s', value % 7) FROM range(60)";
    run(&pushed, &ks.sql(load)).await.unwrap();
    for columns in ["count(*)", "1", "st", "k, st", "k, c"] {
        let sql = ks.sql(&format!("SELECT {columns} FROM cassandra.{{ks}}.i WHERE c = 1 AND st <> 's3' ORDER BY 1"));
        assert!(explain(&pushed, &sql).await.contains("\"c\" = ?"), "{sql}");
        assert_eq!(rows(&pushed, &sql).await, rows(&scanned, &sql).await, "{sql}");
    }
    ks.drop_it().await;
}
