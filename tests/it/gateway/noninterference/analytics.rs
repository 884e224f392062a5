//! Conversations, generated: queries over what a tenant may name, and conversations by id.

use proptest::prelude::*;
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::{
    NOBODY,
    asked::{Asked, Pool, choose, get, list, words},
};

/// What is counted by divisions, by the word in its path.
const DIVIDED: [&str; 9] = [
    "conversations",
    "evaluations",
    "flowexecutions",
    "flows",
    "surveys",
    "taskmanagement",
    "transcripts",
    "copilots",
    "casemanagement",
];

/// What knows no divisions, and is counted by the tenant's own queues and flows.
pub(super) fn any_counted(pool: &Pool) -> BoxedStrategy<Asked> {
    let ids = prop_oneof![3 => any_of("queueId", &pool.queues), 1 => any_of("userId", &pool.users)];
    let filter =
        (ids, prop::option::of(words(&["voice", "email", "chat"]))).prop_map(|(ids, medium)| match medium {
            None => json!({"type": "or", "predicates": ids}),
            Some(medium) => json!({"type": "or", "clauses": [{"type": "or", "predicates": ids}],
                "predicates": [{"dimension": "mediaType", "value": medium}]}),
        });
    let what = words(&[
        "agentcopilots/aggregates",
        "knowledge/aggregates",
        "resolutions/aggregates",
        "summaries/aggregates",
        "conversations/activity",
        "queues/observations",
        "flows/activity",
        "flows/observations",
        "users/aggregates",
        "agentutilizations/aggregates",
    ]);
    let by = prop::collection::vec(words(&["queueId", "userId", "mediaType", "conversationId"]), 0..3);
    (what, prop::option::of(filter), by)
        .prop_map(|(what, filter, by)| {
            let mut body = match what.rsplit('/').next() {
                Some("aggregates") => {
                    let metric = if what.starts_with("users") { "tSystemPresence" } else { "nCounted" };
                    json!({"interval": INTERVAL, "metrics": [metric], "groupBy": by})
                }
                Some("activity") => json!({"metrics": [{"metric": "oCounted"}], "groupBy": by}),
                _ => {
                    let metric = match what.split('/').next() {
                        Some("flows") => "oFlow",
                        _ => "oWaiting",
                    };
                    json!({"metrics": [metric]})
                }
            };
            if let Some(filter) = filter {
                body["filter"] = filter;
            }
            Asked { method: Method::POST, path: format!("/api/v2/analytics/{what}/query"), body: Some(body) }
        })
        .boxed()
}

fn any_of(dimension: &'static str, ids: &[String]) -> BoxedStrategy<Vec<Value>> {
    let predicate = move |id: &str| json!({"dimension": dimension, "value": id});
    list(choose(ids)).prop_map(move |ids| ids.split(',').map(predicate).collect()).boxed()
}

/// Whom a filter names is the tenant's own party: other divisions' parts of shared conversations are held still for
/// aggregates.
pub(super) fn any_aggregates(pool: &Pool) -> BoxedStrategy<Asked> {
    let filter = prop_oneof![3 => any_filter(pool), 1 => any_segment_filter(pool)];
    let dimensions =
        ["userId", "queueId", "divisionId", "mediaType", "purpose", "requestedRouting", "ani", "wrapUpCode"];
    (
        prop::option::of(filter),
        prop::collection::vec(words(&dimensions), 0..3),
        prop::collection::vec(words(&["nConnected", "tTalk", "tHandle", "tAcd", "nOffered"]), 1..4),
        prop::option::of(words(&["P1D", "PT12H"])),
        prop::option::weighted(0.3, any::<bool>()),
        prop::option::weighted(0.1, list(words(&[ALPHA, BETA]))),
        prop_oneof![2 => Just("conversations".to_owned()), 1 => words(&DIVIDED)],
    )
        .prop_map(|(filter, by, metrics, granularity, flat, divisions, what)| {
            let mut body = json!({"interval": INTERVAL, "groupBy": by, "metrics": metrics});
            let mut set = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    body[name] = value;
                }
            };
            set("filter", filter);
            set("granularity", granularity.map(Value::from));
            set("flattenMultivaluedDimensions", flat.map(Value::from));
            set("divisionIds", divisions.map(|ids| json!(ids.split(',').collect::<Vec<_>>())));
            let path = format!("/api/v2/analytics/{what}/aggregates/query");
            Asked { method: Method::POST, path, body: Some(body) }
        })
        .boxed()
}

