//! Tenants' own policies: put, shown, explained, on record.

use reqwest::Method;
use serde_json::{Value, json};

use super::office::{ALPHA, Answer, BETA, Office, send};

const NOT_USERS: &str =
    "@id(\"not-users\") forbid (principal, action in Ringfence::Action::\"users\", resource);";

async fn put(office: &Office, tenant: &str, body: &Value) -> Answer {
    let path = format!("/tenants/{tenant}/policies");
    send(office.operator().request(Method::PUT, &path).json(body)).await
}

async fn explain(office: &Office, operation: &str) -> Value {
    let question = json!({ "tenant": "north", "operation": operation });
    office.auditor().post("/policies/explain", &question).await.expect(200)
}

#[tokio::test]
async fn a_put_policy_supersedes_and_is_never_edited() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let before = office.auditor().get("/tenants/north/policies").await.expect(200);
    assert_eq!(
        (&before["active"], &before["shadow"], &before["versions"]),
        (&Value::Null, &Value::Null, &json!([]))
    );
    assert_eq!(before["template"]["name"], "full-access");
    assert!(before["template"]["source"].as_str().unwrap().contains("permit"));

    let first = put(&office, "north", &json!({ "source": NOT_USERS, "reason": "first" })).await;
    let event = office.event_of(&first).await;
    let first = first.expect(200);
    let second = put(&office, "north", &json!({ "source": "", "reason": "back to the template" })).await;
    let again = json!({ "source": first["source"], "reason": "rolled back", "mode": "active" });
    let third = put(&office, "north", &again).await.expect(200);
    let after = office.auditor().get("/tenants/north/policies").await.expect(200);
    assert_eq!(after["active"], third);
    assert_eq!(after["versions"], json!([third, second.expect(200), first]));
    assert_eq!((&first["author"], &first["mode"]), (&json!("olu@example.com"), &json!("active")));
    assert!(third["version"].as_i64() > first["version"].as_i64());

    assert_eq!(
        (&event["kind"], &event["operation"], &event["tenant"]),
        (&json!("change"), &json!("policy.put"), &json!("north"))
    );
    assert_eq!(event["before"], json!({ "active": null, "shadow": null }));
    assert_eq!(event["after"]["active"]["source"], NOT_USERS);
    assert_eq!(event["after"]["active"]["reason"], "first");
    let event = office.event_of(&second).await;
    assert_eq!(event["before"]["active"], first);
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    office.tenant("south", &[BETA]).await;
    let theirs = office.admin().post("/tenants/south/keys", &json!({ "name": "theirs" })).await.expect(201);
    let theirs = theirs["key_id"].as_str().unwrap();
    let key = |id: &str| format!("permit (principal == Ringfence::Key::\"{id}\", action, resource);");
    let body = |id: &str| {
        format!("permit (principal, action, resource) when {{ principal == Ringfence::Key::\"{id}\" }};")
    };
    for (source, says) in [
        ("permit (principal, action, resource)\nwhen { principal.name = 1 };".to_owned(), "line 2, column "),
        ("permit (principal, action == Ringfence::Action::\"getUserz\", resource);".to_owned(), "getUserz"),
        ("permit (principal, action, resource) when { context.colour == 1 };".to_owned(), "colour"),
        ("permit (principal in Ringfence::Tenant::\"south\", action, resource);".to_owned(), "\"south\""),
        (format!("permit (principal, action, resource == Ringfence::Division::\"{BETA}\");"), BETA),
        (key(theirs), theirs),
        (body(theirs), theirs),
        (key("zzzzzzzzzzzzzzzz"), "zzzzzzzzzzzzzzzz"),
        (
            "@mask(\"names, colours\") permit (principal, action, resource);".to_owned(),
            "`own.1`: `colours` is no mask",
        ),
        ("@id(\"x\") @mask(\"names\") forbid (principal, action, resource);".to_owned(), "`x`: a `forbid`"),
        ("@id(\"x\") @masks(\"names\") permit (principal, action, resource);".to_owned(), "write `@mask`"),
        ("@mask permit (principal, action, resource);".to_owned(), "is no mask"),
        ("@id(\"base.read-only-key\") permit (principal, action, resource);".to_owned(), "taken"),
        ("permit (principal, action, resource);".repeat(101), "at most 100"),
        ("(".repeat(30_000), "deep"),
        ("// ".to_owned() + &"x".repeat(40_000), "32768"),
    ] {
        let refused = put(&office, "north", &json!({ "source": source, "reason": "a test" })).await;
        assert_eq!(refused.refusal(), "422 invalid_policy source", "{source:.80}");
        assert!(refused.body["detail"].as_str().unwrap().contains(says), "{says}: {}", refused.body);
    }
    let put = async |body: Value| put(&office, "north", &body).await.refusal();
    assert_eq!(put(json!({ "source": "", "reason": " " })).await, "422 invalid_field reason");
    assert_eq!(put(json!({ "source": "", "reason": "x".repeat(501) })).await, "422 invalid_field reason");
    assert_eq!(put(json!({ "source": "" })).await, "422 invalid_field reason");
    assert_eq!(put(json!({ "source": "", "reason": "x", "mode": "draft" })).await, "422 invalid_field mode");
    assert_eq!(put(json!({ "source": 1, "reason": "x" })).await, "422 invalid_field source");
    let nobody = self::put(&office, "nobody", &json!({ "source": "", "reason": "x" })).await;
    assert_eq!(nobody.refusal(), "404 not_found -");
    assert_eq!(office.store.list_policies(&"north".parse().unwrap(), None).await.unwrap(), []);
}

