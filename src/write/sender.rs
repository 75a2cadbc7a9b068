//! Sends statement groups and waits for their acknowledgement.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::serialize::SerializationError;
use scylla::serialize::batch::{BatchValues, BatchValuesIterator};
use scylla::serialize::row::{RowSerializationContext, SerializeRow};
use scylla::serialize::writers::RowWriter;
use scylla::statement::batch::{Batch, BatchStatement, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::{CqlValue, Row};

use super::WriteRecipe;
use super::batch::StatementGroup;
use super::load::Load;
use super::metrics::WriteMetrics;
use super::outcome::RejectedClass;
use super::pace::{Pace, Slot};
use crate::cluster::retry::RetryPlan;
use crate::cluster::ring::NodeId;
use crate::cluster::route::{chosen_node, send_to};
use crate::cluster::{Cluster, WriteFailure, consistency, is_gone, is_transient, write_error};
use crate::error::{Error, Result};

/// What became of a statement group that was not refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Written,
    /// There is a row of its key, and it was to be left alone.
    NotApplied,
}

/// A statement group that could not be written.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Error,
    /// `None`: no other group will fare better.
    pub(crate) class: Option<RejectedClass>,
    pub(crate) attempts: usize,
}

/// Sends the statement groups of one stream.
pub(crate) struct Sender {
    cluster: Arc<Cluster>,
    statement: PreparedStatement,
    recipe: Arc<WriteRecipe>,
    load: Arc<Load>,
    pace: Arc<Pace>,
    retries: RetryPlan,
    metrics: WriteMetrics,
    batch_type: BatchType,
    /// The CQL batch of n statements, by n.
    batches: Mutex<HashMap<usize, Arc<Batch>>>,
}

impl Sender {
    /// Connects and prepares.
    pub(crate) async fn start(recipe: &Arc<WriteRecipe>, load: &Arc<Load>, metrics: &WriteMetrics) -> Result<Self> {
        let (options, repeatable) = (&recipe.options, recipe.is_repeatable());
        let cluster = recipe.cluster.connect().await?;
        let mut statement = cluster.prepare_write(&recipe.cql(), options).await?;
        statement.set_is_idempotent(repeatable);
        statement.set_load_balancing_policy(Some(chosen_node()));
        let retries = RetryPlan::new(options);
        Ok(Self {
            statement,
            load: Arc::clone(load),
            pace: load.pace(options, cluster.node_count(), &metrics.all),
            cluster,
            retries: if repeatable { retries } else { retries.for_once() },
            metrics: metrics.clone(),
            batch_type: match recipe.change {
                change if change.is_counter() => BatchType::Counter,
                _ if recipe.is_logged() => BatchType::Logged,
                _ => BatchType::Unlogged,
            },
            recipe: Arc::clone(recipe),
            batches: Mutex::default(),
        })
    }

    /// The most statement groups that may ever be in flight.
    pub(crate) fn most_in_flight(&self) -> usize {
        self.pace.most().get()
    }

    /// Sends the group when its turn has come, again and again if need be.
    pub(crate) async fn send(&self, group: &StatementGroup) -> Result<Sent, Failed> {
        if self.recipe.options.dry_run {
            self.would_send(group);
            return Ok(Sent::Written);
        }
        self.pace.wait_for(group.rows.len(), group.bytes).await;
        let session = self.cluster.session();
        let attempts = AtomicUsize::new(1);
        let on_retry = || {
            attempts.fetch_add(1, Ordering::Relaxed);
            self.metrics.retries.add(1);
        };
        let count = group.statements().len();
        let statements = if count > 1 { Some(self.batch_of(count)) } else { None };
        let failed_at = Mutex::new(None);
        let attempt = async |_| {
            let not_at = *failed_at.lock().unwrap_or_else(PoisonError::into_inner);
            let slot = self.slot(group.token, not_at).await.ok_or(ExecutionError::EmptyPlan)?;
            let sent = Instant::now();
            let request = async {
                match (&statements, group.statements()) {
                    (None, [row]) => {
                        session.execute_unpaged(&self.statement, group.source.bound.row(*row)).await.map(Some)
                    }
                    (Some(statements), _) => session.batch(statements, group).await.map(Some),
                    (None, _) => Ok(None),
                }
            };
            let answer = send_to(slot.node(), request).await;
            match &answer {
                Ok(_) => slot.acknowledged(sent.elapsed()),
                Err(error) => {
                    *failed_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(slot.node());
                    if is_transient(error) {
                        slot.overloaded();
                    }
                }
            }
            answer
        };
        let mut answer = self.retries.run(on_retry, &attempt).await;
        // A node that comes back does not know at first what was made while it was away.
        if answer.as_ref().is_err_and(is_gone) && self.cluster.agree_on_schema().await {
            on_retry();
            answer = self.retries.run(on_retry, &attempt).await;
        }
        match answer {
            Ok(answer) => self.applied(answer).map_err(|error| Failed { error, class: None, attempts: 0 }),
            Err(error) => Err(self.failed(&error, attempts.into_inner())),
        }
    }

