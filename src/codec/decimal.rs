//! `varint` and `decimal`: big-endian two's complement of any length, and the decimal text we show for it.
//!
//! Up to 16 bytes go through `i128`, without allocation; only longer ones through big integers.

use std::fmt::Display;
use std::io::Write;

use num_bigint::{BigInt, Sign};

use super::cell_bytes::CellBytes;

mod fit;

pub(super) use fit::{DecimalType, Fit};

/// The bytes of a `decimal`'s scale, in front of its unscaled value.
const SCALE_BYTES: usize = 4;

/// Appends the decimal digits of a `varint`. `None`, with `out` as it was, if there are no bytes.
pub(super) fn append_varint_text(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    match Integer::from_bytes(bytes)? {
        Integer::Small(value) => append(value, out),
        Integer::Big(value) => append(value, out),
    }
}

/// Appends a `decimal` as `java.math.BigDecimal.toString()` prints it. `None` if the bytes are too few.
pub(super) fn append_decimal_text(bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let (scale, unscaled) = bytes.split_first_chunk::<SCALE_BYTES>()?;
    let scale = i64::from(i32::from_be_bytes(*scale));
    let integer = Integer::from_bytes(unscaled)?;
    if integer.is_negative() {
        out.push(b'-');
    }
    let start = out.len();
    match integer {
        Integer::Small(value) => append(value.unsigned_abs(), out)?,
        Integer::Big(value) => append(value.magnitude(), out)?,
    }
    let digits = out.len() - start;
    let digits_i64 = i64::try_from(digits).ok()?;
    // The exponent if one digit stood before the point.
    let exponent = digits_i64 - 1 - scale;
    if scale == 0 {
        return Some(());
    }
    if scale > 0 && exponent >= -6 {
        // Plain: 12.34, or 0.0012 where digits do not reach the point.
        if let Ok(whole @ 1..) = usize::try_from(digits_i64 - scale) {
            out.insert(start + whole, b'.');
        } else {
            let zeros = usize::try_from(scale - digits_i64).ok()?;
            out.splice(start..start, b"0.".iter().copied().chain(std::iter::repeat_n(b'0', zeros)));
        }
        return Some(());
    }
    if digits > 1 {
        out.insert(start + 1, b'.');
    }
    out.extend_from_slice(if exponent > 0 { b"E+" } else { b"E" });
    append(exponent, out)
}

/// Prints into bytes, which cannot fail.
fn append(value: impl Display, out: &mut Vec<u8>) -> Option<()> {
    write!(out, "{value}").ok()
}

/// An integer, small where it can be.
enum Integer {
    Small(i128),
    Big(BigInt),
}

impl Integer {
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let Some(missing) = size_of::<i128>().checked_sub(bytes.len()) else {
            return Some(Self::Big(BigInt::from_signed_bytes_be(bytes)));
        };
        let mut wide = [if first & 0x80 == 0 { 0 } else { 0xff }; size_of::<i128>()];
        wide[missing..].copy_from_slice(bytes);
        Some(Self::Small(i128::from_be_bytes(wide)))
    }

    fn is_negative(&self) -> bool {
        match self {
            Self::Small(value) => *value < 0,
            Self::Big(value) => value.sign() == Sign::Minus,
        }
    }

    /// The number written by both runs of digits in a row.
    fn from_digits(negative: bool, whole: &str, fraction: &str) -> Option<Self> {
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let small = digits().try_fold(0_i128, |n, digit| n.checked_mul(10)?.checked_add(i128::from(digit - b'0')));
        if let Some(value) = small {
            return Some(Self::Small(if negative { -value } else { value }));
        }
        let value = BigInt::parse_bytes([whole, fraction].concat().as_bytes(), 10)?;
        Some(Self::Big(if negative { -value } else { value }))
    }

    fn to_bytes(&self, scale: Option<i32>) -> CellBytes<'static> {
        match self {
            Self::Small(value) => number_bytes(scale, &value.to_be_bytes()),
            Self::Big(value) => number_bytes(scale, &value.to_signed_bytes_be()),
        }
    }
}

/// Splits the sign off.
fn split_sign(text: &str) -> (bool, &str) {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    (text.starts_with('-'), unsigned)
}

/// The fewest bytes of this big-endian two's complement number that still mean the same: the form Cassandra keeps.
pub(super) fn shortest(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [first, second, ..] = rest
        && matches!((first, second & 0x80), (0, 0) | (0xff, 0x80))
    {
        rest = &rest[1..];
    }
    rest
}

/// The shortest bytes of a number, behind its scale if it has one.
pub(super) fn number_bytes(scale: Option<i32>, number: &[u8]) -> CellBytes<'static> {
    let scale = scale.map(i32::to_be_bytes);
    CellBytes::joined(scale.as_ref().map_or(&[], |scale| &scale[..]), shortest(number))
}

/// A `varint` from decimal digits with an optional sign.
pub(super) fn varint_from_text(text: &str) -> Option<CellBytes<'static>> {
    let (negative, digits) = split_sign(text);
    Some(Integer::from_digits(negative, digits, "")?.to_bytes(None))
}

/// A `decimal` from text such as `-12.340` or `1.5E+10`: what `java.math.BigDecimal` takes, with the scale it would
/// give. `None` if the text is not a number or its scale does not fit 32 bits.
pub(super) fn decimal_from_text(text: &str) -> Option<CellBytes<'static>> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    let (negative, digits) = split_sign(mantissa);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
    let scale = i32::try_from(scale).ok()?;
    Some(Integer::from_digits(negative, whole, fraction)?.to_bytes(Some(scale)))
}

#[cfg(test)]
mod tests;
