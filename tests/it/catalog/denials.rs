//! `ringfence catalog drift`, and the gateway that takes its list.

use std::{fs, process::Output};

use ringfence::{
    catalog::{Catalog, Denials},
    simulator::ALPHA,
};
use serde_json::{Value, json};

use super::document::document;
use crate::support::{
    app::TestApp,
    command::{Directory, ringfence, run, stderr, stdout},
};

const REASON: &str = "Genesys changed this operation; it is denied until it has been looked at";
const LIST: &str = "[[denied]]\noperation = \"getUsers\"\nchanges = [\"query.everywhere: new, boolean\"]\n";

/// The catalog's own description, in which `getUsers` has a parameter more.
fn changed() -> Value {
    let mut document = document(&Catalog::embedded().unwrap());
    let more = json!({ "name": "everywhere", "in": "query", "type": "boolean" });
    document["paths"]["/api/v2/users"]["get"]["parameters"].as_array_mut().unwrap().push(more);
    document
}

fn drift(swagger: &str, more: &[&str]) -> Output {
    run(&[&["catalog", "drift", "--swagger", swagger], more].concat())
}

#[test]
fn the_command_line_tells_what_differs_and_writes_the_list() {
    let directory = Directory::new();
    let same = document(&Catalog::embedded().unwrap()).to_string();
    let same = drift(&directory.write("same.json", &same), &[]);
    assert_eq!((same.status.code(), stdout(&same).trim()), (Some(0), "nothing differs"));

    let newer = directory.write("newer.json", &changed().to_string());
    let list = directory.file("changed.toml");
    let found = drift(&newer, &["--json", "--write", &list]);
    assert_eq!(found.status.code(), Some(3), "{}", stderr(&found));
    let found: Value = serde_json::from_str(&stdout(&found)).unwrap();
    let changes = json!([{ "place": "query.everywhere", "was": null, "is": "boolean" }]);
    assert_eq!(
        found,
        json!({
            "new": [], "gone": [], "models": [],
            "changed": [{
                "operation": "getUsers", "method": "GET", "path": "/api/v2/users", "enabled": true, "changes": changes,
            }],
            "denied": [{ "operation": "getUsers", "changes": ["query.everywhere: new, boolean"] }],
        })
    );
    let written = fs::read_to_string(&list).unwrap();
    assert_eq!(Denials::read(&written).unwrap().denied, Denials::read(LIST).unwrap().denied);

    let table = stdout(&drift(&newer, &[]));
    for told in [
        "changed operations: 1",
        "query.everywhere: new, boolean",
        "enabled operations to deny until somebody has looked: 1",
    ] {
        assert!(table.contains(told), "{table}");
    }
}

#[test]
fn a_document_that_cannot_be_read_is_named() {
    let directory = Directory::new();
    let missing = drift("/nowhere/swagger.json", &[]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("`/nowhere/swagger.json`"), "{}", stderr(&missing));
    let broken = drift(&directory.write("broken.json", "{\"swagger\": \"2.0\", \"paths\": ["), &[]);
    assert_eq!(broken.status.code(), Some(1));
    assert!(stderr(&broken).contains("at `paths`: "), "{}", stderr(&broken));
}

#[tokio::test]
async fn a_changed_operation_is_denied_until_it_has_been_looked_at() {
    let directory = Directory::new();
    let list = directory.write("changed.toml", LIST);
    let app =
        TestApp::start_with(|config| config.gateway.denied_operations_file = Some(list.clone().into())).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    // A policy that speaks of it holds as before.
    let policy = "forbid (principal, action == Ringfence::Action::\"getUsers\", resource);";
    let policy = json!({ "source": policy, "reason": "a test" });
    app.admin().put("/tenants/alpha/policies", &policy).await.expect(200);

    let app = app.restart().await;
    let alpha = app.again(&alpha);
    let refused = alpha.get("/api/v2/users").await;
    assert_eq!(refused.status, 403);
    assert_eq!(refused.body["code"], "ringfence.operation_denied");
    assert_eq!(refused.body["message"], REASON);
    assert_eq!(app.simulator.organisation().calls().len(), 0);
    alpha.get("/api/v2/routing/queues").await.expect(200);

    let shown = app.admin().get("/catalog/operations/getUsers").await.expect(200);
    assert_eq!((&shown["enabled"], &shown["code"]), (&json!(false), &json!("changed")));
    // It is told again, or a second list would let it through.
    let again = app.admin().post("/catalog/drift", &changed()).await.expect(200);
    assert_eq!(again["denied"][0]["operation"], "getUsers");
    app.finish().await;
}

#[test]
fn a_list_that_cannot_be_taken_keeps_the_gateway_from_starting() {
    let directory = Directory::new();
    let made = run(&["init", "--dir", directory.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", stderr(&made));
    for (text, why) in [
        (None, "No such file"),
        (Some("[[denied]]\noperation = 7\n"), "line 2"),
        (
            Some("[[denied]]\noperation = \"getUserz\"\n"),
            "there is no operation `getUserz`; did you mean `getUser",
        ),
    ] {
        if let Some(text) = text {
            directory.write("changed.toml", text);
        }
        let mut serve = ringfence(&["serve", "--config", &directory.file("ringfence.toml")]);
        // Relative to the configuration file.
        let output =
            serve.env("RINGFENCE__GATEWAY__DENIED_OPERATIONS_FILE", "changed.toml").output().unwrap();
        let error = stderr(&output);
        assert_eq!(output.status.code(), Some(64), "{error}");
        assert!(error.contains("`gateway.denied_operations_file`") && error.contains(why), "{error}");
        assert!(error.contains(&directory.file("changed.toml")), "{error}");
    }
}
