//! Messages that wait to be sent, one for each invitation by e-mail.

use sqlx::{AnyConnection, AssertSqlSafe, FromRow};
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

/// Returns a message to the queue, for another attempt. Not where another process has it meanwhile.
pub(crate) async fn reschedule(db: &mut AnyConnection, message: &Row, next_attempt_at: Millis) -> Result<()> {
    sqlx::query(
        "UPDATE mail_queue SET lease_until = NULL, attempts = attempts + 1, next_attempt_at = $1 \
         WHERE invitation_id = $2 AND attempts = $3 AND COALESCE(lease_until, 0) = $4",
    )
    .bind(next_attempt_at)
    .bind(&message.invitation_id)
    .bind(message.attempts)
    .bind(message.lease_until.unwrap_or(0))
    .execute(db)
    .await?;
    Ok(())
}

/// The messages that were leased until then and never heard of again.
pub(crate) async fn find_interrupted(db: &mut AnyConnection, until: Millis) -> Result<Vec<Row>> {
    let interrupted = format!("{ROW} WHERE mail_queue.lease_until <= $1");
    Ok(sqlx::query_as(AssertSqlSafe(interrupted)).bind(until).fetch_all(db).await?)
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
    /// Until when it is leased, by the one who has it.
    pub(crate) lease_until: Option<Millis>,
}

const ROW: &str = "SELECT mail_queue.invitation_id, mail_queue.token, COALESCE(invitations.email, '') AS recipient, \
     invitations.expire_at, mail_queue.attempts, mail_queue.next_attempt_at, mail_queue.lease_until \
     FROM mail_queue JOIN invitations ON invitations.id = mail_queue.invitation_id";

/// The message that is due first.
pub(crate) async fn find_next(db: &mut AnyConnection) -> Result<Option<Row>> {
    let next = format!(
        "{ROW} WHERE mail_queue.lease_until IS NULL AND invitations.email IS NOT NULL \
         ORDER BY mail_queue.next_attempt_at, mail_queue.sequence LIMIT 1"
    );
    Ok(sqlx::query_as(AssertSqlSafe(next)).fetch_optional(db).await?)
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

/// Removes a message from the queue and records its outcome. Not where another process has it meanwhile.
pub(crate) async fn finish(
    db: &mut AnyConnection,
    message: &Row,
    state: MailState,
    sent_at: Option<Millis>,
) -> Result<()> {
    let delete = sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1 AND COALESCE(lease_until, 0) = $2");
    let delete = delete.bind(&message.invitation_id).bind(message.lease_until.unwrap_or(0));
    if delete.execute(&mut *db).await?.rows_affected() == 1 {
        let update = sqlx::query("UPDATE invitations SET mail_state = $1, sent_at = $2 WHERE id = $3");
        update.bind(state.as_str()).bind(sent_at).bind(&message.invitation_id).execute(db).await?;
    }
    Ok(())
}

/// Removes a message from the queue unless it is being sent.
pub(crate) async fn cancel(db: &mut AnyConnection, invitation_id: &str) -> Result<()> {
    let delete = sqlx::query("DELETE FROM mail_queue WHERE invitation_id = $1 AND lease_until IS NULL");
    delete.bind(invitation_id).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{service::Service, testing};

    /// Two processes see the same message. What the slower one learns of it is no news.
    #[tokio::test]
    async fn what_another_process_has_is_left_to_it() {
        let server = testing::fresh_server().await.unwrap();
        let vault = &server.vault;
        let mut tx = vault.store().write().await.unwrap();
        let rows = "INSERT INTO users (id, public_key, public_key_hash, created_at) VALUES ('alice', 'PEM', 'hash', 1); \
             INSERT INTO invitations (id, token_hash, user_id, public_key, state, created_at, expire_at, sequence) \
             VALUES ('invitation', 'hash', 'alice', 'PEM', 'waiting', 1, 9, 1)";
        sqlx::raw_sql(rows).execute(&mut *tx).await.unwrap();
        enqueue(&mut tx, ("invitation", "token"), "bob@example.org", vault.clock()).await.unwrap();
        let now = vault.clock().now();
        let mut seen = find_next(&mut tx).await.unwrap().unwrap();
        let lease = now + 1000;
        assert!(claim(&mut tx, "invitation", now, lease).await.unwrap());
        assert!(!claim(&mut tx, "invitation", now, lease + 1).await.unwrap());

        let state = "SELECT mail_state FROM invitations WHERE id = 'invitation'";
        for message in [&seen, &Row { lease_until: Some(lease - 1), ..found(&seen) }] {
            reschedule(&mut tx, message, now + 9).await.unwrap();
            finish(&mut tx, message, MailState::Failed, None).await.unwrap();
            let leased = find_interrupted(&mut tx, lease).await.unwrap();
            assert_eq!((leased.len(), leased[0].attempts), (1, 0));
        }
        seen.lease_until = Some(lease);
        finish(&mut tx, &seen, MailState::Sent, Some(now)).await.unwrap();
        finish(&mut tx, &seen, MailState::Failed, None).await.unwrap();
        let state: Option<String> = sqlx::query_scalar(state).fetch_one(&mut *tx).await.unwrap();
        assert_eq!(state.as_deref(), Some(MailState::Sent.as_str()));
        assert_eq!(count(&mut tx).await.unwrap(), 0);
    }

    fn found(row: &Row) -> Row {
        Row {
            invitation_id: row.invitation_id.clone(),
            token: row.token.clone(),
            recipient: row.recipient.clone(),
            ..*row
        }
    }
}
