//! Where the server keeps rows: in memory, in `SSTable`s, in indexes.

use crate::common::{TestKeyspace, wait_until};

/// Writes what the table has in memory to an `SSTable`. It must have something, and no `SSTable` yet.
pub(crate) async fn flush(keyspace: &TestKeyspace, table: &str, full_name: &str) {
    // There is no statement for it, but an age at which tables are flushed.
    let flush_after = async |milliseconds: u64| {
        let option = format!("memtable_flush_period_in_ms = {milliseconds}");
        keyspace.run(&format!("ALTER TABLE {full_name} WITH {option}")).await;
    };
    flush_after(1).await;
    let size = "SELECT mebibytes FROM system_views.disk_usage WHERE keyspace_name = ? AND table_name = ?";
    wait_until(
        || format!("{table} is not flushed"),
        async || {
            // Rounded up.
            let rows = keyspace.cql.query_unpaged(size, (&keyspace.name, table)).await.unwrap();
            rows.into_rows_result()
                .unwrap()
                .maybe_first_row::<(i64,)>()
                .unwrap()
                .is_some_and(|(mebibytes,)| mebibytes > 0)
        },
    )
    .await;
    flush_after(0).await;
}

/// Makes an index; false if the server does not allow it.
pub(crate) async fn create_index(keyspace: &TestKeyspace, cql: &str) -> bool {
    use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
    match keyspace.cql.query_unpaged(cql, ()).await {
        Ok(_) => true,
        Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, _))) => false,
        Err(e) => panic!("{cql}: {e}"),
    }
}

/// Waits until all indexes of the table can be asked.
pub(crate) async fn wait_for_indexes(keyspace: &TestKeyspace, table: &str) {
    let names = async |cql: &str, values: &[&str]| -> Vec<String> {
        let rows = keyspace.cql.query_unpaged(cql, values).await.unwrap().into_rows_result().unwrap();
        rows.rows::<(String,)>().unwrap().map(|row| row.unwrap().0).collect()
    };
    let of_table = "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = ? AND table_name = ?";
    let wanted = names(of_table, &[&keyspace.name, table]).await;
    if wanted.is_empty() {
        return;
    }
    let built = "SELECT index_name FROM system.\"IndexInfo\" WHERE table_name = ?";
    wait_until(
        || format!("the indexes of {table} are not built"),
        async || {
            let built = names(built, &[&keyspace.name]).await;
            wanted.iter().all(|name| built.contains(name))
        },
    )
    .await;
}
