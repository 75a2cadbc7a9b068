//! Functions of SQL that Cassandra has, or that tell how it keeps a table.
//!
//! | function | what it gives |
//! |---|---|
//! | `token(a, b)` | the token of a partition key, anywhere in a statement |
//! | `writetime(column)`, `maxwritetime(column)`, `ttl(column)` | when a cell was written, and when it expires |
//! | `cassandra_ring('ks')` | a table: the token ranges of a keyspace with their replicas |
//! | `cassandra_splits('ks.t')` | a table: the splits that a scan would read now |
//! | `cql('SELECT …')` | a table: the result of any SELECT of CQL |
//!
//! Those that need nothing but the types of what they are given are with the rules of comparisons.
//!
//! Their page for users is `docs/functions.md`.

use std::sync::Arc;

use datafusion::common::plan_err;
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;

mod cell_times;
mod cql;
mod ranges;
mod token;

use crate::cluster::ClusterHandle;
pub use cell_times::CellTimeRule;
pub(super) use cell_times::{CellTime, has_many_cells};
pub use cql::{CQL, PreparedCql};
pub use ranges::{CASSANDRA_RING, CASSANDRA_SPLITS};
pub use token::token;

/// Registers all functions; those that ask a cluster ask this one.
///
/// Two of them need more than that: `cql('…')` a word before each statement is planned, see [`PreparedCql`]; `writetime` and
/// its like a rule of analysis, [`CellTimeRule`].
pub fn register(context: &SessionContext, cluster: &ClusterHandle) {
    context.register_udf(token());
    for of in cell_times::CellTime::ALL {
        context.register_udf(of.function());
    }
    context.register_udtf(CASSANDRA_RING, Arc::new(ranges::RingFunction::new(cluster.clone())));
    context.register_udtf(CASSANDRA_SPLITS, Arc::new(ranges::SplitsFunction::new(cluster.clone())));
    context.register_udtf(CQL, Arc::new(cql::CqlFunction));
}

/// The only argument of a table function, which is a text. `example` is what it looks like.
fn text_argument<'a>(function: &str, example: &str, arguments: &'a [Expr]) -> DataFusionResult<&'a str> {
    if let [Expr::Literal(value, _)] = arguments
        && let Some(Some(text)) = value.try_as_str()
    {
        return Ok(text);
    }
    plan_err!("{function} takes one text, as in {function}({example})")
}
