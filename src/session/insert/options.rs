//! `INSERT INTO t WITH (name = value, …) …`: options of the table for this statement alone.
//!
//! The form is Spark's (`INSERT INTO t WITH (…) SELECT …`) and that of `CREATE TABLE … WITH (…)`. The parser knows no such clause,
//! so it is cut out of the tokens, put into the statement where the parser keeps settings of other databases' INSERT, and
//! taken from there before DataFusion plans, which would refuse it.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::error::Result as DataFusionResult;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{Insert, Setting, SqlOption, Statement as SqlStatement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use super::super::create::with::{not_an_option, value_text};
use crate::catalog::table::with_insert_options;
use crate::error::{Error, Result};

/// Parses a script of statements separated by semicolons.
///
/// # Errors
/// A syntax error, with its line and column.
pub(in crate::session) fn parse(sql: &str) -> DataFusionResult<VecDeque<Statement>> {
    let dialect = GenericDialect {};
    let Ok(mut tokens) = Tokenizer::new(&dialect, sql).tokenize_with_location() else {
        // For its error.
        return DFParserBuilder::new(sql).build()?.parse_statements();
    };
    let clauses = clauses(&tokens);
    // From the last one on, so that the places of the others stay.
    let cut = clauses.into_iter().rev().map(|(number, place)| (number, tokens.drain(place).collect::<Vec<_>>()));
    let cut: Vec<(usize, Vec<TokenWithSpan>)> = cut.collect();
    let mut statements = DFParserBuilder::new(tokens).build()?.parse_statements()?;
    for (number, tokens) in cut {
        let options = Parser::new(&dialect).with_tokens_with_locations(tokens).parse_options(Keyword::WITH)?;
        let settings = options.into_iter().map(|option| match option {
            SqlOption::KeyValue { key, value } => Ok(Setting { key, value }),
            other => Err(not_an_option(&other)),
        });
        let settings = settings.collect::<Result<_>>()?;
        if let Some(insert) = statements.get_mut(number).and_then(insert_of) {
            insert.settings = Some(settings);
        }
    }
    Ok(statements)
}

/// Where such clauses are, and in the how manieth statement.
fn clauses(tokens: &[TokenWithSpan]) -> Vec<(usize, Range<usize>)> {
    let (mut found, mut start, mut number) = (Vec::new(), 0, 0);
    for statement in tokens.split_inclusive(|token| token.token == Token::SemiColon) {
        let is_empty =
            |token: &TokenWithSpan| matches!(token.token, Token::Whitespace(_) | Token::SemiColon | Token::EOF);
        if !statement.iter().all(is_empty) {
            found.extend(clause(statement).map(|place| (number, start + place.start..start + place.end)));
            number += 1;
        }
        start += statement.len();
    }
    found
}

/// Where in one statement the clause is: behind the name of the table, or behind the names of the columns.
fn clause(statement: &[TokenWithSpan]) -> Option<Range<usize>> {
    let words = statement.iter().enumerate().filter(|(_, token)| !matches!(token.token, Token::Whitespace(_)));
    let mut words = words.map(|(place, token)| (place, &token.token)).peekable();
    match keyword(words.next()?.1) {
        Keyword::INSERT => {}
        Keyword::EXPLAIN => {
            words.find(|(_, token)| keyword(token) == Keyword::INSERT)?;
        }
        _ => return None,
    }
    words.next_if(|(_, token)| matches!(keyword(token), Keyword::INTO | Keyword::OVERWRITE))?;
    words.next_if(|(_, token)| keyword(token) == Keyword::TABLE);
    let is_name = |(_, token): &(usize, &Token)| matches!(token, Token::Word(_));
    words.next_if(is_name)?;
    while words.next_if(|(_, token)| **token == Token::Period).is_some() {
        words.next_if(is_name)?;
    }
    if words.next_if(|(_, token)| **token == Token::LParen).is_some() {
        close(&mut words)?;
    }
    let (first, _) = words.next_if(|(_, token)| keyword(token) == Keyword::WITH)?;
    // Otherwise it is the WITH of a query.
    words.next_if(|(_, token)| **token == Token::LParen)?;
    Some(first..close(&mut words)? + 1)
}

/// Where the parenthesis is that closes the one before these words.
fn close<'a>(words: &mut impl Iterator<Item = (usize, &'a Token)>) -> Option<usize> {
    let mut depth = 1;
    let last = words.find(|(_, token)| {
        depth += match token {
            Token::LParen => 1,
            Token::RParen => -1,
            _ => 0,
        };
        depth == 0
    });
    last.map(|(place, _)| place)
}

fn keyword(token: &Token) -> Keyword {
    match token {
        Token::Word(word) => word.keyword,
        _ => Keyword::NoKeyword,
    }
}

/// The INSERT that the statement is or explains.
fn insert_of(statement: &mut Statement) -> Option<&mut Insert> {
    match statement {
        Statement::Statement(inner) => match inner.as_mut() {
            SqlStatement::Insert(insert) => Some(insert),
            _ => None,
        },
        Statement::Explain(explain) => insert_of(&mut explain.statement),
        _ => None,
    }
}

