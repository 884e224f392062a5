//! Every type of frame but the windows, which have a file of their own.

use crate::support::frames::{
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR, GOAWAY, HEADERS, NO_ERROR, PADDED, PING, PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE,
    RST_STREAM, SETTINGS, WITH_PRIORITY, block, frame, setting,
};

use super::{
    Asks, Case,
    Reaction::{Acknowledged, Answered, Connection, Ignored, Pong, Stream},
    Step::{Data, End, Send},
    Steps, case, last,
};

const WHOLE: u8 = END_STREAM | END_HEADERS;
const WRONG: super::Reaction = Connection(PROTOCOL_ERROR);

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [
        data(asks),
        headers(asks),
        small(asks),
        settings(asks),
        setting_by_setting(),
        pings_and_farewells(asks),
        continuation(asks),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A frame of a length that its type does not have.
pub(super) fn of_wrong_length(section: &'static str, what: &'static str, sent: impl Into<Steps>) -> Case {
    case(section, what, sent, WRONG)
        .asked(&[Connection(FRAME_SIZE_ERROR)])
        .because("The library calls a wrong length PROTOCOL_ERROR; the connection ends all the same.")
}

fn data(asks: &Asks) -> Vec<Case> {
    let padded = |flags: u8, payload: &[u8]| frame(DATA, PADDED | flags, 1, payload);
    vec![
        case("9113, 6.1", "a body in one frame", [asks.post(1), last(1, b"{}")], Answered(200)),
        case(
            "9113, 6.1",
            "a body in several frames, an empty one among them",
            [asks.post(1), frame(DATA, 0, 1, b"{"), frame(DATA, 0, 1, b""), last(1, b"}")],
            Answered(200),
        ),
        case(
            "9113, 6.1",
            "an end that stands alone",
            [asks.post(1), frame(DATA, 0, 1, b"{}"), last(1, b"")],
            Answered(200),
        ),
        case(
            "9113, 6.1",
            "a body with padding",
            [asks.post(1), padded(END_STREAM, b"\x03{}\0\0\0")],
            Answered(200),
        ),
        case(
            "9113, 6.1",
            "nothing but padding",
            [asks.post(1), padded(0, b"\x02\0\0"), last(1, b"{}")],
            Answered(200),
        ),
        case(
            "9113, 6.1",
            "padding that is not zero",
            [asks.post(1), padded(END_STREAM, b"\x02{}xx")],
            Answered(200),
        )
        .asked(&[Answered(200), WRONG]),
        case(
            "9113, 6.1",
            "as much padding as there is payload",
            [asks.post(1), padded(0, &[3, 0, 0])],
            WRONG,
        ),
        case("9113, 6.1", "no room for the padding's length", [asks.post(1), padded(0, &[])], WRONG)
            .asked(&[WRONG, Connection(FRAME_SIZE_ERROR)]),
        case("9113, 6.1", "data of stream 0", frame(DATA, 0, 0, b"x"), WRONG),
    ]
}

fn headers(asks: &Asks) -> Vec<Case> {
    let request = asks.block(&[]);
    let headers = |flags: u8, payload: &[&[u8]]| frame(HEADERS, WHOLE | flags, 1, &payload.concat());
    let priority: &[u8] = &[0, 0, 0, 0, 9];
    vec![
        case("9113, 6.2", "padding", headers(PADDED, &[&[4], &request, &[0; 4]]), Answered(200)),
        case("9113, 6.2", "a priority", headers(WITH_PRIORITY, &[priority, &request]), Answered(200)),
        case(
            "9113, 6.2",
            "a priority and padding",
            headers(PADDED | WITH_PRIORITY, &[&[2], priority, &request, &[0; 2]]),
            Answered(200),
        ),
        case("9113, 6.2", "headers of stream 0", frame(HEADERS, WHOLE, 0, &request), WRONG),
        case("9113, 6.2", "more padding than there is payload", headers(PADDED, &[&[9, 0x82]]), WRONG),
        of_wrong_length("9113, 6.2", "no room for the priority", headers(WITH_PRIORITY, &[&[0, 0, 0]])),
        of_wrong_length("9113, 6.2", "no room for the padding's length", headers(PADDED, &[])),
    ]
}

fn small(asks: &Asks) -> Vec<Case> {
    let reset = |stream: u32, payload: &[u8]| frame(RST_STREAM, 0, stream, payload);
    let cancel = CANCEL.to_be_bytes();
    vec![
        case("9113, 6.3", "a priority of stream 0", frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 9]), WRONG),
        of_wrong_length("9113, 6.3", "a priority of four bytes", frame(PRIORITY, 0, 1, &[0; 4]))
            .asked(&[Stream(FRAME_SIZE_ERROR)]),
        of_wrong_length("9113, 6.3", "a priority of six bytes", frame(PRIORITY, 0, 1, &[0; 6]))
            .asked(&[Stream(FRAME_SIZE_ERROR)]),
        case("9113, 6.4", "a request that is taken back", [asks.post(1), reset(1, &cancel)], Ignored),
        case("9113, 6.4", "a reset of stream 0", reset(0, &cancel), WRONG),
        case("9113, 6.4", "a reset of what was never asked", reset(7, &cancel), WRONG),
        of_wrong_length("9113, 6.4", "a reset of three bytes", [asks.post(1), reset(1, &[0; 3])]),
        of_wrong_length("9113, 6.4", "a reset of five bytes", [asks.post(1), reset(1, &[0; 5])]),
        case(
            "9113, 6.6",
            "a promise",
            [asks.post(1), frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])],
            WRONG,
        ),
    ]
}

