//! Scalar types, values of theirs at the edges, and how these are written in CQL and in SQL.

use std::collections::BTreeSet;

use arrow::temporal_conversions::{date32_to_datetime, timestamp_ms_to_datetime};

use super::choices::Choices;

/// A scalar type of CQL. The first ones are the simplest to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scalar {
    Int,
    Text,
    Bigint,
    Smallint,
    Tinyint,
    Boolean,
    Ascii,
    Timestamp,
    Date,
    Time,
    Uuid,
    Timeuuid,
    Inet,
    Blob,
    Float,
    Double,
    Decimal,
    Varint,
}

use Scalar::{
    Ascii, Bigint, Blob, Boolean, Date, Decimal, Double, Float, Inet, Int, Smallint, Text, Time, Timestamp, Timeuuid,
    Tinyint, Uuid, Varint,
};

impl Scalar {
    pub(crate) const ALL: [Self; 18] = [
        Int, Text, Bigint, Smallint, Tinyint, Boolean, Ascii, Timestamp, Date, Time, Uuid, Timeuuid, Inet, Blob, Float,
        Double, Decimal, Varint,
    ];

    pub(crate) fn cql_name(self) -> String {
        format!("{self:?}").to_ascii_lowercase()
    }

    pub(crate) fn is_integer(self) -> bool {
        matches!(self, Int | Bigint | Smallint | Tinyint)
    }

    pub(crate) fn is_text(self) -> bool {
        matches!(self, Text | Ascii)
    }

    /// Whether equal values look the same: 1.5 and 1.50 are equal decimals.
    pub(crate) fn has_one_form(self) -> bool {
        self != Decimal
    }

