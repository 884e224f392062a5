//! The states of a stream, its number, and how many there may be.

use crate::support::frames::{
    CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
    REFUSED_STREAM, RST_STREAM, SETTINGS, STREAM_CLOSED, WINDOW_UPDATE, WITH_PRIORITY, frame, setting,
};

use super::{
    Asks, Case,
    Reaction::{self, Answered, Connection, Ignored, Stream},
    Step::{End, Head, Reset, Send},
    case,
};

const STRICTER: &str = "The library ends the whole connection, and calls it PROTOCOL_ERROR.";
const CANCELLED: [u8; 4] = CANCEL.to_be_bytes();

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [idle(asks), half_closed(asks), closed(asks), taken_back(asks), numbers(asks), priorities(asks)]
        .into_iter()
        .flatten()
        .collect()
}

fn idle(asks: &Asks) -> Vec<Case> {
    let wrong = Connection(PROTOCOL_ERROR);
    vec![
        case("9113, 5.1", "idle: data", frame(DATA, 0, 1, b"x"), wrong),
        case("9113, 5.1", "idle: a reset", frame(RST_STREAM, 0, 1, &CANCELLED), wrong),
        case("9113, 5.1", "idle: a window", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]), wrong),
        case(
            "9113, 5.1",
            "idle: the rest of a block",
            frame(CONTINUATION, END_HEADERS, 1, &asks.block(&[])),
            wrong,
        ),
        case("9113, 5.1", "idle: a promise", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2]), wrong),
        case("9113, 5.1", "idle: a priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), Ignored),
        case("9113, 5.1", "idle: a request", asks.get(1), Answered(200)),
    ]
}

/// The client has said all; the answer waits for room, so that the stream stays as it is.
fn half_closed(asks: &Asks) -> Vec<Case> {
    let then = |what: &'static str, frame: Vec<u8>, reaction: Reaction| {
        let no_room = frame_of_settings(4, 0);
        case("9113, 5.1", what, [Send(no_room), Send(asks.get(1)), Head(1), Send(frame)], reaction)
    };
    let room = frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0xff, 0xff]);
    vec![
        then("half-closed: data", frame(DATA, 0, 1, b"x"), Connection(PROTOCOL_ERROR))
            .asked(&[Stream(STREAM_CLOSED)])
            .because(STRICTER),
        then("half-closed: headers", asks.get(1), Connection(PROTOCOL_ERROR))
            .asked(&[Stream(STREAM_CLOSED)])
            .because(STRICTER),
        then(
            "half-closed: the rest of a block",
            frame(CONTINUATION, END_HEADERS, 1, &asks.block(&[])),
            Connection(PROTOCOL_ERROR),
        ),
        then("half-closed: a priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), Ignored),
        then("half-closed: a reset", frame(RST_STREAM, 0, 1, &CANCELLED), Ignored),
        case(
            "9113, 5.1",
            "half-closed: a window, which lets the answer go on",
            [Send(frame_of_settings(4, 0)), Send(asks.get(1)), Head(1), Send(room), End(1)],
            Ignored,
        ),
    ]
}

fn closed(asks: &Asks) -> Vec<Case> {
    let then = |what: &'static str, frame: Vec<u8>, reaction: Reaction, asked: &[Reaction]| {
        case("9113, 5.1", what, [Send(asks.get(1)), End(1), Send(frame)], reaction).asked(asked)
    };
    let any = [Stream(STREAM_CLOSED), Connection(STREAM_CLOSED)];
    // RFC 9113, 5.1.1, asks for the one, 5.1 for the other.
    let a_used_number = [Connection(PROTOCOL_ERROR), Connection(STREAM_CLOSED)];
    let block = asks.block(&[]);
    vec![
        then("closed: data", frame(DATA, 0, 1, b"x"), Stream(STREAM_CLOSED), &any),
        then("closed: headers", asks.get(1), Connection(PROTOCOL_ERROR), &a_used_number),
        then(
            "closed: the rest of a block",
            frame(CONTINUATION, END_HEADERS, 1, &block),
            Connection(PROTOCOL_ERROR),
            &[Connection(STREAM_CLOSED), Connection(PROTOCOL_ERROR)],
        ),
        then("closed: a window", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9]), Ignored, &[Ignored]),
        then("closed: a reset", frame(RST_STREAM, 0, 1, &CANCELLED), Ignored, &[Ignored]),
        then("closed: a priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), Ignored, &[Ignored]),
    ]
}

