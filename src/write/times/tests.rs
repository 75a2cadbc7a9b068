use std::collections::BTreeSet;

use arrow::array::{Array, ListArray, NullArray, StringArray, StructArray, TimestampMillisecondArray};
use arrow::datatypes::Int32Type;
use proptest::prelude::*;

use super::*;
use crate::options::Ttl;

const FOREVER: i32 = 0;

fn column(place: usize, kind: ColumnKind, timestamp: Option<usize>, ttl: Option<usize>) -> TimedColumn {
    TimedColumn { place, kind, timestamp, ttl }
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true))).unwrap()
}

fn ints(values: &[Option<i32>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int32Array>())
}

fn longs(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(values.iter().copied().collect::<Int64Array>())
}

/// k, a, b and the times of a and b.
fn two_cells() -> Vec<TimedColumn> {
    vec![
        column(0, ColumnKind::PartitionKey, None, None),
        column(1, ColumnKind::Regular, Some(3), Some(4)),
        column(2, ColumnKind::Regular, Some(5), Some(6)),
    ]
}

fn rows(statements: &Statements) -> Vec<String> {
    use arrow::util::display::{ArrayFormatter, FormatOptions};
    let options = FormatOptions::default().with_null("-");
    let columns = statements.batch.columns();
    let columns: Vec<_> = columns.iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
    let line = |row: usize| columns.iter().map(|c| c.value(row).to_string()).collect::<Vec<_>>().join(" ");
    (0..statements.batch.num_rows()).map(line).collect()
}

fn row_of(statements: &Statements) -> &[usize] {
    statements.row_of.as_deref().unwrap()
}

#[test]
fn cells_of_one_pair_share_a_statement() {
    let layout = TimesLayout::of_cells(two_cells(), &CassandraOptions::default()).unwrap();
    let input = batch(vec![
        ("k", ints(&[Some(1), Some(2), Some(3), Some(4), Some(5)])),
        ("a", ints(&[Some(10), Some(20), Some(30), None, Some(50)])),
        ("b", ints(&[Some(11), Some(21), None, None, Some(51)])),
        ("writetime(a)", longs(&[Some(7), Some(7), Some(7), Some(7), None])),
        ("ttl(a)", ints(&[None, Some(60), None, Some(1), None])),
        ("writetime(b)", longs(&[Some(7), Some(8), None, None, Some(9)])),
        ("ttl(b)", ints(&[Some(0), Some(60), None, None, None])),
    ]);
    let statements = layout.statements(&input).unwrap();
    assert_eq!(
        rows(&statements),
        [
            "1 10 11 0 7", // null is for ever, and so is 0
            "2 20 - 60 7",
            "2 - 21 60 8",
            "3 30 - 0 7",
            "4 - - - -", // times of no cell
            "5 50 - - -",
            "5 - 51 0 9",
        ]
    );
    assert_eq!(row_of(&statements), [0, 1, 1, 2, 3, 4, 4]);
    assert_eq!(statements.timed, [true, true, true, true, false, false, true]);
    let names: Vec<String> = layout.markers().into_iter().map(|column| column.name).collect();
    assert_eq!(names, [TTL_MARKER, TIMESTAMP_MARKER]);
}

#[test]
fn what_has_no_times_gets_those_of_the_options() {
    let options = CassandraOptions {
        write_ttl_seconds: Some("90".parse().unwrap()),
        write_timestamp_us: Some(4),
        ..CassandraOptions::default()
    };
    let input = batch(vec![
        ("k", ints(&[Some(1), Some(2)])),
        ("a", ints(&[None, Some(20)])),
        ("writetime(a)", longs(&[None, None])),
        ("ttl(a)", ints(&[None, None])),
    ]);
    let key = column(0, ColumnKind::PartitionKey, None, None);
    let both = vec![key.clone(), column(1, ColumnKind::Regular, Some(2), Some(3))];
    let layout = TimesLayout::of_cells(both, &options).unwrap();
    assert_eq!(rows(&layout.statements(&input).unwrap()), ["1 - 90 4", "2 20 90 4"]);
    // A time that does not come at all has no marker; the constant is in the statement.
    let one = vec![key.clone(), column(1, ColumnKind::Regular, Some(2), None)];
    let layout = TimesLayout::of_cells(one, &options).unwrap();
    assert_eq!(rows(&layout.statements(&input).unwrap()), ["1 - 4", "2 20 4"]);
    assert_eq!(layout.markers().len(), 1);
    assert!(TimesLayout::of_cells(vec![key, column(1, ColumnKind::Regular, None, None)], &options).is_none());
}

