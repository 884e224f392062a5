//! An upstream that sends foreign entities although it was told to leave them out.

use ringfence::simulator::{ALPHA, BETA, Fault, GAMMA, HOME, INTERVAL};
use serde_json::{Value, json};

use super::super::organisation::{
    DETAILS, NOBODY, QUEUES, SEARCH, USERS, assert_alike, conversations, disturb, event, owned, set,
};
use crate::support::app::{Answer, TestApp};

/// Nothing of the answer is another division's, and the record says what upstream did.
async fn assert_dropped(app: &TestApp, answer: &Answer, collection: &str) {
    assert_eq!(answer.status, 200, "{answer:?}");
    for foreign in [BETA, GAMMA, HOME] {
        assert!(!answer.text.contains(foreign), "{}", answer.text);
        for kind in ["users", "queues"] {
            for id in owned(app, foreign, kind) {
                assert!(!answer.text.contains(&id), "{id}");
            }
        }
    }
    for total in ["total", "totalHits", "pageCount", "aggregations", "lastUri", "nextUri"] {
        assert!(
            answer.body[total].is_null() || collection == "entities" && total.ends_with("Uri"),
            "{total}"
        );
    }
    assert!(!answer.text.contains("violation") && !answer.text.contains("dropped"), "{}", answer.text);
    let event = event(app, answer).await;
    assert_eq!((&event["outcome"]["violations"], &event["outcome"]["dropped"]), (&3.into(), &3.into()));
    assert_eq!(
        (&event["outcome"]["code"], &event["outcome"]["upstream_status"]),
        (&"ok".into(), &200.into())
    );
}

#[tokio::test]
async fn foreign_entities_in_lists_are_dropped_counted_and_not_told() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, Fault::Lie { division: None });
    let queues = alpha.get(&format!("{QUEUES}?pageSize=100")).await;
    assert_dropped(&app, &queues, "entities").await;
    assert_eq!(set(&queues.body["entities"], "id"), owned(&app, ALPHA, "queues"));
    let users = alpha.get(&format!("{USERS}?state=any&pageSize=100")).await;
    assert_dropped(&app, &users, "").await;
    assert_eq!(set(&users.body["entities"], "id"), owned(&app, ALPHA, "users"));
    let found = alpha.post(SEARCH, &json!({"pageSize": 100})).await;
    assert_dropped(&app, &found, "").await;
    assert_eq!(set(&found.body["results"], "id"), owned(&app, ALPHA, "users"));
    app.finish().await;
}

#[tokio::test]
async fn foreign_conversations_are_dropped_with_the_counts_they_are_in() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let query = json!({"interval": INTERVAL, "paging": {"pageSize": 100, "pageNumber": 1},
        "aggregations": [{"type": "termFrequency", "dimension": "mediaType"}]});
    let honest = alpha.post(DETAILS, &query).await.expect(200);
    assert!(honest["totalHits"].is_u64() && honest["aggregations"].is_array());
    disturb(&app, Fault::Lie { division: None });
    let answer = alpha.post(DETAILS, &query).await;
    assert_dropped(&app, &answer, "conversations").await;
    let own = conversations(&app, ALPHA).into_iter().map(|(id, _)| id).collect();
    assert_eq!(set(&answer.body["conversations"], "conversationId"), own);
    app.finish().await;
}

#[tokio::test]
async fn another_entity_than_the_one_asked_for_is_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let missing = alpha.get(&format!("{QUEUES}/{NOBODY}")).await;
    disturb(&app, Fault::Lie { division: None });
    for (path, kind) in [(QUEUES, "queues"), (USERS, "users")] {
        let own = owned(&app, ALPHA, kind).first().unwrap().clone();
        let answer = alpha.get(&format!("{path}/{own}")).await;
        assert_alike(&answer, &missing);
        let event: Value = event(&app, &answer).await;
        assert_eq!(
            (&event["outcome"]["code"], &event["outcome"]["upstream_status"]),
            (&"not.found".into(), &200.into())
        );
    }
    app.finish().await;
}
