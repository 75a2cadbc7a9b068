//! A shop: the tables that golden plans are about, on a ring that is always the same.
//!
//! What `tables.cql` says in CQL is said here once more, so that plans can be made without a cluster.
#![allow(dead_code, reason = "plans need the tables, and a real cluster their rows")]

use cbulk::cluster::estimates::Estimate;
use cbulk::cluster::ring::{NodeId, ReplicaRange, replica_ranges};
use cbulk::cluster::schema::{Column, ColumnKind, Index, IndexKind, IndexTarget, TableName, TableSchema};
use cbulk::cluster::{ClusterHandle, Placement};
use cbulk::{Session, SessionBuilder};

/// The keyspace of all tables.
pub(crate) const KEYSPACE: &str = "shop";

/// The tables and indexes, statements of CQL.
pub(crate) const TABLES: &str = include_str!("tables.cql");

/// Their rows, statements of SQL.
pub(crate) const ROWS: &str = include_str!("rows.sql");

/// The tokens of three nodes, in turn.
const TOKENS: [i64; 12] = [
    -8_400_000_000_000_000_000,
    -6_900_000_000_000_000_000,
    -5_200_000_000_000_000_000,
    -4_100_000_000_000_000_000,
    -2_300_000_000_000_000_000,
    -900_000_000_000_000_000,
    300_000_000_000_000_000,
    2_200_000_000_000_000_000,
    3_700_000_000_000_000_000,
    5_500_000_000_000_000_000,
    6_600_000_000_000_000_000,
    8_300_000_000_000_000_000,
];
const NODES: usize = 3;

/// A session that plans for the shop and reads nothing.
pub(crate) fn offline() -> Session {
    let builder = SessionBuilder::default().with_cluster(ClusterHandle::planned(tables(KEYSPACE)));
    for_plans(builder).build().unwrap()
}

/// Settings that plans depend on, and that differ between machines.
pub(crate) fn for_plans(builder: SessionBuilder) -> SessionBuilder {
    builder
        .with_setting("datafusion.execution.target_partitions", "2")
        .and_then(|builder| builder.with_setting("datafusion.explain.physical_plan_only", "true"))
        .unwrap()
}

/// The statements of a script, without its comments.
pub(crate) fn statements(script: &str) -> Vec<String> {
    let lines = script.lines().filter(|line| !line.starts_with("--"));
    let code = lines.collect::<Vec<_>>().join("\n");
    code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).map(str::to_owned).collect()
}

/// The tables in this keyspace, each with its place and its size.
pub(crate) fn tables(keyspace: &str) -> Vec<(TableSchema, Placement)> {
    use ColumnKind::{PartitionKey, Regular, Static};
    use IndexKind::{Legacy, Sai};
    use IndexTarget::{Column as Value, Values};
    let (asc, desc) = (ColumnKind::Clustering { descending: false }, ColumnKind::Clustering { descending: true });

    let mut customers = table(
        &[
            ("id int", PartitionKey),
            ("city text", Regular),
            ("country text", Regular),
            ("credit decimal", Regular),
            ("email text", Regular),
            ("name text", Regular),
            ("points int", Regular),
            ("rating double", Regular),
            ("since date", Regular),
            ("tags set<text>", Regular),
        ],
        TableName::new(keyspace, "customers"),
    );
    let indexes = [
        ("city", Value, Legacy),
        ("country", Value, Legacy),
        ("email", Value, Sai),
        ("points", Value, Sai),
        ("since", Value, Sai),
        ("tags", Values, Sai),
    ];
    customers.indexes = indexes.map(|(column, target, kind)| Index { column: column.to_owned(), target, kind }).into();
    let orders = table(
        &[
            ("customer int", PartitionKey),
            ("year smallint", PartitionKey),
            ("placed timestamp", desc),
            ("line int", asc),
            ("price double", Regular),
            ("quantity int", Regular),
            ("sku text", Regular),
        ],
        TableName::new(keyspace, "orders"),
    );
    let products = table(
        &[("sku text", PartitionKey), ("price double", Regular), ("stock bigint", Regular), ("title text", Regular)],
        TableName::new(keyspace, "products"),
    );
    let carts = table(
        &[
            ("id uuid", PartitionKey),
            ("item int", asc),
            ("owner text", Static),
            ("quantity int", Regular),
            ("sku text", Regular),
        ],
        TableName::new(keyspace, "carts"),
    );
    let events = table(
        &[
            ("day date", PartitionKey),
            ("at timestamp", asc),
            ("id timeuuid", asc),
            ("bytes bigint", Regular),
            ("kind text", Regular),
        ],
        TableName::new(keyspace, "events"),
    );
    vec![
        (customers, placement(Some((2_000_000, 400 << 20)))),
        (orders, placement(Some((6_000_000, 4 << 30)))),
        (products, placement(Some((50_000, 5 << 20)))),
        (carts, placement(None)),
        (events, placement(Some((3_650, 1 << 30)))),
    ]
}

/// A table with columns as CQL declares them.
fn table(columns: &[(&str, ColumnKind)], name: TableName) -> TableSchema {
    let column = |(declared, kind): &(&str, ColumnKind)| {
        let (name, cql_type) = declared.split_once(' ').unwrap();
        Column { name: name.to_owned(), cql_type: cql_type.parse().unwrap(), kind: *kind }
    };
    let columns = columns.iter().map(column).collect();
    TableSchema { name, columns, indexes: Vec::new(), node_local: false, view: false }
}

/// On three nodes, two of which have each row. The size is in Cassandra partitions and bytes.
fn placement(size: Option<(u64, u64)>) -> Placement {
    let estimate = size.map(|(partitions, bytes)| Estimate { partitions, bytes });
    Placement { ranges: ranges(), nodes: NODES, estimate }
}

fn ranges() -> Vec<ReplicaRange> {
    let node = |turn: usize| NodeId::from_u128((turn % NODES) as u128 + 1);
    let replicas = |token: i64| {
        let turn = TOKENS.iter().position(|other| *other == token).unwrap();
        vec![node(turn), node(turn + 1)]
    };
    replica_ranges(TOKENS, replicas).unwrap()
}
