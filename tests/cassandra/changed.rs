//! A table that is changed or dropped while rows are written to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::fed::fed_table;
use crate::common::{TestKeyspace, metric, number, plan, session, wait_until};
use cbulk::{Error, ErrorKind, Session};
use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::ExecutionPlan;
use futures::channel::mpsc::Sender;
use futures::{SinkExt, TryStreamExt};
use tokio::task::JoinHandle;

/// Rows of each batch.
const ROWS: i64 = 50;

/// The first batches are written before the change.
const BEFORE: i64 = 4;

/// So many batches are more than a load takes that stops at the first refusal.
const MANY: i64 = 10_000;

/// A load that waits for its next rows.
struct Load {
    rows: Sender<RecordBatch>,
    plan: Arc<dyn ExecutionPlan>,
    running: JoinHandle<Result<Vec<RecordBatch>, DataFusionError>>,
    sent: i64,
}

impl Load {
    /// Writes the first rows to columns `k`, `v` and `w` of `t`.
    async fn start(ks: &TestKeyspace, session: &Session) -> Self {
        ks.run("CREATE TABLE {ks}.t (k bigint PRIMARY KEY, v text, w text)").await;
        let rows = fed_table(session, "source", batch(0).schema());
        let query = plan(session, &ks.sql("INSERT INTO {ks}.t (k, v, w) SELECT * FROM source")).await;
        let plan = Arc::clone(&query.plan);
        let running = tokio::spawn(async move { query.execute()?.try_collect::<Vec<_>>().await });
        let mut load = Self { rows, plan, running, sent: 0 };
        for _ in 0..BEFORE {
            assert!(load.send().await, "the load has ended before the table was changed");
        }
        let trouble = || format!("{} rows are written", load.written());
        wait_until(trouble, async || load.written() == load.sent * ROWS).await;
        load
    }

    /// Gives the load another batch; false if it takes none any more.
    async fn send(&mut self) -> bool {
        let taken = self.rows.send(batch(self.sent)).await.is_ok();
        self.sent += i64::from(taken);
        taken
    }

    fn written(&self) -> i64 {
        i64::try_from(metric(self.plan.as_ref(), "rows_written")).unwrap()
    }

    /// Gives it rows until it fails, which it must do soon: the error with the causes.
    async fn failure(mut self) -> (ErrorKind, String) {
        let changed = Instant::now();
        while self.send().await {
            assert!(self.sent < MANY, "the load goes on");
        }
        let error = self.running.await.unwrap().unwrap_err();
        // Eight repetitions with growing waits would take 25 seconds.
        assert!(changed.elapsed() < Duration::from_secs(10), "{error} after {:?}", changed.elapsed());
        let found = Error::find(&error).unwrap();
        let cause = std::error::Error::source(found).map(ToString::to_string).unwrap_or_default();
        (found.kind(), format!("{error}, caused by: {cause}"))
    }
}

/// The rows of a batch, each with a key of its own.
fn batch(number: i64) -> RecordBatch {
    let keys = number * ROWS..(number + 1) * ROWS;
    let fields = vec![
        Field::new("k", DataType::Int64, false),
        Field::new("v", DataType::Utf8, false),
        Field::new("w", DataType::Utf8, false),
    ];
    let text = || Arc::new(StringArray::from_iter_values(keys.clone().map(|k| format!("row {k}"))));
    let keys = Arc::new(Int64Array::from_iter_values(keys.clone()));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), vec![keys, text(), text()]).unwrap()
}

/// The number in `at least 200 rows had been written`.
fn told(error: &str) -> i64 {
    let (_, rest) = error.split_once("at least ").unwrap_or_else(|| panic!("{error}"));
    rest.split_once(" rows had been written").unwrap_or_else(|| panic!("{error}")).0.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_dropped_in_the_middle_ends_the_load_at_once() {
    let ks = TestKeyspace::create().await;
    let session = session();
    let load = Load::start(&ks, &session).await;
    ks.run("DROP TABLE {ks}.t").await;
    let (kind, error) = load.failure().await;
    assert_eq!(kind, ErrorKind::Conflict, "{error}");
    assert!(error.contains("the table was dropped or changed while rows were written to it"), "{error}");
    assert!(error.contains(&ks.sql("(table: {ks}.t)")) && error.contains("table t does not exist"), "{error}");
    assert!(told(&error) >= BEFORE * ROWS, "{error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_dropped_in_the_middle_ends_the_load_at_once() {
    let ks = TestKeyspace::create().await;
    let session = session();
    let load = Load::start(&ks, &session).await;
    ks.run("ALTER TABLE {ks}.t DROP w").await;
    let (kind, error) = load.failure().await;
    assert_eq!(kind, ErrorKind::Conflict, "{error}");
    assert!(error.contains("the table was dropped or changed while rows were written to it"), "{error}");
    assert!(error.contains("Undefined column name w"), "{error}");
    let there = number(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await;
    assert!((BEFORE * ROWS..=there).contains(&told(&error)), "{there} rows are there: {error}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_goes_on_when_a_column_is_added() {
    let ks = TestKeyspace::create().await;
    let session = session();
    let mut load = Load::start(&ks, &session).await;
    for column in ["x", "y"] {
        ks.run(&format!("ALTER TABLE {{ks}}.t ADD {column} int")).await;
        for _ in 0..BEFORE {
            assert!(load.send().await, "the load has ended");
        }
    }
    let Load { rows: source, plan, running, sent } = load;
    drop(source);
    let rows = sent * ROWS;
    assert_eq!(running.await.unwrap().unwrap().len(), 1);
    assert_eq!(i64::try_from(metric(plan.as_ref(), "rows_written")).unwrap(), rows);
    assert_eq!(number(&session, &ks.sql("SELECT count(*) FROM {ks}.t WHERE v = w AND x IS NULL")).await, rows);
    ks.drop_it().await;
}
