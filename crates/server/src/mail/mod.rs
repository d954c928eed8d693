//! Invitations by e-mail: composing and delivering a message. The queue of messages is the Vault's, whose invitations
//! they carry.

mod delivery;
mod message;

pub use delivery::{Failure, NotReady};

use std::net::IpAddr;

use lettre::{Address, address::AddressError, message::Mailbox};

use crate::{
    clock::Millis,
    config::MailConfig,
    error::{Error, Result},
};
use delivery::Delivery;
use message::Links;

/// Composes and delivers messages: by SMTP if it is configured, else to a folder.
#[derive(Debug)]
pub struct Mailer {
    from: Mailbox,
    links: Option<Links>,
    delivery: Delivery,
}

/// The content of a message.
#[derive(Clone, Debug)]
pub struct InvitationMail {
    /// The invitation's id.
    pub invitation_id: String,
    /// Its token.
    pub token: String,
    /// The recipient's address, one that [`read_address`] returned.
    pub to: String,
    /// The last day on which the invitation can be accepted, for people to read.
    pub valid_until: String,
}

impl Mailer {
    /// Fails if an address or URL of the configuration is invalid.
    pub fn new(config: &MailConfig, data: &std::path::Path) -> Result<Self> {
        let from = config.from.as_deref().unwrap_or("vaultshare <invitations@localhost>");
        let from = from.parse().map_err(|_| Error::fault("the sender of mail is no e-mail address"))?;
        let delivery = match &config.smtp_url {
            Some(url) => Delivery::smtp(url)?,
            None => Delivery::folder(config.folder.clone().unwrap_or_else(|| data.join("outbox"))),
        };
        let links = config.public_url.as_deref().map(Links::to).transpose()?;
        Ok(Self { from, links, delivery })
    }

    /// Checks that the mail server can be reached.
    pub async fn prepare(&self) -> Result<(), NotReady> {
        self.delivery.prepare().await
    }

    /// Deletes messages that were written to the folder until this time.
    pub async fn delete_written_before(&self, time: Millis) -> Result<()> {
        self.delivery.delete_written_before(time).await
    }

    /// Composes and delivers a message.
    pub async fn send(&self, mail: &InvitationMail) -> Result<(), Failure> {
        let message = message::compose(&self.from, self.links.as_ref(), mail).map_err(Failure::permanent)?;
        self.delivery.deliver(&mail.invitation_id, &message).await
    }
}

/// Reads an address as people type or paste it: with spaces around it, or with a name before it, which is left out. What
/// is read here can be sent to, as far as this server can tell; else the reason why not.
pub fn read_address(text: &str) -> Result<Address, &'static str> {
    let text = text.trim();
    let address = match text.parse::<Address>() {
        Ok(address) => address,
        Err(error) => text.parse::<Mailbox>().map_err(|_| describe(error))?.email,
    };
    if address.user().chars().any(is_invisible) {
        return Err("must have nothing invisible before the @: type it instead of pasting it");
    }
    if is_ip_address(address.domain()) {
        return Err("must have a domain name behind the @: mail to an IP address is not delivered");
    }
    // RFC 5321, section 4.5.3.1.3, without the angle brackets.
    match message::with_ascii_domain(&address).to_string().len() {
        ..=254 => Ok(address),
        _ => Err("must have at most 254 bytes"),
    }
}

fn describe(error: AddressError) -> &'static str {
    match error {
        AddressError::MissingParts => "must be an e-mail address, with an @",
        AddressError::InvalidDomain => "must have a domain name behind the @",
        AddressError::InvalidUser => "must have a name before the @ that can stand there, and one @",
        _ => "must be one e-mail address",
    }
}

/// What comes along when text is copied from a page, and makes another address of one that looks the same.
fn is_invisible(character: char) -> bool {
    let is_mark = matches!(
        character,
        '\u{ad}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
    );
    is_mark || character.is_control() || (character.is_whitespace() && character != ' ')
}

fn is_ip_address(domain: &str) -> bool {
    domain.starts_with('[') || domain.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        read_address(text).unwrap().to_string()
    }

    #[test]
    fn an_address_is_taken_as_people_write_it() {
        for text in [
            "bob@example.org",
            "bob@bücher.example",
            "jörg@example.org",
            "\"bob carlos\"@example.org",
            "bob+x@example.org",
            "o'brien@example.org",
        ] {
            assert_eq!(read(text), text);
        }
        for text in
            [" bob@example.org\r\n", "<bob@example.org>", "Bob <bob@example.org>", "\"B., Bob\" <bob@example.org>"]
        {
            assert_eq!(read(text), "bob@example.org");
        }
    }

    #[test]
    fn what_cannot_be_sent_to_is_refused_for_its_own_reason() {
        let reason = |text: &str| read_address(text).unwrap_err();
        assert!(reason("bob").contains("with an @"));
        assert!(reason("bob@").contains("domain name"));
        assert!(reason("bob@exa mple.org").contains("domain name"));
        assert!(reason("bob@[127.0.0.1]").contains("IP address"));
        assert!(reason("bob@127.0.0.1").contains("IP address"));
        assert!(reason("a b@example.org").contains("before the @"));
        for invisible in ["bob\u{200b}@example.org", "\u{feff}bob@example.org", "bob\u{a0}@example.org"] {
            assert!(reason(invisible).contains("before the @"), "{invisible:?}");
        }
        assert!(reason("bob@example.org,carlos@example.org").contains("one @"));
        let (name, domain) = ("b".repeat(64), ["a".repeat(60).as_str(); 3].join("."));
        assert!(reason(&format!("{name}@{domain}.example")).contains("254"));
    }
}
