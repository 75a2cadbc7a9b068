//! The result: a line a measure on stdout, and all of it as JSON.

use std::collections::BTreeMap;
use std::fs;

use serde_json::{Value, json};

use crate::child::Sample;
use crate::measure::{Measure, Pair};
use crate::{Result, Setup, machine};

/// What a run has shown.
pub(crate) struct Outcome<'a> {
    pub(crate) setup: &'a Setup,
    pub(crate) pairs: &'a [&'a Pair],
    /// By the measure's name, in the order they were taken.
    pub(crate) samples: BTreeMap<&'static str, Vec<Sample>>,
    /// Rate of ours to that of the raw run before it, by the name of ours.
    pub(crate) ratios: BTreeMap<&'static str, Vec<f64>>,
    pub(crate) splits: usize,
    pub(crate) machine: Value,
    pub(crate) versions: Value,
}

struct Line {
    name: String,
    value: f64,
    unit: &'static str,
    ratio: Option<f64>,
    /// As text, and whether it was met.
    target: Option<(String, bool)>,
}

impl Outcome<'_> {
    fn lines(&self) -> Vec<Line> {
        let mut speed = Vec::new();
        let mut memory = Vec::new();
        let mut seen: Vec<Measure> = Vec::new();
        for pair in self.pairs {
            for raw in pair.raw {
                if !seen.contains(raw) {
                    seen.push(*raw);
                    speed.push(self.rate(*raw, None, None));
                    memory.extend(self.memory(*raw));
                }
            }
            let ratio = self.ratios.get(pair.ours.name()).map(|ratios| median(ratios));
            speed.push(self.rate(pair.ours, ratio, pair.target));
            memory.extend(self.memory(pair.ours));
        }
        speed.append(&mut memory);
        speed
    }

    fn samples(&self, measure: Measure) -> &[Sample] {
        self.samples.get(measure.name()).map_or(&[], Vec::as_slice)
    }

    fn rate(&self, measure: Measure, ratio: Option<f64>, target: Option<f64>) -> Line {
        let rates: Vec<f64> = self.samples(measure).iter().map(Sample::rate).collect();
        // As it is printed: more digits than that are noise.
        let ratio = ratio.map(|ratio| (ratio * 100.0).round() / 100.0);
        let target = ratio.zip(target).map(|(ratio, target)| (format!(">={target:.2}"), ratio >= target));
        Line { name: measure.name().to_owned(), value: median(&rates).round(), unit: "rows/s", ratio, target }
    }

    /// The highest peak of all runs. A measure of rows that are in memory beforehand also says what it added to them,
    /// and that is what its target is about.
    fn memory(&self, measure: Measure) -> Vec<Line> {
        let most = |of: fn(&Sample) -> u64| self.samples(measure).iter().map(of).max().unwrap_or_default() as f64 / 1e6;
        let is_ours = self.pairs.iter().any(|pair| pair.ours == measure);
        let most_mb = measure.memory_target_mb();
        let line = |what: &str, value: f64, has_target: bool| Line {
            name: format!("{}_{what}", measure.name()),
            value: (value * 10.0).round() / 10.0,
            unit: "MB",
            ratio: None,
            target: has_target.then(|| (format!("<={most_mb}"), value <= most_mb)),
        };
        let peak = most(|sample| sample.peak_memory);
        if !measure.has_rows_beforehand() {
            return vec![line("peak_memory", peak, is_ours)];
        }
        vec![line("peak_memory", peak, false), line("added_memory", most(|sample| sample.added_memory), is_ours)]
    }
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.get(sorted.len().saturating_sub(1) / 2), sorted.get(sorted.len() / 2)) {
        (Some(low), Some(high)) => f64::midpoint(*low, *high),
        _ => f64::NAN,
    }
}

/// Prints `name value unit ratio target met|missed`, a line a measure.
pub(crate) fn print(outcome: &Outcome<'_>) {
    for line in outcome.lines() {
        let ratio = line.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
        let (target, verdict) = line.target.map_or(("-".to_owned(), "-"), |(t, met)| (t, verdict(met)));
        println!("{:<32}{:>10} {:<7}{ratio:>6} {target:>7} {verdict}", line.name, line.value, line.unit);
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "missed" }
}

/// Writes the same, every sample, the machine and the versions to a file.
pub(crate) fn write(outcome: &Outcome<'_>) -> Result<()> {
    let lines: Vec<Value> = outcome
        .lines()
        .into_iter()
        .map(|line| {
            let (target, met) = line.target.unzip();
            json!({
                "name": line.name, "value": line.value, "unit": line.unit, "ratio": line.ratio,
                "target": target, "verdict": met.map(verdict),
            })
        })
        .collect();
    let samples: BTreeMap<_, Vec<Value>> =
        outcome.samples.iter().map(|(name, of)| (name, of.iter().map(|sample| sample.to_json()).collect())).collect();
    let all = json!({
        "machine": outcome.machine,
        "versions": outcome.versions,
        "rows": outcome.setup.rows,
        "rounds": outcome.setup.rounds,
        "splits": outcome.splits,
        "measures": lines,
        "ratios": outcome.ratios,
        "samples": samples,
    });
    let folder = machine::output_folder();
    fs::create_dir_all(&folder)?;
    let file = folder.join("end_to_end.json");
    fs::write(&file, format!("{all:#}\n"))?;
    eprintln!("written to {}", file.display());
    Ok(())
}
