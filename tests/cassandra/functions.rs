//! Functions of SQL: what they give is what Cassandra's own say.

use crate::common::{TestKeyspace, error_of, explain, host, number, plan, run, session, sorted_rows};
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;

mod cell_times;

/// Every type a partition key can have, with two values in CQL.
const KEY_TYPES: [(&str, [&str; 2]); 24] = [
    ("ascii", ["'a'", "'~ ascii of more than sixteen bytes'"]),
    ("text", ["'Grüße'", "'0123456789abcdef'"]),
    ("tinyint", ["-128", "1"]),
    ("smallint", ["-32768", "1"]),
    ("int", ["-2147483648", "1"]),
    ("bigint", ["-9223372036854775808", "1"]),
    ("varint", ["-129", "123456789012345678901234567890"]),
    ("decimal", ["1.50", "-1E+3"]),
    ("float", ["-0.0", "NaN"]),
    ("double", ["1.5", "-Infinity"]),
    ("boolean", ["true", "false"]),
    ("blob", ["0xcafe", "0xffffffffffffffffffffffffffffffffff"]),
    ("uuid", ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"]),
    ("timeuuid", ["50554d6e-29bb-11e5-b345-feff819cdc9f", "00000000-0000-1000-8000-000000000000"]),
    ("inet", ["'192.0.2.1'", "'2001:db8::1'"]),
    ("date", ["'-4712-01-01'", "'2024-02-29'"]),
    ("time", ["'00:00:00'", "'23:59:59.999999999'"]),
    ("timestamp", ["'1969-12-31 23:59:59.999+0000'", "0"]),
    ("frozen<list<int>>", ["[]", "[3, 1, 2]"]),
    ("frozen<set<text>>", ["{}", "{'b', 'a'}"]),
    ("frozen<map<text, frozen<tuple<int, text>>>>", ["{'a': (1, null)}", "{'b': (2, 'x'), 'a': (1, 'y')}"]),
    ("frozen<tuple<int, text>>", ["(null, 'x')", "(1, 'y')"]),
    ("frozen<address>", ["{street: 'Rue', codes: [{code: 1}]}", "{street: null, codes: null}"]),
    ("vector<float, 2>", ["[1.5, -0.0]", "[0, 1]"]),
];

async fn key_types() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.code (code smallint)").await;
    ks.run("CREATE TYPE {ks}.address (street text, codes frozen<list<frozen<code>>>)").await;
    ks
}

