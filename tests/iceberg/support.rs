//! What the Iceberg tests share: sessions in a folder of their own, rows of all types, cells as text, pyiceberg.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cbulk::{Session, SessionBuilder};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float32Array, Float64Array, Int16Array, Int32Array, Int64Array, RecordBatch, StringArray, StringViewArray,
    Time64NanosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, Float32Type, Float64Type, Int64Type, Schema, TimeUnit,
};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use futures::TryStreamExt;

/// A row as text; see `inspect_table.py` for the form.
pub(crate) type Row = Vec<Option<String>>;

/// A folder for one test; the catalog in it is not made yet.
pub(crate) struct Folder {
    _parent: tempfile::TempDir,
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let parent = tempfile::tempdir().unwrap();
        // As pyiceberg will see it, without links.
        let path = parent.path().canonicalize().unwrap().join("catalog folder");
        Self { _parent: parent, path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn text(&self) -> &str {
        self.path.to_str().unwrap()
    }

    pub(crate) fn session(&self) -> Session {
        let builder = SessionBuilder::default().with_iceberg_folder(&self.path);
        builder.with_config(|c| c.with_target_partitions(3)).build().unwrap()
    }
}

/// All files below, relative, sorted.
pub(crate) fn files_of(folder: &Path) -> Vec<String> {
    fn collect(folder: &Path, prefix: &str, found: &mut Vec<String>) {
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                collect(&entry.path(), &format!("{name}/"), found);
            } else {
                found.push(name);
            }
        }
    }
    let mut found = Vec::new();
    collect(folder, "", &mut found);
    found.sort();
    found
}

