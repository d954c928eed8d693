//! Accepting an invitation, and the connections that result: `docs/protocol/guides.md` §2, steps 9–17;
//! `docs/protocol/http-api.md` §7.6–§7.8.

use std::collections::BTreeMap;

use futures_util::try_join;

use super::{
    ConnectionRef, Page, PageRequest, ProgressListener, Session, Value, Verified,
    clock::now_milliseconds,
    concurrency::join_all,
    connection_keys::{How, Recipient},
    invitations::GivenInvitation,
    pagination::{fetch_pages, keep_readable},
    pins::public_key,
    refusals::{bad_response, ciphertext, expect_id, key_changed},
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            connections::NewConnectionRequest,
            invitations::ConnectionPublicKey,
            shares::{IncomingFilter, OutgoingFilter},
        },
    },
    crypto::places::{KeyRule, Place},
    error::{Error, ErrorCode, Result},
};

/// A connection with what only this user can decrypt.
#[derive(Clone, Debug)]
pub struct Connection {
    /// From the Vault.
    pub record: vault::connections::Connection,
    /// What the user calls the other side.
    pub name: Option<Value>,
    /// Whether the name was written for this connection, as far as its ciphertext says: a client that names no place could
    /// have written it for another, or as something else.
    pub is_name_bound: bool,
    /// For both users to compare over another channel: it differs if anyone swapped a key.
    pub safety_number: String,
    /// Of the other side's public key.
    pub fingerprint: String,
    /// Why that key is taken for the other user's; `None` for the first that the server showed.
    pub verified: Option<Verified>,
    /// Whether the server shows another key than before; only [`Session::inspect_connection`] gives such a connection.
    pub key_changed: bool,
}

impl Connection {
    /// What an app keeps between sessions, and gives in the place of the id.
    pub fn reference(&self) -> String {
        format!("{}~{}", self.record.own.id, self.fingerprint)
    }
}

/// Arguments of `accept_invitation`. Not `Debug`: whoever has the token can connect.
#[derive(Clone, Default, Hash)]
pub struct ConnectionDetails {
    /// From the inviter, over another channel: the code or the link with it; or the token, or the link with token and id that a
    /// server mails.
    pub token: String,
    /// The invitation's id, where known otherwise.
    pub invitation_id: Option<Id>,
    /// What the invitee calls the inviter; only the invitee can read it.
    pub name: String,
    /// A key pair of the invitee's in the Keystore; a new one is generated where absent.
    pub keypair_id: Option<String>,
}

impl Session {
    /// Generates a key pair for the connection, stores it wrapped, and publishes its public key in accepting.
    /// `ALREADY_CONNECTED` where the two were connected before.
    pub async fn accept_invitation(
        &self,
        details: &ConnectionDetails,
        progress: &ProgressListener,
    ) -> Result<Connection> {
        let invitation = GivenInvitation::parse(&details.token)?;
        let keys = self.keys()?;
        let operation = keys.pending.begin(("connections.accept", details))?;

        progress.report("making the key pair", 0, 2);
        let rule = match &invitation.code {
            Some(code) => KeyRule::ToCode(code.inviter()),
            None => self.rule_for(&invitation.token).await?,
        };
        let key_pair = self.connection_key_pair(details.keypair_id.as_deref(), &rule, &operation).await?;
        let own = key_pair.own.pair.fingerprint();
        let name =
            keys.dek.encrypt_text(&details.name, &Place::Name { own: &own }).await?.map(ciphertext).transpose()?;
        let request = NewConnectionRequest {
            public_key: ConnectionPublicKey {
                keypair_external_id: Some(key_pair.id.into()),
                public_key: key_pair.own.pair.public_key_pem().to_owned(),
            },
            connection: vault::connections::ConnectionDetails {
                invitation_token: invitation.token,
                invitation_id: details.invitation_id.clone().or(invitation.id),
                encrypted_recipient_name: name,
                proof: invitation.code.map(|code| code.prove(key_pair.own.pair.public_key())),
            },
        };
        progress.report("connecting", 1, 2);
        let response = vault::connections::create(self.vault(), &request, operation.idempotency_key()).await?;
        operation.complete();
        // An existing connection with this very key is the result of an attempt whose response was lost. With another key it is
        // one of before, whatever the server says of it: it could answer with the connection to somebody else.
        if public_key(&response.connection.own.user_public_key)? != *key_pair.own.pair.public_key() {
            return Err(Error::new(ErrorCode::AlreadyConnected, "the two users are connected already"));
        }
        let id = response.connection.own.id.clone();
        match self.decrypt_connection(response.connection).await {
            // Nobody has to find out later that the connection is with somebody else than the invitation was from.
            Err(error) if error.code() == ErrorCode::KeyChanged => {
                let _ = vault::connections::delete(self.vault(), &id).await;
                Err(error)
            }
            connection => {
                let connection = connection?;
                progress.report("connected", 2, 2);
                Ok(connection)
            }
        }
    }

