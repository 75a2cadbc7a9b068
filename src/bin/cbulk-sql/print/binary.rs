//! Bytes as text: UUIDs, also as elements of lists, as UUIDs, all others as `0x` and hexadecimal digits.

use cbulk::cluster::cql_type::CqlType;
use cbulk::codec::CQL_TYPE_KEY;
use datafusion::arrow::array::{Array, AsArray, BinaryArray, BinaryViewArray, FixedSizeBinaryArray, LargeBinaryArray};
use datafusion::arrow::datatypes::{DataType, Field};

/// The field metadata by which Arrow marks an extension type, and the one we look for.
const EXTENSION_KEY: &str = "ARROW:extension:name";
const UUID_EXTENSION: &str = "arrow.uuid";

/// An array of any of Arrow's binary types.
enum Bytes<'a> {
    Fixed(&'a FixedSizeBinaryArray),
    Small(&'a BinaryArray),
    Large(&'a LargeBinaryArray),
    View(&'a BinaryViewArray),
}

/// A binary column that knows how it is written.
pub(super) struct BinaryText<'a> {
    bytes: Bytes<'a>,
    is_uuid: bool,
}

impl<'a> BinaryText<'a> {
    /// `None` when the array does not hold bytes.
    pub(super) fn new(field: &Field, array: &'a dyn Array) -> Option<Self> {
        let bytes = match array.data_type() {
            DataType::FixedSizeBinary(_) => Bytes::Fixed(array.as_fixed_size_binary()),
            DataType::Binary => Bytes::Small(array.as_binary()),
            DataType::LargeBinary => Bytes::Large(array.as_binary()),
            DataType::BinaryView => Bytes::View(array.as_binary_view()),
            _ => return None,
        };
        Some(Self { bytes, is_uuid: is_uuid(field) })
    }

    /// Appends the value of a row that is not null.
    pub(super) fn append(&self, row: usize, text: &mut String) {
        let bytes = match &self.bytes {
            Bytes::Fixed(array) => array.value(row),
            Bytes::Small(array) => array.value(row),
            Bytes::Large(array) => array.value(row),
            Bytes::View(array) => array.value(row),
        };
        match uuid::Uuid::from_slice(bytes) {
            Ok(uuid) if self.is_uuid => text.push_str(uuid.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer())),
            _ => append_hex(bytes, text),
        }
    }
}

/// Whether the field says what its bytes are.
pub(super) fn tells_type(field: &Field) -> bool {
    [EXTENSION_KEY, CQL_TYPE_KEY].iter().any(|key| field.metadata().contains_key(*key))
}

/// Whether the bytes of a column, or of the elements of a list, are UUIDs. Elements of Cassandra's lists say nothing of
/// themselves: their list tells their type.
fn is_uuid(field: &Field) -> bool {
    if field.metadata().get(EXTENSION_KEY).is_some_and(|name| name == UUID_EXTENSION) {
        return true;
    }
    let Some(Ok(cql_type)) = field.metadata().get(CQL_TYPE_KEY).map(|text| text.parse::<CqlType>()) else {
        return false;
    };
    let mut inner = cql_type.strip_frozen();
    while let CqlType::List(element) | CqlType::Set(element) | CqlType::Vector(element, _) = inner {
        inner = element.strip_frozen();
    }
    matches!(inner, CqlType::Uuid | CqlType::TimeUuid)
}

fn append_hex(bytes: &[u8], text: &mut String) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    text.reserve(2 + 2 * bytes.len());
    text.push_str("0x");
    for byte in bytes {
        text.push(DIGITS[usize::from(byte >> 4)]);
        text.push(DIGITS[usize::from(byte & 15)]);
    }
}
