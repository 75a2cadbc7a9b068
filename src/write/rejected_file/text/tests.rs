use datafusion::arrow::array::{
    BinaryArray, BinaryBuilder, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int32Array, Int32Builder,
    MapBuilder,
};
use datafusion::arrow::util::display::array_value_to_string;

use super::*;

fn shown(array: impl Array + 'static, column: Option<&CqlType>) -> Vec<String> {
    let array: ArrayRef = Arc::new(array);
    let text = as_text(&array, column).unwrap();
    let field = Field::new("c", array.data_type().clone(), true);
    assert_eq!(field_as_text(&field, column).unwrap().data_type(), text.data_type());
    text.to_data().validate_full().unwrap();
    (0..text.len()).map(|row| array_value_to_string(&text, row).unwrap()).collect()
}

#[test]
fn bytes_are_hexadecimal_unless_they_are_uuids() {
    let bytes = BinaryArray::from(vec![Some(&b""[..]), None, Some(b"\xca\xfe")]);
    assert_eq!(shown(bytes, Some(&CqlType::Blob)), ["0x", "", "0xcafe"]);
    let ids = || FixedSizeBinaryArray::try_from_iter([[0x12_u8; 16]].into_iter()).unwrap();
    let uuid = "12121212-1212-1212-1212-121212121212";
    assert_eq!(shown(ids(), Some(&CqlType::TimeUuid)), [uuid]);
    assert_eq!(shown(ids(), None), [uuid]);
    assert_eq!(shown(ids(), Some(&CqlType::Blob)), ["0x12121212121212121212121212121212"]);
    assert_eq!(shown(BinaryArray::from(vec![&[0x12; 16][..], b"a"]), Some(&CqlType::Uuid)), [uuid, "0x61"]);
}

#[test]
fn numbers_keep_all_of_their_digits() {
    let decimals = Decimal128Array::from(vec![150, -1]).with_precision_and_scale(38, 2).unwrap();
    assert_eq!(shown(decimals, None), ["1.50", "-0.01"]);
    assert_eq!(shown(Float64Array::from(vec![0.1, f64::NAN, f64::NEG_INFINITY]), None), ["0.1", "NaN", "-inf"]);
    let ints: ArrayRef = Arc::new(Int32Array::from(vec![1]));
    assert_eq!(as_text(&ints, None).unwrap().data_type(), &DataType::Int32);
}

#[test]
fn maps_are_lists_of_keys_and_values() {
    let mut maps = MapBuilder::new(None, Int32Builder::new(), BinaryBuilder::new());
    maps.keys().append_value(7);
    maps.values().append_value(b"\x00");
    maps.append(true).unwrap();
    maps.append(false).unwrap();
    maps.keys().append_value(8);
    maps.values().append_null();
    maps.append(true).unwrap();
    let maps = maps.finish();
    assert_eq!(shown(maps.slice(1, 2), None), ["", "[{key: 8, value: }]"]);
    assert_eq!(shown(maps, None)[0], "[{key: 7, value: 0x00}]");
}
