//! What a tenant asks, generated: requests of every kind, over its own ids, others' and nobody's.

use proptest::prelude::*;
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::{
    NOBODY,
    analytics::{any_aggregates, any_conversation, any_counted, any_details_query},
};

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
    pub(super) codes: Vec<String>,
    pub(super) languages: Vec<String>,
    pub(super) skills: Vec<String>,
    pub(super) own_users: Vec<String>,
    pub(super) own_queues: Vec<String>,
}

/// Requests of every kind, what is refused included.
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
        3 => any_counted(pool),
        2 => any_conversation(pool),
        2 => any_below_a_parent(pool),
        1 => choose(&pool.codes).prop_map(|id| get(format!("/api/v2/routing/wrapupcodes/{id}"))),
        1 => choose(&pool.skills).prop_map(|id| get(format!("/api/v2/routing/skills/{id}"))),
        1 => choose(&pool.languages).prop_map(|id| get(format!("/api/v2/routing/languages/{id}"))),
        2 => any_small_list(),
        2 => any_write(pool),
        1 => any_other(),
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
        (user(), words(&["purecloud", "PURECLOUD", "microsoftteams", NOBODY]))
            .prop_map(|(id, of)| get(format!("/api/v2/users/{id}/presences/{of}"))),
    ]
    .boxed()
}

/// Changes that must not be made: of others', with references to others', out of date, in others' divisions. Those that
/// are made would set the two organisations apart; and that a name is taken is a declared channel.
fn any_write(pool: &Pool) -> BoxedStrategy<Asked> {
    let users = || choose(&strangers(&pool.users, &pool.own_users));
    let queues = || choose(&strangers(&pool.queues, &pool.own_queues));
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

pub(super) fn get(path: String) -> Asked {
    Asked { method: Method::GET, path, body: None }
}

pub(super) fn choose<T: Clone + std::fmt::Debug + 'static>(from: &[T]) -> BoxedStrategy<T> {
    prop::sample::select(from.to_vec()).boxed()
}

/// Those that are not the tenant's own.
pub(super) fn strangers(all: &[String], own: &[String]) -> Vec<String> {
    all.iter().filter(|id| !own.contains(id)).cloned().collect()
}

/// Own twice as often as anyone's: what is refused at once shows little.
pub(super) fn any_id(own: &[String], all: &[String]) -> BoxedStrategy<String> {
    prop_oneof![2 => choose(own), 1 => choose(all)].boxed()
}

/// Parameters, each there or not.
pub(super) fn query(parameters: Vec<(&'static str, BoxedStrategy<String>)>) -> BoxedStrategy<String> {
    let parameters: Vec<_> = parameters
        .into_iter()
        .map(|(name, value)| {
            prop::option::of(value).prop_map(move |value| value.map(|value| format!("{name}={value}")))
        })
        .collect();
    parameters.prop_map(|set| set.into_iter().flatten().collect::<Vec<_>>().join("&")).boxed()
}

pub(super) fn number(range: std::ops::Range<u32>) -> BoxedStrategy<String> {
    range.prop_map(|number| number.to_string()).boxed()
}

pub(super) fn words(from: &[&str]) -> BoxedStrategy<String> {
    choose(&from.iter().map(ToString::to_string).collect::<Vec<_>>())
}

pub(super) fn list(of: BoxedStrategy<String>) -> BoxedStrategy<String> {
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
    let paths = words(&[
        "/api/v2/tokens/me",
        "/gateway/v1/whoami",
        "/gateway/v1/operations",
        "/gateway/v1/keys",
        "/api/v2/organizations/me",
        "/api/v2/users/me",
        "/api/v2/oauth/clients",
        "/api/v2/nothing",
        "/api/v2/users/not-an-id",
    ]);
    let head = Asked { method: Method::HEAD, path: "/api/v2/tokens/me".to_owned(), body: None };
    let rotation = Asked {
        method: Method::POST,
        path: "/gateway/v1/keys/abcdefghijklmnop/rotate".to_owned(),
        body: Some(json!({ "overlap_seconds": 60 })),
    };
    prop_oneof![9 => paths.prop_map(get), 1 => Just(head), 1 => Just(rotation)].boxed()
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
