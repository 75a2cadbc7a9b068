//! Puts rows of the input and rows of the table together.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array, new_null_array,
};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::{filter, take};
use datafusion::common::JoinSide;
use datafusion::error::Result as DataFusionResult;
use datafusion::physical_expr::PhysicalExprRef;

use super::keys::Window;
use super::{LookupJoin, LookupKind};
use crate::error::Error;

/// Rows of the table, and the key of each.
pub(super) struct Found {
    pub(super) rows: RecordBatch,
    pub(super) keys: Vec<usize>,
}

/// A window of the input while it is joined.
pub(super) struct Matching<'a> {
    join: &'a LookupJoin,
    window: &'a Window,
    /// The input's side of further equalities.
    equal: Vec<ArrayRef>,
    /// Whether each row of the input has a partner.
    matched: Vec<bool>,
}

/// As many rows of the input as of the table.
struct Pairs {
    input: UInt64Array,
    table: UInt64Array,
}

impl<'a> Matching<'a> {
    pub(super) fn new(join: &'a LookupJoin, window: &'a Window) -> DataFusionResult<Self> {
        let batch = &window.batch;
        let input = |(value, _): &(PhysicalExprRef, _)| value.evaluate(batch)?.into_array(batch.num_rows());
        let equal = join.residual.equal.iter().map(input).collect::<DataFusionResult<_>>()?;
        Ok(Self { join, window, equal, matched: vec![false; batch.num_rows()] })
    }

    /// The join of some rows of the table, in batches of at most `most` pairs; possibly empty ones.
    pub(super) fn pairs(
        &mut self,
        found: &Found,
        most: usize,
    ) -> DataFusionResult<impl Iterator<Item = DataFusionResult<RecordBatch>>> {
        let table = |(_, value): &(_, PhysicalExprRef)| value.evaluate(&found.rows)?.into_array(found.rows.num_rows());
        let equal = self.join.residual.equal.iter().map(table).collect::<DataFusionResult<Vec<ArrayRef>>>()?;
        let window = self.window;
        let mut all = found
            .keys
            .iter()
            .enumerate()
            .flat_map(move |(row, key)| window.rows_of(*key).iter().map(move |input| (*input as u64, row as u64)));
        Ok(std::iter::from_fn(move || {
            let (input, table): (Vec<u64>, Vec<u64>) = all.by_ref().take(most).unzip();
            if input.is_empty() {
                return None;
            }
            let pairs = Pairs { input: input.into(), table: table.into() };
            Some(self.keep(pairs, found, &equal).and_then(|pairs| self.take(&pairs, found)))
        }))
    }

    /// The pairs that fulfil everything else.
    fn keep(&mut self, mut pairs: Pairs, found: &Found, equal: &[ArrayRef]) -> DataFusionResult<Pairs> {
        for (input, table) in self.equal.iter().zip(equal) {
            let mask = eq(&take(input, &pairs.input, None)?, &take(table, &pairs.table, None)?)?;
            pairs = pairs.only(&mask)?;
        }
        if let Some(condition) = &self.join.residual.filter {
            let column = |side, index| self.column(&pairs, found, side, index);
            let columns = condition.column_indices().iter().map(|c| column(c.side, c.index));
            let columns = columns.collect::<DataFusionResult<Vec<_>>>()?;
            let options = RecordBatchOptions::new().with_row_count(Some(pairs.input.len()));
            let batch = RecordBatch::try_new_with_options(Arc::clone(condition.schema()), columns, &options)?;
            let mask = condition.expression().evaluate(&batch)?.into_array(batch.num_rows())?;
            let mask = mask.as_boolean_opt().ok_or_else(|| Error::internal("a filter of a join is no boolean"))?;
            pairs = pairs.only(mask)?;
        }
        for row in pairs.input.values() {
            if let Some(matched) = usize::try_from(*row).ok().and_then(|row| self.matched.get_mut(row)) {
                *matched = true;
            }
        }
        Ok(pairs)
    }

    fn take(&self, pairs: &Pairs, found: &Found) -> DataFusionResult<RecordBatch> {
        match self.join.kind {
            LookupKind::Inner | LookupKind::Outer => {
                result(self.join, pairs.input.len(), |side, index| self.column(pairs, found, side, index))
            }
            // What they give is known in the end.
            LookupKind::Semi | LookupKind::Anti | LookupKind::TableSemi => {
                Ok(RecordBatch::new_empty(Arc::clone(&self.join.schema)))
            }
        }
    }

    fn column(&self, pairs: &Pairs, found: &Found, side: JoinSide, index: usize) -> DataFusionResult<ArrayRef> {
        if side == self.join.table_at {
            Ok(take(found.rows.column(index), &pairs.table, None)?)
        } else {
            Ok(take(self.window.batch.column(index), &pairs.input, None)?)
        }
    }

    /// What comes after the last row of the table; none for joins that give nothing but pairs.
    pub(super) fn finish(self) -> DataFusionResult<Option<RecordBatch>> {
        let wanted = match self.join.kind {
            LookupKind::Inner | LookupKind::TableSemi => return Ok(None),
            LookupKind::Semi => true,
            LookupKind::Outer | LookupKind::Anti => false,
        };
        let rows = self.matched.iter().enumerate().filter(|(_, matched)| **matched == wanted);
        let rows = UInt64Array::from_iter_values(rows.map(|(row, _)| row as u64));
        if rows.is_empty() {
            return Ok(None);
        }
        let column = |side, index: usize| {
            if side == self.join.table_at {
                Ok(new_null_array(self.join.table.schema().field(index).data_type(), rows.len()))
            } else {
                Ok(take(self.window.batch.column(index), &rows, None)?)
            }
        };
        result(self.join, rows.len(), column).map(Some)
    }
}

impl Pairs {
    fn only(&self, mask: &BooleanArray) -> DataFusionResult<Self> {
        Ok(Self {
            input: filter(&self.input, mask)?.as_primitive().clone(),
            table: filter(&self.table, mask)?.as_primitive().clone(),
        })
    }
}

/// Rows of the table as the result of a join that gives nothing else.
pub(super) fn table_rows(join: &LookupJoin, rows: &RecordBatch) -> DataFusionResult<RecordBatch> {
    result(join, rows.num_rows(), |_, index| Ok(Arc::clone(rows.column(index))))
}

/// A batch of the result, whose columns are those of one of the two sides.
fn result(
    join: &LookupJoin,
    rows: usize,
    column: impl Fn(JoinSide, usize) -> DataFusionResult<ArrayRef>,
) -> DataFusionResult<RecordBatch> {
    let columns = join.output.iter().map(|from| column(from.side, from.index)).collect::<DataFusionResult<_>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(&join.schema), columns, &options)?)
}
