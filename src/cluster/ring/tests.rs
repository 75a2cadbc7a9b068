//! The laws of the ring, on rings of all shapes.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

const MIN: i64 = i64::MIN;
const MAX: i64 = i64::MAX;

pub(crate) fn node(n: usize) -> NodeId {
    NodeId::from_u128(0xcb_0000 + n as u128)
}

fn range(start: i64, end: i64) -> TokenRange {
    TokenRange::new(start, end).unwrap()
}

/// A cluster: its tokens, in no order, and the replicas of each.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    tokens: Vec<i64>,
    replicas: BTreeMap<i64, Vec<NodeId>>,
}

impl Cluster {
    pub(crate) fn ranges(&self) -> Vec<ReplicaRange> {
        replica_ranges(self.tokens.iter().copied(), |token| self.replicas[&token].clone()).unwrap()
    }

    /// What Cassandra does: the replicas of the first node token that is not before `token`, going round at the end.
    pub(crate) fn replicas_of(&self, token: i64) -> &[NodeId] {
        let owner = self.replicas.range(token..).next().or_else(|| self.replicas.first_key_value());
        owner.unwrap().1
    }

    /// Tokens at which a mistake would show: each node token and its neighbours, and the ends of the ring.
    pub(crate) fn edges(&self) -> impl Iterator<Item = i64> {
        let near = self.tokens.iter().flat_map(|t| [t.saturating_sub(1), *t, t.saturating_add(1)]);
        near.chain([MIN + 1, MAX]).filter(|t| *t != MIN)
    }
}

/// Tokens spread over the ring, crowded together, and at its very ends.
fn token() -> impl Strategy<Value = i64> {
    prop_oneof![
        6 => any::<i64>(),
        3 => -40..40_i64,
        1 => prop_oneof![Just(MIN), Just(MIN + 1), Just(MAX - 1), Just(MAX)],
    ]
}

/// Clusters of 1 to 6 nodes with 1 to 600 tokens; replicas are consecutive nodes, as in one rack.
pub(crate) fn clusters() -> impl Strategy<Value = Cluster> {
    let size = prop_oneof![1..4_usize, 4..600_usize];
    let tokens = size.prop_flat_map(|n| vec((token(), any::<prop::sample::Index>()), 1..=n));
    (tokens, 1..=6_usize, 1..=6_usize).prop_map(|(tokens, nodes, factor)| {
        let mut seen = BTreeSet::new();
        let owned: Vec<_> = tokens.into_iter().filter(|(t, _)| seen.insert(*t)).collect();
        let replicas_from = |first: usize| (0..factor.min(nodes)).map(|i| node((first + i) % nodes)).collect();
        Cluster {
            tokens: owned.iter().map(|(t, _)| *t).collect(),
            replicas: owned.iter().map(|(t, owner)| (*t, replicas_from(owner.index(nodes)))).collect(),
        }
    })
}

fn ring_of(tokens: &[i64]) -> Vec<(i64, i64, usize)> {
    // Node n owns tokens[n].
    let owner = |token| vec![node(tokens.iter().position(|t| *t == token).unwrap())];
    let number = |id: NodeId| (0..tokens.len()).find(|n| node(*n) == id).unwrap();
    let ranges = replica_ranges(tokens.iter().copied(), owner).unwrap();
    validate(&ranges).unwrap();
    ranges.iter().map(|r| (r.range.start(), r.range.end(), number(r.replicas[0]))).collect()
}

#[test]
fn the_wrapping_range_becomes_two() {
    assert_eq!(ring_of(&[100, -100, 0]), [(MIN, -100, 1), (-100, 0, 2), (0, 100, 0), (100, MAX, 1)]);
}

#[test]
fn one_token_owns_the_ring() {
    assert_eq!(ring_of(&[7]), [(MIN, 7, 0), (7, MAX, 0)]);
    assert_eq!(ring_of(&[MIN]), [(MIN, MAX, 0)]);
    assert_eq!(ring_of(&[MAX]), [(MIN, MAX, 0)]);
}

#[test]
fn tokens_at_the_ends_of_the_ring() {
    assert_eq!(ring_of(&[MIN, 0]), [(MIN, 0, 1), (0, MAX, 0)]);
    assert_eq!(ring_of(&[MAX, 0]), [(MIN, 0, 1), (0, MAX, 0)]);
    // The range of MIN is (MAX, MIN], which holds no row.
    assert_eq!(ring_of(&[MIN, MAX]), [(MIN, MAX, 1)]);
    assert_eq!(ring_of(&[MIN, MIN + 1]), [(MIN, MIN + 1, 1), (MIN + 1, MAX, 0)]);
    assert_eq!(ring_of(&[MAX - 1, MAX]), [(MIN, MAX - 1, 0), (MAX - 1, MAX, 1)]);
}