/// Waits for a condition, at most 60 s.
pub(crate) async fn wait_until(condition: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(60) {
        if condition() {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}

pub(crate) async fn plan(session: &Session, sql: &str) -> cbulk::session::Query {
    let statement = session.parse(sql).unwrap_or_else(|e| panic!("{sql}: {e}")).pop_front().unwrap();
    session.plan(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

async fn try_query(session: &Session, sql: &str) -> Result<Vec<RecordBatch>, DataFusionError> {
    let statement = session.parse(sql)?.pop_front().unwrap();
    let query = session.plan(statement).await?;
    query.execute()?.try_collect().await
}

pub(crate) async fn query(session: &Session, sql: &str) -> Vec<RecordBatch> {
    try_query(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

pub(crate) async fn run(session: &Session, sql: &str) {
    query(session, sql).await;
}

/// The message of a statement that must fail, with its causes.
pub(crate) async fn error(session: &Session, sql: &str) -> String {
    match try_query(session, sql).await {
        Ok(_) => panic!("no error: {sql}"),
        Err(e) => {
            let mut text = e.to_string();
            let mut cause = std::error::Error::source(&e);
            while let Some(inner) = cause {
                text.push_str(&format!("\n{inner}"));
                cause = inner.source();
            }
            text
        }
    }
}

/// The result of a writing statement.
pub(crate) async fn count(session: &Session, sql: &str) -> u64 {
    let planned = plan(session, sql).await;
    assert!(planned.writes, "{sql}");
    let batches: Vec<RecordBatch> =
        planned.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let cells = cells(&batches);
    assert_eq!((cells.len(), cells[0].len(), batches[0].schema().field(0).name().as_str()), (1, 1, "count"), "{sql}");
    cells[0][0].as_ref().unwrap().parse().unwrap()
}

pub(crate) async fn text(session: &Session, sql: &str) -> String {
    pretty_format_batches(&query(session, sql).await).unwrap().to_string()
}

pub(crate) fn rows(batches: &[RecordBatch]) -> usize {
    batches.iter().map(RecordBatch::num_rows).sum()
}

/// Registers batches as a table of that many partitions.
pub(crate) fn register(session: &Session, name: &str, batches: &[RecordBatch], partitions: usize) {
    let schema = batches[0].schema();
    let mut parts = vec![Vec::new(); partitions];
    for (i, batch) in batches.iter().enumerate() {
        parts[i % partitions].push(batch.clone());
    }
    let table = MemTable::try_new(schema, parts).unwrap();
    session.context().register_table(name, Arc::new(table)).unwrap();
}

/// Rows of every type, with nulls, edges and awkward text; the same ones each time.
pub(crate) fn all_types(count: i64) -> Vec<RecordBatch> {
    let uuid = Field::new("u", DataType::FixedSizeBinary(16), true).with_metadata(
        [("ARROW:extension:name", "arrow.uuid"), ("cassandra.type", "timeuuid")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into(),
    );
    let schema = Arc::new(Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("country", DataType::Utf8, true),
        Field::new("name", DataType::Utf8View, true),
        Field::new("i", DataType::Int32, true),
        Field::new("small", DataType::Int16, true),
        Field::new("f", DataType::Float32, true),
        Field::new("g", DataType::Float64, true),
        Field::new("b", DataType::Boolean, true),
        Field::new("bin", DataType::Binary, true),
        uuid,
        Field::new("d", DataType::Date32, true),
        Field::new("t", DataType::Time64(TimeUnit::Nanosecond), true),
        Field::new("ts", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
        Field::new("plain", DataType::Timestamp(TimeUnit::Microsecond, None), true),
        Field::new("dec", DataType::Decimal128(20, 3), true),
        Field::new("nothing", DataType::Utf8, true),
    ]));
    const SIZE: i64 = 97;
    (0..count.unsigned_abs().div_ceil(SIZE.unsigned_abs()).cast_signed())
        .map(|part| {
            let ids: Vec<i64> = (part * SIZE..count.min((part + 1) * SIZE)).collect();
            RecordBatch::try_new(Arc::clone(&schema), columns(&ids)).unwrap()
        })
        .collect()
}

fn columns(ids: &[i64]) -> Vec<ArrayRef> {
    const COUNTRIES: [&str; 8] = ["Chile", "Peru", "Côte d'Ivoire", "../../etc", "a/b=c", "", " ", "日本"];
    const DAY_MS: i64 = 86_400_000;
    // Every seventh row has a null, in another place for each column.
    let some = |id: &i64, column: i64| (id + column) % 7 != 0;
    let pick = |id: &i64| usize::try_from(id.rem_euclid(8)).unwrap();
    let long = "long text ".repeat(20);
    vec![
        Arc::new(Int64Array::from(ids.to_vec())),
        Arc::new(ids.iter().map(|id| some(id, 1).then(|| COUNTRIES[pick(id)])).collect::<StringArray>()),
        Arc::new(
            ids.iter()
                .map(|id| {
                    some(id, 2).then(|| if id % 5 == 0 { format!("{long}{id}") } else { format!("n{}ä", id % 50) })
                })
                .collect::<StringViewArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 3).then(|| [-2_147_483_600, i32::MAX, -1, 0, 5, 123, -456, 789][pick(id)]))
                .collect::<Int32Array>(),
        ),
        Arc::new(
            ids.iter().map(|id| some(id, 4).then(|| i16::try_from(id % 30_000).unwrap() - 5)).collect::<Int16Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    some(id, 5)
                        .then(|| [0.0, -0.0, f32::NAN, f32::INFINITY, f32::MIN, 1.5, 0.1, f32::MIN_POSITIVE][pick(id)])
                })
                .collect::<Float32Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    let values =
                        [0.1, -0.0, f64::NAN, f64::NEG_INFINITY, f64::MAX, 1e-300, 5.0, id.count_ones().into()];
                    some(id, 6).then(|| values[pick(id)])
                })
                .collect::<Float64Array>(),
        ),
        Arc::new(ids.iter().map(|id| some(id, 7).then_some(id % 3 == 0)).collect::<BooleanArray>()),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 8).then(|| [&[][..], &[0, 255], b"abc", &[128; 90]][pick(id) % 4].to_vec()))
                .collect::<BinaryArray>(),
        ),
        Arc::new(
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                ids.iter()
                    .map(|id| some(id, 9).then(|| uuid::Uuid::from_u128((*id as u128) << 100 | 0xfeed).into_bytes())),
                16,
            )
            .unwrap(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 10).then(|| [-1, 0, 1, 19_782, -719_162, 2_932_896, 365, -366][pick(id)]))
                .collect::<Date32Array>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 11).then(|| [0, 1_000, 86_399_999_999_000, 3_600_000_000_000][pick(id) % 4]))
                .collect::<Time64NanosecondArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| {
                    // Around 1970, where the days of negative milliseconds are easily got wrong, and far from it.
                    let near = (id % 10 - 5) * DAY_MS / 2 - 1;
                    some(id, 12).then(|| if id % 11 == 0 { -62_135_596_800_000 } else { near })
                })
                .collect::<TimestampMillisecondArray>()
                .with_timezone("UTC"),
        ),
        Arc::new(
            ids.iter().map(|id| some(id, 13).then_some(id * 1_000_003 - 7)).collect::<TimestampMicrosecondArray>(),
        ),
        Arc::new(
            ids.iter()
                .map(|id| some(id, 14).then(|| i128::from(*id) * 1_001 - 500))
                .collect::<Decimal128Array>()
                .with_precision_and_scale(20, 3)
                .unwrap(),
        ),
        Arc::new(ids.iter().map(|_| None::<&str>).collect::<StringArray>()),
    ]
}

