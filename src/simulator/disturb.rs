//! What faults do to an answer that is made already.

use std::{io, time::Duration};

use axum::{
    body::{Body, Bytes},
    http::{HeaderName, HeaderValue, Response, StatusCode, header},
};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::BodyExt;
use serde_json::Value;

use super::faults::Fault;

type Piece = Result<Bytes, io::Error>;

const ENDLESS: &[u8] = b"{\"id\": \"5d0\", \"name\": \"and so on\"},";
const PIECE: usize = 65_536;

/// The answer as the fault leaves it; other faults leave it as it is.
pub(super) async fn disturb(response: Response<Body>, fault: &Fault) -> Result<Response<Body>, io::Error> {
    let (mut parts, body) = response.into_parts();
    let whole = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let body = match fault {
        Fault::Truncate => {
            parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
            pieces(broken_off(&whole))
        }
        Fault::CutChunks => pieces(broken_off(&whole)),
        Fault::Trickle { bytes, ms } => {
            parts.headers.insert(header::CONTENT_LENGTH, whole.len().into());
            pieces(trickle(whole, (*bytes).max(1), Duration::from_millis(*ms)))
        }
        Fault::Endless => {
            let head = stream::once(async { Ok(Bytes::from_static(b"{\"entities\": [")) });
            let piece = Bytes::from(ENDLESS.repeat(PIECE / ENDLESS.len()));
            pieces(head.chain(stream::repeat_with(move || Ok(piece.clone()))))
        }
        Fault::HugeHeaders { bytes } => {
            if let Ok(value) = HeaderValue::from_str(&"x".repeat(*bytes)) {
                parts.headers.insert(HeaderName::from_static("x-huge"), value);
            }
            Body::from(whole)
        }
        Fault::ContentType { value } => {
            if let Ok(value) = HeaderValue::from_str(value) {
                parts.headers.insert(header::CONTENT_TYPE, value);
            }
            Body::from(whole)
        }
        Fault::Gzip => {
            parts.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            Body::from(gzip(&whole))
        }
        Fault::Totals { add } => Body::from(totals(&whole, *add)),
        Fault::Instead { field, value } => Body::from(instead(&whole, field, value)),
        Fault::Done { status } => {
            parts.status = StatusCode::from_u16(*status).unwrap_or(parts.status);
            Body::from(whole)
        }
        Fault::Latency { .. }
        | Fault::Status { .. }
        | Fault::Reset
        | Fault::Malformed
        | Fault::Hang
        | Fault::EmptyBody
        | Fault::Lie { .. }
        | Fault::Early { .. } => Body::from(whole),
    };
    Ok(Response::from_parts(parts, body))
}

fn pieces(stream: impl Stream<Item = Piece> + Send + 'static) -> Body {
    Body::from_stream(stream)
}

/// The first half, then an error that closes the connection.
fn broken_off(whole: &Bytes) -> impl Stream<Item = Piece> + use<> {
    let half = whole.slice(..whole.len() / 2);
    let broken = async {
        // One turn of the connection, so that the first half is on its way before the break.
        tokio::task::yield_now().await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    };
    stream::iter([Ok(half)]).chain(stream::once(broken))
}

/// So many bytes at a time, with a pause before each.
fn trickle(whole: Bytes, bytes: usize, pause: Duration) -> impl Stream<Item = Piece> {
    stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let piece = rest.split_to(bytes.min(rest.len()));
        Some((Ok(piece), rest))
    })
}

/// A gzip file (RFC 1952) whose blocks are stored as they are.
fn gzip(whole: &[u8]) -> Vec<u8> {
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    for block in whole.chunks(usize::from(u16::MAX)) {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        file.push(0);
        file.extend_from_slice(&length.to_le_bytes());
        file.extend_from_slice(&(!length).to_le_bytes());
        file.extend_from_slice(block);
    }
    // An empty last block.
    file.extend_from_slice(&[1, 0, 0, 0xff, 0xff]);
    file.extend_from_slice(&crc32fast::hash(whole).to_le_bytes());
    // The length modulo 2^32.
    file.extend_from_slice(&u32::try_from(whole.len()).unwrap_or_default().to_le_bytes());
    file
}

/// The same answer, but for one field.
fn instead(whole: &[u8], field: &str, value: &Value) -> Bytes {
    let Ok(mut answer) = serde_json::from_slice::<Value>(whole) else {
        return Bytes::copy_from_slice(whole);
    };
    let first = if answer.is_array() { answer.get_mut(0) } else { Some(&mut answer) };
    if let Some(fields) = first.and_then(Value::as_object_mut) {
        fields.insert(field.to_owned(), value.clone());
    }
    Bytes::from(answer.to_string())
}

/// The same answer, counting so many more.
fn totals(whole: &[u8], add: i64) -> Bytes {
    let Ok(Value::Object(mut answer)) = serde_json::from_slice(whole) else {
        return Bytes::copy_from_slice(whole);
    };
    for name in ["total", "totalHits", "pageCount"] {
        if let Some(count) = answer.get(name).and_then(Value::as_i64) {
            answer.insert(name.to_owned(), Value::from(count.saturating_add(add)));
        }
    }
    Bytes::from(Value::Object(answer).to_string())
}
