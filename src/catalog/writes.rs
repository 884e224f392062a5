//! The models of users and queues that are made and changed (Platform API v2: `CreateUser`, `UpdateUser`,
//! `CreateQueueRequest`, `QueueRequest`), typed whole.
//!
//! Not among their fields: those that name entities of which nobody has looked up whose they are (groups, locations,
//! flows, prompts, scripts, addresses of the organisation), and those that Genesys only shows.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Number;

use crate::model::Text;

/// The body of `POST /api/v2/users`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateUser<'a> {
    /// As it is shown.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Unique in the organisation.
    #[serde(borrow)]
    pub email: Text<'a>,
    /// Its division; the gateway says it where the caller does not.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub division_id: Option<Text<'a>>,
    /// Where it works.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Text<'a>>,
    /// What it is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<'a>>,
    /// Without one, Genesys invites the user.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Text<'a>>,
    /// How it can be reached.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<Contact<'a>>>,
    /// Whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<UserState>,
}

/// The body of `PATCH /api/v2/users/{userId}`: what is not named stays.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpdateUser<'a> {
    /// The version that is changed.
    pub version: i64,
    /// As it is shown.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<'a>>,
    /// Unique in the organisation.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Text<'a>>,
    /// Mostly the address again.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Text<'a>>,
    /// What it is called.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub preferred_name: Option<Text<'a>>,
    /// Where it works.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub department: Option<Text<'a>>,
    /// What it is.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub title: Option<Text<'a>>,
    /// Another user's id.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<Text<'a>>,
    /// How it can be reached.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Vec<Contact<'a>>>,
    /// Free words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub profile_skills: Option<Vec<Text<'a>>>,
    /// Free words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub certifications: Option<Vec<Text<'a>>>,
    /// Whether calls are taken without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acd_auto_answer: Option<bool>,
    /// Whether it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<UserState>,
}

impl Contact<'_> {
    /// Whether one of this medium and type can be told to be the user's own. A telephone number at work may be one of the organisation's, which
    /// would then ring at the user; that it is taken would tell whose it is.
    pub fn is_personal(media_type: Option<&str>, r#type: Option<&str>) -> bool {
        match media_type {
            Some("EMAIL") => true,
            Some("PHONE" | "SMS") => matches!(r#type, Some("HOME" | "MOBILE" | "OTHER")),
            Some(_) | None => false,
        }
    }
}

/// Whether a user is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum UserState {
    /// It is.
    Active,
    /// It is not for now.
    Inactive,
    /// It is no more.
    Deleted,
}

/// An address of a user. Extensions are unique in the organisation, and so are not among its fields.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact<'a> {
    /// The address itself.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<'a>>,
    /// `PHONE`, `EMAIL` or `SMS`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Text<'a>>,
    /// Such as `HOME`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<Text<'a>>,
    /// Of a telephone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub country_code: Option<Text<'a>>,
}

/// The body of `POST /api/v2/routing/queues` and of `PUT /api/v2/routing/queues/{queueId}`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueRequest<'a> {
    /// Unique in the organisation.
    #[serde(borrow)]
    pub name: Text<'a>,
    /// Its division; the gateway says it where the caller does not.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub division: Option<DivisionRef<'a>>,
    /// The queue whose settings are copied; of a new queue alone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub source_queue_id: Option<Text<'a>>,
    /// Free words.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text<'a>>,
    /// How contacts arrive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_settings: Option<QueueMediaSettings>,
    /// When the ring of agents grows.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub routing_rules: Option<Vec<RoutingRule<'a>>>,
    /// How contacts are weighed.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub scoring_method: Option<Text<'a>>,
    /// Whether the last agent is preferred.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub last_agent_routing_mode: Option<Text<'a>>,
    /// What follows a contact.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub acw_settings: Option<AcwSettings<'a>>,
    /// How skills count.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub skill_evaluation_method: Option<Text<'a>>,
    /// Whether contacts that are taken by themselves are for such queues alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_answer_only: Option<bool>,
    /// Whether speech is transcribed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_transcription: Option<bool>,
    /// Whether supervisors may listen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_audio_monitoring: Option<bool>,
    /// Whether contacts may be assigned by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_manual_assignment: Option<bool>,
    /// Callbacks that agents own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_owned_routing: Option<AgentOwnedRouting>,
    /// Whether waiting is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_in_queue_call_recording: Option<bool>,
    /// Such as `en-US`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub default_media_language: Option<Text<'a>>,

    // What a queue shows and a change cannot name: read, so that a queue can be sent back as it was read, never sent.
    /// Its id.
    #[serde(default, skip_serializing)]
    pub id: Option<IgnoredAny>,
    /// When it was made.
    #[serde(default, skip_serializing)]
    pub date_created: Option<IgnoredAny>,
    /// When it was changed.
    #[serde(default, skip_serializing)]
    pub date_modified: Option<IgnoredAny>,
    /// Its path.
    #[serde(default, skip_serializing)]
    pub self_uri: Option<IgnoredAny>,
    /// Its groups, as far as they are shown.
    #[serde(default, skip_serializing)]
    pub member_groups: Option<IgnoredAny>,
    /// Its scripts, as far as they are shown.
    #[serde(default, skip_serializing)]
    pub default_scripts: Option<IgnoredAny>,
    /// A name that those who are called see.
    #[serde(default, skip_serializing)]
    pub calling_party_name: Option<IgnoredAny>,
    /// A number of the organisation's.
    #[serde(default, skip_serializing)]
    pub calling_party_number: Option<IgnoredAny>,
}

