//! One stream of rows, sorted: what the sort is given, and what is made of its result.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array};
use datafusion::arrow::compute::{SortOptions, cast, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::execution::TaskContext;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{EmptyRecordBatchStream, ExecutionPlan, SendableRecordBatchStream};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::memory::Share;
use super::{PartitionKey, Sorts};
use crate::codec::token::TOKEN;
use crate::error::{Error, Result};

/// What the sort is given at a time has at the most this part of its memory, if it is not a single row: it must hold
/// several such batches.
const PARTS_OF_INPUT: usize = 16;

/// What the sort gives and spills at a time has about this part. Merging files takes four times that for each of them, so
/// a quarter of this number of files can be merged at once.
const PARTS_OF_OUTPUT: usize = 128;

/// The part of its memory that the sort keeps for merging what it holds, when it has to spill. What is merged takes at most half
/// of what it took before, where all was counted twice, and the copies of its tokens half of that again.
const PARTS_OF_MERGING: usize = 2;

/// The sort of one partition.
pub(super) struct Run {
    key: Arc<PartitionKey>,
    /// In bytes.
    memory: usize,
    sorts: Sorts,
}

impl Run {
    pub(super) fn new(key: Arc<PartitionKey>, memory: usize, sorts: Sorts) -> Self {
        Self { key, memory, sorts }
    }

    /// The rows of `input`, the first of them after the last one has come.
    pub(super) async fn start(
        self,
        input: SendableRecordBatchStream,
        context: Arc<TaskContext>,
    ) -> DataFusionResult<SendableRecordBatchStream> {
        let form = Form::new(input.schema());
        let mut batches = self.batches(&form, input);
        let Some(first) = batches.try_next().await? else {
            return Ok(Box::pin(EmptyRecordBatchStream::new(form.rows)));
        };
        let context = self.context(&context, bytes(&first)? / first.num_rows().max(1));
        let source = form.source(stream::iter([Ok(first)]).chain(batches).boxed())?;
        let sort = Arc::new(SortExec::new(form.order(), source));
        self.sorts.push(Arc::clone(&sort));
        let schema = Arc::clone(&form.rows);
        let sorted = sort.execute(0, Arc::new(context))?.map(move |batch| Ok(form.without_token(&batch?)?));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, sorted)))
    }

    /// What the sort is given.
    fn batches(
        &self,
        form: &Form,
        input: SendableRecordBatchStream,
    ) -> BoxStream<'static, DataFusionResult<RecordBatch>> {
        let (form, key, most) = (form.clone(), Arc::clone(&self.key), self.memory / PARTS_OF_INPUT);
        let cut_up = move |batch: RecordBatch| {
            let batches = cut(form.with_token(&batch, &key.tokens(&batch)?)?, most)?;
            Ok::<_, DataFusionError>(stream::iter(batches.into_iter().map(Ok)))
        };
        let not_empty = |batch: &DataFusionResult<RecordBatch>| batch.as_ref().map_or(true, |b| b.num_rows() > 0);
        input
            .filter(move |batch| std::future::ready(not_empty(batch)))
            .map(move |batch| batch.and_then(&cut_up))
            .try_flatten()
            .boxed()
    }

    /// Where the sort runs: with its own memory, and batches of a number of rows that suits it.
    fn context(&self, of: &TaskContext, row_bytes: usize) -> TaskContext {
        let mut config = of.session_config().clone();
        let execution = &mut config.options_mut().execution;
        let rows = self.memory / PARTS_OF_OUTPUT / row_bytes.max(1);
        execution.batch_size = rows.clamp(1, execution.batch_size.max(1));
        // What is put together before it is sorted may take more than was counted for its parts.
        execution.sort_in_place_threshold_bytes = 0;
        let for_merging = self.memory / PARTS_OF_MERGING;
        execution.sort_spill_reservation_bytes = for_merging;
        let memory_pool = Arc::new(Share::new(of.memory_pool(), self.memory, for_merging));
        let runtime = RuntimeEnv { memory_pool, ..of.runtime_env().as_ref().clone() };
        TaskContext::default().with_session_config(config).with_runtime(Arc::new(runtime))
    }
}

