//! Client tasks: work on an item's shares that needs the owner's keys. `docs/protocol/http-api.md` §10.

use serde::Serialize;
use serde_json::Value;

use super::{Page, PageRequest, ProgressListener, Refreshed, Session, pagination::fetch_pages};
use crate::{
    api::{
        JsonObject,
        vault::{
            self,
            client_tasks::{ClientTask, ClientTaskChange, ClientTaskFilter, ClientTaskState},
        },
    },
    error::{Error, ErrorCode, Result},
};

/// The only `work_type` that this client can run.
const UPDATE_ITEM_SHARES: &str = "update_item_shares";

/// Numbers of client tasks that are not done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OutstandingTasks {
    /// Not taken by any client.
    pub todo: usize,
    /// Taken by a client, this one or another.
    pub in_progress: usize,
}

/// Which tasks to run.
#[derive(Clone, Debug)]
pub struct TaskSelection {
    /// The newest first; all where absent.
    pub limit: Option<u32>,
    /// Tasks in any of these states.
    pub states: Vec<ClientTaskState>,
}

impl Default for TaskSelection {
    /// All that nobody has taken, and those that failed.
    fn default() -> Self {
        TaskSelection { limit: None, states: vec![ClientTaskState::Todo, ClientTaskState::Failed] }
    }
}

/// What `run_tasks` gives.
#[derive(Clone, Debug, Default)]
pub struct TaskRun {
    /// As the Vault has them after their end was reported.
    pub completed: Vec<CompletedTask>,
    /// Can be run again.
    pub failed: Vec<FailedTask>,
}

/// A task that was run.
#[derive(Clone, Debug)]
pub struct CompletedTask {
    /// As the Vault has it.
    pub task: ClientTask,
    /// What it did, and whom it left out.
    pub refreshed: Refreshed,
}

/// A task that could not be run.
#[derive(Clone, Debug)]
pub struct FailedTask {
    /// As it was before the run.
    pub task: ClientTask,
    /// Also reported to the Vault, by its code.
    pub reason: Error,
}

impl Session {
    /// Newest first.
    pub async fn list_tasks(&self, filter: &ClientTaskFilter, page: &PageRequest) -> Result<Page<ClientTask>> {
        self.keys()?;
        fetch_pages(page, &|query| vault::client_tasks::list(self.vault(), filter, query)).await
    }

    /// Changes states without running anything, for tidying the queue by hand.
    pub async fn set_task_states(&self, changes: Vec<ClientTaskChange>) -> Result<Vec<ClientTask>> {
        self.keys()?;
        vault::client_tasks::update(self.vault(), changes).await.map(|response| response.client_tasks)
    }

    /// Counted over all pages of the list.
    pub async fn count_tasks(&self) -> Result<OutstandingTasks> {
        self.keys()?;
        count_outstanding(self).await
    }

    /// Runs the selected tasks one after the other and reports each result to the Vault.
    pub async fn run_tasks(&self, selection: &TaskSelection, progress: &ProgressListener) -> Result<TaskRun> {
        self.keys()?;
        let limit = selection.limit;
        let filter = ClientTaskFilter { states: selection.states.clone(), target_id: None };
        let page = PageRequest { per_page: limit, after: None, all: limit.is_none() };
        let mut tasks = self.list_tasks(&filter, &page).await?.entries;
        tasks.truncate(limit.map_or(usize::MAX, |limit| limit as usize));

        let mut run = TaskRun::default();
        let total = tasks.len() as u64;
        for (done, task) in (0..).zip(tasks) {
            progress.report("updating shares", done, total);
            match self.take_and_run(&task).await {
                Ok(task) => run.completed.push(task),
                Err(reason) => run.failed.push(FailedTask { task, reason }),
            }
        }
        progress.report("updated", total, total);
        Ok(run)
    }

    /// Sets the task to `in_progress` first, so that no other client begins it.
    async fn take_and_run(&self, task: &ClientTask) -> Result<CompletedTask> {
        self.set_state(task, ClientTaskState::InProgress, None).await?;
        match self.run_task(task).await {
            Ok(refreshed) => {
                let report = Some(to_object(&refreshed.counts()));
                let task = self.set_state(task, ClientTaskState::Done, report).await?;
                Ok(CompletedTask { task, refreshed })
            }
            Err(reason) => {
                // If this report fails as well, the Vault resets the task after a timeout.
                let _ = self
                    .set_state(
                        task,
                        ClientTaskState::Failed,
                        Some(to_object(&FailureReport { error: reason.code().as_str() })),
                    )
                    .await;
                Err(reason)
            }
        }
    }

    async fn set_state(
        &self,
        task: &ClientTask,
        state: ClientTaskState,
        report: Option<JsonObject>,
    ) -> Result<ClientTask> {
        let change = ClientTaskChange { id: task.id.clone(), state, report };
        let changed = vault::client_tasks::update(self.vault(), vec![change]).await?;
        for changed in changed.client_tasks {
            if changed.id == task.id {
                return Ok(changed);
            }
        }
        Ok(ClientTask { state, ..task.clone() })
    }

    async fn run_task(&self, task: &ClientTask) -> Result<Refreshed> {
        let not_known =
            || Error::new(ErrorCode::BadResponse, "this client does not know how to do a task of this kind");
        let item_id = task.target_id.as_ref().filter(|_| task.work_type == UPDATE_ITEM_SHARES).ok_or_else(not_known)?;
        self.refresh_shares(item_id, &[], &ProgressListener::none()).await
    }
}

fn to_object(report: &impl Serialize) -> JsonObject {
    match serde_json::to_value(report) {
        Ok(Value::Object(report)) => report,
        _ => JsonObject::new(),
    }
}

pub(super) async fn count_outstanding(session: &Session) -> Result<OutstandingTasks> {
    let filter = ClientTaskFilter { states: vec![ClientTaskState::Todo, ClientTaskState::InProgress], target_id: None };
    let all = PageRequest { all: true, ..PageRequest::default() };
    let tasks = session.list_tasks(&filter, &all).await?.entries;
    let todo = tasks.iter().filter(|task| task.state == ClientTaskState::Todo).count();
    Ok(OutstandingTasks { todo, in_progress: tasks.len() - todo })
}

#[derive(Serialize)]
struct FailureReport {
    error: &'static str,
}
