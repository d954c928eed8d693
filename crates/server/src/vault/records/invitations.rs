//! Invitations, from their creation until they are accepted, rejected or expired.

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{
    Ciphertext, Id,
    vault::invitations::{ConnectionPublicKey, Invitation, InvitationDetails, InvitationState},
};

use crate::{
    clock::{Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    query,
    store::Statement,
    token,
    wire::{Stored, ciphertext_text, maybe_time},
};

/// The parameters that filter a list of invitations.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct InvitationFilter {
    /// Invitations in one of these states; `new`, `accepted` and `rejected` where there is none.
    #[serde(alias = "state[]", deserialize_with = "query::list")]
    state: Vec<String>,
    /// The invitation with this token.
    #[serde(deserialize_with = "query::text")]
    pub(crate) token: Option<String>,
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::InvitationNotFound)
}

/// A page of the user's invitations; those that are open or answered if the filter names no state.
pub(crate) async fn list(
    db: &mut AnyConnection,
    user_id: &str,
    filter: &InvitationFilter,
    now: Millis,
    page: &Page,
) -> Result<Vec<Row>> {
    let mut states: Vec<&str> = filter.state.iter().map(String::as_str).collect();
    if states.is_empty() {
        states = vec!["new", "accepted", "rejected"];
    }
    Statement::new(INVITATIONS)
        .text(" AND user_id = ?", user_id)
        .text_if(" AND token_hash = ?", filter.token.as_deref().map(token::hash).as_deref())
        .number(" AND CASE WHEN state = 'new' AND expire_at <= ? THEN 'expired' ELSE state END", now)
        .any_of(" IN (?)", &states)
        .page("sequence", page)
        .fetch(db)
        .await
}

/// Deletes an invitation of the user. False if there was none.
pub(crate) async fn delete(db: &mut AnyConnection, id_or_token: &str, user_id: &str) -> Result<bool> {
    let delete = sqlx::query("DELETE FROM invitations WHERE (id = $1 OR token_hash = $2) AND user_id = $3");
    let delete = delete.bind(id_or_token).bind(token::hash(id_or_token)).bind(user_id);
    Ok(delete.execute(db).await?.rows_affected() > 0)
}

const INVITATIONS: &str = "SELECT id, token_hash, user_id, public_key, keypair_external_id, encrypted_recipient_name, \
     encrypted_sender_name, public_key_id, email, mail_state, sent_at, state, created_at, expire_at, sequence \
     FROM invitations WHERE 1 = 1";

#[derive(Debug, FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    token_hash: String,
    pub(crate) user_id: String,
    pub(crate) public_key: String,
    pub(crate) keypair_external_id: Option<String>,
    pub(crate) encrypted_recipient_name: Option<String>,
    pub(crate) encrypted_sender_name: Option<String>,
    pub(crate) public_key_id: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) mail_state: Option<String>,
    pub(crate) sent_at: Option<Millis>,
    pub(crate) state: String,
    pub(crate) created_at: Millis,
    pub(crate) expire_at: Millis,
    pub(crate) sequence: i64,
}

impl Row {
    /// What it weighs in a list, in bytes of the reply, where its key stands twice.
    pub(crate) fn weight(&self) -> usize {
        let name = self.encrypted_recipient_name.as_ref().map_or(0, String::len);
        2048 + name + 2 * self.public_key.len()
    }

    /// Whether this is its token.
    pub(crate) fn has_token(&self, token: &str) -> bool {
        self.token_hash == token::hash(token)
    }

    /// Whether it can still be accepted. Of a row that went through [`Row::at`].
    pub(crate) fn is_open(&self) -> bool {
        self.state == InvitationState::New.as_str()
    }

    /// The invitation as of `now`: expiry is not written to the database.
    pub(crate) fn at(mut self, now: Millis) -> Self {
        if self.is_open() && self.expire_at <= now {
            self.state = InvitationState::Expired.as_str().to_owned();
        }
        self
    }

