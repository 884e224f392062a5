//! How much is sent, and out of whose share.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::AtomicU32},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use ringfence::{
    clock::Clock,
    model::{Portion, ServiceAccount, TenantId},
    secret::MasterKey,
    simulator::{self, CLIENT_ID, CLIENT_SECRET, Simulator},
    upstream::{
        Behalf, BudgetOptions, Effect, Options, Share, Upstream, UpstreamAnswer, UpstreamError,
        secret_context,
    },
};
use tokio::task::JoinSet;

use super::{House, LIMIT, account, get, on_behalf, server::Trouble};

/// Genesys's minute, as its stand-in counts it here.
const MINUTE: Duration = Duration::from_secs(3);

/// An organisation that counts as Genesys does, and the door to it.
pub(super) struct Counted {
    pub(super) upstream: Upstream,
    pub(super) simulator: Simulator,
    pub(super) account: Arc<ServiceAccount>,
    pub(super) clock: Clock,
    master: MasterKey,
}

impl Counted {
    /// Each token may send so many in a minute; we are told of it by answers alone.
    async fn new(rate: u64, change: impl FnOnce(&mut ServiceAccount)) -> Self {
        Self::on(MINUTE, rate, change).await
    }

    pub(super) async fn on(minute: Duration, rate: u64, change: impl FnOnce(&mut ServiceAccount)) -> Self {
        let simulator = Simulator::start(simulator::Options::default()).await.unwrap();
        simulator.organisation().set_minute(u64::try_from(minute.as_millis()).unwrap());
        simulator.organisation().set_rate(rate);
        let master = MasterKey::generate().unwrap();
        let clock = Clock::default();
        let options = Options {
            request_timeout: Duration::from_secs(20),
            max_answer_bytes: LIMIT,
            answer_memory_bytes: 100_000 * LIMIT,
            clock: clock.clone(),
            budget: BudgetOptions { requests_per_minute: None, minute },
        };
        let upstream = Upstream::new(options, master.clone()).unwrap();
        let mut account = account(&master, &simulator.url());
        CLIENT_ID.clone_into(&mut account.client_id);
        change(&mut account);
        let account = Arc::new(sealed(&master, account));
        Self { upstream, simulator, account, clock, master }
    }

    /// Another account, of the same client.
    fn another(&self, number: usize) -> Arc<ServiceAccount> {
        let id = format!("another-{number}").parse().unwrap();
        Arc::new(sealed(&self.master, ServiceAccount { id, ..(*self.account).clone() }))
    }

    pub(super) async fn call(
        &self,
        tenant: &TenantId,
        portion: Portion,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        self.part(tenant, portion, None).await
    }

    /// One of the exchanges of a call that takes several.
    async fn part(
        &self,
        tenant: &TenantId,
        portion: Portion,
        sent: Option<&AtomicU32>,
    ) -> Result<UpstreamAnswer, UpstreamError> {
        let behalf = Behalf { sent, ..on_behalf(Share::Of(tenant, portion), &self.account, &|| true) };
        self.upstream.send(behalf, get("/api/v2/authorization/divisions/home"), Effect::Reads).await
    }

    /// `calls` at once; how many were answered, and how long those that were refused are told to wait.
    async fn burst(&self, tenant: &TenantId, portion: Portion, calls: usize) -> (usize, Vec<Duration>) {
        let ended = futures_util::future::join_all((0..calls).map(|_| self.call(tenant, portion))).await;
        let mut refused = Vec::new();
        let mut answered = 0;
        for one in ended {
            match one {
                Ok(answer) => {
                    assert_eq!(answer.status, 200);
                    answered += 1;
                }
                Err(UpstreamError::Exhausted { left, .. } | UpstreamError::Waiting { left }) => {
                    refused.push(left);
                }
                Err(other) => panic!("{other:?}"),
            }
        }
        (answered, refused)
    }

    /// Upstream refused nothing, and was never shown a token after its end.
    pub(super) fn was_never_refused(&self) {
        let tokens = self.simulator.organisation().tokens();
        assert_eq!((tokens.over_limit, tokens.expired_sent), (0, 0), "{tokens:?}");
    }
}

