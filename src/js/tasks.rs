use js_sys::{Array, Promise, Reflect};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{arguments::Arguments, records, session::Handle};
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
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&page);
        call.promise(async move {
            let filter = Arguments::of(&filter)?;
            let states = filter.texts("states")?.iter().map(|state| parse_state(state)).collect::<Result<_>>()?;
            let filter = ClientTaskFilter { states, target_id: filter.id("targetId")? };
            let tasks = session.list_tasks(&filter, &Arguments::of(&page)?.page()?).await?;
            records::to_js(&records::Page::<records::ClientTask>::of(&tasks))
        })
    }

    /// How many tasks are not done yet.
    pub fn count(&self, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move { Ok(records::outstanding_tasks(session.count_tasks().await?)) })
    }

    /// Runs the waiting tasks.
    pub fn run(&self, options: JsValue) -> Promise {
        let (session, call) = self.handle.begin(&options);
        let progress = call.progress();
        call.promise(async move {
            let limit = Arguments::of(&options)?.number("limit", 1)?;
            let selection = TaskSelection { limit, ..TaskSelection::default() };
            let run = session.run_tasks(&selection, &progress).await?;
            let completed: Vec<_> = run.completed.iter().map(records::ClientTask::from).collect();
            let failed = Array::new();
            for failure in run.failed {
                let task = records::to_js(&records::ClientTask::from(&failure.task))?;
                let _ = Reflect::set(&task, &JsValue::from_str("reason"), &failure.reason.into());
                failed.push(&task);
            }
            Ok(records::object(&[("completed", records::to_js(&completed)?), ("failed", failed.into())]))
        })
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