    /// Finds where the group would go, and counts it there.
    fn would_send(&self, group: &StatementGroup) {
        let replicas = self.cluster.replicas_of_token(&self.recipe.table.name.keyspace, group.token);
        self.load.shares().add(&replicas, group.rows.len(), group.bytes, |node| self.address(node));
    }

    fn address(&self, node: NodeId) -> String {
        self.cluster.node_address(node).unwrap_or_else(|| node.to_string())
    }

    /// Waits until a group may be sent to one of the nodes that have its rows, if there is a choice not to that where it has just
    /// failed. Each attempt has a slot of its own: one that waits to be repeated is not in flight.
    async fn slot(&self, token: i64, not_at: Option<NodeId>) -> Option<Slot> {
        let mut nodes = self.cluster.coordinators(&self.recipe.table.name.keyspace, token);
        if nodes.len() > 1 {
            nodes.retain(|node| Some(*node) != not_at);
        }
        self.pace.enter(&nodes, |node| self.address(node)).await
    }

    fn failed(&self, error: &ExecutionError, attempts: usize) -> Failed {
        let class = match WriteFailure::of(error, self.recipe.is_repeatable()) {
            WriteFailure::Everything => None,
            WriteFailure::Refused => Some(RejectedClass::Refused),
            WriteFailure::Unavailable => Some(RejectedClass::Unavailable),
            WriteFailure::Unknown => Some(RejectedClass::Unknown),
        };
        let error = write_error(error);
        let error = if class == Some(RejectedClass::Unknown) {
            let message = "nobody knows whether the row was written, and writing it again could do harm";
            Error::unavailable(format!("{message}: {error}"))
        } else {
            error
        };
        let error = error.with_context("table", self.recipe.table.name.to_string());
        Failed { error, class, attempts }
    }

    /// Reads the answer to a statement with a condition; others have none.
    fn applied(&self, answer: Option<QueryResult>) -> Result<Sent> {
        let Some(answer) = answer.filter(|_| self.recipe.change.is_conditional()) else { return Ok(Sent::Written) };
        let unreadable = |e: Box<dyn std::error::Error + Send + Sync>| {
            Error::internal("the server's answer to IF NOT EXISTS cannot be read").with_source(e)
        };
        let rows = answer.into_rows_result().map_err(|e| unreadable(e.into()))?;
        let row: Row = rows.first_row().map_err(|e| unreadable(e.into()))?;
        match row.columns.first() {
            Some(Some(CqlValue::Boolean(true))) => Ok(Sent::Written),
            Some(Some(CqlValue::Boolean(false))) => Ok(Sent::NotApplied),
            other => Err(unreadable(format!("its first column is {other:?}").into())),
        }
    }

    fn batch_of(&self, count: usize) -> Arc<Batch> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(batches.entry(count).or_insert_with(|| {
            let options = &self.recipe.options;
            let statements = vec![BatchStatement::PreparedStatement(self.statement.clone()); count];
            let mut batch = Batch::new_with_statements(self.batch_type, statements);
            batch.set_consistency(consistency(options.write_consistency));
            batch.set_request_timeout(Some(options.request_timeout()));
            batch.set_is_idempotent(self.recipe.is_repeatable());
            batch.set_load_balancing_policy(Some(chosen_node()));
            Arc::new(batch)
        }))
    }
}

impl BatchValues for StatementGroup {
    type BatchValuesIter<'r> = GroupRows<'r>;

    fn batch_values_iter(&self) -> GroupRows<'_> {
        GroupRows { group: self, statements: self.statements().iter() }
    }
}

/// The statements of a group, written one after the other into the request.
pub(crate) struct GroupRows<'r> {
    group: &'r StatementGroup,
    statements: std::slice::Iter<'r, usize>,
}

impl<'r> BatchValuesIterator<'r> for GroupRows<'r> {
    fn serialize_next(
        &mut self,
        context: &RowSerializationContext<'_>,
        writer: &mut RowWriter,
    ) -> Option<std::result::Result<(), SerializationError>> {
        self.statements.next().map(|&row| self.group.source.bound.row(row).serialize(context, writer))
    }

    fn is_empty_next(&mut self) -> Option<bool> {
        // Every statement has at least the columns of the key.
        self.statements.next().map(|_| false)
    }

    fn skip_next(&mut self) -> Option<()> {
        self.statements.next().map(|_| ())
    }
}