/// What the server itself says, in order.
async fn tokens(ks: &TestKeyspace, cql: &str) -> Vec<String> {
    let rows = ks.cql.query_unpaged(ks.sql(cql), ()).await.unwrap().into_rows_result().unwrap();
    let mut tokens: Vec<_> = rows.rows::<(i64,)>().unwrap().map(|row| row.unwrap().0.to_string()).collect();
    assert!(!tokens.is_empty(), "{cql}");
    tokens.sort();
    tokens
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_every_type_are_those_of_the_server() {
    let ks = key_types().await;
    let session = session();
    for (i, (cql_type, values)) in KEY_TYPES.iter().enumerate() {
        ks.run(&format!("CREATE TABLE {{ks}}.t{i} (k {cql_type} PRIMARY KEY)")).await;
        for value in values {
            ks.run(&format!("INSERT INTO {{ks}}.t{i} (k) VALUES ({value})")).await;
        }
        let query = format!("SELECT token(k) FROM {{ks}}.t{i}");
        let ours = sorted_rows(&session, &ks.sql(&query)).await;
        assert_eq!(ours, tokens(&ks, &query).await, "{cql_type}");
        assert_eq!(ours.len(), 2, "{cql_type}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_composite_keys_are_the_same_everywhere() {
    let ks = key_types().await;
    let names: Vec<String> = (0..KEY_TYPES.len()).map(|i| format!("k{i}")).collect();
    let columns: Vec<String> = names.iter().zip(KEY_TYPES).map(|(name, (cql, _))| format!("{name} {cql}")).collect();
    let (columns, names) = (columns.join(", "), names.join(", "));
    ks.run(&format!("CREATE TABLE {{ks}}.t ({columns}, c int, PRIMARY KEY (({names}), c))")).await;
    for row in 0..2 {
        let values: Vec<&str> = KEY_TYPES.iter().map(|(_, values)| values[row]).collect();
        ks.run(&format!("INSERT INTO {{ks}}.t ({names}, c) VALUES ({}, {row})", values.join(", "))).await;
    }
    ks.run("CREATE TABLE {ks}.numbers (a int, b text, c int, PRIMARY KEY ((a, b), c))").await;
    let session = session();
    let insert =
        "INSERT INTO {ks}.numbers SELECT value / 10, concat('b', value / 10), value FROM generate_series(1, 500)";
    run(&session, &ks.sql(insert)).await.unwrap();

    let query = format!("SELECT token({names}) FROM {{ks}}.t");
    let expected = tokens(&ks, &query).await;
    assert_eq!(sorted_rows(&session, &ks.sql(&query)).await, expected);
    // In WHERE, GROUP BY and ORDER BY, and through what renames the columns.
    let expected = tokens(&ks, "SELECT DISTINCT token(a, b) FROM {ks}.numbers").await;
    for sql in [
        "SELECT DISTINCT token(a, b) FROM {ks}.numbers",
        "SELECT token(a, b) FROM {ks}.numbers GROUP BY token(a, b) ORDER BY token(a, b)",
        "SELECT token(x, y) FROM (SELECT a AS x, b AS y FROM {ks}.numbers) AS n GROUP BY x, y",
    ] {
        assert_eq!(sorted_rows(&session, &ks.sql(sql)).await, expected, "{sql}");
    }
    let middle: i64 = 1_000_000_000_000_000_000;
    for operator in [">", "<="] {
        let query = format!("SELECT DISTINCT token(a, b) FROM {{ks}}.numbers WHERE token(a, b) {operator} {middle}");
        assert_eq!(sorted_rows(&session, &ks.sql(&query)).await, tokens(&ks, &query).await, "{query}");
    }

    // A file keeps the types of the columns, if they are read from it.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.parquet");
    let copy = format!("COPY (SELECT * FROM {{ks}}.numbers) TO '{}'", file.display());
    run(&session, &ks.sql(&copy)).await.unwrap();
    let read = format!(
        "SET datafusion.execution.parquet.skip_metadata = false; \
         CREATE EXTERNAL TABLE file STORED AS PARQUET LOCATION '{}'",
        file.display()
    );
    run(&session, &read).await.unwrap();
    assert_eq!(sorted_rows(&session, "SELECT DISTINCT token(a, b) FROM file").await, expected);

    // Values without a column are of the type that is read as theirs.
    ks.run("CREATE TABLE {ks}.big (k bigint PRIMARY KEY)").await;
    ks.run("INSERT INTO {ks}.big (k) VALUES (1)").await;
    let one = tokens(&ks, "SELECT token(k) FROM {ks}.big").await;
    assert_eq!(sorted_rows(&session, "SELECT token(1)").await, one);
    assert_eq!(sorted_rows(&session, "SELECT token(1, NULL)").await, ["NULL"]);
    assert_eq!(
        sorted_rows(&session, "SELECT token(x) FROM (VALUES (1), (NULL)) AS v (x)").await,
        [one[0].as_str(), "NULL"]
    );
    for (sql, parts) in [
        ("SELECT token()", &["token() needs arguments", "partition key"][..]),
        ("SELECT token(arrow_cast(1, 'UInt32'))", &["arrow_cast(…, 'Int32')"]),
        ("SELECT token(INTERVAL '1 day')", &["no CQL type"]),
        ("SELECT token('')", &["must not be empty", "function: token"]),
    ] {
        let error = error_of(&session, sql).await;
        for part in parts {
            assert!(error.contains(part), "{sql}: no {part:?} in {error:?}");
        }
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ring_and_the_splits_are_tables() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY)").await;
    ks.run("CREATE TABLE {ks}.\"Tx\" (k int PRIMARY KEY)").await;
    let session = session();
    let address = host();
    let address = if address.contains(':') { address } else { format!("{address}:9042") };
    for (from, rows) in [("cassandra_ring('{ks}')", None), ("cassandra_splits('{ks}.t')", Some(7))] {
        run(&session, "SET cassandra.splits = 7").await.unwrap();
        // Each range begins where the one before it ends, from the smallest number to the largest.
        let gaps = format!(
            "SELECT count(*) FROM (SELECT start_token, lag(end_token) OVER (ORDER BY start_token) AS before FROM {from}) \
             WHERE start_token <> coalesce(before, -9223372036854775808)"
        );
        assert_eq!(number(&session, &ks.sql(&gaps)).await, 0, "{from}");
        let all = format!(
            "SELECT max(end_token), sum(tokens), count(DISTINCT replicas), count(DISTINCT host_ids), \
             sum(share) BETWEEN 0.999999 AND 1.000001, min(replicas[1]) FROM {from}"
        );
        let expected = format!("9223372036854775807|18446744073709551615|1|1|true|{address}");
        assert_eq!(sorted_rows(&session, &ks.sql(&all)).await, [expected], "{from}");
        let count = number(&session, &ks.sql(&format!("SELECT count(*) FROM {from}"))).await;
        assert!(rows.map_or(count >= 1, |rows| count == rows), "{from}: {count}");
    }

    // As many splits and partitions as a scan has, whatever the options.
    for set in
        ["SET cassandra.splits = 7", "SET cassandra.splits = 100", "SET datafusion.execution.target_partitions = 3"]
    {
        run(&session, set).await.unwrap();
        let count = "SELECT count(*) FROM cassandra_splits('{ks}.\"Tx\"')";
        let partitions = "SELECT count(DISTINCT partition) FROM cassandra_splits('{ks}.\"Tx\"')";
        let (count, partitions) = (number(&session, &ks.sql(count)).await, number(&session, &ks.sql(partitions)).await);
        let text = explain(&session, &ks.sql("SELECT * FROM {ks}.\"Tx\"")).await;
        assert!(
            text.contains(&format!("splits={count}, partitions={partitions}, ")),
            "{set}: {count}, {partitions}\n{text}"
        );
    }
    let local =
        sorted_rows(&session, "SELECT partition, split, start_token FROM cassandra_splits('system.local')").await;
    assert_eq!(local, ["0|0|NULL"]);

    for (sql, parts) in [
        ("SELECT * FROM cassandra_ring('nonsense')", &["keyspace nonsense does not exist"][..]),
        ("SELECT * FROM cassandra_ring('system')", &["keyspace system has no ring"]),
        ("SELECT * FROM cassandra_ring('a.b')", &["'a.b' is not the name of a keyspace"]),
        ("SELECT * FROM cassandra_ring()", &["cassandra_ring('keyspace')"]),
        ("SELECT * FROM cassandra_splits('nonsense')", &["cassandra_splits('keyspace.table')"]),
        ("SELECT * FROM cassandra_splits('{ks}.nonsense')", &["table {ks}.nonsense does not exist"]),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        for part in parts {
            assert!(error.contains(&ks.sql(part)), "{sql}: no {part:?} in {error:?}");
        }
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cql_runs_any_select() {
    let ks = key_types().await;
    let columns: Vec<String> = KEY_TYPES.iter().enumerate().map(|(i, (cql, _))| format!("v{i} {cql}")).collect();
    ks.run(&format!("CREATE TABLE {{ks}}.types (k int PRIMARY KEY, {}, l list<int>, d duration)", columns.join(", ")))
        .await;
    for (row, null) in [(0, "null"), (1, "1mo2d3ns")] {
        let values: Vec<&str> = KEY_TYPES.iter().map(|(_, values)| values[row]).collect();
        let names: Vec<String> = (0..KEY_TYPES.len()).map(|i| format!("v{i}")).collect();
        let (names, values) = (names.join(", "), values.join(", "));
        ks.run(&format!("INSERT INTO {{ks}}.types (k, {names}, l, d) VALUES ({row}, {values}, [7], {null})")).await;
    }
    ks.run("CREATE TABLE {ks}.t (a int, b int, v text, PRIMARY KEY (a, b))").await;
    let session = session();
    run(&session, &ks.sql("INSERT INTO {ks}.t SELECT 1, value, 'v' FROM generate_series(1, 5000)")).await.unwrap();
    ks.run("UPDATE {ks}.t USING TIMESTAMP 1234567890123456 AND TTL 1000000 SET v = 'x' WHERE a = 2 AND b = 1").await;

    // All types, and as the table itself is read.
    let by_cql = sorted_rows(&session, &ks.sql("SELECT * FROM cql('SELECT * FROM {ks}.types')")).await;
    assert_eq!(by_cql.len(), 2);
    assert_eq!(by_cql, sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.types")).await);
    // Many pages; projections, limits and joins above it.
    let sum = "SELECT sum(b) FROM cql('SELECT a, b, v FROM {ks}.t WHERE a = 1')";
    assert_eq!(number(&session, &ks.sql(sum)).await, 5_000 * 5_001 / 2);
    let query = plan(&session, &ks.sql("SELECT b FROM cql('SELECT * FROM {ks}.t') LIMIT 3")).await;
    let rows: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    assert_eq!(rows.iter().map(datafusion::arrow::array::RecordBatch::num_rows).sum::<usize>(), 3);
    assert_eq!(pages(query.plan.as_ref()), 1);
    let join = "SELECT count(*) FROM cql('SELECT b FROM {ks}.t WHERE a = 1 AND b < 11') AS c JOIN {ks}.t ON t.b = c.b";
    assert_eq!(number(&session, &ks.sql(join)).await, 11);
    // What the server computes, with values in quotes.
    let rows = [
        ("SELECT count(*) FROM {ks}.t", "5001"),
        ("SELECT count(*), max(b), min(v) FROM {ks}.t WHERE a = 1", "5000|5000|v"),
        ("SELECT writetime(v) FROM {ks}.t WHERE a = 2", "1234567890123456"),
        ("SELECT cast(b AS text), token(a), (int)7 AS seven FROM {ks}.t WHERE a = 2", "1|-3248873570005575792|7"),
        ("-- the server takes comments\nselect json a from {ks}.t where a = 2;", "{\"a\": 2}"),
        ("SELECT v FROM {ks}.t WHERE v = 'x' ALLOW FILTERING", "x"),
        ("SELECT release_version FROM system.local WHERE key = 'nobody'", ""),
    ];
    for (cql, expected) in rows {
        let rows = sorted_rows(&session, &ks.sql(&format!("SELECT * FROM cql($${cql}$$)"))).await;
        assert_eq!(rows.join("\n"), expected, "{cql}");
    }
    let ttl = "SELECT \"ttl(v)\" > 900000 FROM cql('SELECT ttl(v) FROM {ks}.t WHERE a = 2')";
    assert_eq!(sorted_rows(&session, &ks.sql(ttl)).await, ["true"]);

    // Wherever a table may stand.
    let text = explain(&session, &ks.sql("SELECT * FROM cql('SELECT a FROM {ks}.t')")).await;
    assert!(text.contains(&ks.sql("CassandraStatementExec: cql=SELECT a FROM {ks}.t")), "{text}");
    let view = "CREATE VIEW v AS SELECT * FROM cql('SELECT count(*) AS n FROM {ks}.t'); SELECT n FROM v";
    assert_eq!(sorted_rows(&session, &ks.sql(view)).await, ["5001"]);
    let twice = "WITH c AS (SELECT * FROM cql('SELECT b FROM {ks}.t WHERE a = 2')) \
                 SELECT * FROM c UNION ALL SELECT b + 1 FROM cql('SELECT b FROM {ks}.t WHERE a = 2')";
    assert_eq!(sorted_rows(&session, &ks.sql(twice)).await, ["1", "2"]);

    for (sql, parts) in [
        ("SELECT * FROM cql('INSERT INTO {ks}.t (a, b) VALUES (9, 9)')", &["only SELECT can be run as CQL"][..]),
        ("SELECT * FROM cql('SELECT a FROM {ks}.t; DROP TABLE {ks}.t')", &["the server refuses the statement"]),
        ("SELECT * FROM cql('SELECT a, a FROM {ks}.t')", &["more than one column a", "AS"]),
        ("SELECT * FROM cql('SELECT a FROM {ks}.t WHERE a = ?')", &["bind markers"]),
        ("SELECT * FROM cql('SELECT nonsense FROM {ks}.t')", &["the server refuses the statement", "SELECT nonsense"]),
        ("SELECT * FROM cql()", &["cql takes one text"]),
        ("SELECT * FROM cql(concat('SELECT ', 'a'))", &["must stand there as a constant"]),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        for part in parts {
            assert!(error.contains(part), "{sql}: no {part:?} in {error:?}");
        }
    }
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 5_001);
    let embedded = session.context().sql("SELECT * FROM cql('SELECT key FROM system.local')").await.unwrap_err();
    assert!(embedded.to_string().contains("PreparedCql::while_planning"), "{embedded}");
    // A plan made before the table was changed reads nothing under a wrong name.
    let query = plan(&session, &ks.sql("SELECT * FROM cql('SELECT * FROM {ks}.t')")).await;
    ks.run("ALTER TABLE {ks}.t ADD new text").await;
    let changed = query.execute().unwrap().try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(changed.contains("the table was changed since"), "{changed}");
    ks.drop_it().await;
}

fn pages(plan: &dyn ExecutionPlan) -> usize {
    crate::common::metric(plan, "pages")
}

/// Text is what people have; what it stands for, the columns know.
#[tokio::test(flavor = "multi_thread")]
async fn text_becomes_what_the_column_is() {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (k int PRIMARY KEY, u uuid, tu timeuuid, ip inet, b blob, us set<uuid>, m map<text, uuid>, \
         n decimal)",
    )
    .await;
    let session = session();
    let (u, tu) = ("123e4567-e89b-12d3-a456-426614174000", "50554d6e-29bb-11e5-b345-feff819cdc9f");
    for (k, values) in [
        (1, format!("CAST('{u}' AS UUID), to_uuid('{tu}'), '2001:DB8::1', X'616263', [CAST('{u}' AS UUID)], '1.50'")),
        (2, format!("CAST('{tu}' AS UUID), '{tu}'::uuid, '192.0.2.1', X'00ff', [to_uuid('{u}'), '{tu}'::uuid], '2'")),
    ] {
        let sql = ks.sql(&format!("INSERT INTO {{ks}}.t (k, u, tu, ip, b, us, n) VALUES ({k}, {values})"));
        assert_eq!(number(&session, &sql).await, 1, "{sql}");
    }
    // Of a query, too.
    let sql = format!("INSERT INTO {{ks}}.t (k, u) SELECT 3, CAST(x AS UUID) FROM (SELECT '{u}' AS x)");
    assert_eq!(number(&session, &ks.sql(&sql)).await, 1);
    ks.run(&format!("UPDATE {{ks}}.t SET m = {{'a': {u}}} WHERE k = 1")).await;
    for cql in [
        format!("u = {u} AND tu = {tu} AND ip = '2001:db8::1' AND b = 0x616263 AND us CONTAINS {u} AND n = 1.50"),
        format!("u = {tu} AND tu = {tu} AND ip = '192.0.2.1' AND b = 0x00ff AND us CONTAINS {tu}"),
        format!("u = {u} AND k = 3"),
    ] {
        let cql = ks.sql(&format!("SELECT count(*) FROM {{ks}}.t WHERE {cql} ALLOW FILTERING"));
        let rows = ks.cql.query_unpaged(cql.clone(), ()).await.unwrap().into_rows_result().unwrap();
        assert_eq!(rows.single_row::<(i64,)>().unwrap().0, 1, "{cql}");
    }
    for (condition, expected) in [
        (format!("u = CAST('{u}' AS UUID)"), "1 3"),
        (format!("u = to_uuid(upper('{u}'))"), "1 3"),
        (format!("u IN (to_uuid('{u}'), '{tu}')"), "1 2 3"),
        (format!("CAST(u AS VARCHAR) = '{tu}'"), "2"),
        ("u = CAST(CAST(tu AS VARCHAR) AS UUID)".to_owned(), "2"),
        (format!("array_has(us, CAST('{tu}' AS UUID))"), "2"),
        (format!("array_has_any(us, [to_uuid('{tu}')])"), "2"),
        (format!("m['a'] = '{u}'"), "1"),
        ("b = X'00ff'".to_owned(), "2"),
        ("ip = '2001:db8:0::1'".to_owned(), "1"),
        ("CAST(ip AS VARCHAR) LIKE '192.%'".to_owned(), "2"),
        ("n = CAST('1.5' AS DECIMAL(10, 2))".to_owned(), "1"),
    ] {
        let sql = ks.sql(&format!("SELECT k FROM {{ks}}.t WHERE {condition}"));
        assert_eq!(sorted_rows(&session, &sql).await.join(" "), expected, "{condition}");
    }
    let error = error_of(&session, "SELECT CAST('abc' AS UUID)").await;
    assert!(error.contains("'abc' is not a UUID: write it as"), "{error}");
    let error = error_of(&session, "SELECT to_uuid(5)").await;
    assert!(error.contains("to_uuid takes one text"), "{error}");
    assert_eq!(number(&session, "SELECT count(*) FROM (SELECT to_uuid(NULL) AS x) WHERE x IS NULL").await, 1);
    ks.drop_it().await;
}