/// Each operator on each type.
pub(crate) fn conditions() -> Vec<String> {
    let values = [
        ("id", "100"),
        ("i", "5"),
        ("i", "-1"),
        ("small", "20"),
        ("f", "1.5"),
        ("f", "'NaN'"),
        ("g", "-0.0"),
        ("g", "0.1"),
        ("country", "'Chile'"),
        ("country", "''"),
        ("country", "'../../etc'"),
        ("name", "'n7ä'"),
        ("name", "'long text'"),
        ("b", "true"),
        ("bin", "x'00ff'"),
        ("d", "DATE '1970-01-01'"),
        ("d", "DATE '1969-12-31'"),
        ("t", "TIME '01:00:00'"),
        ("ts", "TIMESTAMP '1970-01-01T00:00:00Z'"),
        ("ts", "TIMESTAMP '1969-12-30T23:59:59.999Z'"),
        ("plain", "TIMESTAMP '1970-01-01T00:00:10'"),
        ("dec", "9.509"),
    ];
    let mut conditions = Vec::new();
    for (column, value) in values {
        for op in ["=", "<", "<=", ">", ">=", "<>"] {
            conditions.push(format!("{column} {op} {value}"));
        }
        conditions.push(format!("{value} < {column}"));
        conditions.push(format!("NOT ({column} = {value})"));
    }
    let columns = ["id", "country", "name", "i", "f", "g", "b", "bin", "u", "d", "t", "ts", "plain", "dec", "nothing"];
    for column in columns {
        conditions.push(format!("{column} IS NULL"));
        conditions.push(format!("{column} IS NOT NULL"));
    }
    let others = [
        "id IN (1, 2, 3, 300, 1000)",
        "id IN (7)",
        "id NOT IN (1, 2, 3)",
        "country IN ('Chile', 'Peru', '日本', 'x', '')",
        "country IN ('Chile', 'Peru')",
        "country IN ('Chile', NULL)",
        "country LIKE 'C%'",
        "id BETWEEN 10 AND 20",
        "id < 100 AND country = 'Peru' AND i > 0",
        "id < 10 OR country = 'Peru'",
        "id < 10 OR f > 1",
        "NOT (id < 10 AND abs(i) > 5)",
        "NOT (id < 10 OR country = 'Peru')",
        "CAST(i AS BIGINT) = 5",
        "CAST(id AS VARCHAR) = '5'",
        "CAST(g AS VARCHAR) = '0.1'",
        "id + 1 = 5",
        "b",
        "NOT b",
        "b IS TRUE",
        "country = name",
        "date_trunc('day', ts) = TIMESTAMP '1970-01-01T00:00:00Z'",
        "ts >= TIMESTAMP '1969-12-31T00:00:00Z' AND ts < TIMESTAMP '1970-01-02T00:00:00Z'",
        "false",
        "country = 'nowhere'",
        "u = arrow_cast(x'00000000700000000000000000000feed', 'FixedSizeBinary(16)') OR id = 3",
        "country = 'Chile' AND nothing IS NULL",
    ];
    // An odd number of hex digits is no literal.
    conditions.extend(
        others.map(|c| c.replace("x'00000000700000000000000000000feed'", "x'0000007000000000000000000000feed'")),
    );
    conditions
}

/// The cells of batches, in the form of `inspect_table.py`.
pub(crate) fn cells(batches: &[RecordBatch]) -> Vec<Row> {
    batches
        .iter()
        .flat_map(|batch| {
            let columns: Vec<Vec<Option<String>>> = batch.columns().iter().map(column_cells).collect();
            (0..batch.num_rows()).map(move |row| columns.iter().map(|c| c[row].clone()).collect()).collect::<Vec<Row>>()
        })
        .collect()
}

