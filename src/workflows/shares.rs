//! Sharing an item, and reading one that was shared: `docs/protocol/guides.md` §2, steps 18–29;
//! `docs/protocol/http-api.md` §8 and §9.

use std::slice;

use futures_util::try_join;

use super::{
    ConnectionRef, Item, Page, PageRequest, ProgressListener, Session,
    clock::now_milliseconds,
    connection_keys::Recipient,
    decrypt::item_without_values,
    encrypt::{encrypt_for_share, original_id},
    grants::{Grant, OnShareSignature, birth_of, check_until, signed_text},
    memory::Memory,
    pagination::fetch_pages,
    provenance::{SignedShare, original_scope},
    refusals::{acceptance_required, bad_response, ciphertext, expect_id, not_connected},
    share_requests::{BYTES_AT_ONCE, deks_of_part, in_parts},
};
use crate::{
    api::{
        Ciphertext, Id, Timestamp,
        vault::{
            self,
            items::ItemFilter,
            shares::{
                Acceptance, IncomingFilter, ItemSharesRefresh, NewSharesRequest, OutgoingFilter, Share, ShareChange,
                ShareDek, ShareWithItemResponse, SharingMode,
            },
        },
    },
    crypto::{DataKey, PublicKey},
    error::{Error, ErrorCode, Result},
};

/// How many shares are asked for an item that is said to be shared via another.
const MAX_SOURCES: usize = 3;

/// Arguments of `create_share`.
#[derive(Clone, Debug, Hash)]
pub struct NewShare {
    /// The user's own id of the item.
    pub item_id: Id,
    /// The connection with the recipient.
    pub connection: ConnectionRef,
    /// Shares this one slot only.
    pub slot_id: Option<Id>,
    /// Not encrypted.
    pub terms: Option<String>,
    /// Whether the recipient has to accept before reading; where absent, only if there are terms.
    pub acceptance_required: Option<bool>,
    /// Whether the recipient may share on.
    pub on_sharing: bool,
    /// When the recipient loses it.
    pub expires_at: Option<Timestamp>,
    /// The [`Item::version`] that the user was shown; whatever the item shows by then where absent.
    pub version: Option<String>,
}

impl NewShare {
    /// A whole item, without terms, expiry, or the permission to share on.
    pub fn new(item_id: Id, connection: impl Into<ConnectionRef>) -> Self {
        NewShare {
            item_id,
            connection: connection.into(),
            slot_id: None,
            terms: None,
            acceptance_required: None,
            on_sharing: false,
            expires_at: None,
            version: None,
        }
    }
}

/// A share with its item.
#[derive(Clone, Debug)]
pub struct SharedItem {
    /// From the Vault.
    pub share: Share,
    /// Decrypted, and authenticated where received.
    pub item: Item,
    /// The earlier share that brought the recipient the same item; `item` has the values of that one.
    pub via_another_share: Option<Id>,
}

/// A share that the user made.
#[derive(Clone, Debug)]
pub struct OutgoingShare {
    /// From the Vault.
    pub share: Share,
    /// Whether a refresh encrypts for it, as far as the share says; `None` for a share of somebody else's item.
    pub granted: Option<bool>,
}

/// Arguments of `change_share`; what is absent stays as it is.
#[derive(Clone, Debug)]
pub struct ShareTerms {
    /// The share to change. Item and connection say what the user takes it for, which the server could not.
    pub share_id: Id,
    /// The user's own item.
    pub item_id: Id,
    /// The connection with the recipient.
    pub connection: ConnectionRef,
    /// `Some(None)` removes the expiry.
    pub expires_at: Option<Option<Timestamp>>,
    /// `false` also deletes what was shared on.
    pub on_sharing: Option<bool>,
}

