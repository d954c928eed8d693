//! The server in-process, a network that can fail or tamper, and the users of the guides.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use axum::body::{Body, to_bytes};
use futures_util::future::{FutureExt, LocalBoxFuture, ready};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tower::ServiceExt;
use vaultshare::{
    Error, ErrorCode, Result,
    api::{Id, vault::thumbnails::SizeType},
    crypto::{FILE_CHUNK_BYTES, UserSecret},
    http::{MAXIMUM_REPLY_LENGTH, Request, RequestPolicy, Response, Transport, TransportError, TransportFuture},
    workflows::{
        Client, ClientOptions, Connection, ConnectionDetails, DeviceKey, FileSource, Item, NewFile, NewInvitation,
        NewItem, NewShare, NewSlot, Picture, ProgressListener, Session, Value,
    },
};
use vaultshare_server::{
    Config, SignUps,
    testing::{self, FreshServer, fresh_server},
};
use zeroize::Zeroizing;

use crate::key_pool::KeyPool;

pub(crate) const PASSPHRASE: &str = "supersecretpassword";

/// What WebCrypto does with a key that cannot be exported.
pub(crate) struct Device(pub(crate) [u8; 32]);

pub(crate) const DEVICE: Device = Device([1; 32]);

impl DeviceKey for Device {
    fn authenticate<'a>(&'a self, text: &'a [u8]) -> LocalBoxFuture<'a, Result<Zeroizing<Vec<u8>>>> {
        let mut code = Hmac::<Sha256>::new_from_slice(&self.0).unwrap();
        code.update(text);
        ready(Ok(Zeroizing::new(code.finalize().into_bytes().to_vec()))).boxed_local()
    }
}

/// What a test can inject into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It never reaches the server.
    NotSent,
    /// The server does the work, and its response is lost.
    ResponseLost,
    /// A proxy answers 500 in the server's place.
    ServerError,
    /// The server does the work, and half of its response arrives.
    TruncatedResponse,
}

impl Fault {
    pub(crate) const ALL: [Fault; 4] =
        [Fault::NotSent, Fault::ResponseLost, Fault::ServerError, Fault::TruncatedResponse];
}

/// Gets method, path and the response's body, and gives the body that reaches the client.
pub(crate) type Tamper = Rc<dyn Fn(&str, &str, Vec<u8>) -> Vec<u8>>;

/// Calls the server's router directly, with faults where a test injects them.
#[derive(Clone)]
pub(crate) struct Network {
    router: axum::Router,
    fault: Rc<Cell<Option<(usize, Fault)>>>,
    sent: Rc<Cell<usize>>,
    tamper: Rc<RefCell<Option<Tamper>>>,
    slow: Rc<Cell<bool>>,
    log: Rc<RefCell<Vec<String>>>,
    largest: Rc<Cell<usize>>,
    sent_bodies: Rc<RefCell<Vec<Vec<u8>>>>,
    refusal: Rc<RefCell<Option<Refusal>>>,
}

/// Gets method and path, and gives the status that is answered in the server's place.
type Refusal = Rc<dyn Fn(&str, &str) -> Option<u16>>;

impl Network {
    fn to(router: axum::Router) -> Network {
        Network {
            router,
            fault: Rc::default(),
            sent: Rc::default(),
            tamper: Rc::default(),
            slow: Rc::default(),
            log: Rc::default(),
            largest: Rc::default(),
            sent_bodies: Rc::default(),
            refusal: Rc::default(),
        }
    }

    /// Answers these requests in the server's place from now on, by this status and what [`Network::tamper`] makes of an
    /// empty body.
    pub(crate) fn refuse(&self, refusal: impl Fn(&str, &str) -> Option<u16> + 'static) {
        self.refusal.replace(Some(Rc::new(refusal)));
    }

    /// The bodies of the requests since the last call.
    pub(crate) fn sent_bodies(&self) -> Vec<Vec<u8>> {
        self.sent_bodies.take()
    }

