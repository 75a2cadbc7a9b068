//! The raw measures: the driver alone, doing no more than it must. What the server can give.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::time::Duration;

use cbulk::cluster::ring::TokenRange;
use futures::{StreamExt, TryStreamExt, stream};
use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use scylla::response::PagingState;
use scylla::statement::Consistency;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;

use crate::Result;
use crate::rows::{self, COLUMNS, KEYSPACE, ROWS_A_PARTITION, Row};

const PAGE_ROWS: i32 = 2_000;
const GROUPS_IN_FLIGHT: usize = 64;

/// A session with as many connections as cbulk has.
pub(crate) async fn connect(host: &str) -> Result<Session> {
    let profile = ExecutionProfile::builder().request_timeout(Some(Duration::from_mins(2))).build();
    let connections = cbulk::ClusterOptions::default().connections_per_node.nonzero();
    Ok(SessionBuilder::new()
        .known_node(host)
        .default_execution_profile_handle(profile.into_handle())
        .pool_size(PoolSize::PerHost(connections))
        .build()
        .await?)
}

async fn prepare_read(session: &Session, what: &str, table: &str) -> Result<PreparedStatement> {
    let cql = format!("SELECT {what} FROM {KEYSPACE}.{table} WHERE token(device) > ? AND token(device) <= ?");
    let mut statement = session.prepare(cql).await?;
    statement.set_consistency(Consistency::LocalOne);
    statement.set_page_size(PAGE_ROWS);
    statement.set_use_cached_result_metadata(true);
    Ok(statement)
}

/// The pages of a table.
pub(crate) struct Drain {
    session: Session,
    statement: PreparedStatement,
    splits: usize,
    in_flight: usize,
}

impl Drain {
    pub(crate) async fn prepare(host: &str, table: &str, splits: usize, in_flight: usize) -> Result<Self> {
        let session = connect(host).await?;
        Ok(Self { statement: prepare_read(&session, COLUMNS, table).await?, session, splits, in_flight })
    }

    /// Requests all pages and looks at none; returns the rows they say they have.
    pub(crate) async fn run(&self) -> Result<u64> {
        stream::iter(TokenRange::RING.cut(self.splits))
            .map(|range| self.split(range))
            .buffer_unordered(self.in_flight)
            .try_fold(0, |sum, rows| async move { Ok(sum + rows) })
            .await
    }

    async fn split(&self, range: TokenRange) -> Result<u64> {
        let (mut state, mut rows) = (PagingState::start(), 0);
        loop {
            let bounds = (range.start(), range.end());
            let (page, next) = self.session.execute_single_page(&self.statement, bounds, state).await?;
            rows += page.into_rows_result()?.rows_num() as u64;
            match next.into_paging_control_flow() {
                ControlFlow::Continue(next) => state = next,
                ControlFlow::Break(()) => return Ok(rows),
            }
        }
    }
}

/// The server's count of each split.
pub(crate) struct Count {
    session: Session,
    statement: PreparedStatement,
    splits: NonZeroUsize,
    in_flight: usize,
}

impl Count {
    pub(crate) async fn prepare(host: &str, table: &str, splits: NonZeroUsize, in_flight: usize) -> Result<Self> {
        let session = connect(host).await?;
        Ok(Self { statement: prepare_read(&session, "count(*)", table).await?, session, splits, in_flight })
    }

    pub(crate) async fn run(&self) -> Result<u64> {
        stream::iter(TokenRange::RING.cut(self.splits.get()))
            .map(|range| async move {
                let bounds = (range.start(), range.end());
                let answer = self.session.execute_unpaged(&self.statement, bounds).await?;
                let (rows,) = answer.into_rows_result()?.single_row::<(i64,)>()?;
                Ok(u64::try_from(rows)?)
            })
            .buffer_unordered(self.in_flight)
            .try_fold(0, |sum, rows| async move { Ok(sum + rows) })
            .await
    }
}

/// Rows in memory and what sends them.
pub(crate) struct Write {
    session: Session,
    group: Batch,
    rows: Vec<Row>,
}

impl Write {
    pub(crate) async fn prepare(host: &str, table: &str, rows: u64) -> Result<Self> {
        let session = connect(host).await?;
        let marks = vec!["?"; COLUMNS.split(',').count()].join(", ");
        let insert = session.prepare(format!("INSERT INTO {KEYSPACE}.{table} ({COLUMNS}) VALUES ({marks})")).await?;
        let statements = vec![BatchStatement::PreparedStatement(insert); ROWS_A_PARTITION as usize];
        let mut group = Batch::new_with_statements(BatchType::Unlogged, statements);
        group.set_consistency(Consistency::LocalQuorum);
        group.set_is_idempotent(true);
        let mut made = Vec::with_capacity(rows as usize);
        made.extend(rows::rows(0..rows));
        Ok(Self { session, group, rows: made })
    }

    /// Sends all rows; returns how many were acknowledged.
    pub(crate) async fn run(&self) -> Result<u64> {
        stream::iter(self.rows.chunks(ROWS_A_PARTITION as usize))
            .map(|rows| async move {
                self.session.batch(&self.group, rows).await?;
                Ok(rows.len() as u64)
            })
            .buffer_unordered(GROUPS_IN_FLIGHT)
            .try_fold(0, |sum, rows| async move { Ok(sum + rows) })
            .await
    }
}
