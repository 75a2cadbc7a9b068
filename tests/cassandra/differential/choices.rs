//! Random choices that can be made again, and made simpler.
//!
//! Whatever is random in a query is drawn from here, and 0 always means the simplest choice. So a query is made again from
//! the list of its choices, and a simpler query from a list with pieces cut out or set to 0: see [`simpler`].

/// Choices drawn from a seed, or repeated from a list.
pub(crate) struct Choices {
    state: u64,
    repeated: Option<std::vec::IntoIter<usize>>,
    made: Vec<usize>,
}

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, repeated: None, made: Vec::new() }
    }

    /// The same choices again, and the simplest ones after the end of the list.
    pub(crate) fn again(list: Vec<usize>) -> Self {
        Self { state: 0, repeated: Some(list.into_iter()), made: Vec::new() }
    }

    /// The choices made so far.
    pub(crate) fn made(&self) -> &[usize] {
        &self.made
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        let choice = match &mut self.repeated {
            Some(list) => list.next().unwrap_or(0).min(n - 1),
            None => usize::try_from(mix(&mut self.state) % n as u64).unwrap(),
        };
        self.made.push(choice);
        choice
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }

    /// Whether to do what is done in so many of a hundred cases.
    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(crate) fn text<'a>(&mut self, from: &'a [String]) -> &'a str {
        &from[self.below(from.len())]
    }

    pub(crate) fn word(&mut self, from: &[&'static str]) -> &'static str {
        from[self.below(from.len())]
    }

    /// The index of a weight, as often as its share of the sum.
    pub(crate) fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut left = self.below(weights.iter().sum());
        let mut index = 0;
        while left >= weights[index] {
            left -= weights[index];
            index += 1;
        }
        index
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            // Not to move anything is the simplest.
            let other = last - self.below(last + 1);
            items.swap(last, other);
        }
    }
}

/// `SplitMix64`: every seed, also 0 and 1, gives numbers that look independent.
fn mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The seed of one part of what a seed makes.
pub(crate) fn seed_of(seed: u64, part: u64) -> u64 {
    let mut state = seed ^ part.wrapping_mul(0xA24B_AED4_963E_E407);
    mix(&mut state)
}

/// Lists to try in the place of this one, the most daring first.
pub(crate) fn simpler(choices: &[usize]) -> Vec<Vec<usize>> {
    let mut lists = Vec::new();
    let mut length = choices.len().next_power_of_two();
    while length > 0 {
        for start in (0..choices.len()).step_by(length) {
            let end = (start + length).min(choices.len());
            lists.push([&choices[..start], &choices[end..]].concat());
            if choices[start..end].iter().any(|choice| *choice != 0) {
                let mut zeroed = choices.to_vec();
                zeroed[start..end].fill(0);
                lists.push(zeroed);
            }
        }
        length /= 2;
    }
    lists
}
