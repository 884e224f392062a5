//! What a request asks for: its one typed parse, from which policies are asked and the upstream request is built.

use std::net::IpAddr;

use bytes::Bytes;
use chrono::{DateTime, NaiveDateTime, Utc};
use http::HeaderMap;

use super::{body, denial::Invalid, query::Query};
use crate::{
    catalog::{BodyModel, ConversationQuery, Filter, Narrowing, Operation, UserSearchRequest},
    policy::Attributes,
};

/// A request, parsed.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The path's parameters, decoded.
    pub(super) parameters: Vec<(String, String)>,
    /// The query's.
    pub(super) query: Query,
    /// The body.
    pub(super) body: Body,
}

/// A body, as the operation's model.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// The operation takes none.
    None,
    /// Of the conversation details query.
    Conversations(Box<ConversationQuery>),
    /// Of the user search.
    Users(Box<UserSearchRequest>),
}

impl Asked {
    /// Parses a request against its operation.
    pub(super) fn read(
        operation: &Operation,
        parameters: Vec<(String, String)>,
        query: &str,
        headers: &HeaderMap,
        bytes: &Bytes,
    ) -> Result<Self, Invalid> {
        let query = Query::read(query, operation)?;
        let body = match operation.body {
            Some(BodyModel::ConversationQuery) => {
                Body::Conversations(Box::new(conversations(headers, bytes)?))
            }
            Some(BodyModel::UserSearchRequest) => Body::Users(body::parse(headers, bytes)?),
            None if bytes.is_empty() => Body::None,
            None => {
                return Err(Invalid::new("ringfence.body_unexpected", "This operation takes no body."));
            }
        };
        Ok(Self { parameters, query, body })
    }

    /// The divisions that the request names where the operation takes divisions; `None` where it names none.
    pub(super) fn divisions(&self, operation: &Operation) -> Option<Vec<&str>> {
        match (&operation.narrowing, &self.body) {
            (Narrowing::DivisionQuery { parameter }, _) => {
                let named = self.query.all(parameter);
                (!named.is_empty()).then(|| named.iter().map(String::as_str).collect())
            }
            (_, Body::Conversations(query)) => {
                let named = query.division_ids.as_ref()?;
                Some(named.iter().map(String::as_str).collect())
            }
            (_, Body::None | Body::Users(_)) => None,
        }
    }

    /// What policies may speak of.
    pub(super) fn attributes(&self, source: Option<IpAddr>, time: DateTime<Utc>) -> Attributes {
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
            Body::None => {}
            Body::Conversations(query) => {
                attributes.page_size = query.paging.as_ref().map(|paging| paging.page_size);
                attributes.interval_seconds = query.interval.as_deref().and_then(interval_seconds);
                let metrics =
                    filters(query).flat_map(predicates).filter_map(|predicate| predicate.metric.clone());
                attributes.metrics.extend(metrics);
            }
            Body::Users(search) => {
                attributes.page_size = search.page_size;
                attributes.expand = search.expand.clone().unwrap_or_default();
            }
        }
        attributes
    }
}

/// All of a query's filters, of every kind.
pub(super) fn filters(query: &ConversationQuery) -> impl Iterator<Item = &Filter> {
    [
        &query.conversation_filters,
        &query.segment_filters,
        &query.evaluation_filters,
        &query.survey_filters,
        &query.resolution_filters,
    ]
    .into_iter()
    .flatten()
    .flatten()
}

/// All predicates of a filter, of both levels.
pub(super) fn predicates(filter: &Filter) -> impl Iterator<Item = &crate::catalog::Predicate> {
    let inner = filter.clauses.iter().flatten().flat_map(|clause| &clause.predicates);
    filter.predicates.iter().flatten().chain(inner)
}

/// The length of an ISO-8601 interval `start/end`; `None` where it is not one.
pub(super) fn interval_seconds(interval: &str) -> Option<i64> {
    let (start, end) = interval.split_once('/')?;
    let seconds = (moment(end)? - moment(start)?).num_seconds();
    (seconds >= 0).then_some(seconds)
}

/// Genesys reads a time without a zone as UTC.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|time| time.to_utc());
    zoned.ok().or_else(|| Some(text.parse::<NaiveDateTime>().ok()?.and_utc()))
}

/// An empty list of divisions must not read as "all of them".
fn conversations(headers: &HeaderMap, bytes: &Bytes) -> Result<ConversationQuery, Invalid> {
    let query: ConversationQuery = body::parse(headers, bytes)?;
    match &query.division_ids {
        Some(named) if named.is_empty() => Err(Invalid::new(
            "ringfence.division_parameter_empty",
            "`divisionIds` is empty: leave it out, or name your own.",
        )),
        Some(_) | None => Ok(query),
    }
}
