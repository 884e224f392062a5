//! Each attack and its answer, byte for byte. `docs/security.md` shows this table, as it stands here.

mod list;

use ringfence::simulator::{ALPHA, BETA};
use serde_json::{Value, json};

use self::{
    Sent::{Body, First, Framed, Lines, Many, Raw, Target},
    list::ATTACKS,
};
use super::refused::{event, outcome};
use crate::support::app::TestApp;

const USERS: &str = "/api/v2/users";
const SEARCH: &str = "/api/v2/users/search";

/// Stands for the id of another division's user.
const FOREIGN: &str = "FOREIGN";

/// What is sent.
enum Sent {
    /// `GET /api/v2/users` with this target.
    Target(&'static str),
    /// `GET /api/v2/users` with these header lines.
    Lines(&'static str),
    /// `POST /api/v2/users/search` with these header lines, then these bytes.
    Framed(&'static str, &'static str),
    /// `POST /api/v2/users/search` with this body.
    Body(&'static [u8]),
    /// Another first line.
    First(&'static str),
    /// Everything, but for the credential, for which `KEY` stands.
    Raw(&'static str),
    /// Much of the same in a place.
    Many(&'static str, fn() -> String),
}

struct Attack {
    name: &'static str,
    sent: Sent,
    answer: (u16, &'static str),
}

const fn attack(name: &'static str, sent: Sent, answer: (u16, &'static str)) -> Attack {
    Attack { name, sent, answer }
}

impl Attack {
    /// Its bytes, with a tenant's key and the id of a user who is none of its own.
    fn bytes(&self, key: &str, foreign: &str) -> Vec<u8> {
        let request = |first: &str, lines: &str, body: &[u8]| {
            let json = if first.starts_with("POST") && !lines.contains("Content-Type") {
                "Content-Type: application/json\r\n"
            } else {
                ""
            };
            let head = format!("{first}\r\nHost: gateway\r\nX-Api-Key: {key}\r\n{json}{lines}\r\n");
            [head.as_bytes(), body].concat()
        };
        let get = format!("GET {USERS} HTTP/1.1");
        let post = format!("POST {SEARCH} HTTP/1.1");
        let with_body = |body: &[u8]| request(&post, &format!("Content-Length: {}\r\n", body.len()), body);
        match &self.sent {
            Target(target) => request(&format!("GET {} HTTP/1.1", target.replace(FOREIGN, foreign)), "", b""),
            Lines(lines) => request(&get, lines, b""),
            Framed(lines, body) => request(&post, lines, body.as_bytes()),
            Body(body) => with_body(body),
            First(first) => request(first, "", b""),
            Raw(raw) => raw.replace("KEY", key).into_bytes(),
            Many(_, make) => match make() {
                lines if lines.starts_with("X-") => request(&get, &lines, b""),
                target if target.starts_with('/') => request(&format!("GET {target} HTTP/1.1"), "", b""),
                chunks if chunks.ends_with("0\r\n\r\n") => {
                    request(&post, "Transfer-Encoding: chunked\r\n", chunks.as_bytes())
                }
                body => with_body(body.as_bytes()),
            },
        }
    }

    /// What is special about it.
    fn shown(&self) -> String {
        let text = match &self.sent {
            Target(text) | First(text) | Raw(text) => text.escape_debug().to_string(),
            Lines(lines) => lines.trim_end().escape_debug().to_string(),
            Framed(lines, body) => format!("{} … {}", lines.trim_end().escape_debug(), body.escape_debug()),
            Body(body) => body.escape_ascii().to_string().replace("\\\"", "\""),
            Many(text, _) => return (*text).to_owned(),
        };
        let cut: String = text.chars().take(110).collect();
        format!("`{cut}{}`", if cut.len() < text.len() { "…" } else { "" })
    }
}

/// The table as `docs/security.md` shows it.
pub(crate) fn table() -> String {
    let rows = ATTACKS.iter().map(|attack| {
        let (status, code) = attack.answer;
        format!("| {} | {} | {status} `{code}` |\n", attack.name, attack.shown())
    });
    ["| attack | sent | answer |\n|---|---|---|\n".to_owned()].into_iter().chain(rows).collect()
}

#[tokio::test]
async fn each_attack_has_its_answer_and_its_event() {
    let app = TestApp::start().await;
    let alpha = app.tenant("alpha", &[ALPHA]).await;
    let facts = app.simulator.organisation().facts();
    let beta = facts["divisions"].as_array().unwrap().iter().find(|division| division["id"] == BETA).unwrap();
    let foreign = beta["users"][0].as_str().unwrap();
    let mut wrong = Vec::new();
    for attack in ATTACKS {
        let mut socket = app.socket().await;
        socket.write(&attack.bytes(&alpha.api_key, foreign)).await;
        let answer = socket.answer().await;
        let event = event(&app, &answer).await;
        let code = if answer.status == 200 { "ok" } else { answer.body["code"].as_str().unwrap_or("none") };
        // That of what Genesys was asked for follows the answer; at the end, each event must have one.
        let follows = matches!(code, "ok" | "not.found");
        let recorded = if follows { json!([code, answer.status.as_u16()]) } else { outcome(&event) };
        let (status, expected) = attack.answer;
        if (answer.status.as_u16(), code) != attack.answer || recorded != json!([expected, status]) {
            wrong.push(format!("{}: {} {code}, recorded {recorded}", attack.name, answer.status));
        }
        // Whatever was sent beside it: the request was taken for what it is, from where it came.
        assert_eq!(event["source"], "127.0.0.1", "{}", attack.name);
        if answer.status == 200 {
            // What was asked for stands in the list's own links.
            let shown = answer.body["entities"].to_string();
            assert!(!shown.contains(foreign), "{}: a foreign user is shown", attack.name);
            let operation = event["operation"].as_str().unwrap();
            assert!(["getUsers", "postUsersSearch"].contains(&operation), "{}: {operation}", attack.name);
        }
        if event["kind"] == "call" {
            app.counted(async { answer }).await;
        } else {
            assert_eq!(
                (&event["tenant"], &answer.headers["connection"]),
                (&Value::Null, &"close".parse().unwrap())
            );
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    app.finish().await;
}
