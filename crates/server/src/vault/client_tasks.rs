//! Client tasks: work that only a client can do, because only clients hold keys (docs/protocol/http-api.md §10). When
//! an owner changes a shared item, one task asks the owner's client to encrypt the new values for all recipients.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Deserialize;
use sqlx::AnyConnection;
use utoipa::IntoParams;
use vaultshare::api::{
    PageMeta,
    vault::client_tasks::{ClientTask, ClientTaskChange, ClientTasksChange, ClientTasksResponse},
};

use super::{
    Vault,
    records::{
        client_tasks::{self, Row, TaskFilter},
        shares,
    },
};
use crate::{
    auth::Session,
    clock::{Clock, Millis},
    error::Result,
    pagination::{Order, PageParams},
    query::{self, Query},
    request::Body,
    service::Service,
};

/// A task that has been in progress this long is returned to the queue: its client has probably gone.
const STALE_AFTER: Millis = 10 * 60 * 1000;
const UPDATE_ITEM_SHARES: &str = "update_item_shares";

/// Whether listing tasks claims them. Clients of before 2021 ask not to change the state, later ones ask to; those that
/// ask for neither only want to look.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(super) struct ClaimParams {
    /// True has the tasks that are listed go from `todo` to `in_progress`. Vault API ≥ 22.
    #[serde(deserialize_with = "query::flag")]
    change_state: Option<bool>,
    /// False has them go there, in the protocol's spelling. Vault API 0.19.
    #[serde(deserialize_with = "query::flag")]
    supress_changing_state: Option<bool>,
}

impl ClaimParams {
    fn claims(&self) -> bool {
        match (self.change_state, self.supress_changing_state) {
            (Some(change), _) => change,
            (None, Some(suppress)) => !suppress,
            (None, None) => false,
        }
    }
}

/// Lists tasks, and claims those it lists if asked to. The reply shows them as they were before: clients refuse to run
/// a task that is in progress.
#[utoipa::path(
    get, path = "/client_task_queue",
    params(PageParams, TaskFilter, ClaimParams),
    responses((status = 200, body = ClientTasksResponse)),
)]
pub(super) async fn list(
    State(vault): State<Vault>,
    session: Session,
    Query(page): Query<PageParams>,
    Query(filter): Query<TaskFilter>,
    Query(params): Query<ClaimParams>,
) -> Result<Json<ClientTasksResponse>> {
    let page = page.page(Order::Descending);
    let now = vault.clock().now();
    let mut tx = vault.store().write().await?;
    client_tasks::requeue_stale(&mut tx, &session.user_id, now - STALE_AFTER, now).await?;
    let rows = client_tasks::list(&mut tx, &session.user_id, &filter, &page).await?;
    let (rows, next_page_after) = page.cut_by_weight(rows, |row: &Row| row.sequence, Row::weight);
    if params.claims() {
        let claimed: Vec<&str> = rows.iter().filter(|row| row.state == "todo").map(|row| row.id.as_str()).collect();
        client_tasks::claim(&mut tx, &claimed, now).await?;
    }
    tx.commit().await?;
    let client_tasks = rows.into_iter().map(Row::wire).collect::<Result<_>>()?;
    let meta = PageMeta::of(next_page_after.as_deref());
    Ok(Json(ClientTasksResponse { client_tasks, next_page_after, meta }))
}

/// Sets the states of tasks, all or none.
#[utoipa::path(
    put, path = "/client_task_queue",
    request_body = ClientTasksChange,
    responses((status = 200, body = ClientTasksResponse), (status = 404)),
)]
pub(super) async fn change(
    State(vault): State<Vault>,
    session: Session,
    Body(request): Body<ClientTasksChange>,
) -> Result<Json<ClientTasksResponse>> {
    let mut tx = vault.store().write().await?;
    let client_tasks = set_states(&mut tx, &session.user_id, &request.client_tasks, vault.clock()).await?;
    tx.commit().await?;
    Ok(Json(ClientTasksResponse { client_tasks, next_page_after: None, meta: PageMeta::of(None) }))
}

// Rules.

/// Queues one task for the owner to update the shares of an item, however many shares it has and however often it
/// changes before the task is done. An item without shares needs none.
pub(super) async fn queue_share_update(
    db: &mut AnyConnection,
    owner_id: &str,
    item_id: &str,
    clock: &Clock,
) -> Result<()> {
    if shares::count_of_item(db, item_id).await? == 0 || client_tasks::is_queued(db, item_id).await? {
        return Ok(());
    }
    client_tasks::insert(db, owner_id, UPDATE_ITEM_SHARES, item_id, clock).await
}

/// Sets the states of this user's tasks, of all or of none. Any number takes the same few statements.
pub(super) async fn set_states(
    db: &mut AnyConnection,
    user_id: &str,
    changes: &[ClientTaskChange],
    clock: &Clock,
) -> Result<Vec<ClientTask>> {
    let ids: Vec<&str> = changes.iter().map(|change| change.id.as_str()).collect();
    let found = client_tasks::find_all(db, &ids, user_id).await?.into_iter();
    let mut rows: BTreeMap<String, Row> = found.map(|row| (row.id.clone(), row)).collect();
    let mut tasks = Vec::with_capacity(changes.len());
    for change in changes {
        let row = rows.get_mut(change.id.as_str()).ok_or_else(client_tasks::not_found)?;
        row.state = change.state.as_str().to_owned();
        row.last_state_transition_at = Some(clock.now());
        if let Some(report) = &change.report {
            row.report = serde_json::to_string(report)?;
        }
        tasks.push(row.clone().wire()?);
    }
    client_tasks::update_all(db, rows.values()).await?;
    Ok(tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_changes_state_only_when_asked_in_either_dialect() {
        let asked = |query: &str| Query::<ClaimParams>::parse(query).unwrap().0.claims();
        assert!(!asked(""));
        assert!(!asked("supress_changing_state=true"));
        assert!(asked("supress_changing_state=false"));
        assert!(asked("change_state=true"));
        assert!(!asked("change_state=false"));
    }
}
