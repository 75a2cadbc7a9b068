//! Comparisons with what people write: numbers, UUIDs and addresses.

use crate::common::{TestKeyspace, error_of, number, run, session, sorted_rows};

async fn table() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (id uuid PRIMARY KEY, d decimal, v varint, ip inet, at timestamp, day date)").await;
    for (id, d, v, ip) in [
        (1, "10.50", "12345678901234567890123", "192.0.2.1"),
        (2, "9", "9", "2001:db8::1"),
        (3, "-1E+3", "-10", "::"),
        (4, "0.00", "0", "10.0.0.1"),
    ] {
        ks.run(&format!(
            "INSERT INTO {{ks}}.t (id, d, v, ip, at, day) VALUES (00000000-0000-0000-0000-00000000000{id}, {d}, {v}, \
             '{ip}', '2024-02-0{id} 12:00:00+0000', '2024-02-0{id}')"
        ))
        .await;
    }
    ks
}

#[tokio::test(flavor = "multi_thread")]
async fn literals_are_compared_as_what_the_column_is() {
    let ks = table().await;
    let session = session();
    let conditions = [
        ("d > 9.5", "1"),
        ("d = 10.5", "1"),
        ("d = '10.500'", "1"),
        ("d <> 9", "1 3 4"),
        ("d BETWEEN -2000 AND 0", "3 4"),
        ("d NOT BETWEEN -2000 AND 0", "1 2"),
        ("d IN (9.0, 0)", "2 4"),
        ("d NOT IN (9.0, 0)", "1 3"),
        ("9.5 < d", "1"),
        ("d < v", "1 3"),
        ("d = v", "2 4"),
        ("v >= 10", "1"),
        ("v < -9", "3"),
        ("v = '12345678901234567890123'", "1"),
        ("CAST(v AS DECIMAL(38, 0)) = 9", "2"),
        ("id = '00000000-0000-0000-0000-000000000002'", "2"),
        ("'00000000-0000-0000-0000-000000000002' = id", "2"),
        ("id IN ('00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000003')", "2 3"),
        ("id <> '00000000-0000-0000-0000-000000000002' AND id < '00000000-0000-0000-0000-000000000004'", "1 3"),
        ("CAST(id AS VARCHAR) LIKE '%3'", "3"),
        ("ip = '2001:DB8:0::1'", "2"),
        ("ip IN ('0:0::0', '10.0.0.1')", "3 4"),
        ("at > '2024-02-03'", "3 4"),
        ("at = '2024-02-03T12:00:00Z'", "3"),
        ("day BETWEEN '2024-02-02' AND '2024-02-03'", "2 3"),
        ("d IS DISTINCT FROM 9", "1 3 4"),
        ("d = NULL", ""),
    ];
    for (condition, expected) in conditions {
        let sql = ks.sql(&format!("SELECT right(CAST(id AS VARCHAR), 1) FROM {{ks}}.t WHERE {condition}"));
        assert_eq!(sorted_rows(&session, &sql).await.join(" "), expected, "{condition}");
        // Through names of a subquery as well.
        let sql = ks.sql(&format!("SELECT count(*) FROM (SELECT * FROM {{ks}}.t) AS s WHERE {condition}"));
        let count = expected.split_whitespace().count();
        assert_eq!(number(&session, &sql).await, i64::try_from(count).unwrap(), "{condition}");
    }
    // Outside of WHERE as well.
    let id = "00000000-0000-0000-0000-000000000002";
    let sql =
        ks.sql(&format!("SELECT sum(CASE WHEN id = '{id}' THEN 10 ELSE 1 END), bool_or('{id}' < id) FROM {{ks}}.t"));
    assert_eq!(sorted_rows(&session, &sql).await, ["13|true"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_sorted_as_numbers() {
    let ks = table().await;
    let session = session();
    for (sql, expected) in [
        ("SELECT d FROM {ks}.t ORDER BY d DESC", "10.50 9 0.00 -1E+3"),
        ("SELECT d AS x FROM {ks}.t ORDER BY x", "-1E+3 0.00 9 10.50"),
        ("SELECT v FROM {ks}.t ORDER BY v LIMIT 2", "-10 0"),
    ] {
        let rows = run(&session, &ks.sql(sql)).await.unwrap();
        let text = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        let values: Vec<&str> = text.lines().skip(3).filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
        assert_eq!(values.join(" "), expected, "{sql}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_is_refused() {
    let ks = table().await;
    let session = session();
    for (sql, expected) in [
        ("SELECT * FROM {ks}.t WHERE id = 'abc'", "'abc' is not a UUID: write it as"),
        ("SELECT * FROM {ks}.t WHERE ip = 'localhost'", "'localhost' is not an address"),
        ("SELECT * FROM {ks}.t WHERE d > 'many'", "'many' is not a number"),
        ("SELECT * FROM {ks}.t WHERE v = 12345678901234567890123", "has lost digits"),
        ("SELECT max(d) FROM {ks}.t", "would compare the digits as text: write max(CAST("),
        ("SELECT min(v) FROM {ks}.t", "would compare the digits as text: write min(CAST("),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    let sql = "SELECT CAST(max(CAST(v AS DECIMAL(38, 0))) / 1000000000000 AS BIGINT) FROM {ks}.t";
    assert_eq!(number(&session, &ks.sql(sql)).await, 12_345_678_901);
    ks.drop_it().await;
}

/// The numbers are in another order as texts: "10.50" < "9", "-10" < "-9.5".
async fn nested_table() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.item (price decimal, id uuid, ip inet)").await;
    ks.run(
        "CREATE TABLE {ks}.t (k int PRIMARY KEY, u item, l list<decimal>, n set<varint>, ids list<uuid>, ips list<inet>, \
         m map<text, decimal>, mi map<int, uuid>, md map<decimal, int>, mu map<uuid, int>, \
         tu tuple<varint, timeuuid>, us list<frozen<item>>, v vector<varint, 2>)",
    )
    .await;
    let id = |k: i32| format!("00000000-0000-1000-8000-00000000000{k}");
    for (k, price, n, ip) in [
        (1, "10.50", "10", "192.0.2.1"),
        (2, "9", "9", "2001:db8::1"),
        (3, "-1E+3", "-10", "::"),
        (4, "0.00", "0", "10.0.0.1"),
    ] {
        let (id, item) = (id(k), format!("{{price: {price}, id: {}, ip: '{ip}'}}", id(k)));
        ks.run(&format!(
            "INSERT INTO {{ks}}.t (k, u, l, n, ids, ips, m, mi, mu, tu, us, v) VALUES ({k}, {item}, [{price}, 100], \
             {{{n}, 200}}, \
             [{id}, ffffffff-0000-1000-8000-000000000000], ['{ip}'], {{'a': {price}, 'b': 1}}, {{1: {id}}}, \
             {{{id}: {k}}}, ({n}, {id}), \
             [{item}], [{n}, 0])"
        ))
        .await;
    }
    ks
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_values_are_compared_as_what_they_are() {
    let ks = nested_table().await;
    let session = session();
    let conditions = [
        ("u['price'] > 9.5", "1"),
        ("u['price'] = 10.5", "1"),
        ("u['price'] BETWEEN -2000 AND 0", "3 4"),
        ("u['price'] IN (9.0, 0)", "2 4"),
        ("u['price'] < tu['_1']", "3"),
        ("u['id'] = '00000000-0000-1000-8000-000000000002'", "2"),
        ("u['id'] IN ('00000000-0000-1000-8000-000000000002', '00000000-0000-1000-8000-000000000003')", "2 3"),
        ("CAST(u['id'] AS VARCHAR) LIKE '%3'", "3"),
        ("u['ip'] = '2001:DB8:0::1'", "2"),
        ("l[1] < 10", "2 3 4"),
        ("l[1] >= 9.00", "1 2"),
        ("l[-1] = '1E+2'", "1 2 3 4"),
        ("array_element(l, 1) > 9.5", "1"),
        ("list_element(l, 1) > 9.5", "1"),
        ("array_slice(l, 1, 1)[1] > 9.5", "1"),
        ("l[1:1][1] > 9.5", "1"),
        ("n[1] < 9", "3 4"),
        ("v[1] < 9", "3 4"),
        ("v[1] = v[2]", "4"),
        ("ids[1] = '00000000-0000-1000-8000-000000000002'", "2"),
        ("CAST(ids[1] AS VARCHAR) LIKE '%3'", "3"),
        ("ips[1] IN ('0:0::0', '10.0.0.1')", "3 4"),
        ("m['a'] > 9.5", "1"),
        ("map_extract(m, 'a')[1] > 9.5", "1"),
        ("element_at(m, 'a')[1] > 9.5", "1"),
        ("array_has(map_values(m), 10.5)", "1"),
        ("mi[1] = '00000000-0000-1000-8000-000000000002'", "2"),
        ("mu['00000000-0000-1000-8000-000000000002'] = 2", "2"),
        ("tu['_1'] < 9", "3 4"),
        ("tu['_2'] > '00000000-0000-1000-8000-000000000002'", "3 4"),
        ("us[1]['price'] > 9.5", "1"),
        ("us[1]['id'] = '00000000-0000-1000-8000-000000000002'", "2"),
        ("array_has(l, 10.5)", "1"),
        ("array_has(l, -1000)", "3"),
        ("NOT array_has(l, 10.5)", "2 3 4"),
        ("array_contains(n, 9)", "2"),
        ("array_position(l, 9.0) = 1", "2"),
        ("array_has_any(l, make_array(9.0, 0))", "2 4"),
        ("array_has_all(l, [9.0, 100.0])", "2"),
        ("l @> [9.0]", "2"),
        ("array_has(ips, '2001:DB8::1')", "2"),
        ("array_has(ids, u['id'])", "1 2 3 4"),
        ("10.5 = ANY(l)", "1"),
    ];
    for (condition, expected) in conditions {
        let sql = ks.sql(&format!("SELECT k FROM {{ks}}.t WHERE {condition}"));
        assert_eq!(sorted_rows(&session, &sql).await.join(" "), expected, "{condition}");
        // As a value, and through names of a subquery as well.
        let sql = ks
            .sql(&format!("SELECT count(*) FROM (SELECT {condition} AS c FROM (SELECT * FROM {{ks}}.t) AS s) WHERE c"));
        let count = expected.split_whitespace().count();
        assert_eq!(number(&session, &sql).await, i64::try_from(count).unwrap(), "{condition}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_of_values_keep_what_they_are() {
    let ks = nested_table().await;
    let session = session();
    for (sql, expected) in [
        ("SELECT k FROM {ks}.t ORDER BY u['price']", "3 4 2 1"),
        ("SELECT k FROM {ks}.t ORDER BY l[1]", "3 4 2 1"),
        ("SELECT l[1] FROM {ks}.t ORDER BY l[1]", "-1E+3 0.00 9 10.50"),
        ("SELECT m['a'] AS x FROM {ks}.t ORDER BY x DESC", "10.50 9 0.00 -1E+3"),
        ("SELECT x FROM (SELECT v[1] AS x FROM {ks}.t) WHERE x < 9 ORDER BY x", "-10 0"),
        ("SELECT x FROM (SELECT unnest(l) AS x FROM {ks}.t) WHERE x > 9.5 AND x < 100 ORDER BY x", "10.50"),
        ("SELECT x FROM (SELECT DISTINCT unnest(n) AS x FROM {ks}.t) ORDER BY x", "-10 0 9 10 200"),
        (
            "SELECT right(CAST(x AS VARCHAR), 1) FROM (SELECT unnest(ids) AS x, k FROM {ks}.t) WHERE k = 2 ORDER BY x",
            "2 0",
        ),
        ("SELECT x['price'] FROM (SELECT unnest(us) AS x FROM {ks}.t) WHERE x['price'] > 9.5", "10.50"),
        ("SELECT k FROM (SELECT k, rank() OVER (ORDER BY u['price']) AS r FROM {ks}.t) ORDER BY r", "3 4 2 1"),
        ("SELECT array_to_string(array_agg(k ORDER BY u['price']), ' ') FROM {ks}.t", "3 4 2 1"),
    ] {
        let rows = run(&session, &ks.sql(sql)).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let text = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
        let values: Vec<&str> = text.lines().skip(3).filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
        assert_eq!(values.join(" "), expected, "{sql}");
    }
    for (sql, expected) in [
        ("SELECT max(u['price']) FROM {ks}.t", "would compare the digits as text: write max(CAST("),
        ("SELECT min(l[1]) FROM {ks}.t", "would compare the digits as text: write min(CAST("),
        ("SELECT max(u['price']) OVER () FROM {ks}.t", "would compare the digits as text: write max(CAST("),
        ("SELECT array_max(l) FROM {ks}.t", "array_max would compare the digits as text: unnest the list"),
        ("SELECT array_sort(n) FROM {ks}.t", "array_sort would compare the digits as text: unnest the list"),
        ("SELECT k FROM {ks}.t WHERE md[9.5] = 1", "would compare the digits of the keys as text"),
        ("SELECT k FROM {ks}.t WHERE u['id'] = 'abc'", "'abc' is not a UUID: write it as"),
        ("SELECT k FROM {ks}.t WHERE array_has(l, 'many')", "'many' is not a number"),
        ("SELECT k FROM {ks}.t WHERE array_has(ips, 'localhost')", "'localhost' is not an address"),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    ks.drop_it().await;
}
