//! Cuts a batch into statement groups: rows of one Cassandra partition, bounded in rows and bytes.

use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

use super::WriteRecipe;
use crate::codec::encode::BoundBatch;
use crate::error::Result;

/// Rows of the input, ready to be sent.
#[derive(Debug)]
pub(crate) struct SourceBatch {
    /// The columns as they came, which is how a rejected row is kept.
    pub(crate) columns: RecordBatch,
    /// What they are to the table, before write times make several statements of a row.
    pub(crate) values: RecordBatch,
    pub(crate) bound: BoundBatch,
    /// The row that each of the rows bound is a statement of, in order; none where there is one for each.
    row_of: Option<Vec<usize>>,
    /// The bytes of the values of each statement.
    sizes: Vec<usize>,
}

impl SourceBatch {
    pub(crate) fn new(
        columns: RecordBatch,
        values: RecordBatch,
        bound: BoundBatch,
        row_of: Option<Vec<usize>>,
    ) -> Self {
        let sizes = bound.sizes();
        Self { columns, values, bound, row_of, sizes }
    }

    /// The statements of a row, as rows of what is bound.
    pub(crate) fn statements(&self, row: usize) -> Range<usize> {
        match &self.row_of {
            None => row..row + 1,
            Some(row_of) => row_of.partition_point(|&of| of < row)..row_of.partition_point(|&of| of <= row),
        }
    }

    /// The bytes of the values of a row.
    pub(crate) fn row_bytes(&self, row: usize) -> usize {
        self.sizes[self.statements(row)].iter().sum()
    }
}

/// Rows of one Cassandra partition, ready to be sent. All statements of a row are in one group.
#[derive(Debug)]
pub(crate) struct StatementGroup {
    pub(crate) source: Arc<SourceBatch>,
    /// The token of the Cassandra partition.
    pub(crate) token: i64,
    pub(crate) rows: Vec<usize>,
    /// Where rows have several of them.
    statements: Option<Vec<usize>>,
    pub(crate) bytes: usize,
}

impl StatementGroup {
    pub(crate) fn new(source: &Arc<SourceBatch>, token: i64, rows: Vec<usize>) -> Self {
        let bytes = rows.iter().map(|&row| source.row_bytes(row)).sum();
        let of_rows = || rows.iter().flat_map(|&row| source.statements(row)).collect();
        let statements = source.row_of.is_some().then(of_rows);
        Self { source: Arc::clone(source), token, rows, statements, bytes }
    }

    /// Its statements, as rows of what is bound.
    pub(crate) fn statements(&self) -> &[usize] {
        self.statements.as_deref().unwrap_or(&self.rows)
    }

    /// Its halves.
    pub(crate) fn halves(mut self) -> [Self; 2] {
        let rest = self.rows.split_off(self.rows.len() / 2);
        [self.rows, rest].map(|rows| Self::new(&self.source, self.token, rows))
    }
}

/// How large a statement group may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GroupLimit {
    rows: usize,
    bytes: usize,
}

impl GroupLimit {
    /// A statement with a condition goes alone: of a group, either all or none would be applied.
    pub(crate) fn new(recipe: &WriteRecipe) -> Self {
        let rows = if recipe.change.is_conditional() { 1 } else { recipe.options.group_rows.get() };
        Self { rows, bytes: recipe.options.group_bytes.get() }
    }
}

/// The serialized partition keys of the rows of a batch, one after the other in one buffer.
#[derive(Debug, Default)]
pub(crate) struct PartitionKeys {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl PartitionKeys {
    /// Adds the next row's key, which `write` appends to the buffer.
    pub(crate) fn push<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        write(&mut self.bytes)?;
        self.ends.push(self.bytes.len());
        Ok(())
    }

    fn get(&self, row: usize) -> &[u8] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.bytes[start..self.ends[row]]
    }
}

