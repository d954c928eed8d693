//! What the server listens on besides plain TCP: TLS with HTTP/2, and a socket in the file system.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Once,
    time::Duration,
};

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use reqwest::{Certificate, Client, ClientBuilder, Version, tls::TlsInfo};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_rustls::rustls::crypto::ring;
use vaultshare_server::{
    Config, TlsConfig,
    error::Result,
    listener::{ListenAddress, Listener},
    testing::Folder,
};

struct Running {
    address: ListenAddress,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<()>>,
    folder: Folder,
}

async fn start(folder: Folder, listener: Listener, tls: TlsConfig, connections: usize) -> Running {
    let mut config = Config { tls, www: Some(folder.path().into()), ..Config::new(folder.path().join("data")) };
    (config.limits.stalled_reply, config.limits.idle) = ("3s".parse().unwrap(), "5s".parse().unwrap());
    config.limits.connections = connections;
    let app = vaultshare_server::open(config).await.unwrap();
    let address = listener.address().unwrap();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(app.serve(listener, async {
        let _ = stopped.await;
    }));
    Running { address, stop, served, folder }
}

impl Running {
    async fn stop(self) -> Folder {
        self.stop.send(()).unwrap();
        self.served.await.unwrap().unwrap();
        self.folder
    }
}

type Made = CertifiedKey<KeyPair>;

fn make_certificate() -> Made {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn files(folder: &Path) -> TlsConfig {
    TlsConfig { certificate: Some(folder.join("certificate.pem")), key: Some(folder.join("key.pem")) }
}

/// Writes a file as tools that renew certificates do, in one step.
fn put(folder: &Path, name: &str, content: &str) {
    fs::write(folder.join("new"), content).unwrap();
    fs::rename(folder.join("new"), folder.join(name)).unwrap();
}

async fn tls_server(made: &Made) -> Running {
    tls_server_of(made, 10).await
}

/// One that has so many connections at a time.
async fn tls_server_of(made: &Made, connections: usize) -> Running {
    let folder = Folder::new().unwrap();
    put(folder.path(), "certificate.pem", &made.cert.pem());
    put(folder.path(), "key.pem", &made.signing_key.serialize_pem());
    let tls = files(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    start(folder, listener.into(), tls, connections).await
}

/// A client that trusts these certificates, each time on a connection of its own.
fn client(trusted: &[&Made]) -> ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| ring::default_provider().install_default().unwrap());
    let certificates = trusted.iter().map(|made| Certificate::from_der(made.cert.der()).unwrap());
    Client::builder().tls_certs_only(certificates).tls_info(true).pool_max_idle_per_host(0)
}

fn url(server: &Running) -> String {
    let ListenAddress::Tcp(address) = &server.address else { panic!("no address of the network") };
    format!("https://localhost:{}/livez", address.port())
}

