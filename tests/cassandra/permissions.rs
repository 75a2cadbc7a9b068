//! A cluster that asks who one is: errors are clear, and no password is printed.

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use crate::common::cluster::RealCluster;
use crate::common::{error_of, number, plan, run, wait_until};
use cbulk::{ClusterOptions, Error, ErrorKind, Session, SessionBuilder};
use datafusion::error::DataFusionError;
use futures::TryStreamExt;

/// A node with users.
struct SecuredNode(RealCluster);

impl SecuredNode {
    async fn start() -> Self {
        Self(RealCluster::start(&["--auth"]).await)
    }

    fn host(&self) -> &String {
        &self.0.hosts[0]
    }

    fn session(&self, user: &str, password: &str) -> Session {
        let mut cluster = ClusterOptions::new([self.host()]);
        cluster.set("user", user).unwrap();
        cluster.set("password", password).unwrap();
        SessionBuilder::default().with_cluster(cluster).build().unwrap()
    }

    fn shell(&self, user: &str, password: &str, sql: &str) -> Output {
        let mut shell = Command::new(env!("CARGO_BIN_EXE_cbulk-sql"));
        shell.args(["--host", self.host(), "--user", user, "-c", sql]).env("CBULK_PASSWORD", password).output().unwrap()
    }

    /// As the administrator, by the Rust driver.
    async fn administer(&self, statements: &[&str]) {
        let admin = scylla::client::session_builder::SessionBuilder::new()
            .known_node(self.host())
            .user("cassandra", "cassandra");
        let admin = admin.build().await.unwrap();
        for cql in statements {
            admin.query_unpaged(*cql, ()).await.unwrap_or_else(|e| panic!("{cql}: {e}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let node = SecuredNode::start().await;
    node.administer(&[
        "CREATE KEYSPACE ks WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
        "CREATE TABLE ks.t (k int PRIMARY KEY, v text)",
        "INSERT INTO ks.t (k, v) VALUES (1, 'one')",
        "CREATE ROLE reader WITH PASSWORD = 'open-sesame' AND LOGIN = true",
        "CREATE ROLE nobody WITH PASSWORD = 'open-sesame' AND LOGIN = true",
        "GRANT SELECT ON ks.t TO reader",
    ])
    .await;

    // What is allowed works.
    let reader = node.session("reader", "open-sesame");
    assert_eq!(number(&reader, "SELECT count(*) FROM ks.t").await, 1);
    assert_eq!(number(&node.session("cassandra", "cassandra"), "INSERT INTO ks.t VALUES (2, 'two')").await, 1);

    // What is not allowed names who, what and where.
    who_may_write(&node, &reader).await;
    let nobody = node.session("nobody", "open-sesame");
    for sql in ["SELECT * FROM ks.t", "SELECT count(*) FROM ks.t"] {
        let error = run(&nobody, sql).await.unwrap_err();
        assert_eq!(Error::find(&error).map(Error::kind), Some(ErrorKind::Config), "{sql}: {error}");
        assert!(error.to_string().contains("nobody has no SELECT permission on <table ks.t>"), "{sql}: {error}");
    }
    assert_eq!(number(&reader, "SELECT count(*) FROM ks.t WHERE k < 100").await, 2);

    // Who one is not.
    for (user, password) in [("reader", "guessed-wrong"), ("stranger", "guessed-wrong")] {
        let error = run(&node.session(user, password), "SELECT * FROM ks.t").await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(&format!("{} does not let in user '{user}' with this password", node.host())), "{text}");
        assert!(!text.contains(password), "{text}");
    }
    let without = SessionBuilder::default().with_cluster(ClusterOptions::new([node.host()])).build().unwrap();
    let error = error_of(&without, "SELECT * FROM ks.t").await;
    assert!(error.contains("does not let in a client without user and password"), "{error}");

    // The shell prints the same, and no password either.
    let output = node.shell("reader", "guessed-wrong", "SELECT * FROM ks.t");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && printed.contains("does not let in user 'reader'"), "{printed}");
    assert!(!printed.contains("guessed-wrong"), "{printed}");
    let output = node.shell("reader", "open-sesame", "SHOW ALL");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !printed.contains("open-sesame"), "{printed}");
}

/// Plans the statement, without running it.
async fn planning(session: &Session, sql: &str) -> Result<(), DataFusionError> {
    session.plan(session.parse(sql)?.pop_front().unwrap()).await.map(|_| ())
}

async fn refusal(session: &Session, sql: &str) -> DataFusionError {
    planning(session, sql).await.expect_err(sql)
}

/// Writing is asked for before the first row, and nothing is written by asking.
async fn who_may_write(node: &SecuredNode, reader: &Session) {
    let started = Instant::now();
    let insert = "INSERT INTO ks.t SELECT CAST(value AS INT), 'x' FROM generate_series(1, 1000000)";
    let error = refusal(reader, insert).await;
    let found = Error::find(&error).unwrap();
    assert_eq!(found.kind(), ErrorKind::Config, "{error}");
    for expected in ["reader has no MODIFY permission on <table ks.t>", "the CQL GRANT MODIFY ON TABLE ks.t TO reader"]
    {
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = error_of(reader, "INSERT INTO ks.t (v) VALUES ('no key')").await;
    assert!(error.contains("1. the statement gives no value for k") && error.contains("2. asking for"), "{error}");
    run(reader, "SET cassandra.allow_all_rows = true").await.unwrap();
    for change in ["UPDATE ks.t SET v = 'changed'", "DELETE FROM ks.t"] {
        let error = refusal(reader, change).await.to_string();
        assert!(error.contains("GRANT MODIFY ON TABLE ks.t TO reader"), "{change}: {error}");
    }
    assert!(started.elapsed() < Duration::from_secs(10), "it took {:?}", started.elapsed());

    // A permission may come from a role, and be on all tables of the keyspace.
    node.administer(&[
        "CREATE ROLE writers",
        "CREATE ROLE \"Loader\" WITH PASSWORD = 'open-sesame' AND LOGIN = true",
        "GRANT MODIFY ON KEYSPACE ks TO writers",
        "GRANT SELECT ON KEYSPACE ks TO writers",
        "GRANT writers TO \"Loader\"",
        "CREATE TABLE ks.hits (page text PRIMARY KEY, n counter)",
    ])
    .await;
    let loader = node.session("Loader", "open-sesame");
    assert_eq!(number(&loader, "INSERT INTO ks.t VALUES (100, 'hundred')").await, 1);
    // Limits that this user may not look up are told by the server.
    let large = "INSERT INTO ks.t SELECT 101, repeat('x', 20000000)";
    let error = error_of(&loader, large).await;
    assert!(error.contains("Request is too big") && error.contains("raise max_mutation_size"), "{error}");

    // What is taken away after planning is told by the first row, at once.
    let planned = plan(&loader, "INSERT INTO ks.t VALUES (102, 'never')").await;
    node.administer(&["REVOKE MODIFY ON KEYSPACE ks FROM writers"]).await;
    // Nodes remember permissions for some seconds.
    let is_refused = async || planning(&loader, "INSERT INTO ks.t VALUES (102, 'never')").await.is_err();
    wait_until(|| "the permission is still there".to_owned(), is_refused).await;
    let started = Instant::now();
    let error = planned.execute().unwrap().try_collect::<Vec<_>>().await.unwrap_err().to_string();
    assert!(error.contains("at least 0 rows") && error.contains("GRANT MODIFY ON TABLE ks.t TO \"Loader\""), "{error}");
    assert!(started.elapsed() < Duration::from_secs(5), "{error} after {:?}", started.elapsed());
    assert_eq!(number(reader, "SELECT count(*) FROM ks.t WHERE k >= 100").await, 1);
}
