//! `DELETE FROM t WHERE …`.

use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{Delete, FromTable};

use super::refuse;
use super::rows::{Source, item, reads_what_changes, real_rows};
use super::target::{Target, only_table};
use crate::cluster::schema::Column;
use crate::error::Error;
use crate::write::Change;

const DELETE: &str = "DELETE";

pub(super) async fn plan(context: &SessionContext, delete: Delete) -> DataFusionResult<LogicalPlan> {
    let Delete { delete_token: _, optimizer_hint, tables, from, using, selection, returning, order_by, limit } = delete;
    refuse(
        DELETE,
        &[
            ("several tables", !tables.is_empty(), "write one DELETE for each"),
            ("USING", using.is_some(), "write WHERE key IN (SELECT …)"),
            ("RETURNING", returning.is_some(), "select the rows first"),
            ("ORDER BY", !order_by.is_empty(), "rows are deleted in no order"),
            ("LIMIT", limit.is_some(), "write WHERE key IN (SELECT … LIMIT …)"),
            ("an optimizer hint", optimizer_hint.is_some(), "leave it out"),
        ],
    )?;
    let (FromTable::WithFromKeyword(mut tables) | FromTable::WithoutKeyword(mut tables)) = from;
    let (Some(from), true) = (tables.pop(), tables.is_empty()) else {
        return Err(Error::config("DELETE with several tables is not possible: write one DELETE for each").into());
    };
    let target = Target::find(context, DELETE, &only_table(DELETE, &from)?).await?;
    target.check_keys()?;
    let source = Source { from, selection };
    source.check_chooses(context, &target).await?;

    let columns: Vec<Column> = target.table.primary_key().cloned().collect();
    let rows = source.select(context, columns.iter().map(item).collect()).await?;
    let read_first = reads_what_changes(&target, &rows)?;
    let rows = real_rows(&target, rows)?;
    Ok(target.plan(Change::Delete, columns, rows, read_first))
}
