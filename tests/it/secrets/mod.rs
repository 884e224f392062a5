//! What is kept at rest: sealed under master keys, and proven where it grants.

mod grants;
mod rotating;
mod wrong;
