//! Messages that wait to be sent, one for each invitation by e-mail.

use sqlx::{AnyConnection, FromRow};
use vaultshare::api::vault::invitations::MailState;

use crate::{
    clock::{Clock, Millis},
    error::Result,
};

/// Leases a message that is due, for as long as sending it can take. False if its invitation is gone or accepted, or
/// another process was faster.
pub(crate) async fn claim(db: &mut AnyConnection, invitation_id: &str, now: Millis, until: Millis) -> Result<bool> {
    let claim = "UPDATE mail_queue SET lease_until = $1 \
         WHERE invitation_id = $2 AND lease_until IS NULL AND next_attempt_at <= $3";
    Ok(sqlx::query(claim).bind(until).bind(invitation_id).bind(now).execute(db).await?.rows_affected() == 1)
}

/// Returns a message to the queue.
pub(crate) async fn reschedule(
    db: &mut AnyConnection,
    invitation_id: &str,
    attempts: i64,
    next_attempt_at: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE mail_queue SET lease_until = NULL, attempts = $1, next_attempt_at = $2 WHERE invitation_id = $3",
    )
    .bind(attempts)
    .bind(next_attempt_at)
    .bind(invitation_id)
    .execute(db)
    .await?;
    Ok(())
}

/// The invitations whose message was leased and never heard of again.
pub(crate) async fn find_interrupted(db: &mut AnyConnection, now: Millis) -> Result<Vec<String>> {
    let interrupted = sqlx::query_scalar("SELECT invitation_id FROM mail_queue WHERE lease_until <= $1");
    Ok(interrupted.bind(now).fetch_all(db).await?)
}

/// How many messages wait, or are being sent.
pub(crate) async fn count(db: &mut AnyConnection) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT COUNT(*) FROM mail_queue").fetch_one(db).await?)
}

#[derive(FromRow)]
pub(crate) struct Row {
    pub(crate) invitation_id: String,
    pub(crate) token: String,
    pub(crate) recipient: String,
    pub(crate) expire_at: Millis,
    pub(crate) attempts: i64,
    pub(crate) next_attempt_at: Millis,
}

/// The message that is due first.
pub(crate) async fn find_next(db: &mut AnyConnection) -> Result<Option<Row>> {
    let next = sqlx::query_as(
        "SELECT mail_queue.invitation_id, mail_queue.token, invitations.email AS recipient, invitations.expire_at, \
         mail_queue.attempts, mail_queue.next_attempt_at \
         FROM mail_queue JOIN invitations ON invitations.id = mail_queue.invitation_id \
         WHERE mail_queue.lease_until IS NULL AND invitations.email IS NOT NULL \
         ORDER BY mail_queue.next_attempt_at, mail_queue.sequence LIMIT 1",
    );
    Ok(next.fetch_optional(db).await?)
}

/// Queues the message of an invitation. Until it is sent its token is kept here, and nowhere else.
pub(crate) async fn enqueue(
    db: &mut AnyConnection,
    (invitation_id, token): (&str, &str),
    email: &str,
    clock: &Clock,
) -> Result<()> {
    let update = sqlx::query("UPDATE invitations SET email = $1, mail_state = $2 WHERE id = $3");
    update.bind(email).bind(MailState::Waiting.as_str()).bind(invitation_id).execute(&mut *db).await?;
    sqlx::query(
        "INSERT INTO mail_queue (invitation_id, token, attempts, next_attempt_at, sequence) \
         VALUES ($1, $2, 0, $3, $4)",
    )
    .bind(invitation_id)
    .bind(token)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

/// Removes a message from the queue and records its outcome.
pub(crate) async fn finish(
    db: &mut AnyConnection,
    invitation_id: &str,
    state: MailState,
    sent_at: Option<Millis>,
) -> Result<()> {
    sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1").bind(invitation_id).execute(&mut *db).await?;
    let update = sqlx::query("UPDATE invitations SET mail_state = $1, sent_at = $2 WHERE id = $3");
    update.bind(state.as_str()).bind(sent_at).bind(invitation_id).execute(db).await?;
    Ok(())
}

/// Removes a message from the queue unless it is being sent.
pub(crate) async fn cancel(db: &mut AnyConnection, invitation_id: &str) -> Result<()> {
    let delete = sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1 AND lease_until IS NULL");
    delete.bind(invitation_id).execute(db).await?;
    Ok(())
}
