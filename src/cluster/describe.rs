//! Reads the definition of a table from the cluster's own schema tables.
//!
//! The driver keeps such a picture too, but as of its last refresh, without the text of types it does not know, and
//! without virtual tables.

use std::collections::HashMap;

use scylla::DeserializeRow;
use scylla::statement::Statement;
use scylla::statement::unprepared::Statement as Unprepared;

use super::cql_type::Definitions;
use super::schema::{Column, ColumnKind, CqlType, Index, IndexKind, IndexTarget, TableName, TableSchema};
use super::{Cluster, execution_error};
use crate::error::{Error, Result};

/// A row of `system_schema.columns` or `system_virtual_schema.columns`.
#[derive(DeserializeRow)]
struct ColumnRow {
    column_name: String,
    clustering_order: String,
    kind: String,
    position: i32,
    #[scylla(rename = "type")]
    type_text: String,
}

/// A row of `system_schema.types`.
#[derive(DeserializeRow)]
struct TypeRow {
    type_name: String,
    field_names: Vec<String>,
    field_types: Vec<String>,
}

/// A row of `system_schema.indexes`.
#[derive(DeserializeRow)]
struct IndexRow {
    kind: String,
    options: HashMap<String, String>,
}

const COLUMNS: &str = "SELECT column_name, clustering_order, kind, position, type FROM {schema}.columns \
                       WHERE keyspace_name = ? AND table_name = ?";

impl Cluster {
    /// The name of the cluster's partitioner class.
    pub(super) async fn partitioner(&self) -> Result<String> {
        let rows = self.ask("SELECT partitioner FROM system.local", &()).await?;
        let (name,) = rows
            .single_row::<(String,)>()
            .map_err(|e| Error::unavailable("system.local does not name the partitioner").with_source(e))?;
        Ok(name)
    }

    /// Whether the cluster can tell the times of the elements of collections and of the fields of user-defined types, as it can
    /// from Cassandra 5.0 on.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if the cluster does not answer.
    pub(super) async fn has_element_times(&self) -> Result<bool> {
        let rows = self.ask("SELECT release_version FROM system.local", &()).await?;
        let (version,) = rows
            .single_row::<(String,)>()
            .map_err(|e| Error::unavailable("system.local does not name the version").with_source(e))?;
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        Ok(major.is_some_and(|major| major >= 5))
    }

    /// The definition of a table, materialized view or virtual table as it is now; `None` if there is none of this name.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if the cluster does not answer.
    pub async fn table(&self, name: &TableName) -> Result<Option<TableSchema>> {
        let names = (name.keyspace.as_str(), name.table.as_str());
        let mut columns = self.columns_of(&COLUMNS.replace("{schema}", "system_schema"), names).await?;
        let is_virtual = columns.is_empty() && name.keyspace.starts_with("system");
        if is_virtual {
            columns = self.columns_of(&COLUMNS.replace("{schema}", "system_virtual_schema"), names).await?;
        }
        if columns.is_empty() {
            return Ok(None);
        }
        let view = "SELECT view_name FROM system_schema.views WHERE keyspace_name = ? AND view_name = ?";
        let view = !is_virtual && self.ask(view, &names).await?.rows_num() > 0;
        let node_local = is_virtual || self.is_node_local(&name.keyspace).await?;
        let mut columns = in_select_order(columns)?;
        if columns.iter().any(|c| c.cql_type.contains(|t| matches!(t, CqlType::Udt(_)))) {
            let definitions = self.types_of(&name.keyspace).await?;
            for column in &mut columns {
                let resolved = column.cql_type.resolve(&definitions);
                column.cql_type = resolved.map_err(|e| e.with_context("column", format!("{name}.{}", column.name)))?;
            }
        }
        let indexes = if node_local { Vec::new() } else { self.indexes_of(names).await? };
        Ok(Some(TableSchema { name: name.clone(), columns, indexes, node_local, view }))
    }

    async fn indexes_of(&self, names: (&str, &str)) -> Result<Vec<Index>> {
        let cql = "SELECT kind, options FROM system_schema.indexes WHERE keyspace_name = ? AND table_name = ?";
        let rows = self.ask(cql, &names).await?;
        let rows = rows.rows::<IndexRow>().map_err(|e| Error::internal("unexpected schema table").with_source(e))?;
        rows.map(|row| {
            row.map(|row| index(&row)).map_err(|e| Error::internal("unexpected row in a schema table").with_source(e))
        })
        .collect()
    }

    async fn columns_of(&self, cql: &str, names: (&str, &str)) -> Result<Vec<ColumnRow>> {
        let rows = self.ask(cql, &names).await?;
        let rows = rows.rows::<ColumnRow>().map_err(|e| Error::internal("unexpected schema table").with_source(e))?;
        rows.collect::<Result<_, _>>().map_err(|e| Error::internal("unexpected row in a schema table").with_source(e))
    }

