//! Each operation reaches what the tenant owns, and nothing else.

mod conversations;
mod forms;
mod identity;
mod policies;
mod queues;
mod search;
mod users;
