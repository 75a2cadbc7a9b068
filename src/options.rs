//! Every option, once: its name with the unit, its default, its doc and its check.
//!
//! Two kinds. [`ClusterOptions`] say how to reach a cluster; they are fixed when a catalog or external table is made.
//! [`CassandraOptions`] say how to read and write; they are the session's `cassandra.*` settings, seen by `SHOW ALL` and
//! changed by `SET cassandra.page_size_rows = 500`.
//!
//! Precedence, weakest first: the default here, the session's setting, the `OPTIONS` of a `CREATE EXTERNAL TABLE`.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigField, ExtensionOptions, Visit};
use datafusion::common::config_namespace;
use datafusion::config::ConfigOptions;
use datafusion::error::Result as DataFusionResult;

use crate::error::{Error, Result};

mod max_rejected;
mod value;

pub use max_rejected::MaxRejected;
pub use value::{
    Compression, Consistency, DecimalOverflow, DurationAs, EmptyValues, ExistingRows, LookupJoin, NumberAs, Positive,
    RejectedFormat, Secret, Ttl, WriteCollections, WriteNulls,
};

/// Most splits of a scan. Each is one statement and some hundred bytes of plan, so more would cost more than they even out.
pub const MAX_SPLITS: usize = 1_000_000;

/// The session's name of [`CassandraOptions::empty_values`], for messages.
pub const EMPTY_VALUES: &str = "cassandra.empty_values";

/// The session's name of [`CassandraOptions::decimal_as`], for messages.
pub const DECIMAL_AS: &str = "cassandra.decimal_as";

/// The session's name of [`CassandraOptions::varint_as`], for messages.
pub const VARINT_AS: &str = "cassandra.varint_as";

/// The session's name of [`CassandraOptions::decimal_overflow`], for messages.
pub const DECIMAL_OVERFLOW: &str = "cassandra.decimal_overflow";

/// The session's name of [`CassandraOptions::max_rejected`], for messages.
pub const MAX_REJECTED: &str = "cassandra.max_rejected";

/// The session's name of [`CassandraOptions::rejected_path`], for messages.
pub const REJECTED_PATH: &str = "cassandra.rejected_path";

/// The session's name of [`CassandraOptions::rejected_format`], for messages.
pub const REJECTED_FORMAT: &str = "cassandra.rejected_format";
/// The session's name of [`CassandraOptions::sort_memory_mb`], for messages.
pub const SORT_MEMORY_MB: &str = "cassandra.sort_memory_mb";

/// The session's name of [`CassandraOptions::allow_all_rows`], for messages.
pub const ALLOW_ALL_ROWS: &str = "cassandra.allow_all_rows";

/// The session's name of [`CassandraOptions::write_ttl_seconds`], for messages.
pub const WRITE_TTL_SECONDS: &str = "cassandra.write_ttl_seconds";

/// The session's name of [`CassandraOptions::write_timestamp_us`], for messages.
pub const WRITE_TIMESTAMP_US: &str = "cassandra.write_timestamp_us";

