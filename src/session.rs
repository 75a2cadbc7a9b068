//! A session: the catalogs, functions, rules and options of cbulk in one DataFusion session.

mod change;
mod create;
mod insert;
mod reset;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use futures::future::BoxFuture;

use crate::catalog::CassandraCatalog;
use crate::catalog::factory::{CASSANDRA, CassandraTableFactory};
use crate::catalog::functions::{self, CellTimeRule, PreparedCql};
use crate::cluster::ClusterHandle;
use crate::codec::is_custom;
use crate::files::avro::AvroFormatFactory;
use crate::iceberg::{IcebergCatalog, IcebergOptions, KeepExactValues};
use crate::options::{CassandraOptions, ClusterOptions};
use crate::rules::{self, analyzer_rules, expr_planner, physical_optimizer_rules, type_planner};
use crate::scan::exec::CassandraScanExec;

/// The catalog of the cluster, which names without a catalog belong to.
pub const CASSANDRA_CATALOG: &str = "cassandra";

/// The catalog of Iceberg tables.
pub const ICEBERG_CATALOG: &str = "iceberg";

/// The schema of external tables and views of the session, which names without a schema belong to.
pub const SESSION_SCHEMA: &str = "public";

/// Builds a [`Session`]. Nothing is contacted until a statement needs it.
#[derive(Debug, Clone)]
pub struct SessionBuilder {
    /// `None`: nobody has named a cluster, so there need not be one.
    cluster: Option<ClusterHandle>,
    iceberg_folder: PathBuf,
    config: SessionConfig,
}

impl Default for SessionBuilder {
    fn default() -> Self {
        Self {
            cluster: None,
            iceberg_folder: PathBuf::from("iceberg"),
            // Without a zone, DataFusion makes a plain TIMESTAMP of TIMESTAMP WITH TIME ZONE.
            config: SessionConfig::new()
                .with_information_schema(true)
                .with_default_catalog_and_schema(CASSANDRA_CATALOG, SESSION_SCHEMA)
                .with_create_default_catalog_and_schema(false)
                .set_str("datafusion.execution.time_zone", "+00:00")
                // Files of COPY as those of Iceberg: less time for about the same size, and memory for wide rows too.
                .set_str("datafusion.execution.parquet.compression", "zstd(1)")
                .set_usize("datafusion.execution.parquet.dictionary_page_size_limit", 128 << 10)
                .set_usize("datafusion.execution.parquet.max_row_group_size", 128 << 10)
                .with_option_extension(CassandraOptions::default()),
        }
    }
}

impl SessionBuilder {
    /// The catalog `cassandra` is this cluster: [`ClusterOptions`] that reach it, or a handle, which several sessions may
    /// share. Default: `127.0.0.1:9042`.
    #[must_use]
    pub fn with_cluster(mut self, cluster: impl Into<ClusterHandle>) -> Self {
        self.cluster = Some(cluster.into());
        self
    }

    /// The catalog `iceberg` keeps its SQLite file and its warehouse in this folder, made on the first write.
    /// Default: `iceberg` below the working directory.
    #[must_use]
    pub fn with_iceberg_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.iceberg_folder = folder.into();
        self
    }

    /// Changes DataFusion's configuration.
    #[must_use]
    pub fn with_config(mut self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        self.config = change(self.config);
        self
    }

    /// Sets one option of DataFusion or cbulk by name, as `SET name = value` would.
    ///
    /// # Errors
    /// An unknown name or a value that cannot be read.
    pub fn with_setting(mut self, name: &str, value: &str) -> DataFusionResult<Self> {
        self.config.options_mut().set(name, value)?;
        Ok(self)
    }

    /// Makes the session.
    ///
    /// # Errors
    /// None today that depend on the outside; reserved for options that contradict each other.
    pub fn build(self) -> DataFusionResult<Session> {
        let must_connect = self.cluster.is_some();
        let cluster = self.cluster.unwrap_or_else(|| ClusterOptions::default().into());
        let mut state = SessionStateBuilder::new()
            .with_config(self.config)
            // Before DataFusion's own, which plan `l[1]` without asking any further.
            .with_expr_planners(vec![expr_planner()])
            .with_type_planner(type_planner())
            .with_default_features()
            .with_analyzer_rules(analyzer_rules())
            .with_analyzer_rule(Arc::new(KeepExactValues))
            .with_analyzer_rule(Arc::new(CellTimeRule))
            .with_physical_optimizer_rules(physical_optimizer_rules())
            .build();
        state.table_factories_mut().insert(CASSANDRA.into(), Arc::new(CassandraTableFactory::new(cluster.clone())));
        state.register_file_format(Arc::new(AvroFormatFactory), true)?;
        let context = SessionContext::new_with_state(state);
        let catalog = CassandraCatalog::new(cluster.clone(), SESSION_SCHEMA, &context);
        context.register_catalog(CASSANDRA_CATALOG, Arc::new(catalog));
        let iceberg = IcebergCatalog::new(IcebergOptions::new(self.iceberg_folder));
        context.register_catalog(ICEBERG_CATALOG, Arc::new(iceberg));
        functions::register(&context, &cluster);
        for function in rules::functions() {
            context.register_udf(function);
        }
        Ok(Session { context, cluster, must_connect })
    }
}

