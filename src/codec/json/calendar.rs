//! Dates, times of day and points in time from their text. Arrow's own parsers stop at year 9999 and some of them round.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use super::document::Why;
use super::scalar::OUT_OF_RANGE;
use crate::codec::temporal::DAY_MILLIS;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;
const MILLIS_PER_MINUTE: i64 = 60_000;

const NO_DATE: Why = Cow::Borrowed("it is no date such as 2011-02-03");
const NO_TIME: Why = Cow::Borrowed("it is no time of day such as 04:05:06.123456789");
const NO_TIMESTAMP: Why = Cow::Borrowed("it is no timestamp such as 2011-02-03T04:05:06.789Z or 2011-02-03 04:05+0000");
const TOO_FINE: Why = Cow::Borrowed("Cassandra keeps whole milliseconds");

/// Days since 1970, in the calendar of today for all times, with a year 0.
pub(super) fn date(text: &str) -> Result<i32, Why> {
    let mut rest = Rest(text);
    let days = rest.date().filter(|_| rest.0.is_empty()).ok_or(NO_DATE)?;
    i32::try_from(days).map_err(|_| OUT_OF_RANGE)
}

/// Nanoseconds since midnight.
pub(super) fn time(text: &str) -> Result<i64, Why> {
    let mut rest = Rest(text);
    let (nanos, has_seconds) = rest.time().ok_or(NO_TIME)?;
    if has_seconds && rest.0.is_empty() { Ok(nanos) } else { Err(NO_TIME) }
}

/// Milliseconds since 1970; UTC if no time zone stands there.
pub(super) fn timestamp(text: &str) -> Result<i64, Why> {
    let (days, nanos, zone) = Rest(text).timestamp().ok_or(NO_TIMESTAMP)?;
    if nanos % NANOS_PER_MILLI != 0 {
        return Err(TOO_FINE);
    }
    // Nine digits of a year are more than 64 bits of milliseconds.
    let midnight = i128::from(days) * i128::from(DAY_MILLIS);
    i64::try_from(midnight + i128::from(nanos / NANOS_PER_MILLI - zone * MILLIS_PER_MINUTE)).map_err(|_| OUT_OF_RANGE)
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    /// Whether this came next.
    fn skip(&mut self, expected: char) -> bool {
        let rest = self.0.strip_prefix(expected);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    /// Takes so many bytes off, all of them digits.
    fn take(&mut self, count: usize) -> Option<&'a str> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then_some(digits)
    }

    /// Takes all digits off.
    fn run(&mut self, count: RangeInclusive<usize>) -> Option<&'a str> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        if count.contains(&length) { self.take(length) } else { None }
    }

    /// Two digits of a number up to this.
    fn two(&mut self, most: i64) -> Option<i64> {
        self.take(2)?.parse().ok().filter(|number| *number <= most)
    }

    /// `2011-02-03`, as days since 1970.
    fn date(&mut self) -> Option<i64> {
        let negative = self.skip('-');
        if !negative {
            self.skip('+');
        }
        let year: i64 = self.run(4..=9)?.parse().ok()?;
        let year = if negative { -year } else { year };
        let month = self.skip('-').then(|| self.two(12))??;
        let day = self.skip('-').then(|| self.two(31))??;
        (month > 0 && day > 0 && day <= month_days(year, month)).then(|| days(year, month, day))
    }

    /// `04:05:06.789` or `04:05`, as nanoseconds since midnight, and whether seconds stood there.
    fn time(&mut self) -> Option<(i64, bool)> {
        let hours = self.two(23)?;
        let minutes = self.skip(':').then(|| self.two(59))??;
        let whole = (hours * 60 + minutes) * 60 * NANOS_PER_SECOND;
        if !self.skip(':') {
            return Some((whole, false));
        }
        let whole = whole + self.two(59)? * NANOS_PER_SECOND;
        if !self.skip('.') {
            return Some((whole, true));
        }
        let fraction = self.run(1..=9)?;
        let fraction: i64 = format!("{fraction:0<9}").parse().ok()?;
        Some((whole + fraction, true))
    }

    /// The end of a timestamp: minutes east of Greenwich.
    fn zone(&mut self) -> Option<i64> {
        if self.0.is_empty() {
            return Some(0);
        }
        self.skip(' ');
        if ["Z", "UTC", "GMT"].iter().any(|name| self.0.eq_ignore_ascii_case(name)) {
            return Some(0);
        }
        let west = self.skip('-');
        if !west && !self.skip('+') {
            return None;
        }
        let hours = self.two(23)?;
        let minutes = if self.skip(':') || !self.0.is_empty() { self.two(59)? } else { 0 };
        let minutes = hours * 60 + minutes;
        self.0.is_empty().then_some(if west { -minutes } else { minutes })
    }

    /// Days, nanoseconds of the day, and the zone.
    fn timestamp(mut self) -> Option<(i64, i64, i64)> {
        let days = self.date()?;
        let mut nanos = 0;
        if let Some(time) = self.0.strip_prefix([' ', 'T', 't'])
            && time.starts_with(|c: char| c.is_ascii_digit())
        {
            self.0 = time;
            nanos = self.time()?.0;
        }
        Some((days, nanos, self.zone()?))
    }
}

fn month_days(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970. Years are counted from March, so that the leap day is the last one of its year.
fn days(year: i64, month: i64, day: i64) -> i64 {
    const TO_1970: i64 = 719_468;
    let years = if month > 2 { year } else { year - 1 };
    let months = (month + 9) % 12;
    // The lengths of months from March on repeat every five months: 153 days.
    let in_year = (153 * months + 2) / 5 + day - 1;
    years * 365 + years.div_euclid(4) - years.div_euclid(100) + years.div_euclid(400) + in_year - TO_1970
}
