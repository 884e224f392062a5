//! HPACK: the tables, numbers and strings of header blocks.

use crate::support::frames::{
    COMPRESSION_ERROR, END_HEADERS, END_STREAM, HEADERS, PROTOCOL_ERROR, frame, integer, text,
};

use super::{
    Asks, Case,
    Reaction::{Answered, Connection},
    Step::{End, Send},
    case,
};

const INDEXED: u8 = 0x80;
const REMEMBERED: u8 = 0x40;
const SIZE: u8 = 0x20;
const NEVER: u8 = 0x10;
/// The first entry of the dynamic table; behind it there are none at first.
const FIRST: usize = 62;
/// `www.example.com` and `no-cache` in Huffman's code (RFC 7541, C.4).
const HOST: [u8; 12] = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
const NO_CACHE: [u8; 6] = [0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf];

pub(super) fn cases(asks: &Asks) -> Vec<Case> {
    [forms(asks), tables(asks), sizes(asks), strings(asks)].into_iter().flatten().collect()
}

/// A request with something before its fields and something behind them.
fn around(asks: &Asks, stream: u32, before: &[u8], behind: &[u8]) -> Vec<u8> {
    frame(HEADERS, END_STREAM | END_HEADERS, stream, &[before, &asks.block(&[]), behind].concat())
}

fn broken(asks: &Asks, section: &'static str, what: &'static str, behind: &[u8]) -> Case {
    not_decoded(section, what, around(asks, 1, &[], behind))
}

fn not_decoded(section: &'static str, what: &'static str, sent: Vec<u8>) -> Case {
    case(section, what, sent, Connection(PROTOCOL_ERROR)).asked(&[Connection(COMPRESSION_ERROR)]).because(
        "The library calls a block that it cannot decode PROTOCOL_ERROR; the connection ends all the same.",
    )
}

fn forms(asks: &Asks) -> Vec<Case> {
    let path = text("/api/v2/tokens/me");
    let key = |pattern: &[u8]| [pattern, &text("x-api-key"), &text(&asks.key)].concat();
    let request = |fields: &[&[u8]]| frame(HEADERS, END_STREAM | END_HEADERS, 1, &fields.concat());
    // GET, http; `:path` and `:authority` by the number of their names, 4 and 1.
    let indexed: &[u8] = &[INDEXED | 2, INDEXED | 6];
    let by = |what: &'static str, section: &'static str, pattern: u8| {
        let fields: [&[u8]; 6] =
            [indexed, &[pattern | 4], &path, &[pattern | 1], &text("gateway"), &key(&[pattern])];
        case(section, what, request(&fields), Answered(200))
    };
    vec![
        by("fields by their number, others remembered", "7541, 6.2.1", REMEMBERED),
        by("fields that are not remembered", "7541, 6.2.2", 0),
        by("fields that never are", "7541, 6.2.3", NEVER),
        case(
            "7541, 2.3.2",
            "a field that was remembered, by its number",
            [
                Send(request(&[indexed, &[4], &path, &[1], &text("gateway"), &key(&[REMEMBERED])])),
                End(1),
                Send(frame(
                    HEADERS,
                    END_STREAM | END_HEADERS,
                    3,
                    &[indexed, &[4], &path[..], &[1], &text("gateway"), &integer(INDEXED, 7, FIRST)].concat(),
                )),
            ],
            Answered(200),
        ),
    ]
}

fn tables(asks: &Asks) -> Vec<Case> {
    let too_large = [&[REMEMBERED][..], &text("x-filler"), &text(&"x".repeat(5_000))].concat();
    let remembered = [&[REMEMBERED][..], &text("x-filler"), &text("x")].concat();
    let first = integer(INDEXED, 7, FIRST);
    let behind = |parts: &[&[u8]]| around(asks, 1, &[], &parts.concat());
    vec![
        broken(asks, "7541, 2.3.3", "a number beyond the tables", &first),
        broken(
            asks,
            "7541, 2.3.3",
            "a name's number beyond the tables",
            &[&integer(REMEMBERED, 6, 70)[..], &text("x")].concat(),
        ),
        broken(asks, "7541, 6.1", "the number 0", &[INDEXED]),
        case(
            "7541, 4.4",
            "an entry that is larger than the table empties it",
            behind(&[&too_large]),
            Answered(200),
        ),
        not_decoded("7541, 4.4", "a field that was driven out", behind(&[&remembered, &too_large, &first])),
        case(
            "7541, 4.4",
            "a field that was remembered in the same block",
            behind(&[&remembered, &first]),
            Answered(200),
        ),
    ]
}

fn sizes(asks: &Asks) -> Vec<Case> {
    let size = |size: usize| integer(SIZE, 5, size);
    let remembered = [&[REMEMBERED][..], &text("x-filler"), &text("x")].concat();
    let before = |parts: &[&[u8]]| around(asks, 1, &parts.concat(), &[]);
    vec![
        case("7541, 6.3", "no table", before(&[&size(0)]), Answered(200)),
        case("7541, 6.3", "a table of 4,096 bytes", before(&[&size(4_096)]), Answered(200)),
        case(
            "7541, 4.2",
            "two sizes at the start of a block",
            before(&[&size(0), &size(4_096)]),
            Answered(200),
        ),
        not_decoded("7541, 6.3", "a table of 4,097 bytes", before(&[&size(4_097)])),
        broken(asks, "7541, 4.2", "a size at the end of a block", &size(100)),
        not_decoded(
            "7541, 4.3",
            "a field of a table that became smaller",
            [around(asks, 1, &[], &remembered), around(asks, 3, &size(0), &integer(INDEXED, 7, FIRST))]
                .concat(),
        ),
    ]
}

fn strings(asks: &Asks) -> Vec<Case> {
    let coded = |bytes: &[u8]| [&integer(0x80, 7, bytes.len())[..], bytes].concat();
    let filler = |value: &[u8]| [&[0][..], &text("x-filler"), value].concat();
    let no_cache = |more: &[u8]| filler(&coded(&[&NO_CACHE[..], more].concat()));
    let host = [&[0][..], &text("x-filler"), &coded(&HOST)].concat();
    vec![
        case(
            "7541, 5.2",
            "Huffman's code",
            around(asks, 1, &[], &[host, no_cache(&[])].concat()),
            Answered(200),
        ),
        broken(asks, "7541, 5.2", "eight bits of padding", &no_cache(&[0xff])),
        // `a` is 00011; what fills its byte must be ones.
        broken(asks, "7541, 5.2", "padding of zeros", &filler(&coded(&[0x18]))),
        broken(asks, "7541, 5.2", "the end of strings inside one", &filler(&coded(&[0xff; 4]))),
        broken(asks, "7541, 5.2", "a string longer than its block", &filler(&[9, b'x'])),
        broken(asks, "7541, 5.1", "a number without an end", &[0xff; 9]),
        broken(
            asks,
            "7541, 5.1",
            "a number beyond all",
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        ),
        broken(asks, "7541, 5.1", "a number that breaks off", &[0xff]),
    ]
}
