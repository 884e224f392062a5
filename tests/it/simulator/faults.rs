//! Each way to go wrong.

use std::time::{Duration, Instant};

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, Logins};
use serde_json::{Value, json};

use super::{Sim, ids, of_division, send, token_request};

async fn fault(sim: &Sim, fault: Value) {
    sim.control(Method::PUT, "/faults", json!([{"fault": fault}])).await;
}

#[tokio::test]
async fn a_status_is_answered_with_its_body_and_only_so_often() {
    let sim = Sim::start().await;
    let rule = json!([{"match": {"method": "GET", "path_prefix": "/api/v2/users"}, "times": 2,
        "fault": {"kind": "status", "status": 429, "retry_after": 42}}]);
    sim.control(Method::PUT, "/faults", rule).await;
    sim.get("/api/v2/tokens/me").await;
    for left in [1, 0] {
        let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()["retry-after"], "42");
        let body: Value = response.json().await.unwrap();
        assert_eq!(body["code"], "too.many.requests.retry.after");
        assert_eq!(sim.control(Method::GET, "/faults", Value::Null).await[0]["times"], left);
    }
    sim.get("/api/v2/users").await;
    for (status, code) in
        [(500, "internal.server.error"), (503, "service.unavailable"), (401, "bad.credentials")]
    {
        fault(&sim, json!({"kind": "status", "status": status})).await;
        let request = sim.request(Method::GET, "/api/v2/users");
        assert_eq!(sim.refusal(request).await, (status, code.to_owned()));
    }
    sim.control(Method::DELETE, "/faults", Value::Null).await;
    sim.get("/api/v2/users").await;
}

#[tokio::test]
async fn a_latency_delays_a_good_answer() {
    let sim = Sim::start().await;
    fault(&sim, json!({"kind": "latency", "ms": 120})).await;
    let before = Instant::now();
    sim.get("/api/v2/users").await;
    assert!(before.elapsed() >= Duration::from_millis(120));
}

#[tokio::test]
async fn a_reset_closes_the_connection_without_an_answer() {
    let sim = Sim::start().await;
    fault(&sim, json!({"kind": "reset"})).await;
    assert!(send(sim.request(Method::POST, "/api/v2/users/search").json(&json!({}))).await.is_err());
}

#[tokio::test]
async fn a_truncated_answer_breaks_off_within_its_promised_length() {
    let sim = Sim::start().await;
    let whole = sim.send(sim.request(Method::GET, "/api/v2/users")).await.bytes().await.unwrap();
    fault(&sim, json!({"kind": "truncate"})).await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], whole.len().to_string().as_str());
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn malformed_and_empty_answers_are_200_and_no_json() {
    let sim = Sim::start().await;
    for kind in ["malformed", "empty_body"] {
        fault(&sim, json!({"kind": kind})).await;
        let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
        assert_eq!(response.status(), 200);
        let body = response.text().await.unwrap();
        assert_eq!(body.is_empty(), kind == "empty_body");
        assert!(serde_json::from_str::<Value>(&body).is_err());
    }
}

#[tokio::test]
async fn a_hanging_call_is_never_answered_and_holds_up_nobody_else() {
    let sim = Sim::start().await;
    let rule = json!([{"match": {"path_prefix": "/api/v2/users"}, "fault": {"kind": "hang"}}]);
    sim.control(Method::PUT, "/faults", rule).await;
    let call = sim.request(Method::GET, "/api/v2/users").timeout(Duration::from_millis(200));
    assert!(send(call).await.unwrap_err().is_timeout());
    sim.get("/api/v2/tokens/me").await;
    sim.simulator.stop().await;
}

#[tokio::test]
async fn a_lie_slips_foreign_entities_into_a_narrowed_list_and_its_total() {
    let sim = Sim::start().await;
    let queues = format!("/api/v2/routing/queues?divisionId={ALPHA}");
    let search = json!({"query": [{"type": "EXACT", "fields": ["divisionId"], "value": ALPHA}]});
    let details =
        json!({"interval": ringfence::simulator::INTERVAL, "conversationFilters": [of_division(ALPHA)]});
    let honest = sim.details(&details).await["totalHits"].as_u64().unwrap();
    fault(&sim, json!({"kind": "lie"})).await;

    let lied = sim.get(&queues).await;
    let foreign =
        |list: &Value| list.as_array().unwrap().iter().filter(|one| one["division"]["id"] != ALPHA).count();
    assert_eq!((lied["total"].as_u64(), foreign(&lied["entities"])), (Some(7), 3));
    let lied = sim.post("/api/v2/users/search", &search).await;
    assert_eq!((lied["total"].as_u64(), foreign(&lied["results"])), (Some(15), 3));
    let lied = sim.details(&details).await;
    assert_eq!(lied["totalHits"].as_u64(), Some(honest + 3));
    let strangers = lied["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["divisionIds"].as_array().unwrap().contains(&json!(ALPHA)));
    assert_eq!(strangers.count(), 3);
}

#[tokio::test]
async fn a_lie_answers_a_read_by_id_with_another_divisions_entity() {
    let sim = Sim::start().await;
    let alpha = sim.division(ALPHA).await;
    fault(&sim, json!({"kind": "lie"})).await;
    for (kind, path) in [("users", "/api/v2/users"), ("queues", "/api/v2/routing/queues")] {
        let answer = sim.get(&format!("{path}/{}", alpha[kind][0].as_str().unwrap())).await;
        assert_ne!(answer["division"]["id"], ALPHA);
    }
    assert_ne!(sim.get(&format!("/api/v2/authorization/divisions/{BETA}")).await["id"], BETA);
}

#[tokio::test]
async fn a_fault_can_spare_the_first_requests() {
    let sim = Sim::start().await;
    let rule = json!([{"match": {"path_prefix": "/api/v2/users"}, "nth": 3, "times": 2,
        "fault": {"kind": "status", "status": 500}}]);
    sim.control(Method::PUT, "/faults", rule).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        sim.get("/api/v2/tokens/me").await;
        statuses.push(sim.send(sim.request(Method::GET, "/api/v2/users")).await.status().as_u16());
    }
    assert_eq!(statuses, [200, 200, 500, 500, 200, 200]);
    assert_eq!(sim.control(Method::GET, "/faults", Value::Null).await[0]["times"], 0);
}

