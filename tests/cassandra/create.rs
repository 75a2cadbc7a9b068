//! `CREATE TABLE`, `CREATE SCHEMA` and `DROP TABLE` of Cassandra.

use std::error::Error;

use datafusion::arrow::array::RecordBatch;
use datafusion::error::DataFusionError;

use crate::common::{
    TestKeyspace, assert_same_tables, error_of, explain, fingerprint, host, number, plan, run, session, sorted_rows,
};
use crate::types::two_tables;

/// What `system_schema.columns` says of a table, by name of the column, and which of its options were asked for.
async fn definition(ks: &TestKeyspace, table: &str) -> Vec<String> {
    let cql = "SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns \
               WHERE keyspace_name = ? AND table_name = ?";
    let rows = ks.cql.query_unpaged(cql, (&ks.name, table)).await.unwrap().into_rows_result().unwrap();
    let rows = rows.rows::<(String, String, i32, String, String)>().unwrap();
    rows.map(|row| {
        let (name, kind, position, order, cql_type) = row.unwrap();
        format!("{name} {cql_type} {kind} {position} {order}")
    })
    .collect()
}

/// One value of `system_schema.tables`, as text.
async fn option(ks: &TestKeyspace, table: &str, name: &str) -> String {
    let cql = format!("SELECT {name} FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?");
    let rows = ks.cql.query_unpaged(cql, (&ks.name, table)).await.unwrap().into_rows_result().unwrap();
    format!("{:?}", rows.single_row::<scylla::value::Row>().unwrap().columns[0].as_ref().unwrap())
}

/// An error and all of its causes.
fn chain(error: &DataFusionError) -> String {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.join(", caused by: ")
}

