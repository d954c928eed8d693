//! Client tasks: work that only a client can do, because only it holds the keys. `docs/protocol/http-api.md` §2.7 and
//! §10.

use serde::{Deserialize, Serialize};

use crate::{
    api::{
        Id, JsonObject, PageMeta, PageQuery, Timestamp,
        reading::{bounded_list, null_as_default},
    },
    http::{Reply, Service},
};

/// Progress of a task. A client sets it, and may set any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ClientTaskState {
    /// Waits for a client.
    Todo,
    /// A client works on it; our server sets it back to `todo` after ten minutes.
    InProgress,
    /// Finished.
    Done,
    /// A client tried and failed.
    Failed,
}

impl ClientTaskState {
    /// As the wire spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            ClientTaskState::Todo => "todo",
            ClientTaskState::InProgress => "in_progress",
            ClientTaskState::Done => "done",
            ClientTaskState::Failed => "failed",
        }
    }
}

/// A task of the reading user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClientTask {
    /// For [`ClientTaskChange::id`].
    pub id: Id,
    /// As of the request; our server does not change it by listing, unless the request asks for it.
    pub state: ClientTaskState,
    /// What to do. Our server only makes `update_item_shares`: encrypt an item again for everyone it is shared with.
    pub work_type: String,
    /// The record to work on: for `update_item_shares` the owner's item.
    #[serde(default)]
    pub target_id: Option<Id>,
    /// Empty for the work types that our server makes.
    #[serde(default, skip_deserializing)]
    pub additional_options: JsonObject,
    /// When `state` last changed: ISO-8601, UTC; null before the first change.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub last_state_transition_at: Option<Timestamp>,
    /// Free-form result, written by the client that ran the task.
    #[serde(default, deserialize_with = "null_as_default")]
    pub report: JsonObject,
    /// ISO-8601, UTC.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
}

/// The new state of one task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClientTaskChange {
    /// The task; 404 for one that is not of this user.
    pub id: Id,
    /// Any state, also an earlier one.
    pub state: ClientTaskState,
    /// Free-form result; `None` leaves the one that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<JsonObject>,
}

/// Body of `PUT /client_task_queue`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClientTasksChange {
    /// All are changed, or none.
    #[serde(deserialize_with = "bounded_list")]
    pub client_tasks: Vec<ClientTaskChange>,
}

/// Reply of `GET` and `PUT /client_task_queue`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ClientTasksResponse {
    /// Newest first.
    #[serde(deserialize_with = "bounded_list")]
    pub client_tasks: Vec<ClientTask>,
    /// The pagination cursor of the next page; null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Which tasks to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTaskFilter {
    /// Tasks in one of these states; empty means `todo`.
    pub states: Vec<ClientTaskState>,
    /// Tasks about this record; `None` does not filter.
    pub target_id: Option<Id>,
}

/// A page of tasks, newest first. Asks the server, in the terms of old and new versions, not to change their states by
/// it.
pub fn list<'a>(vault: &'a Service, filter: &ClientTaskFilter, page: &PageQuery) -> Reply<'a, ClientTasksResponse> {
    let request = vault.get(&["client_task_queue"]);
    let mut request = request.query("change_state", "false").query("supress_changing_state", "true");
    for state in &filter.states {
        request = request.query("state", state.as_str());
    }
    page.of(request.query_if_any("target_id", filter.target_id.as_ref().map(Id::as_str))).send()
}

/// Sets the states of several tasks.
pub fn update(vault: &Service, changes: Vec<ClientTaskChange>) -> Reply<'_, ClientTasksResponse> {
    let body = ClientTasksChange { client_tasks: changes };
    vault.put(&["client_task_queue"]).json(&body).send()
}
