//! `cql('SELECT …')`: the result of any SELECT of CQL as a table.
//!
//! Its columns are known only once the server has prepared the statement, but DataFusion asks for them without waiting. So
//! the texts are looked for in a statement of SQL before it is planned, prepared, and handed to the function for as long as
//! planning takes: [`PreparedCql`].

use std::any::Any;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableFunctionImpl, TableProvider};
use datafusion::common::plan_datafusion_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::{CopyToSource, Statement};
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, ObjectName, TableFactor, Visit, Visitor,
};

use super::text_argument;
use crate::cluster::ClusterHandle;
use crate::error::Result;
use crate::options::CassandraOptions;
use crate::scan::statement::{CassandraStatementExec, Select};

/// The table function that runs a SELECT of CQL.
pub const CQL: &str = "cql";

tokio::task_local! {
    /// What `cql('…')` may be called with, while a statement is planned.
    static PREPARED: HashMap<String, Arc<Select>>;
}

/// The statements of CQL within a statement of SQL, prepared by the server.
///
/// [`Session::plan`](crate::Session::plan) does this by itself. An application with a DataFusion session of its own does
///
/// ```no_run
/// # use cbulk::catalog::functions::PreparedCql;
/// # use cbulk::cluster::ClusterHandle;
/// # use cbulk::CassandraOptions;
/// # use datafusion::prelude::SessionContext;
/// # async fn plan(context: &SessionContext, cluster: &ClusterHandle) -> datafusion::error::Result<()> {
/// let sql = "SELECT * FROM cql('SELECT release_version FROM system.local')";
/// let statement = context.state().sql_to_statement(sql, &datafusion::config::Dialect::Generic)?;
/// let prepared = PreparedCql::of(&statement, cluster, &CassandraOptions::default()).await?;
/// prepared.while_planning(context.sql(sql)).await?.show().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PreparedCql {
    selects: HashMap<String, Arc<Select>>,
}

impl PreparedCql {
    /// Prepares each text that stands in `cql('…')`. Nothing is contacted if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Schema`](crate::ErrorKind::Schema) for a text that is no SELECT, or that the server refuses.
    pub async fn of(statement: &Statement, cluster: &ClusterHandle, options: &CassandraOptions) -> Result<Self> {
        let mut selects = HashMap::new();
        for text in texts(statement) {
            let select = Select::prepare(cluster, &text, options).await?;
            selects.insert(text, Arc::new(select));
        }
        Ok(Self { selects })
    }

    /// Runs `planning`, in which these statements are known.
    pub async fn while_planning<F: Future>(self, planning: F) -> F::Output {
        PREPARED.scope(self.selects, planning).await
    }
}

/// The texts in `cql('…')`, wherever they stand in the statement.
fn texts(statement: &Statement) -> Vec<String> {
    let mut texts = Texts(Vec::new());
    // Breaks never.
    let _: ControlFlow<()> = match statement {
        Statement::Statement(inner) => inner.visit(&mut texts),
        Statement::Explain(explain) => return self::texts(&explain.statement),
        Statement::CopyTo(copy) => match &copy.source {
            CopyToSource::Query(query) => query.visit(&mut texts),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Statement::CreateExternalTable(_) | Statement::Reset(_) => ControlFlow::Continue(()),
    };
    texts.0
}

struct Texts(Vec<String>);

impl Visitor for Texts {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let arguments = match factor {
            TableFactor::Table { name, args: Some(arguments), .. } if is_cql(name) => &arguments.args,
            TableFactor::Function { name, args, .. } if is_cql(name) => args,
            _ => return ControlFlow::Continue(()),
        };
        if let [FunctionArg::Unnamed(FunctionArgExpr::Expr(SqlExpr::Value(value)))] = arguments.as_slice() {
            self.0.extend(value.value.clone().into_string());
        }
        ControlFlow::Continue(())
    }
}

fn is_cql(name: &ObjectName) -> bool {
    matches!(name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.value == CQL))
}

/// `cql('…')`.
#[derive(Debug)]
pub(super) struct CqlFunction;

impl TableFunctionImpl for CqlFunction {
    fn call(&self, arguments: &[Expr]) -> DataFusionResult<Arc<dyn TableProvider>> {
        let text = text_argument(CQL, "'SELECT …'", arguments)?;
        let select = PREPARED.try_with(|prepared| prepared.get(text).cloned()).ok().flatten();
        let select = select.ok_or_else(|| {
            plan_datafusion_err!(
                "the columns of {CQL}('{text}') are not known yet: the text must stand there as a constant, and the statement \
                 must be planned by cbulk::Session::plan, or within PreparedCql::while_planning"
            )
        })?;
        Ok(Arc::new(CqlTable { select }))
    }
}

/// The result of a SELECT of CQL.
#[derive(Debug)]
struct CqlTable {
    select: Arc<Select>,
}

#[async_trait]
impl TableProvider for CqlTable {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(self.select.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
        let options = CassandraOptions::of(state.config_options());
        let select = Arc::clone(&self.select);
        Ok(Arc::new(CassandraStatementExec::try_new(select, options, projection.cloned())?))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParser;

    use super::*;

    fn texts_of(sql: &str) -> Vec<String> {
        texts(&DFParser::parse_sql(sql).unwrap().pop_back().unwrap())
    }

    #[test]
    fn texts_are_found_wherever_they_stand() {
        for sql in [
            "SELECT * FROM cql('SELECT ''a''')",
            "SELECT * FROM cql($$SELECT 'a'$$)",
            "EXPLAIN SELECT * FROM cql('SELECT ''a''') AS x WHERE y = 1",
            "COPY (SELECT * FROM cql('SELECT ''a''')) TO 'x.csv'",
            "INSERT INTO t SELECT * FROM u JOIN cql('SELECT ''a''') ON true",
            "CREATE VIEW v AS WITH c AS (SELECT * FROM cql('SELECT ''a''')) SELECT * FROM c",
            "SELECT 1 WHERE EXISTS (SELECT * FROM LATERAL cql('SELECT ''a'''))",
        ] {
            assert_eq!(texts_of(sql), ["SELECT 'a'"], "{sql}");
        }
        assert_eq!(texts_of("SELECT * FROM cql('1') UNION ALL SELECT * FROM cql('2')"), ["1", "2"]);
        assert!(texts_of("SELECT cql('1'), * FROM other('2'), cql").is_empty());
    }

    #[test]
    fn a_text_that_was_not_prepared_says_what_to_do() {
        let call = |arguments: &[Expr]| CqlFunction.call(arguments).unwrap_err().to_string();
        assert!(call(&[datafusion::prelude::lit("SELECT 1")]).contains("Session::plan"));
        assert!(call(&[]).contains("cql takes one text, as in cql('SELECT …')"));
    }
}
