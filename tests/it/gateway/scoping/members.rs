//! Members of queues and queues of members: the parent is looked up, what is another's vanishes, pages are whole.

use std::collections::BTreeSet;

use ringfence::simulator::{ALPHA, BETA, Fault};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, USERS, assert_alike, assert_refused, disturb_below, each, event, everything, owned, sent,
    set,
};
use crate::support::app::TestApp;

/// An own queue with foreign members among its own, and both.
async fn mixed_queue(app: &TestApp) -> (String, BTreeSet<String>, usize) {
    let own = owned(app, ALPHA, "users");
    for queue in owned(app, ALPHA, "queues") {
        let all = everything(app, &format!("{QUEUES}/{queue}/members?pageSize=100"), None).await;
        let all = set(&all["entities"], "id");
        let mine: BTreeSet<_> = all.intersection(&own).cloned().collect();
        if mine.len() > 2 && mine.len() < all.len() {
            return (queue, mine, all.len());
        }
    }
    panic!("no queue has foreign members");
}

#[tokio::test]
async fn members_of_an_own_queue_are_the_tenants_own_alone_and_pages_are_whole() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (queue, own, all) = mixed_queue(&app).await;
    let path = format!("{QUEUES}/{queue}/members");
    let answer = alpha.get(&path).await;
    let listing = answer.body.clone();
    assert_eq!(set(&listing["entities"], "id"), own, "{listing}");
    assert_eq!((&listing["total"], &listing["pageCount"]), (&own.len().into(), &1.into()));
    assert_eq!(event(&app, &answer).await["outcome"]["dropped"], all - own.len());
    for member in listing["entities"].as_array().unwrap() {
        assert_eq!(member["user"]["division"]["id"], ALPHA, "{member}");
        assert!(member["user"].get("manager").is_none(), "{member}");
    }

    let mut next = format!("{path}?pageSize=2");
    let mut seen = Vec::new();
    while !next.is_empty() {
        let page = alpha.get(&next).await.expect(200);
        assert_eq!(page["total"], own.len());
        seen.extend(each(&page["entities"], "id"));
        next = page["nextUri"].as_str().unwrap_or_default().to_owned();
        assert!(page["entities"].as_array().unwrap().len() == 2 || next.is_empty(), "{page}");
    }
    assert_eq!((seen.len(), BTreeSet::from_iter(seen)), (own.len(), own));
    app.finish().await;
}

/// Both use one account: what the gateway remembers of one tenant's entities and lists is no answer to the other.
#[tokio::test]
async fn what_was_read_for_one_tenant_is_not_there_for_another() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    for (tenant, division, other) in [(&alpha, ALPHA, &beta), (&beta, BETA, &alpha)] {
        let user = owned(&app, division, "users").into_iter().next().unwrap();
        let queue = owned(&app, division, "queues").into_iter().next().unwrap();
        let (users, queues) = (format!("{USERS}/{user}"), format!("{QUEUES}/{queue}"));
        let paths = [
            users.clone(),
            format!("{users}/queues"),
            format!("{users}/presences/purecloud"),
            queues.clone(),
            format!("{queues}/members?pageSize=1"),
            format!("{queues}/members?pageSize=1&pageNumber=2"),
        ];
        for path in &paths {
            tenant.get(path).await.expect(200);
            assert_refused(&other.get(path).await, 404, "not.found");
            tenant.get(path).await.expect(200);
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_pages_that_follow_ask_genesys_for_nothing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (queue, ..) = mixed_queue(&app).await;
    let path = format!("{QUEUES}/{queue}/members");
    alpha.get(&format!("{path}?pageSize=1")).await.expect(200);
    // The queue is looked up, its members are read.
    assert_eq!(sent(&app).len(), 2);
    alpha.get(&format!("{path}?pageSize=1&pageNumber=2")).await.expect(200);
    assert_eq!(sent(&app).len(), 2);
    // Another tenant's list is its own.
    let beta = app.tenant("beta", &[BETA]).await;
    assert_refused(&beta.get(&path).await, 404, "not.found");
    app.finish().await;
}

#[tokio::test]
async fn members_of_anothers_queue_look_like_those_of_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = owned(&app, BETA, "queues").first().unwrap().clone();
    let path = |id: &str| format!("{QUEUES}/{id}/members");
    let (theirs, missing) = (alpha.get(&path(&foreign)).await, alpha.get(&path(NOBODY)).await);
    assert_alike(&theirs, &missing);
    assert_refused(&theirs, 404, "not.found");
    let calls = sent(&app);
    assert!(calls.iter().all(|(call, _)| !call.contains("members")), "{calls:?}");
    app.finish().await;
}

#[tokio::test]
async fn queues_of_an_own_user_are_the_tenants_own_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "queues");
    let mut foreign = 0;
    for user in owned(&app, ALPHA, "users") {
        let path = format!("{USERS}/{user}/queues?pageSize=100");
        let all = set(&everything(&app, &path, None).await["entities"], "id");
        let mine: BTreeSet<_> = all.intersection(&own).cloned().collect();
        foreign += all.len() - mine.len();
        let listing = alpha.get(&path).await.expect(200);
        assert_eq!((set(&listing["entities"], "id"), &listing["total"]), (mine.clone(), &mine.len().into()));
        let counts = |queue: &Value| queue.get("memberCount").is_some();
        assert!(!listing["entities"].as_array().unwrap().iter().any(counts), "{listing}");
    }
    assert!(foreign > 0, "nobody is a member of a foreign queue");
    app.finish().await;
}

#[tokio::test]
async fn queues_of_anothers_user_look_like_those_of_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    for tail in ["queues", "presences/purecloud", "presences/PURECLOUD"] {
        let path = |id: &str| format!("{USERS}/{id}/{tail}");
        let (theirs, missing) = (alpha.get(&path(&foreign)).await, alpha.get(&path(NOBODY)).await);
        assert_alike(&theirs, &missing);
        assert_refused(&theirs, 404, "not.found");
    }
    let calls = sent(&app);
    assert!(
        calls.iter().all(|(call, _)| !call.contains("queues") && !call.contains("presences")),
        "{calls:?}"
    );
    app.finish().await;
}

#[tokio::test]
async fn the_presence_of_an_own_user_is_shown() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let own = owned(&app, ALPHA, "users").first().unwrap().clone();
    for source in ["purecloud", "PURECLOUD"] {
        let presence = alpha.get(&format!("{USERS}/{own}/presences/{source}")).await.expect(200);
        assert_eq!((&presence["id"], &presence["source"]), (&json!(own), &json!("PURECLOUD")));
        assert!(presence["presenceDefinition"]["systemPresence"].is_string(), "{presence}");
        assert!(presence.get("name").is_none(), "{presence}");
    }
    app.finish().await;
}

#[tokio::test]
async fn those_who_ask_for_one_list_at_once_have_it_read_once() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (queue, own, _) = mixed_queue(&app).await;
    let path = format!("{QUEUES}/{queue}/members");
    disturb_below(&app, &path, Fault::Latency { ms: 1_000 });
    app.simulator.organisation().clear_calls();
    let path = &path;
    let asked = (1..=8).map(|size| {
        let alpha = &alpha;
        async move { alpha.get(&format!("{path}?pageSize={size}")).await.expect(200) }
    });
    for listing in futures_util::future::join_all(asked).await {
        assert_eq!(listing["total"], own.len());
    }
    let read = sent(&app).into_iter().filter(|(call, _)| call.contains("members")).count();
    assert_eq!(read, 1, "the list is read once for all of them");
    app.finish().await;
}
