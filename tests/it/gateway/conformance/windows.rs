//! How much may be sent before it is taken.

use crate::support::frames::{
    DATA, FLOW_CONTROL_ERROR, PROTOCOL_ERROR, SETTINGS, WINDOW_UPDATE, frame, setting,
};

use super::{
    Asks, Case,
    Reaction::{Connection, Ignored, Stream},
    Step::{Data, End, Head, Send},
    case,
    frames::of_wrong_length,
};

const MOST: u32 = 0x7fff_ffff;
const INITIAL: u32 = 65_535;

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [frames(asks), observed(asks)].into_iter().flatten().collect()
}

fn more(stream: u32, by: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes())
}

/// The room that a stream has from the start.
fn initial(size: u32) -> Vec<u8> {
    frame(SETTINGS, 0, 0, &setting(4, size))
}

fn frames(asks: &Asks) -> Vec<Case> {
    vec![
        case("9113, 6.9", "more room on the connection", more(0, 1), Ignored),
        case("9113, 6.9", "more room on a stream", [asks.post(1), more(1, 1)], Ignored),
        case("9113, 6.9", "the reserved bit", more(0, 1 | 1 << 31), Ignored),
        case("9113, 6.9", "no more room, on the connection", more(0, 0), Connection(PROTOCOL_ERROR)),
        case(
            "9113, 6.9",
            "no more room, on a stream",
            [asks.post(1), more(1, 0)],
            Connection(PROTOCOL_ERROR),
        )
        .asked(&[Stream(PROTOCOL_ERROR)]),
        of_wrong_length("9113, 6.9", "three bytes", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])),
        of_wrong_length("9113, 6.9", "five bytes", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 0, 1])),
        case(
            "9113, 6.9.1",
            "as much room as there may be, on the connection",
            more(0, MOST - INITIAL),
            Ignored,
        ),
        case(
            "9113, 6.9.1",
            "too much room, on the connection",
            more(0, MOST),
            Connection(FLOW_CONTROL_ERROR),
        ),
        case(
            "9113, 6.9.1",
            "too much room bit by bit, on the connection",
            [more(0, MOST / 2), more(0, MOST / 2), more(0, MOST / 2)],
            Connection(FLOW_CONTROL_ERROR),
        ),
        case(
            "9113, 6.9.1",
            "too much room, on a stream",
            [asks.post(1), more(1, MOST)],
            Stream(FLOW_CONTROL_ERROR),
        ),
        case(
            "9113, 6.9.1",
            "too much room bit by bit, on a stream",
            [asks.post(1), more(1, MOST / 2), more(1, MOST / 2), more(1, MOST / 2)],
            Stream(FLOW_CONTROL_ERROR),
        ),
        case(
            "9113, 6.9.2",
            "too much room on a stream, by a setting",
            [asks.post(1), more(1, MOST - INITIAL), initial(INITIAL + 1)],
            Connection(FLOW_CONTROL_ERROR),
        ),
    ]
}

fn observed(asks: &Asks) -> Vec<Case> {
    let get = || Send(asks.get(1));
    vec![
        case("9113, 6.9.1", "room for one byte: one comes", [Send(initial(1)), get(), Data(1, 1)], Ignored),
        case(
            "9113, 6.9.1",
            "more room: the rest comes",
            [
                Send(initial(1)),
                get(),
                Data(1, 1),
                Send(more(1, 2)),
                Data(1, 2),
                Send(more(1, INITIAL)),
                End(1),
            ],
            Ignored,
        ),
        case(
            "9113, 6.9.2",
            "room by a setting, after the answer began",
            [Send(initial(0)), get(), Head(1), Send(initial(1)), Data(1, 1)],
            Ignored,
        ),
        case(
            "9113, 6.9.2",
            "less than no room: it is made up first",
            [Send(initial(3)), get(), Data(1, 3), Send(initial(2)), Send(more(1, 2)), Data(1, 1)],
            Ignored,
        ),
        case(
            "9113, 6.9",
            "more data than there is room for",
            [asks.post(1), frame(DATA, 0, 1, &[b' '; 16_384]).repeat(20)],
            Stream(FLOW_CONTROL_ERROR),
        )
        .asked(&[Stream(FLOW_CONTROL_ERROR), Connection(FLOW_CONTROL_ERROR)]),
    ]
}
