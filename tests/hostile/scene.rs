//! Alice, Bob, Carlos and an accomplice of the server's, what they keep and share, and a copy of the server to go back to.

use std::{collections::BTreeMap, rc::Rc};

use serde_json::{Value as Json, json};
use vaultshare::{
    api::Id,
    crypto::{AesKey, FILE_CHUNK_BYTES, KeyPair, PublicKey},
    http::{Request, RequestPolicy, Transport},
    workflows::{
        Client, ClientOptions, Item, ItemChange, NewShare, NewSpaceShare, OwnerProof, PageRequest, Session,
        SessionSnapshot, TaskSelection,
    },
};
use vaultshare_server::{
    Config, back_up,
    testing::{Folder, FreshServer, server_on_files},
};

use crate::{
    harness::{Bytes, PASSPHRASE, accept, invitation, named, quiet, slot, vehicle},
    key_pool::{KeyPool, pems},
    legacy::WithoutPlaces,
    truth::{MARK, Truth, owners_id, owners_slot_id, shown},
    wire::{Reply, Sent, Wire},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Alice,
    Bob,
    /// Has an account of another client's making.
    Carlos,
    /// Genuinely connected with Alice and Bob, and tells the server all that it learns.
    Accomplice,
}

/// What a session remembers when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    Fresh,
    /// What an earlier session saw of an honest server.
    Warm,
}

/// What a person needs to go on, as another client would.
pub(crate) struct Person {
    snapshot: SessionSnapshot,
    memory: String,
    /// Of every item and share that the memory has seen, which of the states it was.
    pub(crate) seen: BTreeMap<String, usize>,
}

impl Person {
    /// What must never leave the client in the clear.
    pub(crate) fn secrets(&self) -> Vec<String> {
        let SessionSnapshot { secret, key_encryption_key, data_encryption_key, .. } = &self.snapshot;
        vec![secret.to_string(), unpadded(key_encryption_key), unpadded(data_encryption_key)]
    }

    /// KEK and private DEK.
    pub(crate) fn keys(&self) -> [AesKey; 2] {
        let SessionSnapshot { key_encryption_key, data_encryption_key, .. } = &self.snapshot;
        [key_encryption_key, data_encryption_key].map(|key| AesKey::from_base64url(key).unwrap())
    }

    fn snapshot(&self) -> SessionSnapshot {
        let from = &self.snapshot;
        SessionSnapshot {
            secret: from.secret.clone(),
            key_encryption_key: from.key_encryption_key.clone(),
            data_encryption_key: from.data_encryption_key.clone(),
            login_key: from.login_key.clone(),
            keystore_access_token: from.keystore_access_token.clone(),
            vault_access_token: from.vault_access_token.clone(),
        }
    }
}

/// Records by what they are called in these tests: `car`, `car to bob`, `alice to bob`, `token`.
pub(crate) type Names = BTreeMap<&'static str, String>;

pub(crate) struct Scene {
    pub(crate) wire: Wire,
    copy: Folder,
    server: FreshServer,
    /// Number of the first key pair that nobody has.
    free_key_pairs: usize,
    people: BTreeMap<Who, Person>,
    pub(crate) names: Names,
    pub(crate) truth: Truth,
    /// All that the server ever answered, and whom.
    pub(crate) past: Vec<(Who, Reply)>,
    /// All that the clients ever sent.
    pub(crate) sent: Vec<Sent>,
    pub(crate) attacker: Attacker,
}

/// What the server can decrypt with.
pub(crate) struct Attacker {
    /// The first is the layer's own, the others are the accomplice's.
    pub(crate) pairs: Vec<KeyPair>,
    /// Of the private keys.
    pub(crate) pems: Vec<&'static str>,
    pub(crate) keys: Vec<Rc<AesKey>>,
}

impl Attacker {
    /// What the layer puts in the place of others' keys.
    pub(crate) fn public_key(&self) -> &PublicKey {
        self.pairs[0].public_key()
    }
}

/// What is put together before there is a scene.
struct Building {
    wire: Wire,
    key_pairs: Rc<KeyPool>,
    names: Names,
    truth: Truth,
    past: Vec<(Who, Reply)>,
    sent: Vec<Sent>,
}

