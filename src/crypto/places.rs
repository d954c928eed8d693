//! Where a ciphertext belongs, said in its additional data; and the texts that are hashed and signed.
//!
//! A server stores ciphertexts and hands them out again, so it can put one where another belongs. The additional data of
//! every ciphertext of this client therefore names its place: what it is, and of which record. Nothing else knows this
//! grammar (`docs/protocol/additional-data.md`):
//!
//! ```text
//! vs1/ purpose *( "/" field )          ASCII, at most 512 characters; no field has a "/"
//! none                                 a client that names no place
//! ```
//!
//! It is readable and not a hash, because a reader needs the birth and the revision in it, and has to tell a ciphertext of
//! another place from one of another time.
//!
//! What is hashed or signed begins with the byte FF, which no UTF-8 text has: other uses of the same keys sign texts, also
//! texts that a server chose, and cannot be led to sign one of these.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};
use vaultshare_primitives::{IV_BYTES, unpadded};
use zeroize::Zeroizing;

use crate::{
    Error, ErrorCode, Result,
    crypto::{
        DataKey, PublicKey,
        envelope::{ADDITIONAL_DATA, TAG_BYTES},
        is_fingerprint,
    },
};

const VERSION: &str = "vs1";
const BIRTH_BYTES: usize = 8;
const STATE_BYTES: usize = 32;
/// As [`crate::api::Id`].
const MAX_ID_CHARACTERS: usize = 128;

/// Made at random by the client that first writes values to an item, and kept by every later write. A server that answers
/// the creation of an item with the id of one that is already shared cannot make the new values fall under the old item's
/// grants, because those name another birth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Birth([u8; BIRTH_BYTES]);

impl Birth {
    /// A random one.
    ///
    /// # Errors
    /// `INTERNAL` where the system has no source of randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; BIRTH_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Birth(bytes))
    }

    /// That of the item which an operation creates, by its idempotency key, which is random: so that the operation knows the
    /// values of its own earlier attempt from those of any other item.
    pub fn of_operation(idempotency_key: &str) -> Self {
        let mut text = Text::new("birth");
        text.string(idempotency_key);
        let mut bytes = [0; BIRTH_BYTES];
        bytes.iter_mut().zip(text.sha256()).for_each(|(byte, hashed)| *byte = hashed);
        Birth(bytes)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; BIRTH_BYTES];
        (unpadded::decode_into(text, &mut bytes)?.len() == BIRTH_BYTES).then_some(Birth(bytes))
    }
}

/// 11 characters of base64url.
impl fmt::Display for Birth {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&unpadded::encode(&self.0))
    }
}

/// SHA-256 over the words and rows of an item: see [`state_digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateDigest([u8; STATE_BYTES]);

impl StateDigest {
    /// Sealed by a write to an item that no value vouches for: it fits nothing, so that what a server shows does not become
    /// the truth by being written over.
    pub const FITS_NOTHING: StateDigest = StateDigest([0; STATE_BYTES]);

    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; STATE_BYTES];
        (unpadded::decode_into(text, &mut bytes)?.len() == STATE_BYTES).then_some(StateDigest(bytes))
    }
}

/// 43 characters of base64url.
impl fmt::Display for StateDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&unpadded::encode(&self.0))
    }
}

impl Serialize for Birth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Birth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Birth::parse(&String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("not a birth"))
    }
}

impl Serialize for StateDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StateDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        StateDigest::parse(&String::deserialize(deserializer)?).ok_or_else(|| de::Error::custom("not a state"))
    }
}

/// The write that sealed a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Written {
    /// `None` only in a share of values whose owner's client named no place.
    pub birth: Option<Birth>,
    /// Of the item, from 1; [`Written::NO_REVISION`] where `birth` is `None`.
    pub revision: u32,
    /// Of the item after this write.
    pub state: StateDigest,
}

impl Written {
    /// In a [`SlotState`], and where there is no birth: a value that names no place.
    pub const NO_REVISION: u32 = u32::MAX;
}

/// What a value's ciphertext is, and under which key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// The user's own, under their DEK. Ids: the item's and the slot's.
    Own,
    /// Received and re-encrypted under the own DEK. Ids: those of the recipient's copy.
    Kept,
    /// The verification key of such a value.
    KeptProof,
    /// Under a share's DEK. Ids: the owner's.
    Shared,
    /// The verification key of a shared value.
    Proof,
}

impl ValueKind {
    const ALL: [ValueKind; 5] =
        [ValueKind::Own, ValueKind::Kept, ValueKind::KeptProof, ValueKind::Shared, ValueKind::Proof];

