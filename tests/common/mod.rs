//! What the tests against a real Cassandra share.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cbulk::session::Query;
use cbulk::{ClusterOptions, Session, SessionBuilder};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use names::KEYSPACE_PREFIX;

pub mod cluster;
pub mod fed;
pub mod names;

/// Where the Cassandra of this run answers.
pub fn host() -> String {
    std::env::var("CBULK_TEST_HOST").unwrap_or_else(|_| {
        panic!("CBULK_TEST_HOST is not set: run `make test`, which starts a Cassandra, or name one that is running")
    })
}

/// Waits for a condition.
///
/// # Panics
/// It does not come: `trouble` says what is wrong then.
pub async fn wait_until(trouble: impl Fn() -> String, condition: impl AsyncFn() -> bool) {
    // Longer than a server needs for anything small, on a busy machine too.
    const PATIENCE: Duration = Duration::from_mins(1);
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "{} after {PATIENCE:?}", trouble());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A session with catalog `cassandra` at this host.
pub fn session_at(host: &str) -> Session {
    SessionBuilder::default().with_cluster(ClusterOptions::new([host])).build().unwrap()
}

/// A session at [`host`].
pub fn session() -> Session {
    session_at(&host())
}

/// A keyspace of a test's own, with the driver to fill it. It is dropped with this value, also when the test panics.
pub struct TestKeyspace {
    pub name: String,
    pub cql: scylla::client::session::Session,
    host: String,
    dropped: bool,
}

impl TestKeyspace {
    pub async fn create() -> Self {
        Self::create_at(&host(), 1).await
    }

    pub async fn create_at(host: &str, replication_factor: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{KEYSPACE_PREFIX}{time}_{}_{number}", std::process::id());
        Self::create_named(name, host, replication_factor).await
    }

    /// For names that matter to the test; no two tests may take the same one.
    pub async fn create_named(name: impl Into<String>, host: &str, replication_factor: usize) -> Self {
        let this = Self { name: name.into(), cql: driver(host).await, host: host.to_owned(), dropped: false };
        this.run("DROP KEYSPACE IF EXISTS {ks}").await;
        this.run(&format!(
            "CREATE KEYSPACE {{ks}} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': \
             {replication_factor}}}"
        ))
        .await;
        this
    }

    /// Runs a statement of CQL; `{ks}` stands for the keyspace.
    pub async fn run(&self, cql: &str) {
        let cql = self.sql(cql);
        self.cql.query_unpaged(cql.clone(), ()).await.unwrap_or_else(|e| panic!("{cql}: {e}"));
    }

    /// `{ks}` replaced by the keyspace, in quotes if it needs them.
    pub fn sql(&self, sql: &str) -> String {
        let is_plain = self.name.bytes().all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit());
        if is_plain { sql.replace("{ks}", &self.name) } else { sql.replace("{ks}", &format!("\"{}\"", self.name)) }
    }

    /// Drops it now, on the connection there is; faster than leaving it to the end of its scope.
    pub async fn drop_it(mut self) {
        self.run("DROP KEYSPACE {ks}").await;
        self.dropped = true;
    }
}

impl Drop for TestKeyspace {
    fn drop(&mut self) {
        if self.dropped {
            return;
        }
        // A runtime and a connection of its own: the test's may be what has failed.
        let (host, cql) = (self.host.clone(), self.sql("DROP KEYSPACE IF EXISTS {ks}"));
        let drop_it = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async { driver(&host).await.query_unpaged(cql, ()).await.unwrap() });
        };
        // A second panic would end the process before the first one is told.
        if std::thread::spawn(drop_it).join().is_err() {
            eprintln!("keyspace {} could not be dropped", self.name);
        }
    }
}

/// The driver, for what tests do behind cbulk's back.
pub async fn driver(host: &str) -> scylla::client::session::Session {
    use scylla::client::execution_profile::ExecutionProfile;
    let profile = ExecutionProfile::builder().request_timeout(Some(std::time::Duration::from_mins(2))).build();
    scylla::client::session_builder::SessionBuilder::new()
        .known_node(host)
        // There are types in tests that the driver cannot read.
        .fetch_full_schema_metadata(false)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await
        .unwrap()
}

/// What a table holds as the driver reads it, whatever the order of its rows: their number, and the sum of their hashes.
/// Independent of everything in cbulk.
pub async fn fingerprint(ks: &TestKeyspace, cql: &str) -> (usize, u64) {
    let cql = ks.sql(cql);
    let pager = ks.cql.query_iter(cql.clone(), ()).await.unwrap_or_else(|e| panic!("{cql}: {e}"));
    let rows = pager.rows_stream::<scylla::value::Row>().unwrap();
    rows.try_fold((0, 0_u64), |(rows, sum), row| async move {
        let mut hasher = std::hash::DefaultHasher::new();
        // The text of each value names its type, and tells 1.5 from 1.50.
        std::hash::Hash::hash(&format!("{row:?}"), &mut hasher);
        Ok((rows + 1, sum.wrapping_add(std::hash::Hasher::finish(&hasher))))
    })
    .await
    .unwrap()
}

