//! A cluster: how it is reached, what its ring and its tables are.
//!
//! [`ClusterHandle`] is what catalogs and plans hold: options that connect on first use, or the facts that planning needs
//! without a cluster. [`Cluster`] is the connected session. The driver's types stay in this folder, in `codec`, and in the
//! two files that send requests (`scan/page.rs`, `write/sender.rs`).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use scylla::client::PoolSize;
use scylla::client::execution_profile::ExecutionProfile;
use scylla::client::session::Session;
use scylla::cluster::ClusterState;
use scylla::cluster::metadata::Strategy;
use scylla::frame::response::result::TableSpec;
use scylla::policies::load_balancing::DefaultPolicy;
use scylla::policies::retry::FallthroughRetryPolicy;
use scylla::routing::Token;
use scylla::statement::prepared::PreparedStatement;
use tokio::sync::OnceCell;

pub mod cql_type;
mod define;
mod describe;
mod driver_error;
pub mod estimates;
mod handle;
pub(crate) mod limits;
mod permission;
mod placement;
pub mod quote;
pub(crate) mod retry;
pub mod ring;
pub(crate) mod route;
pub mod schema;

use crate::error::{Error, ErrorKind, Result};
use crate::options::{CassandraOptions, ClusterOptions, Compression, Consistency};
use limits::RequestLimits;
use ring::{NodeId, ReplicaRange};
use schema::TableName;

pub(crate) use driver_error::{WriteFailure, execution_error, is_gone, is_transient, prepare_error, write_error};
pub use handle::ClusterHandle;
pub use placement::Placement;

/// The only partitioner whose tokens cbulk understands.
const MURMUR3: &str = "org.apache.cassandra.dht.Murmur3Partitioner";

/// A connected cluster.
pub struct Cluster {
    session: Session,
    local_dc: Option<String>,
    limits: OnceCell<RequestLimits>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("local_dc", &self.local_dc).finish_non_exhaustive()
    }
}

impl Cluster {
    /// Connects, and checks that the cluster is one that can be read by token ranges.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if no contact point answers, [`ErrorKind::Config`] for wrong credentials, an unknown or
    /// missing local data centre, or a partitioner other than Murmur3.
    pub async fn connect(options: &ClusterOptions) -> Result<Self> {
        let session = open_session(options, options.local_dc.as_deref()).await?;
        let Some(local_dc) = choose_local_dc(&session.get_cluster_state(), options)? else {
            return Self::checked(session, None).await;
        };
        // The driver takes its preferred data centre only at the start.
        let session = if options.local_dc.is_some() { session } else { open_session(options, Some(&local_dc)).await? };
        Self::checked(session, Some(local_dc)).await
    }

    async fn checked(session: Session, local_dc: Option<String>) -> Result<Self> {
        let cluster = Self { session, local_dc, limits: OnceCell::new() };
        let partitioner = cluster.partitioner().await?;
        check_partitioner(&partitioner)?;
        Ok(cluster)
    }

    /// The driver's session.
    pub(crate) fn session(&self) -> &Session {
        &self.session
    }

    /// The number of nodes that requests go to: those of the local data centre.
    pub fn node_count(&self) -> usize {
        self.local_nodes(&self.session.get_cluster_state()).count().max(1)
    }

    /// The data centre that requests go to; `None` if the nodes name none.
    pub(crate) fn local_dc(&self) -> Option<&str> {
        self.local_dc.as_deref()
    }

