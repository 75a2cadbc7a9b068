//! Cells of nested types, byte by byte as the protocol's specification lays them out.

use arrow::util::display::array_value_to_string;
use proptest::prelude::*;

use super::*;
use crate::codec::tests::{parse, user_type};

/// Parts of a cell, each with its length.
fn parts(parts: &[Option<&[u8]>]) -> Vec<u8> {
    super::body(parts)
}

/// A collection: the number of its elements, then these.
fn collection(count: i32, elements: &[Option<&[u8]>]) -> Vec<u8> {
    [&count.to_be_bytes()[..], &parts(elements)].concat()
}

fn shown(cql_type: &CqlType, cell: &[u8]) -> String {
    let batch = decode_cell(cql_type.clone(), Some(cell)).unwrap();
    array_value_to_string(batch.column(0), 0).unwrap()
}

fn address() -> CqlType {
    let fields = [("street", CqlType::Text), ("zip", CqlType::Int), ("tags", parse("frozen<set<text>>"))];
    CqlType::Frozen(Box::new(user_type("address", &fields)))
}

#[test]
fn cells_of_the_specification() {
    let cases: &[(CqlType, &[u8], &str)] = &[
        (parse("list<int>"), &[0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2], "[1, 2]"),
        (parse("frozen<set<text>>"), b"\0\0\0\x02\0\0\0\x01a\0\0\0\0", "[a, ]"),
        (parse("list<int>"), &[0, 0, 0, 0], "[]"),
        (parse("map<text, int>"), b"\0\0\0\x01\0\0\0\x01k\0\0\0\x04\0\0\0\x07", "{k: 7}"),
        (parse("tuple<int, text>"), b"\0\0\0\x04\0\0\0\x05\xff\xff\xff\xff", "{_1: 5, _2: }"),
        (parse("vector<float, 2>"), &[0x3f, 0xc0, 0, 0, 0, 0, 0, 0], "[1.5, 0.0]"),
        (parse("vector<tinyint, 2>"), &[1, 5, 1, 0xff], "[5, -1]"),
        (parse("vector<text, 2>"), b"\x01a\x02bc", "[a, bc]"),
        (parse("vector<vector<int, 2>, 1>"), &[0, 0, 0, 1, 0, 0, 0, 2], "[[1, 2]]"),
        (parse("empty"), &[], ""),
        (parse("'org.example.PointType'"), &[0xca, 0xfe], "cafe"),
    ];
    for (cql_type, cell, expected) in cases {
        assert_eq!(&shown(cql_type, cell), expected, "{cql_type}");
    }
}

#[test]
fn a_user_defined_type_by_its_fields() {
    let tags = collection(1, &[Some(b"home")]);
    let cell = parts(&[Some(b"Rue 1"), Some(&[0, 0, 0x30, 0x39]), Some(&tags)]);
    assert_eq!(shown(&address(), &cell), "{street: Rue 1, zip: 12345, tags: [home]}");
    let list = CqlType::List(Box::new(address()));
    let cell = collection(2, &[Some(&cell), Some(&[])]);
    assert_eq!(shown(&list, &cell), "[{street: Rue 1, zip: 12345, tags: [home]}, {street: , zip: , tags: }]");
}

#[test]
fn fields_that_a_value_has_not_are_null() {
    let cell = parts(&[Some(b"Rue 1"), Some(&[0, 0, 0, 1]), None]);
    for (end, nulls) in
        [(0, [true; 3]), (9, [false, true, true]), (17, [false, false, true]), (21, [false, false, true])]
    {
        let batch = decode_cell(address(), Some(&cell[..end])).unwrap();
        let value = batch.column(0).as_struct();
        assert!(value.is_valid(0));
        assert_eq!([0, 1, 2].map(|i| value.column(i).is_null(0)), nulls, "{end}");
    }
}

