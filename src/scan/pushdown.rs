//! Which part of a WHERE Cassandra answers.
//!
//! ```text
//! conjuncts ─ condition (read) ─ domain (joined per column) ─ Restriction for the server + what is left for a FilterExec
//! ```
//!
//! A conjunct is given to the server only where its answer is the same as DataFusion's:
//!
//! | columns | CQL | as what |
//! |---|---|---|
//! | whole partition key | `=`, `IN` | one statement a Cassandra partition, sent to its replicas |
//! | then clustering columns in order | `=`, `IN`, and one range at the end | terms of these statements |
//! | `token(pk…)` | `=`, `<` … | fewer splits |
//! | with an index | `=`; `<` … and `CONTAINS` with SAI | terms besides the token range |
//! | others, if `allow_filtering` says so | `=`, `<` … | terms with `ALLOW FILTERING` |
//!
//! Several conditions on one column are joined first, so that a contradiction reads nothing. Types that compare in another
//! way in Cassandra than in Arrow are left alone, see `value.rs`. What the server refuses without ALLOW FILTERING
//! is never sent.

use arrow::datatypes::Schema;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;

mod condition;
mod domain;
mod value;

#[cfg(test)]
mod tests;

use condition::{Condition, Inclusive, Reader, Test};
use domain::Domain;
use value::{Comparable, encode};

use super::restriction::{Access, PartitionKey, Relation, Restriction, Term, Value};
use crate::cluster::ring::TokenRange;
use crate::cluster::schema::{Column, ColumnKind, CqlType, IndexKind, IndexTarget, TableSchema};
use crate::options::CassandraOptions;

/// Most values of an IN on a clustering column: each is one more slice for the server to read, and one more marker.
const MOST_IN_VALUES: usize = 100;

/// Most bytes of a value that is looked up in an index: longer ones are not in every index.
const MOST_INDEXED_BYTES: usize = 1_000;

/// Whether Cassandra orders values of this type as Arrow does.
pub(crate) fn has_arrow_order(cql_type: &CqlType) -> bool {
    Comparable::of(cql_type) == Comparable::Order
}

/// Whether values of this type are equal in Cassandra exactly if they are in Arrow.
pub(crate) fn has_arrow_equality(cql_type: &CqlType) -> bool {
    Comparable::of(cql_type) >= Comparable::Equality && !matches!(cql_type, CqlType::Float | CqlType::Double)
}

/// Whether a conjunct can be given to the server, as far as it alone can tell.
pub(crate) fn may_push(table: &TableSchema, schema: &Schema, options: &CassandraOptions, filter: &Expr) -> bool {
    let usable = |index: usize| {
        let column = &table.columns[index];
        column.kind.is_key()
            || table.is_indexed(&column.name)
            || (options.allow_filtering && column.kind == ColumnKind::Regular)
    };
    !table.node_local
        && options.filter_pushdown
        && match (Reader { table, schema }).read(filter) {
            Some(Condition::Column(index, _) | Condition::Contains(index, _)) => usable(index),
            Some(Condition::Token(_) | Condition::Tuple(..)) => true,
            None => false,
        }
}

/// What the server is asked, and what is left of the filters.
#[derive(Debug)]
pub(crate) struct Pushdown {
    pub(crate) restriction: Restriction,
    pub(crate) residual: Vec<Expr>,
}

/// Divides the conjuncts `filters` of a table whose columns have the Arrow types of `schema`.
pub(crate) fn push(table: &TableSchema, schema: &Schema, options: &CassandraOptions, filters: &[Expr]) -> Pushdown {
    if table.node_local || !options.filter_pushdown {
        return Pushdown { restriction: Restriction::none(), residual: filters.to_vec() };
    }
    let reader = Reader { table, schema };
    let mut planner = Planner {
        table,
        options,
        conditions: filters.iter().map(|filter| reader.read(filter)).collect(),
        domains: vec![Domain::default(); table.columns.len()],
        pushed: vec![false; filters.len()],
    };
    let restriction = planner.plan();
    let residual = filters.iter().zip(&planner.pushed).filter(|(_, pushed)| !**pushed);
    Pushdown { restriction, residual: residual.map(|(filter, _)| filter.clone()).collect() }
}

