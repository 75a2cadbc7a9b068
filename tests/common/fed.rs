//! Tables whose rows a test gives while a statement reads them.

use std::sync::{Arc, Mutex};

use cbulk::Session;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::StreamExt;
use futures::channel::mpsc::{Receiver, Sender, channel};

/// Registers a table of the session whose rows are those that are sent: a statement that reads it waits for them.
pub fn fed_table(session: &Session, name: &str, schema: SchemaRef) -> Sender<RecordBatch> {
    let (sender, receiver) = channel(0);
    let fed = FedTable { schema, receiver: Mutex::new(Some(receiver)) };
    let table = StreamingTable::try_new(Arc::clone(&fed.schema), vec![Arc::new(fed)]).unwrap();
    session.context().register_table(name, Arc::new(table)).unwrap();
    sender
}

#[derive(Debug)]
struct FedTable {
    schema: SchemaRef,
    receiver: Mutex<Option<Receiver<RecordBatch>>>,
}

impl PartitionStream for FedTable {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let receiver = self.receiver.lock().unwrap().take().expect("it is read once");
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), receiver.map(Ok)))
    }
}
