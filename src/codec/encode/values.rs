//! The values of one column of one batch, and the cell each of them makes.

mod nested;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray,
    LargeStringArray, StringArray, StringViewArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int8Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time32MillisecondType, Time32SecondType,
    Time64MicrosecondType, Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, i256,
};
use arrow::error::ArrowError;

use super::exact::{self, Fault, Misfit};
use super::plan::{BytesTo, Form, Plan, TextTo};
use crate::codec::shown::shown_at;
use crate::codec::{decimal, temporal};
use nested::{Lists, Maps, Structs, Vectors};

/// One column of a batch, ready to be read row by row.
#[derive(Debug)]
pub(super) struct Values {
    /// What came, for error messages; dictionaries unpacked.
    source: ArrayRef,
    nulls: Option<NullBuffer>,
    /// Null where the cast to the column's type has failed, besides where the source is null.
    fits: Option<NullBuffer>,
    typed: Typed,
}

#[derive(Debug)]
enum Typed {
    Null,
    Boolean(BooleanBuffer),
    TinyInt(ScalarBuffer<i8>),
    SmallInt(ScalarBuffer<i16>),
    Int(ScalarBuffer<i32>),
    BigInt(ScalarBuffer<i64>),
    Float(ScalarBuffer<f32>),
    Narrowed(ScalarBuffer<f64>),
    Double(ScalarBuffer<f64>),
    Date(ScalarBuffer<i32>),
    Midnight(ScalarBuffer<i64>),
    Time(ScalarBuffer<i64>, i64),
    Timestamp(ScalarBuffer<i64>, TimeUnit),
    Duration(ScalarBuffer<IntervalMonthDayNano>),
    Unscaled128(ScalarBuffer<i128>, Option<i32>),
    Unscaled256(ScalarBuffer<i256>, Option<i32>),
    Text(Texts, TextTo),
    Bytes(Binaries, BytesTo),
    List(Box<Lists>),
    Vector(Box<Vectors>),
    Map(Box<Maps>),
    Struct(Box<Structs>),
}

/// Text in any of Arrow's layouts.
#[derive(Debug)]
enum Texts {
    Utf8(StringArray),
    Large(LargeStringArray),
    View(StringViewArray),
}

/// Bytes in any of Arrow's layouts.
#[derive(Debug)]
enum Binaries {
    Binary(BinaryArray),
    Large(LargeBinaryArray),
    View(BinaryViewArray),
    Fixed(FixedSizeBinaryArray),
}

impl Values {
    /// Reads `array` as `plan` says, whose type must be the one the plan was made for.
    pub(super) fn new(plan: &Plan, array: &ArrayRef) -> Result<Self, ArrowError> {
        let lenient = CastOptions { safe: true, ..CastOptions::default() };
        let source = match &plan.unpack {
            Some(to) => cast_with_options(array, to, &lenient)?,
            None => ArrayRef::clone(array),
        };
        let array = match &plan.cast {
            Some(to) => cast_with_options(&source, to, &lenient)?,
            None => ArrayRef::clone(&source),
        };
        let typed = Typed::new(&plan.form, &array)?.ok_or_else(|| {
            ArrowError::SchemaError(format!("a batch has {} where {:?} was planned", array.data_type(), plan.form))
        })?;
        let fits = plan.cast.is_some().then(|| array.logical_nulls()).flatten();
        Ok(Self { nulls: source.logical_nulls(), source, fits, typed })
    }

    /// The value of a row as people read it, cut if it is long.
    pub(super) fn shown(&self, row: usize) -> String {
        shown_at(&self.source, row)
    }