    /// The inviter's key as the server shows it before the own key pair is made: from then on no other is accepted. A server
    /// that shows none leaves the first that is seen.
    async fn rule_for(&self, token: &str) -> Result<KeyRule> {
        let invitation = match vault::invitations::look_up(self.vault(), token).await {
            Err(error) if matches!(error.status(), Some(400..=499)) && error.code() != ErrorCode::RateLimited => {
                return Ok(KeyRule::Open);
            }
            invitation => invitation?,
        };
        match invitation.sender_public_key.or(invitation.user_public_key) {
            Some(pem) => Ok(KeyRule::To(public_key(&pem)?.fingerprint())),
            None => Ok(KeyRule::Open),
        }
    }

    /// The user's connections. `KEY_CHANGED` where one of them has another key than before: [`Session::inspect_connection`]
    /// then shows it.
    pub async fn list_connections(&self, page: &PageRequest) -> Result<Page<Connection>> {
        let Page { entries, next, mut unreadable } = self.look_at_page(page).await?;
        refuse_two_keys_of_one_pair(&entries)?;
        let connections = join_all(entries.into_iter().map(|shown| async {
            let id = shown.connection.own.id.clone();
            (id, self.accept_shown(shown).await)
        }));
        let entries = keep_readable(connections.await, &mut unreadable)?;
        Ok(Page { entries, next, unreadable })
    }

    /// By the user's own id of it, or by a reference; the other side has another id. `KEY_CHANGED` where the server shows
    /// another key than before, or than the reference names.
    pub async fn get_connection(&self, reference: &ConnectionRef) -> Result<Connection> {
        let recipient = self.fetch_recipient(&reference.id).await?;
        recipient.check_reference(reference)?;
        self.with_name(&recipient, false).await
    }

    /// The connection as the server shows it now, also with a key that is refused otherwise: to show its safety number before
    /// [`Session::trust_new_key`] or [`Session::mark_verified`]. Nothing is accepted by looking.
    pub async fn inspect_connection(&self, id: &Id) -> Result<Connection> {
        let recipient = self.recipient_as_shown(id).await?;
        let key_changed = self.keys()?.is_other_key(&recipient);
        self.with_name(&recipient, key_changed).await
    }

    /// As [`Session::inspect_connection`], all of them: to find the one with another key than before.
    pub async fn inspect_connections(&self, page: &PageRequest) -> Result<Page<Connection>> {
        let Page { entries, next, mut unreadable } = self.look_at_page(page).await?;
        let keys = self.keys()?;
        let connections = join_all(entries.iter().map(|recipient| async {
            let connection = self.with_name(recipient, keys.is_other_key(recipient)).await;
            (recipient.connection.own.id.clone(), connection)
        }));
        let entries = keep_readable(connections.await, &mut unreadable)?;
        Ok(Page { entries, next, unreadable })
    }

    /// The connections of a page as the server shows them. A user can publish a key that nobody else can use: that hides none
    /// of the other connections.
    async fn look_at_page(&self, page: &PageRequest) -> Result<Page<Recipient>> {
        self.keys()?;
        let Page { entries, next, mut unreadable } =
            fetch_pages(page, &|query| vault::connections::list(self.vault(), query)).await?;
        let shown = join_all(entries.into_iter().map(|record| async {
            let id = record.own.id.clone();
            (id, self.look_at(record).await)
        }));
        let entries = keep_readable(shown.await, &mut unreadable)?;
        Ok(Page { entries, next, unreadable })
    }

    /// Accepts another key than before for a connection: the one of this fingerprint, which the user was shown. `KEY_CHANGED`
    /// where the server shows a third.
    pub async fn trust_new_key(&self, id: &Id, fingerprint: &str) -> Result<Connection> {
        let recipient = self.recipient_as_shown(id).await?;
        if recipient.fingerprint() != fingerprint || self.keys()?.is_other_pair(&recipient) {
            return Err(key_changed());
        }
        self.write_note(&recipient, How::Trusted).await?;
        self.accept_shown(recipient).await
    }

    /// Notes that the user compared the safety number over another channel. `KEY_CHANGED` where the keys that the server
    /// shows now have another.
    pub async fn mark_verified(&self, id: &Id, safety_number: &str) -> Result<Connection> {
        let recipient = self.recipient_as_shown(id).await?;
        let digits = |text: &str| text.chars().filter(|letter| !letter.is_whitespace()).collect::<String>();
        let is_other_number = digits(&recipient.safety_number()) != digits(safety_number);
        if is_other_number || self.keys()?.is_other_pair(&recipient) {
            return Err(key_changed());
        }
        self.write_note(&recipient, How::Compared).await?;
        self.accept_shown(recipient).await
    }