struct Planner<'a> {
    table: &'a TableSchema,
    options: &'a CassandraOptions,
    /// Of each filter, if it was understood.
    conditions: Vec<Option<Condition>>,
    /// Of each column of the table.
    domains: Vec<Domain>,
    /// Whether the server answers the filter.
    pushed: Vec<bool>,
}

impl Planner<'_> {
    fn plan(&mut self) -> Restriction {
        let mut tokens = vec![TokenRange::RING];
        for condition in self.conditions.iter().flatten() {
            match condition {
                Condition::Column(index, test) => self.domains[*index].narrow(test.clone()),
                Condition::Token(test) => tokens = cut_ring(&tokens, test),
                Condition::Contains(..) | Condition::Tuple(..) => {}
            }
        }
        if tokens.is_empty() || self.domains.iter().any(Domain::is_empty) {
            return self.nothing();
        }
        self.mark(|condition| matches!(condition, Condition::Token(_)));
        let (access, mut terms) = match self.keys(&tokens) {
            Some(keys) => {
                let Some(terms) = self.clustering() else { return self.nothing() };
                (Access::Keys(keys), terms)
            }
            None => (Access::Ring(tokens), self.indexed()),
        };
        let allow_filtering = self.options.allow_filtering && self.filtered(&mut terms);
        if matches!(&access, Access::Keys(keys) if keys.is_empty()) {
            return self.nothing();
        }
        Restriction { access, terms, allow_filtering }
    }

    /// No row can be true of all filters, whatever the other ones say.
    fn nothing(&mut self) -> Restriction {
        self.pushed.fill(true);
        Restriction::nothing()
    }

    /// Marks the filters of these conditions as answered.
    fn mark(&mut self, answered: impl Fn(&Condition) -> bool) {
        for (condition, pushed) in self.conditions.iter().zip(&mut self.pushed) {
            *pushed |= condition.as_ref().is_some_and(&answered);
        }
    }

    fn mark_column(&mut self, column: usize) {
        self.mark(|condition| matches!(condition, Condition::Column(index, _) if *index == column));
    }

    /// The Cassandra partitions, if all columns of the key have listed values and their combinations are not too many.
    fn keys(&mut self, tokens: &[TokenRange]) -> Option<Vec<PartitionKey>> {
        let columns: Vec<&Column> = self.table.partition_key().collect();
        let sets: Vec<&[ScalarValue]> = self.domains[..columns.len()].iter().map(Domain::set).collect::<Option<_>>()?;
        let combinations = sets.iter().try_fold(1_usize, |product, set| product.checked_mul(set.len()))?;
        if combinations > self.options.max_keys.get() {
            return None;
        }
        let only = columns.len() == 1;
        let mut keys: Vec<Vec<Value>> = vec![Vec::new()];
        for (column, set) in columns.iter().zip(&sets) {
            let values: Vec<Value> = set.iter().filter_map(|value| encode(column, value, only)).collect();
            keys = keys
                .iter()
                .flat_map(|key| values.iter().map(|v| [key.as_slice(), std::slice::from_ref(v)].concat()))
                .collect();
        }
        let keys = keys.into_iter().filter_map(PartitionKey::new);
        let keys = keys.filter(|key| tokens.iter().any(|range| range.contains(key.token))).collect();
        (0..columns.len()).for_each(|column| self.mark_column(column));
        Some(keys)
    }

    /// Terms on a prefix of the clustering columns. `None` if no row can have such values.
    fn clustering(&mut self) -> Option<Vec<Term>> {
        let mut terms = Vec::new();
        for index in self.table.partition_key().count()..self.table.primary_key().count() {
            let (column, domain) = (&self.table.columns[index], self.domains[index].clone());
            match domain.set() {
                Some(set) if set.len() <= MOST_IN_VALUES => {
                    let values: Vec<Value> = set.iter().filter_map(|value| encode(column, value, false)).collect();
                    let relation = match values.len() {
                        0 => return None,
                        1 => Relation::Eq,
                        _ => Relation::In,
                    };
                    terms.push(Term::new(&column.name, relation, values));
                    self.mark_column(index);
                }
                None if domain == Domain::default() => {
                    terms.extend(self.tuples(index));
                    break;
                }
                set => {
                    let ordered = Comparable::of(&column.cql_type) == Comparable::Order;
                    if let Some(range) = if ordered { range(column, &domain) } else { None } {
                        // Of a long list this is more than was asked for: its filter stays.
                        if set.is_none() && !range.is_empty() {
                            self.mark_column(index);
                        }
                        terms.extend(range);
                    }
                    break;
                }
            }
        }
        Some(terms)
    }

    /// Comparisons of the clustering columns from this one on as tuples: one of each side.
    fn tuples(&mut self, first: usize) -> Vec<Term> {
        let mut terms: Vec<Term> = Vec::new();
        for (condition, pushed) in self.conditions.iter().zip(&mut self.pushed) {
            let Some(Condition::Tuple(columns, relation, values)) = condition else { continue };
            let in_order = columns.iter().copied().eq(first..first + columns.len());
            let is_lower = |relation| matches!(relation, Relation::Gt | Relation::GtEq);
            let has_side = terms.iter().any(|term| is_lower(term.relation) == is_lower(*relation));
            if !in_order || first + columns.len() > self.table.primary_key().count() || has_side {
                continue;
            }
            let columns: Vec<&Column> = columns.iter().map(|&index| &self.table.columns[index]).collect();
            let encoded = columns.iter().zip(values).map(|(column, value)| encode(column, value, false));
            if let Some(values) = encoded.collect::<Option<Vec<_>>>() {
                let columns = columns.iter().map(|column| column.name.clone()).collect();
                terms.push(Term { columns, relation: *relation, values });
                *pushed = true;
            }
        }
        terms
    }

    /// Terms that indexes answer: those of all SAI ones, or of one of the other kind.
    fn indexed(&mut self) -> Vec<Term> {
        if !self.options.index_pushdown {
            return Vec::new();
        }
        let mut columns = 0..self.table.columns.len();
        let terms: Vec<Term> = columns.clone().flat_map(|column| self.by_index(column, IndexKind::Sai)).collect();
        if !terms.is_empty() {
            return terms;
        }
        let first = columns.find_map(|column| Some(self.by_index(column, IndexKind::Legacy)).filter(|t| !t.is_empty()));
        first.unwrap_or_default()
    }

    /// Terms that the indexes of this kind on a column answer.
    fn by_index(&mut self, index: usize, kind: IndexKind) -> Vec<Term> {
        let (table, mut terms) = (self.table, Vec::new());
        let column = &table.columns[index];
        let is_indexed = |target| table.index(&column.name, target).is_some_and(|found| found.kind == kind);
        if column.kind == ColumnKind::Static {
            return terms;
        }
        if is_indexed(IndexTarget::Column) {
            let domain = &self.domains[index];
            let is_sai = kind == IndexKind::Sai;
            let found =
                if is_sai { sai_terms(column, domain) } else { equality(column, domain).map(|term| vec![term]) };
            if let Some(found) = found {
                terms.extend(found);
                self.mark_column(index);
            }
        }
        if is_indexed(IndexTarget::Values) && (kind == IndexKind::Sai || terms.is_empty()) {
            terms.extend(self.contains(index));
        }
        terms
    }

    /// The first element that the collection must have; other filters on it stay.
    fn contains(&mut self, column: usize) -> Option<Term> {
        let found =
            self.conditions.iter().position(|c| matches!(c, Some(Condition::Contains(i, _)) if *i == column))?;
        let Some(Condition::Contains(_, element)) = &self.conditions[found] else { return None };
        let whole = &self.table.columns[column];
        let (CqlType::List(inner) | CqlType::Set(inner)) = &whole.cql_type else { return None };
        let element_column = Column { cql_type: inner.as_ref().clone(), ..whole.clone() };
        let value = encode(&element_column, element, false).filter(indexable)?;
        self.pushed[found] = true;
        Some(Term::new(&whole.name, Relation::Contains, vec![value]))
    }

    /// Adds what only ALLOW FILTERING permits; whether there is any.
    fn filtered(&mut self, terms: &mut Vec<Term>) -> bool {
        let mut found = false;
        // An index of the partition key finds static columns that have no rows, whose clustering columns, which they have
        // not, the server then compares: it fails.
        let by_key = self.table.partition_key().any(|column| terms.iter().any(|term| term.is_on(&column.name)));
        let only_regular = by_key && self.table.columns.iter().any(|column| column.kind == ColumnKind::Static);
        for index in self.table.partition_key().count()..self.table.columns.len() {
            let column = &self.table.columns[index];
            let has_term = terms.iter().any(|term| term.columns.contains(&column.name));
            let is_out = matches!(column.kind, ColumnKind::Static | ColumnKind::Computed);
            if has_term || is_out || (only_regular && column.kind.is_key()) {
                continue;
            }
            let ordered = Comparable::of(&column.cql_type) == Comparable::Order;
            let domain = &self.domains[index];
            let new = equality(column, domain).map(|term| vec![term]);
            let new = new.or_else(|| if ordered && domain.set().is_none() { range(column, domain) } else { None });
            if let Some(new) = new.filter(|new| !new.is_empty()) {
                terms.extend(new);
                self.mark_column(index);
                found = true;
            }
        }
        found
    }
}