    fn purpose(self) -> &'static str {
        match self {
            ValueKind::Own => "own",
            ValueKind::Kept => "kept",
            ValueKind::KeptProof => "kept-proof",
            ValueKind::Shared => "shared",
            ValueKind::Proof => "proof",
        }
    }
}

/// Which public key the owner of a connection's key pair accepts at the other end: decided when the pair is made, and part
/// of the private key's additional data. Of that ciphertext only one version was ever written, so no server can bring back
/// an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRule {
    /// The key of this fingerprint, from an invitation code.
    ToCode(String),
    /// The key of this fingerprint, as the server showed it before the pair was made.
    To(String),
    /// A key that proves to know the invitation's code.
    Code,
    /// The first that is seen, or the one in the user's note. Every pair of another client has this rule.
    Open,
}

impl KeyRule {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once('.') {
            None if text == "open" => Some(KeyRule::Open),
            None if text == "code" => Some(KeyRule::Code),
            Some(("to", fingerprint)) => is_fingerprint(fingerprint).then(|| KeyRule::To(fingerprint.to_owned())),
            Some(("to-code", fingerprint)) => {
                is_fingerprint(fingerprint).then(|| KeyRule::ToCode(fingerprint.to_owned()))
            }
            _ => None,
        }
    }
}

impl fmt::Display for KeyRule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyRule::ToCode(fingerprint) => write!(formatter, "to-code.{fingerprint}"),
            KeyRule::To(fingerprint) => write!(formatter, "to.{fingerprint}"),
            KeyRule::Code => formatter.write_str("code"),
            KeyRule::Open => formatter.write_str("open"),
        }
    }
}

/// A ciphertext's place. Ids are ids of the wire, fingerprints [`PublicKey::fingerprint`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// The KEK, under the passphrase key.
    Kek,
    /// The private DEK, under the KEK.
    PrivateDek,
    /// The login key pair's private key, under the KEK.
    LoginKey {
        /// Fingerprint of the public half.
        own: &'a str,
    },
    /// The private key that signs what the user shares, under the KEK.
    AuthorKey {
        /// Fingerprint of the public half.
        own: &'a str,
    },
    /// The private key of a connection's key pair, under the KEK.
    ConnectionKey {
        /// Fingerprint of the public half.
        own: &'a str,
        /// For the key at the other end.
        rule: KeyRule,
    },
    /// The key of an encryption space that this user made for this peer, under the KEK.
    SpaceKeyMade {
        /// Fingerprint of the own key of the connection.
        own: &'a str,
        /// Fingerprint of the other side's.
        peer: &'a str,
    },
    /// The key of an encryption space that this user claimed from this peer, under the KEK.
    SpaceKeyClaimed {
        /// Fingerprint of the own key of the connection.
        own: &'a str,
        /// Fingerprint of the other side's.
        peer: &'a str,
    },
    /// What the user calls the other side of a connection, under the DEK.
    Name {
        /// Fingerprint of the own key of the connection.
        own: &'a str,
    },
    /// The user's note on the other side's key, under the DEK.
    Pin {
        /// Fingerprint of the own key of the connection.
        own: &'a str,
    },
    /// A slot's value or its verification key.
    Value {
        /// What it is, and so whose ids these are.
        kind: ValueKind,
        /// Id.
        item: &'a str,
        /// Id.
        slot: &'a str,
        /// When it was sealed.
        written: Written,
    },
    /// The owner's decision to share an item, under the owner's DEK.
    Grant {
        /// Id.
        item: &'a str,
        /// Of that item's values.
        birth: Birth,
    },
    /// A value in an encryption space, under the space's key.
    InSpace {
        /// The owner's id.
        item: &'a str,
        /// The owner's id.
        slot: &'a str,
    },
    /// What going on with the upload of a file takes, its key included, under the DEK.
    Upload,
    /// A thumbnail, under the key of its file.
    Thumbnail {
        /// Size and format, as `256x256/png`.
        size_type: &'a str,
    },
    /// What a device remembers of a user's records, under the DEK.
    Memory {
        /// The user's id in the Vault.
        user: &'a str,
    },
    /// The session token that a device keeps, under the device's key.
    SessionToken,
    /// The keys of a session that a device keeps, under the device's key and the Keystore's half.
    SessionKeys,
}

