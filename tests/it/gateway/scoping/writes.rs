//! Users and queues made, changed and deleted: in the tenant's own divisions, and nowhere else.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, Match, Rule};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, QUEUES, USERS, assert_alike, assert_refused, disturb_below, event, everything, owned, sent, text,
};
use crate::support::app::{Answer, TenantClient, TestApp};

async fn call(tenant: &TenantClient, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = tenant.request(method, path);
    tenant
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

fn first(app: &TestApp, division: &str, kind: &str) -> String {
    owned(app, division, kind).first().unwrap().clone()
}

/// Calls that could have changed something.
fn written(app: &TestApp) -> Vec<(String, Value)> {
    let reads = |call: &str| call.starts_with("GET ") || call.starts_with("POST /api/v2/users/search");
    sent(app).into_iter().filter(|(call, _)| !reads(call)).collect()
}

#[tokio::test]
async fn a_user_is_made_in_the_tenants_division() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let made = alpha.post(USERS, &json!({"name": "Ana", "email": "ana@alpha.example"})).await;
    let user = made.body.clone();
    assert_eq!(made.headers["ringfence-divisions"], ALPHA);
    assert_eq!((made.status.as_u16(), &user["division"]["id"]), (200, &json!(ALPHA)), "{user}");
    let sent = json!({"name": "Ana", "email": "ana@alpha.example", "divisionId": ALPHA});
    assert_eq!(written(&app), [(format!("POST {USERS}"), sent)]);
    let id = text(&user["id"]);
    assert_eq!(alpha.get(&format!("{USERS}/{id}")).await.expect(200)["name"], "Ana");
    let named = json!({"name": "Ben", "email": "ben@alpha.example", "divisionId": ALPHA, "title": "Agent"});
    assert_eq!(alpha.post(USERS, &named).await.expect(200)["title"], "Agent");
    // What Genesys keeps unique over the organisation is a declared channel; whose it is, is not told.
    let taken = everything(&app, &format!("{USERS}/{}", first(&app, BETA, "users")), None).await;
    let conflict = alpha.post(USERS, &json!({"name": "C", "email": taken["email"]})).await;
    assert_refused(&conflict, 409, "general.conflict");
    assert!(!conflict.text.contains(taken["name"].as_str().unwrap()));
    app.finish().await;
}

#[tokio::test]
async fn nothing_is_made_in_anothers_division() {
    let app = TestApp::start().await;
    let (alpha, pair) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("pair", &[BETA, GAMMA]).await);
    app.simulator.organisation().clear_calls();
    for division in [BETA, NOBODY, "*"] {
        let user = json!({"name": "A", "email": "a@a.example", "divisionId": division});
        assert_refused(&alpha.post(USERS, &user).await, 403, "ringfence.division_not_permitted");
        let queue = json!({"name": "A", "division": {"id": division}});
        assert_refused(&alpha.post(QUEUES, &queue).await, 403, "ringfence.division_not_permitted");
    }
    let unsaid = json!({"name": "A", "email": "a@a.example"});
    let refused = pair.post(USERS, &unsaid).await;
    assert_refused(&refused, 400, "ringfence.division_missing");
    assert!(refused.text.contains(BETA) && refused.text.contains(GAMMA), "{}", refused.text);
    assert_refused(&pair.post(QUEUES, &json!({"name": "A"})).await, 400, "ringfence.division_missing");
    assert!(sent(&app).is_empty());
    let queue = json!({"name": "A of Gamma", "division": {"id": GAMMA}});
    assert_eq!(pair.post(QUEUES, &queue).await.expect(200)["division"]["id"], GAMMA);
    app.finish().await;
}

