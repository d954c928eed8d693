//! Who shared an item, and whose it is, as far as they signed it. `docs/protocol/additional-data.md`, "Proofs of shares".
//!
//! The name beside a share is the server's word. So the sender signs with the key of the connection that this item is
//! for this recipient, and whose values these are: those of an author, whose key signs the values themselves, once for all
//! who get them.

use std::rc::Rc;

use futures_util::try_join;
use serde::{Deserialize, Serialize};

use super::{
    Item, PageRequest, Session,
    clock::now_milliseconds,
    connection_keys::{ConnectionKeyPair, Recipient},
    encrypt::{EncryptedForShare, original_id, slots_to_share},
    grants::{parse_signed, signed_text},
    item::{Origin, OwnerProof, Proven, Sender, Slot},
    pagination::fetch_pages,
    refusals::{bad_response, ciphertext, not_authentic},
    session::Keys,
};
use crate::{
    api::{
        Id, JsonObject,
        keystore::{
            self,
            keypairs::{Keypair, NewKeypair},
        },
        vault::{self, connections::Connection, shares::Share},
    },
    crypto::{
        KeyPair, PublicKey,
        places::{Certificate, ShareKind, SharedContent, Written},
    },
    error::{Error, ErrorCode, Result},
};

/// The external identifier of the key pair that signs what the user shares, and the idempotency key of its making: a user has
/// one.
const AUTHOR_KEY_PAIR: &str = "vaultshare-author";

/// Bytes of an author's key in PEM, of which one of 4,096 bits has 800: who shares on passes it on, and a proof has an end.
const MAX_AUTHOR: usize = 1200;

/// What travels with a share: the sender's word.
#[derive(Serialize, Deserialize)]
pub(super) struct ShareProof {
    kind: ShareKind,
    /// Milliseconds since 1970.
    at: u64,
    /// The sender's public key in the connection, which the recipient knows: PEM.
    sender: String,
    /// The key that signs the values: PEM.
    author: String,
    /// Of [`Certificate`], base64url.
    signature: String,
}

/// What travels with the values of a share: their author's word.
#[derive(Serialize, Deserialize)]
pub(super) struct ContentSignature {
    /// Fingerprint of the author's key.
    by: String,
    /// Of [`SharedContent`], base64url.
    signature: String,
}

/// What a new share carries for its recipient.
pub(super) struct SignedShare {
    pub(super) proof: String,
    pub(super) content: String,
    /// Fingerprint of the author's key.
    pub(super) author: String,
}

/// An author's signature of values.
pub(super) struct SignedContent {
    /// As it travels.
    pub(super) text: String,
    /// Fingerprint of the author's key.
    pub(super) author: String,
}

impl Item {
    /// `SENDER_NOT_PROVEN` for a received item of which nothing proves who shared it.
    pub fn require_proof(&self) -> Result<()> {
        match &self.origin {
            Some(origin) if origin.sender.is_none() => {
                let message =
                    "nothing proves who shared this item: their client may sign nothing, or the server withholds it";
                Err(Error::new(ErrorCode::SenderNotProven, message))
            }
            _ => Ok(()),
        }
    }
}

impl Session {
    /// The key pair that signs what the user shares. It is made at the first share.
    pub(super) async fn author_key(&self) -> Result<Rc<KeyPair>> {
        let keys = self.keys()?;
        let mut author = keys.author.lock().await;
        if let Some(known) = &*author {
            return Ok(Rc::clone(known));
        }
        let record = match keystore::keypairs::get_by_external_id(self.keystore(), AUTHOR_KEY_PAIR).await {
            Err(error) if error.code() == ErrorCode::NotFound => self.store_author_key(&keys).await?,
            found => found?,
        };
        let envelope = record.encrypted_serialized_key.as_str();
        let pair = Rc::new(keys.kek.unwrap_author_key(envelope, &record.public_key).await?);
        *author = Some(Rc::clone(&pair));
        Ok(pair)
    }

