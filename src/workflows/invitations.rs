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
    error::{Error, Result},
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

/// What somebody has of an invitation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenInvitation {
    pub(super) token: String,
    pub(super) id: Option<Id>,
}

impl GivenInvitation {
    /// Reads a token, or the link of an e-mail (`…#invitation=ID.TOKEN`), by itself or in the midst of the message.
    ///
    /// Mail programs and people leave something behind both: `)`, a full stop, `&utm_source=…`. What cannot be part of a token
    /// (RFC 6750, section 2.1) ends it.
    pub(super) fn parse(text: &str) -> Result<GivenInvitation> {
        let refuse = || Error::invalid_argument("this is neither the token of an invitation nor the link to one");
        let link =
            text.split_once("#invitation=").map(|(_, link)| link.split_once('.').ok_or_else(refuse)).transpose()?;
        let (id, token) = match link {
            Some((id, token)) => (Some(Id::parse(id).ok_or_else(refuse)?), token),
            None => (None, text.trim().trim_start_matches(|first| !is_of_token(first))),
        };
        let (token, rest) = token.split_at(token.find(|next| !is_of_token(next)).unwrap_or(token.len()));
        let token = token.trim_end_matches('.');
        // A link to something else, or words around a bare token: any of them could be it.
        let is_more = id.is_none() && (rest.contains(char::is_whitespace) || rest.starts_with("://"));
        if token.is_empty() || is_more { Err(refuse()) } else { Ok(GivenInvitation { token: token.to_owned(), id }) }
    }
}

fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~+/=".contains(character)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    const TOKEN: &str = "c29tZXRoaW5nLXJhbmRvbS1hbmQtbG9uZy1lbm91Z2g";

    #[test]
    fn a_token_ends_where_its_alphabet_ends() {
        let id = Id::parse("b1f0c2aa-0000-4000-8000-000000000001").unwrap();
        for behind in [
            "",
            ")",
            ").",
            ">",
            ".",
            "...",
            ",",
            "\"",
            "&utm_source=mail",
            "?utm_source=mail",
            "#",
            "\u{a0}",
            "\u{200b}",
        ] {
            let bare = GivenInvitation::parse(&format!(" ({TOKEN}{behind}\n")).unwrap();
            assert_eq!(bare, GivenInvitation { token: TOKEN.to_owned(), id: None }, "{behind}");
            let link = format!("https://app.example/?a=1#invitation={id}.{TOKEN}{behind}");
            for text in [link.clone(), format!("Accept the invitation:\r\n<{link}\r\n\r\nIt is valid until tomorrow.")]
            {
                let expected = GivenInvitation { token: TOKEN.to_owned(), id: Some(id.clone()) };
                assert_eq!(GivenInvitation::parse(&text).unwrap(), expected, "{text}");
            }
        }
        for token in ["a.b", "a~b+c/d==", "a"] {
            assert_eq!(GivenInvitation::parse(token).unwrap().token, token);
        }
    }

    #[test]
    fn what_is_no_token_is_refused_before_it_is_sent() {
        for text in [
            "",
            " ",
            "...",
            "Token: abc",
            "abc def",
            "https://app.example/abc",
            "https://app.example/#invitation=",
            "https://app.example/#invitation=abc",
            "https://app.example/#invitation=a/b.abc",
            "https://app.example/#invitation=abc.)",
        ] {
            assert_eq!(GivenInvitation::parse(text).unwrap_err().code(), ErrorCode::InvalidArgument, "{text}");
        }
    }
}
