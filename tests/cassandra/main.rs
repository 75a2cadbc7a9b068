//! Against one node of a real Cassandra, and files that other programs read back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so a test fails")]

#[path = "../common/mod.rs"]
mod common;

mod changed;
mod check;
mod compare;
mod cookbook;
mod copies;
mod create;
mod delete;
mod differential;
mod edges;
mod explain;
mod external;
mod files;
mod functions;
mod golden;
mod grouped;
mod groups;
mod iceberg;
mod json;
mod lookup;
mod permissions;
mod pushdown;
mod random_types;
mod rejected;
mod tables;
mod types;
mod unknown;
mod update;
mod write;
mod write_modes;
mod write_sorted;
