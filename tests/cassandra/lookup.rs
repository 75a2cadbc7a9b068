//! Joins that look up keys give the answers of joins that read the whole table.

use crate::common::{TestKeyspace, explain, metric, number, plan, run, session, sorted_rows};
use cbulk::Session;
use futures::TryStreamExt;

const NODE: &str = "CassandraLookupJoinExec";

/// Tables of all shapes of keys, with rows that keys meet and rows that they do not.
async fn tables() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    for table in [
        "one (id int PRIMARY KEY, v text, n int)",
        "pair (a int, b text, c int, d text, v int, PRIMARY KEY ((a, b), c, d))",
        "stat (k text, c int, s text static, v int, PRIMARY KEY (k, c))",
        "word (w text PRIMARY KEY, v int)",
        "keys (n int, id int, a int, b text, c int, d text, w text, PRIMARY KEY (n))",
    ] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table}")).await;
    }
    let session = session();
    for insert in [
        "INSERT INTO {ks}.one SELECT value, value % 7, concat('v', value) FROM range(60)",
        "INSERT INTO {ks}.pair SELECT value % 5, concat('b', value % 3), value % 4, concat('d', value % 2), value FROM range(200)",
        "INSERT INTO {ks}.pair (a, b, c, d, v) VALUES (1, '', 1, '', 1000)",
        "INSERT INTO {ks}.stat (k, c, s, v) SELECT concat('k', value % 5), value AS c, 'static', value AS v FROM range(30)",
        "INSERT INTO {ks}.word SELECT concat('w', value), value FROM range(20)",
        // Keys that come twice, keys without rows, null keys.
        "INSERT INTO {ks}.keys (n, id, a, b, c, d, w) SELECT value, CASE WHEN value % 5 > 0 THEN value % 90 END, value % 6, \
         concat('b', value % 4), value % 4, concat('d', value % 3), CASE WHEN value % 3 > 0 THEN concat('w', value % 30) END \
         FROM range(120)",
    ] {
        number(&session, &ks.sql(insert)).await;
    }
    ks.run("INSERT INTO {ks}.stat (k, s) VALUES ('k7', 'no rows')").await;
    ks
}

async fn set(session: &Session, settings: &[(&str, &str)]) {
    for (name, value) in settings {
        run(session, &format!("SET {name} = {value}")).await.unwrap();
    }
}

/// Runs a query in every way there is. Where it must look up keys, it does so by itself, however joins are made, and
/// whenever it falls back, and gives the answer of a scan.
async fn assert_same(ks: &TestKeyspace, sql: &str, is_lookup: bool) {
    assert_same_with(ks, sql, is_lookup, &["true", "false"]).await;
}

/// The same with hash joins ("true") or sort-merge joins ("false") alone.
async fn assert_same_with(ks: &TestKeyspace, sql: &str, is_lookup: bool, prefer_hash: &[&str]) {
    const CHOICES: [(&str, &str); 5] = [("auto", "100000"), ("on", "1"), ("auto", "1"), ("auto", "17"), ("auto", "40")];
    let sql = &ks.sql(sql);
    let session = session();
    set(&session, &[("datafusion.execution.target_partitions", "3"), ("cassandra.page_size_rows", "7")]).await;
    set(&session, &[("datafusion.execution.batch_size", "16")]).await;
    let mut expected = None;
    for hash in prefer_hash {
        set(&session, &[("datafusion.optimizer.prefer_hash_join", hash), ("cassandra.lookup_join", "off")]).await;
        let text = explain(&session, sql).await;
        assert!(!text.contains(NODE), "{sql}\n{text}");
        let mut choices = &CHOICES[..];
        match run(&session, sql).await {
            Ok(_) => {
                let answer = sorted_rows(&session, sql).await;
                assert_eq!(*expected.get_or_insert(answer.clone()), answer, "without lookups, hash={hash}: {sql}");
            }
            // DataFusion merges by some types only, so that there is nothing to fall back to.
            Err(error) => {
                assert!(*hash == "false", "{sql}: {error}");
                assert!(error.to_string().contains("Unsupported data type in sort merge join comparator"), "{error}");
                choices = &CHOICES[..2];
            }
        }
        for (choice, most) in choices {
            set(&session, &[("cassandra.lookup_join", choice), ("cassandra.lookup_join_max_keys", most)]).await;
            let text = explain(&session, sql).await;
            // With a small limit it depends on what is known of the keys.
            if *choice == "on" || *most == "100000" {
                assert_eq!(text.contains(NODE), is_lookup, "hash={hash}, {choice}: {sql}\n{text}");
            } else {
                assert!(is_lookup || !text.contains(NODE), "{sql}\n{text}");
            }
            if !is_lookup && choices.len() < CHOICES.len() {
                continue;
            }
            let answer = sorted_rows(&session, sql).await;
            assert_eq!(expected.as_ref(), Some(&answer), "hash={hash}, {choice}, max_keys={most}: {sql}\n{text}");
        }
    }
}

