//! Rows at the edges: of splits, of sizes, of names and of keys. Each is read exactly once and written as it was read.

mod token_keys;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::common::names::RESERVED_KEYSPACE;
use crate::common::{
    TestKeyspace, assert_same_tables, error_of, fingerprint, host, metric, number, plan, run, session, sorted_rows,
};
use cbulk::Session;
use cbulk::scan::exec::CassandraScanExec;
use datafusion::arrow::array::RecordBatch;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use token_keys::key_of_token;

const SPLITS: [usize; 7] = [1, 2, 3, 5, 8, 24, 64];

async fn set_splits(session: &Session, splits: usize) {
    run(session, &format!("SET cassandra.splits = {splits}")).await.unwrap();
}

/// The last token of each split of a scan of this table.
async fn ends_of_splits(session: &Session, sql: &str) -> Vec<i64> {
    fn scan(plan: &dyn ExecutionPlan) -> Option<&CassandraScanExec> {
        plan.as_any().downcast_ref().or_else(|| plan.children().into_iter().find_map(|child| scan(child.as_ref())))
    }
    let query = plan(session, sql).await;
    let splits = scan(query.plan.as_ref()).unwrap().partitions().concat();
    splits.iter().map(|split| split.range().unwrap().end()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_at_the_end_of_a_split_is_read_once() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k blob PRIMARY KEY, wanted bigint)").await;
    let session = session();
    let select = ks.sql("SELECT k, wanted FROM {ks}.t");
    // Both hashes i64::MIN and i64::MAX have the token i64::MAX: two rows at the very end of the ring.
    let mut hashes = BTreeSet::from([i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX]);
    for splits in SPLITS {
        set_splits(&session, splits).await;
        let ends = ends_of_splits(&session, &select).await;
        assert_eq!(ends.len(), splits);
        hashes.extend(ends.iter().flat_map(|end| [end - 1, *end, end.saturating_add(1)]));
    }
    let insert = ks.cql.prepare(ks.sql("INSERT INTO {ks}.t (k, wanted) VALUES (?, ?)")).await.unwrap();
    for hash in &hashes {
        let token = if *hash == i64::MIN { i64::MAX } else { *hash };
        ks.cql.execute_unpaged(&insert, (key_of_token(*hash).to_vec(), token)).await.unwrap();
    }
    let tokens = ks.cql.query_unpaged(ks.sql("SELECT token(k), wanted FROM {ks}.t"), ()).await.unwrap();
    for row in tokens.into_rows_result().unwrap().rows::<(i64, i64)>().unwrap() {
        let (token, wanted) = row.unwrap();
        assert_eq!(token, wanted, "the key was made for another token");
    }

    let mut expected: Vec<String> = hashes
        .iter()
        .map(|&hash| {
            let key: String = key_of_token(hash).iter().map(|byte| format!("{byte:02x}")).collect();
            format!("{key}|{}", if hash == i64::MIN { i64::MAX } else { hash })
        })
        .collect();
    expected.sort();
    for splits in SPLITS {
        set_splits(&session, splits).await;
        assert_eq!(sorted_rows(&session, &select).await, expected, "{splits} splits");
        let count = number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await;
        assert_eq!(usize::try_from(count).unwrap(), expected.len(), "{splits} splits");
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_no_row_and_of_one() {
    let ks = TestKeyspace::create().await;
    for table in ["empty", "one", "copy_of_empty", "copy_of_one"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k int PRIMARY KEY, v text)")).await;
    }
    ks.run("INSERT INTO {ks}.one (k, v) VALUES (7, 'seven')").await;
    let session = session();
    for splits in [1, 64] {
        set_splits(&session, splits).await;
        assert!(sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.empty")).await.is_empty());
        assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.empty")).await, 0);
        assert_eq!(sorted_rows(&session, &ks.sql("SELECT max(k), count(v) FROM {ks}.empty")).await, ["NULL|0"]);
        assert_eq!(sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.one")).await, ["7|seven"]);
        assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.one")).await, 1);
        for (table, rows) in [("empty", 0), ("one", 1)] {
            let insert = ks.sql(&format!("INSERT INTO {{ks}}.copy_of_{table} SELECT * FROM {{ks}}.{table}"));
            assert_eq!(number(&session, &insert).await, rows);
            assert_same_tables(&ks, &session, &format!("{{ks}}.{table}"), &format!("{{ks}}.copy_of_{table}")).await;
        }
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_huge_cassandra_partition() {
    const ROWS: i64 = 200_000;
    let ks = TestKeyspace::create().await;
    for table in ["t", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k text, c bigint, v int, PRIMARY KEY (k, c))")).await;
    }
    let session = session();
    let load = "INSERT INTO {ks}.t SELECT 'all', value, value % 1000 FROM generate_series(1, 200000)";
    assert_eq!(number(&session, &ks.sql(load)).await, ROWS);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, ROWS);
    run(&session, "SET cassandra.aggregate_pushdown = false").await.unwrap();
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, ROWS);
    assert_eq!(number(&session, &ks.sql("SELECT count(DISTINCT c) FROM {ks}.t")).await, ROWS);
    assert_eq!(number(&session, &ks.sql("SELECT sum(c) FROM {ks}.t")).await, ROWS * (ROWS + 1) / 2);
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await, ROWS);
    assert_same_tables(&ks, &session, "{ks}.t", "{ks}.copy").await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_of_a_hundred_columns() {
    const TYPES: [(&str, &str); 20] = [
        ("ascii", "'a{n}'"),
        ("bigint", "{n}00000000000"),
        ("blob", "0xca{n}"),
        ("boolean", "true"),
        ("date", "'2024-02-{n}'"),
        ("decimal", "-{n}.50"),
        ("double", "{n}.25"),
        ("duration", "{n}mo3d5ns"),
        ("float", "{n}.5"),
        ("inet", "'192.0.2.{n}'"),
        ("int", "-{n}"),
        ("smallint", "{n}"),
        ("text", "'Grüße {n}'"),
        ("time", "'08:12:54.0000000{n}'"),
        ("timestamp", "'2024-02-03 04:05:06.7{n}+0000'"),
        ("timeuuid", "50554d6e-29bb-11e5-b345-feff819cdc{n}"),
        ("tinyint", "{n}"),
        ("uuid", "123e4567-e89b-12d3-a456-4266141740{n}"),
        ("varchar", "''"),
        ("varint", "{n}0000000000000000000000000000"),
    ];
    let ks = TestKeyspace::create().await;
    let columns: Vec<(String, &str, &str)> = (0..99)
        .map(|i| {
            let (cql_type, value) = TYPES[i % TYPES.len()];
            (format!("c{i:02}_{cql_type}"), cql_type, value)
        })
        .collect();
    let definition: String = columns.iter().map(|(name, cql_type, _)| format!(", {name} {cql_type}")).collect();
    for table in ["t", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k int PRIMARY KEY{definition})")).await;
    }
    let names: String = columns.iter().map(|(name, ..)| format!(", {name}")).collect();
    for n in 10..29 {
        let value = |(i, (.., value)): (usize, &(String, &str, &str))| match (i + n) % 7 {
            0 => ", null".to_owned(),
            _ => format!(", {}", value.replace("{n}", &n.to_string())),
        };
        let values: String = columns.iter().enumerate().map(value).collect();
        ks.run(&format!("INSERT INTO {{ks}}.t (k{names}) VALUES ({n}{values})")).await;
    }
    let session = session();
    let rows = sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.t")).await;
    assert_eq!(rows.len(), 19);
    assert!(rows.iter().all(|row| row.split('|').count() == 100));
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await, 19);
    assert_same_tables(&ks, &session, "{ks}.t", "{ks}.copy").await;
    ks.drop_it().await;
}

