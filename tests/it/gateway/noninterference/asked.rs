//! What a tenant asks, generated: requests of every kind, over its own ids, others' and nobody's.

use proptest::prelude::*;
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::NOBODY;

/// One request of the tenant.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// Ids that a request may name: the tenant's own, those of either organisation's others, and nobody's.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    pub(super) users: Vec<String>,
    pub(super) queues: Vec<String>,
    pub(super) conversations: Vec<String>,
    pub(super) own_users: Vec<String>,
    pub(super) own_queues: Vec<String>,
}

/// Of every kind, what is refused included.
pub(super) fn any_request(pool: &Pool) -> BoxedStrategy<Asked> {
    prop_oneof![
        3 => any_user_list(pool),
        2 => any_by_id("/api/v2/users", &pool.own_users, &pool.users, &["", "?expand=team", "?expand=skills,team", "?state=any"]),
        4 => any_user_search(pool),
        3 => any_queue_list(pool),
        2 => any_by_id("/api/v2/routing/queues", &pool.own_queues, &pool.queues, &[""]),
        1 => any_division_list(),
        6 => any_details_query(pool),
        4 => any_aggregates(pool),
        2 => any_conversation(pool),
        2 => any_below_a_parent(pool),
        2 => any_small_list(),
        2 => any_write(pool),
        1 => any_other(),
    ]
    .boxed()
}

/// Whom a filter names is the tenant's own party: other divisions' parts of shared conversations are held still for
/// aggregates.
fn any_aggregates(pool: &Pool) -> BoxedStrategy<Asked> {
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
    )
        .prop_map(|(filter, by, metrics, granularity, flat, divisions)| {
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
            let path = "/api/v2/analytics/conversations/aggregates/query".to_owned();
            Asked { method: Method::POST, path, body: Some(body) }
        })
        .boxed()
}

fn any_conversation(pool: &Pool) -> BoxedStrategy<Asked> {
    let id = || choose(&pool.conversations);
    prop_oneof![
        id().prop_map(|id| get(format!("/api/v2/conversations/{id}"))),
        id().prop_map(|id| get(format!("/api/v2/analytics/conversations/{id}/details"))),
        list(id()).prop_map(|ids| get(format!("/api/v2/analytics/conversations/details?id={ids}"))),
    ]
    .boxed()
}

fn any_below_a_parent(pool: &Pool) -> BoxedStrategy<Asked> {
    let page = || {
        query(vec![
            ("pageSize", number(1..6)),
            ("pageNumber", number(1..4)),
            ("joined", words(&["true", "false"])),
        ])
    };
    let user = || any_id(&pool.own_users, &pool.users);
    prop_oneof![
        (any_id(&pool.own_queues, &pool.queues), page())
            .prop_map(|(id, query)| get(format!("/api/v2/routing/queues/{id}/members?{query}"))),
        (user(), page()).prop_map(|(id, query)| get(format!("/api/v2/users/{id}/queues?{query}"))),
        user().prop_map(|id| get(format!("/api/v2/users/{id}/presences/purecloud"))),
    ]
    .boxed()
}

/// Changes that must not be made: of others', with references to others', out of date, in others' divisions. Those that
/// are made would set the two organisations apart; and that a name is taken is a declared channel.
fn any_write(pool: &Pool) -> BoxedStrategy<Asked> {
    let strangers = |all: &[String], own: &[String]| {
        choose(&all.iter().filter(|id| !own.contains(id)).cloned().collect::<Vec<_>>())
    };
    let (users, queues) =
        (|| strangers(&pool.users, &pool.own_users), || strangers(&pool.queues, &pool.own_queues));
    let asked = |method: Method, path: String, body: Option<Value>| Asked { method, path, body };
    prop_oneof![
        users().prop_map(move |id| asked(Method::DELETE, format!("/api/v2/users/{id}"), None)),
        queues().prop_map(move |id| asked(Method::DELETE, format!("/api/v2/routing/queues/{id}"), None)),
        queues().prop_map(move |id| {
            asked(Method::PUT, format!("/api/v2/routing/queues/{id}"), Some(json!({"name": "Mine"})))
        }),
        queues().prop_map(move |id| {
            let body = json!({"name": "Copy", "sourceQueueId": id});
            asked(Method::POST, "/api/v2/routing/queues".to_owned(), Some(body))
        }),
        (any_id(&pool.own_users, &pool.users), any_id(&pool.own_users, &pool.users)).prop_map(
            move |(id, manager)| {
                let body = json!({"version": 0, "manager": manager});
                asked(Method::PATCH, format!("/api/v2/users/{id}"), Some(body))
            }
        ),
        words(&[BETA, NOBODY]).prop_map(move |division| {
            let body = json!({"name": "A", "email": "a@a.example", "divisionId": division});
            asked(Method::POST, "/api/v2/users".to_owned(), Some(body))
        }),
    ]
    .boxed()
}

