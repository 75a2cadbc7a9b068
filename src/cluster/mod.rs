//! A cluster: sessions, ring, schema.
pub mod cql_type;
pub mod quote;
pub mod ring;
pub mod schema;
