//! Changes of what is partly masked: what their sender cannot see stays as it is.

use reqwest::Method;
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::{
    super::organisation::{USERS, assert_refused, everything, sent, text},
    NO_NUMBERS, put,
};
use crate::support::app::{Answer, TenantClient, TestApp};

const CONTACTS: &str = "/api/v2/externalcontacts/contacts";

async fn replace(tenant: &TenantClient, path: &str, body: &Value) -> Answer {
    tenant.send(tenant.request(Method::PUT, path).json(body)).await
}

async fn contact(tenant: &TenantClient) -> (String, Value) {
    let contact = tenant.get(CONTACTS).await.expect(200)["entities"][0].clone();
    (format!("{CONTACTS}/{}", text(&contact["id"])), contact)
}

#[tokio::test]
async fn what_was_read_masked_and_is_written_back_destroys_nothing() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    put(&app, "alpha", "@mask(\"numbers, names, addresses\") permit (principal, action, resource);").await;
    let (path, mut shown) = contact(&alpha).await;
    assert!(shown["workPhone"].get("e164").is_none() && shown.get("lastName").is_none());
    let was = everything(&app, &path, None).await;

    shown["surveyOptOut"] = json!(!was["surveyOptOut"].as_bool().unwrap());
    let object = shown.as_object_mut().unwrap();
    // What a tenant cannot name in a contact at all.
    for name in [
        "externalIds",
        "identifiers",
        "schema",
        "appleOpaqueIds",
        "facebookId",
        "instagramId",
        "lineId",
        "whatsAppId",
        "twitterId",
        "externalOrganization",
    ] {
        object.remove(name);
    }
    // With or without the rests of what is masked.
    for rest in [true, false] {
        if !rest {
            shown.as_object_mut().unwrap().retain(|name, _| !name.ends_with("Phone") && name != "address");
        }
        app.simulator.organisation().clear_calls();
        let answer = replace(&alpha, &path, &shown).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(!answer.text.contains("e164") && answer.body["id"] == was["id"]);
        let (_, body) = sent(&app).into_iter().find(|(line, _)| line.starts_with("PUT")).unwrap();
        for name in ["firstName", "lastName", "workEmail", "workPhone", "cellPhone", "address"] {
            assert_eq!(body[name], was[name], "{name}");
        }
        assert_eq!(body["surveyOptOut"], shown["surveyOptOut"]);
        let is = everything(&app, &path, None).await;
        assert_eq!((&is["workPhone"], &is["lastName"]), (&was["workPhone"], &was["lastName"]));
    }
    app.finish().await;
}

#[tokio::test]
async fn a_replacement_names_nothing_that_is_masked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    put(&app, "alpha", NO_NUMBERS).await;
    let (path, _) = contact(&alpha).await;
    app.simulator.organisation().clear_calls();
    for (body, place) in [
        (json!({ "firstName": "a", "lastName": "b", "workPhone": { "e164": "+1" } }), "`workPhone.e164`"),
        (json!({ "firstName": "a", "lastName": "b", "workPhone": { "e164": null } }), "`workPhone.e164`"),
        (json!({ "firstName": "a", "lastName": "b", "workPhone": null }), "`workPhone`"),
    ] {
        let refused = replace(&alpha, &path, &body).await;
        assert_refused(&refused, 403, "ringfence.field_masked");
        assert!(text(&refused.body["message"]).contains(place), "{refused:?}");
    }
    assert!(sent(&app).iter().all(|(line, _)| !line.starts_with("PUT")));
    // Names are not masked, and can be set.
    let body = json!({ "firstName": "New", "lastName": "Name" });
    let answer = replace(&alpha, &path, &body).await.expect(200);
    assert_eq!(answer["firstName"], "New");
    app.finish().await;
}

#[tokio::test]
async fn what_is_made_or_changed_in_part_may_hold_what_is_masked() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    put(&app, "alpha", NO_NUMBERS).await;
    let number = "+15550001234567";
    let contact = json!({ "firstName": "Ada", "lastName": "New", "workPhone": { "e164": number } });
    let made = alpha.post(CONTACTS, &contact).await;
    assert!(made.status.is_success() && !made.text.contains(number), "{made:?}");
    assert_eq!(made.body["firstName"], "Ada");
    let path = format!("{CONTACTS}/{}", text(&made.body["id"]));
    assert_eq!(everything(&app, &path, None).await["workPhone"]["e164"], number);

    // A user's addresses are replaced whole: who cannot see them would take others away.
    let user = alpha.get(USERS).await.expect(200)["entities"][0].clone();
    let path = format!("{USERS}/{}", text(&user["id"]));
    let addresses = json!([{ "mediaType": "PHONE", "type": "HOME", "address": "+15550009999" }]);
    let change = json!({ "version": user["version"], "addresses": addresses });
    let refused = alpha.send(alpha.request(Method::PATCH, &path).json(&change)).await;
    assert_refused(&refused, 403, "ringfence.field_masked");
    assert!(text(&refused.body["message"]).contains("`addresses`"));
    let change = json!({ "version": user["version"], "title": "Lead" });
    alpha.send(alpha.request(Method::PATCH, &path).json(&change)).await.expect(200);
    app.finish().await;
}
