//! The message: in plain text and HTML, with nothing secret but the token. A retry has the same Message-ID.

use axum::http::Uri;
use lettre::{
    Address, Message,
    address::Envelope,
    message::{Mailbox, MultiPart},
};

use super::InvitationMail;
use crate::error::{Error, Result};

/// The URL of the app that accepts invitations.
#[derive(Clone, Debug)]
pub(super) struct Links(String);

impl Links {
    pub(super) fn to(public_url: &str) -> Result<Self> {
        let uri = public_url.parse::<Uri>().ok();
        let fits = uri.is_some_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.query().is_none());
        if !fits || public_url.contains(['#', '"', '<', '>', '&']) {
            return Err(Error::fault("the public URL must be an http or https URL without query and fragment"));
        }
        Ok(Self(public_url.to_owned()))
    }

    /// The token is in the fragment, which browsers do not send, so that it appears in no server's log.
    fn of(&self, mail: &InvitationMail) -> String {
        format!("{}#invitation={}.{}", self.0, mail.invitation_id, mail.token)
    }
}

pub(super) fn compose(from: &Mailbox, links: Option<&Links>, mail: &InvitationMail) -> Result<Message, String> {
    let to = with_ascii_domain(&mail.to.parse().map_err(|_| "the address is none".to_owned())?);
    // Said here because lettre would read it from the head, where it does not know every address that it can send to.
    let envelope = Envelope::new(Some(from.email.clone()), vec![to.clone()]).map_err(|error| error.to_string())?;
    let link = links.map(|links| links.of(mail));
    Message::builder()
        .envelope(envelope)
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject("You are invited to connect")
        .message_id(Some(format!("<{}@{}>", mail.invitation_id, from.email.domain())))
        .multipart(MultiPart::alternative_plain_html(text(link.as_deref(), mail), html(link.as_deref(), mail)))
        .map_err(|error| error.to_string())
}

/// The same address with its domain as the mail system spells it (RFC 5890): every mail server takes that, where few
/// take letters beyond ASCII.
pub(super) fn with_ascii_domain(address: &Address) -> Address {
    let domain = idna::domain_to_ascii(address.domain()).ok();
    domain.and_then(|domain| Address::new(address.user(), domain).ok()).unwrap_or_else(|| address.clone())
}

const WHY: &str = "Someone invites you to connect, so that the two of you can share things end-to-end encrypted. \
     Who it is, they have to tell you themselves: this server does not know.";
const CAUTION: &str = "Whoever has this message can accept the invitation, once. If you did not expect it, delete it.";

fn text(link: Option<&str>, mail: &InvitationMail) -> String {
    let how = match link {
        Some(link) => format!("Accept the invitation:\r\n{link}\r\n\r\nOr enter by hand:"),
        None => "Enter this where you accept invitations:".to_owned(),
    };
    let InvitationMail { invitation_id, token, valid_until, .. } = mail;
    format!(
        "{WHY}\r\n\r\n{how}\r\nInvitation: {invitation_id}\r\nToken: {token}\r\n\r\n\
         It is valid until {valid_until}. {CAUTION}\r\n"
    )
}

fn html(link: Option<&str>, mail: &InvitationMail) -> String {
    let button =
        link.map(|link| format!("<p><a href=\"{link}\">Accept the invitation</a></p>\r\n")).unwrap_or_default();
    let InvitationMail { invitation_id, token, valid_until, .. } = mail;
    format!(
        "<!doctype html>\r\n<html lang=\"en\"><head><title>You are invited to connect</title></head><body>\r\n\
         <p>{WHY}</p>\r\n{button}<p>Invitation: <code>{invitation_id}</code><br>\r\nToken: <code>{token}</code></p>\r\n\
         <p>It is valid until {valid_until}. {CAUTION}</p>\r\n</body></html>\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> InvitationMail {
        InvitationMail {
            invitation_id: "b1f0c2aa-0000-4000-8000-000000000001".into(),
            token: "c29tZXRoaW5nLXJhbmRvbS1hbmQtbG9uZy1lbm91Z2g".into(),
            to: "bob@example.org".into(),
            valid_until: "2026-12-24".into(),
        }
    }

    fn written(links: Option<&Links>) -> String {
        let from = "vaultshare <invitations@example.org>".parse().unwrap();
        let written = String::from_utf8(compose(&from, links, &mail()).unwrap().formatted()).unwrap();
        // Long lines go over the wire in quoted-printable.
        written.replace("=\r\n", "").replace("=3D", "=")
    }

    #[test]
    fn a_message_has_the_link_in_both_forms_and_id_and_token_to_copy() {
        let links = Links::to("https://app.example/").unwrap();
        let written = written(Some(&links));
        let InvitationMail { invitation_id, token, .. } = mail();
        let link = format!("https://app.example/#invitation={invitation_id}.{token}");
        assert!(written.contains(&format!("\r\n{link}\r\n")), "{written}");
        assert!(written.contains(&format!("<a href=\"{link}\">")));
        assert!(written.contains(&format!("Token: {token}\r\n")));
        assert!(written.contains("Content-Type: text/plain") && written.contains("Content-Type: text/html"));
        assert!(written.contains(&format!("Message-ID: <{invitation_id}@example.org>\r\n")));
        assert!(written.contains("To: bob@example.org\r\n"));
        assert!(written.is_ascii());
    }

    #[test]
    fn every_address_that_is_read_is_written() {
        let from = "vaultshare <invitations@example.org>".parse().unwrap();
        for (to, written) in [
            ("bob@Bücher.example", "bob@xn--bcher-kva.example"),
            ("jörg@bücher.example", "jörg@xn--bcher-kva.example"),
            ("\"bob carlos\"@example.org", "\"bob carlos\"@example.org"),
        ] {
            let mail = InvitationMail { to: crate::mail::read_address(to).unwrap().to_string(), ..mail() };
            let message = compose(&from, None, &mail).unwrap();
            assert_eq!(message.envelope().to(), [written.parse().unwrap()]);
            let text = String::from_utf8(message.formatted()).unwrap();
            assert!(text.contains(&format!("\r\nTo: {written}\r\n")), "{text}");
        }
    }

    #[test]
    fn without_an_app_there_is_no_link() {
        let written = written(None);
        assert!(!written.contains("href") && written.contains("Token: "));
    }

    #[test]
    fn a_public_url_is_one() {
        for url in ["", "app.example", "ftp://app.example", "https://a.example/?x=1", "https://a.example/\"><b>"] {
            assert!(Links::to(url).is_err(), "{url}");
        }
    }
}