    /// Injects a fault into the `number`-th request from now on, counted from 1.
    pub(crate) fn fail(&self, number: usize, fault: Fault) {
        self.sent.set(0);
        self.fault.set(Some((number, fault)));
    }

    /// Whether the injected fault was still to come.
    pub(crate) fn cancel_fault(&self) -> bool {
        self.fault.take().is_some()
    }

    /// Alters each response from now on, as [`Tamper`] says.
    pub(crate) fn tamper(&self, tamper: impl Fn(&str, &str, Vec<u8>) -> Vec<u8> + 'static) {
        self.tamper.replace(Some(Rc::new(tamper)));
    }

    pub(crate) fn stop_tampering(&self) {
        self.tamper.replace(None);
        self.refusal.replace(None);
    }

    /// From now on no response ever comes.
    pub(crate) fn hang(&self) {
        self.slow.set(true);
    }

    /// Bytes of the largest request body since the last call.
    pub(crate) fn largest_body(&self) -> usize {
        self.largest.take()
    }

    /// The requests since the last call, `METHOD /path`.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.take()
    }

    async fn answer(&self, request: Request) -> Result<Response, TransportError> {
        let request = to_router(request);
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        self.log.borrow_mut().push(format!("{method} {path}"));
        self.sent.set(self.sent.get() + 1);
        self.largest.set(self.largest.get().max(request.body().len()));
        if !request.body().is_empty() {
            self.sent_bodies.borrow_mut().push(request.body().clone());
        }
        let fault = self.fault.get().filter(|(number, _)| *number == self.sent.get()).map(|(_, fault)| fault);
        if fault.is_some() {
            self.fault.set(None);
        }
        if self.slow.get() {
            std::future::pending::<()>().await;
        }
        match fault {
            Some(Fault::NotSent) => return Err(TransportError::Failed(None)),
            Some(Fault::ServerError) => return Ok(Response { status: 500, ..Response::default() }),
            _ => {}
        }
        let tamper = self.tamper.borrow().clone();
        let lie = |body: Vec<u8>| tamper.map_or_else(|| body.clone(), |tamper| tamper(&method, &path, body.clone()));
        let refusal = self.refusal.borrow().clone();
        if let Some(status) = refusal.and_then(|refusal| refusal(&method, &path)) {
            return Ok(Response { status, retry_after: None, body: lie(Vec::new()) });
        }
        let response = self.router.clone().oneshot(request.map(Body::from)).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut body = to_bytes(body, MAXIMUM_REPLY_LENGTH).await.unwrap().to_vec();
        match fault {
            Some(Fault::ResponseLost) => return Err(TransportError::Failed(None)),
            Some(Fault::TruncatedResponse) => body.truncate(body.len() / 2),
            _ => {}
        }
        let body = lie(body);
        let retry_after = parts.headers.get("retry-after").map(|value| value.to_str().unwrap().to_owned());
        Ok(Response { status: parts.status.as_u16(), retry_after, body })
    }
}

/// Converts our request into the router's.
pub(crate) fn to_router(request: Request) -> http::Request<Vec<u8>> {
    let builder = http::Request::builder().method(request.method.as_str()).uri(request.url);
    let builder = request.headers.iter().fold(builder, |builder, (name, value)| builder.header(*name, value.as_str()));
    builder.body(request.body.unwrap_or_default()).unwrap()
}

impl Transport for Network {
    fn send(&self, request: Request) -> TransportFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.answer(request))
    }

    fn sleep(&self, duration: Duration) -> TransportFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// A fresh server behind a network.
pub(crate) struct Harness {
    /// Dropping it deletes its databases.
    pub(crate) server: FreshServer,
    pub(crate) network: Network,
    key_pairs: Rc<KeyPool>,
}

impl Harness {
    pub(crate) async fn new() -> Harness {
        Harness::of(fresh_server().await.unwrap())
    }

