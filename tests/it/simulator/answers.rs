//! Login, lists, searches, paging and refusals.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, CLIENT_ID, CLIENT_SECRET, HELP, Logins, Options, Simulator};
use serde_json::{Value, json};

use super::{Sim, ids, send, token_request};

#[tokio::test]
async fn a_login_gives_a_token_that_lives_a_day() {
    let sim = Sim::start().await;
    let request = token_request(&sim.client, &sim.simulator.url())
        .basic_auth(CLIENT_ID, Some(CLIENT_SECRET))
        .body("grant_type=client_credentials");
    let body: Value = sim.send(request).await.json().await.unwrap();
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 86_400);
    assert_ne!(body["access_token"], sim.token);
}

#[tokio::test]
async fn a_failed_login_answers_in_the_logins_own_shape() {
    let sim = Sim::start().await;
    let url = sim.simulator.url();
    let wrong = token_request(&sim.client, &url).basic_auth(CLIENT_ID, Some("wrong"));
    let response = sim.send(wrong.body("grant_type=client_credentials")).await;
    assert_eq!(response.status(), 401);
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        body,
        json!({"error": "invalid_client", "description": "authentication failed",
            "error_description": "authentication failed"})
    );
    let grant = token_request(&sim.client, &url).basic_auth(CLIENT_ID, Some(CLIENT_SECRET));
    let response = sim.send(grant.body("grant_type=password")).await;
    assert_eq!(response.status(), 400);
    assert_eq!(response.json::<Value>().await.unwrap()["error"], "unsupported_grant_type");
    assert_eq!(sim.simulator.organisation().logins(), Logins { requests: 3, successes: 1 });
}

#[tokio::test]
async fn without_a_token_or_with_a_stale_one_nothing_is_answered() {
    let sim = Sim::start().await;
    let bare = sim.client.get(format!("{}/api/v2/users", sim.simulator.url()));
    assert_eq!(sim.refusal(bare).await, (401, "authentication.required".to_owned()));
    sim.control(Method::POST, "/tokens/expire", Value::Null).await;
    let stale = sim.request(Method::GET, "/api/v2/users");
    assert_eq!(sim.refusal(stale).await, (401, "bad.credentials".to_owned()));
}

#[tokio::test]
async fn every_answer_carries_genesyss_headers_and_some_that_are_nobodys_business() {
    let sim = Sim::start().await;
    let response = sim.send(sim.request(Method::GET, "/api/v2/users/none")).await;
    let headers = response.headers().clone();
    for name in
        ["inin-ratelimit-count", "inin-ratelimit-allowed", "inin-ratelimit-reset", "server", "set-cookie"]
    {
        assert!(headers.contains_key(name), "{name}");
    }
    assert_eq!(headers["cache-control"], "no-cache, no-store, must-revalidate");
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["contextId"], headers["inin-correlation-id"].to_str().unwrap());
    assert_eq!(body["entityId"], "none");
}

#[tokio::test]
async fn pages_are_disjoint_and_whole_and_link_to_each_other() {
    let sim = Sim::start().await;
    let mut path = "/api/v2/users?pageSize=10&state=any".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = sim.get(&path).await;
        assert_eq!(page["total"], 48);
        assert_eq!(page["pageCount"], 5);
        seen.extend(ids(&page["entities"], "id"));
        let Some(next) = page["nextUri"].as_str() else { break };
        next.clone_into(&mut path);
    }
    let count = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((count, seen.len()), (48, 48));
}

#[tokio::test]
async fn users_of_all_divisions_stand_among_each_other() {
    let sim = Sim::start().await;
    let page = sim.get("/api/v2/users?pageSize=12&state=any").await;
    let mut divisions: Vec<&str> = page["entities"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|user| user["division"]["id"].as_str())
        .collect();
    divisions.sort_unstable();
    divisions.dedup();
    assert!(divisions.len() >= 3, "{divisions:?}");
}

#[tokio::test]
async fn an_expansion_comes_only_when_it_is_asked_for() {
    let sim = Sim::start().await;
    let plain = sim.get("/api/v2/users?pageSize=50&state=any").await;
    let full = sim.get("/api/v2/users?pageSize=50&state=any&expand=team,groups").await;
    for (plain, full) in
        plain["entities"].as_array().unwrap().iter().zip(full["entities"].as_array().unwrap())
    {
        assert!(plain.get("team").is_none());
        assert!(full["team"]["division"]["id"].is_string() && full["groups"][0]["owners"].is_array());
    }
    let reaches_out = |user: &Value| user["team"]["division"]["id"] != user["division"]["id"];
    assert!(full["entities"].as_array().unwrap().iter().any(reaches_out));
}

