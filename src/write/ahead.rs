//! Reads ahead of the writing.
//!
//! Servers stop now and then, for a garbage collection as often as once a second, and take up at once what has been made ready
//! meanwhile. So rows are read, converted and grouped by a task of their own, up to a number of bytes before they are sent.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use tokio::sync::{Semaphore, mpsc};

/// Bytes of batches that are read and not yet taken. One more batch may be waiting to join them.
const MOST_BYTES: u32 = 16 << 20;

/// What `make` makes of each batch, in their order, until the first error. Dropping the stream ends the reading.
pub(super) fn read_ahead<T: Send + 'static>(
    mut input: SendableRecordBatchStream,
    mut make: impl FnMut(RecordBatch) -> DataFusionResult<T> + Send + 'static,
) -> impl Stream<Item = DataFusionResult<T>> + Send {
    // The bytes bound it.
    let (sender, receiver) = mpsc::unbounded_channel();
    let room = Arc::new(Semaphore::new(MOST_BYTES as usize));
    let task = SpawnedTask::spawn(async move {
        while let Some(batch) = input.next().await {
            let result = batch.and_then(|batch| Ok((bytes(&batch), make(batch)?)));
            let bytes = result.as_ref().map_or(0, |(bytes, _)| *bytes);
            // It is never closed.
            let Ok(taken) = Arc::clone(&room).acquire_many_owned(bytes).await else { return };
            let was_last = result.is_err();
            if sender.send((taken, result)).is_err() || was_last {
                return;
            }
        }
    });
    stream::unfold(Some((receiver, task)), |reading| async {
        let (mut receiver, task) = reading?;
        if let Some((taken, result)) = receiver.recv().await {
            drop(taken);
            return Some((result.map(|(_, made)| made), Some((receiver, task))));
        }
        // A panic there is one here.
        let ended = task.join_unwind().await;
        ended.err().map(|error| (Err(DataFusionError::External(Box::new(error))), None))
    })
}

fn bytes(batch: &RecordBatch) -> u32 {
    u32::try_from(batch.get_array_memory_size()).map_or(MOST_BYTES, |bytes| bytes.min(MOST_BYTES))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use datafusion::arrow::array::Int64Array;
    use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
    use futures::TryStreamExt;
    use tokio::sync::Notify;

    use super::*;

    /// Batches of 1 MiB, and how many of them have been asked for.
    fn input(batches: i64) -> (SendableRecordBatchStream, Arc<AtomicUsize>) {
        let batch = |i| RecordBatch::try_from_iter([("i", Arc::new(Int64Array::from(vec![i; 1 << 17])) as _)]).unwrap();
        let (schema, asked) = (batch(0).schema(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let rows = stream::iter(0..batches).map(move |i| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok(batch(i))
        });
        (Box::pin(RecordBatchStreamAdapter::new(schema, rows)), asked)
    }

    fn first(batch: &RecordBatch) -> i64 {
        use datafusion::arrow::array::AsArray;
        use datafusion::arrow::datatypes::Int64Type;
        batch.column(0).as_primitive::<Int64Type>().value(0)
    }

    /// Tells when it is dropped.
    struct Tells(Arc<Notify>);

    impl Drop for Tells {
        fn drop(&mut self) {
            self.0.notify_one();
        }
    }

    #[tokio::test]
    async fn all_batches_come_in_order() {
        let (input, _) = input(100);
        let all: Vec<i64> = read_ahead(input, |batch| Ok(first(&batch))).try_collect().await.unwrap();
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn it_reads_as_many_bytes_ahead_as_it_may_and_ends_when_dropped() {
        let (input, asked) = input(100);
        let dropped = Arc::new(Notify::new());
        let tells = Tells(Arc::clone(&dropped));
        let mut made = Box::pin(read_ahead(input, move |batch| {
            let _ = &tells;
            Ok(first(&batch))
        }));
        assert_eq!(made.next().await.unwrap().unwrap(), 0);
        // The task runs on this thread, whenever this one waits.
        for _ in 0..1_000 {
            tokio::task::yield_now().await;
        }
        let ahead = asked.load(Ordering::Relaxed);
        assert!((10..=18).contains(&ahead), "{ahead}");
        drop(made);
        dropped.notified().await;
    }

    #[tokio::test]
    async fn the_first_error_is_the_end() {
        let (input, asked) = input(100);
        let make = |batch: RecordBatch| match first(&batch) {
            3 => Err(DataFusionError::Execution("three".to_owned())),
            i => Ok(i),
        };
        let all: Vec<Result<i64, String>> =
            read_ahead(input, make).map(|made| made.map_err(|e| e.to_string())).collect().await;
        assert_eq!(all.len(), 4);
        assert!(all[3].as_ref().is_err_and(|error| error.contains("three")), "{all:?}");
        assert_eq!(asked.load(Ordering::Relaxed), 4);
    }
}
