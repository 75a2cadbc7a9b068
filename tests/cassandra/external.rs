//! `CREATE EXTERNAL TABLE … STORED AS CASSANDRA`, in a session of cbulk and in any other one.

use std::sync::Arc;

use crate::common::{TestKeyspace, error_of, explain, host, number, run, session, session_at, sorted_rows};
use cbulk::ClusterOptions;
use cbulk::catalog::factory::{CASSANDRA, CassandraTableFactory};
use cbulk::cluster::ClusterHandle;
use datafusion::physical_plan::displayable;
use datafusion::prelude::SessionContext;

async fn keyspace() -> TestKeyspace {
    let ks = TestKeyspace::create().await;
    ks.run("CREATE TABLE {ks}.t (k int PRIMARY KEY, v text)").await;
    ks.run("CREATE TABLE {ks}.copy (k int PRIMARY KEY, v text)").await;
    for k in 0..20 {
        ks.run(&format!("INSERT INTO {{ks}}.t (k, v) VALUES ({k}, 'v{k}')")).await;
    }
    ks
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_of_another_cluster() {
    let ks = keyspace().await;
    // The session's own cluster is not there; the table names one that is.
    let session = session_at("127.0.0.1:1");
    let create = "CREATE EXTERNAL TABLE {name} STORED AS CASSANDRA LOCATION '{ks}.{table}' OPTIONS (\
                  contact_points '{host}', read_consistency 'ONE', 'cassandra.write_consistency' 'ALL', splits '5', \
                  'cassandra.compression' 'lz4')";
    for (name, table) in [("there", "t"), ("copy", "copy")] {
        let create = create.replace("{name}", name).replace("{table}", table).replace("{host}", &host());
        run(&session, &ks.sql(&create)).await.unwrap();
    }
    assert_eq!(number(&session, "SELECT count(*) FROM there").await, 20);
    assert_eq!(number(&session, "INSERT INTO copy SELECT * FROM there WHERE k < 5").await, 5);
    assert_eq!(sorted_rows(&session, "SELECT v FROM copy").await, ["v0", "v1", "v2", "v3", "v4"]);
    let text = explain(&session, "INSERT INTO copy SELECT * FROM there").await;
    assert!(text.contains("consistency=ALL") && text.contains("splits=5,"), "{text}");
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_wins_over_the_session_and_that_over_the_default() {
    let ks = keyspace().await;
    let session = session();
    let location = ks.sql("STORED AS CASSANDRA LOCATION '{ks}.t'");
    run(
        &session,
        &format!("CREATE EXTERNAL TABLE plain {location}; CREATE EXTERNAL TABLE own {location} OPTIONS (splits '3')"),
    )
    .await
    .unwrap();
    let splits = async |table: &str| {
        let text = explain(&session, &format!("SELECT * FROM {table}")).await;
        let number = text.split_once("splits=").unwrap_or_else(|| panic!("{text}")).1.split(',').next().unwrap();
        number.parse::<usize>().unwrap()
    };
    // The default: 8 for each partition or node, whichever are more, of a table that is small.
    let default = splits("plain").await;
    assert!(default >= 8 && default != 11, "{default}");
    assert_eq!(splits("own").await, 3);
    run(&session, "SET cassandra.splits = 11").await.unwrap();
    assert_eq!((splits("plain").await, splits("own").await), (11, 3));
    assert_eq!(splits(&ks.sql("{ks}.t")).await, 11);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_options_and_locations_are_refused() {
    let ks = keyspace().await;
    let session = session();
    let refused = [
        ("LOCATION '{ks}.t' OPTIONS (page_size '5')", "'page_size' is not an option of a Cassandra table"),
        ("LOCATION '{ks}.t' OPTIONS (page_size '5')", "contact_points, local_dc"),
        ("LOCATION '{ks}.t' OPTIONS (splits '0')", "option splits cannot be set to '0'"),
        ("LOCATION '{ks}.t' OPTIONS (read_consistency 'most')", "option read_consistency cannot be set to 'most'"),
        (
            "LOCATION '{ks}.t' OPTIONS ('cassandra.compression' 'zip')",
            "'zip' is not a compression: write one of none, lz4, snappy",
        ),
        ("LOCATION '{ks}.t' OPTIONS (contact_points ' , ')", "contact_points names no node"),
        (
            "LOCATION '{ks}.t' OPTIONS (contact_points '{host}', local_dc 'Mars')",
            "local_dc is 'Mars', but the cluster has",
        ),
        ("LOCATION '{ks}.nonsense'", "table {ks}.nonsense does not exist"),
        ("LOCATION 'nonsense.t'", "table nonsense.t does not exist"),
        ("LOCATION 'nonsense'", "LOCATION 'nonsense' is not the name of a Cassandra table: write keyspace.table"),
        ("PARTITIONED BY (k) LOCATION '{ks}.t'", "PARTITIONED BY"),
    ];
    for (clauses, expected) in refused {
        let sql = ks.sql(&format!("CREATE EXTERNAL TABLE x STORED AS CASSANDRA {clauses}")).replace("{host}", &host());
        let error = error_of(&session, &sql).await;
        assert!(error.contains(&ks.sql(expected)), "{sql}\n{error}");
        assert!(!run(&session, "SHOW TABLES").await.unwrap().is_empty());
    }
    let columns = ks.sql("CREATE EXTERNAL TABLE x (k INT) STORED AS CASSANDRA LOCATION '{ks}.t'");
    assert!(error_of(&session, &columns).await.contains("columns cannot be given"));
    // The value of a password is not repeated, whatever is wrong beside it.
    let secret = ks.sql(
        "CREATE EXTERNAL TABLE x STORED AS CASSANDRA LOCATION '{ks}.t' OPTIONS (password 'hunter2', nonsense '1')",
    );
    assert!(!error_of(&session, &secret).await.contains("hunter2"));
    ks.drop_it().await;
}

/// As an application that has a DataFusion session already would do it.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_plain_session_of_datafusion() {
    let ks = keyspace().await;
    let context = SessionContext::new();
    let cluster = ClusterHandle::new(ClusterOptions::new([host()]));
    let factory = Arc::new(CassandraTableFactory::new(cluster));
    context.state_ref().write().table_factories_mut().insert(CASSANDRA.into(), factory);
    for table in ["t", "copy"] {
        let create =
            format!("CREATE EXTERNAL TABLE {table} STORED AS CASSANDRA LOCATION '{{ks}}.{table}' OPTIONS (splits '3')");
        context.sql(&ks.sql(&create)).await.unwrap();
    }
    let plan = context.sql("SELECT v FROM t").await.unwrap().create_physical_plan().await.unwrap();
    let text = displayable(plan.as_ref()).indent(false).to_string();
    assert!(text.contains("cql=SELECT \"v\"") && text.contains("splits=3,"), "{text}");
    let written = context.sql("INSERT INTO copy SELECT * FROM t WHERE k >= 10").await.unwrap().collect().await.unwrap();
    let text = datafusion::arrow::util::pretty::pretty_format_batches(&written).unwrap().to_string();
    assert!(text.contains("| 10 "), "{text}");
    // Without cbulk's rule the rows are streamed and counted here: the same answer.
    assert_eq!(context.table("copy").await.unwrap().count().await.unwrap(), 10);
    assert_eq!(context.sql("SELECT max(k) FROM copy LIMIT 1").await.unwrap().count().await.unwrap(), 1);
    ks.drop_it().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_has_options_of_its_own() {
    let ks = keyspace().await;
    let session = session();
    // Between those that the statements below give.
    let ttl =
        async |k: i32| sorted_rows(&session, &ks.sql(&format!("SELECT ttl(v) > 60 FROM {{ks}}.t WHERE k = {k}"))).await;
    let create = "CREATE EXTERNAL TABLE own STORED AS CASSANDRA LOCATION '{ks}.t' OPTIONS (write_ttl_seconds '6000', \
                  existing_rows 'keep', dry_run 'true')";
    run(&session, &ks.sql(create)).await.unwrap();
    run(&session, "SET cassandra.write_consistency = 'QUORUM'").await.unwrap();
    for (sql, count) in [
        ("INSERT INTO {ks}.t WITH (write_ttl_seconds = 6000) VALUES (100, 'a')", 1),
        ("INSERT INTO {ks}.t VALUES (101, 'b')", 1),
        ("INSERT INTO {ks}.t (v, k) WITH (existing_rows = 'keep') VALUES ('new', 1), ('new', 102)", 1),
        ("INSERT INTO {ks}.\"t$json\" WITH (write_ttl_seconds = 6000) VALUES ('{\"k\": 103, \"v\": \"json\"}')", 1),
        // The table's own options, and those of the statement before them.
        ("INSERT INTO own VALUES (104, 'dry')", 0),
        (
            "INSERT INTO own WITH (dry_run = false, \"cassandra.write_ttl_seconds\" = 60) VALUES (2, 'new'), (105, 'own')",
            1,
        ),
    ] {
        assert_eq!(number(&session, &ks.sql(sql)).await, count, "{sql}");
    }
    let rows = sorted_rows(&session, &ks.sql("SELECT k, v FROM {ks}.t WHERE k < 3 OR k > 99")).await;
    assert_eq!(rows, ["0|v0", "100|a", "101|b", "102|new", "103|json", "105|own", "1|v1", "2|v2"]);
    for (k, has_ttl) in [(100, "true"), (101, "NULL"), (102, "NULL"), (103, "true"), (105, "false")] {
        assert_eq!(ttl(k).await, [has_ttl], "{k}");
    }
    for (options, said) in [
        ("", "consistency=QUORUM"),
        ("WITH (write_consistency = 'ALL')", "consistency=ALL"),
        ("WITH (max_rejected = '1%', group_rows = 7)", "max_rejected=1%"),
    ] {
        let text =
            explain(&session, &ks.sql(&format!("INSERT INTO {{ks}}.t {options} SELECT * FROM {{ks}}.copy"))).await;
        assert!(text.contains(said), "{options}: {text}");
    }
    run(&session, "CREATE EXTERNAL TABLE file (k INT) STORED AS CSV LOCATION '/tmp/there is none/'").await.unwrap();
    for (sql, said) in [
        (
            "INSERT INTO {ks}.t WITH (splits = 3) VALUES (1, '')",
            "'splits' is not an option of an INSERT: the options are",
        ),
        (
            "INSERT INTO {ks}.t WITH (ttl_column = 'v') VALUES (1, '')",
            "'ttl_column' is an option of CREATE EXTERNAL TABLE",
        ),
        ("INSERT INTO {ks}.t WITH (dry_run = 'perhaps') VALUES (1, '')", "option dry_run cannot be set to 'perhaps'"),
        ("INSERT INTO {ks}.t WITH (dry_run) VALUES (1, '')", "Expected: =, found: ) at Line: 1"),
        ("INSERT INTO file WITH (dry_run = true) VALUES (1)", "such options are those of tables of Cassandra"),
    ] {
        let error = error_of(&session, &ks.sql(sql)).await;
        assert!(error.contains(said), "{sql}: {error}");
    }
    ks.drop_it().await;
}
