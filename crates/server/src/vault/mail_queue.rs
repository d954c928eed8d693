//! Sending the queued messages. Sending blocks no request: an invitation is stored together with its message, and a
//! background task sends what is due, retrying with exponential backoff.
//!
//! A process leases the message that it hands to the mail server. If it dies meanwhile, nobody knows whether that one
//! arrived: once the lease has ended the state becomes `failed`, which the sender of the invitation sees, rather than
//! sending it twice. A mail server that times out after it accepted a message may get it again, because it looks like one
//! that did not.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use sqlx::AnyConnection;
use vaultshare::api::vault::invitations::MailState;

use super::{
    Vault,
    records::mail_queue::{self, Row},
};
use crate::{
    clock::{Millis, millis, to_wire},
    config::Limits,
    error::{Code, Error, Result},
    mail::{self, Failure, InvitationMail},
    service::Service,
};

/// How long to sleep at most. Queueing a message wakes the sender of the same process; what another one left is found then.
const IDLE: Duration = Duration::from_secs(30);

/// How long a message is leased: longer than sending one takes, with a minute for each reply of the mail server.
const LEASE: Duration = Duration::from_secs(15 * 60);

/// How often what became of a message is written, with a pause of up to half a minute: the lease lasts longer.
const FINISH_ATTEMPTS: usize = 15;

impl Vault {
    /// Sends all messages that are due, and returns how long to wait for the next.
    pub async fn send_mail(&self) -> Result<Duration> {
        self.fail_interrupted(self.clock().now()).await?;
        loop {
            let now = self.clock().now();
            let mut db = self.store().read().await?;
            let next = mail_queue::find_next(&mut db).await?;
            drop(db);
            match next {
                None => return Ok(IDLE),
                Some(message) if message.next_attempt_at > now => {
                    let wait = u64::try_from(message.next_attempt_at - now).unwrap_or_default();
                    return Ok(Duration::from_millis(wait).min(IDLE));
                }
                Some(message) => self.try_to_send(message).await?,
            }
        }
    }

    /// Completes when a message has been queued since the last call.
    pub async fn mail_is_queued(&self) {
        self.mail_queued().notified().await;
    }

    async fn try_to_send(&self, mut message: Row) -> Result<()> {
        if message.expire_at <= self.clock().now() {
            tracing::warn!(invitation = message.invitation_id, "message given up: its invitation has expired");
            return self.finish(&message, MailState::Failed).await;
        }
        if let Err(not_ready) = self.mailer().prepare().await {
            let failure = Failure { reason: not_ready.0, permanent: false };
            return self.reschedule(&message, failure).await;
        }
        message.lease_until = self.claim(&message.invitation_id).await?;
        if message.lease_until.is_none() {
            return Ok(());
        }
        let mail = InvitationMail {
            invitation_id: message.invitation_id.clone(),
            token: message.token.clone(),
            to: message.recipient.clone(),
            valid_until: to_wire(message.expire_at).chars().take("2020-10-12".len()).collect(),
        };
        match self.mailer().send(&mail).await {
            Ok(()) => {
                // Not known to have been sent, it would be given up.
                let finish = || self.finish(&message, MailState::Sent);
                let attempts = ExponentialBuilder::new().with_max_delay(IDLE).with_max_times(FINISH_ATTEMPTS);
                finish.retry(attempts).sleep(tokio::time::sleep).await
            }
            Err(failure) => self.reschedule(&message, failure).await,
        }
    }

    /// Leases a message, and says until when; none where another process was faster, or it is not to be sent any more.
    async fn claim(&self, invitation_id: &str) -> Result<Option<Millis>> {
        let now = self.clock().now();
        let until = now + millis(LEASE);
        let mut tx = self.store().write().await?;
        let is_ours = mail_queue::claim(&mut tx, invitation_id, now, until).await?;
        tx.commit().await?;
        Ok(is_ours.then_some(until))
    }

    async fn reschedule(&self, message: &Row, failure: Failure) -> Result<()> {
        let attempts = message.attempts + 1;
        let limits = self.limits();
        if failure.permanent || attempts >= i64::from(limits.mail_attempts) {
            tracing::warn!(invitation = message.invitation_id, attempts, failure.reason, "message given up");
            return self.finish(message, MailState::Failed).await;
        }
        let next_attempt_at = self.clock().now() + millis(retry_delay(attempts, limits));
        tracing::info!(invitation = message.invitation_id, attempts, failure.reason, "message will be retried");
        let mut tx = self.store().write().await?;
        mail_queue::reschedule(&mut tx, message, next_attempt_at).await?;
        Ok(tx.commit().await?)
    }

    async fn finish(&self, message: &Row, state: MailState) -> Result<()> {
        let sent_at = (state == MailState::Sent).then(|| self.clock().now());
        let mut tx = self.store().write().await?;
        mail_queue::finish(&mut tx, message, state, sent_at).await?;
        Ok(tx.commit().await?)
    }

    /// Gives up the messages whose lease has ended by then: they were being sent when a server stopped.
    pub(super) async fn fail_interrupted(&self, by: Millis) -> Result<()> {
        if mail_queue::find_interrupted(&mut *self.store().read_once().await?, by).await?.is_empty() {
            return Ok(());
        }
        let mut tx = self.store().write().await?;
        for message in mail_queue::find_interrupted(&mut tx, by).await? {
            let invitation = &message.invitation_id;
            tracing::warn!(invitation, "message given up: the server stopped while sending it");
            mail_queue::finish(&mut tx, &message, MailState::Failed, None).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// Reads the address that an invitation goes to. Refuses what is none, and more messages a day than a person would send:
/// otherwise we would be an open relay. They count also where the invitation is deleted.
pub(super) async fn check(db: &mut AnyConnection, user_id: &str, address: &str, vault: &Vault) -> Result<String> {
    let address = mail::read_address(address);
    let address = address.map_err(|reason| Error::refused(Code::InvalidEmail, reason).at("invitation.email"))?;
    let message = "Too many invitations by e-mail: hand over the token yourself, or later";
    let limit = vault.rate_limits().mails(user_id);
    limit.require(db, vault.clock().now(), Code::TooManyInvitations, message).await?;
    Ok(address.to_string())
}

fn retry_delay(attempts: i64, limits: &Limits) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(u32::MAX).min(20);
    limits.mail_retry.saturating_mul(2_u32.saturating_pow(doublings)).min(*limits.longest_mail_retry)
}
