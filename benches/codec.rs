//! How many rows a core decodes and encodes in a second, beside copying the same bytes. Needs no server: the pages are
//! what the encoder makes, which has the form that the server sends.
//!
//! `make bench-codec`, or `cargo bench --profile release --bench codec`.
#![expect(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "numbers are small here")]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int32Array, Int32Builder, ListBuilder, MapBuilder, RecordBatch, StringArray, StringBuilder, StructArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use cbulk::cluster::cql_type::{CqlType, UserType};
use cbulk::cluster::schema::{Column, ColumnKind, TableName};
use cbulk::codec::decode::PageDecoder;
use cbulk::codec::encode::RowEncoder;
use cbulk::codec::{ReadAs, arrow_schema};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scylla::serialize::writers::RowWriter;

#[path = "end_to_end/rows.rs"]
#[expect(dead_code, reason = "the other benchmark uses more of it")]
mod rows;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Rows of a page, as many as a scan asks for.
const ROWS: usize = 2_000;

/// A table in Arrow, and as a page.
struct Table {
    name: &'static str,
    columns: Vec<Column>,
    batch: RecordBatch,
    page: Vec<u8>,
}

impl Table {
    fn new(name: &'static str, columns: Vec<Column>, batch: RecordBatch) -> Result<Self> {
        let bound = RowEncoder::try_new(&columns, &batch.schema())?.bind(&batch)?;
        let mut page = Vec::new();
        for row in 0..batch.num_rows() {
            bound.encode_row(row, &mut RowWriter::new(&mut page))?;
        }
        Ok(Self { name, columns, batch, page })
    }

    /// The ten columns of the end-to-end benchmark.
    fn flat() -> Result<Self> {
        let batch = rows::batch(&rows::schema(), 0..ROWS as u64)?;
        let types = [
            CqlType::BigInt,
            CqlType::Int,
            CqlType::Boolean,
            CqlType::Timestamp,
            CqlType::Text,
            CqlType::BigInt,
            CqlType::Text,
            CqlType::Text,
            CqlType::Double,
            CqlType::Int,
        ];
        let names = rows::COLUMNS.split(", ");
        Self::new("flat", names.zip(types).map(|(name, cql_type)| column(name, cql_type)).collect(), batch)
    }

    /// A key, a list of five numbers, a map of three entries and a user-defined type of two fields.
    fn nested() -> Result<Self> {
        let address = UserType {
            fields: vec![("street".to_owned(), CqlType::Text), ("zip".to_owned(), CqlType::Int)],
            ..UserType::named("address")
        };
        let columns = vec![
            column("id", CqlType::Int),
            column("list", CqlType::List(Box::new(CqlType::Int))),
            column("map", CqlType::Map(Box::new(CqlType::Text), Box::new(CqlType::Int))),
            column("address", CqlType::Udt(address)),
        ];
        let mut list = ListBuilder::new(Int32Builder::new());
        let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        let ids: Vec<i32> = (0..ROWS as i32).collect();
        for id in &ids {
            list.append_value((0..5).map(|i| Some(id + i)));
            for key in ["first", "second", "third"] {
                map.keys().append_value(key);
                map.values().append_value(*id);
            }
            map.append(true)?;
        }
        let street: ArrayRef =
            Arc::new(StringArray::from_iter_values(ids.iter().map(|id| format!("Harbour Street {id}"))));
        let ids: ArrayRef = Arc::new(Int32Array::from(ids));
        let address = StructArray::from(vec![
            (Arc::new(Field::new("street", DataType::Utf8, true)), street),
            (Arc::new(Field::new("zip", DataType::Int32, true)), Arc::clone(&ids)),
        ]);
        let arrays: [ArrayRef; 4] = [ids, Arc::new(list.finish()), Arc::new(map.finish()), Arc::new(address)];
        let fields: Vec<Field> =
            columns.iter().zip(&arrays).map(|(c, a)| Field::new(&c.name, a.data_type().clone(), true)).collect();
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays.to_vec())?;
        Self::new("nested", columns, batch)
    }

    /// Each is for one page, so that rows a second can be compared.
    fn measure(&self, criterion: &mut Criterion) -> Result<()> {
        let schema = Arc::new(arrow_schema(&self.columns));
        let decoder =
            PageDecoder::try_new(&TableName::new("bench", self.name), &self.columns, schema, ReadAs::default())?;
        assert_eq!(decoder.decode_rows(ROWS, &self.page)?.num_rows(), ROWS);
        let encoder = RowEncoder::try_new(&self.columns, &self.batch.schema())?;

        eprintln!("{}: {} bytes a row", self.name, self.page.len() / ROWS);
        let mut group = criterion.benchmark_group(self.name);
        group.throughput(Throughput::ElementsAndBytes { elements: ROWS as u64, bytes: self.page.len() as u64 });
        group.bench_function("memcpy", |bencher| bencher.iter(|| black_box(black_box(&self.page).clone())));
        group.bench_function("decode", |bencher| {
            bencher.iter(|| black_box(decoder.decode_rows(ROWS, black_box(&self.page))));
        });
        group.bench_function("encode", |bencher| {
            let mut page = Vec::with_capacity(self.page.len());
            bencher.iter(|| {
                page.clear();
                let bound = encoder.bind(black_box(&self.batch)).ok();
                for row in 0..ROWS {
                    let written = bound.as_ref().map(|bound| bound.encode_row(row, &mut RowWriter::new(&mut page)));
                    assert!(matches!(written, Some(Ok(()))));
                }
                black_box(page.len())
            });
        });
        group.finish();
        Ok(())
    }
}

fn column(name: &str, cql_type: CqlType) -> Column {
    Column { name: name.to_owned(), cql_type, kind: ColumnKind::Regular }
}

fn codec(criterion: &mut Criterion) {
    for table in [Table::flat(), Table::nested()] {
        let measured = table.and_then(|table| table.measure(criterion));
        assert!(measured.is_ok(), "{measured:?}");
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);