#[tokio::test]
async fn a_key_of_the_tenant_may_be_named() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let key = office.admin().post("/tenants/north/keys", &json!({ "name": "wallboard" })).await.expect(201);
    let id = key["key_id"].as_str().unwrap();
    let source = format!(
        "@id(\"no-users\") forbid (principal == Ringfence::Key::\"{id}\", action == Ringfence::Action::\"getUsers\", resource);"
    );
    put(&office, "north", &json!({ "source": source, "reason": "a test" })).await.expect(200);
    assert_eq!(explain(&office, "getUsers").await["decision"], "allow");
    let question = json!({ "tenant": "north", "operation": "getUsers", "key": id });
    let named = office.auditor().post("/policies/explain", &question).await.expect(200);
    assert_eq!((&named["decision"], &named["reasons"]), (&json!("deny"), &json!(["no-users"])));
}

#[tokio::test]
async fn explain_says_what_would_be_decided_and_by_which_policies() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA, BETA]).await;
    let source = format!(
        "@id(\"not-beta\") forbid (principal, action == Ringfence::Action::\"getUsers\", resource == Ringfence::Division::\"{BETA}\");
         @id(\"office\") forbid (principal, action in Ringfence::Action::\"queues\", resource)
           unless {{ context has source && context.source.isInRange(ip(\"203.0.113.0/24\")) }};
         @id(\"overflows\") forbid (principal, action in Ringfence::Action::\"analytics\", resource)
           when {{ 9223372036854775807 + 1 == 0 }};"
    );
    put(&office, "north", &json!({ "source": source, "reason": "a test" })).await.expect(200);
    for operation in ["getUsers", "GET /api/v2/users", "get /api/v2/users"] {
        let allowed = explain(&office, operation).await;
        assert_eq!(
            allowed,
            json!({ "operation": "getUsers", "decision": "allow", "divisions": [ALPHA],
                    "reasons": ["full-access.all", "not-beta"], "errors": [], "masks": [] })
        );
    }
    assert_eq!(explain(&office, "GET /api/v2/users/{userId}").await["operation"], "getUser");
    let refused = explain(&office, "getRoutingQueues").await;
    assert_eq!(
        (&refused["decision"], &refused["reasons"], &refused["divisions"]),
        (&json!("deny"), &json!(["office"]), &json!([]))
    );
    let question =
        json!({ "tenant": "north", "operation": "getRoutingQueues", "context": { "source": "203.0.113.9" } });
    let inside = office.auditor().post("/policies/explain", &question).await.expect(200);
    assert_eq!((&inside["decision"], &inside["divisions"]), (&json!("allow"), &json!([ALPHA, BETA])));
    let failing = explain(&office, "postAnalyticsConversationsDetailsQuery").await;
    assert_eq!((&failing["decision"], &failing["reasons"]), (&json!("deny"), &json!(["overflows"])));
    assert_eq!(failing["errors"].as_array().unwrap().len(), 1);
    let denied = explain(&office, "getOauthClients").await;
    assert_eq!((&denied["decision"], &denied["reasons"]), (&json!("deny"), &json!([])));
    assert!(denied["denied"].is_string());

    office.admin().post("/tenants/north/suspend", &Value::Null).await;
    assert_eq!(explain(&office, "getUsers").await["reasons"], json!(["base.tenant-suspended", "not-beta"]));
}

#[tokio::test]
async fn explain_says_what_is_masked_and_what_the_shadow_would_mask() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let source = "@id(\"no-numbers\") @mask(\"numbers, names\") permit (principal, action in Ringfence::Action::\"users\", resource);";
    put(&office, "north", &json!({ "source": source, "reason": "tried", "mode": "shadow" }))
        .await
        .expect(200);
    let tried = explain(&office, "getUsers").await;
    assert_eq!((&tried["masks"], &tried["shadow"]["masks"]), (&json!([]), &json!(["numbers", "names"])));

    put(&office, "north", &json!({ "source": source, "reason": "it was good" })).await.expect(200);
    let masked = explain(&office, "getUsers").await;
    assert_eq!(masked["masks"], json!(["numbers", "names"]));
    assert_eq!(masked["reasons"], json!(["full-access.all", "no-numbers"]));
    // Whatever another permit says of another operation.
    assert_eq!(explain(&office, "getRoutingQueues").await["masks"], json!(["numbers", "names"]));
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let explain = async |body: Value| office.auditor().post("/policies/explain", &body).await.refusal();
    let base = json!({ "tenant": "north", "operation": "getUsers" });
    let with = |name: &str, value: Value| {
        let mut body = base.clone();
        body[name] = value;
        body
    };
    assert_eq!(explain(with("tenant", json!("nobody"))).await, "404 not_found -");
    assert_eq!(explain(with("operation", json!("getNothing"))).await, "422 invalid_field operation");
    assert_eq!(explain(with("operation", json!("GET /nothing"))).await, "422 invalid_field operation");
    assert_eq!(explain(with("key", json!("zzzzzzzzzzzzzzzz"))).await, "422 invalid_field key");
    assert_eq!(explain(with("context", json!({ "colour": 1 }))).await, "422 invalid_field context.colour");
    assert_eq!(
        explain(with("context", json!({ "source": "home" }))).await,
        "422 invalid_field context.source"
    );
}

#[tokio::test]
async fn a_shadow_stands_until_a_newer_version_decides() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let tried = json!({ "source": NOT_USERS, "reason": "to be tried", "mode": "shadow" });
    let tried = put(&office, "north", &tried).await.expect(200);
    let shown = office.auditor().get("/tenants/north/policies").await.expect(200);
    assert_eq!((&shown["active"], &shown["shadow"]), (&Value::Null, &tried));
    let explained = explain(&office, "getUsers").await;
    assert_eq!(
        (&explained["decision"], &explained["reasons"]),
        (&json!("allow"), &json!(["full-access.all"]))
    );
    let expected = json!({ "version": tried["version"], "divisions": [], "policies": ["not-users"] });
    assert_eq!(explained["shadow"], expected);

    put(&office, "north", &json!({ "source": NOT_USERS, "reason": "it was good" })).await.expect(200);
    let shown = office.auditor().get("/tenants/north/policies").await.expect(200);
    assert_eq!(shown["shadow"], Value::Null);
    let explained = explain(&office, "getUsers").await;
    assert_eq!((&explained["decision"], explained.get("shadow")), (&json!("deny"), None));
}

#[tokio::test]
async fn a_tenant_does_not_lose_a_division_that_its_policies_name() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA, BETA]).await;
    let source = format!("forbid (principal, action, resource == Ringfence::Division::\"{BETA}\");");
    put(&office, "north", &json!({ "source": source, "reason": "a test" })).await.expect(200);
    let change = json!({ "division_ids": [ALPHA] });
    let refused = office.operator().patch("/tenants/north", &change).await;
    assert_eq!(refused.refusal(), "409 policy_conflict -");
    assert!(refused.body["detail"].as_str().unwrap().contains(BETA));
    put(&office, "north", &json!({ "source": "", "reason": "a test" })).await.expect(200);
    office.operator().patch("/tenants/north", &change).await.expect(200);
}

/// An event that names it says that the key was issued for other operations, and nothing else.
#[tokio::test]
async fn a_policy_takes_no_reserved_name() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let source = "@id(\"key.allowed-operations\") permit (principal, action, resource);";
    let refused = put(&office, "north", &json!({ "source": source, "reason": "a test" })).await;
    assert_eq!(refused.status, 422, "{}", refused.body);
    let told = refused.body["detail"].as_str().unwrap();
    assert!(told.contains("`key.allowed-operations` is reserved"), "{told}");
}
