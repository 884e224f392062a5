//! Streams: each commit grows a tree and signs it.

use ringfence::{
    model::{StreamId, event_line, outcome_line},
    store::Store,
    tlog::{Checkpoint, Frontier, Hash},
};

use super::things::{append, at, change, event, id, operator, outcome};
use crate::support::database::{TestDatabase, signer};

fn open(note: &str) -> Checkpoint {
    Checkpoint::open(note, &[signer().verifier().clone()]).unwrap()
}

/// The last checkpoint of each stream, by their numbers.
async fn heads(store: &Store) -> Vec<Checkpoint> {
    store.list_streams().await.unwrap().iter().map(|stream| open(&stream.checkpoint)).collect()
}

#[tokio::test]
async fn each_commit_signs_the_tree_of_all_that_was_appended() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let mut stream = store.open_stream(&id(), at(0)).await.unwrap();
        let mut tree = Frontier::default();
        assert_eq!((heads(&store).await[0].size, heads(&store).await[0].root), (0, tree.root()));
        for count in [1, 3, 64, 100, 1] {
            let events: Vec<_> = (0..count).map(|_| event()).collect();
            let ended = [outcome(&events[0], "ok")];
            let first = tree.size();
            for (index, event) in (first..).zip(&events) {
                tree.push(Hash::leaf(event_line(stream.id(), index, event).as_bytes()));
            }
            tree.push(Hash::leaf(outcome_line(stream.id(), first + count, &ended[0]).as_bytes()));
            stream = store.append(&stream, &events, &ended, at(7)).await.unwrap();
            let head = heads(&store).await.remove(0);
            assert_eq!(
                (head.stream(), head.size, head.root),
                (stream.id().as_str(), tree.size(), tree.root())
            );
            assert_eq!(head.extensions, ["time 2026-01-01T00:00:07.000000Z", "catalog none"]);
        }
    }
}

#[tokio::test]
async fn what_is_read_back_is_what_was_hashed() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        // Another stream before and behind it.
        append(&store, &[event()], &[]).await;
        let mut stream = store.open_stream(&id(), at(0)).await.unwrap();
        for _ in 0..5 {
            let events = [event(), event()];
            let ended = [outcome(&events[1], "ok")];
            stream = store.append(&stream, &events, &ended, at(1)).await.unwrap();
        }
        append(&store, &[event()], &[]).await;
        let known = store.list_streams().await.unwrap().remove(1);
        let (mut tree, mut from) = (Frontier::default(), 0);
        loop {
            let entries = store.entries(&known, from, 4).await.unwrap();
            let Some(last) = entries.last() else { break };
            assert!(entries.len() <= 4);
            from = last.index + 1;
            for entry in entries {
                assert_eq!((entry.index, entry.hash), (tree.size(), Hash::leaf(entry.line.as_bytes())));
                tree.push(entry.hash);
            }
        }
        let head = open(&known.checkpoint);
        assert_eq!((tree.size(), tree.root()), (head.size, head.root));
        assert_eq!(head.size, 15);
    }
}

#[tokio::test]
async fn changes_have_one_stream_whoever_makes_them() {
    for database in TestDatabase::both().await {
        let (one, other) = (database.store().await, database.store().await);
        let stream = append(&one, &[event()], &[]).await;
        for number in 0..4 {
            let store = if number % 2 == 0 { &one } else { &other };
            store.add_operator(&operator(&format!("ada-{number}@bpo.example")), &change()).await.unwrap();
        }
        let looked = change();
        other.record(&looked, &looked.ended_well()).await.unwrap();
        // What is refused leaves nothing in it either.
        one.add_operator(&operator("ada-1@bpo.example"), &change()).await.unwrap_err();
        let streams = one.list_streams().await.unwrap();
        assert_eq!(streams.len(), 2);
        assert_eq!((&streams[0].id, open(&streams[0].checkpoint).size), (stream.id(), 1));
        assert_eq!((streams[1].kind.as_str(), open(&streams[1].checkpoint).size), ("changes", 10));
        let entries = one.entries(&streams[1], 0, 100).await.unwrap();
        assert!(entries[8].line.contains(looked.id.as_str()), "{}", entries[8].line);
    }
}

#[tokio::test]
async fn a_checkpoint_is_kept_of_each_stream_that_has_grown() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let one = append(&store, &[event()], &[]).await;
        store.open_stream(&id(), at(0)).await.unwrap();
        for _ in 0..2 {
            store.keep_checkpoints(at(60)).await.unwrap();
        }
        store.append(&one, &[event()], &[], at(61)).await.unwrap();
        store.keep_checkpoints(at(120)).await.unwrap();
        let kept = store.list_checkpoints().await.unwrap();
        let kept: Vec<_> = kept.iter().map(|note| open(note)).collect();
        assert_eq!(kept.iter().map(|one| one.size).collect::<Vec<_>>(), [1, 2]);
        assert!(kept.iter().all(|kept| kept.stream() == one.id().as_str()));
        let newest = store.newest_checkpoints().await.unwrap();
        assert_eq!(newest.iter().map(|note| open(note)).collect::<Vec<_>>(), kept[1..]);
    }
}

#[tokio::test]
async fn what_was_witnessed_and_is_not_there_is_lost_until_it_is_accepted() {
    for database in TestDatabase::both().await {
        let store = database.store().await;
        let stream = append(&store, &[event(), event()], &[]).await;
        store.add_operator(&operator("ada@bpo.example"), &change()).await.unwrap();
        store.keep_checkpoints(at(60)).await.unwrap();
        let streams = store.list_streams().await.unwrap();
        let [of_process, of_changes] = [0, 1].map(|at: usize| open(&streams[at].checkpoint));
        assert_eq!(store.lost(&[of_process.clone(), of_changes.clone()]).await.unwrap(), []);

        let seen = |checkpoint: &Checkpoint, size: u64, stream: &str| Checkpoint {
            origin: checkpoint.origin.replace(checkpoint.stream(), stream),
            size,
            ..checkpoint.clone()
        };
        let gone: StreamId = id();
        let other = Checkpoint { root: Hash::leaf(b"another entry"), ..of_process.clone() };
        let longer = seen(&of_changes, 9, of_changes.stream());
        let missing = seen(&of_process, 3, gone.as_str());
        let lost = store.lost(&[other.clone(), longer.clone(), missing.clone()]).await.unwrap();
        let told: Vec<_> = lost.iter().map(|one| (one.stream.as_str(), one.witnessed, one.there)).collect();
        assert_eq!(told, [(stream.id().as_str(), 2, 2), (of_changes.stream(), 9, 2), (gone.as_str(), 3, 0)]);

        store.accept_lost(&lost, &change()).await.unwrap();
        assert_eq!(store.lost(&[other, longer.clone(), missing]).await.unwrap(), []);
        // Only what was accepted: not what is lost after it.
        let more = seen(&longer, 10, longer.stream());
        assert_eq!(store.lost(&[more]).await.unwrap().len(), 1);
        // No stream is gone on with from where it was before.
        store.add_operator(&operator("eve@bpo.example"), &change()).await.unwrap();
        let streams = store.list_streams().await.unwrap();
        let sizes: Vec<_> =
            streams.iter().map(|one| (one.kind.as_str(), one.size, one.closed_at.is_some())).collect();
        assert_eq!(sizes, [("process", 2, false), ("changes", 2, true), ("changes", 4, false)]);
    }
}
