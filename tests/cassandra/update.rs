//! UPDATE: the rows that are chosen get their new values, no row is made, and nothing else changes.

use crate::common::{TestKeyspace, error_of, explain, number, run, session, sorted_rows};

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_updated_by_key_and_by_anything_else() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, \"C\" text, a int, \"b b\" int, PRIMARY KEY (k, \"C\")) WITH CLUSTERING ORDER BY (\"C\" DESC)")
        .await;
    let session = session();
    let insert = "INSERT INTO {ks}.t VALUES (1, 'x', 1, 10), (1, 'y', 2, 20), (2, 'x', 3, 30), (2, 'y', 4, NULL)";
    assert_eq!(number(&session, &ks.sql(insert)).await, 4);
    let update = async |sql: &str| number(&session, &ks.sql(&format!("UPDATE {{ks}}.t {sql}"))).await;
    let rows = async || sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await;

    assert_eq!(update("SET a = 100 WHERE k = 1 AND \"C\" = 'y'").await, 1);
    assert_eq!(rows().await, ["1|x|1|10", "1|y|100|20", "2|x|3|30", "2|y|4|NULL"]);
    // In CQL this would make a row.
    assert_eq!(update("SET a = 100 WHERE k = 7 AND \"C\" = 'y'").await, 0);
    assert_eq!(rows().await.len(), 4);
    // Old values on the right side, of all columns.
    assert_eq!(update("SET a = \"b b\", \"b b\" = a WHERE k = 1").await, 2);
    assert_eq!(rows().await, ["1|x|10|1", "1|y|20|100", "2|x|3|30", "2|y|4|NULL"]);
    assert_eq!(update("AS u SET a = u.a + 1, \"b b\" = coalesce(u.\"b b\", -1) WHERE u.\"C\" = 'y'").await, 2);
    assert_eq!(rows().await, ["1|x|10|1", "1|y|21|100", "2|x|3|30", "2|y|5|-1"]);
    assert_eq!(update("SET a = (SELECT max(a) FROM {ks}.t) WHERE k IN (SELECT 2)").await, 2);
    assert_eq!(rows().await, ["1|x|10|1", "1|y|21|100", "2|x|21|30", "2|y|21|-1"]);
    assert_eq!(update("SET a = 0 WHERE k NOT IN (SELECT column1 FROM (VALUES (1), (NULL)))").await, 0);
    assert_eq!(update("SET a = 0 WHERE false").await, 0);
    assert_eq!(rows().await, ["1|x|10|1", "1|y|21|100", "2|x|21|30", "2|y|21|-1"]);
    let text = explain(&session, &ks.sql("UPDATE {ks}.t SET a = 1 WHERE k = 1")).await;
    assert!(text.contains("SET \"a\" = ? WHERE \"k\" = ? AND \"C\" = ?"), "{text}");
    assert_eq!(rows().await[0], "1|x|10|1", "EXPLAIN updates nothing");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn null_is_written_and_nothing_else_is_touched() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, a text, b int, tags list<int>)").await;
    ks.run("INSERT INTO {ks}.t (k, a, b, tags) VALUES (1, 'a', 1, [1]) USING TTL 86400").await;
    ks.run("INSERT INTO {ks}.t (k, a, b, tags) VALUES (2, 'a', 2, [2])").await;
    let session = session();
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET a = NULL, tags = NULL WHERE k = 1")).await, 1);
    let rows = async || sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await;
    assert_eq!(rows().await, ["1|NULL|1|NULL", "2|a|2|[2]"]);
    // Cells that are not set keep their time to live, which an INSERT of the row would not leave to its end.
    let ttl = ks.cql.query_unpaged(ks.sql("SELECT ttl(b) FROM {ks}.t WHERE k = 1"), ()).await.unwrap();
    let (ttl,) = ttl.into_rows_result().unwrap().single_row::<(Option<i32>,)>().unwrap();
    assert!(ttl.is_some_and(|ttl| ttl > 80_000), "{ttl:?}");
    // A null that comes of an expression, and values of other rows of the same batch.
    assert_eq!(
        number(&session, &ks.sql("UPDATE {ks}.t SET b = nullif(b, 1), tags = make_array(k, 7) WHERE k > 0")).await,
        2
    );
    assert_eq!(rows().await, ["1|NULL|NULL|[1, 7]", "2|a|2|[2, 7]"]);
    // An older value does not come back: there is a tombstone.
    ks.run("UPDATE {ks}.t USING TIMESTAMP 1 SET a = 'older' WHERE k = 1").await;
    assert_eq!(rows().await[0], "1|NULL|NULL|[1, 7]");
    // A row that INSERT has made stays, without any value.
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET a = NULL, b = NULL, tags = NULL WHERE k = 2")).await, 1);
    assert_eq!(rows().await[1], "2|NULL|NULL|NULL");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_written_exactly_or_refused() {
    let ks = TestKeyspace::create().await;
    ks.run(
        "CREATE TABLE {ks}.t (k int PRIMARY KEY, small smallint, f float, d double, dec decimal, big varint, id uuid, ip inet, \
         at timestamp, day date, ok boolean, name text, bytes blob, tags set<int>)",
    )
    .await;
    let session = session();
    run(&session, &ks.sql("INSERT INTO {ks}.t (k, small) VALUES (1, 7)")).await.unwrap();
    let update = "UPDATE {ks}.t SET f = 0.1, d = 1, dec = -9.50, big = 123456789012345678901234567890, \
                  id = '123e4567-e89b-12d3-a456-426614174000', ip = '2001:DB8::1', at = '2024-02-29T12:00:00Z', \
                  day = '2024-02-29', ok = true, name = upper('n'), bytes = x'cafe', tags = make_array(3, 1), small = small + 1 \
                  WHERE k = 1";
    assert_eq!(number(&session, &ks.sql(update)).await, 1);
    let row = "SELECT small, f, d, dec, big, id = '123e4567-e89b-12d3-a456-426614174000', ip, at, day, ok, name, bytes, tags \
               FROM {ks}.t";
    let expected = "8|0.1|1.0|-9.50|123456789012345678901234567890|true|2001:db8::1|2024-02-29T12:00:00Z|2024-02-29|true|N|\
                    cafe|[1, 3]";
    assert_eq!(sorted_rows(&session, &ks.sql(row)).await, [expected]);
    for (set, parts) in [
        ("small = 70000", ["cannot write \"70000\" as smallint: it is out of range", "column: small"]),
        ("small = small * 100000", ["cannot write \"800000\" as smallint: it is out of range", "column: small"]),
        ("small = 1.5", ["column small of type smallint cannot be written from Arrow type Float64", "{ks}.t"]),
        ("small = 'seven'", ["seven", "Int16"]),
        ("name = 5", ["column name of type text cannot be written from Arrow type Int64", "{ks}.t"]),
        ("at = arrow_cast(1, 'Timestamp(Nanosecond, None)')", ["Cassandra keeps whole milliseconds", "column: at"]),
        ("ip = 'nowhere'", ["it is no IPv4 or IPv6 address", "column: ip"]),
        ("tags = make_array(1, NULL)", ["null", "column: tags"]),
        ("name = repeat('x', 20000000)", ["the values of the row have 200000", "largest column: name"]),
        ("tags = '1'", ["column tags of type set<int> cannot be written from Arrow type Utf8", "{ks}.t"]),
    ] {
        let error = error_of(&session, &ks.sql(&format!("UPDATE {{ks}}.t SET {set} WHERE k = 1"))).await;
        for part in parts {
            assert!(error.contains(&ks.sql(part)), "{set}\n{error}");
        }
    }
    assert_eq!(sorted_rows(&session, &ks.sql(row)).await, [expected], "what was refused has changed nothing");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_updated_is_refused() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, s int STATIC, v int, tags list<int>, PRIMARY KEY (k, c))").await;
    ks.run("CREATE TABLE {ks}.hits (page text PRIMARY KEY, n counter)").await;
    let session = session();
    run(&session, &ks.sql("INSERT INTO {ks}.t (k, c, s, v, tags) VALUES (1, 1, 1, 1, make_array(1, 2))"))
        .await
        .unwrap();
    for (sql, expected) in [
        (
            "UPDATE {ks}.t SET k = 2 WHERE k = 1",
            "column k is of the primary key of {ks}.t, which identifies a row: INSERT",
        ),
        ("UPDATE {ks}.t SET v = 1, c = 2 WHERE k = 1", "column c is of the primary key of {ks}.t"),
        ("UPDATE {ks}.t SET nonsense = 2 WHERE k = 1", "{ks}.t has no column nonsense: it has k, c, s, tags, v"),
        ("UPDATE {ks}.t SET \"V\" = 2 WHERE k = 1", "{ks}.t has no column V"),
        ("UPDATE {ks}.t SET v = 1, V = 2 WHERE k = 1", "UPDATE sets column v twice"),
        ("UPDATE {ks}.t SET (v, tags) = (1, NULL) WHERE k = 1", "UPDATE sets whole columns"),
        ("UPDATE {ks}.t SET t.v = 1 WHERE k = 1", "UPDATE sets whole columns, named as they are, and 't.v' is none"),
        ("UPDATE {ks}.t SET v = 1, s = 2 WHERE k = 1", "column s of {ks}.t is static"),
        ("UPDATE {ks}.t SET s = v WHERE k = 1", "v has one for each row"),
        (
            "UPDATE {ks}.t SET s = (SELECT max(n.a) FROM (VALUES (1)) AS n (a) WHERE n.a = t.v) WHERE k = 1",
            "v has one for each",
        ),
        (
            "UPDATE {ks}.hits SET n = 1 WHERE page = 'x'",
            "column n of {ks}.hits is a counter, which can only be added to",
        ),
        ("UPDATE {ks}.t SET v = u.v FROM {ks}.t AS u WHERE t.k = u.k", "UPDATE with FROM is not possible"),
        ("UPDATE {ks}.t SET v = 2 WHERE k = 1 RETURNING v", "UPDATE with RETURNING is not possible"),
        ("UPDATE {ks}.t SET v = 2 WHERE k = 1 LIMIT 1", "UPDATE with LIMIT is not possible"),
        ("UPDATE {ks}.t JOIN {ks}.hits ON true SET v = 2 WHERE k = 1", "UPDATE changes one table"),
        ("UPDATE {ks}.t AS t (c, k) SET v = 2 WHERE k = 1", "UPDATE"),
        ("UPDATE {ks}.t SET v = unnest(tags) WHERE k = 1", "UPDATE with unnest(…) would make several rows of one"),
        ("UPDATE {ks}.t SET v = max(v) WHERE k = 1", "GROUP BY"),
        ("UPDATE system.local SET rack = 'r' WHERE key = 'local'", "UPDATE is not possible for system.local"),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(&ks.sql(expected)), "{sql}\n{error}");
    }
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await, ["1|1|1|[1, 2]|1"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_columns_are_updated_once_for_each_partition() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, s int STATIC, m map<text, int> STATIC, v int, PRIMARY KEY (k, c))")
        .await;
    ks.run("INSERT INTO {ks}.t (k, s, m) VALUES (9, 90, {'a': 1})").await;
    let session = session();
    let insert = "INSERT INTO {ks}.t (k, c, s, v) SELECT value / 10, value % 10, value / 10 AS s, value FROM generate_series(0, 29)";
    assert_eq!(number(&session, &ks.sql(insert)).await, 30);
    let statics = async || sorted_rows(&session, &ks.sql("SELECT DISTINCT k, s FROM {ks}.t")).await;
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET s = s * 10 + k WHERE v >= 10 OR v IS NULL")).await, 3);
    assert_eq!(statics().await, ["0|0", "1|11", "2|22", "9|909"]);
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET s = NULL WHERE k IN (1, 9)")).await, 2);
    assert_eq!(statics().await, ["0|0", "1|NULL", "2|22", "9|NULL"]);
    // Rows are updated where there are rows; the line of a Cassandra partition that has only static columns is none.
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET v = -1 WHERE k IN (0, 9)")).await, 10);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE v = -1")).await, 10);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 31);
    // Maps too, which cannot be compared.
    let map = "UPDATE {ks}.t SET m = map(make_array(CAST(k AS VARCHAR)), make_array(k)) WHERE k >= 2";
    assert_eq!(number(&session, &ks.sql(map)).await, 2);
    let maps = sorted_rows(&session, &ks.sql("SELECT k, m FROM {ks}.t WHERE k >= 2 AND (c = 0 OR c IS NULL)")).await;
    assert_eq!(maps, ["2|{2: 2}", "9|{9: 9}"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_says_what_it_has_done() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, a text, n int)").await;
    let session = session();
    let insert = "INSERT INTO {ks}.t (k, a) SELECT value, CASE WHEN value = 777 THEN 'x' ELSE '1' END FROM generate_series(1, 2000)";
    assert_eq!(number(&session, &ks.sql(insert)).await, 2_000);
    let error = error_of(&session, &ks.sql("UPDATE {ks}.t SET n = CAST(a AS INT) WHERE k > 0")).await;
    assert!(error.contains("rows had been updated") && error.contains("'x'"), "{error}");
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET n = try_cast(a AS INT) WHERE k > 0")).await, 2_000);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE n = 1")).await, 1_999);
    ks.drop_it().await;
}