impl Scene {
    pub(crate) async fn new() -> Scene {
        let folder = new_folder();
        let server = server_on_files(config(&folder), folder).await.unwrap();
        let wire = Wire::new(server.router());
        let own = KeyPair::from_pem(pems().next().unwrap()).await.unwrap();
        let key_pairs = Rc::new(KeyPool::from(1));
        let mut building = Building {
            wire: wire.clone(),
            key_pairs,
            names: Names::new(),
            truth: Truth::default(),
            past: Vec::new(),
            sent: Vec::new(),
        };
        let sessions = building.play().await;
        let mut people = BTreeMap::new();
        for (who, session) in &sessions {
            people.insert(*who, building.remember(*who, session).await);
        }
        let accomplice = &sessions[&Who::Accomplice];
        let mut attacker =
            Attacker { pairs: vec![own], pems: Vec::new(), keys: vec![Rc::new(AesKey::generate().unwrap())] };
        attacker.keys.extend(people[&Who::Accomplice].keys().map(Rc::new));
        let connections = accomplice.list_connections(&all()).await.unwrap().entries;
        for pem in pems() {
            let pair = KeyPair::from_pem(pem).await.unwrap();
            let is_accomplices = |pem: &str| PublicKey::from_pem(pem).unwrap() == *pair.public_key();
            let is_login_key = people[&Who::Accomplice].snapshot.login_key.as_ref() == Some(&pair.fingerprint());
            if is_login_key
                || connections.iter().any(|connection| is_accomplices(&connection.record.own.user_public_key))
            {
                attacker.pairs.push(pair);
                attacker.pems.push(pem);
            }
        }
        drop(sessions);
        let Building { wire, key_pairs, names, truth, past, sent } = building;
        let copy = new_folder();
        back_up(server.data(), copy.path()).unwrap();
        let free_key_pairs = key_pairs.next();
        wire.note_restored();
        Scene { wire, copy, server, free_key_pairs, people, names, truth, past, sent, attacker }
    }

    pub(crate) fn id(&self, name: &str) -> Id {
        Id::parse(self.names[name].clone()).unwrap()
    }

    /// As the users compared it over another channel.
    pub(crate) fn safety_number(&self, connection: &str) -> &str {
        let peer = self.connection(connection).peer.unwrap();
        &self.truth.peers.values().find(|known| known.fingerprint == peer).unwrap().safety_number
    }

    pub(crate) fn person(&self, who: Who) -> &Person {
        &self.people[&who]
    }

    /// The server as it was when the scene was built.
    pub(crate) async fn restore(&self) {
        self.server.restore_records(self.copy.path()).await.unwrap();
        self.wire.note_restored();
    }

    pub(crate) fn client(&self) -> Client {
        client(self.wire.clone(), Rc::new(KeyPool::from(self.free_key_pairs)))
    }

    pub(crate) async fn session(&self, who: Who, memory: Memory) -> Session {
        let person = self.person(who);
        let session = self.client().restore(person.snapshot()).await.unwrap();
        if memory == Memory::Warm {
            session.import_memory(&person.memory).await.unwrap();
        }
        session
    }
}

/// In memory where the system has such a place: the records are restored thousands of times.
fn new_folder() -> Folder {
    Folder::new_in("/dev/shm").or_else(|_| Folder::new()).unwrap()
}

fn config(folder: &Folder) -> Config {
    let mut config = Config::new(folder.path());
    // Lies make logins fail, which are not what the tests are about.
    let limits = &mut config.limits;
    (limits.attempts_per_user, limits.attempts_per_user_anywhere, limits.attempts_per_address) = (0, 0, 0);
    (limits.challenges_per_address, limits.sessions_per_address, limits.sign_ups_per_address) = (0, 0, 0);
    config
}

fn client(transport: impl Transport + 'static, key_pairs: Rc<KeyPool>) -> Client {
    let options = ClientOptions {
        vault_url: "http://localhost/vault".to_owned(),
        keystore_url: "http://localhost/keystore".to_owned(),
        subscription_key: None,
        policy: RequestPolicy { retries: 0, ..RequestPolicy::default() },
    };
    Client::new(&options, Rc::new(transport)).unwrap().with_key_pairs(key_pairs)
}

pub(crate) fn all() -> PageRequest {
    PageRequest { all: true, ..PageRequest::default() }
}

