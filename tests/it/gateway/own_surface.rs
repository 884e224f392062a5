//! `/gateway/v1`: what a tenant learns of itself, and that it learns nothing of others.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};

use super::organisation::{NOBODY, USERS, assert_alike, each, eventually, owned};
use crate::support::{
    app::{Answer, TenantClient, TestApp, read},
    database::TestDatabase,
};

const SURFACE: [&str; 5] = ["whoami", "operations", "usage", "keys", "events?limit=100"];

async fn own(tenant: &TenantClient, path: &str) -> Value {
    let answer = tenant.get(&format!("/gateway/v1/{path}")).await;
    assert_eq!(answer.headers["cache-control"], "no-cache, no-store, must-revalidate");
    answer.expect(200)
}

fn id(answer: &Answer) -> String {
    answer.headers["inin-correlation-id"].to_str().unwrap().to_owned()
}

async fn denial(tenant: &TenantClient, id: &str) -> Answer {
    tenant.get(&format!("/gateway/v1/denials/{id}")).await
}

#[tokio::test]
async fn a_tenant_learns_who_it_is_what_it_may_and_how_it_stands() {
    let app = TestApp::start().await;
    let fields = json!({ "policy_template": "supervisor", "limits": { "requests_per_day": 50 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], fields).await;
    let me = own(&alpha, "whoami").await;
    assert_eq!((&me["tenant"]["id"], &me["key"]["id"]), (&json!("alpha"), &json!(alpha.client_id)));
    assert_eq!(
        (&me["divisions"], &me["tenant"]["limits"]["requests_per_day"]),
        (&json!([ALPHA]), &json!(50))
    );
    let operations = own(&alpha, "operations").await;
    let ids = each(&operations["operations"], "id");
    assert!(ids.contains(&"getUsers".to_owned()) && ids.contains(&"gatewayWhoami".to_owned()), "{ids:?}");
    let users = operations["operations"].as_array().unwrap().iter().find(|one| one["id"] == "getUsers");
    assert_eq!(users.unwrap()["divisions"], json!([ALPHA]));
    let changes = |id: &String| id.starts_with("delete") && !id.ends_with("Job");
    assert!(!ids.iter().any(changes), "a supervisor changes nothing but its jobs: {ids:?}");
    alpha.get("/api/v2/nothing").await.expect(404);
    let usage = own(&alpha, "usage").await;
    assert_eq!((&usage["month"]["requests"], &usage["month"]["refused"]), (&json!(3), &json!(1)));
    assert_eq!(
        (&usage["limits"][0]["policy"], &usage["limits"][0]["left"]),
        (&json!("tenant-day"), &json!(46))
    );
    let keys = own(&alpha, "keys").await;
    assert_eq!(each(&keys["keys"], "id"), [alpha.client_id.as_str()]);
    app.finish().await;
}

/// Interleaved traffic of two tenants: whatever one asks, no word of the other is in the answer.
#[tokio::test]
async fn nothing_of_another_tenant_is_on_the_own_surface() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let beta = app.tenant("beta", &[BETA]).await;
    let mut refused = Vec::new();
    for _ in 0..5 {
        alpha.get(USERS).await.expect(200);
        beta.get(USERS).await.expect(200);
        refused.push((alpha.get("/api/v2/nothing").await, beta.get("/api/v2/nothing").await));
    }
    for (tenant, foreign) in
        [(&alpha, [&beta.client_id, "\"beta\"", BETA]), (&beta, [&alpha.client_id, "\"alpha\"", ALPHA])]
    {
        for path in SURFACE {
            let text = own(tenant, path).await.to_string();
            assert!(foreign.iter().all(|word| !text.contains(*word)), "{path}: {text}");
        }
        let filtered = own(tenant, &format!("events?key={}", foreign[0])).await;
        assert_eq!(filtered["events"], json!([]));
    }
    for (of_alpha, of_beta) in &refused {
        let (of_alpha, of_beta) = (id(of_alpha), id(of_beta));
        let shown = denial(&alpha, &of_alpha).await.expect(200);
        assert_eq!(shown["outcome"], json!({ "code": "ringfence.operation_unknown", "status": 404 }));
        assert_eq!((&shown["step"], &shown["context_id"]), (&json!("resolve"), &json!(of_alpha)));
        let foreign = denial(&alpha, &of_beta).await;
        for other in [NOBODY, "x", &of_beta.replace(&of_beta[..1], "1")] {
            assert_alike(&foreign, &denial(&alpha, other).await);
        }
        foreign.expect(404);
        denial(&beta, &of_beta).await.expect(200);
        // Another's id is a place in time like any other, and opens nothing.
        let page = own(&alpha, &format!("events?cursor={of_beta}")).await;
        assert!(!page.to_string().contains(&beta.client_id));
    }
    app.finish().await;
}