    pub(super) fn has_nulls(&self) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.null_count() > 0)
    }

    #[inline]
    pub(super) fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    /// Whether some value may have no cell. If not, rows need no check of this column.
    pub(super) fn is_fallible(&self) -> bool {
        match &self.typed {
            Typed::Null
            | Typed::Boolean(_)
            | Typed::TinyInt(_)
            | Typed::SmallInt(_)
            | Typed::Int(_)
            | Typed::BigInt(_)
            | Typed::Float(_)
            | Typed::Double(_)
            | Typed::Date(_)
            | Typed::Timestamp(_, TimeUnit::Millisecond)
            | Typed::Unscaled128(_, _)
            | Typed::Unscaled256(_, _)
            | Typed::Text(_, TextTo::Text)
            | Typed::Bytes(_, BytesTo::Blob) => self.fits.is_some(),
            Typed::List(values) => values.is_fallible(),
            Typed::Struct(values) => values.is_fallible(),
            _ => true,
        }
    }

    /// Whether cells differ in length, so that one may be empty or too long for a key.
    pub(super) fn is_variable(&self) -> bool {
        let is_fixed = matches!(
            self.typed,
            Typed::Null
                | Typed::Boolean(_)
                | Typed::TinyInt(_)
                | Typed::SmallInt(_)
                | Typed::Int(_)
                | Typed::BigInt(_)
                | Typed::Float(_)
                | Typed::Narrowed(_)
                | Typed::Double(_)
                | Typed::Date(_)
                | Typed::Midnight(_)
                | Typed::Time(..)
                | Typed::Timestamp(..)
                | Typed::Duration(_)
        );
        !is_fixed
    }

    /// Gives `take` the cell of a row that is not null. Numbers go from the array to where they are taken with nothing in between.
    #[inline]
    pub(super) fn cell<R>(&self, row: usize, take: impl FnOnce(&[u8]) -> R) -> Result<R, Misfit> {
        if self.fits.as_ref().is_some_and(|fits| fits.is_null(row)) {
            return Err(exact::OUT_OF_RANGE.into());
        }
        Ok(match &self.typed {
            Typed::Null => return Err(Fault("it has no value").into()),
            Typed::Boolean(values) => take(&[u8::from(values.value(row))]),
            Typed::TinyInt(values) => take(&values[row].to_be_bytes()),
            Typed::SmallInt(values) => take(&values[row].to_be_bytes()),
            Typed::Int(values) => take(&values[row].to_be_bytes()),
            Typed::BigInt(values) => take(&values[row].to_be_bytes()),
            Typed::Float(values) => take(&values[row].to_be_bytes()),
            Typed::Narrowed(values) => take(&exact::narrowed(values[row])?.to_be_bytes()),
            Typed::Double(values) => take(&values[row].to_be_bytes()),
            Typed::Date(values) => take(&temporal::date_to_cql(values[row])),
            Typed::Midnight(values) => take(&temporal::date_to_cql(exact::midnight(values[row])?)),
            Typed::Time(values, unit) => take(&exact::time(values[row], *unit)?.to_be_bytes()),
            Typed::Timestamp(values, unit) => take(&exact::timestamp(values[row], *unit)?.to_be_bytes()),
            Typed::Duration(values) => take(exact::duration(values[row])?.as_slice()),
            Typed::Unscaled128(values, scale) => {
                take(decimal::number_bytes(*scale, &values[row].to_be_bytes()).as_slice())
            }
            Typed::Unscaled256(values, scale) => {
                take(decimal::number_bytes(*scale, &values[row].to_be_bytes()).as_slice())
            }
            Typed::Text(values, TextTo::Text) => take(values.value(row).as_bytes()),
            Typed::Text(values, to) => take(exact::text_cell(values.value(row), *to)?.as_slice()),
            Typed::Bytes(values, to) => take(exact::bytes_cell(values.value(row), *to)?.as_slice()),
            Typed::List(_) | Typed::Vector(_) | Typed::Map(_) | Typed::Struct(_) => {
                let mut out = Vec::with_capacity(self.cell_size(row));
                self.write(row, &mut out)?;
                take(&out)
            }
        })
    }

    /// Appends the cell of a row that is not null. What is nested writes its parts one after the other into the same
    /// buffer.
    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), Misfit> {
        match &self.typed {
            Typed::List(values) => values.write(row, out),
            Typed::Vector(values) => values.write(row, out),
            Typed::Map(values) => values.write(row, out),
            Typed::Struct(values) => values.write(row, out),
            _ => self.cell(row, |cell| out.extend_from_slice(cell)),
        }
    }

    /// About how many bytes the cell of a row that is not null has: exact for all but numbers kept as text, where it is
    /// the length of the text.
    #[inline]
    pub(super) fn cell_size(&self, row: usize) -> usize {
        match &self.typed {
            Typed::Null => 0,
            Typed::Boolean(_) | Typed::TinyInt(_) => 1,
            Typed::SmallInt(_) => 2,
            Typed::Int(_) | Typed::Float(_) | Typed::Narrowed(_) | Typed::Date(_) | Typed::Midnight(_) => 4,
            Typed::BigInt(_) | Typed::Double(_) | Typed::Time(_, _) | Typed::Timestamp(_, _) => 8,
            Typed::Duration(_) | Typed::Unscaled128(..) | Typed::Unscaled256(..) => {
                self.cell(row, <[u8]>::len).unwrap_or(0)
            }
            Typed::Text(_, TextTo::Uuid | TextTo::TimeUuid | TextTo::Inet) => 16,
            // Two digits for each byte, behind two characters.
            Typed::Text(values, TextTo::Blob) => values.value(row).len().saturating_sub(2) / 2,
            Typed::Text(values, _) => values.value(row).len(),
            Typed::Bytes(values, _) => values.value(row).len(),
            Typed::List(values) => values.size(row),
            Typed::Vector(values) => values.size(row),
            Typed::Map(values) => values.size(row),
            Typed::Struct(values) => values.size(row),
        }
    }
}

