//! `RESET cassandra.option`: DataFusion resets only its own.

use datafusion::common::config::ConfigExtension;
use datafusion::error::Result as DataFusionResult;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{ResetStatement, Statement};

use crate::options::CassandraOptions;

/// Gives the option that the statement names its default again; `false` for any other statement.
pub(super) fn reset(context: &SessionContext, statement: &Statement) -> DataFusionResult<bool> {
    let Statement::Reset(ResetStatement::Variable(name)) = statement else { return Ok(false) };
    let name = name.to_string();
    let Some(option) = name.strip_prefix(CassandraOptions::PREFIX).and_then(|rest| rest.strip_prefix('.')) else {
        return Ok(false);
    };
    let state = context.state_ref();
    let mut state = state.write();
    match state.config_mut().options_mut().extensions.get_mut::<CassandraOptions>() {
        Some(options) => options.reset(option).map(|()| true),
        None => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use crate::Session;
    use crate::options::CassandraOptions;
    use crate::session::SessionBuilder;

    async fn run(session: &Session, sql: &str) -> Result<(), String> {
        let statement = session.parse(sql).unwrap().pop_front().unwrap();
        session.plan(statement).await.map(drop).map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn an_option_gets_its_default_again() {
        let session = SessionBuilder::default().build().unwrap();
        let options = || CassandraOptions::of(session.context().state().config_options());
        run(&session, "SET cassandra.max_rows_per_second = 5").await.unwrap();
        run(&session, "SET cassandra.page_size_rows = 7").await.unwrap();
        assert!(options().max_rows_per_second.is_some());
        run(&session, "RESET cassandra.max_rows_per_second").await.unwrap();
        assert_eq!((options().max_rows_per_second, options().page_size_rows.get()), (None, 7));
        let error = run(&session, "RESET cassandra.nonsense").await.unwrap_err();
        assert!(error.contains("nonsense"), "{error}");
        // DataFusion's own as ever.
        run(&session, "SET datafusion.execution.batch_size = 5").await.unwrap();
        run(&session, "RESET datafusion.execution.batch_size").await.unwrap();
        assert_eq!(session.context().state().config().batch_size(), 8_192);
    }
}