/// The tokens of `ranges` that pass.
fn cut_ring(ranges: &[TokenRange], test: &Test) -> Vec<TokenRange> {
    let number = |value: &ScalarValue| match value {
        ScalarValue::Int64(Some(value)) => *value,
        _ => i64::MIN,
    };
    // (after, up to]: the token i64::MIN is nobody's.
    let before = |value: i64| value.saturating_sub(1);
    let wanted: Vec<(i64, i64)> = match test {
        Test::OneOf(values) => values.iter().map(|value| (before(number(value)), number(value))).collect(),
        Test::Lower(value, Inclusive::Yes) => vec![(before(number(value)), i64::MAX)],
        Test::Lower(value, Inclusive::No) => vec![(number(value), i64::MAX)],
        Test::Upper(value, Inclusive::Yes) => vec![(i64::MIN, number(value))],
        Test::Upper(value, Inclusive::No) => vec![(i64::MIN, before(number(value)))],
        Test::Within(low, high) => vec![(before(number(low)), number(high))],
    };
    let mut wanted: Vec<TokenRange> = wanted.into_iter().filter_map(|(a, b)| TokenRange::new(a, b).ok()).collect();
    wanted.sort_unstable();
    wanted.dedup();
    ranges.iter().flat_map(|range| wanted.iter().filter_map(|other| range.intersect(*other))).collect()
}

