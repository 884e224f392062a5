//! Tenants: registered, changed, suspended and resumed.

use reqwest::Method;
use serde_json::{Value, json};

use super::office::{ALPHA, BETA, GAMMA, HOME, Office, send, tenant};

fn with(mut tenant: Value, more: &Value) -> Value {
    tenant.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tenant
}

#[tokio::test]
async fn a_tenant_is_registered_and_shown() {
    let office = Office::open().await;
    office.account("north", false).await;
    let added = office.operator().post("/tenants", &tenant("north", &[ALPHA, BETA])).await;
    let shown = added.expect(201);
    assert_eq!(shown["division_ids"], json!([ALPHA, BETA]));
    assert_eq!(shown["cross_division"], "redact");
    assert_eq!(shown["dedicated_agents"], false);
    assert_eq!(shown["lenient"], false);
    assert_eq!(shown["suspended"], false);
    let read = office.auditor().get("/tenants/north").await;
    assert_eq!(read.expect(200), shown);
    assert_eq!(read.headers["etag"], added.headers["etag"]);
    assert_eq!(office.auditor().get("/tenants").await.expect(200), json!({ "tenants": [shown.clone()] }));
    let event = office.event_of(&added).await;
    assert_eq!(event["operation"], "tenant.add");
    assert_eq!(event["tenant"], "north");
    assert_eq!(event["before"], json!(null));
    assert_eq!(event["after"]["division_ids"], json!([ALPHA, BETA]));
    assert_eq!(event["home_division"], "checked");
    assert_eq!(event["outcome"]["code"], "ok");
}

#[tokio::test]
async fn what_cannot_be_a_tenant_is_refused_by_name() {
    let office = Office::open().await;
    office.account("north", false).await;
    for (more, refusal) in [
        (json!({ "id": "North!" }), "422 invalid_field id"),
        (json!({ "id": "x".repeat(64) }), "422 invalid_field id"),
        (json!({ "name": "" }), "422 invalid_field name"),
        (json!({ "name": " " }), "422 invalid_field name"),
        (json!({ "name": "two\nlines" }), "422 invalid_field name"),
        (json!({ "name": "x".repeat(101) }), "422 invalid_field name"),
        (json!({ "division_ids": [] }), "422 invalid_field division_ids"),
        (json!({ "division_ids": ["*"] }), "422 invalid_field division_ids[0]"),
        (json!({ "division_ids": [ALPHA, ALPHA.to_uppercase()] }), "422 invalid_field division_ids[1]"),
        (json!({ "division_ids": [ALPHA, "alpha"] }), "422 invalid_field division_ids[1]"),
        (json!({ "division_ids": [ALPHA, BETA, ALPHA] }), "422 invalid_field division_ids"),
        (json!({ "division_ids": ALPHA }), "422 invalid_field division_ids"),
        (json!({ "division_ids": [HOME] }), "422 invalid_field division_ids"),
        (json!({ "service_account": "south" }), "422 invalid_field service_account"),
        (json!({ "policy_template": "everything" }), "422 invalid_field policy_template"),
        (json!({ "cross_division": "open" }), "422 invalid_field cross_division"),
        (json!({ "dedicated_agents": 1 }), "422 invalid_field dedicated_agents"),
        (json!({ "limits": { "burst": 1 } }), "422 invalid_field limits"),
        (json!({ "suspended": true }), "422 invalid_field suspended"),
    ] {
        let refused = office.admin().post("/tenants", &with(tenant("north", &[ALPHA]), &more)).await;
        assert_eq!(refused.refusal(), refusal, "{more}: {}", refused.body);
    }
    let mut missing = tenant("north", &[ALPHA]);
    missing.as_object_mut().unwrap().remove("name");
    assert_eq!(office.admin().post("/tenants", &missing).await.refusal(), "422 invalid_field name");
    assert_eq!(office.store.list_tenants().await.unwrap(), []);
}

#[tokio::test]
async fn a_division_has_one_tenant() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA, GAMMA]).await;
    office.account("south", false).await;
    let refused = office.admin().post("/tenants", &tenant("south", &[BETA, GAMMA])).await;
    assert_eq!(refused.refusal(), "409 division_taken -");
    assert!(refused.body["detail"].as_str().unwrap().contains("`north`"));
    office.admin().post("/tenants", &tenant("south", &[BETA])).await.expect(201);
    let taken = office.admin().patch("/tenants/south", &json!({ "division_ids": [ALPHA] })).await;
    assert_eq!(taken.refusal(), "409 division_taken -");
    office.admin().patch("/tenants/north", &json!({ "division_ids": [GAMMA] })).await.expect(200);
    office.admin().patch("/tenants/south", &json!({ "division_ids": [ALPHA] })).await.expect(200);
}

#[tokio::test]
async fn an_account_serves_one_tenant_unless_it_is_shared() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let second = with(tenant("south", &[BETA]), &json!({ "service_account": "north" }));
    let refused = office.admin().post("/tenants", &second).await;
    assert_eq!(refused.refusal(), "409 service_account_taken -");
    assert!(refused.body["detail"].as_str().unwrap().contains("\"shared\": true"));
    office.account("hub", true).await;
    for (id, division) in [("south", BETA), ("west", GAMMA)] {
        let shared = with(tenant(id, &[division]), &json!({ "service_account": "hub" }));
        office.admin().post("/tenants", &shared).await.expect(201);
    }
    let moved = office.admin().patch("/tenants/west", &json!({ "service_account": "north" })).await;
    assert_eq!(moved.refusal(), "409 service_account_taken -");
}

