//! Differences that are known, and are DataFusion's: each with its cause and what of the answers tells it.

use super::answer::Answer;

/// Why the answers differ, if that is known.
pub(crate) fn cause(cassandra: &Answer, memory: &Answer) -> Option<&'static str> {
    let (Answer::Error { message, .. }, Answer::Rows { .. }) = (cassandra, memory) else { return None };
    // `GROUP BY` a whole primary key: all other columns are grouped by as well, because the key determines them, and
    // `count(DISTINCT …)` keeps them from being left out again. Tables in memory have no key here.
    if message.contains("Row format support not yet implemented") && message.contains("Map(") {
        return Some("maps cannot be grouped by");
    }
    // Only with `prefer_hash_join = false`.
    if message.contains("Unsupported data type in sort merge join comparator") {
        return Some("sort-merge joins know no times and timestamps with a zone");
    }
    None
}