/// The terms of a range; none if the domain has no bounds, `None` if a bound is nothing that the column can have.
fn range(column: &Column, domain: &Domain) -> Option<Vec<Term>> {
    let (lower, upper) = domain.bounds();
    let bounds = [(lower, Relation::Gt, Relation::GtEq), (upper, Relation::Lt, Relation::LtEq)];
    let mut terms = Vec::new();
    for (bound, exclusive, inclusive) in bounds {
        if let Some((value, included)) = bound {
            let relation = if included == Inclusive::Yes { inclusive } else { exclusive };
            terms.push(Term::new(&column.name, relation, vec![encode(column, &value, false)?]));
        }
    }
    Some(terms)
}

/// `column = value`, if there is one value.
fn equality(column: &Column, domain: &Domain) -> Option<Term> {
    let [only] = domain.set()? else { return None };
    let value = encode(column, only, false).filter(indexable)?;
    Some(Term::new(&column.name, Relation::Eq, vec![value]))
}

/// SAI answers equality, and ranges of numbers and times.
fn sai_terms(column: &Column, domain: &Domain) -> Option<Vec<Term>> {
    use CqlType::{BigInt, Date, Int, SmallInt, Time, Timestamp, TinyInt};
    if domain.set().is_some() {
        return equality(column, domain).map(|term| vec![term]);
    }
    let is_number = matches!(column.cql_type, TinyInt | SmallInt | Int | BigInt | Date | Time | Timestamp);
    range(column, domain).filter(|terms| is_number && !terms.is_empty())
}

/// Empty values and long ones are not in every index.
fn indexable(value: &Value) -> bool {
    (1..=MOST_INDEXED_BYTES).contains(&value.bytes.len())
}
