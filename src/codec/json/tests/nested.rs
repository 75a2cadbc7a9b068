use arrow::array::{Int32Array, ListArray};
use arrow::datatypes::Int32Type;

use super::*;

fn address() -> CqlType {
    let fields = [("street", CqlType::Text), ("Zip", CqlType::Int), ("tags", parse("frozen<map<text, int>>"))];
    CqlType::Frozen(Box::new(user_type("address", &fields)))
}

fn list_of(element: CqlType) -> CqlType {
    CqlType::List(Box::new(element))
}

/// The cell of a collection, a tuple or a user-defined type, from those of its parts.
fn of_parts(count: Option<i32>, parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut cell = count.map(i32::to_be_bytes).map(Vec::from).unwrap_or_default();
    for part in parts {
        cell.extend_from_slice(&part.map_or(-1, |part| i32::try_from(part.len()).unwrap()).to_be_bytes());
        cell.extend_from_slice(part.unwrap_or_default());
    }
    cell
}

fn int(value: i32) -> [u8; 4] {
    value.to_be_bytes()
}

fn makes(cql_type: &CqlType, json: &str, expected: Vec<u8>) {
    assert_eq!(cell(cql_type, json), Ok(Some(expected)), "{json} as {cql_type}");
}

#[test]
fn arrays_are_lists_sets_and_vectors() {
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some([Some(1), Some(2)])]);
    is_read(&parse("list<int>"), r#"[1, "2"]"#, lists);
    for name in ["list<int>", "set<int>", "frozen<list<int>>"] {
        makes(&parse(name), "[2, 1]", of_parts(Some(2), &[Some(&int(2)), Some(&int(1))]));
        makes(&parse(name), "[]", of_parts(Some(0), &[]));
        makes(&parse(name), r#"" [7] ""#, of_parts(Some(1), &[Some(&int(7))]));
    }
    makes(&parse("vector<float, 3>"), r#"[1, -2.5, "NaN"]"#, [1.0, -2.5, f32::NAN].map(f32::to_be_bytes).concat());
    makes(&parse("vector<text, 2>"), r#"["a", "bc"]"#, b"\x01a\x02bc".to_vec());
    let inner = of_parts(Some(1), &[Some(&int(3))]);
    makes(&parse("list<frozen<list<int>>>"), "[[3], []]", of_parts(Some(2), &[Some(&inner), Some(&int(0))]));
}

#[test]
fn objects_are_maps_whose_keys_are_text() {
    let ints = parse("map<int, int>");
    makes(&ints, r#"{"1": 2, "-3": "4"}"#, of_parts(Some(2), &[1, 2, -3, 4].map(int).each_ref().map(|i| Some(&i[..]))));
    makes(&ints, "{}", of_parts(Some(0), &[]));
    makes(&parse("map<text, boolean>"), r#"{"": true}"#, of_parts(Some(1), &[Some(b""), Some(&[1])]));
    makes(&parse("map<boolean, text>"), r#"{"true": ""}"#, of_parts(Some(1), &[Some(&[1]), Some(b"")]));
    let millis = 1_296_705_900_000_i64.to_be_bytes();
    for key in ["2011-02-03 04:05+0000", "1296705900000"] {
        let json = format!(r#"{{"{key}": 1.5}}"#);
        makes(&parse("map<timestamp, decimal>"), &json, of_parts(Some(1), &[Some(&millis), Some(&[0, 0, 0, 1, 15])]));
    }
    // Keys that are no text are the text of their JSON.
    let lists = parse("map<frozen<list<text>>, int>");
    let key = of_parts(Some(2), &[Some(b"a"), Some(b"\"")]);
    makes(&lists, r#"{"[\"a\", \"\\\"\"]": 1}"#, of_parts(Some(1), &[Some(&key), Some(&int(1))]));
    let maps = parse("map<frozen<map<text, frozen<map<int, int>>>>, int>");
    let inner = of_parts(Some(1), &[Some(&int(1)), Some(&int(2))]);
    let key = of_parts(Some(1), &[Some(b"k"), Some(&inner)]);
    for json in [r#"{"{\"k\": {\"1\": 2}}": 3}"#, r#"{"{\"k\": \"{\\\"1\\\": 2}\"}": 3}"#] {
        makes(&maps, json, of_parts(Some(1), &[Some(&key), Some(&int(3))]));
    }
}

#[test]
fn tuples_and_user_defined_types_have_nulls_inside() {
    let tuple = parse("tuple<int, text, boolean>");
    makes(&tuple, "[1, null, true]", of_parts(None, &[Some(&int(1)), None, Some(&[1])]));
    makes(&tuple, "[null, null, null]", of_parts(None, &[None, None, None]));
    let tags = of_parts(Some(1), &[Some(b"a"), Some(&int(1))]);
    for json in [
        r#"{"\"Zip\"": 1234, "STREET": "s", "tags": {"a": 1}}"#,
        r#""{\"tags\": {\"a\": 1}, \"street\": \"s\", \"\\\"Zip\\\"\": 1234}""#,
    ] {
        makes(&address(), json, of_parts(None, &[Some(b"s"), Some(&int(1234)), Some(&tags)]));
    }
    makes(&address(), r#"{"street": null}"#, of_parts(None, &[None, None, None]));
    makes(&address(), "{}", of_parts(None, &[None, None, None]));
    let key = CqlType::Map(Box::new(address()), Box::new(tuple));
    let expected = of_parts(Some(1), &[Some(&of_parts(None, &[Some(b"s"), None, None])), Some(&[255; 12])]);
    makes(&key, r#"{"{\"street\": \"s\"}": [null, null, null]}"#, expected);
}

#[test]
fn the_place_of_what_is_wrong_is_told() {
    let deep = CqlType::Map(Box::new(parse("frozen<list<int>>")), Box::new(list_of(address())));
    for (cql_type, json, expected) in [
        (
            list_of(address()),
            r#"[{"tags": {"a": 1}}, null, {"street": "s"}, {"tags": {"a": 1, "b": 2, "c": 2147483648}}]"#,
            "cannot read 2147483648 as int: it is out of range (column: c, element 4, field tags, value 3)",
        ),
        (
            list_of(address()),
            r#"[{}, {"Zip": 1}]"#,
            r#"cannot read {"Zip": 1} as address: type address has no field zip; names are in lower case unless quoted: write "\"Zip\"" for Zip (column: c, element 2)"#,
        ),
        (
            address(),
            r#"{"Street": "a", "\"street\"": "b"}"#,
            r#"cannot read {"Street": "a", "\"street\"": "b"} as address: field street comes twice (column: c)"#,
        ),
        (
            deep.clone(),
            r#"{"[1]": [], "[2, 3]": [{"\"Zip\"": 1}, {"\"Zip\"": "x"}]}"#,
            r#"cannot read "x" as int: it must be an integer, without point or exponent (column: c, value 2, element 2, field Zip)"#,
        ),
        (
            deep.clone(),
            r#"{"[1]": [], "[2, \"3.0\"]": []}"#,
            r#"cannot read "3.0" as int: it must be an integer, without point or exponent (column: c, key 2, element 2)"#,
        ),
        (
            deep.clone(),
            r#"{"[1": []}"#,
            r#"cannot read "[1" as list<int>: it is no JSON: EOF while parsing a list at line 1 column 2 (column: c, key 1)"#,
        ),
        (
            deep,
            r#"{"null": []}"#,
            r#"cannot read "null" as list<int>: it is null and must be an array (column: c, key 1)"#,
        ),
        (
            parse("tuple<int, frozen<tuple<int, int>>>"),
            "[1, [2, true]]",
            "cannot read true as int: it is a boolean and must be an integer (column: c, field _2, field _2)",
        ),
        (
            parse("tuple<int, int>"),
            "[1, 2, 3]",
            "cannot read [1, 2, 3] as tuple<int, int>: it has 3 elements, and the tuple 2 (column: c)",
        ),
        (
            parse("map<text, int>"),
            r#"{"a": 1, "b": 2, "\u0061": 3}"#,
            r#"cannot read {"a": 1, "b": 2, "\u0061": 3} as map<text, int>: the key "\u0061" comes twice (column: c)"#,
        ),
        (
            parse("map<text, int>"),
            "[]",
            "cannot read [] as map<text, int>: it is an array and must be an object (column: c)",
        ),
        (
            parse("list<int>"),
            r#""[1] 2""#,
            r#"cannot read "[1] 2" as list<int>: it is no JSON: trailing characters at line 1 column 5 (column: c)"#,
        ),
        (
            parse("vector<int, 2>"),
            "7",
            "cannot read 7 as vector<int, 2>: it is a number and must be an array (column: c)",
        ),
    ] {
        assert_eq!(refusal(&cql_type, json), expected);
    }
}

#[test]
fn what_the_encoder_checks_it_still_does() {
    for (cql_type, json, expected) in [
        ("list<int>", "[1, null]", "element 2, \"\" as int: it is null"),
        ("map<text, int>", r#"{"a": null}"#, "value 1, \"\" as int: it is null"),
        ("vector<int, 2>", "[1, 2, 3]", "it has 3 elements, and the vector 2"),
        ("list<uuid>", r#"["x"]"#, "element 1, \"x\" as uuid: it is no UUID"),
        ("map<inet, int>", r#"{"::1": 1, "x": 2}"#, "key 2, \"x\" as inet"),
    ] {
        let why = refusal(&parse(cql_type), json);
        assert!(why.starts_with("cannot write") && why.contains(expected), "{why}");
    }
}

/// Values of a refused row stand between those of others.
#[test]
fn a_nested_value_spoils_its_own_row_only() {
    let columns = [
        key("id", CqlType::Int),
        column("m", CqlType::Map(Box::new(parse("frozen<tuple<int, int>>")), Box::new(list_of(address())))),
        column("v", parse("vector<int, 2>")),
    ];
    let good = |i: usize| {
        format!(r#"{{"id": {i}, "m": {{"[{i}, null]": [{{"street": "{i}"}}, {{"\"Zip\"": {i}}}]}}, "v": [{i}, {i}]}}"#)
    };
    let bad = [
        r#"{"id": 0, "m": {"[1, 2]": [], "[1]": [{"street": "lost"}]}, "v": [8, 8]}"#,
        r#"{"id": 0, "m": {"[1, 2]": [{"street": "lost"}, 3]}, "v": [8, 8]}"#,
        r#"{"id": 0, "m": [], "v": [8, 8]}"#,
        r#"{"id": 0, "m": {"[1, 2]": [{"street": 5}]}, "v": [8, 8]}"#,
        r#"{"id": 0, "m": {"[1, 2]": []}, "v": [8, "x"]}"#,
        r#"{"id": 0, "m": {"7": []}, "v": [8, 8]}"#,
    ];
    let texts: Vec<String> = bad.iter().enumerate().flat_map(|(i, bad)| [good(i), (*bad).to_owned()]).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let goods: Vec<String> = (0..bad.len()).map(good).collect();
    let (expected, none) = decode(&columns, &goods.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(none.is_empty(), "{none:?}");
    let (batch, refused) = decode(&columns, &texts);
    assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [1, 3, 5, 7, 9, 11]);
    let kept = Int32Array::from(vec![0, 2, 4, 6, 8, 10]);
    for (array, expected) in batch.columns().iter().zip(expected.columns()) {
        assert_eq!(&arrow::compute::take(array, &kept, None).unwrap(), expected);
    }
    let (bound, expected) = (bound(&columns, &batch), bound(&columns, &expected));
    for (i, row) in kept.values().iter().enumerate() {
        let row = usize::try_from(*row).unwrap();
        bound.check(row).unwrap();
        for c in 0..columns.len() {
            assert_eq!(bound.value(c, row).unwrap(), expected.value(c, i).unwrap());
        }
    }
}
