//! Jobs: their ids are handed out sealed, and open for the tenant and the divisions that they were begun in.

use std::collections::BTreeSet;

use reqwest::Method;
use ringfence::{
    catalog::Catalog,
    simulator::{ALPHA, BETA, Fault, GAMMA, INTERVAL, Match, Rule},
};
use serde_json::{Value, json};

use super::super::organisation::{
    DETAILS, NOBODY, assert_alike, assert_refused, conversations, disturb_below, each, event, eventually,
    only_call, sent, set, text,
};
use crate::support::app::{Answer, TenantClient, TestApp};

const JOBS: &str = "/api/v2/analytics/conversations/details/jobs";
const AGGREGATES: &str = "/api/v2/analytics/conversations/aggregates/query";
const AGGREGATES_JOBS: &str = "/api/v2/analytics/conversations/aggregates/jobs";

async fn begin(tenant: &TenantClient, jobs: &str, body: &Value) -> String {
    let answer = tenant.post(jobs, body).await;
    let fields: Vec<_> = answer.body.as_object().unwrap().keys().cloned().collect();
    assert_eq!((answer.status.as_u16(), fields), (202, vec!["jobId".to_owned()]), "{answer:?}");
    text(&answer.body["jobId"])
}

/// Begins a job and waits until it is done.
async fn done(tenant: &TenantClient, jobs: &str, body: &Value) -> String {
    let job = begin(tenant, jobs, body).await;
    eventually("the job is done", async || {
        let status = tenant.get(&format!("{jobs}/{job}")).await;
        (status.body["state"] == "FULFILLED").then_some(())
    })
    .await;
    job
}

fn details() -> Value {
    json!({"interval": INTERVAL})
}

async fn delete(tenant: &TenantClient, path: &str) -> Answer {
    tenant.send(tenant.request(Method::DELETE, path)).await
}

/// Upstream's own id of the job that was last begun or asked for.
fn upstream_id(app: &TestApp) -> String {
    let (line, _) = sent(app).pop().unwrap();
    line.split("/jobs/").nth(1).unwrap().split(['/', '?']).next().unwrap().to_owned()
}

#[tokio::test]
async fn a_job_finds_the_tenants_own_conversations_alone_page_by_page() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let job = begin(
        &alpha,
        JOBS,
        &json!({"interval": INTERVAL, "limit": 1_000, "startOfDayIntervalMatching": true}),
    )
    .await;
    let (line, body) = only_call(&app);
    assert_eq!(line, format!("POST {JOBS}"));
    let clause = json!([{"type": "or", "predicates": [
        {"type": "dimension", "dimension": "divisionId", "operator": "matches", "value": ALPHA},
    ]}]);
    assert_eq!(body["conversationFilters"], clause);
    let first = alpha.get(&format!("{JOBS}/{job}")).await.expect(202);
    assert_eq!(first["state"], "QUEUED");
    let status = alpha.get(&format!("{JOBS}/{job}")).await;
    assert_eq!(
        (&status.body["state"], status.headers["ringfence-divisions"].as_bytes()),
        (&json!("FULFILLED"), ALPHA.as_bytes())
    );
    let upstream = upstream_id(&app);
    assert!(!job.contains(&upstream) && job.len() < 400, "{job}");
    assert!(job.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')), "{job}");

    let mut found = Vec::new();
    let mut cursor = String::new();
    let mut pages = 0;
    loop {
        let page = alpha.get(&format!("{JOBS}/{job}/results?pageSize=7{cursor}")).await;
        assert!(!page.text.contains(&upstream), "{}", page.text);
        let page = page.expect(200);
        assert!(page["dataAvailabilityDate"].is_string());
        found.extend(each(&page["conversations"], "conversationId"));
        pages += 1;
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let own: BTreeSet<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).collect();
    assert_eq!((found.iter().cloned().collect::<BTreeSet<_>>(), pages), (own.clone(), own.len().div_ceil(7)));

    let all = alpha.get(&format!("{JOBS}/{job}/results")).await.expect(200);
    let query = json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1}});
    assert_eq!(all["conversations"], alpha.post(DETAILS, &query).await.expect(200)["conversations"]);
    let deleted = delete(&alpha, &format!("{JOBS}/{job}")).await;
    assert_eq!((deleted.status.as_u16(), deleted.text.as_str()), (204, ""));
    let gone = alpha.get(&format!("{JOBS}/{job}/results")).await;
    assert_alike(&gone, &alpha.get(&format!("{JOBS}/{NOBODY}/results")).await);
    assert_refused(&gone, 404, "not.found");
    let date = alpha.get(&format!("{JOBS}/availability")).await.expect(200);
    assert_eq!(date, json!({"dataAvailabilityDate": "2026-06-08T00:00:00.000Z"}));
    app.finish().await;
}

