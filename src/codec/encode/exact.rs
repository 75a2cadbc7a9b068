//! One value at a time, to exactly that value in Cassandra or to a reason why not.

use std::borrow::Cow;
use std::net::IpAddr;

use arrow::datatypes::{IntervalMonthDayNano, TimeUnit};
use uuid::Uuid;

use super::plan::{BytesTo, TextTo};
use crate::codec::cell_bytes::CellBytes;
use crate::codec::place::Step;
use crate::codec::{decimal, duration, hex, temporal};

/// Why a value has no place in its column, as the end of "cannot write … as …: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault(pub(super) &'static str);

/// Why a value, or a part of it, has no place in its column. One pointer, so that what is returned of each part of a value stays in
/// a register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Misfit(Box<Reason>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reason {
    pub(super) why: Cow<'static, str>,
    /// Nothing if it is the value as a whole.
    pub(super) part: Option<Part>,
}

/// The part of a value that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// The way to it, from the inside.
    pub(super) steps: Vec<Step>,
    /// How it is shown.
    pub(super) shown: String,
}

impl From<Fault> for Misfit {
    fn from(Fault(why): Fault) -> Self {
        Self::new(why)
    }
}

impl Misfit {
    /// Of a value as a whole.
    #[cold]
    pub(super) fn new(why: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Reason { why: why.into(), part: None }))
    }

    /// The same, seen from what contains the part.
    #[cold]
    pub(super) fn within(mut self, step: Step, shown: impl FnOnce() -> String) -> Self {
        match &mut self.0.part {
            Some(part) => part.steps.push(step),
            none => *none = Some(Part { steps: vec![step], shown: shown() }),
        }
        self
    }

    pub(super) fn reason(self) -> Reason {
        *self.0
    }
}

/// The number is too large or too small.
pub(super) const OUT_OF_RANGE: Fault = Fault("it is out of range");

/// A double as a float of the same value. Any NaN is as good as another.
#[expect(clippy::cast_possible_truncation, reason = "what is lost is looked for")]
pub(super) fn narrowed(value: f64) -> Result<f32, Fault> {
    let narrow = value as f32;
    if f64::from(narrow).to_bits() == value.to_bits() || (narrow.is_nan() && value.is_nan()) {
        return Ok(narrow);
    }
    Err(Fault("a float of 32 bits cannot hold it exactly; round it with CAST(… AS FLOAT)"))
}

/// Milliseconds as days.
pub(super) fn midnight(millis: i64) -> Result<i32, Fault> {
    if millis % temporal::DAY_MILLIS != 0 {
        return Err(Fault("it has a time of day; drop it with date_trunc('day', …)"));
    }
    i32::try_from(millis / temporal::DAY_MILLIS).map_err(|_| OUT_OF_RANGE)
}

/// A time of day in units of so many nanoseconds, as nanoseconds.
pub(super) fn time(value: i64, unit: i64) -> Result<i64, Fault> {
    let nanos = value.checked_mul(unit).filter(|nanos| (0..temporal::DAY_NANOS).contains(nanos));
    nanos.ok_or(Fault("it is no time within one day"))
}

/// A point in time as milliseconds.
pub(super) fn timestamp(value: i64, unit: TimeUnit) -> Result<i64, Fault> {
    let per_milli = match unit {
        TimeUnit::Second => return value.checked_mul(1_000).ok_or(OUT_OF_RANGE),
        TimeUnit::Millisecond => return Ok(value),
        TimeUnit::Microsecond => 1_000,
        TimeUnit::Nanosecond => 1_000_000,
    };
    if value % per_milli != 0 {
        return Err(Fault("Cassandra keeps whole milliseconds; drop the rest with date_trunc('millisecond', …)"));
    }
    Ok(value / per_milli)
}

/// A duration that Cassandra takes.
pub(super) fn duration(value: IntervalMonthDayNano) -> Result<CellBytes<'static>, Fault> {
    if !temporal::has_one_sign(value) {
        return Err(Fault("months, days and nanoseconds must be all positive or all negative"));
    }
    Ok(temporal::duration_to_cql(value))
}

/// Text as a cell of another type.
pub(super) fn text_cell(text: &str, to: TextTo) -> Result<CellBytes<'_>, Fault> {
    const NO_UUID: Fault = Fault("it is no UUID");
    match to {
        TextTo::Text => Ok(CellBytes::Borrowed(text.as_bytes())),
        TextTo::Ascii if text.is_ascii() => Ok(CellBytes::Borrowed(text.as_bytes())),
        TextTo::Ascii => Err(Fault("it has other characters than ASCII")),
        TextTo::Blob => match hex::bytes_from_text(text) {
            Some(bytes) => Ok(CellBytes::Owned(bytes)),
            None => Err(Fault(
                "it must be 0x and two hexadecimal digits for each byte; CAST(… AS BYTEA) gives the bytes of the text itself",
            )),
        },
        TextTo::Uuid => Ok(Uuid::try_parse(text).map_err(|_| NO_UUID)?.into_bytes().into()),
        TextTo::TimeUuid => time_uuid(Uuid::try_parse(text).map_err(|_| NO_UUID)?.into_bytes()),
        TextTo::Inet => match text.parse() {
            Ok(IpAddr::V4(address)) => Ok(address.octets().into()),
            Ok(IpAddr::V6(address)) => Ok(address.octets().into()),
            Err(_) => Err(Fault("it is no IPv4 or IPv6 address")),
        },
        TextTo::Varint => decimal::varint_from_text(text).ok_or(Fault("it is no integer")),
        TextTo::Decimal => decimal::decimal_from_text(text).ok_or(Fault("it is no decimal number")),
        TextTo::Duration => {
            let value = duration::from_text(text).ok_or(Fault("it is no duration such as 1y2mo3d4h5m6s7ms8us9ns"))?;
            Ok(temporal::duration_to_cql(value))
        }
    }
}

/// Bytes as a cell of another type.
pub(super) fn bytes_cell(bytes: &[u8], to: BytesTo) -> Result<CellBytes<'_>, Fault> {
    const NOT_16: Fault = Fault("it has not 16 bytes");
    match to {
        BytesTo::Blob => Ok(CellBytes::Borrowed(bytes)),
        BytesTo::Uuid if bytes.len() == 16 => Ok(CellBytes::Borrowed(bytes)),
        BytesTo::Uuid => Err(NOT_16),
        BytesTo::TimeUuid => time_uuid(bytes.try_into().map_err(|_| NOT_16)?),
        BytesTo::Inet if matches!(bytes.len(), 4 | 16) => Ok(CellBytes::Borrowed(bytes)),
        BytesTo::Inet => Err(Fault("it has neither 4 nor 16 bytes")),
    }
}

/// Cassandra refuses any other version than 1 in a `timeuuid`.
fn time_uuid(bytes: [u8; 16]) -> Result<CellBytes<'static>, Fault> {
    if bytes[6] >> 4 != 1 {
        return Err(Fault("a timeuuid must be a UUID of version 1"));
    }
    Ok(bytes.into())
}