    /// Another device may have stored one meanwhile, which the Keystore then answers with.
    async fn store_author_key(&self, keys: &Keys) -> Result<Box<Keypair>> {
        let generated = self.new_key_pair().await?;
        let request = NewKeypair {
            public_key: generated.public_key_pem().to_owned(),
            encrypted_serialized_key: ciphertext(keys.kek.wrap_author_key(&generated).await?)?,
            metadata: JsonObject::new(),
            external_identifiers: vec![AUTHOR_KEY_PAIR.to_owned()],
        };
        keystore::keypairs::store(self.keystore(), &request, Some(AUTHOR_KEY_PAIR)).await
    }

    /// Signs a new share for its recipient. `None` where the owner's client names no places: there is nothing to sign that the
    /// server could not give another meaning.
    pub(super) async fn sign_share(
        &self,
        item: &Item,
        only: Option<&Id>,
        encrypted: &EncryptedForShare,
        (recipient, terms): (&Recipient, Option<&str>),
    ) -> Result<Option<SignedShare>> {
        let Some(birth) = encrypted.written.birth else { return Ok(None) };
        let scope = original_scope(item, only)?;
        let is_of_scope = |origin: &&Origin| origin.scope.as_ref() == scope;
        let of_owner = item.origin.as_deref().filter(is_of_scope).and_then(|origin| origin.passed_on.clone());
        let of_owner = of_owner.filter(|proven| proven.kind == ShareKind::Own);
        let (kind, author, content) = match of_owner {
            Some(proven) => (ShareKind::PassedOn, proven.author.clone(), proven.content.clone()),
            None => {
                let author = self.author_key().await?;
                let content = sign_content(&author, item, only, encrypted).await?.text;
                let kind = if item.is_received() { ShareKind::PassedOnUnproven } else { ShareKind::Own };
                (kind, author.public_key_pem().to_owned(), content)
            }
        };
        let author_key = PublicKey::from_pem(&author)?;
        let certificate = Certificate {
            kind,
            item: original_id(item)?.as_str(),
            birth,
            scope: scope.map(Id::as_str),
            recipient: &recipient.key,
            author: &author_key,
            terms,
            at: now_milliseconds(),
        };
        let own = &recipient.own.pair;
        let signature = own.sign_detached(&certificate.to_bytes()).await?;
        let (at, sender) = (certificate.at, own.public_key_pem().to_owned());
        let proof = signed_text(&ShareProof { kind, at, sender, author, signature })?;
        Ok(Some(SignedShare { proof, content, author: author_key.fingerprint() }))
    }

    /// Looks at who shared a received item. What is signed and is not what is shown is `VALUE_NOT_AUTHENTIC`; what is not
    /// signed is said to be so.
    pub(super) async fn check_origin(&self, share: &Share, item: &mut Item) -> Result<()> {
        let keys = self.keys()?;
        let own = self.own_pair_of(share).await?;
        let proven = match &own {
            Some((own, keypair_id)) => self.verify(share, item, (own, keypair_id)).await?,
            None => None,
        };
        // By either: a server could name another key pair, or another item.
        let seen = [own.map(|(own, _)| own.pair.fingerprint()), Some(original_id(item)?.to_string())];
        let mut memory = keys.memory.borrow_mut();
        let proven_before = seen.iter().flatten().any(|seen| memory.has_seen_proof(seen));
        let (scope, keypair_id) = (share.slot_id.clone(), share.keypair_external_id.clone());
        item.origin = Some(Box::new(match proven {
            Some((sender, proven)) => {
                seen.iter().flatten().for_each(|seen| memory.see_proof(seen));
                let owner = match proven.kind {
                    // Who owns it, only the server says; an honest one says whose claim is wrong.
                    ShareKind::Own if share.owner_id.as_ref().is_none_or(|owner| *owner == share.sender_id) => {
                        OwnerProof::Proven
                    }
                    ShareKind::PassedOn => OwnerProof::Vouched,
                    ShareKind::Own | ShareKind::PassedOnUnproven => OwnerProof::Unproven,
                };
                Origin {
                    sender: Some(sender),
                    owner,
                    proven_before,
                    scope,
                    keypair_id,
                    passed_on: Some(Rc::new(proven)),
                }
            }
            None => Origin { proven_before, scope, keypair_id, ..Origin::default() },
        }));
        Ok(())
    }