config_namespace! {
    /// How tables of Cassandra are read and written: the `cassandra.*` settings of a session.
    pub struct CassandraOptions {
        /// Replicas that must answer a read, as in CQL
        pub read_consistency: Consistency, default = Consistency::LocalOne

        /// Replicas that must acknowledge a write, as in CQL
        pub write_consistency: Consistency, default = Consistency::LocalQuorum

        /// Rows a page at the most
        pub page_size_rows: Positive, default = Positive::at_least_one(2_000)

        /// Bytes that a page aims at: where rows are wide, pages have fewer rows than page_size_rows
        pub page_size_bytes: Positive, default = Positive::at_least_one(1 << 20)

        /// Splits of a scan or count; when not set, chosen from the size of the table
        pub splits: Option<Positive>, default = None

        /// Data a split should hold, in MiB, when `splits` is not set
        pub split_size_mb: Positive, default = Positive::at_least_one(64)

        /// Splits read at the same time, a node
        pub splits_in_flight_per_node: Positive, default = Positive::at_least_one(8)

        /// Splits counted at the same time, a node, at the most: a count begins with 2 and takes more while that is faster
        pub counts_in_flight_per_node: Positive, default = Positive::at_least_one(8)

        /// Time to wait for one page or one acknowledgement, in milliseconds
        pub request_timeout_ms: Positive, default = Positive::at_least_one(30_000)

        /// Time to wait for the server's count of one split, in milliseconds
        pub count_timeout_ms: Positive, default = Positive::at_least_one(600_000)

        /// Let the server compute count, min, max and GROUP BY of keys where its answer is the same
        pub aggregate_pushdown: bool, default = true

        /// Let GROUP BY and window functions with the whole partition key in their groups work on one Cassandra partition after
        /// the other, without a hash table or a sort
        pub streaming_groups: bool, default = true

        /// Let the server answer those filters that it answers as DataFusion would
        pub filter_pushdown: bool, default = true

        /// Let secondary indexes answer filters
        pub index_pushdown: bool, default = true

        /// Let the server filter on columns that it has no index for (ALLOW FILTERING): fewer rows are sent, but it reads all
        pub allow_filtering: bool, default = false

        /// Cassandra partitions that a filter on the partition key may name; more are found by a scan
        pub max_keys: Positive, default = Positive::at_least_one(100_000)

        /// Cassandra partitions read by their keys at the same time, a node
        pub keys_in_flight_per_node: Positive, default = Positive::at_least_one(32)

        /// Rows read of each Cassandra partition at the most (PER PARTITION LIMIT), the first ones in clustering order
        pub per_partition_limit: Option<Positive>, default = None

        /// Joins on the whole partition key of a table that look up the other side's keys instead of reading the table:
        /// `auto` (those with few keys), `on` (all), `off`
        pub lookup_join: LookupJoin, default = LookupJoin::Auto

        /// Keys that a join with `lookup_join` = `auto` looks up at the most; what has more is joined with a scan. Fewer where
        /// the table is known to have so few rows that reading all of them is quicker
        pub lookup_join_max_keys: Positive, default = Positive::at_least_one(100_000)

        /// Keys of a partition key of one column that one request looks up, by `IN`, at a node that holds all of them
        pub lookup_keys_per_request: Positive, default = Positive::at_least_one(16)

        /// Requests of such joins at the same time, a node
        pub lookups_in_flight_per_node: Positive, default = Positive::at_least_one(64)

        /// What becomes of values that are present and have no bytes, which Arrow has not: `error`, or `null`, after which
        /// they cannot be told from cells that are null
        pub empty_values: EmptyValues, default = EmptyValues::Error

        /// What a `decimal` is read as: `text`, or `decimal(p, s)`. This and the next three are those of the time when the
        /// table is looked up
        pub decimal_as: NumberAs, default = NumberAs::Text

        /// What a `varint` is read as: `text`, or `decimal(p, s)`
        pub varint_as: NumberAs, default = NumberAs::Text

        /// What becomes of numbers that do not fit `decimal(p, s)`: `error`, `clamp` (the nearest that fits) or `null`
        pub decimal_overflow: DecimalOverflow, default = DecimalOverflow::Error

        /// What a `duration` is read as: `interval`, or `text`, which Parquet and Iceberg have too
        pub duration_as: DurationAs, default = DurationAs::Interval

        /// Attempts to repeat a failed request before the statement fails; 0 repeats nothing
        pub max_retries: usize, default = 8

        /// Wait before the first repetition, in milliseconds; doubles each time, up to 10 s, with jitter
        pub retry_backoff_ms: Positive, default = Positive::at_least_one(100)

        /// Rows in one statement group at the most (rows of one Cassandra partition written together)
        pub group_rows: Positive, default = Positive::at_least_one(100)

        /// Bytes of values in one statement group at the most; a larger row goes alone. Never more than a quarter of what
        /// the server takes (`max_mutation_size`)
        pub group_bytes: Positive, default = Positive::at_least_one(64 << 10)

        /// Statement groups waiting for their acknowledgement at the same time, a node, at the most: a load begins with 8 and
        /// takes more while that node answers as quickly, and fewer when it is overloaded
        pub groups_in_flight_per_node: Positive, default = Positive::at_least_one(64)

        /// Sort the rows of an INSERT by token before the first one is written, where a Cassandra partition can have several: so
        /// those of one Cassandra partition go together though they come apart. Of rows with the same primary key any one may
        /// then be the last
        pub sort_by_token: bool, default = false

        /// Memory of that sort, in MiB, for each partition of DataFusion; what exceeds it goes to temporary files
        pub sort_memory_mb: Positive, default = Positive::at_least_one(64)

        /// What INSERT makes of null: `unset` (the cell stays as it is) or `tombstone` (what it has held is deleted). Columns
        /// that the statement does not list stay as they are, and so do those for which it says NULL itself
        pub write_nulls: WriteNulls, default = WriteNulls::Unset

        /// Time to live of what INSERT and UPDATE write, in seconds; when not set, that of the table
        pub write_ttl_seconds: Option<Ttl>, default = None

        /// Time of what INSERT, UPDATE and DELETE write, in microseconds since 1970: older than what is there, it changes
        /// nothing. When not set, each request has the time at which it is sent
        pub write_timestamp_us: Option<u64>, default = None

        /// Rows a second that a statement writes at the most
        pub max_rows_per_second: Option<Positive>, default = None

        /// Bytes of values a second that a statement writes at the most
        pub max_bytes_per_second: Option<Positive>, default = None

        /// Send statement groups as logged batches. A group is of one Cassandra partition, which Cassandra writes as a whole
        /// anyway, so this only costs
        pub logged_groups: bool, default = false

        /// What INSERT does with rows that are there already: `replace` them, `keep` them (IF NOT EXISTS; they count as not
        /// applied), or keep them and `reject` its own
        pub existing_rows: ExistingRows, default = ExistingRows::Replace

        /// What INSERT does with the elements of non-frozen collections: `replace` what is there, or `append` to it. A
        /// row that is not there is made by its values alone, as by UPDATE of CQL
        pub write_collections: WriteCollections, default = WriteCollections::Replace

        /// Rows that a statement may fail to write before it fails as a whole: a number, or a share of the rows read such as
        /// `0.5%`. Those rows are kept, see `rejected_path`
        pub max_rejected: MaxRejected, default = MaxRejected::Rows(0)

        /// Folder for rows that could not be written. Each statement that has such rows makes a folder of its own in it
        pub rejected_path: String, default = String::from("rejected")

        /// What rejected rows are written as: `parquet`, which keeps all types, `csv` or `json`
        pub rejected_format: RejectedFormat, default = RejectedFormat::Parquet

        /// Let statements that write do all but send: what they read is encoded, grouped and counted
        pub dry_run: bool, default = false

        /// Let DELETE and UPDATE go without a WHERE, or with one that is true for every row, and let TRUNCATE go at all
        pub allow_all_rows: bool, default = false
    }
}

