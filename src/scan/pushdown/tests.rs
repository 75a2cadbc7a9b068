use std::sync::Arc;

use arrow::array::StructArray;
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::Column as Named;
use datafusion::functions::core::expr_fn::r#struct;
use datafusion::functions_nested::expr_fn::array_has;
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::{ColumnarValue, Volatility, cast, create_udf};
use datafusion::prelude::{Expr, col, lit};

use super::*;
use crate::cluster::schema::{Index, TableName};
use crate::codec::arrow_schema;
use crate::codec::token::TOKEN;

/// `PRIMARY KEY ((a, b), c, d)` with `c` ascending and `d` descending; `v` has an SAI index, `w` a legacy one.
fn table() -> TableSchema {
    let column = |name: &str, cql_type, kind| Column { name: name.into(), cql_type, kind };
    let clustering = |descending| ColumnKind::Clustering { descending };
    let index = |column: &str, kind| Index { column: column.into(), target: IndexTarget::Column, kind };
    TableSchema {
        name: TableName::new("ks", "t"),
        columns: vec![
            column("a", CqlType::Int, ColumnKind::PartitionKey),
            column("b", CqlType::Text, ColumnKind::PartitionKey),
            column("c", CqlType::BigInt, clustering(false)),
            column("d", CqlType::Text, clustering(true)),
            column("s", CqlType::Int, ColumnKind::Static),
            column("v", CqlType::Int, ColumnKind::Regular),
            column("w", CqlType::Text, ColumnKind::Regular),
            column("x", CqlType::Decimal, ColumnKind::Regular),
        ],
        indexes: vec![index("v", IndexKind::Sai), index("w", IndexKind::Legacy)],
        node_local: false,
        view: false,
    }
}

fn pushed_with(options: &CassandraOptions, filters: &[Expr]) -> Pushdown {
    let table = table();
    push(&table, &arrow_schema(&table.columns), options, filters)
}

fn pushed(filters: &[Expr]) -> Pushdown {
    pushed_with(&CassandraOptions::default(), filters)
}

/// The terms with their values, and how many filters are left.
fn shown(pushdown: &Pushdown) -> (Vec<String>, usize) {
    let values = |term: &Term| term.values.iter().map(|v| v.text.clone()).collect::<Vec<_>>().join(", ");
    let terms = pushdown.restriction.terms.iter().map(|term| format!("{} [{}]", term.cql(), values(term)));
    (terms.collect(), pushdown.residual.len())
}

fn keys(pushdown: &Pushdown) -> Vec<String> {
    match &pushdown.restriction.access {
        Access::Keys(keys) => keys.iter().map(ToString::to_string).collect(),
        Access::Ring(ranges) => ranges.iter().map(ToString::to_string).collect(),
    }
}

fn key() -> Vec<Expr> {
    vec![col("a").eq(lit(1_i32)), col("b").eq(lit("x"))]
}

fn one_of(column: &str, values: &[Expr]) -> Expr {
    Expr::InList(InList::new(Box::new(col(column)), values.to_vec(), false))
}

fn token(columns: &[&str]) -> Expr {
    let types = vec![arrow::datatypes::DataType::Int32, arrow::datatypes::DataType::Utf8];
    let nothing = Arc::new(|_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(ScalarValue::Int64(None))));
    let udf = create_udf(TOKEN, types, arrow::datatypes::DataType::Int64, Volatility::Immutable, nothing);
    let args = columns.iter().map(|name| Expr::Column(Named::from_name(*name))).collect();
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(udf), args))
}

#[test]
fn a_whole_partition_key_is_one_cassandra_partition() {
    let found = pushed(&key());
    assert_eq!(keys(&found), ["(1, 'x')"]);
    assert_eq!(shown(&found), (vec![], 0));
}

#[test]
fn part_of_a_partition_key_is_nothing_to_the_server() {
    let found = pushed(&key()[..1]);
    assert_eq!(found.restriction, Restriction::none());
    assert_eq!(found.residual.len(), 1);
}

