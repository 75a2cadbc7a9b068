//! The values that a column may have, by all conditions on it together.

use std::cmp::Ordering;

use datafusion::common::ScalarValue;

use super::condition::{Inclusive, Test};

/// A bound and whether it belongs to the values.
pub(super) type Bound = (ScalarValue, Inclusive);

/// What is left of a column's values.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Domain {
    /// Only these, ordered, each once.
    set: Option<Vec<ScalarValue>>,
    lower: Option<Bound>,
    upper: Option<Bound>,
    empty: bool,
}

impl Domain {
    /// Takes away the values that do not pass.
    pub(super) fn narrow(&mut self, test: Test) {
        match test {
            Test::OneOf(values) => self.keep_only(values),
            Test::Lower(value, inclusive) => self.raise((value, inclusive)),
            Test::Upper(value, inclusive) => self.cut((value, inclusive)),
            Test::Within(low, high) => {
                self.raise((low, Inclusive::Yes));
                self.cut((high, Inclusive::Yes));
            }
        }
        self.settle();
    }

    fn keep_only(&mut self, mut values: Vec<ScalarValue>) {
        values.sort_by(compare);
        values.dedup();
        self.set = Some(match self.set.take() {
            Some(set) => set.into_iter().filter(|value| values.contains(value)).collect(),
            None => values,
        });
    }

    fn raise(&mut self, bound: Bound) {
        let narrower = self.lower.as_ref().is_none_or(|old| match compare(&bound.0, &old.0) {
            Ordering::Greater => true,
            Ordering::Equal => bound.1 == Inclusive::No,
            Ordering::Less => false,
        });
        if narrower {
            self.lower = Some(bound);
        }
    }

    fn cut(&mut self, bound: Bound) {
        let narrower = self.upper.as_ref().is_none_or(|old| match compare(&bound.0, &old.0) {
            Ordering::Less => true,
            Ordering::Equal => bound.1 == Inclusive::No,
            Ordering::Greater => false,
        });
        if narrower {
            self.upper = Some(bound);
        }
    }

    /// Applies the bounds to the set, or to each other.
    fn settle(&mut self) {
        let (lower, upper) = (&self.lower, &self.upper);
        let passes = |value: &ScalarValue| {
            let above = lower.as_ref().is_none_or(|(bound, inclusive)| match compare(value, bound) {
                Ordering::Greater => true,
                Ordering::Equal => *inclusive == Inclusive::Yes,
                Ordering::Less => false,
            });
            let below = upper.as_ref().is_none_or(|(bound, inclusive)| match compare(value, bound) {
                Ordering::Less => true,
                Ordering::Equal => *inclusive == Inclusive::Yes,
                Ordering::Greater => false,
            });
            above && below
        };
        if let Some(set) = &mut self.set {
            set.retain(passes);
            self.empty = set.is_empty();
        } else if let (Some(low), Some(high)) = (lower, upper) {
            let both = low.1 == Inclusive::Yes && high.1 == Inclusive::Yes;
            match compare(&low.0, &high.0) {
                Ordering::Less => {}
                Ordering::Equal if both => self.set = Some(vec![low.0.clone()]),
                Ordering::Equal | Ordering::Greater => self.empty = true,
            }
        }
    }

    /// Whether no value is left.
    pub(super) fn is_empty(&self) -> bool {
        self.empty
    }

    /// The values, if they can be listed.
    pub(super) fn set(&self) -> Option<&[ScalarValue]> {
        self.set.as_deref()
    }

    /// The bounds; of a set, those around it.
    pub(super) fn bounds(&self) -> (Option<Bound>, Option<Bound>) {
        match self.set.as_deref() {
            Some([first, .., last]) => (Some((first.clone(), Inclusive::Yes)), Some((last.clone(), Inclusive::Yes))),
            Some([only]) => (Some((only.clone(), Inclusive::Yes)), Some((only.clone(), Inclusive::Yes))),
            _ => (self.lower.clone(), self.upper.clone()),
        }
    }
}

/// Values of one type, none of them null or a NaN, so that they always compare.
fn compare(a: &ScalarValue, b: &ScalarValue) -> Ordering {
    a.partial_cmp(b).unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn int(value: i32) -> ScalarValue {
        ScalarValue::Int32(Some(value))
    }

    fn test() -> impl Strategy<Value = Test> {
        let value = || (-5_i32..5).prop_map(int);
        let inclusive = || any::<bool>().prop_map(|yes| if yes { Inclusive::Yes } else { Inclusive::No });
        prop_oneof![
            prop::collection::vec(value(), 0..4).prop_map(Test::OneOf),
            (value(), inclusive()).prop_map(|(value, inclusive)| Test::Lower(value, inclusive)),
            (value(), inclusive()).prop_map(|(value, inclusive)| Test::Upper(value, inclusive)),
            (value(), value()).prop_map(|(low, high)| Test::Within(low, high)),
        ]
    }

    fn passes(test: &Test, value: &ScalarValue) -> bool {
        match test {
            Test::OneOf(values) => values.contains(value),
            Test::Lower(bound, Inclusive::Yes) => value >= bound,
            Test::Lower(bound, Inclusive::No) => value > bound,
            Test::Upper(bound, Inclusive::Yes) => value <= bound,
            Test::Upper(bound, Inclusive::No) => value < bound,
            Test::Within(low, high) => value >= low && value <= high,
        }
    }

    proptest! {
        #[test]
        fn what_is_left_passes_every_test(tests in prop::collection::vec(test(), 0..5)) {
            let mut domain = Domain::default();
            tests.iter().cloned().for_each(|test| domain.narrow(test));
            for value in (-7..7).map(int) {
                let expected = tests.iter().all(|test| passes(test, &value));
                let (low, high) = domain.bounds();
                let within = low.is_none_or(|(bound, i)| passes(&Test::Lower(bound, i), &value))
                    && high.is_none_or(|(bound, i)| passes(&Test::Upper(bound, i), &value));
                let found = match domain.set() {
                    _ if domain.is_empty() => false,
                    Some(set) => set.contains(&value),
                    None => within,
                };
                prop_assert_eq!(found, expected, "{:?} of {:?}", value, domain);
                prop_assert!(!expected || within);
            }
        }
    }
}
