//! Texts of dates and points in time that Arrow cannot print: Cassandra's range is wider than the calendar of Arrow, which
//! ends 262,000 years from now.

use std::fmt::Write;

use arrow::array::{Array, AsArray, types::Date32Type};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

const DAY_SECONDS: i64 = 86_400;

/// A value as Arrow prints it; dates and points in time also where Arrow cannot. `None` for null, and for what has no text.
pub fn value_text(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    // Otherwise it would print the error.
    let options = FormatOptions::default().with_display_error(false);
    let formatter = ArrayFormatter::try_new(array, &options).ok()?;
    formatter.value(row).try_to_string().ok().or_else(|| far_time(array, row))
}

/// A date or point in time, however far: `-5877641-06-23`, `+292278994-08-17T07:12:55.807Z`. Years have a sign where they are
/// not those of four digits, there is a year 0, and the calendar is that of today for all times. Points in time are told in
/// UTC. `None` for other types, and for null.
pub fn far_time(array: &dyn Array, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    match array.data_type() {
        DataType::Date32 => Some(date(array.as_primitive::<Date32Type>().value(row).into())),
        DataType::Timestamp(unit, zone) => {
            let numbers = cast(&array.slice(row, 1), &DataType::Int64).ok()?;
            let number = numbers.as_primitive::<Int64Type>().value(0);
            Some(timestamp(number, *unit, zone.is_some()))
        }
        _ => None,
    }
}

fn timestamp(number: i64, unit: TimeUnit, has_zone: bool) -> String {
    let (mut digits, per_second) = match unit {
        TimeUnit::Second => (0, 1),
        TimeUnit::Millisecond => (3, 1_000),
        TimeUnit::Microsecond => (6, 1_000_000),
        TimeUnit::Nanosecond => (9, 1_000_000_000),
    };
    let (seconds, mut fraction) = (number.div_euclid(per_second), number.rem_euclid(per_second));
    while digits > 3 && fraction % 1_000 == 0 {
        (digits, fraction) = (digits - 3, fraction / 1_000);
    }
    let mut text = date(seconds.div_euclid(DAY_SECONDS));
    let second = seconds.rem_euclid(DAY_SECONDS);
    let _ = write!(text, "T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60);
    if fraction != 0 {
        let _ = write!(text, ".{fraction:0digits$}");
    }
    if has_zone {
        text.push('Z');
    }
    text
}

/// A day, counted from 1970-01-01.
fn date(days: i64) -> String {
    let (year, month, day) = civil(days);
    if (0..=9999).contains(&year) {
        format!("{year:04}-{month:02}-{day:02}")
    } else {
        format!("{year:+05}-{month:02}-{day:02}")
    }
}

/// Year, month and day. Years are counted from March, so that the leap day is the last one of its year, and 400 of them have
/// as many days as any other 400.
fn civil(days: i64) -> (i64, i64, i64) {
    const TO_1970: i64 = 719_468;
    const DAYS_OF_400_YEARS: i64 = 146_097;
    let days = days + TO_1970;
    let (era, day) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let in_year = day - (365 * year + year / 4 - year / 100);
    // The lengths of months from March on repeat every five months: 153 days.
    let months = (5 * in_year + 2) / 153;
    let month = if months < 10 { months + 3 } else { months - 9 };
    (era * 400 + year + i64::from(month <= 2), month, in_year - (153 * months + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Date32Array, Int64Array, TimestampMicrosecondArray, TimestampMillisecondArray};
    use arrow::util::display::array_value_to_string;
    use proptest::prelude::*;

    use super::*;

    fn millis(value: i64) -> ArrayRef {
        Arc::new(TimestampMillisecondArray::from(vec![value]).with_timezone("UTC"))
    }

    #[test]
    fn the_ends_of_cassandra_s_range_have_a_text() {
        for (days, expected) in [(i32::MIN, "-5877641-06-23"), (i32::MAX, "+5881580-07-11"), (0, "1970-01-01")] {
            assert_eq!(value_text(&Date32Array::from(vec![days]), 0).as_deref(), Some(expected));
        }
        for (value, expected) in [
            (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
            (i64::MAX, "+292278994-08-17T07:12:55.807Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(value_text(&millis(value), 0).as_deref(), Some(expected));
        }
        let micros = TimestampMicrosecondArray::from(vec![i64::MAX]);
        assert_eq!(value_text(&micros, 0).as_deref(), Some("+294247-01-10T04:00:54.775807"));
    }

    #[test]
    fn null_and_other_types_have_none() {
        assert_eq!(value_text(&Date32Array::from(vec![None]), 0), None);
        assert_eq!(far_time(&Int64Array::from(vec![1]), 0), None);
    }

    proptest! {
        #[test]
        fn what_arrow_can_print_is_the_same(
            days in -95_000_000..95_000_000_i32,
            value in -8_200_000_000_000_000..8_200_000_000_000_000_i64,
        ) {
            for array in [Arc::new(Date32Array::from(vec![days])) as ArrayRef, millis(value), millis(value / 1_000 * 1_000)] {
                prop_assert_eq!(array_value_to_string(&array, 0).ok(), far_time(&array, 0));
            }
        }

        /// Far away too, the day before is one less, by the other direction of the same calendar.
        #[test]
        fn what_is_read_again_is_the_same(days in any::<i32>()) {
            let text = date(days.into());
            prop_assert_eq!(crate::codec::json::days_of_date(&text), Some(days));
        }
    }
}
