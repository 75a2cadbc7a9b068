//! Numbers of any size as numbers of a decimal type.

use std::sync::Arc;

use arrow::array::{ArrayRef, Decimal128Array, NullBufferBuilder};
use arrow::error::ArrowError;

use super::fault::Fault;
use crate::codec::decimal::{DecimalType, Fit};
use crate::codec::shown::shown;
use crate::options::DecimalOverflow;

/// Unscaled values of one decimal type.
#[derive(Debug)]
pub(super) struct Numbers {
    values: Vec<i128>,
    nulls: NullBufferBuilder,
    number_type: DecimalType,
    overflow: DecimalOverflow,
}

/// How a CQL type of numbers becomes one of Arrow's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) expected: &'static str,
    pub(super) fit: fn(DecimalType, &[u8]) -> Option<Fit>,
    /// Appends all digits, for a message.
    pub(super) show: fn(&[u8], &mut Vec<u8>) -> Option<()>,
}

impl Numbers {
    pub(super) fn new(rows: usize, number_type: DecimalType, overflow: DecimalOverflow) -> Self {
        Self { values: Vec::with_capacity(rows), nulls: NullBufferBuilder::new(rows), number_type, overflow }
    }

    pub(super) fn append(&mut self, cell: Option<&[u8]>, reading: Reading) -> Result<(), Fault> {
        let value = match cell {
            None => None,
            Some(cell) => {
                let fit = (reading.fit)(self.number_type, cell);
                match (fit.ok_or_else(|| Fault::length(cell, reading.expected))?, self.overflow) {
                    (Fit::Exact(value), _) | (Fit::Nearest(value), DecimalOverflow::Clamp) => Some(value),
                    (Fit::Nearest(_), DecimalOverflow::Null) => None,
                    (Fit::Nearest(_), DecimalOverflow::Error) => return Err(self.misfit(cell, reading)),
                }
            }
        };
        self.values.push(value.unwrap_or_default());
        self.nulls.append(value.is_some());
        Ok(())
    }

    #[cold]
    fn misfit(&self, cell: &[u8], reading: Reading) -> Fault {
        // Only long numbers take time to print, of which nobody wants all digits.
        const MAX_PRINTED: usize = 1_000;
        let mut digits = Vec::new();
        let number = if cell.len() > MAX_PRINTED || (reading.show)(cell, &mut digits).is_none() {
            format!("a number of {} bytes", cell.len())
        } else {
            shown(&String::from_utf8_lossy(&digits))
        };
        let DecimalType { precision, scale } = self.number_type;
        Fault::does_not_fit(format!("{number} is no decimal({precision}, {scale})"))
    }

    pub(super) fn finish(mut self) -> Result<ArrayRef, ArrowError> {
        let DecimalType { precision, scale } = self.number_type;
        let array = Decimal128Array::try_new(self.values.into(), self.nulls.finish())?;
        Ok(Arc::new(array.with_precision_and_scale(precision, scale.cast_signed())?))
    }
}
