//! The login: a key for an access token, as SDKs and tutorials ask for it.

use reqwest::{Method, RequestBuilder};
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::refused::{event, outcome};
use crate::support::app::{Answer, TenantClient, TestApp};

const USERS: &str = "/api/v2/users";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";
pub(super) const GRANT: &str = "grant_type=client_credentials";

#[tokio::test]
async fn an_sdk_logs_in_at_every_mount_that_sdks_use() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for mount in ["/oauth/token", "//oauth/token", "/login/oauth/token", "/api/v2/oauth/token"] {
        let login = app.send(basic(&app, &alpha, mount).body(GRANT)).await;
        let event = event(&app, &login).await;
        let granted = login.expect(200);
        assert_eq!(granted["token_type"], "bearer", "{mount}");
        assert_eq!(granted["expires_in"], 86_400, "{mount}");
        assert_eq!((&event["operation"], &event["tenant"]), (&json!("token.issue"), &json!("alpha")));
        assert_eq!((&event["key_id"], &event["notes"]), (&json!(alpha.client_id), &Value::Null));
        let token = granted["access_token"].as_str().unwrap();
        for path in [USERS, "/api/api/v2/users", "//api/v2/users"] {
            let users = app.send(get(&app, path).bearer_auth(token)).await;
            assert_eq!(users.expect(200)["pageNumber"], 1, "{mount} {path}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn credentials_in_the_form_are_understood_and_noted_as_deprecated() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = format!("{GRANT}&client_id={}&client_secret={}", alpha.client_id, alpha.client_secret);
    let login = app.send(post(&app, "/oauth/token").header("content-type", FORM).body(body)).await;
    let event = event(&app, &login).await;
    let notes = event["notes"].as_array().unwrap();
    assert!(notes.len() == 1 && notes[0].as_str().unwrap().contains("deprecated"), "{notes:?}");
    let granted = login.expect(200);
    let users = get(&app, USERS).bearer_auth(granted["access_token"].as_str().unwrap());
    app.send(users).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn the_login_says_what_is_wrong_in_the_shape_of_genesyss_login() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let form = |body: &str| post(&app, "/oauth/token").header("content-type", FORM).body(body.to_owned());
    let header = |body: &str| basic(&app, &alpha, "/oauth/token").body(body.to_owned());
    let both = format!("{GRANT}&client_id={}&client_secret={}", alpha.client_id, alpha.client_secret);
    let malformed = "ringfence.login_malformed";
    let cases = [
        ("another grant", header("grant_type=password"), 400, "unsupported_grant_type", malformed),
        ("no grant", header(""), 400, "invalid_request", malformed),
        ("both credentials", header(&both), 400, "invalid_request", malformed),
        ("a parameter twice", header(&format!("{GRANT}&{GRANT}")), 400, "invalid_request", malformed),
        ("another client id", header(&format!("{GRANT}&client_id=x")), 400, "invalid_request", malformed),
        ("no credentials", form(GRANT), 400, "invalid_request", malformed),
        ("an id alone", form(&format!("{GRANT}&client_id=x")), 400, "invalid_request", malformed),
        (
            "a header twice",
            header(GRANT).header("authorization", "Basic eDp5"),
            400,
            "invalid_request",
            malformed,
        ),
        (
            "JSON",
            post(&app, "/oauth/token").json(&json!({ "grant_type": "client_credentials" })),
            400,
            "invalid_request",
            malformed,
        ),
        ("GET", get(&app, "/oauth/token"), 400, "invalid_request", malformed),
        ("too large", form(&"x".repeat(9_000)), 413, "invalid_request", "request.entity.too.large"),
        (
            "compressed",
            form(GRANT).header("content-encoding", "gzip"),
            415,
            "invalid_request",
            "ringfence.body_compressed",
        ),
        (
            "a bearer token",
            form(GRANT).bearer_auth(&alpha.access_token),
            401,
            "invalid_client",
            "ringfence.credentials_malformed",
        ),
    ];
    for (what, request, status, error, recorded) in cases {
        let answer = app.send(request).await;
        assert_login_refused(&app, what, &answer, (status, error), recorded).await;
    }
    app.finish().await;
}

pub(super) fn get(app: &TestApp, path: &str) -> RequestBuilder {
    app.client.request(Method::GET, format!("{}{path}", app.gateway()))
}

pub(super) fn post(app: &TestApp, path: &str) -> RequestBuilder {
    app.client.request(Method::POST, format!("{}{path}", app.gateway()))
}

fn basic(app: &TestApp, tenant: &TenantClient, path: &str) -> RequestBuilder {
    let request = post(app, path).header("content-type", FORM);
    request.basic_auth(&tenant.client_id, Some(&tenant.client_secret))
}

/// A refusal has the shape of Genesys's login, and the record says why.
pub(super) async fn assert_login_refused(
    app: &TestApp,
    what: &str,
    answer: &Answer,
    (status, error): (u16, &str),
    recorded: &str,
) {
    let body = &answer.body;
    let description = body["description"].as_str().unwrap_or_default();
    assert!(!description.is_empty(), "{what}: {body}");
    let whole = json!({ "error": error, "description": description, "error_description": description });
    assert_eq!((answer.status.as_u16(), body), (status, &whole), "{what}");
    let event = event(app, answer).await;
    assert_eq!(
        (outcome(&event), &event["operation"]),
        (json!([recorded, status]), &json!("token.issue")),
        "{what}"
    );
}
