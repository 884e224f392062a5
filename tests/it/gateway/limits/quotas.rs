//! Requests a day and a month, which outlive the process.

use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, Months, NaiveTime, TimeDelta, Utc};
use ringfence::simulator::ALPHA;
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection};

use super::{USERS, assert_limited, number, text};
use crate::{
    gateway::{login::get, organisation::eventually},
    support::{
        app::{Answer, TenantClient, TestApp, read},
        database::TestDatabase,
    },
};

/// Early on the second day of a month: neither ends while a test runs.
fn at_a_quiet_time(app: &TestApp) -> DateTime<Utc> {
    let next = (app.clock.now() + Months::new(1)).with_day(2).unwrap();
    let quiet = next.with_time(NaiveTime::from_hms_opt(12, 0, 0).unwrap()).unwrap();
    app.clock.advance(quiet - app.clock.now());
    quiet
}

/// With the key itself: an access token lives one day.
async fn by_key(app: &TestApp, tenant: &TenantClient) -> Answer {
    app.send(get(app, USERS).header("x-api-key", &tenant.api_key)).await
}

#[tokio::test]
async fn a_day_and_a_month_have_their_ends_in_utc() {
    let app = TestApp::start().await;
    let noon = at_a_quiet_time(&app);
    let limits = json!({ "limits": { "requests_per_day": 2, "requests_per_month": 3 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let first = by_key(&app, &alpha).await;
    let days = (noon.date_naive() + Months::new(1)).signed_duration_since(noon.date_naive()).num_days();
    let policy = format!("\"tenant-day\";q=2;w=86400, \"tenant-month\";q=3;w={}", days * 86_400);
    assert_eq!(text(&first, "ratelimit-policy"), policy);
    by_key(&app, &alpha).await.expect(200);
    let refused = by_key(&app, &alpha).await;
    let wait = assert_limited(&refused);
    assert!((43_100..=43_200).contains(&wait), "until midnight: {wait}");
    assert_eq!(number(&refused, "inin-ratelimit-reset"), wait);
    app.clock.advance(TimeDelta::hours(12));
    by_key(&app, &alpha).await.expect(200);
    let wait = assert_limited(&by_key(&app, &alpha).await);
    assert!(wait > 26 * 86_400 && wait < 31 * 86_400, "until the month ends: {wait}");
    app.clock.advance(TimeDelta::days(31));
    by_key(&app, &alpha).await.expect(200);
    app.finish().await;
}

/// What was used is in the record, so a restart forgets nothing; logins and refusals of the limiter count for nothing.
#[tokio::test]
async fn a_restart_gives_nothing_back() {
    let app = TestApp::start().await;
    let limits = json!({ "limits": { "requests_per_day": 4 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let small = app.key("alpha", json!({ "name": "small", "limits": { "requests_per_month": 1 } })).await;
    let beta = app.tenant("beta", &[ringfence::simulator::BETA]).await;
    small.get(USERS).await.expect(200);
    assert_limited(&small.get(USERS).await);
    alpha.get(USERS).await.expect(200);
    alpha.get("/api/v2/nothing").await.expect(404);
    beta.get(USERS).await.expect(200);
    let app = app.restart().await;
    let (alpha, small) = (app.again(&alpha), app.again(&small));
    assert_limited(&small.get(USERS).await);
    let last = alpha.get(USERS).await;
    assert_eq!(text(&last, "ratelimit").split(";t=").next(), Some("\"tenant-day\";r=0"));
    last.expect(200);
    assert_limited(&alpha.get(USERS).await);
    app.finish().await;
}

/// The answer that crosses the limit goes out, and is the last; a restart finds it on record.
#[tokio::test]
async fn the_bytes_of_a_days_answers_are_limited_and_a_restart_gives_none_back() {
    let app = TestApp::start().await;
    at_a_quiet_time(&app);
    let limits = json!({ "limits": { "bytes_per_day": 100_000 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    let first = by_key(&app, &alpha).await;
    assert_eq!(
        text(&first, "ratelimit-policy"),
        "\"tenant-day-bytes\";q=100000;w=86400;qu=\"content-bytes\""
    );
    assert!(!first.headers.contains_key("inin-ratelimit-allowed"), "Genesys counts requests");
    let length = first.text.len();
    let second = by_key(&app, &alpha).await;
    let left = text(&second, "ratelimit").split([';', '=']).nth(2).unwrap().parse::<usize>().unwrap();
    assert_eq!(left, 100_000 - length, "what this answer takes is not counted yet");
    let mut answered = 2 * length;
    while answered < 100_000 {
        answered += by_key(&app, &alpha).await.text.len();
    }
    let wait = assert_limited(&by_key(&app, &alpha).await);
    assert!((43_100..=43_200).contains(&wait), "until midnight: {wait}");
    let app = app.restart().await;
    let alpha = app.again(&alpha);
    assert_limited(&by_key(&app, &alpha).await);
    app.clock.advance(TimeDelta::hours(12));
    by_key(&app, &alpha).await.expect(200);
    app.finish().await;
}

/// What came before there was a limit counts, as soon as the record was asked.
#[tokio::test]
async fn a_limit_set_later_counts_what_the_record_knows_of_the_day() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..3 {
        alpha.get(USERS).await.expect(200);
    }
    app.admin().patch("/tenants/alpha", &json!({ "limits": { "requests_per_day": 4 } })).await.expect(200);
    eventually("the record was asked", async || {
        let answer = alpha.get(USERS).await;
        (answer.status == 429).then_some(())
    })
    .await;
    let served = app.find_events("tenant=alpha&operation=getUsers").await.len();
    assert!((4..=8).contains(&served), "{served}");
    app.finish().await;
}

#[tokio::test]
async fn while_the_record_does_not_tell_what_was_used_it_answers_but_is_not_ready() {
    let app = TestApp::start().await;
    at_a_quiet_time(&app);
    let limits = json!({ "limits": { "requests_per_day": 2 } });
    let alpha = app.tenant_with("alpha", &[ALPHA], limits).await;
    by_key(&app, &alpha).await.expect(200);
    let lost = "ALTER TABLE event_outcome RENAME TO lost";
    let app = Box::pin(app.restart_amid(async |database| database.execute(lost).await)).await;
    let ready = async || read(app.client.get(format!("http://{}/ready", app.addresses.telemetry))).await;
    let not_ready = ready().await;
    assert_eq!((not_ready.status.as_u16(), &not_ready.body["missing"]), (503, &json!(["limits"])));
    let operator = read(app.client.get(format!("http://{}/nothing", app.addresses.operator))).await;
    assert_eq!(operator.status, 401, "{operator:?}");
    app.database().execute("ALTER TABLE lost RENAME TO event_outcome").await;
    eventually("the record tells", async || (ready().await.status == 200).then_some(())).await;
    let alpha = app.again(&alpha);
    by_key(&app, &alpha).await.expect(200);
    assert_limited(&by_key(&app, &alpha).await);
    app.finish().await;
}

/// What was used is still being read, and does not come: the end does not wait for it.
#[tokio::test]
async fn a_drain_does_not_wait_for_what_was_used() {
    let database = TestDatabase::postgres().await;
    let mut other = PgConnection::connect(&database.url()).await.unwrap();
    let app = TestApp::start_on(database, |_| {}).await;
    let limits = json!({ "limits": { "requests_per_day": 2 } });
    app.tenant_with("alpha", &[ALPHA], limits).await;
    let locked = async |_: &TestDatabase| {
        other.execute("BEGIN; LOCK TABLE event_outcome IN ACCESS EXCLUSIVE MODE").await.unwrap();
    };
    let app = Box::pin(app.restart_amid(locked)).await;
    let probe = async |what: &str| {
        let url = format!("http://{}{what}", app.addresses.telemetry);
        tokio::spawn(read(app.client.get(url))).await
    };
    assert_eq!(probe("/ready").await.unwrap().body["missing"], json!(["limits"]));
    let begun = Instant::now();
    app.drain();
    eventually("it has gone", async || probe("/health").await.is_err().then_some(())).await;
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    other.execute("ROLLBACK").await.unwrap();
    app.finish().await;
}