#[test]
fn static_cells_are_written_once_for_their_rows() {
    let columns = vec![
        column(0, ColumnKind::PartitionKey, None, None),
        column(1, ColumnKind::Clustering { descending: false }, None, None),
        column(2, ColumnKind::Static, Some(4), None),
        column(3, ColumnKind::Regular, Some(5), None),
    ];
    let layout = TimesLayout::of_cells(columns, &CassandraOptions::default()).unwrap();
    let input = |last_time| {
        batch(vec![
            ("k", ints(&[Some(1), Some(1), Some(1), Some(2), Some(2)])),
            ("c", ints(&[Some(1), Some(2), Some(3), Some(1), Some(2)])),
            ("s", ints(&[Some(9), Some(9), Some(9), Some(9), Some(9)])),
            ("v", ints(&[Some(1), Some(2), Some(3), Some(4), Some(5)])),
            ("writetime(s)", longs(&[Some(5), Some(5), Some(5), Some(5), Some(6)])),
            ("writetime(v)", longs(&[last_time, Some(7), Some(7), Some(7), Some(7)])),
        ])
    };
    let statements = layout.statements(&input(Some(7))).unwrap();
    let expected =
        ["1 1 9 - 5", "1 1 - 1 7", "1 2 - 2 7", "1 3 - 3 7", "2 1 9 - 5", "2 1 - 4 7", "2 2 9 - 6", "2 2 - 5 7"];
    assert_eq!(rows(&statements), expected);
    // Where a row may be rejected and the others written, each brings it.
    let options = CassandraOptions { max_rejected: "1".parse().unwrap(), ..CassandraOptions::default() };
    let layout = TimesLayout::of_cells(layout.columns, &options).unwrap();
    let statements = layout.statements(&input(Some(i64::MIN))).unwrap();
    let expected = ["1 2 9 - 5", "1 2 - 2 7", "1 3 9 - 5", "1 3 - 3 7"];
    assert_eq!(rows(&statements)[..4], expected);
    assert_eq!(statements.refused[0].0, 0);
}

#[test]
fn a_row_with_a_bad_time_is_refused_by_itself() {
    let layout = TimesLayout::of_cells(two_cells(), &CassandraOptions::default()).unwrap();
    let input = batch(vec![
        ("k", ints(&[Some(1), Some(2), Some(3)])),
        ("a", ints(&[Some(10), Some(20), Some(30)])),
        ("b", ints(&[Some(11), Some(21), Some(31)])),
        ("writetime(a)", longs(&[Some(7); 3])),
        ("ttl(a)", ints(&[Some(630_720_000); 3])),
        ("writetime(b)", longs(&[Some(8); 3])),
        ("ttl(b)", ints(&[Some(5), Some(-5), Some(6)])),
    ]);
    let statements = layout.statements(&input).unwrap();
    let expected = ["1 10 - 630720000 7", "1 - 11 5 8", "3 30 - 630720000 7", "3 - 31 6 8"];
    assert_eq!(rows(&statements), expected);
    assert_eq!(row_of(&statements), [0, 0, 2, 2]);
    let [(1, error)] = &statements.refused[..] else { panic!("{:?}", statements.refused) };
    let text = error.to_string();
    assert!(text.contains("-5 cannot be written as time to live") && text.contains("ttl(b), row: 2"), "{text}");
}

