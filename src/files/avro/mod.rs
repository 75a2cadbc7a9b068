//! Avro files: `COPY … TO 'x.avro'`, `CREATE EXTERNAL TABLE … STORED AS AVRO`, `INSERT INTO` such a table.
//!
//! DataFusion 53 writes no Avro, and its reader has no maps, panics at local timestamps and at types that are named twice,
//! and decodes cell by cell. So both directions are here, over the crate `arrow-avro`.
//!
//! What goes in comes out. Most types of Arrow have one in Avro (`shape.rs` has the table); what has none is refused by
//! name. The schema of the file names the CQL type of each field as its property `cassandra.type`, for everybody to see. The
//! whole schema in Arrow, which also tells a vector from a list and has names that Avro does not allow, is in the header
//! under `ARROW:schema`, as in Parquet. A file without it, of another program, is read by its Avro schema.
//!
//! A file is there when all its rows are, or not at all (`sink.rs`); one that is cut off or damaged between its blocks is an
//! error, never fewer rows (`frames.rs`). Reading needs the memory of a block and of a batch from a local disk; from other
//! stores a file is fetched as a whole.
//!
//! A session of one's own learns it by `SessionState::register_file_format(Arc::new(AvroFormatFactory), true)`.

mod block;
mod fit;
mod format;
mod frames;
mod header;
mod names;
mod shape;
mod sink;
mod source;

#[cfg(test)]
mod tests;

pub use format::{AvroFormat, AvroFormatFactory};
