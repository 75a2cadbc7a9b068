//! Rules of the planner: plans that ask the server instead of reading rows, and values that arrive where they are checked.

use std::sync::Arc;

use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::{Analyzer, AnalyzerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;

pub mod compare;
pub mod count;
pub mod lookup_join;
pub mod values;

/// DataFusion's rules of analysis with ours: comparisons before DataFusion brings both sides to one type.
pub fn analyzer_rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn AnalyzerRule + Send + Sync>> = vec![Arc::new(compare::CompareRule::default())];
    rules.extend(Analyzer::new().rules);
    rules.push(Arc::new(values::NullableValues));
    rules
}

/// What plans comparisons that SQL has no type for, to be registered besides DataFusion's own planners.
pub fn expr_planner() -> Arc<dyn ExprPlanner> {
    Arc::new(compare::CompareRule::default())
}

/// DataFusion's rules with ours at their places: before it distributes and decorates plans, while a scan is still the
/// direct child of what is above it.
pub fn physical_optimizer_rules() -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    let mut rules = PhysicalOptimizer::new().rules;
    let distribution = rules.iter().position(|rule| rule.name() == "EnforceDistribution").unwrap_or(0);
    rules.insert(distribution, Arc::new(count::CountRule));
    rules.insert(distribution, Arc::new(lookup_join::LookupJoinRule));
    rules
}
