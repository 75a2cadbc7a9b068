//! A session: the catalogs, functions, rules and options of cbulk in one DataFusion session.

mod create;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::error::Result as DataFusionResult;
use datafusion::execution::{SendableRecordBatchStream, SessionStateBuilder};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::{DFParserBuilder, Statement};

use crate::iceberg::{IcebergCatalog, IcebergOptions, KeepExactValues};
use crate::options::{CassandraOptions, ClusterOptions};

/// Builds a [`Session`]. Nothing is contacted until a statement needs it.
#[derive(Debug, Clone)]
pub struct SessionBuilder {
    cluster: ClusterOptions,
    iceberg_folder: PathBuf,
    config: SessionConfig,
}

impl Default for SessionBuilder {
    fn default() -> Self {
        Self {
            cluster: ClusterOptions::default(),
            iceberg_folder: PathBuf::from("iceberg"),
            // Without a zone, DataFusion makes a plain TIMESTAMP of TIMESTAMP WITH TIME ZONE.
            config: SessionConfig::new()
                .with_information_schema(true)
                .set_str("datafusion.execution.time_zone", "+00:00"),
        }
    }
}

impl SessionBuilder {
    /// The catalog `cassandra` reaches this cluster. Default: `127.0.0.1:9042`.
    #[must_use]
    pub fn with_cluster(mut self, cluster: ClusterOptions) -> Self {
        self.cluster = cluster;
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
        let config = self.config.with_option_extension(CassandraOptions::default());
        let state = SessionStateBuilder::new()
            .with_config(config)
            .with_default_features()
            .with_analyzer_rule(Arc::new(KeepExactValues))
            .build();
        let context = SessionContext::new_with_state(state);
        let iceberg = IcebergCatalog::new(IcebergOptions::new(self.iceberg_folder));
        context.register_catalog("iceberg", Arc::new(iceberg));
        Ok(Session { context })
    }
}

/// A DataFusion session with cbulk's catalogs.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
}

/// A statement that has been planned and is ready to run.
pub struct Query {
    /// The columns of the result. Statements such as `SET` and `CREATE TABLE` have none.
    pub schema: SchemaRef,
    /// The physical plan; its metrics tell the progress while the stream runs.
    pub plan: Arc<dyn ExecutionPlan>,
    /// Whether the result is one row with the number of rows written (`INSERT`, `COPY`, `CREATE TABLE … AS`).
    pub writes: bool,
    context: SessionContext,
}

impl Query {
    /// Runs the statement. Dropping the stream cancels it.
    ///
    /// # Errors
    /// A failure to start; later ones come from the stream.
    pub fn execute(&self) -> DataFusionResult<SendableRecordBatchStream> {
        execute_stream(Arc::clone(&self.plan), self.context.task_ctx())
    }
}

impl Session {
    /// The DataFusion context, to register tables and functions or to use the `DataFrame` API.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Parses a script of statements separated by semicolons.
    ///
    /// # Errors
    /// A syntax error, with its line and column.
    pub fn parse(&self, sql: &str) -> DataFusionResult<VecDeque<Statement>> {
        DFParserBuilder::new(sql).build()?.parse_statements()
    }

    /// Plans one statement. Statements that only define something (`SET`, `CREATE EXTERNAL TABLE`, …) have taken effect
    /// when this returns.
    ///
    /// # Errors
    /// What planning finds: names, types, options that cannot be; the cluster if it must be asked and does not answer.
    pub async fn plan(&self, statement: Statement) -> DataFusionResult<Query> {
        let create::Planned { plan: logical, writes } = create::plan(&self.context, statement).await?;
        let frame = self.context.execute_logical_plan(logical).await?;
        let plan = frame.create_physical_plan().await?;
        Ok(Query { schema: plan.schema(), plan, writes, context: self.context.clone() })
    }
}
