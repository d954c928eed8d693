//! Invitations by e-mail: what a message says, and how it leaves. Which messages wait, and since when, is the business
//! of the Vault, whose invitations they carry.

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

/// Writes messages and hands them on: over SMTP where that is set up, else into a folder.
#[derive(Debug)]
pub struct Mailer {
    from: Mailbox,
    links: Option<Links>,
    delivery: Delivery,
}

/// What a message is to carry.
#[derive(Clone, Debug)]
pub struct InvitationMail {
    /// The invitation's id.
    pub invitation_id: String,
    /// Its token.
    pub token: String,
    /// The address, as [`is_address`] takes it.
    pub to: String,
    /// Until when the invitation can be accepted, for people to read.
    pub valid_until: String,
}

impl Mailer {
    /// A mailer as configured.
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

    /// Makes sure, as far as that is possible before, that a message can be handed on.
    pub async fn prepare(&self) -> Result<(), NotReady> {
        self.delivery.prepare().await
    }

    /// Writes the message and hands it on.
    pub async fn send(&self, mail: &InvitationMail) -> Result<(), Failure> {
        let message = message::compose(&self.from, self.links.as_ref(), mail).map_err(Failure::for_good)?;
        self.delivery.deliver(&mail.invitation_id, &message).await
    }
}

/// Whether a message can be addressed to this.
pub fn is_address(text: &str) -> bool {
    text.len() <= 254 && text.is_ascii() && text.parse::<lettre::Address>().is_ok()
}
