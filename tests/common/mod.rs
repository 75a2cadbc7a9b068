//! What the tests against a real Cassandra share.
#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cbulk::{ClusterOptions, Session, SessionBuilder};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Int64Type, UInt64Type};
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;

pub mod cluster;

/// Names of keyspaces of tests begin with it; a test at the end of the run fails if one is left.
pub const KEYSPACE_PREFIX: &str = "cbulk_test_";

/// Where the Cassandra of this run answers.
pub fn host() -> String {
    std::env::var("CBULK_TEST_HOST").unwrap_or_else(|_| {
        panic!("CBULK_TEST_HOST is not set: run `make test`, which starts a Cassandra, or name one that is running")
    })
}

/// A session with catalog `cassandra` at this host.
pub fn session_at(host: &str) -> Session {
    SessionBuilder::default().with_cluster(ClusterOptions::new([host])).build().unwrap()
}

/// A session at [`host`].
pub fn session() -> Session {
    session_at(&host())
}

/// A keyspace of a test's own, with the driver to fill it; dropped by [`TestKeyspace::drop_it`].
pub struct TestKeyspace {
    pub name: String,
    pub cql: scylla::client::session::Session,
}

impl TestKeyspace {
    pub async fn create() -> Self {
        Self::create_at(&host(), 1).await
    }

    pub async fn create_at(host: &str, replication_factor: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
        let name = format!("{KEYSPACE_PREFIX}{time}_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let cql = driver(host).await;
        let this = Self { name, cql };
        this.run(&format!(
            "CREATE KEYSPACE {} WITH replication = {{'class': 'SimpleStrategy', 'replication_factor': \
             {replication_factor}}}",
            this.name
        ))
        .await;
        this
    }

    /// Runs a statement; `{ks}` stands for the keyspace.
    pub async fn run(&self, cql: &str) {
        let cql = cql.replace("{ks}", &self.name);
        self.cql.query_unpaged(cql.clone(), ()).await.unwrap_or_else(|e| panic!("{cql}: {e}"));
    }

    /// `{ks}` replaced.
    pub fn sql(&self, sql: &str) -> String {
        sql.replace("{ks}", &self.name)
    }

    pub async fn drop_it(self) {
        self.run("DROP KEYSPACE {ks}").await;
    }
}

/// The driver, for what tests do behind cbulk's back.
pub async fn driver(host: &str) -> scylla::client::session::Session {
    use scylla::client::execution_profile::ExecutionProfile;
    let profile = ExecutionProfile::builder().request_timeout(Some(std::time::Duration::from_secs(120))).build();
    scylla::client::session_builder::SessionBuilder::new()
        .known_node(host)
        .default_execution_profile_handle(profile.into_handle())
        .build()
        .await
        .unwrap()
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
    let statement = session.parse(sql).unwrap().pop_front().unwrap();
    let query = session.plan(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    datafusion::physical_plan::displayable(query.plan.as_ref()).indent(false).to_string()
}
