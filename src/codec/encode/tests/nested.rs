//! Nested values: their bytes, and what is refused.

use arrow::array::{
    Array, FixedSizeListArray, LargeListArray, ListArray, ListViewArray, MapArray, StructArray, make_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{Fields, Int64Type};

use super::*;
use crate::codec::tests::{parse, user_type};

fn list(rows: &[Option<&[Option<i64>]>]) -> ListArray {
    ListArray::from_iter_primitive::<Int64Type, _, _>(rows.iter().map(|row| row.map(<[_]>::to_vec)))
}

fn structs(columns: &[(&str, ArrayRef)]) -> StructArray {
    let fields: Fields = columns.iter().map(|(n, a)| Field::new(*n, a.data_type().clone(), true)).collect();
    StructArray::new(fields, columns.iter().map(|(_, array)| ArrayRef::clone(array)).collect(), None)
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(Int32Array::from(values.to_vec()))
}

const ONE_TWO: [u8; 14] = [0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 0, 1, 2];

#[test]
fn lists_of_every_layout() {
    let source = list(&[Some(&[Some(1), Some(2)])]);
    let values = || ArrayRef::clone(source.values());
    let field = Arc::new(Field::new("item", DataType::Int64, true));
    for cql_type in ["list<tinyint>", "frozen<set<tinyint>>"] {
        assert_eq!(cell(parse(cql_type), source.clone()), ONE_TWO);
        let large = LargeListArray::new(Arc::clone(&field), OffsetBuffer::from_lengths([2]), values(), None);
        assert_eq!(cell(parse(cql_type), large), ONE_TWO);
        let fixed = FixedSizeListArray::new(Arc::clone(&field), 2, values(), None);
        assert_eq!(cell(parse(cql_type), fixed), ONE_TWO);
        let view = ListViewArray::new(Arc::clone(&field), vec![0].into(), vec![2].into(), values(), None);
        assert_eq!(cell(parse(cql_type), view), ONE_TWO);
    }
    assert_eq!(cell(parse("list<tinyint>"), list(&[Some(&[])])), [0, 0, 0, 0]);
}

#[test]
fn slices_are_written_as_what_they_show() {
    let whole = list(&[Some(&[Some(300)]), Some(&[Some(1), Some(2)]), None, Some(&[Some(400)])]);
    let columns = [column("c", parse("list<tinyint>"))];
    let bound = bind(&columns, vec![whole.slice(1, 2).into_inner()]);
    assert_eq!(row(&bound, 0).unwrap().split_off(4), ONE_TWO);
    assert_eq!(row(&bound, 1).unwrap(), [255, 255, 255, 254]);
    assert_eq!((bound.row_bytes(0), bound.row_bytes(1)), (18, 4));
}

/// So that slices of any array can be bound.
trait IntoInner {
    fn into_inner(self) -> ArrayRef;
}

impl IntoInner for ListArray {
    fn into_inner(self) -> ArrayRef {
        make_array(self.into_data())
    }
}

#[test]
fn vectors_with_and_without_lengths() {
    let two = || list(&[Some(&[Some(1), Some(2)])]);
    assert_eq!(cell(parse("vector<int, 2>"), two()), [0, 0, 0, 1, 0, 0, 0, 2]);
    assert_eq!(cell(parse("vector<smallint, 2>"), two()), [2, 0, 1, 2, 0, 2]);
    let field = Arc::new(Field::new("item", DataType::Utf8, true));
    let long = "x".repeat(200);
    let text = ListArray::new(field, OffsetBuffer::from_lengths([2]), texts(&[Some("a"), Some(&long)]), None);
    assert_eq!(cell(parse("vector<text, 2>"), text), [&[1, b'a', 0x80, 200][..], long.as_bytes()].concat());
    assert_eq!(
        error(parse("vector<int, 3>"), two()),
        "cannot write \"[1, 2]\" as vector<int, 3>: it has 2 elements, and the vector 3 (column: c, row: 1)"
    );
    assert!(error(parse("vector<int, 1>"), list(&[Some(&[None])])).contains("element 1"));
    let fixed = DataType::FixedSizeList(Arc::new(Field::new("item", DataType::Int32, true)), 2);
    assert_eq!(
        refusal(parse("vector<int, 3>"), fixed),
        "column c of type vector<int, 3> cannot be written from what comes: its lists have 2 elements, and the vector 3"
    );
}

#[test]
fn maps_and_lists_of_entries() {
    let entries = structs(&[("key", texts(&[Some("a")])), ("value", ints(&[Some(7)]))]);
    let expected = b"\0\0\0\x01\0\0\0\x01a\0\0\0\x04\0\0\0\x07";
    let list_field = Arc::new(Field::new("item", entries.data_type().clone(), true));
    let as_list = ListArray::new(list_field, OffsetBuffer::from_lengths([1]), Arc::new(entries), None);
    assert_eq!(cell(parse("map<text, int>"), as_list), expected);
    let fields: Fields =
        [Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Int32, true)].into_iter().collect();
    let map = |value| {
        let entries = StructArray::new(fields.clone(), vec![texts(&[Some("a")]), ints(&[value])], None);
        let field = Arc::new(Field::new("entries", entries.data_type().clone(), false));
        MapArray::new(field, OffsetBuffer::from_lengths([1]), entries, None, false)
    };
    assert_eq!(cell(parse("frozen<map<text, int>>"), map(Some(7))), expected);
    let message = error(parse("map<text, int>"), map(None));
    assert!(
        message.contains("value 1, \"\" as int: it is null, and Cassandra keeps no nulls in collections"),
        "{message}"
    );
    let backwards = structs(&[("value", ints(&[Some(7)])), ("key", texts(&[Some("a")]))]);
    let field = Arc::new(Field::new("item", backwards.data_type().clone(), true));
    let nulls = Some(NullBuffer::from(vec![true]));
    let backwards = ListArray::new(field, OffsetBuffer::from_lengths([1]), Arc::new(backwards), nulls);
    assert_eq!(cell(parse("map<text, int>"), backwards), expected);
    let others = structs(&[("k", texts(&[Some("a")])), ("v", ints(&[Some(7)]))]);
    let others = DataType::List(Arc::new(Field::new("item", others.data_type().clone(), true)));
    assert!(refusal(parse("map<text, int>"), others).contains("only if their fields are key and value"));
}

