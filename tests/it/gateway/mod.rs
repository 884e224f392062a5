//! The path of a tenant's request.

mod filters;
