//! Durations as text, in the two forms that CQL has for its constants.
//!
//! Source: *Data types, durations* in Cassandra's documentation of CQL, and `org.apache.cassandra.cql3.Duration`.

use std::io::Write;

use arrow::datatypes::IntervalMonthDayNano;

use super::temporal;

const MONTHS_PER_YEAR: u64 = 12;
const DAYS_PER_WEEK: u64 = 7;
const NANOS_PER_MICRO: u64 = 1_000;
const NANOS_PER_MILLI: u64 = 1_000 * NANOS_PER_MICRO;
const NANOS_PER_SECOND: u64 = 1_000 * NANOS_PER_MILLI;
const NANOS_PER_MINUTE: u64 = 60 * NANOS_PER_SECOND;
const NANOS_PER_HOUR: u64 = 60 * NANOS_PER_MINUTE;

/// Which of the three numbers of a duration a unit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Months,
    Days,
    Nanoseconds,
}

/// The units of text such as `1y2mo3d`, largest first: the name, how many it is, and of what.
const UNITS: [(&str, u64, Part); 10] = [
    ("y", MONTHS_PER_YEAR, Part::Months),
    ("mo", 1, Part::Months),
    ("w", DAYS_PER_WEEK, Part::Days),
    ("d", 1, Part::Days),
    ("h", NANOS_PER_HOUR, Part::Nanoseconds),
    ("m", NANOS_PER_MINUTE, Part::Nanoseconds),
    ("s", NANOS_PER_SECOND, Part::Nanoseconds),
    ("ms", NANOS_PER_MILLI, Part::Nanoseconds),
    ("us", NANOS_PER_MICRO, Part::Nanoseconds),
    ("ns", 1, Part::Nanoseconds),
];

/// Appends the text of a `duration`'s bytes, such as `-1y2mo3d4h5m6s7ms8us9ns`. `None` if they are no duration, or one
/// whose parts have different signs, which Cassandra does not take.
pub(super) fn append_text(cell: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let value = temporal::duration_from_cql(cell).filter(|value| temporal::has_one_sign(*value))?;
    if value.months < 0 || value.days < 0 || value.nanoseconds < 0 {
        out.push(b'-');
    }
    let rest = |part| match part {
        Part::Months => u64::from(value.months.unsigned_abs()),
        Part::Days => u64::from(value.days.unsigned_abs()),
        Part::Nanoseconds => value.nanoseconds.unsigned_abs(),
    };
    let start = out.len();
    let (mut of, mut left) = (Part::Months, rest(Part::Months));
    for (name, size, part) in UNITS {
        if part != of {
            (of, left) = (part, rest(part));
        }
        // Cassandra writes days, and takes weeks.
        if left >= size && name != "w" {
            write!(out, "{}{name}", left / size).ok()?;
            left %= size;
        }
    }
    if out.len() == start {
        out.extend_from_slice(b"0ns");
    }
    Some(())
}

/// The duration of text such as `1y2mo3d4h5m6s7ms8us9ns` or `P1Y2M3DT4H5M6S`, upper or lower case, with `-` in front if it
/// is negative. `None` for anything else, and for what does not fit.
pub(super) fn from_text(text: &str) -> Option<IntervalMonthDayNano> {
    let lower = text.to_ascii_lowercase().replace('µ', "u");
    let (negative, unsigned) = lower.strip_prefix('-').map_or((false, lower.as_str()), |rest| (true, rest));
    let mut sum = Sum::default();
    match unsigned.strip_prefix('p') {
        Some(iso) => {
            let (date, time) = iso.split_once('t').map_or((iso, None), |(date, time)| (date, Some(time)));
            if time == Some("") {
                return None;
            }
            // Months and minutes have the same letter there.
            sum.add_all(date, |letter| {
                if letter == "m" { Some("mo") } else { ["y", "w", "d"].into_iter().find(|u| *u == letter) }
            })?;
            sum.add_all(time.unwrap_or_default(), |letter| ["h", "m", "s"].into_iter().find(|u| *u == letter))?;
        }
        None => sum.add_all(unsigned, |letters| UNITS.iter().map(|unit| unit.0).find(|name| *name == letters))?,
    }
    sum.last?;
    let signed = |value: u64| if negative { 0_i128 - i128::from(value) } else { i128::from(value) };
    Some(IntervalMonthDayNano {
        months: i32::try_from(signed(sum.months)).ok()?,
        days: i32::try_from(signed(sum.days)).ok()?,
        nanoseconds: i64::try_from(signed(sum.nanoseconds)).ok()?,
    })
}

