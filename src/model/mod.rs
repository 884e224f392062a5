//! The nouns: what is kept, passed along and recorded. No behaviour that needs a database or a network.

mod claim;
mod credential;
mod entry;
mod event;
mod ids;
mod key;
mod limits;
mod masks;
mod operator;
mod policy;
mod portion;
mod registration;
mod rotation;
mod service_account;
mod signing_key;
mod stay;
mod tenant;
mod text;

pub use claim::{Claim, ClaimState, Claimed, Settled};
pub use credential::{ApiKey, ApiToken, InvalidCredential};
pub use entry::{Place, SCHEMA, event_line, outcome_line};
pub use event::{Actor, Call, Event, EventKind, Outcome, RecordedEvent, ShadowDecision, UNKNOWN};
pub use ids::{
    DivisionId, EntityId, EventId, InvalidId, KeyId, OperatorId, ServiceAccountId, StreamId, TenantId,
    TokenId,
};
pub use key::{Cidr, Key, KeyState, KeyUse};
pub use limits::Limits;
pub use masks::{Mask, Masks, UnknownMask};
pub use operator::{Operator, OperatorToken, Role};
pub use policy::{OwnPolicies, PolicyMode, PolicyVersion};
pub use portion::Portion;
pub use registration::{Ended, Origin, Registration, Registry};
pub use rotation::{NotRotated, Rotation, Successor};
pub use service_account::ServiceAccount;
pub use signing_key::SealedSigningKey;
pub use stay::{Sighting, Stay, Stays};
pub use tenant::{CrossDivision, Tenant};
pub use text::Text;
