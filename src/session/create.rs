//! `CREATE TABLE`, `DROP TABLE` and `CREATE SCHEMA` in the catalogs of cbulk.
//!
//! DataFusion would collect the rows of `CREATE TABLE … AS` in memory, and refuses `WITH (…)`. So the options are taken
//! out of the statement first, DataFusion plans the rest (and so refuses the clauses that nobody knows), and what it would
//! have run as "make a table in memory" becomes an INSERT into a table of the catalog named, with the rows streaming.
//! Statements about other catalogs pass as they are.

mod home;
pub(super) mod with;

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
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use super::change::{self, changes_rows};
use super::insert::{self, Insert};
use super::reset::reset;
use crate::error::Error;
use home::{Future, Home};
use with::Definition;

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

/// Plans a statement. A definition in one of our catalogs has taken effect when this returns.
///
/// # Errors
/// What planning finds; for definitions, also what the catalog says.
pub(super) async fn plan(context: &SessionContext, statement: Statement) -> DataFusionResult<Planned> {
    match statement {
        // `EXPLAIN CREATE TABLE … AS`: the plan of the INSERT, and nothing is made. An INSERT itself is planned as if it ran.
        Statement::Explain(explain)
            if is_create_table(&explain.statement)
                || changes_rows(&explain.statement)
                || Insert::of(&explain.statement).is_some() =>
        {
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
        other if reset(context, &other)? => Planned::done(),
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
    let definition = Definition::take(context, &mut statement)?;
    let options = insert::options::take(&mut statement)?;
    let state = context.state();
    let references = state.resolve_table_references(&statement)?;
    let insert = Insert::of(&statement);
    if let Some(insert) = &insert {
        insert.read_constants(context, &mut statement).await?;
        if let Some(plan) = insert.with_text(context).await? {
            return Ok(Planned::new(insert::options::apply(plan, &options)?));
        }
    }
    let plan = match (state.statement_to_plan(statement).await, insert) {
        (Ok(plan), _) => plan,
        (Err(e), Some(insert)) => return Err(insert.explain(context, better_error(context, &references, e)).await),
        (Err(e), None) => return Err(better_error(context, &references, e)),
    };
    match plan {
        LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) => {
            if let Some((name, catalog)) = resolve(context, &create.name)
                && let Some(home) = Home::of(catalog.as_ref(), &name.schema)
            {
                return create_table(context, home, &name, &create, &definition, effect).await;
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create))))
        }
        LogicalPlan::Ddl(DdlStatement::DropTable(drop)) => {
            if let Some((name, catalog)) = resolve(context, &drop.name)
                && let Some(home) = Home::of(catalog.as_ref(), &name.schema)
            {
                // DataFusion's own way would hide every failure behind IF EXISTS.
                if !home.drop_table(context, &name).await? && !drop.if_exists {
                    return Err(home.missing(&name).into());
                }
                return Planned::done();
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::DropTable(drop))))
        }
        LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create)) => {
            if let Some((name, catalog)) = resolve_schema(context, &create.schema_name)
                && let Some(home) = Home::of(catalog.as_ref(), &name)
            {
                if !home.create_schema(context, &name, &definition.options).await? && !create.if_not_exists {
                    return Err(Error::schema(format!("{} '{name}' is there already", home.word_for_schema())).into());
                }
                return Planned::done();
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::CreateCatalogSchema(create))))
        }
        LogicalPlan::Ddl(DdlStatement::DropCatalogSchema(drop)) => {
            let name = drop.name.to_string();
            if let Some((name, catalog)) = resolve_schema(context, &name)
                && let Some(Home::Cassandra(_)) = Home::of(catalog.as_ref(), &name)
            {
                return Err(Error::config(format!(
                    "DROP SCHEMA is not possible for the keyspace {name}, since all of its tables would go with it: drop these \
                     one by one, or run DROP KEYSPACE in cqlsh"
                ))
                .into());
            }
            Ok(Planned::new(LogicalPlan::Ddl(DdlStatement::DropCatalogSchema(drop))))
        }
        other => Ok(Planned::new(insert::options::apply(other, &options)?)),
    }
}

/// DataFusion only says that a table was not found; the catalog says where it looked.
fn better_error(context: &SessionContext, references: &[TableReference], error: DataFusionError) -> DataFusionError {
    let text = error.strip_backtrace();
    for (name, catalog) in references.iter().filter_map(|name| resolve(context, name)) {
        if let Some(home @ Home::Iceberg(_)) = Home::of(catalog.as_ref(), &name.schema)
            && text.contains(&format!("table '{name}' not found"))
        {
            return home.missing(&name).into();
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

/// The schema in its catalog, of a name as DataFusion writes it.
fn resolve_schema(context: &SessionContext, name: &str) -> Option<(String, Arc<dyn CatalogProvider>)> {
    let default = context.state().config_options().catalog.default_catalog.clone();
    let (catalog, schema) = name.split_once('.').unwrap_or((&default, name));
    context.catalog(catalog).map(|catalog| (schema.to_owned(), catalog))
}

fn is_create_table(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(inner.as_ref(), SqlStatement::CreateTable(_)))
}

/// Whether a definition takes effect, or is only looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Now,
    None,
}

async fn create_table(
    context: &SessionContext,
    home: Home<'_>,
    name: &ResolvedTableReference,
    create: &CreateMemoryTable,
    definition: &Definition,
    effect: Effect,
) -> DataFusionResult<Planned> {
    home.check(create)?;
    let streams = !matches!(create.input.as_ref(), LogicalPlan::EmptyRelation(empty) if !empty.produce_one_row);
    let there = home.has_table(name).await?;
    if there && !create.if_not_exists {
        return Err(Error::schema(format!("table {name} is there already")).into());
    }
    if there && streams {
        // As if all rows had been written to the table that was there: none.
        let plan = LogicalPlanBuilder::values(vec![vec![lit(0_u64)]])?;
        let plan = plan.project(vec![datafusion::prelude::col("column1").alias("count")])?.build()?;
        return Ok(Planned { plan, writes: true });
    }
    if streams {
        let Future { table, rows } = home.future_table(name, &create.input, definition).await?;
        let insert = DmlStatement::new(
            TableReference::from(name.clone()),
            provider_as_source(table),
            WriteOp::Insert(InsertOp::Append),
            rows,
        );
        return Ok(Planned::new(LogicalPlan::Dml(insert)));
    }
    if !there {
        let fields = create.input.schema().as_arrow().fields();
        home.create_table(context, name, fields, definition, effect == Effect::Now).await?;
    }
    Planned::done()
}
