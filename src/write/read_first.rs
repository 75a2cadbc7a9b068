//! Reading to the end before anything is written.
//!
//! A statement that chooses rows by what others hold, as `DELETE FROM t WHERE v < (SELECT avg(v) FROM t)`, would otherwise
//! choose by what it has left of them.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};

/// The batches of `input`, the first of them after the last one has come. They are kept in memory, and counted there.
pub(super) fn read_first(
    mut input: SendableRecordBatchStream,
    memory: &Arc<dyn MemoryPool>,
) -> SendableRecordBatchStream {
    let reservation = MemoryConsumer::new("rows to change").register(memory);
    let schema = input.schema();
    let batches = async move {
        let mut batches = Vec::new();
        while let Some(batch) = input.try_next().await? {
            reservation.try_grow(batch.get_array_memory_size())?;
            batches.push(batch);
        }
        Ok::<_, DataFusionError>(stream::iter(batches).map(move |batch| {
            reservation.shrink(batch.get_array_memory_size().min(reservation.size()));
            Ok(batch)
        }))
    };
    Box::pin(RecordBatchStreamAdapter::new(schema, stream::once(batches).try_flatten()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use arrow::array::{Int32Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    fn batch() -> RecordBatch {
        let schema = Arc::new(Schema::new(vec![Field::new("k", DataType::Int32, false)]));
        RecordBatch::try_new(schema, vec![Arc::new(Int32Array::from(vec![1, 2, 3]))]).unwrap()
    }

    /// Gives three batches and counts those that were taken.
    fn source(taken: &Arc<AtomicUsize>) -> SendableRecordBatchStream {
        let taken = Arc::clone(taken);
        let batches = stream::iter(0..3).map(move |_| {
            taken.fetch_add(1, Ordering::Relaxed);
            Ok(batch())
        });
        Box::pin(RecordBatchStreamAdapter::new(batch().schema(), batches))
    }

    #[tokio::test]
    async fn nothing_comes_before_the_end_and_memory_is_given_back() {
        let taken = Arc::default();
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1 << 20));
        let mut stream = read_first(source(&taken), &memory);
        assert!(stream.next().await.unwrap().is_ok());
        assert_eq!(taken.load(Ordering::Relaxed), 3);
        assert!(memory.reserved() > 0);
        assert_eq!(stream.try_collect::<Vec<_>>().await.unwrap().len(), 2);
        assert_eq!(memory.reserved(), 0);
    }

    #[tokio::test]
    async fn what_does_not_fit_in_memory_is_an_error() {
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(batch().get_array_memory_size() + 1));
        let error = read_first(source(&Arc::default()), &memory).try_collect::<Vec<_>>().await.unwrap_err();
        assert!(error.to_string().contains("rows to change"), "{error}");
    }
}
