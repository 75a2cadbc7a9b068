//! `DELETE`, `UPDATE` and `TRUNCATE`: safe or refused.
//!
//! DataFusion hands a table the filters that it has found in a DELETE or UPDATE, and in some it finds none, as in `WHERE k IN
//! (SELECT …)` or `WHERE false`; none would mean all rows. So these statements are planned here as what they are: a SELECT
//! with the WHERE as it stands, which gives the primary keys (and the new values), and a node that deletes or updates the
//! row of each key. Exactly the rows that a SELECT would give are changed, whatever SQL the WHERE is made of.
//!
//! Clauses that cannot be honoured are refused, as are tables of others: DataFusion would drop the one, and in its tables in
//! memory lose all rows by the other.

mod delete;
mod rows;
mod target;
mod truncate;
mod update;

use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::Statement as SqlStatement;

use super::create::Effect;
use crate::error::{Error, Result};

/// Whether the statement is one of these.
pub(super) fn changes_rows(statement: &Statement) -> bool {
    matches!(statement, Statement::Statement(inner) if matches!(
        inner.as_ref(),
        SqlStatement::Delete(_) | SqlStatement::Update(_) | SqlStatement::Truncate(_)
    ))
}

/// Plans such a statement. A TRUNCATE has taken effect when this returns, like a definition.
///
/// # Errors
/// What planning finds, among it what is refused; for TRUNCATE, also what the cluster says.
pub(super) async fn plan(
    context: &SessionContext,
    statement: SqlStatement,
    effect: Effect,
) -> DataFusionResult<LogicalPlan> {
    match statement {
        SqlStatement::Delete(delete) => delete::plan(context, delete).await,
        SqlStatement::Update(update) => update::plan(context, update).await,
        SqlStatement::Truncate(truncate) => truncate::plan(context, truncate, effect).await,
        other => Err(Error::internal(format!("'{other}' changes no rows")).into()),
    }
}

/// Refuses a clause that is there.
fn refuse(word: &str, clauses: &[(&str, bool, &str)]) -> Result<()> {
    match clauses.iter().find(|(_, is_there, _)| *is_there) {
        None => Ok(()),
        Some((clause, _, advice)) => Err(Error::config(format!("{word} with {clause} is not possible: {advice}"))),
    }
}