#[test]
fn an_empty_ring_is_refused() {
    let error = replica_ranges([], |_| vec![node(0)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().starts_with("the cluster reports no tokens"), "{error}");
}

#[test]
fn duplicate_tokens_are_named() {
    let error = replica_ranges([5, 1, 5, 9, 1, 5], |_| vec![node(0)]).unwrap_err();
    assert!(error.to_string().starts_with("more than one node claims the token 1, 5: "), "{error}");
    let many = (0..8).chain(0..8);
    let error = replica_ranges(many, |_| vec![node(0)]).unwrap_err();
    assert!(error.to_string().contains("the token 0, 1, 2, 3, 4 and 3 more: "), "{error}");
}

#[test]
fn a_range_without_replicas_is_named() {
    let error = replica_ranges([1, 5], |t| if t == 5 { vec![] } else { vec![node(0)] }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    assert!(error.to_string().starts_with("no node holds the token range (1, 5]: "), "{error}");
}

#[test]
fn sizes_are_exact() {
    assert_eq!(TokenRange::RING.size(), u64::MAX);
    assert_eq!(range(MAX - 1, MAX).size(), 1);
    assert_eq!(range(MIN, MIN + 1).size(), 1);
    assert_eq!(range(-1, MAX).size(), 1 << 63);
    assert_eq!(TokenRange::RING.to_string(), "(-9223372036854775808, 9223372036854775807]");
    TokenRange::new(3, 3).unwrap_err();
    TokenRange::new(3, 2).unwrap_err();
}

#[test]
fn the_error_names_the_gap_or_overlap() {
    let check = |ranges: &[(i64, i64)]| {
        let ranges = ranges.iter().map(|(start, end)| range(*start, *end));
        validate_ranges(ranges).map_err(|e| e.to_string().split_once(',').map(|_| e.to_string()).unwrap())
    };
    let starts_with = |result: Result<(), String>, text: &str| {
        let message = result.unwrap_err();
        assert!(message.starts_with(text), "{message}");
    };
    check(&[(0, MAX), (MIN, 0)]).unwrap();
    starts_with(check(&[]), "the tokens (-9223372036854775808, 9223372036854775807] are in no range");
    starts_with(check(&[(MIN, 0), (5, MAX)]), "the tokens (0, 5] are in no range");
    starts_with(check(&[(MIN, 0)]), "the tokens (0, 9223372036854775807] are in no range");
    starts_with(check(&[(MIN, 5), (3, MAX)]), "the tokens (3, 5] are covered twice");
    starts_with(check(&[(MIN, MAX), (3, 4)]), "the tokens (3, 4] are covered twice");
}

proptest! {
    #[test]
    fn ranges_cover_the_ring_with_the_replicas_of_cassandra(cluster in clusters(), more in vec(any::<i64>(), 20)) {
        let ranges = cluster.ranges();
        validate(&ranges).unwrap();
        prop_assert!(ranges.is_sorted_by_key(|r| r.range));
        prop_assert_eq!(ranges.iter().map(|r| u128::from(r.range.size())).sum::<u128>(), u128::from(u64::MAX));
        for token in cluster.edges().chain(more).filter(|t| *t != MIN) {
            let holding: Vec<_> = ranges.iter().filter(|r| r.range.contains(token)).collect();
            prop_assert_eq!(holding.len(), 1, "token {}", token);
            prop_assert_eq!(&holding[0].replicas, cluster.replicas_of(token), "token {}", token);
        }
    }

    #[test]
    fn a_damaged_ring_is_refused(cluster in clusters(), which: prop::sample::Index) {
        let ranges: Vec<TokenRange> = cluster.ranges().iter().map(|r| r.range).collect();
        let i = which.index(ranges.len());
        let damaged = ranges[i];
        let replaced_by = |pieces: &[Option<TokenRange>]| {
            let kept = ranges.iter().copied().enumerate().filter(|(j, _)| *j != i).map(|(_, r)| r);
            validate_ranges(kept.chain(pieces.iter().copied().flatten()))
        };
        let cut = |start, end| (start < end).then(|| range(start, end));
        prop_assert!(replaced_by(&[Some(damaged)]).is_ok(), "undamaged");
        prop_assert!(replaced_by(&[]).is_err(), "removed");
        prop_assert!(replaced_by(&[Some(damaged), Some(damaged)]).is_err(), "duplicated");
        prop_assert!(replaced_by(&[cut(damaged.start() + 1, damaged.end())]).is_err(), "without its first token");
        prop_assert!(replaced_by(&[cut(damaged.start(), damaged.end() - 1)]).is_err(), "without its last token");
        if damaged.end() < MAX {
            prop_assert!(replaced_by(&[cut(damaged.start(), damaged.end() + 1)]).is_err(), "one token longer");
        }
        if damaged.start() > MIN {
            prop_assert!(replaced_by(&[cut(damaged.start() - 1, damaged.end())]).is_err(), "one token earlier");
        }
    }

    #[test]
    fn pieces_of_a_range_are_equal_and_complete(a in token(), b in token(), pieces in 0..200_usize) {
        prop_assume!(a != b);
        let whole = range(a.min(b), a.max(b));
        let cut: Vec<TokenRange> = whole.cut(pieces).collect();
        prop_assert_eq!(cut.len() as u64, (pieces.max(1) as u64).min(whole.size()));
        let joined = cut.iter().skip(1).try_fold(cut[0], |so_far, next| so_far.join(*next));
        prop_assert_eq!(joined, Some(whole));
        let sizes = cut.iter().map(|r| r.size());
        prop_assert!(sizes.clone().min() > Some(0));
        prop_assert!(sizes.clone().max().unwrap() - sizes.min().unwrap() <= 1);
    }
}
