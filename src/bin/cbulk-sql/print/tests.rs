use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryArray, Date32Array, FixedSizeBinaryArray, FixedSizeListArray, Float64Array, Int32Builder,
    Int64Array, ListArray, ListBuilder, MapArray, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
    Time32SecondArray, TimestampMillisecondArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Date32Type, Field, Schema, UInt8Type};

use super::*;

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let fields: Vec<Field> =
        columns.iter().map(|(name, array)| Field::new(*name, array.data_type().clone(), true)).collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn print(format: Format, header: bool, batches: &[RecordBatch]) -> Result<String, PrintError> {
    let mut out = Vec::new();
    let mut printer = printer(format, header, batches[0].schema());
    for batch in batches {
        printer.batch(batch, &mut out)?;
    }
    printer.finish(&mut out)?;
    Ok(String::from_utf8(out).unwrap())
}

fn all(batch: &RecordBatch) -> Vec<String> {
    Format::value_variants().iter().map(|format| print(*format, true, std::slice::from_ref(batch)).unwrap()).collect()
}

fn text(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn null_is_not_the_empty_text() {
    let rows = batch(vec![
        ("a", Arc::new(Int64Array::from(vec![Some(1), None, Some(-30)]))),
        ("b", text(&[None, Some(""), Some("x")])),
    ]);
    assert_eq!(
        all(&rows),
        [
            "    a | b\n------+------\n    1 | NULL\n NULL |\n  -30 | x\n",
            "a,b\n1,\n,\"\"\n-30,x\n",
            "a\tb\n1\t\\N\n\\N\t\n-30\tx\n",
            "[{\"a\":1,\"b\":null},\n{\"a\":null,\"b\":\"\"},\n{\"a\":-30,\"b\":\"x\"}]\n",
            "{\"a\":1,\"b\":null}\n{\"a\":null,\"b\":\"\"}\n{\"a\":-30,\"b\":\"x\"}\n",
        ]
    );
}

#[test]
fn no_row_of_one_null_column_is_an_empty_line_in_csv() {
    let rows = batch(vec![("a", text(&[None, Some(""), Some("x")]))]);
    assert_eq!(print(Format::Csv, true, &[rows]).unwrap(), "a\n\"\"\n\"\"\nx\n");
}

#[test]
fn delimiters_quotes_and_line_ends_survive() {
    let rows = batch(vec![("a,\"b\"\t", text(&[Some("x,\"y\""), Some("l1\nl2\r\t\\"), Some("ü")]))]);
    assert_eq!(
        all(&rows),
        [
            " a,\"b\"\\t\n---------\n x,\"y\"\n l1\n:l2\\r\\t\\\n ü\n",
            "\"a,\"\"b\"\"\t\"\n\"x,\"\"y\"\"\"\n\"l1\nl2\r\t\\\"\nü\n",
            "a,\"b\"\\t\nx,\"y\"\nl1\\nl2\\r\\t\\\\\nü\n",
            "[{\"a,\\\"b\\\"\\t\":\"x,\\\"y\\\"\"},\n{\"a,\\\"b\\\"\\t\":\"l1\\nl2\\r\\t\\\\\"},\n{\"a,\\\"b\\\"\\t\":\"ü\"}]\n",
            "{\"a,\\\"b\\\"\\t\":\"x,\\\"y\\\"\"}\n{\"a,\\\"b\\\"\\t\":\"l1\\nl2\\r\\t\\\\\"}\n{\"a,\\\"b\\\"\\t\":\"ü\"}\n",
        ]
    );
}

#[test]
fn empty_results_have_a_header_or_are_valid_json() {
    let rows = batch(vec![("a", text(&[])), ("b", text(&[]))]);
    assert_eq!(all(&rows), [" a | b\n---+---\n", "a,b\n", "a\tb\n", "[]\n", ""]);
    for (format, expected) in [(Format::Table, ""), (Format::Csv, ""), (Format::Tsv, ""), (Format::Json, "[]\n")] {
        assert_eq!(print(format, false, std::slice::from_ref(&rows)).unwrap(), expected);
    }
}

#[test]
fn bytes_are_hexadecimal_and_uuids_are_uuids() {
    let id: [u8; 16] = std::array::from_fn(|i| u8::try_from(i * 16 + i).unwrap());
    let ids = || Arc::new(FixedSizeBinaryArray::try_from_iter([id].iter()).unwrap()) as ArrayRef;
    let bytes: ArrayRef = Arc::new(BinaryArray::from(vec![&b"\x00\xffa"[..]]));
    let marked = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
    let fields = vec![
        Field::new("id", DataType::FixedSizeBinary(16), true).with_metadata(marked),
        Field::new("raw", DataType::FixedSizeBinary(16), true),
        Field::new("b", DataType::Binary, true),
    ];
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![ids(), ids(), bytes]).unwrap();
    let (uuid, hex) = ("00112233-4455-6677-8899-aabbccddeeff", "0x00112233445566778899aabbccddeeff");
    let printed = all(&rows);
    assert!(printed[0].ends_with(&format!(" {uuid} | {hex} | 0x00ff61\n")), "{}", printed[0]);
    assert_eq!(printed[1], format!("id,raw,b\n{uuid},{hex},0x00ff61\n"));
    assert_eq!(printed[2], format!("id\traw\tb\n{uuid}\t{hex}\t0x00ff61\n"));
    assert_eq!(printed[4], format!("{{\"id\":\"{uuid}\",\"raw\":\"{hex}\",\"b\":\"0x00ff61\"}}\n"));
}

