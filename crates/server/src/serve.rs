//! Connections: how many there are, how long each may keep the server waiting, and how they end when it stops.
//!
//! A client that sends half a request, or reads nothing of a reply, costs a file handle and the memory of that reply. Each
//! wait therefore has an end, and where all places are taken, new connections wait in the system's queue.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::ConnectInfo};
use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::{
    config::Limits,
    error::{Error, Result},
};

/// How long to wait before connections are accepted again after the system refused one, for want of file handles.
const AFTER_A_REFUSAL: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes; then lets the running requests finish, for so long as the limits say.
pub(crate) async fn serve(
    router: Router,
    listener: TcpListener,
    limits: &Limits,
    shutdown: impl Future<Output = ()>,
) -> Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(*limits.request_head);
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
        let service = router.clone().map_request(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(address));
            request.map(Body::new)
        });
        let mut stream = TimeoutStream::new(stream);
        stream.set_read_timeout(Some(*limits.idle));
        stream.set_write_timeout(Some(*limits.stalled_reply));
        let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(service));
        let connection = graceful.watch(connection);
        connections.spawn(async move {
            // A client that goes away is no matter.
            let _ = connection.await;
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

/// The next connection, once there is a place for it.
async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Result<(OwnedSemaphorePermit, TcpStream, SocketAddr)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(Error::fault)?;
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Small replies are not held back to be sent with more.
                let _ = stream.set_nodelay(true);
                return Ok((place, stream, address));
            }
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
