//! One node of a real Cassandra: what is read, counted and written is what is there.

use crate::common::{TestKeyspace, explain, metric, number, run, session, sorted_rows};
use futures::TryStreamExt;

#[tokio::test(flavor = "multi_thread")]
async fn all_scalar_types_are_read_and_written_back() {
    let ks = TestKeyspace::create().await;
    let columns = "k int, ascii_ ascii, text_ text, varchar_ varchar, tinyint_ tinyint, smallint_ smallint, int_ int, \
                   bigint_ bigint, varint_ varint, decimal_ decimal, float_ float, double_ double, boolean_ boolean, \
                   blob_ blob, uuid_ uuid, timeuuid_ timeuuid, inet_ inet, date_ date, time_ time, \
                   timestamp_ timestamp, duration_ duration, PRIMARY KEY (k)";
    ks.run(&format!("CREATE TABLE {{ks}}.source ({columns})")).await;
    ks.run(&format!("CREATE TABLE {{ks}}.copy ({columns})")).await;
    ks.run(
        "INSERT INTO {ks}.source (k, ascii_, text_, varchar_, tinyint_, smallint_, int_, bigint_, varint_, decimal_, \
         float_, double_, boolean_, blob_, uuid_, timeuuid_, inet_, date_, time_, timestamp_, duration_) VALUES \
         (1, 'a', 'Grüße, ''Welt''', '', -128, -32768, -2147483648, -9223372036854775808, \
         123456789012345678901234567890, -1.50, -0.0, NaN, true, 0xcafe, 123e4567-e89b-12d3-a456-426614174000, \
         50554d6e-29bb-11e5-b345-feff819cdc9f, '2001:db8::1', '-4712-01-01', '23:59:59.999999999', \
         '1969-12-31 23:59:59.999+0000', 1mo2d3ns)",
    )
    .await;
    ks.run("INSERT INTO {ks}.source (k) VALUES (2)").await;
    let session = session();

    let rows = sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.source")).await;
    assert_eq!(rows.len(), 2);
    // `SELECT *` gives the key, then the other columns by name.
    assert_eq!(
        rows[0],
        "1|a|-9223372036854775808|cafe|true|-4712-01-01|-1.50|NaN|1 mons 2 days 0.000000003 secs|-0.0|2001:db8::1|\
         -2147483648|-32768|Grüße, 'Welt'|23:59:59.999999999|1969-12-31T23:59:59.999Z|\
         50554d6e29bb11e5b345feff819cdc9f|-128|123e4567e89b12d3a456426614174000||123456789012345678901234567890"
    );
    assert_eq!(rows[1], format!("2{}", "|NULL".repeat(20)));

    let written = number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.source")).await;
    assert_eq!(written, 2);
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.copy")).await, rows);
    // Null was sent as unset: no cell, so no write time either, was made for it.
    let times = ks.cql.query_unpaged(ks.sql("SELECT writetime(text_) FROM {ks}.copy WHERE k = 2"), ()).await.unwrap();
    let (time,) = times.into_rows_result().unwrap().single_row::<(Option<i64>,)>().unwrap();
    assert_eq!(time, None);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_made_by_the_server_and_equals_the_streamed_one() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (a int, b int, s int STATIC, v text, PRIMARY KEY (a, b))").await;
    let session = session();
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);
    let values: Vec<String> = (0..3_000).map(|i| format!("({}, {}, 'x')", i / 3, i % 3)).collect();
    let insert = format!("INSERT INTO {{ks}}.t (a, b, v) VALUES {}", values.join(", "));
    assert_eq!(number(&session, &ks.sql(&insert)).await, 3_000);
    // A Cassandra partition with a static value and no rows is read as one row.
    ks.run("INSERT INTO {ks}.t (a, s) VALUES (-1, 7)").await;

    for sql in ["count(*)", "count(1)", "count(a)"] {
        let sql = ks.sql(&format!("SELECT {sql} FROM {{ks}}.t"));
        let plan = explain(&session, &sql).await;
        assert!(plan.contains("CassandraAggregateExec: cql=SELECT count(*) FROM"), "{sql}\n{plan}");
        let pushed = number(&session, &sql).await;
        run(&session, "SET cassandra.aggregate_pushdown = false").await.unwrap();
        let plan = explain(&session, &sql).await;
        assert!(plan.contains("CassandraScanExec"), "{sql}\n{plan}");
        assert_eq!(number(&session, &sql).await, pushed, "{sql}");
        run(&session, "SET cassandra.aggregate_pushdown = true").await.unwrap();
        assert_eq!(pushed, 3_001, "{sql}");
    }
    // These are other numbers, and must not be taken for the count of rows.
    assert_eq!(number(&session, &ks.sql("SELECT count(b) FROM {ks}.t")).await, 3_000);
    assert_eq!(number(&session, &ks.sql("SELECT count(s) FROM {ks}.t")).await, 1);
    assert_eq!(number(&session, &ks.sql("SELECT count(DISTINCT a) FROM {ks}.t")).await, 1_001);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FILTER (WHERE b = 1) FROM {ks}.t")).await, 1_000);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE b = 1")).await, 1_000);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM (SELECT * FROM {ks}.t LIMIT 10)")).await, 10);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_kept_and_reach_the_server() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (a int PRIMARY KEY, v text)").await;
    let session = session();
    run(&session, &ks.sql("INSERT INTO {ks}.t SELECT value, 'x' FROM generate_series(1, 5000)")).await.unwrap();
    for limit in [0, 1, 7, 4_999, 5_000, 6_000] {
        let sql = ks.sql(&format!("SELECT * FROM {{ks}}.t LIMIT {limit}"));
        assert_eq!(sorted_rows(&session, &sql).await.len(), limit.min(5_000), "{limit}");
    }
    let statement = session.parse(&ks.sql("SELECT * FROM {ks}.t LIMIT 3")).unwrap().pop_front().unwrap();
    let query = session.plan(statement).await.unwrap();
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    assert!(metric(query.plan.as_ref(), "pages") <= 4, "a small limit must not read the whole table");
    ks.drop_it().await;
}
