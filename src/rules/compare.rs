//! Comparisons mean what people write, also where Arrow has no type of its own.
//!
//! | column | written | compared |
//! |---|---|---|
//! | varint, decimal (text in Arrow) | `d > 9.5`, `d = '1.50'`, `ORDER BY d` | as numbers, exactly (`number_key.rs`) |
//! | uuid, timeuuid (16 bytes) | `id = '123e4567-…'`, `CAST(id AS VARCHAR)`, `CAST('123e…' AS UUID)` | the text is read as a UUID, and made of one |
//! | inet (text) | `ip = '2001:DB8::1'` | the text is written as that of the column |
//!
//! Columns are known by the CQL type in their metadata, which files and Iceberg tables keep too, and so are fields of structs,
//! values of maps and elements of lists, as in `u['price'] > 9.5` and `l[1] < 10` (`kind.rs`), also within `array_has` and its
//! like (`lists.rs`). Where a comparison would silently be one of texts, there is an error: `max(d)`.
//!
//! The rule comes before DataFusion's own, which would compare numbers as text, and UUIDs not at all.

pub(super) mod elements;
mod function;
mod kind;
mod lists;
mod number_key;
pub(super) mod to_uuid;
mod unnested;
mod uuid_text;

use std::net::IpAddr;
use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, ScalarValue, plan_datafusion_err, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{AggregateFunction, Between, BinaryExpr, Cast, InList, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, LogicalPlan, Operator, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::BinaryOperator;
use uuid::Uuid;

use elements::{array_element, array_slice};
use kind::Kind;
use to_uuid::{UUID, to_uuid};

/// See the [module](self).
#[derive(Debug)]
pub struct CompareRule {
    number_key: Arc<ScalarUDF>,
    number_keys: Arc<ScalarUDF>,
    number_order: Arc<ScalarUDF>,
    uuid_text: Arc<ScalarUDF>,
    to_uuid: Arc<ScalarUDF>,
}

impl Default for CompareRule {
    fn default() -> Self {
        Self {
            number_key: Arc::new(number_key::number_key()),
            number_keys: Arc::new(lists::number_keys()),
            number_order: Arc::new(number_key::number_order()),
            uuid_text: Arc::new(uuid_text::uuid_text()),
            to_uuid: Arc::new(to_uuid()),
        }
    }
}

impl AnalyzerRule for CompareRule {
    fn name(&self) -> &'static str {
        "cassandra_compare"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let mut unnests = false;
        let plan = plan.transform_up_with_subqueries(|node| {
            let node = unnested::with_types(node, &mut unnests)?;
            node.transform_data(|node| self.rewrite_node(node))
        });
        Ok(plan?.data)
    }
}

impl CompareRule {
    fn rewrite_node(&self, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let schema = merge_schema(&node.inputs());
        let (names, sorts) = (NamePreserver::new(&node), matches!(node, LogicalPlan::Sort(_)));
        let rewritten = node.map_expressions(|expr| {
            let name = names.save(&expr);
            let expr = if sorts && Kind::of(&expr, &schema) == Some(Kind::Number) {
                Transformed::yes(self.key(expr))
            } else {
                expr.transform_up(|expr| self.rewrite(expr, &schema))?
            };
            Ok(expr.update_data(|expr| name.restore(expr)))
        })?;
        if rewritten.transformed { rewritten.map_data(LogicalPlan::recompute_schema) } else { Ok(rewritten) }
    }

