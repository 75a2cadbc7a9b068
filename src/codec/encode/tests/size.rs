use super::*;
use crate::cluster::limits::RequestLimit;

#[test]
fn a_row_over_the_limit_is_refused_by_its_exact_size() {
    let columns = [key("k", CqlType::Int), column("n", CqlType::Varint), column("t", CqlType::Text)];
    let batch = RecordBatch::try_from_iter([
        ("k", Arc::new(Int32Array::from(vec![1; 4])) as ArrayRef),
        // One byte each, whatever the length of the text.
        ("n", Arc::new(StringArray::from(vec![Some("00000000000000000001"), Some("1"), None, Some("1")]))),
        ("t", Arc::new(StringArray::from(vec![Some("abc"), Some("0123456789"), Some("0123456789"), None]))),
    ])
    .unwrap();
    let encoder = RowEncoder::try_new(&columns, batch.schema_ref()).unwrap();
    let setting = "max_mutation_size";
    let checked = |bytes| {
        let bound = encoder.clone().with_limit(Some(RequestLimit { bytes, setting })).bind(&batch).unwrap();
        (0..4).map(|row| bound.check(row).map_err(|e| e.to_string())).collect::<Vec<_>>()
    };
    let refused = "the values of the row have 15 bytes, and a node takes 14 at the most: write fewer into one row, or raise in \
                   cassandra.yaml of every node max_mutation_size (largest column: t (10 bytes), row: 2)";
    assert_eq!(checked(14), [Ok(()), Err(refused.to_owned()), Ok(()), Ok(())]);
    assert!(checked(15).iter().all(Result::is_ok));
    let unlimited = encoder.with_limit(None).bind(&batch).unwrap();
    assert!((0..4).all(|row| unlimited.check(row).is_ok()));
}

/// Bits become elements of five bytes.
#[test]
fn elements_are_larger_than_in_memory() {
    let mut list = arrow::array::ListBuilder::new(arrow::array::BooleanBuilder::new());
    list.append_value(std::iter::repeat_n(Some(true), 10_000));
    let array: ArrayRef = Arc::new(list.finish());
    let batch = RecordBatch::try_from_iter([("l", array)]).unwrap();
    let bytes = 2 * batch.get_array_memory_size();
    let columns = [column("l", "list<boolean>".parse().unwrap())];
    let encoder = RowEncoder::try_new(&columns, batch.schema_ref()).unwrap();
    let bound = encoder.with_limit(Some(RequestLimit { bytes, setting: "a_setting" })).bind(&batch).unwrap();
    assert!(bound.check(0).unwrap_err().to_string().contains("50004 bytes"));
}

#[test]
fn all_columns_that_cannot_be_written_are_told() {
    let columns = [column("a", CqlType::Inet), column("b", CqlType::Int), column("c", CqlType::Uuid)];
    let field = |name| Field::new(name, DataType::Int32, true);
    let input = Schema::new(vec![field("a"), field("b"), field("c")]);
    let refusals = RowEncoder::try_columns(&columns, &input).unwrap_err();
    assert_eq!(refusals.len(), 2);
    let error = RowEncoder::try_new(&columns, &input).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Schema);
    let text = error.to_string();
    assert!(text.starts_with("these columns cannot be written, for 2 reasons:\n  1. column a of type inet"), "{text}");
    assert!(text.contains("\n  2. column c of type uuid"), "{text}");
}
