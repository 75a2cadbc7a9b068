//! What Cassandra itself says, to compare with.

use std::collections::BTreeSet;

use cbulk::Session;
use scylla::policies::load_balancing::{NodeIdentifier, SingleTargetLoadBalancingPolicy};
use scylla::statement::unprepared::Statement;

use crate::common::TestKeyspace;
use crate::common::cluster::RealCluster;

/// Start and end of a range, and the addresses of its replicas.
type Range = (i64, i64, BTreeSet<String>);

pub(crate) async fn ranges_of_cbulk(session: &Session, ks: &TestKeyspace) -> Vec<Range> {
    let cluster = session.cluster().connect().await.unwrap();
    let host = |node| cluster.node_address(node).unwrap().rsplit_once(':').unwrap().0.to_owned();
    let ranges = cluster.ranges(&ks.name).unwrap().into_iter();
    let ranges = ranges.map(|r| (r.range.start(), r.range.end(), r.replicas.into_iter().map(host).collect()));
    let mut ranges: Vec<Range> = ranges.collect();
    ranges.sort();
    ranges
}

/// The same from `nodetool describering`, with the range over the end of the ring cut in two.
pub(crate) async fn ranges_of_nodetool(cluster: &RealCluster, ks: &TestKeyspace) -> Vec<Range> {
    let text = cluster.run(&["nodetool", "describering", &ks.name]).await.unwrap();
    let mut ranges = Vec::new();
    for line in text.lines().filter(|line| line.contains("TokenRange(")) {
        let after = |mark: &str, end: char| line.split_once(mark).unwrap().1.split(end).next().unwrap();
        let start: i64 = after("(start_token:", ',').parse().unwrap();
        let end: i64 = after(" end_token:", ',').parse().unwrap();
        let replicas: BTreeSet<String> = after(" endpoints:[", ']').split(", ").map(str::to_owned).collect();
        if start < end {
            ranges.push((start, end, replicas));
        } else {
            ranges.push((start, i64::MAX, replicas.clone()));
            ranges.push((i64::MIN, end, replicas));
        }
    }
    assert!(!ranges.is_empty(), "{text}");
    ranges.sort();
    ranges
}

/// How many requests for ranges of table `t` each node says it has coordinated.
pub(crate) async fn requests_coordinated(cluster: &RealCluster, ks: &TestKeyspace) -> Vec<i64> {
    counts(cluster, ks, "coordinator_scan_latency").await
}

/// How many writes to table `t` each node says it has coordinated, and how many it has carried out as a replica.
pub(crate) async fn writes(cluster: &RealCluster, ks: &TestKeyspace) -> [Vec<i64>; 2] {
    [counts(cluster, ks, "coordinator_write_latency").await, counts(cluster, ks, "local_write_latency").await]
}

async fn counts(cluster: &RealCluster, ks: &TestKeyspace, view: &str) -> Vec<i64> {
    let cql = format!("SELECT count FROM system_views.{view} WHERE keyspace_name = ? AND table_name = 't'");
    let mut counts = Vec::new();
    let nodes = ks.cql.get_cluster_state();
    for node in nodes.get_nodes_info() {
        let mut statement = Statement::new(&cql);
        let target = NodeIdentifier::HostId(node.host_id);
        statement.set_load_balancing_policy(Some(SingleTargetLoadBalancingPolicy::new(target, None)));
        let result = ks.cql.query_unpaged(statement, (&ks.name,)).await.unwrap();
        counts.push(result.into_rows_result().unwrap().single_row::<(i64,)>().unwrap().0);
    }
    assert_eq!(counts.len(), cluster.hosts.len());
    counts
}
