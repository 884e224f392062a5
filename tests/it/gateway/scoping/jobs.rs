//! Jobs of every query that counts: each finds what its query finds, and opens as any other does.

use ringfence::{
    catalog::{BodyModel, Catalog, Guarding, Narrowing},
    simulator::{ALPHA, BETA, INTERVAL},
};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, event, eventually, owned, sent, set, text,
};
use crate::support::app::{TenantClient, TestApp};

/// A query that counts: its path, and what it may be grouped by.
struct Counted {
    path: String,
    plain: Vec<String>,
    is_of_queues: bool,
}

impl Counted {
    fn query(&self) -> String {
        self.path.replace("/jobs", "/query")
    }

    fn body(&self) -> Value {
        let known = ["mediaType", "direction"];
        let by: Vec<_> = self.plain.iter().filter(|one| known.contains(&one.as_str())).collect();
        json!({ "interval": INTERVAL, "metrics": ["nConnected"], "groupBy": by })
    }
}

fn every() -> Vec<Counted> {
    let catalog = Catalog::embedded().unwrap();
    let begun = catalog.operations().iter().filter_map(|one| {
        let Guarding::Handle { plain, .. } = &one.guard else { return None };
        let is_counted = matches!(one.body, Some(BodyModel::AsyncAggregationQuery));
        let is_of_queues =
            matches!(&one.narrowing, Narrowing::Membership { dimension, .. } if dimension == "queueId");
        let (path, plain) = (one.path.clone(), plain.clone());
        is_counted.then_some(Counted { path, plain, is_of_queues })
    });
    let begun: Vec<_> = begun.collect();
    assert!(begun.len() >= 13, "{}", begun.len());
    begun
}

/// Begins a job and waits until it is done.
async fn done(tenant: &TenantClient, jobs: &str, body: &Value) -> String {
    let job = text(&tenant.post(jobs, body).await.expect(202)["jobId"]);
    eventually("the job is done", async || {
        let status = tenant.get(&format!("{jobs}/{job}")).await;
        (status.body["state"] == "FULFILLED").then_some(())
    })
    .await;
    job
}

#[tokio::test]
async fn the_job_of_each_query_that_counts_finds_what_the_query_finds() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for counted in every() {
        let whole = alpha.post(&counted.query(), &counted.body()).await.expect(200);
        let mut paged = counted.body();
        paged["pageSize"] = json!(1);
        let job = done(&alpha, &counted.path, &paged).await;
        let (mut groups, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = alpha.get(&format!("{}/{job}/results{cursor}", counted.path)).await.expect(200);
            groups.extend(page["results"].as_array().unwrap().iter().cloned());
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("?cursor={next}"),
                None => break,
            }
        }
        assert_eq!(json!(groups), whole["results"], "{}", counted.path);
        assert!(!groups.is_empty(), "{}", counted.path);
        // What is left out of a page would show by its length.
        for by in ["userId", "queueId", "divisionId", "ani"] {
            let mut body = counted.body();
            body["groupBy"] = json!([by]);
            assert_refused(&alpha.post(&counted.path, &body).await, 400, "ringfence.aggregation_refused");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn the_job_of_each_query_that_knows_no_division_is_narrowed_to_the_tenants_own_queues() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for counted in every().into_iter().filter(|one| one.is_of_queues) {
        app.simulator.organisation().clear_calls();
        let mut body = counted.body();
        let theirs: Vec<_> = owned(&app, BETA, "queues").into_iter().collect();
        body["filter"] = json!({ "type": "or", "predicates": [
            { "dimension": "queueId", "value": theirs[0] }, { "dimension": "mediaType", "value": "voice" },
        ] });
        alpha.post(&counted.path, &body).await.expect(202);
        let (_, asked) = sent(&app).pop().unwrap();
        let filter = &asked["filter"];
        assert_eq!(
            (&filter["type"], &filter["clauses"][1]["type"]),
            (&json!("and"), &json!("or")),
            "{asked}"
        );
        let within = set(&filter["clauses"][1]["predicates"], "value");
        assert_eq!(within, owned(&app, ALPHA, "queues"));
    }
    app.finish().await;
}

#[tokio::test]
async fn the_handle_of_each_job_is_closed_to_others_and_once_a_division_was_withdrawn() {
    let app = TestApp::start().await;
    let tenant = app.tenant("both", &[ALPHA, BETA]).await;
    let other = app.tenant("other", &["c3c3c3c3-0000-4000-8000-00000000000c"]).await;
    let mut jobs = Vec::new();
    for counted in every() {
        let job = done(&tenant, &counted.path, &counted.body()).await;
        tenant.get(&format!("{}/{job}/results", counted.path)).await.expect(200);
        jobs.push((counted.path, job));
    }
    app.admin().patch("/tenants/both", &json!({ "division_ids": [ALPHA] })).await.expect(200);
    let (path, job) = &jobs[0];
    eventually("the division is withdrawn", async || {
        (tenant.get(&format!("{path}/{job}/results")).await.status != 200).then_some(())
    })
    .await;
    app.simulator.organisation().clear_calls();
    for (path, job) in &jobs {
        for (client, why) in
            [(&tenant, "handle_division_not_permitted"), (&other, "handle_of_another_tenant")]
        {
            for (method, rest) in [("GET", ""), ("GET", "/results"), ("DELETE", "")] {
                let ask = async |id: &str| {
                    let request = client.request(method.parse().unwrap(), &format!("{path}/{id}{rest}"));
                    client.send(request).await
                };
                let (closed, missing) = (ask(job).await, ask(NOBODY).await);
                assert_refused(&closed, 404, "not.found");
                assert_alike(&closed, &missing);
                assert_eq!(event(&app, &closed).await["outcome"]["withheld"], why);
            }
        }
    }
    assert_eq!(sent(&app), [], "nothing of it was asked for");
    app.finish().await;
}