/// A DataFusion session with cbulk's catalogs.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    cluster: ClusterHandle,
    /// Whether somebody has named the cluster, so that it is an error if it cannot be reached.
    must_connect: bool,
}

/// A statement that has been planned and is ready to run.
pub struct Query {
    /// The columns of the result. Statements such as `SET` and `CREATE TABLE` have none.
    pub schema: SchemaRef,
    /// The physical plan; its metrics tell the progress while the stream runs.
    pub plan: Arc<dyn ExecutionPlan>,
    /// Whether the result is one row with the number of rows written (`INSERT`, `DELETE`, `UPDATE`, `COPY`,
    /// `CREATE TABLE … AS`).
    pub writes: bool,
    context: SessionContext,
}

impl Query {
    /// What the user should know before it runs, a sentence each: columns of Java classes, of which we know only the bytes.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for recipe in scans(&self.plan).into_iter().map(CassandraScanExec::recipe) {
            for column in recipe.columns.iter().filter(|column| column.cql_type.contains(is_custom)) {
                let (name, table, cql_type) = (&column.name, &recipe.table.name, &column.cql_type);
                warnings.push(format!(
                    "column {name} of {table} is of type {cql_type}: values of Java classes are read as their bytes"
                ));
            }
        }
        warnings
    }

    /// Runs the statement. Dropping the stream cancels it.
    ///
    /// # Errors
    /// A failure to start; later ones come from the stream.
    pub fn execute(&self) -> DataFusionResult<SendableRecordBatchStream> {
        execute_stream(Arc::clone(&self.plan), self.context.task_ctx())
    }
}

/// The scans of Cassandra in a plan.
fn scans(plan: &Arc<dyn ExecutionPlan>) -> Vec<&CassandraScanExec> {
    let mut found: Vec<_> = plan.children().into_iter().flat_map(scans).collect();
    found.extend(plan.as_any().downcast_ref::<CassandraScanExec>());
    found
}

impl Session {
    /// The DataFusion context, to register tables and functions or to use the `DataFrame` API.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Parses a script of statements separated by semicolons. Besides what DataFusion knows, an INSERT may have options of the
    /// table it writes: `INSERT INTO ks.t WITH (write_ttl_seconds = 60) SELECT …`.
    ///
    /// # Errors
    /// A syntax error, with its line and column.
    pub fn parse(&self, sql: &str) -> DataFusionResult<VecDeque<Statement>> {
        insert::options::parse(sql)
    }

    /// Plans one statement. Statements that only define something (`SET`, `CREATE EXTERNAL TABLE`, …), and `TRUNCATE`, have
    /// taken effect when this returns.
    ///
    /// # Errors
    /// What planning finds: names, types, options that cannot be; the cluster if it must be asked and does not answer.
    pub fn plan(&self, statement: Statement) -> BoxFuture<'_, DataFusionResult<Query>> {
        // Boxed here, so that users do not compile all that planning comes down to once more: an async function is
        // compiled by those who await it.
        Box::pin(self.plan_now(statement))
    }

    async fn plan_now(&self, statement: Statement) -> DataFusionResult<Query> {
        if lists_names(&statement) {
            self.connect_to_list().await?;
        }
        let options = CassandraOptions::of(self.context.state().config_options());
        let prepared = PreparedCql::of(&statement, &self.cluster, &options).await?;
        let planned = prepared.while_planning(Box::pin(create::plan(&self.context, statement))).await?;
        let create::Planned { plan: logical, writes } = planned;
        let frame = self.context.execute_logical_plan(logical).await?;
        let plan = frame.create_physical_plan().await?;
        Ok(Query { schema: plan.schema(), plan, writes, context: self.context.clone() })
    }

    /// The cluster of the catalog `cassandra`.
    pub fn cluster(&self) -> &ClusterHandle {
        &self.cluster
    }

    /// The names of keyspaces and tables are known only after connecting.
    async fn connect_to_list(&self) -> DataFusionResult<()> {
        match self.cluster.connect().await {
            Err(error) if self.must_connect => Err(error.into()),
            // Nobody has said that there is a cluster at the default address.
            _ => Ok(()),
        }
    }
}

/// Whether the statement asks which tables there are, rather than for certain ones.
fn lists_names(statement: &Statement) -> bool {
    let text = statement.to_string().to_ascii_lowercase();
    text.starts_with("show") || text.contains("information_schema")
}
