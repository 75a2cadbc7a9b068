use arrow::array::{AsArray, cast::as_string_array};
use arrow::datatypes::{DataType, Int32Type, Schema};
use proptest::prelude::*;
use scylla::frame::response::result::{CollectionType, ColumnType, NativeType, TableSpec};

use super::*;
use crate::ErrorKind;
use crate::cluster::cql_type::CqlType;
use crate::codec::arrow_schema;
use crate::codec::tests::{SCALARS, column, key, table};

mod nested;
mod read_as;

fn decoder(columns: &[Column]) -> PageDecoder {
    PageDecoder::try_new(&table(), columns, Arc::new(arrow_schema(columns)), ReadAs::default()).unwrap()
}

fn body(cells: &[Option<&[u8]>]) -> Vec<u8> {
    let mut body = Vec::new();
    for cell in cells {
        match cell {
            Some(bytes) => {
                body.extend(i32::try_from(bytes.len()).unwrap().to_be_bytes());
                body.extend_from_slice(bytes);
            }
            None => body.extend((-1_i32).to_be_bytes()),
        }
    }
    body
}

fn decode_cell(cql_type: CqlType, cell: Option<&[u8]>) -> Result<RecordBatch> {
    decoder(&[column("c", cql_type)]).decode_rows(1, &body(&[cell]))
}

fn error(cql_type: CqlType, cell: &[u8]) -> String {
    let error = decode_cell(cql_type, Some(cell)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data);
    error.to_string()
}

#[test]
fn rows_of_several_columns() {
    let columns = [key("k", CqlType::Int), column("t", CqlType::Text)];
    let cells: [Option<&[u8]>; 6] =
        [Some(&[0, 0, 0, 7]), Some(b"a\0b\n"), Some(&[0xff; 4]), None, Some(&[0; 4]), Some(b"")];
    let batch = decoder(&columns).decode_rows(3, &body(&cells)).unwrap();
    assert_eq!(batch.column(0).as_primitive::<Int32Type>().values(), &[7, -1, 0]);
    let text: Vec<_> = as_string_array(batch.column(1)).iter().collect();
    assert_eq!(text, [Some("a\0b\n"), None, Some("")]);
}

#[test]
fn no_rows_and_no_columns() {
    let columns: Vec<_> = SCALARS.into_iter().map(|t| column("c", t)).collect();
    let batch = decoder(&columns).decode_rows(0, &[]).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (0, 20));
    let batch = decoder(&[]).decode_rows(3, &[]).unwrap();
    assert_eq!((batch.num_rows(), batch.num_columns()), (3, 0));
}

#[test]
fn known_cells_print_as_expected() {
    let uuid: Vec<u8> = (0..16).collect();
    let cases: &[(CqlType, &[u8], &str)] = &[
        (CqlType::TinyInt, &[0x80], "-128"),
        (CqlType::SmallInt, &[0x7f, 0xff], "32767"),
        (CqlType::BigInt, &[0x80, 0, 0, 0, 0, 0, 0, 0], "-9223372036854775808"),
        (CqlType::Counter, &[0, 0, 0, 0, 0, 0, 1, 0], "256"),
        (CqlType::Float, &[0x3f, 0xc0, 0, 0], "1.5"),
        (CqlType::Double, &[0xbf, 0xf8, 0, 0, 0, 0, 0, 0], "-1.5"),
        (CqlType::Boolean, &[0], "false"),
        (CqlType::Boolean, &[1], "true"),
        (CqlType::Boolean, &[7], "true"),
        (CqlType::Blob, &[0xca, 0xfe], "cafe"),
        (CqlType::Uuid, &uuid, "000102030405060708090a0b0c0d0e0f"),
        (CqlType::Inet, &[127, 0, 0, 1], "127.0.0.1"),
        (CqlType::Inet, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "2001:db8::1"),
        (CqlType::Date, &[0x80, 0, 0, 0], "1970-01-01"),
        (CqlType::Date, &[0x80, 0, 0x4c, 0x1f], "2023-05-10"),
        (CqlType::Time, &[0, 0, 0, 0, 0, 0, 0, 1], "00:00:00.000000001"),
        (CqlType::Timestamp, &[0, 0, 0, 0, 0, 0, 3, 0xe9], "1970-01-01T00:00:01.001Z"),
        (CqlType::Varint, &[0xff, 0x7f], "-129"),
        (CqlType::Decimal, &[0, 0, 0, 2, 0, 0x96], "1.50"),
        (CqlType::Duration, &[0x02, 0x04, 0x06], "1 mons 2 days 0.000000003 secs"),
    ];
    for (cql_type, cell, expected) in cases {
        let batch = decode_cell(cql_type.clone(), Some(cell)).unwrap();
        let shown = arrow::util::display::array_value_to_string(batch.column(0), 0).unwrap();
        assert_eq!(&shown, expected, "{cql_type:?} {cell:?}");
    }
}