#[test]
fn lists_are_json_in_every_format() {
    let lists: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<UInt8Type, _, _>([Some(vec![Some(1), None]), None]));
    let rows = batch(vec![("l", lists), ("x", text(&[Some("y"), None]))]);
    assert_eq!(
        all(&rows),
        [
            " l        | x\n----------+------\n [1,null] | y\n NULL     | NULL\n",
            "l,x\n\"[1,null]\",y\n,\n",
            "l\tx\n[1,null]\ty\n\\N\t\\N\n",
            "[{\"l\":[1,null],\"x\":\"y\"},\n{\"l\":null,\"x\":null}]\n",
            "{\"l\":[1,null],\"x\":\"y\"}\n{\"l\":null,\"x\":null}\n",
        ]
    );
}

#[test]
fn numbers_that_json_has_not_are_texts_there() {
    let rows = batch(vec![("f", Arc::new(Float64Array::from(vec![0.1, f64::NAN, f64::NEG_INFINITY, 1e300])))]);
    let lines = print(Format::Ndjson, true, std::slice::from_ref(&rows)).unwrap();
    assert_eq!(lines, "{\"f\":0.1}\n{\"f\":\"NaN\"}\n{\"f\":\"-inf\"}\n{\"f\":1e300}\n");
    assert_eq!(print(Format::Csv, false, &[rows]).unwrap(), "0.1\nNaN\n-inf\n1e300\n");
}

#[test]
fn a_time_outside_of_arrow_s_calendar_is_told_nevertheless() {
    let times = TimestampMillisecondArray::from(vec![Some(0), Some(i64::MAX)]).with_timezone("UTC");
    let days = Date32Array::from(vec![Some(i32::MIN), None]);
    let lists = ListArray::from_iter_primitive::<Date32Type, _, _>([Some(vec![Some(i32::MAX), Some(0)]), None]);
    let rows = batch(vec![("at", Arc::new(times)), ("day", Arc::new(days)), ("l", Arc::new(lists))]);
    assert_eq!(
        all(&rows)[1..],
        [
            "at,day,l\n1970-01-01T00:00:00Z,-5877641-06-23,\"[\"\"+5881580-07-11\"\",\"\"1970-01-01\"\"]\"\n\
             +292278994-08-17T07:12:55.807Z,,\n",
            "at\tday\tl\n1970-01-01T00:00:00Z\t-5877641-06-23\t[\"+5881580-07-11\",\"1970-01-01\"]\n\
             +292278994-08-17T07:12:55.807Z\t\\N\t\\N\n",
            "[{\"at\":\"1970-01-01T00:00:00Z\",\"day\":\"-5877641-06-23\",\"l\":[\"+5881580-07-11\",\"1970-01-01\"]},\n\
             {\"at\":\"+292278994-08-17T07:12:55.807Z\",\"day\":null,\"l\":null}]\n",
            "{\"at\":\"1970-01-01T00:00:00Z\",\"day\":\"-5877641-06-23\",\"l\":[\"+5881580-07-11\",\"1970-01-01\"]}\n\
             {\"at\":\"+292278994-08-17T07:12:55.807Z\",\"day\":null,\"l\":null}\n",
        ]
    );
    let table = print(Format::Table, false, &[rows]).unwrap();
    assert!(
        table.ends_with("| NULL           | NULL\n") && table.contains("+292278994-08-17T07:12:55.807Z"),
        "{table}"
    );
}

