use arrow::datatypes::Decimal128Type;

use super::*;
use crate::codec::tests::parse;
use crate::options::{DurationAs, NumberAs};

const READ_AS: ReadAs = ReadAs {
    varint: NumberAs::Decimal { precision: 5, scale: 0 },
    decimal: NumberAs::Decimal { precision: 4, scale: 2 },
    duration: DurationAs::Text,
};

fn decoder(columns: &[Column], overflow: DecimalOverflow) -> PageDecoder {
    let schema = Arc::new(READ_AS.schema(columns));
    PageDecoder::try_new(&table(), columns, schema, READ_AS).unwrap().with_decimal_overflow(overflow)
}

fn number(scale: i32, unscaled: i32) -> Vec<u8> {
    [scale.to_be_bytes(), unscaled.to_be_bytes()].concat()
}

#[test]
fn numbers_are_read_as_decimals_by_choice() {
    let columns = [column("v", CqlType::Varint), column("d", CqlType::Decimal)];
    let cells = [Some(&[0xff_u8, 0x00][..]), Some(&number(1, 15)[..]), None, None].map(|cell| cell.map(<[u8]>::to_vec));
    let cells: Vec<Option<&[u8]>> = cells.iter().map(Option::as_deref).collect();
    let batch = decoder(&columns, DecimalOverflow::Error).decode_rows(2, &body(&cells)).unwrap();
    assert_eq!(*batch.column(0).data_type(), DataType::Decimal128(5, 0));
    assert_eq!(*batch.column(1).data_type(), DataType::Decimal128(4, 2));
    let numbers = |i: usize| batch.column(i).as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>();
    assert_eq!((numbers(0), numbers(1)), (vec![Some(-256), None], vec![Some(150), None]));
}

#[test]
fn numbers_that_do_not_fit_are_refused_cut_or_null() {
    let columns = [key("id", CqlType::Int), column("d", CqlType::Decimal)];
    let (id, d) = (7_i32.to_be_bytes(), number(3, 123_456));
    let cells = [Some(&id[..]), Some(&d[..])];
    let error = decoder(&columns, DecimalOverflow::Error).decode_rows(1, &body(&cells)).unwrap_err().to_string();
    for part in ["123.456 is no decimal(4, 2)", "SET cassandra.decimal_as", "'clamp'", "column: d", "primary key: id=7"]
    {
        assert!(error.contains(part), "{part} in {error}");
    }
    for (overflow, expected) in [(DecimalOverflow::Clamp, Some(9_999)), (DecimalOverflow::Null, None)] {
        let batch = decoder(&columns, overflow).decode_rows(1, &body(&cells)).unwrap();
        assert_eq!(batch.column(1).as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>(), [expected]);
    }
}

#[test]
fn a_key_that_does_not_fit_is_never_null() {
    let columns = [key("d", CqlType::Decimal)];
    let d = number(0, 100);
    let error = decoder(&columns, DecimalOverflow::Null).decode_rows(1, &body(&[Some(&d)])).unwrap_err().to_string();
    assert!(error.contains("100 is no decimal(4, 2)") && !error.contains("or 'null'"), "{error}");
}

#[test]
fn the_choice_holds_within_other_types() {
    let columns = [column("m", parse("map<varint, frozen<list<duration>>>"))];
    let list = [&1_i32.to_be_bytes()[..], &3_i32.to_be_bytes(), &[0x02, 0x04, 0x06]].concat();
    let map = [&1_i32.to_be_bytes()[..], &body(&[Some(&[9]), Some(&list)])].concat();
    let batch = decoder(&columns, DecimalOverflow::Error).decode_rows(1, &body(&[Some(&map)])).unwrap();
    let entries = batch.column(0).as_map().entries().clone();
    assert_eq!(*entries.column(0).data_type(), DataType::Decimal128(5, 0));
    let durations = entries.column(1).as_list::<i32>().values().clone();
    assert_eq!(as_string_array(&durations).value(0), "1mo2d3ns");
}
