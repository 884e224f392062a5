//! A gateway that cannot write its record answers nothing, and serves again by itself once it can.

use std::time::{Duration, Instant};

use ringfence::simulator::{ALPHA, Fault};
use serde_json::json;
use sqlx::{Connection, Executor, PgConnection, SqliteConnection};

use super::organisation::{QUEUES, assert_refused, disturb, eventually, in_flight, sent};
use crate::support::{
    app::TestApp,
    database::TestDatabase,
    proxy::{Proxy, Wire},
};

/// Loses the store, looks on, and gives it back.
async fn is_lost_and_found_again<Lost>(
    app: TestApp,
    lose: impl AsyncFnOnce() -> Lost,
    mend: impl AsyncFnOnce(Lost),
) {
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    alpha.get(QUEUES).await.expect(200);
    let gone = lose().await;

    // The first may have reached upstream; its answer is not released.
    assert_refused(&alpha.get(QUEUES).await, 503, "ringfence.not_recorded");
    app.simulator.organisation().clear_calls();
    for _ in 0..5 {
        let answer = alpha.get(QUEUES).await;
        assert_refused(&answer, 503, "ringfence.not_recorded");
        assert!(answer.headers.get("retry-after").is_none());
        let login = alpha.log_in().await;
        assert_eq!((login.status.as_u16(), &login.body["error"]), (503, &json!("temporarily_unavailable")));
    }
    let unproven = app.client.get(format!("{}{QUEUES}", app.gateway()));
    assert_refused(&app.send(unproven).await, 503, "ringfence.not_recorded");
    assert_eq!(sent(&app), [], "nothing is forwarded once the loss is known");

    mend(gone).await;
    eventually("it serves again", async || (alpha.get(QUEUES).await.status == 200).then_some(())).await;
    app.finish_after_loss().await;
}

#[tokio::test]
async fn without_its_record_nothing_is_answered_on_sqlite() {
    let database = TestDatabase::sqlite();
    let url = database.url();
    let app = TestApp::start_on(database, |_| {}).await;
    let lose = async || {
        let mut other = SqliteConnection::connect(&url).await.unwrap();
        other.execute(sqlx::raw_sql("BEGIN IMMEDIATE")).await.unwrap();
        other
    };
    let mend = async |mut other: SqliteConnection| {
        other.execute(sqlx::raw_sql("ROLLBACK")).await.unwrap();
    };
    is_lost_and_found_again(app, lose, mend).await;
}

#[tokio::test]
async fn without_its_record_nothing_is_answered_on_postgresql() {
    for wire in [Wire::Cut, Wire::Blocked] {
        let database = TestDatabase::postgres().await;
        let proxy = Proxy::before(&database.address()).await;
        let url = database.url_at(proxy.address());
        let app = TestApp::start_on(database, |config| config.store.url = url.into()).await;
        is_lost_and_found_again(app, async || proxy.set(wire), async |()| proxy.set(Wire::Whole)).await;
    }
}

/// A statement by a connection of its own.
async fn run(url: &str, statement: &'static str) {
    if url.starts_with("sqlite:") {
        let mut other = SqliteConnection::connect(url).await.unwrap();
        other.execute(sqlx::raw_sql(statement)).await.unwrap();
    } else {
        let mut other = PgConnection::connect(url).await.unwrap();
        other.execute(sqlx::raw_sql(statement)).await.unwrap();
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_confirmed_for_three_seconds_answers_nothing() {
    for database in TestDatabase::both().await {
        let url = database.url();
        let app = TestApp::start_on(database, |_| {}).await;
        let alpha = app.tenant("alpha", &[ALPHA]).await;
        alpha.get(QUEUES).await.expect(200);
        // The record can be written all the while.
        run(&url, "ALTER TABLE version RENAME TO gone").await;
        let lost = Instant::now();
        let refused = eventually("nothing is answered", async || {
            let answer = alpha.get(QUEUES).await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        let after = lost.elapsed();
        assert!((Duration::from_millis(2_500)..Duration::from_secs(5)).contains(&after), "{after:?}");
        assert_refused(&refused, 503, "ringfence.state_unconfirmed");
        assert!(refused.headers.get("retry-after").is_none());
        app.simulator.organisation().clear_calls();
        let login = alpha.log_in().await;
        assert_eq!((login.status.as_u16(), &login.body["error"]), (503, &json!("temporarily_unavailable")));
        assert_refused(&alpha.get(QUEUES).await, 503, "ringfence.state_unconfirmed");
        assert_eq!(sent(&app), [], "nothing is forwarded");

        run(&url, "ALTER TABLE gone RENAME TO version").await;
        eventually("it serves again", async || (alpha.get(QUEUES).await.status == 200).then_some(())).await;
        app.finish().await;
    }
}

#[tokio::test]
async fn a_call_that_upstream_holds_is_not_released_once_the_state_is_unconfirmed() {
    for database in TestDatabase::both().await {
        let url = database.url();
        let app = TestApp::start_on(database, |_| {}).await;
        let alpha = app.tenant("alpha", &[ALPHA]).await;
        alpha.get(QUEUES).await.expect(200);
        disturb(&app, Fault::Latency { ms: 4_000 });
        let call = in_flight(&app, &alpha, QUEUES).await;
        run(&url, "ALTER TABLE version RENAME TO gone").await;
        assert_refused(&call.await.unwrap(), 503, "ringfence.state_unconfirmed");
        run(&url, "ALTER TABLE gone RENAME TO version").await;
        app.finish().await;
    }
}
