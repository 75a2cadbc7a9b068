//! Dates, times and durations: the numbers Cassandra and Arrow keep for them. Also the variable-length integers that
//! durations are made of.

use arrow::datatypes::IntervalMonthDayNano;

use super::cell_bytes::CellBytes;

/// Nanoseconds of one day: the first value of `time` that is out of range.
pub(super) const DAY_NANOS: i64 = 86_400_000_000_000;

/// Milliseconds of one day.
pub(super) const DAY_MILLIS: i64 = 86_400_000;

/// The bit by which Cassandra's days (unsigned, 1970-01-01 = 2^31) differ from Arrow's (signed, 1970-01-01 = 0).
const DATE_BIAS: u32 = 1 << 31;

/// Days of Arrow from days of Cassandra. Both hold exactly the same dates.
pub(super) fn date_from_cql(days: [u8; 4]) -> i32 {
    (u32::from_be_bytes(days) ^ DATE_BIAS).cast_signed()
}

/// Days of Cassandra from days of Arrow.
pub(super) fn date_to_cql(days: i32) -> [u8; 4] {
    (days.cast_unsigned() ^ DATE_BIAS).to_be_bytes()
}

/// A `duration`: three variable-length integers, months, days and nanoseconds. `None` if these bytes are not that.
pub(super) fn duration_from_cql(bytes: &[u8]) -> Option<IntervalMonthDayNano> {
    let mut rest = bytes;
    let months = i32::try_from(read_vint(&mut rest)?).ok()?;
    let days = i32::try_from(read_vint(&mut rest)?).ok()?;
    let nanoseconds = read_vint(&mut rest)?;
    rest.is_empty().then_some(IntervalMonthDayNano { months, days, nanoseconds })
}

/// The bytes of a `duration`.
pub(super) fn duration_to_cql(value: IntervalMonthDayNano) -> CellBytes<'static> {
    // Two integers of 32 bits and one of 64.
    let mut bytes = [0; 5 + 5 + 9];
    let mut length = 0;
    for part in [i64::from(value.months), i64::from(value.days), value.nanoseconds] {
        let (vint, size) = vint(part);
        bytes[length..length + size].copy_from_slice(&vint[..size]);
        length += size;
    }
    CellBytes::joined(&bytes[..length], &[])
}

/// Whether Cassandra takes it: it refuses durations whose parts have different signs.
pub(super) fn has_one_sign(value: IntervalMonthDayNano) -> bool {
    let parts = [i64::from(value.months), i64::from(value.days), value.nanoseconds];
    parts.iter().all(|p| *p >= 0) || parts.iter().all(|p| *p <= 0)
}

/// One variable-length integer off the front, its sign folded into the lowest bit.
fn read_vint(rest: &mut &[u8]) -> Option<i64> {
    let folded = read_unsigned_vint(rest)?;
    Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
}

/// One variable-length integer without a sign off the front. The number of leading ones of the first byte is the number
/// of bytes after it; the rest is big-endian.
pub(super) fn read_unsigned_vint(rest: &mut &[u8]) -> Option<u64> {
    let (&first, tail) = rest.split_first()?;
    let extra = first.leading_ones() as usize;
    let (more, tail) = tail.split_at_checked(extra)?;
    // A shift by 8 would overflow, and 0xff has no bits left for the value anyway.
    let head = if extra >= 7 { 0 } else { u64::from(first & (0xff >> extra)) };
    *rest = tail;
    Some(more.iter().fold(head, |value, byte| (value << 8) | u64::from(*byte)))
}

/// The bytes of one variable-length integer, and how many of them count.
fn vint(value: i64) -> ([u8; 9], usize) {
    unsigned_vint(((value >> 63) ^ (value << 1)).cast_unsigned())
}

/// The same of an integer without a sign.
pub(super) fn unsigned_vint(value: u64) -> ([u8; 9], usize) {
    let bits = 64 - value.leading_zeros() as usize;
    // Each byte carries 7 bits; the ninth one takes the last 8.
    let size = bits.div_ceil(7).clamp(1, 9);
    let mut bytes = [0; 9];
    bytes[1..].copy_from_slice(&value.to_be_bytes());
    bytes.copy_within(9 - size.., 0);
    if size == 9 {
        bytes[0] = 0xff;
    } else {
        bytes[0] |= !(0xff_u8 >> (size - 1));
    }
    (bytes, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the native protocol specification and of Cassandra's own vint tests.
    const VINTS: &[(i64, &[u8])] = &[
        (0, &[0x00]),
        (-1, &[0x01]),
        (1, &[0x02]),
        (63, &[0x7e]),
        (-64, &[0x7f]),
        (64, &[0x80, 0x80]),
        (-65, &[0x80, 0x81]),
        (128_000, &[0xc3, 0xe8, 0x00]),
        (256_000, &[0xc7, 0xd0, 0x00]),
        (i64::MAX, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe]),
        (i64::MIN, &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ];

    #[test]
    fn vints_are_those_of_the_specification() {
        for (value, bytes) in VINTS {
            let (written, size) = vint(*value);
            assert_eq!(&written[..size], *bytes, "{value}");
            let mut rest = *bytes;
            assert_eq!(read_vint(&mut rest), Some(*value));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn every_width_of_vint_returns() {
        for shift in 0..64 {
            for value in [1_i64 << shift, (1_i64 << shift).wrapping_sub(1), -(1_i64 << shift.min(62))] {
                let (bytes, size) = vint(value);
                assert_eq!(read_vint(&mut &bytes[..size]), Some(value));
            }
        }
    }

    #[test]
    fn durations_are_those_of_the_specification() {
        // 1 month, 2 days, 3 ns, as cqlsh sends it.
        let value = IntervalMonthDayNano { months: 1, days: 2, nanoseconds: 3 };
        assert_eq!(duration_to_cql(value).as_slice(), [0x02, 0x04, 0x06]);
        assert_eq!(duration_from_cql(&[0x02, 0x04, 0x06]), Some(value));
    }

    #[test]
    fn bad_durations_are_refused() {
        let cases: [&[u8]; 6] = [
            &[],
            &[0, 0],
            &[0, 0, 0, 0],
            &[0x80],
            // 2^31 months
            &[0xf1, 0, 0, 0, 0, 0, 0],
            &[0, 0, 0xff, 1, 2, 3, 4, 5, 6, 7],
        ];
        for bytes in cases {
            assert_eq!(duration_from_cql(bytes), None, "{bytes:02x?}");
        }
    }

    #[test]
    fn dates_cover_the_whole_range() {
        for (days, cql) in [
            (0, [0x80, 0, 0, 0]),
            (-1, [0x7f, 0xff, 0xff, 0xff]),
            (i32::MIN, [0, 0, 0, 0]),
            (i32::MAX, [0xff, 0xff, 0xff, 0xff]),
        ] {
            assert_eq!(date_to_cql(days), cql);
            assert_eq!(date_from_cql(cql), days);
        }
    }
}
