use js_sys::{Array, Reflect};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{arguments::Arguments, items::object, records, session::Handle};
use crate::{
    api::vault::client_tasks::{ClientTaskFilter, ClientTaskState},
    error::{Error, Result},
    workflows::TaskSelection,
};

/// Client tasks of a session.
#[wasm_bindgen]
pub struct ClientTasks {
    handle: Handle,
}

impl ClientTasks {
    pub(super) fn new(handle: Handle) -> Self {
        ClientTasks { handle }
    }
}

#[wasm_bindgen]
impl ClientTasks {
    /// A page of tasks, newest first.
    pub async fn list(&self, filter: JsValue, page: JsValue) -> Result<JsValue> {
        let (filter, page) = (Arguments::of(&filter)?, Arguments::of(&page)?);
        let states = filter.texts("states")?.iter().map(|state| parse_state(state)).collect::<Result<_>>()?;
        let filter = ClientTaskFilter { states, target_id: filter.id("targetId")? };
        let call = self.handle.call(&page)?;
        let tasks = call.run(self.handle.session.list_tasks(&filter, &page.page()?)).await?;
        records::to_js(&records::Page::<records::ClientTask>::of(&tasks))
    }

    /// How many tasks are not done yet.
    pub async fn count(&self, options: JsValue) -> Result<JsValue> {
        let call = self.handle.call(&Arguments::of(&options)?)?;
        let count = call.run(self.handle.session.count_tasks()).await?;
        records::to_js(&records::OutstandingTasks::from(count))
    }

    /// Runs the waiting tasks.
    pub async fn run(&self, options: JsValue) -> Result<JsValue> {
        let options = Arguments::of(&options)?;
        let selection = TaskSelection { limit: options.number("limit", 1)?, ..TaskSelection::default() };
        let call = self.handle.call(&options)?;
        let progress = call.progress.clone();
        let run = call.run(self.handle.session.run_tasks(&selection, &progress)).await?;
        let completed: Vec<_> = run.completed.iter().map(records::ClientTask::from).collect();
        let failed = Array::new();
        for failure in run.failed {
            let task = records::to_js(&records::ClientTask::from(&failure.task))?;
            let _ = Reflect::set(&task, &JsValue::from_str("reason"), &failure.reason.into());
            failed.push(&task);
        }
        Ok(object([("completed", records::to_js(&completed)?), ("failed", failed.into())]))
    }
}

fn parse_state(state: &str) -> Result<ClientTaskState> {
    match state {
        "todo" => Ok(ClientTaskState::Todo),
        "in_progress" => Ok(ClientTaskState::InProgress),
        "done" => Ok(ClientTaskState::Done),
        "failed" => Ok(ClientTaskState::Failed),
        _ => Err(Error::invalid_argument("`states` holds \"todo\", \"in_progress\", \"done\" and \"failed\" only")),
    }
}
