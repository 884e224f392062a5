//! The remote commands: through the admin API, as an operator's shell would run them.

use serde_json::{Value, json};

use crate::support::{
    app::TestApp,
    command::{self, Directory, ringfence, stderr, stdout},
};

/// Exit code, standard output and standard error.
async fn run(app: &TestApp, arguments: &[&str]) -> (i32, String, String) {
    let mut command = ringfence(arguments);
    command.env("RINGFENCE_SERVER", format!("http://{}", app.addresses.operator));
    command.env("RINGFENCE_TOKEN", app.admin_token());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    (output.status.code().unwrap(), stdout(&output), stderr(&output))
}

async fn read(app: &TestApp, arguments: &[&str]) -> Value {
    let (code, shown, complaint) = run(app, &[arguments, &["--json"]].concat()).await;
    assert_eq!(code, 0, "{complaint}");
    serde_json::from_str(&shown).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_is_put_shown_tried_explained_and_rolled_back() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let files = Directory::new();
    let file = files.write("alpha.cedar", "@id(\"closed\") forbid (principal, action, resource);");
    let put = ["policy", "put", "alpha", &file, "--reason", "a test"];

    let shadow = read(&app, &[&put[..], &["--shadow"]].concat()).await;
    assert_eq!(shadow["mode"], "shadow");
    let (code, shown, _) = run(&app, &["policy", "explain", "alpha", "getUsers"]).await;
    assert_eq!(code, 0);
    assert!(shown.starts_with("getUsers allow") && shown.contains("in shadow grants nothing"), "{shown}");

    let (code, shown, _) = run(&app, &put).await;
    assert!(code == 0 && shown.contains("is active for tenant alpha"), "{shown}");
    let explained = read(&app, &["policy", "explain", "alpha", "GET /api/v2/users"]).await;
    assert_eq!((&explained["decision"], &explained["reasons"][0]), (&"deny".into(), &"closed".into()));

    let version = shadow["version"].to_string();
    let back = ["policy", "put", "alpha", "--from-version", &version, "--reason", "back"];
    assert_eq!(read(&app, &back).await["source"], shadow["source"]);
    let (_, shown, _) = run(&app, &["policy", "versions", "alpha"]).await;
    assert_eq!(shown.lines().count(), 4, "{shown}");
    assert_eq!(read(&app, &["policy", "versions", "alpha"]).await.as_array().unwrap().len(), 3);
    let (_, shown, _) = run(&app, &["policy", "show", "alpha"]).await;
    assert!(shown.contains("template `full-access`") && shown.contains("closed"), "{shown}");
    let (_, shown, _) = run(&app, &["policy", "show", "alpha", "--version", &version]).await;
    assert_eq!(shown.trim(), shadow["source"].as_str().unwrap());
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_found_however_old_it_is() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let mut put = Vec::new();
    for number in 0..203 {
        let policy = json!({ "source": format!("// {number}"), "reason": "a test" });
        put.push(app.admin().put("/tenants/alpha/policies", &policy).await.expect(200)["version"].clone());
    }
    let listed = read(&app, &["policy", "versions", "alpha"]).await;
    let listed: Vec<_> = listed.as_array().unwrap().iter().map(|one| one["version"].clone()).rev().collect();
    assert_eq!(listed, put);
    let (_, shown, _) = run(&app, &["policy", "show", "alpha", "--version", &put[0].to_string()]).await;
    assert_eq!(shown.trim(), "// 0");
    let oldest = put[0].to_string();
    let back = ["policy", "put", "alpha", "--from-version", &oldest, "--reason", "back"];
    assert_eq!(read(&app, &back).await["source"], "// 0");
    let (code, _, complaint) = run(&app, &["policy", "show", "alpha", "--version", "1"]).await;
    assert!(code == 1 && complaint.contains("has no version 1"), "{complaint}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_told_in_its_own_words_and_exits_1() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let files = Directory::new();
    let file = files.write("bad.cedar", "permit (principal, action)\n;");
    let (code, _, complaint) = run(&app, &["policy", "put", "alpha", &file, "--reason", "a test"]).await;
    assert_eq!(code, 1);
    assert!(complaint.contains("line 1, column ") && complaint.contains("422 invalid_policy"), "{complaint}");
    let (code, _, complaint) = run(&app, &["policy", "show", "nobody"]).await;
    assert!(code == 1 && complaint.contains("there is no tenant `nobody`"), "{complaint}");
    let (code, _, complaint) = run(&app, &["policy", "show", "alpha", "--token", "rfo_x"]).await;
    assert!(code == 1 && complaint.contains("operator API token"), "{complaint}");
    let elsewhere = format!("http://{}", app.addresses.telemetry);
    let (code, _, complaint) = run(&app, &["policy", "show", "alpha", "--server", &elsewhere]).await;
    assert!(code == 1 && complaint.contains("is it the operator listener"), "{complaint}");
    let (code, _, _) = run(&app, &["policy", "explain", "alpha", "getUsers", "--context", "[]"]).await;
    assert_eq!(code, 2);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_is_exported_and_verified_without_a_server() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let files = Directory::new();
    let (_, key, _) = run(&app, &["audit", "key"]).await;
    let (_, checkpoints, _) = run(&app, &["audit", "checkpoints"]).await;
    let (key, checkpoints) = (files.write("key", &key), files.write("checkpoints", &checkpoints));
    let export = files.file("record.jsonl");
    let (code, told, _) = run(&app, &["audit", "verify"]).await;
    assert!(code == 0 && told.contains("all of it is what was written"), "{told}");
    let (code, told, _) = run(&app, &["audit", "export", "--output", &export]).await;
    assert!(code == 0 && told.contains("bytes in"), "{told}");
    let (code, _, complaint) = run(&app, &["audit", "export", "--output", &export]).await;
    assert!(code == 1 && complaint.contains("cannot be made"), "nothing is overwritten: {complaint}");
    let (_, piped, _) = run(&app, &["audit", "export"]).await;
    assert!(piped.lines().last().unwrap().starts_with(r#"{"manifest":"#), "{piped}");
    app.finish().await;

    let verify = |export: &str| {
        let done = command::run(&["audit", "verify", export, "--checkpoints", &checkpoints, "--key", &key]);
        (done.status.code(), command::stdout(&done))
    };
    let (code, told) = verify(&export);
    assert!(code == Some(0) && told.contains("all of it is what was written"), "{told}");
    let text = std::fs::read_to_string(&export).unwrap();
    let (at, line) = text.lines().enumerate().find(|(_, line)| line.contains("tenant.add")).unwrap();
    let altered =
        files.write("altered.jsonl", &text.replace(line, &line.replace("tenant.add", "tenant.aid")));
    let (code, told) = verify(&altered);
    let index = serde_json::from_str::<Value>(line).unwrap()["index"].clone();
    assert!(code == Some(1) && told.contains(&format!("line {}: stream", at + 1)), "{told}");
    assert!(told.contains(&format!("entry {index}: altered")), "{told}");
    let done = command::run(&["audit", "verify", &altered, "--key", &key, "--json"]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&report["clean"], &report["defects"][0]["what"]), (&false.into(), &"altered".into()));
    let nothing = files.write("nothing", "");
    let done = command::run(&["audit", "verify", &export, "--key", &nothing]);
    assert!(done.status.code() == Some(1) && command::stderr(&done).contains("holds no key"));
    let shorter: String =
        text.lines().filter(|line| !line.contains("tenant.")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(verify(&files.write("shorter.jsonl", &shorter)).0, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn something_is_given_listed_and_taken() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let id = "5f6c1a8e-6f0e-4b0e-9c5d-0d6f2f1b7a11";
    let named = ["alpha", "group", id, "--reason", "a test"];
    let given = read(&app, &[&["registry", "give"], &named[..]].concat()).await;
    assert_eq!((&given["id"], &given["came"]), (&id.into(), &"given".into()));
    let (code, shown, _) = run(&app, &["registry", "list", "alpha"]).await;
    assert!(code == 0 && shown.contains(id) && shown.contains("a test"), "{shown}");
    let listed = read(&app, &["registry", "list", "alpha"]).await;
    assert_eq!(listed["registrations"].as_array().unwrap().len(), 1);
    let (code, shown, _) = run(&app, &[&["registry", "take"], &named[..]].concat()).await;
    assert!(code == 0 && shown.contains("is no more tenant alpha's"), "{shown}");
    let (code, _, complaint) = run(&app, &[&["registry", "take"], &named[..]].concat()).await;
    assert!(code == 1 && complaint.contains("404 not_found"), "{complaint}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_issued_listed_shown_rotated_inspected_and_revoked() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ringfence::simulator::ALPHA]).await;
    let issue =
        ["key", "issue", "alpha", "--name", "night", "--operation", "users", "--expires-in-days", "9"];
    let issued = read(&app, &issue).await;
    let id = issued["key_id"].as_str().unwrap();
    assert_eq!((&issued["allowed_operations"], &issued["expires_soon"]), (&json!(["users"]), &json!(true)));
    let (code, shown, _) = run(&app, &["key", "list", "alpha"]).await;
    assert!(
        code == 0 && shown.contains(id) && shown.contains("(soon)") && shown.contains("127.0.0.1"),
        "{shown}"
    );

    let key = issued["api_key"].as_str().unwrap();
    let (code, shown, _) = run(&app, &["key", "inspect", key]).await;
    assert!(code == 0 && shown.contains(id) && shown.contains("alpha"), "{shown}");
    assert!(!shown.contains(&key[20..]), "never repeated: {shown}");
    let (code, shown, _) = run(&app, &["key", "inspect", key, "--token", "rfo_x"]).await;
    assert!(code == 0 && shown.contains("could not be asked"), "{shown}");
    let mistyped = format!("{}{}", &key[..key.len() - 1], if key.ends_with('x') { "y" } else { "x" });
    for (text, told) in [
        (mistyped.as_str(), "checksum does not fit"),
        (app.admin_token(), "operator's API token"),
        ("x", "It is no key"),
    ] {
        let (code, shown, _) = run(&app, &["key", "inspect", text]).await;
        assert!(code == 1 && shown.contains(told), "{shown}");
    }

    let (code, shown, _) = run(&app, &["key", "rotate", id, "--overlap-seconds", "60"]).await;
    assert!(code == 0 && shown.contains("client_secret") && shown.contains("ends in 60 s"), "{shown}");
    let ended = read(&app, &["key", "show", id]).await;
    assert!(ended["successor"].is_string());
    let (code, shown, _) = run(&app, &["key", "revoke", id]).await;
    assert!(code == 0 && shown.contains("is revoked"), "{shown}");
    assert_eq!(read(&app, &["key", "show", id]).await["state"], "revoked");
    let (code, _, complaint) =
        run(&app, &["key", "issue", "alpha", "--name", "x", "--operation", "getUserz"]).await;
    assert!(code == 1 && complaint.contains("did you mean `getUsers`"), "{complaint}");
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_signing_key_is_rotated() {
    let app = TestApp::start().await;
    let (code, shown, complaint) = run(&app, &["secrets", "rotate-signing-key"]).await;
    assert!(code == 0 && shown.lines().count() == 3, "{shown}{complaint}");
    let made = read(&app, &["secrets", "rotate-signing-key", "--end-tokens"]).await;
    assert_eq!(made["signing_keys"].as_array().unwrap().len(), 1);
    app.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_is_created_listed_shown_checked_and_rotated() {
    let app = TestApp::start().await;
    let files = Directory::new();
    let secret = files.write("secret.txt", &format!("{}\n", ringfence::simulator::CLIENT_SECRET));
    let url = app.simulator.url();
    let create = [
        "service-account",
        "create",
        "main",
        "--client-id",
        ringfence::simulator::CLIENT_ID,
        "--client-secret-file",
        &secret,
        "--api-url",
        &url,
        "--login-url",
        &url,
        "--requests-per-minute",
        "70",
    ];
    assert_eq!(read(&app, &create).await["id"], "main");
    let (code, shown, _) = run(&app, &["service-account", "list"]).await;
    assert!(code == 0 && shown.contains("main") && shown.contains(&url), "{shown}");
    let (code, shown, _) = run(&app, &["service-account", "show", "main"]).await;
    assert!(code == 0 && shown.contains("may send 70") && shown.contains("client_id"), "{shown}");
    assert_eq!(read(&app, &["service-account", "show", "main"]).await["budget"]["capacity"], 70);
    let (code, shown, _) = run(&app, &["service-account", "check", "main"]).await;
    assert!(code == 0 && shown.contains("gives service account main a token"), "{shown}");

    app.simulator.organisation().add_client("second", "another-secret", None);
    let other = files.write("other.txt", "another-secret");
    let rotate =
        ["service-account", "rotate", "main", "--client-id", "second", "--client-secret-file", &other];
    let (code, shown, complaint) = run(&app, &rotate).await;
    assert!(code == 0 && shown.contains("logs in as client second"), "{shown}{complaint}");
    assert!(
        shown.contains("roles: the same") && shown.contains("Delete the OAuth client `sim-client`"),
        "{shown}"
    );
    assert!(!shown.contains("another-secret"));
    let (code, _, complaint) =
        run(&app, &["service-account", "rotate", "main", "--client-secret-file", &secret]).await;
    assert!(
        code == 1 && complaint.contains("422 invalid_field") && complaint.contains("nothing was changed")
    );
    // Standard input is empty here.
    let (code, _, complaint) = run(&app, &["service-account", "rotate", "main"]).await;
    assert!(code == 1 && complaint.contains("no secret was given"), "{complaint}");
    let (code, _, _) = run(&app, &["service-account", "rotate", "main", "--client-secret", "x"]).await;
    assert_eq!(code, 2, "never an argument");
    app.finish().await;
}
