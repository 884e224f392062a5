//! What guarding a large answer costs, beside copying and parsing it: a measurement, which says nothing unless it is
//! optimised.

use std::{hint::black_box, time::Instant};

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{
    entity::{Divisions, fields},
    list::{Rules, check},
    mask::mask,
    object::READ,
    whole::is_whole,
};
use crate::{
    catalog::{Catalog, Entry, Foreign, Guarding},
    gateway::scope::Owned,
    model::{DivisionId, Mask},
};

const OWN: &str = "a0000000-0000-4000-8000-000000000000";
const OTHER: &str = "b0000000-0000-4000-8000-000000000000";
/// Makes one of a list.
type Item = fn(usize) -> Value;

const CASES: [(&str, &str, Item); 6] = [
    ("conversations, all own", "postAnalyticsConversationsDetailsQuery", |n| conversation(n, &[OWN])),
    ("conversations, a fourth shared", "postAnalyticsConversationsDetailsQuery", |n| {
        conversation(n, if n.is_multiple_of(4) { &[OWN, OTHER] } else { &[OWN] })
    }),
    ("users, each with a manager", "postUsersSearch", user),
    ("queues, each with counts", "getRoutingQueues", queue),
    ("skills, half of them foreign", "getRoutingSkills", skill),
    ("a listing without a guard of its own", "getUserQueues", queue),
];
/// How often each byte is read, at most: by whom the whole is looked over, taken apart, and judged.
const MOST_READINGS: f64 = 4.0;

const MEGABYTE: usize = 1 << 20;
const TIMES: usize = 60;
/// Or four times what copying costs, whichever is more.
const MOST_MICROSECONDS: f64 = 3_000.0;

/// The least of many, in microseconds: whatever else the machine does only adds.
fn cost(mut work: impl FnMut()) -> f64 {
    let once = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64() * 1e6
    };
    (0..TIMES).map(once).fold(f64::INFINITY, f64::min)
}

fn conversation(number: usize, divisions: &[&str]) -> Value {
    let id = |kind: usize| format!("{kind:08x}-0000-4000-8000-{number:012x}");
    let segment = json!({
        "segmentStart": "2026-06-01T09:30:00.000Z", "segmentEnd": "2026-06-01T09:36:12.000Z",
        "segmentType": "interact", "queueId": id(7), "conference": false,
    });
    let session = |kind| {
        json!({
            "sessionId": id(kind), "mediaType": "voice", "direction": "inbound", "ani": "tel:+15550100",
            "dnis": "tel:+15550199", "segments": [segment, segment],
            "metrics": [{"name": "tHandle", "value": 372_000, "emitDate": "2026-06-01T09:36:12.000Z"}],
        })
    };
    json!({
        "conversationId": id(1), "conversationStart": "2026-06-01T09:30:00.000Z",
        "conversationEnd": "2026-06-01T09:36:12.000Z", "divisionIds": divisions, "originatingDirection": "inbound",
        "participants": [
            {"participantId": id(2), "purpose": "customer", "sessions": [session(3)]},
            {"participantId": id(4), "purpose": "agent", "userId": id(5), "sessions": [session(6)]},
        ],
    })
}

fn user(number: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012x}"), "name": "A Name", "email": "a@a.example",
        "division": {"id": OWN, "name": "Own", "selfUri": "/api/v2/authorization/divisions/a"}, "title": "Agent",
        "department": "Support", "state": "active", "version": 3, "username": "a@a.example", "acdAutoAnswer": false,
        "primaryContactInfo": [{"address": "a@a.example", "mediaType": "EMAIL", "type": "PRIMARY"}],
        "addresses": [{"address": "+15550100", "display": "+1 555 0100", "mediaType": "PHONE", "type": "WORK"}],
        "manager": {"id": "11111111-0000-4000-8000-000000000001", "selfUri": "/api/v2/users/x"},
        "selfUri": "/api/v2/users/a",
    })
}

fn queue(number: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012x}"), "name": "A Queue", "memberCount": 5, "joinedMemberCount": 2,
        "division": {"id": OWN, "name": "Own", "selfUri": "/api/v2/authorization/divisions/a"},
        "acwSettings": {"wrapupPrompt": "OPTIONAL", "timeoutMs": 300_000}, "skillEvaluationMethod": "BEST",
        "mediaSettings": {"call": {"alertingTimeoutSeconds": 30, "serviceLevel": {"percentage": 0.8, "durationMs": 20_000}}},
        "memberGroups": [{"id": "22222222-0000-4000-8000-000000000001", "type": "GROUP", "name": "A Group"}],
        "selfUri": "/api/v2/routing/queues/a",
    })
}

