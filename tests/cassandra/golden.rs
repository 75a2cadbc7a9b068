//! The queries of `tests/slt/offline/` on a real cluster: what the plans there show gives the rows of a full scan.

use std::fmt::Write as _;
use std::path::Path;

use cbulk::cluster::schema::TableName;
use cbulk::{ClusterOptions, Session, SessionBuilder};
use datafusion::arrow::util::pretty::pretty_format_batches;

use crate::common::{TestKeyspace, host, run};

#[path = "../slt/file.rs"]
mod file;
#[path = "../slt/shop.rs"]
mod shop;

use file::{File, Kind};

/// What leaves everything to DataFusion.
const NOTHING_PUSHED: &str = "SET cassandra.filter_pushdown = false; SET cassandra.index_pushdown = false; \
                              SET cassandra.aggregate_pushdown = false; SET cassandra.allow_filtering = false; \
                              SET cassandra.lookup_join = 'off'";

async fn tables() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    for statement in shop::statements(shop::TABLES) {
        ks.run(&in_keyspace(&statement, "{ks}")).await;
    }
    let session = session();
    for statement in shop::statements(shop::ROWS) {
        run(&session, &in_keyspace(&statement, &ks.name)).await.unwrap_or_else(|e| panic!("{statement}: {e}"));
    }
    // A cart without items, and a cell that expires.
    ks.run("INSERT INTO {ks}.carts (id, owner) VALUES (00000000-0000-0000-0000-000000000099, 'nothing yet')").await;
    ks.run("UPDATE {ks}.customers USING TTL 86400 SET name = 'name3' WHERE id = 3").await;
    ks
}

fn session() -> Session {
    let builder = SessionBuilder::default().with_cluster(ClusterOptions::new([host()]));
    shop::for_plans(builder).build().unwrap()
}

/// The same statement, or message, with the tables in this keyspace.
fn in_keyspace(text: &str, keyspace: &str) -> String {
    text.replace(&format!("{}.", shop::KEYSPACE), &format!("{keyspace}."))
}

/// Rows as text; sorted, unless the statement says in which order they come.
async fn rows(session: &Session, sql: &str) -> Vec<String> {
    let batches = run(session, sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let cells = |line: &str| line.split('|').map(str::trim).collect::<Vec<_>>().join("|");
    let mut rows: Vec<String> = table.lines().skip(3).filter(|line| line.starts_with('|')).map(cells).collect();
    if !is_ordered(sql) {
        rows.sort();
    }
    rows
}

/// Whether an ORDER BY stands at the end, where it is not that of a window or of a subquery.
fn is_ordered(sql: &str) -> bool {
    sql.rsplit_once("ORDER BY").is_some_and(|(_, after)| !after.contains(')'))
}

/// The statement without its LIMIT, if that may take any rows.
fn without_any_limit(sql: &str) -> Option<String> {
    let (before, _) = sql.rsplit_once(" LIMIT ")?;
    (!is_ordered(sql)).then(|| before.to_owned())
}

#[tokio::test]
async fn the_tables_are_what_plans_are_made_for() {
    let ks = tables().await;
    let cluster = session().cluster().connect().await.unwrap();
    for (given, _) in shop::tables(&ks.name) {
        let real = cluster.table(&TableName::new(&ks.name, &given.name.table)).await.unwrap();
        assert_eq!(real, Some(given));
    }
    ks.drop_it().await;
}

#[tokio::test]
async fn every_explained_query_gives_the_rows_of_a_scan() {
    let ks = tables().await;
    let (mut queries, mut with_rows) = (0, 0);
    let mut wrong = String::new();
    for file in File::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt/offline")) {
        let (pushed, scanned) = (session(), session());
        run(&scanned, NOTHING_PUSHED).await.unwrap();
        for record in &file.records {
            let sql = in_keyspace(&record.sql, &ks.name);
            match (record.kind, sql.strip_prefix("EXPLAIN ")) {
                (Kind::Ok, _) => {
                    run(&pushed, &sql).await.unwrap();
                    run(&scanned, &sql).await.unwrap();
                    run(&scanned, NOTHING_PUSHED).await.unwrap();
                }
                (Kind::Rows, Some(query)) => {
                    let (found, expected) = (rows(&pushed, query).await, rows(&scanned, query).await);
                    queries += 1;
                    with_rows += usize::from(!found.is_empty());
                    let is_same = match without_any_limit(query) {
                        None => found == expected,
                        Some(all) => {
                            let all = rows(&scanned, &all).await;
                            found.len() == expected.len() && found.iter().all(|row| all.contains(row))
                        }
                    };
                    if !is_same {
                        let (found, expected) = (found.join("\n"), expected.join("\n"));
                        writeln!(wrong, "{}: {query}\n{found}\n--- scanned\n{expected}", file.place(record)).unwrap();
                    }
                }
                // That a statement runs at all is what differs.
                (Kind::Error, _) if file.expected(record).concat().contains("only planned for") => {}
                (Kind::Error, _) => {
                    let error = run(&pushed, &sql).await.expect_err(&sql).strip_backtrace();
                    let expected = in_keyspace(&file.expected(record).join("\n"), &ks.name);
                    assert_eq!(error, expected, "{}", file.place(record));
                }
                // What is not of a plan is of the fixed ring.
                (Kind::Rows, None) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(queries >= 80, "{queries} queries");
    assert!(with_rows * 10 >= queries * 8, "{with_rows} of {queries} queries give rows");
    ks.drop_it().await;
}
