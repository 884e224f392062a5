//! What a test sent to the gateway, held against the record at its end.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use reqwest::{RequestBuilder, StatusCode, header::HeaderMap};
use ringfence::{
    model::{EventKind, RecordedEvent},
    store::{EventFilter, Store},
};
use serde_json::Value;

use super::app::Answer;

/// What the test sent to the gateway: each must leave one event.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    sent: AtomicUsize,
    answered: Mutex<Vec<(String, StatusCode)>>,
}

impl Ledger {
    pub(super) async fn send(&self, request: RequestBuilder) -> Answer {
        let (status, headers, text) = self.send_raw(request).await;
        Answer::new(status, headers, text)
    }

    pub(super) async fn send_raw(&self, request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let answer = read_raw(request).await;
        self.note(answer.0, &answer.1);
        answer
    }

    pub(super) async fn count(&self, answer: impl Future<Output = Answer>) -> Answer {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let answer = answer.await;
        self.note(answer.status, &answer.headers);
        answer
    }

    fn note(&self, status: StatusCode, headers: &HeaderMap) {
        let id = headers.get("inin-correlation-id").map(|id| id.to_str().unwrap().to_owned());
        let id = id.expect("every answer carries `ININ-Correlation-Id`");
        self.answered.lock().unwrap().push((id, status));
    }

    /// Whether the call was answered.
    pub(super) fn has_answer(&self, call: &str) -> bool {
        self.answered.lock().unwrap().iter().any(|(id, _)| id == call)
    }

    /// Every request left exactly one event, and each event its outcome; what the limiter refused is counted.
    pub(super) async fn assert_complete(&self, store: &Store) {
        let recorded = recorded(store, EventKind::Call).await;
        let open: Vec<_> = recorded.values().filter(|event| event.outcome.is_none()).collect();
        assert!(open.is_empty(), "calls without an outcome: {open:#?}");
        let mut limited = 0;
        for (id, status) in self.answered.lock().unwrap().iter().filter(|(id, _)| !recorded.contains_key(id))
        {
            // What the limiter refuses is counted, and has no event of its own.
            let counted = *status == StatusCode::TOO_MANY_REQUESTS;
            assert!(counted, "the call {id} was answered {status} and left no event");
            limited += 1;
        }
        assert_eq!(recorded.len() + limited, self.sent.load(Ordering::SeqCst), "one event for each request");
        assert_eq!(recorded_floods(store).await, limited, "each refusal of the limiter is counted");
    }

    /// No data was answered that is not on record.
    pub(super) async fn assert_nothing_unrecorded(&self, store: &Store) {
        let recorded = recorded(store, EventKind::Call).await;
        let answered = self.answered.lock().unwrap();
        // What the limiter refuses is counted.
        let refused = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS];
        for (id, _) in answered.iter().filter(|(_, status)| !refused.contains(status)) {
            assert!(recorded.contains_key(id), "the call {id} was answered and left no event");
        }
    }
}

/// How many requests the limiter's counts speak of.
async fn recorded_floods(store: &Store) -> usize {
    let floods = recorded(store, EventKind::Flood).await;
    let refused = |flood: &RecordedEvent| {
        let detail: Value = serde_json::from_str(&flood.event.detail).unwrap();
        usize::try_from(detail["refused"].as_u64().unwrap()).unwrap()
    };
    floods.values().map(refused).sum()
}

async fn recorded(store: &Store, kind: EventKind) -> BTreeMap<String, RecordedEvent> {
    let mut calls = BTreeMap::new();
    let mut before = None;
    loop {
        let page = store.list_events(&EventFilter::default(), before.as_ref(), 500).await.unwrap();
        let Some(last) = page.last() else { return calls };
        before = Some(last.event.id.clone());
        let page = page.into_iter().filter(|recorded| recorded.event.kind == kind);
        calls.extend(page.map(|recorded| (recorded.event.id.to_string(), recorded)));
    }
}

#[expect(clippy::disallowed_methods, reason = "tests are clients")]
pub(super) async fn read_raw(request: RequestBuilder) -> (StatusCode, HeaderMap, String) {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    (status, headers, response.text().await.unwrap())
}
