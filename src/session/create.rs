//! `CREATE TABLE`, `DROP TABLE` and `CREATE SCHEMA` in the catalogs of cbulk.
//!
//! DataFusion would collect the rows of `CREATE TABLE … AS` in memory, and refuses `WITH (…)`. So the options are taken
//! out of the statement first, DataFusion plans the rest (and so refuses the clauses that nobody knows), and what it would
//! have run as "make a table in memory" becomes an INSERT into a table of the catalog named, with the rows streaming.
//! Statements about other catalogs pass as they are.

use std::str::FromStr;
use std::sync::Arc;

use datafusion::catalog::CatalogProvider;
use datafusion::common::{ResolvedTableReference, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as DataFusionResult};
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::logical_plan::builder::LogicalPlanBuilder;
use datafusion::logical_expr::{
    CreateMemoryTable, DdlStatement, DmlStatement, ExplainFormat, ExplainOption, LogicalPlan, WriteOp, lit,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{CreateTableOptions, SqlOption, Statement as SqlStatement};

use super::change::{self, changes_rows};
use crate::error::{Error, Result};
use crate::iceberg::{CreateOptions, IcebergCatalog};

/// A statement that has been planned.
pub(super) struct Planned {
    /// What to run. Empty for a definition, which has taken effect.
    pub(super) plan: LogicalPlan,
    /// Whether the result is one row with the number of rows written.
    pub(super) writes: bool,
}

impl Planned {
    fn new(plan: LogicalPlan) -> Self {
        let writes = matches!(plan, LogicalPlan::Dml(_) | LogicalPlan::Copy(_));
        Self { plan, writes }
    }

    /// Nothing is left to do.
    fn done() -> DataFusionResult<Self> {
        Ok(Self { plan: LogicalPlanBuilder::empty(false).build()?, writes: false })
    }
}

/// The catalogs that make tables of their own. Cassandra's joins here.
#[derive(Clone, Copy)]
enum Home<'a> {
    Iceberg(&'a IcebergCatalog),
}

impl<'a> Home<'a> {
    fn of(catalog: &'a dyn CatalogProvider) -> Option<Self> {
        catalog.as_any().downcast_ref().map(Self::Iceberg)
    }
}

/// Plans a statement. A definition in one of our catalogs has taken effect when this returns.
///
/// # Errors
/// What planning finds; for definitions, also what the catalog says.
pub(super) async fn plan(context: &SessionContext, statement: Statement) -> DataFusionResult<Planned> {
    match statement {
        // `EXPLAIN CREATE TABLE … AS`: the plan of the INSERT, and nothing is made.
        Statement::Explain(explain) if is_create_table(&explain.statement) || changes_rows(&explain.statement) => {
            let format = match explain.format.as_deref() {
                Some(format) => ExplainFormat::from_str(format)?,
                None if explain.verbose => ExplainFormat::Indent,
                None => context.state().config_options().explain.format.clone(),
            };
            let option = ExplainOption { verbose: explain.verbose, analyze: explain.analyze, format };
            let inner = plan_statement(context, *explain.statement, Effect::None).await?;
            let plan = LogicalPlanBuilder::from(inner.plan).explain_option_format(option)?.build()?;
            Ok(Planned { plan, writes: false })
        }
        other => plan_statement(context, other, Effect::Now).await,
    }
}

async fn plan_statement(
    context: &SessionContext,
    mut statement: Statement,
    effect: Effect,
) -> DataFusionResult<Planned> {
    if changes_rows(&statement)
        && let Statement::Statement(statement) = statement
    {
        // Boxed, because it is large and seldom.
        return Ok(Planned::new(Box::pin(change::plan(context, *statement, effect)).await?));
    }
    let options = take_options(context, &mut statement)?;
    let state = context.state();
    let references = state.resolve_table_references(&statement)?;
    let plan = match state.statement_to_plan(statement).await {
        Ok(plan) => plan,
        Err(e) => return Err(better_error(context, &references, e)),
    };
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            if let Some((name, catalog)) = resolve(context, &create.name)
                && let Some(home) = Home::of(catalog.as_ref())
            {
                return create_table(home, &name, &create, options.unwrap_or_default(), effect).await;
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create))))
        }
        LogicalPlan::Ddl(DdlStatement::DropTable(drop)) => {
            if let Some((name, catalog)) = resolve(context, &drop.name)
                && let Some(Home::Iceberg(catalog)) = Home::of(catalog.as_ref())
            {
                // DataFusion's own way would hide every failure behind IF EXISTS.
                if !catalog.drop_table(&name.schema, &name.table).await? && !drop.if_exists {
                    return Err(catalog.missing(&name.schema, &name.table).into());
                }
                return Planned::done();
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::DropTable(drop))))
        }
        LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create)) => {
            let default = context.state().config_options().catalog.default_catalog.clone();
            let (catalog, schema) = create.schema_name.split_once('.').unwrap_or((&default, &create.schema_name));
            if let Some(catalog) = context.catalog(catalog)
                && let Some(Home::Iceberg(catalog)) = Home::of(catalog.as_ref())
            {
                if !catalog.create_namespace(schema).await? && !create.if_not_exists {
                    return Err(Error::schema(format!("namespace '{schema}' is there already")).into());
                }
                return Planned::done();
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create))))
        }
        other => Ok(Planned::new(other)),
    }
}

