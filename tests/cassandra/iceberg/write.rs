//! What is written: read back by pyiceberg cell by cell.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, Time64NanosecondArray, TimestampMillisecondArray};

use super::cells::{assert_same_rows, cells, json_rows};
use super::support::{Folder, files_of, pyiceberg_table, pyiceberg_tables};
use super::{source, support};
use crate::common::python;

/// Every partitioning that can be written. Each table is also appended to by a second statement.
#[tokio::test(flavor = "multi_thread")]
async fn pyiceberg_reads_what_sql_writes() {
    let folder = Folder::new();
    let session = folder.session();
    let source = source::all_types(1_200);
    support::register(&session, "source", &source, 3);
    let partitionings = [
        "",
        "country",
        "year(ts)",
        "month(ts)",
        "day(ts)",
        "hour(ts)",
        "day(d)",
        "month(d)",
        "bucket(4, id)",
        "bucket(5, i)",
        "bucket(4, u)",
        "bucket(3, name)",
        "bucket(3, ts)",
        "bucket(3, d)",
        "bucket(3, bin)",
        "bucket(3, t)",
        "truncate(2, name)",
        "truncate(100, i)",
        "truncate(100, id)",
        "identity(b)",
        "d",
        "t",
        "dec",
        "bin",
        "bucket(3, dec)",
        "truncate(1000, dec)",
        "i, country",
        "country, year(ts), bucket(2, id)",
    ];
    let tables: Vec<String> = (0..partitionings.len()).map(|number| format!("ns.t{number}")).collect();
    for (table, partitioning) in tables.iter().zip(partitionings) {
        let with =
            if partitioning.is_empty() { String::new() } else { format!("WITH (partitioning = '{partitioning}')") };
        let count =
            support::count(&session, &format!("CREATE TABLE iceberg.{table} {with} AS SELECT * FROM source")).await;
        assert_eq!(count, 1_200, "{partitioning}");
    }
    let mut expected = cells(&source);
    for snapshots in [1, 2] {
        let read = pyiceberg_tables(&folder, &tables);
        for ((table, partitioning), read) in tables.iter().zip(partitionings).zip(&read) {
            assert_eq!(read["snapshots"], snapshots, "{partitioning}");
            support::assert_files_are_sound(read, partitioning);
            assert_same_rows(&expected, &json_rows(read), partitioning);
            let own = support::query(&session, &format!("SELECT * FROM iceberg.{table}")).await;
            assert_same_rows(&expected, &cells(&own), partitioning);
            if snapshots == 1 {
                let append = format!("INSERT INTO iceberg.{table} SELECT * FROM source WHERE id % 2 = 0");
                assert_eq!(support::count(&session, &append).await, 600);
            }
        }
        expected.extend(cells(&support::query(&session, "SELECT * FROM source WHERE id % 2 = 0").await));
    }
}

/// The types that Iceberg has, column by column.
#[tokio::test(flavor = "multi_thread")]
async fn columns_get_the_types_of_the_table() {
    let folder = Folder::new();
    let session = folder.session();
    support::register(&session, "source", &source::all_types(3), 1);
    support::count(&session, "CREATE TABLE iceberg.ns.t AS SELECT * FROM source").await;
    let read = pyiceberg_table(&folder, "ns.t");
    let expected = serde_json::json!([
        ["id", "long", true],
        ["country", "string", false],
        ["name", "string", false],
        ["i", "int", false],
        ["small", "int", false],
        ["f", "float", false],
        ["g", "double", false],
        ["b", "boolean", false],
        ["bin", "binary", false],
        ["u", "uuid", false],
        ["d", "date", false],
        ["t", "time", false],
        ["ts", "timestamptz", false],
        ["plain", "timestamp", false],
        ["dec", "decimal(20, 3)", false],
        ["nothing", "string", false]
    ]);
    assert_eq!(read["columns"], expected);
    assert_eq!(read["properties"]["cassandra.type.u"], "timeuuid");
    let own = support::query(&session, "SELECT u FROM iceberg.ns.t").await;
    let schema = own[0].schema();
    let metadata = schema.field(0).metadata();
    assert_eq!(metadata.get("cassandra.type").map(String::as_str), Some("timeuuid"));
    assert_eq!(metadata.get("ARROW:extension:name").map(String::as_str), Some("arrow.uuid"));
}