/// Rows as they come, and as they are sorted: behind them the token, and no views of text and bytes. Batches share what
/// these look at, so that their memory would be counted, and spilled, once for each batch.
#[derive(Debug, Clone)]
struct Form {
    rows: SchemaRef,
    sorted: SchemaRef,
}

impl Form {
    fn new(rows: SchemaRef) -> Self {
        let without_view = |field: &Arc<Field>| field.as_ref().clone().with_data_type(without_view(field.data_type()));
        let mut fields: Vec<Field> = rows.fields().iter().map(without_view).collect();
        fields.push(Field::new(TOKEN, DataType::Int64, true));
        Self { sorted: Arc::new(Schema::new(fields)), rows }
    }

    /// In the order of the bits of the token, the last ones first: rows of one Cassandra partition stand together, and what
    /// comes next to them is somewhere else on the ring. By the token itself all that is sent at a time would go to
    /// the same few nodes, while the others wait for their turn.
    fn with_token(&self, batch: &RecordBatch, tokens: &Int64Array) -> Result<RecordBatch> {
        let spread: Int64Array = tokens.unary(i64::reverse_bits);
        let columns = batch.columns().iter().cloned().chain([Arc::new(spread) as ArrayRef]);
        shaped(&self.sorted, columns, batch.num_rows())
    }

    fn without_token(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        shaped(&self.rows, batch.columns().iter().take(self.rows.fields().len()).cloned(), batch.num_rows())
    }

    /// Rows without a token first.
    fn order(&self) -> LexOrdering {
        let token = Arc::new(ColumnExpr::new(TOKEN, self.rows.fields().len()));
        LexOrdering::from([PhysicalSortExpr::new(token, SortOptions { descending: false, nulls_first: true })])
    }

    /// A plan that gives these batches.
    fn source(
        &self,
        batches: BoxStream<'static, DataFusionResult<RecordBatch>>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let batches = RecordBatchStreamAdapter::new(Arc::clone(&self.sorted), batches);
        let once = Once { schema: Arc::clone(&self.sorted), batches: Mutex::new(Some(Box::pin(batches))) };
        let plan = StreamingTableExec::try_new(Arc::clone(&self.sorted), vec![Arc::new(once)], None, [], false, None)?;
        Ok(Arc::new(plan))
    }
}

fn without_view(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View => DataType::LargeUtf8,
        DataType::BinaryView => DataType::LargeBinary,
        other => other.clone(),
    }
}

/// The columns, each as the schema has it.
fn shaped(schema: &SchemaRef, columns: impl Iterator<Item = ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let columns = schema.fields().iter().zip(columns).map(|(field, column)| cast(&column, field.data_type()));
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    columns
        .collect::<Result<Vec<_>, _>>()
        .and_then(|columns| RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options))
        .map_err(|e| Error::internal("rows cannot be brought into the form in which they are sorted").with_source(e))
}

/// The batch in pieces of so many bytes at the most, or one row. Only a batch that takes more is copied: it may be large, or
/// look at a part of one that is.
fn cut(batch: RecordBatch, most: usize) -> DataFusionResult<Vec<RecordBatch>> {
    if batch.get_array_memory_size() <= most {
        return Ok(vec![batch]);
    }
    let rows = batch.num_rows();
    let batch = copy(&batch, 0..rows)?;
    let row_bytes = batch.get_array_memory_size() / rows.max(1);
    let of_piece = (most / row_bytes.max(1)).max(1);
    if of_piece >= rows {
        return Ok(vec![batch]);
    }
    (0..rows).step_by(of_piece).map(|start| copy(&batch, start..rows.min(start + of_piece))).collect()
}

fn copy(batch: &RecordBatch, rows: Range<usize>) -> DataFusionResult<RecordBatch> {
    let indices = UInt64Array::from_iter_values(rows.map(|row| row as u64));
    Ok(take_record_batch(batch, &indices)?)
}

/// The bytes of these rows alone, whatever the buffers have.
fn bytes(batch: &RecordBatch) -> DataFusionResult<usize> {
    let sizes = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size());
    Ok(sizes.sum::<Result<usize, _>>()?)
}

/// Batches that are asked for once.
struct Once {
    schema: SchemaRef,
    batches: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_else(|| {
            let error = Error::internal("rows that are sorted once are asked for again");
            let failed = stream::once(async { Err(error.into()) });
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), failed))
        })
    }
}
