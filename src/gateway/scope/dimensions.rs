//! What the predicates of a details query may be over: the catalog lists the dimensions, in Genesys's spelling alone.

use super::Invalid;
use crate::{
    catalog::{ConversationQuery, Dimensions, Filter, NameSet, Predicate, PredicateKind},
    gateway::asked::predicates,
};

/// Longer than any metric of Genesys's.
const MAX_METRIC: usize = 64;

/// Refuses a query with a predicate over anything else.
pub(super) fn check(query: &ConversationQuery<'_>, dimensions: &Dimensions) -> Result<(), Invalid> {
    check_kind(
        "conversationFilters",
        query.conversation_filters.as_deref(),
        &dimensions.conversation_filters,
    )?;
    check_kind("segmentFilters", query.segment_filters.as_deref(), &dimensions.segment_filters)?;
    check_kind("evaluationFilters", query.evaluation_filters.as_deref(), &dimensions.evaluation_filters)?;
    check_kind("surveyFilters", query.survey_filters.as_deref(), &dimensions.survey_filters)?;
    check_kind("resolutionFilters", query.resolution_filters.as_deref(), &dimensions.resolution_filters)
}

/// The one filter of an aggregates query knows no metrics.
pub(super) fn check_aggregates(filter: &Filter<'_>, allowed: &NameSet) -> Result<(), Invalid> {
    if predicates(filter).any(|predicate| predicate.metric.is_some()) {
        return refused("`filter` cannot be filtered by a metric; use a dimension.".to_owned());
    }
    predicates(filter).try_for_each(|predicate| check_one(predicate, "filter", allowed))
}

fn check_kind(kind: &str, filters: Option<&[Filter<'_>]>, allowed: &NameSet) -> Result<(), Invalid> {
    let mut predicates = filters.unwrap_or_default().iter().flat_map(predicates);
    predicates.try_for_each(|predicate| check_one(predicate, kind, allowed))
}

fn check_one(predicate: &Predicate<'_>, kind: &str, allowed: &NameSet) -> Result<(), Invalid> {
    // A property's name is free text, which could name a dimension that is not listed.
    let is_property = matches!(predicate.r#type, Some(PredicateKind::Property));
    if is_property || predicate.property.is_some() || predicate.property_type.is_some() {
        return refused(format!("`{kind}` cannot be filtered by a property; use a dimension or a metric."));
    }
    match (predicate.dimension.as_deref(), predicate.metric.as_deref()) {
        (Some(dimension), None) if allowed.contains(dimension) => Ok(()),
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

pub(super) fn is_metric(name: &str) -> bool {
    (1..=MAX_METRIC).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn cut(name: &str) -> String {
    name.chars().take(80).collect()
}

fn refused(message: String) -> Result<(), Invalid> {
    Err(Invalid::new("ringfence.filter_refused", message))
}
