//! Non-interference, as it is promised: whatever a tenant sends, its answer does not depend on other divisions' data.
//!
//! The same requests go to two organisations that are alike in the tenant's own division and differ in all the others:
//! other users, queues and conversations, other members in its queues, other parties in its shared conversations. The
//! answers must be the same to the byte, dates and correlation ids apart.

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestError, TestRunner},
};
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, HOME, INTERVAL, Match, Rule};
use serde_json::{Value, json};

use crate::support::app::{TenantClient, TestApp};

/// One request of the tenant.
#[derive(Debug, Clone)]
struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
}

/// Ids that a request may name: the tenant's own, those of either organisation's others, and nobody's.
#[derive(Debug, Clone)]
struct Pool {
    users: Vec<String>,
    queues: Vec<String>,
    conversations: Vec<String>,
    own_users: Vec<String>,
    own_queues: Vec<String>,
}

const NOBODY: &str = "99999999-0000-4000-8000-000000000009";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_answers_do_not_depend_on_other_divisions_data() {
    same_answers(|| None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_even_where_genesys_slips_foreign_entities_in() {
    same_answers(|| Some(Rule::new(Match::default(), Fault::Lie { division: Some(BETA.to_owned()) }, None)))
        .await;
}

async fn same_answers(fault: fn() -> Option<Rule>) {
    let here = TestApp::start().await;
    let there = TestApp::start().await;
    for (division, variation) in [(BETA, 7), (GAMMA, 8), (HOME, 9)] {
        assert!(there.simulator.organisation().reseed(division, variation));
    }
    let pool = pool(&here, &there);
    let (nearer, farther) = (here.tenant("alpha", &[ALPHA]).await, there.tenant("alpha", &[ALPHA]).await);
    for app in [&here, &there] {
        app.simulator.organisation().set_faults(fault().into_iter().collect());
    }
    let runtime = tokio::runtime::Handle::current();
    #[expect(clippy::result_large_err, reason = "the error is proptest's own")]
    let run = move || {
        // `PROPTEST_CASES` asks for more of them.
        let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
        TestRunner::new(config).run(&any_request(&pool), |asked| {
            let (first, second) =
                runtime.block_on(async { tokio::join!(answer(&nearer, &asked), answer(&farther, &asked)) });
            prop_assert_eq!(first, second);
            Ok::<(), TestCaseError>(())
        })
    };
    let result = tokio::task::spawn_blocking(run).await.unwrap();
    if let Err(TestError::Fail(why, asked)) = result {
        panic!("an answer depends on other divisions' data: {asked:?}\n{why}");
    }
    result.unwrap();
    here.finish().await;
    there.finish().await;
}

/// A shared conversation can be *matched* by what another division's party did in it: a declared channel, of this extent.
/// Which of its own conversations the tenant sees may depend on it; what it sees of them, and that they are its own, not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shared_conversation_is_matched_by_foreign_segments_and_shows_nothing_of_them() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let facts = app.simulator.organisation().facts();
    let own: BTreeSet<String> = ids(&facts, ALPHA, "conversations").into_iter().collect();
    let mut matched = 0;
    for user in ids(&facts, BETA, "users") {
        let query = json!({
            "interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1},
            "segmentFilters": [{"type": "and", "predicates": [{"dimension": "userId", "value": user}]}],
        });
        let body = alpha.post("/api/v2/analytics/conversations/details/query", &query).await.expect(200);
        for conversation in body["conversations"].as_array().unwrap() {
            let fields: Vec<_> = conversation.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["conversationId", "conversationStart", "conversationEnd"]);
            let id = conversation["conversationId"].as_str().unwrap();
            assert!(own.contains(id), "{id} is not the tenant's");
            assert!(!body.to_string().contains(&user), "the foreign user is named");
            matched += 1;
        }
    }
    assert!(
        matched > 0,
        "no shared conversation was matched: the channel has closed, and the list of channels is out of date"
    );
    app.finish().await;
}

