//! Reseeding one division changes nothing of what is another's own: the ground that non-interference is tested on.

use reqwest::Method;
use ringfence::simulator::{ALPHA, BETA, GAMMA, HOME, INTERVAL};
use serde_json::{Value, json};

use super::{Sim, ids, of_division};

/// What alpha's own part is, without what refers to others.
async fn own(sim: &Sim) -> (Value, Value, Value) {
    let search =
        json!({"pageSize": 100, "query": [{"type": "EXACT", "fields": ["divisionId"], "value": ALPHA}]});
    let mut users = sim.post("/api/v2/users/search", &search).await;
    let mut queues = sim.get(&format!("/api/v2/routing/queues?divisionId={ALPHA}")).await;
    for user in users["results"].as_array_mut().unwrap() {
        user.as_object_mut().unwrap().remove("manager");
    }
    for queue in queues["entities"].as_array_mut().unwrap() {
        for name in
            ["memberCount", "userMemberCount", "joinedMemberCount", "memberGroups", "createdBy", "modifiedBy"]
        {
            queue.as_object_mut().unwrap().remove(name);
        }
    }
    let query = json!({"interval": INTERVAL, "conversationFilters": [of_division(ALPHA)],
        "paging": {"pageSize": 100, "pageNumber": 1}});
    let mut conversations = sim.details(&query).await;
    for one in conversations["conversations"].as_array_mut().unwrap() {
        if one["divisionIds"].as_array().unwrap().len() > 1 {
            blank(one);
        }
    }
    (users, queues, conversations)
}

/// Takes out of a shared conversation what its parties brought in.
fn blank(value: &mut Value) {
    const NAMING: [&str; 12] = [
        "userId",
        "teamId",
        "queueId",
        "wrapUpCode",
        "wrapUpNote",
        "addressSelf",
        "evaluatorId",
        "oTotalScore",
        "oTotalCriticalScore",
        "oSurveyTotalScore",
        "surveyPromoterScore",
        "participantName",
    ];
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !NAMING.contains(&name.as_str()));
            fields.values_mut().for_each(blank);
        }
        Value::Array(items) => items.iter_mut().for_each(blank),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn another_divisions_own_part_stays_byte_for_byte() {
    let sim = Sim::start().await;
    let before = own(&sim).await;
    for (variation, division) in (1..).zip([BETA, GAMMA, HOME]) {
        let path = format!("/divisions/{division}/reseed");
        sim.control(Method::POST, &path, json!({"variation": variation})).await;
        assert_eq!(own(&sim).await, before, "{division}");
    }
    sim.control(Method::POST, &format!("/divisions/{ALPHA}/reseed"), json!({"variation": 9})).await;
    assert_ne!(own(&sim).await.0, before.0);
}

#[tokio::test]
async fn a_reseeded_division_has_other_users_queues_and_counts() {
    let sim = Sim::start().await;
    let before = sim.division(BETA).await;
    sim.control(Method::POST, &format!("/divisions/{BETA}/reseed"), json!({"variation": 5})).await;
    let after = sim.division(BETA).await;
    for kind in ["users", "queues"] {
        let old = before[kind].as_array().unwrap();
        assert!(after[kind].as_array().unwrap().iter().all(|id| !old.contains(id)), "{kind}");
        assert_ne!(before["counts"][kind], after["counts"][kind], "{kind}");
    }
    let shared = |division: &Value| -> Vec<Value> {
        let all = division["conversations"].as_array().unwrap().iter();
        all.filter(|one| one["shared_with"].is_string()).cloned().collect()
    };
    assert_eq!(shared(&before), shared(&after));
    assert_ne!(ids(&before["conversations"], "id"), ids(&after["conversations"], "id"));
    sim.control(Method::POST, &format!("/divisions/{BETA}/reseed"), json!({"variation": 0})).await;
    assert_eq!(sim.division(BETA).await, before);
}

#[tokio::test]
async fn a_division_that_does_not_exist_cannot_be_reseeded() {
    let sim = Sim::start().await;
    assert!(!sim.simulator.organisation().reseed("none", 1));
}
