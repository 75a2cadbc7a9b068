//! The shell from outside: what it prints, where, and how it exits. No cluster is needed.

#![expect(clippy::unwrap_used, reason = "what cannot go on has failed")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What one run of the shell left behind.
#[derive(Debug, PartialEq, Eq)]
struct Ran {
    out: String,
    err: String,
    code: Option<i32>,
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cbulk-sql"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for variable in ["CBULK_HOST", "CBULK_USER", "CBULK_PASSWORD", "CBULK_ICEBERG_FOLDER"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Ran {
    let output = command(arguments).output().unwrap();
    Ran {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

fn run_with_input(arguments: &[&str], input: &str) -> Ran {
    let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    Ran {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// Rows that are hard to print: NULL, the empty text, quotes, delimiters, line ends, bytes.
const HARD: &str = "SELECT * FROM (VALUES (1, 'a,\"b\"', x'00ff'), (2, '', NULL), (NULL, 'l1\nl2\tt\\', x''), (4, NULL, \
                    x'61')) t(n, s, b)";
const EMPTY: &str = "SELECT 1 AS a, 'x' AS b WHERE false";

#[test]
fn every_format_prints_hard_values() {
    for (format, expected) in [
        (
            "table",
            "    n | s      | b\n------+--------+--------\n    1 | a,\"b\"  | 0x00ff\n    2 |        | NULL\n NULL | l1     | \
             0x\n:     : l2\\tt\\ :\n    4 | NULL   | 0x61\n",
        ),
        ("csv", "n,s,b\n1,\"a,\"\"b\"\"\",0x00ff\n2,\"\",\n,\"l1\nl2\tt\\\",0x\n4,,0x61\n"),
        ("tsv", "n\ts\tb\n1\ta,\"b\"\t0x00ff\n2\t\t\\N\n\\N\tl1\\nl2\\tt\\\\\t0x\n4\t\\N\t0x61\n"),
        (
            "json",
            "[{\"n\":1,\"s\":\"a,\\\"b\\\"\",\"b\":\"0x00ff\"},\n{\"n\":2,\"s\":\"\",\"b\":null},\n\
             {\"n\":null,\"s\":\"l1\\nl2\\tt\\\\\",\"b\":\"0x\"},\n{\"n\":4,\"s\":null,\"b\":\"0x61\"}]\n",
        ),
        (
            "ndjson",
            "{\"n\":1,\"s\":\"a,\\\"b\\\"\",\"b\":\"0x00ff\"}\n{\"n\":2,\"s\":\"\",\"b\":null}\n\
             {\"n\":null,\"s\":\"l1\\nl2\\tt\\\\\",\"b\":\"0x\"}\n{\"n\":4,\"s\":null,\"b\":\"0x61\"}\n",
        ),
    ] {
        let ran = run(&["--format", format, "-c", HARD]);
        assert_eq!(ran, Ran { out: expected.into(), err: "(4 rows)\n".into(), code: Some(0) }, "{format}");
    }
}

#[test]
fn every_format_prints_empty_results() {
    for (format, expected) in
        [("table", " a | b\n---+---\n"), ("csv", "a,b\n"), ("tsv", "a\tb\n"), ("json", "[]\n"), ("ndjson", "")]
    {
        let ran = run(&["--format", format, "-c", EMPTY]);
        assert_eq!(ran, Ran { out: expected.into(), err: "(0 rows)\n".into(), code: Some(0) }, "{format}");
    }
}

#[test]
fn large_results_are_complete_in_every_format() {
    const ROWS: usize = 300_000;
    let sql = format!("SELECT value AS v, 'x' || value AS t FROM generate_series(1, {ROWS}) ORDER BY v");
    for (format, extra_lines) in [("table", 2), ("csv", 1), ("tsv", 1), ("json", 0), ("ndjson", 0)] {
        let ran = run(&["--format", format, "-c", &sql]);
        assert_eq!(ran.code, Some(0), "{format}: {}", ran.err);
        assert_eq!(ran.err, format!("({ROWS} rows)\n"), "{format}");
        assert_eq!(ran.out.lines().count(), ROWS + extra_lines, "{format}");
        let last = ran.out.lines().last().unwrap();
        assert!(last.contains("300000") && last.contains("x300000"), "{format}: {last}");
    }
    let ran = run(&["--format", "json", "-c", &sql]);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&ran.out).unwrap();
    let sum: u64 = rows.iter().map(|row| row["v"].as_u64().unwrap()).sum();
    assert_eq!((rows.len(), sum), (ROWS, 300_000 * 300_001 / 2));
}

#[test]
fn tuples_only_and_quiet_leave_out_what_is_not_data() {
    let ran = run(&["-t", "-c", "SELECT 1 AS a, 'x' AS b"]);
    assert_eq!(ran, Ran { out: " 1 | x\n".into(), err: String::new(), code: Some(0) });
    let ran = run(&["-q", "--format", "csv", "-c", "SELECT 1 AS a"]);
    assert_eq!(ran, Ran { out: "a\n1\n".into(), err: String::new(), code: Some(0) });
}

#[test]
fn writes_and_definitions_print_no_rows() {
    let ran =
        run(&["-c", "CREATE TABLE t(a INT); INSERT INTO t VALUES (1), (2); SET datafusion.execution.batch_size = 9"]);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(0)), "{}", ran.err);
    assert!(ran.err.starts_with("inserted 2 rows in ") && ran.err.ends_with(" s\n"), "{}", ran.err);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.csv");
    let ran = run(&["-c", &format!("COPY (SELECT 1 AS a) TO '{}'", file.display())]);
    assert!(ran.err.starts_with("copied 1 row in "), "{}", ran.err);
    assert_eq!(std::fs::read_to_string(file).unwrap(), "a\n1\n");
}

#[test]
fn timing_is_told_apart_from_results() {
    let ran = run(&["--timing", "--format", "csv", "-c", "SELECT 1 AS a"]);
    assert_eq!(ran.out, "a\n1\n");
    assert!(ran.err.starts_with("(1 row)\ntime: "), "{}", ran.err);
}

#[test]
fn the_first_answer_comes_quickly() {
    // The first run may have to read the binary from the disk.
    run(&["-c", "SELECT 1"]);
    let fastest = (0..5)
        .map(|_| {
            let started = Instant::now();
            assert_eq!(run(&["-c", "SELECT 1"]).code, Some(0));
            started.elapsed()
        })
        .min()
        .unwrap();
    assert!(fastest < Duration::from_millis(100), "{fastest:?}");
}

#[test]
fn a_script_stops_at_the_first_error_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a script.sql");
    std::fs::write(&file, "-- first\nSELECT 1 AS a;\n\n/* then\n */ SELECT * FROM\n  nope;\nSELECT 3 AS c;\n").unwrap();
    let file = file.to_str().unwrap();
    let ran = run(&["--format", "csv", "-f", file, "-c", "SELECT 4"]);
    assert_eq!((ran.out.as_str(), ran.code), ("a\n1\n", Some(2)));
    let lines: Vec<&str> = ran.err.lines().collect();
    assert_eq!(lines[0], "(1 row)");
    assert!(lines[1].starts_with("error: table '") && lines[1].ends_with("nope' not found"), "{}", ran.err);
    assert_eq!(lines[2], format!("  in {file}, line 5: SELECT * FROM nope"));
}

