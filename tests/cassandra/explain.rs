//! What a user is shown: plans, metrics, system tables and errors.

use std::sync::Arc;

use crate::common::{
    QueryRuntime, TestKeyspace, error_of, explain, host, metric, number, plan, run, session, sorted_rows,
};
use cbulk::SessionBuilder;
use datafusion::physical_plan::ExecutionPlan;
use futures::{StreamExt, TryStreamExt};

const ROWS: usize = 2_000;

async fn table_of_two_thousand_rows() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (a int, b int, v text, w text, tags set<text>, PRIMARY KEY (a, b))").await;
    let insert = "INSERT INTO {ks}.t (a, b, v, w) SELECT value % 100, value, 'v', repeat('w', 100) \
                  FROM generate_series(1, 2000)";
    assert_eq!(number(&session(), &ks.sql(insert)).await, 2_000);
    ks
}

/// The node of this name, somewhere in the plan.
fn find(plan: &dyn ExecutionPlan, name: &str) -> String {
    let text = datafusion::physical_plan::displayable(plan).indent(false).to_string();
    let line = text.lines().map(str::trim).find(|line| line.starts_with(name));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_cql_splits_and_replicas() {
    let ks = table_of_two_thousand_rows().await;
    let session = session();
    run(&session, "SET cassandra.splits = 7").await.unwrap();
    let plans = [
        ("SELECT v, b FROM {ks}.t", "CassandraScanExec", "SELECT \"b\", \"v\" FROM"),
        ("SELECT 1 FROM {ks}.t", "CassandraScanExec", "SELECT \"b\" FROM"),
        ("SELECT v FROM {ks}.t LIMIT 9", "CassandraScanExec", "LIMIT 9"),
        ("SELECT count(*) FROM {ks}.t", "CassandraAggregateExec", "SELECT count(*) FROM"),
    ];
    for (sql, node, cql) in plans {
        let query = plan(&session, &ks.sql(sql)).await;
        let line = find(query.plan.as_ref(), node);
        assert!(line.contains(cql), "{sql}: {line}");
        assert!(line.contains("WHERE token(\"a\") > ? AND token(\"a\") <= ?"), "{sql}: {line}");
        assert!(line.contains("splits=7, ") && line.contains("replicas=1"), "{sql}: {line}");
        // EXPLAIN, as the user types it, says the same.
        let rows = sorted_rows(&session, &ks.sql(&format!("EXPLAIN FORMAT INDENT {sql}"))).await.join("\n");
        assert!(rows.contains(&line), "{rows}");
    }
    // Without the count on the server, one key column is read.
    run(&session, "SET cassandra.aggregate_pushdown = false").await.unwrap();
    let text = explain(&session, &ks.sql("SELECT count(*) FROM {ks}.t")).await;
    assert!(text.contains("cql=SELECT \"b\" FROM"), "{text}");
    assert_eq!(sorted_rows(&session, &ks.sql("SELECT 1 FROM {ks}.t")).await.len(), ROWS);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_analyze_shows_what_was_read() {
    let ks = table_of_two_thousand_rows().await;
    let session = session();
    run(&session, "SET cassandra.splits = 7; SET cassandra.page_size_rows = 100").await.unwrap();
    let sql = ks.sql("SELECT a, b, v, w FROM {ks}.t");
    let query = plan(&session, &sql).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    let of = |name: &str| metric(query.plan.as_ref(), name);
    assert_eq!((of("splits_total"), of("splits_done"), of("retries")), (7, 7, 0));
    assert!((20..40).contains(&of("pages")), "{} pages", of("pages"));
    assert!(of("bytes") > ROWS * 100 && of("bytes") < ROWS * 200, "{} bytes", of("bytes"));
    assert!(of("time_waiting_server") > 0);

    let text = sorted_rows(&session, &format!("EXPLAIN ANALYZE {sql}")).await.join("\n");
    let line = text.lines().find(|line| line.contains("CassandraScanExec")).unwrap();
    let shown = [
        "pages=",
        "output_rows=2.00 K",
        "bytes=",
        "retries=0",
        "time_waiting_server=",
        "splits_done=7",
        "splits_total=7",
    ];
    for expected in shown {
        assert!(line.contains(expected), "no {expected} in {line}");
    }
    // Fewer columns, fewer bytes.
    let query = plan(&session, &ks.sql("SELECT b FROM {ks}.t")).await;
    let _: Vec<_> = query.execute().unwrap().try_collect().await.unwrap();
    assert!(metric(query.plan.as_ref(), "bytes") < ROWS * 20, "columns that nobody asked for were read");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_that_is_dropped_asks_the_server_for_nothing_more() {
    let ks = table_of_two_thousand_rows().await;
    let session = session();
    run(&session, "SET cassandra.splits = 8; SET cassandra.page_size_rows = 2").await.unwrap();
    // How many range reads the node has coordinated for this table.
    let asked = async || {
        let cql =
            "SELECT count FROM system_views.coordinator_scan_latency WHERE keyspace_name = ? AND table_name = 't'";
        let rows = ks.cql.query_unpaged(cql, (&ks.name,)).await.unwrap().into_rows_result().unwrap();
        usize::try_from(rows.maybe_first_row::<(i64,)>().unwrap().map_or(0, |row| row.0)).unwrap()
    };
    let at_start = asked().await;
    let query = plan(&session, &ks.sql("SELECT * EXCEPT (tags) FROM {ks}.t")).await;
    let line = find(query.plan.as_ref(), "CassandraScanExec");
    let in_flight: usize = line.split_once("in_flight=").unwrap().1.split(',').next().unwrap().parse().unwrap();
    let runtime = QueryRuntime::new();
    let scan = Arc::clone(&query.plan);
    let begun = async move {
        let mut stream = query.execute().unwrap();
        let first = stream.next().await.unwrap().unwrap();
        assert!(first.num_rows() <= 2);
        metric(query.plan.as_ref(), "pages")
    };
    let pages = runtime.run(begun).await;

    // Nothing is left that could ask for more.
    runtime.wait_until_idle().await;
    let at_the_end = asked().await - at_start;
    assert!(at_the_end > 0, "the server's own count does not see the scan");
    // Each split in flight may have one page answered and not yet taken, and one on its way.
    let most = pages + 2 * in_flight;
    assert!(at_the_end <= most, "{pages} pages when the stream was dropped, {at_the_end} requests in the end");
    assert!(most < ROWS / 4, "too few pages in this table to tell");
    let late = metric(scan.as_ref(), "pages");
    assert!(late <= most, "{late} pages");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn system_keyspaces_can_be_read() {
    let session = session();
    let row = sorted_rows(&session, "SELECT key, partitioner FROM cassandra.system.local").await;
    assert_eq!(row, ["local|org.apache.cassandra.dht.Murmur3Partitioner"]);
    assert_eq!(number(&session, "SELECT count(*) FROM system.local").await, 1);
    let tables =
        sorted_rows(&session, "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system'").await;
    assert!(tables.iter().any(|name| name == "local"));
    assert!(number(&session, "SELECT count(*) FROM system_schema.tables").await > 20);
    // Virtual tables.
    let settings = sorted_rows(&session, "SELECT value FROM system_views.settings WHERE name = 'cluster_name'").await;
    assert_eq!(settings.len(), 1);
    let streamed = sorted_rows(&session, "SELECT name FROM system_views.settings").await.len();
    assert_eq!(
        usize::try_from(number(&session, "SELECT count(*) FROM system_views.settings").await).unwrap(),
        streamed
    );
    // Tables that every node has for itself cannot be written.
}

/// Every message says what is wrong, where, and what to do.
#[tokio::test(flavor = "multi_thread")]
async fn errors_read_aloud() {
    let ks = table_of_two_thousand_rows().await;
    let session = session();
    let errors = [
        ("SELECT * FROM {ks}.nonsense", &["table", "{ks}.nonsense", "not found"][..]),
        ("SELECT * FROM nonsense.t", &["nonsense.t", "not found"]),
        ("SELECT * FROM nonsense", &["table", "nonsense", "not found"]),
        ("SELECT nonsense FROM {ks}.t", &["No field named nonsense", "Valid fields are", "{ks}.t.a"]),
        ("SET cassandra.page_size_rows = 0", &["'0' is not a whole number of at least 1"]),
        ("SET cassandra.read_consistency = 'most'", &["'most' is not a consistency level", "LOCAL_QUORUM"]),
        ("SET cassandra.aggregate_pushdown = 'perhaps'", &["perhaps"]),
        ("SET cassandra.nonsense = 1", &["\"nonsense\" not found"]),
        ("SET cassandra.splits = 1000001", &["splits cannot be 1000001", "1000000"]),
        ("SET nonsense.page_size_rows = 1", &["nonsense"]),
        ("SELEC 1", &["SELEC", "Line: 1, Column: 1"]),
    ];
    for (sql, parts) in errors {
        let error = error_of(&session, &ks.sql(sql)).await;
        for part in parts {
            assert!(error.contains(&ks.sql(part)), "{sql}: no {part:?} in {error:?}");
        }
        assert!(!error.contains("Internal error") && !error.contains("bug"), "{sql}: {error}");
    }
    // A refused setting leaves the old value.
    let shown = sorted_rows(&session, "SHOW cassandra.page_size_rows").await;
    assert_eq!(shown, ["cassandra.page_size_rows|2000"]);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_there_is_named() {
    let closed = host().split(':').next().unwrap().to_owned() + ":1";
    let builder = SessionBuilder::default().with_cluster(cbulk::ClusterOptions::new([closed.as_str()]));
    let session = builder.build().unwrap();
    let error = error_of(&session, "SELECT * FROM ks.t").await;
    assert!(error.contains(&format!("no Cassandra node answers at {closed}")), "{error}");
    assert!(error.contains("check the address, the port (9042 by default)"), "{error}");
    // What needs no cluster works without one.
    assert_eq!(number(&session, "SELECT CAST(1 AS BIGINT)").await, 1);
}
