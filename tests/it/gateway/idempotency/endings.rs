//! However the first call ended, nothing is made twice.

use chrono::TimeDelta;
use futures_util::future::join_all;
use reqwest::Method;
use ringfence::simulator::{ALPHA, Fault, Match, Rule};
use serde_json::{Value, json};

use super::{
    super::organisation::{NOBODY, QUEUES, USERS, assert_refused, event, eventually, sent, text},
    IN_PROGRESS, KEY, REUSED, UNKNOWN, assert_replayed, id, is_replayed, keyed, made, post, user,
};
use crate::support::{app::TestApp, database::TestDatabase};

/// Makes creates of users go wrong, so often.
fn disturb(app: &TestApp, fault: Fault, times: Option<u32>) {
    let making = Match { method: Some("POST".to_owned()), path_prefix: Some(USERS.to_owned()) };
    app.simulator.organisation().set_faults(vec![Rule::new(making, fault, times)]);
}

#[tokio::test]
async fn while_the_first_is_under_way_the_others_are_told_so() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, Fault::Latency { ms: 1_500 }, None);
    let (one, body) = (alpha.clone(), user("ana"));
    let call = tokio::spawn(async move { post(&one, USERS, "k", &body).await });
    eventually("Genesys has the call", async || (made(&app) == 1).then_some(())).await;
    let refused = post(&alpha, USERS, "k", &user("ana")).await;
    assert_refused(&refused, 409, IN_PROGRESS);
    assert!(refused.headers.get("retry-after").is_none());
    assert_refused(&post(&alpha, USERS, "k", &user("ben")).await, 422, REUSED);
    let first = call.await.unwrap();
    assert_eq!(event(&app, &refused).await["outcome"]["repeats"], json!(id(&first)));
    assert_replayed(&app, &first, &post(&alpha, USERS, "k", &user("ana")).await).await;
    assert_eq!(made(&app), 1);
    app.finish().await;
}

#[tokio::test]
async fn of_many_at_once_one_is_forwarded() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, Fault::Latency { ms: 300 }, None);
    let body = user("ana");
    let answers = join_all((0..16).map(|_| post(&alpha, USERS, "k", &body))).await;
    assert_eq!(made(&app), 1);
    let firsts: Vec<_> = answers.iter().filter(|one| one.status.is_success() && !is_replayed(one)).collect();
    assert_eq!(firsts.len(), 1, "{answers:?}");
    for one in answers.iter().filter(|one| !one.status.is_success()) {
        assert_refused(one, 409, IN_PROGRESS);
    }
    assert_replayed(&app, firsts[0], &post(&alpha, USERS, "k", &body).await).await;
    app.finish().await;
}

/// A caller that gave up is who sends it again: the call goes on, and its answer is there.
#[tokio::test]
async fn a_caller_that_left_gets_the_answer_when_it_comes_back() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    disturb(&app, Fault::Latency { ms: 700 }, None);
    let left = {
        let (one, body) = (alpha.clone(), user("ana"));
        #[expect(clippy::disallowed_methods, reason = "tests are clients")]
        tokio::spawn(async move { keyed(&one, USERS, "k", &body).send().await })
    };
    eventually("Genesys has the call", async || (made(&app) == 1).then_some(())).await;
    left.abort();
    let again = eventually("the first has ended", async || {
        let again = post(&alpha, USERS, "k", &user("ana")).await;
        again.status.is_success().then_some(again)
    })
    .await;
    assert!(is_replayed(&again));
    assert_eq!((made(&app), &again.body["email"]), (1, &json!("ana@example.com")));
    let first = text(&event(&app, &again).await["outcome"]["repeats"]);
    let [first] = <[Value; 1]>::try_from(app.find_events(&format!("correlation_id={first}")).await).unwrap();
    assert_eq!(
        (&first["outcome"]["code"], &first["outcome"]["upstream_status"]),
        (&json!("aborted"), &json!(200))
    );
    app.finish_after_loss().await;
}

