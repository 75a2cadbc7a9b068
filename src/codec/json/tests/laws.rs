//! Values of every type, written as JSON here, are read as they were.

use std::collections::HashSet;
use std::fmt::Write;

use arrow::array::Int64Array;
use arrow::datatypes::{
    Date32Type, Float64Type, Int8Type, Int32Type, Int64Type, IntervalMonthDayNanoType, Time64NanosecondType,
    TimestampMillisecondType,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::codec::round_trip::nested::{Numbers, array, types};

/// What is known of a value that was written.
#[derive(Debug, Default)]
struct Written {
    /// A map has a key twice.
    twice: bool,
    /// JSON has only one NaN.
    nan: bool,
}

/// The year, month and day of a day, whichever it is.
fn civil(day: i32) -> String {
    let day = i64::from(day) + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let years = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * years + years / 4 - years / 100);
    let shifted = (5 * of_year + 2) / 153;
    let (d, m) = (of_year - (153 * shifted + 2) / 5 + 1, if shifted < 10 { shifted + 3 } else { shifted - 9 });
    let y = years + era * 400 + i64::from(m <= 2);
    format!("{}{:04}-{m:02}-{d:02}", if y < 0 { "-" } else { "" }, y.abs())
}

#[expect(clippy::needless_pass_by_value, reason = "called with what was just made")]
fn quoted(text: impl ToString) -> String {
    serde_json::to_string(&text.to_string()).unwrap()
}

fn write(cql_type: &CqlType, array: &dyn Array, row: usize, written: &mut Written) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match cql_type.strip_frozen() {
        CqlType::TinyInt => array.as_primitive::<Int8Type>().value(row).to_string(),
        CqlType::Int => quoted(array.as_primitive::<Int32Type>().value(row)),
        CqlType::BigInt => array.as_primitive::<Int64Type>().value(row).to_string(),
        CqlType::Varint => array.as_string::<i32>().value(row).to_owned(),
        CqlType::Double => {
            let value = array.as_primitive::<Float64Type>().value(row);
            written.nan |= value.is_nan();
            if value.is_finite() { format!("{value:e}") } else { quoted(value) }
        }
        CqlType::Boolean => array.as_boolean().value(row).to_string(),
        CqlType::Text => quoted(array.as_string::<i32>().value(row)),
        CqlType::Blob => {
            let bytes = array.as_binary::<i32>().value(row);
            quoted(bytes.iter().fold("0x".to_owned(), |text, byte| format!("{text}{byte:02X}")))
        }
        CqlType::Uuid => quoted(uuid::Uuid::from_slice(array.as_fixed_size_binary().value(row)).unwrap()),
        CqlType::Date => quoted(civil(array.as_primitive::<Date32Type>().value(row))),
        CqlType::Time => {
            let nanos = array.as_primitive::<Time64NanosecondType>().value(row);
            let seconds = nanos / 1_000_000_000;
            let (h, m, s, f) = (seconds / 3600, seconds / 60 % 60, seconds % 60, nanos % 1_000_000_000);
            quoted(format!("{h:02}:{m:02}:{s:02}.{f:09}"))
        }
        CqlType::Timestamp => array.as_primitive::<TimestampMillisecondType>().value(row).to_string(),
        CqlType::Duration => {
            let value = array.as_primitive::<IntervalMonthDayNanoType>().value(row);
            quoted(format!("{}mo{}d{}ns", value.months, value.days, value.nanoseconds))
        }
        CqlType::List(element) | CqlType::Set(element) => {
            elements(element, array.as_list::<i32>().value(row).as_ref(), written)
        }
        CqlType::Vector(element, _) => elements(element, array.as_fixed_size_list().value(row).as_ref(), written),
        CqlType::Map(key, value) => {
            let entries = array.as_map().value(row);
            let mut met = HashSet::new();
            let entries = (0..entries.len()).map(|i| {
                let key = write(key, entries.column(0), i, written);
                let key = if key.starts_with('"') { key } else { quoted(key) };
                let value = write(value, entries.column(1), i, written);
                written.twice |= !met.insert(key.clone());
                format!("{key}:{value}")
            });
            format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
        }
        CqlType::Tuple(parts) => {
            let columns = parts.iter().zip(array.as_struct().columns());
            let parts: Vec<String> = columns.map(|(part, column)| write(part, column, row, written)).collect();
            format!("[{}]", parts.join(", "))
        }
        CqlType::Udt(user_type) => {
            let mut text = String::from("{");
            for ((name, part), column) in user_type.fields.iter().zip(array.as_struct().columns()).rev() {
                let value = write(part, column, row, written);
                let comma = if text.len() > 1 { " , " } else { "" };
                write!(text, "{comma}{} : {value}", quoted(quoted(name))).unwrap();
            }
            text + "}"
        }
        other => panic!("{other}"),
    }
}

fn elements(element: &CqlType, array: &dyn Array, written: &mut Written) -> String {
    let elements: Vec<String> = (0..array.len()).map(|i| write(element, array, i, written)).collect();
    format!("[ {} ]", elements.join(" ,\n"))
}

fn cells<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<Option<T>>> {
    vec(option::weighted(0.8, value), 0..20)
}