    /// The invitation as `reader` sees it. What concerns the sender alone is hidden from others. `given` is what the
    /// request has for a token: it is shown again, and any other is known by its hash only and left empty.
    pub(crate) fn wire(self, reader: &str, given: Option<&str>) -> Result<Invitation> {
        let token = given.filter(|given| self.has_token(given)).unwrap_or_default().to_owned();
        let sent = self.user_id == reader;
        Ok(Invitation {
            id: Id::maybe(Some(self.id).filter(|_| sent))?,
            token,
            created_at: Some(to_wire(self.created_at)),
            expire_at: Some(to_wire(self.expire_at)),
            state: Some(serde_json::from_value(self.state.into())?),
            outgoing: sent,
            email: self.email.filter(|_| sent),
            mail_state: self
                .mail_state
                .filter(|_| sent)
                .map(|state| serde_json::from_value(state.into()))
                .transpose()?,
            sent_at: maybe_time(self.sent_at.filter(|_| sent)),
            public_key_id: Id::maybe(self.public_key_id.filter(|_| sent))?,
            key_store_keypair_id: self.keypair_external_id.clone().filter(|_| sent),
            keypair_external_id: self.keypair_external_id.filter(|_| sent),
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name.filter(|_| sent))?,
            encrypted_sender_name: self.encrypted_sender_name,
            sender_public_key: Some(self.public_key.clone()),
            user_public_key: Some(self.public_key),
            ..Invitation::default()
        })
    }
}

/// The invitation of this id or token.
pub(crate) async fn find(db: &mut AnyConnection, id_or_token: &str, now: Millis) -> Result<Option<Row>> {
    let select = Statement::new(INVITATIONS).text(" AND (id = ?", id_or_token);
    let rows = select.text(" OR token_hash = ?)", &token::hash(id_or_token)).fetch(db).await?;
    Ok(rows.into_iter().next().map(|row: Row| row.at(now)))
}

/// Accepts an open invitation. Of two concurrent requests, one gets `true`.
pub(crate) async fn accept(db: &mut AnyConnection, id: &str) -> Result<bool> {
    let update = sqlx::query("UPDATE invitations SET state = 'connected' WHERE id = $1 AND state = 'new'");
    Ok(update.bind(id).execute(db).await?.rows_affected() == 1)
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    (id, token): (&str, &str),
    (user_id, (public_key_id, key)): (&str, &(String, ConnectionPublicKey)),
    details: &InvitationDetails,
    (created_at, expire_at): (Millis, Millis),
    sequence: i64,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO invitations (id, token_hash, user_id, public_key, keypair_external_id, encrypted_recipient_name, \
         public_key_id, state, created_at, expire_at, sequence) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'new', $8, $9, $10)",
    )
    .bind(id)
    .bind(token::hash(token))
    .bind(user_id)
    .bind(&key.public_key)
    .bind(&key.keypair_external_id)
    .bind(ciphertext_text(&details.encrypted_recipient_name))
    .bind(public_key_id)
    .bind(created_at)
    .bind(expire_at)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the invitations, used or not, that could be accepted until this time.
pub(crate) async fn delete_expired(db: &mut AnyConnection, until: Millis) -> Result<u64> {
    let delete = "DELETE FROM invitations WHERE id IN \
         (SELECT id FROM invitations WHERE expire_at <= $1 LIMIT 1000)";
    Ok(sqlx::query(delete).bind(until).execute(db).await?.rows_affected())
}

/// Hashes the tokens that servers of before stored in the clear, which the migration marked.
pub(crate) async fn hash_plain_tokens(db: &mut AnyConnection) -> Result<()> {
    let plain: Vec<(String, String)> =
        sqlx::query_as("SELECT id, token_hash FROM invitations WHERE token_hash LIKE 'plain:%'")
            .fetch_all(&mut *db)
            .await?;
    for (id, marked) in plain {
        let hash = token::hash(marked.strip_prefix("plain:").unwrap_or(&marked));
        sqlx::query("UPDATE invitations SET token_hash = $1 WHERE id = $2")
            .bind(hash)
            .bind(id)
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
