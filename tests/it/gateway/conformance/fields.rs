//! The fields of a request: names, values, and those that begin with a colon.

use crate::support::frames::{END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, block, frame};

use super::{
    Asks, Case,
    Reaction::{self, Answered, Connection, Stream},
    case,
};

const MALFORMED: Reaction = Stream(PROTOCOL_ERROR);
/// As RFC 9113, 5.4.1, allows for an error of a stream.
const ENDED: Reaction = Connection(PROTOCOL_ERROR);
/// RFC 9113, 8.1.1: what is malformed may be answered before its stream ends.
const REFUSED: [Reaction; 2] = [MALFORMED, Answered(400)];

const NOT_READ: &str = "No decision reads the host.";

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [names_and_values(asks), of_the_connection(asks), pseudo(asks), targets(asks), authorities(asks)]
        .into_iter()
        .flatten()
        .collect()
}

fn names_and_values(asks: &Asks) -> Vec<Case> {
    let with = |what: &'static str, name: &str, value: &str| {
        case("9113, 8.2.1", what, asks.get_with(1, &[(name, value)]), ENDED).asked(&[MALFORMED])
    };
    let spaced = |what: &'static str, value: &str| {
        case("9113, 8.2.1", what, asks.get_with(1, &[("x-filler", value)]), Answered(200))
            .asked(&[MALFORMED])
            .because("The library takes it; over HTTP/1.1 such a space is no part of the value, and does as little.")
    };
    vec![
        case("9113, 8.2", "a name in capitals", asks.get_with(1, &[("X-Filler", "x")]), ENDED)
            .asked(&[MALFORMED]),
        with("a space in a name", "x filler", "x"),
        with("a control character in a name", "x\u{1}", "x"),
        with("DEL in a name", "x\u{7f}", "x"),
        with("a name beyond ASCII", "x\u{e9}", "x"),
        with("a colon in a name", "x:y", "x"),
        with("an empty name", "", "x"),
        with("NUL in a value", "x-filler", "a\0b"),
        with("CR in a value", "x-filler", "a\rb"),
        with("LF in a value", "x-filler", "a\nb"),
        with("another header in a value", "x-filler", "a\r\nx-api-key: b"),
        spaced("a value that begins with a space", " x"),
        spaced("a value that ends with a tab", "x\t"),
        case("9113, 8.2.1", "an empty value", asks.get_with(1, &[("x-filler", "")]), Answered(200)),
        case(
            "9113, 8.2.3",
            "a cookie in crumbs",
            asks.get_with(1, &[("cookie", "a=b"), ("cookie", "c=d")]),
            Answered(200),
        ),
    ]
}

fn of_the_connection(asks: &Asks) -> Vec<Case> {
    let with = |what: &'static str, name: &str, value: &str, reaction| {
        case("9113, 8.2.2", what, asks.get_with(1, &[(name, value)]), reaction)
    };
    vec![
        with("`connection`", "connection", "close", MALFORMED),
        with("`keep-alive`", "keep-alive", "timeout=5", MALFORMED),
        with("`proxy-connection`", "proxy-connection", "keep-alive", MALFORMED),
        with("`transfer-encoding`", "transfer-encoding", "chunked", MALFORMED),
        with("`upgrade`", "upgrade", "h2c", MALFORMED),
        with("`te` with anything else", "te", "trailers, deflate;q=0.5", MALFORMED),
        with("`te: trailers`", "te", "trailers", Answered(200)),
    ]
}

