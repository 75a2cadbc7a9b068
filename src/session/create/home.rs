//! The catalogs that make tables of their own, and what each of them does for a statement.

use std::sync::Arc;

use datafusion::arrow::datatypes::Fields;
use datafusion::catalog::{CatalogProvider, TableProvider};
use datafusion::common::ResolvedTableReference;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{CreateMemoryTable, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{Expr, SessionContext};

use super::with::Definition;
use crate::catalog::CassandraCatalog;
use crate::catalog::create::TableOptions;
use crate::cluster::schema::TableName;
use crate::error::{Error, Result};
use crate::iceberg::{CreateOptions, IcebergCatalog};
use crate::options::CassandraOptions;

/// A catalog that makes tables.
#[derive(Clone, Copy)]
pub(super) enum Home<'a> {
    Cassandra(&'a CassandraCatalog),
    Iceberg(&'a IcebergCatalog),
}

/// A table that is made by an INSERT into it.
pub(super) struct Future {
    pub(super) table: Arc<dyn TableProvider>,
    /// The rows, with columns in the order of the table's.
    pub(super) rows: Arc<LogicalPlan>,
}

impl<'a> Home<'a> {
    /// The catalog, if it makes tables in this schema: one of Cassandra's takes those of the session, too.
    pub(super) fn of(catalog: &'a dyn CatalogProvider, schema: &str) -> Option<Self> {
        let any = catalog.as_any();
        let cassandra = any.downcast_ref::<CassandraCatalog>().filter(|catalog| catalog.is_keyspace(schema));
        cassandra.map(Self::Cassandra).or_else(|| any.downcast_ref().map(Self::Iceberg))
    }

    /// Refuses what only other databases have.
    pub(super) fn check(self, create: &CreateMemoryTable) -> Result<()> {
        if create.or_replace {
            return Err(Error::config(format!(
                "CREATE OR REPLACE TABLE is not possible for {} yet: drop the table first, or take another name",
                match self {
                    Self::Cassandra(_) => "Cassandra",
                    Self::Iceberg(_) => "Iceberg",
                }
            )));
        }
        if create.constraints.iter().next().is_none() && create.column_defaults.is_empty() {
            return Ok(());
        }
        Err(Error::config(match self {
            Self::Cassandra(_) => {
                "the primary key of a table of Cassandra is written WITH (primary_key = '((a, b), c DESC)'), and it has no \
                 other constraints or defaults"
            }
            Self::Iceberg(_) => "an Iceberg table has no keys, constraints or defaults other than NOT NULL",
        }))
    }

    pub(super) async fn has_table(self, name: &ResolvedTableReference) -> Result<bool> {
        match self {
            Self::Cassandra(catalog) => catalog.has_table(&table_name(name)).await,
            Self::Iceberg(catalog) => catalog.has_table(&name.schema, &name.table).await,
        }
    }

    /// Makes an empty table, if it shall take effect: checks it in any case.
    pub(super) async fn create_table(
        self,
        context: &SessionContext,
        name: &ResolvedTableReference,
        fields: &Fields,
        definition: &Definition,
        takes_effect: bool,
    ) -> Result<()> {
        match self {
            Self::Cassandra(catalog) => {
                let options = TableOptions::read(&definition.options)?.with_types(definition.types(fields));
                let new = catalog.new_table(table_name(name), fields, &options).await?;
                new.check_not_null(fields)?;
                if takes_effect {
                    catalog.create_table(&new, &options_of(context)).await?;
                }
                Ok(())
            }
            Self::Iceberg(catalog) if takes_effect => {
                let options = iceberg_options(definition)?;
                catalog.create_table(&name.schema, &name.table, fields, &options).await
            }
            Self::Iceberg(_) => iceberg_options(definition).map(drop),
        }
    }

    /// A table that is made when the first statement writes these rows into it.
    pub(super) async fn future_table(
        self,
        name: &ResolvedTableReference,
        rows: &Arc<LogicalPlan>,
        definition: &Definition,
    ) -> DataFusionResult<Future> {
        let fields = rows.schema().as_arrow().fields();
        match self {
            Self::Cassandra(catalog) => {
                let options = TableOptions::read(&definition.options)?;
                let new = catalog.new_table(table_name(name), fields, &options).await?;
                let columns = rows.schema().columns();
                let ordered = new.sources().iter().map(|&source| Expr::Column(columns[source].clone()));
                let ordered: Vec<Expr> = ordered.collect();
                let rows = LogicalPlanBuilder::from(Arc::clone(rows)).project(ordered)?.build()?;
                Ok(Future { table: catalog.future_table(new), rows: Arc::new(rows) })
            }
            Self::Iceberg(catalog) => {
                let options = iceberg_options(definition)?;
                let table = catalog.new_table(&name.schema, &name.table, fields, &options)?;
                Ok(Future { table, rows: Arc::clone(rows) })
            }
        }
    }

    /// Drops a table; false if it was not there.
    pub(super) async fn drop_table(self, context: &SessionContext, name: &ResolvedTableReference) -> Result<bool> {
        match self {
            Self::Cassandra(catalog) => catalog.drop_table(&table_name(name), &options_of(context)).await,
            Self::Iceberg(catalog) => catalog.drop_table(&name.schema, &name.table).await,
        }
    }

    /// Makes a schema; false if it was there.
    pub(super) async fn create_schema(
        self,
        context: &SessionContext,
        name: &str,
        options: &[(String, String)],
    ) -> Result<bool> {
        match self {
            Self::Cassandra(catalog) => catalog.create_keyspace(name, options, &options_of(context)).await,
            Self::Iceberg(_) if !options.is_empty() => Err(Error::config(format!(
                "'{}' is not an option of a namespace of Iceberg, which has none",
                options[0].0
            ))),
            Self::Iceberg(catalog) => catalog.create_namespace(name).await,
        }
    }

    /// What a schema of it is called.
    pub(super) fn word_for_schema(self) -> &'static str {
        match self {
            Self::Cassandra(_) => "keyspace",
            Self::Iceberg(_) => "namespace",
        }
    }

    /// The error for a table that is not there.
    pub(super) fn missing(self, name: &ResolvedTableReference) -> Error {
        match self {
            Self::Cassandra(_) => CassandraCatalog::missing(&table_name(name)),
            Self::Iceberg(catalog) => catalog.missing(&name.schema, &name.table),
        }
    }
}

fn table_name(name: &ResolvedTableReference) -> TableName {
    TableName::new(name.schema.as_ref(), name.table.as_ref())
}

fn options_of(context: &SessionContext) -> CassandraOptions {
    CassandraOptions::of(context.state().config_options())
}

fn iceberg_options(definition: &Definition) -> Result<CreateOptions> {
    let mut options = CreateOptions::default();
    for (name, value) in &definition.options {
        options.set(name, value.clone())?;
    }
    Ok(options)
}
