//! The answer to what hyper could not read as a request: as whole as any other.

use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::{HeaderMap, HeaderValue, Response, header};
use http_body_util::{BodyExt, Full};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    time,
};

/// How long a client may take to take its answer.
const WRITE_WITHIN: Duration = Duration::from_secs(10);
/// How long, and how much, is still read of what a client sends on after the last answer.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES: usize = 1_048_576;

/// Why something is no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not HTTP; what is wrong in hyper's words.
    Malformed(String),
    /// The request line and headers are too large, or too many.
    TooLarge,
    /// The request line and headers were not whole in time.
    TooSlow,
    /// HTTP/2 was broken, in which words: the client was told in its frames, and the connection is over.
    Broken(String),
}

/// Dates an answer that hyper does not write.
pub fn date(headers: &mut HeaderMap, now: DateTime<Utc>) {
    if let Ok(date) = HeaderValue::from_str(&now.format("%a, %d %b %Y %H:%M:%S GMT").to_string()) {
        headers.insert(header::DATE, date);
    }
}

/// Writes an answer byte for byte, and says that it is the last.
pub(super) async fn write<T: AsyncWrite + Unpin>(stream: &mut T, mut response: Response<Full<Bytes>>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    let (head, body) = response.into_parts();
    // Full bodies do not fail.
    let body = body.collect().await.map_or_else(|never| match never {}, http_body_util::Collected::to_bytes);
    let mut bytes = format!("HTTP/1.1 {}\r\n", head.status).into_bytes();
    for (name, value) in &head.headers {
        bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).into_bytes());
    bytes.extend(body);
    // Who does not take it has gone.
    let _ = time::timeout(WRITE_WITHIN, stream.write_all(&bytes)).await;
}

/// Ends a connection behind its last answer. Where the client may still be sending, that is read on for a moment: a
/// connection that is closed over unread bytes is reset by the kernel, and takes the answer with it.
pub(super) async fn close<T: AsyncRead + AsyncWrite + Unpin>(stream: &mut T, linger: bool) {
    let closed = async {
        stream.shutdown().await?;
        let mut unread = if linger { vec![0; 16_384] } else { Vec::new() };
        let mut left = LINGER_BYTES;
        while left > 0 {
            match stream.read(&mut unread).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        std::io::Result::Ok(())
    };
    let _ = time::timeout(LINGER, closed).await;
}
