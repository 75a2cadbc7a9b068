//! The token ring as plain numbers: who holds which tokens.
//!
//! Murmur3 maps every Cassandra partition to a token in `(i64::MIN, i64::MAX]`: a hash of `i64::MIN` counts as
//! `i64::MAX`, so the smallest number is never the token of a row and serves as the ring's open lower end. Each node
//! owns some tokens (vnodes); the tokens from the one before it (excluded) to it (included) belong to it.
//!
//! Everything here is exact integer arithmetic on values, without a cluster.

use std::fmt;

use crate::error::{Error, Result};

#[cfg(test)]
pub(crate) mod tests;

/// A node's host id, which it keeps when its address changes.
pub type NodeId = uuid::Uuid;

/// The tokens `(start, end]`; never empty, never wrapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenRange {
    start: i64,
    end: i64,
}

impl TokenRange {
    /// Every token there is.
    pub const RING: Self = Self { start: i64::MIN, end: i64::MAX };

    /// The tokens after `start` up to and including `end`.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`](crate::ErrorKind::Internal) if no token lies between them.
    pub fn new(start: i64, end: i64) -> Result<Self> {
        Self::non_empty(start, end)
            .ok_or_else(|| Error::internal(format!("the token range ({start}, {end}] is empty or reversed")))
    }

    fn non_empty(start: i64, end: i64) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    /// The token before the first one: excluded.
    pub const fn start(self) -> i64 {
        self.start
    }

    /// The last token: included.
    pub const fn end(self) -> i64 {
        self.end
    }

    /// How many tokens: at least 1, and 2^64 - 1 for the whole ring.
    pub const fn size(self) -> u64 {
        self.end.abs_diff(self.start)
    }

    /// Whether `token` is one of them.
    pub const fn contains(self, token: i64) -> bool {
        self.start < token && token <= self.end
    }

    /// Both ranges as one, if `next` begins where this one ends.
    pub fn join(self, next: Self) -> Option<Self> {
        (self.end == next.start).then_some(Self { start: self.start, end: next.end })
    }

    /// The tokens that are in both.
    pub fn intersect(self, other: Self) -> Option<Self> {
        Self::non_empty(self.start.max(other.start), self.end.min(other.end))
    }

    /// Cuts the range into `pieces` whose sizes differ by at most one token, in the order of their tokens.
    ///
    /// No piece is empty: there are never more pieces than tokens, and at least one (also for `pieces` = 0).
    pub fn cut(self, pieces: usize) -> impl Iterator<Item = Self> {
        let pieces = (pieces as u64).clamp(1, self.size());
        let (length, longer) = (self.size() / pieces, self.size() % pieces);
        // The first `longer` pieces have one token more. No offset exceeds the size, so nothing overflows.
        let bound = move |i: u64| self.start.wrapping_add_unsigned(length * i + i.min(longer));
        (0..pieces).map(move |i| Self { start: bound(i), end: bound(i + 1) })
    }
}

impl fmt::Display for TokenRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {}]", self.start, self.end)
    }
}

/// A range of the ring and the nodes that hold its rows, for one keyspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRange {
    /// The tokens.
    pub range: TokenRange,
    /// The nodes, in the order the cluster lists them; never empty.
    pub replicas: Vec<NodeId>,
}

/// The ranges between the `tokens` of all nodes (in any order), by token, with the replicas of each range's end token.
///
/// They cover the ring exactly once. The range from the last token over the end of the ring to the first token becomes
/// two: `(last, i64::MAX]` and `(i64::MIN, first]`, both with the replicas of the first token. So one token gives two
/// ranges, or one if it is `i64::MIN` or `i64::MAX`, since then one of the two has no tokens.
///
/// `replicas_of` gives the replicas of one of the `tokens`.
///
/// # Errors
/// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if there are no tokens, or a token occurs twice;
/// [`ErrorKind::Schema`](crate::ErrorKind::Schema) if a range has no replicas.
pub fn replica_ranges(
    tokens: impl IntoIterator<Item = i64>,
    replicas_of: impl Fn(i64) -> Vec<NodeId>,
) -> Result<Vec<ReplicaRange>> {
    let mut tokens: Vec<i64> = tokens.into_iter().collect();
    tokens.sort_unstable();
    refuse_duplicates(&tokens)?;
    let (Some(&first), Some(&last)) = (tokens.first(), tokens.last()) else {
        return Err(Error::unavailable(
            "the cluster reports no tokens, so nobody is known to hold any row: check with `nodetool ring` that its \
             nodes have joined, and that its partitioner is Murmur3Partitioner",
        ));
    };

    let low_half = (TokenRange::non_empty(i64::MIN, first), first);
    let between = tokens.windows(2).map(|pair| (TokenRange::non_empty(pair[0], pair[1]), pair[1]));
    let high_half = (TokenRange::non_empty(last, i64::MAX), first);
    std::iter::once(low_half)
        .chain(between)
        .chain(std::iter::once(high_half))
        .filter_map(|(range, owner)| range.map(|range| (range, owner)))
        .map(|(range, owner)| {
            let replicas = replicas_of(owner);
            if replicas.is_empty() {
                return Err(Error::schema(format!(
                    "no node holds the token range {range}: the keyspace's replication names a data centre without \
                     nodes or asks for no replica; compare it with `nodetool status` and correct it by ALTER KEYSPACE"
                )));
            }
            Ok(ReplicaRange { range, replicas })
        })
        .collect()
}

fn refuse_duplicates(sorted: &[i64]) -> Result<()> {
    const SHOWN: usize = 5;
    let mut twice: Vec<i64> = sorted.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    if twice.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = twice.iter().take(SHOWN).map(i64::to_string).collect();
    let more = if twice.len() > SHOWN { format!(" and {} more", twice.len() - SHOWN) } else { String::new() };
    Err(Error::unavailable(format!(
        "more than one node claims the token {}{more}: a node is being replaced or the nodes disagree about the ring; \
         look at `nodetool ring` and run the statement again when it has settled",
        names.join(", ")
    )))
}

/// Checks that the ranges, in any order, cover the ring exactly once.
///
/// # Errors
/// See [`validate_ranges`].
pub fn validate(ranges: &[ReplicaRange]) -> Result<()> {
    validate_ranges(ranges.iter().map(|r| r.range))
}

/// Checks that the ranges, in any order, cover the ring exactly once: no gap (rows would be lost), no overlap (rows
/// would be read twice).
///
/// # Errors
/// [`ErrorKind::Internal`](crate::ErrorKind::Internal), naming the first gap or overlap.
pub fn validate_ranges(ranges: impl IntoIterator<Item = TokenRange>) -> Result<()> {
    let mut ranges: Vec<TokenRange> = ranges.into_iter().collect();
    ranges.sort_unstable();
    let mut covered = i64::MIN;
    for range in &ranges {
        if let Some(gap) = TokenRange::non_empty(covered, range.start) {
            return Err(gap_error(gap));
        }
        if let Some(overlap) = TokenRange::non_empty(range.start, covered.min(range.end)) {
            return Err(Error::internal(format!(
                "the tokens {overlap} are covered twice, so their rows would be read twice; please report this with \
                 the output of `nodetool ring`"
            )));
        }
        covered = range.end;
    }
    TokenRange::non_empty(covered, i64::MAX).map_or(Ok(()), |gap| Err(gap_error(gap)))
}

fn gap_error(gap: TokenRange) -> Error {
    Error::internal(format!(
        "the tokens {gap} are in no range, so their rows would be missed; please report this with the output of \
         `nodetool ring`"
    ))
}
