//! A cluster: sessions, ring, schema.
pub mod cql_type;
pub mod ring;
pub mod schema;
