//! `ringfence key inspect`: whether something that was found is a key, and whose.

use std::{
    io::{Read, stdin},
    process::ExitCode,
};

use anyhow::Context;
use reqwest::Method;
use serde_json::{Value, json};

use super::super::{output::lines, remote::Common};
use crate::model::{ApiKey, ApiToken, KeyId};

/// Tell whether something that was found is a key, and whose.
///
/// Its form and its checksum are looked at here; neither the key nor its secret is sent or printed. With
/// `RINGFENCE_TOKEN` set and the server there, it is told whose the key is and whether it works. Whether the secret is the
/// key's is not: who holds it can log in.
///
/// Exit codes: 0 it has the form of a key, 1 it has not.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Inspect {
    /// The key; `-` reads it from standard input, where other users do not see it
    key: String,
    #[command(flatten)]
    common: Common,
}

const EXAMPLES: &str = "\
Examples:
  ringfence key inspect - < found.txt
  ringfence key inspect - --json < found.txt      {\"form\": \"key\", \"key_id\": \"abcdefghijklmnop\", …}";

impl Inspect {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut text = self.key;
        if text == "-" {
            text = String::new();
            stdin().take(10_000).read_to_string(&mut text).context("standard input is not text")?;
        }
        let text = text.trim();
        let id = match text.parse::<ApiKey>() {
            Ok(key) => key.id().clone(),
            Err(_) => return refuse(&self.common, text),
        };
        let (known, why) = match look(&self.common, &id).await {
            Ok(known) => (known, None),
            Err(error) => (Value::Null, Some(format!("{error:#}"))),
        };
        let told = json!({ "form": "key", "key_id": id, "key": known, "not_asked": why });
        self.common.print(&told, || {
            let first = format!("It has the form of a key of Ringfence, and its checksum fits: key {id}");
            match why {
                None => format!("{first}\n\n{}", lines(&known)),
                Some(why) => format!("{first}\nWhose it is could not be asked: {why}"),
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn look(common: &Common, id: &KeyId) -> anyhow::Result<Value> {
    common.call(Method::GET, &format!("/keys/{id}"), None).await
}

/// Says what it is instead; nothing of it is repeated.
fn refuse(common: &Common, text: &str) -> anyhow::Result<ExitCode> {
    let (form, sentence) = if text.parse::<ApiToken>().is_ok() {
        ("operator_token", "It is no key: it has the form of an operator's API token, and its checksum fits")
    } else if ApiKey::is_mistyped(text) {
        ("mistyped", "It looks like a key, but its checksum does not fit: a character is wrong")
    } else {
        ("other", "It is no key: a key is `rf_`, 16 characters, `_` and 49 characters")
    };
    common.print(&json!({ "form": form }), || sentence.to_owned())?;
    Ok(ExitCode::FAILURE)
}
