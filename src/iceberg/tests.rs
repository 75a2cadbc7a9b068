//! Pure parts: names, partitioning, temporal transforms, conversions, dealing out files.

use ::iceberg::spec::{Schema, Transform};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeListBuilder, Int8Builder, Int16Builder, ListArray, MapBuilder, StringArray,
    StructArray, Time64NanosecondArray, TimestampMillisecondBuilder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Int64Type, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;
use proptest::prelude::*;
use std::sync::Arc;

use super::convert::Conversion;
use super::split::Temporal;
use super::table::Name;
use super::{partitioning, types};

fn schema() -> Schema {
    let fields: Fields = vec![
        Field::new("id", DataType::Int64, false),
        Field::new("at", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), true),
        Field::new("Odd, \"name\"", DataType::Utf8, true),
    ]
    .into();
    types::table_schema(&fields).unwrap()
}

#[test]
fn names_may_ask_for_history() {
    assert_eq!(Name::parse("t"), Name::Table("t"));
    assert_eq!(Name::parse("t$snapshots"), Name::Metadata("t", "snapshots"));
    assert_eq!(Name::parse("a$b$manifests"), Name::Metadata("a$b", "manifests"));
    assert_eq!(Name::parse("t$files"), Name::Table("t$files"));
    assert_eq!(Name::parse("t@12"), Name::Snapshot("t", 12));
    assert_eq!(Name::parse("t@home"), Name::Table("t@home"));
}

#[test]
fn partitionings_are_read() {
    let read = |text: &str| {
        let spec = partitioning::parse(text, &schema()).unwrap();
        spec.fields().iter().map(|f| (f.name.clone(), f.transform)).collect::<Vec<_>>()
    };
    assert_eq!(read("id"), [("id".to_owned(), Transform::Identity)]);
    assert_eq!(
        read(" day(at) , BUCKET( 16 ,id ),truncate(3,id)"),
        [
            ("at_day".to_owned(), Transform::Day),
            ("id_bucket".to_owned(), Transform::Bucket(16)),
            ("id_trunc".to_owned(), Transform::Truncate(3)),
        ]
    );
    for bad in [
        "",
        "id,",
        ",id",
        "id id2",
        "day(at",
        "day at)",
        "bucket(id)",
        "bucket(-1, id)",
        "bucket(99999999999, id)",
        "day()",
        "\"id",
        "id, id",
        "hour(id)",
        "day(day(at))",
        "nothing",
    ] {
        assert!(partitioning::parse(bad, &schema()).is_err(), "{bad}");
    }
}

proptest! {
    /// Against Arrow's own calendar, where it has one.
    #[test]
    fn temporal_transforms_round_down(micros in prop_oneof![-70_000_000_000_000_000_i64..70_000_000_000_000_000, -3_000_000_i64..3_000_000]) {
        use datafusion::arrow::compute::{DatePart, date_part};
        let column: ArrayRef = Arc::new(datafusion::arrow::array::TimestampMicrosecondArray::from(vec![micros]));
        let part = |part| {
            let value = date_part(&column, part).unwrap();
            value.as_primitive::<datafusion::arrow::datatypes::Int32Type>().value(0)
        };
        let (year, month) = (part(DatePart::Year), part(DatePart::Month));
        prop_assert_eq!(Temporal::Year.of_micros(micros), Some(year - 1970));
        prop_assert_eq!(Temporal::Month.of_micros(micros), Some((year - 1970) * 12 + month - 1));
        let day = Temporal::Day.of_micros(micros).unwrap();
        prop_assert!(i64::from(day) * 86_400_000_000 <= micros && micros < (i64::from(day) + 1) * 86_400_000_000);
        let hour = Temporal::Hour.of_micros(micros).unwrap();
        prop_assert!(i64::from(hour) * 3_600_000_000 <= micros && micros < (i64::from(hour) + 1) * 3_600_000_000);
    }

    /// Years grow with time as days do, to the ends of 64 bits; hours do not fit there, and say so.
    #[test]
    fn temporal_transforms_fit_or_have_no_value(micros: i64) {
        let [year, month, day] = [Temporal::Year, Temporal::Month, Temporal::Day].map(|t| t.of_micros(micros).unwrap());
        prop_assert_eq!(month.div_euclid(12), year);
        prop_assert!((f64::from(day) / 365.2425 - f64::from(year)).abs() < 1.1);
        let fits = i32::try_from(micros.div_euclid(3_600_000_000)).is_ok();
        prop_assert_eq!(Temporal::Hour.of_micros(micros).is_some(), fits);
    }
}