/// What `show` makes of the values is read as them.
fn returns<T: Clone>(cql_type: &CqlType, values: &[Option<T>], show: impl Fn(&T) -> String, expected: impl Array) {
    let document = |value: &Option<T>| match value {
        Some(value) => format!(r#"{{"c": {}}}"#, show(value)),
        None => "{}".to_owned(),
    };
    let texts: Vec<String> = values.iter().map(document).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let (batch, refused) = decode(&[column("c", cql_type.clone())], &texts);
    assert!(refused.is_empty(), "{refused:?}");
    assert_eq!(batch.column(0).as_ref(), &expected as &dyn Array, "{cql_type}");
}

proptest! {
    #[test]
    fn nested_values_return(cql_type in types(), rows in 0..12_usize, seed in any::<u64>()) {
        let columns = [column("c", cql_type.clone())];
        let sent = array(&cql_type, rows, true, &mut Numbers::new(seed));
        let written: Vec<(String, Written)> = (0..rows).map(|row| {
            let mut written = Written::default();
            (format!(r#"{{"c": {}}}"#, write(&cql_type, &sent, row, &mut written)), written)
        }).collect();
        let texts: Vec<&str> = written.iter().map(|(text, _)| text.as_str()).collect();
        let (batch, refused) = decode(&columns, &texts);
        let twice: Vec<usize> = (0..rows).filter(|row| written[*row].1.twice).collect();
        prop_assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), twice, "{:?}", refused);
        let sent = RecordBatch::try_from_iter_with_nullable([("c", sent, true)]).unwrap();
        let (sent, read) = (bound(&columns, &sent), bound(&columns, &batch));
        for row in (0..rows).filter(|row| !written[*row].1.twice && !written[*row].1.nan) {
            prop_assert_eq!(read.value(0, row).unwrap(), sent.value(0, row).unwrap(), "{}", texts[row]);
        }
    }

    #[test]
    fn numbers_return_with_all_their_digits(
        big in cells(any::<i64>()), float in cells(any::<f32>()), double in cells(any::<f64>()),
        varint in cells("-?[1-9][0-9]{0,95}"),
        decimal in cells("-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?"),
    ) {
        for quote in ["", "\""] {
            let show = |n: &dyn std::fmt::Display| format!("{quote}{n}{quote}");
            returns(&CqlType::BigInt, &big, |n| show(n), Int64Array::from(big.clone()));
            returns(&CqlType::Float, &float, |n| show(n), arrow::array::Float32Array::from(float.clone()));
            returns(&CqlType::Double, &double, |n| show(n), arrow::array::Float64Array::from(double.clone()));
            returns(&CqlType::Varint, &varint, |n| show(n), StringArray::from(varint.clone()));
            returns(&CqlType::Decimal, &decimal, |n| show(n), StringArray::from(decimal.clone()));
        }
    }

    #[test]
    fn integers_fit_or_are_refused(value in any::<i64>(), shift in 0..64_u32) {
        let value = value >> shift;
        let fits = [
            (CqlType::TinyInt, i8::try_from(value).is_ok()),
            (CqlType::SmallInt, i16::try_from(value).is_ok()),
            (CqlType::Int, i32::try_from(value).is_ok()),
        ];
        for (cql_type, fits) in fits {
            match cell(&cql_type, &value.to_string()) {
                Ok(Some(cell)) => {
                    prop_assert!(fits);
                    let wide = value.to_be_bytes();
                    prop_assert_eq!(&wide[8 - cell.len()..], cell.as_slice());
                }
                Ok(None) => prop_assert!(false, "{value} is null"),
                Err(why) => prop_assert!(!fits && why.contains("out of range"), "{}", why),
            }
        }
    }

    #[test]
    fn texts_return_with_every_character(texts in cells(prop_oneof![".{0,20}", "[\\x00-\\x7f]{0,20}", "\\PC{0,9}"])) {
        returns(&CqlType::Text, &texts, |text| quoted(text), StringArray::from(texts.clone()));
        let escaped = |text: &String| {
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
            format!("\"{}\"", units.collect::<String>())
        };
        returns(&CqlType::Text, &texts, escaped, StringArray::from(texts.clone()));
    }

    #[test]
    fn days_follow_each_other(day in any::<i32>(), millis in any::<i64>()) {
        is_read(&CqlType::Date, &quoted(civil(day)), arrow::array::Date32Array::from(vec![day]));
        let (midnight, rest) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        if let Ok(day) = i32::try_from(midnight) {
            let (s, f) = (rest / 1000, rest % 1000);
            let text = format!("{}T{:02}:{:02}:{:02}.{f:03}Z", civil(day), s / 3600, s / 60 % 60, s % 60);
            let expected = arrow::array::TimestampMillisecondArray::from(vec![millis]).with_timezone("UTC");
            is_read(&CqlType::Timestamp, &quoted(text), expected);
        }
    }

    /// Whatever comes, it is a row or a refusal, and the rows around it stay.
    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![".{0,40}", "[\\[\\]{}\":,a1\\\\ .e-]{0,30}"], cut in 0..90_usize) {
        let columns = super::table();
        let whole = r#"{"id": 1, "\"MyName\"": "\u00e4ö", "tags": [1, 2.0, "3"], "\"MyName\"": {"a": [null]}}"#;
        let part = whole.get(..cut).unwrap_or(whole);
        for odd in [text.clone(), part.to_owned(), format!(r#"{{"id": 7, "tags": {text}}}"#), quoted(&text)] {
            let (batch, refused) = decode(&columns, &[r#"{"id": 1}"#, &odd, r#"{"id": 2}"#]);
            let ids = ints(&batch, 0);
            prop_assert_eq!((ids[0], ids[2]), (Some(1), Some(2)));
            prop_assert!(refused.iter().all(|(row, _)| *row == 1));
            let is_object = serde_json::from_str::<serde_json::Value>(&odd).is_ok_and(|value| value.is_object());
            prop_assert!(is_object || refused.len() == 1, "{}", odd);
        }
    }
}
