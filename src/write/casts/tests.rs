use datafusion::arrow::array::{AsArray, Int64Array, StringArray, StringViewArray};
use datafusion::arrow::datatypes::Int32Type;
use datafusion::physical_plan::empty::EmptyExec;
use proptest::prelude::*;

use super::*;
use crate::cluster::schema::{ColumnKind, CqlType};

fn column(name: &str, cql_type: CqlType) -> Column {
    Column { name: name.to_owned(), cql_type, kind: ColumnKind::Regular }
}

fn cast(expr: Arc<dyn PhysicalExpr>, to: &DataType) -> Arc<dyn PhysicalExpr> {
    Arc::new(CastExpr::new(expr, to.clone(), None))
}

/// A projection of one text column through these casts, written to a column of this type.
fn taken_off(casts: &[DataType], cql_type: CqlType) -> (Arc<dyn ExecutionPlan>, Casts) {
    let schema = Schema::new(vec![Field::new("text", DataType::Utf8View, true)]);
    let input: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(schema)));
    let text: Arc<dyn PhysicalExpr> = Arc::new(ColumnExpr::new("text", 0));
    let expr = casts.iter().fold(text, cast);
    let projection = ProjectionExec::try_new([ProjectionExpr::new(expr, "c")], input).unwrap();
    Casts::taken_off(Arc::new(projection), &[column("c", cql_type)]).unwrap()
}

fn batch(array: ArrayRef) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable([("c", array, true)]).unwrap()
}

#[test]
fn text_that_is_no_number_is_a_refused_row() {
    let (plan, casts) = taken_off(&[DataType::Int32], CqlType::Int);
    assert_eq!(plan.schema().field(0).data_type(), &DataType::Utf8View);
    assert_eq!(casts.shown().as_deref(), Some("c AS Int32"));
    let array = StringViewArray::from(vec![Some("1"), None, Some("2x"), Some("3"), Some("9999999999")]);
    let (done, refused) = casts.cast(&batch(Arc::new(array))).unwrap();
    assert_eq!(done.schema().as_ref(), &casts.schema(&plan.schema()));
    let numbers: Vec<_> = done.column(0).as_primitive::<Int32Type>().iter().collect();
    assert_eq!(numbers, [Some(1), None, None, Some(3), None]);
    let messages: Vec<(usize, String)> = refused.into_iter().map(|(row, error)| (row, error.to_string())).collect();
    let message = "cannot write \"2x\" as int: Cannot cast string '2x' to value of Int32 type (column: c, row: 3)";
    assert_eq!(messages[0], (2, message.to_owned()));
    assert_eq!(messages[1].0, 4);
    assert_eq!(messages.len(), 2);
}

#[test]
fn casts_of_casts_are_done_one_after_the_other() {
    let (_, casts) = taken_off(&[DataType::Int64, DataType::Int32], CqlType::Int);
    let (done, refused) = casts.cast(&batch(Arc::new(StringViewArray::from(vec!["7", "x", "3000000000"])))).unwrap();
    assert_eq!(done.column(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), [Some(7), None, None]);
    assert!(refused[0].1.to_string().contains("to value of Int64 type"), "{:?}", refused[0]);
    assert!(refused[1].1.to_string().contains("3000000000"), "{:?}", refused[1]);
}

#[test]
fn another_layout_of_text_is_left_to_the_encoder() {
    let (plan, casts) = taken_off(&[DataType::Utf8], CqlType::Text);
    assert_eq!((plan.schema().field(0).data_type(), casts.shown()), (&DataType::Utf8View, None));
}

#[test]
fn what_is_no_cast_and_constants_stay() {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let input: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(schema)));
    let literal = Arc::new(Literal::new(1_i64.into()));
    let exprs = [
        ProjectionExpr::new(Arc::new(ColumnExpr::new("n", 0)), "a"),
        ProjectionExpr::new(cast(literal, &DataType::Int32), "b"),
    ];
    let projection: Arc<dyn ExecutionPlan> = Arc::new(ProjectionExec::try_new(exprs, input).unwrap());
    let columns = [column("a", CqlType::BigInt), column("b", CqlType::Int)];
    let (plan, casts) = Casts::taken_off(Arc::clone(&projection), &columns).unwrap();
    assert_eq!((plan.schema(), casts.shown()), (projection.schema(), None));
}

#[test]
fn the_first_wrong_column_of_a_row_is_told() {
    let schema = Schema::new(vec![Field::new("a", DataType::Utf8, true), Field::new("b", DataType::Utf8, true)]);
    let input: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(schema.clone())));
    let expr = |i| {
        ProjectionExpr::new(
            cast(Arc::new(ColumnExpr::new(schema.field(i).name(), i)), &DataType::Int32),
            schema.field(i).name(),
        )
    };
    let projection = ProjectionExec::try_new([expr(0), expr(1)], input).unwrap();
    let columns = [column("a", CqlType::Int), column("b", CqlType::Int)];
    let (_, casts) = Casts::taken_off(Arc::new(projection), &columns).unwrap();
    let text = |values: Vec<&str>| Arc::new(StringArray::from(values)) as ArrayRef;
    let rows = [text(vec!["1", "x", "3"]), text(vec!["y", "z", "3"])];
    let (_, refused) = casts.cast(&RecordBatch::try_new(Arc::new(schema), rows.to_vec()).unwrap()).unwrap();
    let told: Vec<(usize, bool)> =
        refused.iter().map(|(row, error)| (*row, error.to_string().contains("column: a"))).collect();
    assert_eq!(told, [(0, false), (1, true)]);
    // In the order in which columns are asked for.
    let (_, refused) = casts.project(&[1]).cast(&batch(text(vec!["n"]))).unwrap();
    assert!(refused[0].1.to_string().contains("column: b"), "{:?}", refused[0]);
}

proptest! {
    #[test]
    fn good_rows_are_what_one_cast_of_them_gives(values in prop::collection::vec(prop::option::of(any::<i64>()), 0..300)) {
        let (schema, to) = (Schema::new(vec![Field::new("n", DataType::Int64, true)]), DataType::Int32);
        let input: Arc<dyn ExecutionPlan> = Arc::new(EmptyExec::new(Arc::new(schema)));
        let expr = ProjectionExpr::new(cast(Arc::new(ColumnExpr::new("n", 0)), &to), "c");
        let projection = ProjectionExec::try_new([expr], input).unwrap();
        let (_, casts) = Casts::taken_off(Arc::new(projection), &[column("c", CqlType::Int)]).unwrap();
        let values: Vec<Option<i64>> = values.into_iter().map(|v| v.map(|v| if v % 3 == 0 { v } else { v % 1000 })).collect();
        let (done, refused) = casts.cast(&batch(Arc::new(Int64Array::from(values.clone())))).unwrap();
        let expected: Vec<Option<i32>> = values.iter().map(|v| v.and_then(|v| i32::try_from(v).ok())).collect();
        prop_assert_eq!(done.column(0).as_primitive::<Int32Type>().iter().collect::<Vec<_>>(), expected.clone());
        let bad: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_some() && expected[i].is_none()).collect();
        prop_assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), bad);
    }
}
