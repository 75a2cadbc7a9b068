//! Rows as JSON texts: `INSERT INTO ks."t$json"` does what `INSERT INTO t JSON` of CQL does, by ourselves.

use crate::common::{
    TestKeyspace, assert_same_tables, driver, error_of, explain, host, metric, number, plan, run, session, sorted_rows,
};
use crate::rejected::load;
use futures::TryStreamExt;

const COLUMNS: &str = "k int, c text, a ascii, b bigint, bl blob, bo boolean, d date, de decimal, dou double, du duration, \
    f float, i inet, s smallint, t time, ts timestamp, tu timeuuid, ti tinyint, u uuid, v varint, \
    l list<int>, se set<text>, m map<text, bigint>, tup tuple<int, text, frozen<list<int>>>, ud frozen<person>, \
    deep map<int, frozen<list<frozen<person>>>>, vec vector<float, 3>, \"Quoted\" text, st text static, PRIMARY KEY (k, c)";

/// Texts that Cassandra takes.
const TAKEN: &[&str] = &[
    r#"{"k": 1, "c": "nothing else"}"#,
    r#"{"k": 1, "c": "nulls", "a": null, "l": null, "ud": null, "st": "static"}"#,
    r#"{"K": 2, "C": "names", "\"Quoted\"": "Ä \"q\" \n \u00e9 \ud83d\ude00", "S": 3}"#,
    r#"{"k": 3, "c": "numbers", "b": -9223372036854775808, "s": 32767, "ti": -128, "v": 123456789012345678901234567890,
        "de": "0.10000000000000000000000000000000001", "dou": 0.1, "f": 1.5e10}"#,
    r#"{"k": "4", "c": "numbers as text", "b": "12", "v": "-5", "de": "1.50", "dou": "0.25", "f": "-1"}"#,
    r#"{"k": 5, "c": "scalars", "a": "abc", "bl": "0xCAfe00", "bo": true, "d": "2024-02-29", "du": "1mo2d3h", "i": "10.0.0.1",
        "t": "12:34:56.789012345", "ts": "2011-02-03 04:05:00.123Z", "tu": "50554d6e-29bb-11e5-b345-feff819cdc9f",
        "u": "123e4567-e89b-12d3-a456-426614174000"}"#,
    r#"{"k": 6, "c": "times", "ts": 1300000000123, "d": "-0044-03-15", "i": "2001:db8::1", "bl": "0x", "bo": "false"}"#,
    r#"{"k": 7, "c": "times", "ts": "2011-02-03T04:05:00+0200"}"#,
    r#"{"k": 8, "c": "collections", "l": [3, "1", 3], "se": ["b", "a"], "m": {"x": 1, "y": "2"},
        "tup": [1, "two", [3]], "vec": [1, 0.5, "2"]}"#,
    r#"{"k": 9, "c": "empty ones", "l": [], "se": [], "m": {}, "a": ""}"#,
    r#"{"k": 10, "c": "nested", "ud": {"name": "n", "tags": ["t"]}, "deep": {"1": [{"name": "x", "tags": null}, {"tags": []}], "2": []}}"#,
    r#"{"k": 11, "c": "partial", "tup": [null, "two", null], "ud": {"tags": ["only"]}}"#,
];

/// Texts that it refuses.
const REFUSED: &[&str] = &[
    r#"{"k": 1, "c": "unknown", "nobody": 1}"#,
    r#"{"k": 1}"#,
    r#"{"k": null, "c": "x"}"#,
    r#"{"k": 1, "c": "x""#,
    "[1, 2]",
    r#"{"k": 3000000000, "c": "x"}"#,
    r#"{"k": 1.5, "c": "x"}"#,
    r#"{"k": 1, "c": "x", "bl": "cafe"}"#,
    r#"{"k": 1, "c": "x", "u": "no uuid"}"#,
    r#"{"k": 1, "c": "x", "a": "é"}"#,
    r#"{"k": 1, "c": "x", "d": "2024-02-30"}"#,
    r#"{"k": 1, "c": "x", "l": [1, null]}"#,
    r#"{"k": 1, "c": "x", "l": 5}"#,
    r#"{"k": 1, "c": "x", "vec": [1, 2]}"#,
    r#"{"k": 1, "c": "x", "ud": {"nobody": 1}}"#,
    r#"{"k": 1, "c": "x", "bo": 1}"#,
];

async fn make(ks: &TestKeyspace) {
    ks.run("CREATE TYPE {ks}.person (name text, tags frozen<set<text>>)").await;
    for table in ["theirs", "ours"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} ({COLUMNS})")).await;
    }
}

