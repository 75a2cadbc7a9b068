//! Rows that are refused, and where in them the reason stands.

use arrow::array::BooleanArray;
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::ArrowNativeType;

use super::document::Json;
use crate::cluster::schema::Column;
use crate::codec::place::{Step, describe};
use crate::codec::shown::shown;
use crate::error::Error;

/// Where the values stand that one array is made of.
#[derive(Debug)]
pub(super) enum Place<'a> {
    /// They are the values of a column, one a row.
    Column(&'a Column),
    /// They are all elements, keys or values of collections.
    Parts { of: &'a Place<'a>, offsets: &'a OffsetBuffer<i32>, step: fn(usize) -> Step },
    /// They are this field of each tuple or user-defined type.
    Field { of: &'a Place<'a>, field: usize },
}

impl Place<'_> {
    /// The column and the row of a value, and the way to it, from the inside.
    fn of(&self, index: usize) -> (&Column, usize, Vec<Step>) {
        let (mut here, mut index, mut steps) = (self, index, Vec::new());
        loop {
            match here {
                Self::Column(column) => return (column, index, steps),
                Self::Parts { of, offsets, step } => {
                    let owner = offsets.partition_point(|start| start.as_usize() <= index).saturating_sub(1);
                    steps.push(step(index - offsets[owner].as_usize()));
                    (here, index) = (*of, owner);
                }
                Self::Field { of, field } => {
                    steps.push(Step::Field(*field));
                    here = *of;
                }
            }
        }
    }
}

/// For each row the first reason to refuse it.
#[derive(Debug)]
pub(super) struct Refusals(Vec<Option<Error>>);

impl Refusals {
    /// None, of so many rows.
    pub(super) fn new(rows: usize) -> Self {
        Self((0..rows).map(|_| None).collect())
    }

    /// Refuses a row as a whole.
    pub(super) fn row(&mut self, row: usize, text: &str, why: &str) {
        self.refuse(row, || Error::data(format!("cannot read {} as a row: {why}", shown(text))));
    }

    /// Refuses the row that has this value.
    pub(super) fn value(&mut self, place: &Place<'_>, index: usize, json: Json<'_>, why: &str) {
        let (column, row, steps) = place.of(index);
        self.refuse(row, || {
            let (words, cql_type) = describe(&column.cql_type, &steps);
            let separator = if words.is_empty() { "" } else { ", " };
            Error::data(format!("cannot read {} as {cql_type}: {why}", shown(json.get())))
                .with_context("column", format!("{}{separator}{words}", column.name))
        });
    }

    fn refuse(&mut self, row: usize, error: impl FnOnce() -> Error) {
        if let Some(none @ None) = self.0.get_mut(row) {
            *none = Some(error());
        }
    }

    /// Which rows are refused, if any are.
    pub(super) fn refused(&self) -> Option<BooleanArray> {
        let is_refused = |refusal: &Option<Error>| refusal.is_some();
        self.0.iter().any(is_refused).then(|| self.0.iter().map(is_refused).map(Some).collect())
    }

    /// By row, counted from 0.
    pub(super) fn into_errors(self) -> Vec<(usize, Error)> {
        self.0.into_iter().enumerate().filter_map(|(row, error)| Some((row, error?))).collect()
    }
}
