//! What the tests share.

pub(crate) mod app;
pub(crate) mod beginning;
pub(crate) mod command;
pub(crate) mod database;
pub(crate) mod frames;
mod ledger;
pub(crate) mod proxy;
pub(crate) mod redis;
pub(crate) mod socket;