    /// The user-defined types of a keyspace.
    pub(super) async fn types_of(&self, keyspace: &str) -> Result<Definitions> {
        let cql = "SELECT type_name, field_names, field_types FROM system_schema.types WHERE keyspace_name = ?";
        let rows = self.ask(cql, &(keyspace,)).await?;
        let rows = rows.rows::<TypeRow>().map_err(|e| Error::internal("unexpected schema table").with_source(e))?;
        rows.map(|row| {
            let row = row.map_err(|e| Error::internal("unexpected row in a schema table").with_source(e))?;
            let types = row.field_types.iter().map(|text| text.parse()).collect::<Result<Vec<CqlType>>>()?;
            Ok((row.type_name, row.field_names.into_iter().zip(types).collect()))
        })
        .collect()
    }

    /// Whether each node has rows of its own in this keyspace.
    pub(crate) async fn is_node_local(&self, keyspace: &str) -> Result<bool> {
        use scylla::cluster::metadata::Strategy;
        let state = self.session().get_cluster_state();
        if let Some(known) = state.get_keyspace(keyspace) {
            return Ok(matches!(known.strategy, Strategy::LocalStrategy));
        }
        // The driver's picture is older than the keyspace.
        self.session()
            .refresh_metadata()
            .await
            .map_err(|e| Error::unavailable("reading the cluster's schema failed").with_source(e))?;
        let state = self.session().get_cluster_state();
        Ok(state.get_keyspace(keyspace).is_some_and(|k| matches!(k.strategy, Strategy::LocalStrategy)))
    }

    /// Asks any node a small question.
    pub(super) async fn ask(
        &self,
        cql: &str,
        values: &impl scylla::serialize::row::SerializeRow,
    ) -> Result<scylla::response::query_result::QueryRowsResult> {
        let mut statement: Statement = Unprepared::new(cql);
        statement.set_is_idempotent(true);
        statement.set_consistency(scylla::statement::Consistency::LocalOne);
        self.session()
            .query_unpaged(statement, values)
            .await
            .map_err(|e| execution_error("reading the cluster's schema", &e))?
            .into_rows_result()
            .map_err(|e| Error::internal("a query returned no rows result").with_source(e))
    }
}

fn index(row: &IndexRow) -> Index {
    let text = row.options.get("target").map(String::as_str).unwrap_or_default();
    let inner = |function: &str| text.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
    let (target, column) = [
        (IndexTarget::Values, "values"),
        (IndexTarget::Keys, "keys"),
        (IndexTarget::Entries, "entries"),
        (IndexTarget::Full, "full"),
    ]
    .into_iter()
    .find_map(|(target, function)| Some((target, inner(function)?)))
    .unwrap_or((IndexTarget::Column, text));
    let unquoted = column.strip_prefix('"').and_then(|column| column.strip_suffix('"'));
    let column = unquoted.map_or_else(|| column.to_owned(), |column| column.replace("\"\"", "\""));
    let class = row.options.get("class_name").map(|class| class.to_ascii_lowercase());
    let is_sai = class.is_some_and(|class| class == "sai" || class.ends_with("storageattachedindex"));
    // Any further option, such as `case_sensitive`, changes what equal means.
    let is_plain = row.options.keys().all(|option| matches!(option.as_str(), "target" | "class_name"));
    let kind = match row.kind.as_str() {
        "CUSTOM" if is_sai && is_plain => IndexKind::Sai,
        "CUSTOM" => IndexKind::Other,
        _ => IndexKind::Legacy,
    };
    Index { column, target, kind }
}

/// Orders columns as `SELECT *` does: partition key and clustering columns by position, then static and regular ones by
/// name.
fn in_select_order(rows: Vec<ColumnRow>) -> Result<Vec<Column>> {
    let mut keyed = rows
        .into_iter()
        .map(|row| {
            let (rank, kind) = match row.kind.as_str() {
                "partition_key" => (0, ColumnKind::PartitionKey),
                "clustering" => {
                    (1, ColumnKind::Clustering { descending: row.clustering_order.eq_ignore_ascii_case("desc") })
                }
                "static" => (2, ColumnKind::Static),
                _ => (3, ColumnKind::Regular),
            };
            let cql_type = row.type_text.parse()?;
            Ok(((rank, row.position, row.column_name.clone()), Column { name: row.column_name, cql_type, kind }))
        })
        .collect::<Result<Vec<_>>>()?;
    keyed.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(keyed.into_iter().map(|(_, column)| column).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_in_the_order_of_select_star() {
        let row = |name: &str, kind: &str, position: i32| ColumnRow {
            column_name: name.into(),
            clustering_order: "none".into(),
            kind: kind.into(),
            position,
            type_text: "int".into(),
        };
        let columns = in_select_order(vec![
            row("b", "regular", -1),
            row("a", "regular", -1),
            row("s", "static", -1),
            row("c2", "clustering", 1),
            row("c1", "clustering", 0),
            row("z_key", "partition_key", 0),
            row("a_key", "partition_key", 1),
        ])
        .unwrap();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["z_key", "a_key", "c1", "c2", "s", "a", "b"]);
    }
}
