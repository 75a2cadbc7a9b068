use cbulk::Error;

use super::*;

#[expect(clippy::needless_pass_by_value, reason = "shorter calls")]
fn plan(error: DataFusionError) -> String {
    Failure::plan(&error).to_string()
}

#[test]
fn our_errors_are_found_in_their_wrappers_and_keep_their_causes() {
    let ours = Error::unavailable("no node answers").with_context("node", "n1").with_source("connection refused");
    let wrapped = DataFusionError::Context("Optimizer rule 'x' failed".into(), Box::new(ours.into()));
    let failure = Failure::plan(&DataFusionError::Shared(std::sync::Arc::new(wrapped)));
    assert_eq!(failure.to_string(), "error: no node answers (node: n1)\n  caused by: connection refused");
    assert_eq!(failure.code, ABORTED);
}

#[test]
fn a_cause_that_was_said_already_is_not_repeated() {
    let ours = Error::config("cannot connect: refused").with_source("refused");
    assert_eq!(plan(ours.into()), "error: cannot connect: refused");
}

#[test]
fn the_kind_of_error_decides_the_exit_code_else_the_phase() {
    for (error, code) in [
        (Error::config("x"), USAGE),
        (Error::schema("x"), USAGE),
        (Error::unavailable("x"), ABORTED),
        (Error::data("x"), ABORTED),
        (Error::internal("x"), ABORTED),
    ] {
        let error = DataFusionError::from(error);
        assert_eq!(Failure::plan(&error).code, code, "{error}");
        assert_eq!(Failure::run(&error).code, code, "{error}");
    }
    let error = DataFusionError::Execution("x".into());
    assert_eq!((Failure::plan(&error).code, Failure::run(&error).code), (USAGE, ABORTED));
}

#[test]
fn classes_of_errors_and_rules_are_not_told() {
    let io = std::io::Error::other("disk full");
    let arrow = ArrowError::ExternalError(Box::new(DataFusionError::External(Box::new(io))));
    let wrapped = DataFusionError::Context("type_coercion".into(), Box::new(arrow.into()));
    assert_eq!(plan(wrapped), "error: disk full");
    assert_eq!(plan(DataFusionError::Execution("Arrow error: Cast error: Cannot cast.".into())), "error: cannot cast");
    assert_eq!(plan(DataFusionError::Plan("SQL is odd".into())), "error: SQL is odd");
}

#[test]
fn contexts_that_say_something_are_told() {
    let inner = DataFusionError::External("invalid digit found in string".into());
    let wrapped = DataFusionError::Context("Error parsing x as usize".into(), Box::new(inner));
    assert_eq!(plan(wrapped), "error: cannot parse x as usize\n  caused by: invalid digit found in string");
}

#[test]
fn positions_are_those_in_the_script() {
    let error = || {
        let parser = ParserError::ParserError("Expected: an expression, found: from at Line: 1, Column: 8".into());
        Failure::plan(&DataFusionError::SQL(Box::new(parser), None))
    };
    assert_eq!(error().to_string(), "error: expected an expression, found from (line 1, column 8)");
    let statement = Statement { text: "select from t\nwhere a".into(), line: 7, column: 3 };
    let failure = error().in_statement(&statement).at("a.sql", 7, &statement.text).at("outer.sql", 1, r"\i a.sql");
    assert_eq!(
        failure.to_string(),
        "error: expected an expression, found from (line 7, column 10)\n  in a.sql, line 7: select from t where a"
    );
}

#[test]
fn advice_is_set_apart() {
    let error = DataFusionError::Plan("Invalid function 'nofunc'.\nDid you mean 'trunc'?".into());
    assert_eq!(plan(error), "error: invalid function 'nofunc'\nhint: did you mean 'trunc'?");
    for message in ["Could not find config namespace \"foo\"", "Could not find config namespace for key \"foo\""] {
        let error = plan(DataFusionError::Configuration(message.into()));
        assert_eq!(error, "error: there is no setting 'foo'\nhint: SHOW ALL lists the settings");
    }
    let error = DataFusionError::Configuration("Config value \"nope\" not found on CassandraOptions".into());
    assert_eq!(plan(error), "error: there is no setting 'nope'\nhint: SHOW ALL lists the settings");
}

#[test]
fn the_beginning_of_a_statement_fits_into_a_line() {
    assert_eq!(beginning(" select\n  1 "), "select 1");
    let long = format!("select {}", "ä".repeat(100));
    assert_eq!(beginning(&long).chars().count(), 61);
}
