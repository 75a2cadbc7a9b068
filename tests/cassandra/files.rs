//! Files: what COPY writes is read by other programs and is what Cassandra holds; what external tables read gets there.

mod avro;

use std::path::{Path, PathBuf};

use crate::common::{TestKeyspace, assert_same_tables, host, number, python, run, session};
use cbulk::{ClusterOptions, Session, SessionBuilder};

/// All scalar types, in the order of CQL's `SELECT *`.
const COLUMNS: [(&str, &str); 20] = [
    ("k int", "INT"),
    ("ascii_ ascii", "VARCHAR"),
    ("bigint_ bigint", "BIGINT"),
    ("blob_ blob", "VARCHAR"),
    ("boolean_ boolean", "BOOLEAN"),
    ("date_ date", "DATE"),
    ("decimal_ decimal", "VARCHAR"),
    ("double_ double", "DOUBLE"),
    ("duration_ duration", "VARCHAR"),
    ("float_ float", "REAL"),
    ("inet_ inet", "VARCHAR"),
    ("int_ int", "INT"),
    ("smallint_ smallint", "SMALLINT"),
    ("text_ text", "VARCHAR"),
    ("time_ time", "VARCHAR"),
    ("timestamp_ timestamp", "TIMESTAMP"),
    ("timeuuid_ timeuuid", "VARCHAR"),
    ("tinyint_ tinyint", "TINYINT"),
    ("uuid_ uuid", "VARCHAR"),
    ("varint_ varint", "VARCHAR"),
];

/// Text files hold bytes as hexadecimal digits.
const FROM_TEXT: &str = "* REPLACE (decode(blob_, 'hex') AS blob_, decode(uuid_, 'hex') AS uuid_, \
                         decode(timeuuid_, 'hex') AS timeuuid_)";

/// Parquet has no type for a duration.
const FOR_PARQUET: &str = "* REPLACE (CAST(duration_ AS VARCHAR) AS duration_)";

/// Nor has Iceberg, and it keeps times in microseconds.
const FOR_ICEBERG: &str = "* REPLACE (CAST(duration_ AS VARCHAR) AS duration_, CAST(time_ AS VARCHAR) AS time_)";

