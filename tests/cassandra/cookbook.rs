//! The numbered files of `sql/`, top to bottom, as the demo runs them: every statement works, and the proof at the end
//! finds no row lost, added or changed.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{TestKeyspace, host};

const ROWS: usize = 3_000;

/// The files of `sql/` in the order of their numbers, but the one that makes the keyspace.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("sql"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "sql"))
        .collect();
    files.sort();
    files
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookbook_runs_and_loses_no_row() {
    let ks = TestKeyspace::create().await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();

    let schema = std::fs::read_to_string(root.join("sql/00_schema.cql")).unwrap();
    for statement in schema.split(';').filter(|s| s.contains("CREATE TABLE")) {
        ks.run(&statement.replace("eshop.", "{ks}.")).await;
    }
    let rows = folder.path().join("eshop.csv.gz");
    run(Command::new(root.join("scripts/eshop.py")).args(["--rows", &ROWS.to_string()]).arg(&rows));

    let mut proof = String::new();
    for file in files() {
        let own = std::fs::read_to_string(&file).unwrap().replace("cassandra.eshop.", &ks.sql("cassandra.{ks}."));
        let script = folder.path().join(file.file_name().unwrap());
        std::fs::write(&script, own).unwrap();
        proof = run(Command::new(env!("CARGO_BIN_EXE_cbulk-sql"))
            .current_dir(folder.path())
            .env_remove("CBULK_ICEBERG_FOLDER")
            .args(["--host", &host(), "--format", "csv", "-f"])
            .arg(&script));
    }
    ks.drop_it().await;

    // Of the last file: step, what, rows.
    let numbers: Vec<(&str, usize)> = proof
        .lines()
        .filter_map(|line| {
            let (rest, rows) = line.rsplit_once(',')?;
            Some((rest, rows.parse().ok()?))
        })
        .collect();
    assert_eq!(numbers.len(), 11, "{proof}");
    for (what, rows) in numbers {
        let expected = if what.contains("rows of") { ROWS } else { 0 };
        assert_eq!(rows, expected, "{what}\n{proof}");
    }
}