fn sealed(master: &MasterKey, account: ServiceAccount) -> ServiceAccount {
    let sealed_secret = master.seal(&secret_context(&account.id), CLIENT_SECRET.as_bytes()).unwrap();
    ServiceAccount { sealed_secret, ..account }
}

pub(super) fn tenant(id: &str) -> TenantId {
    id.parse().unwrap()
}

fn half() -> Portion {
    Portion { weight: 1, total: 2 }
}

#[tokio::test]
async fn no_more_is_sent_in_any_minute_than_genesys_allows() {
    let house = Counted::new(20, |account| account.requests_per_minute = Some(20)).await;
    let (all, one) = (Portion::ALL, tenant("one"));
    let begun = Instant::now();
    let mut answered = 0;
    while begun.elapsed() < 3 * MINUTE {
        answered += house.burst(&one, all, 7).await.0;
        tokio::time::sleep(MINUTE / 40).await;
    }
    house.was_never_refused();
    let tokens = house.simulator.organisation().tokens();
    assert!(tokens.most_in_a_minute <= 20, "{tokens:?}");
    // And nearly all of it was used: three minutes and what there is at once.
    assert!((55..=80).contains(&answered), "{answered}");
}

#[tokio::test]
async fn an_account_of_its_own_may_send_three_hundred_at_once_and_not_one_more() {
    let house = Counted::on(Duration::from_mins(1), 300, |_| {}).await;
    let (answered, refused) = house.burst(&tenant("one"), Portion::ALL, 320).await;
    assert_eq!((answered, refused.len()), (300, 20));
    house.was_never_refused();
}

#[tokio::test]
async fn who_waits_as_long_as_it_is_told_is_let_through() {
    let house = Counted::new(6, |account| account.requests_per_minute = Some(6)).await;
    let one = tenant("one");
    for _ in 0..5 {
        let (_, refused) = house.burst(&one, Portion::ALL, 12).await;
        let told = refused.into_iter().min().unwrap();
        assert!(told <= MINUTE + MINUTE / 10, "{told:?}");
        tokio::time::sleep(told).await;
        assert_eq!(house.call(&one, Portion::ALL).await.unwrap().status, 200);
    }
    house.was_never_refused();
}

#[tokio::test]
async fn a_call_of_several_exchanges_is_told_when_there_is_room_for_all_of_them() {
    let house = Counted::new(6, |account| account.requests_per_minute = Some(6)).await;
    let one = tenant("one");
    // One by one, so that they come back one by one.
    for _ in 0..4 {
        house.call(&one, Portion::ALL).await.unwrap();
        tokio::time::sleep(MINUTE / 8).await;
    }
    let whole = async || -> Result<(), UpstreamError> {
        let sent = AtomicU32::new(0);
        for _ in 0..3 {
            house.part(&one, Portion::ALL, Some(&sent)).await?;
        }
        Ok(())
    };
    let ended = whole().await;
    let Err(UpstreamError::Exhausted { left, .. }) = ended else { panic!("{ended:?}") };
    // The next place comes back sooner than there is room for three.
    assert!(left > MINUTE * 3 / 4, "{left:?}");
    tokio::time::sleep(left).await;
    whole().await.unwrap();
    house.was_never_refused();
}

#[tokio::test]
async fn a_call_that_takes_more_than_its_share_is_told_so_and_not_to_come_again() {
    let house =
        Counted::on(Duration::from_mins(1), 40, |account| account.requests_per_minute = Some(40)).await;
    let (one, sent) = (tenant("one"), AtomicU32::new(0));
    for part in 0..30 {
        let ended = house.part(&one, half(), Some(&sent)).await;
        match ended {
            Ok(_) => assert!(part < 20, "{part}"),
            Err(UpstreamError::ShareTooSmall { allowed: 20 }) => assert!(part >= 20, "{part}"),
            Err(other) => panic!("{other:?}"),
        }
    }
    // Others' parts and calls of their own are not meant.
    let ended = house.call(&one, half()).await;
    assert!(matches!(ended, Err(UpstreamError::Exhausted { .. })), "{ended:?}");
}

