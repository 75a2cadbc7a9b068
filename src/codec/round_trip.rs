//! Laws of both directions together: what is encoded, laid out as the server lays out a page and decoded is the same.

pub(super) mod nested;

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, FixedSizeBinaryArray, Float32Array, Float64Array,
    Int8Array, Int16Array, Int32Array, Int64Array, IntervalMonthDayNanoArray, RecordBatch, StringArray,
    Time64NanosecondArray, TimestampMillisecondArray,
};
use arrow::datatypes::{IntervalMonthDayNano, Schema};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use scylla::serialize::writers::RowWriter;

use super::decode::PageDecoder;
use super::encode::RowEncoder;
use super::tests::{column, table};
use super::{ReadAs, arrow_schema};
use crate::cluster::cql_type::CqlType;

/// Encodes one column and decodes it again. Unset and null are both negative lengths, so that rows as they are sent are
/// a page as it is received.
fn send_and_receive(cql_type: &CqlType, array: ArrayRef) -> ArrayRef {
    let (rows, body) = send(cql_type, array);
    Arc::clone(pages(cql_type).decode_rows(rows, &body).unwrap().column(0))
}

fn pages(cql_type: &CqlType) -> PageDecoder {
    let columns = [column("c", cql_type.clone())];
    PageDecoder::try_new(&table(), &columns, Arc::new(arrow_schema(&columns)), ReadAs::default()).unwrap()
}

/// The number of rows and their bytes.
fn send(cql_type: &CqlType, array: ArrayRef) -> (usize, Vec<u8>) {
    let columns = [column("c", cql_type.clone())];
    let field = ReadAs::default().field(&columns[0]).with_data_type(array.data_type().clone());
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array]).unwrap();
    let bound = RowEncoder::try_new(&columns, batch.schema_ref()).unwrap().bind(&batch).unwrap();
    let mut body = Vec::new();
    for row in 0..bound.num_rows() {
        let before = body.len();
        bound.check(row).unwrap();
        bound.encode_row(row, &mut RowWriter::new(&mut body)).unwrap();
        let is_exact = !cql_type.contains(|t| matches!(t, CqlType::Varint | CqlType::Decimal | CqlType::Inet));
        assert!(!is_exact || bound.row_bytes(row) == body.len() - before, "size of row {row}");
    }
    (bound.num_rows(), body)
}

fn returns(cql_type: &CqlType, array: impl Array + 'static) {
    let array: ArrayRef = Arc::new(array);
    let received = send_and_receive(cql_type, Arc::clone(&array));
    // Arrow compares floats by their bits.
    assert_eq!(&received, &array, "{cql_type:?}");
}

fn cells<T: Clone + std::fmt::Debug>(value: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<Option<T>>> {
    vec(option::weighted(0.8, value), 0..20)
}

/// Any bits of a float: NaNs of every payload, infinities, both zeros.
fn double() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), Just(-0.0), Just(f64::from_bits(0x7ff8_0000_dead_beef))]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,20}", Just(String::new()), Just("a\0b\nc\u{fffd}\u{10ffff}".to_owned())]
}

fn edges() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0), Just(-1)]
}

fn digits() -> impl Strategy<Value = String> {
    prop_oneof!["-?[1-9][0-9]{0,95}", edges().prop_map(|n| n.to_string())]
}

/// A decimal as Java prints it: what this crate prints for random bytes, which `decimal/tests.rs` compares with Java's.
fn decimal() -> impl Strategy<Value = String> {
    let scale = prop_oneof![any::<i32>(), -9..9_i32, Just(i32::MAX), Just(-i32::MAX), Just(i32::MIN)];
    (scale, vec(any::<u8>(), 1..40)).prop_map(|(scale, unscaled)| {
        let mut text = Vec::new();
        super::decimal::append_decimal_text(&[&scale.to_be_bytes()[..], &unscaled].concat(), &mut text).unwrap();
        String::from_utf8(text).unwrap()
    })
}

