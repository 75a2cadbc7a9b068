//! Conjuncts of a WHERE as conditions on one column, or on the token.

use arrow::array::Array;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{BinaryExpr, Cast, InList, ScalarFunction};
use datafusion::logical_expr::{Between, Expr, Operator};

use super::value::{Comparable, literal, narrowed, widens};
use crate::cluster::schema::{ColumnKind, CqlType, TableSchema};
use crate::codec::token::TOKEN;
use crate::scan::restriction::Relation;

/// One conjunct, understood.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// On the column at this place in the table.
    Column(usize, Test),
    /// On the token of the whole partition key.
    Token(Test),
    /// The collection at this place has this element.
    Contains(usize, ScalarValue),
    /// These columns compare with these values one after the other, as `(a, b) > (1, 2)`.
    Tuple(Vec<usize>, Relation, Vec<ScalarValue>),
}

/// What values pass.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    OneOf(Vec<ScalarValue>),
    /// At least this value, or above it.
    Lower(ScalarValue, Inclusive),
    /// At most this value, or below it.
    Upper(ScalarValue, Inclusive),
    /// Both.
    Within(ScalarValue, ScalarValue),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inclusive {
    Yes,
    No,
}

/// What is needed to read conjuncts.
pub(super) struct Reader<'a> {
    pub(super) table: &'a TableSchema,
    pub(super) schema: &'a Schema,
}

/// What stands on the left of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Column(usize),
    /// The column, as a type that has more values: that of a literal which may be none of the column's.
    Widened(usize),
    Token,
}

