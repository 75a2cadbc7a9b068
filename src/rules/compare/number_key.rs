//! Numbers of any length as bytes that compare as the numbers do.
//!
//! ```text
//! 00 ~exponent ~digits ff   negative: everything after the first byte turned over, so that more is less
//! 01                        zero
//! 02 exponent digits 00     positive
//! ```
//!
//! A number is 0.d₁d₂…dₙ × 10^exponent with d₁ and dₙ not 0, so it has one form only: 1.5 and 1.50 have the same key. The
//! exponent is 8 bytes, its sign bit turned over.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BinaryBuilder, StringBuilder, cast::AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{ScalarUDF, TypeSignature};

use super::function::function;

/// The function of SQL: `number_key(text or number)`, as bytes.
pub(super) fn number_key() -> ScalarUDF {
    function("number_key", TypeSignature::Any(1), DataType::Binary, keys)
}

/// The function of SQL: `number_order(text or number)`, the key as text in hexadecimal digits, which is in the same order. For
/// windows: DataFusion has none over bytes.
pub(super) fn number_order() -> ScalarUDF {
    function("number_order", TypeSignature::Any(1), DataType::Utf8, orders)
}

fn orders(array: &ArrayRef) -> Result<ArrayRef> {
    let keys = keys(array)?;
    let mut texts = StringBuilder::new();
    for key in keys.as_binary::<i32>() {
        texts.append_option(key.map(|key| key.iter().map(|byte| format!("{byte:02x}")).collect::<String>()));
    }
    Ok(Arc::new(texts.finish()))
}

pub(super) fn keys(array: &ArrayRef) -> Result<ArrayRef> {
    let texts = cast(array, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let mut keys = BinaryBuilder::with_capacity(texts.len(), texts.len() * 16);
    let mut key = Vec::new();
    for text in texts {
        let Some(text) = text else {
            keys.append_null();
            continue;
        };
        key.clear();
        if append_key(text, &mut key).is_none() {
            return exec_err!("'{text}' is not a number");
        }
        keys.append_value(&key);
    }
    Ok(Arc::new(keys.finish()))
}

/// Appends the key of a number such as `-1.50` or `1E+3`. `None` for what is no number.
fn append_key(text: &str, key: &mut Vec<u8>) -> Option<()> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = || whole.bytes().chain(fraction.bytes());
    if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let leading = digits().take_while(|digit| *digit == b'0').count();
    let total = whole.len() + fraction.len();
    if leading == total {
        key.push(1);
        return Some(());
    }
    let trailing = digits().rev().take_while(|digit| *digit == b'0').count();
    let places = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(leading).ok()?)?;
    let exponent = exponent.checked_add(places)?;
    key.push(if negative { 0 } else { 2 });
    let start = key.len();
    key.extend_from_slice(&(exponent ^ i64::MIN).to_be_bytes());
    key.extend(digits().skip(leading).take(total - leading - trailing));
    key.push(0);
    if negative {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use num_bigint::BigInt;
    use proptest::prelude::*;

    use super::*;

    fn key(text: &str) -> Vec<u8> {
        let mut key = Vec::new();
        append_key(text, &mut key).unwrap_or_else(|| panic!("{text} is a number"));
        key
    }

    #[test]
    fn keys_are_in_the_order_of_numbers() {
        let ascending = [
            "-1E+2147483647",
            "-100",
            "-99.9",
            "-10",
            "-9.5",
            "-9",
            "-1.5",
            "-1",
            "-0.1",
            "-1E-2147483647",
            "0",
            "1E-400",
            "0.0012",
            "0.1",
            "0.11",
            "1",
            "1.49999999999999999999999999",
            "1.5",
            "9",
            "9.5",
            "10",
            "10.50",
            "99",
            "1E+3",
            "12345678901234567890123",
            "1E+2147483647",
        ];
        for pair in ascending.windows(2) {
            assert!(key(pair[0]) < key(pair[1]), "{pair:?}");
        }
        for same in [["1.5", "1.50"], ["0", "-0.000"], ["1E+3", "1000"], ["1e2", "100.0"], ["+7", "7"], ["007", "7"]] {
            assert_eq!(key(same[0]), key(same[1]), "{same:?}");
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "-", ".", "abc", "1.2.3", "NaN", "inf", "1E", "--1", "1 2", "0x10"] {
            assert!(append_key(text, &mut Vec::new()).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn keys_compare_as_numbers_do(a: i128, b: i128, scale in 0_u32..40, zeros in 0_usize..5) {
            let text = |value: i128| format!("{value}{}E-{scale}", "0".repeat(zeros));
            let (big_a, big_b) = (BigInt::from(a), BigInt::from(b));
            prop_assert_eq!(key(&text(a)).cmp(&key(&text(b))), big_a.cmp(&big_b));
        }
    }
}
