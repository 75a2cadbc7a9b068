//! Rows that cannot be written: kept, counted, put right and loaded again.

use std::path::{Path, PathBuf};
use std::process::Command;

use cbulk::Session;
use cbulk::write::outcome::LoadReport;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt64Type;
use futures::TryStreamExt;

use crate::common::{
    TestKeyspace, assert_same_tables, error_of, fingerprint, host, number, plan, run, session, sorted_rows,
};

/// A folder for rejected rows, removed at the end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// And lets the session keep up to `max_rejected` rows in it.
    pub(crate) async fn of(ks: &TestKeyspace, session: &Session, max_rejected: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("cbulk-{}", ks.sql("{ks}")));
        run(session, &format!("SET cassandra.rejected_path = '{}'", folder.display())).await.unwrap();
        run(session, &format!("SET cassandra.max_rejected = '{max_rejected}'")).await.unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs an INSERT; gives the rows it says it has written, and its report, which must add up.
pub(crate) async fn load(session: &Session, sql: &str) -> (u64, LoadReport) {
    let query = plan(session, sql).await;
    let batches: Vec<RecordBatch> =
        query.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let report = LoadReport::of(&query.plan).unwrap();
    let LoadReport { read, written, not_applied, rejected, unknown, .. } = report;
    assert_eq!(read, written + not_applied + rejected + unknown, "{report:?}");
    (batches[0].column(0).as_primitive::<UInt64Type>().value(0), report)
}

