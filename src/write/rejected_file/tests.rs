use arrow::array::{Array, AsArray, Int32Array, ListArray};
use arrow::datatypes::{Int32Type, IntervalUnit, UInt32Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

fn batch() -> RecordBatch {
    let k: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), None, Some(3)]));
    let name: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b, \"c\"\n"), None]));
    RecordBatch::try_from_iter_with_nullable([("k", k, false), ("rejected_class", name, true)].into_iter().map(
        // The key says that it is never null, and it is.
        |(column, array, _)| (column, array, true),
    ))
    .unwrap()
}

fn rejected(row: usize, because: &str) -> Rejected {
    Rejected { row, because: because.to_owned(), class: RejectedClass::Data, attempts: row }
}

fn written(format: RejectedFormat, folder: &Path) -> PathBuf {
    let mut file = RejectedFile::create(folder, 7, format, &batch().schema(), &[]).unwrap();
    file.add(&batch(), &[rejected(2, "so"), rejected(1, "and so")]).unwrap();
    file.add(&batch(), &[rejected(0, "again")]).unwrap();
    file.close().unwrap();
    assert!(file.add(&batch(), &[rejected(0, "late")]).is_err());
    folder.join(format!("7.{format}"))
}

fn folder(name: &str) -> (PathBuf, CassandraOptions) {
    let root = std::env::temp_dir().join(format!("cbulk-rejected-{}-{name}", std::process::id()));
    let options =
        CassandraOptions { rejected_path: root.join("deeper").display().to_string(), ..CassandraOptions::default() };
    (root, options)
}

#[test]
fn parquet_keeps_rows_types_and_reasons() {
    let (root, options) = folder("parquet");
    let folder = make_folder(&options, &TableName::new("ks", "t/\"1")).unwrap();
    let other = make_folder(&options, &TableName::new("ks", "t/\"1")).unwrap();
    assert_ne!(folder, other);
    let name = folder.file_name().unwrap().to_string_lossy().into_owned();
    assert!(name.starts_with("ks.t__1-2") && name.ends_with('Z'), "{name}");
    let path = written(RejectedFormat::Parquet, &folder);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let rows: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    let rows = arrow::compute::concat_batches(&rows[0].schema(), &rows).unwrap();
    let schema = rows.schema();
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["k", "rejected_class", "rejected_because", "_rejected_class", "rejected_attempts"]);
    let k = rows.column(0).as_primitive::<Int32Type>();
    assert_eq!((k.value(0), k.is_null(1), k.value(2)), (3, true, 1));
    assert_eq!(rows.column(1).as_string::<i32>().value(1), "b, \"c\"\n");
    let because: Vec<_> = rows.column(2).as_string::<i32>().iter().flatten().collect();
    assert_eq!(because, ["so", "and so", "again"]);
    assert_eq!(rows.column(3).as_string::<i32>().value(0), "data");
    assert_eq!(rows.column(4).as_primitive::<UInt32Type>().values(), &[2, 1, 0]);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn csv_and_json_are_text() {
    let (root, options) = folder("text");
    let folder = make_folder(&options, &TableName::new("ks", "t")).unwrap();
    let csv = std::fs::read_to_string(written(RejectedFormat::Csv, &folder)).unwrap();
    assert!(
        csv.starts_with("k,rejected_class,rejected_because,_rejected_class,rejected_attempts\n3,,so,data,2\n"),
        "{csv}"
    );
    let json = std::fs::read_to_string(written(RejectedFormat::Json, &folder)).unwrap();
    let first = json.lines().next().unwrap();
    assert_eq!(
        first,
        r#"{"k":3,"rejected_class":null,"rejected_because":"so","_rejected_class":"data","rejected_attempts":2}"#
    );
    assert_eq!(json.lines().count(), 3);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_file_that_is_dropped_is_whole() {
    let (root, options) = folder("dropped");
    let folder = make_folder(&options, &TableName::new("ks", "t")).unwrap();
    let mut file = RejectedFile::create(&folder, 0, RejectedFormat::Parquet, &batch().schema(), &[]).unwrap();
    file.add(&batch(), &[rejected(2, "so")]).unwrap();
    drop(file);
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(folder.join("0.parquet")).unwrap()).unwrap();
    assert_eq!(reader.metadata().file_metadata().num_rows(), 1);
    std::fs::remove_dir_all(root).unwrap();
}

#[test]
fn a_format_that_lacks_a_type_is_refused_beforehand() {
    let interval = Field::new("d", DataType::Interval(IntervalUnit::MonthDayNano), true);
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let list = Field::new("l", list.data_type().clone(), true);
    let in_list = Field::new("dl", DataType::new_list(interval.data_type().clone(), true), true);
    let check = |format, field: &Field| check_format(format, &Schema::new(vec![field.clone()]));
    for field in [&interval, &list, &in_list] {
        check(RejectedFormat::Json, field).unwrap();
    }
    check(RejectedFormat::Parquet, &list).unwrap();
    check(RejectedFormat::Csv, &interval).unwrap();
    for (format, field) in [
        (RejectedFormat::Parquet, &interval),
        (RejectedFormat::Parquet, &in_list),
        (RejectedFormat::Csv, &list),
        (RejectedFormat::Csv, &in_list),
    ] {
        let error = check(format, field).unwrap_err().to_string();
        assert!(error.contains(field.name()) && error.contains("cassandra.rejected_format"), "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_made_is_told() {
    let (root, _) = folder("refused");
    std::fs::create_dir_all(&root).unwrap();
    let file = root.join("file");
    std::fs::write(&file, "").unwrap();
    let options = CassandraOptions { rejected_path: file.display().to_string(), ..CassandraOptions::default() };
    let error = make_folder(&options, &TableName::new("ks", "t")).unwrap_err().to_string();
    assert!(error.contains("file for rows that could not be written") && error.contains("rejected_path"), "{error}");
    std::fs::remove_dir_all(root).unwrap();
}
