use arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, DictionaryArray, Int64Array, ListArray, StringViewArray,
};
use arrow::compute::concat_batches;
use arrow::datatypes::{DataType, Field, Int32Type, Int64Type, Schema};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::memory_pool::{GreedyMemoryPool, MemoryPool};
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use futures::TryStreamExt;

use super::*;
use crate::cluster::schema::CqlType;

/// Rows of which column `k` is the partition key, a bigint, with `rest` beside it.
fn batch(keys: Int64Array, rest: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = std::iter::once(("k", Arc::new(keys) as ArrayRef)).chain(rest);
    RecordBatch::try_from_iter_with_nullable(columns.map(|(name, array)| (name, array, true))).unwrap()
}

/// The sort of these batches, and a context in which it has all the memory that `pool` has.
fn sort(batches: &[RecordBatch], memory_mb: usize, pool: &Arc<dyn MemoryPool>) -> (TokenSortExec, Arc<TaskContext>) {
    let schema = batches[0].schema();
    let column = Column { name: "k".to_owned(), cql_type: CqlType::BigInt, kind: ColumnKind::PartitionKey };
    let encoder = TokenEncoder::of_key(&[column], &[Arc::clone(&schema.fields()[0])]).unwrap();
    let (columns, names) = (vec![0], vec!["k".to_owned()]);
    let key = PartitionKey { columns, names, casts: Casts::default(), encoder };
    let input = MemorySourceConfig::try_new_exec(&[batches.to_vec()], schema, None).unwrap();
    let runtime = RuntimeEnvBuilder::new().with_memory_pool(Arc::clone(pool)).build_arc().unwrap();
    (TokenSortExec::new(Arc::new(key), memory_mb, input), Arc::new(TaskContext::default().with_runtime(runtime)))
}

fn pool() -> Arc<dyn MemoryPool> {
    Arc::new(GreedyMemoryPool::new(1 << 30))
}

async fn run(exec: &TokenSortExec, context: &Arc<TaskContext>) -> DataFusionResult<Vec<RecordBatch>> {
    exec.execute(0, Arc::clone(context))?.try_collect().await
}

fn spills(exec: &TokenSortExec) -> usize {
    exec.metrics().unwrap().spill_count().unwrap_or_default()
}

fn rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL");
    let columns: Vec<_> =
        batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    let line = |row| columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join("|");
    (0..batch.num_rows()).map(line).collect()
}

/// How often another key follows in a column.
fn changes(keys: &Int64Array) -> usize {
    let keys: Vec<Option<i64>> = keys.iter().collect();
    keys.windows(2).filter(|pair| pair[0] != pair[1]).count()
}

/// Every 100th key is null; the others are 300, far apart.
fn shuffled(rows: std::ops::Range<i64>) -> RecordBatch {
    let texts = |i: i64| (i % 7 != 0).then(|| format!("a text that is too long for a view of it, number {i}"));
    let keys = rows.clone().map(|i| (i % 100 != 0).then_some(i * 7919 % 300)).collect();
    let views: StringViewArray = rows.clone().map(texts).collect();
    let bytes: BinaryViewArray = rows.clone().map(|i| texts(i).map(String::into_bytes)).collect();
    let words: DictionaryArray<Int32Type> = rows
        .clone()
        .map(|i| texts(i % 50))
        .map(Option::unwrap_or_default)
        .map(Some)
        .collect::<Vec<_>>()
        .iter()
        .map(Option::as_deref)
        .collect();
    let lists = ListArray::from_iter_primitive::<Int64Type, _, _>(rows.map(|i| Some((0..i % 4).map(Some))));
    batch(
        keys,
        vec![
            ("views", Arc::new(views)),
            ("bytes", Arc::new(bytes)),
            ("words", Arc::new(words)),
            ("lists", Arc::new(lists)),
        ],
    )
}

