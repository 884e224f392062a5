//! Requests as frames, and their lengths.

use crate::support::frames::{
    DATA, END_HEADERS, END_STREAM, HEADERS, NO_ERROR, PROTOCOL_ERROR, RST_STREAM, block, frame,
};

use super::{
    Asks, Case,
    Reaction::{Answered, Connection, Ignored, Stream},
    Step::{Head, Reset, Send},
    case, last,
};

const WHOLE: u8 = END_STREAM | END_HEADERS;
const MALFORMED: super::Reaction = Stream(PROTOCOL_ERROR);

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [requests(asks), trailers(asks), lengths(asks), connect(asks)].into_iter().flatten().collect()
}

fn requests(asks: &Asks) -> Vec<Case> {
    let unknown = asks.get_but(1, "x-api-key", None);
    vec![
        case("9113, 8.1", "GET", asks.get(1), Answered(200)),
        case("9113, 8.1", "HEAD", asks.get_but(1, ":method", Some("HEAD")), Answered(200)),
        case("9113, 8.1", "POST", [asks.post(1), last(1, b"{}")], Answered(200)),
        case("9113, 8.1", "a request that is refused before its end", unknown, Answered(401)),
        case(
            "9113, 8.1",
            "an answer before the end of the request, which need not be sent then",
            [Send(asks.post_with(1, &[("content-encoding", "gzip")])), Head(1), Reset(1)],
            Ignored,
        ),
        case("9113, 8.1", "headers twice", [asks.post(1), asks.post(1)], MALFORMED),
        case(
            "9113, 8.1",
            "an expectation, which is not waited for",
            [asks.post_with(1, &[("expect", "100-continue")]), last(1, b"{}")],
            Answered(200),
        ),
    ]
}

fn trailers(asks: &Asks) -> Vec<Case> {
    let with = |what: &'static str, flags: u8, fields: &[(&str, &str)], reaction| {
        let trailers = frame(HEADERS, flags, 1, &block(fields));
        case("9113, 8.1", what, [asks.post(1), frame(DATA, 0, 1, b"{}"), trailers], reaction)
    };
    vec![
        with("trailers", WHOLE, &[("x-filler", "x")], Answered(200)),
        with("trailers that would be a credential", WHOLE, &[("x-api-key", "other")], Answered(200)),
        with("trailers that do not end it", END_HEADERS, &[("x-filler", "x")], MALFORMED),
        with("trailers with a pseudo-header", WHOLE, &[(":path", "/")], Answered(200))
            .asked(&[MALFORMED])
            .because("The library leaves it out; trailers are not looked at."),
        with("trailers in capitals", WHOLE, &[("X-Filler", "x")], Connection(PROTOCOL_ERROR))
            .asked(&[MALFORMED]),
    ]
}

fn lengths(asks: &Asks) -> Vec<Case> {
    let told = |what: &'static str, told: &str, bodies: &[&[u8]], reaction| {
        let mut frames = asks.post_with(1, &[("content-length", told)]);
        let (end, before) = bodies.split_last().unwrap();
        frames.extend(before.iter().flat_map(|body| frame(DATA, 0, 1, body)));
        frames.extend(last(1, end));
        case("9113, 8.1.1", what, frames, reaction)
    };
    let two = asks.post_with(1, &[("content-length", "2"), ("content-length", "3")]);
    vec![
        told("the length that it has", "2", &[b"{}"], Answered(200)),
        told("the length that it has in all", "2", &[b"{", b"}"], Answered(200)),
        told("less than was told", "3", &[b"{}"], MALFORMED),
        told("less than was told in all", "3", &[b"{", b"}"], MALFORMED),
        told("more than was told", "1", &[b"{}"], MALFORMED),
        told("more than was told in all", "3", &[b"{}", b"  "], MALFORMED),
        told("no number", "x", &[b"{}"], MALFORMED).asked(&[MALFORMED, Answered(400)]),
        told("a negative one", "-2", &[b"{}"], MALFORMED).asked(&[MALFORMED, Answered(400)]),
        case("9113, 8.1.1", "two lengths", [two, last(1, b"{}")], MALFORMED)
            .asked(&[MALFORMED, Answered(400)]),
        case("9113, 8.1.1", "a length, and no body", asks.get_with(1, &[("content-length", "2")]), MALFORMED),
        case(
            "9113, 8.1.1",
            "no length, and no body",
            asks.get_with(1, &[("content-length", "0")]),
            Answered(200),
        ),
    ]
}

fn connect(asks: &Asks) -> Vec<Case> {
    let connect = |fields: &[(&str, &str)]| {
        let fields = [&[(":method", "CONNECT"), (":authority", "gateway:443")], fields].concat();
        frame(HEADERS, END_HEADERS, 1, &block(&fields))
    };
    let key = ("x-api-key", asks.key.as_str());
    vec![
        case("9113, 8.5", "CONNECT", connect(&[key]), Answered(400)),
        case(
            "9113, 8.5",
            "CONNECT with a path",
            connect(&[(":scheme", "http"), (":path", "/"), key]),
            MALFORMED,
        )
        .asked(&[MALFORMED, Answered(400)]),
        case(
            "8441, 4",
            "CONNECT by an extension that was not offered",
            connect(&[(":scheme", "http"), (":path", "/"), (":protocol", "websocket"), key]),
            MALFORMED,
        )
        .asked(&[MALFORMED, Answered(400)]),
        case(
            "9113, 8.1",
            "a stream that is closed without an error is none",
            [asks.post(1), frame(RST_STREAM, 0, 1, &NO_ERROR.to_be_bytes())],
            Ignored,
        ),
    ]
}
