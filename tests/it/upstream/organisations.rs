//! Several organisations behind one door: nothing of one is another's.

use std::sync::Arc;

use ringfence::{
    model::ServiceAccount,
    upstream::{Effect, UpstreamAnswer, UpstreamError, secret_context},
};

use super::{
    House, get,
    server::{Genesys, Login, SECRET, Trouble},
};

/// Another organisation behind the same door, whose client has the same id and secret.
async fn another(house: &House) -> (Genesys, Arc<ServiceAccount>) {
    let genesys = Genesys::start().await;
    let id = "other".parse().unwrap();
    let account = ServiceAccount {
        sealed_secret: house.master.seal(&secret_context(&id), SECRET.as_bytes()).unwrap(),
        id,
        api_url: genesys.url.clone(),
        login_url: genesys.url.clone(),
        ..(*house.account).clone()
    };
    (genesys, Arc::new(account))
}

async fn call(house: &House, account: &Arc<ServiceAccount>) -> Result<UpstreamAnswer, UpstreamError> {
    house
        .upstream
        .send(
            super::on_behalf(super::Share::Operator, account, &|| true),
            get("/api/v2/token"),
            Effect::Reads,
        )
        .await
}

#[tokio::test]
async fn each_organisation_sees_its_own_tokens_only() {
    let house = House::open().await;
    let (genesys, account) = another(&house).await;
    assert_eq!(house.token().await, "token-1");
    house.genesys.revoke_all();
    assert_eq!(house.token().await, "token-2");
    for _ in 0..10 {
        assert_eq!(call(&house, &account).await.unwrap().body, "token-1");
        assert_eq!(house.token().await, "token-2");
    }
    assert_eq!((house.genesys.logins(), genesys.logins()), (2, 1));
    let host = genesys.url.strip_prefix("http://").unwrap();
    assert!(genesys.seen().iter().all(|seen| seen.headers["authorization"] == "Bearer token-1"));
    assert!(genesys.seen().iter().all(|seen| seen.headers["host"] == host));
}

#[tokio::test]
async fn an_organisation_whose_login_fails_stops_no_other() {
    let house = House::open().await;
    let (genesys, account) = another(&house).await;
    house.genesys.login(Login::Fail(401, None));
    assert!(matches!(house.get("/api/v2/token").await, Err(UpstreamError::NoToken { .. })));
    assert_eq!(call(&house, &account).await.unwrap().body, "token-1");
    assert_eq!(genesys.logins(), 1);
}

#[tokio::test]
async fn an_organisation_that_fails_or_says_wait_stops_no_other() {
    let house = House::open().await;
    let (genesys, account) = another(&house).await;
    house.genesys.troubles(vec![Trouble::status(503); 100]);
    while !matches!(house.get("/api/v2/token").await, Err(UpstreamError::Spared)) {}
    assert_eq!(call(&house, &account).await.unwrap().status, 200);

    genesys.troubles([Trouble::status(429).with("retry-after", "30")]);
    assert_eq!(call(&house, &account).await.unwrap().status, 429);
    assert!(matches!(call(&house, &account).await, Err(UpstreamError::Waiting { .. })));
    let secret_at = account.secret_at + chrono::TimeDelta::seconds(1);
    let third = ServiceAccount { version: 9, secret_at, ..(*account).clone() };
    assert_eq!(call(&house, &Arc::new(third)).await.unwrap().status, 200);
}

/// What an old client is told while another took its place is nothing to the new one's tokens.
#[tokio::test]
async fn who_is_told_to_wait_after_its_credentials_were_replaced_stops_nobody() {
    let house = House::open().await;
    house.genesys.troubles([Trouble {
        after: std::time::Duration::from_millis(500),
        ..Trouble::status(429).with("retry-after", "30").with("inin-ratelimit-count", "300")
    }]);
    let late = house.get("/api/v2/token");
    let account = &house.account;
    let secret_at = account.secret_at + chrono::TimeDelta::seconds(1);
    let newer = Arc::new(ServiceAccount { version: 9, secret_at, ..(**account).clone() });
    let meanwhile = async {
        super::eventually("it is under way", || async { house.upstream.standing(account).used == 1 }).await;
        assert_eq!(call(&house, &newer).await.unwrap().status, 200);
    };
    let (late, ()) = tokio::join!(late, meanwhile);
    assert_eq!(late.unwrap().status, 429);
    assert_eq!(call(&house, &newer).await.unwrap().status, 200);
    assert_eq!(house.upstream.standing(&newer).others, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organisation_that_hangs_takes_no_connection_from_another() {
    let house = House::with(|options| {
        options.request_timeout = std::time::Duration::from_mins(1);
        options.answer_memory_bytes = 1 << 26;
    })
    .await;
    let (_genesys, account) = another(&house).await;
    house.token().await;
    let hanging: Vec<_> = (0..600)
        .map(|_| {
            let (upstream, account) = (house.upstream.clone(), Arc::clone(&house.account));
            tokio::spawn(async move {
                upstream
                    .send(
                        super::on_behalf(super::Share::Operator, &account, &|| true),
                        get("/api/v2/never"),
                        Effect::Reads,
                    )
                    .await
            })
        })
        .collect();
    super::eventually("all of them hang", || async { house.genesys.seen().len() > 600 }).await;
    for _ in 0..100 {
        assert_eq!(call(&house, &account).await.unwrap().status, 200);
    }
    hanging.iter().for_each(tokio::task::JoinHandle::abort);
}