fn settings(asks: &Asks) -> Vec<Case> {
    let settings = |flags: u8, stream: u32, payload: &[u8]| frame(SETTINGS, flags, stream, payload);
    let twice = [setting(4, 100), setting(4, 1)].concat();
    vec![
        case("9113, 6.5", "no settings", settings(0, 0, &[]), Acknowledged),
        case("9113, 6.5", "settings of a stream", settings(0, 1, &[]), WRONG),
        of_wrong_length("9113, 6.5", "half a setting", settings(0, 0, &[0; 3])),
        of_wrong_length("9113, 6.5", "one setting and a half", settings(0, 0, &[0; 9])),
        of_wrong_length("9113, 6.5", "an acknowledgement that holds some", settings(ACK, 0, &setting(4, 1))),
        case("9113, 6.5.3", "an acknowledgement of nothing", settings(ACK, 0, &[]), WRONG)
            .asked(&[Ignored, WRONG]),
        case(
            "9113, 6.5.3",
            "a setting twice: the last one counts",
            [Send(settings(0, 0, &twice)), Send(asks.get(1)), Data(1, 1)],
            Ignored,
        ),
    ]
}

fn setting_by_setting() -> Vec<Case> {
    let set = |what: &'static str, id: u16, value: u32, reaction| {
        case("9113, 6.5.2", what, frame(SETTINGS, 0, 0, &setting(id, value)), reaction)
    };
    vec![
        set("HEADER_TABLE_SIZE 0", 1, 0, Acknowledged),
        set("HEADER_TABLE_SIZE beyond all", 1, u32::MAX, Acknowledged),
        set("ENABLE_PUSH 0", 2, 0, Acknowledged),
        set("ENABLE_PUSH 1", 2, 1, Acknowledged),
        set("ENABLE_PUSH 2", 2, 2, WRONG),
        set("MAX_CONCURRENT_STREAMS 0", 3, 0, Acknowledged),
        set("INITIAL_WINDOW_SIZE 2,147,483,647", 4, 0x7fff_ffff, Acknowledged),
        set("INITIAL_WINDOW_SIZE 2,147,483,648", 4, 0x8000_0000, WRONG)
            .asked(&[Connection(FLOW_CONTROL_ERROR)])
            .because(
                "The library calls every wrong setting PROTOCOL_ERROR; the connection ends all the same.",
            ),
        set("MAX_FRAME_SIZE 16,383", 5, 16_383, WRONG),
        set("MAX_FRAME_SIZE 16,777,215", 5, 0x00ff_ffff, Acknowledged),
        set("MAX_FRAME_SIZE 16,777,216", 5, 0x0100_0000, WRONG),
        set("MAX_HEADER_LIST_SIZE 0", 6, 0, Acknowledged),
        set("an unknown setting", 0x0f0f, 1, Acknowledged),
    ]
}

