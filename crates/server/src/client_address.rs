//! Who sends a request: the other end of the connection or, where that is a proxy that the operator trusts, the client that
//! it speaks for.

use std::{
    convert::Infallible,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, FromRequestParts, Request},
    http::{HeaderMap, request::Parts},
};
use ipnet::{IpNet, Ipv6Net};

use crate::config::ForwardedHeader;

/// The proxies before this server.
#[derive(Clone)]
pub(crate) struct Proxies {
    /// Where they are.
    pub(crate) trusted: Arc<[IpNet]>,
    /// The one header that they write. In any other stands what the client likes.
    pub(crate) header: ForwardedHeader,
}

impl Proxies {
    /// Whether the connection is a trusted proxy's, which says that its own caller speaks TLS.
    pub(crate) fn speak_tls(&self, connection: IpAddr, headers: &HeaderMap) -> bool {
        if !self.trusted.iter().any(|network| network.contains(&connection)) {
            return false;
        }
        // The last line, as the proxy that is called from here wrote it.
        let last = |name: &str| headers.get_all(name).iter().next_back().and_then(|line| line.to_str().ok());
        match self.header {
            ForwardedHeader::XForwardedFor => {
                last("x-forwarded-proto").and_then(|line| line.rsplit(',').next()).is_some_and(is_https)
            }
            ForwardedHeader::Forwarded => last(self.header.name()).is_some_and(|line| {
                let last = line.rsplit(',').next().zip(rfc7239::parse(line).last());
                let hop = last.filter(|(text, _)| text.matches('"').count().is_multiple_of(2));
                hop.and_then(|(_, hop)| hop.ok()?.protocol).is_some_and(is_https)
            }),
        }
    }
}

fn is_https(protocol: &str) -> bool {
    protocol.trim().eq_ignore_ascii_case("https")
}

/// How much of an IPv6 address its owner does not choose: a household has at least a network of this size to itself.
const IPV6_PREFIX: u8 = 64;

/// The address of a client. In-process callers have none and count as one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientAddress(Option<IpAddr>);

impl ClientAddress {
    /// The last address on the way here that is no trusted proxy's. What stands before it in the header, anybody can write.
    pub(crate) fn of(request: &Request, proxies: &Proxies) -> Self {
        let connection = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.ip().to_canonical());
        let is_proxy = |address: &IpAddr| proxies.trusted.iter().any(|network| network.contains(address));
        let mut address = connection;
        for hop in hops(request.headers(), proxies.header).rev() {
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

/// The addresses that proxies appended to the header, in their order; `None` for one that is none.
fn hops(headers: &HeaderMap, header: ForwardedHeader) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    let lines = headers.get_all(header.name()).into_iter().map(|line| line.to_str().unwrap_or_default());
    let hops: Vec<Option<IpAddr>> = match header {
        ForwardedHeader::XForwardedFor => {
            lines.flat_map(|line| line.split(',')).map(|hop| address(hop.trim())).collect()
        }
        ForwardedHeader::Forwarded => lines
            .flat_map(|line| line.split(',').zip(rfc7239::parse(line)))
            .map(|(text, hop)| hop.ok().filter(|_| is_unambiguous(text))?.forwarded_for?.ip().map(IpAddr::to_canonical))
            .collect(),
    };
    hops.into_iter()
}

/// Whether an element is one to every reader. The crate looks for its separators in quoted text as well, in which a client may have
/// chosen what stands there: `host="x;for=192.0.2.1"` of a `Host` of that name.
fn is_unambiguous(element: &str) -> bool {
    let names = element.split(';').filter_map(|parameter| parameter.split_once('='));
    let addresses = names.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for")).count();
    addresses == 1 && element.matches('"').count().is_multiple_of(2)
}

/// Some proxies add the port.
fn address(hop: &str) -> Option<IpAddr> {
    let address = hop.parse().ok().or_else(|| Some(hop.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::HeaderValue};

    use super::*;

    fn client(connection: &str, forwarded: &[&str], trusted: &[&str]) -> ClientAddress {
        client_by(ForwardedHeader::XForwardedFor, connection, forwarded, trusted)
    }

    fn client_by(header: ForwardedHeader, connection: &str, forwarded: &[&str], trusted: &[&str]) -> ClientAddress {
        let mut request = Request::new(Body::empty());
        let address = SocketAddr::new(connection.parse().unwrap(), 1234);
        request.extensions_mut().insert(ConnectInfo(address));
        for line in forwarded {
            request.headers_mut().append(header.name(), line.parse().unwrap());
        }
        // What a client writes into the other header.
        for other in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            if other != header {
                request.headers_mut().append(other.name(), HeaderValue::from_static("for=192.0.2.66, 192.0.2.66"));
            }
        }
        let trusted = trusted.iter().map(|network| network.parse().unwrap()).collect();
        ClientAddress::of(&request, &Proxies { trusted, header })
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
    fn a_proxy_may_write_the_standard_header_instead() {
        let cases: [(&[&str], &str); 11] = [
            (&["for=198.51.100.1"], "198.51.100.1"),
            // What a client called the host.
            (&["for=198.51.100.1;host=\"x;for=192.0.2.66\""], "10.0.0.1"),
            (&["for=198.51.100.1;host=\"x,for=192.0.2.66\""], "10.0.0.1"),
            (&["host=\"x;For=192.0.2.66\";for=198.51.100.1"], "10.0.0.1"),
            (&["for=1.1.1.1, For=\"198.51.100.1:8080\";proto=https;by=10.0.0.1"], "198.51.100.1"),
            (&["for=1.1.1.1", "for=198.51.100.1, for=10.0.0.2"], "198.51.100.1"),
            (&["for=\"[2001:db8::1]:443\""], "2001:db8::1"),
            // A text that a client began does not take the proxy's own into it.
            (&["for=\"1.1.1.1, for=198.51.100.1"], "198.51.100.1"),
            (&["for=198.51.100.1, for=unknown"], "10.0.0.1"),
            (&["for=198.51.100.1, for=_hidden"], "10.0.0.1"),
            (&["for=198.51.100.1, proto=https"], "10.0.0.1"),
        ];
        for (forwarded, expected) in cases {
            let client = client_by(ForwardedHeader::Forwarded, "10.0.0.1", forwarded, &["10.0.0.0/8"]);
            assert_eq!(client.to_string(), expected, "{forwarded:?}");
        }
        let stranger = client_by(ForwardedHeader::Forwarded, "203.0.113.9", &["for=198.51.100.1"], &["10.0.0.0/8"]);
        assert_eq!(stranger.to_string(), "203.0.113.9");
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_client() {
        let network = |address: &str| client(address, &[], &[]).network();
        assert_eq!(network("2001:db8::1"), network("2001:db8::ffff:1"));
        assert_ne!(network("2001:db8::1"), network("2001:db8:0:1::1"));
        assert_eq!(network("203.0.113.9"), "203.0.113.9");
    }
}