#[test]
fn a_syntax_error_is_placed_in_the_script() {
    let ran = run_with_input(&["-f", "-"], "SELECT 1;\n  SELECT\n 2 frm x y;");
    assert_eq!(ran.code, Some(2));
    let expected =
        "error: expected end of statement, found x (line 3, column 8)\n  in standard input, line 2: SELECT 2 frm x y\n";
    assert!(ran.err.ends_with(expected), "{}", ran.err);
}

#[test]
fn errors_while_running_exit_otherwise_than_errors_before() {
    for (sql, code) in [
        ("SELEC 1", 2),
        ("SELECT nope", 2),
        ("SET nope.nope = 1", 2),
        ("SELECT 1 / column1 FROM (VALUES (1), (0))", 3),
        ("SELECT CAST(column1 AS INT) FROM (VALUES ('1'), ('x'))", 3),
    ] {
        let ran = run(&["-c", sql]);
        assert_eq!(ran.code, Some(code), "{sql}: {}", ran.err);
        assert!(ran.err.starts_with("error: ") && ran.out.is_empty(), "{sql}: {ran:?}");
        for ugly in ["External", "DataFusion", "ParserError", "Error during", "Execution error", "Arrow error"] {
            assert!(!ran.err.contains(ugly), "{sql}: {}", ran.err);
        }
    }
}

