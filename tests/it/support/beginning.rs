//! What comes before a test can begin.

use chrono::{DateTime, Utc};
use ringfence::{
    app::{self, Addresses, Keys},
    clock::Clock,
    config::Config,
    model::{Actor, Event, EventId, EventKind},
    operator::operators,
};
use secrecy::ExposeSecret;
use tokio::time::{Instant, sleep};

use super::{
    app::read,
    command::{GLANCE, PATIENCE},
};

/// The token of an admin who is there before it serves.
pub(super) async fn first_admin(config: &Config, clock: &Clock) -> String {
    let store = app::open_store(config).await.unwrap();
    let keys = Keys::load(&config.secrets, &store, clock).await.unwrap();
    let issued = operators::bootstrap(&store, &keys.pepper, clock, "ana@example.com").await.unwrap();
    store.close().await;
    issued.token.expose_secret().to_owned()
}

/// The event of a change by nobody in particular.
pub(crate) fn change_at(at: DateTime<Utc>) -> Event {
    Event {
        id: EventId::at(at),
        at,
        kind: EventKind::Change,
        actor: Actor::default(),
        operation: Some("test.alter".into()),
        source: None,
        detail: "{}".into(),
    }
}

/// Waits until it says that it is able to serve.
pub(super) async fn until_ready(client: &reqwest::Client, addresses: &Addresses) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = read(client.get(format!("http://{}/ready", addresses.telemetry))).await;
        if answer.status == 200 {
            return;
        }
        assert!(Instant::now() < deadline, "waited in vain until it is ready: {answer:?}");
        sleep(GLANCE).await;
    }
}