/// Takes the options out of the statement.
///
/// # Errors
/// A value in a form that is not ours.
pub(in crate::session) fn take(statement: &mut Statement) -> Result<Vec<(String, String)>> {
    let settings = insert_of(statement).and_then(|insert| insert.settings.take()).unwrap_or_default();
    let option = |Setting { key, value }: &Setting| match value_text(value) {
        Some(text) => Ok((key.value.to_ascii_lowercase(), text)),
        None => Err(not_an_option(&format_args!("{key} = {value}"))),
    };
    settings.iter().map(option).collect()
}

/// The plan of an INSERT with these options.
///
/// # Errors
/// The table has no such options.
pub(in crate::session) fn apply(plan: LogicalPlan, options: &[(String, String)]) -> DataFusionResult<LogicalPlan> {
    if options.is_empty() {
        return Ok(plan);
    }
    let plan = plan.transform_down(|node| {
        let LogicalPlan::Dml(mut insert) = node else { return Ok(Transformed::no(node)) };
        let table = source_as_provider(&insert.target)?;
        let table = with_insert_options(table.as_ref(), options)?.ok_or_else(|| {
            Error::config(format!(
                "INSERT INTO {} WITH (…) is not possible: such options are those of tables of Cassandra",
                insert.table_name
            ))
        })?;
        insert.target = provider_as_source(Arc::clone(&table));
        Ok(Transformed::yes(LogicalPlan::Dml(insert)))
    })?;
    Ok(plan.data)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The options of each statement, and what is left of it.
    fn parsed(sql: &str) -> Vec<(Vec<(String, String)>, String)> {
        let statements = parse(sql).unwrap().into_iter();
        statements.map(|mut statement| (take(&mut statement).unwrap(), statement.to_string())).collect()
    }

    fn options(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_clause_is_taken_out_wherever_it_stands() {
        let ttl = options(&[("write_ttl_seconds", "60"), ("write_nulls", "tombstone")]);
        let clause = "WITH (write_ttl_seconds = 60, WRITE_NULLS = 'tombstone')";
        for (sql, rest) in [
            (format!("INSERT INTO ks.t {clause} SELECT 1"), "INSERT INTO ks.t SELECT 1"),
            (
                format!("insert into cassandra.ks.\"t$json\"{clause}\n-- comment\nSELECT 1"),
                "INSERT INTO cassandra.ks.\"t$json\" SELECT 1",
            ),
            (
                format!("INSERT INTO t (a, \"b)\") {clause} VALUES (1, ')')"),
                "INSERT INTO t (a, \"b)\") VALUES (1, ')')",
            ),
            (format!("INSERT INTO t {clause} (a) VALUES (1)"), "INSERT INTO t (a) VALUES (1)"),
            (
                format!("EXPLAIN ANALYZE VERBOSE INSERT INTO t {clause} SELECT 1"),
                "EXPLAIN ANALYZE VERBOSE INSERT INTO t SELECT 1",
            ),
            (
                format!("INSERT INTO t {clause} WITH x AS (SELECT 1) SELECT * FROM x"),
                "INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
            ),
        ] {
            assert_eq!(parsed(&sql), [(ttl.clone(), rest.to_owned())], "{sql}");
        }
        let script = format!(
            "; SELECT 1;; INSERT INTO t SELECT 2; INSERT INTO t {clause} SELECT 3; INSERT INTO t WITH (a = -1) SELECT 4;"
        );
        let all: Vec<_> = parsed(&script).into_iter().map(|(options, _)| options).collect();
        assert_eq!(all, [vec![], vec![], ttl, options(&[("a", "-1")])]);
    }

    #[test]
    fn nothing_else_is_taken() {
        for sql in [
            "INSERT INTO t WITH x AS (SELECT 1) SELECT * FROM x",
            "INSERT INTO t (a) WITH x AS (SELECT 1) SELECT * FROM x",
            "SELECT 'INSERT INTO t WITH (a = 1)'",
            "INSERT INTO t SELECT ' WITH (a = 1)'",
        ] {
            assert_eq!(parsed(sql), [(vec![], sql.to_owned())], "{sql}");
        }
        let as_ever = |sql: &str| DFParserBuilder::new(sql).build().and_then(|mut parser| parser.parse_statements());
        for sql in ["SELECT '", "INSERT INTO t WITH", "INSERT INTO t WITH (a = 1", "INSERT INTO", "SELEC 1; SELECT 1"] {
            assert_eq!(parse(sql).unwrap_err().to_string(), as_ever(sql).unwrap_err().to_string(), "{sql}");
        }
        for sql in [
            "INSERT INTO t WITH (a) SELECT 1",
            "INSERT INTO t WITH (a = 1 b = 2) SELECT 1",
            "INSERT INTO t WITH (a = now()) SELECT 1",
        ] {
            let refused = parse(sql).and_then(|mut statements| Ok(take(&mut statements[0])?));
            refused.unwrap_err();
        }
    }
}
