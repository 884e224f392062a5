//! What says nothing of its division, but whose it is: held against the tenant's users.

use ringfence::simulator::{ALPHA, BETA};
use serde_json::json;

use super::{super::organisation::NOBODY, canned::Canned};
use crate::support::app::TestApp;

const UNIT: &str = "b0000000-0000-4000-8000-000000000001";
const OWN: &str = "b0000000-0000-4000-8000-000000000002";
const FOREIGN: &str = "b0000000-0000-4000-8000-000000000003";

fn unit() -> String {
    format!("/api/v2/workforcemanagement/managementunits/{UNIT}")
}

#[tokio::test]
async fn what_is_a_foreign_users_vanishes_from_lists_and_maps_of_an_own_unit() {
    let app = TestApp::start().await;
    let canned = Canned::start().await;
    let alpha = canned.tenant(&app).await;
    // One answer for the unit, for the tenant's users, and for what is asked for.
    canned.says(
        json!({
            "id": UNIT, "division": {"id": ALPHA}, "downloadUrl": "https://elsewhere.example",
            "entities": [
                {"id": OWN, "division": {"id": ALPHA}, "user": {"id": OWN, "name": "Own"}, "impact": "Positive"},
                {"id": FOREIGN, "division": {"id": BETA}, "user": {"id": FOREIGN}, "impact": "Negative"},
                {"id": NOBODY, "impact": "Neutral"},
            ],
            "result": {
                "userSchedules": {OWN: {"workPlanId": "a"}, FOREIGN: {"workPlanId": "b"}, "none": {"workPlanId": "c"}},
                "generationResults": {"agentWarnings": [{"userId": OWN}, {"userId": FOREIGN}, {"userId": 7}, {}]},
            },
        })
        .to_string(),
    );
    let adherence = alpha.get(&format!("{}/adherence", unit())).await.expect(200);
    assert_eq!(adherence, json!({"entities": [{"id": OWN, "user": {"id": OWN}, "impact": "Positive"}]}));
    let week = alpha.get(&format!("{}/weeks/2026-01-05/schedules/{NOBODY}", unit())).await.expect(200);
    assert_eq!(
        week,
        json!({"result": {
            "userSchedules": {OWN: {"workPlanId": "a"}},
            "generationResults": {"agentWarnings": [{"userId": OWN}]},
        }})
    );
    app.finish().await;
}
