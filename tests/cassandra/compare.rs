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