fn inet() -> impl Strategy<Value = String> {
    let v4 = any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_string());
    let v6 = any::<[u8; 16]>().prop_map(|bytes| std::net::Ipv6Addr::from(bytes).to_string());
    let mapped = any::<[u8; 4]>().prop_map(|bytes| std::net::Ipv4Addr::from(bytes).to_ipv6_mapped().to_string());
    prop_oneof![v4, v6, mapped, Just("::".to_owned())]
}

/// Durations that Cassandra takes: parts of one sign.
fn duration() -> impl Strategy<Value = IntervalMonthDayNano> {
    let part = (0..=i32::MAX, 0..=i32::MAX, prop_oneof![0..1000_i64, 0..=i64::MAX]);
    (part, any::<bool>()).prop_map(|((months, days, nanoseconds), negative)| {
        if negative {
            IntervalMonthDayNano { months: !months, days: !days, nanoseconds: !nanoseconds }
        } else {
            IntervalMonthDayNano { months, days, nanoseconds }
        }
    })
}

proptest! {
    #[test]
    fn integers_return(
        tiny in cells(any::<i8>()), small in cells(any::<i16>()), int in cells(any::<i32>()), big in cells(edges()),
    ) {
        returns(&CqlType::TinyInt, Int8Array::from(tiny));
        returns(&CqlType::SmallInt, Int16Array::from(small));
        returns(&CqlType::Int, Int32Array::from(int));
        returns(&CqlType::Counter, Int64Array::from(big.clone()));
        returns(&CqlType::BigInt, Int64Array::from(big));
    }

    #[test]
    fn floats_return_bit_for_bit(single in cells(any::<u32>().prop_map(f32::from_bits)), double in cells(double())) {
        returns(&CqlType::Float, Float32Array::from(single));
        returns(&CqlType::Double, Float64Array::from(double));
    }

    #[test]
    fn text_blobs_and_booleans_return(
        text in cells(text()), ascii in cells("[\x00-\x7f]{0,9}"), blob in cells(vec(any::<u8>(), 0..40)),
        boolean in cells(any::<bool>()),
    ) {
        returns(&CqlType::Text, StringArray::from(text));
        returns(&CqlType::Ascii, StringArray::from(ascii));
        returns(&CqlType::Blob, blob.into_iter().collect::<BinaryArray>());
        returns(&CqlType::Boolean, BooleanArray::from(boolean));
    }

    #[test]
    fn times_return(
        days in cells(prop_oneof![any::<i32>(), Just(i32::MIN), Just(i32::MAX)]),
        time in cells(0..super::temporal::DAY_NANOS), timestamp in cells(edges()), duration in cells(duration()),
    ) {
        returns(&CqlType::Date, Date32Array::from(days));
        returns(&CqlType::Time, Time64NanosecondArray::from(time));
        returns(&CqlType::Timestamp, TimestampMillisecondArray::from(timestamp).with_timezone("UTC"));
        returns(&CqlType::Duration, IntervalMonthDayNanoArray::from(duration));
    }

    #[test]
    fn uuids_return(uuids in cells(any::<[u8; 16]>())) {
        let version_1 = |mut bytes: [u8; 16]| { bytes[6] = bytes[6] & 0x0f | 0x10; bytes };
        let array = |uuids: Vec<Option<[u8; 16]>>| {
            FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids.into_iter(), 16).unwrap()
        };
        let time_uuids = uuids.iter().map(|u| u.map(version_1)).collect();
        returns(&CqlType::Uuid, array(uuids));
        returns(&CqlType::TimeUuid, array(time_uuids));
    }

    #[test]
    fn numbers_and_addresses_return_as_text(
        varint in cells(digits()), decimal in cells(decimal()), inet in cells(inet()),
    ) {
        returns(&CqlType::Varint, StringArray::from(varint));
        returns(&CqlType::Decimal, StringArray::from(decimal));
        returns(&CqlType::Inet, StringArray::from(inet));
    }
}