/// Who leaves again and again has no more under way than who waits.
#[tokio::test]
async fn a_call_whose_caller_left_keeps_its_place_until_it_has_ended() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "concurrent_requests": 1 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    disturb(&app, Fault::Latency { ms: 2_000 }, Some(1));
    let left = {
        let (one, body) = (alpha.clone(), user("ana"));
        #[expect(clippy::disallowed_methods, reason = "tests are clients")]
        tokio::spawn(async move { keyed(&one, USERS, "k", &body).send().await })
    };
    eventually("Genesys has the call", async || (made(&app) == 1).then_some(())).await;
    left.abort();
    // The gateway learns of it.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(post(&alpha, USERS, "l", &user("bob")).await.status, 429);
    let next = eventually("the first has ended", async || {
        let next = post(&alpha, USERS, "l", &user("bob")).await;
        next.status.is_success().then_some(next)
    })
    .await;
    assert_eq!((made(&app), is_replayed(&next)), (2, false));
    app.finish_after_loss().await;
}

#[tokio::test]
async fn what_nobody_knows_the_end_of_is_never_sent_again() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let status = |status| Fault::Status { status, retry_after: None };
    for (turn, fault) in [Fault::Reset, Fault::Truncate, status(500), status(503)].into_iter().enumerate() {
        app.simulator.organisation().clear_calls();
        disturb(&app, fault, Some(1));
        let (key, body) = (format!("k{turn}"), user(&format!("ana{turn}")));
        let first = post(&alpha, USERS, &key, &body).await;
        assert_refused(&first, 502, "ringfence.effect_unknown");
        for _ in 0..2 {
            let again = post(&alpha, USERS, &key, &body).await;
            assert_refused(&again, 409, UNKNOWN);
            assert!(again.text.contains("new key") && again.headers.get("retry-after").is_none());
            assert_eq!(event(&app, &again).await["outcome"]["repeats"], json!(id(&first)));
        }
        assert_eq!(made(&app), 1);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_genesys_refused_is_refused_again_without_asking() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for (turn, (status, told, code)) in
        [(400, 400, "bad.request"), (409, 409, "general.conflict"), (422, 422, "ringfence.upstream_refused")]
            .into_iter()
            .enumerate()
    {
        app.simulator.organisation().clear_calls();
        disturb(&app, Fault::Status { status, retry_after: None }, Some(1));
        let (key, body) = (format!("k{turn}"), user(&format!("ana{turn}")));
        let first = post(&alpha, USERS, &key, &body).await;
        assert_refused(&first, told, code);
        let again = post(&alpha, USERS, &key, &body).await;
        assert_refused(&again, told, code);
        assert!(!is_replayed(&first) && is_replayed(&again));
        assert_eq!(first.body["message"], again.body["message"]);
        let event = event(&app, &again).await;
        assert_eq!(
            (&event["outcome"]["code"], &event["outcome"]["repeats"]),
            (&json!(code), &json!(id(&first)))
        );
        assert_eq!(made(&app), 1);
    }
    app.finish().await;
}

#[tokio::test]
async fn what_took_no_effect_may_be_sent_again_with_its_key() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    // Refused here, before anything was sent.
    let foreign = json!({ "name": "A", "division": { "id": NOBODY } });
    assert_refused(&post(&alpha, QUEUES, "a", &foreign).await, 403, "ringfence.division_not_permitted");
    assert!(
        post(&alpha, QUEUES, "a", &json!({ "name": "A" })).await.status.is_success(),
        "another request, too"
    );
    assert_refused(
        &post(&alpha, USERS, "b", &json!({ "nonsense": 1 })).await,
        400,
        "ringfence.body_unknown_field",
    );
    assert!(post(&alpha, USERS, "b", &user("ana")).await.status.is_success());
    let missing = format!("{QUEUES}/{NOBODY}/wrapupcodes");
    for _ in 0..2 {
        let refused = post(&alpha, &missing, "c", &json!([])).await;
        assert_refused(&refused, 404, "not.found");
        assert!(!is_replayed(&refused));
    }
    // Genesys had enough requests, and did nothing.
    disturb(&app, Fault::Status { status: 429, retry_after: Some(1) }, Some(1));
    let limited = post(&alpha, USERS, "d", &user("ben")).await;
    assert_refused(&limited, 429, "too.many.requests.retry.after");
    let made = eventually("Genesys takes it again", async || {
        let again = post(&alpha, USERS, "d", &user("ben")).await;
        again.status.is_success().then_some(again)
    })
    .await;
    assert!(!is_replayed(&made));
    app.finish().await;
}

