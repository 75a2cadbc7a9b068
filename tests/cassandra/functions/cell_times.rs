//! `writetime`, `maxwritetime` and `ttl`: what they give is what the server says, wherever they stand.

use std::collections::BTreeMap;

use crate::common::{TestKeyspace, error_of, explain, plan, run, session, sorted_rows};

/// What the driver reads: write time and time to live by key.
async fn times(ks: &TestKeyspace, table: &str, column: &str) -> BTreeMap<i32, (Option<i64>, Option<i32>)> {
    let cql = ks.sql(&format!("SELECT k, writetime({column}), ttl({column}) FROM {{ks}}.{table}"));
    let rows = ks.cql.query_unpaged(cql, ()).await.unwrap().into_rows_result().unwrap();
    let rows = rows.rows::<(i32, Option<i64>, Option<i32>)>().unwrap();
    rows.map(|row| row.unwrap()).map(|(key, time, ttl)| (key, (time, ttl))).collect()
}

async fn table_with_times() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.pair (a int, b int)").await;
    ks.run(
        "CREATE TABLE {ks}.t (k int, c int, s int STATIC, v int, \"V v\" text, f frozen<list<int>>, l list<int>, \
         m map<text, int>, u pair, PRIMARY KEY (k, c))",
    )
    .await;
    ks.run("CREATE TABLE {ks}.n (k int PRIMARY KEY, c counter)").await;
    for k in 1..=100 {
        ks.run(&format!(
            "INSERT INTO {{ks}}.t (k, c, s, v, f) VALUES ({k}, 0, 1, {k}, [1]) USING TIMESTAMP {} AND TTL {}",
            1_000_000 * k,
            100_000_000 + k
        ))
        .await;
    }
    ks.run("UPDATE {ks}.t USING TIMESTAMP 5 SET \"V v\" = 'x', l = [1, 2], u = {a: 1, b: 2} WHERE k = 1 AND c = 0")
        .await;
    ks.run("UPDATE {ks}.t USING TIMESTAMP 6 AND TTL 100000000 SET l = l + [3], u.b = 3 WHERE k = 1 AND c = 0").await;
    ks.run("INSERT INTO {ks}.t (k, c) VALUES (101, 0)").await;
    ks.run("UPDATE {ks}.n SET c = c + 1 WHERE k = 1").await;
    ks
}

