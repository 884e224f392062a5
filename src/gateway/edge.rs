//! The edge: what is refused before anything is decided, and where a request comes from.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, Version, header, request::Parts};
use http_body_util::Full;
use hyper::body::Incoming;
use ipnet::IpNet;

use super::{
    Gateway, Inner,
    answer::Answered,
    denial::{Denial, Failure, Invalid},
    meters,
    refused::Refused,
};
use crate::{
    audit::Record,
    model::{EventId, EventKind},
    web::listener::{self, Refusal, Surface},
};

/// The path in an event is cut to this many bytes.
const MAX_RECORDED_PATH: usize = 2_000;

impl Surface for Gateway {
    type Body = Full<Bytes>;

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr) -> Answered {
        self.respond(request, peer.ip()).await
    }

    async fn refuse(&self, refusal: &Refusal, peer: SocketAddr) -> Response<Full<Bytes>> {
        self.refuse_unread(refusal, peer.ip().to_canonical()).await
    }
}

impl Gateway {
    /// Answers where too many are under way.
    pub(super) async fn turn_away(&self, request: Request<Incoming>, peer: IpAddr) -> Answered {
        let head = request.into_parts().0;
        let refused = Refused::failed(Failure::Crowded, head.uri.path());
        let source = source(peer, &head.headers, &self.config().trusted_proxies);
        self.refuse_at_door(refused, source, |record| note(&head, record)).await
    }

    /// Answers what could not be read as a request; whose it is, nobody knows.
    async fn refuse_unread(&self, refusal: &Refusal, source: IpAddr) -> Answered {
        let unread = unread(refusal);
        let note = unread.message.clone();
        let record = |record: &mut Record| {
            record.kind = EventKind::Refusal;
            record.call.notes.push(note);
        };
        let mut answer = self.refuse_at_door(Refused::Api(unread.into()), source, record).await;
        listener::date(answer.headers_mut(), self.0.parts.clock.now());
        answer
    }

    /// Records and answers what came no further than the door. A source has as many events of it as failures; beyond, it
    /// is limited and counted.
    async fn refuse_at_door(
        &self,
        refused: Refused,
        source: IpAddr,
        describe: impl FnOnce(&mut Record),
    ) -> Answered {
        let Inner { parts, limiter, .. } = &*self.0;
        let (refused, place) = match limiter.charge_at_door(source) {
            Ok(place) => (refused, Some(place)),
            Err(denial) => (refused.replace(denial), None),
        };
        let code = refused.code();
        meters::count_at_door(code);
        let id = EventId::at(parts.clock.now());
        let answer = refused.answer(&id);
        if place.is_none() {
            limiter.count_outside(source, code, answer.status());
            return answer;
        }
        let not_recorded = refused.replace(Denial::Failed(Failure::NotRecorded));
        let Ok(mut record) = parts.audit.open().await else { return not_recorded.answer(&id) };
        let id = record.id().clone();
        record.source = Some(source);
        describe(&mut record);
        match record.refuse(code, answer.status().as_u16()).await {
            Ok(()) => refused.answer(&id),
            Err(_) => not_recorded.answer(&id),
        }
    }
}

/// What a request asks, as the event has it.
pub(super) fn note(head: &Parts, record: &mut Record) {
    head.method.as_str().clone_into(&mut record.call.method);
    let path = head.uri.path();
    path.get(..path.floor_char_boundary(MAX_RECORDED_PATH)).unwrap_or(path).clone_into(&mut record.call.path);
}

/// Says what is wrong with what is no request.
fn unread(refusal: &Refusal) -> Invalid {
    match refusal {
        Refusal::Malformed(what) => {
            let message = format!(
                "This is no HTTP request: {what}. Send its first line and headers as RFC 9112 has them."
            );
            Invalid::new("ringfence.request_malformed", message)
        }
        Refusal::TooLarge => Invalid::of(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "ringfence.head_too_large",
            "The request has more than 100 headers, or more than 64 KiB of them; send fewer.",
        ),
        Refusal::TooSlow => Invalid::of(
            StatusCode::REQUEST_TIMEOUT,
            "ringfence.head_timed_out",
            "The first line and the headers were not whole in time; send them at once.",
        ),
        Refusal::Broken(what) => Invalid::new("ringfence.http2_broken", what.as_str()),
    }
}