#[tokio::test]
async fn an_own_user_is_changed_and_deleted() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let id = first(&app, ALPHA, "users");
    let path = format!("{USERS}/{id}");
    let before = alpha.get(&path).await.expect(200);
    let version = before["version"].as_i64().unwrap();
    let manager = owned(&app, ALPHA, "users").last().unwrap().clone();
    let change = json!({"version": version, "title": "Lead", "manager": manager});
    let changed = call(&alpha, Method::PATCH, &path, Some(&change)).await.expect(200);
    assert_eq!((&changed["title"], &changed["version"]), (&json!("Lead"), &json!(version + 1)));
    assert!(changed.get("manager").is_none(), "{changed}");
    let stale = call(&alpha, Method::PATCH, &path, Some(&change)).await;
    assert_refused(&stale, 409, "general.conflict");
    let gone = call(&alpha, Method::DELETE, &path, None).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (200, "{}"));
    assert_refused(&alpha.get(&path).await, 404, "not.found");
    assert_refused(&call(&alpha, Method::DELETE, &path, None).await, 404, "not.found");
    app.finish().await;
}

#[tokio::test]
async fn anothers_user_is_changed_by_nobody_and_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (foreign, own) = (first(&app, BETA, "users"), first(&app, ALPHA, "users"));
    app.simulator.organisation().clear_calls();
    let path = |id: &str| format!("{USERS}/{id}");
    let change = json!({"version": 1, "title": "Lead"});
    for (method, body) in [(Method::PATCH, Some(&change)), (Method::DELETE, None)] {
        let theirs = call(&alpha, method.clone(), &path(&foreign), body).await;
        assert_alike(&theirs, &call(&alpha, method.clone(), &path(NOBODY), body).await);
        assert_refused(&theirs, 404, "not.found");
        assert_refused(&call(&alpha, method, &path("not-an-id"), body).await, 404, "not.found");
    }
    let managed = |id: &str| json!({"version": 1, "manager": id});
    let theirs = call(&alpha, Method::PATCH, &path(&own), Some(&managed(&foreign))).await;
    assert_alike(&theirs, &call(&alpha, Method::PATCH, &path(&own), Some(&managed(NOBODY))).await);
    assert_refused(&theirs, 404, "not.found");
    assert_eq!(written(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn a_queue_is_made_changed_and_deleted_in_its_division() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let source = first(&app, ALPHA, "queues");
    let new =
        json!({"name": "Alpha Returns", "sourceQueueId": source, "division": {"id": ALPHA, "name": "x"}});
    let made = alpha.post(QUEUES, &new).await.expect(200);
    assert_eq!(made["division"]["id"], ALPHA);
    let path = format!("{QUEUES}/{}", text(&made["id"]));
    let before = everything(&app, &path, None).await;
    let change = json!({"name": "Alpha Refunds", "acwSettings": {"wrapupPrompt": "OPTIONAL"},
        "mediaSettings": {"call": {"alertingTimeoutSeconds": 9, "serviceLevel": {"percentage": 0.9, "durationMs": 1000}}}});
    let changed = call(&alpha, Method::PUT, &path, Some(&change)).await.expect(200);
    assert_eq!((&changed["name"], &changed["division"]["id"]), (&json!("Alpha Refunds"), &json!(ALPHA)));
    // What the tenant can neither see nor name stays as it was.
    let after = everything(&app, &path, None).await;
    assert!(before["queueFlow"].is_object());
    for kept in ["queueFlow", "memberGroups", "defaultScripts"] {
        assert_eq!(after[kept], before[kept], "{kept}");
    }
    let gone = call(&alpha, Method::DELETE, &format!("{path}?forceDelete=true"), None).await;
    assert_eq!((gone.status.as_u16(), gone.text.as_str()), (204, ""));
    assert_refused(&alpha.get(&path).await, 404, "not.found");
    app.finish().await;
}

#[tokio::test]
async fn anothers_queue_is_changed_by_nobody_and_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (foreign, own) = (first(&app, BETA, "queues"), first(&app, ALPHA, "queues"));
    app.simulator.organisation().clear_calls();
    let path = |id: &str| format!("{QUEUES}/{id}");
    let change = json!({"name": "Mine"});
    for (method, body) in [(Method::PUT, Some(&change)), (Method::DELETE, None)] {
        let theirs = call(&alpha, method.clone(), &path(&foreign), body).await;
        assert_alike(&theirs, &call(&alpha, method, &path(NOBODY), body).await);
        assert_refused(&theirs, 404, "not.found");
    }
    let copy = |id: &str| json!({"name": "Copy", "sourceQueueId": id});
    let theirs = alpha.post(QUEUES, &copy(&foreign)).await;
    assert_alike(&theirs, &alpha.post(QUEUES, &copy(NOBODY)).await);
    assert_refused(&theirs, 404, "not.found");
    let moved = json!({"name": "Moved", "division": {"id": BETA}});
    let moved = call(&alpha, Method::PUT, &path(&own), Some(&moved)).await;
    assert_refused(&moved, 403, "ringfence.division_not_permitted");
    assert_eq!(written(&app), []);
    let pair = app.tenant("pair", &[BETA, GAMMA]).await;
    let moved = json!({"name": "Moved", "division": {"id": GAMMA}});
    let moved = call(&pair, Method::PUT, &path(&foreign), Some(&moved)).await;
    assert_eq!(moved.status.as_u16(), 400, "{moved:?}");
    assert_eq!(written(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn fields_that_name_what_nobody_has_checked_are_refused() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (user, queue) = (first(&app, ALPHA, "users"), first(&app, ALPHA, "queues"));
    let (user, queue) = (format!("{USERS}/{user}"), format!("{QUEUES}/{queue}"));
    for (method, path, body) in [
        (Method::POST, USERS, json!({"name": "A", "email": "a@a.example", "roles": [NOBODY]})),
        (Method::POST, USERS, json!({"name": "A", "email": "a@a.example", "division": {"id": ALPHA}})),
        (Method::PATCH, &user, json!({"version": 1, "groups": [{"id": NOBODY}]})),
        (Method::PATCH, &user, json!({"version": 1, "divisionId": ALPHA})),
        (Method::PATCH, &user, json!({"version": 1, "locations": []})),
        (Method::POST, QUEUES, json!({"name": "A", "queueFlow": {"id": NOBODY}})),
        (Method::POST, QUEUES, json!({"name": "A", "memberGroups": []})),
        (Method::POST, QUEUES, json!({"name": "A", "divisionId": ALPHA})),
        (Method::POST, QUEUES, json!({"name": "A", "callingPartyNumber": "+18005550100"})),
        (Method::POST, QUEUES, json!({"name": "A", "mediaSettings": {"callback": {"mode": "AgentFirst"}}})),
        (Method::PUT, &queue, json!({"name": "A", "outboundEmailAddress": {}})),
        (
            Method::POST,
            USERS,
            json!({"name": "A", "email": "a@a.example", "addresses": [{"extension": "4711"}]}),
        ),
        (
            Method::PATCH,
            &user,
            json!({"version": 1, "addresses": [{"mediaType": "PHONE", "extension": "4711"}]}),
        ),
        (
            Method::PUT,
            &queue,
            json!({"name": "A", "mediaSettings": {"callback": {"liveVoiceFlow": {"id": NOBODY}}}}),
        ),
    ] {
        assert_refused(&call(&alpha, method, path, Some(&body)).await, 400, "ringfence.body_unknown_field");
    }
    for (method, path, body) in [
        (Method::POST, USERS, json!({"name": "A"})),
        (Method::PATCH, &user, json!({"title": "A"})),
        (Method::PATCH, &user, json!({"version": "1"})),
        (Method::PUT, &queue, json!({"name": "A", "sourceQueueId": NOBODY})),
    ] {
        assert_refused(&call(&alpha, method, path, Some(&body)).await, 400, "ringfence.body_invalid");
    }
    assert_eq!(written(&app), []);
    app.finish().await;
}

/// A number at work assigns one of the organisation's, or tells that it is taken.
#[tokio::test]
async fn telephone_numbers_of_the_organisation_are_not_given_to_users() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let id = first(&app, ALPHA, "users");
    let path = format!("{USERS}/{id}");
    let before = alpha.get(&path).await.expect(200);
    let version = before["version"].clone();
    let given = before["addresses"].as_array().unwrap();
    assert_eq!(given[0]["type"], "WORK", "one that only the operator gives");
    app.simulator.organisation().clear_calls();
    let number = "+15550001111";
    for address in [
        json!({"address": number, "mediaType": "PHONE", "type": "WORK"}),
        json!({"address": number, "mediaType": "PHONE", "type": "WORK2"}),
        json!({"address": number, "mediaType": "SMS", "type": "WORK4"}),
        json!({"address": number, "mediaType": "PHONE", "type": "PRIMARY"}),
        json!({"address": number, "mediaType": "phone", "type": "HOME"}),
        json!({"address": number, "mediaType": "PHONE", "type": "work"}),
        json!({"address": number, "mediaType": "PHONE"}),
        json!({"address": number, "type": "HOME"}),
        json!({"address": number}),
    ] {
        let addresses = json!([{"address": "a@a.example", "mediaType": "EMAIL"}, address]);
        let user = json!({"name": "A", "email": "a@a.example", "addresses": addresses});
        assert_refused(&alpha.post(USERS, &user).await, 400, "ringfence.body_invalid");
        let change = json!({"version": version, "addresses": addresses});
        let refused = call(&alpha, Method::PATCH, &path, Some(&change)).await;
        assert_refused(&refused, 400, "ringfence.body_invalid");
    }
    assert!(sent(&app).is_empty());
    let addresses = json!([
        {"address": "a@a.example", "mediaType": "EMAIL", "type": "WORK"},
        {"address": number, "mediaType": "PHONE", "type": "HOME"},
        {"address": number, "mediaType": "SMS", "type": "MOBILE", "countryCode": "US"},
    ]);
    let change = json!({"version": version, "addresses": addresses});
    let changed = call(&alpha, Method::PATCH, &path, Some(&change)).await.expect(200);
    // The list is replaced whole: what the tenant cannot name is not lost with it.
    let whole: Vec<_> = addresses.as_array().unwrap().iter().chain(given).cloned().collect();
    assert_eq!(changed["addresses"], json!(whole));
    let none = json!({"version": changed["version"], "addresses": []});
    let changed = call(&alpha, Method::PATCH, &path, Some(&none)).await.expect(200);
    assert_eq!(changed["addresses"], json!(given));
    app.finish().await;
}

/// Clients read a queue, change a field and send the whole back.
#[tokio::test]
async fn a_queue_is_sent_back_as_it_was_read_and_keeps_what_is_not_named() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let flow = json!({"id": NOBODY, "name": "Voice mail"});
    let callback = json!({
        "mode": "AgentFirst", "alertingTimeoutSeconds": 30, "enableAutoAnswer": true, "liveVoiceFlow": flow,
        "liveVoiceReactionType": "TransferToFlow", "subTypeSettings": {}, "maxRetryCount": 3,
        "serviceLevel": {"percentage": 0.5, "durationMs": 9_000},
    });
    let whole = json!({
        "name": "Alpha Whole", "division": {"id": ALPHA}, "callingPartyName": "Alpha", "peerId": NOBODY,
        "callingPartyNumber": "+18005550100", "defaultScripts": {"CALL": {"id": NOBODY, "division": {"id": BETA}}},
        "mediaSettings": {"call": {"alertingTimeoutSeconds": 8}, "callback": callback},
    });
    let made = everything(&app, QUEUES, Some(&whole)).await;
    let path = format!("{QUEUES}/{}", text(&made["id"]));
    let mut read = alpha.get(&path).await.expect(200);
    read["description"] = "Sent back".into();
    read["mediaSettings"]["callback"]["alertingTimeoutSeconds"] = 31.into();
    read["mediaSettings"]["callback"]["serviceLevel"]["percentage"] = 0.75.into();
    read["callingPartyNumber"] = "+18005550199".into();
    let changed = call(&alpha, Method::PUT, &path, Some(&read)).await.expect(200);
    assert_eq!(changed["description"], "Sent back");
    let mut expected = whole.clone();
    expected["mediaSettings"]["callback"]["alertingTimeoutSeconds"] = 31.into();
    expected["mediaSettings"]["callback"]["serviceLevel"]["percentage"] = 0.75.into();
    let kept = ["callingPartyName", "callingPartyNumber", "defaultScripts", "mediaSettings", "peerId"];
    let after = everything(&app, &path, None).await;
    for name in kept {
        assert_eq!(after[name], expected[name], "{name}");
    }
    // One medium is named, or none: the others stay.
    let email = json!({"name": "Alpha Whole", "mediaSettings": {"email": {"alertingTimeoutSeconds": 60}}});
    call(&alpha, Method::PUT, &path, Some(&email)).await.expect(200);
    call(&alpha, Method::PUT, &path, Some(&json!({"name": "Alpha Whole"}))).await.expect(200);
    expected["mediaSettings"]["email"] = email["mediaSettings"]["email"].clone();
    let after = everything(&app, &path, None).await;
    for name in kept {
        assert_eq!(after[name], expected[name], "{name}");
    }
    app.finish().await;
}

