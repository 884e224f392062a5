//! What the predicates of a details query may be over: the catalog lists the dimensions, in Genesys's spelling alone.

use super::Invalid;
use crate::{
    catalog::{ConversationQuery, Dimensions, Filter, Predicate, PredicateKind},
    gateway::asked::predicates,
};

/// Longer than any metric of Genesys's.
const MAX_METRIC: usize = 64;

/// Refuses a query with a predicate over anything else.
pub(super) fn check(query: &ConversationQuery, dimensions: &Dimensions) -> Result<(), Invalid> {
    let kinds: [(&str, &Option<Vec<Filter>>, &[String]); 5] = [
        ("conversationFilters", &query.conversation_filters, &dimensions.conversation_filters),
        ("segmentFilters", &query.segment_filters, &dimensions.segment_filters),
        ("evaluationFilters", &query.evaluation_filters, &dimensions.evaluation_filters),
        ("surveyFilters", &query.survey_filters, &dimensions.survey_filters),
        ("resolutionFilters", &query.resolution_filters, &dimensions.resolution_filters),
    ];
    kinds.into_iter().try_for_each(|(kind, filters, allowed)| {
        let mut predicates = filters.iter().flatten().flat_map(predicates);
        predicates.try_for_each(|predicate| check_one(predicate, kind, allowed))
    })
}

fn check_one(predicate: &Predicate, kind: &str, allowed: &[String]) -> Result<(), Invalid> {
    // A property's name is free text, which could name a dimension that is not listed.
    let is_property = matches!(predicate.r#type, Some(PredicateKind::Property));
    if is_property || predicate.property.is_some() || predicate.property_type.is_some() {
        return refused(format!("`{kind}` cannot be filtered by a property; use a dimension or a metric."));
    }
    match (predicate.dimension.as_deref(), predicate.metric.as_deref()) {
        (Some(dimension), None) if allowed.iter().any(|one| one == dimension) => Ok(()),
        (Some(dimension), None) => {
            refused(format!("`{kind}` cannot be filtered by the dimension `{}`.", cut(dimension)))
        }
        (None, Some(metric)) if is_metric(metric) => Ok(()),
        (None, Some(metric)) => {
            refused(format!("`{kind}` cannot be filtered by the metric `{}`.", cut(metric)))
        }
        (None, None) | (Some(_), Some(_)) => {
            refused(format!("A predicate of `{kind}` names either a dimension or a metric."))
        }
    }
}

fn is_metric(name: &str) -> bool {
    (1..=MAX_METRIC).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}

fn refused(message: String) -> Result<(), Invalid> {
    Err(Invalid::new("ringfence.filter_refused", message))
}
