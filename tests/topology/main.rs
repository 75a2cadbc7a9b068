//! Three nodes of a real Cassandra, with few and many vnodes: the ring is the one Cassandra tells of, every row is read
//! once, from a node that has it, and no row is lost when a node is.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so a test fails")]

#[path = "../common/mod.rs"]
mod common;
mod rows;
mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cbulk::cluster::Cluster;
use cbulk::write::outcome::LoadReport;
use cbulk::{ClusterOptions, Error, ErrorKind, Session, SessionBuilder};
use common::cluster::RealCluster;
use common::fed::fed_table;
use common::{TestKeyspace, metric, number, plan, run, session_at, wait_until};
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::physical_plan::ExecutionPlan;
use futures::{SinkExt, TryStreamExt};
use rows::{assert_rows, create, fill, rows, rows_of};
use server::{ranges_of_cbulk, ranges_of_nodetool, requests_coordinated, writes};

const ROWS: i64 = 5_000;
const LOADED: i64 = 10_000;
const MANY: i64 = 50_000;
const SPLIT_COUNTS: [usize; 5] = [1, 2, 7, 24, 1_000];
/// With each split count: the rows, their count by the server, their count here.
const STATEMENTS: i64 = 3 * 5;

#[tokio::test(flavor = "multi_thread")]
async fn cassandra_5_0_with_1_vnode() {
    let cluster = three_nodes("5.0", "1").await;
    every_row_is_read_once_from_a_replica(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cassandra_5_0_with_16_vnodes() {
    let cluster = three_nodes("5.0", "16").await;
    every_row_is_read_once_from_a_replica(&cluster).await;
    errors_say_what_is_wrong(&cluster).await;
    a_load_is_complete_on_every_replica(&cluster).await;
    every_row_is_sent_to_a_replica(&cluster).await;
    a_load_goes_on_while_a_node_does_not_answer(&cluster).await;
    a_load_waits_for_nodes_that_do_not_answer(&cluster).await;
    no_row_is_lost_with_a_node(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cassandra_5_0_with_256_vnodes() {
    let cluster = three_nodes("5.0", "256").await;
    every_row_is_read_once_from_a_replica(&cluster).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cassandra_4_1_with_16_vnodes() {
    let cluster = three_nodes("4.1", "16").await;
    every_row_is_read_once_from_a_replica(&cluster).await;
    a_load_is_complete_on_every_replica(&cluster).await;
    no_row_is_lost_with_a_node(&cluster).await;
}

#[test]
fn a_wrong_row_is_noticed() {
    let read = |keys: &[i64]| keys.iter().flat_map(|&k| rows_of(&rows(k..k + 1).project(&[1, 2]).unwrap())).collect();
    let verdict = |rows: Vec<(i64, String)>| std::panic::catch_unwind(|| assert_rows(rows, 3, "read"));
    verdict(read(&[2, 0, 1])).unwrap();
    for wrong in [read(&[0, 1]), read(&[0, 1, 2, 3]), read(&[0, 1, 1, 2]), read(&[0, 1, 1])] {
        verdict(wrong).unwrap_err();
    }
    verdict(vec![(0, "row 0".into()), (1, "row 2".into()), (2, "row 1".into())]).unwrap_err();
}

async fn every_row_is_read_once_from_a_replica(cluster: &RealCluster) {
    for replicas in 1..=3 {
        let ks = TestKeyspace::create_at(&cluster.hosts[0], replicas).await;
        fill(&ks, ROWS, 1).await;
        let session = session_at(&cluster.hosts[0]);
        assert_eq!(ranges_of_cbulk(&session, &ks).await, ranges_of_nodetool(cluster, &ks).await, "RF {replicas}");
        for splits in SPLIT_COUNTS {
            set(&session, &[("splits", &splits.to_string())]).await;
            let what = format!("RF {replicas}, {splits} splits");
            let planned = all_rows_are_read(&session, &ks, "t", ROWS, &what).await;
            // Each set of replicas needs a split of its own; all three nodes are one set.
            assert!(if replicas == 3 { planned == splits } else { planned >= splits }, "{what}: {planned} are planned");
        }
        let coordinated = requests_coordinated(cluster, &ks).await;
        // With few replicas, a node has as large a part as its tokens are; but it has one, and each statement needs it.
        let least = if replicas == 3 { coordinated.iter().sum::<i64>() / 6 } else { STATEMENTS };
        assert!(
            coordinated.iter().all(|&n| n >= least),
            "RF {replicas}: the nodes coordinated {coordinated:?} requests"
        );
        every_key_is_looked_up_at_a_replica(&session, &ks).await;
        ks.drop_it().await;
    }
}

async fn every_key_is_looked_up_at_a_replica(session: &Session, ks: &TestKeyspace) {
    let join = format!("SELECT t.k, t.v FROM range({ROWS}) r JOIN {{ks}}.t t ON t.p = r.value");
    set(session, &[("lookup_join", "on")]).await;
    let query = plan(session, &ks.sql(&join)).await;
    let read: Vec<RecordBatch> = query.execute().unwrap().try_collect().await.unwrap();
    assert_rows(read.iter().flat_map(rows_of).collect(), ROWS, "looked up");
    let of = |name: &str| metric(query.plan.as_ref(), name);
    assert_eq!((of("lookups"), of("splits_done"), of("non_replica_pages")), (usize::try_from(ROWS).unwrap(), 0, 0));
}

async fn errors_say_what_is_wrong(cluster: &RealCluster) {
    let host = &cluster.hosts[0];
    let mut options = ClusterOptions::new([host]);
    options.local_dc = Some("atlantis".into());
    let (kind, message) = connect_error(options).await;
    assert_eq!(kind, ErrorKind::Config);
    assert_eq!(message, "local_dc is 'atlantis', but the cluster has the data centres datacenter1");

    for nothing in [Vec::new(), vec![String::new()]] {
        let (kind, message) = connect_error(ClusterOptions::new(nothing)).await;
        assert_eq!(kind, ErrorKind::Config, "{message}");
        assert_eq!(message, "contact_points names no node: write host or host:port, separated by commas");
    }
    let nobody = format!("{}:1", host.split(':').next().unwrap());
    let (kind, message) = connect_error(ClusterOptions::new([&nobody])).await;
    assert_eq!(kind, ErrorKind::Unavailable);
    assert!(message.starts_with(&format!("no Cassandra node answers at {nobody}: check the address")), "{message}");

    // Cassandra does not let a keyspace name a data centre without nodes, but lets it ask for no replica.
    let ks = TestKeyspace::create_at(host, 0).await;
    let elsewhere = "ALTER KEYSPACE {ks} WITH replication = {'class': 'NetworkTopologyStrategy', 'atlantis': 1}";
    let refused = ks.cql.query_unpaged(ks.sql(elsewhere), ()).await.unwrap_err().to_string();
    assert!(refused.contains("Unrecognized strategy option {atlantis}"), "{refused}");
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY)").await;
    let (kind, message) = statement_error(&session_at(host), &ks.sql("SELECT * FROM {ks}.t")).await;
    assert_eq!(kind, ErrorKind::Schema);
    assert!(message.starts_with("no node holds the token range (-9223372036854775808, "), "{message}");
    assert!(message.ends_with(&ks.sql("correct it by ALTER KEYSPACE (keyspace: {ks})")), "{message}");
    ks.drop_it().await;
}

async fn a_load_is_complete_on_every_replica(cluster: &RealCluster) {
    let ks = TestKeyspace::create_at(&cluster.hosts[0], 3).await;
    fill(&ks, 0, 1).await;
    let session = session_at(&cluster.hosts[1]);
    let load =
        format!("INSERT INTO {{ks}}.t SELECT value AS p, value AS k, concat('row ', value) AS v FROM range({LOADED})");
    assert_eq!(number(&session, &ks.sql(&load)).await, LOADED);
    set(&session, &[("read_consistency", "ALL")]).await;
    all_rows_are_read(&session, &ks, "t", LOADED, "loaded").await;
    ks.drop_it().await;
}

async fn every_row_is_sent_to_a_replica(cluster: &RealCluster) {
    let ks = TestKeyspace::create_at(&cluster.hosts[0], 1).await;
    fill(&ks, 0, 1).await;
    let session = session_at(&cluster.hosts[0]);
    let load = format!("INSERT INTO {{ks}}.t SELECT value AS p, value AS k, 'v' AS v FROM range({LOADED})");
    assert_eq!(number(&session, &ks.sql(&load)).await, LOADED);
    let [coordinated, written] = writes(cluster, &ks).await;
    assert_eq!(coordinated, written);
    assert!(coordinated.iter().all(|&n| n > 0) && coordinated.iter().sum::<i64>() >= LOADED, "{coordinated:?}");
    ks.drop_it().await;
}

/// One of three nodes freezes in the middle of a load. Its requests hang; all others are written meanwhile.
async fn a_load_goes_on_while_a_node_does_not_answer(cluster: &RealCluster) {
    let ks = TestKeyspace::create_at(&cluster.hosts[0], 3).await;
    fill(&ks, 0, 1).await;
    let session = session_at(&cluster.hosts[0]);
    // So long that no request is given up while the node is frozen.
    set(&session, &[("request_timeout_ms", "600000"), ("max_retries", "30")]).await;
    let mut source = fed_table(&session, "source", rows(0..0).schema());
    let query = plan(&session, &ks.sql("INSERT INTO {ks}.t SELECT * FROM source")).await;
    let node = Arc::clone(&query.plan);
    let of = |name: &str| metric(node.as_ref(), name);
    let load = tokio::spawn(async move { query.execute().unwrap().try_collect::<Vec<RecordBatch>>().await });
    for first in (0..LOADED / 2).step_by(100) {
        source.send(rows(first..first + 100)).await.unwrap();
    }
    cluster.run(&["pause", "2"]).await.unwrap();
    let rest = tokio::spawn(async move {
        for first in (LOADED / 2..LOADED).step_by(100) {
            source.send(rows(first..first + 100)).await.unwrap();
        }
    });
    // What was sent to the frozen node, 64 groups of one row at the most, waits for it, and nothing else.
    let trouble = || format!("{} rows are written", of("rows_written"));
    wait_until(trouble, async || of("rows_written") >= 10_000 - 64).await;
    let (written, overloads) = (of("rows_written"), of_nodes(node.as_ref(), "overloads"));
    cluster.run(&["resume", "2"]).await.unwrap();
    assert!((10_000 - 64..10_000).contains(&written), "{written} rows were written");
    // Nor has the load waited until the driver gave up the connection.
    let host = cluster.hosts[1].split(':').next().unwrap();
    assert_eq!((overloads.len(), overloads[&format!("node={host}:9042")]), (3, 0), "{overloads:?}");
    rest.await.unwrap();
    load.await.unwrap().unwrap();
    let report = LoadReport::of(&node).unwrap();
    assert!(report.read == 10_000 && report.written == 10_000, "{report:?}");
    set(&session, &[("read_consistency", "LOCAL_QUORUM"), ("request_timeout_ms", "30000")]).await;
    all_rows_are_read(&session, &ks, "t", LOADED, "a node was frozen").await;
    ks.drop_it().await;
}

/// A metric of each node, by its label.
fn of_nodes(plan: &dyn ExecutionPlan, name: &str) -> BTreeMap<String, usize> {
    let metrics = plan.metrics().into_iter().flat_map(|metrics| metrics.iter().cloned().collect::<Vec<_>>());
    let wanted = metrics.filter(|metric| metric.value().name() == name && !metric.labels().is_empty());
    let own = wanted.map(|metric| (metric.labels()[0].to_string(), metric.value().as_usize()));
    let children = plan.children().into_iter().flat_map(|child| of_nodes(child.as_ref(), name));
    own.chain(children).collect()
}

/// All nodes freeze in the middle of a load: it slows down, tries again, and loses nothing when they go on.
async fn a_load_waits_for_nodes_that_do_not_answer(cluster: &RealCluster) {
    let ks = TestKeyspace::create_at(&cluster.hosts[0], 3).await;
    fill(&ks, 0, 1).await;
    let session = session_at(&cluster.hosts[0]);
    set(&session, &[("request_timeout_ms", "500"), ("max_retries", "30")]).await;
    let mut source = fed_table(&session, "source", rows(0..0).schema());
    let query = plan(&session, &ks.sql("INSERT INTO {ks}.t SELECT * FROM source")).await;
    let node = Arc::clone(&query.plan);
    let of = |name: &str| metric(node.as_ref(), name);
    let load = tokio::spawn(async move { query.execute().unwrap().try_collect::<Vec<RecordBatch>>().await });
    for first in (0..LOADED / 2).step_by(100) {
        source.send(rows(first..first + 100)).await.unwrap();
    }
    let overloads = of("overloads");
    for number in ["1", "2", "3"] {
        cluster.run(&["pause", number]).await.unwrap();
    }
    // Only now, so that there is something to wait for.
    let rest = tokio::spawn(async move {
        for first in (LOADED / 2..LOADED).step_by(100) {
            source.send(rows(first..first + 100)).await.unwrap();
        }
    });
    // Each node is overloaded by itself.
    let trouble = || format!("{} overloads are counted, {overloads} of them before", of("overloads"));
    wait_until(trouble, async || of("overloads") >= overloads + 3).await;
    let limits = of_nodes(node.as_ref(), "in_flight_limit");
    for number in ["1", "2", "3"] {
        cluster.run(&["resume", number]).await.unwrap();
    }
    assert!(limits.len() == 3 && limits.values().all(|&limit| limit < 64), "{limits:?}");
    rest.await.unwrap();
    load.await.unwrap().unwrap();
    let report = LoadReport::of(&node).unwrap();
    assert!(report.read == 10_000 && report.written == 10_000 && of("retries") > 0, "{report:?}");
    set(&session, &[("read_consistency", "LOCAL_QUORUM"), ("request_timeout_ms", "30000")]).await;
    all_rows_are_read(&session, &ks, "t", LOADED, "all nodes were frozen").await;
    ks.drop_it().await;
}

/// Node 2 stops in the middle of a load, is away, and in the middle of another one comes back, stops again and comes back again; node 3
/// dies in the middle of a scan.
async fn no_row_is_lost_with_a_node(cluster: &RealCluster) {
    let ks = TestKeyspace::create_at(&cluster.hosts[0], 3).await;
    fill(&ks, MANY, 10).await;
    create(&ks, "copy").await;
    let session = session_at(&cluster.hosts[0]);
    a_node_stops_in_the_middle_of_a_load(cluster, &ks, &session).await;

    let points = ClusterOptions::new(&cluster.hosts[1..]);
    let new_session = SessionBuilder::default().with_cluster(points).build().unwrap();
    for session in [&session, &new_session] {
        all_rows_are_read(session, &ks, "t", MANY, "node 2 is away").await;
        set(session, &[("max_retries", "1"), ("read_consistency", "ALL"), ("write_consistency", "ALL")]).await;
        for (sql, place) in [
            ("SELECT v FROM {ks}.t", "(table: {ks}.t, split: ("),
            ("SELECT count(*) FROM {ks}.t", "(table: {ks}.t, split: ("),
            ("INSERT INTO {ks}.t VALUES (0, 0, 'row 0')", "(table: {ks}.t, key: p = 0, k = 0)"),
        ] {
            let (kind, message) = statement_error(session, &ks.sql(sql)).await;
            assert_eq!(kind, ErrorKind::Unavailable, "{message}");
            let reason = "consistency level ALL: it needs 3 replicas of each row, and only 2 are up; start the others";
            assert!(message.contains(reason) && message.contains(&ks.sql(place)), "{message}");
        }
    }

    set(&session, &[("max_retries", "8")]).await;
    a_node_comes_and_goes_in_the_middle_of_a_load(cluster, &ks, &session).await;
    all_rows_are_read(&session, &ks, "t", MANY, "node 2 is back").await;
    all_rows_are_read(&session, &ks, "copy", LOADED, "node 2 is back").await;

    set(&session, &[("read_consistency", "LOCAL_ONE")]).await;
    a_node_dies_in_the_middle_of_a_scan(cluster, &ks, &session).await;
    all_rows_are_read(&session, &ks, "t", MANY, "node 3 is dead").await;
    ks.drop_it().await;
}

async fn a_node_stops_in_the_middle_of_a_load(cluster: &RealCluster, ks: &TestKeyspace, session: &Session) {
    let mut source = fed_table(session, "source", rows(0..0).schema());
    let load = {
        let (session, load) = (session.clone(), ks.sql("INSERT INTO {ks}.copy SELECT * FROM source"));
        tokio::spawn(async move { number(&session, &load).await })
    };
    let mut stop = None;
    for first in (0..LOADED).step_by(100) {
        source.send(rows(first..first + 100)).await.unwrap();
        // Rows are sent while the node stops, but not all of them before it has.
        if first == LOADED / 5 {
            stop = Some(cluster.run(&["stop-node", "2"]));
        } else if first == LOADED / 5 * 4 {
            stop.take().unwrap().await.unwrap();
        }
    }
    drop(source);
    assert_eq!(load.await.unwrap(), LOADED);
    set(session, &[("read_consistency", "LOCAL_QUORUM")]).await;
    all_rows_are_read(session, ks, "copy", LOADED, "node 2 stopped").await;
    set(session, &[("read_consistency", "LOCAL_ONE")]).await;
}

/// One load sees a node that is away, starts, stops and starts.
async fn a_node_comes_and_goes_in_the_middle_of_a_load(cluster: &RealCluster, ks: &TestKeyspace, session: &Session) {
    create(ks, "later").await;
    set(session, &[("write_consistency", "LOCAL_QUORUM")]).await;
    let mut source = fed_table(session, "source_2", rows(0..0).schema());
    let load = {
        let (session, load) = (session.clone(), ks.sql("INSERT INTO {ks}.later SELECT * FROM source_2"));
        tokio::spawn(async move { number(&session, &load).await })
    };
    for first in (0..LOADED).step_by(100) {
        source.send(rows(first..first + 100)).await.unwrap();
        // Each of these has happened before more rows are sent.
        let happens = [(1, "start-node"), (2, "stop-node"), (3, "start-node")];
        if let Some((_, word)) = happens.iter().find(|(fifths, _)| fifths * LOADED / 5 == first) {
            cluster.run(&[word, "2"]).await.unwrap();
        }
    }
    drop(source);
    assert_eq!(load.await.unwrap(), LOADED);
    set(session, &[("read_consistency", "LOCAL_QUORUM")]).await;
    all_rows_are_read(session, ks, "later", LOADED, "node 2 came and went").await;
    set(session, &[("read_consistency", "ALL")]).await;
}

async fn a_node_dies_in_the_middle_of_a_scan(cluster: &RealCluster, ks: &TestKeyspace, session: &Session) {
    set(session, &[("splits", "6"), ("page_size_rows", "100")]).await;
    let statement = session.parse(&ks.sql("SELECT k, v FROM {ks}.t")).unwrap().pop_front().unwrap();
    let query = session.plan(statement).await.unwrap();
    let mut batches = query.execute().unwrap();
    let (mut rows, mut kill) = (Vec::new(), None);
    // Rows are taken while the node dies, but no split is finished before it has: each has about 8,333 rows, and only a few
    // pages are read ahead of those taken, wherever they come from.
    while rows.len() < 6_000 {
        rows.extend(rows_of(&batches.try_next().await.unwrap().unwrap()));
        if rows.len() > 2_000 {
            kill.get_or_insert_with(|| cluster.run(&["kill", "3"]));
        }
    }
    kill.unwrap().await.unwrap();
    assert_eq!(metric(query.plan.as_ref(), "splits_done"), 0, "node 3 has done its part before it died");
    while let Some(batch) = batches.try_next().await.unwrap() {
        rows.extend(rows_of(&batch));
    }
    assert_rows(rows, MANY, "node 3 died");
    assert_read_from_replicas(query.plan.as_ref(), "node 3 died");
    set(session, &[("page_size_rows", "2000")]).await;
}

/// Reads and counts the table; returns the number of splits it was read in.
async fn all_rows_are_read(session: &Session, ks: &TestKeyspace, table: &str, count: i64, what: &str) -> usize {
    let (batches, plan) = execute(session, &ks.sql(&format!("SELECT k, v FROM {{ks}}.{table}"))).await;
    assert_rows(batches.iter().flat_map(rows_of).collect(), count, what);
    let splits = assert_read_from_replicas(plan.as_ref(), what);
    for pushdown in ["true", "false"] {
        set(session, &[("aggregate_pushdown", pushdown)]).await;
        let (batches, plan) = execute(session, &ks.sql(&format!("SELECT count(*) FROM {{ks}}.{table}"))).await;
        assert_eq!(batches[0].column(0).as_primitive::<Int64Type>().values(), &[count], "{what}, pushdown {pushdown}");
        assert_eq!(assert_read_from_replicas(plan.as_ref(), what), splits, "{what}, pushdown {pushdown}");
    }
    splits
}

/// Panics unless every page came from a node that has its rows; returns the number of splits.
fn assert_read_from_replicas(plan: &dyn ExecutionPlan, what: &str) -> usize {
    let [splits, done, pages, elsewhere] =
        ["splits_total", "splits_done", "pages", "non_replica_pages"].map(|name| metric(plan, name));
    assert!(splits > 0 && done == splits && pages >= splits, "{what}: {done} of {splits} splits, {pages} pages");
    assert_eq!(elsewhere, 0, "{what}: of {pages} pages, so many were coordinated by a node without their rows");
    splits
}

async fn three_nodes(version: &str, vnodes: &str) -> RealCluster {
    let cluster = RealCluster::start(&["--nodes", "3", "--version", version, "--vnodes", vnodes]).await;
    assert_eq!(cluster.hosts.len(), 3);
    cluster
}

async fn execute(session: &Session, sql: &str) -> (Vec<RecordBatch>, Arc<dyn ExecutionPlan>) {
    let statement = session.parse(sql).unwrap().pop_front().unwrap();
    let query = session.plan(statement).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let batches = query.execute().unwrap().try_collect().await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    (batches, query.plan)
}

async fn set(session: &Session, options: &[(&str, &str)]) {
    for (name, value) in options {
        run(session, &format!("SET cassandra.{name} = '{value}'")).await.unwrap();
    }
}

async fn connect_error(options: ClusterOptions) -> (ErrorKind, String) {
    let started = Instant::now();
    let error = Cluster::connect(&options).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(10), "{error} after {:?}", started.elapsed());
    (error.kind(), error.to_string())
}

async fn statement_error(session: &Session, sql: &str) -> (ErrorKind, String) {
    let error = run(session, sql).await.expect_err(sql);
    let error = Error::find(&error).unwrap_or_else(|| panic!("{sql}: {error}"));
    (error.kind(), error.to_string())
}
