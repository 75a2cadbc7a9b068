//! The keys that rows of the input ask for.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::row::{Row, RowConverter, Rows, SortField};
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::PhysicalExpr;

use super::LookupJoin;
use crate::codec::encode::{BoundBatch, RowEncoder};
use crate::codec::key_bytes::MAX_KEY_BYTES;

/// Finds the keys of the input's rows.
pub(super) struct KeyFinder {
    values: Vec<Arc<dyn PhysicalExpr>>,
    schema: SchemaRef,
    encoder: RowEncoder,
    converter: RowConverter,
}

impl KeyFinder {
    pub(super) fn new(join: &LookupJoin, input: &Schema) -> DataFusionResult<Self> {
        let schema = join.key_schema(input)?;
        let fields = schema.fields().iter().map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Self {
            values: join.keys.iter().map(|key| Arc::clone(&key.value)).collect(),
            schema: Arc::new(schema),
            encoder: join.encoder(input)?,
            converter: RowConverter::new(fields)?,
        })
    }

    /// Looks at some rows of the input. Keys that are `done` are left out, as are those that no row of the table can have.
    pub(super) fn window(&self, batch: RecordBatch, done: impl Fn(&[u8]) -> bool) -> DataFusionResult<Window> {
        let columns = self.columns(&batch)?;
        let complete: Vec<bool> =
            (0..batch.num_rows()).map(|row| columns.iter().all(|column| column.is_valid(row))).collect();
        let bytes = self.converter.convert_columns(&columns)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let keys = RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?;
        let bound = self.encoder.bind(&keys)?;

        let mut firsts = Vec::new();
        let mut key_of_row: Vec<Option<usize>> = vec![None; batch.num_rows()];
        let mut known: HashMap<Row<'_>, Option<usize>> = HashMap::new();
        for row in (0..batch.num_rows()).filter(|row| complete[*row]) {
            let key = bytes.row(row);
            key_of_row[row] = *known.entry(key).or_insert_with(|| {
                (may_exist(&bound, row) && !done(key.data())).then(|| {
                    firsts.push(row);
                    firsts.len() - 1
                })
            });
        }
        drop(known);
        let keys = complete.iter().filter(|complete| **complete).count();
        let rows = RowsOfKeys::new(&key_of_row, firsts.len());
        Ok(Window { batch, bound: Arc::new(bound), bytes, firsts, rows, keys })
    }

    /// The rows whose keys are not `done`.
    pub(super) fn rows_left(&self, batch: &RecordBatch, done: impl Fn(&[u8]) -> bool) -> DataFusionResult<RecordBatch> {
        let bytes = self.converter.convert_columns(&self.columns(batch)?)?;
        let left: BooleanArray = bytes.iter().map(|key| Some(!done(key.data()))).collect();
        Ok(filter_record_batch(batch, &left)?)
    }

    fn columns(&self, batch: &RecordBatch) -> DataFusionResult<Vec<ArrayRef>> {
        self.values.iter().map(|value| value.evaluate(batch)?.into_array(batch.num_rows())).collect()
    }
}

/// Whether a row of the table can have this key. If a value has no form in Cassandra (too large, empty, of another
/// version), no row has it, and the server would fail if it was asked.
fn may_exist(bound: &BoundBatch, row: usize) -> bool {
    let mut partition_key = Vec::new();
    if bound.check(row).is_err() || bound.partition_key(row, &mut partition_key).is_err() {
        return false;
    }
    // Cassandra refuses requests whose clustering columns are longer together than a key may be.
    bound.clustering_bytes(row) <= MAX_KEY_BYTES
}

/// Some rows of the input, by their keys.
pub(super) struct Window {
    pub(super) batch: RecordBatch,
    /// The keys of all rows, ready to be sent.
    pub(super) bound: Arc<BoundBatch>,
    bytes: Rows,
    /// The first row of each key.
    firsts: Vec<usize>,
    rows: RowsOfKeys,
    /// Rows that have a key: no column of it is null.
    pub(super) keys: usize,
}

impl Window {
    /// The number of different keys.
    pub(super) fn distinct(&self) -> usize {
        self.firsts.len()
    }

    /// A key in a form that is the same in all windows.
    pub(super) fn key(&self, key: usize) -> &[u8] {
        self.bytes.row(self.firsts[key]).data()
    }

    /// A row with this key.
    pub(super) fn first_row(&self, key: usize) -> usize {
        self.firsts[key]
    }

    /// All rows with this key.
    pub(super) fn rows_of(&self, key: usize) -> &[usize] {
        self.rows.get(key)
    }
}

/// The rows of each key, one list after the other.
struct RowsOfKeys {
    rows: Vec<usize>,
    /// Where the list of each key ends.
    ends: Vec<usize>,
}

impl RowsOfKeys {
    fn new(key_of_row: &[Option<usize>], keys: usize) -> Self {
        let mut ends = vec![0; keys];
        for key in key_of_row.iter().flatten() {
            ends[*key] += 1;
        }
        let mut total = 0;
        // Where each list begins, for now.
        for end in &mut ends {
            (*end, total) = (total, total + *end);
        }
        let mut rows = vec![0; total];
        for (row, key) in key_of_row.iter().enumerate() {
            if let Some(key) = key {
                rows[ends[*key]] = row;
                ends[*key] += 1;
            }
        }
        Self { rows, ends }
    }

    fn get(&self, key: usize) -> &[usize] {
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        &self.rows[start..self.ends[key]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_in_the_list_of_its_key() {
        let rows = RowsOfKeys::new(&[Some(1), None, Some(0), Some(1), Some(3), None, Some(1)], 4);
        assert_eq!(rows.get(0), [2]);
        assert_eq!(rows.get(1), [0, 3, 6]);
        assert!(rows.get(2).is_empty());
        assert_eq!(rows.get(3), [4]);
    }
}