fn any_small_list() -> BoxedStrategy<Asked> {
    let paths = words(&[
        "/api/v2/routing/wrapupcodes",
        "/api/v2/routing/queues/divisionviews",
        "/api/v2/routing/skills",
        "/api/v2/routing/languages",
        "/api/v2/presence/definitions",
    ]);
    let query = query(vec![
        ("pageSize", number(1..12)),
        ("pageNumber", number(1..4)),
        ("sortBy", words(&["name", "id"])),
        ("divisionId", list(words(&[ALPHA, BETA, NOBODY, "*"]))),
    ]);
    (paths, query).prop_map(|(path, query)| get(format!("{path}?{query}"))).boxed()
}

fn get(path: String) -> Asked {
    Asked { method: Method::GET, path, body: None }
}

fn choose<T: Clone + std::fmt::Debug + 'static>(from: &[T]) -> BoxedStrategy<T> {
    prop::sample::select(from.to_vec()).boxed()
}

/// Own twice as often as anyone's: what is refused at once shows little.
fn any_id(own: &[String], all: &[String]) -> BoxedStrategy<String> {
    prop_oneof![2 => choose(own), 1 => choose(all)].boxed()
}

/// Parameters, each there or not.
fn query(parameters: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let parameters: Vec<_> = parameters
        .into_iter()
        .map(|(name, value)| {
            prop::option::of(value).prop_map(move |value| value.map(|value| format!("{name}={value}")))
        })
        .collect();
    parameters.prop_map(|set| set.into_iter().flatten().collect::<Vec<_>>().join("&")).boxed()
}

fn number(range: std::ops::Range<u32>) -> BoxedStrategy<String> {
    range.prop_map(|number| number.to_string()).boxed()
}

