//! Client tasks: work that only a client can do, because only clients hold keys (http-api §10). When an owner changes
//! an item that is shared, one task asks the owner's client to encrypt the new values for those it is shared with.

use axum::{Json, Router, extract::State, routing::get};
use sqlx::{AnyConnection, FromRow};
use vaultshare::api::{
    Id, JsonObject, PageMeta,
    vault::client_tasks::{ClientTask, ClientTaskChange, ClientTaskState, ClientTasksChange, ClientTasksResponse},
};

use super::Vault;
use crate::{
    clock::{Clock, Millis, to_wire},
    error::{Error, Result},
    paging::{Order, Page},
    request::{Body, Parameters},
    service::Service,
    sessions::Session,
    store::{Statement, new_id},
    wire::{Stored, maybe_time},
};

/// A client that took a task and said nothing more for this long has probably gone.
const GIVEN_UP_AFTER: Millis = 10 * 60 * 1000;
const UPDATE_ITEM_SHARES: &str = "update_item_shares";

pub(super) fn routes() -> Router<Vault> {
    Router::new().route("/client_task_queue", get(list).put(change))
}

/// Lists tasks, and if asked to marks those it lists as taken. The reply shows them as they were before: clients
/// refuse to run a task that is shown as taken.
async fn list(
    State(vault): State<Vault>,
    session: Session,
    parameters: Parameters,
) -> Result<Json<ClientTasksResponse>> {
    let page = Page::of(&parameters, Order::Descending);
    let mut states = parameters.list("state");
    if states.is_empty() {
        states.push("todo".to_owned());
    }
    let now = vault.clock().now();
    let mut tx = vault.store().write().await?;
    take_back_given_up(&mut tx, &session.user_id, now).await?;
    let select = Statement::new(TASKS)
        .text(" AND user_id = ?", &session.user_id)
        .any_of(" AND state IN (?)", &states)
        .text_if(" AND target_id = ?", parameters.one("target_id"))
        .text_if(" AND work_type = ?", parameters.one("work_type"))
        .page("sequence", &page);
    let (rows, next_page_after) = page.cut(select.fetch(&mut tx).await?, |row: &Row| row.sequence);
    if changes_state(&parameters) {
        let taken: Vec<&str> = rows.iter().filter(|row| row.state == "todo").map(|row| row.id.as_str()).collect();
        take(&mut tx, &taken, now).await?;
    }
    tx.commit().await?;
    let client_tasks = rows.into_iter().map(Row::wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(ClientTasksResponse { client_tasks, next_page_after, meta }))
}

async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<ClientTasksChange>,
) -> Result<Json<ClientTasksResponse>> {
    let mut tx = vault.store().write().await?;
    let client_tasks = set_states(&mut tx, &session.user_id, &request.client_tasks, vault.clock()).await?;
    tx.commit().await?;
    Ok(Json(ClientTasksResponse { client_tasks, next_page_after: None, meta: PageMeta::of(None) }))
}

// The rules.

/// Clients of before 2021 ask not to change the state, later ones ask to; those that ask for neither want to look.
fn changes_state(parameters: &Parameters) -> bool {
    match (parameters.flag("change_state"), parameters.flag("supress_changing_state")) {
        (Some(change), _) => change,
        (None, Some(suppress)) => !suppress,
        (None, None) => false,
    }
}

/// Asks the owner's client to bring the shares of an item up to date: once, however many shares there are and however
/// often the item changes meanwhile. An item that nobody shares needs nothing.
pub(super) async fn ask_for_update_of_shares(
    db: &mut AnyConnection,
    owner_id: &str,
    item_id: &str,
    clock: &Clock,
) -> Result<()> {
    if count(db, "SELECT COUNT(*) FROM shares WHERE item_id = $1", item_id).await? == 0 {
        return Ok(());
    }
    let waiting = "SELECT COUNT(*) FROM client_tasks WHERE target_id = $1 AND state = 'todo'";
    if count(db, waiting, item_id).await? > 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO client_tasks (id, user_id, work_type, target_id, state, report, created_at, sequence) \
         VALUES ($1, $2, $3, $4, 'todo', '{}', $5, $6)",
    )
    .bind(new_id())
    .bind(owner_id)
    .bind(UPDATE_ITEM_SHARES)
    .bind(item_id)
    .bind(clock.now())
    .bind(clock.sequence())
    .execute(db)
    .await?;
    Ok(())
}

