//! HTTP/2 and HPACK, section by section: what is sent, and what the listener makes of it.
//!
//! Each case stands on the words of RFC 9113 or RFC 7541: it knows which answers they ask for, which one the listener
//! gives, and, where that is another, why. Each is sent on a connection of its own. Afterwards the connection
//! must still serve if it was not to end, and another connection must in any case. `docs/http2.md` shows the table.

mod client;
mod compression;
mod connection;
mod fields;
mod frames;
mod messages;
mod streams;
mod windows;

use std::fmt;

use ringfence::simulator::ALPHA;

use self::{
    Reaction::{Acknowledged, Answered, Closed, Connection, Http1, Ignored, Pong, Silence, Stream},
    client::Client,
};
use crate::support::{
    app::TestApp,
    frames::{DATA, END_HEADERS, END_STREAM, HEADERS, block, frame},
};

/// What the listener does about something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// A request is answered, with this status.
    Answered(u16),
    /// `RST_STREAM` with this error.
    Stream(u32),
    /// `GOAWAY` with this error, and the end of the connection.
    Connection(u32),
    /// The end of the connection, without a word.
    Closed,
    /// An answer as HTTP/1.1 has it, and the end of the connection.
    Http1(u16),
    /// Nothing: the next request is answered.
    Ignored,
    /// `SETTINGS` with the flag ACK.
    Acknowledged,
    /// `PING` with the flag ACK and the same bytes.
    Pong,
    /// Nothing comes, and the connection stays.
    Silence,
}

/// What a client does in the course of a case.
enum Step {
    /// Sends bytes.
    Send(Vec<u8>),
    /// Waits for the head of a stream's answer.
    Head(u32),
    /// Waits for the end of a stream's answer.
    End(u32),
    /// Waits for the reset of a stream.
    Reset(u32),
    /// Waits for a `DATA` frame of a stream, which must have this length.
    Data(u32, usize),
}

/// One case.
struct Case {
    section: &'static str,
    what: &'static str,
    begins: bool,
    steps: Vec<Step>,
    answer: Reaction,
    asked: Vec<Reaction>,
    because: &'static str,
}

fn case(section: &'static str, what: &'static str, sent: impl Into<Steps>, answer: Reaction) -> Case {
    let Steps(steps) = sent.into();
    Case { section, what, begins: true, steps, answer, asked: vec![answer], because: "" }
}

/// What is sent; most cases are only that.
struct Steps(Vec<Step>);

impl From<Vec<u8>> for Steps {
    fn from(bytes: Vec<u8>) -> Self {
        Self(vec![Step::Send(bytes)])
    }
}

impl<const N: usize> From<[Vec<u8>; N]> for Steps {
    fn from(frames: [Vec<u8>; N]) -> Self {
        Self(vec![Step::Send(frames.concat())])
    }
}

impl<const N: usize> From<[Step; N]> for Steps {
    fn from(steps: [Step; N]) -> Self {
        Self(steps.into())
    }
}

impl Case {
    /// The client does not begin as it should: everything it sends is in the steps.
    fn without_opening(self) -> Self {
        Self { begins: false, ..self }
    }

    /// What the RFC asks for, where that is not exactly what is done.
    fn asked(self, asked: &[Reaction]) -> Self {
        Self { asked: asked.to_vec(), ..self }
    }

    /// Why something else is done than the RFC asks for.
    fn because(self, because: &'static str) -> Self {
        Self { because, ..self }
    }

    /// Whether the RFC lets the listener do what it does.
    fn is_as_asked(&self) -> bool {
        self.asked.iter().any(|asked| match (*asked, self.answer) {
            (asked, answer) if asked == answer => true,
            // RFC 9113, 5.4.1: an error of a stream may be treated as one of the connection, and `GOAWAY` may be left out.
            (Stream(asked), Connection(answer)) => asked == answer,
            (Stream(_) | Connection(_), Closed) => true,
            _ => false,
        })
    }
}

/// What a tenant asks, in frames.
struct Asks {
    key: String,
}

