//! The command `health`: asks the server that listens here whether it is well. An image that has nothing but the server
//! has nothing else to ask with.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, header::HOST},
};
use http_body_util::{BodyExt, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    config::Config,
    error::{Error, Result},
    listener::{Connection, ListenAddress},
};

/// Longer than a server takes to find out.
const TIMEOUT: Duration = Duration::from_secs(8);

/// How much of a reply is read.
const REPLY: usize = 4096;

/// Asks `/readyz` where this configuration listens. What is wrong is the error.
pub async fn ask(config: &Config) -> Result<()> {
    if config.tls.certificate.is_some() {
        return Err(Error::fault("a server that speaks TLS itself is asked from outside: GET /readyz"));
    }
    let late = |_| Error::fault("the server does not answer in time");
    timeout(TIMEOUT, ask_at(&config.listen)).await.map_err(late)?
}

async fn ask_at(address: &ListenAddress) -> Result<()> {
    let unreachable = |error| Error::fault(format!("no server listens on {address}: {error}"));
    let stream = connect(address).await.map_err(unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(Error::fault)?;
    let connection = tokio::spawn(connection);
    let request = Request::get("/readyz").header(HOST, "localhost").body(Body::empty()).map_err(Error::fault)?;
    let reply = sender.send_request(request).await.map_err(Error::fault)?;
    let status = reply.status();
    let body = Limited::new(reply.into_body(), REPLY).collect().await.map_err(Error::fault)?.to_bytes();
    connection.abort();
    if status.is_success() {
        return Ok(());
    }
    Err(Error::fault(format!("the server answers {status}: {}", String::from_utf8_lossy(&body).escape_debug())))
}

async fn connect(address: &ListenAddress) -> std::io::Result<Box<dyn Connection>> {
    match address {
        ListenAddress::Tcp(address) => Ok(Box::new(TcpStream::connect(reachable(*address)).await?)),
        #[cfg(unix)]
        ListenAddress::Unix(path) => Ok(Box::new(tokio::net::UnixStream::connect(path).await?)),
        #[cfg(not(unix))]
        ListenAddress::Unix(_) => Err(std::io::ErrorKind::Unsupported.into()),
    }
}

/// Who listens on all addresses does so on loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}
