//! What answers may take together, however many there are and whoever is slow.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, body::Body, response::Response, routing::get};
use ringfence::{
    model::{Portion, TenantId},
    upstream::{Effect, Share, UpstreamError, UpstreamRequest},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{House, LIMIT, eventually};

const ROOM: usize = 10 * LIMIT;

fn whole() -> String {
    format!("/api/v2/whole?size={LIMIT}")
}

/// Answers of unknown length.
fn pieces() -> String {
    format!("/api/v2/pieces?count={}", LIMIT / 1_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_answers_at_once_never_take_more_than_their_room() {
    let house = House::open().await;
    house.token().await;
    let (taken, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let calls: Vec<_> = (0..120)
        .map(|call| {
            let (upstream, account) = (house.upstream.clone(), Arc::clone(&house.account));
            let (taken, most) = (Arc::clone(&taken), Arc::clone(&most));
            tokio::spawn(async move {
                let path = if call % 3 == 0 { pieces() } else { whole() };
                let answer = upstream
                    .send(
                        super::on_behalf(Share::Operator, &account, &|| true),
                        super::get(&path),
                        Effect::Reads,
                    )
                    .await?;
                let body = answer.held.keep(answer.body);
                let now = taken.fetch_add(body.len(), Ordering::SeqCst) + body.len();
                most.fetch_max(now, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(30)).await;
                taken.fetch_sub(body.len(), Ordering::SeqCst);
                drop(body);
                Ok::<_, UpstreamError>(())
            })
        })
        .collect();
    let begun = Instant::now();
    let (mut answered, mut refused) = (0, 0);
    for call in calls {
        match call.await.unwrap() {
            Ok(()) => answered += 1,
            Err(UpstreamError::NoRoom { .. }) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    let most = most.load(Ordering::SeqCst);
    assert!(most <= ROOM, "{most} bytes were held of {ROOM}");
    assert!(most > ROOM / 2, "the room is used: {most}");
    assert!(answered >= 60, "{answered} answered, {refused} refused");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // All of it was given back.
    let mut held = Vec::new();
    for _ in 0..ROOM / LIMIT {
        held.push(house.get(&whole()).await.unwrap());
    }
}

#[tokio::test]
async fn what_finds_no_room_waits_a_moment_and_is_refused() {
    let house = House::open().await;
    let mut held = Vec::new();
    for _ in 0..ROOM / LIMIT {
        let answer = house.get(&whole()).await.unwrap();
        held.push(answer.held.keep(answer.body));
    }
    // A part of an answer keeps the room of the whole.
    let parts: Vec<_> = held.iter().map(|body| body.slice(..1)).collect();
    drop(held);
    let seen = house.genesys.seen().len();
    for path in [whole(), pieces(), "/api/v2/token".to_owned()] {
        let begun = Instant::now();
        let error = house.get(&path).await.unwrap_err();
        assert!(matches!(error, UpstreamError::NoRoom { .. }), "{error:?}");
        let waited = begun.elapsed();
        assert!((Duration::from_millis(1_900)..Duration::from_secs(4)).contains(&waited), "{waited:?}");
    }
    // A change that found no room was not made.
    let error = house.change().await.unwrap_err();
    assert!(!error.came_after_sending(), "{error:?}");
    assert_eq!(house.genesys.seen().len(), seen, "nothing is sent without room for an answer");
    let path = whole();
    let waiting = house.get(&path);
    tokio::pin!(waiting);
    let nothing = tokio::time::timeout(Duration::from_millis(100), &mut waiting).await;
    assert!(nothing.is_err(), "it waits");
    drop(parts);
    assert_eq!(waiting.await.unwrap().body.len(), LIMIT);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_all_grow_at_once_do_not_wait_for_each_other_for_ever() {
    // Room for one and a half: no two can be read whole, and each holds a part.
    let house = House::with(|options| options.answer_memory_bytes = LIMIT + LIMIT / 2).await;
    house.token().await;
    let begun = Instant::now();
    let mut answered = 0;
    while answered < 10 {
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let (upstream, account) = (house.upstream.clone(), Arc::clone(&house.account));
                tokio::spawn(async move {
                    upstream
                        .send(
                            super::on_behalf(Share::Operator, &account, &|| true),
                            super::get(&pieces()),
                            Effect::Reads,
                        )
                        .await
                })
            })
            .collect();
        let before = answered;
        for call in calls {
            answered += usize::from(call.await.unwrap().is_ok());
        }
        assert!(answered > before, "somebody always goes on");
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn one_tenant_takes_no_room_from_another() {
    let house = House::open().await;
    let (greedy, other): (TenantId, TenantId) = ("greedy".parse().unwrap(), "other".parse().unwrap());
    let send = async |share: Share<'_>, request: UpstreamRequest, effect: Effect| {
        house.upstream.send(super::on_behalf(share, &house.account, &|| true), request, effect).await
    };
    let mut held = Vec::new();
    let error = loop {
        match send(Share::Of(&greedy, Portion::ALL), super::get(&whole()), Effect::Reads).await {
            Ok(answer) => held.push(answer.held.keep(answer.body)),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, UpstreamError::NoRoom { .. }), "{error:?}");
    assert_eq!(held.len(), ROOM / LIMIT / 4, "a quarter is one tenant's");
    let of_greedy = send(Share::Of(&greedy, Portion::ALL), super::change(), Effect::Writes);
    let begun = Instant::now();
    let of_other = async {
        let read = send(Share::Of(&other, Portion::ALL), super::get(&whole()), Effect::Reads).await.unwrap();
        let more =
            send(Share::MoreOf(&other, Portion::ALL), super::get(&pieces()), Effect::Reads).await.unwrap();
        assert_eq!((read.body.len(), more.body.len()), (LIMIT, LIMIT));
        drop((read, more));
        send(Share::Of(&other, Portion::ALL), super::change(), Effect::Writes).await.unwrap();
        assert!(begun.elapsed() < Duration::from_secs(1), "nobody waits for another tenant");
    };
    let (of_greedy, ()) = tokio::join!(of_greedy, of_other);
    // It still has 50 000 bytes, too few for an answer.
    assert!(matches!(of_greedy, Err(UpstreamError::NoRoom { sent: false })), "{of_greedy:?}");
    drop(held);
    send(Share::Of(&greedy, Portion::ALL), super::change(), Effect::Writes).await.unwrap();
}

/// Together a few can take all there is: whoever comes then is told so, soon, and nothing is sent for it.
#[tokio::test]
async fn where_some_tenants_hold_all_the_room_another_waits_a_moment_and_gets_its_share_when_there_is_some() {
    let house = House::with(|options| options.answer_memory_bytes = 8 * LIMIT).await;
    let send = async |tenant: &TenantId, path: String| {
        house
            .upstream
            .send(
                super::on_behalf(Share::Of(tenant, Portion::ALL), &house.account, &|| true),
                super::get(&path),
                Effect::Reads,
            )
            .await
    };
    let mut held = Vec::new();
    for number in 0..4 {
        let tenant = format!("greedy-{number}").parse().unwrap();
        for _ in 0..2 {
            let answer = send(&tenant, whole()).await.unwrap();
            held.push(answer.held.keep(answer.body));
        }
    }
    let modest: TenantId = "modest".parse().unwrap();
    let seen = house.genesys.seen().len();
    let begun = Instant::now();
    let error = send(&modest, whole()).await.unwrap_err();
    assert!(matches!(error, UpstreamError::NoRoom { sent: false }), "{error:?}");
    let waited = begun.elapsed();
    assert!((Duration::from_millis(1_900)..Duration::from_secs(4)).contains(&waited), "{waited:?}");
    assert_eq!(house.genesys.seen().len(), seen, "nothing is sent without room for an answer");
    // One tenant's are read at last; another wants them back, and still the modest one has its share.
    held.truncate(6);
    let greedy: TenantId = "greedy-0".parse().unwrap();
    let (more, first) = tokio::join!(send(&greedy, whole()), send(&modest, whole()));
    assert!(matches!(more, Err(UpstreamError::NoRoom { .. })), "a quarter is one tenant's: {more:?}");
    let (first, second) = (first.unwrap(), send(&modest, whole()).await.unwrap());
    assert_eq!((first.body.len(), second.body.len()), (LIMIT, LIMIT));
}

#[tokio::test]
async fn of_those_that_hold_answers_already_one_waits_and_the_others_give_up() {
    let house = House::open().await;
    let tenant: TenantId = "tenant".parse().unwrap();
    let send = async |share: Share<'_>| {
        house
            .upstream
            .send(
                super::on_behalf(share, &house.account, &|| true),
                super::get("/api/v2/token"),
                Effect::Reads,
            )
            .await
    };
    let mut held = Vec::new();
    for _ in 0..2 {
        let path = whole();
        let answer = house.upstream.send(
            super::on_behalf(Share::Of(&tenant, Portion::ALL), &house.account, &|| true),
            super::get(&path),
            Effect::Reads,
        );
        held.push(answer.await.unwrap());
    }
    let begun = Instant::now();
    let waits = async { (send(Share::MoreOf(&tenant, Portion::ALL)).await.is_err(), begun.elapsed()) };
    let gives_up = async { (send(Share::MoreOf(&tenant, Portion::ALL)).await.is_err(), begun.elapsed()) };
    let ((first, waited), (second, at_once)) = tokio::join!(waits, gives_up);
    assert!(first && second);
    assert!(
        waited >= Duration::from_millis(1_900) && at_once < Duration::from_secs(1),
        "{waited:?} {at_once:?}"
    );
}

#[tokio::test]
async fn an_answer_too_large_gives_its_room_back() {
    let house = House::open().await;
    for _ in 0..30 {
        let error = house.get("/api/v2/pieces?count=1000").await.unwrap_err();
        assert!(matches!(error, UpstreamError::TooLarge { .. }), "{error:?}");
    }
    house.get(&whole()).await.unwrap();
}

/// Asks for an answer, reads a little of it, and no more.
async fn slow_reader(address: std::net::SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut little = [0; 1_000];
    stream.read_exact(&mut little).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_takes_its_room_until_its_last_byte_is_sent() {
    // More than the buffers of a connection hold.
    const LARGE: usize = 48 << 20;
    let house = House::with(|options| {
        options.max_answer_bytes = LARGE;
        options.answer_memory_bytes = LARGE + LIMIT;
        options.request_timeout = Duration::from_secs(20);
    })
    .await;
    let large = format!("/api/v2/whole?size={LARGE}");
    let (upstream, account, path) = (house.upstream.clone(), Arc::clone(&house.account), large.clone());
    let released = move || {
        let (upstream, account, path) = (upstream.clone(), Arc::clone(&account), path.clone());
        async move {
            let answer = upstream
                .send(super::on_behalf(Share::Operator, &account, &|| true), super::get(&path), Effect::Reads)
                .await
                .unwrap();
            Response::new(Body::from(answer.held.keep(answer.body)))
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(released))).await });

    let client = slow_reader(address).await;
    let error = house.get(&large).await.unwrap_err();
    assert!(matches!(error, UpstreamError::NoRoom { .. }), "{error:?}");
    drop(client);
    eventually("who is gone takes no room", || async { house.get(&large).await.is_ok() }).await;
}
