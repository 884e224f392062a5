//! What is remembered of where things are: for how long, and until what.

use chrono::TimeDelta;
use reqwest::Method;
use ringfence::simulator::{ALPHA, Fault, Match, Rule};
use serde_json::json;

use super::organisation::{USERS, eventually, owned, sent};
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
    let conversation = owned(&app, ALPHA, "conversations").first().unwrap().clone();
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