#[tokio::test]
async fn a_key_that_only_reads_changes_nothing() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let reader = app.key("alpha", json!({"name": "reader", "read_only": true})).await;
    let user = format!("{USERS}/{}", first(&app, ALPHA, "users"));
    let queue = format!("{QUEUES}/{}", first(&app, ALPHA, "queues"));
    app.simulator.organisation().clear_calls();
    for (method, path, body) in [
        (Method::POST, USERS, Some(json!({"name": "A", "email": "a@a.example"}))),
        (Method::PATCH, user.as_str(), Some(json!({"version": 1}))),
        (Method::DELETE, user.as_str(), None),
        (Method::POST, QUEUES, Some(json!({"name": "A"}))),
        (Method::PUT, queue.as_str(), Some(json!({"name": "A"}))),
        (Method::DELETE, queue.as_str(), None),
    ] {
        let refused = call(&reader, method, path, body.as_ref()).await;
        assert_refused(&refused, 403, "ringfence.not_permitted");
    }
    assert!(sent(&app).is_empty());
    let query = json!({"interval": ringfence::simulator::INTERVAL, "metrics": ["tTalk"]});
    reader.post("/api/v2/analytics/conversations/aggregates/query", &query).await.expect(200);
    app.finish().await;
}

/// A lookup that lies, and an answer that does: nothing foreign is changed, nothing foreign is shown.
#[tokio::test]
async fn a_lie_about_what_is_changed_is_no_way_in() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = format!("{USERS}/{}", first(&app, ALPHA, "users"));
    disturb_below(&app, "/api/v2/users/", Fault::Lie { division: Some(BETA.to_owned()) });
    let refused = call(&alpha, Method::DELETE, &path, None).await;
    assert_refused(&refused, 404, "not.found");
    assert_eq!(written(&app), []);
    app.finish().await;
}

/// Sent once and never again; what became of it, nobody knows.
#[tokio::test]
async fn a_change_without_an_answer_is_of_unknown_effect() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let below = Match { method: Some("POST".to_owned()), path_prefix: Some("/api/v2/".to_owned()) };
    for fault in [Fault::Reset, Fault::Malformed, Fault::Truncate, Fault::EmptyBody] {
        app.simulator.organisation().set_faults(vec![Rule::new(below.clone(), fault.clone(), None)]);
        app.simulator.organisation().clear_calls();
        let answer = alpha.post(QUEUES, &json!({"name": format!("{fault:?}")})).await;
        assert_refused(&answer, 502, "ringfence.effect_unknown");
        assert_eq!(written(&app).len(), 1, "{fault:?}");
        assert_eq!(event(&app, &answer).await["outcome"]["code"], "ringfence.effect_unknown");
    }
    app.finish().await;
}
