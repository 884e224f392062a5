//! Operators and their API tokens.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::json;

use super::office::{Office, send};

#[tokio::test]
async fn an_operator_is_added_and_listed() {
    let office = Office::open().await;
    let new = json!({ "email": "Max.Muster@Example.com", "role": "auditor" });
    let added = office.admin().post("/operators", &new).await;
    let operator = added.expect(201);
    assert_eq!(operator["email"], "max.muster@example.com");
    let listed = office.auditor().get("/operators").await.expect(200);
    assert!(listed["operators"].as_array().unwrap().contains(&operator));
    let event = office.event_of(&added).await;
    assert_eq!(event["kind"], "change");
    assert_eq!(event["operation"], "operator.add");
    assert_eq!(event["after"], operator);
    assert_eq!(event["before"], json!(null));
    assert_eq!(event["outcome"]["code"], "ok");
}

#[tokio::test]
async fn an_email_has_one_operator_whatever_its_case() {
    let office = Office::open().await;
    let again =
        office.admin().post("/operators", &json!({ "email": "ANA@example.com", "role": "admin" })).await;
    assert_eq!(again.refusal(), "409 email_taken -");
}

#[tokio::test]
async fn what_is_no_email_or_no_role_is_refused() {
    let office = Office::open().await;
    for email in ["", "ana", "@example.com", "ana@", "a@b@c", "ana @example.com", "ana@example.com\n"] {
        let refused = office.admin().post("/operators", &json!({ "email": email, "role": "admin" })).await;
        assert_eq!(refused.refusal(), "422 invalid_field email", "{email:?}");
    }
    let refused =
        office.admin().post("/operators", &json!({ "email": "a@example.com", "role": "root" })).await;
    assert_eq!(refused.refusal(), "422 invalid_field role");
}

#[tokio::test]
async fn a_token_is_shown_once_and_works_until_it_expires() {
    let office = Office::open().await;
    let id = office.store.list_operators().await.unwrap()[0].id.clone();
    let issued =
        office.admin().post(&format!("/operators/{id}/tokens"), &json!({ "expires_in_days": 2 })).await;
    let event = office.event_of(&issued).await;
    let token = issued.expect(201)["token"].as_str().unwrap().to_owned();
    assert_eq!(event["operation"], "token.issue");
    assert_eq!(event["after"]["token_id"], issued.body["token_id"]);
    assert!(token.starts_with("rfo_"));
    assert!(!office.everything_kept().await.contains(&token[21..]), "the secret is kept in the clear");
    office.bearer(&token).get("/tenants").await.expect(200);
    office.clock.advance(TimeDelta::days(2) - TimeDelta::minutes(1));
    office.bearer(&token).get("/tenants").await.expect(200);
    office.clock.advance(TimeDelta::minutes(1));
    assert_eq!(office.bearer(&token).get("/tenants").await.refusal(), "401 unauthenticated -");
    // The others' tokens last 90 days.
    office.clock.advance(TimeDelta::days(88) - TimeDelta::minutes(1));
    office.admin().get("/tenants").await.expect(200);
    office.clock.advance(TimeDelta::minutes(2));
    assert_eq!(office.admin().get("/tenants").await.status, 401);
}

#[tokio::test]
async fn a_token_lasts_1_to_90_days() {
    let office = Office::open().await;
    let id = office.store.list_operators().await.unwrap()[0].id.clone();
    for days in [0, 91, u32::MAX] {
        let body = json!({ "expires_in_days": days });
        let refused = office.admin().post(&format!("/operators/{id}/tokens"), &body).await;
        assert_eq!(refused.refusal(), "422 invalid_field expires_in_days");
    }
    let body = json!({ "expires_in_days": 90 });
    office.admin().post(&format!("/operators/{id}/tokens"), &body).await.expect(201);
}

#[tokio::test]
async fn a_token_is_for_an_operator_that_exists() {
    let office = Office::open().await;
    for id in ["0198c0de-0000-7000-8000-000000000000", "nobody", "%00"] {
        let refused = office.admin().post(&format!("/operators/{id}/tokens"), &json!({})).await;
        assert_eq!(refused.refusal(), "404 not_found -");
    }
}

#[tokio::test]
async fn every_bad_token_gets_the_same_answer() {
    let office = Office::open().await;
    let id = office.store.list_operators().await.unwrap()[0].id.clone();
    let issue = || async {
        let issued = office.admin().post(&format!("/operators/{id}/tokens"), &json!({})).await;
        issued.expect(201)["token"].as_str().unwrap().to_owned()
    };
    let (one, other) = (issue().await, issue().await);
    // The right form and checksum, but of no token of ours: one's id with the other's secret does not even pass the
    // checksum, so a token of another installation stands for both.
    let strange = ringfence::model::ApiToken::generate().unwrap();
    let strange = secrecy::ExposeSecret::expose_secret(strange.whole()).to_owned();
    let mixed = format!("{}{}", &one[..20], &other[20..]);
    let mut answers = Vec::new();
    for credential in [
        format!("Bearer {strange}"),
        format!("Bearer {mixed}"),
        format!("Bearer {one}x"),
        format!("Bearer  {one}"),
        format!("Basic {one}"),
        format!("Bearer {}", one.replace("rfo_", "rf_")),
        one.clone(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        String::new(),
    ] {
        let request = office.stranger().request(Method::GET, "/tenants").header("authorization", credential);
        answers.push(send(request).await);
    }
    let twice = office.bearer(&one).request(Method::GET, "/tenants");
    answers.push(send(twice.header("authorization", format!("Bearer {other}"))).await);
    answers.push(office.stranger().get("/tenants").await);
    answers.push(office.stranger().get("/no-such-path").await);
    let cookie = office.stranger().request(Method::GET, "/tenants");
    answers.push(send(cookie.header("cookie", format!("session={one}; token={one}"))).await);
    let expected = json!({
        "type": "about:blank", "title": "Unauthorized", "status": 401, "code": "unauthenticated",
        "detail": "send a valid operator API token as `Authorization: Bearer rfo_…`", "correlation_id": null,
    });
    for mut answer in answers {
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
        answer.body["correlation_id"].take();
        assert_eq!(answer.body, expected);
    }
    office.bearer(&one).get("/tenants").await.expect(200);
}
