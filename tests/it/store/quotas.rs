//! Quotas that replicas share.

use ringfence::{
    model::StreamId,
    store::{QuotaOf, QuotaShare, Store},
};

use super::things::{at, id};
use crate::support::database::TestDatabase;

fn day() -> QuotaOf {
    QuotaOf { subject: "tenant:alpha".to_owned(), span: "requests_per_day", start: at(0) }
}

/// Claims for a stream and holds so many; what the others have is returned.
async fn claim(
    store: &Store,
    stream: &StreamId,
    spent: (i64, Option<i64>),
    kept: i64,
) -> Option<Vec<(String, i64, i64)>> {
    let hold = move |_: &[QuotaShare]| kept;
    let shares = store.claim_quota(&day(), (stream, at(1)), spent, &hold).await.unwrap()?;
    let mut shares: Vec<_> =
        shares.into_iter().map(|share| (share.stream, share.spent, share.held)).collect();
    shares.sort();
    Some(shares)
}

#[tokio::test]
async fn each_replica_sees_what_the_others_have_used_and_hold() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let [one, two]: [StreamId; 2] = [id(), id()];
        assert_eq!(claim(&store, &one, (1, None), 2).await, None, "nobody has said what was used before");
        let before = (String::new(), 40, 0);
        assert_eq!(claim(&store, &one, (1, Some(40)), 2).await, Some(vec![before.clone()]));
        assert_eq!(
            claim(&store, &one, (1, Some(99)), 2).await,
            Some(vec![before.clone()]),
            "the first counts"
        );
        let of_one = (one.as_str().to_owned(), 1, 2);
        assert_eq!(claim(&store, &two, (5, None), 3).await, Some(vec![before.clone(), of_one]));
        store.settle_quota(&day(), one.as_str(), 2).await.unwrap();
        let of_one = (one.as_str().to_owned(), 2, 0);
        assert_eq!(claim(&store, &two, (6, None), 3).await, Some(vec![before.clone(), of_one.clone()]));
        store.settle_quota(&day(), one.as_str(), 77).await.unwrap();
        assert_eq!(claim(&store, &two, (6, None), 3).await, Some(vec![before, of_one]), "settled is settled");

        let tomorrow = QuotaOf { start: at(86_400), ..day() };
        let none = |_: &[QuotaShare]| 0;
        store.claim_quota(&tomorrow, (&two, at(86_400)), (0, Some(0)), &none).await.unwrap().unwrap();
        assert_eq!(claim(&store, &two, (6, None), 3).await, None, "yesterday is forgotten");
        store.forget_quotas("tenant:alpha").await.unwrap();
        let hold = |_: &[QuotaShare]| 1;
        assert_eq!(store.claim_quota(&tomorrow, (&two, at(1)), (0, None), &hold).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_process_is_seen_as_long_as_its_connection_lives() {
    let database = TestDatabase::postgres().await;
    let store = database.store().await;
    let [here, gone, late]: [StreamId; 3] = [id(), id(), id()];
    for stream in [&here, &gone, &late] {
        store.open_stream(stream, at(100)).await.unwrap();
    }
    let mut held = store.appear(&here).await.unwrap().unwrap();
    let dropped = store.appear(&gone).await.unwrap();
    let _silent = store.appear(&late).await.unwrap();
    assert!(held.holds().await);
    assert_eq!(store.present(at(100)).await.unwrap().len(), 3);
    drop(dropped);
    while store.present(at(100)).await.unwrap().contains(&gone) {}
    assert_eq!(store.present(at(100)).await.unwrap(), [here.clone(), late.clone()]);
    store.touch_stream(&here, at(200)).await.unwrap();
    assert_eq!(
        store.present(at(101)).await.unwrap(),
        std::slice::from_ref(&here),
        "the other gave no sign of life"
    );
    store.close_stream(&here, at(201)).await.unwrap();
    assert_eq!(store.present(at(101)).await.unwrap(), []);

    let file = TestDatabase::sqlite().store().await;
    assert!(file.appear(&here).await.unwrap().is_none(), "one process serves from a file");
    assert_eq!(file.present(at(0)).await.unwrap(), []);
}
