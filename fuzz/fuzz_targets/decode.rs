//! A page of any bytes for columns of any types: rows or an error, never a panic, never more rows than were asked for.
#![no_main]

use std::sync::Arc;

use cbulk::cluster::cql_type::CqlType;
use cbulk::cluster::schema::{Column, ColumnKind, TableName};
use cbulk::codec::ReadAs;
use cbulk::codec::decode::PageDecoder;
use cbulk::options::{DecimalOverflow, DurationAs, EmptyValues, NumberAs};
use libfuzzer_sys::fuzz_target;

const SCALARS: [CqlType; 20] = [
    CqlType::Ascii,
    CqlType::BigInt,
    CqlType::Blob,
    CqlType::Boolean,
    CqlType::Counter,
    CqlType::Date,
    CqlType::Decimal,
    CqlType::Double,
    CqlType::Duration,
    CqlType::Float,
    CqlType::Inet,
    CqlType::Int,
    CqlType::SmallInt,
    CqlType::Text,
    CqlType::Time,
    CqlType::TimeUuid,
    CqlType::Timestamp,
    CqlType::TinyInt,
    CqlType::Uuid,
    CqlType::Varint,
];

/// Takes a byte off the input.
fn byte(input: &mut &[u8]) -> usize {
    let Some((first, rest)) = input.split_first() else { return 0 };
    *input = rest;
    usize::from(*first)
}

/// A type of at most so many levels, as the input says.
fn any_type(input: &mut &[u8], depth: usize) -> CqlType {
    let choice = byte(input);
    let part = |input: &mut &[u8]| Box::new(any_type(input, depth - 1));
    if depth == 0 {
        return SCALARS[choice % SCALARS.len()].clone();
    }
    match choice % 10 {
        0 => CqlType::List(part(input)),
        1 => CqlType::Set(part(input)),
        2 => CqlType::Map(part(input), part(input)),
        3 => CqlType::Tuple((0..=choice / 64).map(|_| *part(input)).collect()),
        4 => CqlType::Vector(part(input), 1 + choice / 64),
        5 => CqlType::Frozen(part(input)),
        _ => SCALARS[byte(input) % SCALARS.len()].clone(),
    }
}

fuzz_target!(|input: &[u8]| {
    let mut rest = input;
    let manner = byte(&mut rest);
    let decimal = NumberAs::Decimal { precision: 1 + (manner % 38) as u8, scale: (manner % 2) as u8 };
    let read_as = match manner % 3 {
        0 => ReadAs::default(),
        _ => ReadAs { varint: decimal, decimal, duration: DurationAs::Text },
    };
    let columns: Vec<Column> = (0..1 + byte(&mut rest) % 3)
        .map(|i| {
            let kind = if byte(&mut rest) % 4 == 0 { ColumnKind::PartitionKey } else { ColumnKind::Regular };
            Column { name: format!("c{i}"), cql_type: any_type(&mut rest, 3), kind }
        })
        .collect();
    let rows = byte(&mut rest);
    let schema = Arc::new(read_as.schema(&columns));
    let decoder = PageDecoder::try_new(&TableName::new("ks", "t"), &columns, schema, read_as)
        .expect("the schema is that of the columns")
        .with_empty_values(if manner % 5 == 0 { EmptyValues::Null } else { EmptyValues::Error })
        .with_decimal_overflow([DecimalOverflow::Error, DecimalOverflow::Clamp, DecimalOverflow::Null][manner % 3]);
    if let Ok(batch) = decoder.decode_rows(rows, rest) {
        assert_eq!(batch.num_rows(), rows);
    }
});