/// DataFusion only says that a table was not found; the catalog says where it looked.
fn better_error(context: &SessionContext, references: &[TableReference], error: DataFusionError) -> DataFusionError {
    let text = error.strip_backtrace();
    for (name, catalog) in references.iter().filter_map(|name| resolve(context, name)) {
        if let Some(Home::Iceberg(catalog)) = Home::of(catalog.as_ref())
            && text.contains(&format!("table '{name}' not found"))
        {
            return catalog.missing(&name.schema, &name.table).into();
        }
    }
    error
}

fn resolve(
    context: &SessionContext,
    name: &TableReference,
) -> Option<(ResolvedTableReference, Arc<dyn CatalogProvider>)> {
    let defaults = context.state().config_options().catalog.clone();
    let name = name.clone().resolve(&defaults.default_catalog, &defaults.default_schema);
    context.catalog(&name.catalog).map(|catalog| (name, catalog))
}

fn is_create_table(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::CreateTable(_)))
}

/// Takes the options of `CREATE TABLE … WITH (…)` out of a statement about one of our catalogs.
fn take_options(context: &SessionContext, statement: &mut Statement) -> DataFusionResult<Option<CreateOptions>> {
    let Statement::Statement(inner) = statement else { return Ok(None) };
    let SqlStatement::CreateTable(create) = inner.as_mut() else { return Ok(None) };
    let Some((_, catalog)) = resolve(context, &TableReference::parse_str(&create.name.to_string())) else {
        return Ok(None);
    };
    if Home::of(catalog.as_ref()).is_none() {
        return Ok(None);
    }
    if create.query.is_some() && !create.columns.is_empty() {
        return Err(Error::config(
            "CREATE TABLE … AS takes its columns from the query: give names and types there, as CAST(a AS INT) AS b",
        )
        .into());
    }
    let given = match std::mem::replace(&mut create.table_options, CreateTableOptions::None) {
        CreateTableOptions::None => Vec::new(),
        CreateTableOptions::With(given) => given,
        other => {
            return Err(
                Error::config(format!("'{other}': options of a table are written WITH (name = 'value')")).into()
            );
        }
    };
    let mut options = CreateOptions::default();
    for option in given {
        let (name, value) = option_text(&option)?;
        options.set(&name, value)?;
    }
    Ok(Some(options))
}

fn option_text(option: &SqlOption) -> Result<(String, String)> {
    use datafusion::sql::sqlparser::ast::{Expr, Value};
    if let SqlOption::KeyValue { key, value: Expr::Value(value) } = option
        && let Value::SingleQuotedString(text) = &value.value
    {
        return Ok((key.value.to_ascii_lowercase(), text.clone()));
    }
    Err(Error::config(format!("'{option}': options of a table are written WITH (name = 'value')")))
}

/// Whether a definition takes effect, or is only looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Now,
    None,
}

async fn create_table(
    home: Home<'_>,
    name: &ResolvedTableReference,
    create: &CreateMemoryTable,
    options: CreateOptions,
    effect: Effect,
) -> DataFusionResult<Planned> {
    let Home::Iceberg(catalog) = home;
    if create.or_replace {
        return Err(Error::config(
            "CREATE OR REPLACE TABLE is not possible for Iceberg yet: drop the table first, or take another name",
        )
        .into());
    }
    if create.constraints.iter().next().is_some() || !create.column_defaults.is_empty() {
        return Err(Error::config("an Iceberg table has no keys, constraints or defaults other than NOT NULL").into());
    }
    let streams = !matches!(create.input.as_ref(), LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row);
    let there = catalog.has_table(&name.schema, &name.table).await?;
    if there && !create.if_not_exists {
        return Err(Error::schema(format!("table {name} is there already")).into());
    }
    if there && streams {
        // As if all rows had been written to the table that was there: none.
        let plan = LogicalPlanBuilder::values(vec![vec![lit(0_u64)]])?;
        let plan = plan.project(vec![datafusion::prelude::col("column1").alias("count")])?.build()?;
        return Ok(Planned { plan, writes: true });
    }
    let fields = create.input.schema().as_arrow().fields();
    if streams {
        let table = catalog.new_table(&name.schema, &name.table, fields, &options)?;
        let insert = DmlStatement::new(
            TableReference::from(name.clone()),
            provider_as_source(table),
            WriteOp::Insert(InsertOp::Append),
            Arc::clone(&create.input),
        );
        return Ok(Planned::new(LogicalPlan::Dml(insert)));
    }
    if !there && effect == Effect::Now {
        catalog.create_table(&name.schema, &name.table, fields, &options).await?;
    }
    Planned::done()
}
