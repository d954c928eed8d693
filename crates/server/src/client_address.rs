//! Who sends a request: the other end of the connection or, where that is a proxy that the operator trusts, the client that
//! it speaks for.

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
};
use ipnet::{IpNet, Ipv6Net};

/// What proxies append the address to that they were called from (<https://developer.mozilla.org/docs/Web/HTTP/Headers/X-Forwarded-For>).
const FORWARDED_FOR: &str = "x-forwarded-for";

/// How much of an IPv6 address its owner does not choose: a household has at least a network of this size to itself.
const IPV6_PREFIX: u8 = 64;

/// The address of a client. In-process callers have none and count as one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// The last address on the way here that is no trusted proxy's. What stands before it in the header, anybody can write.
    pub(crate) fn of(request: &Request, trusted: &[IpNet]) -> Self {
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.ip().to_canonical());
        let is_proxy = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
        let mut address = connection;
        for hop in forwarded_for(request.headers()).rev() {
            match hop {
                Some(hop) if address.as_ref().is_some_and(is_proxy) => address = Some(hop),
                _ => break,
            }
        }
        Self(address)
    }

    /// What failed sign-ins are counted for: the address, or the network of an IPv6 address.
    pub(crate) fn network(&self) -> String {
        match self.0 {
            Some(IpAddr::V6(address)) => match Ipv6Net::new(address, IPV6_PREFIX) {
                Ok(network) => network.trunc().to_string(),
                Err(_) => address.to_string(),
            },
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for ClientAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(formatter),
            None => formatter.write_str("in-process"),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get().copied().unwrap_or(Self(None)))
    }
}

/// The addresses of the header, in their order; `None` for one that is none.
fn forwarded_for(headers: &HeaderMap) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(FORWARDED_FOR).into_iter().map(|line| line.to_str().unwrap_or_default());
    let hops: Vec<Option<IpAddr>> = lines.flat_map(|line| line.split(',')).map(|hop| read(hop.trim())).collect();
    hops.into_iter()
}

/// Some proxies add the port.
fn read(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn client(connection: &str, forwarded: &[&str], trusted: &[&str]) -> ClientAddress {
        let mut request = Request::new(Body::empty());
        let address = SocketAddr::new(connection.parse().unwrap(), 1234);
        request.extensions_mut().insert(ConnectInfo(address));
        for line in forwarded {
            request.headers_mut().append(FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientAddress::of(&request, &trusted)
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_and_only_about_its_own_caller() {
        let proxies = ["10.0.0.0/8", "::1/128"];
        let cases: [(&str, &[&str], &str); 8] = [
            ("203.0.113.9", &[], "203.0.113.9"),
            ("203.0.113.9", &["198.51.100.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1", "10.0.0.2:443"], "198.51.100.1"),
            ("::1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("::ffff:10.0.0.1", &["::ffff:198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["198.51.100.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ];
        for (connection, forwarded, expected) in cases {
            assert_eq!(client(connection, forwarded, &proxies).to_string(), expected, "{connection} {forwarded:?}");
        }
        assert_eq!(client("10.0.0.1", &["198.51.100.1"], &[]).to_string(), "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_client() {
        let network = |address: &str| client(address, &[], &[]).network();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
    }
}
