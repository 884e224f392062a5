//! Defects of our own, planted by `tests/holes.sh`: they are answered and recorded like any other failure.

use ringfence::simulator::ALPHA;
use serde_json::json;

use super::{
    organisation::{self, QUEUES, sent},
    refused::{assert_refused, recorded_calls},
};
use crate::support::app::TestApp;

#[tokio::test]
#[ignore = "needs a planted defect: tests/holes.sh"]
async fn a_panic_after_the_intent_is_answered_whole_and_recorded_and_hurts_nobody_else() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..3 {
        let answer = alpha.get(QUEUES).await;
        let event = assert_refused(&app, "a planted panic", &answer, 500, "ringfence.internal").await;
        assert_eq!(event["decision"], "allow", "the call was on record before it broke: {event}");
        alpha.get("/api/v2/tokens/me").await.expect(200);
    }
    // A change was made before it broke: nobody is told that nothing was done.
    app.simulator.organisation().clear_calls();
    let answer = alpha.post(QUEUES, &json!({"name": "Alpha Broken"})).await;
    organisation::assert_refused(&answer, 502, "ringfence.effect_unknown");
    let event = organisation::event(&app, &answer).await;
    assert_eq!(event["outcome"]["code"], "ringfence.effect_unknown");
    assert_eq!(sent(&app).len(), 1, "it is sent once");
    assert_eq!(recorded_calls(&app).await, 6 + 1 + 1);
    app.finish().await;
}
