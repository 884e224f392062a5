//! A client's side of a connection: it goes through what a case asks for, and sees what comes of it.

use std::time::Duration;

use tokio::time::timeout;

use super::{
    Asks,
    Reaction::{self, Acknowledged, Answered, Closed, Connection, Http1, Ignored, Pong, Silence, Stream},
    Step,
};
use crate::support::{
    app::TestApp,
    frames::{
        ACK, DATA, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, frame, setting,
    },
    socket::Socket,
};

/// The stream of the request that shows whether a connection still serves.
const PROBE: u32 = 0x1001;
/// How long nothing may come before it counts as silence; only a failing case waits so long.
const SILENCE: Duration = Duration::from_secs(5);

/// A client's side of a connection.
pub(super) struct Client {
    pub(super) socket: Socket,
}

impl Client {
    /// Begins as a client should. What it may be sent is not compressed by what was sent before.
    pub(super) async fn begin(app: &TestApp) -> Self {
        let mut client = Self::new(app).await;
        let settings = frame(SETTINGS, 0, 0, &setting(1, 0));
        client.socket.write(&[PREFACE, &settings].concat()).await;
        let is_settings = |frame: &Frame| frame.kind == SETTINGS && frame.flags & ACK == 0;
        assert!(
            is_settings(&Frame::read(&mut client.socket).await.unwrap()),
            "the server begins with its settings"
        );
        client.socket.write(&frame(SETTINGS, ACK, 0, &[])).await;
        while Frame::read(&mut client.socket).await.unwrap().kind != SETTINGS {}
        client
    }

    /// Says nothing yet.
    pub(super) async fn new(app: &TestApp) -> Self {
        Self { socket: app.socket().await }
    }

    /// Asks once more, on the same connection.
    pub(super) async fn probe(&mut self, asks: &Asks) {
        self.socket.pour(&asks.get(PROBE)).await;
    }

    /// Goes through the steps; ends early where the server ends something.
    pub(super) async fn go(&mut self, steps: &[Step]) -> Option<Reaction> {
        for step in steps {
            let wanted: &dyn Fn(&Frame) -> bool = match step {
                Step::Send(bytes) => {
                    self.socket.pour(bytes).await;
                    continue;
                }
                Step::Head(stream) => &|frame| frame.kind == HEADERS && frame.stream == *stream,
                Step::End(stream) => &|frame| {
                    matches!(frame.kind, DATA | HEADERS)
                        && frame.flags & END_STREAM != 0
                        && frame.stream == *stream
                },
                Step::Reset(stream) => &|frame| frame.kind == RST_STREAM && frame.stream == *stream,
                Step::Data(stream, length) => {
                    &|frame| frame.kind == DATA && frame.stream == *stream && frame.payload.len() == *length
                }
            };
            loop {
                match self.read().await {
                    Ok(frame) if wanted(&frame) => break,
                    Ok(frame) if frame.kind == RST_STREAM => return Some(Stream(frame.error())),
                    Ok(frame) if frame.kind == GOAWAY => return Some(Connection(frame.error())),
                    Ok(_) => {}
                    Err(reaction) => return Some(reaction),
                }
            }
        }
        None
    }

    async fn read(&mut self) -> Result<Frame, Reaction> {
        match timeout(SILENCE, Frame::read(&mut self.socket)).await {
            Ok(frame) => frame.ok_or(Closed),
            Err(_) => Err(Silence),
        }
    }

    /// The first thing that settles what the server does; other signs of life count where they are waited for.
    pub(super) async fn reaction(&mut self, expected: Reaction) -> Reaction {
        loop {
            let frame = match self.read().await {
                Ok(frame) => frame,
                Err(reaction) => return reaction,
            };
            match (frame.kind, expected) {
                (GOAWAY, _) => return Connection(frame.error()),
                (RST_STREAM, _) => return Stream(frame.error()),
                (HEADERS, _) if frame.stream == PROBE => return Ignored,
                (HEADERS, _) => return Answered(status(&frame.payload)),
                (SETTINGS, Acknowledged) if frame.flags & ACK != 0 => return Acknowledged,
                (PING, Pong) if frame.flags & ACK != 0 && frame.payload == b"Ringing!" => return Pong,
                _ => {}
            }
        }
    }

    /// Whether the connection serves a further request, or has ended, as it should after this.
    pub(super) async fn is_left_right(&mut self, asks: &Asks, reaction: Reaction) -> bool {
        match reaction {
            Connection(_) => loop {
                match self.read().await {
                    Ok(_) => {}
                    Err(end) => return end == Closed,
                }
            },
            Answered(_) | Stream(_) | Acknowledged | Pong => {
                self.probe(asks).await;
                loop {
                    match self.read().await {
                        Ok(frame) if frame.kind == GOAWAY => return false,
                        // Where there is no room for one more, it is told so.
                        Ok(frame) if frame.kind == RST_STREAM && frame.stream == PROBE => {
                            return Stream(frame.error()) == reaction;
                        }
                        Ok(frame) if frame.kind == HEADERS && frame.stream == PROBE => {
                            return status(&frame.payload) == 200;
                        }
                        Ok(_) => {}
                        Err(_) => return false,
                    }
                }
            }
            Ignored | Closed | Http1(_) => true,
            Silence => false,
        }
    }
}

/// The status of an answer's header block, which begins with it: by its index, or by its digits in Huffman's code.
fn status(mut block: &[u8]) -> u16 {
    const DIGITS: [(u64, u32); 10] =
        [(0, 5), (1, 5), (2, 5), (25, 6), (26, 6), (27, 6), (28, 6), (29, 6), (30, 6), (31, 6)];
    // The size of the table may be told first.
    while block[0] & 0xe0 == 0x20 {
        let more = if block[0] & 0x1f == 0x1f {
            block[1..].iter().position(|byte| *byte < 128).unwrap() + 1
        } else {
            0
        };
        block = &block[1 + more..];
    }
    let known = [200, 204, 206, 304, 400, 404, 500];
    if let 0x88..=0x8e = block[0] {
        return known[usize::from(block[0] - 0x88)];
    }
    assert!(matches!(block[0], 0x08 | 0x48) && block[1] & 0x80 != 0, "{block:?}");
    let length = usize::from(block[1] & 0x7f);
    let code = block[2..2 + length].iter().fold(0_u64, |code, byte| code << 8 | u64::from(*byte));
    let mut left = 8 * u32::try_from(length).unwrap();
    let mut status = 0;
    for _ in 0..3 {
        let is_next = |(digit, width): &(u64, u32)| code >> (left - width) & ((1 << width) - 1) == *digit;
        let digit = DIGITS.iter().position(is_next).unwrap();
        left -= DIGITS[digit].1;
        status = 10 * status + u16::try_from(digit).unwrap();
    }
    status
}