/// Refuses what two readers of the same bytes could understand differently.
pub(super) fn check(parts: &Parts) -> Result<(), Invalid> {
    let more_than_one = |name| parts.headers.get_all(name).iter().nth(1).is_some();
    if more_than_one(header::HOST) {
        return Err(Invalid::new("ringfence.host_twice", "The request has two `Host` headers; send one."));
    }
    // HTTP/2 has an authority instead, beside which a `host` must say the same (RFC 9113, 8.3.1); HTTP/1.0 has neither.
    let authority = parts.uri.authority().filter(|_| parts.version >= Version::HTTP_2);
    let host = parts.headers.get(header::HOST);
    if host.is_none() && authority.is_none() && parts.version >= Version::HTTP_11 {
        return Err(Invalid::new("ringfence.host_missing", "The request has no `Host` header; send one."));
    }
    if let (Some(host), Some(authority)) = (host, authority)
        && !host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes())
    {
        let message = "The request names two hosts, one as `:authority` and one as `Host`; send one.";
        return Err(Invalid::new("ringfence.host_twice", message));
    }
    // Of chunks beside a length hyper keeps the chunks, and closes the connection behind them (RFC 9112, 6.3).
    if more_than_one(header::CONTENT_LENGTH) || more_than_one(header::TRANSFER_ENCODING) {
        let message =
            "The request tells its body's length twice; send `Content-Length` or `Transfer-Encoding`, once.";
        return Err(Invalid::new("ringfence.length_ambiguous", message));
    }
    if parts.headers.get(header::TRANSFER_ENCODING).is_some_and(|coding| !is_chunks_alone(coding)) {
        let message = "The body is coded as more than chunks; send `Transfer-Encoding: chunked` alone.";
        return Err(Invalid::new("ringfence.length_ambiguous", message));
    }
    if parts.uri.scheme().is_some() && parts.version < Version::HTTP_2 {
        let message = "Send the path alone in the request line, without scheme and host.";
        return Err(Invalid::new("ringfence.path_not_canonical", message));
    }
    Ok(())
}

/// Not what a reader of other codings would find inside the chunks.
fn is_chunks_alone(coding: &HeaderValue) -> bool {
    coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked")
}

/// Where a request comes from. `X-Forwarded-For` counts only from trusted proxies, from the right.
pub(super) fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|range| range.contains(address));
    if trusted.is_empty() || !is_trusted(&peer) {
        return peer;
    }
    let told: Vec<_> = headers.get_all("x-forwarded-for").iter().map(HeaderValue::as_bytes).collect();
    let mut source = peer;
    for hop in told.iter().rev().flat_map(|line| line.rsplit(|byte| *byte == b',')) {
        // Beyond an address that cannot be read, nothing can be believed.
        let Some(address) = address(hop) else { break };
        source = address.to_canonical();
        if !is_trusted(&source) {
            break;
        }
    }
    source
}

fn address(hop: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(hop).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forwarded_addresses_count_from_the_right_and_only_from_trusted_proxies() {
        let trusted = ["10.0.0.0/8".parse().unwrap(), "127.0.0.0/8".parse().unwrap()];
        let source_of = |peer: &str, forwarded: &[&[u8]]| {
            let mut headers = HeaderMap::new();
            for value in forwarded {
                headers.append("x-forwarded-for", HeaderValue::from_bytes(value).unwrap());
            }
            source(peer.parse().unwrap(), &headers, &trusted).to_string()
        };
        let source = |peer: &str, forwarded: &[&str]| {
            source_of(peer, &forwarded.iter().map(|value| value.as_bytes()).collect::<Vec<_>>())
        };
        assert_eq!(
            source("192.0.2.1", &["198.51.100.7"]),
            "192.0.2.1",
            "a stranger's word counts for nothing"
        );
        assert_eq!(source("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(source("10.0.0.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["203.0.113.9", "198.51.100.7, 10.0.0.2"]), "198.51.100.7");
        assert_eq!(source("10.0.0.1", &["198.51.100.7, nonsense"]), "10.0.0.1");
        assert_eq!(source("::ffff:10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(source_of("10.0.0.1", &[b"\xff, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(source_of("10.0.0.1", &[b"127.0.0.9", b"\xff, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(source_of("10.0.0.1", &[b"198.51.100.7", b"203.0.113.9, \xff"]), "10.0.0.1");
        assert_eq!(source_of("10.0.0.1", &[b"198.51.100.7", b"\xff, 127.0.0.9"]), "127.0.0.9");
    }
}
