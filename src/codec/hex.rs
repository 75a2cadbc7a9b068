//! Bytes as CQL writes them: `0x` and two hexadecimal digits for each.

use std::fmt::Write;

/// The bytes of such a text; none if it is something else.
pub(crate) fn bytes_from_text(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |pair: &[u8]| match pair {
        [high, low] => Some((digit(*high)? << 4) | digit(*low)?),
        _ => None,
    };
    text.strip_prefix("0x")?.as_bytes().chunks(2).map(byte).collect()
}

/// The text of bytes.
pub(crate) fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_else_is_taken_for_bytes() {
        assert_eq!(bytes_from_text("0xCAfe"), Some(vec![0xca, 0xfe]));
        assert_eq!(bytes_from_text("0x"), Some(Vec::new()));
        for text in ["", "cafe", "0xc", "0xcaf", "0xgg", "0x ca", "0X00", " 0x00", "0x00 ", "\\xcafe", "0x+1", "0xä"] {
            assert_eq!(bytes_from_text(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn bytes_return(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            prop_assert_eq!(bytes_from_text(&text_of(&bytes)), Some(bytes));
        }
    }
}
