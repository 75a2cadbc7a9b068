use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{Either, join_all, select};
use proptest::prelude::*;
use tokio::task::yield_now;

use super::*;

const MOST: usize = 64;
/// Where every node begins.
const FIRST: usize = 8;
const QUICK: Duration = Duration::from_millis(10);

fn pace(most_per_node: usize) -> (Pace, [NodeId; 3]) {
    let options = CassandraOptions {
        groups_in_flight_per_node: Positive::at_least_one(most_per_node),
        ..CassandraOptions::default()
    };
    (Pace::new(&options, 3, &ExecutionPlanMetricsSet::new()), [1, 2, 3].map(NodeId::from_u128))
}

fn name(node: NodeId) -> String {
    node.to_string()
}

impl Pace {
    fn enter_now(&self, nodes: &[NodeId]) -> Option<Slot> {
        self.enter(nodes, name).now_or_never().flatten()
    }

    fn limits(&self, nodes: &[NodeId]) -> Vec<usize> {
        nodes.iter().map(|&node| self.slots_of(node, name).limit()).collect()
    }

    fn metric(&self, name: &str) -> usize {
        self.metrics.clone_inner().sum_by_name(name).unwrap().as_usize()
    }
}

/// Sends groups, each to any of the nodes, as soon as it may be. Gives how many each node has answered.
fn load(pace: &Pace, nodes: &[NodeId], groups: usize, latency: impl Fn(NodeId) -> Duration) -> BTreeMap<NodeId, usize> {
    let (mut clock, mut answered) = (Duration::ZERO, nodes.iter().map(|&node| (node, 0)).collect::<BTreeMap<_, _>>());
    let mut in_flight: Vec<(Duration, Duration, Slot)> = Vec::new();
    for _ in 0..groups {
        let slot = loop {
            if let Some(slot) = pace.enter_now(nodes) {
                break slot;
            }
            let next = (0..in_flight.len()).min_by_key(|&i| in_flight[i].0).unwrap();
            let (at, took, slot) = in_flight.swap_remove(next);
            clock = at;
            slot.acknowledged(took);
            *answered.get_mut(&slot.node()).unwrap() += 1;
        };
        let took = latency(slot.node());
        in_flight.push((clock + took, took, slot));
    }
    answered
}

#[test]
fn there_are_as_many_slots_as_the_limit_says() {
    let (pace, [node, ..]) = pace(MOST);
    let mut held: Vec<Slot> = std::iter::from_fn(|| pace.enter_now(&[node])).collect();
    assert_eq!((held.len(), pace.metric("in_flight_limit"), pace.metric("overloads")), (FIRST, FIRST, 0));
    held[0].overloaded();
    assert_eq!((pace.metric("in_flight_limit"), pace.metric("overloads")), (FIRST / 2, 1));
    // The first half of them that come back are not given out again.
    held.truncate(FIRST / 2);
    assert!(pace.enter_now(&[node]).is_none());
    held.pop();
    assert!(pace.enter_now(&[node]).is_some());
}

#[test]
fn a_slow_node_gets_fewer_groups_and_the_others_keep_their_limit() {
    let (pace, nodes) = pace(MOST);
    let answered = load(&pace, &nodes, 20_000, |_| QUICK);
    assert_eq!(pace.limits(&nodes), [MOST; 3]);
    assert!(answered.values().all(|&n| n > 6_000), "{answered:?}");

    let slow = |node| if node == nodes[0] { QUICK * 10 } else { QUICK };
    load(&pace, &nodes, 50_000, slow);
    let answered = load(&pace, &nodes, 20_000, slow);
    assert_eq!(pace.limits(&nodes), [FIRST, MOST, MOST]);
    assert!(answered[&nodes[0]] < 200 && answered[&nodes[1]] > 9_000 && answered[&nodes[2]] > 9_000, "{answered:?}");

    load(&pace, &nodes, 20_000, |_| QUICK);
    assert_eq!(pace.limits(&nodes), [MOST; 3]);
}

#[test]
fn a_frozen_node_keeps_what_it_has_and_the_others_go_on() {
    let (pace, nodes) = pace(MOST);
    load(&pace, &nodes, 20_000, |_| QUICK);
    let frozen = |node| if node == nodes[0] { Duration::from_hours(1) } else { QUICK };
    let answered = load(&pace, &nodes, 20_000, frozen);
    assert_eq!(answered[&nodes[0]], 0);
    assert!(answered.values().sum::<usize>() >= 20_000 - 3 * MOST, "{answered:?}");

    // In the end its groups time out.
    let held: Vec<Slot> = std::iter::from_fn(|| pace.enter_now(&nodes[..1])).collect();
    assert_eq!(held.len(), MOST);
    held.iter().for_each(Slot::overloaded);
    assert_eq!((pace.limits(&nodes), pace.metric("overloads")), (vec![MOST / 2, MOST, MOST], 1));
    assert_eq!(pace.metric("in_flight_limit"), MOST / 2 + 2 * MOST);
}

