//! The schema of Arrow in the header of a file, and reading what else is there.

use std::io::BufRead;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::try_schema_from_ipc_buffer;
use arrow_avro::codec::Tz;
use arrow_avro::reader::{Reader, ReaderBuilder};
use arrow_avro::schema::{AvroSchema, FingerprintAlgorithm, SCHEMA_METADATA_KEY};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema};

use super::frames::MAGIC;
use super::shape::{plain, shape};

/// Opens a file: reads its header, and with it what its batches will be.
pub(super) fn open<R: BufRead>(input: R, batch_size: usize) -> Result<Reader<R>, ArrowError> {
    // Cassandra's timestamps have the same name of the zone.
    ReaderBuilder::new().with_batch_size(batch_size).with_tz(Tz::Utc).build(input)
}

/// What the columns of a file are: as they were when it was written, if its header says so.
pub(super) fn schema_of<R: BufRead>(reader: &Reader<R>) -> SchemaRef {
    Arc::new(written_schema(reader).unwrap_or_else(|| plain(&reader.schema())))
}

/// The schema in the header. `None` also if it is not that of the rows: a program that copied the header may have written
/// other columns.
fn written_schema<R: BufRead>(reader: &Reader<R>) -> Option<Schema> {
    let header = reader.avro_header();
    let bytes = BASE64_STANDARD.decode(header.get(ARROW_SCHEMA_META_KEY)?).ok()?;
    let schema = try_schema_from_ipc_buffer(&bytes).ok()?;
    let json = std::str::from_utf8(header.get(SCHEMA_METADATA_KEY)?).ok()?;
    // Fingerprints are of names and types only.
    let fingerprint = |avro: AvroSchema| avro.fingerprint(FingerprintAlgorithm::Rabin).ok();
    let of_file = fingerprint(AvroSchema::new(json.to_owned()))?;
    let ours = fingerprint(AvroSchema::try_from(&shape(&schema).ok()?).ok()?)?;
    (of_file == ours).then_some(schema)
}

/// Adds the schema to a header as `arrow-avro` has written it, which has no way to do so.
///
/// # Errors
/// Bytes that are no header.
pub(super) fn add_schema(header: &[u8], schema: &Schema) -> Result<Vec<u8>, ArrowError> {
    let rest = header.strip_prefix(MAGIC);
    let rest = rest.ok_or_else(|| ArrowError::AvroError("the header has another beginning".to_owned()))?;
    // The entries of a header are a map, which may come in several blocks: this one stands before the others.
    let mut with_schema = MAGIC.to_vec();
    push_long(&mut with_schema, 1);
    for text in [ARROW_SCHEMA_META_KEY, encode_arrow_schema(schema).as_str()] {
        push_long(&mut with_schema, text.len());
        with_schema.extend_from_slice(text.as_bytes());
    }
    with_schema.extend_from_slice(rest);
    Ok(with_schema)
}

/// A number as Avro writes it: seven bits a byte, the lowest first, with the sign as the lowest of all.
fn push_long(bytes: &mut Vec<u8>, number: usize) {
    let mut rest = number << 1;
    while rest > 0x7f {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}
