//! Rules of the planner: plans that ask the server instead of reading rows, and values that arrive where they are checked.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::{ExprPlanner, TypePlanner};
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

pub mod aggregate;
pub mod compare;
pub mod grouped;
pub mod lookup_join;
pub mod order;
pub mod values;

mod step;

/// DataFusion's rules of analysis with ours: comparisons before DataFusion brings both sides to one type.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(compare::CompareRule::default())];
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(values::NullableValues));
    rules
}

/// Functions to be registered: `to_uuid`, and DataFusion's own of lists and maps, which otherwise lose the CQL types of what
/// they give.
pub fn functions() -> Vec<ScalarUDF> {
    let mut functions: Vec<ScalarUDF> = compare::elements::functions().collect();
    functions.push(compare::to_uuid::to_uuid());
    functions
}

/// What plans comparisons that SQL has no type for, and elements of lists with theirs: to be registered before DataFusion's own
/// planners, as `SessionStateBuilder::with_expr_planners` does before `with_default_features`.
pub fn expr_planner() -> Arc<dyn ExprPlanner> {
    Arc::new(compare::CompareRule::default())
}

/// What knows the type UUID in `CAST('…' AS UUID)`; casts to it are the business of the rules of analysis.
pub fn type_planner() -> Arc<dyn TypePlanner> {
    Arc::new(compare::to_uuid::UuidType)
}

/// DataFusion's rules with ours at their places: before it distributes and decorates plans, while a scan is still the
/// direct child of what is above it; and after it has put in sorts of its own.
pub fn physical_optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let place = |rules: &[Arc<dyn PhysicalOptimizerRule + Send + Sync>], name| {
        rules.iter().position(|rule| rule.name() == name).unwrap_or(0)
    };
    let sorted = place(&rules, "EnforceSorting") + 1;
    rules.insert(sorted, Arc::new(order::OrderRule));
    let distribution = place(&rules, "EnforceDistribution");
    rules.splice(
        distribution..distribution,
        [
            Arc::new(lookup_join::LookupJoinRule) as _,
            Arc::new(aggregate::AggregateRule) as _,
            Arc::new(grouped::GroupedRule) as _,
            Arc::new(order::OrderRule) as _,
        ],
    );
    rules
}