    /// With a server that takes new users by invitation only.
    pub(crate) async fn by_invitation() -> Harness {
        let folder = testing::Folder::new().unwrap();
        let config = Config { signups: SignUps::Invite, ..Config::new(folder.path()) };
        Harness::of(testing::server(config, folder).await.unwrap())
    }

    fn of(server: FreshServer) -> Harness {
        let network = Network::to(server.router());
        Harness { server, network, key_pairs: Rc::new(KeyPool::from(0)) }
    }

    /// A client without retries of its own, so that every fault reaches the workflow.
    pub(crate) fn client(&self) -> Client {
        self.retrying_client(RequestPolicy { retries: 0, ..RequestPolicy::default() })
    }

    pub(crate) fn retrying_client(&self, policy: RequestPolicy) -> Client {
        self.client_with(policy, None)
    }

    /// A client of someone who was invited to sign up.
    pub(crate) fn invited_client(&self, invitation: String) -> Client {
        self.client_with(RequestPolicy { retries: 0, ..RequestPolicy::default() }, Some(invitation))
    }

    fn client_with(&self, policy: RequestPolicy, subscription_key: Option<String>) -> Client {
        let options = ClientOptions {
            vault_url: "http://localhost/vault".to_owned(),
            keystore_url: "http://localhost/keystore".to_owned(),
            subscription_key,
            policy,
        };
        self.client_of(&options)
    }

    pub(crate) fn client_of(&self, options: &ClientOptions) -> Client {
        Client::new(options, Rc::new(self.network.clone())).unwrap().with_key_pairs(self.key_pairs.clone())
    }

    /// The server without the lies and faults of [`Harness::network`].
    pub(crate) fn honest_network(&self) -> Network {
        Network::to(self.server.router())
    }

    /// Another session of the same user, who remembers nothing of the first.
    pub(crate) async fn new_session(&self, user: &Session) -> Session {
        self.client().sign_in(secret_of(user), PASSPHRASE, &quiet()).await.unwrap()
    }

    pub(crate) async fn new_secret(&self) -> UserSecret {
        self.client().new_secret().await.unwrap()
    }

    pub(crate) async fn user(&self) -> Session {
        self.client().create_user(PASSPHRASE, None, &ProgressListener::none()).await.unwrap()
    }

    /// Two users, connected.
    pub(crate) async fn alice_and_bob(&self) -> (Session, Session, Id) {
        let (alice, bob) = (self.user().await, self.user().await);
        let connection = connect(&alice, &bob).await;
        (alice, bob, connection)
    }
}

/// Connects two users and gives the inviter's id of the connection.
pub(crate) async fn connect(inviter: &Session, invitee: &Session) -> Id {
    let invitation = inviter.create_invitation(&invitation("Bob"), &quiet()).await.unwrap();
    let accepted = accept(invitee, &invitation.token, "Alice").await;
    accepted.record.the_other_user.id
}

pub(crate) async fn accept(invitee: &Session, token: &str, name: &str) -> Connection {
    let details = ConnectionDetails { token: token.to_owned(), name: name.to_owned(), ..ConnectionDetails::default() };
    invitee.accept_invitation(&details, &quiet()).await.unwrap()
}

pub(crate) fn invitation(name: &str) -> NewInvitation {
    NewInvitation { name: name.to_owned(), ..NewInvitation::default() }
}

/// What a user writes down once.
pub(crate) fn secret_of(session: &Session) -> UserSecret {
    UserSecret::parse(&session.secret().unwrap()).unwrap()
}

/// Why a call failed.
pub(crate) fn code(outcome: Result<impl Sized>) -> Option<ErrorCode> {
    outcome.err().as_ref().map(Error::code)
}

pub(crate) fn quiet() -> ProgressListener {
    ProgressListener::none()
}

