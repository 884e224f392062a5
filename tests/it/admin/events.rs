//! The record, searched through the operator listener.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::office::{ALPHA, BETA, Office};

fn ids(events: &[Value]) -> Vec<String> {
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn pages_have_neither_gaps_nor_repeats() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for number in 0..25 {
        let rename = json!({ "name": format!("name {number}") });
        office.admin().patch("/tenants/north", &rename).await.expect(200);
    }
    let whole = ids(&office.events("tenant=north").await);
    assert_eq!(whole.len(), 26);
    let mut sorted = whole.clone();
    sorted.sort_by(|one, other| other.cmp(one));
    assert_eq!(whole, sorted, "newest first");
    for limit in [1, 7, 13, 26, 27] {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = office.auditor().get(&format!("/events?tenant=north&limit={limit}{cursor}")).await;
            let page = page.expect(200);
            let events = page["events"].as_array().unwrap();
            assert!(events.len() <= limit && !events.is_empty());
            paged.extend(ids(events));
            // What comes in meanwhile belongs to no later page.
            office.admin().post("/tenants/north/suspend", &json!({})).await.expect(200);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let known: HashSet<&String> = whole.iter().collect();
        let of_before: Vec<_> = paged.iter().filter(|id| known.contains(id)).cloned().collect();
        assert_eq!(of_before, whole, "limit {limit}");
        assert_eq!(paged.iter().collect::<HashSet<_>>().len(), paged.len(), "limit {limit}");
    }
}

#[tokio::test]
async fn each_filter_finds_what_it_says() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    office.tenant("south", &[BETA]).await;
    let key = office.admin().post("/tenants/north/keys", &json!({ "name": "k" })).await.expect(201);
    let key = key["key_id"].as_str().unwrap();
    let refused = office.auditor().post("/tenants/south/suspend", &json!({})).await;
    refused.expect(403);
    let operations = |query: String| {
        let office = &office;
        async move {
            let events = office.events(&query).await;
            events.iter().map(|event| event["operation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        }
    };
    assert_eq!(operations("tenant=north".into()).await, ["key.issue", "tenant.add"]);
    assert_eq!(operations("tenant=south".into()).await, ["tenant.add"]);
    assert_eq!(operations("tenant=west".into()).await, [""; 0]);
    assert_eq!(operations(format!("key={key}")).await, ["key.issue"]);
    assert_eq!(operations("operation=tenant.add".into()).await, ["tenant.add", "tenant.add"]);
    assert_eq!(operations("outcome=forbidden".into()).await, ["tenant.suspend"]);
    assert_eq!(operations(format!("correlation_id={}", refused.correlation_id)).await, ["tenant.suspend"]);
    assert_eq!(operations("tenant=north&operation=tenant.add".into()).await, ["tenant.add"]);
    let at = office.events("tenant=south").await[0]["at"].as_str().unwrap().to_owned();
    assert_eq!(operations(format!("operation=tenant.add&until={at}")).await, ["tenant.add"]);
    assert_eq!(operations(format!("operation=tenant.add&since={at}")).await, ["tenant.add"]);
    assert_eq!(operations("since=2999-01-01T00:00:00Z".into()).await, [""; 0]);
}

#[tokio::test]
async fn a_search_is_on_record_itself() {
    let office = Office::open().await;
    let search = office.auditor().get("/events?tenant=north&since=2026-01-01T00:00:00%2B01:00&limit=3").await;
    search.expect(200);
    let event = office.event_of(&search).await;
    assert_eq!(event["kind"], "search");
    assert_eq!(event["operation"], "event.list");
    assert_eq!(event["filter"]["tenant"], "north");
    assert_eq!(event["filter"]["since"], "2025-12-31T23:00:00Z");
    assert_eq!(event["limit"], 3);
    assert_eq!(event["found"], 0);
    assert_eq!(event["tenant"], json!(null));
    assert_eq!(event["outcome"]["code"], "ok");
    assert!(event["operator"].is_string());
}

#[tokio::test]
async fn a_page_holds_100_events_unless_told() {
    let office = Office::open().await;
    office.tenant("north", &[ALPHA]).await;
    for _ in 0..100 {
        office.admin().post("/tenants/north/suspend", &json!({})).await.expect(200);
    }
    let page = office.auditor().get("/events").await.expect(200);
    assert_eq!(page["events"].as_array().unwrap().len(), 100);
    assert!(page["next_cursor"].is_string());
}

#[tokio::test]
async fn a_wrong_parameter_is_named() {
    let office = Office::open().await;
    for (query, refusal) in [
        ("tenant=NORTH", "400 invalid_parameter tenant"),
        ("tenant=", "400 invalid_parameter tenant"),
        ("tenant", "400 invalid_parameter tenant"),
        ("tenant=north&tenant=south", "400 repeated_parameter tenant"),
        ("Tenant=north", "400 unknown_parameter Tenant"),
        ("tenant[]=north", "400 unknown_parameter tenant[]"),
        ("kind=call", "400 unknown_parameter kind"),
        ("key=x", "400 invalid_parameter key"),
        ("correlation_id=1", "400 invalid_parameter correlation_id"),
        ("since=yesterday", "400 invalid_parameter since"),
        ("since=2026-01-01", "400 invalid_parameter since"),
        ("until=2026-01-01T00:00:00", "400 invalid_parameter until"),
        ("until=2026-01-01T00:00:00+00:00", "400 invalid_parameter until"),
        ("cursor=x", "400 invalid_parameter cursor"),
        ("cursor=bm90IGFuIGlk", "400 invalid_parameter cursor"),
        ("limit=ten", "400 invalid_parameter limit"),
        ("limit=-1", "400 invalid_parameter limit"),
        ("limit=0", "422 invalid_field limit"),
        ("limit=501", "422 invalid_field limit"),
        ("%00=1", "400 unknown_parameter \0"),
    ] {
        assert_eq!(office.auditor().get(&format!("/events?{query}")).await.refusal(), refusal, "{query}");
    }
    for odd in ["operation=%00", "outcome=%27%20OR%201=1", "operation=%25"] {
        let page = office.auditor().get(&format!("/events?{odd}")).await.expect(200);
        assert_eq!(page, json!({ "events": [], "next_cursor": null }), "{odd}");
    }
}
