//! An export proves itself: whatever is changed in it is found, at its place.

use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use ringfence::{
    model::{Actor, Event, EventId, EventKind, Outcome},
    simulator::ALPHA,
    tlog::{
        Checkpoint, Frontier, Hash, Manifest, Signer, VerifierKey,
        verify::{Defect, Report, What, read_checkpoints, verify},
    },
};
use serde_json::{Value, json};

use crate::support::{app::TestApp, database::signer};

/// How many entries each of the streams has.
const STREAMS: [u64; 3] = [700, 1, 40];
/// Entries between two lines of hashes.
const RUN: usize = 64;

/// An export, line by line, and a checkpoint of each stream that was kept elsewhere.
struct Exported {
    lines: Vec<String>,
    kept: String,
    keys: Vec<VerifierKey>,
}

impl Exported {
    fn new(signer: &Signer) -> Self {
        let (mut lines, mut kept) = (Vec::new(), Vec::new());
        for (number, size) in (0..).zip(STREAMS) {
            let stream = format!("00000000-0000-7000-8000-00000000000{number}");
            let (mut tree, mut hashes) = (Frontier::default(), Vec::new());
            for index in 0..size {
                let line = json!({ "v": 1, "stream": stream, "index": index, "event": format!("{index:036}"),
                    "at": "2026-01-01T00:00:00.000000Z", "kind": "call", "detail": { "path": "/api/v2/users" } });
                let line = line.to_string();
                tree.push(Hash::leaf(line.as_bytes()));
                hashes.push(Hash::leaf(line.as_bytes()));
                lines.push(line);
                if hashes.len() == RUN || index + 1 == size {
                    let first = index + 1 - hashes.len() as u64;
                    let run = json!({ "stream": stream, "first": first, "hashes": hashes });
                    lines.push(json!({ "hashes": run }).to_string());
                    hashes.clear();
                }
                if index == size / 2 {
                    kept.push(signer.sign(&stream, &tree, chrono::DateTime::UNIX_EPOCH));
                }
            }
            let note = signer.sign(&stream, &tree, chrono::DateTime::UNIX_EPOCH);
            lines.push(json!({ "checkpoint": note }).to_string());
            kept.push(note);
        }
        let mut manifest = Manifest::default();
        for line in &lines {
            manifest.add(format!("{line}\n").as_bytes());
        }
        lines.push(json!({ "manifest": manifest.sign(signer, &["query all".to_owned()]) }).to_string());
        Self { lines, kept: kept.join("\n"), keys: vec![signer.verifier().clone()] }
    }

    fn verify(&self, lines: &[String]) -> Report {
        let (kept, wrong) = read_checkpoints(&self.kept, &self.keys);
        assert_eq!(wrong, []);
        let text: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
        verify(text.as_bytes(), &self.keys, kept).unwrap()
    }

