//! What the simulator answers by the API's models alone.

use std::collections::BTreeSet;

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, HOME};
use serde_json::{Value, json};

use super::{Sim, ids};

const FLOWS: &str = "/api/v2/flows";

/// The operations of the API: what deletes comes last, and of that what stands above others.
fn operations() -> Vec<Value> {
    let lines = include_str!("../../../policies/api/operations.jsonl").lines();
    let mut all: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let above = |path: &str| usize::MAX - path.matches('/').count();
    all.sort_by_key(|one| (one["method"] == "DELETE", above(one["path"].as_str().unwrap())));
    all
}

/// A path of things that there are; the last of them, if asked for, of a division.
fn real(sim: &Sim, template: &str, division: &str) -> Option<String> {
    let mut path = String::new();
    for part in template.split('/').skip(1) {
        let part = if part.starts_with('{') {
            let things = sim.simulator.organisation().things(&path);
            let own = things.iter().find(|(_, of)| of.is_none_or(|of| of == division));
            own?.0.clone()
        } else {
            part.to_owned()
        };
        path = format!("{path}/{part}");
    }
    Some(path)
}

fn is_job(template: &str) -> bool {
    let mut parts = template.trim_start_matches("/api/v2/analytics/").split('/');
    let (what, kind, jobs) = (parts.next(), parts.next(), (parts.next(), parts.next()));
    template.starts_with("/api/v2/analytics/")
        && jobs == (Some("jobs"), Some("{jobId}"))
        && (kind == Some("aggregates") || (what, kind) == (Some("conversations"), Some("details")))
}

#[tokio::test]
async fn every_operation_of_the_api_is_answered() {
    let sim = Sim::start().await;
    let (mut answered, mut refused, mut wrong) = (0, BTreeSet::new(), Vec::new());
    for operation in operations() {
        let method: Method = operation["method"].as_str().unwrap().parse().unwrap();
        let template = operation["path"].as_str().unwrap();
        let path = real(&sim, template, ALPHA).unwrap_or_else(|| panic!("nothing is at {template}"));
        let required =
            operation["query"].as_array().into_iter().flatten().filter(|one| one["required"] == true);
        let query: Vec<_> = required.map(|one| format!("{}=1", one["name"].as_str().unwrap())).collect();
        let mut request = sim.request(method.clone(), &format!("{path}?{}", query.join("&")));
        if method != Method::GET && method != Method::HEAD {
            request = request.json(&json!({}));
        }
        let response = sim.send(request).await;
        let status = response.status().as_u16();
        // What has fields that a body must hold is refused without them.
        match status {
            200 | 204 => answered += 1,
            400 if method != Method::DELETE => {
                refused.insert(operation["id"].as_str().unwrap().to_owned());
            }
            // A job is there once it was begun: their own tests do.
            404 if is_job(template) => {}
            _ => wrong.push(format!("{method} {path}: {status} {}", response.text().await.unwrap())),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(answered > 3_000, "{answered}: {refused:?}");
}

#[tokio::test]
async fn a_collection_holds_things_of_all_divisions_and_is_narrowed_as_it_is_asked() {
    let sim = Sim::start().await;
    let all = sim.get(&format!("{FLOWS}?pageSize=100")).await;
    assert_eq!((&all["total"], all["entities"].as_array().unwrap().len()), (&json!(12), 12));
    let own = sim.get(&format!("{FLOWS}?pageSize=2&pageNumber=2&divisionId={BETA}")).await;
    assert_eq!((&own["total"], &own["pageCount"]), (&json!(3), &json!(2)));
    assert!(own["entities"][0].to_string().contains("b2b2b2b2"));
    for one in ids(&all["entities"], "id") {
        let flow = sim.get(&format!("{FLOWS}/{one}")).await;
        assert_eq!(flow["id"], one.as_str());
        assert!(flow["division"]["id"].as_str().unwrap().starts_with(&one[..8]), "{flow}");
    }
    let nothing = sim.request(Method::GET, &format!("{FLOWS}/0b0d1e00-0000-4000-8000-000000000404"));
    assert_eq!(sim.refusal(nothing).await, (404, "not.found".to_owned()));
}

#[tokio::test]
async fn what_stands_below_a_thing_is_there_exactly_if_that_is() {
    let sim = Sim::start().await;
    let path = real(&sim, "/api/v2/flows/{flowId}/versions/{versionId}", BETA).unwrap();
    let version = sim.get(&path).await;
    assert!(version["id"].as_str().unwrap().starts_with("b2b2b2b2"), "{version}");
    let (parent, _) = path.rsplit_once("/versions").unwrap();
    let gone = sim.send(sim.request(Method::DELETE, parent)).await;
    assert_eq!(gone.status(), 204);
    for path in [&path, &format!("{parent}/versions"), parent] {
        assert_eq!(sim.refusal(sim.request(Method::GET, path)).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn what_a_client_makes_is_there_and_can_be_changed() {
    let sim = Sim::start().await;
    let groups = "/api/v2/routing/skillgroups";
    let made = sim.post(groups, &json!({"name": "new", "division": {"id": ALPHA}})).await;
    let one = format!("{groups}/{}", made["id"].as_str().unwrap());
    assert_eq!(sim.get(&one).await["division"]["id"], ALPHA);
    let (mut listed, mut next) = (Vec::new(), Some(groups.to_owned()));
    while let Some(path) = next {
        let page = sim.get(&path).await;
        listed.extend(ids(&page["entities"], "id"));
        next = page["nextUri"].as_str().map(str::to_owned);
    }
    assert!(listed.contains(&made["id"].as_str().unwrap().to_owned()));
    let home = sim.post(groups, &json!({"name": "other"})).await;
    assert_eq!(home["division"]["id"], HOME);
    let moved = sim.request(Method::PATCH, &one).json(&json!({"division": {"id": BETA}}));
    assert_eq!(sim.send(moved).await.status(), 200);
    assert_eq!(sim.get(&one).await["division"]["id"], BETA);
}

#[tokio::test]
async fn other_divisions_data_changes_and_ones_own_does_not() {
    let (here, there) = (Sim::start().await, Sim::start().await);
    there.simulator.organisation().reseed(BETA, 7);
    let own = |sim: &Sim| sim.simulator.organisation().things(FLOWS);
    let of = |division: &str, things: Vec<(String, Option<&'static str>)>| {
        things.into_iter().filter(|(_, of)| *of == Some(division)).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(ALPHA, own(&here)), of(ALPHA, own(&there)));
    assert!(of(BETA, own(&here)).is_disjoint(&of(BETA, own(&there))));
}