/// A value that says whose it is.
pub(crate) fn mark(place: &str) -> String {
    format!("{MARK}{place}")
}

fn unpadded(key: &str) -> String {
    key.trim_end_matches('=').to_owned()
}

impl Building {
    /// Everything that the users do, in their order.
    async fn play(&mut self) -> BTreeMap<Who, Session> {
        let mut sessions = BTreeMap::new();
        for who in [Who::Alice, Who::Bob, Who::Carlos, Who::Accomplice] {
            let client = client(self.wire.clone(), Rc::clone(&self.key_pairs));
            let session = match who {
                Who::Carlos => self.legacy_user(&client).await,
                _ => client.create_user(PASSPHRASE, None, &quiet()).await.unwrap(),
            };
            sessions.insert(who, session);
            self.keep(who);
        }
        let [alice, bob, carlos, accomplice] =
            [Who::Alice, Who::Bob, Who::Carlos, Who::Accomplice].map(|who| sessions[&who].clone());
        let to_bob = self.connect((Who::Alice, &alice), (Who::Bob, &bob), ["alice to bob", "bob to alice"]).await;
        let to_carlos =
            self.connect((Who::Bob, &bob), (Who::Carlos, &carlos), ["bob to carlos", "carlos to bob"]).await;
        let names = ["alice to accomplice", "accomplice to alice"];
        let to_accomplice = self.connect((Who::Alice, &alice), (Who::Accomplice, &accomplice), names).await;
        let names = ["accomplice to bob", "bob to accomplice"];
        self.connect((Who::Accomplice, &accomplice), (Who::Bob, &bob), names).await;
        let open = alice.create_invitation(&invitation(&mark("alice.names.carlos")), &quiet()).await.unwrap();
        self.names.insert("token", open.token.clone());
        self.keep(Who::Alice);

        // Shared with Bob, who shares it on, and one slot of it with the accomplice; changed, and changed again since.
        let car = self.create("car", "alice", &alice).await;
        let on = NewShare { on_sharing: true, ..NewShare::new(car.record.id.clone(), to_bob.clone()) };
        let car_to_bob = self.share("car to bob", &alice, &on).await;
        let copy = bob.get_share(&car_to_bob).await.unwrap().item;
        self.names.insert("bob's car", copy.record.id.to_string());
        self.keep(Who::Bob);
        self.share("car to carlos", &bob, &NewShare::new(copy.record.id.clone(), to_carlos)).await;
        let vin = car.slots.iter().find(|slot| slot.record.name == "vin").unwrap().record.id.clone();
        let one = NewShare { slot_id: Some(vin), ..NewShare::new(car.record.id.clone(), to_accomplice.clone()) };
        self.share("car to accomplice", &alice, &one).await;
        self.update("car", "alice.car.vin.2", &alice).await;
        alice.run_tasks(&TaskSelection::default(), &quiet()).await.unwrap();
        self.keep(Who::Alice);
        self.update("car", "alice.car.vin.3", &alice).await;

        self.create("diary", "alice", &alice).await;
        self.update("diary", "alice.diary.vin.2", &alice).await;
        let gift = self.create("gift", "alice", &alice).await;
        self.share("gift to accomplice", &alice, &NewShare::new(gift.record.id.clone(), to_accomplice)).await;
        alice.refresh_shares(&gift.record.id, &[], &quiet()).await.unwrap();
        self.keep(Who::Alice);
        self.create("notable", "alice", &alice).await;
        let flat = self.create("flat", "alice", &alice).await;
        let plate = flat.slots.iter().find(|slot| slot.record.name == "licence_plate").unwrap().record.id.clone();
        let terms = NewShare {
            slot_id: Some(plate),
            terms: Some("Use it well.".to_owned()),
            ..NewShare::new(flat.record.id, to_bob.clone())
        };
        self.share("flat to bob", &alice, &terms).await;
        let book = self.create("book", "alice", &alice).await;
        let on = NewShare { on_sharing: true, ..NewShare::new(book.record.id, to_bob.clone()) };
        let book_to_bob = self.share("book to bob", &alice, &on).await;
        let book = bob.get_share(&book_to_bob).await.unwrap().item.record.id;
        bob.reencrypt_item(&book).await.unwrap();
        self.names.insert("bob's book", book.to_string());
        self.create("notes", "bob", &bob).await;
        self.keep(Who::Bob);

        let boat = self.create("boat", "alice", &alice).await;
        let in_space = NewSpaceShare::new(boat.record.id, to_bob.clone());
        let boat_to_bob = alice.share_in_space(&in_space, &quiet()).await.unwrap().id;
        self.names.insert("boat to bob", boat_to_bob.to_string());
        bob.get_space_share(&boat_to_bob).await.unwrap();
        self.keep(Who::Bob);
        let printed = alice.create_recovery_key(None, PASSPHRASE, &quiet()).await.unwrap();
        self.names.insert("recovery key", printed.to_text().to_string());
        self.keep(Who::Alice);
        self.legacy_item(&alice).await;
        self.create("album", "alice", &alice).await;
        self.attach("one.png", FILE_CHUNK_BYTES + 5, &alice).await;
        self.attach("two.png", 20, &alice).await;
        let album_to_bob = self.share("album to bob", &alice, &NewShare::new(self.id("album"), to_bob)).await;
        let album = bob.get_share(&album_to_bob).await.unwrap().item.record.id;
        self.names.insert("bob's album", album.to_string());
        self.keep(Who::Bob);
        sessions
    }

