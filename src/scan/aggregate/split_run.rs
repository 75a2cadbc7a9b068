//! One split of an aggregate, until it has an answer.
//!
//! A split that fails although it was repeated, because it takes the server too long or too much, is not the end: it is halved,
//! and each half is asked by itself, again and again. A count that fails even then streams the keys and counts them here,
//! which any server can answer. What an attempt has said before it failed is thrown away as a whole, so nothing is
//! counted twice.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use futures::TryStreamExt;

use super::{AggregateMetrics, Reader};
use crate::error::{Error, ErrorKind, Result};
use crate::scan::page::{Page, PageReader};
use crate::scan::split::{Part, Split};

/// How often a split is halved: the last pieces are 1/64 of it.
const MOST_HALVINGS: usize = 6;

/// The states of the whole split.
pub(super) async fn answer(reader: &Reader, metrics: &AggregateMetrics, split: Split) -> Result<Vec<RecordBatch>> {
    let mut answers = Vec::new();
    // Pieces still to ask, the next one last, with the number of cuts that made them.
    let mut pieces = vec![(split, 0)];
    while let Some((piece, halvings)) = pieces.pop() {
        let failure = match ask(reader, &piece).await {
            Ok(states) => {
                answers.extend(states);
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => error,
            Err(error) => return Err(error),
        };
        if let Some([first, second]) = halves(&piece).filter(|_| halvings < MOST_HALVINGS) {
            metrics.halved.add(1);
            pieces.extend([(second, halvings + 1), (first, halvings + 1)]);
        } else {
            let Some(keys) = reader.keys().await? else { return Err(failure) };
            metrics.streamed.add(1);
            answers.push(count_keys(reader, keys, piece).await?);
        }
    }
    Ok(answers)
}

/// The server's answer, complete or not at all.
async fn ask(reader: &Reader, split: &Split) -> Result<Vec<RecordBatch>> {
    let pages = Arc::clone(&reader.pages).pages(split.clone());
    pages.and_then(|page| async move { reader.decoder.decode(&page) }).try_collect().await
}

/// Both halves of a split's tokens; `None` if it has not two.
fn halves(split: &Split) -> Option<[Split; 2]> {
    let Part::Range(range) = &split.part else { return None };
    let mut halves = range.cut(2).map(|half| Split { part: Part::Range(half), replicas: split.replicas.clone() });
    Some([halves.next()?, halves.next()?])
}

/// The rows of a split, counted here.
async fn count_keys(reader: &Reader, keys: Arc<PageReader>, split: Split) -> Result<RecordBatch> {
    let rows = |page: Page| async move { Ok(page.rows_num() as u64) };
    let pages = keys.pages(split).and_then(rows);
    let count = pages.try_fold(0_u64, |sum, rows| async move { Ok(sum + rows) }).await?;
    let count = i64::try_from(count).map_err(|_| Error::data("the count exceeds 9223372036854775807"))?;
    let column: ArrayRef = Arc::new(Int64Array::from(vec![count]));
    let columns = vec![column; reader.schema.fields().len()];
    RecordBatch::try_new(Arc::clone(&reader.schema), columns).map_err(|e| Error::internal("states").with_source(e))
}
