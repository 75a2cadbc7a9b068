//! What is said of a load besides the number of rows written.

use std::fmt::Write;

use cbulk::write::outcome::LoadReport;

use crate::print::notice;

/// Says what became of every row. Returns whether some of them may be missing.
pub(crate) fn tell(report: &LoadReport, say: bool) -> bool {
    if report.dry_run && say {
        notice(dry_run(report));
        for hot in &report.hottest {
            notice(format_args!("  {}: {} rows with {} bytes", hot.key, hot.rows, hot.bytes));
        }
        notice("what each node would hold of them:");
        for node in &report.nodes {
            notice(format_args!("  {}: {} rows with {} bytes", node.node, node.rows, node.bytes));
        }
    }
    if let Some(account) = account(report).filter(|_| say) {
        notice(account);
    }
    let warning = warning(report);
    if let Some(warning) = &warning {
        notice(format_args!("warning: {warning}"));
    }
    warning.is_some()
}

fn dry_run(report: &LoadReport) -> String {
    let LoadReport { read, rejected, groups, bytes, .. } = report;
    format!(
        "dry run, nothing was written: of {read} rows {} can be sent, as {groups} statement groups with {bytes} bytes of \
         values; the Cassandra partitions with the most rows:",
        read - rejected
    )
}

/// Where every row is; a dry run has its own.
fn account(report: &LoadReport) -> Option<String> {
    let LoadReport { read, written, not_applied, rejected, unknown, .. } = report;
    if report.dry_run {
        return None;
    }
    let mut text = format!("{read} rows read = {written} written");
    for (rows, what) in
        [(not_applied, "left out, as there were such rows"), (rejected, "rejected"), (unknown, "of unknown outcome")]
    {
        if *rows > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, " + {rows} {what}");
        }
    }
    Some(text)
}

fn warning(report: &LoadReport) -> Option<String> {
    let LoadReport { rejected, unknown, rejected_folder, .. } = report;
    if rejected + unknown == 0 {
        return None;
    }
    let folder = rejected_folder.as_ref().map_or_else(|| "?".to_owned(), |folder| folder.display().to_string());
    let unknown = if *unknown > 0 {
        "; those of unknown outcome may have been written, and must not be written twice: look before you load them again"
    } else {
        ""
    };
    Some(format!(
        "not all rows were written; the others are kept in {folder}, with what is wrong with them: put them right and load \
         them with INSERT … SELECT{unknown}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(read: u64, written: u64, not_applied: u64, rejected: u64, unknown: u64) -> LoadReport {
        let mut report = LoadReport::default();
        (report.read, report.written, report.not_applied) = (read, written, not_applied);
        (report.rejected, report.unknown) = (rejected, unknown);
        report.rejected_folder = Some("rejected/x".into());
        report
    }

    #[test]
    fn every_row_is_told_of() {
        let all = report(10, 10, 0, 0, 0);
        assert_eq!((account(&all).unwrap().as_str(), warning(&all)), ("10 rows read = 10 written", None));
        let mut dry = report(10, 0, 0, 0, 0);
        dry.dry_run = true;
        assert_eq!(account(&dry), None);
        let kept = report(10, 7, 3, 0, 0);
        assert_eq!(account(&kept).unwrap(), "10 rows read = 7 written + 3 left out, as there were such rows");
        assert_eq!(warning(&kept), None);
        let bad = report(10, 5, 0, 3, 2);
        assert_eq!(account(&bad).unwrap(), "10 rows read = 5 written + 3 rejected + 2 of unknown outcome");
        let text = warning(&bad).unwrap();
        assert!(text.contains("kept in rejected/x,") && text.contains("must not be written twice"), "{text}");
        assert!(!warning(&report(10, 7, 0, 3, 0)).unwrap().contains("twice"));
    }
}
