//! What users do, for whomever they do it: told of those who serve the tenant alone, and of no time before they did.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use ringfence::{
    model::{Stays, TenantId},
    simulator::{ALPHA, BETA, Fault, INTERVAL},
};
use serde_json::{Value, json};

use super::super::organisation::{
    NOBODY, assert_alike, assert_refused, disturb_below, eventually, everything, owned, sent, text,
};
use crate::support::app::{TenantClient, TestApp};

const AGGREGATES: &str = "/api/v2/analytics/users/aggregates/query";
const UTILIZATIONS: &str = "/api/v2/analytics/agentutilizations/aggregates/query";

fn queries() -> Vec<(&'static str, Value)> {
    let by_user = |metric: Value| json!({"metrics": [metric], "groupBy": ["userId"]});
    let with_interval = |mut body: Value| {
        body["interval"] = json!(INTERVAL);
        body
    };
    vec![
        (AGGREGATES, with_interval(by_user(json!("tSystemPresence")))),
        (UTILIZATIONS, with_interval(by_user(json!("tUtilized")))),
    ]
}

async fn dedicated(app: &TestApp, id: &str, division: &str) -> TenantClient {
    let client = app.tenant_with(id, &[division], json!({"dedicated_agents": true})).await;
    seen(app, &client, |_| true).await;
    app.simulator.organisation().clear_calls();
    client
}

/// Waits until the tenant's users were looked at, with this result.
async fn seen(app: &TestApp, client: &TenantClient, fits: impl Fn(&Stays) -> bool) -> Stays {
    let (store, id) = (app.store().await, client.id.parse::<TenantId>().unwrap());
    let stays = eventually("the users are looked at", async || {
        // A store that is busy for a moment is asked again.
        store.stays(&id).await.ok().flatten().filter(|stays| fits(stays))
    })
    .await;
    store.close().await;
    stays
}

/// For all who are there now, and for all of their past.
async fn vouch_again(app: &TestApp, tenant: &str) {
    let path = format!("/tenants/{tenant}");
    app.admin().patch(&path, &json!({"dedicated_agents": false})).await.expect(200);
    let again = json!({"dedicated_agents": true, "dedicated_since": DateTime::UNIX_EPOCH});
    app.admin().patch(&path, &again).await.expect(200);
}

/// From now on it is known so of the users whom `since` tells of.
async fn came(app: &TestApp, client: &TenantClient, since: impl Fn(&str) -> Option<DateTime<Utc>>) {
    let known = seen(app, client, |_| true).await;
    let mut stays = Stays { seen_at: known.seen_at + TimeDelta::microseconds(1), ..known.clone() };
    for (id, stay) in &mut stays.users {
        stay.since = since(id).unwrap_or(stay.since);
    }
    let store = app.store().await;
    assert!(store.keep_stays(&client.id.parse().unwrap(), &stays, Some(&known)).await.unwrap());
    store.close().await;
    // What was looked up is forgotten.
    app.clock.advance(TimeDelta::seconds(61));
}

fn by_user<'i>(ids: impl IntoIterator<Item = &'i String>) -> Value {
    let predicates: Vec<_> = ids.into_iter().map(|id| json!({"dimension": "userId", "value": id})).collect();
    json!({"type": "or", "predicates": predicates})
}

