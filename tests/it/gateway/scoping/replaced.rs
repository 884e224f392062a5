//! What is replaced whole: it keeps what its sender is not shown.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use super::super::organisation::{assert_refused, everything, owned, sent, text};
use crate::support::app::{TenantClient, TestApp};

const CONTACTS: &str = "/api/v2/externalcontacts/contacts";
const ORGANIZATIONS: &str = "/api/v2/externalcontacts/organizations";

/// An external organisation of a division.
fn organization(app: &TestApp, division: &str) -> Value {
    let things = app.simulator.organisation().things(ORGANIZATIONS);
    let (id, _) = things.into_iter().find(|(_, of)| *of == Some(division)).unwrap();
    json!({"id": id, "division": {"id": division}})
}

/// What is sent on where a contact of an organisation is replaced.
async fn replaced(app: &TestApp, tenant: &TenantClient, of: &Value, body: &Value) -> Value {
    let contact = json!({"firstName": "Ana", "division": {"id": ALPHA}, "externalOrganization": of});
    let made = everything(app, CONTACTS, Some(&contact)).await;
    let path = format!("{CONTACTS}/{}", text(&made["id"]));
    let shown = tenant.get(&path).await.expect(200);
    let is_own = of["division"]["id"] == ALPHA;
    assert_eq!(shown["externalOrganization"]["id"] == of["id"], is_own, "{shown}");
    app.simulator.organisation().clear_calls();
    tenant.send(tenant.request(Method::PUT, &path).json(body)).await.expect(200);
    let mut sent = sent(app).into_iter().filter(|(line, _)| *line == format!("PUT {path}"));
    sent.next().unwrap().1
}

#[tokio::test]
async fn a_reference_that_is_not_shown_stays_and_one_that_is_shown_goes_where_it_is_left_out() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (own, theirs) = (organization(&app, ALPHA), organization(&app, BETA));
    let name = json!({"firstName": "Bo"});
    let id = |of: &Value| json!({"id": of["id"]});
    let kept = replaced(&app, &alpha, &theirs, &name).await;
    assert_eq!(kept["externalOrganization"], id(&theirs), "its sender cannot have meant it: {kept}");
    let cleared = replaced(&app, &alpha, &own, &name).await;
    assert_eq!(cleared["externalOrganization"], Value::Null, "{cleared}");
    let another = json!({"firstName": "Bo", "externalOrganization": id(&own)});
    let changed = replaced(&app, &alpha, &theirs, &another).await;
    assert_eq!(changed["externalOrganization"], id(&own), "it is the tenant's contact: {changed}");
    app.finish().await;
}

#[tokio::test]
async fn owners_of_a_group_that_are_not_shown_stay() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let things = app.simulator.organisation().things("/api/v2/groups");
    let (group, _) = things.into_iter().find(|(_, of)| *of == Some(BETA)).unwrap();
    let named = json!({"entity": "group", "id": group, "reason": "given by another, whose users own it"});
    app.admin().post("/tenants/alpha/registry", &named).await.expect(201);
    let path = format!("/api/v2/groups/{group}");
    let owner = text(&everything(&app, &path, None).await["owners"][0]["id"]);
    assert_eq!(alpha.get(&path).await.expect(200)["owners"], json!([]), "they are not shown");
    let other = owned(&app, ALPHA, "users").first().unwrap().clone();
    for (owners, expected) in [(json!([other]), json!([other, owner])), (json!([]), json!([owner]))] {
        app.simulator.organisation().clear_calls();
        let body = json!({"version": 1, "ownerIds": owners});
        alpha.send(alpha.request(Method::PUT, &path).json(&body)).await.expect(200);
        let mut sent = sent(&app).into_iter().filter(|(line, _)| *line == format!("PUT {path}"));
        assert_eq!(sent.next().unwrap().1["ownerIds"], expected);
    }
    app.finish().await;
}

#[tokio::test]
async fn an_id_does_not_pass_as_the_name_of_a_field() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let id = organization(&app, BETA)["id"].clone();
    let body = |key: &str| json!({"name": "Away", "type": "User", "systemPresence": "Away", "languageLabels": {"en": "Away", key: "Weg"}});
    app.simulator.organisation().clear_calls();
    let path = "/api/v2/presence/definitions";
    let named = alpha.post(path, &body(id.as_str().unwrap())).await;
    assert_refused(&named, 400, "ringfence.body_unknown_field");
    assert_eq!(sent(&app), []);
    alpha.post(path, &body("de")).await.expect(200);
    app.finish().await;
}