#[test]
fn conversions_are_decided_by_type() {
    let to = Field::new("t", DataType::Time64(TimeUnit::Microsecond), true);
    let divide = Conversion::new(&DataType::Time64(TimeUnit::Nanosecond), &to, false).unwrap();
    let times: ArrayRef = Arc::new(Time64NanosecondArray::from(vec![Some(5_000), None]));
    let micros = divide.apply(&times, 1).unwrap();
    assert_eq!(micros.data_type(), to.data_type());
    let numbers = datafusion::arrow::compute::cast(&micros, &DataType::Int64).unwrap();
    assert_eq!(numbers.as_primitive::<Int64Type>().value(0), 5);
    assert!(micros.is_null(1));

    // A view is written as it is; but not where its type must be the table's.
    let text = Field::new("s", DataType::Utf8, false);
    assert_eq!(Conversion::new(&DataType::Utf8View, &text, false).unwrap().data_type(), &DataType::Utf8View);
    let exact = Conversion::new(&DataType::Utf8View, &text, true).unwrap();
    assert_eq!(exact.data_type(), &DataType::Utf8);
    let nulls: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None]));
    let required = Conversion::new(&DataType::Utf8, &text, false).unwrap();
    let error = required.apply(&nulls, 11).unwrap_err().to_string();
    assert!(error.contains("column: s") && error.contains("row: 12"), "{error}");

    assert!(Conversion::new(&DataType::Int64, &Field::new("i", DataType::Int32, true), false).is_err());
    assert!(!Conversion::exists(&list(DataType::Int64), &list(DataType::Int32)));
}

fn list(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new("element", element, true)))
}

#[test]
fn parts_of_nested_values_are_converted_exactly() {
    let times = |values: [Option<i64>; 5]| -> ArrayRef {
        let values: ArrayRef = Arc::new(Time64NanosecondArray::from(values.to_vec()));
        let field = Arc::new(Field::new("item", values.data_type().clone(), true));
        // Rows of two, no, null and three elements, of which the first row is cut off.
        let offsets = OffsetBuffer::new(vec![0, 2, 2, 2, 5].into());
        let nulls = NullBuffer::from(vec![true, true, false, true]);
        let lists: ArrayRef = Arc::new(ListArray::new(field, offsets, values, Some(nulls)));
        let fields = vec![Field::new("a", lists.data_type().clone(), true)];
        let structs: ArrayRef = Arc::new(StructArray::new(fields.into(), vec![lists], None));
        structs.slice(1, 3)
    };
    let struct_of = |element| DataType::Struct(vec![Field::new("a", list(element), true)].into());
    let to = Field::new("s", struct_of(DataType::Time64(TimeUnit::Microsecond)), true);
    let from = times([Some(1), Some(2), Some(5_000), None, Some(7_000)]);
    let conversion = Conversion::new(from.data_type(), &to, false).unwrap();
    let converted = conversion.apply(&from, 1).unwrap();
    assert_eq!(converted.data_type(), to.data_type());
    let shown: Vec<String> = (0..3).map(|i| array_value_to_string(&converted, i).unwrap()).collect();
    assert_eq!(shown, ["{a: []}", "{a: }", "{a: [00:00:00.000005, , 00:00:00.000007]}"]);

    let bad = times([Some(1), Some(2), Some(5_000), None, Some(7_001)]);
    let error = conversion.apply(&bad, 10).unwrap_err().to_string();
    assert!(error.contains("a value with 1 ns beyond") && error.contains("row: 12 of its partition"), "{error}");
}

#[test]
fn maps_and_arrays_of_fixed_size_are_converted() {
    let mut map = MapBuilder::new(None, Int16Builder::new(), TimestampMillisecondBuilder::new());
    map.keys().append_value(1);
    map.values().append_value(i64::MAX / 1_000);
    map.append(true).unwrap();
    map.append(false).unwrap();
    let map: ArrayRef = Arc::new(map.finish());
    let entries = vec![
        Field::new("key", DataType::Int32, false),
        Field::new("value", DataType::Timestamp(TimeUnit::Microsecond, None), true),
    ];
    let entries = Field::new("key_value", DataType::Struct(entries.into()), false);
    let to = Field::new("m", DataType::Map(Arc::new(entries), false), true);
    let converted = Conversion::new(map.data_type(), &to, false).unwrap().apply(&map, 1).unwrap();
    assert_eq!((converted.data_type(), converted.null_count()), (to.data_type(), 1));

    let mut vectors = FixedSizeListBuilder::new(Int8Builder::new(), 2);
    vectors.values().append_slice(&[1, 2]);
    vectors.append(true);
    vectors.values().append_slice(&[0, 0]);
    vectors.append(false);
    let vectors: ArrayRef = Arc::new(vectors.finish());
    let to = Field::new("v", list(DataType::Int32), true);
    let converted = Conversion::new(vectors.data_type(), &to, false).unwrap().apply(&vectors, 1).unwrap();
    assert_eq!(array_value_to_string(&converted, 0).unwrap(), "[1, 2]");
    assert!(converted.is_null(1));
}
