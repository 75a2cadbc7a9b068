use super::*;

#[test]
fn a_bad_value_is_refused_when_it_is_set() {
    let mut options = CassandraOptions::default();
    let error = ConfigField::set(&mut options, "page_size_rows", "0").unwrap_err();
    assert!(error.to_string().contains("'0' is not a whole number of at least 1"), "{error}");
    let error = ConfigField::set(&mut options, "read_consistency", "most").unwrap_err();
    assert!(error.to_string().contains("LOCAL_QUORUM"), "{error}");
    ConfigField::set(&mut options, "read_consistency", "quorum").unwrap();
    assert_eq!(options.read_consistency, Consistency::Quorum);
    ConfigField::set(&mut options, "splits", "7").unwrap();
    assert_eq!(options.splits.map(Positive::get), Some(7));
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