impl Asks {
    /// The fields of a request that is answered without Genesys.
    fn fields<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let fields = [
            (":method", "GET"),
            (":scheme", "http"),
            (":path", "/api/v2/tokens/me"),
            (":authority", "gateway"),
            ("x-api-key", self.key.as_str()),
        ];
        [&fields, more].concat()
    }

    fn block(&self, more: &[(&str, &str)]) -> Vec<u8> {
        block(&self.fields(more))
    }

    /// A whole request without a body.
    fn get(&self, stream: u32) -> Vec<u8> {
        self.get_with(stream, &[])
    }

    fn get_with(&self, stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
        frame(HEADERS, END_STREAM | END_HEADERS, stream, &self.block(more))
    }

    /// A request whose one field is replaced, or left out.
    fn get_but(&self, stream: u32, name: &str, value: Option<&str>) -> Vec<u8> {
        let fields: Vec<_> = self
            .fields(&[])
            .into_iter()
            .filter_map(|field| if field.0 == name { Some((field.0, value?)) } else { Some(field) })
            .collect();
        frame(HEADERS, END_STREAM | END_HEADERS, stream, &block(&fields))
    }

    /// The head of a request whose body follows.
    fn post(&self, stream: u32) -> Vec<u8> {
        self.post_with(stream, &[])
    }

    fn post_with(&self, stream: u32, more: &[(&str, &str)]) -> Vec<u8> {
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/api/v2/users/search"),
            (":authority", "gateway"),
            ("x-api-key", self.key.as_str()),
            ("content-type", "application/json"),
        ];
        frame(HEADERS, END_HEADERS, stream, &block(&[&fields, more].concat()))
    }
}

/// The end of a request: its last bytes.
fn last(stream: u32, payload: &[u8]) -> Vec<u8> {
    frame(DATA, END_STREAM, stream, payload)
}

fn cases(asks: &Asks) -> Vec<Case> {
    [
        connection::cases(asks),
        streams::cases(asks),
        frames::cases(asks),
        windows::cases(asks),
        messages::cases(asks),
        fields::cases(asks),
        compression::cases(asks),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What a case comes to.
async fn play(app: &TestApp, asks: &Asks, case: &Case) -> Result<(), String> {
    let mut client = if case.begins { Client::begin(app).await } else { Client::new(app).await };
    let early = client.go(&case.steps).await;
    let reaction = match (early, case.answer) {
        (Some(reaction), _) => reaction,
        (None, Http1(_)) => {
            let answer = client.socket.answer().await;
            let reaction = Http1(answer.status.as_u16());
            client.socket.end().await;
            return if reaction == case.answer { Ok(()) } else { Err(format!("{reaction}")) };
        }
        (None, Ignored) => {
            client.probe(asks).await;
            client.reaction(Ignored).await
        }
        (None, expected) => client.reaction(expected).await,
    };
    if reaction != case.answer {
        return Err(format!("{reaction}"));
    }
    if client.is_left_right(asks, reaction).await {
        Ok(())
    } else {
        Err(format!("{reaction}, but the connection is not as it should be then"))
    }
}

#[tokio::test]
async fn each_case_of_http_2_has_its_answer_and_concerns_no_other_connection() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let asks = Asks { key: alpha.api_key };
    let mut wrong = Vec::new();
    for case in cases(&asks) {
        if let Err(found) = play(&app, &asks, &case).await {
            wrong.push(format!("{} {}: {found}, not {}", case.section, case.what, case.answer));
        }
        let mut other = Client::begin(&app).await;
        other.socket.write(&asks.get(1)).await;
        assert_eq!(
            other.reaction(Answered(200)).await,
            Answered(200),
            "after {} {}",
            case.section,
            case.what
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    // Some of these streams were requests before they broke.
    app.finish_after_loss().await;
}

#[test]
fn what_is_done_otherwise_than_asked_is_explained_and_nothing_else_is() {
    for case in cases(&Asks { key: String::new() }) {
        assert_eq!(case.is_as_asked(), case.because.is_empty(), "{} {}", case.section, case.what);
    }
}

impl fmt::Display for Reaction {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |error: u32| ERRORS.get(error as usize).copied().unwrap_or("another error");
        match self {
            Answered(status) => write!(formatter, "{status}"),
            Stream(error) => write!(formatter, "stream ended: {}", name(*error)),
            Connection(error) => write!(formatter, "connection ended: {}", name(*error)),
            Closed => formatter.write_str("connection closed"),
            Http1(status) => write!(formatter, "{status} over HTTP/1.1, closed"),
            Ignored => formatter.write_str("ignored"),
            Acknowledged => formatter.write_str("acknowledged"),
            Pong => formatter.write_str("sent back"),
            Silence => formatter.write_str("silence"),
        }
    }
}

const ERRORS: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// The table as `docs/http2.md` shows it.
pub(crate) fn table() -> String {
    let row = |case: &Case| {
        let asked: Vec<_> = case.asked.iter().map(ToString::to_string).collect();
        let note = if case.is_as_asked() {
            String::new()
        } else {
            format!("asked: {}. {}", asked.join(" or "), case.because)
        };
        format!("| {} | {} | {} | {note} |\n", case.section, case.what, case.answer)
    };
    let head =
        "| section | case | answer | where it is not what the RFC asks for |\n|---|---|---|---|\n".to_owned();
    [head].into_iter().chain(cases(&Asks { key: String::new() }).iter().map(row)).collect()
}