#[tokio::test]
async fn a_job_counts_what_the_query_counts_and_names_nobody_else() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let query = json!({"interval": INTERVAL, "metrics": ["tTalk"], "groupBy": ["direction", "mediaType"]});
    let whole = alpha.post(AGGREGATES, &query).await.expect(200);
    let mut paged = query.clone();
    paged["pageSize"] = json!(2);
    let job = done(&alpha, AGGREGATES_JOBS, &paged).await;
    let (mut groups, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = alpha.get(&format!("{AGGREGATES_JOBS}/{job}/results{cursor}")).await.expect(200);
        groups.extend(page["results"].as_array().unwrap().iter().cloned());
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("?cursor={next}"),
            None => break,
        }
    }
    assert_eq!(json!(groups), whole["results"]);
    assert!(groups.len() > 2, "{groups:?}");
    // What is left out of a page would show by its length.
    for by in ["userId", "queueId", "divisionId", "ani"] {
        let refused = alpha
            .post(AGGREGATES_JOBS, &json!({"interval": INTERVAL, "metrics": ["tTalk"], "groupBy": [by]}))
            .await;
        assert_refused(&refused, 400, "ringfence.aggregation_refused");
    }
    assert_eq!(delete(&alpha, &format!("{AGGREGATES_JOBS}/{job}")).await.status, 204);
    app.finish().await;
}

#[tokio::test]
async fn a_handle_opens_for_nobody_else_and_what_does_not_open_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let (alpha, beta) = (app.tenant("alpha", &[ALPHA]).await, app.tenant("beta", &[BETA]).await);
    let job = done(&alpha, JOBS, &details()).await;
    let upstream = upstream_id(&app);
    let counted = begin(&alpha, AGGREGATES_JOBS, &json!({"interval": INTERVAL, "metrics": ["tTalk"]})).await;
    let theirs = begin(&beta, JOBS, &details()).await;
    let altered = |place: usize| {
        let mut bytes = job.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let long = "A".repeat(1_900);
    app.simulator.organisation().clear_calls();
    for (handle, why) in [
        (theirs.as_str(), "handle_of_another_tenant"),
        (&counted, "handle_of_another_kind"),
        (&upstream, "handle_unreadable"),
        (&job[1..], "handle_unreadable"),
        (&job[..job.len() - 1], "handle_unreadable"),
        (&format!("{job}A"), "handle_unreadable"),
        (&altered(0), "handle_unreadable"),
        (&altered(job.len() / 2), "handle_unreadable"),
        (&altered(job.len() - 1), "handle_unreadable"),
        (&long, "handle_unreadable"),
        (".", "handle_unreadable"),
    ] {
        let handle = if handle == "." { "x" } else { handle };
        for (method, rest) in [(Method::GET, ""), (Method::GET, "/results"), (Method::DELETE, "")] {
            let ask = async |id: &str| {
                alpha.send(alpha.request(method.clone(), &format!("{JOBS}/{id}{rest}"))).await
            };
            let (closed, missing) = (ask(handle).await, ask(NOBODY).await);
            assert_refused(&closed, 404, "not.found");
            assert_alike(&closed, &missing);
            let (mut seen, mut nobody) = (event(&app, &closed).await, event(&app, &missing).await);
            assert_eq!(
                (&seen["outcome"]["withheld"], &nobody["outcome"]["withheld"]),
                (&json!(why), &json!("handle_unreadable")),
                "{handle}"
            );
            // What the tenant is shown of the two is the same but for the path that it sent.
            for event in [&mut seen, &mut nobody] {
                let id = text(&event["id"]);
                *event = alpha.get(&format!("/gateway/v1/denials/{id}")).await.expect(200);
                for field in ["path", "context_id", "at"] {
                    event.as_object_mut().unwrap().remove(field);
                }
            }
            assert_eq!(seen, nobody);
        }
    }
    assert_eq!(sent(&app), [], "nothing of it was asked for");
    // Its own opens still, and the other tenant's is the other tenant's.
    alpha.get(&format!("{JOBS}/{job}/results")).await.expect(200);
    let found = done(&beta, JOBS, &details()).await;
    let found = beta.get(&format!("{JOBS}/{found}/results")).await.expect(200);
    let own: BTreeSet<_> = conversations(&app, BETA).into_iter().map(|(id, _)| id).collect();
    assert_eq!(set(&found["conversations"], "conversationId"), own);
    app.finish().await;
}