#[test]
fn rows_have_times_of_any_unit() {
    let columns = vec![column(0, ColumnKind::PartitionKey, None, None), column(1, ColumnKind::Regular, None, None)];
    let row = RowTimes { timestamp: Some(1), ttl: Some(2) };
    let options = CassandraOptions { write_ttl_seconds: Some("7".parse().unwrap()), ..CassandraOptions::default() };
    let layout = TimesLayout::of_rows(columns.clone(), row, &options).unwrap();
    let most = i64::from(Ttl::MOST_SECONDS);
    let input = batch(vec![
        ("k", ints(&[Some(1), Some(2), Some(3), Some(4), Some(5)])),
        ("at", Arc::new(TimestampMillisecondArray::from(vec![Some(1), None, Some(i64::MAX), Some(-1), Some(2)]))),
        ("ttl", longs(&[Some(most), Some(0), Some(1), None, Some(most + 1)])),
    ]);
    let statements = layout.statements(&input).unwrap();
    let times: Vec<String> =
        rows(&statements).iter().map(|row| row.rsplitn(3, ' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(times, ["1000 630720000", "- 0", "-1000 7"]);
    assert_eq!(row_of(&statements), [0, 1, 3]);
    let refused: Vec<String> = statements.refused.iter().map(|(row, error)| format!("{row} {error}")).collect();
    assert!(refused[0].starts_with(&format!("2 {} cannot be written as write time", i64::MAX)), "{refused:?}");
    assert!(refused[1].starts_with("4 630720001 cannot be written as time to live"), "{refused:?}");
    // None refused: no column is copied.
    let good = input.slice(0, 2);
    let statements = layout.statements(&good).unwrap();
    assert_eq!(
        statements.batch.column(0).to_data().buffers()[0].as_ptr(),
        good.column(0).to_data().buffers()[0].as_ptr()
    );
    let row = RowTimes { timestamp: None, ttl: None };
    assert!(TimesLayout::of_rows(columns, row, &options).is_none());
}

#[test]
fn a_collection_lives_as_long_as_its_longest_element() {
    let ttls = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(5), Some(9), Some(7)]),
        Some(vec![Some(5), None]),
        Some(vec![]),
        None,
    ]);
    let ttls: ArrayRef = Arc::new(ttls);
    let longest = |fields| {
        let numbers = Numbers::new("ttl(l)", &ttls, fields).unwrap();
        (0..4).map(|row| numbers.ttl(row).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(longest(None), [Some(9), Some(0), None, None]);
    // Fields that are null have no time to live, and that does not mean for ever.
    let of = |name: &str, values: &[Option<i32>]| (Arc::new(Field::new(name, DataType::Int32, true)), ints(values));
    let fields = StructArray::from(vec![
        of("a", &[Some(1), Some(1), None, None]),
        of("b", &[None, None, None, None]),
        of("c", &[Some(1), None, None, None]),
    ]);
    assert_eq!(longest(Some(&fields)), [Some(7), Some(5), None, None]);
    let text: ArrayRef = Arc::new(StringArray::from(vec!["x"]));
    assert!(Numbers::new("t", &text, None).is_err());
}

#[test]
fn columns_without_values_are_in_no_statement() {
    let layout = TimesLayout::of_cells(two_cells(), &CassandraOptions::default()).unwrap();
    let input = batch(vec![
        ("k", ints(&[Some(1)])),
        ("a", Arc::new(NullArray::new(1))),
        ("b", ints(&[Some(2)])),
        ("writetime(a)", longs(&[Some(7)])),
        ("ttl(a)", ints(&[None])),
        ("writetime(b)", longs(&[Some(8)])),
        ("ttl(b)", ints(&[Some(60)])),
    ]);
    let statements = layout.statements(&input).unwrap();
    assert_eq!(row_of(&statements), [0]);
    assert_eq!(statements.batch.column(4).as_primitive::<arrow::datatypes::Int64Type>().value(0), 8);
}

/// A cell: its value, its write time, its time to live.
type AnyCell = (Option<i32>, Option<i64>, Option<i32>);

fn any_cell() -> impl Strategy<Value = AnyCell> {
    let value = prop::option::weighted(0.7, 0..100_i32);
    (value, prop::option::weighted(0.8, 1..4_i64), prop::option::of(1..3_i32))
}

/// The pair that a cell is to be written with.
fn pair_of((_, timestamp, ttl): AnyCell) -> (Option<i64>, Option<i32>) {
    (timestamp, ttl.or(timestamp.map(|_| FOREVER)))
}

proptest! {
    #[test]
    fn every_cell_is_in_one_statement_with_its_own_times(
        input in prop::collection::vec([any_cell(), any_cell(), any_cell(), any_cell()], 0..40),
    ) {
        let mut columns: Vec<(String, ArrayRef)> =
            vec![("k".into(), ints(&(0..).map(Some).take(input.len()).collect::<Vec<_>>()))];
        let mut layout = vec![column(0, ColumnKind::PartitionKey, None, None)];
        for c in 0..4 {
            let place = columns.len();
            let of = |cell: fn(&AnyCell) -> Option<i32>| ints(&input.iter().map(|row| cell(&row[c])).collect::<Vec<_>>());
            columns.push((format!("v{c}"), of(|cell| cell.0)));
            let times = longs(&input.iter().map(|row| row[c].1).collect::<Vec<_>>());
            columns.push((format!("writetime(v{c})"), times));
            columns.push((format!("ttl(v{c})"), of(|cell| cell.2)));
            layout.push(column(place, ColumnKind::Regular, Some(place + 1), Some(place + 2)));
        }
        let layout = TimesLayout::of_cells(layout, &CassandraOptions::default()).unwrap();
        let batch = batch(columns.iter().map(|(name, array)| (name.as_str(), Arc::clone(array))).collect());
        let statements = layout.statements(&batch).unwrap();

        prop_assert!(statements.refused.is_empty());
        prop_assert!(row_of(&statements).is_sorted());
        let row_of = row_of(&statements);
        let bound = |column: usize| statements.batch.column(column).as_primitive::<Int32Type>();
        let ttls = bound(5);
        let timestamps = statements.batch.column(6).as_primitive::<arrow::datatypes::Int64Type>();
        for (row, cells) in input.iter().enumerate() {
            let of_row: Vec<usize> = (0..row_of.len()).filter(|&s| row_of[s] == row).collect();
            let pairs: BTreeSet<_> = cells.iter().filter(|cell| cell.0.is_some()).map(|cell| pair_of(*cell)).collect();
            prop_assert_eq!(of_row.len(), pairs.len().max(1));
            for &statement in &of_row {
                prop_assert_eq!(usize::try_from(bound(0).value(statement)), Ok(row));
                prop_assert_eq!(statements.timed[statement], timestamps.is_valid(statement));
            }
            for (c, cell) in cells.iter().enumerate() {
                let holds: Vec<usize> = of_row.iter().copied().filter(|&s| bound(c + 1).is_valid(s)).collect();
                prop_assert_eq!(holds.len(), usize::from(cell.0.is_some()));
                for statement in holds {
                    prop_assert_eq!(Some(bound(c + 1).value(statement)), cell.0);
                    let (timestamp, ttl) = pair_of(*cell);
                    prop_assert_eq!(timestamps.is_valid(statement).then(|| timestamps.value(statement)), timestamp);
                    prop_assert_eq!(ttls.is_valid(statement).then(|| ttls.value(statement)), ttl);
                }
            }
        }
    }
}