#[tokio::test]
async fn with_a_certificate_it_speaks_tls_and_http_2_and_stops_all_the_same() {
    let made = make_certificate();
    let server = tls_server(&made).await;
    for (client, version) in [(client(&[&made]), Version::HTTP_2), (client(&[&made]).http1_only(), Version::HTTP_11)] {
        let reply = client.build().unwrap().get(url(&server)).send().await.unwrap();
        assert_eq!((reply.status().as_u16(), reply.version()), (204, version));
    }
    let untrusting = client(&[&make_certificate()]).build().unwrap();
    assert!(untrusting.get(url(&server)).send().await.is_err());
    let plain = url(&server).replacen("https", "http", 1);
    assert!(client(&[]).build().unwrap().get(plain).send().await.is_err());

    let kept_open = client(&[&made]).pool_max_idle_per_host(1).build().unwrap();
    kept_open.get(url(&server)).send().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_reply_of_which_nothing_is_taken_and_a_connection_without_requests_end() {
    let made = make_certificate();
    let server = tls_server_of(&made, 1).await;
    fs::write(server.folder.path().join("large.bin"), vec![7; 1024 * 1024]).unwrap();
    let large = url(&server).replace("livez", "large.bin");
    // They answer pings by themselves and send some, and take nothing of a body before they are asked for it.
    let awake = || {
        let client = client(&[&made]).http2_initial_stream_window_size(64 * 1024).pool_max_idle_per_host(1);
        client.http2_keep_alive_interval(Duration::from_millis(200)).http2_keep_alive_while_idle(true)
    };
    let patient = awake().build().unwrap();
    let mut slow = patient.get(&large).send().await.unwrap();
    let mut taken = 0;
    while let Some(part) = slow.chunk().await.expect("who takes some of it now and then gets all") {
        taken += part.len();
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    assert_eq!(taken, 1024 * 1024);
    let untouched = patient.get(&large).send().await.unwrap();
    assert_eq!((untouched.status().as_u16(), untouched.version()), (200, Version::HTTP_2));

    // There is a place for somebody else when that connection has ended.
    let else_somebody = awake().timeout(Duration::from_secs(60)).build().unwrap();
    else_somebody.get(url(&server)).send().await.expect("the reply was given up");
    assert!(untouched.bytes().await.is_err());
    let patient = awake().timeout(Duration::from_secs(60)).build().unwrap();
    patient.get(url(&server)).send().await.expect("the other connection, without requests, was ended");
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_is_renewed_without_a_restart_and_half_of_one_is_not_taken() {
    let (old, new) = (make_certificate(), make_certificate());
    let server = tls_server(&old).await;
    let shown = async || {
        let reply = client(&[&old, &new]).build().unwrap().get(url(&server)).send().await.unwrap();
        reply.extensions().get::<TlsInfo>().unwrap().peer_certificate().unwrap().to_vec()
    };
    let folder = server.folder.path();
    assert_eq!(shown().await, old.cert.der().to_vec());
    put(folder, "certificate.pem", &new.cert.pem());
    assert_eq!(shown().await, old.cert.der().to_vec(), "its key is not there yet");
    put(folder, "key.pem", "no key");
    assert_eq!(shown().await, old.cert.der().to_vec());
    put(folder, "key.pem", &new.signing_key.serialize_pem());
    assert_eq!(shown().await, new.cert.der().to_vec());
    server.stop().await;
}

#[tokio::test]
async fn a_certificate_that_is_none_keeps_it_from_starting() {
    let made = make_certificate();
    let key = made.signing_key.serialize_pem();
    let another = make_certificate().signing_key.serialize_pem();
    let refusal = |certificate: &str, key: &str| {
        let folder = Folder::new().unwrap();
        put(folder.path(), "certificate.pem", certificate);
        put(folder.path(), "key.pem", key);
        files(folder.path()).acceptor().err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(refusal(&made.cert.pem(), &key), "");
    assert!(refusal("", &key).ends_with("certificate.pem cannot be read: no certificate is in it"));
    assert!(refusal(&made.cert.pem(), &another).contains("key.pem is not the key of the certificate in"));
    let refused = refusal(&made.cert.pem(), "-----BEGIN PRIVATE KEY-----\nQUFBQQ==\n-----END PRIVATE KEY-----\n");
    assert!(refused.contains("key.pem cannot be read: ") && !refused.contains("QUFB"), "{refused}");
    let half = TlsConfig { certificate: Some(PathBuf::from("certificate.pem")), key: None };
    assert!(half.acceptor().is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn a_socket_in_the_file_system_is_taken_over_from_the_dead_and_removed_at_the_end() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new().unwrap();
    let path = folder.path().join("server.sock");
    // One that nobody listens on any more.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address: ListenAddress = format!("unix:{}", path.display()).parse().unwrap();
    let server = start(folder, Listener::bind(&address).await.unwrap(), TlsConfig::default(), 10).await;
    assert_eq!(server.address, address);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    assert!(Listener::bind(&address).await.is_err(), "it is listened on");

    let client = client(&[]).unix_socket(path.as_path()).build();
    let reply = client.unwrap().get("http://localhost/livez").send().await.unwrap();
    assert_eq!(reply.status(), 204);
    let _folder = server.stop().await;
    assert!(!path.exists());

    fs::write(&path, "a file of somebody's").unwrap();
    assert!(Listener::bind(&address).await.is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "a file of somebody's");
    for wrong in ["unix:relative", "unix:", "localhost", "3000"] {
        assert!(wrong.parse::<ListenAddress>().is_err(), "{wrong}");
    }
}