/// Pages aim at a number of bytes, so rows of 1 MB come a few at a time and memory stays small.
#[tokio::test(flavor = "multi_thread")]
async fn blobs_of_a_megabyte() {
    const ROWS: i64 = 50;
    const MB: usize = 1 << 20;
    let ks = TestKeyspace::create().await;
    for table in ["t", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k bigint, c bigint, v blob, PRIMARY KEY (k, c))")).await;
    }
    let session = session();
    let load = format!(
        "INSERT INTO {{ks}}.t SELECT value % 2, value, arrow_cast(lpad(CAST(value AS VARCHAR), {MB}, 'x'), 'Binary') \
         FROM generate_series(1, {ROWS})"
    );
    assert_eq!(number(&session, &ks.sql(&load)).await, ROWS);
    // Two Cassandra partitions of 25 MB, so that paging cannot lean on splits.
    let query = plan(&session, &ks.sql("SELECT c, v FROM {ks}.t")).await;
    let batches: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    assert!(batches.iter().all(|batch| batch.get_array_memory_size() < 24 * MB), "a page is too large");
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 50);
    assert!(metric(query.plan.as_ref(), "pages") >= 18, "{} pages", metric(query.plan.as_ref(), "pages"));

    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await, ROWS);
    assert_same_tables(&ks, &session, "{ks}.t", "{ks}.copy").await;
    assert_eq!(fingerprint(&ks, "SELECT v FROM {ks}.t").await.0, 50);
    let peak = peak_memory(&ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t"));
    assert!(peak < 200 * MB, "{} MB", peak / MB);
    ks.drop_it().await;
}

