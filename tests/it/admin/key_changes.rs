//! Keys, changed: what lifts a restriction, what holds for a whole chain, what is judged again.

use ringfence::simulator;
use serde_json::{Value, json};

use super::office::{ALPHA, Office};
use crate::support::app::TestApp;

/// Issues a key and rotates it: the ids of both.
async fn rotated(office: &Office, new: &Value) -> (String, String) {
    let id = |key: &Value| key["key_id"].as_str().unwrap().to_owned();
    let old = id(&office.admin().post("/tenants/north/keys", new).await.expect(201));
    let asked = json!({ "overlap_seconds": 3_600 });
    let new = office.admin().post(&format!("/keys/{old}/rotate"), &asked).await.expect(201);
    (old, id(&new))
}

async fn shown(office: &Office, id: &str) -> Value {
    office.auditor().get(&format!("/keys/{id}")).await.expect(200)
}

/// Whoever sends a list of which nothing is left means nothing to be allowed, not everything.
#[tokio::test]
async fn an_empty_list_lifts_no_restriction_and_null_does() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let new = json!({ "name": "few", "allowed_operations": ["users"], "allowed_cidrs": ["203.0.113.0/24"] });
    let key = office.admin().post("/tenants/north/keys", &new).await.expect(201);
    let id = key["key_id"].as_str().unwrap();
    let patch = async |change: Value| office.admin().patch(&format!("/keys/{id}"), &change).await;
    for field in ["allowed_operations", "allowed_cidrs"] {
        let refused = patch(json!({ field: [] })).await;
        assert_eq!(refused.refusal(), format!("422 invalid_field {field}"));
        assert!(refused.body["detail"].as_str().unwrap().contains("`null`"), "{}", refused.body);
        assert_eq!(shown(&office, id).await[field], new[field]);
    }
    let changed = patch(json!({ "allowed_cidrs": ["192.0.2.0/24", "198.51.100.0/24"] })).await.expect(200);
    assert_eq!(changed["allowed_operations"], new["allowed_operations"], "what is absent stays");
    for field in ["allowed_operations", "allowed_cidrs"] {
        let lifted = patch(json!({ field: null })).await.expect(200);
        assert_eq!(lifted[field], json!([]));
    }
    for (change, field) in [
        (json!({ "allowed_cidrs": ["everywhere"] }), "allowed_cidrs[0]"),
        (json!({ "allowed_cidrs": vec!["10.0.0.0/8"; 101] }), "allowed_cidrs"),
        (json!({ "allowed_operations": ["getUserz"] }), "allowed_operations"),
        (json!({ "allowed_operations": {} }), "allowed_operations"),
        (json!({ "limits": { "burst": 1 } }), "limits"),
        (json!({ "name": "" }), "name"),
    ] {
        assert_eq!(patch(change.clone()).await.refusal(), format!("422 invalid_field {field}"), "{change}");
    }
}

/// Else what is taken from the one would be left to the other.
#[tokio::test]
async fn a_change_of_rights_holds_for_every_key_of_the_chain_that_works_still() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let (old, new) = rotated(&office, &json!({ "name": "k" })).await;
    let bystander = office.admin().post("/tenants/north/keys", &json!({ "name": "other" })).await.expect(201);
    let several = [
        json!({ "allowed_operations": ["users"] }),
        json!({ "allowed_cidrs": ["203.0.113.0/24"] }),
        json!({ "limits": { "requests_per_day": 5 } }),
    ];
    for (turn, change) in several.iter().enumerate() {
        let (named, other) = if turn % 2 == 0 { (&old, &new) } else { (&new, &old) };
        let answer = office.admin().patch(&format!("/keys/{named}"), change).await;
        let event = office.event_of(&answer).await;
        let changed = answer.expect(200);
        assert_eq!((&changed["key_id"], &changed["also"]), (&json!(named), &json!([other])));
        let (field, _) = change.as_object().unwrap().iter().next().unwrap();
        assert_eq!(changed[field], shown(&office, other).await[field], "{field}");
        assert_eq!(event["key_id"], json!(named));
        assert_eq!(event["also"][0]["after"]["key_id"], json!(other));
        assert_eq!(event["also"][0]["after"][field], changed[field]);
        let found = office.events(&format!("key={other}&operation=key.update")).await;
        assert_eq!(found.first(), Some(&event), "an auditor finds it by either");
    }
    let renamed = office.admin().patch(&format!("/keys/{new}"), &json!({ "name": "new" })).await.expect(200);
    assert_eq!((&renamed["also"], &shown(&office, &old).await["name"]), (&json!([]), &json!("k")));
    let id = bystander["key_id"].as_str().unwrap();
    assert_eq!(shown(&office, id).await["allowed_operations"], json!([]));
    office.admin().post(&format!("/keys/{old}/revoke"), &json!({})).await.expect(200);
    let changed = office.admin().patch(&format!("/keys/{new}"), &json!({ "limits": {} })).await.expect(200);
    assert_eq!(changed["also"], json!([]), "what has ended stays as it ended");
}

/// A catalog may have less than it had: who several a name is not held up by that.
#[tokio::test]
async fn what_a_change_does_not_speak_of_is_not_judged_again() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[simulator::ALPHA]).await;
    app.alter("UPDATE tenant_key SET allowed_operations = '[\"getGone\"]'").await;
    let path = format!("/keys/{}", alpha.client_id);
    let renamed = app.admin().patch(&path, &json!({ "name": "renamed" })).await.expect(200);
    assert_eq!(renamed["allowed_operations"], json!(["getGone"]));
    let change = json!({ "allowed_operations": ["getGone"] });
    app.admin().patch(&path, &change).await.expect(422);
    app.finish().await;
}