pub(crate) async fn rejected_table(session: &Session, folder: &Path, name: &str, format: &str) {
    let sql = format!("CREATE EXTERNAL TABLE {name} STORED AS {format} LOCATION '{}/'", folder.display());
    run(session, &sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_bound_are_kept_and_loaded_again() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c text, ip inet, tags list<text>, PRIMARY KEY (k, c))").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "40").await;
    // Of 10,000 rows, 10 have no key, 10 no address, and 10 a key that is too long.
    let insert = ks.sql(
        "INSERT INTO {ks}.t SELECT value, \
         CASE value % 1000 WHEN 1 THEN NULL WHEN 2 THEN repeat('x', 66000) ELSE 'c' END, \
         CASE value % 1000 WHEN 3 THEN 'nowhere' ELSE '10.0.0.1' END, make_array('a', 'b') FROM generate_series(1, 10000)",
    );
    let (count, report) = load(&session, &insert).await;
    assert_eq!((count, report.written, report.rejected, report.unknown), (9_970, 9_970, 30, 0));
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 9_970);

    let kept = report.rejected_folder.unwrap();
    assert!(kept.starts_with(&folder.0), "{}", kept.display());
    rejected_table(&session, &kept, "bad", "PARQUET").await;
    let told = "SELECT rejected_class, rejected_attempts, count(*), count(DISTINCT rejected_because) > 3 FROM bad GROUP BY 1, 2";
    assert_eq!(sorted_rows(&session, told).await, ["data|0|30|true"]);
    let because = sorted_rows(&session, "SELECT k, rejected_because FROM bad WHERE k IN (1, 2, 3) ORDER BY 1").await;
    assert!(because[0].starts_with("1|a column of the primary key is null"), "{because:?}");
    assert!(because[1].contains("longer than the 65535 bytes"), "{because:?}");
    assert!(because[2].contains("cannot write \"nowhere\" as inet"), "{because:?}");

    // Put right, and loaded again.
    let again = "INSERT INTO {ks}.t SELECT k, CASE WHEN c IS NULL OR length(c) > 1 THEN 'c' ELSE c END, \
                 CASE ip WHEN 'nowhere' THEN '10.0.0.1' ELSE ip END, tags FROM bad";
    let (count, report) = load(&session, &ks.sql(again)).await;
    assert_eq!((count, report.rejected, report.rejected_folder), (30, 0, None));
    let all = ks.sql("SELECT count(*), min(k), max(k), count(DISTINCT c), count(DISTINCT ip) FROM {ks}.t");
    assert_eq!(sorted_rows(&session, &all).await, ["10000|1|10000|1|1"]);
    let lists = ks.sql("SELECT count(*) FROM {ks}.t WHERE array_to_string(tags, '') = 'ab'");
    assert_eq!(number(&session, &lists).await, 10_000);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_that_cannot_be_cast_is_a_rejected_row() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, n bigint, at timestamp, d date, PRIMARY KEY (k, c))").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "0").await;
    std::fs::create_dir_all(&folder.0).unwrap();
    let csv = folder.0.join("dirty.csv");
    let mut lines = vec!["k,c,n,at,d".to_owned()];
    lines.extend((0..3_000).map(|i| match i {
        700 => format!("{},{i},many,2026-01-01T00:00:00Z,2026-01-01", i % 7),
        1_400 => format!("{},{i},1,yesterday,2026-01-01", i % 7),
        2_100 => format!("seven,{i},1,2026-01-01T00:00:00Z,2026-01-01"),
        2_101 => format!("{},99999999999,1,2026-01-01T00:00:00Z,2026-01-01", i % 7),
        2_800 => format!("{},{i},1,2026-01-01T00:00:00Z,2026-02-30", i % 7),
        _ => format!("{},{i},{i},2026-01-01T00:00:00Z,2026-01-01", i % 7),
    }));
    std::fs::write(&csv, lines.join("\n")).unwrap();
    let columns = "k VARCHAR, c VARCHAR, n VARCHAR, at VARCHAR, d VARCHAR";
    let table = format!("CREATE EXTERNAL TABLE dirty ({columns}) STORED AS CSV LOCATION '{}'", csv.display());
    run(&session, &table).await.unwrap();
    let insert = ks.sql("INSERT INTO {ks}.t SELECT k, c, at, d, n FROM dirty");

    // The first of them ends the load, and is named.
    let error = error_of(&session, &insert).await;
    assert!(error.contains("cannot write \"") && error.contains("column: ") && error.contains("row: "), "{error}");

    run(&session, "SET cassandra.max_rejected = 5").await.unwrap();
    for sort in ["false", "true"] {
        ks.run("TRUNCATE {ks}.t").await;
        run(&session, &format!("SET cassandra.sort_by_token = {sort}")).await.unwrap();
        let (count, report) = load(&session, &insert).await;
        assert_eq!((count, report.rejected), (2_995, 5), "sort_by_token = {sort}");
        assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 2_995);
        // As they came.
        run(&session, "DROP TABLE IF EXISTS bad").await.unwrap();
        rejected_table(&session, &report.rejected_folder.unwrap(), "bad", "PARQUET").await;
        let kept = sorted_rows(&session, "SELECT c, k, n, at, d, rejected_class FROM bad").await;
        let day = "2026-01-01T00:00:00Z";
        let expected = [
            "1400|0|1|yesterday|2026-01-01|data".to_owned(),
            format!("2100|seven|1|{day}|2026-01-01|data"),
            format!("2800|0|1|{day}|2026-02-30|data"),
            format!("700|0|many|{day}|2026-01-01|data"),
            format!("99999999999|1|1|{day}|2026-01-01|data"),
        ];
        assert_eq!(kept, expected);
    }
    let because = sorted_rows(&session, "SELECT rejected_because FROM bad WHERE k = 'seven'").await;
    assert!(because[0].contains("cannot write \"seven\" as int") && because[0].contains("column: k"), "{because:?}");
    assert!(because[0].contains("key: k = seven"), "{because:?}");

    // Put right, and loaded again.
    let again = "INSERT INTO {ks}.t SELECT replace(k, 'seven', '0'), replace(c, '99999999999', '2101'), \
                 replace(at, 'yesterday', '2025-12-31T00:00:00Z'), replace(d, '-30', '-28'), replace(n, 'many', '700') FROM bad";
    let (count, report) = load(&session, &ks.sql(again)).await;
    assert_eq!((count, report.rejected), (5, 0));
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 3_000);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_the_server_refuses_is_found_in_its_group() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int, c int, v text, PRIMARY KEY (k, c))").await;
    // An index of the first kind takes no value of more than 64 KiB.
    ks.run("CREATE INDEX ON {ks}.t (v)").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "1%").await;
    run(&session, "SET cassandra.rejected_format = 'json'").await.unwrap();
    run(&session, "SET cassandra.group_bytes = 10000000").await.unwrap();
    let insert = "INSERT INTO {ks}.t SELECT value / 50, value, \
                  CASE value % 500 WHEN 7 THEN repeat('x', 66000) ELSE 'v' END FROM generate_series(1, 2000)";
    let (count, report) = load(&session, &ks.sql(insert)).await;
    assert_eq!((count, report.rejected), (1_996, 4));
    let kept = report.rejected_folder.unwrap();
    rejected_table(&session, &kept, "bad", "JSON").await;
    let rows = sorted_rows(&session, "SELECT c, rejected_class, rejected_attempts FROM bad").await;
    assert_eq!(rows, ["1007|refused|1", "1507|refused|1", "507|refused|1", "7|refused|1"]);
    let because = sorted_rows(&session, "SELECT rejected_because FROM bad WHERE c = 507").await;
    assert!(because[0].contains("index value of size") && because[0].contains("key: k = 10, c = 507"), "{because:?}");
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await, 1_996);

    // As long as none may be rejected, the statement fails, and names the row.
    run(&session, "SET cassandra.max_rejected = 0").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("index value of size") && error.contains("key: k = "), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_rejected_rows_are_an_error_and_are_kept_all_the_same() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, ip inet)").await;
    let session = session();
    let folder = Folder::of(&ks, &session, "5").await;
    run(&session, "SET datafusion.execution.batch_size = 100").await.unwrap();
    let insert = "INSERT INTO {ks}.t SELECT value, CASE value % 100 WHEN 0 THEN '?' ELSE '::1' END FROM \
                  generate_series(1, 5000)";
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("could not be written, which is more than cassandra.max_rejected = 5 allows"), "{error}");
    assert!(error.contains(&folder.0.display().to_string()) && error.contains("cannot write \"?\" as inet"), "{error}");
    let kept: Vec<PathBuf> = std::fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(kept.len(), 1);
    rejected_table(&session, &kept[0], "bad", "PARQUET").await;
    assert!(number(&session, "SELECT count(*) FROM bad WHERE ip = '?'").await > 5);

    // A share is looked at when all rows have been read: 1 % is what there is.
    run(&session, "SET cassandra.max_rejected = '0.999%'").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("more than cassandra.max_rejected = 0.999% allows"), "{error}");
    run(&session, "SET cassandra.max_rejected = '2%'").await.unwrap();
    let (count, report) = load(&session, &ks.sql(insert)).await;
    assert_eq!((count, report.rejected), (4_950, 50));

    // What cannot be kept is refused before anything is read.
    run(&session, "SET cassandra.rejected_path = '/dev/null/nowhere'").await.unwrap();
    let error = error_of(&session, &ks.sql(insert)).await;
    assert!(error.contains("/dev/null/nowhere") && error.contains("cassandra.rejected_path"), "{error}");
    run(&session, "SET cassandra.rejected_format = csv").await.unwrap();
    ks.run("CREATE TABLE {ks}.lists (k int PRIMARY KEY, l list<int>)").await;
    let error = error_of(&session, &ks.sql("INSERT INTO {ks}.lists VALUES (1, make_array(1))")).await;
    assert!(error.contains("csv") && error.contains("column l"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shell_tells_and_ends_with_1() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, ip inet)").await;
    let folder = Folder::of(&ks, &session(), "1").await;
    let shell = |sql: &str| {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_cbulk-sql"));
        shell.args(["--host", &host(), "--set", "cassandra.max_rejected=2"]);
        shell.arg("--set").arg(format!("cassandra.rejected_path={}", folder.0.display()));
        let output = shell.args(["-c", &ks.sql(sql)]).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '::1'), (2, '?'), (NULL, '::1')");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("inserted 1 row in") && said.contains("3 rows read = 1 written + 2 rejected"), "{said}");
    assert!(said.contains("warning: not all rows were written; the others are kept in"), "{said}");
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '::1'); INSERT INTO {ks}.t VALUES (2, '::1')");
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = shell("INSERT INTO {ks}.t VALUES (1, '?'), (2, '?'), (3, '?')");
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("more than cassandra.max_rejected = 2 allows"), "{said}");
    let (code, said) = shell("SET cassandra.dry_run = true; INSERT INTO {ks}.t VALUES (7, '::1'), (8, '?')");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("dry run, nothing was written: of 2 rows 1 can be sent, as 1 statement groups"), "{said}");
    assert!(said.contains("the others are kept in"), "{said}");

    // Which Cassandra partitions would get the most rows, and how many bytes: two lengths, a number and a letter each.
    ks.run("CREATE TABLE {ks}.hot (k int, c int, v text, PRIMARY KEY (k, c))").await;
    let (code, said) = shell(
        "SET cassandra.dry_run = true; INSERT INTO {ks}.hot SELECT CASE WHEN value < 70 THEN 7 WHEN value < 90 THEN 9 ELSE value END, \
         value, 'v' FROM generate_series(0, 99)",
    );
    assert_eq!(code, Some(0), "{said}");
    let told: Vec<&str> = said.lines().filter(|line| line.starts_with("  k = ")).collect();
    assert_eq!(told.len(), 5, "{said}");
    assert!(told[0].starts_with("  k = 7: 70 rows with ") && told[1].starts_with("  k = 9: 20 rows with "), "{said}");
    assert!(told[2..].iter().all(|line| line.contains(": 1 rows with ")), "{said}");
    ks.drop_it().await;
}

