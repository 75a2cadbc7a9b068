use arrow::array::{LargeStringArray, StringArray, StringViewArray};

use super::*;
use crate::ErrorKind;
use crate::cluster::cql_type::CqlType;
use crate::codec::encode::{BoundBatch, RowEncoder};
use crate::codec::tests::{column, key, parse, user_type};

mod laws;
mod nested;
mod scalar;

/// The batch of these texts, and which rows are refused and why. What comes out is what was said, and binds.
fn decode(columns: &[Column], texts: &[&str]) -> (RecordBatch, Vec<(usize, String)>) {
    let decoder = JsonDecoder::try_new(columns).unwrap();
    let (batch, refused) = decoder.decode(&StringArray::from(texts.to_vec())).unwrap();
    assert_eq!((batch.num_rows(), batch.schema()), (texts.len(), decoder.schema()));
    for array in batch.columns() {
        array.to_data().validate_full().unwrap();
        assert!(refused.iter().all(|(row, _)| array.is_null(*row)), "{refused:?}");
    }
    bound(columns, &batch);
    let shown = refused.into_iter().map(|(row, error)| {
        assert_eq!(error.kind(), ErrorKind::Data);
        (row, error.to_string())
    });
    (batch, shown.collect())
}

fn bound(columns: &[Column], batch: &RecordBatch) -> BoundBatch {
    RowEncoder::try_new(columns, batch.schema_ref()).unwrap().bind(batch).unwrap()
}