/// The answer, without what may differ: dates, correlation ids, and the ids of the two keys.
async fn answer(tenant: &TenantClient, asked: &Asked) -> String {
    let mut request = tenant.request(asked.method.clone(), &asked.path);
    if let Some(body) = &asked.body {
        request = request.json(body);
    }
    let (status, headers, body) = tenant.send_raw(request).await;
    let id = headers.get("inin-correlation-id").unwrap().to_str().unwrap().to_owned();
    let mut shown: Vec<_> = headers
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "date" | "inin-correlation-id" | "content-length"))
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    shown.sort();
    let body = body.replace(&id, "CORRELATION").replace(&tenant.client_id, "KEY");
    format!("{status}\n{}\n{body}", shown.join("\n"))
}

fn ids(facts: &Value, division: &str, of: &str) -> Vec<String> {
    let divisions = facts["divisions"].as_array().unwrap();
    let division = divisions.iter().find(|one| one["id"] == division).unwrap();
    let items = division[of].as_array().unwrap();
    let id = |item: &Value| item.as_str().or_else(|| item["id"].as_str()).unwrap().to_owned();
    items.iter().map(id).collect()
}

fn pool(here: &TestApp, there: &TestApp) -> Pool {
    let organisations = [here.simulator.organisation().facts(), there.simulator.organisation().facts()];
    let all = |of: &str| {
        let divisions = [ALPHA, BETA, GAMMA];
        let found = organisations.iter().flat_map(|facts| divisions.iter().flat_map(|id| ids(facts, id, of)));
        let found: BTreeSet<_> = found.chain([NOBODY.to_owned()]).collect();
        found.into_iter().collect::<Vec<_>>()
    };
    let own = |of| ids(&organisations[0], ALPHA, of);
    for of in ["users", "queues", "conversations"] {
        assert_eq!(own(of), ids(&organisations[1], ALPHA, of), "the tenant's own {of} must be the same");
    }
    assert_ne!(ids(&organisations[0], BETA, "users"), ids(&organisations[1], BETA, "users"));
    Pool {
        users: all("users"),
        queues: all("queues"),
        conversations: all("conversations"),
        own_users: own("users"),
        own_queues: own("queues"),
    }
}

// === What is asked ===

fn any_request(pool: &Pool) -> BoxedStrategy<Asked> {
    prop_oneof![
        3 => any_user_list(pool),
        2 => any_by_id("/api/v2/users", &pool.own_users, &pool.users, &["", "?expand=team", "?expand=skills,team", "?state=any"]),
        4 => any_user_search(pool),
        3 => any_queue_list(pool),
        2 => any_by_id("/api/v2/routing/queues", &pool.own_queues, &pool.queues, &[""]),
        1 => any_division_list(),
        6 => any_details_query(pool),
        1 => any_other(),
    ]
    .boxed()
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
        words(&["EXACT", "STARTS_WITH", "CONTAINS", "TERM", "TERMS", "QUERY_STRING"]),
        words(&["name", "email", "title", "department", "state", "id", "divisionId"]),
        prop_oneof![
            words(&["a", "e", "agent", "Team", "active", ALPHA, BETA, "example.com"]),
            any_id(&pool.own_users, &pool.users)
        ],
        prop::option::of(words(&["AND", "OR", "NOT"])),
    )
        .prop_map(|(kind, field, value, operator)| {
            let mut one = json!({"type": kind, "fields": [field]});
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
        prop::option::of(words(&["team", "skills", "groups"])),
    )
        .prop_map(|(criteria, size, number, sort, expand)| {
            let mut body = json!({"query": criteria});
            let mut set = |name: &str, value: Option<Value>| {
                if let Some(value) = value {
                    body[name] = value;
                }
            };
            set("pageSize", size.map(Value::from));
            set("pageNumber", number.map(Value::from));
            set("sortBy", sort.map(Value::from));
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
        prop::option::weighted(0.3, words(&["originatingDirection", "mediaType", "userId", "divisionId"])),
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
                facet.map(|facet| json!([{"type": "termFrequency", "dimension": facet, "size": 10}])),
            );
            set("division_ids", divisions.map(|ids| json!(ids.split(',').collect::<Vec<_>>())));
            let path = "/api/v2/analytics/conversations/details/query".to_owned();
            Asked { method: Method::POST, path, body: Some(body) }
        })
        .boxed()
}