#[test]
fn an_error_names_the_place_and_what_came() {
    let columns = [key("k", CqlType::Int), column("n", CqlType::BigInt)];
    let cells: [Option<&[u8]>; 4] = [Some(&[0; 4]), Some(&[0; 8]), Some(&[0; 4]), Some(&[1, 2, 3])];
    let error = decoder(&columns).decode_rows(2, &body(&cells)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cell is no bigint: expected 8 bytes, got 3 bytes 0x010203 (table: ks.t, column: n, row of the page: 2, primary key: k=0)"
    );
}

#[test]
fn an_error_names_a_key_that_arrow_has_no_calendar_for() {
    let columns = [key("at", CqlType::Timestamp), key("day", CqlType::Date), column("n", CqlType::BigInt)];
    let cells: [Option<&[u8]>; 3] = [Some(&i64::MAX.to_be_bytes()), Some(&[0; 4]), Some(&[1])];
    let error = decoder(&columns).decode_rows(1, &body(&cells)).unwrap_err().to_string();
    let expected = "primary key: at=+292278994-08-17T07:12:55.807Z, day=-5877641-06-23)";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn empty_is_not_null() {
    for cql_type in SCALARS {
        let is_text = matches!(cql_type, CqlType::Ascii | CqlType::Text | CqlType::Blob);
        let result = decode_cell(cql_type.clone(), Some(&[]));
        if is_text {
            assert_eq!(result.unwrap().column(0).null_count(), 0);
        } else {
            let message = result.unwrap_err().to_string();
            assert!(message.starts_with("the cell is empty (no bytes, yet not null)"), "{cql_type:?}: {message}");
        }
        assert_eq!(decode_cell(cql_type, None).unwrap().column(0).null_count(), 1);
    }
}

#[test]
fn bad_cells() {
    assert!(error(CqlType::Inet, &[1; 5]).contains("expected 4 or 16 bytes, got 5 bytes 0x0101010101"));
    assert!(error(CqlType::Boolean, &[1; 2]).contains("expected 1 byte, got 2 bytes"));
    assert!(error(CqlType::Decimal, &[0; 4]).contains("expected at least 5 bytes, got 4 bytes"));
    assert!(error(CqlType::Uuid, &[9; 21]).contains(&format!("got 21 bytes 0x{}…", "09".repeat(20))));
    assert!(error(CqlType::Duration, &[0, 0]).contains("variable-length"));
    assert!(error(CqlType::Time, &[0xff; 8]).contains("expected a time within one day"));
    assert!(error(CqlType::Time, &86_400_000_000_000_i64.to_be_bytes()).contains("within one day"));
    assert!(decode_cell(CqlType::Time, Some(&86_399_999_999_999_i64.to_be_bytes())).is_ok());
}

#[test]
fn bad_text_is_found_by_its_row() {
    let columns = [column("t", CqlType::Text)];
    // The two halves of one letter: together they would be UTF-8.
    let halves: [Option<&[u8]>; 4] = [Some(b"fine"), None, Some(&[0xc3]), Some(&[0xa9])];
    let error = decoder(&columns).decode_rows(4, &body(&halves)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the cell is no text: expected UTF-8, got 1 bytes 0xc3 (table: ks.t, column: t, row of the page: 3)"
    );
}

#[test]
fn a_null_in_the_key_is_an_error() {
    let columns = [key("k", CqlType::Int)];
    let error = decoder(&columns).decode_rows(2, &body(&[Some(&[0; 4]), None])).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server sent null for a column of the primary key (table: ks.t, column: k, row of the page: 2, primary key: k=NULL)"
    );
}

