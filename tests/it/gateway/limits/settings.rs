//! Limits as operators set them.

use ringfence::simulator::ALPHA;
use serde_json::{Value, json};

use crate::support::app::TestApp;

const ALL: &str =
    "requests_per_minute burst concurrent_requests requests_per_day requests_per_month bytes_per_day";

#[tokio::test]
async fn limits_of_tenants_and_keys_are_kept_and_shown() {
    let app = TestApp::start().await;
    let limits = |values: [Value; 6]| Value::Object(ALL.split(' ').map(str::to_owned).zip(values).collect());
    let none = limits([Value::Null, Value::Null, Value::Null, Value::Null, Value::Null, Value::Null]);
    app.tenant("alpha", &[ALPHA]).await;
    assert_eq!(app.admin().get("/tenants/alpha").await.expect(200)["limits"], none);
    let all =
        limits([json!(600), json!(20), json!(5), json!(100_000), json!(1_000_000), json!(5_000_000_000_u64)]);
    let changed = app.admin().patch("/tenants/alpha", &json!({ "limits": all })).await.expect(200);
    assert_eq!(changed["limits"], all);
    let some = app.admin().patch("/tenants/alpha", &json!({ "limits": { "requests_per_day": 7 } })).await;
    let rest = limits([Value::Null, Value::Null, Value::Null, json!(7), Value::Null, Value::Null]);
    assert_eq!(some.expect(200)["limits"], rest, "they are set together");
    app.admin().patch("/tenants/alpha", &json!({ "name": "Alpha" })).await.expect(200);
    assert_eq!(app.admin().get("/tenants/alpha").await.expect(200)["limits"], rest);

    let key = json!({ "name": "one", "limits": { "requests_per_minute": 9, "burst": 1 } });
    let issued = app.admin().post("/tenants/alpha/keys", &key).await.expect(201);
    let expected = limits([json!(9), json!(1), Value::Null, Value::Null, Value::Null, Value::Null]);
    assert_eq!(issued["limits"], expected);
    let keys = app.admin().get("/tenants/alpha/keys").await.expect(200);
    let listed = keys["keys"].as_array().unwrap().iter().find(|one| one["name"] == "one").unwrap();
    assert_eq!(listed["limits"], expected);
    let events = app.find_events("operation=tenant.update").await;
    assert_eq!(events.last().unwrap()["after"]["limits"], all, "a change of limits is on record");
    app.finish().await;
}

#[tokio::test]
async fn limits_that_cannot_be_are_refused() {
    let app = TestApp::start().await;
    app.tenant("alpha", &[ALPHA]).await;
    for name in ALL.split(' ') {
        for value in [0_u64, if name == "bytes_per_day" { 1_000_000_000_000_001 } else { 1_000_000_001 }] {
            let mut limits = json!({ "requests_per_minute": 5 });
            limits[name] = json!(value);
            for answer in [
                app.admin().patch("/tenants/alpha", &json!({ "limits": limits })).await,
                app.admin().post("/tenants/alpha/keys", &json!({ "name": "x", "limits": limits })).await,
            ] {
                assert_eq!(answer.body["field"], "limits", "{name} {value}");
                answer.expect(422);
            }
        }
    }
    let lone = app.admin().patch("/tenants/alpha", &json!({ "limits": { "burst": 5 } })).await.expect(422);
    assert!(lone["detail"].as_str().unwrap().contains("requests_per_minute"), "{lone}");
    let slow = json!({ "limits": { "requests_per_minute": 1, "burst": 43_201 } });
    let slow = app.admin().patch("/tenants/alpha", &slow).await.expect(422);
    assert!(slow["detail"].as_str().unwrap().contains("at most 43200"), "{slow}");
    let month = json!({ "limits": { "requests_per_minute": 1, "burst": 43_200 } });
    app.admin().patch("/tenants/alpha", &month).await.expect(200);
    for limits in [json!({ "requests_per_hour": 5 }), json!({ "burst": -1 }), json!([]), json!("none")] {
        let answer = app.admin().patch("/tenants/alpha", &json!({ "limits": limits })).await;
        assert!([400, 422].contains(&answer.status.as_u16()), "{answer:?}");
    }
    app.finish().await;
}