#[tokio::test]
async fn an_id_has_one_tenant() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    office.account("other", false).await;
    let again = with(tenant("north", &[BETA]), &json!({ "service_account": "other" }));
    assert_eq!(office.admin().post("/tenants", &again).await.refusal(), "409 tenant_exists -");
}

#[tokio::test]
async fn a_tenant_changes_and_the_event_says_from_what_to_what() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let change = json!({
        "name": "The North", "division_ids": [BETA], "policy_template": "read-only", "dedicated_agents": true,
        "lenient": true,
    });
    let changed = office.operator().patch("/tenants/north", &change).await;
    let shown = changed.expect(200);
    for (field, value) in change.as_object().unwrap() {
        assert_eq!(&shown[field], value);
    }
    assert_eq!(shown["service_account"], "north");
    assert_eq!(office.admin().get("/tenants/north").await.expect(200), shown);
    let event = office.event_of(&changed).await;
    assert_eq!(event["operation"], "tenant.update");
    assert_eq!(event["before"]["division_ids"], json!([ALPHA]));
    assert_eq!(event["after"]["division_ids"], json!([BETA]));
    assert_eq!(event["before"]["name"], "NORTH");
    assert_eq!(event["after"]["name"], "The North");
}

#[tokio::test]
async fn a_change_is_checked_as_a_registration_is() {
    let office = Office::open().await;
    let before = office.tenant("north", &[ALPHA]).await;
    for (change, refusal) in [
        (json!({ "id": "south" }), "422 invalid_field id"),
        (json!({ "name": "" }), "422 invalid_field name"),
        (json!({ "division_ids": [] }), "422 invalid_field division_ids"),
        (json!({ "division_ids": ["*"] }), "422 invalid_field division_ids[0]"),
        (json!({ "division_ids": [HOME] }), "422 invalid_field division_ids"),
        (json!({ "service_account": "nobody" }), "422 invalid_field service_account"),
        (json!({ "cross_division": "open" }), "422 invalid_field cross_division"),
        (json!({ "cross_division": 1 }), "422 invalid_field cross_division"),
        (json!({ "policy_template": "none" }), "422 invalid_field policy_template"),
        (json!({ "quotas": null }), "422 invalid_field quotas"),
    ] {
        let refused = office.admin().patch("/tenants/north", &change).await;
        assert_eq!(refused.refusal(), refusal, "{change}");
    }
    assert_eq!(office.admin().get("/tenants/north").await.expect(200), before);
}

#[tokio::test]
async fn a_change_can_be_bound_to_the_version_that_was_read() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let etag = office.admin().get("/tenants/north").await.headers["etag"].clone();
    let rename = |etag: &str, name: &str| {
        let request = office.admin().request(Method::PATCH, "/tenants/north").header("if-match", etag);
        send(request.json(&json!({ "name": name })))
    };
    let first = rename(etag.to_str().unwrap(), "first").await;
    first.expect(200);
    assert_eq!(rename(etag.to_str().unwrap(), "second").await.refusal(), "412 changed_meanwhile -");
    rename(first.headers["etag"].to_str().unwrap(), "third").await.expect(200);
    rename("*", "fourth").await.expect(200);
    for wrong in ["3", "W/\"3\"", "\"x\"", "\"1\", \"2\"", ""] {
        assert_eq!(rename(wrong, "fifth").await.refusal(), "400 invalid_header If-Match", "{wrong}");
    }
}

#[tokio::test]
async fn changes_at_the_same_time_lose_nothing() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let admin = office.admin();
    let (named, dedicated) = (json!({ "name": "both" }), json!({ "dedicated_agents": true }));
    let (one, other) =
        tokio::join!(admin.patch("/tenants/north", &named), admin.patch("/tenants/north", &dedicated));
    // Each is either kept or told to read again; none overwrites the other unseen.
    let shown = office.admin().get("/tenants/north").await.expect(200);
    assert_eq!(shown["name"] == "both", one.status == 200);
    assert_eq!(shown["dedicated_agents"] == true, other.status == 200);
    assert!(one.status == 200 || other.status == 200);
}

#[tokio::test]
async fn a_tenant_is_suspended_and_resumed() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for (action, suspended) in [("suspend", true), ("suspend", true), ("resume", false), ("resume", false)] {
        let done = office.operator().post(&format!("/tenants/north/{action}"), &json!({})).await;
        assert_eq!(done.expect(200)["suspended"], suspended);
        assert_eq!(office.admin().get("/tenants/north").await.expect(200)["suspended"], suspended);
        let event = office.event_of(&done).await;
        assert_eq!(event["operation"], format!("tenant.{action}"));
        assert_eq!(event["after"]["suspended"], suspended);
        assert_eq!(event["tenant"], "north");
    }
}

#[tokio::test]
async fn an_unknown_tenant_is_missing() {
    let office = Office::open().await;
    for answer in [
        office.admin().get("/tenants/nobody").await,
        office.admin().patch("/tenants/nobody", &json!({})).await,
        office.admin().post("/tenants/nobody/suspend", &json!({})).await,
        office.admin().post("/tenants/nobody/resume", &json!({})).await,
        office.admin().get("/tenants/nobody/keys").await,
        office.admin().post("/tenants/nobody/keys", &json!({ "name": "x" })).await,
    ] {
        assert_eq!(answer.refusal(), "404 not_found -");
        assert!(answer.body["detail"].as_str().unwrap().contains("`nobody`"));
    }
}
