//! Which Cassandra partitions get the most rows.

use std::collections::HashMap;

/// So many Cassandra partitions are told of.
const TOLD: usize = 5;

/// So many are remembered after those with the fewest rows have been forgotten; twice as many are not.
const REMEMBERED: usize = 5_000;

/// A Cassandra partition that a load writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HotPartition {
    /// The columns of its key and their values.
    pub key: String,
    /// Rows for it, at the least: of very many Cassandra partitions, those are forgotten that have had the fewest so far.
    pub rows: u64,
    /// Bytes of values in them.
    pub bytes: u64,
}

/// Counts rows by Cassandra partition, in little memory.
#[derive(Debug, Default)]
pub(crate) struct HotPartitions {
    by_key: HashMap<String, (u64, u64)>,
}

impl HotPartitions {
    pub(crate) fn add(&mut self, key: String, rows: usize, bytes: usize) {
        let (all_rows, all_bytes) = self.by_key.entry(key).or_default();
        *all_rows += rows as u64;
        *all_bytes += bytes as u64;
        if self.by_key.len() >= 2 * REMEMBERED {
            let mut rows: Vec<u64> = self.by_key.values().map(|(rows, _)| *rows).collect();
            let (_, least, _) = rows.select_nth_unstable_by(REMEMBERED, |a, b| b.cmp(a));
            let least = *least;
            let mut equal = REMEMBERED - self.by_key.values().filter(|(rows, _)| *rows > least).count();
            self.by_key.retain(|_, (rows, _)| {
                let is_kept = *rows > least || (*rows == least && equal > 0);
                equal -= usize::from(is_kept && *rows == least);
                is_kept
            });
        }
    }

    /// Those with the most rows.
    pub(crate) fn hottest(&self) -> Vec<HotPartition> {
        let all = self.by_key.iter();
        let mut all: Vec<HotPartition> =
            all.map(|(key, &(rows, bytes))| HotPartition { key: key.clone(), rows, bytes }).collect();
        all.sort_by(|a, b| b.rows.cmp(&a.rows).then_with(|| a.key.cmp(&b.key)));
        all.truncate(TOLD);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hottest_are_found_among_very_many() {
        let mut hot = HotPartitions::default();
        for i in 0..100_000 {
            hot.add(format!("k = {i}"), 1, 10);
            if i % 10 == 0 {
                hot.add("k = hot".to_owned(), 2, 20);
            }
            assert!(hot.by_key.len() < 2 * REMEMBERED);
        }
        let hottest = hot.hottest();
        assert_eq!(hottest.len(), TOLD);
        assert_eq!(hottest[0], HotPartition { key: "k = hot".to_owned(), rows: 20_000, bytes: 200_000 });
        assert_eq!(hottest[1].rows, 1);
    }
}
