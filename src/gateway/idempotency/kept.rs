//! What a call was answered, kept for those who send it again.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Repeat;
use crate::{
    gateway::{
        answer::{self, Answered},
        authorize::Permit,
        denial::{Denial, Failure},
        guard::{Guarded, UpstreamRefusal},
        refused::Refused,
    },
    model::{Claim, DivisionId, EventId, Masks, Settled},
    secret::ClaimKey,
};

static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Answers to changes are one object. A larger one is kept without its body.
const MAX_BODY: usize = 65_536;

/// What an answer was made under.
#[derive(Serialize, Deserialize)]
pub(super) struct Basis {
    divisions: Arc<[DivisionId]>,
    // All that the policy granted: what stands inside of an answer may be of any of them.
    granted: Vec<DivisionId>,
    masks: u8,
    account: String,
    // Of what carries no division: the store's version when something was last taken from the tenant.
    taken: Option<i64>,
}

/// An answer, and what it was made under.
#[derive(Serialize, Deserialize)]
pub(super) struct Kept {
    basis: Basis,
    status: u16,
    said: Said,
}

#[derive(Serialize, Deserialize)]
enum Said {
    Body(String),
    TooLarge,
    /// Genesys refused it, with a code that is known.
    Refused(String),
}

impl Basis {
    pub(super) fn of(permit: &Permit) -> Self {
        let tenant = permit.caller().tenant();
        Self {
            divisions: permit.divisions_shared(),
            granted: permit.granted().to_vec(),
            masks: permit.masks().to_byte(),
            account: tenant.account().id.to_string(),
            taken: permit.operation().registers().map(|_| tenant.registry().last_taken()),
        }
    }

    /// Whether a permit covers all of it.
    fn is_covered_by(&self, permit: &Permit) -> bool {
        let now = Self::of(permit);
        self.account == now.account
            && self.taken == now.taken
            && self.granted.iter().all(|division| now.granted.contains(division))
            && Masks::from_byte(self.masks).covers(permit.masks())
    }
}

/// How a call ended that was claimed. `is_answered`: Genesys said so itself.
pub(super) fn settled(
    claims: &ClaimKey,
    (claim, call): (&Claim, &EventId),
    basis: Basis,
    done: Result<&Guarded, &Denial>,
    is_answered: bool,
) -> Settled {
    let kept = match done {
        Ok(guarded) => {
            let (status, body) = guarded.shown();
            let body = std::str::from_utf8(body).ok().filter(|body| body.len() <= MAX_BODY);
            let said = body.map_or(Said::TooLarge, |body| Said::Body(body.to_owned()));
            Kept { basis, status: status.as_u16(), said }
        }
        Err(denial @ (Denial::NotFound | Denial::UpstreamRefused(_))) if is_answered => {
            let (status, code, _) = denial.shown();
            Kept { basis, status: status.as_u16(), said: Said::Refused(code.to_owned()) }
        }
        // Genesys says so of what it did not do.
        Err(Denial::UpstreamLimited(_)) => return Settled::Released,
        Err(Denial::Failed(Failure::EffectUnknown)) => return Settled::Unknown,
        Err(_) if is_answered => return Settled::Unknown,
        Err(_) => return Settled::Released,
    };
    // Our own types always encode.
    let plain = zeroize::Zeroizing::new(serde_json::to_vec(&kept).unwrap_or_default());
    match claims.seal(&context(claim, call), &plain) {
        Ok(sealed) => Settled::Kept(sealed),
        Err(_) => Settled::Unknown,
    }
}

/// Opens what was kept; nothing, where another hand altered or moved it.
pub(super) fn open(claims: &ClaimKey, claim: &Claim, call: &EventId, sealed: &[u8]) -> Option<Kept> {
    let plain = claims.open(&context(claim, call), sealed).ok()?;
    serde_json::from_slice(&plain).ok()
}

/// Whose it is and of which call.
fn context(claim: &Claim, call: &EventId) -> Vec<u8> {
    [
        claim.name.as_slice(),
        &claim.fingerprint,
        claim.tenant_id.as_str().as_bytes(),
        b"\n",
        call.as_str().as_bytes(),
    ]
    .concat()
}

impl Kept {
    /// The answer to a repeat, for a permit that covers the first one's.
    pub(super) fn answer(self, permit: &Permit, id: &EventId) -> Result<Answered, Refused> {
        if !self.basis.is_covered_by(permit) {
            return Err(Repeat::AnswerWithheld.into());
        }
        let status = StatusCode::from_u16(self.status).map_err(|_| Failure::Internal)?;
        match self.said {
            Said::Body(body) => {
                let mut response = answer::json(status, id, body.into());
                answer::name_divisions(&mut response, &self.basis.divisions);
                answer::name_masks(&mut response, Masks::from_byte(self.basis.masks));
                mark(&mut response);
                Ok(response)
            }
            Said::TooLarge => Err(Repeat::AnswerTooLarge.into()),
            Said::Refused(_) if status == StatusCode::NOT_FOUND => Err(Refused::Again(Denial::NotFound)),
            Said::Refused(code) => {
                let refusal = UpstreamRefusal::read(status, json!({ "code": code }).to_string().as_bytes());
                Err(Refused::Again(Denial::UpstreamRefused(refusal)))
            }
        }
    }
}

/// Says that an answer was given before.
pub(in crate::gateway) fn mark(response: &mut Answered) {
    response.headers_mut().insert(REPLAYED.clone(), HeaderValue::from_static("true"));
}
