//! Entries of the log: where one stands, and the line that its hash is of.
//!
//! The line is the one form of an entry that is proven: a JSON object without a line feed, its members in the order of the
//! structs here. Exports hand out the same lines. What a line of a [`SCHEMA`] looks like never changes; what changes gets
//! the next number.

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::{Event, EventId, EventKind, KeyId, OperatorId, Outcome, StreamId, TenantId};

/// The form of entries, as the `v` of each says.
pub const SCHEMA: u32 = 1;

/// Where an entry stands: in which stream, and behind how many others of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, sqlx::Type)]
#[sqlx(transparent)]
pub struct Place(i64);

impl Place {
    /// Bits for the place within its stream: 10^12 entries; the rest number eight million streams.
    pub const INDEX_BITS: u32 = 40;

    /// Of a stream's number and an index.
    pub fn new(stream: i64, index: u64) -> Self {
        Self(stream << Self::INDEX_BITS | i64::try_from(index).unwrap_or(i64::MAX) & Self::LAST)
    }

    const LAST: i64 = (1 << Self::INDEX_BITS) - 1;

    /// As it is kept.
    pub fn as_i64(self) -> i64 {
        self.0
    }

    /// The number of its stream.
    pub fn stream(self) -> i64 {
        self.0 >> Self::INDEX_BITS
    }

    /// How many entries of the stream stand before it.
    pub fn index(self) -> u64 {
        (self.0 & Self::LAST).unsigned_abs()
    }
}

#[derive(Serialize)]
struct Intent<'e> {
    v: u32,
    stream: &'e StreamId,
    index: u64,
    event: &'e EventId,
    #[serde(serialize_with = "in_microseconds")]
    at: DateTime<Utc>,
    kind: EventKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'e TenantId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e KeyId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operator: Option<&'e OperatorId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
}

#[derive(Serialize)]
struct End<'e> {
    v: u32,
    stream: &'e StreamId,
    index: u64,
    outcome_of: &'e EventId,
    #[serde(serialize_with = "in_microseconds")]
    at: DateTime<Utc>,
    code: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
}

/// The line of an event at its place.
pub fn event_line(stream: &StreamId, index: u64, event: &Event) -> String {
    let Event { id, at, kind, actor, operation, source, detail } = event;
    let intent = Intent {
        v: SCHEMA,
        stream,
        index,
        event: id,
        at: *at,
        kind: *kind,
        tenant: actor.tenant_id.as_ref(),
        key: actor.key_id.as_ref(),
        operator: actor.operator_id.as_ref(),
        operation: operation.as_deref(),
        source: *source,
    };
    with_detail(&intent, detail)
}

/// The line of an outcome at its place.
pub fn outcome_line(stream: &StreamId, index: u64, outcome: &Outcome) -> String {
    let Outcome { event_id, at, code, status, detail } = outcome;
    let end = End { v: SCHEMA, stream, index, outcome_of: event_id, at: *at, code, status: *status };
    with_detail(&end, detail)
}

fn with_detail(head: &impl Serialize, detail: &str) -> String {
    let mut line = Vec::with_capacity(320 + detail.len());
    // Writing to memory does not fail, and all members have a form in JSON.
    let _ = serde_json::to_writer(&mut line, head);
    line.pop();
    line.extend_from_slice(br#","detail":"#);
    // What we write is JSON on one line. What an alien hand wrote stays on its line, and is not what was hashed.
    if detail.contains(['\n', '\r']) {
        let _ = serde_json::to_writer(&mut line, detail);
    } else {
        line.extend_from_slice(detail.as_bytes());
    }
    line.push(b'}');
    // All of it was text.
    String::from_utf8(line).unwrap_or_default()
}

fn in_microseconds<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&at.format("%Y-%m-%dT%H:%M:%S%.6fZ"))
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::Actor;

    #[test]
    fn a_place_is_its_stream_and_its_index() {
        for (stream, index) in [(0, 0), (1, 0), (7, 12), (8_000_000, (1 << 40) - 1)] {
            let place = Place::new(stream, index);
            assert_eq!((place.stream(), place.index()), (stream, index));
        }
        assert!(Place::new(1, (1 << 40) - 1) < Place::new(2, 0));
    }

    /// The form is a promise: whoever kept an export verifies it with any later version.
    #[test]
    fn the_lines_of_schema_1_stay_as_they_are() {
        let stream: StreamId = "01936000-0000-7000-8000-000000000001".parse().unwrap();
        let id: EventId = "01936000-0000-7000-8000-000000000002".parse().unwrap();
        let at = DateTime::UNIX_EPOCH + TimeDelta::nanoseconds(1_234_567_890);
        let actor = Actor {
            tenant_id: Some("alpha".parse().unwrap()),
            key_id: Some("aaaaaaaaaaaaaaaa".parse().unwrap()),
            operator_id: None,
        };
        let event = Event {
            id: id.clone(),
            at,
            kind: EventKind::Call,
            actor,
            operation: Some("getUsers".into()),
            source: Some("203.0.113.7".parse().unwrap()),
            detail: r#"{"path":"/api/v2/users"}"#.into(),
        };
        assert_eq!(
            event_line(&stream, 3, &event),
            r#"{"v":1,"stream":"01936000-0000-7000-8000-000000000001","index":3,"event":"01936000-0000-7000-8000-000000000002","at":"1970-01-01T00:00:01.234567Z","kind":"call","tenant":"alpha","key":"aaaaaaaaaaaaaaaa","operation":"getUsers","source":"203.0.113.7","detail":{"path":"/api/v2/users"}}"#
        );
        let outcome = Outcome { event_id: id, at, code: "ok".into(), status: Some(200), detail: "{}".into() };
        assert_eq!(
            outcome_line(&stream, 4, &outcome),
            r#"{"v":1,"stream":"01936000-0000-7000-8000-000000000001","index":4,"outcome_of":"01936000-0000-7000-8000-000000000002","at":"1970-01-01T00:00:01.234567Z","code":"ok","status":200,"detail":{}}"#
        );
        let altered = Outcome { detail: "{}\n{}".into(), ..outcome };
        assert!(!outcome_line(&stream, 4, &altered).contains('\n'));
    }
}
