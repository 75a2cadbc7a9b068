use super::*;

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
    let field = arrow_field(&key("id", CqlType::TimeUuid));
    assert_eq!(field.data_type(), &DataType::FixedSizeBinary(16));
    assert!(!field.is_nullable());
    assert_eq!(field.metadata()[CQL_TYPE_KEY], "timeuuid");
    assert_eq!(field.metadata()["ARROW:extension:name"], "arrow.uuid");
    let field = arrow_field(&column("v", CqlType::Timestamp));
    assert_eq!(field.data_type(), &DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())));
    assert!(field.is_nullable());
    assert_eq!(field.metadata().len(), 1);
}

#[test]
fn every_scalar_type_is_supported() {
    for cql_type in SCALARS {
        assert!(arrow_type(&cql_type).is_some(), "{cql_type:?}");
        assert!(unsupported(&table(), &column("c", cql_type)).is_none());
    }
}

#[test]
fn other_types_are_declared_and_refused_by_name() {
    let tags = column("tags", CqlType::Map(Box::new(CqlType::Text), Box::new(CqlType::Int)));
    assert_eq!(arrow_field(&tags).data_type(), &DataType::Binary);
    assert_eq!(arrow_field(&tags).metadata()[CQL_TYPE_KEY], "map<text, int>");
    assert_eq!(
        unsupported(&table(), &tags).unwrap().to_string(),
        "column ks.t.tags has type map<text, int>, which cbulk cannot read yet; select the other columns by name"
    );
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
