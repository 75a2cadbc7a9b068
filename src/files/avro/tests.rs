//! What is written is what is read, without a session and without Cassandra.

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, BooleanArray, Date32Array, Date64Array, Decimal64Array,
    Decimal128Array, Decimal256Array, DictionaryArray, DurationNanosecondArray, DurationSecondArray,
    FixedSizeBinaryArray, FixedSizeListArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, LargeListArray,
    LargeStringArray, ListArray, MapArray, NullArray, RecordBatch, StringArray, StringViewArray, StructArray,
    Time32SecondArray, Time64MicrosecondArray, Time64NanosecondArray, TimestampMicrosecondArray,
    TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt32Array, UInt64Array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float16Type, Int32Type, IntervalDayTime, IntervalMonthDayNano, Schema,
    SchemaRef, i256,
};
use arrow_avro::compression::CompressionCodec;

use super::block::BlockWriter;
use super::fit::fit;
use super::frames::Frames;
use super::header::{open, schema_of};
use super::shape::{EXTENSION_KEY, plain, shape};
use crate::codec::CQL_TYPE_KEY;

/// That of the crate `half`, which is not ours to name.
type Half = <Float16Type as ArrowPrimitiveType>::Native;

fn write(batches: &[RecordBatch], compression: Option<CompressionCodec>) -> Vec<u8> {
    let schema = batches[0].schema();
    let mut writer = BlockWriter::try_new(&schema, Arc::new(shape(&schema).unwrap()), compression).unwrap();
    let mut bytes = writer.take().unwrap();
    for batch in batches {
        writer.write(batch).unwrap();
        bytes.append(&mut writer.take().unwrap());
    }
    bytes
}

/// The schema, and all rows in it.
fn read(bytes: Vec<u8>) -> (SchemaRef, RecordBatch) {
    let size = bytes.len() as u64;
    let reader = open(Frames::new(Cursor::new(bytes), size), 7).unwrap();
    let schema = schema_of(&reader);
    let batches = reader.map(|batch| {
        let rows: ArrayRef = Arc::new(StructArray::from(batch.unwrap()));
        RecordBatch::from(fit(&rows, &DataType::Struct(schema.fields().clone())).unwrap().as_struct())
    });
    let batches: Vec<_> = batches.collect();
    let one = arrow::compute::concat_batches(&Arc::new(Schema::new(schema.fields().clone())), &batches).unwrap();
    (schema, one)
}

fn returns(batch: &RecordBatch) {
    let codecs = [
        None,
        Some(CompressionCodec::Deflate),
        Some(CompressionCodec::Snappy),
        Some(CompressionCodec::ZStandard),
        Some(CompressionCodec::Bzip2),
        Some(CompressionCodec::Xz),
    ];
    for codec in codecs {
        let (schema, read) = read(write(&[batch.clone(), batch.slice(1, 1)], codec));
        assert_eq!(schema.fields(), batch.schema_ref().fields(), "{codec:?}");
        assert_eq!(read.num_rows(), batch.num_rows() + 1);
        for (column, field) in batch.columns().iter().zip(schema.fields()) {
            let read = read.column_by_name(field.name()).unwrap();
            // Arrow compares floats by their bits.
            assert_eq!(&read.slice(0, batch.num_rows()), column, "{} {codec:?}", field.name());
            assert_eq!(&read.slice(batch.num_rows(), 1), &column.slice(1, 1), "{} {codec:?}", field.name());
        }
    }
}

