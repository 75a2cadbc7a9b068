use super::{Piece, Splitter};

/// The pieces of a script as `line:column text`, a rest without semicolon marked by `…`.
fn split(script: &str) -> Vec<String> {
    let mut splitter = Splitter::default();
    let mut pieces: Vec<Piece> = Vec::new();
    for line in script.split_inclusive('\n') {
        pieces.extend(splitter.push(line));
    }
    let mut texts: Vec<String> = pieces
        .into_iter()
        .map(|piece| match piece {
            Piece::Statement(s) => format!("{}:{} {}", s.line, s.column, s.text),
            Piece::Command { text, line } => format!("{line} {text}"),
        })
        .collect();
    texts.extend(splitter.finish().map(|s| format!("{}:{} {}…", s.line, s.column, s.text)));
    texts
}

#[test]
fn statements_end_with_semicolons() {
    assert_eq!(
        split("select 1; select 2;\nselect\n3;select 4"),
        ["1:1 select 1", "1:11 select 2", "2:1 select\n3", "3:3 select 4\n…"]
    );
    assert!(split(" ;;\n ; ").is_empty());
}

#[test]
fn semicolons_in_quotes_do_not_count() {
    for quoted in [
        "'a;b'",
        "'it''s; x'",
        "'\n;\n'",
        "\"a;b\"",
        "\"a\"\";\"",
        "`a;b`",
        "$$a;b$$",
        "$t$a;$$;b$t$",
        "E'it\\'s; x'",
        "e'\\\\'",
        "'c:\\'",
        "'--'",
        "'/*'",
        "\"--;\"",
        "a$b",
        "a$$",
        "$1",
    ] {
        let script = format!("select {quoted}; next");
        let pieces = split(&script);
        assert_eq!(pieces.len(), 2, "{script}: {pieces:?}");
        assert_eq!(pieces[0], format!("1:1 select {quoted}"));
    }
}

#[test]
fn semicolons_in_comments_do_not_count() {
    for comment in ["-- a; b\n", "/* a; b */", "/* a /* ; */ ; */", "/* '\n ; */", "-- it's;\n", "/**/", "--\n"] {
        let script = format!("select {comment} 1; next");
        let pieces = split(&script);
        assert_eq!(pieces.len(), 2, "{script}: {pieces:?}");
        assert_eq!(pieces[0], format!("1:1 select {comment} 1"));
    }
}

#[test]
fn a_statement_begins_at_its_first_word() {
    assert_eq!(split("-- one; two\n\n/* three;\n */  select 1;"), ["4:6 select 1"]);
    assert_eq!(split("/* ä */ select 1;"), ["1:9 select 1"]);
    assert!(split("-- only a comment").is_empty());
    assert!(split("/* only a comment").is_empty());
}

#[test]
fn commands_stand_between_statements() {
    assert_eq!(split("\\d a.b  \nselect 1; \\q\n"), ["1 \\d a.b", "2:1 select 1", "2 \\q"]);
    assert_eq!(split("select\n\\d\n;"), ["1:1 select\n\\d\n"]);
}

#[test]
fn it_is_between_statements_only_when_nothing_has_begun() {
    let after = |text: &str| {
        let mut splitter = Splitter::default();
        for line in text.lines() {
            splitter.push(line);
        }
        splitter.is_between()
    };
    for text in ["", "select 1;", "-- comment", "/* */", "select ';';", "\\d"] {
        assert!(after(text), "{text}");
    }
    for text in ["select", "select 1; select", "/* open", "select ';", "select $$;"] {
        assert!(!after(text), "{text}");
    }
}