/// DataFusion's cast of nanoseconds to microseconds cuts digits; ours refuses to.
#[tokio::test(flavor = "multi_thread")]
async fn values_are_exact_or_an_error() {
    let folder = Folder::new();
    let session = folder.session();
    let times = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
        ("t", Arc::new(Time64NanosecondArray::from(vec![1_000, 1_001]))),
    ])
    .unwrap();
    support::register(&session, "times", &[times], 1);
    let far = RecordBatch::try_from_iter([(
        "ts",
        Arc::new(TimestampMillisecondArray::from(vec![Some(0), Some(i64::MAX / 10)]).with_timezone("UTC")) as ArrayRef,
    )])
    .unwrap();
    support::register(&session, "far", &[far], 1);

    for sql in
        ["CREATE TABLE iceberg.ns.bad AS SELECT * FROM times", "CREATE TABLE iceberg.ns.bad AS SELECT * FROM far"]
    {
        let error = support::error(&session, sql).await;
        assert!(error.contains("row: 2 of its partition"), "{error}");
    }
    support::run(&session, "CREATE TABLE iceberg.ns.t (id BIGINT, t TIME)").await;
    for sql in
        ["INSERT INTO iceberg.ns.t SELECT * FROM times", "INSERT INTO iceberg.ns.t (t, id) SELECT t, id FROM times"]
    {
        let error = support::error(&session, sql).await;
        assert!(error.contains("1 ns beyond the microsecond") && error.contains("column: t"), "{error}");
    }
    // What the user casts is the user's.
    let cut = "INSERT INTO iceberg.ns.t SELECT id, arrow_cast(t, 'Time64(Microsecond)') FROM times";
    assert_eq!(support::count(&session, cut).await, 2);
    assert_eq!(support::count(&session, "INSERT INTO iceberg.ns.t SELECT * FROM times WHERE id = 1").await, 1);
    // An INSERT from another type is DataFusion's cast, which errs where a value does not fit.
    support::run(&session, "CREATE TABLE iceberg.ns.narrow (a INT)").await;
    let error = support::error(&session, "INSERT INTO iceberg.ns.narrow SELECT 3000000000").await;
    assert!(error.contains("3000000000"), "{error}");
}

/// A table property that asks for another codec is honoured, and one that cannot be is an error.
#[tokio::test(flavor = "multi_thread")]
async fn properties_of_a_table_are_honoured() {
    let folder = Folder::new();
    let session = folder.session();
    std::fs::create_dir_all(folder.path()).unwrap();
    python("iceberg/write_table.py", &[folder.text(), "py.t", "none", "no"]);
    python("iceberg/set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "gzip"]);
    support::count(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
    let read = pyiceberg_table(&folder, "py.t");
    let codecs: Vec<_> = read["files"].as_array().unwrap().iter().map(|f| f["codecs"][0].as_str().unwrap()).collect();
    assert!(codecs.contains(&"GZIP"), "{codecs:?}");
    python("iceberg/set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "rar"]);
    let error = support::error(&session, "INSERT INTO iceberg.py.t SELECT * FROM iceberg.py.t").await;
    assert!(error.contains("'rar'") && error.contains("zstd"), "{error}");
    python("iceberg/set_property.py", &[folder.text(), "py.t", "write.parquet.compression-codec", "zstd"]);

    // A small file size: several files for one writer.
    python("iceberg/set_property.py", &[folder.text(), "py.t", "write.target-file-size-bytes", "20000"]);
    support::register(&session, "source", &source::all_types(30_000), 1);
    let sql = "INSERT INTO iceberg.py.t SELECT id, country, i, f, g, b, bin, u, d, t, ts FROM source";
    assert_eq!(support::count(&session, sql).await, 30_000);
    let read = pyiceberg_table(&folder, "py.t");
    assert!(read["files"].as_array().unwrap().len() > 4);
    assert_eq!(json_rows(&read).len(), 30_010);
    assert_eq!(support::rows(&support::query(&session, "SELECT id FROM iceberg.py.t").await), 30_010);
}

/// Many partition values at once: more than may be open, so files are closed on the way.
#[tokio::test(flavor = "multi_thread")]
async fn many_partition_values_are_written() {
    let folder = Folder::new();
    let session = folder.session();
    let sql = "CREATE TABLE iceberg.ns.t WITH (partitioning = 'p') AS SELECT value % 300 AS p, value AS id FROM generate_series(1, 20000)";
    assert_eq!(support::count(&session, sql).await, 20_000);
    let sums =
        support::query(&session, "SELECT count(DISTINCT p), count(DISTINCT id), count(*) FROM iceberg.ns.t").await;
    assert_eq!(cells(&sums), vec![vec![Some("300".into()), Some("20000".into()), Some("20000".into())]]);
    let read = pyiceberg_table(&folder, "ns.t");
    support::assert_files_are_sound(&read, "p");
    assert_eq!(read["snapshots"], 1);
}

/// More rows than are kept in memory, most of one partition value: row groups are written on the way, into one file a value.
#[tokio::test(flavor = "multi_thread")]
async fn rare_partition_values_wait_for_common_ones() {
    let folder = Folder::new();
    let session = folder.session();
    // One writer, so that there is one file a value.
    session.context().sql("SET datafusion.execution.target_partitions = 1").await.unwrap();
    let sql = "CREATE TABLE iceberg.ns.t WITH (partitioning = 'p') AS \
               SELECT CASE WHEN value % 1000 = 0 THEN value % 7 ELSE 100 END AS p, value AS id, repeat('x', 300) || value AS pad \
               FROM generate_series(1, 300000)";
    assert_eq!(support::count(&session, sql).await, 300_000);
    let data = files_of(&folder.path().join("warehouse/ns/t/data"));
    assert_eq!(data.len(), 8, "{data:?}");
    let sums = "SELECT count(DISTINCT id), sum(id), sum(length(pad)), count(DISTINCT p) FROM";
    let expected = support::query(
        &session,
        &format!("{sums} (SELECT CASE WHEN value % 1000 = 0 THEN value % 7 ELSE 100 END AS p, value AS id, repeat('x', 300) || value AS pad FROM generate_series(1, 300000))"),
    )
    .await;
    let found = support::query(&session, &format!("{sums} iceberg.ns.t")).await;
    assert_eq!(cells(&expected), cells(&found));
}
