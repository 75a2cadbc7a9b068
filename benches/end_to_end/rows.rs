//! The rows: made from their number, so that every process makes the same ones.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanBuilder, Float64Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMillisecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use scylla::value::CqlTimestamp;

use crate::Result;

pub(crate) const KEYSPACE: &str = "cbulk_bench";
/// The table that is read.
pub(crate) const READ_TABLE: &str = "events";
/// The table that is written.
pub(crate) const WRITE_TABLE: &str = "written";
/// Rows of one Cassandra partition.
pub(crate) const ROWS_A_PARTITION: u64 = 10;

/// The columns in Cassandra's order.
pub(crate) const COLUMNS: &str = "device, seq, active, at, city, customer, kind, note, price, quantity";

/// What makes a table of these rows.
pub(crate) fn create_table(table: &str) -> String {
    format!(
        "CREATE TABLE {KEYSPACE}.{table} (device bigint, seq int, active boolean, at timestamp, city text, \
         customer bigint, kind text, note text, price double, quantity int, PRIMARY KEY (device, seq))"
    )
}

/// A row in the driver's own form, ready to be sent.
pub(crate) type Row = (i64, i32, bool, CqlTimestamp, &'static str, i64, &'static str, String, f64, i32);

const CITIES: [&str; 8] = ["Lisbon", "Valparaíso", "Osaka", "Nairobi", "Reykjavík", "Toronto", "Kraków", "Wellington"];
const KINDS: [&str; 6] = ["view", "search", "purchase", "refund", "signup", "logout"];
const WORDS: [&str; 16] = [
    "amber", "basket", "copper", "delta", "ember", "forest", "granite", "harbour", "island", "jasmine", "kettle",
    "lantern", "meadow", "north", "orchard", "pepper",
];

/// The rows with these numbers.
pub(crate) fn rows(numbers: std::ops::Range<u64>) -> impl Iterator<Item = Row> {
    numbers.map(row)
}

fn row(number: u64) -> Row {
    let mut random = Random(number);
    let mut note = String::with_capacity(48);
    note.push_str(random.one_of(&WORDS));
    for _ in 0..5 {
        note.push(' ');
        note.push_str(random.one_of(&WORDS));
    }
    (
        (number / ROWS_A_PARTITION).cast_signed(),
        (number % ROWS_A_PARTITION) as i32,
        random.below(2) == 1,
        CqlTimestamp(1_700_000_000_000 + random.below(31_536_000_000).cast_signed()),
        random.one_of(&CITIES),
        random.below(50_000).cast_signed(),
        random.one_of(&KINDS),
        note,
        random.below(1_000_000) as f64 / 100.0,
        1 + random.below(20) as i32,
    )
}

/// The numbers of so many rows, shuffled by Fisher and Yates, every time in the same way.
pub(crate) fn shuffled(rows: u64) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..rows).collect();
    let mut random = Random(rows);
    for end in (1..numbers.len()).rev() {
        numbers.swap(end, random.below(end as u64 + 1) as usize);
    }
    numbers
}

/// `SplitMix64` by Vigna, seeded by the row's number.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// The schema that reading such a table gives.
pub(crate) fn schema() -> SchemaRef {
    let timestamp = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("device", DataType::Int64, false),
        Field::new("seq", DataType::Int32, false),
        Field::new("active", DataType::Boolean, true),
        Field::new("at", timestamp, true),
        Field::new("city", DataType::Utf8, true),
        Field::new("customer", DataType::Int64, true),
        Field::new("kind", DataType::Utf8, true),
        Field::new("note", DataType::Utf8, true),
        Field::new("price", DataType::Float64, true),
        Field::new("quantity", DataType::Int32, true),
    ]))
}

/// The rows with these numbers, in Arrow.
pub(crate) fn batch(schema: &SchemaRef, numbers: impl Iterator<Item = u64>) -> Result<RecordBatch> {
    let (count, _) = numbers.size_hint();
    let mut device = Int64Builder::with_capacity(count);
    let mut seq = Int32Builder::with_capacity(count);
    let mut active = BooleanBuilder::with_capacity(count);
    let mut at = TimestampMillisecondBuilder::with_capacity(count).with_timezone("UTC");
    let mut city = StringBuilder::with_capacity(count, 9 * count);
    let mut customer = Int64Builder::with_capacity(count);
    let mut kind = StringBuilder::with_capacity(count, 7 * count);
    let mut note = StringBuilder::with_capacity(count, 40 * count);
    let mut price = Float64Builder::with_capacity(count);
    let mut quantity = Int32Builder::with_capacity(count);
    for row in numbers.map(row) {
        device.append_value(row.0);
        seq.append_value(row.1);
        active.append_value(row.2);
        at.append_value(row.3.0);
        city.append_value(row.4);
        customer.append_value(row.5);
        kind.append_value(row.6);
        note.append_value(row.7);
        price.append_value(row.8);
        quantity.append_value(row.9);
    }
    let columns: Vec<ArrayRef> = vec![
        Arc::new(device.finish()),
        Arc::new(seq.finish()),
        Arc::new(active.finish()),
        Arc::new(at.finish()),
        Arc::new(city.finish()),
        Arc::new(customer.finish()),
        Arc::new(kind.finish()),
        Arc::new(note.finish()),
        Arc::new(price.finish()),
        Arc::new(quantity.finish()),
    ];
    Ok(RecordBatch::try_new(SchemaRef::clone(schema), columns)?)
}
