//! Names in CQL text.
//!
//! CQL folds a name without quotes to lower case and refuses reserved words; a quoted name is taken as it is. Statements
//! that cbulk sends quote every name, so that no table or column needs a thought.

/// Words that CQL takes for names only in quotes: those of all versions since Cassandra 4.0 together.
const RESERVED: &str = "
    add allow alter and apply asc authorize batch begin by check columnfamily constraint create default delete
    desc describe drop entries execute from full grant if in index infinity insert into is keyspace length limit
    materialized mbean mbeans modify nan norecursive not null of on or order primary rename replace revoke schema
    select set table to token truncate unlogged unset update use using view where with
";

/// The name in double quotes, quotes inside it doubled: valid wherever CQL expects a name.
pub fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A table's quoted name with its quoted keyspace, as in `"ks"."table"`.
pub fn quote_table(keyspace: &str, table: &str) -> String {
    format!("{}.{}", quote(keyspace), quote(table))
}

/// The name as people write it: in quotes only if it means something else without them.
pub fn quote_if_needed(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let reserved = RESERVED.split_whitespace().any(|word| word == name);
    if plain && !reserved { name.to_owned() } else { quote(name) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_name_is_quoted() {
        assert_eq!(quote("a"), r#""a""#);
        assert_eq!(quote("select"), r#""select""#);
        assert_eq!(quote("Upper Case"), r#""Upper Case""#);
        assert_eq!(quote(r#"a"b"#), r#""a""b""#);
        assert_eq!(quote(r#"""#), r#""""""#);
        assert_eq!(quote("größe"), r#""größe""#);
        assert_eq!(quote_table("Ks", "my.table"), r#""Ks"."my.table""#);
    }

    #[test]
    fn plain_names_need_no_quotes() {
        for plain in ["a", "user_id", "a1", "list", "int"] {
            assert_eq!(quote_if_needed(plain), plain);
        }
        for other in ["", "A", "aB", "1a", "_a", "a b", "a-b", "größe", "select", "token", "with"] {
            assert_eq!(quote_if_needed(other), quote(other));
        }
    }

    proptest! {
        #[test]
        fn a_quoted_name_has_one_end(name in ".*") {
            let quoted = quote(&name);
            let inner = quoted.strip_prefix('"').and_then(|q| q.strip_suffix('"')).unwrap();
            prop_assert!(!inner.replace("\"\"", "").contains('"'));
            prop_assert_eq!(inner.replace("\"\"", "\""), name);
        }
    }
}
