//! Whatever comes back, a tenant is shown what is its own, or a whole refusal.

mod bare;
mod canned;
mod entities;
mod failures;
mod lies;
mod named;
mod recordings;
mod shapes;
mod shared;
mod whose;