    /// Ends a connection and, before it, every share between the two users: those that this user sent, also of received
    /// items, and those that the other sent. With each goes its recipient's copy of the item. Shares of encryption spaces end
    /// with the connection by themselves.
    pub async fn delete_connection_and_shares(&self, reference: &ConnectionRef) -> Result<()> {
        let id = &reference.id;
        let other = match vault::connections::get(self.vault(), id).await {
            Ok(record) => {
                expect_id(id, &record.own.id)?;
                record.the_other_user.user_id
            }
            // Gone, by an attempt whose response was lost: the shares went before it.
            Err(error) if error.code() == ErrorCode::NotFound => return self.delete_connection(reference).await,
            Err(error) => return Err(error),
        };
        if reference.peer.is_some() {
            self.fetch_recipient(id).await?.check_reference(reference)?;
        }
        let all = PageRequest { all: true, ..PageRequest::default() };
        let sent = OutgoingFilter { own_connection_id: Some(id.clone()), ..OutgoingFilter::default() };
        let received = IncomingFilter { own_connection_id: Some(id.clone()), ..IncomingFilter::default() };
        let (sent, received) = try_join!(
            async { fetch_pages(&all, &|query| vault::shares::outgoing(self.vault(), &sent, query)).await },
            async { fetch_pages(&all, &|query| vault::shares::incoming(self.vault(), &received, query)).await },
        )?;
        if !sent.unreadable.is_empty() || !received.unreadable.is_empty() {
            return Err(bad_response("a share of the connection cannot be read, and would stay"));
        }
        // Servers before Vault API 37 do not know the filter.
        let sent = sent.entries.into_iter().filter(|share| share.recipient_id == other);
        let received = received.entries.into_iter().filter(|share| share.sender_id == other);
        let deletions = sent.chain(received).map(|share| async move { self.delete_share(&share.id).await });
        for deletion in join_all(deletions).await {
            match deletion {
                // The other side has ended it meanwhile, or it went with the share that it was made from.
                Err(error) if error.code() == ErrorCode::NotFound => {}
                other => other?,
            }
        }
        self.delete_connection(reference).await
    }

    /// Ends a connection for both users. Nothing more is encrypted for the other; shares stay, and with them what each side
    /// has received.
    pub async fn delete_connection(&self, reference: &ConnectionRef) -> Result<()> {
        use ErrorCode::{KeyChanged, Misplaced, NotFound, WeakKey};
        let keys = self.keys()?;
        let id = &reference.id;
        let revoke = |peer: &str| keys.memory.borrow_mut().revoke_peer(peer, now_milliseconds());
        // Whatever the server says now of whose connection this is.
        let named = reference.peer.clone().or_else(|| keys.memory.borrow().peer_in(id));
        if let Some(named) = &named {
            revoke(named);
        }
        if reference.peer.is_some() {
            self.fetch_recipient(id).await?.check_reference(reference)?;
        } else if named.is_none() {
            // Whichever key it is, also one that is refused otherwise, and the one that it should be.
            match self.recipient_as_shown(id).await {
                Ok(shown) => {
                    revoke(&shown.fingerprint());
                    if let Some(expected) = shown.own.expected() {
                        revoke(&expected);
                    }
                }
                // Gone, by an attempt whose response was lost; or with keys that nothing was ever encrypted for.
                Err(error) if matches!(error.code(), NotFound | WeakKey | KeyChanged | Misplaced) => {}
                Err(error) => return Err(error),
            }
        }
        keys.forget_connection(id);
        self.delete_once(("connections.delete", id), vault::connections::delete(self.vault(), id)).await
    }

    async fn decrypt_connection(&self, record: vault::connections::Connection) -> Result<Connection> {
        let recipient = self.accept_key(record).await?;
        self.with_name(&recipient, false).await
    }

    async fn accept_shown(&self, shown: Recipient) -> Result<Connection> {
        let recipient = self.keys()?.accept(shown)?;
        self.with_name(&recipient, false).await
    }

    async fn with_name(&self, recipient: &Recipient, key_changed: bool) -> Result<Connection> {
        let own = recipient.own.pair.fingerprint();
        let (name, is_name_bound) = match &recipient.connection.own.encrypted_recipient_name {
            None => (None, true),
            Some(envelope) => {
                let name = self.keys()?.dek.decrypt_text(envelope.as_str()).await?;
                let is_bound = name.is_at(&Place::Name { own: &own })?;
                (Some(Value::new(name.content)), is_bound)
            }
        };
        Ok(Connection {
            safety_number: recipient.safety_number(),
            fingerprint: recipient.fingerprint(),
            verified: recipient.verified().filter(|_| !key_changed),
            record: recipient.connection.clone(),
            name,
            is_name_bound,
            key_changed,
        })
    }
}

/// Two connections of one list with one own key pair and different keys: which of them is the genuine one cannot be told,
/// unless rule or note of the pair does.
fn refuse_two_keys_of_one_pair(shown: &[Recipient]) -> Result<()> {
    let mut peers: BTreeMap<String, String> = BTreeMap::new();
    let is_first_seen = |recipient: &&Recipient| recipient.own.expected().is_none() && !recipient.is_unproven();
    for recipient in shown.iter().filter(is_first_seen) {
        let peer = recipient.fingerprint();
        match peers.insert(recipient.own.pair.fingerprint(), peer.clone()) {
            Some(other) if other != peer => return Err(key_changed()),
            _ => {}
        }
    }
    Ok(())
}
