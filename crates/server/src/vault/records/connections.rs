//! Connections: two rows, one for each of the two users.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Ciphertext, Id,
    vault::{
        connections::{Connection, ConnectionInFirstForm, OtherConnectionData, OwnConnectionData},
        me::UserType,
    },
};

use super::public_keys;
use crate::{
    clock::{Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    store::{Statement, new_id},
    wire::Stored,
};

/// A page of the user's connections.
pub(crate) async fn list(db: &mut AnyConnection, user_id: &str, page: &Page) -> Result<Vec<Row>> {
    Statement::new(CONNECTIONS).text(" AND own.user_id = ?", user_id).page("own.sequence", page).fetch(db).await
}

/// Deletes both rows of a connection.
pub(crate) async fn delete(db: &mut AnyConnection, connection: &Row) -> Result<()> {
    sqlx::query("DELETE FROM connections WHERE id = $1 OR id = $2")
        .bind(&connection.id)
        .bind(&connection.other_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Sets the encryption space of one side.
pub(crate) async fn set_space(db: &mut AnyConnection, id: &str, space_id: &str) -> Result<()> {
    let update = sqlx::query("UPDATE connections SET encryption_space_id = $1 WHERE id = $2");
    update.bind(space_id).bind(id).execute(db).await?;
    Ok(())
}

const CONNECTIONS: &str = "SELECT own.id, own.user_id, own.public_key, own.keypair_external_id, \
     own.encrypted_recipient_name, own.created_at, own.sequence, other.id AS other_id, other.user_id AS other_user_id, \
     other.public_key AS other_public_key, other.keypair_external_id AS other_keypair_external_id, \
     other.proof AS other_proof, \
     own.encryption_space_id, other.encryption_space_id AS other_encryption_space_id \
     FROM connections AS own JOIN connections AS other \
     ON other.user_id = own.other_user_id AND other.other_user_id = own.user_id WHERE 1 = 1";

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) user_id: String,
    pub(crate) public_key: String,
    pub(crate) keypair_external_id: Option<String>,
    pub(crate) encrypted_recipient_name: Option<String>,
    pub(crate) created_at: Millis,
    pub(crate) sequence: i64,
    pub(crate) other_id: String,
    pub(crate) other_user_id: String,
    pub(crate) other_public_key: String,
    pub(crate) other_keypair_external_id: Option<String>,
    pub(crate) other_proof: Option<String>,
    pub(crate) encryption_space_id: Option<String>,
    pub(crate) other_encryption_space_id: Option<String>,
}

impl Row {
    /// What it weighs in a list, in bytes of the reply, where both keys stand twice.
    pub(crate) fn weight(&self) -> usize {
        let name = self.encrypted_recipient_name.as_ref().map_or(0, String::len);
        2048 + 2 * (name + self.public_key.len() + self.other_public_key.len())
    }

    pub(crate) fn in_first_form(&self) -> Result<ConnectionInFirstForm> {
        let strategy = Some(public_keys::STRATEGY.to_owned());
        Ok(ConnectionInFirstForm {
            id: Some(Id::stored(self.id.clone())?),
            user_id: Some(Id::stored(self.other_user_id.clone())?),
            encryption_space_id: Id::maybe(self.encryption_space_id.clone())?,
            public_key: Some(self.public_key.clone()),
            public_key_encryption_strategy: strategy.clone(),
            key_store_keypair_id: self.keypair_external_id.clone(),
            keypair_external_id: self.keypair_external_id.clone(),
            other_user_connection_public_key: Some(self.other_public_key.clone()),
            other_user_connection_public_key_encryption_strategy: strategy,
            other_user_connection_encryption_space_id: Id::maybe(self.other_encryption_space_id.clone())?,
            other_user_connection_key_store_keypair_id: self.other_keypair_external_id.clone(),
            other_user_connection_keypair_external_id: self.other_keypair_external_id.clone(),
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name.clone())?,
            ..ConnectionInFirstForm::default()
        })
    }

    pub(crate) fn wire(self) -> Result<Connection> {
        let in_first_form = self.in_first_form()?;
        let own = OwnConnectionData {
            id: Id::stored(self.id)?,
            encrypted_recipient_name: Ciphertext::maybe(self.encrypted_recipient_name)?,
            integration_data: None,
            delegation_token: None,
            delegation_role: None,
            organization_member_id: None,
            connection_type: None,
            user_id: Some(Id::stored(self.user_id)?),
            user_image: None,
            user_type: UserType::Human,
            user_public_key: self.public_key,
            user_keypair_external_id: self.keypair_external_id,
            did: None,
            created_at: Some(to_wire(self.created_at)),
        };
        let the_other_user = OtherConnectionData {
            id: Id::stored(self.other_id)?,
            integration_data: None,
            delegation_token: None,
            delegation_role: None,
            organization_member_id: None,
            connection_type: None,
            user_id: Id::stored(self.other_user_id)?,
            user_image: None,
            user_type: UserType::Human,
            user_public_key: self.other_public_key,
            user_keypair_external_id: self.other_keypair_external_id,
            did: None,
            proof: self.other_proof,
        };
        Ok(Connection { own, the_other_user, in_first_form })
    }
}