#[test]
fn nulls_are_kept_at_every_level() {
    let cell = collection(2, &[None, Some(&[0; 4])]);
    let batch = decode_cell(parse("list<int>"), Some(&cell)).unwrap();
    let list = batch.column(0).as_list::<i32>();
    assert!(list.is_valid(0) && list.values().is_null(0) && list.values().is_valid(1));
    let cell = collection(1, &[Some(b"k"), None]);
    assert!(decode_cell(parse("map<text, int>"), Some(&cell)).unwrap().column(0).as_map().values().is_null(0));
    for cql_type in [
        parse("list<int>"),
        parse("set<text>"),
        parse("map<int, text>"),
        parse("tuple<int, list<int>>"),
        address(),
        parse("vector<float, 3>"),
        parse("vector<frozen<list<text>>, 2>"),
        parse("empty"),
    ] {
        let batch = decode_cell(cql_type.clone(), None).unwrap();
        assert_eq!((batch.column(0).len(), batch.column(0).null_count()), (1, 1), "{cql_type}");
        let none = decoder(&[column("c", cql_type)]).decode_rows(0, &[]).unwrap();
        assert_eq!(none.num_rows(), 0);
    }
}

#[test]
fn an_error_names_the_place_within_the_cell() {
    let list = collection(2, &[Some(&[0; 4]), Some(&[1, 2, 3])]);
    assert_eq!(
        error(parse("list<int>"), &list),
        "the cell is no list<int>: element 2 is no int: expected 4 bytes, got 3 bytes 0x010203 \
         (table: ks.t, column: c, row of the page: 1)"
    );
    let inner = parts(&[Some(b"x"), Some(&[7])]);
    let outer = CqlType::Map(Box::new(CqlType::Int), Box::new(address()));
    let message = error(outer, &collection(1, &[Some(&[0; 4]), Some(&inner)]));
    assert!(
        message.starts_with("the cell is no map<int, frozen<address>>: value 1, field zip is no int: expected 4 bytes"),
        "{message}"
    );
    let message = error(parse("map<text, int>"), &collection(1, &[None, Some(&[0; 4])]));
    assert!(message.contains("key 1 is no text: expected a value, got null"), "{message}");
    let message = error(parse("list<text>"), &collection(2, &[Some(&[0xc3]), Some(&[0xa9])]));
    assert!(message.contains("the cell is no list<text>: expected UTF-8, got 14 bytes"), "{message}");
}

#[test]
fn hostile_numbers_of_elements_are_refused() {
    for count in [-1, i32::MIN, 5, i32::MAX] {
        for cql_type in ["list<int>", "set<text>", "map<int, int>"] {
            let message = error(parse(cql_type), &collection(count, &[Some(&[0; 4]), Some(&[0; 4])]));
            assert!(message.contains("as many elements as it says"), "{message}");
        }
    }
    assert!(error(parse("list<int>"), &[0, 0]).contains("the number of its elements"));
    let behind = [collection(1, &[Some(&[0; 4])]), vec![9]].concat();
    assert!(error(parse("list<int>"), &behind).contains("no bytes behind its last part"));
    let too_many = parts(&[Some(&[0; 4]), Some(&[0; 4])]);
    assert!(error(parse("tuple<int>"), &too_many).contains("no bytes behind its last part"));
    assert!(error(parse("tuple<int>"), &[0, 0]).contains("all bytes of its parts"));
    assert!(error(parse("vector<float, 2>"), &[0; 9]).contains("exactly the bytes of its elements"));
    assert!(error(parse("vector<text, 2>"), &[0xff; 9]).contains("all bytes of its elements"));
    assert!(error(parse("vector<text, 1>"), &[1, b'a', 0]).contains("no bytes behind its last part"));
}

#[test]
fn nulls_of_huge_vectors_take_no_huge_memory() {
    let message = decode_cell(parse("vector<vector<float, 60000>, 60000>"), None).unwrap_err().to_string();
    assert!(message.contains("lower cassandra.page_size_rows"), "{message}");
}