#[test]
fn statements_come_from_standard_input() {
    let script = "SELECT 'a;b' AS x; -- one; two\nSELECT /* ; */ \"y;\" FROM (SELECT 2 AS \"y;\");SELECT 3 AS z";
    let expected = Ran { out: "x\na;b\ny;\n2\nz\n3\n".into(), err: String::new(), code: Some(0) };
    assert_eq!(run_with_input(&["-q", "--format", "csv"], script), expected);
    assert_eq!(run_with_input(&["-q", "--format", "csv", "-f", "-"], script), expected);
    assert_eq!(run(&["-q", "--format", "csv", "-c", script]), expected);
    assert_eq!(run_with_input(&[], "-- nothing\n;;"), Ran { out: String::new(), err: String::new(), code: Some(0) });
}

#[test]
fn statements_run_as_soon_as_they_are_read() {
    let mut child = command(&["-q", "--format", "csv"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
    input.write_all(b"SELECT 1 AS a;\n").unwrap();
    input.flush().unwrap();
    assert_eq!(out.next().unwrap().unwrap(), "a");
    assert_eq!(out.next().unwrap().unwrap(), "1");
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn commands_and_files_run_in_the_order_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("b.sql");
    std::fs::write(&file, "\u{feff}SELECT 'b';\n\\q\nSELECT 'not run'").unwrap();
    let ran = run(&["-qt", "-c", "SELECT 'a'", "-f", file.to_str().unwrap(), "-c", "SELECT 'c'"]);
    assert_eq!(ran, Ran { out: " a\n b\n c\n".into(), err: String::new(), code: Some(0) });
}

#[test]
fn commands_of_the_shell_work_in_scripts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("inner.sql");
    std::fs::write(&file, "CREATE TABLE \"T 1\"(a INT NOT NULL, b VARCHAR);\n").unwrap();
    let script = format!("\\pset format csv\n\\i {}\n\\d\n\\d \"T 1\"\n\\q\nSELECT 'not run'", file.display());
    let ran = run_with_input(&["-q"], &script);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines[0], "catalog,schema,table,type");
    assert!(lines[1..].iter().any(|line| line.ends_with(",T 1,BASE TABLE")), "{}", ran.out);
    assert!(ran.out.ends_with("column_name,data_type,is_nullable\na,Int32,NO\nb,Utf8View,YES\n"), "{}", ran.out);
}

#[test]
fn a_script_that_runs_itself_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("loop.sql");
    std::fs::write(&file, format!("\\i {}\n", file.display())).unwrap();
    let ran = run(&["-f", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("perhaps in a circle"), "{}", ran.err);
}

#[test]
fn a_script_that_is_not_text_or_not_there_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("binary.sql");
    std::fs::write(&file, b"SELECT 1;\n\xff\xfe").unwrap();
    let ran = run(&["-q", "-f", file.to_str().unwrap()]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.starts_with("error: cannot read line 2 of "), "{}", ran.err);
    // It is found out before the first statement runs.
    let ran = run(&["-c", "SELECT 1", "-f", folder.path().join("nope.sql").to_str().unwrap()]);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(2)));
    assert!(ran.err.contains("nope.sql"), "{}", ran.err);
}

#[test]
fn a_password_is_not_taken_from_the_command_line() {
    for arguments in [&["--password", "hunter2", "-c", "SELECT 1"][..], &["--password=hunter2"]] {
        let ran = run(arguments);
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(2)));
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
        for way in ["CBULK_PASSWORD", "--password-file", "terminal"] {
            assert!(ran.err.contains(way), "{}", ran.err);
        }
    }
}

#[test]
fn a_password_comes_from_the_environment_or_a_file() {
    let ran = run(&["--user", "ann", "-c", "SELECT 1"]);
    assert_eq!(ran.code, Some(2));
    for way in ["CBULK_PASSWORD", "--password-file", "terminal"] {
        assert!(ran.err.contains(way), "{}", ran.err);
    }
    let output = command(&["--user", "ann", "-c", "SELECT 1"]).env("CBULK_PASSWORD", "hunter2").output().unwrap();
    assert!(output.status.success());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let file = file.to_str().unwrap();
    assert_eq!(run(&["--user", "ann", "--password-file", file, "-c", "SELECT 1"]).code, Some(0));
    assert_eq!(run(&["--password-file", file, "-c", "SELECT 1"]).code, Some(2));
}