fn pings_and_farewells(asks: &Asks) -> Vec<Case> {
    let ping = |flags: u8, stream: u32, payload: &[u8]| frame(PING, flags, stream, payload);
    let goaway = |stream: u32, payload: &[u8]| frame(GOAWAY, 0, stream, payload);
    vec![
        case("9113, 6.7", "a ping", ping(0, 0, b"Ringing!"), Pong),
        case("9113, 6.7", "an answer to no ping", ping(ACK, 0, b"Ringing!"), Ignored),
        case("9113, 6.7", "a ping of a stream", ping(0, 1, b"Ringing!"), WRONG),
        of_wrong_length("9113, 6.7", "a ping of seven bytes", ping(0, 0, &[0; 7])),
        of_wrong_length("9113, 6.7", "a ping of nine bytes", ping(0, 0, &[0; 9])),
        case(
            "9113, 6.8",
            "a farewell: what was asked is still answered",
            [Send(asks.get(1)), Send(goaway(0, &[0; 8])), End(1)],
            Connection(NO_ERROR),
        ),
        case("9113, 6.8", "a farewell of a stream", goaway(1, &[0; 8]), WRONG),
        of_wrong_length("9113, 6.8", "a farewell of seven bytes", goaway(0, &[0; 7])),
    ]
}

fn continuation(asks: &Asks) -> Vec<Case> {
    let request = asks.block(&[]);
    let (one, other) = request.split_at(request.len() / 2);
    let more = |flags: u8, stream: u32, payload: &[u8]| frame(CONTINUATION, flags, stream, payload);
    let begun = |payload: &[u8]| frame(HEADERS, END_STREAM, 1, payload);
    let bytes = other.iter().flat_map(|byte| more(0, 1, &[*byte])).collect::<Vec<_>>();
    let endless = more(0, 1, &block(&[("x", "y")])).repeat(20_000);
    vec![
        case("9113, 6.10", "a block in two frames", [begun(one), more(END_HEADERS, 1, other)], Answered(200)),
        case(
            "9113, 6.10",
            "a block byte by byte",
            [begun(one), bytes, more(END_HEADERS, 1, &[])],
            Connection(ENHANCE_YOUR_CALM),
        )
        .asked(&[Answered(200), Connection(ENHANCE_YOUR_CALM)]),
        case(
            "9113, 6.10",
            "a block in four frames",
            [begun(&[]), more(0, 1, one), more(0, 1, other), more(END_HEADERS, 1, &[])],
            Answered(200),
        ),
        case("9113, 6.10", "the rest of a block, of stream 0", more(END_HEADERS, 0, &request), WRONG),
        case(
            "9113, 6.10",
            "the rest of a block of another stream",
            [begun(one), more(END_HEADERS, 3, other)],
            WRONG,
        ),
        case(
            "9113, 6.10",
            "the rest of a block that is whole",
            [asks.post(1), more(END_HEADERS, 1, other)],
            WRONG,
        ),
        case(
            "9113, 6.10",
            "the rest of a block that became whole",
            [frame(HEADERS, 0, 1, one), more(END_HEADERS, 1, other), more(END_HEADERS, 1, other)],
            WRONG,
        ),
        case(
            "9113, 6.10",
            "the rest of a block behind data",
            [asks.post(1), frame(DATA, 0, 1, b"x"), more(END_HEADERS, 1, other)],
            WRONG,
        ),
        case("9113, 6.10", "headers inside a block", [begun(one), asks.get(1)], WRONG),
        case(
            "9113, 10.5",
            "a block that never ends",
            [begun(&request), endless],
            Connection(ENHANCE_YOUR_CALM),
        ),
    ]
}
