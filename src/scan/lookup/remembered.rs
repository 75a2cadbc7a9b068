//! Rows of keys that have been looked up, kept for when the keys come again.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::memory_pool::MemoryReservation;

/// The most bytes that one partition remembers.
const MOST_BYTES: usize = 32 << 20;

/// The most bytes of one key's rows: large Cassandra partitions would leave no room for others.
const MOST_BYTES_A_KEY: usize = 64 << 10;

/// What an entry takes besides its key and its rows, about.
const ENTRY_BYTES: usize = 96;

/// The rows of keys, as they are joined. The first ones stay, until there is no room for more: of keys that come often,
/// most come early.
pub(super) struct Remembered {
    /// Keys that are known with all their rows.
    known: HashMap<Box<[u8]>, Entry>,
    /// Keys whose rows are still coming.
    coming: HashMap<Box<[u8]>, Entry>,
    bytes: usize,
    reservation: MemoryReservation,
}

/// Some rows of one key, in the batch that they came with.
#[derive(Clone)]
pub(super) struct RowsOfKey {
    pub(super) batch: Arc<RecordBatch>,
    pub(super) range: Range<usize>,
    /// Their share of the batch's bytes, all of which are kept while one of its rows is.
    pub(super) bytes: usize,
}

#[derive(Default)]
struct Entry {
    rows: Vec<RowsOfKey>,
    bytes: usize,
}

impl Remembered {
    pub(super) fn new(reservation: MemoryReservation) -> Self {
        Self { known: HashMap::new(), coming: HashMap::new(), bytes: 0, reservation }
    }

    /// All rows of a key; `None` if they are not known.
    pub(super) fn get(&self, key: &[u8]) -> Option<&[RowsOfKey]> {
        self.known.get(key).map(|entry| &*entry.rows)
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.known.contains_key(key)
    }

    /// Takes note of some rows of a key that may have more.
    pub(super) fn gather(&mut self, key: &[u8], rows: &RowsOfKey) {
        if !self.coming.contains_key(key) {
            self.coming.insert(key.into(), Entry::default());
        }
        if let Some(entry) = self.coming.get_mut(key) {
            entry.bytes += rows.bytes;
            if entry.bytes > MOST_BYTES_A_KEY {
                entry.rows = Vec::new();
            } else if !rows.range.is_empty() {
                entry.rows.push(rows.clone());
            }
        }
    }

    /// Keeps the rows of a key that has no others, if there is room.
    pub(super) fn keep(&mut self, key: &[u8]) {
        let (key, entry) = self.coming.remove_entry(key).unwrap_or_else(|| (key.into(), Entry::default()));
        let bytes = entry.bytes + key.len() + ENTRY_BYTES;
        let fits = entry.bytes <= MOST_BYTES_A_KEY && self.bytes + bytes <= MOST_BYTES;
        if fits && self.reservation.try_grow(bytes).is_ok() {
            self.bytes += bytes;
            self.known.insert(key, entry);
        }
    }
}