impl Session {
    /// Re-encrypts an item under a fresh DEK, encrypts the DEK for the recipient, and stores both as a share, with a grant
    /// that lets later changes reach the recipient.
    ///
    /// What outgrows one request follows in others; until all have arrived its recipient sees a part. A call that was cut off
    /// is completed by calling again.
    ///
    /// Nothing is sent where the item is not as its values say (`ITEM_CHANGED`), where one names no place
    /// (`UNBOUND_VALUE`), or where it shows something else than `version` (`CONFLICT`).
    pub async fn create_share(&self, share: &NewShare, progress: &ProgressListener) -> Result<Share> {
        check_until(share.expires_at.as_ref())?;
        let keys = self.keys()?;
        let operation = keys.pending.begin(("shares.create", share))?;

        progress.report("fetching item and connection", 0, 3);
        let was_known = keys.known_connection(&share.connection.id).is_some();
        let (recipient, item) = try_join!(self.recipient(&share.connection.id), self.get_item(&share.item_id))?;
        recipient.check_for_disclosure(&share.connection)?;
        if share.version.as_ref().is_some_and(|version| !item.shows(version)) {
            return Err(Error::new(ErrorCode::Conflict, "the item shows something else now: look at it again"));
        }
        if share.on_sharing && item.is_received() {
            let message = "only the owner of an item can permit that it be shared on";
            return Err(Error::new(ErrorCode::OnSharingNotPermitted, message));
        }

        progress.report("encrypting", 1, 3);
        let connection = &recipient.connection;
        let dek = DataKey::generate()?;
        let encrypted = encrypt_for_share(&dek, &item, share.slot_id.as_ref()).await?;
        let parts =
            in_parts(&encrypted.values, BYTES_AT_ONCE.saturating_sub(share.terms.as_deref().map_or(0, str::len)));
        let encrypted_dek: Ciphertext<_> = ciphertext(recipient.key.wrap_data_key(&dek).await?)?;
        let for_whom = (&*recipient, share.terms.as_deref());
        let signed = self.sign_share(&item, share.slot_id.as_ref(), &encrypted, for_whom).await?;
        let (proof, content_signature, author) = match signed {
            Some(SignedShare { proof, content, author }) => (Some(proof), Some(content), Some(author)),
            None => (None, None, None),
        };
        let (grant, on_share) = match item.is_received() {
            true => (None, self.sign_on_share(&item, share.slot_id.as_ref(), &recipient).await?),
            false => {
                let (to, until) = (recipient.fingerprint(), share.expires_at.clone());
                let grant = Grant { author, ..Grant::new(to, share.slot_id.clone(), share.on_sharing, until) };
                (Some(keys.new_grant(grant, &item.record.id, birth_of(&item)?)), None)
            }
        };
        let sealed_grant = match &grant {
            Some(grant) => Some(keys.seal_grant(grant, &item).await?),
            None => None,
        };
        let acceptance_required = share.acceptance_required.unwrap_or(share.terms.is_some());
        let new_share = vault::shares::NewShare {
            recipient_id: connection.the_other_user.user_id.clone(),
            public_key: connection.the_other_user.user_public_key.clone(),
            keypair_external_id: connection.the_other_user.user_keypair_external_id.clone(),
            encrypted_dek: encrypted_dek.clone(),
            sharing_mode: Some(if share.on_sharing { SharingMode::Anyone } else { SharingMode::Owner }),
            onsharing_permitted: Some(share.on_sharing),
            acceptance_required: Some(match acceptance_required {
                true => Acceptance::AcceptanceRequired,
                false => Acceptance::AcceptanceNotRequired,
            }),
            terms: share.terms.clone(),
            expires_at: share.expires_at.clone(),
            slot_id: share.slot_id.clone(),
            slot_values: parts.first().copied().unwrap_or_default().to_vec(),
            grant: sealed_grant,
            on_share,
            proof,
            content_signature: content_signature.clone(),
        };
        self.note_first_disclosure(&recipient).await?;

        progress.report("sharing", 2, 3);
        let request = NewSharesRequest { shares: vec![new_share] };
        let created = vault::shares::create(self.vault(), &share.item_id, &request, operation.idempotency_key()).await;
        let created = match created {
            Err(refusal) if was_known && may_be_about_the_connection(&refusal) => {
                keys.forget_connection(&share.connection.id);
                return Err(self.connection_error(&share.connection.id).await.unwrap_or(refusal));
            }
            created => created?,
        };
        let created = created.shares.into_iter().next().ok_or_else(|| bad_response("the server made no share"))?;
        if let Some(grant) = &grant {
            keys.check_share(&created.id, grant, &item.record.id, birth_of(&item)?)?;
        }
        if parts.len() > 1 {
            // The server may have answered as to an earlier attempt, and then holds the values of that one under its DEK.
            let are_there = usize::from(!operation.was_attempted_before());
            let dek = ShareDek { share_id: created.id.clone(), dek: encrypted_dek, grant: None, content_signature };
            for (part, values) in parts.into_iter().enumerate().skip(are_there) {
                let (share_deks, continued_deks) = deks_of_part(part, slice::from_ref(&dek));
                let slot_values = values.iter().map(|value| value.of_share(&created.id)).collect();
                let rest = ItemSharesRefresh { share_deks, continued_deks, slot_values, client_tasks: Vec::new() };
                vault::shares::update_of_item(self.vault(), &share.item_id, &rest).await?;
            }
        }
        operation.complete();
        progress.report("shared", 3, 3);
        Ok(created)
    }