#[tokio::test]
async fn who_would_wait_a_moment_only_waits_in_order() {
    let house = Counted::new(10, |account| account.requests_per_minute = Some(10)).await;
    let one = tenant("one");
    // One by one, so that they come back one by one.
    let spread = MINUTE / 12;
    for _ in 0..10 {
        house.call(&one, Portion::ALL).await.unwrap();
        tokio::time::sleep(spread).await;
    }
    let mut calls = JoinSet::new();
    let house = Arc::new(house);
    // The next place comes back soon: two of them are worth waiting for, and what comes later is not let past.
    let begun = Instant::now();
    while begun.elapsed() < MINUTE / 6 {
        for _ in 0..3 {
            let (house, one, came) = (Arc::clone(&house), one.clone(), begun.elapsed());
            calls.spawn(async move { (came, house.call(&one, Portion::ALL).await.is_ok(), begun.elapsed()) });
        }
        tokio::time::sleep(MINUTE / 60).await;
    }
    let mut served: Vec<_> = calls.join_all().await.into_iter().filter(|(_, served, _)| *served).collect();
    assert!(!served.is_empty());
    served.sort_by_key(|(_, _, ended)| *ended);
    let came: Vec<_> = served.iter().map(|(came, ..)| *came).collect();
    assert!(came.is_sorted(), "{served:?}");
    house.was_never_refused();
}

#[tokio::test]
async fn what_one_tenant_sends_shows_in_nothing_that_another_is_told() {
    let mut told = Vec::new();
    for flood in [false, true] {
        let house =
            Counted::on(Duration::from_mins(1), 40, |account| account.requests_per_minute = Some(40)).await;
        let (quiet, loud) = (tenant("quiet"), tenant("loud"));
        let mut seen = Vec::new();
        for _ in 0..24 {
            if flood {
                house.burst(&loud, half(), 40).await;
            }
            let answered = house.call(&quiet, half()).await;
            let standing = house.upstream.share(&house.account, &quiet, half());
            seen.push((
                answered.map(|answer| answer.status.as_u16()).map_err(|error| error.to_string().len()),
                (standing.allowed, standing.used, standing.waiting),
            ));
        }
        house.was_never_refused();
        told.push(seen);
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(told[0].iter().filter(|(answer, _)| answer.is_ok()).count(), 20);
}

#[tokio::test]
async fn shares_are_by_weight() {
    let house =
        Counted::on(Duration::from_mins(1), 100, |account| account.requests_per_minute = Some(100)).await;
    for (id, weight, share) in [("small", 1, 10), ("large", 7, 70), ("middle", 2, 20)] {
        let portion = Portion { weight, total: 10 };
        assert_eq!(house.burst(&tenant(id), portion, 100).await.0, share, "{id}");
    }
    house.was_never_refused();
}

#[tokio::test]
async fn what_is_idle_is_lent_where_it_is_said_and_never_more_than_half_of_it() {
    for (lends, of_loud, of_quiet) in [(false, 20, 20), (true, 30, 10)] {
        let house = Counted::on(Duration::from_mins(1), 40, |account| {
            account.requests_per_minute = Some(40);
            account.lend_idle = lends;
        })
        .await;
        let (quiet, loud) = (tenant("quiet"), tenant("loud"));
        assert_eq!(house.burst(&loud, half(), 100).await.0, of_loud);
        // The extent of the channel: of its own share at once, the quiet one misses what was lent.
        assert_eq!(house.burst(&quiet, half(), 100).await.0, of_quiet);
        house.was_never_refused();
    }
}

#[tokio::test]
async fn what_other_programs_send_with_the_same_client_is_taken_off() {
    let house = House::with(|options| options.budget.requests_per_minute = Some(50)).await;
    let call = async || house.get("/api/v2/token").await;
    let told = |count| {
        let answer = Trouble::status(200).with("inin-ratelimit-count", count);
        answer.with("inin-ratelimit-allowed", "50").with("inin-ratelimit-reset", "60")
    };
    let others = || house.upstream.standing(&house.account).others;
    // As many as were sent from here, and fewer: its minute is not ours.
    house.genesys.troubles([told("1"), told("1"), told("33"), told("20")]);
    for expected in [0, 0, 30, 30] {
        call().await.unwrap();
        assert_eq!(others(), expected);
    }
    let ended = house.crowd(30).await;
    assert_eq!(ended.iter().filter(|ended| ended.is_ok()).count(), 16);
}

#[tokio::test]
async fn the_limit_is_learnt_up_and_down_and_never_above_what_is_configured() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    let one = tenant("one");
    let capacity = || house.upstream.standing(&house.account).capacity;
    assert_eq!(capacity(), 300);
    for rate in [500, 120, 900] {
        house.simulator.organisation().set_rate(rate);
        house.call(&one, Portion::ALL).await.unwrap();
        assert_eq!(u64::from(capacity()), rate);
    }
    let modest =
        Counted::on(Duration::from_mins(1), 0, |account| account.requests_per_minute = Some(200)).await;
    for (rate, allowed) in [(500, 200), (120, 120), (900, 200)] {
        modest.simulator.organisation().set_rate(rate);
        modest.call(&one, Portion::ALL).await.unwrap();
        assert_eq!(modest.upstream.standing(&modest.account).capacity, allowed);
    }
}

