//! A denial, in the shape of the surface that the request came to.

use super::{
    answer::{self, Answered},
    denial::{Denial, Failure},
    idempotency,
    oauth::LoginDenial,
    path::CanonicalPath,
};
use crate::model::EventId;

/// Why a request was refused, in the shape of the surface that it came to.
pub(super) enum Refused {
    Api(Denial),
    /// As it was refused before, when it was sent with the same `Idempotency-Key`.
    Again(Denial),
    Login(LoginDenial),
}

impl Refused {
    /// What stopped on our side before, or after, the path itself could say to which surface it came.
    pub(super) fn failed(failure: Failure, path: &str) -> Self {
        let denial = Denial::Failed(failure);
        if CanonicalPath::read(path).is_ok_and(|path| path.is_login()) {
            Self::Login(LoginDenial::Denied(denial))
        } else {
            Self::Api(denial)
        }
    }

    /// Another reason, in the same shape.
    pub(super) fn replace(&self, denial: Denial) -> Self {
        match self {
            Self::Api(_) | Self::Again(_) => Self::Api(denial),
            Self::Login(_) => Self::Login(LoginDenial::Denied(denial)),
        }
    }

    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Api(denial) | Self::Again(denial) => denial.code(),
            Self::Login(denial) => denial.code(),
        }
    }

    pub(super) fn answer(&self, id: &EventId) -> Answered {
        match self {
            Self::Api(denial) => answer::denied(denial, id),
            Self::Again(denial) => {
                let mut answer = answer::denied(denial, id);
                idempotency::mark(&mut answer);
                answer
            }
            Self::Login(denial) => answer::login_denied(denial, id),
        }
    }

    /// Whether the limiter refused it.
    pub(super) fn is_counted(&self) -> bool {
        self.denial().is_some_and(Denial::is_counted)
    }

    /// Whether it is for the credential.
    pub(super) fn is_of_credential(&self) -> bool {
        matches!(self.denial(), Some(Denial::Credential(_)))
    }

    /// Whether it is no doing of the callers'.
    pub(super) fn is_failure(&self) -> bool {
        matches!(self.denial(), Some(Denial::Failed(failure)) if *failure != Failure::Crowded)
    }

    /// Whether it is a defect of ours.
    pub(super) fn is_internal(&self) -> bool {
        matches!(self.denial(), Some(Denial::Failed(Failure::Internal)))
    }

    fn denial(&self) -> Option<&Denial> {
        match self {
            Self::Api(denial) | Self::Again(denial) | Self::Login(LoginDenial::Denied(denial)) => {
                Some(denial)
            }
            Self::Login(LoginDenial::Malformed(..)) => None,
        }
    }
}

impl<D: Into<Denial>> From<D> for Refused {
    fn from(denial: D) -> Self {
        Self::Api(denial.into())
    }
}