fn skill(number: usize) -> Value {
    json!({
        "id": format!("00000000-0000-4000-8000-{number:012x}"), "name": "A Skill", "state": "active", "version": "1",
        "division": {"id": if number.is_multiple_of(2) { OWN } else { OTHER }, "name": "A Division"},
        "dateModified": "2026-06-01T09:30:00.000Z", "selfUri": "/api/v2/routing/skills/a",
    })
}

/// An answer of a megabyte.
fn answer(collection: &str, item: impl Fn(usize) -> Value) -> String {
    let mut items = String::new();
    for number in 0.. {
        items.push_str(&item(number).to_string());
        if items.len() >= MEGABYTE {
            break;
        }
        items.push(',');
    }
    format!(r#"{{"{collection}":[{items}]}}"#)
}

#[test]
#[ignore = "a measurement: cargo test --release --lib guard::cost -- --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "a measurement is read")]
fn guarding_a_megabyte_costs_three_milliseconds_at_most_or_four_copies() {
    let catalog = Catalog::embedded().unwrap();
    let own: [DivisionId; 1] = [OWN.parse().unwrap()];
    let owned = Owned::default();
    let divisions = Divisions { narrowed: &own, granted: &own, neutral: &[], owned: &owned, redacts: true };
    let mut missed = Vec::new();
    for (what, id, item) in CASES {
        let Some(Entry::Enabled(operation)) = catalog.named(id) else { panic!("{id}") };
        let Guarding::List { collection, shape, foreign, keep, totals, links, facets } = &operation.guard
        else {
            panic!("{id}")
        };
        let (shape, facets) = (catalog.shape(shape).unwrap(), facets.as_ref());
        let json = answer(collection, item);
        let foreign = if what.starts_with("a listing") { Foreign::Drop } else { *foreign };
        let rules = Rules { collection, shape, foreign, keep, totals, links, facets, divisions };
        let guarded = || {
            if is_whole(&json, &rules) {
                json.clone()
            } else {
                check(&json, &rules).unwrap().write(&json, &rules).unwrap()
            }
        };
        let whole = Bytes::from(guarded());
        let masked = || mask(&catalog, &operation, Mask::Numbers.into(), whole.clone()).unwrap();
        let copied = cost(|| drop(black_box(json.clone())));
        let guarded = cost(|| _ = black_box(guarded()));
        let masked = cost(|| _ = black_box(masked()));
        let parsed = cost(|| _ = black_box(serde_json::from_str::<IgnoredAny>(&json).unwrap()));
        let kept = cost(|| drop(black_box(fields(&json, shape, divisions))));
        println!(
            "{what}: {} bytes, copied in {copied:.0} µs, parsed in {parsed:.0}, guarded in {guarded:.0} ({:.1} copies, {:.1} parses); as fields {kept:.0}; numbers masked in {masked:.0} more",
            json.len(),
            guarded / copied,
            guarded / parsed
        );
        if guarded > MOST_MICROSECONDS.max(4.0 * copied) {
            missed.push(what);
        }
    }
    assert!(missed.is_empty(), "too slow: {missed:?}");
}

/// What the guard costs is how often it reads an answer: a measurement of that needs no clock, and holds everywhere.
#[test]
fn an_answer_is_read_four_times_at_most() {
    let catalog = Catalog::embedded().unwrap();
    let own: [DivisionId; 1] = [OWN.parse().unwrap()];
    let owned = Owned::default();
    let divisions = Divisions { narrowed: &own, granted: &own, neutral: &[], owned: &owned, redacts: true };
    for (what, id, item) in CASES {
        let Some(Entry::Enabled(operation)) = catalog.named(id) else { panic!("{id}") };
        let Guarding::List { collection, shape, foreign, keep, totals, links, facets } = &operation.guard
        else {
            panic!("{id}")
        };
        let (shape, facets, foreign) = (catalog.shape(shape).unwrap(), facets.as_ref(), *foreign);
        let rules = Rules { collection, shape, foreign, keep, totals, links, facets, divisions };
        let json = answer(collection, item);
        READ.set(0);
        if !is_whole(&json, &rules) {
            check(&json, &rules).unwrap().write(&json, &rules).unwrap();
        }
        let (read, whole) = (READ.get(), json.len());
        assert!(read >= whole, "{what}: nothing was read");
        #[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
        let readings = read as f64 / whole as f64;
        assert!(readings <= MOST_READINGS, "{what}: read {readings:.2} times");
    }
}
