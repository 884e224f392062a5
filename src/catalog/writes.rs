//! The models of users and queues that are made and changed (Platform API v2: `CreateUser`, `UpdateUser`,
//! `CreateQueueRequest`, `QueueRequest`), typed whole.
//!
//! Not among their fields: those that name entities of which nobody has looked up whose they are (groups, locations,
//! flows, prompts, scripts, addresses of the organisation), and those that Genesys only shows.

use serde::{Deserialize, Serialize};
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

/// An address of a user.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Contact<'a> {
    /// The address itself.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Text<'a>>,
    /// `PHONE`, `EMAIL` or `SMS`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<Text<'a>>,
    /// Such as `WORK`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub r#type: Option<Text<'a>>,
    /// Of a telephone.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<Text<'a>>,
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
    /// Shown to who is called.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub calling_party_name: Option<Text<'a>>,
    /// Shown to who is called.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub calling_party_number: Option<Text<'a>>,
    /// Whether waiting is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppress_in_queue_call_recording: Option<bool>,
    /// Such as `en-US`.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub default_media_language: Option<Text<'a>>,
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