#[tokio::test]
async fn several_tokens_send_several_times_as_much_and_each_no_more_than_its_own() {
    let house = Counted::on(Duration::from_mins(1), 10, |account| {
        account.requests_per_minute = Some(10);
        account.tokens = 3;
    })
    .await;
    assert_eq!(house.burst(&tenant("one"), Portion::ALL, 50).await.0, 30);
    house.was_never_refused();
    let organisation = house.simulator.organisation();
    assert_eq!((organisation.tokens().most_in_a_minute, organisation.logins().successes), (10, 3));
}

#[tokio::test]
async fn a_token_that_is_told_to_wait_stops_no_other() {
    let house = Counted::on(Duration::from_mins(1), 0, |account| {
        account.requests_per_minute = Some(50);
        account.tokens = 2;
    })
    .await;
    let one = tenant("one");
    house.burst(&one, Portion::ALL, 10).await;
    let fault = simulator::Fault::Status { status: 429, retry_after: Some(30) };
    let rule = simulator::Rule::new(simulator::Match::default(), fault, Some(1));
    house.simulator.organisation().set_faults(vec![rule]);
    assert_eq!(house.call(&one, Portion::ALL).await.unwrap().status, 429);
    // Of the other's fifty, few are taken; what the resting one may send is nobody's share meanwhile.
    let standing = house.upstream.share(&house.account, &one, half());
    assert_eq!(standing.allowed, 25);
    for _ in 0..20 {
        assert_eq!(house.call(&one, Portion::ALL).await.unwrap().status, 200);
    }
}

#[tokio::test]
async fn where_a_token_rests_what_one_tenant_has_sent_takes_nothing_of_anothers_share() {
    let house = Counted::on(Duration::from_mins(1), 0, |account| {
        account.requests_per_minute = Some(10);
        account.tokens = 2;
    })
    .await;
    let (first, second) = (tenant("first"), tenant("second"));
    assert_eq!(house.burst(&first, half(), 10).await.0, 10);
    let fault = simulator::Fault::Status { status: 429, retry_after: Some(30) };
    let rule = simulator::Rule::new(simulator::Match::default(), fault, Some(1));
    house.simulator.organisation().set_faults(vec![rule]);
    assert_eq!(house.call(&second, half()).await.unwrap().status, 429);
    // Of the one that serves, half is its own, the call that was refused among it.
    assert_eq!(house.burst(&second, half(), 10).await.0, 4);
    let ended = house.call(&second, half()).await;
    assert!(matches!(ended, Err(UpstreamError::Exhausted { allowed: 5, .. })), "{ended:?}");
}

/// Whatever is told: only by sending is it learnt that the others are gone.
#[tokio::test]
async fn what_is_told_of_others_never_stills_an_account() {
    let house = House::with(|options| options.budget.requests_per_minute = Some(50)).await;
    let absurd = Trouble::status(200).with("inin-ratelimit-count", "18446744073709551615");
    house.genesys.troubles([absurd.with("inin-ratelimit-reset", "18446744073709551615")]);
    house.get("/api/v2/token").await.unwrap();
    assert_eq!(house.upstream.standing(&house.account).capacity, 5);
    let ended = house.crowd(10).await;
    assert_eq!(ended.iter().filter(|ended| ended.is_ok()).count(), 4);
}