#[test]
fn empty_values_are_null_on_request() {
    let decode = |column: Column, cell: &[u8]| {
        let lenient = decoder(&[column]).with_empty_values(EmptyValues::Null);
        lenient.decode_rows(1, &body(&[Some(cell)]))
    };
    for cql_type in SCALARS {
        let batch = decode(column("c", cql_type.clone()), &[]).unwrap();
        let has_empty = matches!(cql_type, CqlType::Ascii | CqlType::Text | CqlType::Blob);
        assert_eq!(batch.column(0).null_count(), usize::from(!has_empty), "{cql_type}");
    }
    for cql_type in ["list<int>", "map<int, int>", "vector<int, 2>", "vector<text, 2>"] {
        assert!(error(parse(cql_type), &[]).contains("the cell is empty"), "{cql_type}");
        assert_eq!(decode(column("c", parse(cql_type)), &[]).unwrap().column(0).null_count(), 1);
    }
    let inside = collection(2, &[Some(&[]), Some(&[0; 4])]);
    assert!(error(parse("list<int>"), &inside).starts_with(
        "element 1 of the cell is empty (no bytes, yet not null), a value of type int that Arrow does not have: read all \
         such values as null with SET cassandra.empty_values = 'null', or select"
    ));
    let batch = decode(column("c", parse("list<int>")), &inside).unwrap();
    assert!(batch.column(0).as_list::<i32>().values().is_null(0));
    // Keys stay an error: Arrow has no null ones.
    for (column, cell) in [
        (key("k", CqlType::Int), vec![]),
        (column("m", parse("map<int, int>")), collection(1, &[Some(&[]), Some(&[0; 4])])),
    ] {
        let message = decode(column, &cell).unwrap_err().to_string();
        assert!(message.contains("it cannot be read as null because it is part of a key"), "{message}");
    }
}

#[test]
fn a_changed_user_defined_type_is_noticed() {
    use scylla::frame::response::result::UserDefinedType;
    let theirs = |fields: &[(&'static str, NativeType)]| {
        let field_types = fields.iter().map(|(n, t)| ((*n).into(), ColumnType::Native(t.clone()))).collect();
        let definition = UserDefinedType { name: "u".into(), keyspace: "ks".into(), field_types };
        ColumnType::UserDefinedType { frozen: true, definition: Arc::new(definition) }
    };
    let columns = [column("u", user_type("u", &[("a", CqlType::Int), ("b", CqlType::Text)]))];
    let check = |fields: &[(&'static str, NativeType)]| check_columns(&[spec("u", theirs(fields))], &columns);
    check(&[("a", NativeType::Int), ("b", NativeType::Text)]).unwrap();
    let longer = check(&[("a", NativeType::Int), ("b", NativeType::Text), ("c", NativeType::Int)]).unwrap_err();
    assert!(
        longer
            .to_string()
            .starts_with("expected column u u, u (a int, b text), but the server has u u (a int, b text, c int)"),
        "{longer}"
    );
    assert!(check(&[("a", NativeType::Int), ("c", NativeType::Text)]).is_err());
    assert!(check(&[("a", NativeType::Int), ("b", NativeType::Ascii)]).is_err());
    // Types with Java classes come as the bytes they were asked for.
    let blob = spec("e", ColumnType::Native(NativeType::Blob));
    assert!(check_columns(std::slice::from_ref(&blob), &[column("e", parse("list<frozen<'a.B'>>"))]).is_ok());
    assert!(check_columns(&[blob], &[column("e", parse("list<blob>"))]).is_err());
}

proptest! {
    #[test]
    fn hostile_nested_cells_never_panic(
        index in 0..NESTED.len(),
        cell in prop::collection::vec(prop_oneof![4 => Just(0), 2 => 0..6_u8, 1 => any::<u8>()], 0..60),
        empty_values in prop_oneof![Just(EmptyValues::Error), Just(EmptyValues::Null)],
    ) {
        let cql_type = parse(NESTED[index]);
        let lenient = decoder(&[column("c", cql_type)]).with_empty_values(empty_values);
        if let Ok(batch) = lenient.decode_rows(1, &body(&[Some(&cell)])) {
            prop_assert_eq!(batch.num_rows(), 1);
            batch.column(0).to_data().validate_full().unwrap();
        }
    }
}

const NESTED: [&str; 9] = [
    "list<int>",
    "set<text>",
    "map<text, list<int>>",
    "tuple<int, text, boolean>",
    "vector<float, 2>",
    "vector<text, 2>",
    "list<frozen<tuple<text, map<int, uuid>>>>",
    "vector<vector<tinyint, 2>, 2>",
    "map<frozen<list<varint>>, vector<duration, 1>>",
];