#[test]
fn a_page_must_hold_exactly_its_rows() {
    let columns = [column("n", CqlType::Int), column("m", CqlType::Int)];
    let good = body(&[Some(&[0; 4][..]); 4]);
    assert!(decoder(&columns).decode_rows(2, &good).is_ok());
    for end in 0..good.len() {
        assert_eq!(decoder(&columns).decode_rows(2, &good[..end]).unwrap_err().kind(), ErrorKind::Data);
    }
    let error = decoder(&columns).decode_rows(1, &good).unwrap_err();
    assert_eq!(error.to_string(), "a page of the server has 16 bytes behind its last row (table: ks.t)");
    // Nothing is reserved for rows that cannot be there.
    assert!(decoder(&columns).decode_rows(usize::MAX, &good).is_err());
}

#[test]
fn a_foreign_schema_is_a_bug() {
    let columns = [column("n", CqlType::Int)];
    for other in [Schema::empty(), arrow_schema(&[column("n", CqlType::BigInt)])] {
        let error = PageDecoder::try_new(&table(), &columns, Arc::new(other), ReadAs::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Internal);
    }
}

fn spec<'a>(name: &'a str, cql_type: ColumnType<'a>) -> ColumnSpec<'a> {
    ColumnSpec::borrowed(name, cql_type, TableSpec::borrowed("ks", "t"))
}

#[test]
fn changed_columns_are_noticed() {
    let columns = [key("k", CqlType::Int), column("t", CqlType::Text)];
    let int = || ColumnType::Native(NativeType::Int);
    let text = || ColumnType::Native(NativeType::Text);
    assert!(check_columns(&[spec("k", int()), spec("t", text())], &columns).is_ok());
    let message = |specs: &[ColumnSpec<'_>]| {
        let error = check_columns(specs, &columns).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Schema);
        error.to_string()
    };
    let ending = "the table was changed since the statement was planned; run it again";
    let list = ColumnType::Collection { frozen: false, typ: CollectionType::List(Box::new(int())) };
    assert_eq!(
        message(&[spec("k", int()), spec("t", list)]),
        format!("expected column t text, but the server has t list<int>: {ending}")
    );
    assert_eq!(
        message(&[spec("k", int()), spec("T", text())]),
        format!("expected column t text, but the server has T text: {ending}")
    );
    assert_eq!(message(&[spec("k", int())]), format!("expected 2 columns, but the server has 1: {ending}"));
}

#[test]
fn nested_types_are_compared_in_depth() {
    let set = |inner| CqlType::Frozen(Box::new(CqlType::Set(Box::new(inner))));
    let theirs = ColumnType::Collection {
        frozen: false,
        typ: CollectionType::Set(Box::new(ColumnType::Native(NativeType::Uuid))),
    };
    assert!(check_columns(&[spec("s", theirs.clone())], &[column("s", set(CqlType::Uuid))]).is_ok());
    assert!(check_columns(&[spec("s", theirs)], &[column("s", set(CqlType::TimeUuid))]).is_err());
}

proptest! {
    #[test]
    fn hostile_cells_never_panic(index in 0..SCALARS.len(), cell in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(batch) = decode_cell(SCALARS[index].clone(), Some(&cell)) {
            prop_assert_eq!(batch.column(0).null_count(), 0);
            // Whatever is taken can also be printed, except dates and times beyond the reach of the calendar.
            let printed = arrow::util::display::array_value_to_string(batch.column(0), 0);
            let is_temporal = matches!(
                batch.column(0).data_type(), DataType::Date32 | DataType::Timestamp(_, _) | DataType::Time64(_)
            );
            prop_assert!(printed.is_ok() || is_temporal);
        }
    }

    #[test]
    fn hostile_pages_never_panic(
        types in prop::collection::vec(0..SCALARS.len(), 1..4),
        rows in prop_oneof![0..4_usize, any::<usize>()],
        body in prop::collection::vec(prop_oneof![4 => Just(0), 1 => 0..20_u8, 1 => any::<u8>()], 0..80),
    ) {
        let columns: Vec<_> = types.into_iter().map(|t| column("c", SCALARS[t].clone())).collect();
        if let Ok(batch) = decoder(&columns).decode_rows(rows, &body) {
            prop_assert_eq!(batch.num_rows(), rows);
        }
    }
}
