//! CQL types, as `system_schema.columns` writes them.

/// A CQL type.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the CQL type of that name")]
pub enum CqlType {
    Ascii,
    /// `text`, also written `varchar`.
    Text,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Counter,
    Varint,
    Decimal,
    Float,
    Double,
    Boolean,
    Blob,
    Uuid,
    TimeUuid,
    Inet,
    Date,
    Time,
    Timestamp,
    Duration,
    List(Box<CqlType>),
    Set(Box<CqlType>),
    Map(Box<CqlType>, Box<CqlType>),
    Tuple(Vec<CqlType>),
    /// A user-defined type of the table's keyspace, by name.
    Udt(String),
    /// A vector of a fixed number of elements.
    Vector(Box<CqlType>, usize),
    /// `frozen<…>`.
    Frozen(Box<CqlType>),
    /// A Java class, as text.
    Custom(String),
}