fn column_cells(column: &ArrayRef) -> Vec<Option<String>> {
    let text: Box<dyn Fn(usize) -> String> = match column.data_type() {
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().clone();
            Box::new(move |row| format!("{:08x}", values.value(row).to_bits()))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().clone();
            Box::new(move |row| format!("{:016x}", values.value(row).to_bits()))
        }
        DataType::Binary | DataType::LargeBinary => {
            let values = cast(column, &DataType::Binary).unwrap();
            Box::new(move |row| values.as_binary::<i32>().value(row).iter().map(|b| format!("{b:02x}")).collect())
        }
        DataType::FixedSizeBinary(16) => {
            let values = Arc::clone(column);
            Box::new(move |row| uuid::Uuid::from_slice(values.as_fixed_size_binary().value(row)).unwrap().to_string())
        }
        DataType::Date32 => {
            let values = cast(column, &DataType::Int32).unwrap();
            Box::new(move |row| array_value_to_string(&values, row).unwrap())
        }
        DataType::Time64(_) => numbers(column, &DataType::Time64(TimeUnit::Microsecond)),
        DataType::Timestamp(_, zone) => numbers(column, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row| values.value_as_string(row))
        }
        _ => {
            let values = Arc::clone(column);
            Box::new(move |row| array_value_to_string(&values, row).unwrap())
        }
    };
    (0..column.len()).map(|row| column.is_valid(row).then(|| text(row))).collect()
}

fn numbers(column: &ArrayRef, unit: &DataType) -> Box<dyn Fn(usize) -> String> {
    let values = cast(&cast(column, unit).unwrap(), &DataType::Int64).unwrap();
    Box::new(move |row| values.as_primitive::<Int64Type>().value(row).to_string())
}

/// The rows that `inspect_table.py` has read.
pub(crate) fn json_rows(read: &serde_json::Value) -> Vec<Row> {
    let rows = read["rows"].as_array().unwrap().iter();
    rows.map(|row| row.as_array().unwrap().iter().map(|c| c.as_str().map(str::to_owned)).collect()).collect()
}

/// Compares as bags: tables have no order.
pub(crate) fn assert_same_rows(expected: &[Row], found: &[Row], what: &str) {
    assert_eq!(expected.len(), found.len(), "number of rows: {what}");
    let (mut expected, mut found) = (expected.to_vec(), found.to_vec());
    expected.sort();
    found.sort();
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found, "{what}");
    }
}

/// Compressed by zstd, and as the manifest says.
pub(crate) fn assert_files_are_sound(read: &serde_json::Value, what: &str) {
    assert_files_are_sound_but_codec(read, what);
    for file in read["files"].as_array().unwrap() {
        assert_eq!(file["codecs"], serde_json::json!(["ZSTD"]), "{what}");
    }
}

pub(crate) fn assert_files_are_sound_but_codec(read: &serde_json::Value, what: &str) {
    let files = read["files"].as_array().unwrap();
    assert!(!files.is_empty(), "{what}");
    for file in files {
        assert_eq!(file["problems"], serde_json::json!([]), "{what}: {file}");
    }
}

/// What pyiceberg says of a table.
pub(crate) fn pyiceberg_table(folder: &Folder, table: &str) -> serde_json::Value {
    pyiceberg_tables(folder, &[table.to_owned()]).remove(0)
}

/// What pyiceberg says of these tables.
pub(crate) fn pyiceberg_tables(folder: &Folder, tables: &[String]) -> Vec<serde_json::Value> {
    let arguments: Vec<&str> = [folder.text()].into_iter().chain(tables.iter().map(String::as_str)).collect();
    let output = run_python("inspect_table.py", &arguments);
    serde_json::from_str(&output).unwrap_or_else(|e| panic!("{e}: {output}"))
}

pub(crate) fn run_python(script: &str, arguments: &[&str]) -> String {
    let Some(python) = std::env::var_os("CBULK_PYTHON") else {
        panic!("CBULK_PYTHON is not set: run `make test`, which makes a Python with pyiceberg and sets it");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/iceberg").join(script);
    let output = Command::new(&python).arg(&script).args(arguments).output().unwrap_or_else(|e| {
        panic!("could not run {}: {e}; run `make test`, which makes a Python with pyiceberg", python.display())
    });
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?}:\n{out}\n{err}", script.display());
    out.into_owned()
}
