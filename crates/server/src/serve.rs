//! Connections: how many there are, how long each may keep the server waiting, and how they end when it stops.
//!
//! A client that sends half a request, or reads nothing of a reply, costs a file handle and the memory of that reply. Each
//! wait therefore has an end, and where all places are taken, new connections wait in the system's queue.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{
    Request,
    body::Incoming,
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::{GracefulShutdown, Watcher},
    service::TowerToHyperService,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::{
    config::Limits,
    error::{Error, Result},
    listener::{Connection, Listener},
    streams::Streams,
    tls,
};

/// How many requests of one connection are under way at once, where it can have several. A browser sends no more by HTTP/1,
/// with its six connections, and each may have a large reply in memory.
const HTTP_2_STREAMS: u32 = 16;

/// How much of a reply lies ready for a client to take it. What is beyond is asked for when there is room for it.
const HTTP_2_BUFFER: usize = 64 * 1024;

/// How long a connection that can have several requests may be silent before it is asked for a sign of life, and how long that
/// may take.
const HTTP_2_PING: Duration = Duration::from_secs(20);

/// How long to wait before connections are accepted again after the system refused one, for want of file handles.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes; then lets the running requests finish, for so long as the limits say.
pub(crate) async fn serve(
    router: Router,
    listener: Listener,
    tls: Option<TlsAcceptor>,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let server = Arc::new(Server::new(router, tls, limits));
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let (place, stream, address) = tokio::select! {
            accepted = accept(&listener, &places) => accepted?,
            () = &mut shutdown => break,
        };
        while connections.try_join_next().is_some() {}
        let (server, watcher) = (Arc::clone(&server), graceful.watcher());
        connections.spawn(async move {
            server.serve(stream, address, watcher).await;
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(*limits.shutdown, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests took too long to finish, and were ended");
    }
    connections.shutdown().await;
    Ok(())
}

/// What every connection is served with.
struct Server {
    router: Router,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    http_1: http1::Builder,
    http_2: http2::Builder<TokioExecutor>,
}

impl Server {
    fn new(router: Router, tls: Option<TlsAcceptor>, limits: &Limits) -> Self {
        let mut http_1 = http1::Builder::new();
        http_1.timer(TokioTimer::new()).header_read_timeout(*limits.request_head);
        let mut http_2 = http2::Builder::new(TokioExecutor::new());
        http_2.timer(TokioTimer::new()).max_concurrent_streams(HTTP_2_STREAMS).max_send_buf_size(HTTP_2_BUFFER);
        http_2.keep_alive_interval(HTTP_2_PING).keep_alive_timeout(HTTP_2_PING);
        Self { router, tls, limits: limits.clone(), http_1, http_2 }
    }

    /// Until the connection ends. A client that goes away is no matter.
    async fn serve(&self, stream: Box<dyn Connection>, address: SocketAddr, watcher: Watcher) {
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(*self.limits.idle));
        stream.set_write_timeout(Some(*self.limits.stalled_reply));
        let stream = Box::pin(stream);
        let service = self.router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            request.map(Body::new)
        });
        let service = TowerToHyperService::new(service);
        let Some(tls) = &self.tls else {
            let _ = watcher.watch(self.http_1.serve_connection(TokioIo::new(stream), service)).await;
            return;
        };
        let Ok(Ok(stream)) = tokio::time::timeout(*self.limits.request_head, tls.accept(stream)).await else { return };
        match stream.get_ref().1.alpn_protocol() {
            Some(tls::HTTP_2) => {
                let streams = Streams::new();
                let watched = streams.clone();
                let service = service_fn(move |request| watched.clone().answer(service.call(request)));
                let connection = watcher.watch(self.http_2.serve_connection(TokioIo::new(stream), service));
                tokio::select! {
                    _ = connection => {}
                    () = streams.end(*self.limits.stalled_reply, *self.limits.idle) => {}
                }
            }
            _ => {
                let _ = watcher.watch(self.http_1.serve_connection(TokioIo::new(stream), service)).await;
            }
        }
    }
}

/// The next connection, once there is a place for it.
async fn accept(
    listener: &Listener,
    places: &Arc<Semaphore>,
) -> Result<(OwnedSemaphorePermit, Box<dyn Connection>, SocketAddr)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(Error::fault)?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => return Ok((place, stream, address)),
            Err(error) if is_of_the_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "no connection can be accepted");
                tokio::time::sleep(AFTER_A_REFUSAL).await;
            }
        }
    }
}

/// Whether it is the other end that failed, and not this one.
fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
