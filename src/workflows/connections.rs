//! Accepting an invitation, and the connections that result: `docs/protocol/guides.md` §2, steps 9–17;
//! `docs/protocol/http-api.md` §7.6–§7.8.

use std::rc::Rc;

use super::{
    Page, PageRequest, ProgressListener, Session, Value,
    concurrency::join_all,
    decrypt::{bad_response, expect_id},
    encrypt::ciphertext,
    pagination::fetch_pages,
};
use crate::{
    api::{
        Id,
        vault::{self, connections::NewConnectionRequest, invitations::ConnectionPublicKey},
    },
    crypto::{KeyPair, PublicKey, safety_number},
    error::{Error, ErrorCode, Result},
};

/// A connection with what only this user can decrypt.
#[derive(Clone, Debug)]
pub struct Connection {
    /// From the Vault.
    pub record: vault::connections::Connection,
    /// What the user calls the other side.
    pub name: Option<Value>,
    /// For both users to compare over another channel: it differs if anyone swapped a key.
    pub safety_number: String,
}

/// Arguments of `accept_invitation`. Not `Debug`: whoever has the token can connect.
#[derive(Clone, Default, Hash)]
pub struct ConnectionDetails {
    /// From the inviter, over another channel.
    pub token: String,
    /// The invitation's id, where known.
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
        if details.token.trim().is_empty() {
            return Err(Error::invalid_argument("the invitation's token is empty"));
        }
        let keys = self.keys()?;
        let operation = keys.pending.begin(("connections.accept", details))?;

        progress.report("making the key pair", 0, 2);
        let key_pair = self.connection_key_pair(details.keypair_id.as_deref(), operation.idempotency_key()).await?;
        let name = keys.dek.encrypt_text(&details.name).await?.map(ciphertext).transpose()?;
        let request = NewConnectionRequest {
            public_key: ConnectionPublicKey {
                keypair_external_id: Some(key_pair.id.into()),
                public_key: key_pair.public_key_pem.clone(),
            },
            connection: vault::connections::ConnectionDetails {
                invitation_token: details.token.trim().to_owned(),
                invitation_id: details.invitation_id.clone(),
                encrypted_recipient_name: name,
            },
        };
        progress.report("connecting", 1, 2);
        let response = vault::connections::create(self.vault(), &request, operation.idempotency_key()).await?;
        operation.complete();
        // An existing connection with this very key is the result of an attempt whose response was lost.
        if response.connection_existed_already && response.connection.own.user_public_key != key_pair.public_key_pem {
            return Err(Error::new(ErrorCode::AlreadyConnected, "the two users are connected already"));
        }
        let connection = self.decrypt_connection(response.connection).await?;
        progress.report("connected", 2, 2);
        Ok(connection)
    }

    /// The user's connections.
    pub async fn list_connections(&self, page: &PageRequest) -> Result<Page<Connection>> {
        self.keys()?;
        let Page { entries, next } = fetch_pages(page, &|query| vault::connections::list(self.vault(), query)).await?;
        let connections = join_all(entries.into_iter().map(|record| self.decrypt_connection(record))).await;
        Ok(Page { entries: connections.into_iter().collect::<Result<_>>()?, next })
    }

    /// All of the user's connections, not decrypted.
    pub(super) async fn all_connections(&self) -> Result<Vec<vault::connections::Connection>> {
        let all = PageRequest { all: true, ..PageRequest::default() };
        Ok(fetch_pages(&all, &|query| vault::connections::list(self.vault(), query)).await?.entries)
    }

    /// By the user's own id of it; the other side has another.
    pub async fn get_connection(&self, id: &Id) -> Result<Connection> {
        self.keys()?;
        let record = vault::connections::get(self.vault(), id).await?;
        expect_id(id, &record.own.id)?;
        self.decrypt_connection(*record).await
    }

    /// Ends a connection for both users.
    pub async fn delete_connection(&self, id: &Id) -> Result<()> {
        self.keys()?.forget_connection(id);
        self.delete_once(("connections.delete", id), vault::connections::delete(self.vault(), id)).await
    }

    /// The other side's public key, refused where it is weak, or not the one that this session saw first.
    pub(super) fn recipient_key(&self, connection: &vault::connections::Connection) -> Result<PublicKey> {
        let keys = self.keys()?;
        let key = public_key(&connection.the_other_user.user_public_key);
        let checked = key.and_then(|key| keys.check_key_is_unchanged(&connection.own.id, &key).map(|()| key));
        if checked.is_err() {
            keys.forget_connection(&connection.own.id);
        }
        checked
    }

    async fn decrypt_connection(&self, record: vault::connections::Connection) -> Result<Connection> {
        let keys = self.keys()?;
        let other_key = self.recipient_key(&record)?;
        let own_key_pair = self.own_key_pair(&record).await?;
        let name = record.own.encrypted_recipient_name.as_ref().map(|name| name.as_str());
        let name = keys.dek.decrypt_text(name).await?.map(Value::new);
        keys.remember_connection(&record, &other_key);
        Ok(Connection { safety_number: safety_number(own_key_pair.public_key(), &other_key), name, record })
    }

    /// The user's own key pair of a connection. Taken from the private key, which only the user can unwrap: a server
    /// could choose the safety number of public keys that it merely claims.
    pub(super) async fn own_key_pair(&self, record: &vault::connections::Connection) -> Result<Rc<KeyPair>> {
        let keypair_id = record.own.user_keypair_external_id.as_deref();
        let keypair_id = keypair_id.ok_or_else(|| bad_response("a connection names no key pair of the user's"))?;
        let pair = self.key_pair(keypair_id).await?;
        if *pair.public_key() != public_key(&record.own.user_public_key)? {
            let message = "the server states another public key for this user than the user's own";
            return Err(Error::new(ErrorCode::KeyChanged, message));
        }
        Ok(pair)
    }
}

/// Parses a public key from the server: malformed, it is a bad response and not an invalid argument.
pub(super) fn public_key(pem: &str) -> Result<PublicKey> {
    PublicKey::from_pem(pem).map_err(|error| match error.code() {
        ErrorCode::InvalidArgument => bad_response("the server handed out something that is no public key"),
        _ => error,
    })
}