/// Fails unless both tables hold the same rows, by what the driver reads of them and by `EXCEPT` both ways.
pub async fn assert_same_tables(ks: &TestKeyspace, session: &Session, left: &str, right: &str) {
    let of = |table: &str| format!("SELECT * FROM {table}");
    let (l, r) = (fingerprint(ks, &of(left)).await, fingerprint(ks, &of(right)).await);
    assert_eq!(l, r, "rows and sum of hashes of {left} and {right}");
    for (one, other) in [(left, right), (right, left)] {
        let sql = ks.sql(&format!("SELECT count(*) FROM ({} EXCEPT ALL {})", of(one), of(other)));
        assert_eq!(number(session, &sql).await, 0, "{sql}");
    }
}

/// Runs a script of statements and gives the rows of the last one.
pub async fn run(session: &Session, sql: &str) -> Result<Vec<RecordBatch>> {
    let mut batches = Vec::new();
    for statement in session.parse(sql)? {
        batches = session.plan(statement).await?.execute()?.try_collect().await?;
    }
    Ok(batches)
}

/// The error of the last statement, as the user reads it.
pub async fn error_of(session: &Session, sql: &str) -> String {
    run(session, sql).await.expect_err(sql).to_string()
}

/// The only number of a result of one row and one column.
pub async fn number(session: &Session, sql: &str) -> i64 {
    let batches = run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
    assert_eq!(rows, 1, "{sql}");
    let batch = batches.iter().find(|b| b.num_rows() == 1).unwrap();
    assert_eq!(batch.num_columns(), 1, "{sql}");
    let column = batch.column(0);
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return numbers.value(0);
    }
    i64::try_from(column.as_primitive::<UInt64Type>().value(0)).unwrap()
}

/// Threads of its own for a query, so that all tasks on them are the query's: on those of the test, the driver begins
/// and ends tasks whenever it opens a connection.
pub struct QueryRuntime(Option<tokio::runtime::Runtime>);

impl QueryRuntime {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self(Some(runtime))
    }

    /// Runs to the end on these threads. What it spawns may live on.
    pub async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> T {
        self.runtime().spawn(work).await.unwrap()
    }

    /// Waits until whatever was begun has ended.
    pub async fn wait_until_idle(&self) {
        let tasks = || self.runtime().metrics().num_alive_tasks();
        wait_until(|| format!("{} tasks are left", tasks()), async || tasks() == 0).await;
    }

    fn runtime(&self) -> &tokio::runtime::Runtime {
        self.0.as_ref().unwrap()
    }
}

impl Drop for QueryRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropping it would wait for its threads, which must not be done on a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}

/// The rows of a result as text, one line a row, sorted.
pub async fn sorted_rows(session: &Session, sql: &str) -> Vec<String> {
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    let batches = run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let options = FormatOptions::default().with_null("NULL");
    let mut lines = Vec::new();
    for batch in &batches {
        let columns: Vec<ArrayFormatter> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            lines.push(columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join("|"));
        }
    }
    lines.sort();
    lines
}

/// The sum of a metric over all nodes of a plan that has run.
pub fn metric(plan: &dyn ExecutionPlan, name: &str) -> usize {
    let own = plan.metrics().and_then(|m| m.sum_by_name(name)).map_or(0, |v| v.as_usize());
    own + plan.children().iter().map(|child| metric(child.as_ref(), name)).sum::<usize>()
}

/// The physical plan as EXPLAIN prints it, without running it.
pub async fn explain(session: &Session, sql: &str) -> String {
    datafusion::physical_plan::displayable(plan(session, sql).await.plan.as_ref()).indent(false).to_string()
}

/// Plans the only statement of `sql`, without running it.
pub async fn plan(session: &Session, sql: &str) -> Query {
    let statement = session.parse(sql).unwrap().pop_front().unwrap();
    session.plan(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
}

/// Runs a script below `tests/cassandra/` with the Python that has pyiceberg and friends, and gives what it prints.
pub fn python(script: &str, arguments: &[&str]) -> String {
    let Some(python) = std::env::var_os("CBULK_PYTHON") else {
        panic!("CBULK_PYTHON is not set: run `make test`, or set it to what scripts/python-env prints");
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cassandra").join(script);
    let output = Command::new(&python).arg(&script).args(arguments).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{} {arguments:?}:\n{out}\n{err}", script.display());
    out.into_owned()
}