impl Reader<'_> {
    /// The condition that holds for a row exactly when the conjunct is true, if it is one that CQL has.
    pub(super) fn read(&self, expr: &Expr) -> Option<Condition> {
        match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => self.any_of(left, right),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_tuple(left) => self.tuple(left, *op, right),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_tuple(right) => self.tuple(right, op.swap()?, left),
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (left.as_ref(), right.as_ref()) {
                (subject, Expr::Literal(value, _)) => self.comparison(subject, *op, value),
                (Expr::Literal(value, _), subject) => self.comparison(subject, op.swap()?, value),
                _ => None,
            },
            Expr::InList(InList { expr, list, negated: false }) => {
                let subject = self.subject(expr)?;
                let values = list.iter().map(|item| match item {
                    Expr::Literal(value, _) => Some(value),
                    _ => None,
                });
                // NULL in the list: true stays true, and what is not true is not passed on.
                let values = values.collect::<Option<Vec<_>>>()?.into_iter().filter(|value| !value.is_null());
                self.one_of(subject, values)
            }
            Expr::Between(Between { expr, negated: false, low, high }) => {
                let subject = self.ordered(expr)?;
                let (Expr::Literal(low, _), Expr::Literal(high, _)) = (low.as_ref(), high.as_ref()) else {
                    return None;
                };
                let (low, high) = (self.value(subject, low)?, self.value(subject, high)?);
                Some(condition(subject, Test::Within(low, high)))
            }
            Expr::Column(_) => self.flag(expr, true),
            Expr::Not(inner) => self.flag(inner, false),
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "array_has" => self.contains(args),
            _ => None,
        }
    }

    fn comparison(&self, subject: &Expr, op: Operator, value: &ScalarValue) -> Option<Condition> {
        if op == Operator::Eq {
            return self.one_of(self.subject(subject)?, [value]);
        }
        let test = |value| {
            Some(match op {
                Operator::Lt => Test::Upper(value, Inclusive::No),
                Operator::LtEq => Test::Upper(value, Inclusive::Yes),
                Operator::Gt => Test::Lower(value, Inclusive::No),
                Operator::GtEq => Test::Lower(value, Inclusive::Yes),
                _ => return None,
            })
        };
        let subject = self.ordered(subject)?;
        Some(condition(subject, test(self.value(subject, value)?)?))
    }

    /// Equal to one of these values.
    fn one_of<'v>(&self, subject: Subject, values: impl IntoIterator<Item = &'v ScalarValue>) -> Option<Condition> {
        let values = values.into_iter();
        let values = match subject {
            // What the column cannot be, it is not equal to.
            Subject::Widened(index) => {
                values.filter_map(|v| narrowed(v, self.schema.field(index).data_type())).collect()
            }
            Subject::Column(_) | Subject::Token => {
                values.map(|value| self.value(subject, value)).collect::<Option<_>>()?
            }
        };
        Some(condition(subject, Test::OneOf(values)))
    }

    /// `a = 1 OR a = 2`, as DataFusion writes short IN lists.
    fn any_of(&self, left: &Expr, right: &Expr) -> Option<Condition> {
        // A NULL in the list is never true.
        let is_null = |side: &Expr| matches!(side, Expr::Literal(value, _) if value.is_null());
        if is_null(left) || is_null(right) {
            return self.read(if is_null(left) { right } else { left });
        }
        match (self.read(left)?, self.read(right)?) {
            (Condition::Column(a, Test::OneOf(mut values)), Condition::Column(b, Test::OneOf(more))) if a == b => {
                values.extend(more);
                Some(Condition::Column(a, Test::OneOf(values)))
            }
            _ => None,
        }
    }

    /// A boolean column by itself.
    fn flag(&self, expr: &Expr, value: bool) -> Option<Condition> {
        let Subject::Column(index) = self.subject(expr)? else { return None };
        let is_flag = self.table.columns[index].cql_type == CqlType::Boolean;
        is_flag.then(|| Condition::Column(index, Test::OneOf(vec![ScalarValue::Boolean(Some(value))])))
    }

    fn tuple(&self, columns: &Expr, op: Operator, literal: &Expr) -> Option<Condition> {
        let Expr::ScalarFunction(ScalarFunction { args, .. }) = without_cast(columns) else { return None };
        let Expr::Literal(ScalarValue::Struct(values), _) = literal else { return None };
        let relation = match op {
            Operator::Lt => Relation::Lt,
            Operator::LtEq => Relation::LtEq,
            Operator::Gt => Relation::Gt,
            Operator::GtEq => Relation::GtEq,
            _ => return None,
        };
        // With static columns there are rows without clustering columns, which compare in their own way.
        if values.is_null(0) || self.table.columns.iter().any(|column| column.kind == ColumnKind::Static) {
            return None;
        }
        let (mut columns, mut compared) = (Vec::new(), Vec::new());
        for (arg, value) in args.iter().zip(values.columns()) {
            let Subject::Column(index) = self.ordered(arg)? else { return None };
            let value = ScalarValue::try_from_array(value, 0).ok()?;
            // All columns are cast at once, also those that have the right type.
            let is_wider = widens(self.schema.field(index).data_type(), &value.data_type());
            let subject = if is_wider { Subject::Widened(index) } else { Subject::Column(index) };
            compared.push(self.value(subject, &value)?);
            columns.push(index);
        }
        (args.len() == values.num_columns()).then_some(Condition::Tuple(columns, relation, compared))
    }

    fn contains(&self, args: &[Expr]) -> Option<Condition> {
        let [Expr::Column(column), Expr::Literal(value, _)] = args else { return None };
        let index = self.table.columns.iter().position(|c| c.name == column.name)?;
        let (CqlType::List(element) | CqlType::Set(element)) = &self.table.columns[index].cql_type else { return None };
        let DataType::List(field) = self.schema.field(index).data_type() else { return None };
        if Comparable::of(element) == Comparable::No {
            return None;
        }
        Some(Condition::Contains(index, literal(value, field.data_type())?))
    }

    /// A column whose equality is that of Cassandra, or the token of the partition key.
    fn subject(&self, expr: &Expr) -> Option<Subject> {
        match expr {
            Expr::Column(column) => {
                let index = self.table.columns.iter().position(|c| c.name == column.name)?;
                let comparable = Comparable::of(&self.table.columns[index].cql_type);
                (comparable >= Comparable::Equality).then_some(Subject::Column(index))
            }
            // DataFusion takes the cast away where the literal is one of the column's values.
            Expr::Cast(Cast { expr, data_type }) => {
                let Subject::Column(index) = self.subject(expr)? else { return None };
                widens(self.schema.field(index).data_type(), data_type).then_some(Subject::Widened(index))
            }
            Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == TOKEN => {
                let names = args.iter().map(|arg| match arg {
                    Expr::Column(column) => Some(column.name.as_str()),
                    _ => None,
                });
                let key = self.table.partition_key().map(|column| Some(column.name.as_str()));
                names.eq(key).then_some(Subject::Token)
            }
            _ => None,
        }
    }

    /// The same, if it is ordered as in Cassandra too.
    fn ordered(&self, expr: &Expr) -> Option<Subject> {
        let subject = self.subject(expr)?;
        let ordered = match subject {
            Subject::Column(index) => Comparable::of(&self.table.columns[index].cql_type) == Comparable::Order,
            // Some of the column's values are less than such a literal, or all, or none.
            Subject::Widened(_) => false,
            Subject::Token => true,
        };
        ordered.then_some(subject)
    }

    fn value(&self, subject: Subject, value: &ScalarValue) -> Option<ScalarValue> {
        match subject {
            Subject::Column(index) => literal(value, self.schema.field(index).data_type()),
            Subject::Widened(index) => narrowed(value, self.schema.field(index).data_type()),
            Subject::Token => literal(value, &DataType::Int64),
        }
    }
}

/// What is cast, if the expression is a cast.
fn without_cast(expr: &Expr) -> &Expr {
    if let Expr::Cast(Cast { expr, .. }) = expr { expr } else { expr }
}

/// Columns in parentheses.
fn is_tuple(expr: &Expr) -> bool {
    matches!(without_cast(expr), Expr::ScalarFunction(ScalarFunction { func, .. }) if func.name() == "struct")
}

fn condition(subject: Subject, test: Test) -> Condition {
    match subject {
        Subject::Column(index) | Subject::Widened(index) => Condition::Column(index, test),
        Subject::Token => Condition::Token(test),
    }
}