/// A file in memory.
pub(crate) struct Bytes {
    pub(crate) bytes: Rc<[u8]>,
    pub(crate) at: usize,
    /// Whether it is a stream, which is read once.
    pub(crate) is_stream: bool,
    pub(crate) thumbnail: Option<&'static [u8]>,
}

impl Bytes {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Bytes { bytes: bytes.into(), at: 0, is_stream: false, thumbnail: None }
    }
}

impl FileSource for Bytes {
    fn next_chunk(&mut self) -> LocalBoxFuture<'_, Result<Zeroizing<Vec<u8>>>> {
        let end = self.bytes.len().min(self.at + FILE_CHUNK_BYTES);
        let chunk = self.bytes[self.at..end].to_vec();
        self.at = end;
        ready(Ok(Zeroizing::new(chunk))).boxed_local()
    }

    fn rewind(&mut self) -> bool {
        self.at = 0;
        !self.is_stream
    }

    fn thumbnail(&mut self) -> LocalBoxFuture<'_, Option<Picture>> {
        let picture = self.thumbnail.map(|bytes| png(bytes, "256x256/png"));
        ready(picture).boxed_local()
    }
}

pub(crate) fn png(bytes: &[u8], size_type: &str) -> Picture {
    let bytes = [b"\x89PNG\r\n\x1a\n", bytes].concat();
    Picture::new(Zeroizing::new(bytes), SizeType::parse(size_type).unwrap()).unwrap()
}

/// What is said of a picture of this length.
pub(crate) fn named(name: &str, length: usize) -> NewFile {
    let length = Some(length as u64);
    NewFile { name: name.to_owned(), content_type: "image/png".to_owned(), label: None, slot: None, length }
}

/// The guide's vehicle.
pub(crate) fn vehicle(values: &[(&str, &str)]) -> NewItem {
    NewItem {
        template: "vehicle".to_owned(),
        label: "DeLorean".to_owned(),
        slots: values.iter().map(|(name, value)| slot(name, value)).collect(),
        ..NewItem::default()
    }
}

pub(crate) fn slot(name: &str, value: &str) -> NewSlot {
    NewSlot { name: Some(name.to_owned()), value: Some(Some(Value::new(value.to_owned()))), ..NewSlot::default() }
}

/// The value of an item's slot.
pub(crate) fn value<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.slots.iter().find(|slot| slot.record.name == name)?.value.as_deref()
}

/// The guide of on-sharing: three users, Alice connected with Bob and Bob with Carlos.
pub(crate) struct Chain {
    pub(crate) alice: Session,
    pub(crate) bob: Session,
    pub(crate) carlos: Session,
    /// Alice's id of her connection with Bob.
    pub(crate) to_bob: Id,
    /// Bob's id of his connection with Carlos.
    pub(crate) to_carlos: Id,
}

impl Harness {
    pub(crate) async fn chain(&self) -> Chain {
        let (alice, bob, to_bob) = self.alice_and_bob().await;
        let carlos = self.user().await;
        let to_carlos = connect(&bob, &carlos).await;
        Chain { alice, bob, carlos, to_bob, to_carlos }
    }
}

impl Chain {
    /// Shares Alice's item with Bob, who may share it on, and gives the share and Bob's id of the item.
    pub(crate) async fn share_with_bob(&self, item: &Item) -> (Id, Id) {
        let share = NewShare { on_sharing: true, ..NewShare::new(item.record.id.clone(), self.to_bob.clone()) };
        let share = self.alice.create_share(&share, &quiet()).await.unwrap();
        (share.id.clone(), self.bob.get_share(&share.id).await.unwrap().item.record.id)
    }

    /// Shares Bob's copy on to Carlos, and gives the share.
    pub(crate) async fn share_on(&self, copy: &Id) -> Id {
        let share = NewShare::new(copy.clone(), self.to_carlos.clone());
        self.bob.create_share(&share, &quiet()).await.unwrap().id
    }
}
