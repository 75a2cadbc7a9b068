//! How a column of Arrow becomes cells of Cassandra: decided once, from the two types alone.

mod nested;

use arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, IntervalUnit, TimeUnit};

use crate::cluster::cql_type::CqlType;
use crate::codec::arrow_type;
use crate::codec::place::Step;

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

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The way to the part that cannot be written, from the inside.
    pub(super) steps: Vec<Step>,
    /// What came there.
    pub(super) source: DataType,
    /// What is wrong, where it is not the type as such.
    pub(super) why: Option<String>,
}

impl Refusal {
    fn of(source: &DataType, why: Option<String>) -> Self {
        Self { steps: Vec::new(), source: source.clone(), why }
    }

    /// The same, seen from what contains the part.
    fn within(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// What a value is and what is to become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// A list or set, with the plan of its elements.
    List(Box<Plan>),
    Vector(Box<VectorPlan>),
    Map(Box<MapPlan>),
    /// For each field of the tuple or user-defined type the column that it comes from, if there is one.
    Struct(Vec<Option<PartPlan>>),
}

/// One field of a struct that comes: its place and its plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartPlan {
    pub(super) index: usize,
    pub(super) plan: Plan,
}

/// The entries of a map, which are structs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MapPlan {
    pub(super) key: PartPlan,
    pub(super) value: PartPlan,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct VectorPlan {
    pub(super) element: Plan,
    pub(super) dimension: usize,
    /// Of an element, if all have the same: none has its length in front of it then.
    pub(super) width: Option<usize>,
}

/// What text is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextTo {
    Text,
    Ascii,
    Blob,
    Uuid,
    TimeUuid,
    Inet,
    Varint,
    Decimal,
    Duration,
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
    /// How values of `source` are written to a column of type `target`, or why they cannot be.
    pub(super) fn new(target: &CqlType, source: &DataType) -> Result<Self, Refusal> {
        if let DataType::Dictionary(_, values) = source {
            let plan = Self::new(target, values)?;
            return Ok(Self { unpack: Some(values.as_ref().clone()), ..plan });
        }
        if *source == DataType::Null {
            return Ok(Self::direct(Form::Null));
        }
        let form = match target.strip_frozen() {
            CqlType::List(element) | CqlType::Set(element) => nested::list(element, source),
            CqlType::Map(key, value) => nested::map(key, value, source),
            CqlType::Tuple(elements) => nested::tuple(elements, source),
            CqlType::Udt(user_type) => nested::user_type(user_type, source),
            CqlType::Vector(element, dimension) => nested::vector(element, *dimension, source),
            scalar => return Self::scalar(scalar, source).ok_or_else(|| Refusal::of(source, None)),
        };
        form.map(Self::direct)
    }

    /// Whether its values have parts.
    pub(super) fn is_nested(&self) -> bool {
        matches!(self.form, Form::List(_) | Form::Vector(_) | Form::Map(_) | Form::Struct(_))
    }

    /// Values that need nothing done to all of them together.
    fn direct(form: Form) -> Self {
        Self { unpack: None, cast: None, form }
    }

    fn scalar(target: &CqlType, source: &DataType) -> Option<Self> {
        let native = arrow_type(target);
        let direct = |form| Some(Self::direct(form));
        let cast = |to: DataType, form| Some(Self { unpack: None, cast: (to != *source).then_some(to), form });
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
                _ => text(source, TextTo::Duration).and_then(direct),
            },
            CqlType::Text => text(source, TextTo::Text).and_then(direct),
            CqlType::Ascii => text(source, TextTo::Ascii).and_then(direct),
            CqlType::Blob => text(source, TextTo::Blob).or_else(|| bytes(source, BytesTo::Blob)).and_then(direct),
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
