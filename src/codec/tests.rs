use arrow::datatypes::TimeUnit;

use super::*;
use crate::cluster::cql_type::UserType;
use crate::cluster::schema::ColumnKind;
use crate::cluster::schema::TableName;

pub(super) fn column(name: &str, cql_type: CqlType) -> Column {
    Column { name: name.to_owned(), cql_type, kind: ColumnKind::Regular }
}

pub(super) fn key(name: &str, cql_type: CqlType) -> Column {
    Column { name: name.to_owned(), cql_type, kind: ColumnKind::PartitionKey }
}

pub(super) fn table() -> TableName {
    TableName::new("ks", "t")
}

/// Every scalar type.
pub(super) const SCALARS: [CqlType; 20] = [
    CqlType::Ascii,
    CqlType::Text,
    CqlType::TinyInt,
    CqlType::SmallInt,
    CqlType::Int,
    CqlType::BigInt,
    CqlType::Counter,
    CqlType::Varint,
    CqlType::Decimal,
    CqlType::Float,
    CqlType::Double,
    CqlType::Boolean,
    CqlType::Blob,
    CqlType::Uuid,
    CqlType::TimeUuid,
    CqlType::Inet,
    CqlType::Date,
    CqlType::Time,
    CqlType::Timestamp,
    CqlType::Duration,
];

#[test]
fn a_field_tells_its_cql_type() {
    let field = ReadAs::default().field(&key("id", CqlType::TimeUuid));
    assert_eq!(field.data_type(), &DataType::FixedSizeBinary(16));
    assert!(!field.is_nullable());
    assert_eq!(field.metadata()[CQL_TYPE_KEY], "timeuuid");
    assert_eq!(field.metadata()["ARROW:extension:name"], "arrow.uuid");
    let field = ReadAs::default().field(&column("v", CqlType::Timestamp));
    assert_eq!(field.data_type(), &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    assert!(field.is_nullable());
    assert_eq!(field.metadata().len(), 1);
}

/// A user-defined type of these fields.
pub(super) fn user_type(name: &str, fields: &[(&str, CqlType)]) -> CqlType {
    let fields = fields.iter().map(|(name, field)| ((*name).to_owned(), field.clone())).collect();
    CqlType::Udt(UserType { name: name.to_owned(), fields })
}

/// A type without user-defined ones in it, from its CQL.
pub(super) fn parse(text: &str) -> CqlType {
    text.parse().unwrap()
}

#[test]
fn scalar_types_have_no_parts_in_arrow_either() {
    for cql_type in SCALARS {
        assert!(!arrow_type(&cql_type).is_nested(), "{cql_type:?}");
    }
}

#[test]
fn fields_inside_tell_their_cql_types() {
    let address = user_type("address", &[("id", CqlType::TimeUuid), ("zips", parse("frozen<set<int>>"))]);
    let tags = column("tags", CqlType::Map(Box::new(CqlType::Text), Box::new(CqlType::Frozen(Box::new(address)))));
    let field = ReadAs::default().field(&tags);
    assert_eq!(field.metadata()[CQL_TYPE_KEY], "map<text, frozen<address>>");
    let DataType::Map(entries, false) = field.data_type() else { panic!("{field}") };
    let DataType::Struct(entries) = entries.data_type() else { panic!("{entries}") };
    assert_eq!((entries[0].name().as_str(), entries[0].is_nullable()), ("key", false));
    assert_eq!((entries[1].name().as_str(), entries[1].is_nullable()), ("value", true));
    let DataType::Struct(address) = entries[1].data_type() else { panic!("{entries:?}") };
    assert_eq!(address[0].metadata()["ARROW:extension:name"], "arrow.uuid");
    assert_eq!(address[0].metadata()[CQL_TYPE_KEY], "timeuuid");
    assert_eq!(address[1].metadata()[CQL_TYPE_KEY], "frozen<set<int>>");
    let DataType::List(zip) = address[1].data_type() else { panic!("{address:?}") };
    assert_eq!((zip.name().as_str(), zip.data_type()), ("item", &DataType::Int32));
    // Told by the list; DataFusion would lose it.
    assert!(zip.metadata().is_empty());
}

#[test]
fn tuples_vectors_and_classes_have_their_arrow_types() {
    let DataType::Struct(fields) = arrow_type(&parse("frozen<tuple<int, text>>")) else { panic!() };
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["_1", "_2"]);
    assert!(fields.iter().all(|field| field.is_nullable()));
    let DataType::FixedSizeList(element, 3) = arrow_type(&parse("vector<float, 3>")) else { panic!() };
    assert_eq!(element.data_type(), &DataType::Float32);
    assert_eq!(arrow_type(&parse("empty")), DataType::Binary);
    assert_eq!(arrow_type(&parse("'org.example.PointType'")), DataType::Binary);
}

#[test]
fn elements_of_a_fixed_width_are_those_that_cassandra_takes_for_such() {
    let fixed: Vec<_> = SCALARS.iter().filter_map(|t| Some((t.to_string(), vector_width(t)?))).collect();
    let expected = [
        ("int", 4),
        ("bigint", 8),
        ("float", 4),
        ("double", 8),
        ("boolean", 1),
        ("uuid", 16),
        ("timeuuid", 16),
        ("timestamp", 8),
    ];
    assert_eq!(fixed, expected.map(|(name, width)| (name.to_owned(), width)));
    assert_eq!(vector_width(&parse("vector<int, 3>")), Some(12));
    assert_eq!(vector_width(&parse("vector<text, 3>")), None);
    assert_eq!(vector_width(&parse("frozen<list<int>>")), None);
}

#[test]
fn static_columns_make_clustering_columns_nullable() {
    let clustering = Column { kind: ColumnKind::Clustering { descending: false }, ..column("c", CqlType::Int) };
    let fixed = Column { kind: ColumnKind::Static, ..column("s", CqlType::Int) };
    let nullable =
        |columns: &[Column]| arrow_schema(columns).fields().iter().map(|f| f.is_nullable()).collect::<Vec<_>>();
    assert_eq!(nullable(&[key("k", CqlType::Int), clustering.clone()]), [false, false]);
    assert_eq!(nullable(&[key("k", CqlType::Int), clustering, fixed]), [false, true, true]);
}