#[test]
fn lists_of_both_columns_are_combined_each_once() {
    let found = pushed(&[
        one_of("a", &[lit(2_i32), lit(1_i32), lit(2_i32), lit(ScalarValue::Int32(None))]),
        col("b").eq(lit("x")).or(col("b").eq(lit("y"))),
    ]);
    assert_eq!(keys(&found), ["(1, 'x')", "(1, 'y')", "(2, 'x')", "(2, 'y')"]);
    assert_eq!(found.residual, []);
}

#[test]
fn a_key_that_is_too_long_as_a_whole_is_no_rows() {
    let long = |length: usize| [col("a").eq(lit(1_i32)), col("b").eq(lit("x".repeat(length)))];
    // Length and zero of both columns, and the four bytes of the int.
    assert_eq!(keys(&pushed(&long(65_535 - 10))).len(), 1);
    let found = pushed(&long(65_535 - 9));
    assert_eq!((found.restriction, found.residual), (Restriction::nothing(), vec![]));
}

#[test]
fn too_many_combinations_are_a_scan() {
    let options = CassandraOptions { max_keys: crate::options::Positive::at_least_one(3), ..Default::default() };
    let filters = [one_of("a", &[lit(1_i32), lit(2_i32)]), one_of("b", &[lit("x"), lit("y")])];
    let found = pushed_with(&options, &filters);
    assert_eq!(found.restriction, Restriction::none());
    assert_eq!(found.residual.len(), 2);
}

#[test]
fn clustering_columns_are_taken_in_order_up_to_the_first_range() {
    let mut filters = key();
    filters.extend([col("c").gt(lit(5_i64)), col("c").lt_eq(lit(9_i64)), col("d").eq(lit("z"))]);
    let found = pushed(&filters);
    assert_eq!(shown(&found), (vec!["\"c\" > ? [5]".into(), "\"c\" <= ? [9]".into()], 1));

    let mut filters = key();
    filters.extend([one_of("c", &[lit(7_i64), lit(3_i64)]), col("d").gt_eq(lit("z"))]);
    let found = pushed(&filters);
    assert_eq!(shown(&found), (vec!["\"c\" IN (?, ?) [3, 7]".into(), "\"d\" >= ? ['z']".into()], 0));

    let mut filters = key();
    filters.push(col("d").eq(lit("z")));
    assert_eq!(shown(&pushed(&filters)), (vec![], 1));
}

#[test]
fn a_long_list_of_a_clustering_column_narrows_and_stays() {
    let mut filters = key();
    let values: Vec<Expr> = (0..1_000_i64).map(lit).collect();
    filters.push(one_of("c", &values));
    assert_eq!(shown(&pushed(&filters)), (vec!["\"c\" >= ? [0]".into(), "\"c\" <= ? [999]".into()], 1));
}

#[test]
fn contradictions_read_nothing() {
    let range = [col("c").gt(lit(5_i64)), col("c").lt(lit(5_i64))];
    for filters in [vec![col("a").eq(lit(1_i32)), col("a").eq(lit(2_i32))], range.to_vec(), vec![one_of("a", &[])]] {
        let found = pushed(&filters);
        assert_eq!(found.restriction, Restriction::nothing(), "{filters:?}");
        assert_eq!(found.residual, []);
    }
}

#[test]
fn values_that_no_key_has_read_nothing() {
    let mut table = table();
    table.columns.retain(|column| column.name != "a");
    let filter = [col("b").eq(lit(""))];
    let found = push(&table, &arrow_schema(&table.columns), &CassandraOptions::default(), &filter);
    assert_eq!(found.restriction, Restriction::nothing());
    // Of several columns, one may be empty.
    let found = pushed(&[col("a").eq(lit(1_i32)), col("b").eq(lit(""))]);
    assert_eq!(keys(&found), ["(1, '')"]);
}

#[test]
fn literals_of_another_type_are_left() {
    let found = pushed(&[col("a").eq(lit(1_i64)), col("b").eq(lit("x"))]);
    assert_eq!(found.residual.len(), 2);
    let found = pushed(&[col("x").eq(lit("1.5"))]);
    assert_eq!(found.residual.len(), 1);
}