impl<'a> Place<'a> {
    /// The place that additional data names; `None` for a client that names none.
    ///
    /// # Errors
    /// `UNSUPPORTED_ALGORITHM` for anything else, a later version of this grammar included: taken for `none`, it would lose
    /// what it says.
    pub fn parse(additional_data: &'a str) -> Result<Option<Self>> {
        if additional_data == ADDITIONAL_DATA {
            return Ok(None);
        }
        let unknown = || {
            let message = "the ciphertext says in a way that this client does not know where it belongs";
            Error::new(ErrorCode::UnsupportedAlgorithm, message)
        };
        Place::parse_known(additional_data).map(Some).ok_or_else(unknown)
    }

    fn parse_known(text: &'a str) -> Option<Self> {
        let mut fields = text.split('/');
        if fields.next()? != VERSION {
            return None;
        }
        let purpose = fields.next()?;
        let fingerprint = |text: &'a str| is_fingerprint(text).then_some(text);
        let id = |text: &'a str| is_id(text).then_some(text);
        if let Some(&kind) = ValueKind::ALL.iter().find(|kind| kind.purpose() == purpose) {
            let [item, slot, birth, revision, state] = exactly(fields)?;
            let written = parse_written(birth, revision, state)?;
            return Some(Place::Value { kind, item: id(item)?, slot: id(slot)?, written });
        }
        Some(match purpose {
            "kek" => exactly(fields).map(|[]| Place::Kek)?,
            "dek" => exactly(fields).map(|[]| Place::PrivateDek)?,
            "login" => exactly(fields).and_then(|[own]| Some(Place::LoginKey { own: fingerprint(own)? }))?,
            "author" => exactly(fields).and_then(|[own]| Some(Place::AuthorKey { own: fingerprint(own)? }))?,
            "pair" => {
                let [own, rule] = exactly(fields)?;
                Place::ConnectionKey { own: fingerprint(own)?, rule: KeyRule::parse(rule)? }
            }
            "space-made" => {
                let [own, peer] = exactly(fields)?;
                Place::SpaceKeyMade { own: fingerprint(own)?, peer: fingerprint(peer)? }
            }
            "space-claimed" => {
                let [own, peer] = exactly(fields)?;
                Place::SpaceKeyClaimed { own: fingerprint(own)?, peer: fingerprint(peer)? }
            }
            "name" => exactly(fields).and_then(|[own]| Some(Place::Name { own: fingerprint(own)? }))?,
            "pin" => exactly(fields).and_then(|[own]| Some(Place::Pin { own: fingerprint(own)? }))?,
            "grant" => {
                let [item, birth] = exactly(fields)?;
                Place::Grant { item: id(item)?, birth: Birth::parse(birth)? }
            }
            "in-space" => {
                let [item, slot] = exactly(fields)?;
                Place::InSpace { item: id(item)?, slot: id(slot)? }
            }
            "upload" => exactly(fields).map(|[]| Place::Upload)?,
            "thumbnail" => {
                let [size, format] = exactly(fields)?;
                id(size).and(id(format))?;
                Place::Thumbnail { size_type: text.splitn(3, '/').nth(2)? }
            }
            "memory" => exactly(fields).and_then(|[user]| Some(Place::Memory { user: id(user)? }))?,
            "session-token" => exactly(fields).map(|[]| Place::SessionToken)?,
            "session-keys" => exactly(fields).map(|[]| Place::SessionKeys)?,
            _ => return None,
        })
    }
}

/// The additional data.
impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{VERSION}/")?;
        match self {
            Place::Kek => formatter.write_str("kek"),
            Place::PrivateDek => formatter.write_str("dek"),
            Place::LoginKey { own } => write!(formatter, "login/{own}"),
            Place::AuthorKey { own } => write!(formatter, "author/{own}"),
            Place::ConnectionKey { own, rule } => write!(formatter, "pair/{own}/{rule}"),
            Place::SpaceKeyMade { own, peer } => write!(formatter, "space-made/{own}/{peer}"),
            Place::SpaceKeyClaimed { own, peer } => write!(formatter, "space-claimed/{own}/{peer}"),
            Place::Name { own } => write!(formatter, "name/{own}"),
            Place::Pin { own } => write!(formatter, "pin/{own}"),
            Place::Value { kind, item, slot, written } => {
                write!(formatter, "{}/{item}/{slot}/", kind.purpose())?;
                match written.birth {
                    Some(birth) => birth.fmt(formatter)?,
                    None => formatter.write_str(ADDITIONAL_DATA)?,
                }
                write!(formatter, "/{:08x}/{}", written.revision, written.state)
            }
            Place::Grant { item, birth } => write!(formatter, "grant/{item}/{birth}"),
            Place::InSpace { item, slot } => write!(formatter, "in-space/{item}/{slot}"),
            Place::Upload => formatter.write_str("upload"),
            Place::Thumbnail { size_type } => write!(formatter, "thumbnail/{size_type}"),
            Place::Memory { user } => write!(formatter, "memory/{user}"),
            Place::SessionToken => formatter.write_str("session-token"),
            Place::SessionKeys => formatter.write_str("session-keys"),
        }
    }
}