/// Table `source` with 302 rows of all scalar types, and empty tables of the same columns.
async fn keyspace_with(copies: &[&str]) -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    let definition: String = COLUMNS.iter().map(|(column, _)| format!("{column}, ")).collect();
    for table in ["source"].iter().chain(copies) {
        ks.run(&format!("CREATE TABLE {{ks}}.{table} ({definition}PRIMARY KEY (k))")).await;
    }
    let names: Vec<&str> = COLUMNS.iter().map(|(column, _)| column.split(' ').next().unwrap()).collect();
    let insert = format!("INSERT INTO {{ks}}.source ({}) VALUES ", names.join(", "));
    ks.run(&format!(
        "{insert} (1, 'a', -9223372036854775808, 0xcafe, true, '2024-02-29', -1.50, -0.0, 1mo2d3ns, -0.0, '2001:db8::1', \
         -2147483648, -32768, 'Grüße, \"Welt\"\n''x''', '23:59:59.999999999', '1969-12-31 23:59:59.999+0000', \
         50554d6e-29bb-11e5-b345-feff819cdc9f, -128, 123e4567-e89b-12d3-a456-426614174000, \
         -123456789012345678901234567890)"
    ))
    .await;
    ks.run("INSERT INTO {ks}.source (k) VALUES (2)").await;
    for k in 100..400 {
        let values = format!(
            "({k}, 'a{k}', {k}00000000000, 0x{k:04x}, {}, '2024-{:02}-{:02}', {k}.{k}E-3, {k}.0625, {k}d{k}s, {k}.5, \
             '192.0.2.{}', -{k}, {k}, 'text, {k}', '12:34:56.000{k}', '2024-02-03 04:05:06.{k}+0000', \
             50554d6e-29bb-11e5-b345-feff81900{k}, {}, 123e4567-e89b-12d3-a456-426614174{k}, {k}{k}{k}{k}{k}{k}{k}{k})",
            k % 2 == 0,
            k % 12 + 1,
            k % 28 + 1,
            k % 256,
            k % 100,
        );
        ks.run(&format!("{insert} {values}")).await;
    }
    ks
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Exports `source`, has Python compare the file with Cassandra, and gives the file.
async fn export(
    ks: &TestKeyspace,
    session: &Session,
    folder: &Path,
    name: &str,
    columns: &str,
    clauses: &str,
) -> PathBuf {
    let file = folder.join(name);
    let copy = format!("COPY (SELECT {columns} FROM {{ks}}.source) TO '{}' {clauses}", path_text(&file));
    assert_eq!(number(session, &ks.sql(&copy)).await, 302, "{copy}");
    let host = host();
    let report = python("files/compare.py", &[host.split(':').next().unwrap(), &ks.name, "source", &path_text(&file)]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(
        report,
        serde_json::json!({"rows": [302, 302], "strange_columns": [], "only_in_cassandra": [], "only_in_file": []}),
        "{name}"
    );
    file
}

/// Declares the file with the columns of `source` as text files hold them.
async fn declare_text(session: &Session, table: &str, file: &Path, clauses: &str) {
    let column = |(column, sql_type): &(&str, &str)| format!("{} {sql_type}", column.split(' ').next().unwrap());
    let columns: Vec<String> = COLUMNS.iter().map(column).collect();
    let location = path_text(file);
    let create = format!("CREATE EXTERNAL TABLE {table} ({}) {clauses} LOCATION '{location}'", columns.join(", "));
    // OPTIONS stand after LOCATION.
    let create = match clauses.split_once(" OPTIONS ") {
        Some((stored, options)) => {
            format!(
                "CREATE EXTERNAL TABLE {table} ({}) {stored} LOCATION '{location}' OPTIONS {options}",
                columns.join(", ")
            )
        }
        None => create,
    };
    run(session, &create).await.unwrap_or_else(|e| panic!("{create}: {e}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_json_out_and_in() {
    let ways = [
        ("plain.csv", "STORED AS CSV OPTIONS ('format.has_header' 'true')"),
        ("small.csv.gz", "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.compression' 'gzip')"),
        ("small.csv.zst", "STORED AS CSV OPTIONS ('format.has_header' 'true', 'format.compression' 'zstd')"),
        ("plain.json", "STORED AS JSON"),
        ("small.json.gz", "STORED AS JSON OPTIONS ('format.compression' 'gzip')"),
        ("small.json.zst", "STORED AS JSON OPTIONS ('format.compression' 'zstd')"),
    ];
    let copies: Vec<String> = (0..ways.len()).map(|i| format!("copy{i}")).collect();
    let ks = keyspace_with(&copies.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let (session, folder) = (session(), tempfile::tempdir().unwrap());
    for ((name, clauses), copy) in ways.into_iter().zip(&copies) {
        let file = export(&ks, &session, folder.path(), name, "*", clauses).await;
        let reading = clauses.replace("'true'", "'true', 'format.newlines_in_values' 'true'");
        declare_text(&session, &format!("{copy}_file"), &file, &reading).await;
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.{copy} SELECT {FROM_TEXT} FROM {copy}_file"));
        assert_eq!(number(&session, &insert).await, 302, "{name}");
        assert_same_tables(&ks, &session, "{ks}.source", &format!("{{ks}}.{copy}")).await;
    }
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_and_iceberg_out_and_in() {
    let ks = keyspace_with(&["copy0", "copy1", "copy2", "copy_of_iceberg"]).await;
    let folder = tempfile::tempdir().unwrap();
    let builder = SessionBuilder::default().with_cluster(ClusterOptions::new([host()]));
    let session = builder.with_iceberg_folder(folder.path().join("iceberg")).build().unwrap();
    for (i, compression) in ["zstd(3)", "gzip(6)", "uncompressed"].iter().enumerate() {
        let clauses = format!("STORED AS PARQUET OPTIONS ('format.compression' '{compression}')");
        let file = export(&ks, &session, folder.path(), &format!("{i}.parquet"), FOR_PARQUET, &clauses).await;
        // The file tells its columns.
        let create = format!("CREATE EXTERNAL TABLE file{i} STORED AS PARQUET LOCATION '{}'", path_text(&file));
        run(&session, &create).await.unwrap();
        let insert = ks.sql(&format!("INSERT INTO {{ks}}.copy{i} SELECT * FROM file{i}"));
        assert_eq!(number(&session, &insert).await, 302, "{compression}");
        assert_same_tables(&ks, &session, "{ks}.source", &format!("{{ks}}.copy{i}")).await;
    }
    let create = format!("CREATE TABLE iceberg.ns.t AS SELECT {FOR_ICEBERG} FROM {{ks}}.source");
    assert_eq!(number(&session, &ks.sql(&create)).await, 302);
    assert_eq!(number(&session, "SELECT count(*) FROM iceberg.ns.t").await, 302);
    let insert = ks.sql("INSERT INTO {ks}.copy_of_iceberg SELECT * FROM iceberg.ns.t");
    assert_eq!(number(&session, &insert).await, 302);
    assert_same_tables(&ks, &session, "{ks}.source", "{ks}.copy_of_iceberg").await;
    ks.drop_it().await;
}