#[test]
fn user_defined_types_by_name_and_tuples_by_position() {
    let address = || user_type("address", &[("street", CqlType::Text), ("zip", CqlType::Int), ("note", CqlType::Text)]);
    let source = structs(&[("zip", ints(&[Some(1), None])), ("street", texts(&[Some("x"), None]))]);
    let expected = b"\0\0\0\x01x\0\0\0\x04\0\0\0\x01\xff\xff\xff\xff";
    assert_eq!(cell(address(), source.clone()), expected);
    let bound = bind(&[column("c", address())], vec![Arc::new(source.clone())]);
    assert_eq!(row(&bound, 1).unwrap(), [&[0, 0, 0, 12][..], &[255; 12]].concat());
    assert_eq!((bound.row_bytes(0), bound.row_bytes(1)), (21, 16));
    let unknown = structs(&[("zipcode", ints(&[Some(1)]))]);
    assert_eq!(
        refusal(CqlType::List(Box::new(address())), list_of(unknown.data_type())),
        "column c of type list<address>: elements of type address cannot be written from what comes: type address has \
         no field zipcode; its fields are street, zip, note"
    );
    assert_eq!(cell(parse("tuple<int, text>"), source.clone()), b"\0\0\0\x04\0\0\0\x01\0\0\0\x01x");
    assert_eq!(
        refusal(parse("tuple<int>"), source.data_type().clone()),
        "column c of type tuple<int> cannot be written from what comes: the struct has 2 fields, and the tuple 1"
    );
}

fn list_of(element: &DataType) -> DataType {
    DataType::List(Arc::new(Field::new("item", element.clone(), true)))
}

