//! The catalog, as operators and auditors read it.

use ringfence::catalog::Catalog;

use super::office::Office;

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