/// Sets tasks of this user to the states given, all or none.
pub(super) async fn set_states(
    db: &mut AnyConnection,
    user_id: &str,
    changes: &[ClientTaskChange],
    clock: &Clock,
) -> Result<Vec<ClientTask>> {
    let mut tasks = Vec::with_capacity(changes.len());
    for change in changes {
        let report = change.report.as_ref().map(serde_json::to_string).transpose()?;
        find(db, change.id.as_str(), user_id).await?;
        set_state(db, change.id.as_str(), change.state, report, clock.now()).await?;
        tasks.push(find(db, change.id.as_str(), user_id).await?.wire()?);
    }
    Ok(tasks)
}

// The queries.

const TASKS: &str = "SELECT id, work_type, target_id, state, report, last_state_transition_at, created_at, sequence \
     FROM client_tasks WHERE 1 = 1";

#[derive(FromRow)]
struct Row {
    id: String,
    work_type: String,
    target_id: String,
    state: String,
    report: String,
    last_state_transition_at: Option<Millis>,
    created_at: Millis,
    sequence: i64,
}

impl Row {
    fn wire(self) -> Result<ClientTask> {
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

async fn find(db: &mut AnyConnection, id: &str, user_id: &str) -> Result<Row> {
    let select = Statement::new(TASKS).text(" AND id = ?", id).text(" AND user_id = ?", user_id);
    select.fetch(db).await?.pop().ok_or_else(|| Error::not_found("client_task_not_found"))
}

async fn count(db: &mut AnyConnection, sql: &'static str, id: &str) -> Result<i64> {
    Ok(sqlx::query_scalar(sql).bind(id).fetch_one(db).await?)
}

async fn set_state(
    db: &mut AnyConnection,
    id: &str,
    state: ClientTaskState,
    report: Option<String>,
    now: Millis,
) -> Result<()> {
    sqlx::query(
        "UPDATE client_tasks SET state = $1, report = COALESCE($2, report), last_state_transition_at = $3 \
         WHERE id = $4",
    )
    .bind(state.as_str())
    .bind(report)
    .bind(now)
    .bind(id)
    .execute(db)
    .await?;
    Ok(())
}

async fn take(db: &mut AnyConnection, ids: &[&str], now: Millis) -> Result<()> {
    Statement::new("UPDATE client_tasks SET state = 'in_progress'")
        .number(", last_state_transition_at = ?", now)
        .any_of(" WHERE id IN (?)", ids)
        .execute(db)
        .await
}

async fn take_back_given_up(db: &mut AnyConnection, user_id: &str, now: Millis) -> Result<()> {
    sqlx::query(
        "UPDATE client_tasks SET state = 'todo', last_state_transition_at = $1 \
         WHERE user_id = $2 AND state = 'in_progress' AND last_state_transition_at <= $3",
    )
    .bind(now)
    .bind(user_id)
    .bind(now - GIVEN_UP_AFTER)
    .execute(db)
    .await?;
    Ok(())
}

/// Removes the tasks about a record that goes.
pub(super) async fn delete_all_of(db: &mut AnyConnection, target_id: &str) -> Result<()> {
    sqlx::query("DELETE FROM client_tasks WHERE target_id = $1").bind(target_id).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_changes_state_only_when_asked_in_either_dialect() {
        let asked = |query: &str| changes_state(&Parameters::parse(query));
        assert!(!asked(""));
        assert!(!asked("supress_changing_state=true"));
        assert!(asked("supress_changing_state=false"));
        assert!(asked("change_state=true"));
        assert!(!asked("change_state=false"));
    }
}