#[test]
fn a_literal_beyond_the_column_is_equal_to_nothing() {
    let wide = || cast(col("a"), DataType::Int64);
    let of = |filter: Expr| pushed(&[filter, col("b").eq(lit("x"))]);
    assert_eq!(of(wide().eq(lit(3_000_000_000_i64))).restriction, Restriction::nothing());
    let found = of(wide().eq(lit(1_i64)).or(wide().eq(lit(3_000_000_000_i64))).or(lit(ScalarValue::Boolean(None))));
    assert_eq!((keys(&found), found.residual.len()), (vec!["(1, 'x')".to_owned()], 0));
    // All are less, which is no condition of CQL; a float of a text column is none at all.
    assert_eq!(of(wide().lt(lit(3_000_000_000_i64))).residual.len(), 1 + 1);
    assert_eq!(of(cast(col("a"), DataType::Float64).eq(lit(1.0))).residual.len(), 1 + 1);
    let fraction = ScalarValue::TimestampNanosecond(Some(1_500_001), None);
    assert_eq!(value::narrowed(&fraction, &DataType::Timestamp(TimeUnit::Millisecond, None)), None);
}

#[test]
fn tuples_are_compared_as_the_columns_are() {
    let ints = |c: ScalarValue| {
        let fields = vec![Field::new("c0", c.data_type(), true), Field::new("c1", DataType::Utf8, true)];
        let text = ScalarValue::from("n").to_array().unwrap();
        let values = StructArray::new(fields.clone().into(), vec![c.to_array().unwrap(), text], None);
        (DataType::Struct(fields.into()), lit(ScalarValue::Struct(Arc::new(values))))
    };
    let mut table = table();
    table.columns[2].cql_type = CqlType::Int;
    // Rows without clustering columns would compare in their own way.
    table.columns.retain(|column| column.kind != ColumnKind::Static);
    let columns = || r#struct(vec![col("c"), col("d")]);
    let push = |filter: Expr| {
        let filters = [key(), vec![filter]].concat();
        shown(&push(&table, &arrow_schema(&table.columns), &CassandraOptions::default(), &filters))
    };
    let term = "(\"c\", \"d\") > (?, ?) [2, 'n']".to_owned();
    let (_, same) = ints(ScalarValue::Int32(Some(2)));
    assert_eq!(push(columns().gt(same)), (vec![term.clone()], 0));
    // Literals are bigints in SQL.
    let (wide, literal) = ints(ScalarValue::Int64(Some(2)));
    assert_eq!(push(cast(columns(), wide.clone()).gt(literal.clone())), (vec![term.clone()], 0));
    assert_eq!(push(literal.lt(cast(columns(), wide))), (vec![term], 0));
    let (wide, literal) = ints(ScalarValue::Int64(Some(3_000_000_000)));
    assert_eq!(push(cast(columns(), wide).lt(literal)), (vec![], 1));
}

#[test]
fn tokens_narrow_the_ring() {
    let found = pushed(&[token(&["a", "b"]).gt(lit(10_i64)), token(&["a", "b"]).lt_eq(lit(20_i64))]);
    assert_eq!(keys(&found), ["(10, 20]"]);
    assert_eq!(found.residual, []);
    let found = pushed(&[token(&["a", "b"]).lt(lit(i64::MIN))]);
    assert_eq!(found.restriction, Restriction::nothing());
    // Another function than that of this table.
    assert_eq!(pushed(&[token(&["b", "a"]).gt(lit(10_i64))]).residual.len(), 1);
    assert_eq!(pushed(&[token(&["a"]).gt(lit(10_i64))]).residual.len(), 1);
}

#[test]
fn tokens_and_keys_are_joined() {
    let mut filters = key();
    let on_the_ring = match &pushed(&filters).restriction.access {
        Access::Keys(keys) => keys[0].token,
        Access::Ring(_) => panic!("not by key"),
    };
    filters.push(token(&["a", "b"]).eq(lit(on_the_ring)));
    assert_eq!(keys(&pushed(&filters)), ["(1, 'x')"]);
    filters.push(token(&["a", "b"]).not_eq(lit(on_the_ring)));
    assert_eq!(pushed(&filters).residual.len(), 1);
    let mut filters = key();
    filters.push(token(&["a", "b"]).gt(lit(on_the_ring)));
    assert_eq!(pushed(&filters).restriction, Restriction::nothing());
}