#[tokio::test]
async fn a_cursor_opens_beside_its_own_handle_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let (one, other) = (done(&alpha, JOBS, &details()).await, done(&alpha, JOBS, &details()).await);
    let page =
        async |job: &str, cursor: &str| alpha.get(&format!("{JOBS}/{job}/results?pageSize=5{cursor}")).await;
    let cursor = text(&page(&one, "").await.expect(200)["cursor"]);
    page(&one, &format!("&cursor={cursor}")).await.expect(200);
    let (line, _) = sent(&app).pop().unwrap();
    let raw = line.split("cursor=").nth(1).unwrap().to_owned();
    assert!(!raw.is_empty() && !cursor.contains(&raw));
    app.simulator.organisation().clear_calls();
    let missing = page(NOBODY, "").await;
    for (job, cursor) in [(&other, &cursor), (&one, &raw), (&one, &one), (&one, &cursor[1..].to_owned())] {
        let closed = page(job, &format!("&cursor={cursor}")).await;
        assert_alike(&closed, &missing);
        assert_eq!(event(&app, &closed).await["outcome"]["withheld"], "handle_unreadable");
    }
    assert_refused(&missing, 404, "not.found");
    assert_eq!(sent(&app), []);
    app.finish().await;
}

#[tokio::test]
async fn a_handle_from_before_a_division_was_withdrawn_looks_like_a_missing_one() {
    let app = TestApp::start().await;
    let tenant = app.tenant("alpha", &[ALPHA, BETA]).await;
    let both = done(&tenant, JOBS, &details()).await;
    let one = done(&tenant, JOBS, &json!({"interval": INTERVAL, "divisionIds": [ALPHA]})).await;
    let results = async |job: &str| tenant.get(&format!("{JOBS}/{job}/results")).await;
    assert_eq!(results(&both).await.headers["ringfence-divisions"], format!("{ALPHA},{BETA}"));
    let narrow = results(&one).await;
    assert_eq!(narrow.headers["ringfence-divisions"], ALPHA);
    let own: BTreeSet<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).collect();
    assert_eq!(set(&narrow.body["conversations"], "conversationId"), own);

    app.admin().patch("/tenants/alpha", &json!({"division_ids": [ALPHA]})).await.expect(200);
    let closed = eventually("the division is withdrawn", async || {
        let answer = results(&both).await;
        (answer.status != 200).then_some(answer)
    })
    .await;
    assert_refused(&closed, 404, "not.found");
    assert_alike(&closed, &results(NOBODY).await);
    assert_eq!(event(&app, &closed).await["outcome"]["withheld"], "handle_division_not_permitted");
    results(&one).await.expect(200);
    app.finish().await;
}

#[tokio::test]
async fn foreign_conversations_among_the_results_of_a_job_are_dropped_and_told_to_auditors() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let job = done(&alpha, JOBS, &details()).await;
    disturb_below(&app, JOBS, Fault::Lie { division: None });
    let answer = alpha.get(&format!("{JOBS}/{job}/results")).await;
    for foreign in [BETA, GAMMA] {
        assert!(!answer.text.contains(foreign));
    }
    let own: BTreeSet<_> = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).collect();
    assert_eq!(set(&answer.body["conversations"], "conversationId"), own);
    let event = event(&app, &answer).await;
    assert_eq!((&event["outcome"]["violations"], &event["outcome"]["dropped"]), (&json!(3), &json!(3)));
    app.finish().await;
}

#[tokio::test]
async fn who_may_only_read_may_have_jobs_and_each_is_begun_once_and_on_record_with_upstreams_id() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    let reader = app.key("alpha", json!({"name": "reader", "read_only": true})).await;
    let begun = reader.post(JOBS, &details()).await;
    let job = text(&begun.body["jobId"]);
    reader.get(&format!("{JOBS}/{job}")).await.expect(202);
    let upstream = upstream_id(&app);
    assert_eq!(event(&app, &begun).await["outcome"]["upstream_id"], json!(upstream));
    let deleted = delete(&reader, &format!("{JOBS}/{job}")).await;
    assert_eq!(deleted.status, 204);
    let deleted = event(&app, &deleted).await;
    assert_eq!(deleted["upstream_id"], json!(upstream));
    assert!(text(&deleted["path"]).ends_with(&job));
    let shown = reader.get("/gateway/v1/events").await;
    assert!(!shown.text.contains(&upstream), "{}", shown.text);

    // Whether it was begun cannot be told: it is not begun again.
    app.simulator.organisation().clear_calls();
    let all = Match { method: Some("POST".to_owned()), path_prefix: Some(JOBS.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(all, Fault::Reset, None)]);
    assert_refused(&reader.post(JOBS, &details()).await, 502, "ringfence.effect_unknown");
    assert_eq!(sent(&app).len(), 1);
    app.finish().await;
}

