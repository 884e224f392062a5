//! Non-interference, as it is promised: whatever a tenant sends, its answer does not depend on other divisions' data.
//!
//! The same requests go to two organisations that are alike in the tenant's own division and differ in all the others:
//! other users, queues and conversations, other members in its queues, other parties in its shared conversations. The
//! answers must be the same to the byte, dates and correlation ids apart.

mod analytics;
mod asked;
mod exchange;
mod pair;
mod rows;

use std::{collections::BTreeSet, sync::Arc};

use proptest::prelude::ProptestConfig;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, HOME, INTERVAL, Match, Rule};
use serde_json::{Value, json};
use tokio::{runtime::Handle, task::spawn_blocking};

use self::{
    asked::{Asked, Pool},
    exchange::answers,
    pair::Pair,
};
use super::organisation::{each, everything};
use crate::support::app::TestApp;

/// How many ask at once.
const RUNNERS: u32 = 8;
/// How many lies are told in a row: what they made the gateway believe of an entity holds for a minute.
const LIES: u32 = 1_000;
const NOBODY: &str = "99999999-0000-4000-8000-000000000009";

/// `PROPTEST_CASES` asks for more of them.
fn cases() -> u32 {
    ProptestConfig::default().cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenants_answers_do_not_depend_on_other_divisions_data() {
    same_answers(cases(), RUNNERS, false).await.assert_all_answered(cases());
}

/// One after the other, and each thousand with a new memory: by what it is told first, a lie is believed or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn not_even_where_genesys_slips_foreign_entities_in() {
    let mut left = cases();
    while left > 0 {
        same_answers(left.min(LIES), 1, true).await;
        left = left.saturating_sub(LIES);
    }
}

/// Where the gateway counts by itself, not even that Genesys slipped something in shows: it does so there alone.
#[tokio::test]
async fn nor_does_it_show_in_lists_that_the_gateway_counts_that_genesys_slips_foreign_entities_in() {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    let pool = pool(&here, &here).await;
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
        let row = [asked];
        let (shown, lied) = tokio::join!(answers(&nearer, &row), answers(&farther, &row));
        assert_eq!(shown, lied, "{row:?}");
    }
    let lapses = there.find_events("tenant=alpha").await;
    let lapses = lapses.iter().filter(|event| event["outcome"]["dropped"].is_u64()).count();
    assert!(lapses > pool.own_queues.len(), "{lapses}");
    here.finish().await;
    there.finish().await;
}

async fn same_answers(cases: u32, runners: u32, lies: bool) -> Arc<Pair> {
    let (here, there) = (TestApp::start().await, TestApp::start().await);
    for (division, variation) in [(BETA, 7), (GAMMA, 8), (HOME, 9)] {
        assert!(there.simulator.organisation().reseed(division, variation));
    }
    let pool = pool(&here, &there).await;
    assert_ne!(
        ids(&here.simulator.organisation().facts(), BETA, "users"),
        ids(&there.simulator.organisation().facts(), BETA, "users")
    );
    let dedicated = json!({"dedicated_agents": true});
    let nearer = here.tenant_with("alpha", &[ALPHA], dedicated.clone()).await;
    let farther = there.tenant_with("alpha", &[ALPHA], dedicated).await;
    for app in [&here, &there] {
        let lie = || Rule::new(Match::default(), Fault::Lie { division: Some(BETA.to_owned()) }, None);
        app.simulator.organisation().set_faults(lies.then(lie).into_iter().collect());
    }
    let pair = Arc::new(Pair::new(nearer, farther));
    let runners: Vec<_> = (0..runners)
        .map(|_| {
            let (pair, pool, runtime) = (Arc::clone(&pair), pool.clone(), Handle::current());
            spawn_blocking(move || pair.run(cases.div_ceil(runners), &pool, &runtime))
        })
        .collect();
    let mut differences = Vec::new();
    for runner in runners {
        differences.extend(runner.await.unwrap().err());
    }
    assert!(
        differences.is_empty(),
        "an answer depends on other divisions' data: {}",
        differences.join("\n\n")
    );
    pair.tell();
    here.finish().await;
    there.finish().await;
    pair
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

fn ids(facts: &Value, division: &str, of: &str) -> Vec<String> {
    let divisions = facts["divisions"].as_array().unwrap();
    let division = divisions.iter().find(|one| one["id"] == division).unwrap();
    let items = division[of].as_array().unwrap();
    let id = |item: &Value| item.as_str().or_else(|| item["id"].as_str()).unwrap().to_owned();
    items.iter().map(id).collect()
}

async fn pool(here: &TestApp, there: &TestApp) -> Pool {
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
    let listed = async |path: &str| {
        let mut found = vec![NOBODY.to_owned()];
        for app in [here, there] {
            found.extend(each(
                &everything(app, &format!("{path}?pageSize=100"), None).await["entities"],
                "id",
            ));
        }
        found
    };
    Pool {
        users: all("users"),
        queues: all("queues"),
        conversations: all("conversations"),
        codes: listed("/api/v2/routing/wrapupcodes").await,
        languages: listed("/api/v2/routing/languages").await,
        skills: listed("/api/v2/routing/skills").await,
        own_users: own("users"),
        own_queues: own("queues"),
    }
}