#[test]
fn a_value_without_text_is_an_error_not_a_text() {
    let rows = batch(vec![("when", Arc::new(Time32SecondArray::from(vec![Some(0), Some(86_400)])))]);
    for format in Format::value_variants() {
        let error = print(*format, true, std::slice::from_ref(&rows)).unwrap_err();
        let PrintError::Value(error) = error else { panic!("{format}: {error:?}") };
        assert!(error.to_string().contains("column 'when'"), "{format}: {error}");
    }
}

/// A column of this CQL type, as it comes from Cassandra.
fn from_cassandra(cql_type: &str, array: ArrayRef) -> RecordBatch {
    let cql_type = HashMap::from([("cassandra.type".to_owned(), cql_type.to_owned())]);
    let field = Field::new("c", array.data_type().clone(), true).with_metadata(cql_type);
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap()
}

#[test]
fn uuids_within_others_are_uuids() {
    let (id, uuid) = ([0x11; 16], "11111111-1111-1111-1111-111111111111");
    let ids = || Arc::new(FixedSizeBinaryArray::try_from_iter([id].iter()).unwrap()) as ArrayRef;
    let list = |values: ArrayRef| -> ArrayRef {
        let element = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        Arc::new(ListArray::new(element, OffsetBuffer::from_lengths([1]), values, None))
    };
    let element = Arc::new(Field::new_list_field(DataType::FixedSizeBinary(16), true));
    let vector: ArrayRef = Arc::new(FixedSizeListArray::new(element, 1, ids(), None));
    let typed = |name: &str, cql_type: &str| {
        let cql_type = HashMap::from([("cassandra.type".to_owned(), cql_type.to_owned())]);
        Arc::new(Field::new(name, DataType::FixedSizeBinary(16), name != "key").with_metadata(cql_type))
    };
    let item: ArrayRef =
        Arc::new(StructArray::new(vec![typed("id", "timeuuid"), typed("b", "blob")].into(), vec![ids(), ids()], None));
    let entries = StructArray::new(vec![typed("key", "uuid"), typed("value", "uuid")].into(), vec![ids(), ids()], None);
    let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
    let map: ArrayRef = Arc::new(MapArray::new(field, OffsetBuffer::from_lengths([1]), entries, None, false));
    let hex = "0x11111111111111111111111111111111";
    for (cql_type, array, expected) in [
        ("list<uuid>", list(ids()), format!("[\"{uuid}\"]")),
        ("frozen<set<timeuuid>>", list(ids()), format!("[\"{uuid}\"]")),
        ("list<frozen<list<uuid>>>", list(list(ids())), format!("[[\"{uuid}\"]]")),
        ("list<blob>", list(ids()), format!("[\"{hex}\"]")),
        ("vector<uuid, 1>", vector, format!("[\"{uuid}\"]")),
        ("item", Arc::clone(&item), format!("{{\"id\":\"{uuid}\",\"b\":\"{hex}\"}}")),
        ("list<frozen<item>>", list(item), format!("[{{\"id\":\"{uuid}\",\"b\":\"{hex}\"}}]")),
        ("map<uuid, uuid>", Arc::clone(&map), format!("{{\"{uuid}\":\"{uuid}\"}}")),
        ("list<frozen<map<uuid, uuid>>>", list(map), format!("[{{\"{uuid}\":\"{uuid}\"}}]")),
    ] {
        let rows = from_cassandra(cql_type, array);
        assert_eq!(
            print(Format::Tsv, false, std::slice::from_ref(&rows)).unwrap(),
            format!("{expected}\n"),
            "{cql_type}"
        );
        assert_eq!(print(Format::Ndjson, false, &[rows]).unwrap(), format!("{{\"c\":{expected}}}\n"), "{cql_type}");
    }
}

