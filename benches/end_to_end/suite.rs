//! The order of a run: load, then for each pair a round to warm up the server and rounds that count.
//!
//! Absolute figures move with whatever else the machine does. So each run of ours follows at once on runs of its raw
//! counterparts, and what counts is the median of the ratios of such neighbours.

use std::collections::BTreeMap;

use crate::child::{Sample, spawn};
use crate::measure::{Measure, PAIRS, Pair};
use crate::report::{Outcome, median};
use crate::{Result, Setup, inputs, load, machine, ours, report};

/// So long at the least each measure warms the server up, whose compiler goes by the number of requests: of short ones the last
/// rounds would be nearly twice as quick as the first.
const WARM_UP_SECONDS: f64 = 15.0;

/// The samples of each measure, by its name, in the order of the rounds.
type Samples = BTreeMap<&'static str, Vec<Sample>>;

pub(crate) async fn run(setup: &Setup) -> Result<()> {
    let machine = machine::machine()?;
    let versions = machine::versions(setup).await?;
    let chosen = |pair: &&Pair| setup.only.is_empty() || setup.only.iter().any(|name| name == pair.ours.name());
    let pairs: Vec<&Pair> = PAIRS.iter().filter(chosen).collect();
    if pairs.is_empty() {
        return Err(format!("no measure is called {}", setup.only.join(" or ")).into());
    }

    eprintln!("loading {} rows", setup.rows);
    load::load(setup).await?;
    let splits = ours::scan_splits(&setup.host).await?;
    // Until the end of this function.
    let _files = if pairs.iter().any(|pair| matches!(pair.ours, Measure::LoadFile(_))) {
        let folder = inputs::make_folder()?;
        spawn(setup, Measure::Inputs, splits)?;
        Some(folder)
    } else {
        None
    };

    let (mut samples, mut ratios): (Samples, BTreeMap<_, _>) = Default::default();
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    // All rounds of a pair before the next pair's, for the sake of the machine's mood and the server's compiler.
    for pair in pairs {
        match rounds(setup, pair, splits).await {
            Ok(of_pair) => {
                ratios.insert(pair.ours.name(), ratios_of(pair, &of_pair));
                for (name, of_measure) in of_pair {
                    samples.entry(name).or_default().extend(of_measure);
                }
                measured.push(pair);
            }
            // What the others give is not lost for it.
            Err(error) => {
                eprintln!("error: {error}");
                failed.push(pair.ours.name());
            }
        }
    }
    let outcome = Outcome { setup, pairs: &measured, samples, ratios, splits, machine, versions };
    report::print(&outcome);
    report::write(&outcome)?;
    if failed.is_empty() { Ok(()) } else { Err(format!("not measured: {}, see above", failed.join(", ")).into()) }
}

/// The samples of one pair.
async fn rounds(setup: &Setup, pair: &Pair, splits: usize) -> Result<Samples> {
    eprintln!("{}, to warm up, not counted", pair.ours.name());
    for measure in measures(pair) {
        let mut seconds = 0.0;
        while seconds < WARM_UP_SECONDS {
            seconds += one(setup, measure, splits).await?.seconds;
        }
    }
    // By themselves: other pairs have the same raw measure, at other times.
    let mut samples = Samples::new();
    for round in 1..=setup.rounds {
        eprintln!("{}, round {round} of {}", pair.ours.name(), setup.rounds);
        for measure in measures(pair) {
            let sample = one(setup, measure, splits).await?;
            samples.entry(measure.name()).or_default().push(sample);
        }
    }
    Ok(samples)
}

/// Rate of ours to that of the raw measure in the same round. Of several raw measures the one with the best median: the
/// best of each round would be the luckiest of several against one.
fn ratios_of(pair: &Pair, samples: &Samples) -> Vec<f64> {
    let rates = |measure: &Measure| -> Vec<f64> {
        samples.get(measure.name()).into_iter().flatten().map(Sample::rate).collect()
    };
    let best = pair.raw.iter().map(rates).max_by(|a, b| median(a).total_cmp(&median(b))).unwrap_or_default();
    rates(&pair.ours).iter().zip(best).map(|(ours, raw)| ours / raw).collect()
}

/// The raw measures of a pair, then ours.
fn measures(pair: &Pair) -> impl Iterator<Item = Measure> {
    pair.raw.iter().copied().chain([pair.ours])
}

async fn one(setup: &Setup, measure: Measure, splits: usize) -> Result<Sample> {
    if measure.writes_to_cassandra() {
        load::truncate(setup).await?;
    }
    spawn(setup, measure, splits)
}
