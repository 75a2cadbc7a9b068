//! The bytes of one cell on their way out, in place wherever they can be.

/// The content of a cell to send.
#[derive(Debug)]
pub(super) enum CellBytes<'a> {
    /// Of the Arrow array itself: text and blobs.
    Borrowed(&'a [u8]),
    /// Made for this cell, without allocation.
    InPlace {
        /// The first `length` of these.
        bytes: [u8; CellBytes::IN_PLACE],
        length: usize,
    },
    /// Made for this cell, and longer than any number of ordinary size.
    Owned(Vec<u8>),
}

impl CellBytes<'_> {
    /// Room for a scale of 32 bits and a number of 256.
    const IN_PLACE: usize = 4 + 32;

    /// A copy of both parts in a row.
    pub(super) fn joined(head: &[u8], tail: &[u8]) -> CellBytes<'static> {
        let length = head.len() + tail.len();
        if length > Self::IN_PLACE {
            return CellBytes::Owned([head, tail].concat());
        }
        let mut bytes = [0; Self::IN_PLACE];
        bytes[..head.len()].copy_from_slice(head);
        bytes[head.len()..length].copy_from_slice(tail);
        CellBytes::InPlace { bytes, length }
    }

    /// The bytes.
    #[inline]
    pub(super) fn as_slice(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::InPlace { bytes, length } => &bytes[..*length],
            Self::Owned(bytes) => bytes,
        }
    }
}

impl<const N: usize> From<[u8; N]> for CellBytes<'static> {
    #[inline]
    fn from(value: [u8; N]) -> Self {
        Self::joined(&value, &[])
    }
}