impl ConfigExtension for CassandraOptions {
    const PREFIX: &'static str = "cassandra";
}

impl ExtensionOptions for CassandraOptions {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, value: &str) -> DataFusionResult<()> {
        // A field that was not set has a value, though the text was refused: what is refused must change nothing.
        let mut changed = self.clone();
        ConfigField::set(&mut changed, key, value)?;
        if changed.splits.is_some_and(|splits| splits.get() > MAX_SPLITS) {
            return Err(
                Error::config(format!("splits cannot be {value}: the most there can be is {MAX_SPLITS}")).into()
            );
        }
        *self = changed;
        Ok(())
    }

    /// Under their whole names, so that `SHOW cassandra.splits` finds them.
    fn entries(&self) -> Vec<ConfigEntry> {
        let mut entries = Entries::default();
        self.visit(&mut entries, Self::PREFIX, "");
        entries.0
    }
}

#[derive(Default)]
struct Entries(Vec<ConfigEntry>);

impl Visit for Entries {
    fn some<V: fmt::Display>(&mut self, key: &str, value: V, description: &'static str) {
        self.0.push(ConfigEntry { key: key.to_owned(), value: Some(value.to_string()), description });
    }

    fn none(&mut self, key: &str, description: &'static str) {
        self.0.push(ConfigEntry { key: key.to_owned(), value: None, description });
    }
}

