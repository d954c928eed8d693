//! Inviting somebody to connect: `docs/protocol/guides.md` §2, steps 1–8; `docs/protocol/http-api.md` §7.1–§7.4.

use super::{Page, PageRequest, ProgressListener, Session, pagination::fetch_pages, refusals::ciphertext};
use crate::{
    api::{
        Id,
        vault::{
            self,
            invitations::{ConnectionPublicKey, InvitationDetails, NewInvitationRequest},
        },
    },
    crypto::places::{KeyRule, Place},
    error::Result,
};

pub use crate::api::vault::invitations::Invitation;

/// Arguments of `create_invitation`.
#[derive(Clone, Debug, Default, Hash)]
pub struct NewInvitation {
    /// What the inviter calls the invitee; only the inviter can read it.
    pub name: String,
    /// Where the Vault sends id and token; nowhere if absent.
    pub email: Option<String>,
    /// A key pair of the inviter's in the Keystore; a new one is generated where absent.
    pub keypair_id: Option<String>,
}

impl Session {
    /// Generates a key pair for the connection, stores it wrapped, and publishes its public key in an invitation.
    pub async fn create_invitation(
        &self,
        invitation: &NewInvitation,
        progress: &ProgressListener,
    ) -> Result<Box<Invitation>> {
        let keys = self.keys()?;
        let operation = keys.pending.begin(("invitations.create", invitation))?;

        progress.report("making the key pair", 0, 2);
        let keypair_id = invitation.keypair_id.as_deref();
        let key_pair = self.connection_key_pair(keypair_id, &KeyRule::Open, &operation).await?;
        let place = Place::Name { own: &key_pair.own.pair.fingerprint() };
        let name = keys.dek.encrypt_text(&invitation.name, &place).await?.map(ciphertext).transpose()?;
        let request = NewInvitationRequest {
            public_key: ConnectionPublicKey {
                keypair_external_id: Some(key_pair.id.into()),
                public_key: key_pair.own.pair.public_key_pem().to_owned(),
            },
            invitation: InvitationDetails { encrypted_recipient_name: name, email: invitation.email.clone() },
        };
        progress.report("inviting", 1, 2);
        let created = vault::invitations::create(self.vault(), &request, operation.idempotency_key()).await?;
        operation.complete();
        keys.memory.borrow_mut().publish(&key_pair.own.pair.fingerprint());
        progress.report("invited", 2, 2);
        Ok(created)
    }

    /// The invitations that the user made.
    pub async fn list_invitations(&self, page: &PageRequest) -> Result<Page<Invitation>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::invitations::list(self.vault(), query)).await
    }

    /// Invalidates the invitation's token.
    pub async fn cancel_invitation(&self, id: &Id) -> Result<()> {
        self.delete_once(("invitations.delete", id), vault::invitations::delete(self.vault(), id)).await
    }
}