#[tokio::test]
async fn queues_are_narrowed_by_comma_joined_and_repeated_divisions_alike() {
    let sim = Sim::start().await;
    let joined = sim.get(&format!("/api/v2/routing/queues?divisionId={ALPHA}%2C{BETA}")).await;
    let repeated = sim.get(&format!("/api/v2/routing/queues?divisionId={ALPHA}&divisionId={BETA}")).await;
    assert_eq!(joined["total"], 8);
    assert_eq!(joined["entities"], repeated["entities"]);
    let starred = sim.get("/api/v2/routing/queues?name=*alpha").await;
    assert_eq!(starred["total"], 4);
    assert_eq!(sim.get("/api/v2/routing/queues?name=alpha").await["total"], 0);
}

#[tokio::test]
async fn a_search_joins_criteria_by_their_operators_and_groups() {
    let sim = Sim::start().await;
    let alpha = json!({"type": "EXACT", "fields": ["divisionId"], "value": ALPHA});
    let agents = json!({"type": "EXACT", "fields": ["title"], "values": ["Agent", "Trainer"]});
    let count = async |query: Value| {
        sim.post("/api/v2/users/search", &json!({"query": query, "pageSize": 100})).await["total"]
            .as_u64()
            .unwrap()
    };
    let (all, in_alpha, titled) =
        (count(json!([])).await, count(json!([alpha])).await, count(json!([agents])).await);
    assert_eq!((all, in_alpha), (48, 12));
    let both = count(json!([alpha, agents])).await;
    let mut or = agents.clone();
    or["operator"] = json!("OR");
    assert_eq!(count(json!([alpha, or])).await, in_alpha + titled - both);
    let mut not = agents.clone();
    not["operator"] = json!("NOT");
    assert_eq!(count(json!([alpha, not])).await, in_alpha - both);
    let grouped = json!([alpha, {"type": "EXACT", "group": [agents, or]}]);
    assert_eq!(count(grouped).await, both);
}

#[tokio::test]
async fn an_opaque_continuation_repeats_the_search_for_its_page() {
    let sim = Sim::start().await;
    let query = json!({"pageSize": 5, "sortBy": "email", "query":
        [{"type": "EXACT", "fields": ["divisionId"], "value": BETA}]});
    let first = sim.post("/api/v2/users/search", &query).await;
    let next = sim.get(&format!("/api/v2/users/search?q64={}", first["nextPage"].as_str().unwrap())).await;
    assert_eq!((&next["pageNumber"], &next["total"]), (&json!(2), &json!(12)));
    let (one, two) = (ids(&first["results"], "email"), ids(&next["results"], "email"));
    assert!(one.is_sorted() && two.is_sorted() && one.last() < two.first());
}

#[tokio::test]
async fn what_an_operation_does_not_have_is_refused() {
    let sim = Sim::start().await;
    let invalid = (400, "invalid.property".to_owned());
    for path in ["/api/v2/users?divisionId=x", "/api/v2/routing/queues?divisionid=x", "/api/v2/tokens/me?x=1"]
    {
        assert_eq!(sim.refusal(sim.request(Method::GET, path)).await, invalid, "{path}");
    }
    let search =
        sim.request(Method::POST, "/api/v2/users/search").json(&json!({"query": [], "divisionId": ALPHA}));
    assert_eq!(sim.refusal(search).await, invalid);
    let missing = (404, "not.found".to_owned());
    for (method, path) in [(Method::GET, "/api/v2/nothing"), (Method::PUT, "/api/v2/tokens/me")] {
        assert_eq!(sim.refusal(sim.request(method, path)).await, missing, "{path}");
    }
    let large = sim.request(Method::POST, "/api/v2/users/search").body(vec![b' '; 512_001]);
    assert_eq!(sim.refusal(large).await, (413, "request.entity.too.large".to_owned()));
    let me = sim.request(Method::GET, "/api/v2/users/me");
    assert_eq!(sim.refusal(me).await, (400, "not.a.user".to_owned()));
}