/// What has been read of a text.
#[derive(Default)]
struct Sum {
    months: u64,
    days: u64,
    nanoseconds: u64,
    /// The place in [`UNITS`] of the last unit: each may come once, the larger first.
    last: Option<usize>,
}

impl Sum {
    /// Adds numbers with their units, until the end of the text.
    fn add_all(&mut self, text: &str, name_of: impl Fn(&str) -> Option<&'static str>) -> Option<()> {
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let (number, tail) = rest.split_at(digits);
            let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (letters, tail) = tail.split_at(letters);
            self.add(number.parse().ok()?, name_of(letters)?)?;
            rest = tail;
        }
        Some(())
    }

    fn add(&mut self, number: u64, name: &str) -> Option<()> {
        let index = UNITS.iter().position(|unit| unit.0 == name)?;
        if self.last.is_some_and(|last| last >= index) {
            return None;
        }
        self.last = Some(index);
        let (_, size, part) = UNITS[index];
        let sum = match part {
            Part::Months => &mut self.months,
            Part::Days => &mut self.days,
            Part::Nanoseconds => &mut self.nanoseconds,
        };
        *sum = sum.checked_add(number.checked_mul(size)?)?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(months: i32, days: i32, nanoseconds: i64) -> Option<String> {
        let cell = temporal::duration_to_cql(IntervalMonthDayNano { months, days, nanoseconds });
        let mut out = Vec::new();
        append_text(cell.as_slice(), &mut out)?;
        Some(String::from_utf8(out).unwrap())
    }

    #[test]
    fn text_is_that_of_cassandra() {
        assert_eq!(text(14, 3, 14_706_007_008_009).as_deref(), Some("1y2mo3d4h5m6s7ms8us9ns"));
        assert_eq!(text(0, -10, -1).as_deref(), Some("-10d1ns"));
        assert_eq!(text(0, 0, 0).as_deref(), Some("0ns"));
        assert_eq!(text(i32::MIN, 0, i64::MIN).as_deref(), Some("-178956970y8mo2562047h47m16s854ms775us808ns"));
        assert_eq!(text(1, -1, 0), None);
    }

    #[test]
    fn both_forms_are_read() {
        let value = |months, days, nanoseconds| Some(IntervalMonthDayNano { months, days, nanoseconds });
        for (text, expected) in [
            ("1Y2MO3D", value(14, 3, 0)),
            ("2w1d", value(0, 15, 0)),
            ("-5µs", value(0, 0, -5_000)),
            ("P1Y2M3DT4H5M6S", value(14, 3, 14_706_000_000_000)),
            ("-P1M", value(-1, 0, 0)),
            ("PT1M", value(0, 0, 60_000_000_000)),
            ("P2W", value(0, 14, 0)),
            ("0d", value(0, 0, 0)),
            ("-2147483648mo", value(i32::MIN, 0, 0)),
        ] {
            assert_eq!(from_text(text), expected, "{text}");
        }
        for bad in [
            "",
            "-",
            "P",
            "PT",
            "1",
            "d",
            "1x",
            "1d1y",
            "1d1d",
            "1d 1h",
            "+1d",
            "1.5d",
            "2147483648mo",
            "P1H",
            "PT1D",
            "--1d",
        ] {
            assert_eq!(from_text(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn text_is_read_back(months: i32, days: i32, nanoseconds: i64, negative: bool) {
            let sign = |n: i64| if negative == (n < 0) { n } else { n.saturating_neg() };
            let months = i32::try_from(sign(months.into())).unwrap_or(i32::MAX);
            let days = i32::try_from(sign(days.into())).unwrap_or(i32::MAX);
            let nanoseconds = sign(nanoseconds);
            let value = IntervalMonthDayNano { months, days, nanoseconds };
            prop_assert_eq!(from_text(&text(months, days, nanoseconds).unwrap()), Some(value));
        }
    }
}
