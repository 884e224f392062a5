//! How a connection begins, what a frame is, and what an error ends.

use crate::support::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR, PING,
    PREFACE, PRIORITY, PROTOCOL_ERROR, RST_STREAM, SETTINGS, WINDOW_UPDATE, block, frame, opening, setting,
};

use super::{
    Asks, Case,
    Reaction::{Acknowledged, Answered, Connection, Http1, Ignored, Pong, Stream},
    case, last,
};

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [begins(asks), frames_in_general(asks), blocks(asks), errors(asks), extensions(asks)]
        .into_iter()
        .flatten()
        .collect()
}

fn begins(asks: &Asks) -> Vec<Case> {
    let ping = || frame(PING, 0, 0, b"Ringing!");
    let unsettled = |what: &'static str, sent: Vec<u8>| {
        case("9113, 3.4", what, sent, Pong)
            .asked(&[Connection(PROTOCOL_ERROR)])
            .because("The library does not insist on settings: who sends none has those that hold at first.")
            .without_opening()
    };
    vec![
        case("9113, 3.4", "a preface that breaks off", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec(), Http1(400))
            .asked(&[Connection(PROTOCOL_ERROR)])
            .because("What does not begin HTTP/2 is read as HTTP/1.1, whose answer says more than a closed connection.")
            .without_opening(),
        case("9113, 3.4", "a request right behind the preface", [opening(&[]), asks.get(1)], Answered(200))
            .without_opening(),
        case("9113, 3.4", "settings in the preface", [opening(&setting(4, 1_000)), asks.get(1)], Answered(200))
            .without_opening(),
        unsettled("a preface without settings", [PREFACE.to_vec(), ping()].concat()),
        unsettled("a preface that acknowledges instead", [PREFACE.to_vec(), frame(SETTINGS, ACK, 0, &[]), ping()].concat()),
    ]
}

fn frames_in_general(asks: &Asks) -> Vec<Case> {
    let large = [b"{}".to_vec(), vec![b' '; 16_382]].concat();
    vec![
        case("9113, 4.1", "a frame of an unknown type", frame(22, 0, 0, &[0; 8]), Ignored),
        case("9113, 4.1", "flags that mean nothing", frame(PING, 0xfe, 0, b"Ringing!"), Pong),
        case("9113, 4.1", "the reserved bit", frame(PING, 0, 1 << 31, b"Ringing!"), Pong),
        case("9113, 4.2", "16,384 bytes of data", [asks.post(1), last(1, &large)], Answered(200)),
        case(
            "9113, 4.2",
            "16,385 bytes of data",
            [asks.post(1), last(1, &[large, b" ".to_vec()].concat())],
            Connection(FRAME_SIZE_ERROR),
        )
        .asked(&[Stream(FRAME_SIZE_ERROR)]),
        case(
            "9113, 4.2",
            "16,385 bytes of headers",
            frame(HEADERS, END_STREAM | END_HEADERS, 1, &[0; 16_385]),
            Connection(FRAME_SIZE_ERROR),
        ),
        case(
            "9113, 4.2",
            "16,385 bytes of settings",
            frame(SETTINGS, 0, 0, &[0; 16_385]),
            Connection(FRAME_SIZE_ERROR),
        ),
        case(
            "9113, 4.2",
            "16,385 bytes of an unknown type",
            frame(22, 0, 0, &[0; 16_385]),
            Connection(FRAME_SIZE_ERROR),
        ),
    ]
}

fn blocks(asks: &Asks) -> Vec<Case> {
    let begun = || frame(HEADERS, END_STREAM, 1, &asks.block(&[]));
    vec![
        case(
            "9113, 4.3",
            "a priority inside a block",
            [begun(), frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 9])],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 4.3",
            "headers of another stream inside a block",
            [begun(), asks.get(3)],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 4.3",
            "data inside a block",
            [begun(), frame(DATA, 0, 1, b"x")],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 4.3",
            "a ping inside a block",
            [begun(), frame(PING, 0, 0, &[0; 8])],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 4.3",
            "settings inside a block",
            [begun(), frame(SETTINGS, 0, 0, &[])],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 4.3",
            "a window inside a block",
            [begun(), frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])],
            Connection(PROTOCOL_ERROR),
        ),
    ]
}

fn errors(asks: &Asks) -> Vec<Case> {
    vec![
        case(
            "9113, 5.4.1",
            "an error of the connection, with requests in flight",
            [asks.post(1), asks.post(3), frame(PING, 0, 7, &[0; 8])],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 5.4.2",
            "an error of a stream, with another in flight",
            [asks.post(1), asks.get_with(3, &[("te", "gzip")])],
            Stream(PROTOCOL_ERROR),
        ),
        case(
            "9113, 5.4.2",
            "a reset, which is not answered by another",
            [asks.post(1), frame(RST_STREAM, 0, 1, &PROTOCOL_ERROR.to_be_bytes())],
            Ignored,
        ),
    ]
}

fn extensions(asks: &Asks) -> Vec<Case> {
    let unknown = 0xdead_beef_u32.to_be_bytes();
    let begun = || frame(HEADERS, END_STREAM, 1, &asks.block(&[]));
    vec![
        case("9113, 5.5", "a frame of an extension, of a stream", frame(22, 0xff, 1, &[0; 8]), Ignored),
        case(
            "9113, 5.5",
            "a frame of an extension, inside a block",
            [begun(), frame(22, 0, 1, &[0; 8])],
            Connection(PROTOCOL_ERROR),
        ),
        case(
            "9113, 5.5",
            "a setting of an extension",
            frame(SETTINGS, 0, 0, &setting(0xff, 9)),
            Acknowledged,
        ),
        case(
            "9113, 7",
            "a reset for an unknown reason",
            [asks.post(1), frame(RST_STREAM, 0, 1, &unknown)],
            Ignored,
        ),
        case(
            "9113, 7",
            "a farewell for an unknown reason",
            frame(GOAWAY, 0, 0, &[&[0; 4][..], &unknown].concat()),
            Connection(NO_ERROR),
        )
        .asked(&[Ignored, Connection(NO_ERROR)]),
        case(
            "9113, 10.5.1",
            "70 KB of headers",
            [
                frame(HEADERS, END_STREAM, 1, &asks.block(&[])),
                block(&[("x", &"y".repeat(14_000))])
                    .chunks(16_000)
                    .map(|part| frame(CONTINUATION, 0, 1, part))
                    .collect::<Vec<_>>()
                    .concat()
                    .repeat(5),
                frame(CONTINUATION, END_HEADERS, 1, &[]),
            ],
            Answered(431),
        ),
    ]
}
