//! Each operation reaches what the tenant owns, and nothing else.

mod agents;
mod aggregates;
mod codes;
mod conversation;
mod conversations;
mod cursors;
mod fields;
mod forms;
mod handles;
mod identity;
mod jobs;
mod members;
mod membership;
mod moved;
mod policies;
mod queues;
mod registered;
mod registering;
mod replaced;
mod search;
mod settled;
mod users;
mod writes;
