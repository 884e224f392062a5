//! Where a call was stopped, and what to do about it, by its code.

/// The step of the path, and the way out.
pub(super) fn explain(code: &str) -> (&'static str, &'static str) {
    match code {
        "ringfence.operation_unknown" => {
            ("resolve", "Call an operation that `/gateway/v1/operations` lists.")
        }
        "ringfence.operation_denied" => ("resolve", "No tenant may call this operation; call another one."),
        "ringfence.not_permitted" | "ringfence.policy_failed" => {
            ("authorize", "Your policies do not permit it: ask your operator, and name the context id.")
        }
        "ringfence.field_masked" => {
            ("scope", "Leave out what your policies mask: the message of its answer named it.")
        }
        "ringfence.division_not_permitted" => ("authorize", "Name divisions of your own, or none."),
        "ringfence.permit_withdrawn" => {
            ("release", "What was permitted has changed meanwhile: see `/gateway/v1/operations`.")
        }
        "ringfence.idempotency_in_progress" => {
            ("forward", "The first request with the key is under way: send it again when it must have ended.")
        }
        "ringfence.idempotency_effect_unknown" => (
            "forward",
            "Look whether the first request with the key took effect; if not, send it with a new key.",
        ),
        "not.found" => {
            ("scope", "There is no such object, or it is not yours; look the id up in your own lists.")
        }
        "ringfence.key_required" => ("answer", "Send the key itself instead of an access token."),
        "too.many.requests.retry.after" => ("limit", "Wait as long as the answer said."),
        "aborted" => ("answer", "The client left before the answer was there; wait longer."),
        "unknown" => ("answer", "The gateway stopped before the end was known; look whether it took effect."),
        "ringfence.not_recorded" | "ringfence.state_unconfirmed" | "ringfence.internal" => {
            ("answer", "Nothing is wrong with the request: send it again later.")
        }
        "ringfence.idempotency_answer_withheld" | "ringfence.idempotency_answer_not_kept" => {
            ("forward", "Read what the first request made.")
        }
        "ringfence.idempotency_keys_used_up" => {
            ("limit", "Send it without an `Idempotency-Key`, or wait until some of yours are a day old.")
        }
        "ringfence.share_too_small" => {
            ("forward", "Ask for less at once, or ask your operator for a larger share.")
        }
        code if code.starts_with(concat!("ringfence.", "upstream"))
            || code.starts_with(concat!("ringfence.", "answer")) =>
        {
            ("forward", "Genesys did not answer as it should: try again later, or ask for less.")
        }
        _ => ("read", "Change the request as the message of its answer said."),
    }
}