#[test]
fn an_error_names_the_place_within_the_value() {
    assert_eq!(
        error(parse("list<tinyint>"), list(&[Some(&[Some(1), Some(300)])])),
        "cannot write \"[1, 300]\" as list<tinyint>: element 2, \"300\" as tinyint: it is out of range (column: c, row: 1)"
    );
    assert_eq!(
        error(parse("set<int>"), list(&[Some(&[None])])),
        "cannot write \"[]\" as set<int>: element 1, \"\" as int: it is null, and Cassandra keeps no nulls in collections; \
         leave it out, or write null for the whole value (column: c, row: 1)"
    );
    let nested = structs(&[("a", Arc::new(list(&[Some(&[Some(i64::MAX)])])))]);
    let message = error(user_type("u", &[("a", parse("frozen<list<int>>"))]), nested);
    assert!(
        message.contains("as u: field a, element 1, \"9223372036854775807\" as int: it is out of range"),
        "{message}"
    );
}

#[test]
fn types_inside_that_do_not_bind_are_refused_with_advice() {
    assert_eq!(
        refusal(parse("map<text, frozen<list<text>>>"), DataType::Utf8),
        "column c of type map<text, frozen<list<text>>> cannot be written from Arrow type Utf8; convert the value first, \
         for example with map(keys, values)"
    );
    assert_eq!(
        refusal(parse("list<frozen<set<text>>>"), list_of(&list_of(&DataType::Int32))),
        "column c of type list<frozen<set<text>>>: elements, elements of type text cannot be written from Arrow type \
         Int32; convert the value first, for example with arrow_cast(…, 'Utf8')"
    );
    let address = user_type("address", &[("street", CqlType::Text), ("zip", CqlType::Int)]);
    assert!(refusal(address, DataType::Utf8).ends_with("named_struct('street', …, 'zip', …)"));
    let class = refusal(parse("list<frozen<'org.example.PointType'>>"), list_of(&DataType::Binary));
    assert!(class.contains("the driver cannot bind values of Java classes"), "{class}");
}

#[test]
fn dictionaries_inside() {
    let dictionary: DictionaryArray<Int32Type> = ["x", "y", "x"].into_iter().collect();
    let field = Arc::new(Field::new("item", dictionary.data_type().clone(), true));
    let lists = ListArray::new(field, OffsetBuffer::from_lengths([1, 2]), Arc::new(dictionary), None);
    let bound = bind(&[column("c", parse("list<text>"))], vec![Arc::new(lists)]);
    assert_eq!(row(&bound, 0).unwrap().split_off(4), b"\0\0\0\x01\0\0\0\x01x");
    assert_eq!(row(&bound, 1).unwrap().split_off(4), b"\0\0\0\x02\0\0\0\x01y\0\0\0\x01x");
}

#[test]
fn rows_without_faults_need_no_check() {
    let fallible = |cql_type: &str, array: ListArray| {
        let bound = bind(&[column("c", parse(cql_type))], vec![Arc::new(array)]);
        !bound.fallible.is_empty()
    };
    assert!(!fallible("list<bigint>", list(&[Some(&[Some(1)]), None])));
    assert!(fallible("list<bigint>", list(&[Some(&[None])])));
    assert!(fallible("list<tinyint>", list(&[Some(&[Some(300)])])));
    assert!(fallible("vector<bigint, 1>", list(&[Some(&[Some(1)])])));
}

#[test]
fn keys_that_cassandra_takes_for_equal_do_not_tell_rows_apart() {
    let same = |cql_type: &str, values: ArrayRef| {
        let clustering = Column { kind: ColumnKind::Clustering { descending: false }, ..column("c", parse(cql_type)) };
        let bound = bind(&[key("k", CqlType::Int), clustering], vec![ints(&[Some(1), Some(1)]), values]);
        bound.clustering_hash(0).unwrap() == bound.clustering_hash(1).unwrap()
    };
    let sets = || Arc::new(list(&[Some(&[Some(1), Some(2)]), Some(&[Some(2), Some(1)])])) as ArrayRef;
    assert!(same("frozen<set<int>>", sets()));
    assert!(!same("frozen<list<int>>", sets()));
    assert!(same("decimal", Arc::new(StringArray::from(vec!["1.0", "1.00"]))));
    assert!(!same("varint", Arc::new(StringArray::from(vec!["1", "2"]))));
    let doubles = |a, b| Arc::new(Float64Array::from(vec![a, b])) as ArrayRef;
    assert!(same("double", doubles(f64::NAN, f64::from_bits(f64::NAN.to_bits() | 1))));
    assert!(!same("double", doubles(0.0, -0.0)));
}