fn words(from: &[&str]) -> BoxedStrategy<String> {
    choose(&from.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn list(of: BoxedStrategy<String>) -> BoxedStrategy<String> {
    prop::collection::vec(of, 1..5).prop_map(|items| items.join(",")).boxed()
}

fn any_by_id(base: &'static str, own: &[String], all: &[String], tails: &[&str]) -> BoxedStrategy<Asked> {
    (any_id(own, all), words(tails)).prop_map(move |(id, tail)| get(format!("{base}/{id}{tail}"))).boxed()
}

fn any_user_list(pool: &Pool) -> BoxedStrategy<Asked> {
    query(vec![
        ("pageSize", number(1..30)),
        ("pageNumber", number(1..5)),
        ("id", list(any_id(&pool.own_users, &pool.users))),
        ("sortOrder", words(&["asc", "desc"])),
        ("state", words(&["active", "inactive", "any"])),
        ("expand", words(&["team", "skills,presence", "routingStatus", "groups", "station"])),
    ])
    .prop_map(|query| get(format!("/api/v2/users?{query}")))
    .boxed()
}

fn any_queue_list(pool: &Pool) -> BoxedStrategy<Asked> {
    query(vec![
        ("pageSize", number(1..12)),
        ("pageNumber", number(1..4)),
        ("name", words(&["*", "*a*", "*Support*", "S*", "nothing"])),
        ("id", list(any_id(&pool.own_queues, &pool.queues))),
        ("divisionId", list(words(&[ALPHA, BETA, NOBODY, "*"]))),
        ("sortOrder", words(&["asc", "desc"])),
    ])
    .prop_map(|query| get(format!("/api/v2/routing/queues?{query}")))
    .boxed()
}

fn any_division_list() -> BoxedStrategy<Asked> {
    query(vec![
        ("pageSize", number(1..30)),
        ("pageNumber", number(1..3)),
        ("id", list(words(&[ALPHA, BETA, NOBODY]))),
        ("name", words(&["*", "Alpha*", "Beta*"])),
        ("objectCount", words(&["true", "false"])),
    ])
    .prop_map(|query| get(format!("/api/v2/authorization/divisions?{query}")))
    .boxed()
}

fn any_other() -> BoxedStrategy<Asked> {
    words(&[
        "/api/v2/tokens/me",
        "/api/v2/organizations/me",
        "/api/v2/users/me",
        "/api/v2/oauth/clients",
        "/api/v2/nothing",
        "/api/v2/users/not-an-id",
    ])
    .prop_map(get)
    .boxed()
}

fn any_criteria(pool: &Pool) -> BoxedStrategy<Value> {
    let simple = (
        words(&["EXACT", "STARTS_WITH", "CONTAINS", "TERM", "TERMS", "EXACT", "CONTAINS", "QUERY_STRING"]),
        prop::option::weighted(
            0.95,
            words(&["name", "email", "title", "department", "state", "id", "divisionId", "username"]),
        ),
        prop_oneof![
            words(&["a", "e", "agent", "Team", "active", ALPHA, BETA, "example.com"]),
            any_id(&pool.own_users, &pool.users)
        ],
        prop::option::of(words(&["AND", "OR", "NOT"])),
    )
        .prop_map(|(kind, field, value, operator)| {
            let mut one = json!({"type": kind});
            if let Some(field) = field {
                one["fields"] = json!([field]);
            }
            if kind == "TERMS" {
                one["values"] = json!([value]);
            } else {
                one["value"] = json!(value);
            }
            if let Some(operator) = operator {
                one["operator"] = json!(operator);
            }
            one
        })
        .boxed();
    let group = (prop::collection::vec(simple.clone(), 1..4), prop::option::of(words(&["AND", "OR", "NOT"])))
        .prop_map(|(group, operator)| {
            let mut one = json!({"type": "EXACT", "group": group});
            if let Some(operator) = operator {
                one["operator"] = json!(operator);
            }
            one
        });
    prop_oneof![3 => simple, 1 => group].boxed()
}

fn any_user_search(pool: &Pool) -> BoxedStrategy<Asked> {
    (
        prop::collection::vec(any_criteria(pool), 0..4),
        prop::option::of(1..30_i64),
        prop::option::of(1..4_i64),
        prop::option::of(words(&["name", "email", "title"])),
        prop::option::of(words(&["ASC", "DESC", "ASC", "DESC", "SCORE"])),
        prop::option::of(words(&["team", "skills", "groups"])),
    )
        .prop_map(|(criteria, size, number, sort, order, expand)| {
            let mut body = json!({"query": criteria});
            let mut set = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    body[name] = value;
                }
            };
            set("pageSize", size.map(Value::from));
            set("pageNumber", number.map(Value::from));
            set("sortBy", sort.map(Value::from));
            set("sortOrder", order.map(Value::from));
            set("expand", expand.map(|part| json!([part])));
            Asked { method: Method::POST, path: "/api/v2/users/search".to_owned(), body: Some(body) }
        })
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
/// channel, with a test of its own above.
fn any_segment_filter(pool: &Pool) -> BoxedStrategy<Value> {
    prop_oneof![
        choose(&pool.own_users).prop_map(|id| json!({"dimension": "userId", "value": id})),
        choose(&pool.own_queues).prop_map(|id| json!({"dimension": "queueId", "value": id})),
    ]
    .prop_map(|predicate| json!({"type": "and", "predicates": [predicate]}))
    .boxed()
}

fn any_details_query(pool: &Pool) -> BoxedStrategy<Asked> {
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
