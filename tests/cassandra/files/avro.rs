//! Avro: what is written is read by others and returns with its types; what others write is read.

use std::path::Path;

use cbulk::Session;
use datafusion::arrow::datatypes::Fields;
use serde_json::{Value, json};

use super::{export, keyspace_with, path_text};
use crate::common::{
    TestKeyspace, assert_same_tables, error_of, fingerprint, number, python, run, session, sorted_rows,
};
use crate::types::two_tables;

async fn declare(session: &Session, table: &str, location: &str) {
    let create = format!("CREATE EXTERNAL TABLE {table} STORED AS AVRO LOCATION '{location}'");
    run(session, &create).await.unwrap_or_else(|e| panic!("{create}: {e}"));
}

/// The columns of a table: names, types, and all that is known of the types.
async fn fields(session: &Session, table: &str) -> Fields {
    session.context().table(table).await.unwrap().schema().fields().clone()
}

fn read_with_fastavro(file: &str) -> Value {
    serde_json::from_str(&python("files/read_avro.py", &[file])).unwrap()
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test(flavor = "multi_thread")]
async fn scalars_out_and_in() {
    let ways = [
        ("plain.avro", ""),
        ("none.avro", "STORED AS AVRO OPTIONS ('format.compression' 'uncompressed')"),
        ("zstd.avro", "STORED AS AVRO OPTIONS (compression 'zstandard')"),
        ("bzip2.avro", "STORED AS AVRO OPTIONS (compression 'bzip2')"),
        ("xz.avro", "STORED AS AVRO OPTIONS (compression 'xz')"),
    ];
    let codecs = ["deflate", "null", "zstandard", "bzip2", "xz"];
    let copies: Vec<String> = (0..=ways.len()).map(|i| format!("copy{i}")).collect();
    let ks = keyspace_with(&copies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let source = ks.sql("{ks}.source");
    for (((name, clauses), copy), codec) in ways.into_iter().zip(&copies).zip(codecs) {
        let file = path_text(&export(&ks, &session, folder.path(), name, "*", clauses).await);
        assert_eq!(read_with_fastavro(&file)["codec"], codec);
        declare(&session, &format!("{copy}_file"), &file).await;
        assert_eq!(fields(&session, &format!("{copy}_file")).await, fields(&session, &source).await);
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.{copy} SELECT * FROM {copy}_file"));
        assert_eq!(number(&session, &insert).await, 302, "{name}");
        assert_same_tables(&ks, &session, "{ks}.source", &format!("{{ks}}.{copy}")).await;
    }
    // Without a package that Python has not, fastavro reads no snappy.
    let file = path_text(&folder.path().join("snappy.avro"));
    let copy = format!("COPY (SELECT * FROM {source}) TO '{file}' OPTIONS (compression 'SNAPPY')");
    assert_eq!(number(&session, &copy).await, 302);
    declare(&session, "snappy_file", &file).await;
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy5 SELECT * FROM snappy_file")).await, 302);
    assert_same_tables(&ks, &session, "{ks}.source", "{ks}.copy5").await;

    // Numbers that are text are compared as such in the file as well.
    let sql = "SELECT count(*) FROM copy0_file WHERE varint_ > 5 AND text_ LIKE 'text%' AND k < 103";
    assert_eq!(number(&session, sql).await, 3);
    assert_eq!(sorted_rows(&session, "SELECT uuid_ FROM copy0_file WHERE k = 2").await, ["NULL"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_values_out_and_in() {
    let ks = two_tables().await;
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let file = path_text(&folder.path().join("nested.avro"));
    assert_eq!(number(&session, &ks.sql(&format!("COPY (SELECT * FROM {{ks}}.source) TO '{file}'"))).await, 3);

    let read = read_with_fastavro(&file);
    let mut rows = read["rows"].as_array().unwrap().clone();
    rows.sort_by_key(|row| row["k"].as_i64());
    let day = 86_399_999_999_999_i64;
    let expected = json!({
        "k": 1, "c": [3, 1, 2], "l": ["b", "", "a"], "s": [-1, 3], "fs": ["123e4567e89b12d3a456426614174000"],
        "t": {"_1": 1, "_2": "x", "_3": [1.5, -0.0]}, "u": {"country": 49, "number": "30"},
        "fu": {
            "street": "Rue", "Zip_Code": 12345, "phones": {"home": {"country": 1, "number": "2"}},
            "id": "123e4567-e89b-12d3-a456-426614174000",
        },
        "v": [1.5, 0.0, -2.0], "vt": ["", "bc"], "vv": [[1, 2], [-3, 4]],
        "ll": [[{"country": 1, "number": "x"}, {"country": null, "number": "y"}], []],
        "st": [{"_1": "2020-02-29", "_2": day}], "i": ["127.0.0.1", "::1"],
        "n": ["1", "123456789012345678901234567890"], "d": ["-1", "1.50"], "m": {"a": 1, "b": 2},
        "fm": [{"key": 7, "value": {"t": "1969-12-31 23:59:59.999000+00:00"}}],
    });
    assert_eq!(rows[0], expected);
    assert_eq!((&rows[1]["c"], &rows[1]["l"], &rows[1]["fu"]), (&json!([]), &Value::Null, &Value::Null));
    let nothing = json!({"street": null, "Zip_Code": null, "phones": null, "id": null});
    assert_eq!((&rows[2]["fs"], &rows[2]["fu"], &rows[2]["fm"]), (&json!([]), &nothing, &json!([])));
    // Whoever reads the file can see what it was in CQL.
    let types = read["schema"]["fields"].as_array().unwrap();
    let fs = types.iter().find(|field| field["name"] == "fs").unwrap();
    assert_eq!(fs["cassandra.type"], "frozen<set<uuid>>");

    declare(&session, "nested", &file).await;
    assert_eq!(fields(&session, "nested").await, fields(&session, &ks.sql("{ks}.source")).await);
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM nested")).await, 3);
    let of = |table: &str| format!("SELECT * FROM {{ks}}.{table}");
    assert_eq!(fingerprint(&ks, &of("copy")).await, fingerprint(&ks, &of("source")).await);
    let sql = "SELECT fm[arrow_cast(7, 'Int32')]['t'] IS NOT NULL, fu['Zip Code'], v[3] FROM nested WHERE k = 1";
    assert_eq!(sorted_rows(&session, sql).await, ["true|12345|-2.0"]);
    ks.drop_it().await;
}

/// Headers that do not fit into the first request, and files of no rows.
#[tokio::test(flavor = "multi_thread")]
async fn wide_and_empty_tables_out_and_in() {
    let ks = TestKeyspace::create().await;
    let columns: String = (0..600).map(|i| format!(", column_number_{i} text")).collect();
    for table in ["wide", "copy"] {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} (k int PRIMARY KEY{columns})")).await;
    }
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let file = |name: &str| path_text(&folder.path().join(name));
    let copy = |name: &str| ks.sql(&format!("COPY (SELECT * FROM {{ks}}.wide) TO '{}'", file(name)));
    assert_eq!(number(&session, &copy("empty.avro")).await, 0);
    assert!(std::fs::metadata(file("empty.avro")).unwrap().len() > 64 << 10);
    ks.run("INSERT INTO {ks}.wide (k, column_number_0, column_number_599) VALUES (1, 'a', 'z')").await;
    assert_eq!(number(&session, &copy("wide.avro")).await, 1);
    for (table, rows) in [("empty", 0), ("wide", 1)] {
        let path = file(&format!("{table}.avro"));
        assert_eq!(read_with_fastavro(&path)["rows"].as_array().unwrap().len(), rows);
        declare(&session, &format!("{table}_file"), &path).await;
        let columns = fields(&session, &format!("{table}_file")).await;
        assert_eq!(columns, fields(&session, &ks.sql("{ks}.wide")).await);
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.copy SELECT * FROM {table}_file"));
        assert_eq!(usize::try_from(number(&session, &insert).await).unwrap(), rows);
    }
    let of = |table: &str| format!("SELECT * FROM {{ks}}.{table}");
    assert_eq!(fingerprint(&ks, &of("copy")).await, fingerprint(&ks, &of("wide")).await);
    let sql = "SELECT column_number_599, column_number_7 FROM wide_file";
    assert_eq!(sorted_rows(&session, sql).await, ["z|NULL"]);
    ks.drop_it().await;
}

/// Folders of files: written by COPY, by INSERT, and divided by a column.
#[tokio::test(flavor = "multi_thread")]
async fn folders_out_and_in() {
    let ks = keyspace_with(&["copy"]).await;
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let path = |name: &str| format!("{}/", path_text(&folder.path().join(name)));
    let copy = ks.sql(&format!("COPY (SELECT * FROM {{ks}}.source WHERE k < 300) TO '{}' STORED AS AVRO", path("all")));
    assert_eq!(number(&session, &copy).await, 202);
    declare(&session, "everything", &path("all")).await;
    let insert = ks.sql("INSERT INTO everything SELECT * FROM {ks}.source WHERE k >= 300");
    assert_eq!(number(&session, &insert).await, 100);
    assert_eq!(number(&session, &ks.sql("INSERT INTO {ks}.copy SELECT * FROM everything")).await, 302);
    assert_same_tables(&ks, &session, "{ks}.source", "{ks}.copy").await;
    let error = error_of(&session, &ks.sql("INSERT OVERWRITE everything SELECT * FROM {ks}.source")).await;
    assert!(error.contains("is not possible for Avro files"), "{error}");

    let by = "STORED AS AVRO PARTITIONED BY (boolean_)";
    let copy = format!("COPY (SELECT k, text_, boolean_ FROM {{ks}}.source WHERE k > 2) TO '{}' {by}", path("by"));
    assert_eq!(number(&session, &ks.sql(&copy)).await, 300);
    run(&session, &format!("CREATE EXTERNAL TABLE parted {by} LOCATION '{}'", path("by"))).await.unwrap();
    let sql = "SELECT boolean_, max(text_), count(*) FROM parted GROUP BY boolean_";
    assert_eq!(sorted_rows(&session, sql).await, ["false|text, 399|150", "true|text, 398|150"]);
    // Columns of the user's choice, in another order and of another type.
    let declared = "(text_ VARCHAR, k BIGINT, missing DOUBLE)";
    let create = format!("CREATE EXTERNAL TABLE declared {declared} STORED AS AVRO LOCATION '{}'", path("all"));
    run(&session, &create).await.unwrap();
    let sql = "SELECT missing, k, text_ FROM declared WHERE k = 100";
    assert_eq!(sorted_rows(&session, sql).await, ["NULL|100|text, 100"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_told_and_leave_no_file() {
    let ks = keyspace_with(&[]).await;
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let file = path_text(&folder.path().join("x.avro"));
    let failing = [
        (format!("COPY (SELECT 10 / (k - 399) FROM {{ks}}.source) TO '{file}'"), "Divide by zero"),
        // Late, when a part of the file is on the disk.
        (
            format!(
                "COPY (SELECT repeat('x', 100), 1 / (value - 900000) FROM generate_series(1, 1000000)) TO '{file}' \
                 OPTIONS (compression 'uncompressed')"
            ),
            "Divide by zero",
        ),
        (
            format!("COPY (SELECT k, NULL AS nothing FROM {{ks}}.source) TO '{file}'"),
            "an Avro file cannot have this column: Avro has no type for Null: leave the column out, or CAST it to another type \
             (column: nothing, type: Null)",
        ),
        (
            format!("COPY (SELECT k FROM {{ks}}.source) TO '{file}' OPTIONS (compression 'lz4')"),
            "'lz4' is not a compression of Avro files: write uncompressed, deflate, snappy, zstandard, bzip2 or xz",
        ),
        (
            format!("COPY (SELECT k FROM {{ks}}.source) TO '{file}' OPTIONS (has_header 'true')"),
            "Avro files have no option 'has_header', only 'compression'",
        ),
    ];
    for (sql, expected) in failing {
        let error = error_of(&session, &ks.sql(&sql)).await;
        assert!(error.contains(expected), "{sql}: {error}");
        assert_eq!(files_in(folder.path()), 0, "{sql}");
    }
    std::fs::write(&file, "no Avro").unwrap();
    let error = error_of(&session, &format!("CREATE EXTERNAL TABLE x STORED AS AVRO LOCATION '{file}'")).await;
    assert!(error.contains("the Avro file cannot be read") && error.contains("x.avro"), "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_others_are_read_joined_and_inserted() {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.prices (id bigint PRIMARY KEY, country text, price double, raw blob)").await;
    ks.run("CREATE TABLE {ks}.countries (code text PRIMARY KEY, name text)").await;
    for i in [1, 2, 3, 200] {
        ks.run(&format!("INSERT INTO {{ks}}.countries (code, name) VALUES ('c{i}', 'Country {i}')")).await;
    }
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    for codec in ["null", "deflate", "zstandard"] {
        let file = path_text(&folder.path().join(format!("{codec}.avro")));
        python("files/write_avro.py", &[&file, codec]);
        run(&session, &format!("CREATE EXTERNAL TABLE {codec}_avro STORED AS AVRO LOCATION '{file}'")).await.unwrap();
        let joined = format!("SELECT name, price FROM {codec}_avro JOIN {{ks}}.countries ON country = code");
        let expected = ["Country 1|0.25", "Country 2|0.5", "Country 3|0.75"];
        assert_eq!(sorted_rows(&session, &ks.sql(&joined)).await, expected, "{codec}");
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.prices SELECT * FROM {codec}_avro"));
        assert_eq!(number(&session, &insert).await, 100, "{codec}");
    }
    let rows = sorted_rows(&session, &ks.sql("SELECT * FROM {ks}.prices")).await;
    assert_eq!(rows.len(), 100);
    assert!(rows.contains(&"7|c7|1.75|07f8".to_owned()) && rows.contains(&"10|NULL|2.5|0af5".to_owned()), "{rows:?}");
    ks.drop_it().await;
}

/// Maps, enums, types named twice and local timestamps, which DataFusion's own reader has not.
#[tokio::test(flavor = "multi_thread")]
async fn all_types_of_others_are_read() {
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    let file = path_text(&folder.path().join("types.avro"));
    python("files/write_avro_types.py", &[&file]);
    declare(&session, "types", &file).await;
    let same = "GREEN|00ff0102|-1.50|{x: 1.5}";
    let after = "2024-02-29T12:34:56.789|123e4567e89b12d3a456426614174000|12:34:56.000001";
    let expected = [
        format!("1|{{a: 1, b: NULL}}|{same}|{{x: 2.5}}|{after}|[x, NULL]|text"),
        format!("2|{{}}|{same}|NULL|{after}|[]|NULL"),
    ];
    assert_eq!(sorted_rows(&session, "SELECT * FROM types").await, expected);
    assert_eq!(
        sorted_rows(&session, "SELECT q['x'], m['a'], id FROM types WHERE e = 'GREEN' AND id = 1").await,
        ["2.5|1|1"]
    );
    assert_eq!(number(&session, "SELECT count(*) FROM types").await, 2);
}
