//! How many files and sockets the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Beside the connections of clients: those to Genesys and to the store, and files.
const RESERVE: usize = 2_000;

/// Takes as many descriptors as the system grants, and warns where the connections that are allowed do not fit: without
/// descriptors neither clients nor Genesys can be connected to.
pub(super) fn raise(connections: usize) {
    let mut limit = getrlimit(Resource::Nofile);
    let whole = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where that is not allowed, what there is has to do.
    if limit.current != limit.maximum && setrlimit(Resource::Nofile, whole).is_ok() {
        limit.current = limit.maximum;
    }
    let needed = u64::try_from(connections + RESERVE).unwrap_or(u64::MAX);
    if let Some(granted) = limit.current.filter(|granted| *granted < needed) {
        tracing::warn!(
            granted,
            needed,
            "too few file descriptors for `gateway.max_connections`: raise the limit (`LimitNOFILE`, `ulimit -n`) or \
             lower the setting"
        );
    }
}