#[test]
fn indexes_answer_what_they_can() {
    let found = pushed(&[col("v").gt(lit(5_i32)), col("w").eq(lit("x"))]);
    assert_eq!(shown(&found), (vec!["\"v\" > ? [5]".into()], 1));
    let found = pushed(&[col("w").eq(lit("x")), col("c").eq(lit(1_i64))]);
    assert_eq!(shown(&found), (vec!["\"w\" = ? ['x']".into()], 1));
    // SAI comes first, wherever its column stands.
    let mut table = table();
    table.indexes =
        ["v", "w"].map(|c| Index { column: c.into(), ..table.indexes[usize::from(c == "v")].clone() }).into();
    let filters = [col("v").eq(lit(5_i32)), col("w").eq(lit("x"))];
    let found = push(&table, &arrow_schema(&table.columns), &CassandraOptions::default(), &filters);
    assert_eq!(shown(&found), (vec!["\"w\" = ? ['x']".into()], 1));
    for left in [col("w").gt(lit("x")), col("w").eq(lit("")), col("s").eq(lit(1_i32)), col("v").not_eq(lit(1_i32))] {
        assert_eq!(shown(&pushed(std::slice::from_ref(&left))), (vec![], 1), "{left}");
    }
    let off = CassandraOptions { index_pushdown: false, ..Default::default() };
    assert_eq!(pushed_with(&off, &[col("v").gt(lit(5_i32))]).residual.len(), 1);
}

#[test]
fn an_index_that_is_not_asked_answers_nothing() {
    let has_x = || array_has(col("z"), lit("x"));
    for (kind, filters, terms, left) in [
        // One of the old kind answers alone.
        (IndexKind::Legacy, vec![col("v").gt(lit(5_i32)), has_x()], vec!["\"v\" > ? [5]"], 1),
        (IndexKind::Legacy, vec![has_x()], vec!["\"z\" CONTAINS ? ['x']"], 0),
        (IndexKind::Sai, vec![col("v").gt(lit(5_i32)), has_x()], vec!["\"v\" > ? [5]", "\"z\" CONTAINS ? ['x']"], 0),
        (IndexKind::Other, vec![has_x()], vec![], 1),
    ] {
        let mut table = table();
        let z = Column { name: "z".into(), cql_type: CqlType::Set(Box::new(CqlType::Text)), kind: ColumnKind::Regular };
        table.columns.push(z);
        table.indexes.push(Index { column: "z".into(), target: IndexTarget::Values, kind });
        let found = push(&table, &arrow_schema(&table.columns), &CassandraOptions::default(), &filters);
        let expected = (terms.into_iter().map(str::to_owned).collect(), left);
        assert_eq!(shown(&found), expected, "{kind:?}");
    }
}

#[test]
fn filtering_leaves_clustering_columns_alone_where_the_server_would_fail() {
    let options = CassandraOptions { allow_filtering: true, ..Default::default() };
    let filters = [col("a").eq(lit(1_i32)), col("c").eq(lit(1_i64)), col("v").eq(lit(5_i32))];
    let mut table = table();
    table.indexes = vec![Index { column: "a".into(), target: IndexTarget::Column, kind: IndexKind::Legacy }];
    let push = |table: &TableSchema| shown(&push(table, &arrow_schema(&table.columns), &options, &filters));
    assert_eq!(push(&table), (vec!["\"a\" = ? [1]".into(), "\"v\" = ? [5]".into()], 1));
    table.columns.retain(|column| column.kind != ColumnKind::Static);
    assert_eq!(push(&table).1, 0);
}

#[test]
fn filtering_is_only_by_choice() {
    let filters = [col("c").eq(lit(1_i64)), col("d").gt(lit("x")), col("s").eq(lit(1_i32))];
    assert_eq!(pushed(&filters).restriction, Restriction::none());
    let options = CassandraOptions { allow_filtering: true, ..Default::default() };
    let found = pushed_with(&options, &filters);
    assert!(found.restriction.allow_filtering);
    assert_eq!(shown(&found), (vec!["\"c\" = ? [1]".into(), "\"d\" > ? ['x']".into()], 1));
}
