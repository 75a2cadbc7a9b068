//! Numbers of any size as numbers of one decimal type: exactly, or the nearest there is.

use num_bigint::{BigInt, Sign};

use super::{Integer, SCALE_BYTES};

/// The most digits of a decimal of 128 bits.
const MAX_DIGITS: u32 = 38;

/// A decimal type: at most `precision` digits (1 to 38), `scale` of them behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) struct DecimalType {
    pub(in crate::codec) precision: u8,
    pub(in crate::codec) scale: u8,
}

/// A number as the unscaled value of a decimal type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) enum Fit {
    /// The very number.
    Exact(i128),
    /// The nearest number of the type: rounded half away from zero, and cut at the ends of its range.
    Nearest(i128),
}

impl DecimalType {
    /// A `varint`'s value. `None` if there are no bytes.
    pub(in crate::codec) fn fit_varint(self, bytes: &[u8]) -> Option<Fit> {
        Some(self.fit(&Integer::from_bytes(bytes)?, 0))
    }

    /// A `decimal`'s value. `None` if the bytes are too few.
    pub(in crate::codec) fn fit_decimal(self, bytes: &[u8]) -> Option<Fit> {
        let (scale, unscaled) = bytes.split_first_chunk::<SCALE_BYTES>()?;
        Some(self.fit(&Integer::from_bytes(unscaled)?, i32::from_be_bytes(*scale)))
    }

    fn fit(self, unscaled: &Integer, scale: i32) -> Fit {
        // Digits to append, or if negative to cut off.
        let shift = i64::from(self.scale) - i64::from(scale);
        let most = 10_i128.pow(u32::from(self.precision)) - 1;
        let end = if unscaled.is_negative() { -most } else { most };
        let (value, exact) = match unscaled {
            Integer::Small(0) => return Fit::Exact(0),
            Integer::Small(value) if shift < 0 => cut_small(*value, shift.unsigned_abs()),
            Integer::Big(value) if shift < 0 => match cut_big(value, shift.unsigned_abs()) {
                Some(cut) => cut,
                None => return Fit::Nearest(end),
            },
            Integer::Small(value) => match power(shift.unsigned_abs()).and_then(|power| value.checked_mul(power)) {
                Some(value) => (value, true),
                None => return Fit::Nearest(end),
            },
            // More than 38 digits by itself.
            Integer::Big(_) => return Fit::Nearest(end),
        };
        if value.unsigned_abs() > most.unsigned_abs() {
            Fit::Nearest(end)
        } else if exact {
            Fit::Exact(value)
        } else {
            Fit::Nearest(value)
        }
    }
}

/// A power of ten, if it has at most 39 digits.
fn power(exponent: u64) -> Option<i128> {
    u32::try_from(exponent).ok().filter(|exponent| *exponent <= MAX_DIGITS).map(|exponent| 10_i128.pow(exponent))
}

/// The number without its last digits, and whether these were all zero.
fn cut_small(value: i128, digits: u64) -> (i128, bool) {
    // No i128 is as much as half of 10^39.
    let Some(power) = power(digits) else { return (0, false) };
    let (quotient, rest) = (value / power, value % power);
    let up = rest.unsigned_abs() >= power.unsigned_abs() / 2;
    (if up { quotient + value.signum() } else { quotient }, rest == 0)
}

/// The same of a larger number; `None` if what is left has more digits than any type takes.
fn cut_big(value: &BigInt, digits: u64) -> Option<(i128, bool)> {
    // A number of so many bits has at least bits × 0.30 and at most bits × 0.31 + 1 digits. Division is for numbers about as
    // long as the power: a scale alone must not make us compute a power of 2 billion digits.
    let bits = value.bits();
    if digits > bits.saturating_mul(31) / 100 + 1 {
        return Some((0, false));
    }
    if bits.saturating_mul(30) / 100 > digits + 2 * u64::from(MAX_DIGITS) {
        return None;
    }
    let power = BigInt::from(10).pow(u32::try_from(digits).ok()?);
    let (quotient, rest) = (i128::try_from(value / &power).ok()?, value % &power);
    let sign = if value.sign() == Sign::Minus { -1 } else { 1 };
    let up = rest.magnitude() * 2_u8 >= *power.magnitude();
    Some((if up { quotient.checked_add(sign)? } else { quotient }, rest.sign() == Sign::NoSign))
}