pub(crate) async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Row> {
    let select = Statement::new(CONNECTIONS).text(" AND own.id = ?", id).text(" AND own.user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found(Code::ConnectionNotFound))
}

/// The id of the user's row of the connection with the other.
pub(crate) async fn find_between(db: &mut AnyConnection, user_id: &str, other_user_id: &str) -> Result<Option<String>> {
    let id = sqlx::query_scalar("SELECT id FROM connections WHERE user_id = $1 AND other_user_id = $2");
    Ok(id.bind(user_id).bind(other_user_id).fetch_optional(db).await?)
}

/// The public key of one side of a connection, and the id of its key pair in the Keystore.
#[derive(FromRow)]
pub(crate) struct SideKey {
    pub(crate) user_id: String,
    pub(crate) public_key: String,
    pub(crate) keypair_external_id: Option<String>,
}

/// The keys of those of `user_ids` who are connected with `other_user_id`, by user id.
pub(crate) async fn find_public_keys(
    db: &mut AnyConnection,
    user_ids: &[&str],
    other_user_id: &str,
) -> Result<HashMap<String, SideKey>> {
    let select = Statement::new("SELECT user_id, public_key, keypair_external_id FROM connections WHERE 1 = 1")
        .any_of(" AND user_id IN (?)", user_ids)
        .text(" AND other_user_id = ?", other_user_id);
    let keys: Vec<SideKey> = select.fetch(db).await?;
    Ok(keys.into_iter().map(|key| (key.user_id.clone(), key)).collect())
}

/// The encryption spaces of the two sides of a connection.
pub(crate) struct Spaces {
    pub(crate) own: Option<String>,
    pub(crate) other: Option<String>,
}

/// The encryption spaces of a connection of this user.
pub(crate) async fn find_spaces(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Spaces> {
    find(db, id, user_id).await.map(|row| Spaces { own: row.encryption_space_id, other: row.other_encryption_space_id })
}

/// With whom of these `user_id` has a connection for which they have an encryption space.
pub(crate) async fn with_space(db: &mut AnyConnection, user_id: &str, others: &[&str]) -> Result<HashSet<String>> {
    let select = Statement::new("SELECT other_user_id FROM connections WHERE encryption_space_id IS NOT NULL")
        .text(" AND user_id = ?", user_id)
        .any_of(" AND other_user_id IN (?)", others);
    Ok(select.fetch(db).await?.into_iter().map(|(id,): (String,)| id).collect())
}

/// One side of a new connection.
pub(crate) struct Side<'a> {
    pub(crate) user_id: &'a str,
    pub(crate) public_key: &'a str,
    pub(crate) keypair_external_id: Option<&'a str>,
    pub(crate) encrypted_recipient_name: Option<&'a str>,
    /// What the invitee proved to the inviter.
    pub(crate) proof: Option<&'a str>,
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    side: &Side<'_>,
    other_user_id: &str,
    now: Millis,
    sequence: i64,
) -> Result<String> {
    let id = new_id();
    sqlx::query(
        "INSERT INTO connections (id, user_id, other_user_id, public_key, keypair_external_id, \
         encrypted_recipient_name, proof, created_at, sequence) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(&id)
    .bind(side.user_id)
    .bind(other_user_id)
    .bind(side.public_key)
    .bind(side.keypair_external_id)
    .bind(side.encrypted_recipient_name)
    .bind(side.proof)
    .bind(now)
    .bind(sequence)
    .execute(db)
    .await?;
    Ok(id)
}
