//! What is sent: read strictly, refused in a sentence.

use reqwest::Method;
use serde_json::json;

use super::office::{Answer, Office, send};

async fn post(office: &Office, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
    let request = office.admin().request(Method::POST, "/operators").header("content-type", content_type);
    send(request.body(body)).await
}

#[tokio::test]
async fn a_body_is_json_and_says_so() {
    let office = Office::open().await;
    let body = r#"{"email": "max@example.com", "role": "auditor"}"#;
    for content_type in ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonp"] {
        let refused = post(&office, content_type, body).await;
        assert_eq!(refused.refusal(), "415 unsupported_media_type -", "{content_type}");
    }
    let request = office.admin().request(Method::POST, "/operators");
    assert_eq!(send(request.body(body)).await.refusal(), "415 unsupported_media_type -");
    let request = office.admin().request(Method::POST, "/operators").header("content-encoding", "gzip");
    let compressed = send(request.header("content-type", "application/json").body(body)).await;
    assert_eq!(compressed.refusal(), "415 unsupported_media_type -");
    post(&office, "Application/JSON; charset=utf-8", body).await.expect(201);
}

#[tokio::test]
async fn what_is_not_one_json_object_of_the_right_form_is_refused() {
    let office = Office::open().await;
    for (body, refusal) in [
        ("", "400 malformed_json -"),
        ("{", "400 malformed_json -"),
        ("nonsense", "400 malformed_json -"),
        ("{\"email\": \"a@b\", \"role\": \"admin\",}", "400 malformed_json -"),
        ("{\"email\": \"a@b\", \"role\": \"admin\"} {}", "400 malformed_json -"),
        ("{\"email\": \"\\ud800\", \"role\": \"admin\"}", "400 malformed_json -"),
        ("null", "422 invalid_body -"),
        ("[]", "422 invalid_body -"),
        ("[\"a@b\", \"admin\"]", "422 invalid_body -"),
        ("7", "422 invalid_body -"),
        ("7 7", "400 malformed_json -"),
        ("{}", "422 invalid_field email"),
        ("{\"email\": 7, \"role\": \"admin\"}", "422 invalid_field email"),
        ("{\"email\": \"a@b\", \"role\": [\"admin\"]}", "422 invalid_field role"),
        ("{\"email\": \"a@b\", \"role\": {\"admin\": null}}", "422 invalid_field role"),
        ("{\"email\": \"a@b\", \"role\": 7}", "422 invalid_field role"),
        ("{\"email\": \"a@b\", \"role\": \"admin\", \"email\": \"c@d\"}", "422 invalid_field email"),
        ("{\"email\": \"a@b\", \"role\": \"admin\", \"\\u0065mail\": \"c@d\"}", "422 invalid_field email"),
        ("{\"email\": \"a@b\", \"role\": \"admin\", \"Role\": \"auditor\"}", "422 invalid_field Role"),
        ("{\"email\": \"a@b\", \"role\": \"admin\", \"x\": {\"y\": 1}}", "422 invalid_field x"),
    ] {
        let refused = post(&office, "application/json", body).await;
        assert_eq!(refused.refusal(), refusal, "{body}: {}", refused.body);
    }
    assert_eq!(post(&office, "application/json", b"{\"email\": \"\xff\"}".to_vec()).await.status, 400);
    let deep = format!("{{\"x\": {}", "[".repeat(60_000));
    assert!(matches!(post(&office, "application/json", deep).await.status, 400 | 422));
    assert_eq!(office.store.list_operators().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_large_body_is_refused_whether_it_says_its_length_or_not() {
    let office = Office::open().await;
    let body = |length: usize| {
        let filler = length - json!({ "email": "", "role": "auditor" }).to_string().len();
        json!({ "email": "x".repeat(filler), "role": "auditor" }).to_string()
    };
    let refused = post(&office, "application/json", body(65_537)).await;
    assert_eq!(refused.refusal(), "413 body_too_large -");
    // At the limit it is read, and only then found to be no email address.
    assert_eq!(post(&office, "application/json", body(65_536)).await.refusal(), "422 invalid_field email");
    assert_eq!(office.admin().get("/operators").await.status, 200);
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let office = Office::open().await;
    for path in
        ["/", "/admin", "/admin/v1", "/admin/v1/", "/admin/v2/tenants", "/favicon.ico", "/admin/v1/tenants/"]
    {
        assert_eq!(send(office.admin().outside(path)).await.refusal(), "404 not_found -", "{path}");
        assert_eq!(send(office.stranger().outside(path)).await.status, 401, "{path}");
    }
    let refused = send(office.admin().request(Method::DELETE, "/tenants/north")).await;
    assert_eq!(refused.refusal(), "405 method_not_allowed -");
    assert_eq!(refused.headers["allow"], "GET,HEAD,PATCH");
}

#[tokio::test]
async fn every_answer_has_its_own_correlation_id() {
    let office = Office::open().await;
    let one = office.admin().get("/tenants").await;
    let request = office.admin().request(Method::GET, "/tenants");
    let other = send(request.header("inin-correlation-id", &one.correlation_id)).await;
    assert_ne!(one.correlation_id, other.correlation_id);
    assert_eq!(one.correlation_id.as_bytes()[14], b'7', "a UUID of version 7");
}

#[tokio::test]
async fn a_lost_store_is_said_and_nothing_internal_with_it() {
    let office = Office::open().await;
    office.store.close().await;
    let lost = office.admin().get("/tenants").await;
    assert_eq!(lost.refusal(), "503 store_unavailable -");
    assert!(!lost.headers.contains_key("retry-after"));
    let detail = lost.body["detail"].as_str().unwrap();
    assert_eq!(detail, "the store cannot be reached or failed; try again");
}