    fn is_entry(&self, line: usize) -> bool {
        self.lines[line].starts_with(r#"{"at""#) || self.lines[line].contains(r#""index":"#)
    }
}

/// One change to an export.
#[derive(Debug, Clone)]
enum Tampering {
    Bit(usize, usize, u8),
    Field(usize),
    Gone(usize),
    Doubled(usize, usize),
    Swapped(usize),
    Tail(usize),
    Head(usize),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let (one, other) = (any::<usize>(), any::<usize>());
    prop_oneof![
        4 => (one, other, 0_u8..8).prop_map(|(line, at, bit)| Tampering::Bit(line, at, bit)),
        2 => one.prop_map(Tampering::Field),
        2 => one.prop_map(Tampering::Gone),
        2 => (one, other).prop_map(|(line, to)| Tampering::Doubled(line, to)),
        2 => one.prop_map(Tampering::Swapped),
        1 => one.prop_map(Tampering::Tail),
        1 => one.prop_map(Tampering::Head),
    ]
}

impl Tampering {
    /// The changed lines, and which lines of the file the defect may be told at.
    fn apply(&self, exported: &Exported) -> Option<(Vec<String>, Vec<u64>)> {
        let count = exported.lines.len();
        let mut lines = exported.lines.clone();
        let entry =
            |from: usize| (0..count).map(|step| (from + step) % count).find(|line| exported.is_entry(*line));
        let place = match *self {
            Self::Bit(line, at, bit) => {
                let line = line % count;
                let mut bytes = lines[line].clone().into_bytes();
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
                lines[line] = String::from_utf8(bytes).ok().filter(|text| !text.contains('\n'))?;
                line
            }
            Self::Field(line) => {
                let line = entry(line % count)?;
                lines[line] = lines[line].replace("/api/v2/users", "/api/v2/queues");
                line
            }
            Self::Gone(line) => {
                lines.remove(line % count);
                line % count
            }
            Self::Doubled(line, to) => {
                let line = lines[entry(line % count)?].clone();
                lines.insert(to % count, line);
                to % count
            }
            Self::Swapped(line) => {
                let line = line % (count - 1);
                lines.swap(line, line + 1);
                line
            }
            Self::Tail(keep) => {
                lines.truncate(keep % count);
                keep % count
            }
            Self::Head(gone) => {
                lines.drain(..=gone % (count - 1));
                0
            }
        };
        Some((lines, vec![place as u64 + 1]))
    }
}

#[test]
fn of_a_thousand_changes_to_an_export_each_is_found_and_an_untouched_one_is_never_accused() {
    let exported = Exported::new(&signer());
    let untouched = exported.verify(&exported.lines);
    assert!(untouched.is_clean(), "{untouched:?}");
    assert_eq!(untouched.streams.values().map(|proven| proven.size).collect::<Vec<_>>(), STREAMS);
    let config = Config { cases: 1_000, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&tampering(), |tampering| {
        let Some((lines, at)) = tampering.apply(&exported) else {
            return Err(TestCaseError::reject("no text"));
        };
        if lines == exported.lines {
            return Err(TestCaseError::reject("no change"));
        }
        let report = exported.verify(&lines);
        prop_assert!(!report.is_clean(), "{:?} was not found", tampering);
        if let Tampering::Bit(..) | Tampering::Field(_) = tampering {
            let told: Vec<_> = report.defects.iter().filter_map(|defect| defect.line).collect();
            prop_assert!(
                at.iter().any(|line| told.contains(line)),
                "{:?} at {:?}: {:?}",
                tampering,
                at,
                report
            );
        }
        Ok(())
    });
    outcome.unwrap();
}

/// What is told of one change, without the lines.
fn told(report: &Report) -> Vec<(What, Option<u64>)> {
    let entries = report.defects.iter().filter(|defect| defect.what != What::NotAsExported);
    entries.map(|Defect { what, index, .. }| (*what, *index)).collect()
}

#[test]
fn each_kind_of_change_is_told_by_its_name_and_its_place() {
    let exported = Exported::new(&signer());
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = exported.lines.clone();
        change(&mut lines);
        told(&exported.verify(&lines))
    };
    let altered = changed(&|lines| lines[7] = lines[7].replace("users", "queues"));
    assert_eq!(altered, [(What::Altered, Some(7))]);
    assert_eq!(changed(&|lines| _ = lines.remove(7)), [(What::Missing, Some(7))]);
    assert_eq!(changed(&|lines| lines.insert(9, lines[7].clone())), [(What::Inserted, Some(7))]);
    assert_eq!(changed(&|lines| lines.swap(7, 8)), [(What::Reordered, Some(7))]);
    let other =
        |lines: &mut Vec<String>| lines[RUN] = lines[RUN].replacen("\"hashes\":[\"", "\"hashes\":[\"AAAA", 1);
    let hashes = changed(&other);
    assert!(
        hashes.iter().any(|(what, _)| *what == What::Altered || *what == What::HashesAltered),
        "{hashes:?}"
    );
    let half = changed(&|lines| lines.truncate(400));
    assert!(half.contains(&(What::StreamMissing, None)), "{half:?}");
    assert!(half.iter().any(|(what, at)| *what == What::TailMissing && at.is_some()), "{half:?}");
    let last = exported.lines.len() - 2;
    assert!(
        changed(&|lines| lines[last] = lines[last].replace("ringfence", "ringfance"))
            .contains(&(What::UnknownKey, None))
    );
}

