//! `ringfence demo`: the whole, shown.

use serde_json::Value;

use crate::support::command::{ringfence, run, stderr, stdout};

#[test]
fn the_demo_keeps_what_it_promises() {
    let output = run(&["demo", "--once", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let shown: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let tenants = shown["tenants"].as_array().unwrap();
    let ids: Vec<_> = tenants.iter().map(|tenant| tenant["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["alpha", "beta"]);
    for tenant in tenants {
        let statuses: Vec<_> = tenant["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["status"].as_u64().unwrap())
            .collect();
        assert_eq!(statuses, [200, 200, 404, 403], "{tenant:#}");
    }
}

#[test]
fn the_demo_shows_a_table_and_touches_no_configured_store() {
    let mut demo = ringfence(&["demo", "--once"]);
    let output =
        demo.env("RINGFENCE__STORE__URL", "postgres://nobody:nothing@127.0.0.1:1/none").output().unwrap();
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    for shown in
        ["alpha", "beta", "404 not.found", "403 ringfence.operation_denied", "the organisation holds"]
    {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert!(!text.contains("NO"), "{text}");
}