/// The token and the rows of each statement group, as numbers of their keys. Every row is in exactly one group; rows of one Cassandra
/// partition keep their order.
///
/// Rows with the same primary key are never in the same group: all cells of a group have the same time, and Cassandra
/// then lets the greater *value* win, cell by cell, which would make of two rows one that nobody has written. (Rows whose
/// statements bring their own times have hashes of their own.)
///
/// `token_of` gives the token of a key, `clustering_hash` a number that rows of equal clustering columns share,
/// `row_bytes` the size of a row's values.
pub(crate) fn statement_groups(
    keys: &PartitionKeys,
    limit: GroupLimit,
    token_of: impl Fn(&[u8]) -> i64,
    clustering_hash: impl Fn(usize) -> u64,
    row_bytes: impl Fn(usize) -> usize,
) -> Vec<(i64, Vec<usize>)> {
    // Sorting by token brings the rows of a Cassandra partition together; it is stable, so their order stays.
    let mut rows: Vec<(i64, usize)> = (0..keys.ends.len()).map(|row| (token_of(keys.get(row)), row)).collect();
    rows.sort_by_key(|(token, _)| *token);

    let mut groups: Vec<(i64, Vec<usize>)> = Vec::new();
    let mut bytes = 0;
    // Of the last group. Different clustering columns of one hash only make a group shorter than it could be.
    let mut hashes = HashSet::new();
    for (token, row) in rows {
        let (size, hash) = (row_bytes(row), clustering_hash(row));
        match groups.last_mut() {
            // Different keys may share a token, so the keys themselves are compared.
            Some((_, group))
                if group.len() < limit.rows
                    && bytes + size <= limit.bytes
                    && group.first().is_some_and(|&first| keys.get(first) == keys.get(row))
                    && !hashes.contains(&hash) =>
            {
                group.push(row);
                bytes += size;
            }
            _ => {
                groups.push((token, vec![row]));
                bytes = size;
                hashes.clear();
            }
        }
        hashes.insert(hash);
    }
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(of: &[u8]) -> PartitionKeys {
        let mut keys = PartitionKeys::default();
        for key in of {
            keys.push(|buffer| {
                buffer.push(*key);
                Ok::<(), ()>(())
            })
            .unwrap();
        }
        keys
    }

    fn token(key: &[u8]) -> i64 {
        // Few different tokens, so that different keys share one.
        i64::from(key[0] % 3)
    }

    #[test]
    fn a_row_over_the_limit_goes_alone() {
        let limit = GroupLimit { rows: 10, bytes: 100 };
        let size = |row| if row == 1 { 500 } else { 40 };
        let groups = statement_groups(&keys(&[1, 1, 1, 1]), limit, token, |row| row as u64, size);
        assert_eq!(groups, [(1, vec![0]), (1, vec![1]), (1, vec![2, 3])]);
    }

    #[test]
    fn rows_of_one_primary_key_go_apart() {
        let limit = GroupLimit { rows: 10, bytes: 100 };
        let clustering = [7, 8, 7, 8, 9, 7];
        let groups = statement_groups(&keys(&[1; 6]), limit, token, |row| clustering[row], |_| 1);
        assert_eq!(groups, [(1, vec![0, 1]), (1, vec![2, 3, 4]), (1, vec![5])]);
    }

    proptest! {
        #[test]
        fn every_row_is_in_one_group_of_one_key_within_the_limit(
            of in prop::collection::vec(0_u8..6, 0..200),
            clusterings in 1_u64..40,
            rows in 1_usize..20,
            bytes in 1_usize..400,
        ) {
            let size = |row: usize| row % 50 + 1;
            let clustering = |row: usize| row as u64 % clusterings;
            let groups = statement_groups(&keys(&of), GroupLimit { rows, bytes }, token, clustering, size);
            prop_assert!(groups.iter().all(|(of_group, rows)| *of_group == token(&[of[rows[0]]])));
            let groups: Vec<Vec<usize>> = groups.into_iter().map(|(_, rows)| rows).collect();
            let mut seen: Vec<usize> = groups.concat();
            for group in &groups {
                prop_assert!(group.len() <= rows);
                prop_assert!(group.iter().all(|&row| of[row] == of[group[0]]));
                let different: HashSet<u64> = group.iter().map(|&row| clustering(row)).collect();
                prop_assert_eq!(different.len(), group.len());
                prop_assert!(group.len() == 1 || group.iter().map(|&row| size(row)).sum::<usize>() <= bytes);
            }
            for key in 0..6 {
                let order: Vec<usize> = groups.iter().flatten().copied().filter(|&row| of[row] == key).collect();
                prop_assert!(order.is_sorted());
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..of.len()).collect::<Vec<_>>());
        }
    }
}
