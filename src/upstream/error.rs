//! Why Genesys was not called, or gave no answer.

use std::time::Duration;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The login failed, or failed a moment ago.
    #[error("no token could be had from Genesys's login for service account `{account}`: {why}")]
    NoToken {
        /// Whose token.
        account: String,
        /// What the login did; never contains a secret.
        why: String,
        /// Whether it refused the credentials: to ask again helps nothing until they are others.
        refused: bool,
    },
    /// The request cannot be put together.
    #[error("the request cannot be sent: {why}")]
    Unsendable {
        /// What is wrong with it.
        why: String,
    },
    /// Genesys told the account to wait, and the time is not over: nothing was sent.
    #[error("Genesys accepts no more requests of the service account for {} s", left.as_secs() + 1)]
    Waiting {
        /// How long is left.
        left: Duration,
    },
    /// The tenant has used up its share, or the account all there is: nothing was sent.
    #[error("its share of the requests that Genesys accepts is used up for {} s", left.as_secs() + 1)]
    Exhausted {
        /// Until the next may be sent.
        left: Duration,
        /// What may be sent in a minute.
        allowed: u32,
    },
    /// The calls before this one failed again and again: nothing was sent.
    #[error("Genesys has failed again and again, and is not called for a moment")]
    Spared,
    /// The request was never sent.
    #[error("Genesys could not be reached")]
    Unreachable {
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The exchange broke after the request was sent: whether it took effect is unknown.
    #[error("the exchange with Genesys broke off")]
    Broken {
        /// What failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No whole answer within the time for one exchange: whether the request took effect is unknown.
    #[error("Genesys did not answer in time")]
    TimedOut,
    /// The answer is larger than the largest that is read.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// The largest answer that is read, in bytes.
        limit: usize,
    },
    /// The answers under way leave no room for this one.
    #[error("there is no memory left for the answer")]
    NoRoom {
        /// Whether the request was sent: an answer of common size has its room before.
        sent: bool,
    },
    /// Upstream refused a fresh token twice.
    #[error("Genesys refuses the token of service account `{account}`")]
    Unauthorized {
        /// Whose token.
        account: String,
    },
    /// What permitted the call was withdrawn before it, or its repeat, was sent.
    #[error("the call was withdrawn before it was sent")]
    Withdrawn,
    /// The answer is not HTTP as promised (compressed though not asked for, …).
    #[error("the answer cannot be read: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl UpstreamError {
    /// Whether the request was sent, so that a change may have taken effect.
    pub fn came_after_sending(&self) -> bool {
        match self {
            Self::Broken { .. }
            | Self::TimedOut
            | Self::TooLarge { .. }
            | Self::NoRoom { sent: true }
            | Self::Malformed { .. } => true,
            Self::NoToken { .. }
            | Self::Unsendable { .. }
            | Self::Waiting { .. }
            | Self::Exhausted { .. }
            | Self::Spared
            | Self::Unreachable { .. }
            | Self::NoRoom { sent: false }
            | Self::Unauthorized { .. }
            | Self::Withdrawn => false,
        }
    }
}