/// The most memory that the shell has ever held while it ran the statement, in bytes.
fn peak_memory(sql: &str) -> usize {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_cbulk-sql"))
        .args(["--host", &host(), "-c", sql])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    loop {
        // The high-water mark only grows, and is gone when the process is.
        let status = std::fs::read_to_string(format!("/proc/{}/status", shell.id())).unwrap_or_default();
        if let Some(line) = status.lines().find(|line| line.starts_with("VmHWM:")) {
            let kilobytes: usize = line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
            peak = peak.max(kilobytes << 10);
        }
        if let Some(status) = shell.try_wait().unwrap() {
            assert!(status.success(), "{sql}: {status}");
            assert!(peak > 0);
            return peak;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_in_quotes() {
    let ks = TestKeyspace::create_named(RESERVED_KEYSPACE, &host(), 1).await;
    for table in ["from", "Copy"] {
        ks.run(&format!(
            "CREATE TABLE {{ks}}.\"{table}\" (\"Order\" int, \"order\" text, \"say \"\"hi\"\"\" int, \"ünï\" text, \"a b\" int, \
             plain int, PRIMARY KEY ((\"Order\", \"order\"), \"say \"\"hi\"\"\"))"
        ))
        .await;
    }
    let session = session();
    let columns = "\"Order\", \"order\", \"say \"\"hi\"\"\", \"ünï\", \"a b\", plain";
    let insert =
        format!("INSERT INTO {{ks}}.\"from\" ({columns}) VALUES (1, 'x', 2, 'ß', 3, 4), (1, 'x', 3, 'é', 4, 5)");
    assert_eq!(number(&session, &ks.sql(&insert)).await, 2);
    let select = ks.sql(&format!("SELECT {columns} FROM cassandra.{{ks}}.\"from\""));
    assert_eq!(sorted_rows(&session, &select).await, ["1|x|2|ß|3|4", "1|x|3|é|4|5"]);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.\"from\"")).await, 2);
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.\"Copy\" SELECT * FROM {ks}.\"from\"")).await, 2);
    assert_same_tables(&ks, &session, "{ks}.\"from\"", "{ks}.\"Copy\"").await;
    // Without quotes a name is lower case, in SQL as in CQL.
    let error = error_of(&session, "SELECT * FROM Select.from").await;
    assert!(error.contains("select"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_many_columns_and_static_columns() {
    let ks = TestKeyspace::create().await;
    for table in ["t", "copy"] {
        ks.run(&format!(
            "CREATE TABLE {{ks}}.{table} (a text, b int, c text, d int, s text STATIC, v int, PRIMARY KEY ((a, b), c, d)) \
             WITH CLUSTERING ORDER BY (c DESC, d ASC)"
        ))
        .await;
    }
    // Texts that look like null, are empty, or hold a zero byte are values like any other.
    for (a, b) in [("", 1), ("null", 2), ("NULL", 3), ("\\N", 4), ("\u{0}", 5), ("a,b\"c\n", 6)] {
        let row = "INSERT INTO {ks}.t (a, b, c, d, s, v) VALUES ('{a}', {b}, '{c}', {d}, '{a}s', {b})";
        for (c, d) in [("", 1), ("", 2), ("z", 1), ("\u{0}", 1)] {
            let row =
                row.replace("{a}", a).replace("{b}", &b.to_string()).replace("{c}", c).replace("{d}", &d.to_string());
            ks.run(&row).await;
        }
    }
    let session = session();
    // The order of a Cassandra partition is kept by each page: c descending, then d ascending.
    let rows = run(&session, &ks.sql("SELECT c, d FROM (SELECT * FROM {ks}.t) WHERE a = 'null'")).await.unwrap();
    let text = datafusion::arrow::util::pretty::pretty_format_batches(&rows).unwrap().to_string();
    let order: Vec<&str> = text.lines().skip(3).filter_map(|line| line.split('|').nth(1)).map(str::trim).collect();
    assert_eq!(order, ["z", "\u{0}", "", ""], "{text}");

    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await, 24);
    assert_same_tables(&ks, &session, "{ks}.t", "{ks}.copy").await;

    // Static values alone: one row with null clustering columns, as CQL's SELECT * gives it.
    ks.run("INSERT INTO {ks}.t (a, b, s) VALUES ('only static', 0, 'S')").await;
    let of_static = "SELECT * FROM (SELECT * FROM {ks}.t) WHERE a = 'only static'";
    assert_eq!(sorted_rows(&session, &ks.sql(of_static)).await, ["only static|0|NULL|NULL|S|NULL"]);
    let rows = number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await;
    assert_eq!(usize::try_from(rows).unwrap(), fingerprint(&ks, "SELECT * FROM {ks}.t").await.0);
    assert_eq!(rows, 25);
    // Such a row is none that INSERT could write: it says so rather than leave it out.
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM {ks}.t")).await;
    assert!(error.contains("primary key is null") && error.contains("column: c"), "{error}");
    ks.drop_it().await;
}
