//! A gateway that cannot write its record answers nothing, and serves again by itself once it can.

use ringfence::simulator::ALPHA;
use serde_json::json;
use sqlx::{Connection, Executor, SqliteConnection};

use super::organisation::{QUEUES, assert_refused, eventually, sent};
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