impl QueueRequest<'_> {
    /// A field that is read and not sent: what is made must not seem to have it.
    pub fn unsent(&self) -> Option<&'static str> {
        let media = self.media_settings.as_ref();
        let unsent = [
            ("id", self.id.is_some()),
            ("dateCreated", self.date_created.is_some()),
            ("dateModified", self.date_modified.is_some()),
            ("selfUri", self.self_uri.is_some()),
            ("memberGroups", self.member_groups.is_some()),
            ("defaultScripts", self.default_scripts.is_some()),
            ("callingPartyName", self.calling_party_name.is_some()),
            ("callingPartyNumber", self.calling_party_number.is_some()),
        ];
        let own = unsent.into_iter().find_map(|(name, is_there)| is_there.then_some(name));
        own.or_else(|| media?.all().into_iter().flatten().find_map(MediaSettings::unsent))
    }
}

/// A division, as a body names it.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DivisionRef<'a> {
    /// Its id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Read and not sent: Genesys goes by the id.
    #[serde(borrow, default, skip_serializing)]
    pub name: Option<Text<'a>>,
    /// Read and not sent.
    #[serde(borrow, default, skip_serializing, rename = "selfUri")]
    pub self_uri: Option<Text<'a>>,
}

/// How contacts arrive, by their medium.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct QueueMediaSettings {
    /// Of medium `call`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<MediaSettings>,
    /// Of medium `callback`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callback: Option<MediaSettings>,
    /// Of medium `chat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<MediaSettings>,
    /// Of medium `email`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<MediaSettings>,
    /// Of medium `message`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<MediaSettings>,
}

impl QueueMediaSettings {
    fn all(&self) -> [Option<&MediaSettings>; 5] {
        [&self.call, &self.callback, &self.chat, &self.email, &self.message].map(Option::as_ref)
    }
}

/// How contacts of one medium arrive.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MediaSettings {
    /// Whether contacts are taken without asking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_auto_answer: Option<bool>,
    /// How long an agent is asked, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerting_timeout_seconds: Option<i64>,
    /// What share is to be answered in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_level: Option<ServiceLevel>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_answer_alert_tone_seconds: Option<Number>,
    /// In seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manual_answer_alert_tone_seconds: Option<Number>,

    // What they show and a change cannot name: read, never sent.
    /// Who is connected first.
    #[serde(default, skip_serializing)]
    pub mode: Option<IgnoredAny>,
    /// Of kinds of the medium.
    #[serde(default, skip_serializing)]
    pub sub_type_settings: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub enable_auto_dial_and_end: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub auto_dial_delay_seconds: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub auto_end_delay_seconds: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub pacing_modifier: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub max_retry_count: Option<IgnoredAny>,
    /// Of callbacks.
    #[serde(default, skip_serializing)]
    pub retry_delay_seconds: Option<IgnoredAny>,
    /// Of callbacks; it may lead to a flow.
    #[serde(default, skip_serializing)]
    pub live_voice_reaction_type: Option<IgnoredAny>,
    /// Of callbacks; it may lead to a flow.
    #[serde(default, skip_serializing)]
    pub answering_machine_reaction_type: Option<IgnoredAny>,
    /// Of messages.
    #[serde(default, skip_serializing)]
    pub enable_inactivity_timeout: Option<IgnoredAny>,
}

impl MediaSettings {
    fn unsent(&self) -> Option<&'static str> {
        let unsent = [
            ("mode", self.mode.is_some()),
            ("subTypeSettings", self.sub_type_settings.is_some()),
            ("enableAutoDialAndEnd", self.enable_auto_dial_and_end.is_some()),
            ("autoDialDelaySeconds", self.auto_dial_delay_seconds.is_some()),
            ("autoEndDelaySeconds", self.auto_end_delay_seconds.is_some()),
            ("pacingModifier", self.pacing_modifier.is_some()),
            ("maxRetryCount", self.max_retry_count.is_some()),
            ("retryDelaySeconds", self.retry_delay_seconds.is_some()),
            ("liveVoiceReactionType", self.live_voice_reaction_type.is_some()),
            ("answeringMachineReactionType", self.answering_machine_reaction_type.is_some()),
            ("enableInactivityTimeout", self.enable_inactivity_timeout.is_some()),
        ];
        unsent.into_iter().find_map(|(name, is_there)| is_there.then_some(name))
    }
}

/// What share of contacts is to be answered in time.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceLevel {
    /// From 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Number>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
}

/// When the ring of agents grows.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoutingRule<'a> {
    /// `MEETS_THRESHOLD` or `ANY`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<Text<'a>>,
    /// The least score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<i64>,
    /// How long it waits, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_seconds: Option<Number>,
}

/// What follows a contact.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AcwSettings<'a> {
    /// Such as `OPTIONAL`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub wrapup_prompt: Option<Text<'a>>,
    /// In milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<i64>,
}

/// Callbacks that agents own.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentOwnedRouting {
    /// Whether there are such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enable_agent_owned_callbacks: Option<bool>,
    /// How long they are kept, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_owned_callback_hours: Option<i64>,
    /// How far ahead, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_owned_callback_delay_hours: Option<i64>,
}