fn batch_of(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

#[test]
fn scalars_of_all_types_return() {
    let intervals = [(0, 0, 1), (i32::MAX, i32::MAX, i64::MAX), (i32::MIN, -1, i64::MIN)];
    let intervals = intervals.map(|(months, days, nanos)| Some(IntervalMonthDayNano::new(months, days, nanos)));
    let nan = f64::from_bits(0x7ff8_0000_dead_beef);
    returns(&batch_of(vec![
        ("boolean", Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)]))),
        ("int8", Arc::new(Int8Array::from(vec![Some(i8::MIN), None, Some(i8::MAX)]))),
        ("int16", Arc::new(Int16Array::from(vec![Some(i16::MIN), None, Some(i16::MAX)]))),
        ("int", Arc::new(Int32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)]))),
        ("long", Arc::new(Int64Array::from(vec![Some(i64::MIN), None, Some(i64::MAX)]))),
        ("uint8", Arc::new(UInt8Array::from(vec![Some(0), None, Some(u8::MAX)]))),
        ("uint32", Arc::new(UInt32Array::from(vec![Some(0), None, Some(u32::MAX)]))),
        ("uint64", Arc::new(UInt64Array::from(vec![Some(0), None, Some(u64::MAX)]))),
        ("half", Arc::new(Float16Array::from(vec![Some(Half::NEG_INFINITY), None, Some(Half::from_f32(0.5))]))),
        ("float", Arc::new(Float32Array::from(vec![Some(-0.0), Some(f32::from_bits(0x7fc0_002a)), None]))),
        ("double", Arc::new(Float64Array::from(vec![Some(-0.0), Some(nan), Some(5e-324)]))),
        ("string", Arc::new(StringArray::from(vec![Some("a\0b\n\u{10ffff}"), None, Some("")]))),
        ("large", Arc::new(LargeStringArray::from(vec![Some("x"), None, Some("")]))),
        ("view", Arc::new(StringViewArray::from(vec![Some("longer than twelve bytes"), None, Some("")]))),
        ("bytes", Arc::new(BinaryArray::from(vec![Some(&b"\0\xff"[..]), None, Some(b"")]))),
        ("bytes_view", Arc::new(BinaryViewArray::from(vec![Some(&b"\0\xff"[..]), None, Some(b"")]))),
        ("fixed", Arc::new(FixedSizeBinaryArray::from(vec![Some(&b"abc"[..]), None, Some(b"\0\0\0")]))),
        ("date", Arc::new(Date32Array::from(vec![Some(i32::MIN), None, Some(i32::MAX)]))),
        ("date64", Arc::new(Date64Array::from(vec![Some(0), None, Some(86_400_000)]))),
        ("time_s", Arc::new(Time32SecondArray::from(vec![Some(0), None, Some(86_399)]))),
        ("time_us", Arc::new(Time64MicrosecondArray::from(vec![Some(0), None, Some(86_399_999_999)]))),
        ("time_ns", Arc::new(Time64NanosecondArray::from(vec![Some(1), None, Some(86_399_999_999_999)]))),
        ("s", Arc::new(TimestampSecondArray::from(vec![Some(-1), None, Some(i64::MAX)]).with_timezone("UTC"))),
        ("ms", Arc::new(TimestampMillisecondArray::from(vec![Some(i64::MIN), None, Some(1)]).with_timezone("UTC"))),
        ("us", Arc::new(TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(1)]).with_timezone("+02:00"))),
        ("ns", Arc::new(TimestampNanosecondArray::from(vec![Some(i64::MIN), None, Some(1)]).with_timezone("UTC"))),
        ("local_s", Arc::new(TimestampSecondArray::from(vec![Some(-1), None, Some(1)]))),
        ("local_ms", Arc::new(TimestampMillisecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("local_us", Arc::new(TimestampMicrosecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("local_ns", Arc::new(TimestampNanosecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("duration_s", Arc::new(DurationSecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("duration_ns", Arc::new(DurationNanosecondArray::from(vec![Some(i64::MIN), None, Some(1)]))),
        ("interval", Arc::new(IntervalMonthDayNanoArray::from(intervals.to_vec()))),
        ("months", Arc::new(IntervalYearMonthArray::from(vec![Some(i32::MIN), None, Some(1)]))),
        ("days", Arc::new(IntervalDayTimeArray::from(vec![Some(IntervalDayTime::new(-1, i32::MIN)), None, None]))),
    ]));
}

#[test]
fn decimals_return() {
    let large = i256::from_string("-1234567890123456789012345678901234567890123456789012345678901234567890").unwrap();
    returns(&batch_of(vec![
        (
            "d",
            Arc::new(Decimal128Array::from(vec![Some(-150), None, Some(0)]).with_precision_and_scale(38, 2).unwrap()),
        ),
        (
            "whole",
            Arc::new(Decimal128Array::from(vec![Some(7), None, Some(-128)]).with_precision_and_scale(5, 0).unwrap()),
        ),
        (
            "small",
            Arc::new(Decimal64Array::from(vec![Some(-1), None, Some(99)]).with_precision_and_scale(12, 3).unwrap()),
        ),
        (
            "large",
            Arc::new(Decimal256Array::from(vec![Some(large), None, None]).with_precision_and_scale(76, 9).unwrap()),
        ),
    ]));
}

/// Metadata of fields, names that Avro does not allow, and several records and fixed types in one file.
#[test]
fn nested_values_return_with_names_and_types_of_cql() {
    let typed = |name: &str, data_type: DataType, cql: &str| {
        Field::new(name, data_type, true).with_metadata(HashMap::from([(CQL_TYPE_KEY.to_owned(), cql.to_owned())]))
    };
    let uuids: ArrayRef = Arc::new(
        FixedSizeBinaryArray::try_from_sparse_iter_with_size([Some([7_u8; 16]), None, Some([0; 16])].into_iter(), 16)
            .unwrap(),
    );
    let mut uuid_field = typed("Id", DataType::FixedSizeBinary(16), "timeuuid");
    uuid_field.metadata_mut().insert(EXTENSION_KEY.to_owned(), "arrow.uuid".to_owned());
    let intervals: ArrayRef =
        Arc::new(IntervalMonthDayNanoArray::from(vec![Some(IntervalMonthDayNano::new(1, 2, 3)), None, None]));
    let interval = intervals.data_type().clone();
    let fields = vec![
        uuid_field.clone(),
        typed("Zip Code", DataType::Utf8, "text"),
        typed("Zip_Code", interval.clone(), "duration"),
        typed("string", DataType::FixedSizeBinary(16), "blob"),
    ];
    let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("")]));
    let columns = vec![Arc::clone(&uuids), texts, Arc::clone(&intervals), Arc::clone(&uuids)];
    let nulls = Some(NullBuffer::from(vec![true, true, false]));
    let address = StructArray::new(fields.clone().into(), columns, nulls);
    let address_type = address.data_type().clone();

    // Maps of both kinds, a vector, and lists of lists; rows null, empty and full.
    let offsets = OffsetBuffer::new(vec![0, 2, 2, 3].into());
    let entries = |keys: ArrayRef, values: ArrayRef, cql: &str| {
        let key = Field::new("key", keys.data_type().clone(), false)
            .with_metadata(HashMap::from([(CQL_TYPE_KEY.to_owned(), "k".to_owned())]));
        let value = typed("value", values.data_type().clone(), cql);
        StructArray::new(vec![key, value].into(), vec![keys, values], None)
    };
    let map = |entries: StructArray| {
        let field = Field::new("entries", entries.data_type().clone(), false);
        MapArray::new(Arc::new(field), offsets.clone(), entries, Some(NullBuffer::from(vec![true, false, true])), false)
    };
    let of_text = map(entries(Arc::new(StringArray::from(vec!["x", "", "ä"])), Arc::clone(&uuids), "blob"));
    let views: ArrayRef = Arc::new(StringViewArray::from(vec!["x", "y", "longer than twelve bytes"]));
    let of_views = map(entries(views, Arc::new(of_text.clone()), "map<text, blob>"));
    let of_numbers = map(entries(Arc::new(Int32Array::from(vec![3, 1, 2])), Arc::new(address.clone()), "address"));
    let numbers: ArrayRef = Arc::new(Float32Array::from(vec![1.0, 2.0, 0.0, 0.0, f32::NAN, -0.0]));
    let item = Arc::new(Field::new_list_field(DataType::Float32, true));
    let vector =
        FixedSizeListArray::new(Arc::clone(&item), 2, numbers, Some(NullBuffer::from(vec![true, false, true])));
    let list = |values: ArrayRef| {
        let item = Arc::new(Field::new_list_field(values.data_type().clone(), true));
        ListArray::new(item, offsets.clone(), values, Some(NullBuffer::from(vec![true, true, true])))
    };
    let lists = list(Arc::new(list(Arc::new(address.clone()))));
    let large = LargeListArray::new(
        Arc::new(Field::new_list_field(DataType::Int32, true)),
        OffsetBuffer::new(vec![0_i64, 0, 1, 2].into()),
        Arc::new(Int32Array::from(vec![Some(1), None])),
        None,
    );
    let dictionary: DictionaryArray<Int32Type> = vec![Some("a"), None, Some("a")].into_iter().collect();
    let maps_type = of_numbers.data_type().clone();
    let schema = Schema::new(vec![
        Field::new("k", DataType::Int32, false),
        uuid_field,
        typed("addr ess", address_type.clone(), "address"),
        typed("addr_ess", address_type, "address"),
        typed("of_text", of_text.data_type().clone(), "map<text, blob>"),
        typed("of_views", of_views.data_type().clone(), "map<text, frozen<map<text, blob>>>"),
        typed("of_numbers", maps_type.clone(), "map<int, address>"),
        Field::new_list("maps", Field::new_list_field(maps_type, true), true),
        typed("vector", vector.data_type().clone(), "vector<float, 2>"),
        typed("vectors", list(Arc::new(vector.clone())).data_type().clone(), "list<vector<float, 2>>"),
        Field::new("lists", lists.data_type().clone(), true),
        Field::new("large", large.data_type().clone(), true),
        Field::new("dictionary", dictionary.data_type().clone(), true),
    ]);
    let keys = Arc::new(Int32Array::from(vec![1, 2, 3]));
    let columns: Vec<ArrayRef> = vec![
        keys,
        uuids,
        Arc::new(address.clone()),
        Arc::new(address),
        Arc::new(of_text),
        Arc::new(of_views),
        Arc::new(of_numbers.clone()),
        Arc::new(list(Arc::new(of_numbers))),
        Arc::new(vector.clone()),
        Arc::new(list(Arc::new(vector))),
        Arc::new(lists),
        Arc::new(large),
        Arc::new(dictionary),
    ];
    returns(&RecordBatch::try_new(Arc::new(schema), columns).unwrap());
}

#[test]
fn no_rows_return_with_their_schema() {
    let batch = batch_of(vec![("a", Arc::new(Int8Array::from(vec![1_i8])))]).slice(0, 0);
    let (schema, rows) = read(write(std::slice::from_ref(&batch), None));
    assert_eq!((schema.fields(), rows.num_rows()), (batch.schema_ref().fields(), 0));
}

/// A batch becomes several blocks if its rows are wide.
#[test]
fn blocks_are_bounded() {
    let wide = "x".repeat(300 << 10);
    let batch = batch_of(vec![("a", Arc::new(StringArray::from(vec![wide.as_str(); 20])))]);
    let bytes = write(std::slice::from_ref(&batch), None);
    let sync = &bytes[bytes.len() - 16..];
    let blocks = bytes.windows(16).filter(|window| *window == sync).count() - 1;
    assert!((5..=10).contains(&blocks), "{blocks}");
    assert_eq!(read(bytes).1.column(0), batch.column(0));
}

/// What other programs write says nothing about Arrow; nor does a header that belongs to other columns.
#[test]
fn files_without_a_schema_of_arrow_are_read_by_that_of_avro() {
    let batch = batch_of(vec![
        ("tiny", Arc::new(Int8Array::from(vec![1_i8]))),
        ("views", Arc::new(StringViewArray::from(vec!["x"]))),
    ]);
    let expected = [DataType::Int8, DataType::Utf8];
    for (ours, theirs) in [("ARROW:schema", "ARROW:Schema"), ("\"views\"", "\"other\"")] {
        let mut bytes = write(std::slice::from_ref(&batch), None);
        let at = bytes.windows(ours.len()).position(|window| window == ours.as_bytes()).unwrap();
        bytes[at..at + ours.len()].copy_from_slice(theirs.as_bytes());
        let (schema, rows) = read(bytes);
        assert_eq!(schema.fields().iter().map(|f| f.data_type().clone()).collect::<Vec<_>>(), expected);
        assert_eq!(rows.column(1).as_ref(), &StringArray::from(vec!["x"]) as &dyn Array);
    }
    let noted = HashMap::from([("avro.name".to_owned(), "x".to_owned()), (EXTENSION_KEY.to_owned(), "e".to_owned())]);
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let item = Field::new_list_field(dictionary.clone(), true).with_metadata(noted.clone());
    let fields = vec![
        Field::new("l", DataType::List(Arc::new(item)), true).with_metadata(noted),
        Field::new_struct("s", vec![Field::new("e", dictionary, false)], true),
    ];
    let schema = plain(&Schema::new(fields));
    assert_eq!(schema.field(0).metadata(), &HashMap::from([(EXTENSION_KEY.to_owned(), "e".to_owned())]));
    assert_eq!(schema.field(0).data_type(), &DataType::new_list(DataType::Utf8, true));
    assert_eq!(schema.field(1).data_type(), &DataType::Struct(vec![Field::new("e", DataType::Utf8, false)].into()));
}

#[test]
fn what_avro_has_not_is_refused() {
    let refused = |field: Field| shape(&Schema::new(vec![field])).unwrap_err().to_string();
    assert_eq!(
        refused(Field::new("nothing", NullArray::new(1).data_type().clone(), true)),
        "an Avro file cannot have this column: Avro has no type for Null: leave the column out, or CAST it to another type \
         (column: nothing, type: Null)"
    );
    let inner = Field::new("d", DataType::Decimal128(5, -2), true);
    let error = refused(Field::new_list("l", Field::new_struct("item", vec![inner], true), true));
    assert!(error.contains("column: l.item.d") && error.contains("CAST it to such a DECIMAL"), "{error}");
}

#[test]
fn what_does_not_fit_is_an_error() {
    let number: ArrayRef = Arc::new(Int64Array::from(vec![1_i64 << 40]));
    assert!(fit(&number, &DataType::Int32).is_err());
    let list: ArrayRef =
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), Some(2), Some(3)])]));
    let vector = DataType::new_fixed_size_list(DataType::Int32, 2, true);
    assert_eq!(fit(&list, &vector).unwrap_err().to_string(), "Cast error: a list has 3 elements, not 2");
    let map = DataType::Map(Arc::new(Field::new("entries", DataType::Int32, false)), false);
    assert!(fit(&list, &map).unwrap_err().to_string().contains("no list of entries"));
}

