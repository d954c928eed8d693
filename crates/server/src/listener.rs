//! Where connections come from: an address of the network, or a socket in the file system.

use std::{
    fmt,
    io::{self, ErrorKind},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
};

use serde_with::{DeserializeFromStr, SerializeDisplay};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpSocket},
};

/// How many connections the system holds that have not been accepted yet.
const BACKLOG: u32 = 1024;

/// What the address of a socket in the file system begins with.
const UNIX: &str = "unix:";

/// What to listen on: `127.0.0.1:3000`, or `unix:/run/vaultshare/server.sock` where the system has such sockets.
#[derive(Clone, Debug, PartialEq, Eq, SerializeDisplay, DeserializeFromStr)]
pub enum ListenAddress {
    /// An address of the network.
    Tcp(SocketAddr),
    /// A path.
    Unix(PathBuf),
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "{UNIX}{}", path.display()),
        }
    }
}

impl FromStr for ListenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(UNIX) {
            Some(path) if path.starts_with('/') && cfg!(unix) => Ok(Self::Unix(path.into())),
            Some(_) => Err("a socket is named by a whole path, on systems that have them".to_owned()),
            None => text
                .parse()
                .map(Self::Tcp)
                .map_err(|_| "is no ADDR:PORT such as 127.0.0.1:3000 (a name is none), and no unix:/PATH".to_owned()),
        }
    }
}

/// A connection, of whichever kind.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// An address of this server alone, on which nobody is answered yet: a proxy that connects is refused, and asks another
/// server.
pub enum Reserved {
    /// On the network: a port.
    Tcp(TcpSocket),
    /// In the file system: the path that a socket will have.
    Unix(PathBuf),
}

impl Reserved {
    /// Takes the address.
    pub fn new(address: &ListenAddress) -> io::Result<Self> {
        match address {
            ListenAddress::Tcp(address) => {
                let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
                // Connections of a server that was here before may still be ending.
                #[cfg(not(windows))]
                socket.set_reuseaddr(true)?;
                socket.bind(*address)?;
                Ok(Self::Tcp(socket))
            }
            ListenAddress::Unix(path) => Ok(Self::Unix(path.clone())),
        }
    }

    /// Where it will listen: of port 0 the one that was taken.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(socket) => socket.local_addr().map(ListenAddress::Tcp),
            Self::Unix(path) => Ok(ListenAddress::Unix(path.clone())),
        }
    }

    /// Begins to listen. A socket that a killed server left behind is taken over; one that is listened on is not. The owner and
    /// the group of its folder may connect.
    pub async fn listen(self) -> io::Result<Listener> {
        match self {
            Self::Tcp(socket) => socket.listen(BACKLOG).map(Listener::Tcp),
            #[cfg(unix)]
            Self::Unix(path) => {
                use std::{
                    fs,
                    os::unix::fs::{FileTypeExt, PermissionsExt},
                };
                use tokio::net::{UnixListener, UnixStream};
                let is_left_behind =
                    UnixStream::connect(&path).await.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused);
                // The system gives the same answer for any other file.
                if is_left_behind && fs::symlink_metadata(&path)?.file_type().is_socket() {
                    fs::remove_file(&path)?;
                }
                let listener = UnixListener::bind(&path)?;
                fs::set_permissions(&path, PermissionsExt::from_mode(0o660))?;
                Ok(Listener::Unix(listener, path))
            }
            #[cfg(not(unix))]
            Self::Unix(_) => Err(ErrorKind::Unsupported.into()),
        }
    }
}

/// Something that listens.
pub enum Listener {
    /// On the network.
    Tcp(TcpListener),
    /// In the file system. Whoever connects there is on this machine, and has the address 127.0.0.1.
    #[cfg(unix)]
    Unix(tokio::net::UnixListener, PathBuf),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

impl Listener {
    /// Takes an address and begins to listen.
    pub async fn bind(address: &ListenAddress) -> io::Result<Self> {
        Reserved::new(address)?.listen().await
    }

    /// Where it listens: of port 0 the one that was taken.
    pub fn address(&self) -> io::Result<ListenAddress> {
        match self {
            Self::Tcp(listener) => listener.local_addr().map(ListenAddress::Tcp),
            #[cfg(unix)]
            Self::Unix(_, path) => Ok(ListenAddress::Unix(path.clone())),
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Box<dyn Connection>, SocketAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                // Small replies are not held back to be sent with more.
                let _ = stream.set_nodelay(true);
                Ok((Box::new(stream), address))
            }
            #[cfg(unix)]
            Self::Unix(listener, _) => {
                let (stream, _) = listener.accept().await?;
                Ok((Box::new(stream), (Ipv4Addr::LOCALHOST, 0).into()))
            }
        }
    }
}

#[cfg(unix)]
impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix(_, path) = self {
            let _ = std::fs::remove_file(path);
        }
    }
}