/// Rows of many types, without a key; put right, and loaded again from the files of text that they are kept in.
#[tokio::test(flavor = "multi_thread")]
async fn rows_kept_as_text_are_the_same_when_loaded_again() {
    const TYPES: &str = "k int PRIMARY KEY, a ascii, n bigint, b blob, ok boolean, d date, p decimal, g double, du duration, f float, \
                         ip inet, t text, ti time, at timestamp, tu timeuuid, u uuid, v varint, none text";
    const COLUMNS: [&str; 18] =
        ["k", "a", "n", "b", "ok", "d", "p", "g", "du", "f", "ip", "t", "ti", "at", "tu", "u", "v", "none"];
    let ks = TestKeyspace::create().await;
    // What is meant, as Cassandra itself writes it.
    let nested = ", ids set<uuid>, raw list<frozen<list<blob>>>, m map<int, blob>, sizes map<int, int>, pair tuple<double, blob>";
    for (table, more) in [("meant", ""), ("csv", ""), ("meant_nested", nested), ("json", nested)] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} ({TYPES}{more})")).await;
    }
    let rows = [
        "1, 'a', -9223372036854775808, 0xcafe00ff, true, '2024-02-29', -1.50, NaN, 1mo2d3ns, 1.1, '2001:db8::1', \
         'Grüße, \"Welt\"\n''x''', '23:59:59.999999999', '1969-12-31 23:59:59.999+0000', \
         50554d6e-29bb-11e5-b345-feff819cdc9f, 123e4567-e89b-12d3-a456-426614174000, -123456789012345678901234567890, null",
        "2, '0xcafe', 9007199254740993, 0x, false, '1600-01-01', 123456789012345678901234567890.500, -0.0, 2d, -Infinity, \
         '192.0.2.1', '', '00:00:00', '2262-12-31 00:00:00+0000', 50554d6e-29bb-11e5-b345-feff819cdc9f, \
         ffffffff-ffff-ffff-ffff-ffffffffffff, 7, null",
        "3, null, null, null, null, null, null, null, null, null, null, '007', null, null, null, null, null, null",
        "4, '1', 1, 0x3078, true, '2024-01-01', 1, 1, 1s, 1, '::', '0xcafe', '01:00:00', '2024-01-01', \
         50554d6e-29bb-11e5-b345-feff819cdc9f, 00000000-0000-0000-0000-000000000000, 0, null",
    ];
    let nested_of = |row: usize| match row {
        0 => "{123e4567-e89b-12d3-a456-426614174000}, [[0xca, 0x], []], {1: 0xfe, 2: 0x}, {1: 2}, (0.1, 0xff)",
        1 => "null, [[0x00]], null, {3: 4, 5: 6}, (NaN, null)",
        2 => "null, null, null, null, null",
        _ => "{00000000-0000-0000-0000-000000000000}, [], {3: 0x3078}, null, (1, 0x)",
    };
    for (i, row) in rows.iter().enumerate() {
        let columns = COLUMNS.join(", ");
        ks.run(&format!("INSERT INTO {{ks}}.meant ({columns}) VALUES ({row})")).await;
        let nested = nested_of(i);
        ks.run(&format!(
            "INSERT INTO {{ks}}.meant_nested ({columns}, ids, raw, m, sizes, pair) VALUES ({row}, {nested})"
        ))
        .await;
    }
    let session = session();
    let _folder = Folder::of(&ks, &session, "10").await;
    for (format, source, columns) in [
        ("csv", "meant", COLUMNS.to_vec()),
        ("json", "meant_nested", [&COLUMNS[..], &["ids", "raw", "m", "sizes", "pair"]].concat()),
    ] {
        run(&session, &format!("SET cassandra.rejected_format = {format}")).await.unwrap();
        let values = columns[1..].join(", ");
        // Without their key they cannot be written.
        let insert = format!(
            "INSERT INTO {{ks}}.{format} (k, {values}) SELECT CASE WHEN k < 0 THEN k END, {values} FROM {{ks}}.{source}"
        );
        let (count, report) = load(&session, &ks.sql(&insert)).await;
        assert_eq!((count, report.rejected), (0, 4), "{format}");
        let kept = report.rejected_folder.unwrap();
        if format == "json" {
            rejected_table(&session, &kept, "bad_json", "JSON").await;
        } else {
            // A reader of CSV goes by the order of the columns, which is that of the table.
            let mut ordered = columns.clone();
            ordered[1..].sort_unstable();
            let texts: Vec<String> = ordered.iter().map(|column| format!("{column} VARCHAR")).collect();
            let create = format!(
                "CREATE EXTERNAL TABLE bad_csv ({}, rejected_because VARCHAR, rejected_class VARCHAR, rejected_attempts INT) \
                 STORED AS CSV LOCATION '{}/' OPTIONS (has_header 'true', 'format.newlines_in_values' 'true')",
                texts.join(", "),
                kept.display()
            );
            run(&session, &create).await.unwrap();
        }
        let key = "CASE WHEN t = '007' THEN 3 WHEN b = '0x' THEN 2 WHEN b = '0x3078' THEN 4 ELSE 1 END";
        let again = format!("INSERT INTO {{ks}}.{format} (k, {values}) SELECT {key}, {values} FROM bad_{format}");
        let (count, report) = load(&session, &ks.sql(&again)).await;
        assert_eq!((count, report.rejected), (4, 0), "{format}");
    }
    let all = |table: &str| format!("SELECT * FROM {{ks}}.{table}");
    assert_eq!(fingerprint(&ks, &all("json")).await, fingerprint(&ks, &all("meant_nested")).await);
    // CSV has no place for a text without letters: it comes back as null.
    ks.run("UPDATE {ks}.meant SET t = null WHERE k = 2").await;
    assert_same_tables(&ks, &session, "{ks}.meant", "{ks}.csv").await;
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn text_for_a_blob_is_hexadecimal_or_refused() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, b blob, u uuid, l list<blob>)").await;
    let session = session();
    let _folder = Folder::of(&ks, &session, "10").await;
    let uuid = "123e4567-e89b-12d3-a456-426614174000";
    let insert = format!(
        "INSERT INTO {{ks}}.t (k, u, b, l) SELECT column1, '{uuid}', column2, make_array(column2, '0x00') \
         FROM (VALUES (1, '0xCAFE'), (2, 'cafe'), (3, '0xcaf'), (4, NULL), (5, '0x'))"
    );
    // Of row 4 the list has an element that is null.
    let (count, report) = load(&session, &ks.sql(&insert)).await;
    assert_eq!((count, report.rejected), (2, 3));
    rejected_table(&session, &report.rejected_folder.unwrap(), "bad", "PARQUET").await;
    let because = sorted_rows(&session, "SELECT b, rejected_because FROM bad ORDER BY k").await;
    assert!(because[0].contains("0xcaf|cannot write \"0xcaf\" as blob: it must be 0x and two"), "{because:?}");
    assert!(because[2].contains("cafe|cannot write \"cafe\" as blob: it must be 0x and two"), "{because:?}");
    // What EXPLAIN shows is what would run.
    let shown = sorted_rows(&session, &ks.sql(&format!("EXPLAIN {insert}"))).await.concat();
    assert!(shown.contains("CassandraWriteExec") && !shown.contains("b AS Binary"), "{shown}");

    // Constants are read as the same text in a SELECT is; a cast is the user's own.
    let values =
        format!("INSERT INTO {{ks}}.t (k, b, u) VALUES (6, '0xFF', '{uuid}'), (7, X'ff', NULL), (8, NULL, NULL)");
    assert_eq!(number(&session, &ks.sql(&values)).await, 3);
    let casts = "INSERT INTO {ks}.t (k, b, l) SELECT 9, CAST('cafe' AS BYTEA), make_array(arrow_cast('a', 'Binary'))";
    assert_eq!(number(&session, &ks.sql(casts)).await, 1);
    assert_eq!(number(&session, &ks.sql("UPDATE {ks}.t SET b = '0x0102' WHERE k = 8")).await, 1);
    for sql in ["INSERT INTO {ks}.t (k, b) VALUES (10, 'cafe')", "UPDATE {ks}.t SET b = 'cafe' WHERE k = 8"] {
        run(&session, "SET cassandra.max_rejected = 0").await.unwrap();
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains("cannot write \"cafe\" as blob") && error.contains("column: b"), "{sql}: {error}");
    }
    let rows = ks.cql.query_unpaged(ks.sql("SELECT JSON k, b, u, l FROM {ks}.t"), ()).await.unwrap();
    let mut json: Vec<String> =
        rows.into_rows_result().unwrap().rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect();
    json.sort();
    let id = format!("\"{uuid}\"");
    let row = |k: i32, b: &str, u: &str, l: &str| format!("{{\"k\": {k}, \"b\": {b}, \"u\": {u}, \"l\": {l}}}");
    let expected = [
        row(1, "\"0xcafe\"", &id, "[\"0xcafe\", \"0x00\"]"),
        row(5, "\"0x\"", &id, "[\"0x\", \"0x00\"]"),
        row(6, "\"0xff\"", &id, "null"),
        row(7, "\"0xff\"", "null", "null"),
        row(8, "\"0x0102\"", "null", "null"),
        row(9, "\"0x63616665\"", "null", "[\"0x61\"]"),
    ];
    assert_eq!(json, expected);
    ks.drop_it().await;
}
