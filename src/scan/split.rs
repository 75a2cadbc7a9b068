//! How a table is cut into splits, and which partition reads which split.
//!
//! ```text
//! ranges of the ring ─ merge per replica set ─ cut by size ─▶ splits ─ assign ─▶ one list per partition
//! ```
//!
//! A split is read by one statement that goes to one node, so all its tokens must have the same replicas. Together the
//! splits cover the ranges they were made of exactly once. All of this is pure and deterministic: the same ring gives
//! the same splits in every process.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};

use crate::cluster::ring::{NodeId, ReplicaRange, TokenRange};
use crate::options::MAX_SPLITS;
use crate::scan::restriction::PartitionKey;

#[cfg(test)]
mod tests;

/// Fewest splits per partition and per node that [`split_count`] asks for.
pub const MIN_SPLITS_EACH: usize = 8;

/// What one statement reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A table without a ring (each node has rows of its own), read without a token restriction.
    Table,
    /// The rows with these tokens.
    Range(TokenRange),
    /// One Cassandra partition.
    Key(PartitionKey),
}

/// A part of a table that one statement reads from one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// The rows.
    pub part: Part,
    /// The nodes that hold all rows of it, best one to ask first.
    pub replicas: Vec<NodeId>,
}

impl Split {
    /// How many tokens.
    pub fn size(&self) -> u64 {
        match &self.part {
            Part::Table => TokenRange::RING.size(),
            Part::Range(range) => range.size(),
            Part::Key(_) => 1,
        }
    }

    /// The tokens, if they are what tells its rows from others.
    pub fn range(&self) -> Option<TokenRange> {
        match &self.part {
            Part::Range(range) => Some(*range),
            Part::Table | Part::Key(_) => None,
        }
    }

    /// The node to ask first.
    fn preferred(&self) -> Option<NodeId> {
        self.replicas.first().copied()
    }
}

/// How many splits to make when no option says so: enough that none holds more than `split_size_bytes`, and at least
/// [`MIN_SPLITS_EACH`] for each of the `partitions` and each of the `nodes`.
///
/// The latter because splits of equal size take unequal time: estimates are minutes old, some Cassandra partitions are
/// large, some nodes slow. The slowest one is what a partition or node has left to do alone at the end; with 8 each it
/// is about an eighth of its work. It also covers the case that `bytes` is unknown. A split of an empty range costs
/// one short request.
///
/// Tokens are hashes, so equal ranges hold about equal bytes; one large Cassandra partition still is in one split. Never
/// more than [`MAX_SPLITS`]: from there on (64 TB at 64 MB a split) splits become larger than `split_size_bytes`.
pub fn split_count(bytes: Option<u64>, split_size_bytes: u64, partitions: usize, nodes: usize) -> usize {
    let by_size = bytes.unwrap_or(0).div_ceil(split_size_bytes.max(1));
    let by_size = usize::try_from(by_size).unwrap_or(usize::MAX);
    let each = partitions.max(nodes).max(1).saturating_mul(MIN_SPLITS_EACH);
    by_size.max(each).min(MAX_SPLITS)
}

/// Cuts the ranges into `count` splits whose sizes are as equal as the ring allows, ordered by token.
///
/// Neighbouring ranges with the same set of replicas are merged first: with as many replicas as nodes the whole ring is
/// one. Then each merged range is cut into pieces whose sizes differ by at most one token.
///
/// There are exactly `count` splits, with two exceptions. Each merged range needs a split of its own, so a smaller
/// `count` gives one split for each of them (a cluster of many nodes with 256 vnodes has thousands); and no split is
/// empty, so there are never more than tokens.
///
/// Reading may ask any replica, so the replicas of each split are put in an order that shares the tokens out about
/// evenly among the nodes asked first, whatever node Cassandra calls the primary one.
pub fn plan_splits(ranges: Vec<ReplicaRange>, count: usize) -> Vec<Split> {
    let merged = merge(ranges);
    let pieces = share_out(&merged, count);
    let mut asked: HashMap<NodeId, u128> = HashMap::new();
    let cuts = merged.into_iter().zip(pieces).flat_map(|(ReplicaRange { range, replicas }, pieces)| {
        range.cut(pieces).map(move |piece| (piece, replicas.clone()))
    });
    cuts.map(|(range, mut replicas)| {
        replicas.sort_by_key(|node| (asked.get(node).copied().unwrap_or(0), *node));
        if let Some(first) = replicas.first() {
            *asked.entry(*first).or_default() += u128::from(range.size());
        }
        Split { part: Part::Range(range), replicas }
    })
    .collect()
}

/// A split for each key, with the replicas of the range that its token is in; `ranges` cover the ring.
pub(crate) fn plan_keys(mut ranges: Vec<ReplicaRange>, keys: &[PartitionKey]) -> Vec<Split> {
    ranges.sort_unstable_by_key(|r| r.range);
    let mut asked: HashMap<NodeId, u64> = HashMap::new();
    keys.iter()
        .map(|key| {
            let found = ranges.partition_point(|r| r.range.end() < key.token);
            let mut replicas = ranges.get(found).map(|r| r.replicas.clone()).unwrap_or_default();
            replicas.sort_by_key(|node| asked.get(node).copied().unwrap_or(0));
            if let Some(first) = replicas.first() {
                *asked.entry(*first).or_default() += 1;
            }
            Split { part: Part::Key(key.clone()), replicas }
        })
        .collect()
}

/// The part of the ring that these ranges are, which do not overlap: 0 to 1.
pub(crate) fn share(ranges: &[TokenRange]) -> f64 {
    ranges.iter().map(|range| range.size() as f64).sum::<f64>() / TokenRange::RING.size() as f64
}