fn pseudo(asks: &Asks) -> Vec<Case> {
    let with = |section: &'static str, what: &'static str, name: &str, value: &str| {
        case(section, what, asks.get_with(1, &[(name, value)]), MALFORMED)
    };
    let before = |name: &str, value: &str| {
        let fields = [&[(name, value)], &asks.fields(&[])[..]].concat();
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields))
    };
    let twice = |what: &'static str, name: &str, value: &str| {
        case("9113, 8.3.1", what, before(name, value), MALFORMED)
    };
    let without =
        |what: &'static str, name: &str| case("9113, 8.3.1", what, asks.get_but(1, name, None), MALFORMED);
    vec![
        case("9113, 8.3", "one of one's own", before(":own", "x"), ENDED).asked(&[MALFORMED]),
        case("9113, 8.3", "one of answers", before(":status", "200"), MALFORMED),
        with("9113, 8.3", "one behind a field", ":path", "/"),
        twice("two methods", ":method", "GET"),
        twice("two schemes", ":scheme", "http"),
        twice("two paths", ":path", "/api/v2/tokens/me"),
        twice("two authorities", ":authority", "gateway"),
        without("no method", ":method"),
        without("no scheme", ":scheme"),
        without("no path", ":path"),
    ]
}

fn targets(asks: &Asks) -> Vec<Case> {
    let with = |what: &'static str, name: &str, value: &str, reaction| {
        case("9113, 8.3.1", what, asks.get_but(1, name, Some(value)), reaction)
    };
    vec![
        with("an empty path", ":path", "", MALFORMED),
        with("a path that does not begin with a slash", ":path", "api/v2/tokens/me", MALFORMED)
            .asked(&REFUSED),
        with("an absolute URL as the path", ":path", "http://gateway/api/v2/tokens/me", MALFORMED)
            .asked(&REFUSED),
        with("an asterisk as the path", ":path", "*", Answered(400)).asked(&REFUSED),
        with("a space in the path", ":path", "/api/v2/tokens me", MALFORMED).asked(&REFUSED),
        with("a fragment in the path", ":path", "/api/v2/tokens/me#x", Answered(200))
            .asked(&REFUSED)
            .because("It is left out before the path is read, as over HTTP/1.1."),
        with("an empty method", ":method", "", ENDED).asked(&[MALFORMED]),
        with("a method that is no token", ":method", "GET /x", ENDED).asked(&[MALFORMED]),
        with("an empty scheme", ":scheme", "", Answered(200))
            .asked(&REFUSED)
            .because("Nothing depends on the scheme."),
        with("a scheme that is none", ":scheme", "1://", MALFORMED).asked(&REFUSED),
        with("another scheme, which nothing depends on", ":scheme", "https", Answered(200)),
    ]
}

fn authorities(asks: &Asks) -> Vec<Case> {
    let host = |value: &str| {
        let mut fields = asks.fields(&[("host", value)]);
        fields.retain(|field| field.0 != ":authority");
        frame(HEADERS, END_STREAM | END_HEADERS, 1, &block(&fields))
    };
    let both = |value: &str| asks.get_with(1, &[("host", value)]);
    let twice = asks.get_with(1, &[("host", "gateway"), ("host", "gateway")]);
    let authority = |value: Option<&str>| asks.get_but(1, ":authority", value);
    let with = |what: &'static str, sent: Vec<u8>, reaction| case("9113, 8.3.1", what, sent, reaction);
    vec![
        with("`host` instead of an authority", host("gateway"), Answered(200)),
        with("`host` and the same authority", both("gateway"), Answered(200)),
        with("`host` and another authority", both("elsewhere"), Answered(400)).asked(&REFUSED),
        with("`host` and the same authority in capitals", both("GATEWAY"), Answered(200)),
        with("two `host`s", twice, Answered(400)).asked(&REFUSED),
        with("neither", authority(None), Answered(400)).asked(&REFUSED),
        with("an empty authority", authority(Some("")), MALFORMED),
        with("an authority that is none", authority(Some("x/#@e")), MALFORMED),
        with("an authority with a user", authority(Some("user:word@gateway")), Answered(200))
            .asked(&REFUSED)
            .because(NOT_READ),
        with("an empty `host`", host(""), Answered(200)).asked(&REFUSED).because(NOT_READ),
    ]
}
