//! How a column of Arrow becomes cells of Cassandra: decided once, from the two types alone.

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, IntervalUnit, TimeUnit};

use crate::cluster::cql_type::CqlType;
use crate::codec::arrow_type;

/// The decision for one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// Dictionaries are unpacked to this type, once a batch.
    pub(super) unpack: Option<DataType>,
    /// Numbers are brought to this type, once a batch; those that do not fit are found row by row.
    pub(super) cast: Option<DataType>,
    /// What is then done with each value.
    pub(super) form: Form,
}

/// What a value is and what is to become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A column without values.
    Null,
    Boolean,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Float,
    /// A double that must be a float exactly.
    Narrowed,
    Double,
    /// Days.
    Date,
    /// Milliseconds, at midnight.
    Midnight,
    /// Time of day, in units of so many nanoseconds.
    Time(i64),
    Timestamp(TimeUnit),
    Duration,
    /// An integer of 128 bits and its scale, or none for `varint`.
    Unscaled128(Option<i8>),
    /// An integer of 256 bits and its scale, or none for `varint`.
    Unscaled256(Option<i8>),
    Text(TextTo),
    Bytes(BytesTo),
}

/// What text is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTo {
    Text,
    Ascii,
    Uuid,
    TimeUuid,
    Inet,
    Varint,
    Decimal,
}

/// What bytes are to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BytesTo {
    Blob,
    Uuid,
    TimeUuid,
    Inet,
}

impl Plan {
    /// How values of `source` are written to a column of type `target`, if they can be.
    pub(super) fn new(target: &CqlType, source: &DataType) -> Option<Self> {
        // Also where nothing is to be written: a type without decoder has no encoder.
        let native = arrow_type(target)?;
        if let DataType::Dictionary(_, values) = source {
            let plan = Self::new(target, values)?;
            return Some(Self { unpack: Some(values.as_ref().clone()), ..plan });
        }
        let direct = |form| Some(Self { unpack: None, cast: None, form });
        let cast = |to: DataType, form| Some(Self { unpack: None, cast: (to != *source).then_some(to), form });
        if *source == DataType::Null {
            return direct(Form::Null);
        }
        match target {
            CqlType::TinyInt if source.is_integer() => cast(native, Form::TinyInt),
            CqlType::SmallInt if source.is_integer() => cast(native, Form::SmallInt),
            CqlType::Int if source.is_integer() => cast(native, Form::Int),
            CqlType::BigInt | CqlType::Counter if source.is_integer() => cast(native, Form::BigInt),
            CqlType::Varint | CqlType::Decimal => number(target, source).and_then(|(to, form)| cast(to, form)),
            CqlType::Float => match source {
                DataType::Float16 | DataType::Float32 => cast(native, Form::Float),
                DataType::Float64 => direct(Form::Narrowed),
                _ => None,
            },
            CqlType::Double if source.is_floating() => cast(native, Form::Double),
            CqlType::Boolean if *source == DataType::Boolean => direct(Form::Boolean),
            CqlType::Date => match source {
                DataType::Date32 => direct(Form::Date),
                DataType::Date64 => direct(Form::Midnight),
                _ => None,
            },
            CqlType::Time => match source {
                DataType::Time32(unit) | DataType::Time64(unit) => direct(Form::Time(unit_nanos(*unit))),
                _ => None,
            },
            CqlType::Timestamp => match source {
                DataType::Timestamp(unit, _) => direct(Form::Timestamp(*unit)),
                _ => None,
            },
            CqlType::Duration => match source {
                DataType::Interval(IntervalUnit::MonthDayNano) => direct(Form::Duration),
                DataType::Interval(_) | DataType::Duration(_) => cast(native, Form::Duration),
                _ => None,
            },
            CqlType::Text => text(source, TextTo::Text).and_then(direct),
            CqlType::Ascii => text(source, TextTo::Ascii).and_then(direct),
            CqlType::Blob => bytes(source, BytesTo::Blob).and_then(direct),
            CqlType::Uuid => text(source, TextTo::Uuid).or_else(|| bytes(source, BytesTo::Uuid)).and_then(direct),
            CqlType::TimeUuid => {
                text(source, TextTo::TimeUuid).or_else(|| bytes(source, BytesTo::TimeUuid)).and_then(direct)
            }
            CqlType::Inet => text(source, TextTo::Inet).or_else(|| bytes(source, BytesTo::Inet)).and_then(direct),
            _ => None,
        }
    }
}

/// Numbers of any size: integers and decimals as they are, text parsed.
fn number(target: &CqlType, source: &DataType) -> Option<(DataType, Form)> {
    let is_decimal = *target == CqlType::Decimal;
    // A varint takes decimals only if they have no fraction by their type.
    let scale = |scale: i8| if is_decimal { Some(Some(scale)) } else { (scale == 0).then_some(None) };
    Some(match source {
        _ if source.is_integer() => {
            (DataType::Decimal128(DECIMAL128_MAX_PRECISION, 0), Form::Unscaled128(is_decimal.then_some(0)))
        }
        DataType::Decimal32(_, s) | DataType::Decimal64(_, s) => {
            (DataType::Decimal128(DECIMAL128_MAX_PRECISION, *s), Form::Unscaled128(scale(*s)?))
        }
        DataType::Decimal128(_, s) => (source.clone(), Form::Unscaled128(scale(*s)?)),
        DataType::Decimal256(_, s) => (source.clone(), Form::Unscaled256(scale(*s)?)),
        _ => (source.clone(), text(source, if is_decimal { TextTo::Decimal } else { TextTo::Varint })?),
    })
}

fn text(source: &DataType, to: TextTo) -> Option<Form> {
    matches!(source, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View).then_some(Form::Text(to))
}

fn bytes(source: &DataType, to: BytesTo) -> Option<Form> {
    let fits = match source {
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        DataType::FixedSizeBinary(width) => match to {
            BytesTo::Blob => true,
            BytesTo::Uuid | BytesTo::TimeUuid => *width == 16,
            BytesTo::Inet => matches!(width, 4 | 16),
        },
        _ => false,
    };
    fits.then_some(Form::Bytes(to))
}

/// Nanoseconds of one unit.
fn unit_nanos(unit: TimeUnit) -> i64 {
    match unit {
        TimeUnit::Second => 1_000_000_000,
        TimeUnit::Millisecond => 1_000_000,
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1,
    }
}
