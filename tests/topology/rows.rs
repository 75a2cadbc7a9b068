//! The rows of the test's tables: `k` from 0 on, each with a text of its own, in Cassandra partitions `p`.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use futures::{StreamExt, TryStreamExt, stream};
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};

use crate::common::TestKeyspace;

const COLUMNS: &str = "p bigint, k bigint, v text, PRIMARY KEY (p, k)";

fn text(k: i64) -> String {
    format!("row {k}")
}

/// Makes a table without rows.
pub(crate) async fn create(ks: &TestKeyspace, table: &str) {
    ks.run(&format!("CREATE TABLE {{ks}}.{table} ({COLUMNS})")).await;
}

/// Makes table `t` with these rows, some in each Cassandra partition; every replica has them when this returns.
pub(crate) async fn fill(ks: &TestKeyspace, count: i64, rows_per_partition: i64) {
    create(ks, "t").await;
    let insert = ks.cql.prepare(ks.sql("INSERT INTO {ks}.t (p, k, v) VALUES (?, ?, ?)")).await.unwrap();
    let statements = vec![BatchStatement::PreparedStatement(insert); usize::try_from(rows_per_partition).unwrap()];
    let mut group = Batch::new_with_statements(BatchType::Unlogged, statements);
    group.set_consistency(Consistency::All);
    let (group, cql) = (&group, &ks.cql);
    let writes = (0..count / rows_per_partition).map(|p| async move {
        let keys = p * rows_per_partition..(p + 1) * rows_per_partition;
        let rows: Vec<_> = keys.map(|k| (p, k, text(k))).collect();
        cql.batch(group, rows).await
    });
    stream::iter(writes).buffer_unordered(64).try_for_each(|_| async { Ok(()) }).await.unwrap();
}

/// The rows of `SELECT k, v`.
pub(crate) fn rows_of(batch: &RecordBatch) -> Vec<(i64, String)> {
    let keys = batch.column(0).as_primitive::<Int64Type>().values();
    let texts = batch.column(1).as_string::<i32>().iter().map(|text| text.unwrap().to_owned());
    keys.iter().copied().zip(texts).collect()
}

/// Panics unless these are the rows `0..count`, each exactly once.
pub(crate) fn assert_rows(rows: Vec<(i64, String)>, count: i64, what: &str) {
    let mut surplus = BTreeMap::new();
    for row in rows {
        *surplus.entry(row).or_insert(0) += 1;
    }
    for k in 0..count {
        *surplus.entry((k, text(k))).or_insert(0) -= 1;
    }
    surplus.retain(|_, times| *times != 0);
    let some: Vec<_> = surplus.iter().take(5).collect();
    assert!(surplus.is_empty(), "{what}: {} rows are missing (-1) or too many (1): {some:?} …", surplus.len());
}

/// Rows as one batch.
pub(crate) fn rows(keys: Range<i64>) -> RecordBatch {
    let field = |name, data_type| Field::new(name, data_type, false);
    let fields = vec![field("p", DataType::Int64), field("k", DataType::Int64), field("v", DataType::Utf8)];
    let k = Arc::new(Int64Array::from_iter_values(keys.clone()));
    let v = Arc::new(StringArray::from_iter_values(keys.map(text)));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![k.clone(), k, v]).unwrap()
}
