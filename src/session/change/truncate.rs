//! `TRUNCATE t`: Cassandra's own.

use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{Truncate, TruncateTableTarget};

use super::target::Target;
use super::{Effect, refuse};
use crate::error::Error;
use crate::write::truncate::truncate;

const TRUNCATE: &str = "TRUNCATE";

pub(super) async fn plan(
    context: &SessionContext,
    statement: Truncate,
    effect: Effect,
) -> DataFusionResult<LogicalPlan> {
    let Truncate { mut table_names, partitions, table: _, if_exists, identity, cascade, on_cluster } = statement;
    let name = table_names.pop();
    refuse(
        TRUNCATE,
        &[
            ("several tables", !table_names.is_empty(), "write one TRUNCATE for each"),
            ("PARTITION", partitions.is_some(), "write DELETE … WHERE"),
            ("IF EXISTS", if_exists, "leave it out"),
            ("RESTART or CONTINUE IDENTITY", identity.is_some(), "leave it out"),
            ("CASCADE or RESTRICT", cascade.is_some(), "leave it out"),
            ("ON CLUSTER", on_cluster.is_some(), "leave it out"),
        ],
    )?;
    let Some(TruncateTableTarget { name, only: false, has_asterisk: false }) = name else {
        return Err(Error::config("TRUNCATE takes one table, written keyspace.table").into());
    };
    let target = Target::find(context, TRUNCATE, &name).await?;
    target.check_all_rows()?;
    if effect == Effect::Now {
        truncate(&target.cluster, &target.table.name, &target.options).await?;
    }
    LogicalPlanBuilder::empty(false).build()
}