#[tokio::test]
async fn queries_and_jobs_take_their_own_fields_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let metrics = json!({"interval": INTERVAL, "metrics": ["tTalk"]});
    for (path, base, more, code) in [
        (
            JOBS,
            details(),
            json!({"paging": {"pageSize": 1, "pageNumber": 1}}),
            "ringfence.body_unknown_field",
        ),
        (JOBS, details(), json!({"aggregations": []}), "ringfence.body_unknown_field"),
        (JOBS, details(), json!({"size": 5}), "ringfence.body_unknown_field"),
        (JOBS, details(), json!({"limit": 0}), "ringfence.body_invalid"),
        (JOBS, details(), json!({"orderBy": "segmentStart"}), "ringfence.body_invalid"),
        (DETAILS, details(), json!({"limit": 5}), "ringfence.body_unknown_field"),
        (DETAILS, details(), json!({"startOfDayIntervalMatching": true}), "ringfence.body_unknown_field"),
        (AGGREGATES, metrics.clone(), json!({"pageSize": 5}), "ringfence.body_unknown_field"),
        (AGGREGATES_JOBS, metrics, json!({"pageSize": 0}), "ringfence.body_invalid"),
    ] {
        let mut body = base;
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_refused(&alpha.post(path, &body).await, 400, code);
    }
    assert_eq!(sent(&app), []);
    app.finish().await;
}

/// An entry of the catalog that hands out what nobody opens is harmless; one that opens what nobody hands out is not.
#[test]
fn an_entry_whose_handle_does_not_fit_does_not_load() {
    const BEGIN: &str = r#"
        [[operation]]
        id = "postAnalyticsConversationsDetailsJobs"
        groups = ["reads"]
        why = "a test"
        body = "AsyncConversationQuery"
        narrowing = { way = "division_predicate" }
        guard = { answer = "handle", kind = "job", field = "jobId", plain = ["mediaType"] }
    "#;
    const OPEN: &str = r#"
        [[operation]]
        id = "getAnalyticsConversationsDetailsJobResults"
        groups = ["reads"]
        why = "a test"
        narrowing = { way = "handle", name = "jobId", kind = "job", cursor = "cursor" }
        guard = { answer = "groups", collection = "results", shape = "Group", plain = ["mediaType"], named = {} }
        query = [{ name = "cursor", is = "text", max = 9 }]
        [shape.Group]
        keep = ["data"]
    "#;
    let loads = |text: &str| {
        Catalog::from_files(&[("jobs.toml", text)]).map(|_| ()).map_err(|error| error.to_string())
    };
    let whole = format!("{BEGIN}{OPEN}");
    assert_eq!(loads(&whole), Ok(()));
    assert_eq!(loads(BEGIN), Ok(()));
    assert!(loads(OPEN).unwrap_err().contains("hands out"));
    for (from, to, why) in [
        ("name = \"jobId\"", "name = \"id\"", "no parameter"),
        ("kind = \"job\", cursor", "kind = \"other\", cursor", "hands out"),
        ("[{ name = \"cursor\", is = \"text\", max = 9 }]", "[]", "no text `cursor`"),
        ("is = \"text\", max = 9", "is = \"boolean\"", "no text `cursor`"),
        ("plain = [\"mediaType\"], named", "plain = [\"ani\"], named", "may ask for"),
        (
            "\"getAnalyticsConversationsDetailsJobResults\"",
            "\"deleteAnalyticsConversationsDetailsJob\"",
            "does not prove",
        ),
        ("body = \"AsyncConversationQuery\"", "", "model"),
        ("\"postAnalyticsConversationsDetailsJobs\"", "\"getAnalyticsConversationsDetailsJob\"", "no GET"),
        ("{ way = \"division_predicate\" }", "{ way = \"open\", reason = \"so\" }", "does not"),
    ] {
        assert!(whole.contains(from), "{from}");
        let refusal = loads(&whole.replace(from, to)).unwrap_err();
        assert!(refusal.contains(why), "{from}: {refusal}");
    }
}
