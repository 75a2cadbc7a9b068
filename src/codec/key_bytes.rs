//! The partition key in one piece, as Cassandra keeps it: what is hashed to the token.

/// The most bytes of a partition key in one piece, and of a column of the primary key.
pub(crate) const MAX_KEY_BYTES: usize = u16::MAX as usize;

/// The columns of a partition key are too long together, or one of them is by itself: no row has such a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Puts a partition key together, column by column in the order of the key: the bytes of a single column as they are; of
/// each of several its length in 16 bits, its bytes and a zero.
#[derive(Debug)]
pub(crate) struct KeyBytes<'a> {
    buffer: &'a mut Vec<u8>,
    /// Where the key begins.
    start: usize,
    is_composite: bool,
}

impl<'a> KeyBytes<'a> {
    /// Appends to `buffer` a key of so many columns.
    pub(crate) fn new(buffer: &'a mut Vec<u8>, columns: usize) -> Self {
        Self { start: buffer.len(), buffer, is_composite: columns > 1 }
    }

    /// The value of the next column.
    ///
    /// # Errors
    /// The key is longer than Cassandra allows; what is in the buffer is no key then.
    pub(crate) fn push(&mut self, value: &[u8]) -> Result<(), TooLong> {
        if self.is_composite {
            let length = u16::try_from(value.len()).map_err(|_| TooLong)?;
            self.buffer.extend_from_slice(&length.to_be_bytes());
            self.buffer.extend_from_slice(value);
            self.buffer.push(0);
        } else {
            self.buffer.extend_from_slice(value);
        }
        if self.buffer.len() - self.start > MAX_KEY_BYTES { Err(TooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::route::token_of_key;

    fn bytes(columns: &[&[u8]]) -> Result<Vec<u8>, TooLong> {
        let mut buffer = b"what was there".to_vec();
        let start = buffer.len();
        let mut key = KeyBytes::new(&mut buffer, columns.len());
        columns.iter().try_for_each(|column| key.push(column))?;
        Ok(buffer.split_off(start))
    }

    #[test]
    fn tokens_are_those_of_cassandra() {
        let (one, minus_two) = (1_i32.to_be_bytes(), (-2_i32).to_be_bytes());
        let long = [b'x'; 300];
        // From `SELECT token(…)` of Apache Cassandra 5.0 for keys (int), (text) and (int, text).
        for (columns, token) in [
            (&[&one[..]][..], -4_069_959_284_402_364_209),
            (&[b"a"], -8_839_064_797_231_613_815),
            (&[&one, b"a"], 6_516_349_416_904_725_244),
            (&[&one, b"key"], 8_064_425_790_465_501_062),
            (&[&one, b""], -6_115_126_023_624_040_605),
            (&[&minus_two, &long], 1_823_819_056_775_760_800),
        ] {
            assert_eq!(token_of_key(&bytes(columns).unwrap()), token, "{columns:?}");
        }
    }

    #[test]
    fn a_key_has_at_most_65535_bytes_in_all() {
        let text = |length| vec![b'y'; length];
        assert_eq!(bytes(&[&text(65_535)]).unwrap().len(), MAX_KEY_BYTES);
        assert_eq!(bytes(&[&text(65_536)]), Err(TooLong));
        // As Cassandra 5.0 has it: `Key length of 65536 is longer than maximum of 65535`.
        assert_eq!(bytes(&[&text(65_529), b""]).unwrap().len(), MAX_KEY_BYTES);
        assert_eq!(bytes(&[&text(65_530), b""]), Err(TooLong));
        assert_eq!(bytes(&[b"", &text(65_536)]), Err(TooLong));
    }
}
