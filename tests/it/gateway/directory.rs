//! What is remembered of where things are: for how long, and until what.

use chrono::TimeDelta;
use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, Match, Rule};
use serde_json::json;

use super::organisation::{NOBODY, USERS, assert_alike, conversations, eventually, owned, sent};
use crate::support::app::{TenantClient, TestApp};

/// The queues of a user: the user is looked up, if it has to be. How many calls that takes.
async fn calls(app: &TestApp, alpha: &TenantClient, user: &str) -> usize {
    app.simulator.organisation().clear_calls();
    alpha.get(&format!("{USERS}/{user}/queues")).await.expect(200);
    sent(app).len()
}

/// One call with this method, of the user itself, comes late.
fn late(app: &TestApp, method: &str, user: &str) {
    let meant = Match { method: Some(method.to_owned()), path_prefix: Some(format!("{USERS}/{user}")) };
    let rule = Rule::new(meant, Fault::Latency { ms: 1_500 }, Some(1));
    app.simulator.organisation().set_faults(vec![rule]);
    app.simulator.organisation().clear_calls();
}

#[tokio::test]
async fn what_was_looked_up_is_remembered_for_a_minute() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    assert_eq!((calls(&app, &alpha, &user).await, calls(&app, &alpha, &user).await), (2, 1));
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!((calls(&app, &alpha, &user).await, calls(&app, &alpha, &user).await), (2, 1));
    app.finish().await;
}

#[tokio::test]
async fn where_a_conversation_is_is_asked_each_time_because_it_is_transferred() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let conversation = conversations(&app, ALPHA).into_iter().find(|(_, shared)| shared.is_none()).unwrap().0;
    let path = format!("/api/v2/conversations/{conversation}/summaries");
    for _ in 0..2 {
        app.simulator.organisation().clear_calls();
        alpha.get(&path).await.expect(200);
        let calls: Vec<_> = sent(&app).into_iter().map(|(call, _)| call).collect();
        assert_eq!(calls, [format!("GET /api/v2/conversations/{conversation}"), format!("GET {path}")]);
    }
    app.finish().await;
}

#[tokio::test]
async fn a_lookup_that_is_overtaken_by_a_change_is_not_remembered() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    let version = alpha.get(&format!("{USERS}/{user}")).await.expect(200)["version"].clone();
    late(&app, "GET", &user);
    let (client, path) = (alpha.clone(), format!("{USERS}/{user}/queues"));
    let overtaken = tokio::spawn(async move { client.get(&path).await });
    eventually("the lookup is under way", async || (!sent(&app).is_empty()).then_some(())).await;
    let change = json!({"version": version, "title": "Lead"});
    let change = alpha.request(Method::PATCH, &format!("{USERS}/{user}")).json(&change);
    alpha.send(change).await.expect(200);
    assert!(!overtaken.is_finished());
    overtaken.await.unwrap().expect(200);
    assert_eq!((calls(&app, &alpha, &user).await, calls(&app, &alpha, &user).await), (2, 1));
    app.finish().await;
}

#[tokio::test]
async fn a_change_whose_caller_has_left_ends_what_was_known() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    let version = alpha.get(&format!("{USERS}/{user}")).await.expect(200)["version"].clone();
    assert_eq!((calls(&app, &alpha, &user).await, calls(&app, &alpha, &user).await), (2, 1));
    late(&app, "PATCH", &user);
    let change = json!({"version": version, "title": "Lead"}).to_string();
    let mut socket = app.socket().await;
    let head = format!(
        "PATCH {USERS}/{user} HTTP/1.1\r\nHost: gateway\r\nX-Api-Key: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{change}",
        alpha.api_key,
        change.len()
    );
    socket.write(head.as_bytes()).await;
    eventually("the change is under way", async || (sent(&app).len() == 2).then_some(())).await;
    drop(socket);
    eventually("the call is given up", async || {
        let events = app.find_events("tenant=alpha&operation=patchUser").await;
        events.iter().any(|event| event["outcome"]["code"] == "aborted").then_some(())
    })
    .await;
    assert_eq!(calls(&app, &alpha, &user).await, 2);
    app.finish_after_loss().await;
}

const QUEUE_OBSERVATIONS: &str = "/api/v2/analytics/queues/observations/query";

/// Asks what waits in all queues of the tenant's own; how many calls that takes.
async fn observed(app: &TestApp, alpha: &TenantClient) -> usize {
    app.simulator.organisation().clear_calls();
    alpha.post(QUEUE_OBSERVATIONS, &json!({"metrics": ["oWaiting"]})).await.expect(200);
    sent(app).len()
}

#[tokio::test]
async fn anothers_user_and_a_missing_one_are_remembered_alike() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = owned(&app, BETA, "users").first().unwrap().clone();
    for _ in 0..2 {
        let mut told = Vec::new();
        for expected in [1, 0] {
            for id in [foreign.as_str(), NOBODY] {
                app.simulator.organisation().clear_calls();
                let answer = alpha.get(&format!("{USERS}/{id}/queues")).await;
                assert_eq!((answer.status.as_u16(), sent(&app).len()), (404, expected), "{id}");
                told.push(answer);
            }
        }
        for one in &told {
            assert_alike(one, &told[0]);
        }
        app.clock.advance(TimeDelta::seconds(61));
    }
    app.finish().await;
}

#[tokio::test]
async fn who_was_moved_out_is_gone_within_a_minute_and_who_was_moved_in_is_there() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let user = owned(&app, ALPHA, "users").first().unwrap().clone();
    let path = format!("{USERS}/{user}/queues");
    alpha.get(&path).await.expect(200);
    beta.get(&path).await.expect(404);
    assert!(app.simulator.organisation().move_user(&user, BETA));
    app.clock.advance(TimeDelta::seconds(60));
    alpha.get(&path).await.expect(404);
    beta.get(&path).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn many_who_ask_at_once_of_what_nobody_knows_yet_ask_genesys_once() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let lists =
        Match { method: Some("GET".to_owned()), path_prefix: Some("/api/v2/routing/queues".to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(lists, Fault::Latency { ms: 500 }, None)]);
    app.simulator.organisation().clear_calls();
    let asked = (0..12).map(|_| {
        let alpha = alpha.clone();
        tokio::spawn(async move { alpha.post(QUEUE_OBSERVATIONS, &json!({"metrics": ["oWaiting"]})).await })
    });
    for answer in asked.collect::<Vec<_>>() {
        answer.await.unwrap().expect(200);
    }
    let calls = sent(&app);
    assert_eq!(calls.iter().filter(|(call, _)| call.starts_with("GET ")).count(), 1, "{calls:?}");
    app.finish().await;
}

#[tokio::test]
async fn what_is_asked_for_again_and_again_is_read_before_it_is_forgotten() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    assert_eq!((observed(&app, &alpha).await, observed(&app, &alpha).await), (2, 1));
    app.simulator.organisation().clear_calls();
    app.clock.advance(TimeDelta::seconds(45));
    eventually("the queues are read in the background", async || (!sent(&app).is_empty()).then_some(()))
        .await;
    // Past the minute in which the first list held: nobody has to wait.
    app.clock.advance(TimeDelta::seconds(30));
    let alone = |calls: usize| calls == 1 || calls == 2;
    assert!(alone(observed(&app, &alpha).await), "the query, and perhaps the next reading");
    let calls = sent(&app);
    let first = calls.iter().position(|(call, _)| call.contains(QUEUE_OBSERVATIONS)).unwrap();
    assert_eq!(first, 0, "the query waits for no list: {calls:?}");
    app.finish().await;
}