#[test]
fn the_node_with_the_most_free_slots_is_chosen() {
    let (pace, [a, b, c]) = pace(MOST);
    assert!(pace.enter_now(&[]).is_none());
    let chosen = |nodes: &[NodeId]| pace.enter_now(nodes).unwrap();
    // Of equal ones the first.
    let first = chosen(&[b, a]);
    let second = chosen(&[b, a]);
    let third = chosen(&[b, a]);
    assert_eq!([&first, &second, &third].map(Slot::node), [b, a, b]);
    // Of eight one is taken, and of four.
    chosen(&[c]).overloaded();
    let at_c = chosen(&[c]);
    assert_eq!(pace.limits(&[a, c]), [8, 4]);
    let next = chosen(&[c, a]);
    assert_eq!((at_c.node(), next.node()), (c, a));
}

#[test]
fn who_waits_for_several_nodes_takes_the_first_slot_and_leaves_the_others() {
    let (pace, [a, b, _]) = pace(1);
    let (at_a, at_b) = (pace.enter_now(&[a]).unwrap(), pace.enter_now(&[b]).unwrap());
    let (both, one) = ([a, b], [b]);
    let (mut for_both, mut for_b) = (pin!(pace.enter(&both, name)), pin!(pace.enter(&one, name)));
    assert!(for_both.as_mut().now_or_never().is_none() && for_b.as_mut().now_or_never().is_none());
    // Both are given to the one who was here first, and it needs only one.
    drop((at_a, at_b));
    let taken = for_both.now_or_never().unwrap().unwrap();
    assert_eq!(taken.node(), a);
    assert_eq!(for_b.now_or_never().unwrap().unwrap().node(), b);
}

/// One, two or three of the nodes.
fn some_of(nodes: [NodeId; 3], which: u8) -> Vec<NodeId> {
    (0..3).filter(|i| (which >> i) & 1 == 1).map(|i| nodes[i]).collect()
}

async fn turns_of(n: usize) {
    for _ in 0..n {
        yield_now().await;
    }
}

proptest! {
    #[test]
    fn no_node_has_more_in_flight_than_its_limit(
        most in 1_usize..40,
        steps in prop::collection::vec((0_u8..10, 1_u8..8, any::<prop::sample::Index>(), 1_u64..200), 0..600),
    ) {
        let (pace, nodes) = pace(most);
        let mut held: Vec<Slot> = Vec::new();
        for (step, which, index, ms) in steps {
            // What each node has free, and of how many.
            let mut free = BTreeMap::new();
            for node in nodes {
                let slots = pace.slots_of(node, name);
                let in_flight = held.iter().filter(|slot| slot.node() == node).count();
                prop_assert_eq!(slots.free(), slots.limit().saturating_sub(in_flight));
                free.insert(node, (slots.free(), slots.limit()));
            }
            match step {
                0..6 => {
                    let among = some_of(nodes, which);
                    match pace.enter_now(&among) {
                        Some(slot) => {
                            let (chosen, of) = free[&slot.node()];
                            prop_assert!(chosen > 0 && among.contains(&slot.node()));
                            prop_assert!(among.iter().all(|node| free[node].0 * of <= chosen * free[node].1));
                            held.push(slot);
                        }
                        None => prop_assert!(among.iter().all(|node| free[node].0 == 0)),
                    }
                }
                _ if held.is_empty() => {}
                _ => {
                    let slot = held.swap_remove(index.index(held.len()));
                    if step == 9 { slot.overloaded() } else { slot.acknowledged(Duration::from_millis(ms)) }
                }
            }
        }
    }

    #[test]
    fn every_group_that_waits_gets_in(
        most in 1_usize..6,
        groups in prop::collection::vec((1_u8..8, 0_usize..5, 0_u8..6, prop::option::weighted(0.2, 0_usize..8)), 1..150),
    ) {
        let (pace, nodes) = pace(most);
        let group = async |(which, turns, end, patience): (u8, usize, u8, Option<usize>)| {
            let among = some_of(nodes, which);
            let slot = match patience {
                None => pace.enter(&among, name).await.unwrap(),
                // Its statement may be cancelled first.
                Some(turns) => match select(pin!(pace.enter(&among, name)), pin!(turns_of(turns))).await {
                    Either::Left((slot, _)) => slot.unwrap(),
                    Either::Right(_) => return,
                },
            };
            assert!(among.contains(&slot.node()));
            turns_of(turns).await;
            if end == 0 { slot.overloaded() } else { slot.acknowledged(QUICK) }
        };
        let all = join_all(groups.into_iter().map(group));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let in_time = runtime.block_on(async { tokio::time::timeout(Duration::from_mins(1), all).await });
        prop_assert!(in_time.is_ok(), "a group waits for ever");
        for node in nodes {
            let slots = pace.slots_of(node, name);
            prop_assert_eq!(slots.free(), slots.limit());
        }
    }
}