fn with(body: &Value, more: &Value) -> Value {
    let mut body = body.clone();
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

/// Of each group, what the tenant is shown.
fn groups(answer: &Value) -> BTreeMap<String, Value> {
    let mut groups = BTreeMap::new();
    for group in answer["results"].as_array().unwrap() {
        let mut data = group["data"].clone();
        for one in data.as_array_mut().unwrap() {
            one.as_object_mut().unwrap().retain(|name, _| name != "observations" && name != "truncated");
        }
        assert!(groups.insert(group["group"].to_string(), data).is_none(), "twice: {group}");
    }
    groups
}

fn time(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

#[tokio::test]
async fn what_users_do_is_told_of_dedicated_agents_alone() {
    let app = TestApp::start().await;
    let shared = app.tenant("alpha", &[ALPHA]).await;
    for (path, body) in queries() {
        let refused = shared.post(path, &body).await;
        assert_refused(&refused, 403, "ringfence.agents_not_dedicated");
        assert!(refused.text.contains("dedicated_agents"), "{refused:?}");
    }
    assert!(sent(&app).is_empty());
    app.admin().patch("/tenants/alpha", &json!({"dedicated_agents": true})).await.expect(200);
    for (path, body) in queries() {
        let own = owned(&app, ALPHA, "users");
        let expected = everything(&app, path, Some(&with(&body, &json!({"filter": by_user(&own)})))).await;
        assert!(!expected["results"].as_array().unwrap().is_empty(), "{path}");
        assert_eq!(groups(&shared.post(path, &body).await.expect(200)), groups(&expected), "{path}");
    }
    app.admin().patch("/tenants/alpha", &json!({"dedicated_agents": false})).await.expect(200);
    for (path, body) in queries() {
        assert_refused(&shared.post(path, &body).await, 403, "ringfence.agents_not_dedicated");
    }
    app.finish().await;
}

#[tokio::test]
async fn anothers_user_in_a_filter_finds_as_much_as_a_missing_one() {
    let app = TestApp::start().await;
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let (own, theirs) = (owned(&app, ALPHA, "users"), owned(&app, BETA, "users"));
    let (own, theirs, nobody) = (own.first().unwrap(), theirs.first().unwrap(), NOBODY.to_owned());
    for (path, body) in queries() {
        let ask = async |ids: &[&String]| {
            alpha.post(path, &with(&body, &json!({"filter": by_user(ids.iter().copied())}))).await
        };
        let (foreign, missing) = (ask(&[theirs]).await, ask(&[&nobody]).await);
        assert_eq!(foreign.body, json!({"results": []}), "{path}");
        assert_alike(&foreign, &missing);
        assert_eq!(ask(&[theirs, own]).await.expect(200), ask(&[own]).await.expect(200), "{path}");
        for predicate in [
            json!({"dimension": "userId", "operator": "notExists"}),
            json!({"dimension": "userId", "range": {"gte": 1}}),
            json!({"dimension": "queueId", "value": NOBODY}),
        ] {
            let filter = json!({"type": "and", "predicates": [predicate]});
            let refused = alpha.post(path, &with(&body, &json!({"filter": filter}))).await;
            assert_refused(&refused, 400, "ringfence.filter_refused");
        }
    }
    let presences = with(&queries()[0].1, &json!({"metrics": ["tOrganizationPresence"]}));
    assert_refused(&alpha.post(AGGREGATES, &presences).await, 400, "ringfence.aggregation_refused");
    app.finish().await;
}

#[tokio::test]
async fn the_moved_agents_past_stays_where_it_was() {
    let app = TestApp::start().await;
    let (alpha, beta) = (dedicated(&app, "alpha", ALPHA).await, dedicated(&app, "beta", BETA).await);
    let agent = owned(&app, BETA, "users").first().unwrap().clone();
    let asked = |interval: &str, by: &[&str]| json!({"interval": interval, "metrics": ["tSystemPresence"], "groupBy": by, "filter": by_user([&agent])});
    let past = asked(INTERVAL, &["userId"]);
    assert_eq!(beta.post(AGGREGATES, &past).await.expect(200)["results"].as_array().unwrap().len(), 1);
    assert!(app.simulator.organisation().move_user(&agent, ALPHA));
    app.clock.advance(TimeDelta::seconds(61));
    // Who moved out is gone, with all that they did.
    assert_eq!(beta.post(AGGREGATES, &past).await.expect(200), json!({"results": []}));
    // Who moved in has no past.
    app.simulator.organisation().clear_calls();
    for by in [&["userId"][..], &[]] {
        assert_eq!(alpha.post(AGGREGATES, &asked(INTERVAL, by)).await.expect(200), json!({"results": []}));
    }
    for (_, query) in sent(&app).iter().filter(|(call, _)| call.contains(AGGREGATES)) {
        let narrowed = query["filter"]["clauses"].as_array().unwrap().last().unwrap();
        assert_eq!(narrowed["predicates"].as_array().unwrap().len(), 1);
        assert_eq!(narrowed["predicates"][0]["value"], "00000000-0000-0000-0000-000000000000");
    }
    // Nor by an interval that reaches up to now: it begins when the agent was first seen.
    let now = app.clock.now();
    let until = (now + TimeDelta::hours(3)).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let start = (now - TimeDelta::days(300)).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let reaching = format!("{start}/{until}");
    assert_eq!(
        alpha.post(AGGREGATES, &asked(&reaching, &["userId"])).await.expect(200),
        json!({"results": []})
    );
    let (_, query) = sent(&app).into_iter().rfind(|(call, _)| call.contains(AGGREGATES)).unwrap();
    let (from, to) = query["interval"].as_str().unwrap().split_once('/').unwrap();
    assert!(time(from) > now - TimeDelta::minutes(2) && from.ends_with(":00:00.000Z"), "{query}");
    assert_eq!(to, until);
    let refused = alpha.post(AGGREGATES, &asked(&reaching, &[])).await;
    assert_refused(&refused, 400, "ringfence.aggregation_refused");
    assert!(refused.text.contains(from), "{} names {from}", refused.text);
    // A restart resets nothing, and forgets nothing.
    let app = app.restart().await;
    let alpha = app.again(&alpha);
    assert_eq!(
        alpha.post(AGGREGATES, &asked(INTERVAL, &["userId"])).await.expect(200),
        json!({"results": []})
    );
    let others = with(&asked(INTERVAL, &["userId"]), &json!({"filter": null}));
    let others = alpha.post(AGGREGATES, &others).await.expect(200);
    assert_eq!(others["results"].as_array().unwrap().len(), owned(&app, ALPHA, "users").len() - 1);
    // And back: it is not known that the agent did nothing else meanwhile.
    assert!(app.simulator.organisation().move_user(&agent, BETA));
    app.clock.advance(TimeDelta::seconds(61));
    let beta = app.again(&beta);
    assert_eq!(beta.post(AGGREGATES, &past).await.expect(200), json!({"results": []}));
    // All that is shown of the tenant, sent once more, is no new word.
    let shown = app.admin().get("/tenants/beta").await.expect(200);
    let again =
        json!({"dedicated_agents": true, "dedicated_since": shown["dedicated_since"], "name": "Beta"});
    let kept = app.admin().patch("/tenants/beta", &again).await.expect(200);
    assert_eq!(kept["dedicated_at"], shown["dedicated_at"]);
    assert_eq!(beta.post(AGGREGATES, &past).await.expect(200), json!({"results": []}));
    app.admin().patch("/tenants/beta", &json!({"dedicated_agents": false})).await.expect(200);
    let bare = app.admin().patch("/tenants/beta", &json!({"dedicated_agents": true})).await;
    assert_eq!((bare.status.as_u16(), text(&bare.body["field"])), (422, "dedicated_since".to_owned()));
    vouch_again(&app, "beta").await;
    let vouched = beta.post(AGGREGATES, &past).await.expect(200);
    assert_eq!(vouched["results"].as_array().unwrap().len(), 1, "the operator vouches again");
    app.finish().await;
}

#[tokio::test]
async fn the_operator_may_vouch_from_a_time_on() {
    let app = TestApp::start().await;
    let since = "2026-06-03T12:00:00.000Z";
    let fields = json!({"dedicated_agents": true, "dedicated_since": since});
    let alpha = app.tenant_with("alpha", &[ALPHA], fields).await;
    let body = json!({"interval": INTERVAL, "metrics": ["tSystemPresence"], "groupBy": ["userId"]});
    let answer = alpha.post(AGGREGATES, &body).await.expect(200);
    let until = INTERVAL.split_once('/').unwrap().1;
    let own = owned(&app, ALPHA, "users");
    let clipped = json!({"interval": format!("{since}/{until}"), "filter": by_user(&own)});
    let expected = everything(&app, AGGREGATES, Some(&with(&body, &clipped))).await;
    assert_eq!(groups(&answer), groups(&expected));
    let refused = alpha.post(AGGREGATES, &with(&body, &json!({"groupBy": []}))).await;
    assert_refused(&refused, 400, "ringfence.aggregation_refused");
    assert!(refused.text.contains(since), "{}", refused.text);
    let from_then_on = json!({"groupBy": [], "interval": format!("{since}/{until}")});
    alpha.post(AGGREGATES, &with(&body, &from_then_on)).await.expect(200);
    for fields in [
        json!({"dedicated_since": "2030-01-01T00:00:00Z", "dedicated_agents": true}),
        json!({"dedicated_since": since, "dedicated_agents": false}),
    ] {
        let refused = app.admin().patch("/tenants/alpha", &fields).await;
        assert_eq!(
            (refused.status.as_u16(), text(&refused.body["field"])),
            (422, "dedicated_since".to_owned())
        );
    }
    app.finish().await;
}

/// Where Genesys counts from before the time that it was asked of, that is left out.
#[tokio::test]
async fn what_genesys_tells_of_before_they_came_is_left_out() {
    let app = TestApp::start().await;
    let since = "2026-06-03T12:00:00.000Z";
    let fields = json!({"dedicated_agents": true, "dedicated_since": since});
    let alpha = app.tenant_with("alpha", &[ALPHA], fields).await;
    let daily = json!({"interval": INTERVAL, "granularity": "PT1H", "metrics": ["tSystemPresence"], "groupBy": ["userId"]});
    let told = alpha.post(AGGREGATES, &daily).await.expect(200);
    assert!(!groups(&told).is_empty());
    disturb_below(&app, AGGREGATES, Fault::Early { hours: 24 });
    let from_then_on = json!({"interval": format!("{since}/{}", INTERVAL.split_once('/').unwrap().1)});
    let early = everything(&app, AGGREGATES, Some(&with(&daily, &from_then_on))).await;
    assert!(begins(&early) < time(since), "the fault counts too early");
    let cut = alpha.post(AGGREGATES, &daily).await.expect(200);
    assert_eq!(groups(&cut), groups(&told));
    assert!(begins(&cut) >= time(since), "{cut}");
    // Of what began before and ends later nobody knows which part is of later.
    let whole = with(&daily, &json!({"granularity": null}));
    let whole = groups(&alpha.post(AGGREGATES, &whole).await.expect(200));
    assert!(whole.values().all(|data| data == &json!([])), "{whole:?}");
    app.finish().await;
}

/// When the earliest begins of what is told.
fn begins(answer: &Value) -> DateTime<Utc> {
    let groups = answer["results"].as_array().unwrap().iter();
    let data = groups.flat_map(|group| group["data"].as_array().unwrap());
    let starts = data.map(|one| time(one["interval"].as_str().unwrap().split_once('/').unwrap().0));
    starts.min().unwrap()
}

#[tokio::test]
async fn the_operator_may_say_later_since_when_they_serve_no_other() {
    let app = TestApp::start().await;
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let body = json!({"interval": INTERVAL, "metrics": ["tSystemPresence"], "groupBy": ["userId"]});
    let whole = groups(&alpha.post(AGGREGATES, &body).await.expect(200));
    let (since, until) = ("2026-06-03T12:00:00.000Z", INTERVAL.split_once('/').unwrap().1);
    let expected =
        json!({"interval": format!("{since}/{until}"), "filter": by_user(&owned(&app, ALPHA, "users"))});
    let expected = groups(&everything(&app, AGGREGATES, Some(&with(&body, &expected))).await);
    assert_ne!(whole, expected);
    app.admin().patch("/tenants/alpha", &json!({"dedicated_since": since})).await.expect(200);
    assert_eq!(groups(&alpha.post(AGGREGATES, &body).await.expect(200)), expected);
    // The word that they are dedicated, said again, takes nothing of it back.
    app.admin().patch("/tenants/alpha", &json!({"dedicated_agents": true})).await.expect(200);
    assert_eq!(groups(&alpha.post(AGGREGATES, &body).await.expect(200)), expected);
    app.finish().await;
}

#[tokio::test]
async fn the_operators_word_taken_back_in_flight_ends_the_call() {
    let app = TestApp::start().await;
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let body = queries().remove(0).1;
    alpha.post(AGGREGATES, &body).await.expect(200);
    for change in [json!({"dedicated_since": "2026-06-03T12:00:00Z"}), json!({"dedicated_agents": false})] {
        app.simulator.organisation().clear_calls();
        disturb_below(&app, AGGREGATES, Fault::Latency { ms: 1_500 });
        let call = {
            let (alpha, body) = (alpha.clone(), body.clone());
            tokio::spawn(async move { alpha.post(AGGREGATES, &body).await })
        };
        eventually("the call is in flight", async || {
            sent(&app).iter().any(|(call, _)| call.contains(AGGREGATES)).then_some(())
        })
        .await;
        app.admin().patch("/tenants/alpha", &change).await.expect(200);
        assert_refused(&call.await.unwrap(), 403, "ringfence.permit_withdrawn");
    }
    app.finish().await;
}

/// However users came and went: what is put together is, for each of them, what one query of its own time would tell.
#[tokio::test]
async fn what_is_put_together_is_what_one_query_for_each_user_would_have_told() {
    let app = TestApp::start().await;
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let own: Vec<_> = owned(&app, ALPHA, "users").into_iter().collect();
    let (from, until) = INTERVAL.split_once('/').unwrap();
    let mut state = 0x5eed_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..6 {
        // Before, amid and after the interval, several at the same time among them.
        let since: BTreeMap<_, _> = own
            .iter()
            .map(|id| {
                (id.clone(), time(from) + TimeDelta::hours(12 * (i64::try_from(draw(18)).unwrap() - 3)))
            })
            .collect();
        came(&app, &alpha, |id| since.get(id).copied()).await;
        for (path, body) in &queries()[..2] {
            let named: Vec<_> = own.iter().filter(|_| draw(3) > 0).cloned().collect();
            let filter = json!({"filter": by_user(&named)});
            // What is told of at once must not reach back to before they came.
            let (granularity, longest) =
                if draw(2) == 0 { (json!({}), 0) } else { (json!({"granularity": "P1D"}), 25) };
            let since = |id: &String| since[id] + TimeDelta::hours(longest);
            let body = with(&with(body, &filter), &granularity);
            let mut expected = BTreeMap::new();
            for id in &named {
                let start = since(id).max(time(from)).format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
                if time(&start) < time(until) {
                    let alone = json!({"filter": by_user([id]), "interval": format!("{start}/{until}")});
                    expected.extend(groups(&everything(&app, path, Some(&with(&body, &alone))).await));
                }
            }
            assert_eq!(groups(&alpha.post(path, &body).await.expect(200)), expected, "{body}");
            // Of all together nothing can be left out for one: it is refused, or nobody came amid it.
            let together = alpha.post(path, &with(&body, &json!({"groupBy": []}))).await;
            let came_amid = named.iter().any(|id| time(from) < since(id) && since(id) < time(until));
            assert_eq!(together.status.as_u16(), if came_amid { 400 } else { 200 }, "{together:?}");
        }
    }
    app.finish().await;
}

#[tokio::test]
async fn a_time_without_a_zone_is_sent_as_the_utc_that_it_is_read_as() {
    let app = TestApp::start().await;
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let knowledge = "/api/v2/analytics/knowledge/aggregates/query";
    let conversations = "/api/v2/analytics/conversations/aggregates/query";
    for (path, metric) in
        [(AGGREGATES, "tSystemPresence"), (knowledge, "nCounted"), (conversations, "nOffered")]
    {
        let interval = "2026-06-03T00:00:00/2026-06-05T02:00:00+02:00";
        let body = json!({"interval": interval, "timeZone": "UTC", "metrics": [metric]});
        alpha.post(path, &body).await.expect(200);
        let (_, query) = sent(&app).into_iter().rfind(|(call, _)| call.contains(path)).unwrap();
        assert_eq!(query["interval"], "2026-06-03T00:00:00.000Z/2026-06-05T00:00:00.000Z");
    }
    for odd in [json!({"alternateTimeDimension": "eventTime"}), json!({"granularity": "P2Y"})] {
        let refused = alpha.post(AGGREGATES, &with(&queries().remove(0).1, &odd)).await;
        assert_refused(&refused, 400, "ringfence.aggregation_refused");
    }
    app.finish().await;
}

/// Unlike a user's: a declared channel, of this extent.
#[tokio::test]
async fn a_queues_past_is_told_to_whom_the_queue_comes_and_to_nobody_else() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let path = "/api/v2/analytics/knowledge/aggregates/query";
    let queue = owned(&app, BETA, "queues").first().unwrap().clone();
    let filter = json!({"type": "or", "predicates": [{"dimension": "queueId", "value": queue}]});
    let body =
        json!({"interval": INTERVAL, "metrics": ["nCounted"], "groupBy": ["queueId"], "filter": filter});
    let whole = groups(&everything(&app, path, Some(&body)).await);
    assert_eq!(whole.keys().collect::<Vec<_>>(), [&json!({"queueId": queue}).to_string()]);
    assert_eq!(alpha.post(path, &body).await.expect(200), json!({"results": []}));
    app.admin().patch("/tenants/alpha", &json!({"division_ids": [ALPHA, BETA]})).await.expect(200);
    assert_eq!(groups(&alpha.post(path, &body).await.expect(200)), whole, "all of its past");
    app.admin().patch("/tenants/alpha", &json!({"division_ids": [ALPHA]})).await.expect(200);
    assert_eq!(alpha.post(path, &body).await.expect(200), json!({"results": []}));
    app.finish().await;
}

/// Each hour in which somebody came is a query of its own, of which there are fifty.
#[tokio::test]
async fn where_many_came_at_different_times_the_refusal_says_when_to_begin() {
    let app = TestApp::start().await;
    let before = owned(&app, ALPHA, "users");
    assert!(app.simulator.organisation().add_users(ALPHA, 60));
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let own = owned(&app, ALPHA, "users");
    let (from, until) = INTERVAL.split_once('/').unwrap();
    let new: Vec<_> = own.iter().filter(|id| !before.contains(*id)).collect();
    let hour = |id: &str| i64::try_from(new.iter().position(|one| **one == *id)? + 1).ok();
    // Some minutes before the full hour.
    let since =
        |id: &str| Some(time(from) + TimeDelta::hours(hour(id)?) - TimeDelta::minutes(hour(id)? % 50));
    came(&app, &alpha, since).await;
    let body = queries().remove(0).1;
    let refused = alpha.post(AGGREGATES, &body).await;
    assert_refused(&refused, 400, "ringfence.aggregation_refused");
    let begin = "2026-06-01T11:00:00.000Z";
    assert!(refused.text.contains(begin) && refused.text.contains("60 different"), "{}", refused.text);
    app.simulator.organisation().clear_calls();
    alpha.post(AGGREGATES, &with(&body, &json!({"interval": format!("{begin}/{until}")}))).await.expect(200);
    assert_eq!(sent(&app).iter().filter(|(call, _)| call.contains(AGGREGATES)).count(), 50);
    app.finish().await;
}

#[tokio::test]
async fn five_thousand_users_are_asked_for_in_fifty_queries_or_refused_with_the_remedy() {
    let app = TestApp::start().await;
    assert!(app.simulator.organisation().add_users(ALPHA, 5_000 - owned(&app, ALPHA, "users").len()));
    let alpha = dedicated(&app, "alpha", ALPHA).await;
    let own = owned(&app, ALPHA, "users");
    let body = queries().remove(0).1;
    let whole = alpha.post(AGGREGATES, &with(&body, &json!({"groupBy": []}))).await;
    assert_refused(&whole, 400, "ringfence.aggregation_refused");
    assert!(whole.text.contains("`groupBy`") && whole.text.contains("5000"), "{}", whole.text);
    app.simulator.organisation().clear_calls();
    let apart = alpha.post(AGGREGATES, &body).await.expect(200);
    let calls = sent(&app);
    assert!(calls.len() <= 100, "{} calls", calls.len());
    let queries: Vec<_> = calls.iter().filter(|(call, _)| call.contains(AGGREGATES)).collect();
    assert_eq!(queries.len(), 50);
    // As one query would have it, if Genesys took it: what it tells of all users, without others' groups.
    let everybody =
        json!({"filter": {"type": "or", "predicates": [{"dimension": "userId", "operator": "exists"}]}});
    let mut expected = groups(&everything(&app, AGGREGATES, Some(&with(&body, &everybody))).await);
    let group: BTreeSet<_> = own.iter().map(|id| json!({"userId": id}).to_string()).collect();
    expected.retain(|id, _| group.contains(id));
    assert_eq!(expected.len(), 5_000);
    assert_eq!(groups(&apart), expected);
    // One more, who has no part in that time, is not asked for; one that has is more than fifty queries ask for.
    assert!(app.simulator.organisation().add_users(ALPHA, 1));
    app.clock.advance(TimeDelta::seconds(61));
    assert_eq!(groups(&alpha.post(AGGREGATES, &body).await.expect(200)), expected);
    vouch_again(&app, "alpha").await;
    let refused = alpha.post(AGGREGATES, &body).await;
    assert_refused(&refused, 400, "ringfence.aggregation_refused");
    assert!(refused.text.contains("`filter`"), "{}", refused.text);
    app.finish().await;
}
