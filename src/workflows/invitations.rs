//! Inviting somebody to connect: `docs/protocol/guides.md` §2, steps 1–8; `docs/protocol/http-api.md` §7.1–§7.4.

use super::{
    Page, PageRequest, ProgressListener, Session,
    pagination::fetch_pages,
    refusals::{bad_response, ciphertext},
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            invitations::{ConnectionPublicKey, InvitationDetails, NewInvitationRequest},
        },
    },
    crypto::{
        InvitationCode,
        places::{KeyRule, Place},
    },
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
    /// Whether the invitee is given a code, which holds the inviter's key and lets the invitee prove theirs, and not a bare
    /// token.
    pub by_code: bool,
}

/// What somebody has of an invitation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct GivenInvitation {
    pub(super) token: String,
    pub(super) id: Option<Id>,
    pub(super) code: Option<InvitationCode>,
}

impl GivenInvitation {
    /// Reads a code, the link with one (`…#vs1=CODE`), a token, or the link of an e-mail (`…#invitation=ID.TOKEN`), by itself or
    /// in the midst of the message.
    ///
    /// Mail programs and people leave something behind both: `)`, a full stop, `&utm_source=…`. What cannot be part of a token
    /// (RFC 6750, section 2.1) ends it.
    pub(super) fn parse(text: &str) -> Result<GivenInvitation> {
        if let Some(code) = find_code(text)? {
            return Ok(GivenInvitation { token: code.token().to_owned(), id: None, code: Some(code) });
        }
        let refuse = || Error::invalid_argument("this is neither code nor token of an invitation, nor the link to one");
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
        // A server that is sent a code as a token knows its secret.
        let as_code = [InvitationCode::PREFIX, token].concat();
        let is_code = InvitationCode::parse_start(&as_code).is_ok_and(|code| code.is_some());
        if token.is_empty() || is_more || is_code {
            Err(refuse())
        } else {
            Ok(GivenInvitation { token: token.to_owned(), id, code: None })
        }
    }
}

/// The code in a text, wherever it stands: what looks like one has to be one, or it would be sent to the server as a token.
fn find_code(text: &str) -> Result<Option<InvitationCode>> {
    let is_within = |before: &str| before.ends_with(|last: char| last.is_ascii_alphanumeric() || "-_".contains(last));
    let lower = text.to_ascii_lowercase();
    let mut starts = lower.match_indices(InvitationCode::PREFIX).map(|(at, _)| text.split_at(at));
    let Some((_, code)) = starts.find(|(before, _)| !is_within(before)) else { return Ok(None) };
    match InvitationCode::parse_start(code)? {
        Some((code, _)) => Ok(Some(code)),
        None => Err(Error::invalid_argument("the code of an invitation begins with `vs1.`, in small letters")),
    }
}

/// Refuses what is no bare token: a server could pass a code of its own off as one, which the user would hand over.
fn check_token(token: &str) -> Result<()> {
    let is_one = GivenInvitation::parse(token).is_ok_and(|given| given.token == token && given.code.is_none());
    if is_one { Ok(()) } else { Err(bad_response("the server's invitation has a token that is none")) }
}

fn is_of_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "-._~+/=".contains(character)
}

impl Session {
    /// Generates a key pair for the connection, stores it wrapped, and publishes its public key in an invitation. By code, the
    /// code stands in the place of the token, which is in it.
    ///
    /// `INVALID_ARGUMENT` for a code that the server would mail, since it would know it, and for one of a key pair that there is.
    pub async fn create_invitation(
        &self,
        invitation: &NewInvitation,
        progress: &ProgressListener,
    ) -> Result<Box<Invitation>> {
        if invitation.by_code && invitation.email.is_some() {
            let message = "the server that mails a code would know it: hand it over yourself";
            return Err(Error::invalid_argument(message));
        }
        if invitation.by_code && invitation.keypair_id.is_some() {
            let message = "a code is of a key pair of its own: whoever had an earlier one of the same would know it";
            return Err(Error::invalid_argument(message));
        }
        let keys = self.keys()?;
        let operation = keys.pending.begin(("invitations.create", invitation))?;

        progress.report("making the key pair", 0, 2);
        let keypair_id = invitation.keypair_id.as_deref();
        let rule = if invitation.by_code { KeyRule::Code } else { KeyRule::Open };
        let key_pair = self.connection_key_pair(keypair_id, &rule, &operation).await?;
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
        let mut created = vault::invitations::create(self.vault(), &request, operation.idempotency_key()).await?;
        check_token(&created.token)?;
        if invitation.by_code {
            let code = InvitationCode::new(&keys.dek, key_pair.own.pair.public_key(), &created.token);
            created.token = code.to_text().as_str().to_owned();
        }
        operation.complete();
        keys.memory.borrow_mut().publish(&key_pair.own.pair.fingerprint());
        progress.report("invited", 2, 2);
        Ok(created)
    }

    /// The invitations that the user made.
    pub async fn list_invitations(&self, page: &PageRequest) -> Result<Page<Invitation>> {
        self.keys()?;
        let mut invitations = fetch_pages(page, &|query| vault::invitations::list(self.vault(), query)).await?;
        for invitation in &mut invitations.entries {
            if check_token(&invitation.token).is_err() {
                invitation.token.clear();
            }
        }
        Ok(invitations)
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
            assert_eq!(bare, GivenInvitation { token: TOKEN.to_owned(), id: None, code: None }, "{behind}");
            let link = format!("https://app.example/?a=1#invitation={id}.{TOKEN}{behind}");
            for text in [link.clone(), format!("Accept the invitation:\r\n<{link}\r\n\r\nIt is valid until tomorrow.")]
            {
                let expected = GivenInvitation { token: TOKEN.to_owned(), id: Some(id.clone()), code: None };
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