#[tokio::test]
async fn a_client_with_divisions_sees_others_only_where_no_permission_is_asked() {
    let mut sim = Sim::start().await;
    let client = json!({"client_id": "alpha-client", "secret": "s", "divisions": [ALPHA]});
    sim.control(Method::POST, "/clients", client).await;
    sim.log_in_as("alpha-client", "s").await;
    assert_eq!(sim.get("/api/v2/routing/queues").await["total"], 4);
    assert_eq!(sim.post("/api/v2/users/search", &json!({"query": []})).await["total"], 12);
    assert_eq!(sim.get("/api/v2/users?state=any").await["total"], 48);
    assert_eq!(sim.get("/api/v2/authorization/divisions").await["total"], 4);
    let beta = sim.division(BETA).await;
    let queue = format!("/api/v2/routing/queues/{}", beta["queues"][0].as_str().unwrap());
    let refusal = sim.refusal(sim.request(Method::GET, &queue)).await;
    assert_eq!(refusal, (403, "missing.division.permission".to_owned()));
    let user = format!("/api/v2/users/{}", beta["users"][0].as_str().unwrap());
    assert_eq!(sim.get(&user).await["division"]["id"], BETA);
}

#[tokio::test]
async fn a_rate_that_is_set_is_kept_per_token() {
    let sim = Sim::start().await;
    sim.control(Method::POST, "/settings", json!({"rate_per_minute": 2})).await;
    for _ in 0..2 {
        sim.get("/api/v2/tokens/me").await;
    }
    let response = sim.send(sim.request(Method::GET, "/api/v2/tokens/me")).await;
    assert_eq!(response.status(), 429);
    assert!(response.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() <= 60);
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "too.many.requests.retry.after");
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_settings_say() {
    let mut sim = Sim::start().await;
    sim.control(Method::POST, "/settings", json!({"token_lifetime_seconds": 0})).await;
    sim.log_in_as(CLIENT_ID, CLIENT_SECRET).await;
    let stale = sim.request(Method::GET, "/api/v2/tokens/me");
    assert_eq!(sim.refusal(stale).await, (401, "bad.credentials".to_owned()));
}

#[tokio::test]
async fn calls_are_kept_in_order_with_their_client_and_without_their_token() {
    let sim = Sim::start().await;
    sim.get("/api/v2/users?pageSize=1").await;
    sim.post("/api/v2/users/search", &json!({"query": []})).await;
    let calls = sim.control(Method::GET, "/calls", Value::Null).await;
    assert_eq!(ids(&calls, "path"), ["/api/v2/users?pageSize=1", "/api/v2/users/search"]);
    assert_eq!(calls[1]["client"], CLIENT_ID);
    assert_eq!(calls[1]["body"], "{\"query\":[]}");
    assert!(!calls.to_string().contains(&sim.token));
    sim.control(Method::DELETE, "/calls", Value::Null).await;
    assert_eq!(sim.control(Method::GET, "/calls", Value::Null).await, json!([]));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_organisation_and_another_gives_another() {
    let (one, two) = (Sim::start().await, Sim::start().await);
    assert_eq!(one.facts().await, two.facts().await);
    let other = Simulator::start(Options { seed: 2, ..Options::default() }).await.unwrap();
    assert_ne!(other.organisation().facts()["divisions"], one.facts().await["divisions"]);
}

#[tokio::test]
async fn the_ready_file_names_the_bound_addresses() {
    let file = std::env::temp_dir().join(format!("simulator-ready-{}.json", std::process::id()));
    let options = Options { ready_file: Some(file.clone()), ..Options::default() };
    let simulator = Simulator::start(options).await.unwrap();
    let ready: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(&file).unwrap();
    assert_eq!(ready["api"], simulator.url());
    assert_eq!(ready["login"], ready["api"]);
    let facts =
        send(reqwest::Client::new().get(format!("{}/facts", ready["control"].as_str().unwrap()))).await;
    assert_eq!(facts.unwrap().status(), 200);
    simulator.stop().await;
}

#[test]
fn the_help_names_every_route_fault_and_division() {
    let control = [
        "GET    /facts",
        "GET    /calls",
        "DELETE /calls",
        "GET    /logins",
        "GET    /faults",
        "PUT    /faults",
        "DELETE /faults",
        "POST   /divisions/{id}/reseed",
        "POST   /tokens/expire",
        "POST   /clients",
        "POST   /settings",
    ];
    let faults = ["latency", "status", "reset", "truncate", "malformed", "hang", "empty_body", "lie"];
    let mut command = <Options as clap::Args>::augment_args(clap::Command::new("simulate"));
    assert!(command.render_long_help().to_string().contains(HELP.trim_end()));
    for route in control {
        assert!(HELP.contains(route), "{route}");
    }
    for fault in faults {
        assert!(HELP.contains(&format!("\"kind\": \"{fault}\"")), "{fault}");
    }
    assert!(HELP.contains(ALPHA) && HELP.contains(BETA) && HELP.contains(CLIENT_SECRET));
}
