//! Guards of the shape of `src/`, by reading it. When one fails, the code is at the wrong place, or the shape has changed:
//! then change the picture in the documentation first, and this table with it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "so a test fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The layers, from the top down: a module may use those of lower layers, but not its neighbours (`options` may use `error`).
///
/// `bin → session → {catalog, rules, iceberg, files, pulsar} → {scan, write} → codec → cluster → {options, error}`
const LAYERS: [&[&str]; 7] = [
    &["bin"],
    &["session"],
    &["catalog", "rules", "iceberg", "files", "pulsar"],
    &["scan", "write"],
    &["codec"],
    &["cluster"],
    &["options", "error"],
];

/// The only places that name the driver: elsewhere its types would spread. They send requests: `scan/page.rs` those of a
/// split, `scan/page/` those of a key.
const DRIVER: [&str; 5] = ["cluster/", "codec/", "scan/page.rs", "scan/page/", "write/sender.rs"];

/// A file that is larger holds more than one idea.
const MOST_LINES: usize = 400;

/// Names that say nothing: what would be put there belongs to what it is about.
const DRAWERS: [&str; 8] = ["util", "utils", "helper", "helpers", "manager", "misc", "common", "v2"];

/// Every Rust file below `src/`, by its path there with `/`.
fn sources() -> BTreeMap<String, String> {
    fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, files);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    assert!(files.len() > 40, "only {} files in {}", files.len(), root.display());
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (relative(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// The code of a file: without comments, and without its tests at the end.
fn code(text: &str) -> String {
    let without_tests = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    without_tests.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// The top-level modules named by `crate::…`, also in braces: `crate::{a::b, c}`.
fn modules_used(code: &str) -> Vec<String> {
    let name =
        |text: &str| text.trim_start().split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap().to_owned();
    let mut used = Vec::new();
    for after in code.split("crate::").skip(1) {
        let Some(list) = after.trim_start().strip_prefix('{') else {
            used.push(name(after));
            continue;
        };
        let mut depth = 0;
        let mut parts = vec![String::new()];
        for c in list.chars() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    parts.push(String::new());
                    continue;
                }
                _ => {}
            }
            parts.last_mut().unwrap().push(c);
        }
        used.extend(parts.iter().filter(|part| !part.trim().is_empty()).map(|part| name(part)));
    }
    used
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// What the file must not use, if it does.
fn violations(path: &str, text: &str) -> Vec<String> {
    let module = path.split(['/', '.']).next().unwrap();
    let Some(own) = layer(module) else {
        return vec![format!("{path}: module {module} has no layer: give it one in tests/layering.rs")];
    };
    let against = |used: &String| {
        // Re-exports at the root of the crate: Error, Result and options.
        if used.starts_with(char::is_uppercase) || used == module {
            return None;
        }
        match layer(used) {
            None => Some(format!("{path}: uses {used}, which has no layer: give it one in tests/layering.rs")),
            Some(other) if other > own || (own == LAYERS.len() - 1 && other == own) => None,
            Some(_) => Some(format!("{path}: {module} must not use {used}")),
        }
    };
    modules_used(&code(text)).iter().filter_map(against).collect()
}

fn names_driver(path: &str, text: &str) -> bool {
    let is_driver = |word: &str| word == "scylla" || word.starts_with("scylla_");
    !DRIVER.iter().any(|place| path.starts_with(place))
        && code(text).split(|c: char| !c.is_alphanumeric() && c != '_').any(is_driver)
}

#[test]
fn nothing_points_against_the_layers() {
    let found: Vec<String> = sources()
        .iter()
        // At the top of all, and `crate` means the shell itself there.
        .filter(|(path, _)| *path != "lib.rs" && !path.starts_with("bin/"))
        .flat_map(|(path, text)| violations(path, text))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_driver_is_named_only_where_it_is_wrapped() {
    let found: Vec<String> =
        sources().into_iter().filter(|(path, text)| names_driver(path, text)).map(|(path, _)| path).collect();
    assert!(found.is_empty(), "these files name the driver: {found:?}");
}

#[test]
fn files_are_small_and_named_after_an_idea() {
    for (path, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= MOST_LINES, "{path} has {lines} lines, more than {MOST_LINES}: find its second idea");
        for part in path.trim_end_matches(".rs").split('/') {
            assert!(!DRAWERS.contains(&part), "{path}: '{part}' says nothing about what is in it");
        }
        for line in code(&text).lines() {
            let declared = line.trim().trim_end_matches([';', '{', ' ']).rsplit_once("mod ").map(|(_, name)| name);
            assert!(declared.is_none_or(|name| !DRAWERS.contains(&name)), "{path}: {line}");
        }
    }
}

/// The guards themselves can fail.
#[test]
fn a_violation_is_found() {
    let upwards = "use crate::error::Result;\nuse crate::session::Session;\n";
    assert_eq!(violations("scan/exec.rs", upwards), ["scan/exec.rs: scan must not use session"]);
    assert_eq!(violations("scan/exec.rs", "fn f() { crate::write::go(); }"), ["scan/exec.rs: scan must not use write"]);
    let braces = "use crate::{\n    error::{Error, Result},\n    rules,\n};";
    assert_eq!(violations("codec/mod.rs", braces), ["codec/mod.rs: codec must not use rules"]);
    assert_eq!(violations("catalog/table.rs", "use crate::rules::count;").len(), 1);
    assert_eq!(violations("codec/mod.rs", "fn f() -> crate::bin::X {}"), ["codec/mod.rs: codec must not use bin"]);
    assert_eq!(
        violations("options.rs", "use crate::error::Error; use crate::Result; // crate::session"),
        Vec::<String>::new()
    );
    assert_eq!(violations("new_thing/mod.rs", "").len(), 1);
    assert!(names_driver("scan/exec.rs", "let x: scylla::Session;"));
    assert!(!names_driver("scan/page.rs", "use scylla::response::PagingState;"));
    assert!(!names_driver("scan/exec.rs", "// scylla's own\nlet scyllalike = 1;"));
}
