//! INSERT: what is found before the first row, all of it at once, and rows of all sizes.

use std::sync::Arc;

use crate::common::{TestKeyspace, error_of, metric, number, plan, run, session, sorted_rows};
use cbulk::{Error, ErrorKind, Session};
use datafusion::arrow::array::{Int32Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrameWriteOptions;
use futures::TryStreamExt;

/// The error of planning alone.
async fn refusal(session: &Session, sql: &str) -> Error {
    let statement = session.parse(sql).unwrap().pop_front().unwrap();
    let error = session.plan(statement).await.map(|_| ()).expect_err(sql);
    let error = Error::find(&error).unwrap_or_else(|| panic!("{sql}: {error}"));
    Error::new(error.kind(), error.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_wrong_with_an_insert_is_told_at_once() {
    let ks = TestKeyspace::create().await;
    let class = "org.apache.cassandra.db.marshal";
    ks.run(&format!(
        "CREATE TABLE {{ks}}.t (a int, b int, c int, s text static, v text, l list<int>, x '{class}.LexicalUUIDType', \
         \"Y\" '{class}.DynamicCompositeType(s=>{class}.UTF8Type)', PRIMARY KEY ((a, b), c))"
    ))
    .await;
    ks.run("CREATE TABLE {ks}.hits (page text PRIMARY KEY, n counter)").await;
    let session = session();
    let told = async |sql: &str| refusal(&session, &ks.sql(sql)).await.to_string();

    // What cannot be bound, and the key.
    let text =
        told("INSERT INTO {ks}.t (a, c, x, \"Y\", v) SELECT 1, 2, CAST('x' AS BYTEA), CAST('y' AS BYTEA), 'v'").await;
    let expected = [
        "INSERT INTO {ks}.t is not possible, for 3 reasons:",
        "  1. the statement gives no value for b of the primary key of {ks}.t: add the column",
        "  2. column Y of type 'org.apache.cassandra.db.marshal.DynamicCompositeType",
        "  3. column x of type 'org.apache.cassandra.db.marshal.LexicalUUIDType' cannot be written",
    ];
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    for (line, expected) in text.lines().zip(expected) {
        assert!(line.starts_with(&ks.sql(expected)), "{line}\n{expected}");
    }
    assert!(text.contains("leave the column out (table: "), "{text}");

    // Names and types, which DataFusion looks at.
    let text = told("INSERT INTO {ks}.t (a, nope, \"Nope\", v, v, b) SELECT 1, 2, 3, 4, 5, make_array(6)").await;
    let expected = [
        "INSERT INTO {ks}.t is not possible, for 5 reasons:",
        "  1. there is no column nope: the columns are a, b, c, s, \"Y\", l, v, x",
        "  2. there is no column \"Nope\": the columns are a, b, c, s, \"Y\", l, v, x",
        "  3. column v is listed twice: leave one out",
        "  4. column b of type int cannot be written from Arrow type List(",
        "  5. the statement gives no value for c of the primary key of {ks}.t: add the column",
    ];
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    for (line, expected) in text.lines().zip(expected) {
        assert!(line.starts_with(&ks.sql(expected)), "{line}\n{expected}");
    }
    assert!(text.contains("for example with arrow_cast(…, 'Int32')"), "{text}");
    for (sql, expected) in [
        ("INSERT INTO {ks}.t (a, b, c) SELECT 1, 2", "the statement lists 3 columns, and a row has 2 values"),
        ("INSERT INTO {ks}.t (a, b, c) VALUES (1, 2, 3, 4)", "the statement lists 3 columns, and a row has 4 values"),
        ("INSERT INTO {ks}.t SELECT 1, 2, 3, 4, 5", "the table has 8 columns, and a row has 5 values"),
        ("INSERT INTO {ks}.t (a, b, c) SELECT 1, 2, make_array(3)", "column c of type int cannot be written from"),
        ("INSERT INTO {ks}.t (a, b, c, x) SELECT 1, 2, 3, CAST('x' AS BYTEA)", "column x of type 'org.apache"),
    ] {
        let text = told(sql).await;
        assert!(text.starts_with(expected) && text.lines().count() == 1, "{sql}\n{text}");
    }
    // What is wrong within the query is told as it is.
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.t (a, b, c) SELECT 1, 2, nothing")).await;
    assert!(error.contains("nothing") && !error.contains("reasons"), "{error}");

    // Tables and options.
    let error = refusal(&session, "INSERT INTO system.local (key) VALUES ('x')").await.to_string();
    assert!(error.starts_with("INSERT is not possible for system.local, of which each node has its own"), "{error}");
    run(&session, "SET cassandra.write_ttl_seconds = 60").await.unwrap();
    let error = refusal(&session, &ks.sql("INSERT OVERWRITE {ks}.hits SELECT NULL, 1")).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    let count =
        "counters such as column n of {ks}.hits are added to, which does not go together with cassandra.write_ttl";
    for expected in ["Overwrite is not supported", &ks.sql(count), "value for page"] {
        assert!(error.to_string().contains(expected), "{error}");
    }
    ks.drop_it().await;
}

/// The `DataFrame` API casts nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_frame_is_told_of_all_its_columns() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, i inet, n int)").await;
    let session = session();
    let columns: Vec<(&str, DataType)> = vec![("k", DataType::Int32), ("i", DataType::Int32), ("n", DataType::Utf8)];
    let fields: Vec<Field> = columns.into_iter().map(|(name, of)| Field::new(name, of, true)).collect();
    let number = || Arc::new(Int32Array::from(vec![1]));
    let batch = RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        vec![number(), number(), Arc::new(StringArray::from(vec!["x"]))],
    )
    .unwrap();
    let write = async |batch: RecordBatch| {
        let frame = session.context().read_batch(batch).unwrap();
        let table = format!("cassandra.{}.t", ks.name);
        frame.write_table(&table, DataFrameWriteOptions::new()).await.unwrap_err().to_string()
    };
    let text = write(batch.clone()).await;
    for expected in ["for 2 reasons:\n", "1. column i of type inet cannot", "2. column n of type int cannot"] {
        assert!(text.contains(expected), "{text}");
    }
    let text = write(batch.project(&[0, 2]).unwrap()).await;
    assert!(text.contains("the rows have 2 columns"), "{text}");
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, ["0"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn static_columns_are_written_by_themselves() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (p int, q text, c int, s text static, t int static, v int, PRIMARY KEY ((p, q), c))")
        .await;
    ks.run("INSERT INTO {ks}.t (p, q, c, v, s) VALUES (1, 'x', 1, 10, 'old')").await;
    let session = session();
    let insert =
        "INSERT INTO {ks}.t (p, q, s, t) SELECT value, 'x', concat('s', value), value + 0 FROM generate_series(1, 100)";
    let query = plan(&session, &ks.sql(insert)).await;
    query.execute().unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(metric(query.plan.as_ref(), "rows_written"), 100);
    let rows = sorted_rows(&session, &ks.sql("SELECT p, c, s, t, v FROM {ks}.t")).await;
    assert_eq!(rows.len(), 100, "no rows were made besides the one that was there: {rows:?}");
    assert!(rows.contains(&"1|1|s1|1|10".to_owned()) && rows.contains(&"7|NULL|s7|7|NULL".to_owned()), "{rows:?}");

    // Several rows for one Cassandra partition: each is counted, and what is there at the end is one of them, whole.
    let insert = "INSERT INTO {ks}.t (p, q, s, t) SELECT 1000, 'x', CAST(value AS VARCHAR), value + 0 FROM generate_series(1, 50)";
    let query = plan(&session, &ks.sql(insert)).await;
    query.execute().unwrap().try_collect::<Vec<_>>().await.unwrap();
    assert_eq!(metric(query.plan.as_ref(), "rows_written"), 50);
    assert_eq!(metric(query.plan.as_ref(), "groups"), 50, "rows of one key never go together");
    let same = "SELECT count(*) FROM {ks}.t WHERE p = 1000 AND CAST(t AS VARCHAR) = s";
    assert_eq!(number(&session, &ks.sql(same)).await, 1);

    for (columns, values, expected) in [
        (
            "p, q, s, v",
            "1, 'x', 's', 2",
            "no value for c of the primary key of {ks}.t: add the column; only static columns can",
        ),
        ("p, q", "1, 'x'", "no value for c of the primary key"),
        ("p, s", "1, 's'", "no value for q, c of the primary key"),
    ] {
        let text = refusal(&session, &ks.sql(&format!("INSERT INTO {{ks}}.t ({columns}) VALUES ({values})"))).await;
        assert!(text.to_string().contains(&ks.sql(expected)), "{text}");
    }
    // With the whole key it is a row, even if all of its columns are static.
    run(&session, &ks.sql("INSERT INTO {ks}.t (p, q, c, s) VALUES (2000, 'x', 1, 's')")).await.unwrap();
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT c, s FROM {ks}.t WHERE p = 2000")).await, ["1|s"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn large_rows_are_split_and_those_too_large_are_named() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c bigint, v text, l list<int>, PRIMARY KEY (k, c))").await;
    let session = session();
    let insert = async |bytes: usize, rows: usize, first: usize| {
        let sql = format!(
            "INSERT INTO {{ks}}.t (k, c, v) SELECT 1, value, repeat('x', {bytes}) FROM generate_series({first}, {})",
            first + rows - 1
        );
        let query = plan(&session, &ks.sql(&sql)).await;
        query.execute().unwrap().try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(metric(query.plan.as_ref(), "rows_written"), rows);
        metric(query.plan.as_ref(), "groups")
    };
    // Sixty times the 50 KiB of batch_size_fail_threshold; each goes alone.
    assert_eq!(insert(3_000_000, 4, 0).await, 4);
    // Whatever the user wants, groups are not so large that the server would refuse them.
    run(&session, "SET cassandra.group_bytes = 1000000000").await.unwrap();
    assert_eq!(insert(3_000_000, 4, 10).await, 4);
    let groups = insert(1_000_000, 20, 20).await;
    assert!((5..20).contains(&groups), "{groups} groups of rows of 1 MB");
    assert_eq!(insert(15_000_000, 1, 50).await, 1);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 29);
    assert_eq!(number(&session, &ks.sql("SELECT CAST(sum(length(v)) AS BIGINT) FROM {ks}.t")).await, 59_000_000);

    // Found before any row is sent.
    let too_large = "INSERT INTO {ks}.t (k, c, v) SELECT 2, value, repeat('x', CAST(value AS INT) * 10000000) \
                     FROM generate_series(1, 2)";
    let error = error_of(&session, &ks.sql(too_large)).await;
    let expected = "the values of the row have 20000012 bytes, and a node takes 16777216 at the most: write fewer into one row, \
                    or raise in cassandra.yaml of every node max_mutation_size";
    assert!(error.contains(expected), "{error}");
    assert!(error.contains("largest column: v (20000000 bytes), row: 2"), "{error}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE k = 2")).await, 0);
    // Elements have keys of their own on the server, so that only it knows how large the row becomes.
    let elements = "INSERT INTO {ks}.t (k, c, l) SELECT 3, 1, array_repeat(CAST(7 AS INT), 1200000)";
    let error = run(&session, &ks.sql(elements)).await.unwrap_err();
    let error = Error::find(&error).unwrap();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("oversized mutation (276000"), "{error}");
    assert!(error.to_string().contains("raise max_mutation_size"), "{error}");
    ks.drop_it().await;
}