#[tokio::test]
async fn chunks_that_are_cut_break_off_without_an_end() {
    let sim = Sim::start().await;
    fault(&sim, json!({"kind": "cut_chunks"})).await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("content-length"));
    assert!(response.bytes().await.is_err());
}

#[tokio::test]
async fn a_trickle_is_a_whole_answer_that_takes_its_time() {
    let sim = Sim::start().await;
    let whole = sim.get("/api/v2/tokens/me").await;
    let pieces = whole.to_string().len() / 20;
    fault(&sim, json!({"kind": "trickle", "bytes": 20, "ms": 5})).await;
    let before = Instant::now();
    assert_eq!(sim.get("/api/v2/tokens/me").await, whole);
    assert!(before.elapsed() >= Duration::from_millis(5) * u32::try_from(pieces).unwrap());
}

#[tokio::test]
async fn an_endless_answer_has_no_end() {
    let sim = Sim::start().await;
    fault(&sim, json!({"kind": "endless"})).await;
    let mut response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
    let mut read = 0;
    while read < 20_000_000 {
        read += response.chunk().await.unwrap().unwrap().len();
    }
}

#[tokio::test]
async fn headers_can_be_huge_or_untrue() {
    let sim = Sim::start().await;
    let whole = sim.get("/api/v2/users").await;
    fault(&sim, json!({"kind": "huge_headers", "bytes": 9_000})).await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
    assert_eq!(response.headers()["x-huge"].len(), 9_000);
    fault(&sim, json!({"kind": "content_type", "value": "text/html"})).await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users")).await;
    assert_eq!(response.headers()["content-type"], "text/html");
    assert_eq!(response.json::<Value>().await.unwrap(), whole);
}

#[tokio::test]
async fn a_compressed_answer_is_a_gzip_file() {
    let sim = Sim::start().await;
    let whole = sim.send(sim.request(Method::GET, "/api/v2/users?pageSize=100")).await.bytes().await.unwrap();
    fault(&sim, json!({"kind": "gzip"})).await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users?pageSize=100")).await;
    assert_eq!(response.headers()["content-encoding"], "gzip");
    let file = response.bytes().await.unwrap();
    assert_eq!(file[..3], [0x1f, 0x8b, 8]);
    let size = u32::from_le_bytes(file[file.len() - 4..].try_into().unwrap());
    assert_eq!(usize::try_from(size).unwrap(), whole.len());
    assert_eq!(file[15..15 + 100], whole[..100], "blocks are stored as they are");
}

#[tokio::test]
async fn totals_can_be_wrong_where_entities_are_right() {
    let sim = Sim::start().await;
    let honest = sim.get("/api/v2/users").await;
    fault(&sim, json!({"kind": "totals", "add": 7})).await;
    let lied = sim.get("/api/v2/users").await;
    assert_eq!(lied["total"].as_u64(), honest["total"].as_u64().map(|total| total + 7));
    assert_eq!(lied["entities"], honest["entities"]);
}

#[tokio::test]
async fn the_login_fails_in_the_same_ways() {
    let sim = Sim::start().await;
    let log_in = || {
        token_request(&sim.client, &sim.simulator.url())
            .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
            .body("grant_type=client_credentials")
    };
    let rule = |fault: Value| json!([{"match": {"path_prefix": "/oauth"}, "fault": fault}]);
    sim.control(Method::PUT, "/faults", rule(json!({"kind": "empty_body"}))).await;
    let response = sim.send(log_in()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "");
    sim.control(Method::PUT, "/faults", rule(json!({"kind": "status", "status": 500}))).await;
    let response = sim.send(log_in()).await;
    assert_eq!(response.status(), 500);
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "server_error");
    sim.control(Method::PUT, "/faults", rule(json!({"kind": "status", "status": 429, "retry_after": 3})))
        .await;
    let response = sim.send(log_in()).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["retry-after"]),
        (429, &"3".parse().unwrap())
    );
    sim.control(Method::PUT, "/faults", rule(json!({"kind": "reset"}))).await;
    assert!(send(log_in()).await.is_err());
    assert_eq!(sim.simulator.organisation().logins(), Logins { requests: 5, successes: 1 });
    assert_eq!(ids(&sim.get("/api/v2/users?pageSize=1").await["entities"], "id").len(), 1);
}