/// The fields, where there are exactly so many.
fn exactly<'a, const COUNT: usize>(mut fields: std::str::Split<'a, char>) -> Option<[&'a str; COUNT]> {
    let mut read = [""; COUNT];
    for field in &mut read {
        *field = fields.next()?;
    }
    fields.next().is_none().then_some(read)
}

fn parse_written(birth: &str, revision: &str, state: &str) -> Option<Written> {
    let birth = if birth == ADDITIONAL_DATA { None } else { Some(Birth::parse(birth)?) };
    let digits = revision.len() == 8 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let revision = u32::from_str_radix(revision, 16).ok().filter(|_| digits)?;
    Some(Written { birth, revision, state: StateDigest::parse(state)? })
}

fn is_id(text: &str) -> bool {
    (1..=MAX_ID_CHARACTERS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The error of a ciphertext that belongs elsewhere.
pub fn misplaced() -> Error {
    Error::new(ErrorCode::Misplaced, "the server put a ciphertext where another one belongs")
}

/// One slot in a [`state_digest`].
pub struct SlotState<'a> {
    /// By the ids of the digest's side.
    pub id: &'a str,
    /// Machine name.
    pub name: &'a str,
    /// For people.
    pub label: &'a str,
    /// `slot_type_name`.
    pub slot_type: &'a str,
    /// Of the slot's value: 0 where it is empty, [`Written::NO_REVISION`] where it names no place.
    pub revision: u32,
}

/// Digest of everything about an item that its values vouch for together: which slots it has, how they and it are called,
/// and of which revision each value is. With a digest for each slot, a server could mix revisions, bring removed slots back,
/// and hide some.
pub fn state_digest(
    item: &str,
    birth: Option<Birth>,
    revision: u32,
    label: &str,
    mut slots: Vec<SlotState<'_>>,
) -> StateDigest {
    slots.sort_unstable_by(|one, other| one.id.as_bytes().cmp(other.id.as_bytes()));
    let mut text = Text::new("state");
    text.string(item);
    text.bytes(&birth.map_or([0; BIRTH_BYTES], |birth| birth.0));
    text.number(revision);
    text.string(label);
    text.length(slots.len());
    for slot in slots {
        for word in [slot.id, slot.name, slot.label, slot.slot_type] {
            text.string(word);
        }
        text.number(slot.revision);
    }
    StateDigest(text.sha256())
}

/// What an app names that has shown an item and says so: birth, revision, a hash of all words and ciphertexts shown, and one
/// of the classification nodes, which no value vouches for. Two ciphertexts that both decrypt have different tags.
pub fn version(
    written: Option<(Birth, u32)>,
    words: StateDigest,
    tags: &[[u8; TAG_BYTES]],
    nodes: &NodesDigest,
) -> String {
    let mut text = Text::new("version");
    text.bytes(&words.0);
    text.length(tags.len());
    for tag in tags {
        text.bytes(tag);
    }
    let hash = unpadded::encode(&text.sha256());
    let NodesDigest(nodes) = nodes;
    match written {
        Some((birth, revision)) => format!("{birth}.{revision:08x}.{hash}.{nodes}"),
        None => format!("{ADDITIONAL_DATA}.{:08x}.{hash}.{nodes}", 0),
    }
}

/// Whether two [`version`]s are of an item that shows the same words and ciphertexts; the nodes are no part of what is
/// shared or adopted.
pub fn shows_the_same(one: &str, other: &str) -> bool {
    one.split('.').take(3).eq(other.split('.').take(3))
}

/// Of the classification nodes that an item and its slots stand under.
pub struct NodesDigest(String);

impl NodesDigest {
    /// Of the nodes' ids, in any order.
    pub fn of<'a>(ids: impl Iterator<Item = &'a str>) -> Self {
        let ids: BTreeSet<&str> = ids.collect();
        let mut text = Text::new("nodes");
        text.length(ids.len());
        ids.iter().for_each(|id| text.string(id));
        NodesDigest(unpadded::encode(&text.sha256()))
    }

    /// Whether a [`version`] is of an item under the same nodes; of earlier clients' versions, which do not say, it is taken to
    /// be.
    pub fn is_in(&self, version: &str) -> bool {
        version.split('.').nth(3).is_none_or(|nodes| nodes == self.0)
    }
}