/// Drops and all that upstream said are for auditors only.
#[tokio::test]
async fn a_foreign_and_a_missing_object_leave_the_same_events() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let foreign = owned(&app, BETA, "users").into_iter().next().unwrap();
    let mut seen = Vec::new();
    for user in [foreign.as_str(), NOBODY] {
        let refused = alpha.get(&format!("{USERS}/{user}")).await;
        let id = id(&refused);
        refused.expect(404);
        let denial = eventually("the outcome is known", async || {
            let answer = denial(&alpha, &id).await;
            (answer.status == 200).then_some(answer)
        })
        .await;
        let page = own(&alpha, "events?outcome=not.found&operation=getUser&limit=1").await;
        for mut shown in [denial.body, page["events"][0].clone()] {
            let fields = shown.as_object_mut().unwrap();
            assert_eq!(fields.remove("context_id"), Some(json!(id)));
            assert!(fields.remove("at").is_some());
            seen.push(shown.to_string().replace(user, "USER"));
        }
    }
    assert_eq!(seen[..2], seen[2..]);
    app.finish().await;
}

#[tokio::test]
async fn the_access_log_is_paged_and_holds_what_is_asked_for() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        let answer = alpha.get("/api/v2/tokens/me").await;
        sent.push(id(&answer));
        answer.expect(200);
    }
    sent.reverse();
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = own(&alpha, &format!("events?operation=getTokensMe&limit=2{cursor}")).await;
        seen.extend(each(&page["events"], "context_id"));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(seen, sent);
    app.admin().patch("/tenants/alpha", &json!({ "name": "Alpha" })).await.expect(200);
    let all = own(&alpha, "events?limit=100").await;
    assert!(all["events"].as_array().unwrap().iter().all(|event| event["kind"] == "call"), "{all}");
    for query in ["limit=0", "limit=101", "cursor=x", "since=yesterday", "tenant=alpha"] {
        let refused = alpha.get(&format!("/gateway/v1/events?{query}")).await;
        assert_eq!(refused.status, 400, "{query}");
    }
    app.finish().await;
}

/// Who asks for much waits for itself.
#[tokio::test]
async fn a_tenant_that_reads_its_record_all_the_time_keeps_nobody_from_theirs() {
    // Where reading can be made to wait.
    let database = TestDatabase::postgres().await;
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    let app = TestApp::start_on(database, |_| {}).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let beta = app.tenant("beta", &[BETA]).await;
    other.execute("BEGIN; LOCK TABLE event, event_outcome IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let mut greedy: FuturesUnordered<_> = (0..200).map(|_| alpha.get("/gateway/v1/usage")).collect();
    let in_line = tokio::time::sleep(Duration::from_secs(1));
    tokio::select! {
        answer = greedy.next() => panic!("nothing can be read yet: {answer:?}"),
        () = in_line => {}
    }
    let modest = async {
        let answer = beta.get("/gateway/v1/usage").await;
        answer.expect(200);
    };
    tokio::pin!(modest);
    tokio::select! {
        () = &mut modest => panic!("nothing can be read yet"),
        () = tokio::time::sleep(Duration::from_millis(500)) => {}
    }
    other.execute("ROLLBACK").await.unwrap();
    let mut before = 0;
    loop {
        tokio::select! {
            () = &mut modest => break,
            Some(_) = greedy.next() => before += 1,
        }
    }
    assert!(before < 100, "{before} of another's came before");
    while greedy.next().await.is_some() {}
    app.finish().await;
}

/// Reading may wait; what another hand altered meanwhile is not shown.
#[tokio::test]
async fn what_a_key_asked_of_the_record_is_not_shown_once_another_hand_altered_the_key() {
    let database = TestDatabase::postgres().await;
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    let mut looking = PgConnection::connect(&database.url()).await.unwrap();
    let app = TestApp::start_on(database, |_| {}).await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    other.execute("BEGIN; LOCK TABLE event, event_outcome IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let asked = tokio::spawn({
        let alpha = alpha.clone();
        async move { alpha.get("/gateway/v1/usage").await }
    });
    eventually("the record is being read", async || {
        let waiting =
            "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
        looking.fetch_optional(waiting).await.unwrap().map(|_| ())
    })
    .await;
    // Through us it would wait for the table too.
    let revoke = "BEGIN; UPDATE version SET value = value + 1; UPDATE tenant_key SET revoked_at = now(), \
        generation = generation + 1, version = (SELECT value FROM version); COMMIT";
    looking.execute(revoke).await.unwrap();
    let ready = format!("http://{}/ready", app.addresses.telemetry);
    eventually("it says that it is not ready", async || {
        (read(app.client.get(&ready)).await.status == 503).then_some(())
    })
    .await;
    other.execute("ROLLBACK").await.unwrap();
    assert_eq!(asked.await.unwrap().status, 503);
    app.accept_all(&app.proving_store().await).await;
    app.finish().await;
}
