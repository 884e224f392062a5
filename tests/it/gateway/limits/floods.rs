//! The limiter's refusals are counted, and the counts are kept.

use std::num::NonZeroU32;

use chrono::TimeDelta;
use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use super::{USERS, assert_limited};
use crate::{
    gateway::{login::get, organisation::eventually},
    support::app::TestApp,
};

async fn floods(app: &TestApp) -> Vec<Value> {
    let mut events = app.events().await;
    events.retain(|event| event["kind"] == "flood");
    events
}

#[tokio::test]
async fn a_flood_is_one_event_per_source_or_key_and_minute() {
    let app = TestApp::start_with(|config| {
        config.gateway.failed_authentications_per_minute = NonZeroU32::new(1).unwrap();
    })
    .await;
    let limits = json!({ "limits": { "requests_per_minute": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    // Not to be cut in two by the end of a minute.
    let second = app.clock.now().timestamp() % 60;
    app.clock.advance(TimeDelta::seconds(70 - second));
    app.send(get(&app, USERS)).await.expect(401);
    alpha.get(USERS).await.expect(200);
    for _ in 0..20 {
        assert_limited(&app.send(get(&app, USERS)).await);
        assert_limited(&alpha.get(USERS).await);
    }
    assert!(floods(&app).await.is_empty(), "the minute has not ended");
    let minute = (app.clock.now().timestamp() / 60) * 60;
    app.clock.advance(TimeDelta::minutes(1));
    let counted = eventually("the minute is written", async || {
        let counted = floods(&app).await;
        (counted.len() == 2).then_some(counted)
    })
    .await;
    for flood in &counted {
        assert_eq!(flood["refused"], 20, "{flood}");
        let begun = flood["minute"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
        assert_eq!(begun.timestamp(), minute);
        assert_eq!(flood["outcome"]["code"], "too.many.requests.retry.after");
        assert_eq!(flood["outcome"]["status"], 429);
    }
    let of_key = counted.iter().find(|flood| flood["tenant"] == "alpha").unwrap();
    assert_eq!((&of_key["key_id"], &of_key["source"]), (&json!(alpha.client_id), &Value::Null));
    let of_source = counted.iter().find(|flood| flood["tenant"].is_null()).unwrap();
    assert_eq!((&of_source["key_id"], &of_source["source"]), (&Value::Null, &json!("127.0.0.1")));
    app.finish().await;
}

/// `finish` counts them: none may be lost in the drain.
#[tokio::test]
async fn what_was_counted_in_the_last_minute_is_written_at_the_end() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_minute": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    alpha.get(USERS).await.expect(200);
    for _ in 0..7 {
        assert_limited(&alpha.get(USERS).await);
    }
    app.finish().await;
}