const VALUES: &str = "(VALUES (1, 'a', 5), (1, 'b', 1), (NULL, 'c', 2), (999, 'd', 3), (59, 'e', 4), (9000000000, 'f', 0)) \
                      AS k (id, w, m)";

#[tokio::test(flavor = "multi_thread")]
async fn joins_of_every_kind() {
    let ks = tables().await;
    for keys in [VALUES, "{ks}.keys k"] {
        for sql in [
            "SELECT k.id, k.w, t.v, t.n FROM {keys} JOIN {ks}.one t ON t.id = k.id",
            "SELECT t.v, k.w FROM {ks}.one t JOIN {keys} ON t.id = k.id",
            "SELECT * FROM {keys} LEFT JOIN {ks}.one t ON t.id = k.id",
            "SELECT t.*, k.w FROM {ks}.one t RIGHT JOIN {keys} ON t.id = k.id",
            "SELECT k.w FROM {keys} WHERE EXISTS (SELECT 1 FROM {ks}.one t WHERE t.id = k.id)",
            "SELECT k.w FROM {keys} WHERE NOT EXISTS (SELECT 1 FROM {ks}.one t WHERE t.id = k.id)",
            "SELECT k.w FROM {keys} WHERE EXISTS (SELECT 1 FROM {ks}.one t WHERE t.id = k.id AND t.n > 3)",
            "SELECT k.w FROM {keys} WHERE NOT EXISTS (SELECT 1 FROM {ks}.one t WHERE t.id = k.id AND t.n > 3)",
            // Rows of the table: each once.
            "SELECT * FROM {ks}.one t WHERE t.id IN (SELECT k.id FROM {keys})",
            "SELECT v FROM {ks}.one t WHERE t.n > 2 AND EXISTS (SELECT 1 FROM {keys} WHERE t.id = k.id)",
            // Further conditions, filters and expressions.
            "SELECT * FROM {keys} LEFT JOIN {ks}.one t ON t.id = k.id AND t.v < concat('v', k.w)",
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.id = k.id WHERE t.n % 2 = 0 AND k.w <> t.v",
            "SELECT * FROM {keys} LEFT JOIN (SELECT id, upper(v) AS u FROM {ks}.one WHERE n > 3) t ON t.id = k.id",
            "SELECT count(*), count(t.n) FROM {keys} LEFT JOIN {ks}.one t ON t.id = k.id",
            "SELECT count(*) FROM {keys} JOIN {ks}.one t ON t.id = k.id",
            "SELECT 1 FROM {keys} JOIN {ks}.one t ON t.id = k.id",
            "SELECT t.n, min(k.w), sum(t.id) FROM {keys} JOIN {ks}.one t ON t.id = k.id GROUP BY t.n ORDER BY t.n",
            "SELECT k.w, t.v, u.n FROM {keys} JOIN {ks}.one t ON t.id = k.id JOIN {ks}.one u ON u.id = t.n",
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.id = k.id + 1",
        ] {
            assert_same(&ks, &sql.replace("{keys}", keys), true).await;
        }
        for sql in [
            // Rows of the table that have no partner.
            "SELECT k.w, t.v FROM {keys} RIGHT JOIN {ks}.one t ON t.id = k.id",
            "SELECT k.w, t.v FROM {keys} FULL JOIN {ks}.one t ON t.id = k.id",
            "SELECT t.v FROM {ks}.one t WHERE NOT EXISTS (SELECT 1 FROM {keys} WHERE t.id = k.id)",
            // Not the key, not equality, not the column itself, null as a value, not all rows.
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.n = k.id",
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.id < k.id",
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.id + 1 = k.id",
            "SELECT k.w, t.v FROM {keys} JOIN {ks}.one t ON t.id IS NOT DISTINCT FROM k.id",
            "SELECT k.w, t.v FROM {keys} JOIN (SELECT * FROM {ks}.one ORDER BY id LIMIT 9) t ON t.id = k.id",
            "SELECT k.w, t.c FROM {keys} LEFT JOIN (SELECT id, count(*) AS c FROM {ks}.one GROUP BY id) t ON t.id = k.id",
            "SELECT k.w, t.v FROM {keys} CROSS JOIN {ks}.one t",
            // A condition on pairs could let a later row of the keys find what an earlier one did not.
            "SELECT t.v FROM {ks}.one t WHERE EXISTS (SELECT 1 FROM {keys} WHERE t.id = k.id AND t.v < concat('v', k.w))",
        ] {
            assert_same(&ks, &sql.replace("{keys}", keys), false).await;
        }
        // With nulls, DataFusion's sort-merge join gives another answer.
        let sql = "SELECT t.v FROM {ks}.one t WHERE t.id NOT IN (SELECT k.id FROM {keys})";
        assert_same_with(&ks, &sql.replace("{keys}", keys), false, &["true"]).await;
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_several_columns() {
    let ks = tables().await;
    let joins = [
        ("p.a = k.a AND p.b = k.b", "WHERE \"a\" = ? AND \"b\" = ?"),
        ("p.c = k.c AND p.b = k.b AND p.a = k.a", "WHERE \"a\" = ? AND \"b\" = ? AND \"c\" = ?"),
        (
            "p.a = k.a AND p.b = k.b AND p.c = k.c AND p.d = k.d",
            "WHERE \"a\" = ? AND \"b\" = ? AND \"c\" = ? AND \"d\" = ?",
        ),
        // d comes behind c, and v is no key: they are compared here.
        ("p.a = k.a AND p.b = k.b AND p.d = k.d", "WHERE \"a\" = ? AND \"b\" = ?"),
        ("p.a = k.a AND p.b = k.b AND p.v = k.id", "WHERE \"a\" = ? AND \"b\" = ?"),
        ("p.a = k.a AND p.b = k.b AND p.a = k.c", "WHERE \"a\" = ? AND \"b\" = ?"),
        ("p.a = k.a AND p.b = k.b AND p.v > k.n", "WHERE \"a\" = ? AND \"b\" = ?"),
    ];
    for (on, cql) in joins {
        for sql in [
            "SELECT k.n, p.* FROM {ks}.keys k JOIN {ks}.pair p ON {on}",
            "SELECT k.n, p.* FROM {ks}.pair p JOIN {ks}.keys k ON {on}",
            "SELECT k.n, p.v FROM {ks}.keys k LEFT JOIN {ks}.pair p ON {on}",
            "SELECT k.n FROM {ks}.keys k WHERE EXISTS (SELECT 1 FROM {ks}.pair p WHERE {on})",
            "SELECT k.n FROM {ks}.keys k WHERE NOT EXISTS (SELECT 1 FROM {ks}.pair p WHERE {on})",
        ] {
            let sql = sql.replace("{on}", on);
            assert_same(&ks, &sql, true).await;
            let text = explain(&session(), &ks.sql(&sql)).await;
            let line = text.lines().find(|line| line.contains(NODE)).unwrap();
            assert!(line.contains(&format!("{cql},")) || line.contains(&format!("{cql} LIMIT 1,")), "{line}");
        }
    }
    for on in ["p.a = k.a", "p.b = k.b AND p.c = k.c", "p.a = k.a AND p.b > k.b"] {
        assert_same(&ks, &format!("SELECT k.n, p.v FROM {{ks}}.keys k JOIN {{ks}}.pair p ON {on}"), false).await;
    }
    // An empty text is a value in a key of several columns.
    let sql =
        "SELECT p.v FROM (VALUES (1, ''), (2, ''), (1, NULL)) AS k (a, b) JOIN {ks}.pair p ON p.a = k.a AND p.b = k.b";
    assert_same(&ks, sql, true).await;
    assert_eq!(sorted_rows(&session(), &ks.sql(sql)).await, ["1000"]);
    // A Cassandra partition of static values alone is a row, but has no clustering column.
    let static_row = "(VALUES ('k1', 1), ('k7', 1), ('k8', 1)) AS k (k, c)";
    assert_same(&ks, &format!("SELECT * FROM {static_row} LEFT JOIN {{ks}}.stat t ON t.k = k.k"), true).await;
    assert_same(&ks, &format!("SELECT k.k, t.c FROM {static_row} LEFT JOIN {{ks}}.stat t ON t.k = k.k"), true).await;
    assert_same(&ks, &format!("SELECT * FROM {static_row} LEFT JOIN {{ks}}.stat t ON t.k = k.k AND t.c = k.c"), true)
        .await;
    let found = format!("SELECT t.s FROM {static_row} JOIN {{ks}}.stat t ON t.k = k.k WHERE t.c IS NULL");
    assert_eq!(sorted_rows(&session(), &ks.sql(&found)).await, ["no rows"]);
    ks.drop_it().await;
}

/// Keys that Cassandra cannot have are not sent: the statement would fail.
#[tokio::test(flavor = "multi_thread")]
async fn keys_that_cannot_be() {
    let ks = tables().await;
    ks.run("CREATE TABLE {ks}.wide (a text, b text, v int, PRIMARY KEY ((a, b)))").await;
    ks.run("CREATE TABLE {ks}.long (k int, a text, b text, v int, PRIMARY KEY (k, a, b))").await;
    ks.run("CREATE TABLE {ks}.plain (k ascii PRIMARY KEY, v int)").await;
    ks.run("CREATE TABLE {ks}.at (k time PRIMARY KEY, v int)").await;
    for (table, columns, values) in [
        ("wide", "a, b", "'a', 'b'"),
        ("long", "k, a, b", "1, 'a', 'b'"),
        ("plain", "k", "'a'"),
        ("at", "k", "'00:00:01'"),
    ] {
        ks.run(&format!("INSERT INTO {{ks}}.{table} ({columns}, v) VALUES ({values}, 1)")).await;
    }
    for (table, keys, on) in [
        (
            "word",
            "VALUES ('w1'), (''), (repeat('w', 65535)), (repeat('w', 65536)), (repeat('w', 200000))",
            "t.w = x.column1",
        ),
        (
            "wide",
            "VALUES ('a', 'b'), (repeat('a', 40000), repeat('b', 40000)), (repeat('a', 65535), ''), ('', repeat('b', 65536))",
            "t.a = x.column1 AND t.b = x.column2",
        ),
        (
            "long",
            "VALUES (1, 'a', 'b'), (1, repeat('a', 40000), repeat('b', 40000)), (1, repeat('a', 65535), ''), (1, '', '')",
            "t.k = x.column1 AND t.a = x.column2 AND t.b = x.column3",
        ),
        ("plain", "VALUES ('a'), ('ä'), ('日本')", "t.k = x.column1"),
        (
            "at",
            "SELECT arrow_cast(value * 1000000000, 'Time64(Nanosecond)') AS column1 FROM range(90000) WHERE value % 8600 < 3",
            "t.k = x.column1",
        ),
    ] {
        for sql in [
            format!("SELECT x.column1, t.v FROM ({keys}) x LEFT JOIN {{ks}}.{table} t ON {on}"),
            format!(
                "SELECT length(x.column1::varchar) FROM ({keys}) x WHERE NOT EXISTS (SELECT 1 FROM {{ks}}.{table} t WHERE {on})"
            ),
        ] {
            assert_same(&ks, &sql, true).await;
        }
        let found = format!("SELECT t.v FROM ({keys}) x JOIN {{ks}}.{table} t ON {on}");
        assert_eq!(sorted_rows(&session(), &ks.sql(&found)).await.len(), 1, "{found}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type() {
    const TYPES: [(&str, [&str; 3], bool); 18] = [
        ("ascii", ["'a'", "'b'", "'c'"], true),
        ("text", ["'ä'", "'b'", "'日本'"], true),
        ("tinyint", ["-128", "0", "127"], true),
        ("smallint", ["-32768", "0", "1"], true),
        ("int", ["-2147483648", "0", "1"], true),
        ("bigint", ["-9223372036854775808", "0", "1"], true),
        ("boolean", ["true", "false", "true"], true),
        ("blob", ["0x00", "0xcafe", "0xff"], true),
        (
            "uuid",
            [
                "123e4567-e89b-12d3-a456-426614174000",
                "00000000-0000-0000-0000-000000000000",
                "ffffffff-ffff-4fff-bfff-ffffffffffff",
            ],
            true,
        ),
        (
            "timeuuid",
            [
                "50554d6e-29bb-11e5-b345-feff819cdc9f",
                "50554d6e-29bb-11e5-b345-feff819cdc9e",
                "00000000-0000-1000-8080-808080808080",
            ],
            true,
        ),
        ("date", ["'1969-12-31'", "'2024-02-29'", "'0001-01-01'"], true),
        ("time", ["'00:00:00'", "'23:59:59.999999999'", "'12:00:00'"], true),
        ("timestamp", ["'1969-12-31 23:59:59.999+0000'", "'2024-02-29 00:00:00+0000'", "0"], true),
        ("float", ["1.5", "-0.0", "2.5"], false),
        ("double", ["1.5", "-0.0", "2.5"], false),
        ("decimal", ["1.0", "1.00", "2"], false),
        ("varint", ["1", "2", "123456789012345678901234567890"], false),
        ("inet", ["'192.0.2.1'", "'2001:db8::1'", "'::1'"], false),
    ];
    let ks = TestKeyspace::create().await;
    for (cql_type, values, is_lookup) in TYPES {
        ks.run(&format!("CREATE TABLE {{ks}}.t_{cql_type} (k {cql_type} PRIMARY KEY, v int)")).await;
        ks.run(&format!("CREATE TABLE {{ks}}.k_{cql_type} (n int PRIMARY KEY, k {cql_type})")).await;
        for (n, value) in values.iter().enumerate() {
            ks.run(&format!("INSERT INTO {{ks}}.k_{cql_type} (n, k) VALUES ({n}, {value})")).await;
            if n > 0 {
                ks.run(&format!("INSERT INTO {{ks}}.t_{cql_type} (k, v) VALUES ({value}, {n})")).await;
            }
        }
        ks.run(&format!("INSERT INTO {{ks}}.k_{cql_type} (n) VALUES (9)")).await;
        let from = format!("{{ks}}.k_{cql_type} k LEFT JOIN {{ks}}.t_{cql_type} t ON t.k = k.k");
        assert_same(&ks, &format!("SELECT k.n, t.v FROM {from}"), is_lookup).await;
        let found = sorted_rows(&session(), &ks.sql(&format!("SELECT t.v FROM {from} WHERE t.v IS NOT NULL"))).await;
        assert!(found.len() >= 2, "{cql_type}: {found:?}");
    }
    // Compared in wider types.
    for (cql_type, cast) in [
        ("int", "arrow_cast(k, 'Int64') * 3"),
        ("tinyint", "arrow_cast(k, 'Int32') * 2"),
        ("text", "arrow_cast(k, 'Utf8View')"),
        ("blob", "arrow_cast(k, 'BinaryView')"),
        ("timestamp", "arrow_cast(k, 'Timestamp(Microsecond, Some(\"UTC\"))')"),
    ] {
        let sql = format!(
            "SELECT k.n, t.v FROM (SELECT n, {cast} AS k FROM {{ks}}.k_{cql_type}) k \
             LEFT JOIN {{ks}}.t_{cql_type} t ON t.k = k.k"
        );
        assert_same(&ks, &sql, true).await;
    }
    // Numbers of other kinds are no keys.
    let floats = "SELECT t.v FROM (VALUES (1.0), (0.5)) AS k (k) JOIN {ks}.t_int t ON t.k = k.k";
    assert_same(&ks, floats, false).await;
    ks.drop_it().await;
}

/// What a query has done, by its metrics.
async fn metrics_of<const N: usize>(session: &Session, sql: &str, names: [&str; N]) -> [usize; N] {
    let query = plan(session, sql).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    names.map(|name| metric(query.plan.as_ref(), name))
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_come_from_files_and_from_the_table_itself() {
    let ks = tables().await;
    let folder = tempfile::tempdir().unwrap();
    let session = session();
    for format in ["parquet", "csv"] {
        let file = folder.path().join(format!("keys.{format}"));
        let copy = format!("COPY (SELECT n, id, w FROM {{ks}}.keys) TO '{}' STORED AS {format}", file.display());
        number(&session, &ks.sql(&copy)).await;
        let table = format!("CREATE EXTERNAL TABLE {format}_keys STORED AS {format} LOCATION '{}'", file.display());
        run(&session, &table).await.unwrap();
        for (column, table, key) in [("id", "one", "id"), ("w", "word", "w")] {
            let sql = ks.sql(&format!(
                "SELECT k.n, t.v FROM {format}_keys k LEFT JOIN {{ks}}.{table} t ON t.{key} = k.{column} ORDER BY k.n"
            ));
            let [lookups, splits] = metrics_of(&session, &sql, ["lookups", "splits_done"]).await;
            assert!(lookups > 10 && splits == 0, "{sql}: {lookups} lookups, {splits} splits");
            let rows = sorted_rows(&session, &sql).await;
            assert_eq!(rows.len(), 120);
            set(&session, &[("cassandra.lookup_join", "off")]).await;
            assert_eq!(sorted_rows(&session, &sql).await, rows, "{sql}");
            set(&session, &[("cassandra.lookup_join", "auto")]).await;
        }
    }
    assert_same(&ks, "SELECT a.id, b.v FROM {ks}.one a JOIN {ks}.one b ON b.id = a.n", true).await;
    assert_same(&ks, "SELECT a.id, b.v FROM {ks}.one a JOIN {ks}.one b ON b.id = a.id", true).await;
    assert_same(
        &ks,
        "SELECT x.v, y.v FROM {ks}.pair x JOIN {ks}.pair y ON x.a = y.a AND x.b = y.b AND x.c = y.c",
        true,
    )
    .await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_keys_fall_back_to_the_scan() {
    const NAMES: [&str; 4] = ["lookups", "fell_back", "splits_done", "remembered"];
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (id bigint, c int, v text, PRIMARY KEY (id, c))").await;
    ks.run("CREATE TABLE {ks}.k (n bigint PRIMARY KEY, id bigint, few bigint)").await;
    let session = session();
    let load = "INSERT INTO {ks}.t SELECT value / 2, value % 2, concat('v', value) FROM range(3000)";
    assert_eq!(number(&session, &ks.sql(load)).await, 3_000);
    let load = "INSERT INTO {ks}.k (n, id, few) SELECT value AS n, value * 2 AS id, value % 20 AS few FROM range(900)";
    assert_eq!(number(&session, &ks.sql(load)).await, 900);
    set(&session, &[("cassandra.splits", "5"), ("datafusion.execution.batch_size", "100")]).await;
    set(&session, &[("cassandra.page_size_rows", "100")]).await;
    for (sql, rows) in [
        ("SELECT k.n, t.v FROM {ks}.k k JOIN {ks}.t t ON t.id = k.{id}", [1_500, 1_800]),
        ("SELECT k.n, t.v FROM {ks}.k k LEFT JOIN {ks}.t t ON t.id = k.{id}", [1_650, 1_800]),
        ("SELECT k.n FROM {ks}.k k WHERE EXISTS (SELECT 1 FROM {ks}.t t WHERE t.id = k.{id})", [750, 900]),
        ("SELECT k.n FROM {ks}.k k WHERE NOT EXISTS (SELECT 1 FROM {ks}.t t WHERE t.id = k.{id})", [150, 0]),
        ("SELECT t.v FROM {ks}.t t WHERE t.id IN (SELECT {id} FROM {ks}.k)", [1_500, 40]),
    ] {
        for (column, rows) in ["id", "few"].into_iter().zip(rows) {
            let sql = ks.sql(&sql.replace("{id}", column));
            // `few` has few keys, however many rows there are: they are looked up once.
            for (most, falls) in [("500", column == "id"), ("1000", false), ("5", true)] {
                set(&session, &[("cassandra.lookup_join_max_keys", most)]).await;
                let [lookups, fell_back, splits, remembered] = metrics_of(&session, &sql, NAMES).await;
                let what = format!("{sql}: max_keys={most}, {lookups} lookups, {splits} splits");
                assert_eq!(fell_back, usize::from(falls), "{what}");
                // The scan of the keys, and the one that it fell back to.
                assert_eq!(splits, if falls { 10 } else { 5 }, "{what}");
                assert!(lookups <= most.parse().unwrap(), "{what}");
                match (falls, column) {
                    (false, "few") => assert_eq!(lookups, 20, "{what}"),
                    (false, _) => assert_eq!(lookups, 900, "{what}"),
                    (true, _) if most == "500" => assert!(lookups > 250, "{what}"),
                    (true, _) => assert_eq!(lookups, 0, "{what}"),
                }
                assert!(remembered == 0 || column == "few", "{what}");
                assert_eq!(sorted_rows(&session, &sql).await.len(), rows, "{what}");
            }
        }
    }
    ks.drop_it().await;
}

/// What the node itself says: requests for single Cassandra partitions and for token ranges of table `t`.
async fn requests(ks: &TestKeyspace) -> [i64; 2] {
    let mut counts = [0, 0];
    for (count, view) in counts.iter_mut().zip(["coordinator_read_latency", "coordinator_scan_latency"]) {
        let cql = format!("SELECT count FROM system_views.{view} WHERE keyspace_name = ? AND table_name = 't'");
        let rows = ks.cql.query_unpaged(cql, (&ks.name,)).await.unwrap().into_rows_result().unwrap();
        *count = rows.maybe_first_row::<(i64,)>().unwrap().map_or(0, |row| row.0);
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_cassandra_partitions_asked_for_are_read() {
    const NAMES: [&str; 6] = ["keys", "lookups", "pages", "rows_read", "retries", "non_replica_pages"];
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (id int, c int, v text, PRIMARY KEY (id, c))").await;
    let session = session();
    let load = "INSERT INTO {ks}.t SELECT value / 2, value % 2, concat('v', value) FROM range(2000)";
    assert_eq!(number(&session, &ks.sql(load)).await, 2_000);
    // 40 keys, each three times, half of them without rows, and rows without a key.
    let keys = "SELECT CASE WHEN value < 120 THEN value % 40 * 50 END AS id FROM range(150)";
    let join = ks.sql(&format!("SELECT k.id, t.v FROM ({keys}) k JOIN {{ks}}.t t ON t.id = k.id"));
    let before = requests(&ks).await;
    let [keys, lookups, pages, rows, retries, elsewhere] = metrics_of(&session, &join, NAMES).await;
    let after = requests(&ks).await;
    assert_eq!([keys, lookups, rows, retries, elsewhere], [120, 40, 40, 0, 0]);
    assert!((3..8).contains(&pages), "{pages} pages of 40 keys, 16 a request");
    // A page that follows another one goes on within the Cassandra partition where that one ended.
    let (read, following) = (after[0] - before[0], i64::try_from(pages).unwrap() - 3);
    assert!((40..=40 + following).contains(&read), "{read} Cassandra partitions read with {pages} pages");
    assert_eq!(after[1] - before[1], 0, "token ranges read");
    assert_eq!(sorted_rows(&session, &join).await.len(), 120);
    let plan = sorted_rows(&session, &format!("EXPLAIN {join}")).await.join("\n");
    assert!(plan.contains("WHERE \"id\" IN ?, keys=[id = ") && plan.contains("keys_per_request=16"), "{plan}");
    set(&session, &[("cassandra.lookup_keys_per_request", "1")]).await;
    assert_eq!(metrics_of(&session, &join, NAMES).await, [120, 40, 40, 40, 0, 0]);
    assert_eq!(sorted_rows(&session, &join).await.len(), 120);

    let text = sorted_rows(&session, &format!("EXPLAIN ANALYZE {join}")).await.join("\n");
    let line = text.lines().find(|line| line.contains(NODE)).unwrap();
    for shown in
        ["type=Inner", "\"v\" FROM ", "WHERE \"id\" = ?", "keys=[id = ", "max_keys=100000", "in_flight_per_node=64"]
    {
        assert!(line.contains(shown), "no {shown} in {line}");
    }
    for shown in ["keys=120", "lookups=40", "pages=40", "fell_back=0", "retries=0", "bytes=", "output_rows=120"] {
        assert!(line.contains(shown), "no {shown} in {line}");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_cassandra_partition_comes_page_by_page() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (id int, c int, v text, PRIMARY KEY (id, c))").await;
    let session = session();
    let load = "INSERT INTO {ks}.t SELECT 1, value, repeat('v', 100) FROM range(20000)";
    assert_eq!(number(&session, &ks.sql(load)).await, 20_000);
    // Small memory: neither the Cassandra partition nor its product with the keys is held.
    set(&session, &[("cassandra.page_size_rows", "500")]).await;
    let join = ks.sql("SELECT t.v, k.value FROM range(10) k JOIN {ks}.t t ON t.id = k.value % 2");
    let [pages, rows] = metrics_of(&session, &join, ["pages", "rows_read"]).await;
    assert!((40..60).contains(&pages), "{pages} pages");
    assert_eq!(rows, 20_000);
    let count =
        "SELECT count(*), count(DISTINCT t.c), sum(length(t.v)) FROM range(10) k JOIN {ks}.t t ON t.id = k.value % 2";
    assert_eq!(sorted_rows(&session, &ks.sql(count)).await, ["100000|20000|10000000"]);
    // A limit stops it.
    assert_eq!(sorted_rows(&session, &format!("{join} LIMIT 10")).await.len(), 10);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_is_the_users() {
    let ks = tables().await;
    let session = session();
    let join = ks.sql("SELECT t.v FROM (VALUES (1), (2), (3)) AS k (id) JOIN {ks}.one t ON t.id = k.id");
    for (choice, most, is_lookup) in
        [("auto", "100000", true), ("auto", "3", true), ("auto", "2", false), ("off", "3", false), ("on", "2", true)]
    {
        set(&session, &[("cassandra.lookup_join", choice), ("cassandra.lookup_join_max_keys", most)]).await;
        let text = explain(&session, &join).await;
        assert_eq!(text.contains(NODE), is_lookup, "{choice}, {most}:\n{text}");
        // Without a limit there is nothing to fall back to.
        assert_eq!(text.contains("RemainingInputExec"), is_lookup && choice == "auto", "{text}");
        assert_eq!(sorted_rows(&session, &join).await, ["v1", "v2", "v3"]);
    }
    let error = crate::common::error_of(&session, "SET cassandra.lookup_join = perhaps").await;
    assert!(error.contains("write one of auto, on, off"), "{error}");
    // A table dropped between planning and running is an error that names it.
    set(&session, &[("cassandra.lookup_join", "auto"), ("cassandra.lookup_join_max_keys", "100000")]).await;
    let query = plan(&session, &join).await;
    ks.run("DROP TABLE {ks}.one").await;
    let result: Result<Vec<_>, _> = query.execute().unwrap().try_collect().await;
    let error = result.unwrap_err().to_string();
    assert!(error.contains("one"), "{error}");
    ks.drop_it().await;
}
