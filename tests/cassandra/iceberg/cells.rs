//! Cells as text, to compare with what pyiceberg reads.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, Int64Type, TimeUnit};
use datafusion::arrow::util::display::array_value_to_string;

/// A row as text; see `inspect_table.py` for the form.
pub(crate) type Row = Vec<Option<String>>;

/// The cells of batches, in the form of `inspect_table.py`.
pub(crate) fn cells(batches: &[RecordBatch]) -> Vec<Row> {
    batches
        .iter()
        .flat_map(|batch| {
            let columns: Vec<Vec<Option<String>>> = batch.columns().iter().map(column_cells).collect();
            (0..batch.num_rows()).map(move |row| columns.iter().map(|c| c[row].clone()).collect()).collect::<Vec<Row>>()
        })
        .collect()
}

fn column_cells(column: &ArrayRef) -> Vec<Option<String>> {
    let text: Box<dyn Fn(usize) -> String> = match column.data_type() {
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>().clone();
            Box::new(move |row| format!("{:08x}", values.value(row).to_bits()))
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().clone();
            Box::new(move |row| format!("{:016x}", values.value(row).to_bits()))
        }
        DataType::Binary | DataType::LargeBinary => {
            let values = cast(column, &DataType::Binary).unwrap();
            Box::new(move |row| values.as_binary::<i32>().value(row).iter().map(|b| format!("{b:02x}")).collect())
        }
        DataType::FixedSizeBinary(16) => {
            let values = Arc::clone(column);
            Box::new(move |row| uuid::Uuid::from_slice(values.as_fixed_size_binary().value(row)).unwrap().to_string())
        }
        DataType::Date32 => {
            let values = cast(column, &DataType::Int32).unwrap();
            Box::new(move |row| array_value_to_string(&values, row).unwrap())
        }
        DataType::Time64(_) => numbers(column, &DataType::Time64(TimeUnit::Microsecond)),
        DataType::Timestamp(_, zone) => numbers(column, &DataType::Timestamp(TimeUnit::Microsecond, zone.clone())),
        DataType::Decimal128(..) => {
            let values = column.as_primitive::<Decimal128Type>().clone();
            Box::new(move |row| values.value_as_string(row))
        }
        _ => {
            let values = Arc::clone(column);
            Box::new(move |row| array_value_to_string(&values, row).unwrap())
        }
    };
    (0..column.len()).map(|row| column.is_valid(row).then(|| text(row))).collect()
}

fn numbers(column: &ArrayRef, unit: &DataType) -> Box<dyn Fn(usize) -> String> {
    let values = cast(&cast(column, unit).unwrap(), &DataType::Int64).unwrap();
    Box::new(move |row| values.as_primitive::<Int64Type>().value(row).to_string())
}

/// The rows that `inspect_table.py` has read.
pub(crate) fn json_rows(read: &serde_json::Value) -> Vec<Row> {
    let rows = read["rows"].as_array().unwrap().iter();
    rows.map(|row| row.as_array().unwrap().iter().map(|c| c.as_str().map(str::to_owned)).collect()).collect()
}

/// Compares as bags: tables have no order.
pub(crate) fn assert_same_rows(expected: &[Row], found: &[Row], what: &str) {
    assert_eq!(expected.len(), found.len(), "number of rows: {what}");
    let (mut expected, mut found) = (expected.to_vec(), found.to_vec());
    expected.sort();
    found.sort();
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found, "{what}");
    }
}
