//! Non-interference, as it is promised: whatever a tenant sends, its answer does not depend on other divisions' data.
//!
//! The same requests go to two organisations that are alike in the tenant's own division and differ in all the others:
//! other users, queues and conversations, other members in its queues, other parties in its shared conversations. The
//! answers must be the same to the byte, dates and correlation ids apart.

mod asked;

use std::collections::BTreeSet;

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestError, TestRunner},
};
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, HOME, INTERVAL, Match, Rule};
use serde_json::{Value, json};

use crate::support::app::{TenantClient, TestApp};
use asked::{Asked, Pool, any_request};

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

/// Where the gateway counts by itself, not even that Genesys slipped something in shows: it does so there alone.
#[tokio::test]
async fn nor_does_it_show_in_lists_that_the_gateway_counts_that_genesys_slips_foreign_entities_in() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    let pool = pool(&here, &here);
    let (nearer, farther) = (here.tenant("alpha", &[ALPHA]).await, there.tenant("alpha", &[ALPHA]).await);
    let mut paths = vec!["/api/v2/routing/skills".to_owned(), "/api/v2/routing/skills?pageSize=1".to_owned()];
    for queue in &pool.own_queues {
        paths.push(format!("/api/v2/routing/queues/{queue}/members?pageSize=3"));
    }
    let (users, queues) = (pool.users.chunks(20), pool.queues.chunks(20));
    let by_ids = |base: &str, ids: &[String]| format!("{base}{}", ids.join(","));
    paths.extend(users.map(|ids| by_ids("/api/v2/users?pageSize=2&id=", ids)));
    for base in ["/api/v2/routing/queues?id=", "/api/v2/routing/queues/divisionviews?pageSize=4&id="] {
        paths.extend(queues.clone().map(|ids| by_ids(base, ids)));
    }
    let conversations = pool.conversations.chunks(40);
    paths.extend(conversations.map(|ids| by_ids("/api/v2/analytics/conversations/details?id=", ids)));
    for path in paths {
        let called = path.split('?').next().unwrap().replace("v2/users", "v2/users/search");
        let list = Match { method: None, path_prefix: Some(called) };
        let lie = Rule::new(list, Fault::Lie { division: Some(BETA.to_owned()) }, None);
        there.simulator.organisation().set_faults(vec![lie]);
        let asked = Asked { method: reqwest::Method::GET, path, body: None };
        let (shown, lied) = tokio::join!(answer(&nearer, &asked), answer(&farther, &asked));
        assert_eq!(shown, lied, "{asked:?}");
    }
    let lapses = there.find_events("tenant=alpha").await;
    let lapses = lapses.iter().filter(|event| event["outcome"]["dropped"].is_u64()).count();
    assert!(lapses > pool.own_queues.len(), "{lapses}");
    here.finish().await;
    there.finish().await;
}

async fn same_answers(fault: fn() -> Option<Rule>) {
    let here = TestApp::start().await;
    let there = TestApp::start().await;
    for (division, variation) in [(BETA, 7), (GAMMA, 8), (HOME, 9)] {
        assert!(there.simulator.organisation().reseed(division, variation));
    }
    let pool = pool(&here, &there);
    assert_ne!(
        ids(&here.simulator.organisation().facts(), BETA, "users"),
        ids(&there.simulator.organisation().facts(), BETA, "users")
    );
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
    Pool {
        users: all("users"),
        queues: all("queues"),
        conversations: all("conversations"),
        own_users: own("users"),
        own_queues: own("queues"),
    }
}
