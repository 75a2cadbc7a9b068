//! How the files of a table are written, as its properties say.

use ::iceberg::spec::TableMetadata;
use parquet::basic::{BrotliLevel, Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::error::failed;
use crate::error::{Error, Result};

/// Bytes of a Parquet row group, where the table's properties do not say. A writer keeps one in memory, and up to twice
/// that more while it writes it out; 16 MiB make files 6 % smaller and take 20 MB more a writer.
const ROW_GROUP_BYTES: usize = 8 << 20;
/// Bytes of a column's dictionary in a row group, beyond which the column is written without one. A column of many values
/// finds that out late with Parquet's usual 1 MiB: that costs a third more time and makes files larger, not smaller.
const DICTIONARY_BYTES: usize = 128 << 10;
/// Level of zstd, where the table's properties do not say: level 3 takes a quarter more time and saves nothing.
const ZSTD_LEVEL: i32 = 1;

const PROPERTY_CODEC: &str = "write.parquet.compression-codec";
const PROPERTY_LEVEL: &str = "write.parquet.compression-level";
const PROPERTY_ROW_GROUP: &str = "write.parquet.row-group-size-bytes";
const PROPERTY_FORMAT: &str = "write.format.default";

/// How the files of a table are written, read from its properties once.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) parquet: WriterProperties,
    /// A file that has reached this size is closed, and another begun.
    pub(crate) target_file_bytes: usize,
}

impl Settings {
    /// # Errors
    /// A property that asks for what cannot be done: another file format, an unknown codec.
    pub(crate) fn of(metadata: &TableMetadata) -> Result<Self> {
        let get = |name: &str| metadata.properties().get(name).map(String::as_str);
        let number = |name: &'static str| match get(name) {
            Some(text) => text.parse::<usize>().map(Some).map_err(|_| property(name, text, "a whole number")),
            None => Ok(None),
        };
        if let Some(format) = get(PROPERTY_FORMAT).filter(|f| !f.eq_ignore_ascii_case("parquet")) {
            return Err(property(PROPERTY_FORMAT, format, "parquet, the only format written"));
        }
        let row_group_bytes = if metadata.default_partition_spec().is_unpartitioned() {
            number(PROPERTY_ROW_GROUP)?.unwrap_or(ROW_GROUP_BYTES).max(1)
        } else {
            // Each write is a row group of its own: rows are kept until they make a good one, see `grouped`.
            1
        };
        let properties = metadata.table_properties().map_err(|e| failed("read the table's properties", &e))?;
        let parquet = WriterProperties::builder()
            .set_compression(compression(get(PROPERTY_CODEC), get(PROPERTY_LEVEL))?)
            .set_max_row_group_bytes(Some(row_group_bytes))
            .set_dictionary_page_size_limit(DICTIONARY_BYTES)
            .set_created_by(concat!("cbulk ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        Ok(Self { parquet, target_file_bytes: properties.write_target_file_size_bytes })
    }
}

fn compression(codec: Option<&str>, level: Option<&str>) -> Result<Compression> {
    let number = |default: i32| match level {
        Some(text) => text.parse::<i32>().map_err(|_| property(PROPERTY_LEVEL, text, "a whole number")),
        None => Ok(default),
    };
    let bad_level = |_| property(PROPERTY_LEVEL, level.unwrap_or_default(), "a level that the codec has");
    Ok(match codec.map(str::to_ascii_lowercase).as_deref() {
        None | Some("zstd") => Compression::ZSTD(ZstdLevel::try_new(number(ZSTD_LEVEL)?).map_err(bad_level)?),
        Some("gzip") => {
            let level = u32::try_from(number(6)?).unwrap_or(u32::MAX);
            Compression::GZIP(GzipLevel::try_new(level).map_err(bad_level)?)
        }
        Some("brotli") => {
            let level = u32::try_from(number(1)?).unwrap_or(u32::MAX);
            Compression::BROTLI(BrotliLevel::try_new(level).map_err(bad_level)?)
        }
        Some("snappy") => Compression::SNAPPY,
        Some("lz4") => Compression::LZ4_RAW,
        Some("uncompressed") => Compression::UNCOMPRESSED,
        Some(other) => {
            return Err(property(PROPERTY_CODEC, other, "zstd, gzip, brotli, snappy, lz4 or uncompressed"));
        }
    })
}

fn property(name: &str, value: &str, expected: &str) -> Error {
    Error::config(format!("the table's property {name} is '{value}': it must be {expected}"))
}
