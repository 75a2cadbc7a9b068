//! The laws of splits, on the rings of `cluster::ring`.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::cluster::ring::replica_ranges;
use crate::cluster::ring::tests::{clusters, node};
use crate::cluster::ring::validate_ranges;

fn set(replicas: &[NodeId]) -> BTreeSet<NodeId> {
    let set: BTreeSet<_> = replicas.iter().copied().collect();
    assert_eq!(set.len(), replicas.len(), "a replica is named twice");
    set
}

fn ranges(splits: &[Split]) -> impl Iterator<Item = TokenRange> {
    splits.iter().map(|s| s.range().unwrap())
}

/// Tokens of `nodes` × `vnodes`, spread by a multiplicative hash, with `factor` consecutive nodes as replicas.
fn cluster_of(nodes: usize, vnodes: usize, factor: usize) -> Vec<ReplicaRange> {
    let token = |i: usize| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).cast_signed();
    let tokens: Vec<i64> = (0..nodes * vnodes).map(token).collect();
    let owner = |t: i64| tokens.iter().position(|x| *x == t).unwrap() % nodes;
    let replicas = |t: i64| (0..factor).map(|i| node((owner(t) + i) % nodes)).collect();
    replica_ranges(tokens.iter().copied(), replicas).unwrap()
}

/// Tokens asked of each node first.
fn asked_first(splits: &[Split]) -> BTreeMap<NodeId, u128> {
    let mut asked = BTreeMap::new();
    for split in splits {
        *asked.entry(split.replicas[0]).or_default() += u128::from(split.size());
    }
    asked
}

fn adjacent_equal(list: &[Split]) -> usize {
    list.windows(2).filter(|pair| pair[0].replicas[0] == pair[1].replicas[0]).count()
}

#[test]
fn when_every_node_holds_everything_the_ring_is_one_range() {
    let ring = cluster_of(3, 256, 3);
    assert_eq!(ring.len(), 769);
    assert_eq!(plan_splits(ring.clone(), 1).len(), 1);
    let splits = plan_splits(ring, 7);
    assert_eq!(splits.len(), 7);
    let sizes: BTreeSet<u64> = splits.iter().map(Split::size).collect();
    assert!(sizes.last().unwrap() - sizes.first().unwrap() <= 1, "{sizes:?}");
}

#[test]
fn ranges_that_cannot_be_merged_keep_a_split_each() {
    let ring = cluster_of(3, 1, 1);
    assert_eq!(ring.len(), 4); // two of them are the halves of the wrapping range
    for count in [0, 1, 4] {
        assert_eq!(plan_splits(ring.clone(), count).len(), 4);
    }
    assert_eq!(plan_splits(ring, 5).len(), 5);
}

#[test]
fn pieces_follow_the_size_of_the_range() {
    let halves = |t: i64| vec![node(usize::from(t > 0))];
    // A quarter of the ring and three quarters of it.
    let ring = replica_ranges([i64::MIN / 2, i64::MAX], halves).unwrap();
    let splits = plan_splits(ring, 8);
    let small = splits.iter().filter(|s| s.replicas == [node(0)]).count();
    assert_eq!((small, splits.len()), (2, 8));
}

#[test]
fn a_range_of_few_tokens_gives_few_pieces() {
    let three = ReplicaRange { range: TokenRange::new(10, 13).unwrap(), replicas: vec![node(0)] };
    let one = ReplicaRange { range: TokenRange::new(20, 21).unwrap(), replicas: vec![node(0)] };
    let splits = plan_splits(vec![one, three], 100);
    let texts: Vec<String> = ranges(&splits).map(|r| r.to_string()).collect();
    assert_eq!(texts, ["(10, 11]", "(11, 12]", "(12, 13]", "(20, 21]"]);
}

#[test]
fn nodes_are_asked_evenly() {
    let spread = |splits: &[Split]| {
        let asked = asked_first(splits);
        assert_eq!(asked.len(), 3);
        asked.values().max().unwrap() - asked.values().min().unwrap()
    };
    // Any node may be asked for anything.
    let splits = plan_splits(cluster_of(3, 16, 3), 240);
    assert!(spread(&splits) <= splits.iter().map(|s| u128::from(s.size())).max().unwrap());
    // Two of three may be: within 2 % of the ring. Asking the primary one would follow the uneven vnodes.
    let ring = cluster_of(3, 16, 2);
    let splits = plan_splits(ring, 240);
    assert!(spread(&splits) <= u128::from(u64::MAX) / 50, "{:?}", asked_first(&splits));
}

#[test]
fn lists_mix_nodes_and_begin_with_different_ones() {
    let lists = assign(plan_splits(cluster_of(3, 16, 3), 27), 3);
    assert_eq!(lists.iter().map(Vec::len).collect::<Vec<_>>(), [9, 9, 9]);
    for list in &lists {
        assert_eq!(adjacent_equal(list), 0);
        assert_eq!(asked_first(list).len(), 3);
    }
    let first: BTreeSet<NodeId> = lists.iter().map(|list| list[0].replicas[0]).collect();
    assert_eq!(first.len(), 3);
}

