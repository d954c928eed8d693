//! Invitations by e-mail: composing and delivering a message. The queue of messages is the Vault's, whose invitations
//! they carry.

mod delivery;
mod message;

pub use delivery::{Failure, NotReady};

use lettre::message::Mailbox;

use crate::{
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
    /// The recipient's address, checked by [`is_address`].
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

    /// Composes and delivers a message.
    pub async fn send(&self, mail: &InvitationMail) -> Result<(), Failure> {
        let message = message::compose(&self.from, self.links.as_ref(), mail).map_err(Failure::permanent)?;
        self.delivery.deliver(&mail.invitation_id, &message).await
    }
}

/// Whether this is an e-mail address that messages can be sent to. Some that are addresses by their syntax, such as
/// `bob@[127.0.0.1]`, cannot stand in a message's head.
pub fn is_address(text: &str) -> bool {
    text.len() <= 254 && text.is_ascii() && text.parse().is_ok_and(message::can_be_sent_to)
}
