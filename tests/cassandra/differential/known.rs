//! Differences that are DataFusion's, each with its cause and what of the answers tells it.
//!
//! Most need no entry here: if two sessions in memory differ as well, one of which has the settings of the session at the
//! cluster and the rows in several orders and short batches, the difference is counted and printed, but is no finding. Of
//! DataFusion 53.1 that has shown:
//!
//! - sort-merge joins (`prefer_hash_join = false`): `NOT IN (SELECT …)` takes nulls for absent values; an anti join with a
//!   condition on the side that stays may lose a row; `IS NOT DISTINCT FROM` besides `=` fails where a column cannot be
//!   null; a NaN among the keys panics;
//! - `GROUP BY` with `max` of a float: `-inf` alone becomes the least finite number, in some plans; with a NaN among the
//!   values, `min` and `max` of a group depend on the order of the rows;
//! - `ORDER BY` of structs with null fields and a LIMIT, over several batches: rows are lost that come after such a struct in the
//!   order, because the comparison with it is null.

use super::answer::Answer;

/// Why the answers differ, if that is known.
pub(crate) fn cause(cassandra: &Answer, memory: &Answer) -> Option<&'static str> {
    let (Answer::Error { message, .. }, Answer::Rows { .. }) = (cassandra, memory) else { return None };
    // `GROUP BY` a whole primary key: all other columns are grouped by as well, because the key determines them, and
    // `count(DISTINCT …)` keeps them from being left out again. Tables in memory have no key here.
    if message.contains("Row format support not yet implemented") && message.contains("Map(") {
        return Some("maps cannot be grouped by");
    }
    // The server has already answered one condition, so that the others are checked on other rows, and in another order, than
    // where all are checked at once; among them is one that fails for a date outside the range of nanoseconds.
    if message.contains("Cannot cast Date32 value") && message.contains("exceeds the representable") {
        return Some("conditions are checked in another order");
    }
    // Planned, and then not implemented; where there are no rows, it depends on the plan whether that is noticed. Lists were the
    // same: apache/datafusion#15477.
    if message.contains("Min/Max accumulator not implemented for type Map") {
        return Some("maps have no least and greatest");
    }
    // Only with `prefer_hash_join = false`.
    if message.contains("Unsupported data type in sort merge join comparator") {
        return Some("sort-merge joins know no times and timestamps with a zone");
    }
    None
}
