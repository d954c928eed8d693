use std::path::Path;

use serde::{Deserialize, Serialize, de::IgnoredAny};
use vaultshare::{
    api::{
        Id,
        vault::client_tasks::{ClientTask, ClientTaskChange, ClientTaskFilter, ClientTaskState},
    },
    workflows::{CompletedTask, PageRequest, TaskSelection},
};

use super::{Terminal, everything, progress, shares, warn_of_incomplete};
use crate::{
    arguments::{Auth, Listing, States},
    config_file::{self, ConfigFile},
    output::{self, Document},
};

const KIND: &str = "ClientTaskQueue";

pub(super) async fn list(
    terminal: &Terminal,
    listing: &Listing,
    states: States,
    limit: Option<u32>,
) -> anyhow::Result<()> {
    let filter = ClientTaskFilter { states: states.states, target_id: None };
    let page = PageRequest { per_page: limit, ..listing.page() };
    let tasks = terminal.session(&listing.auth).await?.list_tasks(&filter, &page).await?;
    output::print(&Document { kind: KIND, spec: &tasks.entries })?;
    warn_of_incomplete(&tasks);
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    completed_tasks: Vec<ClientTask>,
    failed_tasks: Vec<Failed>,
}

#[derive(Serialize)]
struct Failed {
    #[serde(flatten)]
    task: ClientTask,
    #[serde(rename = "failureReason")]
    failure_reason: String,
}

pub(super) async fn run_batch(
    terminal: &Terminal,
    auth: &Auth,
    states: States,
    limit: Option<u32>,
) -> anyhow::Result<()> {
    let session = terminal.session(auth).await?;
    let mut selection = TaskSelection { limit, ..TaskSelection::default() };
    if !states.states.is_empty() {
        selection.states = states.states;
    }
    // The guides print the tasks as they were before they ran.
    let filter = ClientTaskFilter { states: selection.states.clone(), target_id: None };
    let before = session.list_tasks(&filter, &everything()).await?.entries;
    let as_it_was = |task: ClientTask| before.iter().find(|listed| listed.id == task.id).cloned().unwrap_or(task);
    let run = session.run_tasks(&selection, &progress()).await?;
    let failed = run
        .failed
        .into_iter()
        .map(|failed| Failed { task: as_it_was(failed.task), failure_reason: failed.reason.to_string() });
    let completed = run.completed.iter().map(|completed| as_it_was(completed.task.clone()));
    output::print(&Batch { failed_tasks: failed.collect(), completed_tasks: completed.collect() })?;
    for CompletedTask { task, refreshed } in &run.completed {
        if let Some(item_id) = &task.target_id {
            shares::report(item_id, refreshed);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
struct TypedTask {
    id: Id,
    state: ClientTaskState,
}

pub(super) async fn update(
    terminal: &Terminal,
    file: &Path,
    state: Option<ClientTaskState>,
    auth: &Auth,
) -> anyhow::Result<()> {
    let queue: ConfigFile<Option<IgnoredAny>, Vec<TypedTask>> = config_file::read(file, KIND)?;
    let change = |task: TypedTask| ClientTaskChange { id: task.id, state: state.unwrap_or(task.state), report: None };
    let changes = queue.spec.into_iter().map(change).collect();
    let tasks = terminal.session(auth).await?.set_task_states(changes).await?;
    output::print(&Document { kind: KIND, spec: tasks })
}