pub(super) fn any_conversation(pool: &Pool) -> BoxedStrategy<Asked> {
    let id = || choose(&pool.conversations);
    prop_oneof![
        id().prop_map(|id| get(format!("/api/v2/conversations/{id}"))),
        id().prop_map(|id| get(format!("/api/v2/analytics/conversations/{id}/details"))),
        list(id()).prop_map(|ids| get(format!("/api/v2/analytics/conversations/details?id={ids}"))),
    ]
    .boxed()
}

fn any_predicate(pool: &Pool) -> BoxedStrategy<Value> {
    let by = |dimension: &'static str, value: BoxedStrategy<String>| {
        (value, prop::option::of(words(&["matches", "exists", "notExists"]))).prop_map(
            move |(value, operator)| match operator.as_deref() {
                None | Some("matches") => {
                    json!({"dimension": dimension, "operator": "matches", "value": value})
                }
                Some(operator) => json!({"dimension": dimension, "operator": operator}),
            },
        )
    };
    prop_oneof![
        by("originatingDirection", words(&["inbound", "outbound"])),
        by("conversationInitiator", words(&["agent", "customer"])),
        by("externalTag", words(&["x"])),
        by("divisionId", words(&[ALPHA, BETA, NOBODY])),
        by("conversationId", choose(&pool.conversations)),
    ]
    .boxed()
}

fn any_filter(pool: &Pool) -> BoxedStrategy<Value> {
    let predicates = || prop::collection::vec(any_predicate(pool), 1..4);
    let logic = || words(&["and", "or"]);
    let clause = (logic(), predicates())
        .prop_map(|(r#type, predicates)| json!({"type": r#type, "predicates": predicates}));
    (logic(), prop::collection::vec(clause, 0..3), predicates())
        .prop_map(|(r#type, clauses, predicates)| {
            let mut filter = json!({"type": r#type, "predicates": predicates});
            if !clauses.is_empty() {
                filter["clauses"] = json!(clauses);
            }
            filter
        })
        .boxed()
}

/// Filters over segments name only what the tenant's own party does: being matched by foreign segments is a declared
/// channel, with a test of its own in `mod.rs`.
fn any_segment_filter(pool: &Pool) -> BoxedStrategy<Value> {
    prop_oneof![
        choose(&pool.own_users).prop_map(|id| json!({"dimension": "userId", "value": id})),
        choose(&pool.own_queues).prop_map(|id| json!({"dimension": "queueId", "value": id})),
    ]
    .prop_map(|predicate| json!({"type": "and", "predicates": [predicate]}))
    .boxed()
}

pub(super) fn any_details_query(pool: &Pool) -> BoxedStrategy<Asked> {
    (
        prop::collection::vec(any_filter(pool), 0..3),
        prop::option::weighted(0.2, any_segment_filter(pool)),
        prop::option::of((1..30_i64, 1..5_i64)),
        prop::option::of(words(&["asc", "desc"])),
        prop::option::of(words(&["conversationStart", "conversationEnd", "segmentStart"])),
        prop::option::weighted(
            0.3,
            words(&["originatingDirection", "mediaType", "purpose", "userId", "divisionId", "tTalk"]),
        ),
        prop::option::weighted(0.1, list(words(&[ALPHA, BETA]))),
    )
        .prop_map(|(filters, segments, paging, order, order_by, facet, divisions)| {
            let mut body = json!({"interval": INTERVAL});
            let mut set = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    body[name] = value;
                }
            };
            set("conversationFilters", (!filters.is_empty()).then(|| json!(filters)));
            set("segmentFilters", segments.map(|filter| json!([filter])));
            set("paging", paging.map(|(size, number)| json!({"pageSize": size, "pageNumber": number})));
            set("order", order.map(Value::from));
            set("orderBy", order_by.map(Value::from));
            set(
                "aggregations",
                facet.map(|facet| match facet.as_str() {
                    "tTalk" => {
                        json!([{"type": "numericRange", "metric": facet, "ranges": [{"gte": 60_000}]}])
                    }
                    _ => json!([{"type": "termFrequency", "dimension": facet, "size": 10}]),
                }),
            );
            set("division_ids", divisions.map(|ids| json!(ids.split(',').collect::<Vec<_>>())));
            let path = "/api/v2/analytics/conversations/details/query".to_owned();
            Asked { method: Method::POST, path, body: Some(body) }
        })
        .boxed()
}