/// The revision in a [`version`]: 0 where that is of another life of the item.
pub fn revision_in(version: &str, birth: Option<Birth>) -> u32 {
    let mut parts = version.split('.');
    let is_of_this_life = birth.is_some_and(|birth| parts.next() == Some(birth.to_string().as_str()));
    let revision = parts.next().filter(|_| is_of_this_life);
    revision.and_then(|revision| u32::from_str_radix(revision, 16).ok()).unwrap_or_default()
}

/// Of the ciphertexts that an item holds, by their tags: for a session, which tells by it one write from another of the same
/// revision and state. A state cannot cover the ciphertexts that carry it.
pub fn ciphertexts_digest(mut tags: Vec<[u8; TAG_BYTES]>) -> StateDigest {
    tags.sort_unstable();
    let mut text = Text::new("ciphertexts");
    text.length(tags.len());
    tags.iter().for_each(|tag| text.bytes(tag));
    StateDigest(text.sha256())
}

/// What somebody signs who shares a received item on, with the connection key that the owner knows: so that the owner's
/// client encrypts later changes for the recipient too.
pub struct OnShare<'a> {
    /// The owner's id of the item.
    pub item: &'a str,
    /// As its values say.
    pub birth: Birth,
    /// The owner's id of the one slot; `None` for the whole item.
    pub scope: Option<&'a str>,
    /// The on-sharer's key in the connection with the owner.
    pub sharer: &'a PublicKey,
    /// The recipient's key in the connection with the on-sharer.
    pub recipient: &'a PublicKey,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl OnShare<'_> {
    /// The bytes to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Text::new("on-share");
        text.string(self.item);
        text.bytes(&self.birth.0);
        text.string(self.scope.unwrap_or_default());
        text.bytes(&self.sharer.fingerprint_bytes());
        text.bytes(&self.recipient.fingerprint_bytes());
        text.bytes(&self.at.to_be_bytes());
        text.0
    }
}

/// Whose word it is that a share is of this item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShareKind {
    /// The item's owner shares it.
    Own,
    /// A recipient shares it on, and the author is the one whom its owner named to them.
    PassedOn,
    /// A recipient shares it on, without a proof of its owner: they are the author.
    PassedOnUnproven,
}

impl ShareKind {
    fn number(self) -> u8 {
        match self {
            ShareKind::Own => 1,
            ShareKind::PassedOn => 2,
            ShareKind::PassedOnUnproven => 3,
        }
    }
}

/// What the sender of a share signs, once, with the key of the connection that it goes through: that they share this item with
/// this recipient on these terms, and whose signature its values have.
pub struct Certificate<'a> {
    /// Whose item it is.
    pub kind: ShareKind,
    /// The owner's id of the item.
    pub item: &'a str,
    /// As its values say.
    pub birth: Birth,
    /// The owner's id of the one slot; `None` for the whole item.
    pub scope: Option<&'a str>,
    /// The recipient's key in the connection.
    pub recipient: &'a PublicKey,
    /// Who signs the values.
    pub author: &'a PublicKey,
    /// What the recipient has to agree to.
    pub terms: Option<&'a str>,
    /// Milliseconds since 1970.
    pub at: u64,
}

impl Certificate<'_> {
    /// The bytes to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut text = Text::new("share");
        text.bytes(&[self.kind.number()]);
        text.string(self.item);
        text.bytes(&self.birth.0);
        text.string(self.scope.unwrap_or_default());
        text.bytes(&self.recipient.fingerprint_bytes());
        text.bytes(&self.author.fingerprint_bytes());
        // Terms that are empty are terms.
        text.bytes(&[u8::from(self.terms.is_some())]);
        if let Some(terms) = self.terms {
            text.bytes(&Sha256::digest(terms));
        }
        text.bytes(&self.at.to_be_bytes());
        text.0
    }
}

/// What the author of shared values signs, once for all recipients of one scope: neither key nor ciphertext, so that it
/// stays true when a recipient shares the values on or encrypts them again.
pub struct SharedContent<'a> {
    /// Whether the author owns the item, or else stands for values that somebody showed them.
    pub by_owner: bool,
    /// The owner's id of the item.
    pub item: &'a str,
    /// The owner's id of the one slot; `None` for the whole item.
    pub scope: Option<&'a str>,
    /// As the values' ciphertexts say.
    pub written: Written,
    /// The owner's id of each slot that holds a value, and the hash of that, which commits to the text.
    pub hashes: Vec<(&'a str, &'a str)>,
}

