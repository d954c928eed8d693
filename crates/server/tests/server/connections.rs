//! Connections that a client keeps without using them, and how the server stops all the same.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
    time::timeout,
};
use vaultshare_server::{Config, Limits, error::Result, testing::Folder};

/// Nothing here takes nearly as long; without the bounds it would take for ever.
const PATIENCE: Duration = Duration::from_secs(60);

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
    _data: Folder,
    _www: Folder,
}

/// A server with short limits, and a large file to read from it.
async fn start(connections: usize) -> Running {
    let (data, www) = (Folder::new().unwrap(), Folder::new().unwrap());
    std::fs::write(www.path().join("large.bin"), vec![7; LARGE]).unwrap();
    let limits = Limits {
        connections,
        request_head: Duration::from_millis(300).into(),
        stalled_reply: Duration::from_millis(300).into(),
        shutdown: Duration::from_millis(500).into(),
        ..Limits::default()
    };
    let config = Config { limits, www: Some(www.path().to_owned()), ..Config::new(data.path()) };
    let app = vaultshare_server::open(config).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(app.serve(listener, async {
        let _ = stopped.await;
    }));
    Running { address, stop, served, _data: data, _www: www }
}

/// More than the buffers of both ends hold.
const LARGE: usize = 64 * 1024 * 1024;

impl Running {
    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn answers(&self) -> bool {
        let mut stream = self.send("GET /livez HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
        read_to_end(&mut stream).await.starts_with(b"HTTP/1.1 204")
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.served).await.unwrap().unwrap().unwrap();
    }
}

/// Until the server closes the connection.
async fn read_to_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut read = Vec::new();
    // A connection that is reset is closed too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut read)).await.unwrap();
    read
}

#[tokio::test]
async fn a_request_of_http_1_1_names_one_host() {
    let server = start(1).await;
    for (head, status) in [
        ("GET /livez HTTP/1.1\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nhost: a\r\nhost: b\r\n", "400"),
        ("GET /livez HTTP/1.1\r\nhost: a\r\n", "204"),
        ("GET /livez HTTP/1.0\r\n", "204"),
    ] {
        let mut stream = server.send(&format!("{head}connection: close\r\n\r\n")).await;
        let reply = String::from_utf8(read_to_end(&mut stream).await).unwrap();
        assert_eq!(reply.split(' ').nth(1), Some(status), "{head}: {reply}");
    }
    server.stop().await;
}

#[tokio::test]
async fn half_a_head_is_not_waited_for_and_takes_nobodys_place_for_long() {
    let server = start(3).await;
    let mut silent = Vec::new();
    for half in ["", "GET /livez HT", "GET /livez HTTP/1.1\r\nhost: localhost\r\n"] {
        silent.push(server.send(half).await);
    }
    assert!(server.answers().await, "all places are taken, and given back");
    for stream in &mut silent {
        let read = read_to_end(stream).await;
        assert!(!read.starts_with(b"HTTP/1.1 204"));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_reply_that_is_not_read_is_given_up() {
    let server = start(3).await;
    let mut stream = server.send("GET /large.bin HTTP/1.1\r\nhost: localhost\r\n\r\n").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let read = read_to_end(&mut stream).await;
    assert!(read.starts_with(b"HTTP/1.1 200") && read.len() < LARGE, "{} bytes", read.len());
    assert!(server.answers().await);
    server.stop().await;
}

#[tokio::test]
async fn whoever_reads_slowly_gets_it_all() {
    let server = start(3).await;
    let mut stream = server.send("GET /large.bin HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    let mut read = vec![0; LARGE / 4];
    for _ in 0..4 {
        stream.read_exact(&mut read).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    read_to_end(&mut stream).await;
    server.stop().await;
}

#[tokio::test]
async fn the_server_stops_whatever_clients_do() {
    let server = start(8).await;
    let upload = "POST /vault/session HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
                  content-length: 1000\r\n\r\n{";
    let _held = [
        server.send(upload).await,
        server.send("GET /large.bin HTTP/1.1\r\nhost: localhost\r\n\r\n").await,
        server.send("GET /livez HTTP/1.1\r\nhost: localhost\r\n\r\n").await,
        server.send("GET /liv").await,
    ];
    assert!(server.answers().await);
    server.stop().await;
}