#[tokio::test]
async fn rows_of_a_cassandra_partition_come_together_from_memory_and_from_files() {
    let batches: Vec<RecordBatch> = (0..10).map(|i| shuffled(i * 3_000..(i + 1) * 3_000)).collect();
    let pool = pool();
    let mut given: Vec<String> = batches.iter().flat_map(rows).collect();
    given.sort();
    for (memory_mb, spilled) in [(64, false), (2, true)] {
        let (exec, context) = sort(&batches, memory_mb, &pool);
        let sorted = run(&exec, &context).await.unwrap();
        assert_eq!(spills(&exec) > 0, spilled, "{memory_mb} MiB: {} spills", spills(&exec));
        let sorted = concat_batches(&exec.schema(), &sorted).unwrap();
        let keys = sorted.column(0).as_primitive::<Int64Type>();
        // 300 keys, of which a few are null in every row, and null before them.
        let different: std::collections::BTreeSet<_> = keys.iter().collect();
        assert!(different.len() > 200);
        assert_eq!(changes(keys), different.len() - 1);
        assert!(keys.is_null(0), "what cannot be written comes first");
        let mut found = rows(&sorted);
        found.sort();
        assert_eq!(found, given);
        assert_eq!(pool.reserved(), 0, "memory is given back");
    }
}

#[tokio::test]
async fn rows_of_megabytes_are_sorted_a_few_at_a_time() {
    let wide = |rows: i64| {
        let keys = (0..rows).map(|i| Some(i % 2)).collect();
        let values: arrow::array::StringArray = (0..rows).map(|i| Some(i.to_string().repeat(3 << 20))).collect();
        batch(keys, vec![("v", Arc::new(values))])
    };
    let (exec, context) = sort(&[wide(10), wide(10)], 32, &pool());
    let sorted = run(&exec, &context).await.unwrap();
    assert!(spills(&exec) > 0);
    assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 20);
    assert!(sorted.iter().all(|batch| batch.num_rows() == 1), "a batch would be as large as the input");
    let keys: Vec<i64> = sorted.iter().map(|batch| batch.column(0).as_primitive::<Int64Type>().value(0)).collect();
    assert_eq!(changes(&keys.into()), 1);

    let (exec, context) = sort(&[wide(2)], 4, &pool());
    let error = run(&exec, &context).await.unwrap_err();
    assert!(error.to_string().contains("SET cassandra.sort_memory_mb = 16"), "{error}");
}

/// Sorts merge on several threads, and who of them asks for memory first is never the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn merging_has_the_memory_it_needs_whoever_asks_first() {
    for rows_of_batch in [50, 100, 500, 4_000] {
        let batches: Vec<RecordBatch> =
            (0..60_000 / rows_of_batch).map(|i| shuffled(i * rows_of_batch..(i + 1) * rows_of_batch)).collect();
        for _ in 0..5 {
            let (exec, context) = sort(&batches, 2, &pool());
            let sorted = tokio::spawn(async move { run(&exec, &context).await.map(|sorted| (sorted, spills(&exec))) });
            let (sorted, spills) = sorted.await.unwrap().unwrap();
            assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 60_000);
            assert!(spills > 2, "{spills} spills");
        }
    }
}

/// Each part of a batch counts as its own rows, not as the batch.
#[tokio::test]
async fn parts_of_a_large_batch_do_not_take_its_memory() {
    let whole = shuffled(0..40_000);
    let parts: Vec<RecordBatch> = (0..400).map(|i| whole.slice(i * 100, 100)).collect();
    let (exec, context) = sort(&parts, 1, &pool());
    let sorted = run(&exec, &context).await.unwrap();
    assert_eq!(sorted.iter().map(RecordBatch::num_rows).sum::<usize>(), 40_000);
    // By the whole batch there would be one for each part.
    assert!((4..120).contains(&spills(&exec)), "{} spills", spills(&exec));
}

#[tokio::test]
async fn no_rows_are_no_rows() {
    let (exec, context) = sort(&[shuffled(0..0)], 1, &pool());
    assert_eq!(run(&exec, &context).await.unwrap(), []);
    assert_eq!(exec.schema(), Arc::new(Schema::new(shuffled(0..1).schema().fields().clone())));
    assert_eq!(exec.schema().field(1), &Field::new("views", DataType::Utf8View, true));
}
