use arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array,
    Time64NanosecondArray, TimestampMillisecondArray,
};

use super::*;
use crate::codec::tests::SCALARS;

/// Values that no type takes, and those of another kind.
#[test]
fn every_type_has_null_and_refuses_what_is_not_its_own() {
    for cql_type in SCALARS {
        assert_eq!(cell(&cql_type, "null"), Ok(None), "{cql_type}");
        for json in ["[]", "{}"] {
            assert!(refusal(&cql_type, json).contains(" and must be "), "{cql_type}");
        }
        let takes_empty = matches!(cql_type, CqlType::Text | CqlType::Ascii);
        assert_eq!(cell(&cql_type, r#""""#).is_ok(), takes_empty, "{cql_type}");
        let takes_true = matches!(cql_type, CqlType::Boolean);
        assert_eq!(cell(&cql_type, "true").is_ok(), takes_true, "{cql_type}");
        let number = ["int", "bigint", "counter", "varint", "decimal", "float", "double", "timestamp"];
        let takes_number = number.iter().any(|name| cql_type.to_string().ends_with(name));
        assert_eq!(cell(&cql_type, "1").is_ok(), takes_number, "{cql_type}");
        assert_eq!(cell(&cql_type, r#""null""#).is_ok(), takes_empty, "{cql_type}");
    }
}

#[test]
fn integers_up_to_their_limits() {
    for (json, expected) in [("0", 0), ("-0", 0), (r#""12""#, 12), (r#""+12""#, 12), ("127", 127), ("-128", -128)] {
        is_read(&CqlType::TinyInt, json, Int8Array::from(vec![expected]));
    }
    is_read(&CqlType::SmallInt, "-32768", Int16Array::from(vec![i16::MIN]));
    is_read(&CqlType::Int, r#""2147483647""#, Int32Array::from(vec![i32::MAX]));
    for cql_type in [CqlType::BigInt, CqlType::Counter] {
        // 2^53 + 1 is no double.
        is_read(&cql_type, "9007199254740993", Int64Array::from(vec![9_007_199_254_740_993]));
        is_read(&cql_type, "-9223372036854775808", Int64Array::from(vec![i64::MIN]));
        is_read(&cql_type, r#""9223372036854775807""#, Int64Array::from(vec![i64::MAX]));
    }
    let whole = [(CqlType::TinyInt, "128"), (CqlType::SmallInt, "-32769"), (CqlType::Int, "2147483648")];
    for (cql_type, json) in whole.into_iter().chain([(CqlType::BigInt, "9223372036854775808")]) {
        for json in [json.to_owned(), format!("\"{json}\"")] {
            let expected = format!("cannot read {json} as {cql_type}: it is out of range (column: c)");
            assert_eq!(refusal(&cql_type, &json), expected);
        }
    }
    for json in ["1.0", "1e3", r#""1.0""#, r#"" 1""#, r#""0x1""#, r#""-""#] {
        assert!(refusal(&CqlType::Int, json).contains("it must be an integer"), "{json}");
    }
}

#[test]
fn numbers_of_any_size_keep_their_digits() {
    let digits = "123456789012345678901234567890123456789012345678901234567890";
    for json in [digits.to_owned(), format!("\"{digits}\"")] {
        is_read(&CqlType::Varint, &json, StringArray::from(vec![digits]));
        is_read(&CqlType::Decimal, &json, StringArray::from(vec![digits]));
    }
    for text in ["0.1", "1.50", "-1E+3", "1e3", "1E-400", "0.10000000000000000000000000000000001"] {
        is_read(&CqlType::Decimal, text, StringArray::from(vec![text]));
        is_read(&CqlType::Decimal, &format!("\"{text}\""), StringArray::from(vec![text]));
    }
    // 1.5 and 1.50 are two values.
    assert_ne!(cell(&CqlType::Decimal, "1.5"), cell(&CqlType::Decimal, "1.50"));
    // These are the encoder's refusals.
    for (cql_type, json) in [(CqlType::Varint, "1.0"), (CqlType::Varint, "1e3"), (CqlType::Decimal, r#""NaN""#)] {
        assert!(refusal(&cql_type, json).starts_with("cannot write"), "{json}");
    }
}

#[test]
fn floats_are_the_nearest() {
    for (json, expected) in [
        ("0.1", 0.1),
        ("-0.0", -0.0),
        ("1", 1.0),
        (r#""1e300""#, 1e300),
        ("1e-400", 0.0),
        (r#""Infinity""#, f64::INFINITY),
        (r#""-Infinity""#, f64::NEG_INFINITY),
        (r#""-inf""#, f64::NEG_INFINITY),
        ("1.7976931348623157e308", f64::MAX),
    ] {
        is_read(&CqlType::Double, json, Float64Array::from(vec![expected]));
    }
    is_read(&CqlType::Float, "0.1", Float32Array::from(vec![0.1_f32]));
    // Rounded once: by way of a double it would be 1.0.
    is_read(&CqlType::Float, "1.00000005960464477540", Float32Array::from(vec![1.000_000_1_f32]));
    is_read(&CqlType::Float, r#""-Infinity""#, Float32Array::from(vec![f32::NEG_INFINITY]));
    let nan = cell(&CqlType::Double, r#""NaN""#).unwrap().unwrap();
    assert!(f64::from_be_bytes(nan.try_into().unwrap()).is_nan());
    for (cql_type, json) in [(CqlType::Float, "1e39"), (CqlType::Double, "-1e309"), (CqlType::Double, r#""1e309""#)] {
        assert!(refusal(&cql_type, json).contains("it is out of range"), "{json}");
    }
    assert!(refusal(&CqlType::Double, r#""1,5""#).contains("it is no number"));
    let (_, refused) = decode(&[column("c", CqlType::Double)], &[r#"{"c": NaN}"#]);
    assert!(refused[0].1.contains("it is no JSON"), "{refused:?}");
}

#[test]
fn booleans_and_texts() {
    for (json, expected) in [("true", true), ("false", false), (r#""TRUE""#, true), (r#""false""#, false)] {
        is_read(&CqlType::Boolean, json, BooleanArray::from(vec![expected]));
    }
    for json in ["1", r#""yes""#, r#""t""#] {
        assert!(refusal(&CqlType::Boolean, json).contains("true or false"), "{json}");
    }
    is_read(&CqlType::Text, r#""a\u0000\\\/\tä""#, StringArray::from(vec!["a\0\\/\tä"]));
    is_read(&CqlType::Ascii, r#""a b""#, StringArray::from(vec!["a b"]));
    let expected = "cannot read 12 as text: it is a number and must be a text (column: c)";
    assert_eq!(refusal(&CqlType::Text, "12"), expected);
    assert!(refusal(&CqlType::Ascii, r#""ä""#).contains("ASCII"));
}

#[test]
fn blobs_are_hexadecimal() {
    let blob = |bytes: &[u8]| BinaryArray::from(vec![bytes]);
    is_read(&CqlType::Blob, r#""0x""#, blob(&[]));
    is_read(&CqlType::Blob, r#""0x00fFA5""#, blob(&[0, 0xff, 0xa5]));
    for json in [r#""00ff""#, r#""0X00""#, r#""0x0""#, r#""0x0g""#, r#""0x+1""#, r#""0xää""#, r#""AP8=""#] {
        assert!(refusal(&CqlType::Blob, json).contains("two hexadecimal digits"), "{json}");
    }
}

#[test]
fn text_that_the_encoder_reads_goes_there() {
    let uuid = "f47ac10b-58cc-1372-8567-0e02b2c3d479";
    for (cql_type, text) in [
        (CqlType::Uuid, uuid),
        (CqlType::TimeUuid, uuid),
        (CqlType::Inet, "192.0.2.1"),
        (CqlType::Inet, "2001:db8::1"),
        (CqlType::Duration, "1y2mo3d4h5m6s7ms8us9ns"),
        (CqlType::Duration, "P1Y2M3DT4H5M6S"),
    ] {
        is_read(&cql_type, &format!("\"{text}\""), StringArray::from(vec![text]));
        assert!(refusal(&cql_type, r#""x""#).starts_with("cannot write \"x\""), "{cql_type}");
        assert!(refusal(&cql_type, "1").starts_with("cannot read 1"), "{cql_type}");
    }
}

#[test]
fn dates_as_far_as_they_go() {
    for (text, expected) in [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2000-02-29", 11_016),
        ("2011-02-03", 15_008),
        ("0000-03-01", -719_468),
        ("-0001-12-31", -719_529),
        ("9999-12-31", 2_932_896),
        ("+10000-01-01", 2_932_897),
        ("10000-01-01", 2_932_897),
        ("-5877641-06-23", i32::MIN),
        ("5881580-07-11", i32::MAX),
    ] {
        is_read(&CqlType::Date, &format!("\"{text}\""), Date32Array::from(vec![expected]));
    }
    for text in ["-5877641-06-22", "5881580-07-12", "999999999-12-31"] {
        assert!(refusal(&CqlType::Date, &format!("\"{text}\"")).contains("it is out of range"), "{text}");
    }
    for text in [
        "2011-02-29",
        "1900-02-29",
        "2011-04-31",
        "2011-00-01",
        "2011-13-01",
        "2011-01-00",
        "2011-01-32",
        "2011-1-1",
        "11-01-01",
        "2011-01-01 ",
        " 2011-01-01",
        "2011-01-01T00:00:00Z",
        "2011/01/01",
        "2011-01",
        "15008",
        "1000000000-01-01",
        "--2011-01-01",
        "2011-01-0ä",
    ] {
        assert!(refusal(&CqlType::Date, &format!("\"{text}\"")).contains("it is no date"), "{text}");
    }
}

#[test]
fn times_of_day() {
    for (text, expected) in [
        ("00:00:00", 0),
        ("04:05:06", 14_706_000_000_000),
        ("04:05:06.7", 14_706_700_000_000),
        ("23:59:59.999999999", 86_399_999_999_999),
        ("00:00:00.000000001", 1),
    ] {
        is_read(&CqlType::Time, &format!("\"{text}\""), Time64NanosecondArray::from(vec![expected]));
    }
    for text in
        ["24:00:00", "00:60:00", "00:00:60", "4:05:06", "04:05", "04:05:06.", "04:05:06.1234567890", "-04:05:06"]
    {
        assert!(refusal(&CqlType::Time, &format!("\"{text}\"")).contains("it is no time of day"), "{text}");
    }
}

#[test]
fn points_in_time() {
    const POINT: i64 = 1_296_705_900_000;
    for (json, expected) in [
        ("1296705900000", POINT),
        ("-1", -1),
        ("-9223372036854775808", i64::MIN),
        (r#""1296705900000""#, POINT),
        (r#""-1""#, -1),
        (r#""2011""#, 2011),
        (r#""2011-02-03 04:05""#, POINT),
        (r#""2011-02-03 04:05+0000""#, POINT),
        (r#""2011-02-03 04:05:00""#, POINT),
        (r#""2011-02-03 04:05:00.000Z""#, POINT),
        (r#""2011-02-03 04:05:00.123 UTC""#, POINT + 123),
        (r#""2011-02-03T04:05:00.1+0000""#, POINT + 100),
        (r#""2011-02-03t04:05:00.123000000z""#, POINT + 123),
        (r#""2011-02-03T05:35+01:30""#, POINT),
        (r#""2011-02-02 23:05 -05""#, POINT),
        (r#""2011-02-02 23:05-0500""#, POINT),
        (r#""2011-02-03""#, POINT - (4 * 60 + 5) * 60_000),
        (r#""2011-02-03+0000""#, POINT - (4 * 60 + 5) * 60_000),
        (r#""2011-02-03-0500""#, POINT + 55 * 60_000),
        (r#""2011-02-03Z""#, POINT - (4 * 60 + 5) * 60_000),
        (r#""1969-12-31T23:59:59.999Z""#, -1),
        (r#""-292275055-05-16T16:47:04.192Z""#, i64::MIN),
        (r#""+292278994-08-17T07:12:55.807Z""#, i64::MAX),
    ] {
        let expected = TimestampMillisecondArray::from(vec![expected]).with_timezone("UTC");
        is_read(&CqlType::Timestamp, json, expected);
    }
    for json in [
        "9223372036854775808",
        r#""-9223372036854775809""#,
        r#""292278994-08-17T07:12:55.808Z""#,
        r#""-292275055-05-16T16:47:04.191Z""#,
        r#""999999999-12-31""#,
    ] {
        assert!(refusal(&CqlType::Timestamp, json).contains("it is out of range"), "{json}");
    }
    assert!(refusal(&CqlType::Timestamp, r#""2011-02-03T04:05:06.7891Z""#).contains("whole milliseconds"));
    for json in ["1.5", "1e3"] {
        assert!(refusal(&CqlType::Timestamp, json).contains("it must be an integer"), "{json}");
    }
    for text in [
        "now",
        "2011-02-03T",
        "2011-02-03 ",
        "2011-02-03T04",
        "2011-02-03T04:05:06 CET",
        "2011-02-03T04:05:06+",
        "2011-02-03T04:05:06+5",
        "2011-02-03T04:05:06+05:",
        "2011-02-03T04:05:06+24:00",
        "2011-02-03T04:05:06+01:60",
        "2011-02-03T04:05:60Z",
        "2011-02-03T04:05:06,789Z",
        "2011-02-30T04:05:06Z",
        "2011-02-03  04:05",
        "2011-02-03_04:05",
        "+5",
    ] {
        assert!(refusal(&CqlType::Timestamp, &format!("\"{text}\"")).contains("it is no timestamp"), "{text}");
    }
}