fn taken_back(asks: &Asks) -> Vec<Case> {
    let reset = || frame(RST_STREAM, 0, 1, &CANCELLED);
    let then = |what: &'static str, frame: Vec<u8>, reaction: Reaction, asked: &[Reaction]| {
        case("9113, 5.1", what, [asks.post(1), reset(), frame], reaction).asked(asked)
    };
    let any = [Stream(STREAM_CLOSED), Connection(STREAM_CLOSED)];
    // RFC 9113, 5.1.1, asks for the one, 5.1 for the other.
    let a_used_number = [Connection(PROTOCOL_ERROR), Connection(STREAM_CLOSED)];
    let ended_by_the_server = |what: &'static str, frame: Vec<u8>| {
        let broken = asks.post_with(1, &[("te", "gzip")]);
        case("9113, 5.1", what, [Send(broken), Reset(1), Send(frame)], Ignored)
    };
    vec![
        then("taken back: data", frame(DATA, 0, 1, b"x"), Stream(STREAM_CLOSED), &any),
        then("taken back: headers", asks.get(1), Connection(PROTOCOL_ERROR), &a_used_number),
        then(
            "taken back: the rest of a block",
            frame(CONTINUATION, END_HEADERS, 1, &asks.block(&[])),
            Connection(PROTOCOL_ERROR),
            &[Connection(STREAM_CLOSED), Connection(PROTOCOL_ERROR)],
        ),
        then("taken back: a priority", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 9]), Ignored, &[Ignored]),
        ended_by_the_server("ended by the server: data that were on their way", frame(DATA, 0, 1, b"x")),
        ended_by_the_server("ended by the server: a reset", reset()),
        ended_by_the_server("ended by the server: a window", frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 9])),
    ]
}

fn numbers(asks: &Asks) -> Vec<Case> {
    let open = |count: u32| (0..count).flat_map(|number| asks.post(2 * number + 1)).collect::<Vec<u8>>();
    vec![
        case("9113, 5.1.1", "an even number", asks.get(2), Connection(PROTOCOL_ERROR)),
        case("9113, 5.1.1", "a smaller number", [asks.post(5), asks.get(3)], Connection(PROTOCOL_ERROR)),
        case("9113, 5.1.1", "a number left out", asks.get(9), Answered(200)),
        case(
            "9113, 5.1.1",
            "data of a number left out",
            [asks.post(9), frame(DATA, 0, 7, b"x")],
            Stream(STREAM_CLOSED),
        ),
        case("9113, 5.1.2", "100 streams at once", [open(99), asks.get(199)], Answered(200)),
        case("9113, 5.1.2", "101 streams at once", open(101), Stream(REFUSED_STREAM))
            .asked(&[Stream(REFUSED_STREAM), Stream(PROTOCOL_ERROR)]),
    ]
}

fn priorities(asks: &Asks) -> Vec<Case> {
    let priority = |what: &'static str, payload: &[u8]| {
        case("9113, 5.3.2", what, frame(PRIORITY, 0, 3, payload), Ignored)
    };
    let itself = [&[0, 0, 0, 1, 9], &asks.block(&[])[..]].concat();
    let flags = END_STREAM | END_HEADERS | WITH_PRIORITY;
    vec![
        priority("the least weight", &[0, 0, 0, 1, 0]),
        priority("the greatest weight", &[0, 0, 0, 1, 255]),
        priority("an exclusive dependency", &[0x80, 0, 0, 1, 9]),
        case(
            "7540, 5.3.1",
            "a request that waits for itself",
            frame(HEADERS, flags, 1, &itself),
            Stream(PROTOCOL_ERROR),
        ),
        case(
            "7540, 5.3.1",
            "a priority that waits for itself",
            frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 9]),
            Stream(PROTOCOL_ERROR),
        ),
    ]
}

fn frame_of_settings(id: u16, value: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &setting(id, value))
}