/// That part of a number of splits, at least 1.
pub(crate) fn part_of(count: usize, ranges: &[TokenRange]) -> usize {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most the number itself, and not negative"
    )]
    let part = (count as f64 * share(ranges)).ceil() as usize;
    part.max(1)
}

/// The parts of `ranges` that are also in one of `wanted`, which do not overlap.
pub(crate) fn restrict(ranges: Vec<ReplicaRange>, wanted: &[TokenRange]) -> Vec<ReplicaRange> {
    let both = |r: ReplicaRange| {
        let parts = wanted.iter().filter_map(move |other| r.range.intersect(*other));
        parts.map(|range| ReplicaRange { range, replicas: r.replicas.clone() }).collect::<Vec<_>>()
    };
    ranges.into_iter().flat_map(both).collect()
}

/// Joins neighbouring ranges with equal replica sets, ordered by token. The replicas become sorted: their order differs
/// between vnodes of the same nodes.
fn merge(mut ranges: Vec<ReplicaRange>) -> Vec<ReplicaRange> {
    ranges.sort_unstable_by_key(|r| r.range);
    let mut merged: Vec<ReplicaRange> = Vec::new();
    for ReplicaRange { range, mut replicas } in ranges {
        replicas.sort_unstable();
        replicas.dedup();
        if let Some(last) = merged.last_mut().filter(|last| last.replicas == replicas)
            && let Some(joined) = last.range.join(range)
        {
            last.range = joined;
        } else {
            merged.push(ReplicaRange { range, replicas });
        }
    }
    merged
}

/// Pieces of a range of this size; the greater one has the larger pieces.
struct Share {
    size: u64,
    pieces: usize,
    index: usize,
}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        // size / pieces compared without division; the first range wins a tie, so that the plan is deterministic.
        let weight = |a: &Self, b: &Self| u128::from(a.size) * b.pieces as u128;
        weight(self, other).cmp(&weight(other, self)).then_with(|| other.index.cmp(&self.index))
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Share {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Share {}

/// Into how many pieces to cut each range. Every range has one; each further piece goes to the range whose pieces are
/// the largest, which makes the largest split of all as small as it can be. More pieces than tokens, when all other
/// ranges have no larger ones either, are left to [`TokenRange::cut`] to limit.
fn share_out(ranges: &[ReplicaRange], count: usize) -> Vec<usize> {
    let mut pieces = vec![1; ranges.len()];
    let share = |(index, r): (usize, &ReplicaRange)| Share { size: r.range.size(), pieces: 1, index };
    let mut shares: BinaryHeap<Share> = ranges.iter().enumerate().map(share).collect();
    for _ in ranges.len()..count {
        let Some(mut largest) = shares.peek_mut() else { break };
        largest.pieces += 1;
        pieces[largest.index] = largest.pieces;
    }
    pieces
}

/// Distributes the splits over partitions: every split is in exactly one list.
///
/// - Balanced: the sizes of two lists differ by no more than the largest split. Each list also gets its share of the
///   splits of every node, as far as their sizes allow.
/// - Spread: neighbours in a list ask different nodes first, unless one node is first for more than half of the list,
///   and lists begin with different nodes.
/// - No list is empty: fewer splits than partitions give fewer lists. Only without any split there is one empty list,
///   because a scan has at least one partition. `partitions` = 0 counts as 1.
pub fn assign(splits: Vec<Split>, partitions: usize) -> Vec<Vec<Split>> {
    let lists = partitions.min(splits.len()).max(1);
    let mut order: Vec<usize> = (0..splits.len()).collect();
    // Large ones first, so that small ones even out the lists. Sizes of about the same magnitude are ordered by node:
    // dealing them out then gives every list the same mixture of nodes.
    order.sort_by_key(|&i| {
        let split = &splits[i];
        (Reverse(split.size().checked_ilog2()), split.preferred(), Reverse(split.size()))
    });

    let mut list_of = vec![0; splits.len()];
    let mut loads: BinaryHeap<Reverse<(u128, usize)>> = (0..lists).map(|list| Reverse((0, list))).collect();
    for i in order {
        if let Some(mut least) = loads.peek_mut() {
            list_of[i] = least.0.1;
            least.0.0 += u128::from(splits[i].size());
        }
    }

    let mut assigned = vec![Vec::new(); lists];
    for (split, list) in splits.into_iter().zip(list_of) {
        assigned[list].push(split);
    }
    assigned.into_iter().enumerate().map(|(list, splits)| alternate(splits, list)).collect()
}

/// Orders splits so that neighbours ask different nodes first where that is possible: always the node with most splits
/// left, except the last one asked. Of nodes with equally many, the one `turn` places on comes first.
fn alternate(splits: Vec<Split>, turn: usize) -> Vec<Split> {
    let mut ordered = Vec::with_capacity(splits.len());
    let mut by_node: BTreeMap<Option<NodeId>, VecDeque<Split>> = BTreeMap::new();
    for split in splits {
        by_node.entry(split.preferred()).or_default().push_back(split);
    }
    let mut queues: Vec<VecDeque<Split>> = by_node.into_values().collect();
    let first = turn % queues.len().max(1);
    queues.rotate_left(first);

    let mut last = None;
    loop {
        let waiting = |i: &usize| !queues[*i].is_empty();
        let most = (0..queues.len()).filter(waiting).max_by_key(|&i| (Some(i) != last, queues[i].len(), Reverse(i)));
        let Some(i) = most else { return ordered };
        ordered.extend(queues[i].pop_front());
        last = Some(i);
    }
}
