//! Rows of keys that have been looked up, kept for when the keys come again.

use std::collections::HashMap;

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
    rows: HashMap<Box<[u8]>, Option<RecordBatch>>,
    bytes: usize,
    reservation: MemoryReservation,
}

/// The rows of a key that has been looked up.
#[derive(Clone)]
pub(super) enum Known {
    NoRow,
    Rows(RecordBatch),
}

impl Remembered {
    pub(super) fn new(reservation: MemoryReservation) -> Self {
        Self { rows: HashMap::new(), bytes: 0, reservation }
    }

    pub(super) fn get(&self, key: &[u8]) -> Option<Known> {
        self.rows.get(key).map(|rows| rows.clone().map_or(Known::NoRow, Known::Rows))
    }

    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.rows.contains_key(key)
    }

    /// Keeps all rows of a key, if there is room.
    pub(super) fn offer(&mut self, key: &[u8], rows: &RecordBatch) {
        let rows = (rows.num_rows() > 0).then_some(rows);
        let size = rows.map_or(0, RecordBatch::get_array_memory_size);
        let bytes = size + key.len() + ENTRY_BYTES;
        let fits = size <= MOST_BYTES_A_KEY && self.bytes + bytes <= MOST_BYTES;
        if fits && self.reservation.try_grow(bytes).is_ok() {
            self.bytes += bytes;
            self.rows.insert(key.into(), rows.cloned());
        }
    }
}
