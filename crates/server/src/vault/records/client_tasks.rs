//! Tasks that wait for a client of their user.

use serde::Deserialize;
use sqlx::{AnyConnection, FromRow};
use utoipa::IntoParams;
use vaultshare::api::{Id, JsonObject, vault::client_tasks::ClientTask};

use super::IDS_PER_STATEMENT;
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Code, Error, Result},
    pagination::Page,
    query,
    store::{Statement, new_id, write_rows},
    wire::{Stored, maybe_time},
};

/// The parameters that filter a list of tasks.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct TaskFilter {
    /// Tasks in one of these states; `todo` where there is none.
    #[serde(alias = "state[]", deserialize_with = "query::list")]
    state: Vec<String>,
    /// Tasks about this record.
    #[serde(deserialize_with = "query::text")]
    target_id: Option<String>,
    /// Tasks of this type.
    #[serde(deserialize_with = "query::text")]
    work_type: Option<String>,
}

/// A page of the user's tasks; those in state `todo` if the filter names none.
pub(crate) async fn list(db: &mut AnyConnection, user_id: &str, filter: &TaskFilter, page: &Page) -> Result<Vec<Row>> {
    let states = if filter.state.is_empty() { &["todo".to_owned()][..] } else { &filter.state };
    Statement::new(TASKS)
        .text(" AND user_id = ?", user_id)
        .any_of(" AND state IN (?)", states)
        .text_if(" AND target_id = ?", filter.target_id.as_deref())
        .text_if(" AND work_type = ?", filter.work_type.as_deref())
        .page("sequence", page)
        .fetch(db)
        .await
}

/// Whether a task about this record waits.
pub(crate) async fn is_queued(db: &mut AnyConnection, target_id: &str) -> Result<bool> {
    let waiting = sqlx::query_scalar("SELECT COUNT(*) FROM client_tasks WHERE target_id = $1 AND state = 'todo'");
    let waiting: i64 = waiting.bind(target_id).fetch_one(db).await?;
    Ok(waiting > 0)
}

pub(crate) async fn insert(
    db: &mut AnyConnection,
    user_id: &str,
    work_type: &str,
    target_id: &str,
    clock: &Clock,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO client_tasks (id, user_id, work_type, target_id, state, report, created_at, sequence) \
         VALUES ($1, $2, $3, $4, 'todo', '{}', $5, $6)",
    )
    .bind(new_id())
    .bind(user_id)
    .bind(work_type)
    .bind(target_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

const TASKS: &str = "SELECT id, work_type, target_id, state, report, last_state_transition_at, created_at, sequence \
     FROM client_tasks WHERE 1 = 1";

#[derive(Clone, FromRow)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) work_type: String,
    pub(crate) target_id: String,
    pub(crate) state: String,
    pub(crate) report: String,
    pub(crate) last_state_transition_at: Option<Millis>,
    pub(crate) created_at: Millis,
    pub(crate) sequence: i64,
}

impl Row {
    /// What it weighs in a list, in bytes of the reply.
    pub(crate) fn weight(&self) -> usize {
        512 + self.report.len()
    }

    pub(crate) fn wire(self) -> Result<ClientTask> {
        Ok(ClientTask {
            id: Id::stored(self.id)?,
            state: serde_json::from_value(self.state.into())?,
            work_type: self.work_type,
            target_id: Some(Id::stored(self.target_id)?),
            additional_options: JsonObject::new(),
            last_state_transition_at: maybe_time(self.last_state_transition_at),
            report: serde_json::from_str(&self.report)?,
            created_at: to_wire(self.created_at),
        })
    }
}

pub(crate) fn not_found() -> Error {
    Error::not_found(Code::ClientTaskNotFound)
}

/// Those of these tasks that are the user's.
pub(crate) async fn find_all(db: &mut AnyConnection, ids: &[&str], user_id: &str) -> Result<Vec<Row>> {
    let mut rows = Vec::with_capacity(ids.len());
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        // `|| ''` keeps SQLite from using the index on the user, who may have many more tasks than these.
        let select = Statement::new(TASKS).any_of(" AND id IN (?)", ids).text(" AND user_id || '' = ?", user_id);
        rows.extend(select.fetch::<Row>(db).await?);
    }
    Ok(rows)
}

/// Writes the states of tasks, and their reports.
pub(crate) async fn update_all(db: &mut AnyConnection, tasks: impl Iterator<Item = &Row>) -> Result<()> {
    let row = |task: &Row| {
        let (id, state, report) = (task.id.as_str(), task.state.as_str(), task.report.as_str());
        [id.into(), state.into(), report.into(), task.last_state_transition_at.into()]
    };
    let before = "UPDATE client_tasks SET state = changes.column2, report = changes.column3, \
         last_state_transition_at = CAST(changes.column4 AS BIGINT) FROM (VALUES";
    write_rows(db, before, tasks.map(row).collect(), ") AS changes WHERE client_tasks.id = changes.column1").await
}

/// Marks tasks as in progress.
pub(crate) async fn claim(db: &mut AnyConnection, ids: &[&str], now: Millis) -> Result<()> {
    for ids in ids.chunks(IDS_PER_STATEMENT) {
        Statement::new("UPDATE client_tasks SET state = 'in_progress'")
            .number(", last_state_transition_at = ?", now)
            .any_of(" WHERE id IN (?)", ids)
            .execute(db)
            .await?;
    }
    Ok(())
}

/// Returns tasks to the queue that have been in progress since `since` or longer.
pub(crate) async fn requeue_stale(db: &mut AnyConnection, user_id: &str, since: Millis, now: Millis) -> Result<()> {
    sqlx::query(
        "UPDATE client_tasks SET state = 'todo', last_state_transition_at = $1 \
         WHERE user_id = $2 AND state = 'in_progress' AND last_state_transition_at <= $3",
    )
    .bind(now)
    .bind(user_id)
    .bind(since)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes the tasks that were done, or failed, before this time.
pub(crate) async fn delete_done(db: &mut AnyConnection, before: Millis) -> Result<u64> {
    let delete = "DELETE FROM client_tasks WHERE id IN \
         (SELECT id FROM client_tasks WHERE last_state_transition_at <= $1 AND state IN ('done', 'failed') LIMIT 1000)";
    Ok(sqlx::query(delete).bind(before).execute(db).await?.rows_affected())
}

/// Deletes the tasks about a record.
pub(crate) async fn delete_all_of(db: &mut AnyConnection, target_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM client_tasks WHERE target_id = $1").bind(target_id).execute(db).await?;
    Ok(())
}