    /// The error of a connection that has changed since it was cached, which says more than the server's refusal.
    async fn connection_error(&self, connection_id: &Id) -> Option<Error> {
        let error = self.fetch_recipient(connection_id).await.map_err(not_connected).err()?;
        matches!(error.code(), ErrorCode::NotConnected | ErrorCode::KeyChanged | ErrorCode::WeakKey).then_some(error)
    }

    /// For the owner of a received item, whose client then encrypts later changes for this recipient too. `None` where the
    /// owner's client names no places: it asks for no such signature.
    async fn sign_on_share(&self, item: &Item, slot_id: Option<&Id>, recipient: &Recipient) -> Result<Option<String>> {
        let (Some(birth), Some(origin)) = (item.binding.birth, &item.origin) else { return Ok(None) };
        let keypair_id = origin.keypair_id.as_deref();
        let keypair_id = keypair_id.ok_or_else(|| bad_response("a share names no key pair for its DEK"))?;
        let own = self.key_pair(keypair_id).await?;
        let about = (original_id(item)?, birth);
        let signed = OnShareSignature::sign(&own.pair, about, original_scope(item, slot_id)?, &recipient.key).await?;
        signed_text(&signed).map(Some)
    }

    /// Shares made for the user.
    pub async fn incoming_shares(&self, filter: &IncomingFilter, page: &PageRequest) -> Result<Page<Share>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::shares::incoming(self.vault(), filter, query)).await
    }

    /// Shares that the user made.
    pub async fn outgoing_shares(&self, filter: &OutgoingFilter, page: &PageRequest) -> Result<Page<OutgoingShare>> {
        self.keys()?;
        let shares = fetch_pages(page, &|query| vault::shares::outgoing(self.vault(), filter, query)).await?;
        let mut entries = Vec::with_capacity(shares.entries.len());
        for share in shares.entries {
            entries.push(OutgoingShare { granted: self.is_granted(&share).await?, share });
        }
        Ok(Page { entries, next: shares.next, unreadable: shares.unreadable })
    }

    async fn is_granted(&self, share: &Share) -> Result<Option<bool>> {
        if share.owner_id.as_ref() != Some(self.user_id()) {
            return Ok(None);
        }
        let keys = self.keys()?;
        let Some((grant, birth)) = keys.open_grant_of(share.grant.as_deref(), &share.item_id).await else {
            return Ok(Some(false));
        };
        let key = share.public_key.as_deref().and_then(|pem| PublicKey::from_pem(pem).ok());
        let is_for = key.is_some_and(|key| key.fingerprint() == grant.to)
            && keys.check_share(&share.id, &grant, &share.item_id, birth).is_ok();
        Ok(Some(is_for && !grant.has_expired() && !keys.is_revoked(&grant, &share.item_id, birth)))
    }

    /// A share and its item: the recipient's copy for the recipient, the shared item for the sender.
    /// `ACCEPTANCE_REQUIRED` where the recipient has not accepted yet; [`Session::share_info`] then has the terms.
    pub async fn get_share(&self, id: &Id) -> Result<SharedItem> {
        let known = self.keys()?.remembered();
        match vault::shares::get_incoming_with_item(self.vault(), id).await {
            Ok(response) => self.decrypt_received(id, known, response).await,
            Err(error) if error.code() == ErrorCode::NotFound => {
                let share = vault::shares::get_outgoing(self.vault(), id).await?;
                expect_id(id, &share.id)?;
                let item = self.get_item(&self.own_id_of_shared(&share).await?).await?;
                Ok(SharedItem { share: *share, item, via_another_share: None })
            }
            Err(error) => Err(error),
        }
    }

    /// A received share and its item, without values as long as the share is not accepted.
    pub async fn preview_share(&self, id: &Id) -> Result<SharedItem> {
        let known = self.keys()?.remembered();
        let response = vault::shares::get_incoming_with_item(self.vault(), id).await?;
        if response.share.acceptance_required != Acceptance::AcceptanceRequired {
            return self.decrypt_received(id, known, response).await;
        }
        expect_id(id, &response.share.id)?;
        let (share, via_another_share) = (response.share.clone(), response.item_shared_via_another_share_id.clone());
        let share = without_signatures(share);
        Ok(SharedItem { share, via_another_share, item: item_without_values(Box::new((*response).into())) })
    }

    async fn decrypt_received(
        &self,
        id: &Id,
        known: Memory,
        response: Box<ShareWithItemResponse>,
    ) -> Result<SharedItem> {
        expect_id(id, &response.share.id)?;
        let (share, via_another_share) = (response.share.clone(), response.item_shared_via_another_share_id.clone());
        if share.acceptance_required == Acceptance::AcceptanceRequired {
            return Err(acceptance_required());
        }
        let (mut known, mut source) = (known, response);
        // The recipient has the item by another share: its values are encrypted under that one's DEK. Again, where the server
        // has exchanged that for another meanwhile.
        for _ in 0..MAX_SOURCES {
            let Some(other) = source.item_shared_via_another_share_id.take() else { break };
            known = self.keys()?.remembered();
            source = vault::shares::get_incoming_with_item(self.vault(), &other).await?;
            expect_id(&other, &source.share.id)?;
        }
        if source.item.share_id.as_ref() != Some(&source.share.id) {
            return Err(bad_response("the server gives a share an item that it did not bring"));
        }
        let brought_by = source.share.clone();
        let item = self.decrypt_shown(&known, Box::new((*source).into()), Some(&brought_by)).await?;
        Ok(SharedItem { share: without_signatures(share), item, via_another_share })
    }

    /// The sender's own id of the item: a share has the owner's, which only the owner can fetch.
    async fn own_id_of_shared(&self, share: &Share) -> Result<Id> {
        if share.owner_id.as_ref() == Some(self.user_id()) {
            return Ok(share.item_id.clone());
        }
        let filter = ItemFilter { own: Some(false), ..ItemFilter::default() };
        let all = PageRequest { all: true, ..PageRequest::default() };
        for item in self.list_items(&filter, &all).await?.entries {
            if item.original_id.as_ref() == Some(&share.item_id) {
                return Ok(item.id);
            }
        }
        Err(Error::new(ErrorCode::NotFound, "the item that was shared on is no longer there"))
    }

    /// A share without its item, of either side, accepted or not.
    pub async fn share_info(&self, id: &Id) -> Result<Box<Share>> {
        self.keys()?;
        let share = match vault::shares::get_incoming(self.vault(), id).await {
            Err(error) if error.code() == ErrorCode::NotFound => vault::shares::get_outgoing(self.vault(), id).await?,
            other => other?,
        };
        expect_id(id, &share.id)?;
        Ok(Box::new(without_signatures(*share)))
    }

    /// Accepts the terms of a received share.
    pub async fn accept_share(&self, id: &Id) -> Result<Box<Share>> {
        self.keys()?;
        let share = vault::shares::accept(self.vault(), id).await?;
        expect_id(id, &share.id)?;
        Ok(Box::new(without_signatures(*share)))
    }

    /// Changes expiry and on-sharing of a share of an own item; its on-shares follow. `BAD_RESPONSE` where the share is not
    /// one of this item for this recipient, or has no grant: a refresh that includes it gives it one.
    pub async fn change_share(&self, terms: &ShareTerms) -> Result<Share> {
        check_until(terms.expires_at.as_ref().and_then(Option::as_ref))?;
        let keys = self.keys()?;
        let id = &terms.share_id;
        let recipient = self.recipient(&terms.connection.id);
        let share = vault::shares::get_outgoing(self.vault(), id);
        let (recipient, item, share) = try_join!(recipient, self.get_own_item(&terms.item_id), share)?;
        recipient.check_for_disclosure(&terms.connection)?;
        expect_id(id, &share.id)?;
        let grant = keys.open_grant(share.grant.as_deref(), &item).await;
        let grant = grant.filter(|grant| grant.to == recipient.fingerprint());
        let grant = grant.ok_or_else(|| bad_response("the share has no grant for this item and recipient"))?;

        let birth = birth_of(&item)?;
        keys.check_share(id, &grant, &item.record.id, birth)?;
        let granted = Grant {
            on: terms.on_sharing.unwrap_or(grant.on),
            until: terms.expires_at.clone().unwrap_or_else(|| grant.until.clone()),
            at: now_milliseconds().max(grant.at + 1),
            ..grant.clone()
        };
        let granted = keys.new_grant(granted, &item.record.id, birth);
        let change = ShareChange {
            share_id: id.clone(),
            expires_at: terms.expires_at.clone(),
            onsharing_permitted: terms.on_sharing,
            grant: Some(keys.seal_grant(&granted, &item).await?),
        };
        let changed = vault::shares::change(self.vault(), vec![change]).await?;
        keys.revoke(&grant, &item.record.id, birth, grant.at);
        keys.remember_share(id, &granted, &item.record.id, birth);
        let share = changed.shares.into_iter().next().ok_or_else(|| bad_response("the server changed no share"))?;
        expect_id(id, &share.id)?;
        Ok(share)
    }

    /// Removes a share and the recipient's copy of the item; both sides may. In this session no refresh encrypts for it
    /// again, whatever the server lists; after it, a server that kept the share can bring it back.
    pub async fn delete_share(&self, id: &Id) -> Result<()> {
        let keys = self.keys()?;
        // What this session knows of the share is taken back, and not what the server says that it is of.
        let was_seen = keys.memory.borrow_mut().revoke_share(id, now_milliseconds());
        if !was_seen {
            match vault::shares::get_outgoing(self.vault(), id).await {
                Ok(share) => {
                    expect_id(id, &share.id)?;
                    if let Some((grant, birth)) = keys.open_grant_of(share.grant.as_deref(), &share.item_id).await {
                        keys.revoke(&grant, &share.item_id, birth, now_milliseconds());
                    }
                }
                // A received one, or one that is gone, or so the server says.
                Err(error) if error.code() == ErrorCode::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        self.delete_once(("shares.delete", id), vault::shares::delete(self.vault(), id)).await
    }
}

/// What the sender signed is for [`Session::check_origin`], which says what came of it.
fn without_signatures(share: Share) -> Share {
    Share { proof: None, content_signature: None, ..share }
}

fn may_be_about_the_connection(refusal: &Error) -> bool {
    matches!(refusal.status(), Some(400 | 403 | 404 | 409 | 422))
}
