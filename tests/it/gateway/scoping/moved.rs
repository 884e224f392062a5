//! What is moved between its lookup and the change that was made for where it was.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, Match, Rule};
use serde_json::{Value, json};

use super::super::organisation::{QUEUES, assert_refused, eventually, everything, owned, sent, token};
use crate::support::app::{Answer, TestApp, read};

/// Between the lookup and the change there was a wait: for a token, as for anything else.
async fn late_change(meanwhile: Option<Value>) -> (TestApp, Answer, Vec<(String, Value)>, String) {
    let app = TestApp::start().await;
    let alpha = app.tenant("pair", &[ALPHA, GAMMA]).await;
    let path = format!("{QUEUES}/{}", owned(&app, ALPHA, "queues").first().unwrap());
    let before = everything(&app, &path, None).await;
    let puts = Match { method: Some("PUT".to_owned()), path_prefix: None };
    let logins = Match { method: None, path_prefix: Some("/oauth/".to_owned()) };
    let refused = Rule::new(puts, Fault::Status { status: 401, retry_after: None }, Some(1));
    let late = Rule::new(logins, Fault::Latency { ms: 2_500 }, Some(1));
    let login = token(&app).await;
    app.simulator.organisation().clear_calls();
    app.simulator.organisation().set_faults(vec![refused, late]);
    let change = alpha.request(Method::PUT, &path);
    let change = change.json(&json!({"name": before["name"], "description": "Late"}));
    let changing = tokio::spawn(async move { alpha.send(change).await });
    eventually("the change is refused a token", async || (sent(&app).len() == 2).then_some(())).await;
    if let Some(mut body) = meanwhile {
        body["name"] = before["name"].clone();
        let url = format!("{}{path}", app.simulator.url());
        read(app.client.put(url).bearer_auth(&login).json(&body)).await.expect(200);
    }
    let answer = changing.await.unwrap();
    let calls = sent(&app);
    (app, answer, calls, path)
}

#[tokio::test]
async fn what_a_change_names_is_looked_up_again_where_the_change_had_to_wait() {
    let (app, answer, calls, path) = late_change(None).await;
    assert_eq!(answer.expect(200)["description"], "Late");
    let calls: Vec<_> = calls.into_iter().map(|(call, _)| call).collect();
    let (lookup, change) = (format!("GET {path}"), format!("PUT {path}"));
    assert_eq!(calls, [&lookup, &change, &lookup, &change].map(Clone::clone));
    app.finish().await;
}

#[tokio::test]
async fn what_was_moved_while_a_change_waited_is_not_changed() {
    for (division, status, code) in [(BETA, 404, "not.found"), (GAMMA, 409, "general.conflict")] {
        let (app, answer, _, path) = late_change(Some(json!({"division": {"id": division}}))).await;
        assert_refused(&answer, status, code);
        let after = everything(&app, &path, None).await;
        assert_eq!((&after["division"]["id"], &after["description"]), (&json!(division), &Value::Null));
        app.finish().await;
    }
}

#[tokio::test]
async fn what_another_changed_while_a_change_waited_is_not_undone() {
    let (app, answer, _, path) = late_change(Some(json!({"callingPartyName": "Theirs"}))).await;
    assert_refused(&answer, 409, "general.conflict");
    let after = everything(&app, &path, None).await;
    assert_eq!((&after["callingPartyName"], &after["description"]), (&json!("Theirs"), &Value::Null));
    app.finish().await;
}
