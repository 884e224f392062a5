//! An account that changes while it serves: what it is, and with which credentials.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::TimeDelta;
use ringfence::{
    model::{Portion, ServiceAccount},
    upstream::{Effect, Share, UpstreamAnswer, UpstreamError, secret_context},
};

use super::{
    House,
    budget::{Counted, tenant},
    get, on_behalf,
};

const MINUTE: Duration = Duration::from_secs(4);

/// The account, one version later.
fn changed(account: &ServiceAccount, change: impl FnOnce(&mut ServiceAccount)) -> Arc<ServiceAccount> {
    let mut after = ServiceAccount { version: account.version + 1, ..account.clone() };
    change(&mut after);
    Arc::new(after)
}

/// The account with another secret: the stand-in takes any.
fn rotated(account: &ServiceAccount) -> Arc<ServiceAccount> {
    changed(account, |after| after.secret_at += TimeDelta::seconds(1))
}

async fn call(house: &House, account: &Arc<ServiceAccount>) -> Result<UpstreamAnswer, UpstreamError> {
    let behalf = on_behalf(Share::Operator, account, &|| true);
    house.upstream.send(behalf, get("/api/v2/token"), Effect::Reads).await
}

fn spawned(
    house: &House,
    account: &Arc<ServiceAccount>,
) -> tokio::task::JoinHandle<Result<UpstreamAnswer, UpstreamError>> {
    let (upstream, account) = (house.upstream.clone(), Arc::clone(account));
    tokio::spawn(async move {
        let behalf = on_behalf(Share::Operator, &account, &|| true);
        upstream.send(behalf, get("/api/v2/token"), Effect::Reads).await
    })
}

#[tokio::test]
async fn other_credentials_mint_anew_and_who_comes_late_uses_them_too() {
    let house = House::open().await;
    assert_eq!(house.token().await, "token-1");
    let after = rotated(&house.account);
    assert_eq!(call(&house, &after).await.unwrap().body, "token-2");
    assert_eq!(house.token().await, "token-2", "nothing begins with the old token any more");
    assert_eq!(house.genesys.logins(), 2);
}

#[tokio::test]
async fn what_is_changed_beside_the_credentials_keeps_the_token() {
    let house = House::open().await;
    assert_eq!(house.token().await, "token-1");
    let after = changed(&house.account, |after| "other".clone_into(&mut after.description));
    assert_eq!(call(&house, &after).await.unwrap().body, "token-1");
    let resealed = house.master.seal(&secret_context(&after.id), b"other").unwrap();
    let after = changed(&after, |after| after.sealed_secret = resealed);
    assert_eq!(call(&house, &after).await.unwrap().body, "token-1", "a new master key mints nothing");
    assert_eq!(house.genesys.logins(), 1);
}

#[tokio::test]
async fn a_mint_under_way_with_the_old_secret_gives_nobody_else_its_token() {
    let house = House::open().await;
    house.genesys.hold();
    let before = spawned(&house, &house.account);
    house.genesys.login_number(1).await;
    let after = rotated(&house.account);
    let first = spawned(&house, &after);
    house.genesys.login_number(2).await;
    house.genesys.release();
    let (before, first) = (before.await.unwrap().unwrap(), first.await.unwrap().unwrap());
    assert_ne!(before.body, first.body, "each ends with its own");
    for account in [&after, &house.account] {
        assert_eq!(call(&house, account).await.unwrap().body, first.body);
    }
    assert_eq!(house.genesys.logins(), 2);
}

#[tokio::test]
async fn a_call_whose_old_secret_is_refused_meanwhile_goes_on_with_the_new() {
    let house = House::open().await;
    house.genesys.hold();
    let refused = house.master.seal(&secret_context(&house.account.id), b"another").unwrap();
    let refused = ServiceAccount { sealed_secret: refused, ..(*house.account).clone() };
    let before = spawned(&house, &Arc::new(refused));
    house.genesys.login_number(1).await;
    let after = rotated(&house.account);
    let first = spawned(&house, &after);
    house.genesys.login_number(2).await;
    house.genesys.release();
    first.await.unwrap().unwrap();
    assert_eq!(before.await.unwrap().unwrap().status, 200);
}

#[tokio::test]
async fn a_changed_budget_holds_at_once_and_forgets_nothing_that_was_sent() {
    let house = Counted::on(MINUTE, 20, |account| account.requests_per_minute = Some(20)).await;
    let one = tenant("one");
    for _ in 0..20 {
        house.call(&one, Portion::ALL).await.unwrap();
    }
    let mut account = Arc::clone(&house.account);
    for tokens in [1, 1, 3, 1] {
        account = changed(&account, |after| {
            after.tokens = tokens;
            after.lend_idle = !after.lend_idle;
        });
        let standing = house.upstream.standing(&account);
        assert_eq!((standing.capacity, standing.used), (20 * tokens, 20), "{tokens} tokens");
        assert_eq!(house.upstream.share(&account, &one, Portion::ALL).used, 20);
    }
    let behalf = on_behalf(Share::Of(&one, Portion::ALL), &account, &|| true);
    let ended = house.upstream.send(behalf, get("/api/v2/tokens/me"), Effect::Reads).await;
    assert!(matches!(ended, Err(UpstreamError::Exhausted { .. })), "{ended:?}");
    let less = changed(&account, |after| after.requests_per_minute = Some(5));
    assert_eq!(house.upstream.standing(&less).capacity, 5);
    let told = changed(&less, |after| after.requests_per_minute = None);
    assert_eq!(house.upstream.standing(&told).capacity, 20, "what Genesys said");
    house.was_never_refused();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_changed_again_and_again_never_sends_more_than_it_may() {
    let house = Arc::new(Counted::on(MINUTE, 20, |account| account.requests_per_minute = Some(20)).await);
    let one = tenant("one");
    let (mut account, mut answered) = (Arc::clone(&house.account), 0);
    let (begun, mut rates) = (Instant::now(), [19, 20].iter().cycle());
    while begun.elapsed() < MINUTE / 2 {
        account = changed(&account, |after| after.requests_per_minute = rates.next().copied());
        let behalf = on_behalf(Share::Of(&one, Portion::ALL), &account, &|| true);
        let ended = house.upstream.send(behalf, get("/api/v2/tokens/me"), Effect::Reads).await;
        answered += usize::from(ended.is_ok());
    }
    assert!((19..=20).contains(&answered), "{answered}");
    house.was_never_refused();
}