#[test]
fn keys_of_maps_are_texts_in_json() {
    let mut numbers = MapBuilder::new(None, Int32Builder::new(), StringBuilder::new());
    numbers.keys().append_slice(&[1, -2]);
    numbers.values().append_value("a");
    numbers.values().append_null();
    numbers.append(true).unwrap();
    numbers.append(false).unwrap();
    numbers.append(true).unwrap();
    numbers.keys().append_value(7);
    numbers.values().append_value("z");
    numbers.append(true).unwrap();
    let rows = batch(vec![("m", Arc::new(numbers.finish()))]);
    let lines = print(Format::Ndjson, false, &[rows]).unwrap();
    assert_eq!(lines, "{\"m\":{\"1\":\"a\",\"-2\":null}}\n{\"m\":null}\n{\"m\":{}}\n{\"m\":{\"7\":\"z\"}}\n");
    let mut lists = MapBuilder::new(None, ListBuilder::new(StringBuilder::new()), Int32Builder::new());
    lists.keys().append_value([Some("a\"\\")]);
    lists.values().append_value(1);
    lists.append(true).unwrap();
    let line = print(Format::Ndjson, false, &[batch(vec![("m", Arc::new(lists.finish()))])]).unwrap();
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["m"]["[\"a\\\"\\\\\"]"], 1, "{line}");
}

#[test]
fn the_terminal_is_not_commanded_by_data() {
    let rows = batch(vec![("a", text(&[Some("\u{1b}[2J\u{7}")]))]);
    assert_eq!(print(Format::Table, false, &[rows]).unwrap(), " \\u{1b}[2J\\u{7}\n");
}

#[test]
fn wide_characters_are_aligned() {
    let rows = batch(vec![("a", text(&[Some("日本"), Some("abcd"), Some("e\u{301}")])), ("b", text(&[Some("x"); 3]))]);
    assert_eq!(print(Format::Table, false, &[rows]).unwrap(), " 日本 | x\n abcd | x\n e\u{301}    | x\n");
}

#[test]
fn widths_are_fixed_by_the_first_rows_and_nothing_is_cut() {
    let mut values = vec![Some("ab"); 1000];
    values.push(Some("longer than the column"));
    let first = batch(vec![("a", text(&values)), ("b", text(&vec![Some("x"); 1001]))]);
    let second = batch(vec![("a", text(&[Some("later, and longer")])), ("b", text(&[Some("y")]))]);
    let table = print(Format::Table, true, &[first, second]).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 2 + 1002);
    assert_eq!(lines[..3], [" a  | b", "----+---", " ab | x"]);
    assert_eq!(lines[1002..], [" longer than the column | x", " later, and longer | y"]);
}

#[test]
fn small_batches_are_measured_together() {
    let one = batch(vec![("a", text(&[Some("x")])), ("b", text(&[Some("y")]))]);
    let two = batch(vec![("a", text(&[Some("long")])), ("b", text(&[Some("y")]))]);
    assert_eq!(print(Format::Table, false, &[one, two]).unwrap(), " x    | y\n long | y\n");
}

#[test]
fn json_goes_on_over_batches() {
    let rows = || batch(vec![("a", Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef)]);
    let json = print(Format::Json, true, &[rows(), rows()]).unwrap();
    assert_eq!(json, "[{\"a\":1},\n{\"a\":2},\n{\"a\":1},\n{\"a\":2}]\n");
}
