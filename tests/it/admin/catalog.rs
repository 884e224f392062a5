//! The catalog, as operators and auditors read it.

use reqwest::Method;
use ringfence::catalog::Catalog;
use serde_json::json;

use super::office::{Office, send};
use crate::{catalog::document::document, support::socket::Socket};

#[tokio::test]
async fn all_operations_are_listed_and_each_is_shown() {
    let office = Office::open().await;
    let listed = office.auditor().get("/operations").await.expect(200);
    let operations = listed["operations"].as_array().unwrap();
    assert!(operations.len() > 3355);
    for id in ["getUsers", "postOauthClients", "gatewayWhoami"] {
        let shown = office.auditor().get(&format!("/catalog/operations/{id}")).await.expect(200);
        assert_eq!(shown, *operations.iter().find(|operation| operation["id"] == id).unwrap());
    }
}

#[tokio::test]
async fn an_operation_that_there_is_not_is_answered_with_what_may_have_been_meant() {
    let office = Office::open().await;
    let missing = office.auditor().get("/catalog/operations/getUserz").await;
    assert_eq!(missing.refusal(), "404 not_found -");
    let detail = missing.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("there is no operation `getUserz`; did you mean `getUser"), "{detail}");
}

#[tokio::test]
async fn the_coverage_is_what_the_catalog_counts() {
    let office = Office::open().await;
    let coverage = office.auditor().get("/catalog/coverage").await.expect(200);
    assert_eq!(coverage, serde_json::to_value(Catalog::embedded().unwrap().coverage()).unwrap());
    assert_eq!(coverage["unclassified"], 0);
}

#[tokio::test]
async fn a_newer_document_is_compared() {
    let office = Office::open().await;
    let mut newer = document(&Catalog::embedded().unwrap());
    assert!(newer.to_string().len() > 1_000_000, "longer than other bodies may be");
    let same = office.operator().post("/catalog/drift", &newer).await.expect(200);
    assert_eq!(same, json!({ "new": [], "gone": [], "changed": [], "models": [], "denied": [] }));
    newer["paths"]["/api/v2/gadgets"] = json!({ "get": { "operationId": "getGadgets" } });
    let found = office.operator().post("/catalog/drift", &newer).await.expect(200);
    assert_eq!(found["new"][0]["operation"], "getGadgets");

    newer["paths"]["/api/v2/gadgets"]["get"]["parameters"] = json!([{ "name": "a", "in": "matrix" }]);
    let refused = office.operator().post("/catalog/drift", &newer).await;
    assert_eq!(refused.refusal(), "422 invalid_field document");
    assert_eq!(
        refused.body["detail"],
        "`document`: at `paths./api/v2/gadgets.get.parameters.a`: `matrix` is no place for a parameter"
    );
}

#[tokio::test]
async fn one_document_is_compared_at_a_time_and_a_refused_role_sends_none() {
    let office = Office::open().await;
    let request = office.operator().request(Method::POST, "/catalog/drift").build().unwrap();
    let (url, token) = (request.url(), request.headers()["authorization"].to_str().unwrap());
    let mut first = Socket::to(url.socket_addrs(|| None).unwrap()[0]).await;
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: office\r\nauthorization: {token}\r\ncontent-type: application/json\r\n\
         content-length: 2\r\nexpect: 100-continue\r\n\r\n",
        url.path()
    );
    first.write(head.as_bytes()).await;
    // Its body is asked for when it is its turn.
    assert_eq!(first.answer().await.status, 100);
    assert_eq!(office.operator().post("/catalog/drift", &json!({})).await.refusal(), "409 comparing -");
    first.write(b"{}").await;
    assert_eq!(first.answer().await.body["field"], "document");
    let refused = office.auditor().request(Method::POST, "/catalog/drift").body("x".repeat(1_000_000));
    assert_eq!(send(refused).await.refusal(), "403 forbidden -");
}