impl SharedContent<'_> {
    /// The bytes to sign.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut hashes = self.hashes.clone();
        hashes.sort_unstable();
        let Written { birth, revision, state } = self.written;
        let mut text = Text::new("content");
        text.bytes(&[u8::from(self.by_owner)]);
        text.string(self.item);
        text.bytes(&birth.map_or([0; BIRTH_BYTES], |birth| birth.0));
        text.number(revision);
        text.string(self.scope.unwrap_or_default());
        text.bytes(&state.0);
        text.length(hashes.len());
        for (slot, hash) in hashes {
            text.string(slot);
            text.string(hash);
        }
        text.0
    }
}

/// What the maker of an encryption space's key signs, so that who claims it knows the key for the maker's and not the
/// server's.
pub fn space_key_text(maker: &PublicKey, claimer: &PublicKey, key: &DataKey) -> Vec<u8> {
    let mut text = Text::new("space-key");
    text.bytes(&maker.fingerprint_bytes());
    text.bytes(&claimer.fingerprint_bytes());
    text.bytes(&Sha256::digest(key.as_aes_key().as_bytes()));
    text.0
}

/// What a verification key says of the text and the slot that it is for.
pub(super) fn text_commitment(nonce: &[u8], slot: &str, value: &str) -> [u8; 32] {
    let mut of_slot = Text(Vec::new());
    of_slot.string(slot);
    // Neither nonce nor value is copied: nothing is left to wipe.
    let text = Sha256::new_with_prefix(&Text::new("value").0).chain_update(nonce).chain_update(&of_slot.0);
    text.chain_update(value).finalize().into()
}

/// What an inviter's DEK authenticates to make the secret of an invitation code.
pub(super) fn invitation_text(inviter: &[u8]) -> Vec<u8> {
    let mut text = Text::new("invitation");
    text.bytes(inviter);
    text.0
}

/// What that secret authenticates to prove the invitee's key.
pub(super) fn acceptance_text(inviter: &[u8], invitee: &[u8]) -> Vec<u8> {
    let mut text = Text::new("accept");
    text.bytes(inviter);
    text.bytes(invitee);
    text.0
}

/// What a file's key authenticates: the IV and tag of every chunk, in their order.
pub(super) fn file_text<'a>(
    seals: impl ExactSizeIterator<Item = (&'a [u8; IV_BYTES], &'a [u8; TAG_BYTES])>,
) -> Vec<u8> {
    let mut text = Text::new("file");
    text.length(seals.len());
    for (iv, tag) in seals {
        text.bytes(iv);
        text.bytes(tag);
    }
    text.0
}

/// What a private DEK authenticates to name the memory of its user's devices.
pub(super) fn memory_name_text() -> Vec<u8> {
    Text::new("memory-name").0
}

/// What a device authenticates to make the key of the session token that it keeps. A page that is given other services makes
/// another key.
pub fn session_token_text(vault_url: &str, keystore_url: &str) -> Vec<u8> {
    let mut text = Text::new("session-token");
    text.string(vault_url);
    text.string(keystore_url);
    text.0
}

/// What a device authenticates to make the key of the session's keys, with the half that the Keystore holds.
pub fn session_keys_text(vault_url: &str, keystore_url: &str, half: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Text::new("session-keys");
    text.string(vault_url);
    text.string(keystore_url);
    text.bytes(half);
    Zeroizing::new(text.0)
}

/// A text that is hashed or signed.
struct Text(Vec<u8>);

