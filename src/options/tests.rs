use super::*;

#[test]
fn a_bad_value_is_refused_when_it_is_set() {
    let mut options = CassandraOptions::default();
    let error = ExtensionOptions::set(&mut options, "page_size_rows", "0").unwrap_err();
    assert!(error.to_string().contains("'0' is not a whole number of at least 1"), "{error}");
    let error = ExtensionOptions::set(&mut options, "read_consistency", "most").unwrap_err();
    assert!(error.to_string().contains("LOCAL_QUORUM"), "{error}");
    ExtensionOptions::set(&mut options, "read_consistency", "quorum").unwrap();
    assert_eq!(options.read_consistency, Consistency::Quorum);
    ExtensionOptions::set(&mut options, "splits", "7").unwrap();
    assert_eq!(options.splits.map(Positive::get), Some(7));
}

#[test]
fn what_is_refused_changes_nothing() {
    let mut options = CassandraOptions::default();
    for refused in ["0", "many", "1000001"] {
        ExtensionOptions::set(&mut options, "splits", refused).unwrap_err();
        assert_eq!(options.splits, None, "{refused}");
    }
    ExtensionOptions::set(&mut options, "splits", "1000000").unwrap();
}

#[test]
fn a_representation_of_numbers_is_text_or_decimal() {
    for (text, expected) in [
        ("text", NumberAs::Text),
        (" TEXT ", NumberAs::Text),
        ("decimal(38, 10)", NumberAs::Decimal { precision: 38, scale: 10 }),
        ("Decimal (1,1)", NumberAs::Decimal { precision: 1, scale: 1 }),
        ("decimal(5)", NumberAs::Decimal { precision: 5, scale: 0 }),
    ] {
        let read: NumberAs = text.parse().unwrap();
        assert_eq!(read, expected, "{text}");
        assert_eq!(read.to_string().parse::<NumberAs>().unwrap(), expected);
    }
    for bad in ["", "decimal", "decimal()", "decimal(0)", "decimal(39, 0)", "decimal(3, 4)", "decimal(3, -1)", "double"]
    {
        let error = bad.parse::<NumberAs>().unwrap_err().to_string();
        assert!(error.contains("write text, or decimal(p, s)"), "{error}");
    }
}

#[test]
fn entries_have_their_whole_names() {
    let entries = CassandraOptions::default().entries();
    assert!(entries.iter().all(|entry| entry.key.starts_with("cassandra.") && !entry.description.is_empty()));
    assert!(entries.iter().any(|entry| entry.key == "cassandra.splits" && entry.value.is_none()));
}

#[test]
fn a_secret_is_never_printed() {
    let mut options = ClusterOptions::default();
    options.set("password", "hunter2").unwrap();
    assert!(!format!("{options:?}").contains("hunter2"));
}

#[test]
fn every_name_can_be_set() {
    for name in ClusterOptions::NAMES {
        let value = match name {
            "compression" => "lz4",
            "connections_per_node" | "connect_timeout_ms" => "3",
            _ => "x",
        };
        ClusterOptions::default().set(name, value).unwrap();
    }
    assert!(ClusterOptions::default().set("nonsense", "1").is_err());
}