    fn local_nodes<'a>(&'a self, state: &'a ClusterState) -> impl Iterator<Item = &'a Arc<scylla::cluster::Node>> + 'a {
        state.get_nodes_info().iter().filter(|n| n.is_enabled() && self.is_local(n.datacenter.as_deref()))
    }

    fn is_local(&self, dc: Option<&str>) -> bool {
        self.local_dc.is_none() || dc == self.local_dc.as_deref()
    }

    /// The token ranges of a keyspace with their replicas in the local data centre: `(MIN, MAX]` exactly once.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`] for a keyspace that is not there, or whose replication strategy is not a known one;
    /// [`ErrorKind::Unavailable`] for a ring that is empty or does not add up.
    pub fn ranges(&self, keyspace: &str) -> Result<Vec<ReplicaRange>> {
        let state = self.session.get_cluster_state();
        let strategy = &state.get_keyspace(keyspace).ok_or_else(|| no_keyspace(keyspace))?.strategy;
        if let Strategy::Other { name, .. } = strategy {
            return Err(Error::schema(format!(
                "keyspace {keyspace} uses the replication strategy {name}, whose replicas cbulk cannot compute: \
                 use SimpleStrategy or NetworkTopologyStrategy"
            )));
        }
        let locator = state.replica_locator();
        let tokens = locator.ring().iter().map(|(token, _)| token.value());
        // Only tables of ScyllaDB with tablets depend on the table; the name is not looked at otherwise.
        let table = TableSpec::borrowed(keyspace, "");
        let ranges = ring::replica_ranges(tokens, |token| {
            let replicas = locator.replicas_for_token(Token::new(token), strategy, self.local_dc.as_deref(), &table);
            replicas.into_iter().map(|(node, _)| node.host_id).collect()
        })
        .map_err(|e| e.with_context("keyspace", keyspace))?;
        ring::validate(&ranges)?;
        Ok(ranges)
    }

    /// Prepares a read with the session's consistency and time limit. Retries are ours, see [`retry`].
    pub(crate) async fn prepare_read(
        &self,
        cql: &str,
        options: &CassandraOptions,
        timeout: Duration,
    ) -> Result<PreparedStatement> {
        let mut statement = self.prepare(cql).await?;
        statement.set_consistency(consistency(options.read_consistency));
        statement.set_request_timeout(Some(timeout));
        statement.set_is_idempotent(true);
        // The columns are listed in the statement and were checked when it was prepared: no need to send their types
        // again with each page.
        statement.set_use_cached_result_metadata(true);
        Ok(statement)
    }

    /// Prepares a statement that may be sent twice with the same effect.
    pub(crate) async fn prepare_write(&self, cql: &str, options: &CassandraOptions) -> Result<PreparedStatement> {
        let mut statement = self.prepare(cql).await?;
        statement.set_consistency(consistency(options.write_consistency));
        statement.set_request_timeout(Some(options.request_timeout()));
        statement.set_is_idempotent(true);
        Ok(statement)
    }

    async fn prepare(&self, cql: &str) -> Result<PreparedStatement> {
        self.session.prepare(cql).await.map_err(|e| prepare_error(cql, e))
    }

    /// The names of all keyspaces, sorted.
    pub fn keyspace_names(&self) -> Vec<String> {
        let state = self.session.get_cluster_state();
        let mut names: Vec<String> = state.keyspaces_iter().map(|(name, _)| name.to_owned()).collect();
        names.sort();
        names
    }

    /// The names of the tables and views of a keyspace, sorted; none if there is no such keyspace.
    pub fn table_names(&self, keyspace: &str) -> Vec<String> {
        let state = self.session.get_cluster_state();
        let Some(keyspace) = state.get_keyspace(keyspace) else { return Vec::new() };
        let mut names: Vec<String> = keyspace.tables.keys().chain(keyspace.views.keys()).cloned().collect();
        names.sort();
        names
    }

    /// The address of a node, for messages and tests.
    pub fn node_address(&self, node: NodeId) -> Option<String> {
        self.session.get_cluster_state().get_node_by_host_id(node).map(|n| n.address.to_string())
    }
}

fn no_keyspace(keyspace: &str) -> Error {
    Error::schema(format!("keyspace {keyspace} does not exist: see `SHOW TABLES` for what there is"))
}

/// The error for a table that is not there.
pub(crate) fn no_table(name: &TableName) -> Error {
    Error::schema(format!("table {name} does not exist: see `SHOW TABLES` for what there is"))
}

fn check_partitioner(partitioner: &str) -> Result<()> {
    if partitioner == MURMUR3 {
        return Ok(());
    }
    Err(Error::config(format!(
        "the cluster uses the partitioner {partitioner}; only {MURMUR3} is supported, because token ranges mean \
         something else to others"
    )))
}