impl Text {
    fn new(label: &str) -> Self {
        Text([b"\xff", VERSION.as_bytes(), b"/", label.as_bytes(), b"\0"].concat())
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn number(&mut self, number: u32) {
        self.bytes(&number.to_be_bytes());
    }

    /// Lengths here are of texts that crossed the wire: far below 4 GiB.
    fn length(&mut self, length: usize) {
        self.number(u32::try_from(length).unwrap_or(u32::MAX));
    }

    fn string(&mut self, text: &str) {
        self.length(text.len());
        self.bytes(text.as_bytes());
    }

    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FP: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const ITEM: &str = "94c27129-e179-4c69-a7f1-94438b920541";
    const SLOT: &str = "6d8e45fe-3b0c-4f6a-8e1b-2f7b1a3c4d5e";

    fn written() -> Written {
        Written { birth: Some(Birth([1, 2, 3, 4, 5, 6, 7, 255])), revision: 0x1f, state: StateDigest([0xA5; 32]) }
    }

    fn places() -> Vec<Place<'static>> {
        let mut places = vec![
            Place::Kek,
            Place::PrivateDek,
            Place::LoginKey { own: FP },
            Place::AuthorKey { own: FP },
            Place::ConnectionKey { own: FP, rule: KeyRule::Open },
            Place::ConnectionKey { own: FP, rule: KeyRule::Code },
            Place::ConnectionKey { own: FP, rule: KeyRule::To(FP.to_owned()) },
            Place::ConnectionKey { own: FP, rule: KeyRule::ToCode(FP.to_owned()) },
            Place::SpaceKeyMade { own: FP, peer: FP },
            Place::SpaceKeyClaimed { own: FP, peer: FP },
            Place::Name { own: FP },
            Place::Pin { own: FP },
            Place::Grant { item: ITEM, birth: Birth([0; 8]) },
            Place::InSpace { item: ITEM, slot: SLOT },
            Place::Upload,
            Place::Memory { user: ITEM },
            Place::SessionToken,
            Place::SessionKeys,
        ];
        places.extend(ValueKind::ALL.map(|kind| Place::Value { kind, item: ITEM, slot: SLOT, written: written() }));
        let nobodys = Written { birth: None, revision: Written::NO_REVISION, ..written() };
        places.push(Place::Value { kind: ValueKind::Shared, item: ITEM, slot: SLOT, written: nobodys });
        places
    }

    #[test]
    fn every_place_is_read_as_it_was_written_and_no_two_are_alike() {
        let mut texts = std::collections::HashSet::new();
        for place in places() {
            let text = place.to_string();
            assert!(text.len() <= 512 && text.is_ascii(), "{text}");
            assert_eq!(Place::parse(&text).unwrap(), Some(place));
            assert!(texts.insert(text));
        }
        let own = Place::Value { kind: ValueKind::Own, item: ITEM, slot: SLOT, written: written() };
        let expected = format!("vs1/own/{ITEM}/{SLOT}/AQIDBAUGB_8/0000001f/{}", "paWl".repeat(11));
        assert_eq!(own.to_string().as_bytes()[..130], expected.as_bytes()[..130]);
        assert_eq!(Place::parse("none").unwrap(), None);
    }

    /// Vectors made by a Python script from the form in `docs/protocol/additional-data.md`, §6.
    #[test]
    fn what_is_signed_of_a_share_is_what_the_protocol_says() {
        let key = |pem: &str| PublicKey::from_pem(pem).unwrap();
        let recipient = key(include_str!("../../tests/fixtures/rsa2048-public-spki.pem"));
        let author = key(include_str!("../../tests/fixtures/rsa4096-public-spki.pem"));
        let certificate = |kind, scope, terms| {
            let (birth, at) = (written().birth.unwrap(), 1_764_000_000_000);
            Certificate { kind, item: ITEM, birth, scope, recipient: &recipient, author: &author, terms, at }.to_bytes()
        };
        let hash = |bytes: Vec<u8>| crate::crypto::encoding::to_hex(&Sha256::digest(bytes));
        let own = certificate(ShareKind::Own, None, None);
        assert_eq!(hash(own.clone()), "9547be790364c72ef652ff1ec7fd174a5e14b05ebeb86000adf3a00ec22d0ed9");
        let passed_on = certificate(ShareKind::PassedOn, Some(SLOT), Some("Use it well."));
        assert_eq!(hash(passed_on), "f7eca335f0dd0922a718294635d75eed3ca24572fd50c68b8dde9281b2a694b0");
        // Empty terms are terms.
        assert_ne!(own, certificate(ShareKind::Own, None, Some("")));
        assert_ne!(own, certificate(ShareKind::PassedOnUnproven, None, None));

        let (first, second) = ("ab".repeat(32), "cd".repeat(32));
        let hashes = vec![("b", second.as_str()), ("a", first.as_str())];
        let content =
            |by_owner, hashes| SharedContent { by_owner, item: ITEM, scope: None, written: written(), hashes };
        assert_ne!(content(true, hashes.clone()).to_bytes(), content(false, hashes.clone()).to_bytes());
        assert_eq!(
            hash(content(true, hashes).to_bytes()),
            "4e404ea9d148071449c7100c6c5c984665231736dec0e8eb1ca014ac3bc02fdd"
        );
    }