const SCALARS: &str = "a ascii, b bigint, bl blob, bo boolean, d date, de decimal, du duration, f float, g double, i inet, \
                       n int, s smallint, t text, ti time, ts timestamp, tu timeuuid, ty tinyint, u uuid, v varint";

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_the_types_and_rows_of_its_source() {
    let ks = two_tables().await;
    ks.run(&format!("CREATE TABLE {{ks}}.scalars ({SCALARS}, PRIMARY KEY ((u, t), tu, ts)) WITH CLUSTERING ORDER BY (tu DESC, ts ASC)"))
        .await;
    ks.run(
        "INSERT INTO {ks}.scalars (a, b, bl, bo, d, de, du, f, g, i, n, s, t, ti, ts, tu, ty, u, v) VALUES ('a', 1, 0x00, true, \
         '2020-02-29', 1.50, 1mo2d, 1.5, 2.5, '::1', 3, 4, 't', '23:59:59.999999999', 12345, now(), 5, uuid(), \
         123456789012345678901234567890)",
    )
    .await;
    ks.run("INSERT INTO {ks}.scalars (u, t, tu, ts) VALUES (uuid(), '', now(), 0)").await;
    let session = session();
    for (table, key) in [("scalars", "(u, t), tu DESC, ts"), ("source", "((k), c)")] {
        for read_as in ["text", "decimal(38, 2)"] {
            run(&session, &format!("SET cassandra.decimal_as = '{read_as}'")).await.unwrap();
            run(
                &session,
                &format!("SET cassandra.duration_as = '{}'", if read_as == "text" { "interval" } else { "text" }),
            )
            .await
            .unwrap();
            let create = format!(
                "CREATE TABLE cassandra.{{ks}}.new WITH (primary_key = '{key}') AS SELECT * FROM {{ks}}.{table}"
            );
            let rows = number(&session, &ks.sql(&format!("SELECT count(*) FROM {{ks}}.{table}"))).await;
            assert_eq!(number(&session, &ks.sql(&create)).await, rows);
            assert_eq!(definition(&ks, "new").await, definition(&ks, table).await);
            run(&session, "SET cassandra.decimal_as = 'text'; SET cassandra.duration_as = 'interval'").await.unwrap();
            // Numbers of a type with two digits have them afterwards; DataFusion does not compare maps.
            if table == "scalars" {
                assert_same_tables(&ks, &session, "{ks}.scalars", "{ks}.new").await;
            } else if read_as == "text" {
                let of = |table: &str| format!("SELECT * FROM {{ks}}.{table}");
                assert_eq!(fingerprint(&ks, &of("new")).await, fingerprint(&ks, &of(table)).await);
            }
            run(&session, &ks.sql("DROP TABLE {ks}.new")).await.unwrap();
        }
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_type_comes_back_from_iceberg_and_files() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (u uuid, c text, ty tinyint, i inet, v varint, ts timestamp, s set<int>, tu timeuuid, ti time, PRIMARY KEY (u, c))").await;
    ks.run(
        "INSERT INTO {ks}.t (u, c, ty, i, v, ts, s, tu, ti) VALUES (uuid(), 'c', -3, '10.0.0.1', 12345678901234567890, 5, {2, 1}, \
         now(), '12:00:00.000001')",
    )
    .await;
    let folder = tempfile::tempdir().unwrap();
    let session = cbulk::SessionBuilder::default()
        .with_cluster(cbulk::ClusterOptions::new([host()]))
        .with_iceberg_folder(folder.path().join("iceberg"))
        .with_setting("datafusion.execution.parquet.skip_metadata", "false")
        .unwrap()
        .build()
        .unwrap();
    let (parquet, avro) = (folder.path().join("t.parquet"), folder.path().join("t.avro"));
    let (parquet, avro) = (parquet.display(), avro.display());
    let export = format!(
        "CREATE TABLE iceberg.ns.t AS SELECT * FROM {{ks}}.t; \
         COPY (SELECT * FROM {{ks}}.t) TO '{parquet}'; COPY (SELECT * FROM {{ks}}.t) TO '{avro}'; \
         CREATE EXTERNAL TABLE p STORED AS PARQUET LOCATION '{parquet}'; \
         CREATE EXTERNAL TABLE a STORED AS AVRO LOCATION '{avro}'"
    );
    run(&session, &ks.sql(&export)).await.unwrap();
    for (i, source) in ["iceberg.ns.t", "p", "a"].into_iter().enumerate() {
        let create = format!("CREATE TABLE {{ks}}.t{i} WITH (primary_key = 'u, c') AS SELECT * FROM {source}");
        assert_eq!(number(&session, &ks.sql(&create)).await, 1, "{source}");
        assert_eq!(definition(&ks, &format!("t{i}")).await, definition(&ks, "t").await, "{source}");
        assert_same_tables(&ks, &session, "{ks}.t", &format!("{{ks}}.t{i}")).await;
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_are_made_and_dropped() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TYPE {ks}.address (street text, zip int)").await;
    let session = session();
    let create = "CREATE TABLE cassandra.{ks}.t (Country TEXT, id UUID, seq BIGINT, name VARCHAR(20), \"At\" TIMESTAMP, ip INET, \
                  n VARINT, x DOUBLE, b BYTEA, tags TEXT, home TEXT, work address, l INT[]) WITH (primary_key = '((country), id, seq DESC)', \
                  types = 'tags set<text>, home frozen<address>', static_columns = 'name', gc_grace_seconds = 3600, \
                  comment = 'it''s a table', default_time_to_live = '1000', speculative_retry = '95p', \
                  compaction = {'class': 'LeveledCompactionStrategy', 'sstable_size_in_mb': 100}, \
                  compression = '{''class'': ''ZstdCompressor''}')";
    run(&session, &ks.sql(create)).await.unwrap();
    let expected = [
        "At timestamp regular -1 none",
        "b blob regular -1 none",
        "country text partition_key 0 none",
        "home frozen<address> regular -1 none",
        "id uuid clustering 0 asc",
        "ip inet regular -1 none",
        "l list<int> regular -1 none",
        "n varint regular -1 none",
        "name text static -1 none",
        "seq bigint clustering 1 desc",
        "tags set<text> regular -1 none",
        "work address regular -1 none",
        "x double regular -1 none",
    ];
    assert_eq!(definition(&ks, "t").await, expected);
    for (name, value) in [
        ("gc_grace_seconds", "Int(3600)"),
        ("default_time_to_live", "Int(1000)"),
        ("comment", "it's a table"),
        ("speculative_retry", "95p"),
        ("compaction", "LeveledCompactionStrategy"),
        ("compaction", "sstable_size_in_mb"),
        ("compression", "ZstdCompressor"),
    ] {
        let found = option(&ks, "t", name).await;
        assert!(found.contains(value), "{name}: {found}");
    }
    // At once, in every place that knows of tables.
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);
    let listed = "SELECT count(*) FROM information_schema.tables WHERE table_schema = '{ks}'";
    assert_eq!(number(&session, &ks.sql(listed)).await, 1);

    assert!(error_of(&session, &ks.sql(create)).await.contains("is there already"));
    run(&session, &ks.sql(&create.replace("TABLE", "TABLE IF NOT EXISTS"))).await.unwrap();
    let other = "CREATE TABLE IF NOT EXISTS {ks}.t WITH (primary_key = 'a') AS SELECT 1 AS a";
    assert_eq!(number(&session, &ks.sql(other)).await, 0);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 0);

    run(&session, &ks.sql("DROP TABLE {ks}.t")).await.unwrap();
    assert_eq!(definition(&ks, "t").await, [""; 0]);
    assert_eq!(number(&session, &ks.sql(listed)).await, 0);
    assert!(error_of(&session, &ks.sql("SELECT * FROM {ks}.t")).await.contains("not found"));
    assert!(error_of(&session, &ks.sql("DROP TABLE {ks}.t")).await.contains("does not exist"));
    run(&session, &ks.sql("DROP TABLE IF EXISTS cassandra.{ks}.t")).await.unwrap();
    // Its name can be taken again, by another table.
    let again = "CREATE TABLE {ks}.t WITH (primary_key = 'a') AS VALUES_AS; SELECT * FROM {ks}.t";
    let again =
        again.replace("VALUES_AS", "SELECT column1 AS a, column2 AS b FROM (VALUES (1, 'x'), (2, NULL), (1, 'y'))");
    assert_eq!(run(&session, &ks.sql(&again)).await.unwrap().iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(definition(&ks, "t").await, ["a bigint partition_key 0 none", "b text regular -1 none"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_of_queries_become_what_holds_them() {
    let ks = TestKeyspace::create().await;
    let session = session();
    let create = "CREATE TABLE {ks}.t WITH (primary_key = '\"a b\", l', types = 'id timeuuid, st tuple<int, text>') AS \
                  SELECT value AS \"a b\", [value] AS l, arrow_cast(value, 'UInt64') AS u64, arrow_cast(1, 'UInt8') AS u8, \
                  CAST(1.5 AS DECIMAL(10, 2)) AS de, CAST('2020-01-01' AS DATE) AS d, now() IS NULL AS bo, \
                  date_trunc('second', now()) AS ts, map(['k'], [1]) AS m, 'd5ca4070-0b59-11ef-8000-000000000000' AS id, \
                  named_struct('x', 1, 'y', 'z') AS st, count(*) OVER () FROM generate_series(1, 3000)";
    assert_eq!(number(&session, &ks.sql(create)).await, 3000);
    let expected = [
        "a b bigint partition_key 0 none",
        "bo boolean regular -1 none",
        "d date regular -1 none",
        "de decimal regular -1 none",
        "id timeuuid regular -1 none",
        "l frozen<list<bigint>> clustering 0 asc",
        "m map<text, bigint> regular -1 none",
        "st frozen<tuple<int, text>> regular -1 none",
        "ts timestamp regular -1 none",
        "u64 varint regular -1 none",
        "u8 smallint regular -1 none",
    ];
    let mut found = definition(&ks, "t").await;
    let unnamed = found.iter().position(|column| column.starts_with("count(")).unwrap();
    assert!(found.remove(unnamed).ends_with("bigint regular -1 none"));
    assert_eq!(found, expected);
    assert_eq!(
        sorted_rows(
            &session,
            &ks.sql(
                "SELECT min(\"a b\"), max(\"a b\"), count(DISTINCT l), max(CAST(de AS DECIMAL(9, 2))), max(m['k']), max(st['_2']) FROM {ks}.t"
            )
        )
        .await,
        ["1|3000|3000|1.50|1|z"]
    );
    // A cast is a wish for another type; counters become numbers.
    ks.run("CREATE TABLE {ks}.c (u uuid PRIMARY KEY, c counter)").await;
    ks.run("UPDATE {ks}.c SET c = c + 7 WHERE u = d5ca4070-0b59-11ef-8000-000000000000").await;
    let cast = "CREATE TABLE {ks}.c2 WITH (primary_key = 'u') AS SELECT arrow_cast(u, 'Binary') AS u, c, CAST(c AS DOUBLE) AS d FROM {ks}.c";
    assert_eq!(number(&session, &ks.sql(cast)).await, 1);
    assert_eq!(
        definition(&ks, "c2").await,
        ["c bigint regular -1 none", "d double regular -1 none", "u blob partition_key 0 none"]
    );
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT c, d FROM {ks}.c2")).await, ["7|7.0"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_what_it_has_left() {
    let ks = TestKeyspace::create().await;
    let session = session();
    // One partition, so that the bad row comes after the others.
    run(&session, "SET datafusion.execution.target_partitions = 1").await.unwrap();
    let rows = "SELECT CASE WHEN value = 9000 THEN NULL ELSE value END AS a, value AS v FROM generate_series(1, 9000)";
    let create = ks.sql(&format!("CREATE TABLE {{ks}}.t WITH (primary_key = 'a') AS {rows}"));
    let error = run(&session, &create).await.unwrap_err();
    let text = chain(&error);
    let table = ks.sql("{ks}.t");
    assert!(
        text.contains(&format!("the table {table} was made, but not all of its rows are written: at least ")),
        "{text}"
    );
    assert!(
        text.contains(&format!("run INSERT INTO {table}")) && text.contains(&format!("DROP TABLE {table} first")),
        "{text}"
    );
    assert!(text.contains("column of the primary key is null") && text.contains("column: a"), "{text}");
    let at_least: i64 = text.split("at least ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let left = number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await;
    assert!(at_least <= left && left < 9000 && left > 0, "{at_least} of {left}");
    // To go on, as it says.
    let insert = ks.sql(&format!("INSERT INTO {{ks}}.t SELECT * FROM ({rows}) WHERE a IS NOT NULL"));
    assert_eq!(number(&session, &insert).await, 8999);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 8999);

    // An error of the query, not ours.
    let divide =
        "CREATE TABLE {ks}.q WITH (primary_key = 'a') AS SELECT 10 / (value - 5) AS a FROM generate_series(1, 10)";
    let text = chain(&run(&session, &ks.sql(divide)).await.unwrap_err());
    assert!(text.contains("at least 0 are there") && text.contains("ivide by zero"), "{text}");
    run(&session, &ks.sql("DROP TABLE {ks}.q")).await.unwrap();
    // What the server refuses leaves nothing.
    let refused = "CREATE TABLE {ks}.q WITH (primary_key = 'a', compaction = {'class': 'NoSuch'}) AS SELECT 1 AS a";
    let text = chain(&run(&session, &ks.sql(refused)).await.unwrap_err());
    assert!(text.contains("CREATE TABLE failed") && text.contains("NoSuch") && !text.contains("was made"), "{text}");
    // Somebody else has made the table between planning and running.
    let planned = plan(&session, &ks.sql("CREATE TABLE {ks}.q WITH (primary_key = 'a') AS SELECT 1 AS a")).await;
    ks.run("CREATE TABLE {ks}.q (a int PRIMARY KEY)").await;
    let stream = planned.execute().unwrap();
    let text = chain(&futures::TryStreamExt::try_collect::<Vec<_>>(stream).await.unwrap_err());
    assert!(text.contains("already exist") && !text.contains("was made"), "{text}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.q")).await, 0);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_makes_nothing() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.source (k int, c int, PRIMARY KEY (k, c))").await;
    let session = session();
    let create = ks.sql("CREATE TABLE {ks}.t WITH (primary_key = '(c), k DESC') AS SELECT k, c FROM {ks}.source");
    let text = explain(&session, &create).await;
    let cql = ks.sql(
        "CassandraCreateExec: cql=CREATE TABLE \"{ks}\".\"t\" (\"c\" int, \"k\" int, PRIMARY KEY ((\"c\"), \"k\")) WITH CLUSTERING \
         ORDER BY (\"k\" DESC)\n  WrittenRowsExec\n",
    );
    assert!(
        text.starts_with(&cql) && text.contains("CassandraWriteExec") && text.contains("CassandraScanExec"),
        "{text}"
    );
    for sql in [format!("EXPLAIN {create}"), ks.sql("EXPLAIN CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a')")] {
        run(&session, &sql).await.unwrap();
        assert_eq!(definition(&ks, "t").await, [""; 0], "{sql}");
    }
    // What cannot be is told by EXPLAIN too.
    let wrong = "EXPLAIN CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'b')";
    assert!(error_of(&session, &ks.sql(wrong)).await.contains("primary_key names b, but the columns are a"));
    run(&session, &format!("EXPLAIN ANALYZE {create}")).await.unwrap();
    assert_eq!(definition(&ks, "t").await, ["c int partition_key 0 none", "k int clustering 0 desc"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keyspaces_are_made() {
    // The harness drops it; its name is free until then.
    let ks = TestKeyspace::create().await;
    ks.run("DROP KEYSPACE {ks}").await;
    let session = session();
    let error = error_of(&session, &ks.sql("CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a')")).await;
    assert!(error.contains("does not exist: make it with CREATE SCHEMA cassandra.cbulk_test_"), "{error}");
    for (sql, expected) in [
        ("CREATE SCHEMA cassandra.{ks}", "a keyspace needs a replication: write WITH (replication = '{''class''"),
        ("CREATE SCHEMA cassandra.{ks} WITH (replication = {'class': 'NoSuchStrategy'})", "NoSuchStrategy"),
        ("CREATE SCHEMA cassandra.{ks} WITH (replication = 1, no_such = 1)", "no_such"),
        ("CREATE SCHEMA cassandra.{ks} WITH (replication = 1, replication = 2)", "given twice"),
        ("CREATE SCHEMA cassandra.{ks} WITH (replication = x)", "WITH (name = 'value')"),
        ("DROP SCHEMA cassandra.{ks}", "DROP KEYSPACE in cqlsh"),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(expected), "{sql}: {error}");
    }
    let create = ks.sql("CREATE SCHEMA Cassandra.{ks} WITH (replication = 1, durable_writes = false)");
    run(&session, &create).await.unwrap();
    let cql = "SELECT replication, durable_writes FROM system_schema.keyspaces WHERE keyspace_name = ?";
    let rows = ks.cql.query_unpaged(cql, (&ks.name,)).await.unwrap().into_rows_result().unwrap();
    let (replication, durable) = rows.single_row::<(std::collections::BTreeMap<String, String>, bool)>().unwrap();
    assert!(replication["class"].ends_with("NetworkTopologyStrategy") && !durable, "{replication:?}");
    let copies: Vec<&String> =
        replication.iter().filter(|(key, _)| *key != "class").map(|(_, copies)| copies).collect();
    assert_eq!(copies, ["1"], "{replication:?}");
    assert!(error_of(&session, &create).await.contains("is there already"));
    run(&session, &create.replace("SCHEMA", "SCHEMA IF NOT EXISTS")).await.unwrap();
    // Without the catalog, which is the default.
    run(&session, &ks.sql("CREATE SCHEMA IF NOT EXISTS {ks} WITH (replication = '{''class'': ''SimpleStrategy''}')"))
        .await
        .unwrap();
    run(&session, &ks.sql("CREATE TABLE {ks}.t WITH (primary_key = 'a') AS SELECT 1 AS a")).await.unwrap();
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 1);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_done_says_so() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.base (a int, b int, PRIMARY KEY (a, b))").await;
    let session = session();
    for (sql, expected) in [
        ("CREATE TABLE {ks}.t (a INT)", "needs a primary key: write WITH (primary_key ="),
        ("CREATE TABLE {ks}.t AS SELECT 1 AS a", "needs a primary key: write WITH (primary_key ="),
        ("CREATE TABLE {ks}.t (a INT PRIMARY KEY) WITH (primary_key = 'a')", "is written WITH (primary_key"),
        ("CREATE TABLE {ks}.t (a INT DEFAULT 1) WITH (primary_key = 'a')", "no other constraints or defaults"),
        (
            "CREATE TABLE {ks}.t (a INT NOT NULL, b INT NOT NULL) WITH (primary_key = 'a')",
            "column b: Cassandra has no NOT NULL",
        ),
        (
            "CREATE OR REPLACE TABLE {ks}.t WITH (primary_key = 'a') AS SELECT 1 AS a",
            "CREATE OR REPLACE TABLE is not possible for Cassandra",
        ),
        ("CREATE TABLE {ks}.t (a INT) WITH (primary_key = '(a, b)')", "can be read in two ways"),
        ("CREATE TABLE {ks}.t (a INTT) WITH (primary_key = 'a')", "the keyspace has no user-defined type intt"),
        ("CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a, a')", "primary_key names a twice"),
        ("CREATE TABLE {ks}.t (a DURATION) WITH (primary_key = 'a')", "a duration cannot be part of a primary key"),
        ("CREATE TABLE {ks}.t (a COUNTER) WITH (primary_key = 'a')", "a counter cannot be part of a primary key"),
        (
            "CREATE TABLE {ks}.t (a INT, b INT) WITH (primary_key = 'a', static_columns = 'b')",
            "need a clustering column",
        ),
        (
            "CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a', types = 'a listt<int>')",
            "'listt' takes no types in <>",
        ),
        ("CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a', no_such_option = 1)", "no_such_option"),
        ("CREATE TABLE {ks}.t (a INT) WITH (primary_key = 'a', comment = b)", "WITH (name = 'value')"),
        ("CREATE TABLE {ks}.t WITH (primary_key = 'a') AS SELECT NULL AS a", "CAST(NULL AS INT)"),
        (
            "CREATE TABLE {ks}.t WITH (primary_key = 'a') AS SELECT 1 AS a, named_struct('x', 1) AS s",
            "types = 's tuple<int, text>'",
        ),
        (
            "CREATE TABLE {ks}.t WITH (primary_key = 'a', types = 's home') AS SELECT 1 AS a, named_struct('x', 1) AS s",
            "CREATE TYPE home (x bigint)",
        ),
        (
            "CREATE TABLE {ks}.t WITH (primary_key = 'a', types = 'c counter') AS SELECT 1 AS a, 2 AS c",
            "rows of counters cannot be inserted",
        ),
        (
            "CREATE TABLE {ks}.t WITH (primary_key = 'a', types = 'c date') AS SELECT 1 AS a, 2 AS c",
            "column c of type date cannot be written",
        ),
        (
            "CREATE TABLE {ks}.t WITH (primary_key = 'a') AS SELECT x.a, y.a FROM {ks}.base x, {ks}.base y",
            "there are several columns a",
        ),
        ("CREATE TABLE {ks}.base (a INT) WITH (primary_key = 'a')", "is there already"),
        ("CREATE TABLE {ks}.\"no-name\" (a INT) WITH (primary_key = 'a')", "no-name"),
        ("CREATE TABLE t (a INT) WITH (primary_key = 'a')", "keyspace.table"),
        ("DROP TABLE {ks}.t", "does not exist"),
        ("DROP TABLE system.local", "DROP TABLE failed"),
    ] {
        let error = run(&session, &ks.sql(sql)).await.expect_err(sql);
        assert!(chain(&error).contains(expected), "{sql}: {}", chain(&error));
    }
    assert_eq!(definition(&ks, "t").await, [""; 0]);
    // A table of the session is none of Cassandra's.
    run(&session, "CREATE TABLE t AS SELECT 1 AS a").await.unwrap();
    assert_eq!(number(&session, "SELECT a FROM t").await, 1);
    run(&session, "DROP TABLE t").await.unwrap();
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counters_are_made_by_their_columns() {
    let ks = TestKeyspace::create().await;
    let session = session();
    run(&session, &ks.sql("CREATE TABLE {ks}.t (u UUID, c COUNTER) WITH (primary_key = 'u')")).await.unwrap();
    assert_eq!(definition(&ks, "t").await, ["c counter regular -1 none", "u uuid partition_key 0 none"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_page_work() {
    let page = include_str!("../../docs/create.md");
    let examples = page.split("```sql").nth(1).unwrap().split("```").next().unwrap();
    let ks = TestKeyspace::create().await;
    let session = session();
    let (before, dropped) = examples.split_once("DROP TABLE").unwrap();
    let here = |sql: &str| sql.replace("cassandra.shop", &format!("cassandra.{}", ks.name));
    run(&session, &here(before)).await.unwrap();
    assert_eq!(
        definition(&ks, "by_day").await,
        [
            "country text partition_key 0 none",
            "day date partition_key 1 none",
            "price decimal regular -1 none",
            "seq bigint clustering 1 asc",
            "session uuid clustering 0 asc"
        ]
    );
    assert!(definition(&ks, "events").await.contains(&"tags set<text> regular -1 none".to_owned()));
    run(&session, &here(&format!("DROP TABLE{dropped}"))).await.unwrap();
    assert_eq!(definition(&ks, "by_day").await, [""; 0]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_not_dropped() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.base (a int, b int, PRIMARY KEY (a, b))").await;
    ks.run(
        "CREATE MATERIALIZED VIEW {ks}.v AS SELECT * FROM {ks}.base WHERE a IS NOT NULL AND b IS NOT NULL PRIMARY KEY (b, a)",
    )
    .await;
    let session = session();
    let error = error_of(&session, &ks.sql("DROP TABLE {ks}.v")).await;
    assert!(error.contains("is a materialized view") && error.contains("DROP MATERIALIZED VIEW"), "{error}");
    let error = error_of(&session, &ks.sql("DROP TABLE {ks}.base")).await;
    assert!(error.contains("DROP TABLE failed") && error.contains("materialized view"), "{error}");
    ks.drop_it().await;
}
