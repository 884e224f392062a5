//! The conversation detail query: filters, shared conversations, limits, aggregations.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, INTERVAL};
use serde_json::{Value, json};

use super::{Sim, ids, of_division};

const PATH: &str = "/api/v2/analytics/conversations/details/query";

/// A query over everything, with these parts added.
fn query(parts: &Value) -> Value {
    let mut query = json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1}});
    for (name, value) in parts.as_object().unwrap() {
        query[name] = value.clone();
    }
    query
}

async fn hits(sim: &Sim, parts: Value) -> u64 {
    sim.details(&query(&parts)).await["totalHits"].as_u64().unwrap()
}

fn dimension(name: &str, value: &str) -> Value {
    json!({"dimension": name, "value": value})
}

#[tokio::test]
async fn a_shared_conversation_is_found_by_either_division_and_comes_whole() {
    let sim = Sim::start().await;
    let alpha = sim.division(ALPHA).await;
    let shared: Vec<&Value> = alpha["conversations"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| one["owner"] == ALPHA && one["shared_with"].is_string())
        .collect();
    assert_eq!(shared.len(), 6);
    for one in shared {
        let id = one["id"].as_str().unwrap();
        let mut answers = Vec::new();
        for division in [ALPHA, one["shared_with"].as_str().unwrap()] {
            let by_id = json!({"type": "and", "predicates": [dimension("conversationId", id)]});
            let answer =
                sim.details(&query(&json!({"conversationFilters": [by_id, of_division(division)]}))).await;
            assert_eq!(answer["totalHits"], 1);
            answers.push(answer["conversations"][0].clone());
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[0]["divisionIds"], json!([ALPHA, one["shared_with"]]));
        let agents =
            answers[0]["participants"].as_array().unwrap().iter().filter(|one| one["purpose"] == "agent");
        assert_eq!(agents.count(), 2);
    }
}

#[tokio::test]
async fn a_divisions_conversations_are_those_that_the_facts_name() {
    let sim = Sim::start().await;
    let answer = sim.details(&query(&json!({"conversationFilters": [of_division(BETA)]}))).await;
    let facts = sim.division(BETA).await;
    assert_eq!(ids(&answer["conversations"], "conversationId"), ids(&facts["conversations"], "id"));
    assert!(answer["totalHits"].as_u64().unwrap() >= 30);
}

#[tokio::test]
async fn an_or_of_and_clauses_finds_the_union() {
    let sim = Sim::start().await;
    let clause = |direction: &str, division: &str| {
        json!({"type": "and", "predicates":
            [dimension("originatingDirection", direction), dimension("divisionId", division)]})
    };
    let (one, two) = (clause("inbound", ALPHA), clause("outbound", BETA));
    let either = json!({"conversationFilters": [{"type": "or", "clauses": [one, two]}]});
    let both = json!({"conversationFilters": [{"type": "and", "clauses": [one, two]}]});
    let (first, second) = (json!({"conversationFilters": [one]}), json!({"conversationFilters": [two]}));
    let sum = hits(&sim, first).await + hits(&sim, second).await;
    assert!(sum > 0);
    assert_eq!(hits(&sim, either).await, sum);
    assert_eq!(hits(&sim, both).await, 0);
}

#[tokio::test]
async fn segment_filters_are_held_by_one_segment() {
    let sim = Sim::start().await;
    let purpose = |operator: &str, dimension: &str| {
        json!({"type": "and", "predicates":
            [{"dimension": "purpose", "value": "agent"}, {"dimension": dimension, "operator": operator}]})
    };
    let all = hits(&sim, json!({})).await;
    assert_eq!(hits(&sim, json!({"segmentFilters": [purpose("exists", "wrapUpCode")]})).await, all);
    assert_eq!(hits(&sim, json!({"segmentFilters": [purpose("notExists", "wrapUpCode")]})).await, all);
    assert_eq!(hits(&sim, json!({"segmentFilters": [purpose("notExists", "queueId")]})).await, 0);
    let code = json!({"type": "and", "predicates":
        [{"dimension": "purpose", "value": "customer"}, {"dimension": "wrapUpCode", "operator": "exists"}]});
    assert_eq!(hits(&sim, json!({"segmentFilters": [code]})).await, 0);
}

#[tokio::test]
async fn evaluations_may_be_asked_for_and_asked_away() {
    let sim = Sim::start().await;
    let all = hits(&sim, json!({})).await;
    let evaluated = |operator: &str| {
        json!({"evaluationFilters":
            [{"type": "or", "predicates": [{"dimension": "evaluationId", "operator": operator}]}]})
    };
    let (some, none) = (hits(&sim, evaluated("exists")).await, hits(&sim, evaluated("notExists")).await);
    assert!(some > 0 && none > 0);
    assert_eq!(some + none, all);
}