    /// With the longest ids there are, a place still fits.
    #[test]
    fn the_longest_ids_fit() {
        let id = "x".repeat(MAX_ID_CHARACTERS);
        let place = Place::Value { kind: ValueKind::KeptProof, item: &id, slot: &id, written: written() };
        assert!(place.to_string().len() <= 512);
        assert_eq!(Place::parse(&place.to_string()).unwrap(), Some(place));
    }

    #[test]
    fn what_is_not_exactly_of_the_grammar_is_refused_and_not_taken_for_no_place() {
        for place in places() {
            let text = place.to_string();
            for end in 0..text.len() {
                if let Some(read) = Place::parse_known(&text[..end]) {
                    assert_eq!(read.to_string(), text[..end], "a shorter text is another place in its own right");
                }
            }
            for odd in [format!("{text}/"), format!("{text} "), text.replace("vs1", "vs2"), format!("/{text}")] {
                assert_eq!(Place::parse(&odd).unwrap_err().code(), ErrorCode::UnsupportedAlgorithm, "{odd}");
            }
        }
        let own = places().into_iter().find(|place| matches!(place, Place::Value { .. })).unwrap().to_string();
        let odd = [
            "".to_owned(),
            "None".to_owned(),
            "vaultshare/on-sharing/1".to_owned(),
            "vs1".to_owned(),
            "vs1/kek/".to_owned(),
            "vs1/unknown".to_owned(),
            own.replace("0000001f", "0000001F"),
            own.replace("0000001f", "+000001f"),
            own.replace("AQIDBAUGB_8", "AQIDBAUGB_9"),
            own.replace(ITEM, ""),
            own.replace(ITEM, &"x".repeat(129)),
            format!("vs1/pair/{FP}/to.{}", FP.to_uppercase()),
        ];
        for odd in odd {
            assert_eq!(Place::parse(&odd).unwrap_err().code(), ErrorCode::UnsupportedAlgorithm, "{odd}");
        }
    }

    fn state(change: impl FnOnce(&mut Vec<[&'static str; 4]>, &mut Vec<u32>)) -> StateDigest {
        let mut words = vec![["slot-1", "vin", "VIN", "key_value"], ["slot-2", "plate", "Plate", "key_value"]];
        let mut revisions = vec![1, 2];
        change(&mut words, &mut revisions);
        let slots = words.iter().zip(&revisions).map(|(&[id, name, label, slot_type], &revision)| SlotState {
            id,
            name,
            label,
            slot_type,
            revision,
        });
        state_digest("item", Some(Birth([1; 8])), 2, "My car", slots.collect())
    }

    #[test]
    fn the_state_covers_every_word_row_and_revision_but_not_the_order() {
        let plain = state(|_, _| {});
        assert_eq!(
            state(|words, revisions| {
                words.reverse();
                revisions.reverse();
            }),
            plain
        );
        for word in 0..4 {
            assert_ne!(state(|words, _| words[0][word] = "other"), plain);
        }
        assert_ne!(state(|_, revisions| revisions[0] = 2), plain);
        assert_ne!(
            state(|words, revisions| {
                words.pop();
                revisions.pop();
            }),
            plain
        );
        // A boundary that moves between two words.
        assert_ne!(
            state(|words, _| {
                words[0][1] = "vinV";
                words[0][2] = "IN";
            }),
            plain
        );
        for (item, birth, revision, label) in [
            ("other", Some(Birth([1; 8])), 2, "My car"),
            ("item", Some(Birth([2; 8])), 2, "My car"),
            ("item", None, 2, "My car"),
            ("item", Some(Birth([1; 8])), 3, "My car"),
            ("item", Some(Birth([1; 8])), 2, "My cat"),
        ] {
            let of_none = state_digest(item, birth, revision, label, Vec::new());
            assert_ne!(of_none, state_digest("item", Some(Birth([1; 8])), 2, "My car", Vec::new()));
        }
    }

    /// One value written out by hand, so that other implementations can be checked against it.
    #[test]
    fn the_state_of_an_item_without_slots_is_the_hash_of_these_bytes() {
        let bytes = [
            b"\xffvs1/state\0".as_slice(),
            b"\0\0\0\x04item",
            &[1; 8],
            b"\0\0\0\x02",
            b"\0\0\0\x06My car",
            b"\0\0\0\0",
        ];
        let expected: [u8; 32] = Sha256::digest(bytes.concat()).into();
        assert_eq!(state_digest("item", Some(Birth([1; 8])), 2, "My car", Vec::new()), StateDigest(expected));
    }
}
