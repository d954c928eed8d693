//! Client tasks: work that only a client can do, because only it holds the keys. `docs/protocol/http-api.md` §2.7 and §10.

use serde::{Deserialize, Serialize};

use crate::{
    api::{Id, JsonObject, PageMeta, PageQuery, Timestamp, reading::null_as_default},
    http::{Reply, Service},
};

/// How far a task is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientTaskState {
    /// Waits for a client.
    Todo,
    /// Taken by one.
    InProgress,
    /// Finished.
    Done,
    /// Tried in vain.
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

/// One task.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientTask {
    /// The task's id.
    pub id: Id,
    /// How far it is.
    pub state: ClientTaskState,
    /// What is to be done: `update_item_shares` re-encrypts an item for those it is shared with.
    pub work_type: String,
    /// What it is to be done to: for `update_item_shares` the owner's item.
    #[serde(default)]
    pub target_id: Option<Id>,
    /// Always empty.
    #[serde(default, skip_deserializing)]
    pub additional_options: JsonObject,
    /// Instant.
    #[serde(default)]
    #[cfg_attr(not(feature = "whole-records"), serde(skip_deserializing))]
    pub last_state_transition_at: Option<Timestamp>,
    /// What the client that ran it noted.
    #[serde(default, deserialize_with = "null_as_default")]
    pub report: JsonObject,
    /// Instant.
    #[serde(default, deserialize_with = "null_as_default")]
    pub created_at: Timestamp,
}

/// A task's new state.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientTaskChange {
    /// The task.
    pub id: Id,
    /// The state.
    pub state: ClientTaskState,
    /// What the client notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<JsonObject>,
}

/// Body of `PUT /client_task_queue`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientTasksChange {
    /// The changes.
    pub client_tasks: Vec<ClientTaskChange>,
}

/// Reply of `GET` and `PUT /client_task_queue`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ClientTasksResponse {
    /// The tasks, newest first.
    pub client_tasks: Vec<ClientTask>,
    /// The cursor of the next page, null on the last.
    #[serde(default)]
    pub next_page_after: Option<String>,
    /// See [`PageMeta`].
    #[serde(default, skip_deserializing)]
    pub meta: Vec<PageMeta>,
}

/// Which tasks a list is to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTaskFilter {
    /// In one of these states; `todo` where empty.
    pub states: Vec<ClientTaskState>,
    /// About this record.
    pub target_id: Option<Id>,
}

/// A page of tasks, newest first. Listing them changes nothing.
pub fn list<'a>(vault: &'a Service, filter: &ClientTaskFilter, page: &PageQuery) -> Reply<'a, ClientTasksResponse> {
    let request = vault.get(&["client_task_queue"]);
    let mut request = request.query("change_state", "false").query("supress_changing_state", "true");
    for state in &filter.states {
        request = request.query("state", state.as_str());
    }
    page.of(request.query_if_any("target_id", filter.target_id.as_ref().map(Id::as_str))).send()
}

/// Sets tasks' states.
pub fn update(vault: &Service, changes: Vec<ClientTaskChange>) -> Reply<'_, Vec<ClientTask>> {
    let body = ClientTasksChange { client_tasks: changes };
    vault.put(&["client_task_queue"]).json(&body).send_for("client_tasks")
}