    /// Values worth trying. Dates are days, times nanoseconds, timestamps milliseconds, blobs hexadecimal digits.
    pub(crate) fn values(self) -> &'static [&'static str] {
        match self {
            Int => &["1", "0", "2", "-1", "7", "-8", "2147483647", "-2147483648"],
            Bigint => &["1", "0", "2", "-1", "3000000000", "9223372036854775807", "-9223372036854775808"],
            Smallint => &["1", "0", "2", "-1", "300", "32767", "-32768"],
            Tinyint => &["1", "0", "2", "-1", "10", "127", "-128"],
            Varint => &[
                "1",
                "0",
                "-1",
                "2",
                "10",
                "9",
                "9223372036854775807",
                "9223372036854775808",
                "-170141183460469231731687303715884105729",
            ],
            Decimal => &["1", "0", "1.0", "1.5", "1.50", "-2.5", "10", "9.99", "1000", "1E+3", "-0.001", "0.00"],
            Float => &[
                "1.5",
                "0.0",
                "-1.5",
                "-0.0",
                "0.1",
                "2.0",
                "16777216",
                "NaN",
                "Infinity",
                "-Infinity",
                "3.4028235E38",
                "1.0E-45",
            ],
            Double => &[
                "1.5",
                "0.0",
                "-1.5",
                "-0.0",
                "0.1",
                "2.0",
                "9007199254740993",
                "NaN",
                "Infinity",
                "-Infinity",
                "1.7976931348623157E308",
                "5.0E-324",
            ],
            Text => &[
                "a",
                "b",
                "ab",
                "B",
                "",
                "it's",
                "two\nlines",
                "\"q\"",
                "é",
                "e\u{301}",
                "a%_",
                " a",
                "NULL",
                "\u{1F600}",
                "\u{FFFD}",
                "10",
                "9",
            ],
            Ascii => &["a", "b", "A", "", "x'y", "~", "a b", "10"],
            Boolean => &["false", "true"],
            Blob => &["00", "01", "", "ff", "0001", "80", "7f"],
            Uuid => &[
                "00000000-0000-0000-0000-000000000001",
                "00000000-0000-0000-0000-000000000000",
                "123e4567-e89b-42d3-a456-426614174000",
                "f0000000-e89b-42d3-a456-426614174000",
                "ffffffff-0000-1000-8000-000000000000",
                "00000000-ffff-1000-8000-000000000000",
                "00000000-0000-0000-8000-000000000000",
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
            ],
            // Their times are in another order than their bytes.
            Timeuuid => &[
                "00000001-0000-1000-8000-000000000000",
                "ffffffff-0000-1000-8000-000000000000",
                "00000000-0001-1000-8000-000000000000",
                "00000000-0000-1001-8000-000000000000",
                "00000001-0000-1000-8080-7f7f7f7f7f7f",
                "00000001-0000-1000-ffff-ffffffffffff",
                "50554d6e-29bb-11e5-b345-feff819cdc9f",
            ],
            Inet => &["10.0.0.1", "9.0.0.1", "192.0.2.1", "::1", "2001:db8::1", "255.255.255.255", "0.0.0.0", "::"],
            Date => &["0", "-1", "1", "19000", "19782", "-719162", "2932896", "2147483647", "-2147483648"],
            Time => &["0", "1", "43200000000000", "86399999999999", "3600000000000", "43200000000001"],
            Timestamp => &["0", "-1", "1", "1700000000000", "1700000000001", "-86400000", "-2208988800000"],
        }
    }

    /// Many values in no order of their own, for columns of which a Cassandra partition has many rows.
    pub(crate) fn many_values(self) -> Vec<String> {
        let numbers = 0_i64..30;
        match self {
            Int | Bigint | Smallint | Tinyint | Varint => numbers.map(|n| (n - 10).to_string()).collect(),
            Decimal => numbers.map(|n| format!("{}.{}", n - 10, n % 3)).collect(),
            Float | Double => numbers.map(|n| format!("{}.5", n - 10)).collect(),
            Text | Ascii => numbers.map(|n| format!("{n}{}", if n % 2 == 0 { "x" } else { "" })).collect(),
            Date => numbers.map(|n| (n * 40 - 300).to_string()).collect(),
            Time => numbers.map(|n| (n * 3_600_000_000_001 % 86_400_000_000_000).to_string()).collect(),
            Timestamp => numbers.map(|n| (n * 43_200_000 - 300_000_000).to_string()).collect(),
            Blob => numbers.map(|n| format!("{:02x}", n * 8)).collect(),
            Uuid | Timeuuid => {
                numbers.map(|n| format!("{:08x}-000{}-1000-8000-{:012x}", n * 7 % 5, n % 3, n)).collect()
            }
            Inet => numbers.map(|n| format!("{}.0.0.{n}", n * 8)).collect(),
            Boolean => self.values().iter().map(|v| (*v).to_owned()).collect(),
        }
    }

    /// Keeps one of several decimals that are the same number. As part of a key, or of what a collection is ordered by, they are
    /// the same for Cassandra, and in which form it gives them back depends on what it has flushed and on how it is asked.
    pub(crate) fn keep_one_form(self, values: &mut Vec<String>) {
        if self == Decimal {
            let mut known = BTreeSet::new();
            values.retain(|value| known.insert(value.parse::<f64>().unwrap().to_bits()));
        }
    }

    /// A literal of CQL.
    pub(crate) fn cql(self, value: &str) -> String {
        match self {
            Text | Ascii => format!("'{}'", value.replace('\'', "''")),
            Blob => format!("0x{value}"),
            Inet => format!("'{value}'"),
            // Days since -5877641-06-23.
            Date => (value.parse::<i64>().unwrap() + (1 << 31)).to_string(),
            Time => format!("'{}'", time_of_day(value)),
            _ => value.to_owned(),
        }
    }

    /// A constant of SQL that has the very type of the column.
    pub(crate) fn exact(self, value: &str) -> String {
        match self {
            Text | Ascii | Inet | Decimal | Varint => text(value),
            Boolean => value.to_owned(),
            Blob => format!("X'{value}'"),
            Uuid | Timeuuid => format!("arrow_cast(X'{}', 'FixedSizeBinary(16)')", value.replace('-', "")),
            Float => format!("arrow_cast('{value}', 'Float32')"),
            Double => format!("arrow_cast('{value}', 'Float64')"),
            Int | Bigint | Smallint | Tinyint => format!("CAST({value} AS {})", self.cql_name()),
            Date => format!("arrow_cast(arrow_cast({value}, 'Int32'), 'Date32')"),
            Time => format!("arrow_cast({value}, 'Time64(Nanosecond)')"),
            Timestamp => format!("arrow_cast({value}, 'Timestamp(Millisecond, Some(\"UTC\"))')"),
        }
    }

    /// A value as people write it in SQL, in one of several ways.
    pub(crate) fn sql(self, value: &str, choices: &mut Choices) -> String {
        let plain = self.plain(value);
        match (self, choices.weighted(&[6, 2, 1, 1])) {
            (_, 1) => self.exact(value),
            (Int | Smallint | Tinyint, 2) => format!("CAST({value} AS BIGINT)"),
            (Int | Smallint | Tinyint | Bigint, 3) | (Decimal | Varint, 2) => text(value),
            (Decimal, 3) if !value.contains('E') => {
                text(&format!("{value}{}0", if value.contains('.') { "" } else { "." }))
            }
            (Float, 2) if value.contains('.') => value.to_owned(),
            (Float | Double, 3) => format!("CAST('{value}' AS DOUBLE)"),
            (Date, 2) if !plain.contains("cast") => format!("DATE {plain}"),
            (Date, 3) if !plain.contains("cast") => format!("CAST({plain} AS DATE)"),
            (Time, 2) => format!("TIME {plain}"),
            (Timestamp, 2) if plain.starts_with('\'') => plain.replace('Z', "+00:00"),
            (Timestamp, 3) => format!("to_timestamp_millis({value})"),
            (Uuid | Timeuuid, 2) => plain.to_uppercase(),
            (Uuid | Timeuuid, 3) => plain.replace('-', ""),
            (Inet, 2) if value == "2001:db8::1" => text("2001:DB8:0:0:0::1"),
            (Text | Ascii, 2) => format!("({plain} || '')"),
            (Text | Ascii, 3) => format!("arrow_cast({plain}, 'Utf8View')"),
            _ => plain,
        }
    }

    /// A value as most people write it in SQL.
    pub(crate) fn plain(self, value: &str) -> String {
        match self {
            Text | Ascii | Inet | Uuid | Timeuuid => text(value),
            Blob => format!("X'{value}'"),
            // SQL's numbers of more digits lose some.
            Varint | Decimal if value.len() > 15 || value.contains('E') => text(value),
            Float | Double if value.contains(['N', 'I']) => self.exact(value),
            Boolean | Int | Bigint | Smallint | Tinyint | Varint | Decimal | Float | Double => value.to_owned(),
            Time => text(&time_of_day(value)),
            Date => {
                let days = value.parse().unwrap();
                let year_has_four_digits = (-719_162..=2_932_896).contains(&days);
                if !year_has_four_digits {
                    return self.exact(value);
                }
                let day = date32_to_datetime(days).unwrap().to_string();
                text(day.split_whitespace().next().unwrap())
            }
            Timestamp => {
                let milliseconds = value.parse().unwrap();
                let year_has_four_digits = (-62_135_596_800_000..=253_402_300_799_999).contains(&milliseconds);
                if !year_has_four_digits {
                    return self.exact(value);
                }
                let time = timestamp_ms_to_datetime(milliseconds).unwrap().to_string();
                format!("'{}Z'", time.replace(' ', "T"))
            }
        }
    }

    /// A constant that no value of the type equals, or that has another type.
    pub(crate) fn odd(self, choices: &mut Choices) -> String {
        let odd: &[&str] = match self {
            Int | Smallint | Tinyint => &[
                "3000000000",
                "-3000000000",
                "1.5",
                "0.0",
                "-0.5",
                "1e3",
                "99999999999999999999",
                "'01'",
                "'1.0'",
                "' 1'",
            ],
            Bigint => {
                &["1.5", "9223372036854775808", "-9223372036854775809", "1e19", "99999999999999999999", "'01'", "-0.5"]
            }
            Varint | Decimal => {
                &["1.50", "'0001'", "'1e1'", "1e3", "-0.0", "'99999999999999999999999999999999999999999999'"]
            }
            Float | Double => {
                &["1", "0", "-0.0", "1e400", "0.1", "16777217", "arrow_cast('-NaN', 'Float64')", "'1.5'", "3000000000"]
            }
            Text | Ascii => &["5", "10", "'a '", "'zz'", "'\u{10FFFF}'"],
            Boolean => &["NULL", "(1 = 1)"],
            Blob => &["X'00000000'", "'a'", "X'fffefd'"],
            Uuid | Timeuuid => &["'99999999-9999-9999-9999-999999999999'", "'80000000-0000-1000-8000-000000000000'"],
            Inet => &["'::ffff:10.0.0.1'", "'172.16.0.1'"],
            Date => &["DATE '2100-01-01'", "TIMESTAMP '1970-01-01T12:00:00'", "'1970-01-01T00:00:00'", "'1970-01-02'"],
            Time => &["'23:59:59.999999'", "TIME '12:00:00.5'", "'12:00'"],
            Timestamp => &[
                "'2023-11-14T22:13:20.000500Z'",
                "DATE '1970-01-01'",
                "TIMESTAMP '2023-11-14T22:13:20'",
                "TIMESTAMP '1969-12-31T23:59:59.999500'",
                "'2023-11-14'",
                "'2023-11-15T00:13:20+02:00'",
            ],
        };
        (*choices.pick(odd)).to_owned()
    }
}

/// A text of SQL or CQL in quotes.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn time_of_day(nanoseconds: &str) -> String {
    const SECOND: u64 = 1_000_000_000;
    let time: u64 = nanoseconds.parse().unwrap();
    let seconds = time / SECOND;
    format!("{:02}:{:02}:{:02}.{:09}", seconds / 3600, seconds / 60 % 60, seconds % 60, time % SECOND)
}