/// The cell that a value makes in a column of this type, or why it makes none.
fn cell(cql_type: &CqlType, json: &str) -> Result<Option<Vec<u8>>, String> {
    let columns = [column("c", cql_type.clone())];
    let (batch, mut refused) = decode(&columns, &[&format!(r#"{{"c": {json}}}"#)]);
    if let Some((_, why)) = refused.pop() {
        return Err(why);
    }
    let bound = bound(&columns, &batch);
    bound.check(0).and_then(|()| bound.value(0, 0)).map_err(|e| e.to_string())
}

/// Why the value is refused in a column `c` of this type.
fn refusal(cql_type: &CqlType, json: &str) -> String {
    let why = cell(cql_type, json).unwrap_err();
    assert!(why.contains("(column: c"), "{why}");
    why
}

/// A value of one of Arrow's arrays is the cell that the JSON makes.
fn is_read(cql_type: &CqlType, json: &str, expected: impl Array + 'static) {
    let batch = RecordBatch::try_from_iter_with_nullable([("c", Arc::new(expected) as ArrayRef, true)]).unwrap();
    let expected = bound(&[column("c", cql_type.clone())], &batch).value(0, 0).unwrap();
    assert_eq!(cell(cql_type, json), Ok(expected), "{json} as {cql_type}");
}

fn table() -> Vec<Column> {
    vec![key("id", CqlType::Int), column("MyName", CqlType::Text), column("tags", parse("list<int>"))]
}

fn ints(batch: &RecordBatch, column: usize) -> Vec<Option<i32>> {
    batch.column(column).as_primitive::<arrow::datatypes::Int32Type>().iter().collect()
}

fn names(batch: &RecordBatch) -> Vec<Option<&str>> {
    batch.column(1).as_string::<i32>().iter().collect()
}

#[test]
fn an_object_is_a_row() {
    let (batch, refused) = decode(
        &table(),
        &[
            r#"{"id": 1, "\"MyName\"": "a", "tags": [1, 2]}"#,
            " {\n\t\"tags\" : [ ] , \"id\" : 2 }\r\n",
            r#"{"ID": 3, "\"MyName\"": null, "\"tags\"": null}"#,
            r#"{"\u0069d": 4, "\"MyName\"": "\u00e4\n\"\ud83d\ude00"}"#,
            "{}",
        ],
    );
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(ints(&batch, 0), [Some(1), Some(2), Some(3), Some(4), None]);
    assert_eq!(names(&batch), [Some("a"), None, None, Some("ä\n\"😀"), None]);
    let tags = batch.column(2).as_list::<i32>();
    assert_eq!(tags.value(0).as_primitive::<arrow::datatypes::Int32Type>().values(), &[1, 2]);
    assert_eq!((tags.value(1).len(), tags.is_null(1), tags.is_null(2), tags.is_null(3)), (0, false, true, true));
}

#[test]
fn refused_rows_leave_all_others_as_they_are() {
    let long = format!(r#"{{"id": 1, "other": "{}"}}"#, "ä".repeat(100));
    let texts = [
        r#"{"id": 1, "tags": [1]}"#,
        r#"{"id": 1.5, "\"MyName\"": "lost"}"#,
        r#"{"id": 2, "\"MyName\"": "kept", "tags": [2]}"#,
        r#"{"id": 3, "tags": [1, 2, "x", []]}"#,
        "[1]",
        "",
        r#"{"id": 3"#,
        r#"{"id": 3} {"id": 4}"#,
        r#"{"id": 3, "name": "a"}"#,
        r#"{"id": 3, "MyName": "a"}"#,
        r#"{"id": 3, "tags": null, "\"ID\"": 3}"#,
        r#"{"id": null, "Id": 3}"#,
        r#"{"id": 3, "\"MyName\"": "\ud83d"}"#,
        &long,
        r#"{"id": 5, "tags": [3, 4]}"#,
    ];
    let (batch, refused) = decode(&table(), &texts);
    let expected = [
        (1, "cannot read 1.5 as int: it must be an integer, without point or exponent (column: id)"),
        (3, r#"cannot read "x" as int: it must be an integer, without point or exponent (column: tags, element 3)"#),
        (4, "cannot read [1] as a row: it is an array and must be an object"),
        (5, "cannot read  as a row: it is no JSON: EOF while parsing a value at line 1 column 0"),
        (6, r#"cannot read {"id": 3 as a row: it is no JSON: EOF while parsing an object at line 1 column 8"#),
        (7, r#"cannot read {"id": 3} {"id": 4} as a row: it is no JSON: trailing characters at line 1 column 11"#),
        (8, r#"cannot read {"id": 3, "name": "a"} as a row: the table has no column name"#),
        (
            9,
            r#"cannot read {"id": 3, "MyName": "a"} as a row: the table has no column myname; names are in lower case unless quoted: write "\"MyName\"" for MyName"#,
        ),
        (
            10,
            r#"cannot read {"id": 3, "tags": null, "\"ID\"": 3} as a row: the table has no column ID; names are in lower case unless quoted: write "\"id\"" for id"#,
        ),
        (11, r#"cannot read {"id": null, "Id": 3} as a row: column id comes twice"#),
        (
            12,
            r#"cannot read "\ud83d" as text: it is no JSON: unexpected end of hex escape at line 1 column 8 (column: MyName)"#,
        ),
    ];
    for ((row, why), (expected_row, expected)) in refused.iter().zip(expected) {
        assert_eq!((*row, why.as_str()), (expected_row, expected));
    }
    let [.., (13, cut)] = refused.as_slice() else { panic!("{refused:?}") };
    let shown = long.chars().take(80).collect::<String>();
    assert_eq!(cut, &format!("cannot read {shown}… as a row: the table has no column other"));
    assert_eq!(refused.len(), expected.len() + 1);

    let ids = ints(&batch, 0);
    assert_eq!([ids[0], ids[2], ids[14]], [Some(1), Some(2), Some(5)]);
    assert_eq!((names(&batch)[1], names(&batch)[2]), (None, Some("kept")));
    let tags = batch.column(2).as_list::<i32>();
    for (row, expected) in [(0, &[1][..]), (2, &[2]), (14, &[3, 4])] {
        assert_eq!(tags.value(row).as_primitive::<arrow::datatypes::Int32Type>().values(), expected);
    }
}

#[test]
fn the_first_column_that_is_wrong_is_told() {
    let (_, refused) = decode(&table(), &[r#"{"tags": [[]], "id": "x", "\"MyName\"": 1}"#]);
    let [(0, why)] = refused.as_slice() else { panic!("{refused:?}") };
    assert!(why.ends_with("(column: id)"), "{why}");
}

#[test]
fn text_comes_in_every_layout_and_null_is_no_row() {
    let decoder = JsonDecoder::try_new(&table()).unwrap();
    let texts = [Some(r#"{"id": 1}"#), None, Some(r#"{"id": 2, "\"MyName\"": "longer than it was"}"#)];
    let layouts: [ArrayRef; 3] = [
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
    ];
    for array in layouts {
        let (batch, refused) = decoder.decode(&array).unwrap();
        assert_eq!(ints(&batch, 0), [Some(1), None, Some(2)]);
        let [(1, error)] = refused.as_slice() else { panic!("{refused:?}") };
        assert_eq!(error.to_string(), "cannot read null as a row: there is no JSON text");
        let (batch, refused) = decoder.decode(&array.slice(2, 1)).unwrap();
        assert_eq!((ints(&batch, 0), names(&batch)), (vec![Some(2)], vec![Some("longer than it was")]));
        assert!(refused.is_empty());
    }
    let (batch, refused) = decoder.decode(&StringArray::from(Vec::<&str>::new())).unwrap();
    assert_eq!((batch.num_rows(), batch.schema(), refused.len()), (0, decoder.schema(), 0));
    let error = decoder.decode(&arrow::array::Int32Array::from(vec![1])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
}

#[test]
fn names_are_those_of_cql() {
    let columns = ["a", "A", "größe", "\"", "two words"].map(|name| column(name, CqlType::Int));
    let (batch, refused) = decode(
        &columns,
        &[
            r#"{"a": 1, "\"A\"": 2, "GRÖSSE": 0}"#,
            r#"{"A": 1, "\"A\"": 2, "Größe": 3, "\"\"\"": 4, "TWO Words": 5}"#,
            r#"{"\"a\"": 1, "\"A\"": 2, "\"größe\"": 3, "\"": 4, "\"two words\"": 5}"#,
            r#"{"A": 1, "a": 2}"#,
            r#"{"A": 1, "\"\"": 2}"#,
        ],
    );
    for (row, expected) in [(1, [1, 2, 3, 4, 5]), (2, [1, 2, 3, 4, 5])] {
        assert_eq!((0..5).map(|c| ints(&batch, c)[row]).collect::<Vec<_>>(), expected.map(Some));
    }
    let whys: Vec<&str> = refused.iter().map(|(_, why)| why.rsplit_once(": ").unwrap().1).collect();
    assert_eq!(whys, ["the table has no column grösse", "column a comes twice", "the table has no column "]);
}

#[test]
fn all_columns_of_java_classes_are_told() {
    let java = || CqlType::Custom("org.example.PointType".to_owned());
    let columns = [column("a", java()), key("k", CqlType::Int), column("b", CqlType::List(Box::new(java())))];
    let errors = JsonDecoder::try_new(&columns).unwrap_err();
    let told: Vec<_> = errors.iter().map(|error| (error.kind(), error.to_string())).collect();
    assert_eq!(told.len(), 2);
    for ((kind, text), name) in told.iter().zip(["a", "b"]) {
        assert_eq!(*kind, ErrorKind::Schema);
        assert!(
            text.contains(&format!("column {name} of type")) && text.contains("cannot be read from JSON"),
            "{text}"
        );
    }
}

#[test]
fn a_batch_that_no_array_holds_is_refused_before_it_is_read() {
    check_bytes(MOST_BYTES).unwrap();
    let error = check_bytes(MOST_BYTES + 1).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    assert!(error.to_string().contains("datafusion.execution.batch_size"), "{error}");
}
