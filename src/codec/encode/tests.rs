use arrow::array::{
    ArrayRef, BinaryArray, BinaryViewArray, Date64Array, Decimal128Array, Decimal256Array, DictionaryArray,
    DurationMillisecondArray, FixedSizeBinaryArray, Float32Array, Float64Array, Int8Array, Int32Array, Int64Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, LargeBinaryArray, LargeStringArray,
    NullArray, StringArray, StringViewArray, Time32MillisecondArray, Time32SecondArray, Time64MicrosecondArray,
    Time64NanosecondArray, TimestampMicrosecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Int32Type, IntervalDayTime, IntervalMonthDayNano, TimeUnit, i256};
use scylla::frame::response::result::{ColumnSpec, ColumnType, NativeType, TableSpec};
use scylla::serialize::row::{RowSerializationContext, SerializeRow};

use super::*;
use crate::ErrorKind;
use crate::cluster::cql_type::CqlType;
use crate::codec::tests::{column, key};

mod nested;
mod size;

fn bind(columns: &[Column], arrays: Vec<ArrayRef>) -> BoundBatch {
    let fields: Vec<_> = arrays.iter().map(|a| Field::new("whatever", a.data_type().clone(), true)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    RowEncoder::try_new(columns, batch.schema_ref()).unwrap().bind(&batch).unwrap()
}

/// The bytes of a row, lengths included.
fn row(bound: &BoundBatch, row: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let checked = bound.check(row).map_err(|e| e.to_string());
    let result = bound.encode_row(row, &mut RowWriter::new(&mut bytes));
    assert_eq!(checked.as_ref().err(), result.as_ref().err().map(ToString::to_string).as_ref());
    result.map(|()| bytes)
}

/// The cell that the first value of `array` makes in a column of this type.
fn cell(cql_type: CqlType, array: impl arrow::array::Array + 'static) -> Vec<u8> {
    let bound = bind(&[column("c", cql_type)], vec![Arc::new(array)]);
    row(&bound, 0).unwrap().split_off(4)
}

fn error(cql_type: CqlType, array: impl arrow::array::Array + 'static) -> String {
    let error = row(&bind(&[column("c", cql_type)], vec![Arc::new(array)]), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    error.to_string()
}

fn refusal(cql_type: CqlType, source: DataType) -> String {
    let input = Schema::new(vec![Field::new("c", source, true)]);
    let error = RowEncoder::try_new(&[column("c", cql_type)], &input).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    error.to_string()
}

#[test]
fn null_is_unset() {
    let bound = bind(
        &[column("a", CqlType::Int), column("b", CqlType::Text), column("n", CqlType::Uuid)],
        vec![
            Arc::new(Int32Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec![None, Some("x")])),
            Arc::new(NullArray::new(2)),
        ],
    );
    assert_eq!(row(&bound, 0).unwrap(), [0, 0, 0, 4, 0, 0, 0, 1, 255, 255, 255, 254, 255, 255, 255, 254]);
    assert_eq!(row(&bound, 1).unwrap(), [255, 255, 255, 254, 0, 0, 0, 1, b'x', 255, 255, 255, 254]);
    assert_eq!((bound.row_bytes(0), bound.row_bytes(1)), (16, 13));
    assert_eq!((bound.num_rows(), bound.row_bytes(2)), (2, 0));
}

#[test]
fn rows_can_be_sent_from_any_task() {
    fn is_shareable<T: Send + Sync + 'static>() {}
    is_shareable::<RowEncoder>();
    is_shareable::<BoundBatch>();
    is_shareable::<BoundRow<'static>>();
}

#[test]
fn integers_of_any_width() {
    assert_eq!(cell(CqlType::TinyInt, Int64Array::from(vec![-128])), [0x80]);
    assert_eq!(cell(CqlType::SmallInt, UInt8Array::from(vec![255])), [0, 255]);
    assert_eq!(cell(CqlType::BigInt, Int8Array::from(vec![-1])), [255; 8]);
    assert_eq!(cell(CqlType::Varint, UInt64Array::from(vec![u64::MAX])), [0, 255, 255, 255, 255, 255, 255, 255, 255]);
    assert_eq!(cell(CqlType::Decimal, Int8Array::from(vec![-1])), [0, 0, 0, 0, 255]);
    assert_eq!(
        error(CqlType::TinyInt, Int64Array::from(vec![128])),
        "cannot write \"128\" as tinyint: it is out of range (column: c, row: 1)"
    );
    assert!(error(CqlType::Int, Int64Array::from(vec![i64::MAX])).contains("9223372036854775807"));
    assert!(error(CqlType::BigInt, UInt64Array::from(vec![1 << 63])).contains("out of range"));
}

#[test]
fn a_bad_value_spoils_its_own_row_only() {
    let bound =
        bind(&[column("c", CqlType::TinyInt)], vec![Arc::new(Int32Array::from(vec![Some(1), Some(300), None]))]);
    assert_eq!(row(&bound, 0).unwrap(), [0, 0, 0, 1, 1]);
    assert!(row(&bound, 1).unwrap_err().to_string().ends_with("(column: c, row: 2)"));
    assert_eq!(row(&bound, 2).unwrap(), [255, 255, 255, 254]);
    assert_eq!(bound.check(3).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn floats_are_never_rounded() {
    assert_eq!(cell(CqlType::Double, Float32Array::from(vec![1.5])), 1.5_f64.to_be_bytes());
    for exact in [0.0_f32, -0.0, 1.5, f32::INFINITY, f32::MIN_POSITIVE] {
        let array = Float64Array::from(vec![f64::from(exact)]);
        assert_eq!(cell(CqlType::Float, array), exact.to_be_bytes());
    }
    assert!(f32::from_be_bytes(cell(CqlType::Float, Float64Array::from(vec![f64::NAN])).try_into().unwrap()).is_nan());
    for inexact in [0.1, 1e300, f64::MIN_POSITIVE] {
        assert!(error(CqlType::Float, Float64Array::from(vec![inexact])).contains("exactly"), "{inexact}");
    }
}

#[test]
fn text_and_bytes_in_every_layout() {
    let dictionary: DictionaryArray<Int32Type> = ["x", "y"].into_iter().collect();
    assert_eq!(cell(CqlType::Text, StringArray::from(vec!["x"])), b"x");
    assert_eq!(cell(CqlType::Text, LargeStringArray::from(vec!["x"])), b"x");
    assert_eq!(
        cell(CqlType::Text, StringViewArray::from(vec!["longer than twelve bytes"])),
        b"longer than twelve bytes"
    );
    assert_eq!(cell(CqlType::Text, dictionary), b"x");
    assert_eq!(cell(CqlType::Blob, BinaryArray::from(vec![&[1, 2][..]])), [1, 2]);
    assert_eq!(cell(CqlType::Blob, LargeBinaryArray::from(vec![&[1, 2][..]])), [1, 2]);
    assert_eq!(cell(CqlType::Blob, BinaryViewArray::from(vec![&[1, 2][..]])), [1, 2]);
    assert_eq!(cell(CqlType::Blob, FixedSizeBinaryArray::try_from_iter([[7, 8, 9]].into_iter()).unwrap()), [7, 8, 9]);
    assert_eq!(
        error(CqlType::Ascii, StringArray::from(vec!["naïve"])),
        "cannot write \"naïve\" as ascii: it has other characters than ASCII (column: c, row: 1)"
    );
}

#[test]
fn dictionaries_keep_their_nulls_and_their_ranges() {
    let values = Int64Array::from(vec![Some(5), None, Some(500)]);
    let keys = Int8Array::from(vec![Some(0), Some(1), None, Some(2)]);
    let dictionary: ArrayRef = Arc::new(DictionaryArray::new(keys, Arc::new(values)));
    let as_key = bind(&[key("k", CqlType::TinyInt)], vec![Arc::clone(&dictionary)]);
    let bound = bind(&[column("k", CqlType::TinyInt)], vec![dictionary]);
    assert_eq!(row(&bound, 0).unwrap(), [0, 0, 0, 1, 5]);
    assert_eq!(row(&bound, 1).unwrap(), [255, 255, 255, 254]);
    assert_eq!(row(&bound, 2).unwrap(), [255, 255, 255, 254]);
    assert!(row(&bound, 3).unwrap_err().to_string().contains("\"500\""));
    as_key.check(0).unwrap();
    assert!(as_key.check(1).unwrap_err().to_string().ends_with("(column: k, row: 2)"));
}

#[test]
fn uuids_from_text_and_bytes() {
    let text = "f47ac10b-58cc-1372-8567-0e02b2c3d479";
    let bytes = *uuid::Uuid::parse_str(text).unwrap().as_bytes();
    for cql_type in [CqlType::Uuid, CqlType::TimeUuid] {
        assert_eq!(cell(cql_type.clone(), StringArray::from(vec![text])), bytes);
        assert_eq!(cell(cql_type.clone(), BinaryArray::from(vec![&bytes[..]])), bytes);
        assert_eq!(cell(cql_type.clone(), FixedSizeBinaryArray::try_from_iter([bytes].into_iter()).unwrap()), bytes);
        assert!(error(cql_type.clone(), StringArray::from(vec!["f47ac10b"])).contains("it is no UUID"));
        assert!(error(cql_type, BinaryArray::from(vec![&bytes[1..]])).contains("16 bytes"));
    }
    let version_4 = "f47ac10b-58cc-4372-8567-0e02b2c3d479";
    assert!(error(CqlType::TimeUuid, StringArray::from(vec![version_4])).contains("version 1"));
    refusal(CqlType::Uuid, DataType::FixedSizeBinary(15));
}

#[test]
fn addresses_from_text_and_bytes() {
    assert_eq!(cell(CqlType::Inet, StringArray::from(vec!["10.0.0.1"])), [10, 0, 0, 1]);
    assert_eq!(cell(CqlType::Inet, StringArray::from(vec!["::1"])), 1_u128.to_be_bytes());
    assert_eq!(cell(CqlType::Inet, BinaryArray::from(vec![&[10, 0, 0, 1][..]])), [10, 0, 0, 1]);
    assert!(error(CqlType::Inet, StringArray::from(vec!["localhost"])).contains("it is no IPv4 or IPv6 address"));
    assert!(error(CqlType::Inet, BinaryArray::from(vec![&[1][..]])).contains("neither 4 nor 16 bytes"));
}

#[test]
fn decimals_keep_the_scale_of_their_type() {
    let narrow = Decimal128Array::from(vec![-150]).with_precision_and_scale(5, 2).unwrap();
    assert_eq!(cell(CqlType::Decimal, narrow), [0, 0, 0, 2, 0xff, 0x6a]);
    let wide = Decimal256Array::from(vec![i256::MIN]).with_precision_and_scale(76, -1).unwrap();
    let bytes = cell(CqlType::Decimal, wide);
    assert_eq!((bytes.len(), &bytes[..5]), (36, &[255, 255, 255, 255, 0x80][..]));
    let whole = Decimal128Array::from(vec![128]).with_precision_and_scale(5, 0).unwrap();
    assert_eq!(cell(CqlType::Varint, whole), [0, 0x80]);
    assert_eq!(cell(CqlType::Decimal, StringArray::from(vec!["1.50"])), [0, 0, 0, 2, 0, 150]);
    assert!(error(CqlType::Decimal, StringArray::from(vec!["1,5"])).contains("it is no decimal number"));
    assert!(error(CqlType::Varint, StringArray::from(vec!["1.0"])).contains("it is no integer"));
    refusal(CqlType::Varint, DataType::Decimal128(5, 2));
}

#[test]
fn dates_and_times_of_every_unit() {
    assert_eq!(cell(CqlType::Date, Date64Array::from(vec![-86_400_000])), [0x7f, 255, 255, 255]);
    assert!(error(CqlType::Date, Date64Array::from(vec![1])).contains("time of day"));
    assert!(error(CqlType::Date, Date64Array::from(vec![i64::MAX / 86_400_000 * 86_400_000])).contains("out of range"));
    let one_second = 1_000_000_000_i64.to_be_bytes();
    assert_eq!(cell(CqlType::Time, Time32SecondArray::from(vec![1])), one_second);
    assert_eq!(cell(CqlType::Time, Time32MillisecondArray::from(vec![1_000])), one_second);
    assert_eq!(cell(CqlType::Time, Time64MicrosecondArray::from(vec![1_000_000])), one_second);
    for nanos in [-1, 86_400_000_000_000, i64::MAX] {
        assert!(error(CqlType::Time, Time64NanosecondArray::from(vec![nanos])).contains("within one day"));
    }
    assert!(error(CqlType::Time, Time64MicrosecondArray::from(vec![i64::MAX])).contains("within one day"));
}

#[test]
fn timestamps_of_every_unit_are_exact() {
    let expected = (-1_000_i64).to_be_bytes();
    assert_eq!(cell(CqlType::Timestamp, TimestampSecondArray::from(vec![-1])), expected);
    assert_eq!(cell(CqlType::Timestamp, TimestampMicrosecondArray::from(vec![-1_000_000])), expected);
    let with_zone = TimestampNanosecondArray::from(vec![-1_000_000_000]).with_timezone("+05:30");
    assert_eq!(cell(CqlType::Timestamp, with_zone), expected);
    assert_eq!(
        error(CqlType::Timestamp, TimestampMicrosecondArray::from(vec![1_001])),
        "cannot write \"1970-01-01T00:00:00.001001\" as timestamp: Cassandra keeps whole milliseconds; drop the rest \
         with date_trunc('millisecond', …) (column: c, row: 1)"
    );
    assert!(error(CqlType::Timestamp, TimestampSecondArray::from(vec![i64::MAX])).contains("out of range"));
}

#[test]
fn durations_of_every_unit() {
    assert_eq!(cell(CqlType::Duration, IntervalYearMonthArray::from(vec![14])), [28, 0, 0]);
    let day_time = IntervalDayTimeArray::from(vec![IntervalDayTime { days: -1, milliseconds: 0 }]);
    assert_eq!(cell(CqlType::Duration, day_time), [0, 1, 0]);
    assert_eq!(cell(CqlType::Duration, DurationMillisecondArray::from(vec![1])), [0, 0, 0xde, 0x84, 0x80]);
    assert!(error(CqlType::Duration, DurationMillisecondArray::from(vec![i64::MAX])).contains("out of range"));
    let mixed = IntervalMonthDayNano { months: 1, days: -1, nanoseconds: 0 };
    assert!(
        error(CqlType::Duration, IntervalMonthDayNanoArray::from(vec![mixed])).contains("all positive or all negative")
    );
}

#[test]
fn types_that_do_not_bind_are_refused_with_advice() {
    assert_eq!(
        refusal(CqlType::Int, DataType::Utf8),
        "column c of type int cannot be written from Arrow type Utf8; convert the value first, for example with \
         arrow_cast(…, 'Int32')"
    );
    for (cql_type, source) in [
        (CqlType::Text, DataType::Int32),
        (CqlType::Text, DataType::Binary),
        (CqlType::Int, DataType::Float64),
        (CqlType::Boolean, DataType::Int8),
        (CqlType::Date, DataType::Timestamp(TimeUnit::Second, None)),
        (CqlType::Timestamp, DataType::Int64),
    ] {
        refusal(cql_type, source);
    }
    assert!(RowEncoder::try_new(&[], &Schema::new(vec![Field::new("a", DataType::Int8, true)])).is_err());
}

#[test]
fn another_batch_than_planned_is_a_bug() {
    let encoder = |source| {
        let input = Schema::new(vec![Field::new("c", source, true)]);
        RowEncoder::try_new(&[column("c", CqlType::Text)], &input).unwrap()
    };
    let array: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    let batch = RecordBatch::try_from_iter([("c", array)]).unwrap();
    assert_eq!(encoder(DataType::Utf8).bind(&batch).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn keys_must_be_there_and_of_the_right_size() {
    let clustering = Column { kind: ColumnKind::Clustering { descending: false }, ..column("c", CqlType::Text) };
    let columns = [key("k", CqlType::Text), clustering, column("v", CqlType::Text)];
    let long = "x".repeat(65_536);
    let text = |values: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringArray::from(values.to_vec())) };
    let bound = bind(
        &columns,
        vec![
            text([Some("k"), Some(""), Some("k")]),
            text([Some(""), Some("c"), Some(&long)]),
            text([None, None, Some(&long)]),
        ],
    );
    row(&bound, 0).unwrap();
    assert!(row(&bound, 1).unwrap_err().to_string().contains("must not be empty (column: k, row: 2)"));
    let error = row(&bound, 2).unwrap_err().to_string();
    assert!(error.contains("longer than the 65535 bytes") && error.len() < 300, "{error}");
    let with_null = bind(&columns, vec![text([Some("k"); 3]), text([Some("c"), None, None]), text([None; 3])]);
    with_null.check(0).unwrap();
    assert_eq!(
        with_null.check(1).unwrap_err().to_string(),
        "a column of the primary key is null; filter such rows out, or give it a value with coalesce (column: c, row: 2)"
    );
    let nothing = bind(&columns, vec![Arc::new(NullArray::new(3)), text([Some("c"); 3]), text([None; 3])]);
    assert!((0..3).all(|row| nothing.check(row).is_err()));
}

#[test]
fn partition_keys_are_in_the_form_that_is_hashed() {
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![Some(7), None]));
    let text: ArrayRef = Arc::new(StringArray::from(vec!["ab", "cd"]));
    let single = bind(&[column("v", CqlType::Text), key("k", CqlType::Int)], vec![text.clone(), ints.clone()]);
    let mut bytes = vec![9];
    single.partition_key(0, &mut bytes).unwrap();
    assert_eq!(bytes, [9, 0, 0, 0, 7]);
    assert!(single.partition_key(1, &mut bytes).unwrap_err().to_string().contains("is null"));
    let composite = bind(&[key("a", CqlType::Int), key("b", CqlType::Text)], vec![ints, text]);
    let mut bytes = Vec::new();
    composite.partition_key(0, &mut bytes).unwrap();
    assert_eq!(bytes, [0, 4, 0, 0, 0, 7, 0, 0, 2, b'a', b'b', 0]);
}

#[test]
fn the_driver_writes_what_we_write() {
    let bound = bind(&[key("k", CqlType::Int)], vec![Arc::new(Int32Array::from(vec![7]))]);
    let spec = |name| ColumnSpec::borrowed(name, ColumnType::Native(NativeType::Int), TableSpec::borrowed("ks", "t"));
    let one = [spec("k")];
    let mut bytes = Vec::new();
    let mut writer = RowWriter::new(&mut bytes);
    bound.row(0).serialize(&RowSerializationContext::from_specs(&one), &mut writer).unwrap();
    assert_eq!(writer.value_count(), 1);
    assert_eq!(bytes, [0, 0, 0, 4, 0, 0, 0, 7]);
    assert!(!bound.row(0).is_empty());
    let two = [spec("k"), spec("v")];
    let mut bytes = Vec::new();
    let result = bound.row(0).serialize(&RowSerializationContext::from_specs(&two), &mut RowWriter::new(&mut bytes));
    assert!(result.unwrap_err().to_string().contains("2 bind markers"));
}
