//! Who is counted together, as far as the network can tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where requests come from, as far as it counts: an IPv4 address, or the /64 of an IPv6 address, which is the least
/// that a site is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// An address.
    V4(Ipv4Addr),
    /// The upper half of one.
    V6(u64),
    /// Nobody knows, or nobody tells them apart.
    Unknown,
}

impl Source {
    /// As what an address counts.
    pub fn of(address: Option<IpAddr>) -> Self {
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => Self::V6((address.to_bits() >> 64) as u64),
            None => Self::Unknown,
        }
    }

    /// The address that stands for all of them.
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::V4(address) => Some(IpAddr::V4(address)),
            Self::V6(prefix) => Some(IpAddr::V6(Ipv6Addr::from_bits(u128::from(prefix) << 64))),
            Self::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(address: &str) -> Source {
        Source::of(Some(address.parse().unwrap()))
    }

    #[test]
    fn ipv4_counts_whole_and_ipv6_by_its_64() {
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("192.0.2.1"), source("::ffff:192.0.2.1"));
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("2001:db8:1:2::1").address(), "2001:db8:1:2::".parse().ok());
        assert_eq!(source("192.0.2.1").address(), "192.0.2.1".parse().ok());
    }
}