fn insert(ks: &TestKeyspace, texts: &[&str]) -> String {
    let rows: Vec<String> = texts.iter().map(|text| format!("('{}')", text.replace('\'', "''"))).collect();
    ks.sql(&format!("INSERT INTO {{ks}}.\"ours$json\" VALUES {}", rows.join(", ")))
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_become_the_rows_that_the_server_makes_of_them() {
    let ks = TestKeyspace::create().await;
    make(&ks).await;
    let (session, theirs) = (session(), driver(&host()).await);
    let cql = ks.sql("INSERT INTO {ks}.theirs JSON ? DEFAULT UNSET");
    for text in TAKEN {
        theirs.query_unpaged(cql.as_str(), (*text,)).await.unwrap_or_else(|e| panic!("{text}: {e}"));
    }
    let count = usize::try_from(number(&session, &insert(&ks, TAKEN)).await).unwrap();
    assert_eq!(count, TAKEN.len());
    let rows = async |table: &str| {
        sorted_rows(&session, &ks.sql(&format!("SELECT * FROM cql('SELECT JSON * FROM {{ks}}.{table}')"))).await
    };
    for (theirs, ours) in rows("theirs").await.into_iter().zip(rows("ours").await) {
        assert_eq!(theirs, ours);
    }
    assert_same_tables(&ks, &session, "{ks}.theirs", "{ks}.ours").await;

    // What the server writes as JSON is read back.
    ks.run("TRUNCATE {ks}.ours").await;
    let copy = ks.sql("INSERT INTO {ks}.\"ours$json\" SELECT \"[json]\" FROM cql('SELECT JSON * FROM {ks}.theirs')");
    assert_eq!(number(&session, &copy).await, i64::try_from(TAKEN.len()).unwrap());
    assert_same_tables(&ks, &session, "{ks}.theirs", "{ks}.ours").await;

    // A number that the server would round is kept.
    let digits = "0.10000000000000000000000000000000001";
    let exact = format!("{{\"k\": 20, \"c\": \"exact\", \"de\": {digits}}}");
    theirs.query_unpaged(cql.as_str(), (exact.as_str(),)).await.unwrap();
    assert_eq!(number(&session, &insert(&ks, &[&exact])).await, 1);
    let kept = async |table: &str| {
        sorted_rows(&session, &ks.sql(&format!("SELECT de FROM {{ks}}.{table} WHERE k = 20"))).await
    };
    assert_eq!((kept("theirs").await, kept("ours").await), (vec!["0.1".to_owned()], vec![digits.to_owned()]));
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_that_the_server_refuses_are_rejected_rows() {
    let ks = TestKeyspace::create().await;
    make(&ks).await;
    let (session, theirs) = (session(), driver(&host()).await);
    let cql = ks.sql("INSERT INTO {ks}.theirs JSON ?");
    for text in REFUSED {
        let answer = theirs.query_unpaged(cql.as_str(), (*text,)).await;
        assert!(answer.is_err(), "Cassandra takes {text}");
        let error = error_of(&session, &insert(&ks, &[text])).await;
        assert!(error.contains("row: 1"), "{text}: {error}");
        let cut = if text.chars().count() > 80 { "…" } else { "" };
        let shown = format!("{}{cut}", text.chars().take(80).collect::<String>());
        assert!(error.contains(&ks.sql("table: {ks}.ours, ")), "{text}: {error}");
        assert!(error.contains(&format!("json: {shown}")) || error.contains("key: "), "{text}: {error}");
    }
    // Among good ones they are kept as they came, and the good ones are written.
    let folder = std::env::temp_dir().join(format!("cbulk-json-{}", ks.sql("{ks}")));
    run(&session, &format!("SET cassandra.rejected_path = '{}'", folder.display())).await.unwrap();
    run(&session, "SET cassandra.max_rejected = 100").await.unwrap();
    let mut all = REFUSED.to_vec();
    all.extend(TAKEN);
    let (count, report) = load(&session, &insert(&ks, &all)).await;
    assert_eq!((usize::try_from(count).unwrap(), report.rejected), (TAKEN.len(), REFUSED.len() as u64));
    let kept = report.rejected_folder.unwrap();
    run(&session, &format!("CREATE EXTERNAL TABLE bad STORED AS PARQUET LOCATION '{}/'", kept.display()))
        .await
        .unwrap();
    let mut expected: Vec<String> = REFUSED.iter().map(|text| (*text).to_owned()).collect();
    expected.sort();
    assert_eq!(sorted_rows(&session, "SELECT json FROM bad").await, expected);
    std::fs::remove_dir_all(&folder).unwrap();
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_json_are_grouped_and_what_does_not_go_is_told() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    let session = session();
    let insert = ks.sql(
        "INSERT INTO {ks}.\"t$json\" SELECT concat('{\"k\": ', value / 10, ', \"c\": ', value, ', \"v\": \"x\"}') \
         FROM generate_series(0, 9999)",
    );
    let plan_of = explain(&session, &insert).await;
    assert!(plan_of.contains("json=true"), "{plan_of}");
    let query = plan(&session, &insert).await;
    query.execute().unwrap().try_collect::<Vec<_>>().await.unwrap();
    let groups = metric(query.plan.as_ref(), "groups");
    assert!((1_000..1_100).contains(&groups), "{groups} groups");
    let all = ks.sql("SELECT count(*), min(k), max(c), count(DISTINCT v) FROM {ks}.t");
    assert_eq!(sorted_rows(&session, &all).await, ["10000|0|9999|1"]);

    let error = error_of(&session, &ks.sql("SELECT * FROM {ks}.\"t$json\"")).await;
    assert!(error.contains("t$json is only written") && error.contains("SELECT JSON"), "{error}");
    run(&session, "SET cassandra.sort_by_token = true").await.unwrap();
    let error = error_of(&session, &insert).await;
    assert!(
        error.contains("JSON texts cannot be sorted") && error.contains("RESET cassandra.sort_by_token"),
        "{error}"
    );
    ks.drop_it().await;
}