impl CassandraOptions {
    /// The session's options; the defaults in a session that was not built by cbulk.
    pub fn of(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_default()
    }

    /// Gives an option, named without the prefix, its default again.
    ///
    /// # Errors
    /// There is no such option.
    pub fn reset(&mut self, key: &str) -> DataFusionResult<()> {
        ConfigField::reset(self, key)
    }

    /// Refuses what cannot be tried out.
    ///
    /// # Errors
    /// This is a dry run. `what` is the name of the statement.
    pub(crate) fn check_not_dry(&self, what: &str) -> Result<()> {
        if self.dry_run {
            return Err(Error::config(format!(
                "{what} has no dry run, which is of the rows that INSERT, UPDATE and DELETE write: SET cassandra.dry_run = \
                 false first"
            )));
        }
        Ok(())
    }

    /// [`Self::request_timeout_ms`] as a duration.
    pub fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms.get() as u64)
    }

    /// [`Self::count_timeout_ms`] as a duration.
    pub fn count_timeout(&self) -> Duration {
        Duration::from_millis(self.count_timeout_ms.get() as u64)
    }
}

/// How to reach a cluster. Equal options share one connected session within a process.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ClusterOptions {
    /// Nodes to ask first, `host` or `host:port` (default port 9042). Default: `127.0.0.1`.
    pub contact_points: Vec<String>,
    /// The data centre whose nodes are used. Default: that of the node that answers first, if it is the only one;
    /// with several data centres it must be given.
    pub local_dc: Option<String>,
    /// User for password authentication.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Compression of frames. Default: none.
    pub compression: Compression,
    /// Connections to each node. Default: 2.
    pub connections_per_node: Positive,
    /// Time to wait for a connection, in milliseconds. Default: 5,000.
    pub connect_timeout_ms: Positive,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        Self {
            contact_points: vec!["127.0.0.1".into()],
            local_dc: None,
            user: None,
            password: None,
            compression: Compression::None,
            connections_per_node: Positive::at_least_one(2),
            connect_timeout_ms: Positive::at_least_one(5_000),
        }
    }
}

impl ClusterOptions {
    /// Names of all options, as [`Self::set`] takes them.
    pub const NAMES: [&str; 7] =
        ["contact_points", "local_dc", "user", "password", "compression", "connections_per_node", "connect_timeout_ms"];

    /// Options that reach the cluster by these nodes.
    pub fn new(contact_points: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { contact_points: contact_points.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// Sets one option by name; contact points are separated by commas.
    ///
    /// # Errors
    /// [`ErrorKind::Config`](crate::ErrorKind::Config) for an unknown name or a value that cannot be read.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let value = value.trim();
        match name {
            "contact_points" => {
                self.contact_points =
                    value.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
            }
            "local_dc" => self.local_dc = Some(value.to_owned()),
            "user" => self.user = Some(value.to_owned()),
            "password" => self.password = Some(Secret::new(value)),
            "compression" => self.compression = value.parse()?,
            "connections_per_node" => self.connections_per_node = value.parse()?,
            "connect_timeout_ms" => self.connect_timeout_ms = value.parse()?,
            _ => {
                return Err(Error::config(format!(
                    "'{name}' is not an option of a cluster: write one of {}",
                    Self::NAMES.join(", ")
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
