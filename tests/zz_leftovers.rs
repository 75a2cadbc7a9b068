//! Runs last, as cargo runs test binaries in the order of their names: nothing that tests have made is left.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "so a test fails")]

#[path = "common/names.rs"]
mod names;

use names::{KEYSPACE_PREFIX, RESERVED_KEYSPACE};
use scylla::client::session_builder::SessionBuilder;

#[tokio::test(flavor = "multi_thread")]
async fn no_keyspace_of_a_test_is_left() {
    let host = std::env::var("CBULK_TEST_HOST").expect("CBULK_TEST_HOST is not set: run `make test`");
    let driver = SessionBuilder::new().known_node(host).build().await.unwrap();
    let rows = driver.query_unpaged("SELECT keyspace_name FROM system_schema.keyspaces", ()).await.unwrap();
    let rows = rows.into_rows_result().unwrap();
    let names: Vec<String> = rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect();
    assert!(names.iter().any(|name| name == "system"), "this is no list of keyspaces: {names:?}");
    let left: Vec<&String> =
        names.iter().filter(|name| name.starts_with(KEYSPACE_PREFIX) || *name == RESERVED_KEYSPACE).collect();
    assert!(left.is_empty(), "these keyspaces were not dropped by the tests that made them: {left:?}");
}