#[tokio::test]
async fn metrics_are_matched_by_ranges() {
    let sim = Sim::start().await;
    let all = hits(&sim, json!({})).await;
    let transferred = json!({"conversationFilters": [{"type": "and", "predicates":
        [{"type": "metric", "metric": "nTransferred", "range": {"gte": 1}}]}]});
    assert_eq!(hits(&sim, transferred).await, 24);
    let span = |range: Value| {
        json!({"conversationFilters": [{"type": "and", "predicates":
            [{"type": "metric", "metric": "tConversationDuration", "range": range}]}]})
    };
    let (short, long) = (span(json!({"lt": 600_000})), span(json!({"gte": 600_000})));
    assert_eq!(hits(&sim, short).await + hits(&sim, long).await, all);
}

#[tokio::test]
async fn the_interval_may_be_longer_with_a_filter() {
    let sim = Sim::start().await;
    let days = |to: &str, parts: Value| {
        let mut query = query(&parts);
        query["interval"] = json!(format!("2026-06-01T00:00:00.000Z/{to}T00:00:00.000Z"));
        query
    };
    let filtered = json!({"conversationFilters": [of_division(ALPHA)]});
    sim.details(&days("2026-06-08", json!({}))).await;
    sim.details(&days("2026-07-02", filtered.clone())).await;
    for query in [days("2026-06-09", json!({})), days("2026-07-03", filtered), days("2026-05-01", json!({}))]
    {
        assert_eq!(sim.refusal(sim.request(Method::POST, PATH).json(&query)).await.0, 400, "{query}");
    }
}

#[tokio::test]
async fn filters_that_genesys_does_not_know_are_refused() {
    let sim = Sim::start().await;
    let refused = [
        json!({"divisionIds": [ALPHA]}),
        json!({"segmentFilters": [{"type": "and", "predicates": [dimension("divisionId", ALPHA)]}]}),
        json!({"conversationFilters": [{"type": "and", "predicates": [dimension("queueId", "x")]}]}),
        json!({"conversationFilters": [{"type": "and", "predicates": [{"dimension": "divisionId"}]}]}),
        json!({"conversationFilters": [{"type": "and"}]}),
        json!({"conversationFilters": [{"predicates": [dimension("divisionId", ALPHA)]}]}),
        json!({"resolutionFilters": [{"type": "and", "predicates": [dimension("userId", "x")]}]}),
        json!({"paging": {"pageSize": 101, "pageNumber": 1}}),
        json!({"aggregations": [{"type": "termFrequency", "metric": "tHandle"}]}),
    ];
    for parts in refused {
        let request = sim.request(Method::POST, PATH).json(&query(&parts));
        assert_eq!(sim.refusal(request).await.0, 400, "{parts}");
    }
}

#[tokio::test]
async fn pages_follow_the_order() {
    let sim = Sim::start().await;
    let page = async |number: u32, order: &str| {
        let paging = json!({"pageSize": 50, "pageNumber": number});
        ids(
            &sim.details(&query(&json!({"paging": paging, "order": order}))).await["conversations"],
            "conversationStart",
        )
    };
    let forward: Vec<String> =
        [page(1, "asc").await, page(2, "asc").await, page(3, "asc").await].into_iter().flatten().collect();
    assert_eq!(forward.len(), 120);
    assert!(forward.is_sorted());
    let mut backward = page(1, "desc").await;
    backward.reverse();
    assert_eq!(backward, forward[70..]);
}

#[tokio::test]
async fn aggregations_count_what_was_found() {
    let sim = Sim::start().await;
    let asked = json!([
        {"type": "termFrequency", "dimension": "divisionId"},
        {"type": "numericRange", "metric": "tConversationDuration", "ranges": [{"lt": 600_000}, {"gte": 600_000}]},
    ]);
    let parts = json!({"conversationFilters": [of_division(ALPHA)], "aggregations": asked});
    let answer = sim.details(&query(&parts)).await;
    let total = answer["totalHits"].as_u64().unwrap();
    let [divisions, durations] = answer["aggregations"].as_array().unwrap().as_slice() else {
        panic!("{answer}")
    };
    assert_eq!(divisions["results"][0], json!({"value": ALPHA, "count": total}));
    assert!(
        divisions["results"].as_array().unwrap().len() > 1,
        "shared ones count for their other division too"
    );
    let sum: u64 =
        durations["results"].as_array().unwrap().iter().filter_map(|one| one["count"].as_u64()).sum();
    assert_eq!(sum, total);
}