#[test]
fn no_list_is_empty_unless_there_is_nothing_to_read() {
    assert_eq!(assign(vec![], 4), [vec![]]);
    let local = Split { part: Part::Table, replicas: vec![node(0)] };
    assert_eq!(assign(vec![local.clone()], 4), [vec![local.clone()]]);
    assert_eq!(assign(vec![local.clone(), local.clone()], 0), [vec![local.clone(), local]]);
}

#[test]
fn the_count_follows_size_partitions_and_nodes() {
    const MB: u64 = 1 << 20;
    assert_eq!(split_count(None, 64 * MB, 2, 1), 16);
    assert_eq!(split_count(None, 64 * MB, 2, 3), 24);
    assert_eq!(split_count(Some(0), 64 * MB, 1, 0), 8);
    assert_eq!(split_count(Some(64 * MB * 100), 64 * MB, 2, 3), 100);
    assert_eq!(split_count(Some(64 * MB * 100 + 1), 64 * MB, 2, 3), 101);
    assert_eq!(split_count(Some(1), 0, 0, 0), 8);
    assert_eq!(split_count(Some(u64::MAX), 1, 1, 1), MAX_SPLITS);
    assert_eq!(split_count(None, MB, usize::MAX, 1), MAX_SPLITS);
}

proptest! {
    #[test]
    fn splits_cover_the_ring_and_stay_with_their_replicas(
        cluster in clusters(),
        count in prop_oneof![0..4_usize, 4..2000_usize],
        more in vec(any::<u64>(), 3),
    ) {
        let ring = cluster.ranges();
        let merged = merge(ring.clone());
        let splits = plan_splits(ring, count);
        validate_ranges(ranges(&splits)).unwrap();
        prop_assert!(ranges(&splits).is_sorted());
        prop_assert_eq!(splits.len(), count.max(merged.len()));

        for split in &splits {
            let range = split.range().unwrap();
            let inside = more.iter().map(|m| range.start().wrapping_add_unsigned(1 + m % range.size()));
            for token in inside.chain([range.start().wrapping_add(1), range.end()]) {
                prop_assert!(range.contains(token));
                prop_assert_eq!(set(&split.replicas), set(cluster.replicas_of(token)), "token {}", token);
            }
        }
        for edge in cluster.edges() {
            let split = splits.iter().find(|s| s.range().unwrap().contains(edge)).unwrap();
            prop_assert_eq!(set(&split.replicas), set(cluster.replicas_of(edge)), "token {}", edge);
        }
    }

    #[test]
    fn pieces_are_equal_within_a_range_and_no_larger_than_needed(cluster in clusters(), count in 1..2000_usize) {
        let merged = merge(cluster.ranges());
        let neighbours_differ = |pair: &[ReplicaRange]| pair[0].replicas != pair[1].replicas;
        prop_assert!(merged.windows(2).all(neighbours_differ), "merged as far as possible");

        let splits = plan_splits(cluster.ranges(), count);
        let mut pieces: Vec<Vec<u64>> = Vec::new();
        for ReplicaRange { range, .. } in &merged {
            let of_range = splits.iter().filter(|s| range.contains(s.range().unwrap().end()));
            pieces.push(of_range.map(Split::size).collect());
        }
        for sizes in &pieces {
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
        // Taking a piece from any range and giving it to the one with the largest pieces would not help.
        let share = |sizes: &Vec<u64>, pieces: usize| (sizes.iter().map(|s| u128::from(*s)).sum::<u128>(), pieces as u128);
        let largest = pieces.iter().map(|sizes| share(sizes, sizes.len()));
        let (size, n) = largest.max_by(|a, b| (a.0 * b.1).cmp(&(b.0 * a.1))).unwrap();
        for sizes in pieces.iter().filter(|sizes| sizes.len() > 1) {
            let (with_one_less, m) = share(sizes, sizes.len() - 1);
            prop_assert!(with_one_less * n >= size * m);
        }
    }

    #[test]
    fn assigning_loses_nothing_and_balances(
        cluster in clusters(),
        count in 1..500_usize,
        partitions in 0..40_usize,
    ) {
        let splits = plan_splits(cluster.ranges(), count);
        let lists = assign(splits.clone(), partitions);
        prop_assert_eq!(&lists, &assign(splits.clone(), partitions), "deterministic");
        prop_assert_eq!(lists.len(), partitions.clamp(1, splits.len()));
        prop_assert!(lists.iter().all(|list| !list.is_empty()));

        let mut all = lists.concat();
        all.sort_by_key(Split::range);
        prop_assert_eq!(&all, &splits);

        let loads = lists.iter().map(|list| list.iter().map(|s| u128::from(s.size())).sum::<u128>());
        let largest = splits.iter().map(Split::size).max().unwrap();
        prop_assert!(loads.clone().max().unwrap() - loads.min().unwrap() <= u128::from(largest));

        for list in &lists {
            let mut splits_of: HashMap<NodeId, usize> = HashMap::new();
            for split in list {
                *splits_of.entry(split.replicas[0]).or_default() += 1;
            }
            let most = *splits_of.values().max().unwrap();
            // m splits of one node need m - 1 others between them.
            prop_assert_eq!(adjacent_equal(list), (2 * most).saturating_sub(list.len() + 1));
        }
    }
}
