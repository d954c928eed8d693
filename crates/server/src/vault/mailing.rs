//! Messages that wait to be sent, one for each invitation by e-mail. Sending blocks no request: an invitation is stored
//! together with its message, and the server sends what is due by itself, again and again with growing delays.
//!
//! A message is sent at most once. When the server dies while it hands one on, nobody knows whether it arrived; then it
//! is given up rather than sent twice, and the sender of the invitation sees that.

use std::time::Duration;

use axum::http::StatusCode;
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::vault::invitations::MailState;

use super::Vault;
use crate::{
    clock::{Clock, Millis, millis, to_wire},
    config::Limits,
    error::{Error, Result},
    mail::{self, Failure, InvitationMail},
    service::Service,
};

impl Vault {
    /// Sends every message that is due, and says how long until the next one is.
    pub async fn send_mail(&self) -> Result<Duration> {
        loop {
            let now = self.clock().now();
            let mut db = self.store().read().await?;
            let next = find_next(&mut db).await?;
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

    /// Completes when a message has been queued since it was asked last.
    pub async fn mail_is_queued(&self) {
        self.mail_queued().notified().await;
    }

    async fn try_to_send(&self, message: Row) -> Result<()> {
        if message.expire_at <= self.clock().now() {
            tracing::warn!(invitation = message.invitation_id, "a message is given up: its invitation has expired");
            return self.settle(&message.invitation_id, MailState::Failed).await;
        }
        if let Err(not_ready) = self.mailer().prepare().await {
            let failure = Failure { reason: not_ready.0, for_good: false };
            return self.put_off(&message, failure).await;
        }
        if !self.take(&message.invitation_id).await? {
            return Ok(());
        }
        let mail = InvitationMail {
            invitation_id: message.invitation_id.clone(),
            token: message.token.clone(),
            to: message.recipient.clone(),
            valid_until: to_wire(message.expire_at).chars().take("2020-10-12".len()).collect(),
        };
        match self.mailer().send(&mail).await {
            Ok(()) => self.settle(&message.invitation_id, MailState::Sent).await,
            Err(failure) => self.put_off(&message, failure).await,
        }
    }

    /// Marks a message as being handed on. False where the invitation has gone meanwhile or is used up.
    async fn take(&self, invitation_id: &str) -> Result<bool> {
        let mut tx = self.store().write().await?;
        let take = "UPDATE mail_queue SET being_sent = 1 WHERE invitation_id = $1 AND being_sent = 0";
        let taken = sqlx::query(take).bind(invitation_id).execute(&mut *tx).await?.rows_affected() == 1;
        tx.commit().await?;
        Ok(taken)
    }

    async fn put_off(&self, message: &Row, failure: Failure) -> Result<()> {
        let attempts = message.attempts + 1;
        let limits = self.limits();
        if failure.for_good || attempts >= i64::from(limits.mail_attempts) {
            tracing::warn!(invitation = message.invitation_id, attempts, failure.reason, "a message is given up");
            return self.settle(&message.invitation_id, MailState::Failed).await;
        }
        let next_attempt_at = self.clock().now() + millis(delay_after(attempts, limits));
        tracing::info!(invitation = message.invitation_id, attempts, failure.reason, "a message has to wait");
        let mut tx = self.store().write().await?;
        sqlx::query(
            "UPDATE mail_queue SET being_sent = 0, attempts = $1, next_attempt_at = $2 WHERE invitation_id = $3",
        )
        .bind(attempts)
        .bind(next_attempt_at)
        .bind(&message.invitation_id)
        .execute(&mut *tx)
        .await?;
        Ok(tx.commit().await?)
    }

    async fn settle(&self, invitation_id: &str, state: MailState) -> Result<()> {
        let sent_at = (state == MailState::Sent).then(|| self.clock().now());
        let mut tx = self.store().write().await?;
        settle(&mut tx, invitation_id, state, sent_at).await?;
        Ok(tx.commit().await?)
    }
}

/// How long to sleep when nothing waits: whatever is queued wakes the sender.
const IDLE: Duration = Duration::from_secs(60 * 60);

// The rules.

/// Refuses what is no address, and a user who sends more than a person would: a server that mails whomever it is told to
/// would be a gift to others.
pub(super) async fn check(db: &mut AnyConnection, user_id: &str, address: &str, vault: &Vault) -> Result<()> {
    if !mail::is_address(address) {
        return Err(Error::invalid("email must be an e-mail address"));
    }
    const DAY: Millis = 24 * 60 * 60 * 1000;
    let since = vault.clock().now() - DAY;
    let sent = "SELECT COUNT(*) FROM invitations WHERE user_id = $1 AND email IS NOT NULL AND created_at > $2";
    let sent: i64 = sqlx::query_scalar(sent).bind(user_id).bind(since).fetch_one(db).await?;
    if sent >= i64::from(vault.limits().mails_per_day) {
        let message = "Too many invitations by e-mail: try again tomorrow, or hand over the token yourself";
        return Err(Error::refused(StatusCode::TOO_MANY_REQUESTS, "too_many_invitations", message));
    }
    Ok(())
}

fn delay_after(attempts: i64, limits: &Limits) -> Duration {
    let doublings = u32::try_from(attempts - 1).unwrap_or(u32::MAX).min(20);
    limits.mail_retry.saturating_mul(2_u32.saturating_pow(doublings)).min(limits.longest_mail_retry)
}

// The queries.

#[derive(FromRow)]
struct Row {
    invitation_id: String,
    token: String,
    recipient: String,
    expire_at: Millis,
    attempts: i64,
    next_attempt_at: Millis,
}

async fn find_next(db: &mut AnyConnection) -> Result<Option<Row>> {
    let next = sqlx::query_as(
        "SELECT mail_queue.invitation_id, invitations.token, invitations.email AS recipient, invitations.expire_at, \
         mail_queue.attempts, mail_queue.next_attempt_at \
         FROM mail_queue JOIN invitations ON invitations.id = mail_queue.invitation_id \
         WHERE mail_queue.being_sent = 0 AND invitations.email IS NOT NULL \
         ORDER BY mail_queue.next_attempt_at, mail_queue.sequence LIMIT 1",
    );
    Ok(next.fetch_optional(db).await?)
}

/// Queues the message of an invitation that is being stored.
pub(super) async fn queue(db: &mut AnyConnection, invitation_id: &str, email: &str, clock: &Clock) -> Result<()> {
    let update = sqlx::query("UPDATE invitations SET email = $1, mail_state = $2 WHERE id = $3");
    update.bind(email).bind(MailState::Waiting.as_str()).bind(invitation_id).execute(&mut *db).await?;
    sqlx::query(
        "INSERT INTO mail_queue (invitation_id, attempts, next_attempt_at, being_sent, sequence) \
         VALUES ($1, 0, $2, 0, $3)",
    )
    .bind(invitation_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

async fn settle(db: &mut AnyConnection, invitation_id: &str, state: MailState, sent_at: Option<Millis>) -> Result<()> {
    sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1").bind(invitation_id).execute(&mut *db).await?;
    let update = sqlx::query("UPDATE invitations SET mail_state = $1, sent_at = $2 WHERE id = $3");
    update.bind(state.as_str()).bind(sent_at).bind(invitation_id).execute(db).await?;
    Ok(())
}

/// Takes an invitation's message out of the queue, as the invitation is used up.
pub(super) async fn forget(db: &mut AnyConnection, invitation_id: &str) -> Result<()> {
    let delete = sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1 AND being_sent = 0");
    delete.bind(invitation_id).execute(db).await?;
    Ok(())
}

/// Gives up what a server that died was just handing on.
pub(super) async fn give_up_what_was_cut_off(db: &mut AnyConnection) -> Result<()> {
    let cut_off = sqlx::query_scalar("SELECT invitation_id FROM mail_queue WHERE being_sent = 1");
    let cut_off: Vec<String> = cut_off.fetch_all(&mut *db).await?;
    for invitation in cut_off {
        tracing::warn!(invitation, "a message is given up: the server stopped while it was handed on");
        settle(db, &invitation, MailState::Failed, None).await?;
    }
    Ok(())
}