    /// The user's own key pair that a share is for. `None` where it is not needed, because nothing is signed, and where it
    /// cannot be had: what was re-encrypted is read without.
    async fn own_pair_of(&self, share: &Share) -> Result<Option<(Rc<ConnectionKeyPair>, String)>> {
        let Some(keypair_id) = share.keypair_external_id.clone() else { return Ok(None) };
        if share.proof.is_none() {
            return Ok(self.keys()?.known_key_pair(&keypair_id).map(|own| (own, keypair_id)));
        }
        match self.key_pair(&keypair_id).await {
            Ok(own) => Ok(Some((own, keypair_id))),
            Err(error) if is_about_the_record(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who shared it, and what was proven.
    async fn verify(
        &self,
        share: &Share,
        item: &Item,
        (own, keypair_id): (&ConnectionKeyPair, &str),
    ) -> Result<Option<(Sender, Proven)>> {
        let proof = share.proof.as_deref().and_then(parse_signed::<ShareProof>);
        let content = share.content_signature.as_deref().and_then(parse_signed::<ContentSignature>);
        let (Some(proof), Some(ContentSignature { by, signature })) = (proof, content) else { return Ok(None) };
        if proof.author.len() > MAX_AUTHOR {
            return Ok(None);
        }
        let (Ok(sender), Ok(author)) = (PublicKey::from_pem(&proof.sender), PublicKey::from_pem(&proof.author)) else {
            return Ok(None);
        };
        // A proof of words and rows that are not those shown, or of texts that do not alone fit their hashes, is none.
        let (Some(birth), Some(state), false) = (item.binding.birth, item.binding.sealed, item.binding.changed) else {
            return Ok(None);
        };
        let filled = || item.slots.iter().filter(|slot| slot.record.encrypted_value.is_some());
        let commits = |slot: &Slot| slot.verification_key.as_ref().is_some_and(|key| key.commits_to_text());
        if by != author.fingerprint() || !filled().all(commits) {
            return Ok(None);
        }
        let fingerprint = sender.fingerprint();
        if self.accepted_peer(own, keypair_id).await?.as_ref() != Some(&fingerprint) {
            return Ok(None);
        }
        let (item_id, scope) = (original_id(item)?.as_str(), share.slot_id.as_ref().map(Id::as_str));
        let certificate = Certificate {
            kind: proof.kind,
            item: item_id,
            birth,
            scope,
            recipient: own.pair.public_key(),
            author: &author,
            terms: share.terms.as_deref(),
            at: proof.at,
        };
        let hashes = filled().filter_map(|slot| {
            Some((slot.record.original_id.as_ref()?.as_str(), slot.record.value_verification_hash.as_deref()?))
        });
        let written = Written { birth: Some(birth), revision: item.binding.revision, state };
        let by_owner = proof.kind != ShareKind::PassedOnUnproven;
        let shown = SharedContent { by_owner, item: item_id, scope, written, hashes: hashes.collect() };
        let (certificate, shown) = (certificate.to_bytes(), shown.to_bytes());
        try_join!(sender.verify_detached(&certificate, &proof.signature), author.verify_detached(&shown, &signature))
            .map_err(|_| not_authentic())?;
        let content = signed_text(&ContentSignature { by, signature })?;
        let proven = Proven { kind: proof.kind, author: proof.author, content };
        Ok(Some((Sender { fingerprint, keypair_id: keypair_id.to_owned() }, proven)))
    }

    /// Fingerprint of the key that is accepted at the other end of an own key pair; `None` where none is.
    async fn accepted_peer(&self, own: &ConnectionKeyPair, keypair_id: &str) -> Result<Option<String>> {
        let keys = self.keys()?;
        let known = || {
            let seen = keys.memory.borrow().peer_of(&own.pair.fingerprint());
            match (own.named_by_user(), own.expected(), seen) {
                // It stands above what was seen, and the server may have withheld that note.
                (Some(named), _, _) => Some(Some(named)),
                (None, Some(expected), Some(seen)) if expected != seen => Some(None),
                (None, expected, seen) => expected.or(seen).map(Some),
            }
        };
        if let Some(known) = known() {
            return Ok(known);
        }
        let Some(connection) = self.connection_of(keypair_id).await? else { return Ok(None) };
        match self.accept_key(connection).await {
            Ok(_) => Ok(known().flatten()),
            Err(error) if is_about_the_record(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The connection of a key pair, of which the session knows nothing yet. All are listed once, and again for a key pair that
    /// was not among them.
    async fn connection_of(&self, keypair_id: &str) -> Result<Option<Connection>> {
        let keys = self.keys()?;
        let mut listed = keys.connections_by_key_pair.lock().await;
        if !listed.contains_key(keypair_id) {
            let all = PageRequest { all: true, ..PageRequest::default() };
            let connections = fetch_pages(&all, &|query| vault::connections::list(self.vault(), query)).await?.entries;
            // What was asked for stays, so that what has no connection is not asked for again.
            listed.entry(keypair_id.to_owned()).or_default();
            listed.values_mut().for_each(Vec::clear);
            for connection in connections {
                if let Some(id) = connection.own.user_keypair_external_id.clone() {
                    listed.entry(id).or_default().push(connection);
                }
            }
        }
        // Of two connections with one key pair, one is invented.
        Ok(match listed.get(keypair_id).map(Vec::as_slice) {
            Some([connection]) => Some(connection.clone()),
            _ => None,
        })
    }
}

/// Whether an error says of a record what it is, and not that it could not be had.
fn is_about_the_record(error: &Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::NotFound
            | ErrorCode::KeyChanged
            | ErrorCode::WeakKey
            | ErrorCode::BadResponse
            | ErrorCode::Misplaced
            | ErrorCode::DecryptionFailed
            | ErrorCode::MalformedEnvelope
            | ErrorCode::UnsupportedAlgorithm
    )
}

/// Signs the values of a share as their author.
pub(super) async fn sign_content(
    author: &KeyPair,
    item: &Item,
    only: Option<&Id>,
    encrypted: &EncryptedForShare,
) -> Result<SignedContent> {
    let mut hashes = Vec::with_capacity(encrypted.values.len());
    for (slot, value) in slots_to_share(item, only)?.into_iter().zip(&encrypted.values) {
        if value.encrypted_value.is_none() {
            continue;
        }
        let id = if item.is_received() { slot.record.original_id.as_ref() } else { Some(&slot.record.id) };
        let hash = value.value_verification_hash.as_ref().or(slot.record.value_verification_hash.as_ref());
        let (Some(id), Some(hash)) = (id, hash) else { return Err(bad_response("a shared value has no hash")) };
        hashes.push((id.as_str(), hash.as_str()));
    }
    let scope = original_scope(item, only)?.map(Id::as_str);
    let (by_owner, item_id) = (!item.is_received(), original_id(item)?.as_str());
    let content = SharedContent { by_owner, item: item_id, scope, written: encrypted.written, hashes };
    let signature = author.sign_detached(&content.to_bytes()).await?;
    let author = author.fingerprint();
    let text = signed_text(&ContentSignature { by: author.clone(), signature })?;
    Ok(SignedContent { text, author })
}

/// The owner's id of the one slot that is shared: of a received item also where no more of it was.
pub(super) fn original_scope<'a>(item: &'a Item, only: Option<&'a Id>) -> Result<Option<&'a Id>> {
    match only {
        Some(only) if item.is_received() => {
            let slot = slots_to_share(item, Some(only))?.into_iter().next();
            Ok(slot.and_then(|slot| slot.record.original_id.as_ref()))
        }
        Some(only) => Ok(Some(only)),
        None => Ok(item.origin.as_ref().and_then(|origin| origin.scope.as_ref())),
    }
}