#[tokio::test]
async fn a_part_of_the_budget_may_be_had_by_another_process() {
    let house =
        Counted::on(Duration::from_mins(1), 40, |account| account.requests_per_minute = Some(40)).await;
    house.upstream.set_part(None, Some(half()));
    let capacity = || house.upstream.standing(&house.account).capacity;
    assert_eq!(capacity(), 20);
    house.upstream.set_part(Some(&house.account.id), Some(Portion { weight: 3, total: 4 }));
    assert_eq!(capacity(), 30);
    house.upstream.set_part(Some(&house.account.id), None);
    assert_eq!(house.burst(&tenant("one"), Portion::ALL, 30).await.0, 20);
}

#[tokio::test]
async fn who_leaves_the_line_and_what_was_never_sent_costs_nothing() {
    let house = Counted::new(5, |account| account.requests_per_minute = Some(5)).await;
    let one = tenant("one");
    // Withdrawn right before it was to be sent.
    for _ in 0..50 {
        let behalf = on_behalf(Share::Of(&one, Portion::ALL), &house.account, &|| false);
        let ended = house.upstream.send(behalf, get("/api/v2/tokens/me"), Effect::Reads).await;
        assert!(matches!(ended, Err(UpstreamError::Withdrawn)));
    }
    assert_eq!(house.upstream.share(&house.account, &one, Portion::ALL).used, 0);
    assert_eq!(house.burst(&one, Portion::ALL, 5).await.0, 5);
    tokio::time::sleep(MINUTE * 59 / 60).await;
    // The places come back within the time that is waited.
    let mut left = 0;
    for _ in 0..20 {
        let leaves = tokio::time::timeout(Duration::from_millis(1), house.call(&one, Portion::ALL)).await;
        left += usize::from(leaves.is_err());
    }
    assert!(left > 0, "nobody stood in line");
    assert_eq!(house.upstream.share(&house.account, &one, Portion::ALL).waiting, 0);
    house.was_never_refused();
}

#[tokio::test]
async fn what_is_withdrawn_while_it_stands_in_line_is_not_sent() {
    let house = Counted::new(2, |account| account.requests_per_minute = Some(2)).await;
    let one = tenant("one");
    house.burst(&one, Portion::ALL, 2).await;
    tokio::time::sleep(MINUTE * 29 / 30).await;
    let sent = house.simulator.organisation().calls().len();
    let suspended = std::sync::atomic::AtomicBool::new(false);
    let holds = || !suspended.load(std::sync::atomic::Ordering::SeqCst);
    let behalf = on_behalf(Share::Of(&one, Portion::ALL), &house.account, &holds);
    let call = house.upstream.send(behalf, get("/api/v2/tokens/me"), Effect::Reads);
    let suspend = async {
        super::eventually("it stands in line", || async {
            house.upstream.share(&house.account, &one, Portion::ALL).waiting == 1
        })
        .await;
        suspended.store(true, std::sync::atomic::Ordering::SeqCst);
    };
    let (ended, ()) = tokio::join!(call, suspend);
    assert!(matches!(ended, Err(UpstreamError::Withdrawn)), "{ended:?}");
    assert_eq!(house.simulator.organisation().calls().len(), sent);
}

#[tokio::test]
async fn ten_thousand_cold_calls_over_fifty_accounts_mint_fifty_tokens() {
    let house = Counted::on(Duration::from_mins(1), 0, |_| {}).await;
    let accounts: Vec<_> = (0..50).map(|number| house.another(number)).collect();
    let calls = futures_util::stream::iter(0..10_000_usize).map(|number| {
        let (house, account) = (&house, &accounts[number % 50]);
        async move {
            let one = tenant(&format!("tenant-{}", number % 50));
            let behalf = on_behalf(Share::Of(&one, Portion::ALL), account, &|| true);
            let ended = house.upstream.send(behalf, get("/api/v2/tokens/me"), Effect::Reads).await;
            ended.map(|answer| answer.status)
        }
    });
    let mut ended: HashMap<String, usize> = HashMap::new();
    // As many as one machine connects at once: ten of each account, before it has a token.
    let mut calls = calls.buffer_unordered(500);
    while let Some(one) = calls.next().await {
        *ended.entry(format!("{one:?}")).or_default() += 1;
    }
    drop(calls);
    assert_eq!(ended, HashMap::from([("Ok(200)".to_owned(), 10_000)]));
    assert_eq!(house.simulator.organisation().logins().requests, 50);
    house.was_never_refused();
}