#[tokio::test]
async fn a_key_is_new_again_after_a_day() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let first = post(&alpha, QUEUES, "k", &json!({ "name": "A" })).await;
    app.clock.advance(TimeDelta::hours(23));
    let by_key = |body: &Value| {
        let request =
            app.client.post(format!("{}{QUEUES}", app.gateway())).header("x-api-key", &alpha.api_key);
        request.header(KEY, "k").json(body)
    };
    assert_replayed(&app, &first, &app.send(by_key(&json!({ "name": "A" }))).await).await;
    assert_refused(&app.send(by_key(&json!({ "name": "B" }))).await, 422, REUSED);
    app.clock.advance(TimeDelta::minutes(61));
    let new = app.send(by_key(&json!({ "name": "B" }))).await;
    assert!(new.status.is_success() && !is_replayed(&new), "{new:?}");
    assert_replayed(&app, &new, &app.send(by_key(&json!({ "name": "B" }))).await).await;
    app.finish().await;
}

/// The answer is sealed, and no hand in the database makes it another's or another one.
#[tokio::test]
async fn what_was_kept_is_sealed_and_opens_in_its_place_alone() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let first = post(&alpha, USERS, "secret-order", &user("ana")).await;
    let other = post(&alpha, USERS, "other", &user("ben")).await;
    assert!(first.status.is_success() && other.status.is_success());
    for word in ["ana@example.com", "secret-order"] {
        let held = app.database().bytes("SELECT name, fingerprint, answer FROM claim").await;
        assert!(held.len() >= 6 && held.iter().all(|bytes| !contains(bytes, word.as_bytes())), "{word}");
    }
    app.database().run("UPDATE claim SET answer = (SELECT answer FROM claim ORDER BY answer LIMIT 1)").await;
    let answers = [
        post(&alpha, USERS, "secret-order", &user("ana")).await,
        post(&alpha, USERS, "other", &user("ben")).await,
    ];
    let refused: Vec<_> = answers.iter().filter(|one| !one.status.is_success()).collect();
    assert_eq!(refused.len(), 1, "{answers:?}");
    assert_refused(refused[0], 409, UNKNOWN);
    assert_eq!(sent(&app).iter().filter(|(call, _)| *call == format!("POST {USERS}")).count(), 2);
    app.finish().await;
}

#[tokio::test]
async fn of_a_large_answer_it_is_kept_that_it_was_given() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let body = json!({ "name": "Once", "description": "x".repeat(70_000) });
    let first = post(&alpha, QUEUES, "k", &body).await;
    assert!(first.status.is_success() && first.text.len() > 65_536, "{}", first.status);
    let again = post(&alpha, QUEUES, "k", &body).await;
    assert_refused(&again, 409, "ringfence.idempotency_answer_not_kept");
    assert_eq!((made(&app), &event(&app, &again).await["outcome"]["repeats"]), (1, &json!(id(&first))));
    app.finish().await;
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

#[tokio::test]
async fn a_tenant_holds_a_bounded_number_of_keys() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let first = post(&alpha, QUEUES, "k", &json!({ "name": "A" })).await;
    let digits = match app.database() {
        TestDatabase::Sqlite { .. } => "CAST(printf('%032d', n) AS BLOB)",
        TestDatabase::Postgres { .. } => "convert_to(lpad(n::text, 32, '0'), 'UTF8')",
    };
    let fill = format!(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 99999) \
         INSERT INTO claim (name, tenant_id, fingerprint, event_id, stream, claimed_at, state) \
         SELECT {digits}, tenant_id, fingerprint, event_id, stream, claimed_at, 'unknown' FROM numbers, claim"
    );
    app.database().run(&fill).await;
    // They are counted once a minute.
    let app = app.restart().await;
    let alpha = app.again(&alpha);
    let refused = post(&alpha, QUEUES, "new", &json!({ "name": "B" })).await;
    assert_refused(&refused, 429, "ringfence.idempotency_keys_used_up");
    assert!(refused.headers.get("retry-after").is_none());
    assert_eq!(made(&app), 1);
    assert_replayed(&app, &first, &post(&alpha, QUEUES, "k", &json!({ "name": "A" })).await).await;
    let without = alpha.send(alpha.request(Method::POST, QUEUES).json(&json!({ "name": "B" }))).await;
    assert!(without.status.is_success());
    app.finish().await;
}
