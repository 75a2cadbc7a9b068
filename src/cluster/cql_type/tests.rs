use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

fn parse(text: &str) -> CqlType {
    text.parse().unwrap()
}

fn boxed(text: &str) -> Box<CqlType> {
    Box::new(parse(text))
}

#[test]
fn scalars() {
    for (name, scalar) in &SCALARS {
        assert_eq!(parse(name), *scalar);
        assert_eq!(parse(&name.to_uppercase()), *scalar);
        assert_eq!(scalar.to_string(), *name);
        assert!(scalar.is_scalar());
    }
    assert_eq!(parse("varchar"), CqlType::Text);
    assert_eq!(parse(" int\n"), CqlType::Int);
}

#[test]
fn nested_types() {
    let inner = CqlType::Frozen(Box::new(CqlType::List(Box::new(CqlType::Int))));
    let map = CqlType::Map(Box::new(CqlType::Text), Box::new(inner));
    let text = "frozen<map<text, frozen<list<int>>>>";
    assert_eq!(parse(text), CqlType::Frozen(Box::new(map)));
    assert_eq!(parse(text).to_string(), text);
    assert_eq!(parse("MAP < text ,int > "), CqlType::Map(boxed("text"), boxed("int")));
    assert_eq!(parse("set<uuid>"), CqlType::Set(boxed("uuid")));
    assert_eq!(parse("tuple<int, text, int>"), CqlType::Tuple(vec![CqlType::Int, CqlType::Text, CqlType::Int]));
    assert_eq!(parse("tuple<int>"), CqlType::Tuple(vec![CqlType::Int]));
    assert_eq!(parse("vector<float, 3>"), CqlType::Vector(boxed("float"), 3));
}

#[test]
fn user_defined_types() {
    let udt = |name: &str| CqlType::Udt(UserType::named(name));
    assert_eq!(parse("address"), udt("address"));
    assert_eq!(parse("Address"), udt("address"));
    assert_eq!(parse(r#""Address""#), udt("Address"));
    assert_eq!(parse(r#"frozen<"My Type">"#), CqlType::Frozen(Box::new(udt("My Type"))));
    assert_eq!(parse(r#""a""b""#), udt(r#"a"b"#));
    assert_eq!(parse(r#""""""#), udt(r#"""#));
    assert_eq!(parse(r#""a""""#), udt(r#"a""#));
    assert_eq!(parse(r#""int""#), udt("int"));
    assert_eq!(parse(r#"list<"größe, >">"#), CqlType::List(Box::new(udt("größe, >"))));
    assert_eq!(parse("list"), udt("list"));

    assert_eq!(udt("address").to_string(), "address");
    assert_eq!(udt("My Type").to_string(), r#""My Type""#);
    for word in ["int", "varchar", "empty", "list", "frozen", "select"] {
        assert_eq!(udt(word).to_string(), quote(word));
    }
}

#[test]
fn java_classes() {
    let class = "org.apache.cassandra.db.marshal.DynamicCompositeType(s=>org.apache.cassandra.db.marshal.UTF8Type)";
    assert_eq!(parse(&format!("'{class}'")), CqlType::Custom(class.to_owned()));
    assert_eq!(parse(&format!("list<'{class}'>")), CqlType::List(Box::new(CqlType::Custom(class.to_owned()))));
    assert_eq!(parse("empty").to_string(), "'org.apache.cassandra.db.marshal.EmptyType'");
}

#[test]
fn errors_say_where() {
    let cases = [
        ("", "expected a type, but the text ends at character 1"),
        ("  ", "expected a type, but the text ends at character 3"),
        ("list<int", "expected '>', but the text ends at character 9"),
        ("list<>", "expected a type, but there is '>' at character 6"),
        ("tuple<>", "expected a type, but there is '>' at character 7"),
        ("map<int>", "expected ',', but there is '>' at character 8"),
        ("map<int, text, int>", "expected '>', but there is ',' at character 14"),
        ("int int", "expected the end, but there is 'i' at character 5"),
        ("ks.address", "expected the end, but there is '.' at character 3"),
        ("größe", "expected the end, but there is 'ö' at character 3"),
        ("list<\"ö\" int>", "expected '>', but there is 'i' at character 10"),
        ("3int", "expected a type, but there is '3' at character 1"),
        ("frozen<address<int>>", "'address' takes no types in <> at character 8"),
        ("int<int>", "'int' takes no types in <> at character 1"),
        ("vector<float, 0>", "expected the number of a vector's elements, but there is '0' at character 15"),
        ("vector<float, -1>", "expected the number of a vector's elements, but there is '-' at character 15"),
        (
            "vector<float, 99999999999999999999>",
            "expected the number of a vector's elements, but there is '9' at character 15",
        ),
        ("vector<float>", "expected ',', but there is '>' at character 13"),
        ("set<\"a", "the \" is not closed at character 5"),
        ("set<\"a\"\"", "the \" is not closed at character 5"),
        ("'", "the ' is not closed at character 1"),
        ("\"\"", "the name is empty at character 1"),
    ];
    for (text, why) in cases {
        let error = text.parse::<CqlType>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Schema);
        assert_eq!(error.to_string(), format!("cannot read the CQL type `{text}`: {why}"));
    }
}

#[test]
fn nesting_has_a_bound() {
    let nested = |depth| format!("{}int{}", "list<".repeat(depth), ">".repeat(depth));
    assert_eq!(parse(&nested(64)).to_string(), nested(64));
    let error = nested(100_000).parse::<CqlType>().unwrap_err();
    assert!(error.to_string().contains("nested deeper than 64"));
}

#[test]
fn frozen_is_stripped_outside_only() {
    assert_eq!(parse("frozen<list<frozen<address>>>").strip_frozen(), &parse("list<frozen<address>>"));
    assert_eq!(parse("frozen<frozen<address>>").strip_frozen(), &parse("address"));
    assert_eq!(parse("int").strip_frozen(), &CqlType::Int);
    for text in
        ["list<int>", "frozen<list<int>>", "address", "tuple<int>", "vector<float, 2>", "empty", "map<int, int>"]
    {
        assert!(!parse(text).is_scalar(), "{text}");
    }
}

fn types() -> impl Strategy<Value = CqlType> {
    let name = prop_oneof!["[a-z][a-z0-9_]{0,8}", ".{1,8}", Just("frozen".to_owned()), Just("select".to_owned())];
    let leaf = prop_oneof![
        4 => prop::sample::select(SCALARS.map(|(_, scalar)| scalar).to_vec()),
        2 => name.prop_map(|name| CqlType::Udt(UserType::named(name))),
        1 => "[A-Za-z.(),=>']{1,20}".prop_map(CqlType::Custom),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let one = || inner.clone().prop_map(Box::new);
        prop_oneof![
            one().prop_map(CqlType::List),
            one().prop_map(CqlType::Set),
            one().prop_map(CqlType::Frozen),
            (one(), one()).prop_map(|(key, value)| CqlType::Map(key, value)),
            vec(inner.clone(), 1..4).prop_map(CqlType::Tuple),
            (one(), 1..5000_usize).prop_map(|(element, n)| CqlType::Vector(element, n)),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(cql_type in types()) {
        prop_assert_eq!(parse(&cql_type.to_string()), cql_type);
    }

    #[test]
    fn no_text_makes_it_panic(text in "([a-z]{0,4}|list<|frozen<|vector<|map<|[<>,'\" ö0-9]){0,12}") {
        if let Ok(cql_type) = text.parse::<CqlType>() {
            prop_assert_eq!(parse(&cql_type.to_string()), cql_type);
        }
    }
}
