//! The record as a file that proves itself; that it was exported goes on record.

use std::{collections::VecDeque, pin::pin};

use futures_util::{Stream, TryStreamExt, stream};
use serde_json::json;

use super::{Author, Desk, Refusal, desk::Subject};
use crate::{
    model::EventKind,
    store::{Entry, Store, StoreError, StreamHead},
    tlog::{
        Manifest,
        verify::{Verifier, read_checkpoints},
    },
};

pub use crate::tlog::verify::Report;

/// Entries that are read at a time.
const TOGETHER: i64 = 1_024;
/// Entries with one line of hashes behind them.
const RUN: usize = 256;

/// Exports the whole record as lines, in the form that [`crate::tlog::verify`] verifies. A checkpoint is made first.
///
/// The lines come in pieces as they are read, so memory does not grow with the record. A stream that cannot be read to its
/// end is an error in the midst: what came until then is not proven.
pub async fn export(
    desk: &Desk,
    author: &Author,
) -> Result<impl Stream<Item = Result<String, StoreError>> + use<>, Refusal> {
    const ACTION: &str = "event.export";
    desk.authorize(author, ACTION).await?;
    let detail = json!({ "format": "jsonl" });
    let event = desk.event(author, EventKind::Search, ACTION, &Subject::default(), &detail);
    desk.store.record(&event, &desk.outcome(&event, "ok", 200)).await?;
    desk.store.keep_checkpoints(desk.clock.now()).await?;
    let streams: VecDeque<_> = desk.store.list_streams().await?.into();
    let about = vec![
        format!("time {}", event.at.to_rfc3339()),
        format!("event {}", event.id),
        "query all".to_owned(),
    ];
    let exporting = Exporting {
        store: desk.store.clone(),
        streams,
        next: 0,
        manifest: Some((Manifest::default(), about)),
    };
    Ok(stream::try_unfold(exporting, Exporting::piece))
}

/// The checkpoints that were kept, and one of now, as signed notes.
pub async fn checkpoints(desk: &Desk, author: &Author) -> Result<Vec<String>, Refusal> {
    desk.authorize(author, "checkpoint.list").await?;
    desk.store.keep_checkpoints(desk.clock.now()).await?;
    Ok(desk.store.list_checkpoints().await?)
}

/// The public key that checkpoints are verified with.
pub async fn verifier_key(desk: &Desk, author: &Author) -> Result<String, Refusal> {
    desk.authorize(author, "checkpoint.list").await?;
    Ok(desk.store.signer()?.verifier().to_string())
}

/// Verifies the whole record where it is, against the checkpoints that are kept beside it: what an export of now would prove.
pub async fn verify(desk: &Desk, author: &Author) -> Result<Report, Refusal> {
    desk.authorize(author, "event.verify").await?;
    let checkpoints = checkpoints(desk, author).await?;
    let keys = [desk.store.signer()?.verifier().clone()];
    let (kept, found) = read_checkpoints(&checkpoints.join("\n"), &keys);
    let mut verifier = Verifier::new(&keys, kept);
    let mut lines = pin!(export(desk, author).await?);
    while let Some(piece) = lines.try_next().await? {
        piece.split_inclusive('\n').for_each(|line| verifier.take(line.as_bytes()));
        // It is work for the processor alone, and others have requests here.
        tokio::task::yield_now().await;
    }
    let mut report = verifier.finish();
    report.checkpoints = found;
    Ok(report)
}

struct Exporting {
    store: Store,
    // Those that are still to come; the first is under way.
    streams: VecDeque<StreamHead>,
    next: u64,
    // With what is said about the export; gone with the last piece.
    manifest: Option<(Manifest, Vec<String>)>,
}

impl Exporting {
    async fn piece(mut self) -> Result<Option<(String, Self)>, StoreError> {
        let Some(stream) = self.streams.front() else {
            let Some((manifest, about)) = self.manifest.take() else { return Ok(None) };
            let signed = manifest.sign(self.store.signer()?, &about);
            return Ok(Some((json!({ "manifest": signed }).to_string() + "\n", self)));
        };
        let size = u64::try_from(stream.size).unwrap_or_default();
        let mut entries = self.store.entries(stream, self.next, TOGETHER).await?;
        // What came since is proven by the next checkpoint.
        entries.retain(|entry| entry.index < size);
        let mut piece = String::new();
        for run in entries.chunks(RUN) {
            write_run(&mut piece, stream, run);
        }
        if let Some(last) = entries.last() {
            self.next = last.index + 1;
        } else {
            if size > 0 {
                piece.push_str(&json!({ "checkpoint": stream.checkpoint }).to_string());
                piece.push('\n');
            }
            self.streams.pop_front();
            self.next = 0;
        }
        if let Some((manifest, _)) = &mut self.manifest {
            manifest.add(piece.as_bytes());
        }
        Ok(Some((piece, self)))
    }
}

/// Entries, and the hashes that they had when they were written.
fn write_run(piece: &mut String, stream: &StreamHead, run: &[Entry]) {
    for entry in run {
        piece.push_str(&entry.line);
        piece.push('\n');
    }
    // A row that is missing parts what its neighbours' hashes prove.
    for unbroken in run.chunk_by(|one, next| one.index + 1 == next.index) {
        let first = unbroken.first().map(|entry| entry.index);
        let hashes: Vec<_> = unbroken.iter().map(|entry| entry.hash).collect();
        let line = json!({ "hashes": { "stream": stream.id, "first": first, "hashes": hashes } });
        piece.push_str(&line.to_string());
        piece.push('\n');
    }
}