impl Typed {
    /// `None` if the array is not of the type that was planned.
    fn new(form: &Form, array: &ArrayRef) -> Result<Option<Self>, ArrowError> {
        let nested = match form {
            Form::List(plan) => Lists::new(plan, array)?.map(Box::new).map(Self::List),
            Form::Vector(plan) => Vectors::new(plan, array)?.map(Box::new).map(Self::Vector),
            Form::Map(plan) => Maps::new(plan, array)?.map(Box::new).map(Self::Map),
            Form::Struct(plans) => Structs::new(plans, array)?.map(Box::new).map(Self::Struct),
            _ => return Ok(Self::scalar(form, array)),
        };
        Ok(nested)
    }

    fn scalar(form: &Form, array: &ArrayRef) -> Option<Self> {
        Some(match *form {
            Form::Null => Self::Null,
            Form::Boolean => Self::Boolean(array.as_boolean_opt()?.values().clone()),
            Form::TinyInt => Self::TinyInt(primitive::<Int8Type>(array)?),
            Form::SmallInt => Self::SmallInt(primitive::<Int16Type>(array)?),
            Form::Int => Self::Int(primitive::<Int32Type>(array)?),
            Form::BigInt => Self::BigInt(primitive::<Int64Type>(array)?),
            Form::Float => Self::Float(primitive::<Float32Type>(array)?),
            Form::Narrowed => Self::Narrowed(primitive::<Float64Type>(array)?),
            Form::Double => Self::Double(primitive::<Float64Type>(array)?),
            Form::Date => Self::Date(primitive::<Date32Type>(array)?),
            Form::Midnight => Self::Midnight(primitive::<Date64Type>(array)?),
            Form::Time(unit) => Self::Time(times(array)?, unit),
            Form::Timestamp(unit) => Self::Timestamp(timestamps(array)?, unit),
            Form::Duration => Self::Duration(primitive::<IntervalMonthDayNanoType>(array)?),
            Form::Unscaled128(scale) => Self::Unscaled128(primitive::<Decimal128Type>(array)?, scale.map(i32::from)),
            Form::Unscaled256(scale) => Self::Unscaled256(primitive::<Decimal256Type>(array)?, scale.map(i32::from)),
            Form::Text(to) => Self::Text(Texts::new(array)?, to),
            Form::Bytes(to) => Self::Bytes(Binaries::new(array)?, to),
            Form::List(_) | Form::Vector(_) | Form::Map(_) | Form::Struct(_) => return None,
        })
    }
}

impl Texts {
    fn new(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Utf8 => Self::Utf8(array.as_string_opt()?.clone()),
            DataType::LargeUtf8 => Self::Large(array.as_string_opt()?.clone()),
            _ => Self::View(array.as_string_view_opt()?.clone()),
        })
    }

    #[inline]
    fn value(&self, row: usize) -> &str {
        match self {
            Self::Utf8(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
        }
    }
}

impl Binaries {
    fn new(array: &ArrayRef) -> Option<Self> {
        Some(match array.data_type() {
            DataType::Binary => Self::Binary(array.as_binary_opt()?.clone()),
            DataType::LargeBinary => Self::Large(array.as_binary_opt()?.clone()),
            DataType::BinaryView => Self::View(array.as_binary_view_opt()?.clone()),
            _ => Self::Fixed(array.as_fixed_size_binary_opt()?.clone()),
        })
    }

    #[inline]
    fn value(&self, row: usize) -> &[u8] {
        match self {
            Self::Binary(array) => array.value(row),
            Self::Large(array) => array.value(row),
            Self::View(array) => array.value(row),
            Self::Fixed(array) => array.value(row),
        }
    }
}

fn primitive<T: ArrowPrimitiveType>(array: &ArrayRef) -> Option<ScalarBuffer<T::Native>> {
    Some(array.as_primitive_opt::<T>()?.values().clone())
}

fn times(array: &ArrayRef) -> Option<ScalarBuffer<i64>> {
    let widened = |values: ScalarBuffer<i32>| values.iter().copied().map(i64::from).collect();
    match array.data_type() {
        DataType::Time32(TimeUnit::Second) => primitive::<Time32SecondType>(array).map(widened),
        DataType::Time32(_) => primitive::<Time32MillisecondType>(array).map(widened),
        DataType::Time64(TimeUnit::Microsecond) => primitive::<Time64MicrosecondType>(array),
        _ => primitive::<Time64NanosecondType>(array),
    }
}

fn timestamps(array: &ArrayRef) -> Option<ScalarBuffer<i64>> {
    match array.data_type() {
        DataType::Timestamp(TimeUnit::Second, _) => primitive::<TimestampSecondType>(array),
        DataType::Timestamp(TimeUnit::Millisecond, _) => primitive::<TimestampMillisecondType>(array),
        DataType::Timestamp(TimeUnit::Microsecond, _) => primitive::<TimestampMicrosecondType>(array),
        _ => primitive::<TimestampNanosecondType>(array),
    }
}
