//! Iceberg tables, end to end and without Cassandra: written by SQL, read back by pyiceberg cell by cell; written by
//! pyiceberg, read back by SQL.

mod cells;
mod read;
mod source;
mod statements;
mod support;
mod write;
