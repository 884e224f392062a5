//! What policies may speak of: read from the one typed parse of a request.

use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::{
    asked::{Asked, Body, filters, interval_seconds, predicates},
    document::Value,
};
use crate::{
    catalog::{AggregationQuery, ConversationQuery, Filter, Operation, Predicate, UserSearchCriteria},
    model::Text,
    policy::Attributes,
};

impl Asked<'_> {
    /// What policies may speak of.
    pub(super) fn attributes(
        &self,
        operation: &Operation,
        source: Option<IpAddr>,
        time: DateTime<Utc>,
    ) -> Attributes {
        let mut attributes = Attributes {
            source,
            time,
            page_size: self.query.one("pageSize").and_then(|size| size.parse().ok()),
            interval_seconds: None,
            ids: self.parameters.iter().map(|(_, value)| value.clone()).collect(),
            metrics: Vec::new(),
            group_by: Vec::new(),
            expand: self.query.all("expand").to_vec(),
        };
        attributes.ids.extend_from_slice(self.query.all("id"));
        match &self.body {
            Body::None | Body::NewUser(_) | Body::QueueChange(_) | Body::Rotation(_) => {}
            Body::UserChange(_) | Body::NewQueue(_) => {
                attributes.ids.extend(self.references(operation).into_iter().map(|(_, id)| id.to_owned()));
            }
            Body::Document(document) => {
                let texts = |name| document.texts_at(name).into_iter().map(str::to_owned);
                attributes.ids.extend(self.references(operation).into_iter().map(|(_, id)| id.to_owned()));
                attributes.page_size =
                    document.get("pageSize").and_then(Value::integer).or(attributes.page_size);
                let interval = document.get("interval").and_then(Value::text);
                attributes.interval_seconds = interval.and_then(interval_seconds);
                attributes.metrics = texts("metrics").collect();
                attributes.group_by = texts("groupBy").collect();
                attributes.expand.extend(texts("expand"));
            }
            Body::Aggregates(query) => aggregated(query, &mut attributes),
            Body::Activity(query) => {
                attributes.metrics = query.metrics.iter().map(|one| one.metric.to_string()).collect();
                attributes.group_by = texts(query.group_by.as_deref().unwrap_or_default());
                attributes.ids.extend(named_ids(query.filter.as_ref()));
            }
            Body::Observations(query) => {
                attributes.metrics = texts(&query.metrics);
                attributes.ids.extend(named_ids(query.filter.as_ref()));
            }
            Body::Conversations(query) => detailed(query, &mut attributes),
            Body::Users(search) => {
                attributes.page_size = search.page_size;
                attributes.expand = search.expand.iter().flatten().map(|part| part.to_string()).collect();
                searched_ids(search.query.as_deref().unwrap_or_default(), &mut attributes.ids);
            }
        }
        attributes
    }
}

fn detailed(query: &ConversationQuery<'_>, attributes: &mut Attributes) {
    attributes.page_size = query.paging.as_ref().map(|paging| paging.page_size);
    attributes.interval_seconds = query.interval.as_deref().and_then(interval_seconds);
    let facets = || query.aggregations.iter().flatten();
    let named = || filters(query).flat_map(predicates);
    let metrics = named().filter_map(|predicate| predicate.metric.as_deref());
    let metrics = metrics.chain(facets().filter_map(|facet| facet.metric.as_deref()));
    attributes.metrics.extend(metrics.map(str::to_owned));
    let dimensions = facets().filter_map(|facet| facet.dimension.as_deref());
    attributes.group_by.extend(dimensions.map(str::to_owned));
    let by_id = named().filter(|predicate| names_an_id(predicate));
    attributes.ids.extend(by_id.filter_map(|predicate| predicate.value.as_deref().map(str::to_owned)));
}

fn aggregated(query: &AggregationQuery<'_>, attributes: &mut Attributes) {
    attributes.interval_seconds = query.interval.as_deref().and_then(interval_seconds);
    attributes.metrics = texts(&query.metrics);
    attributes.metrics.extend(query.views.iter().flatten().map(|view| view.target.to_string()));
    attributes.group_by = texts(query.group_by.as_deref().unwrap_or_default());
    attributes.ids.extend(named_ids(query.filter.as_ref()));
}

fn texts(all: &[Text<'_>]) -> Vec<String> {
    all.iter().map(|one| one.to_string()).collect()
}

fn named_ids(filter: Option<&Filter<'_>>) -> Vec<String> {
    let named = filter.into_iter().flat_map(predicates).filter(|predicate| names_an_id(predicate));
    named.filter_map(|predicate| predicate.value.as_deref().map(str::to_owned)).collect()
}

/// Divisions aside.
fn names_an_id(predicate: &Predicate<'_>) -> bool {
    matches!(predicate.dimension.as_deref(), Some("conversationId" | "userId" | "queueId" | "flowId"))
}

/// The ids that a search asks for, in groups too: parsing has bounded how deep they are.
fn searched_ids(criteria: &[UserSearchCriteria<'_>], ids: &mut Vec<String>) {
    for one in criteria {
        if one.fields.iter().flatten().any(|field| **field == *"id") {
            ids.extend(one.value.iter().chain(one.values.iter().flatten()).map(|id| id.to_string()));
        }
        searched_ids(one.group.as_deref().unwrap_or_default(), ids);
    }
}
