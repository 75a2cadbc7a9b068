//! How large rows are.

use super::values::Values;
use super::{BoundBatch, LENGTH_BYTES};
use crate::cluster::schema::ColumnKind;
use crate::error::{Error, Result};

impl BoundBatch {
    /// About how many bytes the row takes in a request, for limits on the size of one. Exact, except that text from which
    /// a number is read counts by itself, which is rather more than what is sent, and an address counts as 16 bytes.
    /// 0 for a row beyond the last.
    pub fn row_bytes(&self, row: usize) -> usize {
        if row >= self.rows {
            return 0;
        }
        self.values.iter().map(|values| LENGTH_BYTES + self.cell_bytes(values, row)).sum()
    }

    /// [`BoundBatch::row_bytes`] of all rows.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        let mut sizes = vec![LENGTH_BYTES * self.values.len(); self.rows];
        for values in &self.values {
            for (row, size) in sizes.iter_mut().enumerate() {
                *size += self.cell_bytes(values, row);
            }
        }
        sizes
    }

    /// The bytes of the values of the row's clustering columns; 0 for a row that the batch does not have.
    pub fn clustering_bytes(&self, row: usize) -> usize {
        let columns = self.recipe.columns.iter().zip(&self.values);
        let clustering = columns.filter(|(column, _)| matches!(column.kind, ColumnKind::Clustering { .. }));
        clustering.map(|(_, values)| self.cell_bytes(values, row)).sum()
    }

    /// Refuses a row whose values alone are more than the server takes.
    pub(super) fn check_size(&self, row: usize) -> Result<()> {
        let Some(limit) = self.limit.filter(|limit| self.row_bytes(row) > limit.bytes) else { return Ok(()) };
        // That was an estimate, and may be too high.
        let cell = |index| Ok(self.cell(index, row, <[u8]>::len)?.unwrap_or(0));
        let sizes = (0..self.values.len()).map(cell).collect::<Result<Vec<usize>>>()?;
        let bytes: usize = sizes.iter().sum();
        if bytes <= limit.bytes {
            return Ok(());
        }
        let widest = self.recipe.columns.iter().zip(sizes).max_by_key(|(_, size)| *size);
        let widest = widest.map(|(column, size)| format!("{} ({size} bytes)", column.name)).unwrap_or_default();
        Err(Error::data(format!("the values of the row have {bytes} bytes, and {limit}"))
            .with_context("largest column", widest)
            .with_context("row", self.number(row).to_string()))
    }

    fn cell_bytes(&self, values: &Values, row: usize) -> usize {
        if row >= self.rows || values.is_null(row) { 0 } else { values.cell_size(row) }
    }
}