    /// Somebody who began with another client, and goes on with this one.
    async fn legacy_user(&self, client: &Client) -> Session {
        let secret = client.new_secret().await.unwrap();
        let others = WithoutPlaces::new(self.wire.clone(), &secret).await;
        let others = self::client(others, Rc::clone(&self.key_pairs));
        let made = others.create_user(PASSPHRASE, Some(secret), &quiet()).await.unwrap();
        client.restore(made.export().unwrap()).await.unwrap()
    }

    /// Takes the replies that passed for the past of this person.
    fn keep(&mut self, who: Who) {
        let passed = self.wire.passed();
        self.past.extend(passed.replies.into_iter().map(|reply| (who, reply)));
        self.sent.extend(passed.sent);
    }

    async fn connect(
        &mut self,
        (inviter, inviting): (Who, &Session),
        (invitee, invited): (Who, &Session),
        [there, back]: [&'static str; 2],
    ) -> Id {
        let [name, other_name] = [inviter, invitee].map(|who| mark(&format!("{who:?}.names.{there}").to_lowercase()));
        let token = inviting.create_invitation(&invitation(&name), &quiet()).await.unwrap().token.clone();
        let accepted = accept(invited, &token, &other_name).await;
        self.keep(invitee);
        let id = accepted.record.the_other_user.id.clone();
        let shown = inviting.get_connection(&id.clone().into()).await.unwrap();
        self.keep(inviter);
        self.names.insert(there, shown.reference());
        self.names.insert(back, accepted.reference());
        self.truth.connected(&accepted.fingerprint, &shown, true);
        self.truth.connected(&shown.fingerprint, &accepted, false);
        id
    }

    async fn create(&mut self, name: &'static str, owner: &str, session: &Session) -> Item {
        let values = ["vin", "licence_plate"].map(|slot| (slot, mark(&format!("{owner}.{name}.{slot}.1"))));
        let values: Vec<(&str, &str)> = values.iter().map(|(slot, value)| (*slot, value.as_str())).collect();
        let mut new = vehicle(&values);
        new.label = format!("The {name}");
        let item = session.create_item(&new, &quiet()).await.unwrap();
        self.keep(if owner == "bob" { Who::Bob } else { Who::Alice });
        self.truth.wrote(&item);
        self.names.insert(name, item.record.id.to_string());
        item
    }

    /// A file of the album.
    async fn attach(&mut self, name: &str, length: usize, owner: &Session) {
        let album = self.id("album");
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8 ^ length as u8).collect();
        let mut source = Bytes { thumbnail: Some(name.to_owned().leak().as_bytes()), ..Bytes::of(&bytes) };
        let file = owner.attach_file(&album, &named(name, length), &mut source, &quiet()).await.unwrap();
        let item = owner.get_item(&album).await.unwrap();
        let slot = item.slots.iter().find(|slot| slot.record.id == file.slot_id).unwrap();
        let thumbnail = file.read_thumbnail(&file.thumbnails()[0]).await.unwrap().to_vec();
        self.keep(Who::Alice);
        self.truth.wrote(&item);
        self.truth.files.insert(file.slot_id.to_string(), (bytes, thumbnail));
        self.truth.file_keys.insert(slot.value.as_deref().unwrap().to_owned());
    }

