//! Runs last, as cargo runs test binaries in the order of their names: nothing that tests have made is left.

mod common;

use common::{KEYSPACE_PREFIX, RESERVED_KEYSPACE, driver, host};

#[tokio::test(flavor = "multi_thread")]
async fn no_keyspace_of_a_test_is_left() {
    let driver = driver(&host()).await;
    let rows = driver.query_unpaged("SELECT keyspace_name FROM system_schema.keyspaces", ()).await.unwrap();
    let rows = rows.into_rows_result().unwrap();
    let left: Vec<String> = rows
        .rows::<(String,)>()
        .unwrap()
        .map(|row| row.unwrap().0)
        .filter(|name| name.starts_with(KEYSPACE_PREFIX) || name == RESERVED_KEYSPACE)
        .collect();
    assert!(left.is_empty(), "these keyspaces were not dropped by the tests that made them: {left:?}");
}
