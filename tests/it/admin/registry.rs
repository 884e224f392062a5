//! What carries no division, given and taken.

use serde_json::{Value, json};

use super::office::{ALPHA, BETA, Office};

const GROUP: &str = "5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11";

fn group(id: &str) -> Value {
    json!({ "entity": "group", "id": id, "reason": "their agents" })
}

#[tokio::test]
async fn what_is_given_is_listed_and_on_record_until_it_is_taken() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    let given = office.operator().post("/tenants/north/registry", &group(GROUP)).await;
    let event = office.event_of(&given).await;
    let given = given.expect(201);
    assert_eq!((&given["came"], &given["author"]), (&"given".into(), &"olu@example.com".into()));
    let listed = office.auditor().get("/tenants/north/registry").await.expect(200);
    assert_eq!(listed, json!({ "registrations": [given], "unsettled": [] }));
    assert_eq!((&event["operation"], &event["tenant"]), (&"registry.give".into(), &"north".into()));
    assert_eq!((&event["before"], &event["after"]["id"]), (&Value::Null, &GROUP.into()));

    let taken = office.operator().post("/tenants/north/registry/take", &group(GROUP)).await;
    let event = office.event_of(&taken).await;
    assert_eq!(taken.expect(200)["ended"], "taken");
    assert_eq!((&event["operation"], &event["before"]["id"]), (&"registry.take".into(), &GROUP.into()));
    let listed = office.auditor().get("/tenants/north/registry").await.expect(200);
    assert_eq!(listed, json!({ "registrations": [], "unsettled": [] }));
    let again = office.operator().post("/tenants/north/registry/take", &group(GROUP)).await;
    assert_eq!(again.refusal(), "404 not_found -");
}

#[tokio::test]
async fn what_is_anothers_or_no_such_thing_is_not_given() {
    let office = Office::open().await;
    office.account("hub", true).await;
    for (id, division) in [("north", ALPHA), ("south", BETA)] {
        let mut tenant = super::office::tenant(id, &[division]);
        tenant["service_account"] = "hub".into();
        office.admin().post("/tenants", &tenant).await.expect(201);
    }
    office.operator().post("/tenants/north/registry", &group(GROUP)).await.expect(201);
    for tenant in ["north", "south"] {
        let path = format!("/tenants/{tenant}/registry");
        assert_eq!(office.operator().post(&path, &group(GROUP)).await.refusal(), "409 registered -");
    }
    let theirs = office.operator().post("/tenants/south/registry/take", &group(GROUP)).await;
    assert_eq!(theirs.refusal(), "404 not_found -");
    for (field, value) in [("entity", "user"), ("id", "x"), ("reason", " ")] {
        let mut named = group("6f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11");
        named[field] = value.into();
        let refused = office.operator().post("/tenants/north/registry", &named).await;
        assert!(matches!(refused.status, 400 | 422), "{field}: {}", refused.refusal());
    }
    let nobody = office.operator().post("/tenants/nobody/registry", &group(GROUP)).await;
    assert_eq!(nobody.refusal(), "404 not_found -");
}
