//! Random queries over random tables give the same answers as DataFusion gives over the same rows in memory.
//!
//! Each world has two tables of Cassandra. What `SELECT *` reads of them, with nothing pushed down, is kept in a session of the
//! same configuration without a cluster, and each query runs in both sessions. That cells are read as they were written is
//! shown by other tests.
//!
//! Now and then rows are deleted or updated, and what is left is compared with what must be left of the rows in memory.
//!
//! World n of seed s is the first world of seed s + n; all of it follows from that number.

mod answer;
mod change;
mod choices;
mod column_type;
mod condition;
mod join;
mod known;
mod nested;
mod query;
mod rows;
mod scalar;
mod storage;
mod table;
mod world;

use std::env;

use answer::Verdict;
use futures::{StreamExt, stream};
use world::World;

use crate::common::TestKeyspace;

/// Set it to see other worlds.
const SEED_VARIABLE: &str = "CBULK_FUZZ_SEED";
const DEFAULT_SEED: u64 = 1;

/// How many queries to run in all.
const QUERIES_VARIABLE: &str = "CBULK_FUZZ_QUERIES";
const DEFAULT_QUERIES: u64 = 1_000;

const QUERIES_A_WORLD: u64 = 100;

/// Worlds at the same time: one may wait for the server while the other computes.
const WORLDS: usize = 2;

/// Worlds after which no other is begun once something was found.
const ENOUGH_FINDINGS: usize = 20;

#[derive(Debug, Default)]
struct Tally {
    queries: usize,
    with_rows: usize,
    without_rows: usize,
    refused_by_both: usize,
    spared: usize,
    of_datafusion: usize,
    changes: Changes,
    /// Tables that have indexes of Cassandra's first kind and SAI ones.
    mixed_tables: usize,
    findings: Vec<String>,
}

/// DELETE and UPDATE among the queries.
#[derive(Debug, Default)]
struct Changes {
    of_rows: usize,
    of_none: usize,
    refused: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn random_queries_have_the_answers_of_rows_in_memory() {
    let number = |variable: &str, default: u64| {
        env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{variable}={text}: {e}")))
    };
    let (seed, queries) = (number(SEED_VARIABLE, DEFAULT_SEED), number(QUERIES_VARIABLE, DEFAULT_QUERIES));
    eprintln!("{SEED_VARIABLE}={seed} {QUERIES_VARIABLE}={queries}");
    let keyspace = TestKeyspace::create().await;
    let worlds = stream::iter(0..queries.div_ceil(QUERIES_A_WORLD)).map(|world| {
        let queries = QUERIES_A_WORLD.min(queries - world * QUERIES_A_WORLD);
        run_world(&keyspace, seed.wrapping_add(world), queries)
    });
    let mut worlds = worlds.buffer_unordered(WORLDS);
    let mut tally = Tally::default();
    while let Some(of_world) = worlds.next().await {
        tally.queries += of_world.queries;
        tally.with_rows += of_world.with_rows;
        tally.without_rows += of_world.without_rows;
        tally.refused_by_both += of_world.refused_by_both;
        tally.spared += of_world.spared;
        tally.of_datafusion += of_world.of_datafusion;
        tally.changes.of_rows += of_world.changes.of_rows;
        tally.changes.of_none += of_world.changes.of_none;
        tally.changes.refused += of_world.changes.refused;
        tally.mixed_tables += of_world.mixed_tables;
        tally.findings.extend(of_world.findings);
        if tally.findings.len() >= ENOUGH_FINDINGS {
            break;
        }
    }
    drop(worlds);
    let findings = std::mem::take(&mut tally.findings);
    eprintln!("{tally:?}");
    keyspace.drop_it().await;
    assert!(findings.is_empty(), "{} queries have another answer, see above", findings.len());
    if tally.queries < 500 {
        // Too few to say more.
        return;
    }
    assert!(tally.of_datafusion * 100 < tally.queries, "too many depend on settings of DataFusion: {tally:?}");
    // Queries that no one answers would show nothing.
    assert!(tally.refused_by_both * 5 < tally.queries, "too many are refused: {tally:?}");
    assert!(tally.with_rows * 3 > tally.queries, "too few have rows: {tally:?}");
    assert!(tally.spared * 50 < tally.queries, "too many have an error on one side only: {tally:?}");
    assert!(tally.changes.of_rows * 30 > tally.queries, "too few rows are deleted and updated: {tally:?}");
    assert!(tally.mixed_tables > 0, "no table has indexes of both kinds: {tally:?}");
}

async fn run_world(keyspace: &TestKeyspace, seed: u64, queries: u64) -> Tally {
    let world = World::create(keyspace, seed).await;
    let mut tally = Tally { mixed_tables: world.mixed_tables(), ..Tally::default() };
    for number in 0..queries {
        let (verdict, finding) = world.query(number).await;
        tally.queries += 1;
        match verdict {
            Verdict::Changed { rows: 0 } => tally.changes.of_none += 1,
            Verdict::Changed { .. } => tally.changes.of_rows += 1,
            Verdict::Refused => tally.changes.refused += 1,
            Verdict::Same { rows: 0 } => tally.without_rows += 1,
            Verdict::Same { .. } => tally.with_rows += 1,
            Verdict::BothFailed => tally.refused_by_both += 1,
            Verdict::OneWasSpared => tally.spared += 1,
            Verdict::OfDataFusion(_) => tally.of_datafusion += 1,
            Verdict::Different(_) => {}
        }
        if let Some(finding) = finding {
            let again = format!("{SEED_VARIABLE}={seed} {QUERIES_VARIABLE}={}", number + 1);
            eprintln!("\nagain with {again}: {finding}");
            tally.findings.push(finding);
        }
    }
    world.drop_it().await;
    tally
}
