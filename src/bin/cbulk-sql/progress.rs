//! The progress of a statement, read off the metrics of its plan, on standard error while it is a terminal.

#[cfg(test)]
mod tests;

use std::fmt::Write;
use std::io;
use std::time::{Duration, Instant};

use console::Term;
use datafusion::physical_plan::ExecutionPlan;
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};

/// Names of the metrics that scans, counts and writes of this project keep.
const SPLITS_TOTAL: &str = "splits_total";
const SPLITS_DONE: &str = "splits_done";
const ROWS_COUNTED: &str = "rows_counted";
const ROWS_WRITTEN: &str = "rows_written";
/// A node that counts on the server gives out one row for very many.
const COUNT_NODE: &str = "CassandraAggregateExec";

/// What the bar looks like.
const WITH_SPLITS: &str = "[{bar:30}] {pos}/{len} splits · {msg}";
const WITHOUT_SPLITS: &str = "{spinner} {msg}";

/// Quick statements show nothing.
const SHOWN_AFTER: Duration = Duration::from_millis(500);
/// Time between two looks at the metrics.
pub(crate) const INTERVAL: Duration = Duration::from_millis(200);

/// What the metrics of a plan say.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Measured {
    splits_total: usize,
    splits_done: usize,
    rows_read: usize,
    rows_written: Option<usize>,
}

impl Measured {
    fn of(plan: &dyn ExecutionPlan) -> Self {
        let mut measured = Self::default();
        measured.add(plan);
        measured
    }

    fn add(&mut self, plan: &dyn ExecutionPlan) {
        if let Some(metrics) = plan.metrics() {
            let value = |name: &str| metrics.sum_by_name(name).map(|value| value.as_usize());
            self.splits_total += value(SPLITS_TOTAL).unwrap_or(0);
            self.splits_done += value(SPLITS_DONE).unwrap_or(0);
            if let Some(rows) = value(ROWS_WRITTEN) {
                *self.rows_written.get_or_insert(0) += rows;
            }
            if let Some(rows) = value(ROWS_COUNTED) {
                self.rows_read += rows;
            } else if plan.children().is_empty() && plan.name() != COUNT_NODE {
                self.rows_read += metrics.output_rows().unwrap_or(0);
            }
        }
        for child in plan.children() {
            self.add(child.as_ref());
        }
    }

    fn text(&self, elapsed: Duration) -> String {
        let (rows, word) = match self.rows_written {
            Some(rows) => (rows, "rows written"),
            None => (self.rows_read, "rows"),
        };
        let mut text = format!("{:.0} s", elapsed.as_secs_f64());
        if rows > 0 {
            let rate = per_second(rows, elapsed);
            let _ = write!(text, " · {} {word} · {} rows/s", HumanCount(rows as u64), HumanCount(rate));
        }
        if let Some(left) = self.left(elapsed) {
            let _ = write!(text, " · {:.0} s left", left.as_secs_f64().ceil());
        }
        text
    }

    /// The time still needed if the other splits are like those done.
    fn left(&self, elapsed: Duration) -> Option<Duration> {
        let todo = u32::try_from(self.splits_total.checked_sub(self.splits_done)?).ok()?;
        let done = u32::try_from(self.splits_done).ok()?;
        elapsed.checked_div(done)?.checked_mul(todo)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate to look at, never negative"
)]
fn per_second(rows: usize, elapsed: Duration) -> u64 {
    (rows as f64 / elapsed.as_secs_f64().max(0.001)) as u64
}

/// The bar of one statement. Dropping it wipes it from the screen.
pub(crate) struct Progress {
    bar: ProgressBar,
    started: Instant,
}

impl Progress {
    /// A bar that is not on the screen yet.
    pub(crate) fn start() -> Self {
        Self { bar: ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()), started: Instant::now() }
    }

    /// Looks at the metrics and draws, if it is time to show anything.
    pub(crate) fn update(&self, plan: &dyn ExecutionPlan) {
        let elapsed = self.started.elapsed();
        if elapsed < SHOWN_AFTER {
            return;
        }
        let measured = Measured::of(plan);
        if self.bar.is_hidden() {
            self.bar.set_draw_target(ProgressDrawTarget::term_like(Box::new(Unpadded(Term::buffered_stderr()))));
        }
        if measured.splits_total > 0 {
            if self.bar.length().is_none() {
                self.bar.set_style(style(WITH_SPLITS).progress_chars("=> "));
            }
            self.bar.set_length(measured.splits_total as u64);
            self.bar.set_position(measured.splits_done as u64);
        } else {
            self.bar.set_style(style(WITHOUT_SPLITS));
        }
        self.bar.set_message(measured.text(elapsed));
        self.bar.tick();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The template is ours and right; were it not, the bar would look plain.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// A terminal on which the bar is not filled up with blanks to the end of the line. With them, the `^C` that the terminal
/// writes when somebody cancels would go to the next line, and the bar would stay for ever.
#[derive(Debug)]
struct Unpadded(Term);

impl TermLike for Unpadded {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        if text.trim_matches(' ').is_empty() { Ok(()) } else { self.0.write_str(text) }
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}