    fn rewrite(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let kind = |expr: &Expr| Kind::of(expr, schema);
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(op) => {
                let Some(kind) = kind(&left).or_else(|| kind(&right)) else {
                    return Ok(Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })));
                };
                let (left, right) = (self.side(kind, *left)?, self.side(kind, *right)?);
                Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
            }
            Expr::InList(InList { expr, list, negated }) => match kind(&expr) {
                None => Transformed::no(Expr::InList(InList { expr, list, negated })),
                Some(kind) => {
                    let list = list.into_iter().map(|item| self.side(kind, item)).collect::<Result<_>>()?;
                    Transformed::yes(Expr::InList(InList::new(Box::new(self.side(kind, *expr)?), list, negated)))
                }
            },
            Expr::Between(Between { expr, negated, low, high }) => match kind(&expr) {
                None => Transformed::no(Expr::Between(Between { expr, negated, low, high })),
                Some(kind) => {
                    let side = |expr: Box<Expr>| self.side(kind, *expr).map(Box::new);
                    Transformed::yes(Expr::Between(Between::new(side(expr)?, negated, side(low)?, side(high)?)))
                }
            },
            Expr::Cast(cast) if is_text(&cast.data_type) && kind(&cast.expr) == Some(Kind::Uuid) => {
                let text = self.uuid_text.call(vec![*cast.expr]);
                Transformed::yes(Expr::Cast(Cast::new(Box::new(text), cast.data_type)))
            }
            Expr::Cast(cast) if cast.data_type == UUID && cast.expr.get_type(schema).is_ok_and(|of| is_text(&of)) => {
                Transformed::yes(self.to_uuid.call(vec![*cast.expr]))
            }
            Expr::ScalarFunction(call) if call.name() == "get_field" => self.of_map(call, schema)?,
            Expr::ScalarFunction(call) => match self.of_list(call, schema)? {
                Ok(rewritten) => Transformed::yes(rewritten),
                Err(call) => Transformed::no(Expr::ScalarFunction(call)),
            },
            Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
                refuse_extreme(func.name(), &params.args, schema)?;
                let changed = order_by(&mut params.order_by, &self.number_key, schema);
                Transformed::new_transformed(Expr::AggregateFunction(AggregateFunction { func, params }), changed)
            }
            Expr::WindowFunction(mut window) => {
                refuse_extreme(window.fun.name(), &window.params.args, schema)?;
                let changed = order_by(&mut window.params.order_by, &self.number_order, schema);
                Transformed::new_transformed(Expr::WindowFunction(window), changed)
            }
            other => Transformed::no(other),
        })
    }

    /// One side of a comparison with a column of that kind.
    fn side(&self, kind: Kind, expr: Expr) -> Result<Expr> {
        let text = match &expr {
            Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
            _ => None,
        };
        match (kind, text) {
            (Kind::Number, _) if is_rounded(&expr) => {
                plan_err!("{expr} has lost digits, as SQL's numbers of that size do: write the number in quotes")
            }
            (Kind::Number, _) => Ok(self.key(expr)),
            (Kind::Uuid, Some(text)) => {
                let id = Uuid::try_parse(&text).map_err(|_| {
                    plan_datafusion_err!("'{text}' is not a UUID: write it as '123e4567-e89b-12d3-a456-426614174000'")
                })?;
                Ok(literal(ScalarValue::FixedSizeBinary(16, Some(id.into_bytes().to_vec()))))
            }
            (Kind::Inet, Some(text)) => {
                let address = text.parse::<IpAddr>().map_err(|_| {
                    plan_datafusion_err!("'{text}' is not an address: write it as '192.0.2.1' or '2001:db8::1'")
                })?;
                Ok(literal(ScalarValue::from(address.to_string().as_str())))
            }
            (Kind::Uuid | Kind::Inet, None) => Ok(expr),
        }
    }

    fn key(&self, expr: Expr) -> Expr {
        self.number_key.call(vec![expr])
    }
}

/// A comparison of a UUID with text outside of WHERE has no type, so that it never becomes a plan: it is mended before.
impl ExprPlanner for CompareRule {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let is_uuid = |expr: &Expr| Kind::of(expr, schema) == Some(Kind::Uuid);
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        if !is_uuid(&expr.left) && !is_uuid(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        let (left, right) = (self.side(Kind::Uuid, expr.left)?, self.side(Kind::Uuid, expr.right)?);
        Ok(PlannerResult::Planned(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))))
    }

    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let RawFieldAccessExpr { expr, field_access } = access;
        // DataFusion has plans of its own for `m['key']` and for `array_agg(x)[1]`.
        if matches!(expr, Expr::AggregateFunction(_)) || matches!(expr.get_type(schema)?, DataType::Map(..)) {
            return Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access }));
        }
        Ok(match field_access {
            GetFieldAccess::ListIndex { key } => PlannerResult::Planned(array_element().call(vec![expr, *key])),
            GetFieldAccess::ListRange { start, stop, stride } => {
                PlannerResult::Planned(array_slice().call(vec![expr, *start, *stop, *stride]))
            }
            other @ GetFieldAccess::NamedStructField { .. } => {
                PlannerResult::Original(RawFieldAccessExpr { expr, field_access: other })
            }
        })
    }
}

/// Numbers in the order of a window or of an aggregate by their `key`; whether there are any.
fn order_by(order: &mut [Sort], key: &ScalarUDF, schema: &DFSchema) -> bool {
    let mut changed = false;
    for sort in order.iter_mut().filter(|sort| Kind::of(&sort.expr, schema) == Some(Kind::Number)) {
        sort.expr = key.call(vec![std::mem::take(&mut sort.expr)]);
        changed = true;
    }
    changed
}

/// The least and the greatest number are values of the column, which their keys are not.
fn refuse_extreme(function: &str, args: &[Expr], schema: &DFSchema) -> Result<()> {
    let is_number = args.first().is_some_and(|arg| Kind::of(arg, schema) == Some(Kind::Number));
    if !matches!(function, "min" | "max") || !is_number {
        return Ok(());
    }
    let column = args.first().map(ToString::to_string).unwrap_or_default();
    plan_err!(
        "{function}({column}) would compare the digits as text: write {function}(CAST({column} AS DECIMAL(38, 10))), with as \
         many digits as your numbers have, or read such columns as numbers with SET cassandra.decimal_as and varint_as"
    )
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

/// Whether a literal is a float that may stand for another number: integers of more than 20 digits become floats.
fn is_rounded(expr: &Expr) -> bool {
    const EXACT_BELOW: f64 = 9_007_199_254_740_992.0; // 2^53
    matches!(expr, Expr::Literal(ScalarValue::Float64(Some(value)), _) if value.abs() >= EXACT_BELOW)
}

fn compares(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}
