//! Formats of files that DataFusion lacks.

pub mod avro;
