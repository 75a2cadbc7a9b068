//! JSON values without parts, each to the value that its type has in Arrow.

use std::borrow::Cow;
use std::num::{IntErrorKind, ParseIntError};
use std::str::FromStr;

use super::calendar;
use super::document::{Json, Kind, Why, text};
use crate::codec::hex;

/// The number is too large or too small.
pub(super) const OUT_OF_RANGE: Why = Cow::Borrowed("it is out of range");

/// Of what has a point, an exponent, or is no number.
const NO_INTEGER: Why = Cow::Borrowed("it must be an integer, without point or exponent");

const NO_BLOB: Why = Cow::Borrowed("it must be 0x and two hexadecimal digits for each byte");

/// The text of a number, or what stands in a text instead.
fn digits<'a>(json: Json<'a>, expected: &str) -> Result<Cow<'a, str>, Why> {
    match Kind::of_value(json) {
        Kind::Number => Ok(Cow::Borrowed(json.get())),
        Kind::Text => text(json),
        other => Err(other.instead_of(expected)),
    }
}

/// For `decimal`.
pub(super) fn number(json: Json<'_>) -> Result<Cow<'_, str>, Why> {
    digits(json, "a number")
}

/// For `varint`.
pub(super) fn whole_number(json: Json<'_>) -> Result<Cow<'_, str>, Why> {
    digits(json, "an integer")
}

pub(super) fn integer<T: FromStr<Err = ParseIntError>>(json: Json<'_>) -> Result<T, Why> {
    digits(json, "an integer")?.parse().map_err(|e: ParseIntError| match e.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => OUT_OF_RANGE,
        _ => NO_INTEGER,
    })
}

/// The nearest one. NaN and the infinities only where they are meant.
pub(super) fn float<T: FromStr + Into<f64> + Copy>(json: Json<'_>) -> Result<T, Why> {
    let digits = digits(json, "a number")?;
    let value: T = digits.parse().map_err(|_| Cow::Borrowed("it is no number"))?;
    if value.into().is_infinite() && digits.contains(|c: char| c.is_ascii_digit()) {
        return Err(OUT_OF_RANGE);
    }
    Ok(value)
}

pub(super) fn boolean(json: Json<'_>) -> Result<bool, Why> {
    let word = match Kind::of_value(json) {
        Kind::Boolean => Cow::Borrowed(json.get()),
        Kind::Text => text(json)?,
        other => return Err(other.instead_of("true or false")),
    };
    match word {
        word if word.eq_ignore_ascii_case("true") => Ok(true),
        word if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err("it must be true or false".into()),
    }
}

pub(super) fn blob(json: Json<'_>) -> Result<Vec<u8>, Why> {
    hex::bytes_from_text(&text(json)?).ok_or(NO_BLOB)
}

pub(super) fn date(json: Json<'_>) -> Result<i32, Why> {
    calendar::date(&text(json)?)
}

pub(super) fn time(json: Json<'_>) -> Result<i64, Why> {
    calendar::time(&text(json)?)
}

/// Digits alone are milliseconds, in a text too.
pub(super) fn timestamp(json: Json<'_>) -> Result<i64, Why> {
    let digits = digits(json, "milliseconds or a text")?;
    let unsigned = digits.strip_prefix('-').unwrap_or(&digits);
    let is_integer = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
    if is_integer || Kind::of_value(json) == Kind::Number {
        return integer(json);
    }
    calendar::timestamp(&digits)
}