#[tokio::test(flavor = "multi_thread")]
async fn write_times_and_times_to_live_are_the_servers() {
    let ks = table_with_times().await;
    let session = session();
    for (table, column) in [("t", "v"), ("t", "\"V v\""), ("t", "f"), ("t", "s"), ("n", "c")] {
        // The times to live run down meanwhile.
        let before = times(&ks, table, column).await;
        let sql = format!("SELECT k, writetime({column}), ttl({column}) FROM {{ks}}.{table} ORDER BY k");
        let ours = run(&session, &ks.sql(&sql)).await.unwrap();
        let after = times(&ks, table, column).await;
        let mut rows = 0;
        for batch in &ours {
            use datafusion::arrow::array::{Array, AsArray};
            use datafusion::arrow::datatypes::{Int32Type, Int64Type};
            let (keys, ttls) =
                (batch.column(0).as_primitive::<Int32Type>(), batch.column(2).as_primitive::<Int32Type>());
            let written = batch.column(1).as_primitive::<Int64Type>();
            for row in 0..batch.num_rows() {
                let ((time, most), (_, least)) = (before[&keys.value(row)], after[&keys.value(row)]);
                assert_eq!(written.is_valid(row).then(|| written.value(row)), time, "{column} {row}");
                let ttl = ttls.is_valid(row).then(|| ttls.value(row));
                assert!(least <= ttl && ttl <= most, "{column}: {least:?} {ttl:?} {most:?}");
                rows += 1;
            }
        }
        assert_eq!(rows, before.len(), "{column}");
        assert!(before.values().any(|(time, _)| time.is_some()), "{column}");
    }
    let text = explain(&session, &ks.sql("SELECT k, writetime(\"V v\") FROM {ks}.t")).await;
    assert!(text.contains(r#"cql=SELECT "k", writetime("V v") AS "writetime(""V v"")" FROM"#), "{text}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn write_times_can_stand_anywhere_in_a_statement() {
    let ks = table_with_times().await;
    ks.run("CREATE TABLE {ks}.copy (k int PRIMARY KEY, written bigint)").await;
    let session = session();
    for (sql, expected) in [
        ("SELECT k FROM {ks}.t WHERE writetime(v) > 98000000", "100\n99"),
        ("SELECT count(*) FROM {ks}.t WHERE writetime(v) <= 2000000", "2"),
        ("SELECT count(writetime(v)), count(*), max(writetime(v)) FROM {ks}.t", "100|101|100000000"),
        ("SELECT count(*) FROM {ks}.t GROUP BY writetime(v) / 100000000 ORDER BY 1", "1\n1\n99"),
        ("SELECT to_timestamp_micros(writetime(v)) FROM {ks}.t WHERE k = 2", "1970-01-01T00:00:02Z"),
        ("SELECT x.k, writetime(x.v) FROM {ks}.t AS x WHERE k = 3", "3|3000000"),
        (
            "SELECT writetime(w) FROM (SELECT k + 1 AS j, v AS w FROM {ks}.t WHERE ttl(v) > 0) AS s WHERE j = 4",
            "3000000",
        ),
        ("WITH c AS (SELECT * FROM {ks}.t) SELECT writetime(v), writetime(s) FROM c WHERE k = 5", "5000000|5000000"),
        (
            "SELECT writetime(a.v), writetime(b.v) FROM {ks}.t AS a JOIN {ks}.t AS b ON a.k = b.k + 1 WHERE a.k = 7",
            "7000000|6000000",
        ),
        ("SELECT a.k FROM {ks}.t AS a JOIN {ks}.t AS b ON writetime(a.v) = writetime(b.v) + 98000000", "100\n99"),
        ("SELECT k FROM {ks}.t WHERE writetime(v) = (SELECT max(writetime(v)) FROM {ks}.t)", "100"),
        ("SELECT k FROM {ks}.t WHERE writetime(v) IN (SELECT 1000000 * 8)", "8"),
        (
            "SELECT k, row_number() OVER (ORDER BY writetime(v) DESC NULLS LAST) AS n FROM {ks}.t WHERE k > 98",
            "100|1\n101|3\n99|2",
        ),
        ("SELECT k FROM (SELECT k FROM {ks}.t ORDER BY writetime(v) DESC NULLS LAST LIMIT 2)", "100\n99"),
        (
            "SELECT writetime(v) FROM {ks}.t WHERE k = 1 UNION ALL SELECT ttl(v) / 100000000 FROM {ks}.t WHERE k = 2",
            "1\n1000000",
        ),
        ("SELECT DISTINCT writetime(v) FROM {ks}.t WHERE k < 3", "1000000\n2000000"),
        ("SELECT CASE WHEN writetime(v) > 1 THEN v END FROM {ks}.t WHERE k = 9", "9"),
        (
            "SELECT DISTINCT ON (k) k, writetime(v) FROM {ks}.t WHERE k < 3 ORDER BY k, writetime(v)",
            "1|1000000\n2|2000000",
        ),
        (
            "SELECT k FROM {ks}.t WHERE EXISTS (SELECT 1 FROM {ks}.n WHERE n.k = t.k AND writetime(n.c) > writetime(n.c) - 1)",
            "1",
        ),
        (
            "SELECT t.k, writetime(n.c) IS NULL FROM {ks}.t LEFT JOIN {ks}.n ON n.k = t.k WHERE t.k < 3",
            "1|false\n2|true",
        ),
        ("CREATE VIEW times AS SELECT k, writetime(v) AS w FROM {ks}.t; SELECT w FROM times WHERE k = 2", "2000000"),
        ("CREATE VIEW rows AS SELECT * FROM {ks}.t; SELECT writetime(v) FROM rows WHERE k = 2", "2000000"),
        ("INSERT INTO {ks}.copy SELECT k, writetime(v) FROM {ks}.t WHERE k > 98", "3"),
        ("SELECT * FROM {ks}.copy", "100|100000000\n101|NULL\n99|99000000"),
        // Cells of collections and user-defined types have times of their own.
        (
            "SELECT writetime(l), maxwritetime(l), writetime(u), maxwritetime(v) FROM {ks}.t WHERE k = 1",
            "[5, 5, 6]|6|[5, 6]|1000000",
        ),
        ("SELECT ttl(l)[1], ttl(l)[3] > 1000, writetime(m) FROM {ks}.t WHERE k = 1", "NULL|true|NULL"),
        ("SELECT unnest(writetime(l)) FROM {ks}.t WHERE k = 1", "5\n5\n6"),
    ] {
        let rows = sorted_rows(&session, &ks.sql(sql)).await;
        assert_eq!(rows.join("\n"), expected, "{sql}");
    }
    for sql in ["EXPLAIN", "EXPLAIN ANALYZE", "EXPLAIN VERBOSE"] {
        let text = sorted_rows(&session, &ks.sql(&format!("{sql} SELECT writetime(v) FROM {{ks}}.t"))).await.join("\n");
        assert!(text.contains("writetime(v)"), "{text}");
    }
    let routines =
        "SELECT DISTINCT routine_name FROM information_schema.routines WHERE routine_name IN ('token', 'ttl')";
    assert_eq!(sorted_rows(&session, routines).await, ["token", "ttl"]);
    // What only the order needs is not in the result.
    let query = plan(&session, &ks.sql("SELECT * FROM {ks}.t WHERE ttl(v) > 0 ORDER BY writetime(v)")).await;
    let table = plan(&session, &ks.sql("SELECT * FROM {ks}.t")).await;
    assert_eq!(query.schema.fields(), table.schema.fields());

    for (sql, parts) in [
        ("SELECT writetime(k) FROM {ks}.t", &["writetime(", "primary key"][..]),
        ("SELECT ttl(c) FROM {ks}.t", &["primary key"]),
        ("SELECT writetime(1)", &["only columns of Cassandra tables"]),
        ("SELECT writetime(v + 1) FROM {ks}.t", &["only columns of Cassandra tables"]),
        ("SELECT writetime(x) FROM (SELECT CAST(v AS BIGINT) AS x FROM {ks}.t)", &["it is computed"]),
        ("SELECT writetime(v) FROM (SELECT DISTINCT v FROM {ks}.t)", &["Distinct stands between it and the table"]),
        ("SELECT writetime(v) FROM {ks}.t GROUP BY v", &["Aggregate stands between it and the table"]),
        ("SELECT writetime(v) FROM (SELECT v FROM {ks}.t UNION ALL SELECT v FROM {ks}.t)", &["Union stands between"]),
        ("SELECT writetime(v) FROM cql('SELECT v FROM {ks}.t')", &["is no table of Cassandra"]),
        ("SELECT writetime() FROM {ks}.t", &["writetime"]),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        for part in parts {
            assert!(error.contains(part), "{sql}: no {part:?} in {error:?}");
        }
        assert!(!error.contains("Internal error"), "{sql}: {error}");
    }
    ks.drop_it().await;
}