#[test]
fn settings_hold_for_all_statements() {
    let ran = run(&[
        "-qt",
        "--format",
        "csv",
        "--set",
        "datafusion.execution.batch_size=77",
        "--set",
        "cassandra.read_consistency=quorum",
        "-c",
        "SHOW datafusion.execution.batch_size",
    ]);
    assert_eq!(ran, Ran { out: "datafusion.execution.batch_size,77\n".into(), err: String::new(), code: Some(0) });
}

#[test]
fn wrong_options_are_refused_with_what_would_be_right() {
    for (arguments, message) in [
        (&["--set", "nope=1"][..], "--set nope=1: there is no setting 'nope'"),
        (&["--set", "cassandra.nope=1"], "--set cassandra.nope=1: there is no setting"),
        (&["--set", "cassandra.read_consistency=most"], "write one of ONE, TWO"),
        (&["--set", "cassandra.page_size_rows=0"], "'0' is not a whole number of at least 1"),
        (&["--set", "x"], "write name=value"),
        (&["--set", "a b; drop=1"], "is not a name of a setting"),
        (&["--compression", "zip"], "write one of none, lz4, snappy"),
        (&["--connections", "0"], "'0' is not a whole number of at least 1"),
        (&["--format", "xml"], "table, csv, tsv, json, ndjson"),
        (&["--host", "a:99999"], "'99999' is not a port"),
        (&["--host", "a,,b"], "a name or address is missing"),
        (&["--nope"], "unexpected argument '--nope'"),
        (&["SELECT 1"], "unexpected argument"),
        (&["-c", r"\nope"], r"there is no command \nope"),
    ] {
        let mut with_statement = vec!["-c", "SELECT 1 AS must_not_run"];
        if arguments[0] == "-c" {
            with_statement.clear();
        }
        with_statement.extend(arguments);
        let ran = run(&with_statement);
        assert_eq!((ran.out.as_str(), ran.code), ("", Some(2)), "{arguments:?}: {}", ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(message), "{arguments:?}: {}", ran.err);
    }
}

#[test]
fn help_and_version_are_results() {
    let ran = run(&["--help"]);
    assert_eq!((ran.err.as_str(), ran.code), ("", Some(0)));
    for word in ["Examples:", "CBULK_HOST", "--password-file", "NULL is \\N", "Exit codes:"] {
        assert!(ran.out.contains(word), "{word}");
    }
    assert!(!ran.out.contains("--password "), "an option that is always refused is not offered");
    assert_eq!(run(&["--version"]).out, concat!("cbulk-sql ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_reader_that_has_enough_ends_the_work_quietly() {
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let sql = "SELECT * FROM generate_series(1, 1000000000000); SELECT 'not run'";
        let mut child = command(&["--format", format, "-c", sql]).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert!(!line.is_empty());
        drop(out);
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{format}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = command(&["-c", "SELECT 1"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: cannot write to standard output: "), "{err}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_cancels_and_is_told_by_the_exit_code() {
    // The second statement would run for years; the third must not run at all.
    let series = "generate_series(1, 1000000)";
    let mut sql = "SELECT 'started' AS a; SELECT count(*) FROM ".to_owned();
    write!(sql, "{series} a, {series} b, {series} c WHERE a.value + b.value + c.value < 0; SELECT 'not run'").unwrap();
    for arguments in [&["-t", "-c", &sql][..], &["-t", "-f", "-"]] {
        let mut child = command(arguments).stdin(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        if arguments.contains(&"-f") {
            input.write_all(sql.as_bytes()).unwrap();
            input.write_all(b";\n").unwrap();
        }
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        assert_eq!(line, " started\n");
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut rest = String::new();
        out.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!((rest.as_str(), output.status.code()), ("", Some(130)), "{arguments:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "cancelled\n", "{arguments:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupt_while_waiting_for_input_ends_the_program() {
    let mut child = command(&["-t"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"SELECT 'started';\n").unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert_eq!(line, " started\n");
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    // Its standard input is still open.
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(unix)]
#[test]
fn a_person_at_a_terminal_is_served() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/terminal.py");
    let output = Command::new("python3").args([script, env!("CARGO_BIN_EXE_cbulk-sql")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