/// The data centre to use: the one asked for, or the only one. `None` if the nodes name none.
fn choose_local_dc(state: &ClusterState, options: &ClusterOptions) -> Result<Option<String>> {
    let mut known: Vec<&str> = state.get_nodes_info().iter().filter_map(|n| n.datacenter.as_deref()).collect();
    known.sort_unstable();
    known.dedup();
    match (&options.local_dc, known.as_slice()) {
        (Some(dc), _) if known.contains(&dc.as_str()) => Ok(Some(dc.clone())),
        (Some(dc), _) => {
            Err(Error::config(format!("local_dc is '{dc}', but the cluster has the data centres {}", known.join(", "))))
        }
        (None, []) => Ok(None),
        (None, [only]) => Ok(Some((*only).to_owned())),
        (None, _) => Err(Error::config(format!(
            "the cluster has the data centres {}: say with local_dc which one to use",
            known.join(", ")
        ))),
    }
}

async fn open_session(options: &ClusterOptions, local_dc: Option<&str>) -> Result<Session> {
    let contact_points: Vec<&str> =
        options.contact_points.iter().map(|point| point.trim()).filter(|point| !point.is_empty()).collect();
    if contact_points.is_empty() {
        return Err(Error::config("contact_points names no node: write host or host:port, separated by commas"));
    }
    let mut policy = DefaultPolicy::builder().token_aware(true);
    if let Some(dc) = local_dc {
        policy = policy.prefer_datacenter(dc.to_owned());
    }
    let profile = ExecutionProfile::builder()
        .load_balancing_policy(policy.build())
        .retry_policy(Arc::new(FallthroughRetryPolicy::new()))
        .build();
    let mut builder = scylla::client::session_builder::SessionBuilder::new()
        .known_nodes(contact_points)
        // Definitions of tables are ours to read, see `describe`. The driver fails as a whole where a single one, in
        // whatever keyspace, has a type that it cannot read: a Java class, or a user-defined type with a quoted name.
        .fetch_full_schema_metadata(false)
        .default_execution_profile_handle(profile.into_handle())
        .connection_timeout(Duration::from_millis(options.connect_timeout_ms.get() as u64))
        .pool_size(PoolSize::PerHost(options.connections_per_node.nonzero()))
        .compression(match options.compression {
            Compression::None => None,
            Compression::Lz4 => Some(scylla::frame::Compression::Lz4),
            Compression::Snappy => Some(scylla::frame::Compression::Snappy),
        });
    if let Some(user) = &options.user {
        builder = builder.user(user, options.password.as_ref().map_or("", |p| p.reveal()));
    }
    builder.build().await.map_err(|e| connect_error(options, &e))
}

fn connect_error(options: &ClusterOptions, error: &scylla::errors::NewSessionError) -> Error {
    let text = error.to_string();
    let points = options.contact_points.join(", ");
    if text.contains("uthenticat") || text.contains("redentials") {
        let who = match &options.user {
            Some(user) => format!("user '{user}' with this password"),
            None => "a client without user and password".to_owned(),
        };
        return Error::new(ErrorKind::Config, format!("the cluster at {points} does not let in {who}"))
            .with_source(text);
    }
    Error::unavailable(format!(
        "no Cassandra node answers at {points}: check the address, the port (9042 by default) and that the node is up"
    ))
    .with_source(text)
}

/// The driver's word for a consistency level.
pub(crate) fn consistency(level: Consistency) -> scylla::statement::Consistency {
    use scylla::statement::Consistency as Driver;
    match level {
        Consistency::One => Driver::One,
        Consistency::Two => Driver::Two,
        Consistency::Three => Driver::Three,
        Consistency::Quorum => Driver::Quorum,
        Consistency::All => Driver::All,
        Consistency::LocalQuorum => Driver::LocalQuorum,
        Consistency::EachQuorum => Driver::EachQuorum,
        Consistency::LocalOne => Driver::LocalOne,
        Consistency::Any => Driver::Any,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_partitioners_are_refused() {
        assert!(check_partitioner(MURMUR3).is_ok());
        let error = check_partitioner("org.apache.cassandra.dht.RandomPartitioner").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().contains("RandomPartitioner"));
    }
    #[tokio::test]
    async fn blank_contact_points_name_no_node() {
        for blank in [vec![], vec!["", " "]] {
            let error = Cluster::connect(&ClusterOptions::new(blank)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        }
    }
}