    fn id(&self, name: &str) -> Id {
        Id::parse(self.names[name].clone()).unwrap()
    }

    /// Another VIN.
    async fn update(&mut self, name: &str, place: &str, owner: &Session) {
        let change = ItemChange { slots: vec![slot("vin", &mark(place))], ..ItemChange::default() };
        let id = Id::parse(self.names[name].clone()).unwrap();
        let updated = owner.update_item(&id, &change, &quiet()).await.unwrap();
        self.keep(Who::Alice);
        self.truth.wrote(&updated.item);
    }

    async fn share(&mut self, name: &'static str, sender: &Session, share: &NewShare) -> Id {
        let made = sender.create_share(share, &quiet()).await.unwrap();
        self.keep(Who::Alice);
        let to = PublicKey::from_pem(made.public_key.as_deref().unwrap()).unwrap().fingerprint();
        let sender = self.truth.peers[&to].fingerprint.clone();
        let owner = if made.on_share.is_some() { OwnerProof::Vouched } else { OwnerProof::Proven };
        self.truth.senders.insert((made.item_id.to_string(), sender), owner);
        self.truth.grants.insert((made.item_id.to_string(), to));
        self.names.insert(name, made.id.to_string());
        made.id
    }

    /// An item whose value names no place, as other clients make them: no ciphertext of it ever named one.
    async fn legacy_item(&mut self, owner: &Session) {
        let keys = owner.export().unwrap();
        let dek = AesKey::from_base64url(&keys.data_encryption_key).unwrap();
        let sealed = dek.encrypt(mark("alice.legacy.vin.1").as_bytes()).await.unwrap();
        let slots = json!([{ "name": "vin", "encrypted_value": sealed }]);
        let item = json!({ "label": "The legacy", "slots_attributes": slots });
        let request = Request {
            method: vaultshare::http::Method::Post,
            url: "http://localhost/vault/items".to_owned(),
            headers: vec![
                ("authorization", keys.vault_access_token.clone()),
                ("content-type", "application/json".to_owned().into()),
            ],
            body: Some(serde_json::to_vec(&json!({ "template_name": "vehicle", "item": item })).unwrap()),
        };
        let made = self.wire.send(request).await.unwrap();
        assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
        let made: Json = serde_json::from_slice(&made.body).unwrap();
        let item = owner.get_item(&Id::parse(made["item"]["id"].as_str().unwrap()).unwrap()).await.unwrap();
        assert_eq!(item.binding.birth, None);
        self.truth.wrote(&item);
        self.names.insert("legacy", item.record.id.to_string());
        self.keep(Who::Alice);
    }

    /// What a new session of this person remembers when it has seen everything.
    async fn remember(&mut self, who: Who, session: &Session) -> Person {
        let client = client(self.wire.clone(), Rc::clone(&self.key_pairs));
        let reading = client.restore(session.export().unwrap()).await.unwrap();
        reading.list_connections(&all()).await.unwrap();
        reading.outgoing_shares(&Default::default(), &all()).await.unwrap();
        let mut seen = BTreeMap::new();
        for listed in reading.list_items(&Default::default(), &all()).await.unwrap().entries {
            let Ok(item) = reading.get_item(&listed.id).await else { continue };
            for slot in item.slots.iter().filter(|_| item.record.share_id.is_some()) {
                self.truth.originals.insert(slot.record.id.to_string(), owners_slot_id(&item, slot));
            }
            let states = &self.truth.states[&owners_id(&item)];
            let state = shown(&item).unwrap();
            let is_it =
                |known: &&crate::truth::State| state.rows.iter().all(|(id, row)| known.rows.get(id) == Some(row));
            let index = states.iter().rposition(|known| is_it(&known)).unwrap();
            seen.insert(listed.share_id.as_ref().unwrap_or(&listed.id).to_string(), index);
        }
        self.keep(who);
        Person { snapshot: session.export().unwrap(), memory: reading.export_memory().await.unwrap(), seen }
    }
}