/// The rows of a file, or what is wrong with it.
fn rows_of(bytes: &[u8]) -> Result<usize, arrow::error::ArrowError> {
    let frames = Frames::new(Cursor::new(bytes), bytes.len() as u64);
    let promised = frames.rows();
    let rows =
        open(frames, 100)?.map(|batch| Ok(batch?.num_rows())).sum::<Result<usize, arrow::error::ArrowError>>()?;
    assert_eq!(promised.count(), rows as u64);
    Ok(rows)
}

#[test]
fn damaged_files_are_errors() {
    let batch = batch_of(vec![("a", Arc::new(StringArray::from(vec!["text"; 50])))]);
    let whole = write(&[batch], Some(CompressionCodec::Snappy));
    assert_eq!(rows_of(&whole).unwrap(), 50);
    let whole_at = |length: &usize| rows_of(&whole[..*length]).is_ok();
    let silent: Vec<usize> = (0..whole.len()).filter(whole_at).collect();
    // After the header, before the only block: a file of no rows.
    let [header] = silent[..] else { panic!("{silent:?}") };
    let error_with = |bytes: &[u8]| rows_of(&[&whole[..header], bytes].concat()).unwrap_err().to_string();
    assert!(rows_of(b"PAR1 is no Avro").unwrap_err().to_string().contains("does not begin like"));
    assert!(error_with(&whole[header..whole.len() - 1]).contains("cut off"));
    // One row in as many bytes as there can be, and in none.
    assert!(error_with(b"\x02\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01").contains("cut off"));
    assert!(error_with(&[&b"\x02\x02x"[..], &whole[whole.len() - 16..]].concat()).contains("rows without bytes"));
    assert!(error_with(&[&whole[header..], b"\x01"].concat()).contains("negative number of rows"));
    let mut marked = whole[header..].to_vec();
    *marked.last_mut().unwrap() ^= 1;
    assert!(error_with(&marked).contains("does not end where it should"));
}