#[test]
fn checkpoints_that_were_changed_are_told() {
    let exported = Exported::new(&signer());
    let mut found = 0;
    for at in 0..exported.kept.len() {
        let mut bytes = exported.kept.clone().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let (_, wrong) = read_checkpoints(&changed, &exported.keys);
        // Between two notes there is nothing to change but the blank line.
        found += usize::from(!wrong.is_empty());
    }
    assert!(found + 8 >= exported.kept.chars().count(), "{found} of {}", exported.kept.len());
}

async fn export(app: &TestApp) -> (String, Vec<VerifierKey>, Vec<Checkpoint>) {
    let checkpoints = app.admin().get("/checkpoints").await.expect(200);
    let keys: Vec<VerifierKey> = vec![checkpoints["key"].as_str().unwrap().parse().unwrap()];
    let notes: Vec<_> =
        checkpoints["checkpoints"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    let (kept, wrong) = read_checkpoints(&notes.join("\n"), &keys);
    assert_eq!(wrong, []);
    (app.admin().get("/events/export?format=jsonl").await.text, keys, kept)
}

#[tokio::test]
async fn what_a_running_ringfence_exports_is_proven_from_the_first_entry_on() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..20 {
        alpha.get("/api/v2/routing/queues").await.expect(200);
    }
    let app = app.restart().await;
    let (text, keys, kept) = export(&app).await;
    let report = verify(text.as_bytes(), &keys, kept).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert!(report.streams.len() >= 2, "{report:?}");
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| line["operation"] == "getRoutingQueues").count(), 20);
    assert!(lines.iter().any(|line| line["operation"] == "event.export"), "the export itself is on record");
    app.finish().await;
}

/// Whoever can write to the store can change rows, and the hashes beside them: not what was signed.
#[tokio::test]
async fn what_is_changed_in_the_store_is_told_by_its_export() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    for _ in 0..10 {
        alpha.get("/api/v2/routing/queues").await.expect(200);
    }
    let store = app.proving_store().await;
    let at = app.clock.now();
    let planted = Event {
        id: EventId::at(at),
        at,
        kind: EventKind::Change,
        actor: Actor::default(),
        operation: Some("planted".into()),
        source: None,
        detail: r#"{"who":"mallory"}"#.into(),
    };
    let ended = Outcome { status: None, ..planted.ended_well() };
    store.record(&planted, &ended).await.unwrap();
    let (text, keys, kept) = export(&app).await;
    assert!(verify(text.as_bytes(), &keys, kept).unwrap().is_clean());
    assert_eq!(app.admin().post("/events/verify", &json!({})).await.expect(200)["clean"], true);
    let on = if app.database().url().starts_with("sqlite") { "" } else { " ON event" };
    app.database().run(&format!("DROP TRIGGER event_is_append_only{on}")).await;
    app.database().run("UPDATE event SET detail = '{\"who\":\"alice\"}' WHERE operation = 'planted'").await;
    let (text, keys, kept) = export(&app).await;
    let report = verify(text.as_bytes(), &keys, kept).unwrap();
    let index = text.lines().find(|line| line.contains("planted")).unwrap();
    let index = serde_json::from_str::<Value>(index).unwrap()["index"].as_u64();
    assert_eq!(told(&report), [(What::Altered, index)]);
    let verified = app.admin().post("/events/verify", &json!({})).await.expect(200);
    assert_eq!((&verified["clean"], &verified["defects"][0]["what"]), (&false.into(), &"altered".into()));
    assert_eq!(verified["defects"][0]["index"].as_u64(), index);
    app.database().run("DELETE FROM event WHERE operation = 'planted'").await;
    let (text, keys, kept) = export(&app).await;
    let report = verify(text.as_bytes(), &keys, kept).unwrap();
    assert!(told(&report).contains(&(What::Missing, index)), "{report:?}");
    app.finish().await;
}
