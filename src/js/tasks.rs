use js_sys::{JSON, Promise};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{object_or_default, positive_number},
    call::work,
    items::OutstandingTasks,
    results::{page, to_js},
    session::SessionHandle,
};
use crate::{
    api::{
        Id,
        vault::{
            self,
            client_tasks::{ClientTaskFilter, ClientTaskState},
        },
    },
    error::{Error, Result},
    workflows::TaskSelection,
};

#[wasm_bindgen]
pub struct ClientTasks {
    session: SessionHandle,
}

impl ClientTasks {
    pub(super) fn new(session: &SessionHandle) -> Self {
        ClientTasks { session: session.clone() }
    }
}

#[wasm_bindgen]
impl ClientTasks {
    pub fn list(&self, filter: JsValue, page: JsValue) -> Promise {
        self.session.list(&page, |session, request| {
            let TaskFilter { states, target_id } = object_or_default("filter", &filter)?;
            let filter = ClientTaskFilter { states: states.unwrap_or_default(), target_id };
            work(async move {
                let tasks = session.list_tasks(&filter, &request).await?;
                self::page(&tasks, |task| ClientTask::new(task, None))
            })
        })
    }

    pub fn count(&self, options: JsValue) -> Promise {
        self.session.call(&options, |session, _| {
            work(async move { to_js(&OutstandingTasks::new(session.count_tasks().await?)) })
        })
    }

    pub fn run(&self, options: JsValue) -> Promise {
        self.session.call(&options, |session, progress| {
            let limit = positive_number(&options, "limit")?;
            let selection = TaskSelection { limit, ..TaskSelection::default() };
            work(async move {
                let run = session.run_tasks(&selection, &progress).await?;
                let completed = run.completed.iter().map(|task| ClientTask::new(task, None)).collect::<Result<_>>()?;
                let failed = run.failed.iter().map(|failed| ClientTask::new(&failed.task, Some(&failed.reason)));
                to_js(&TaskRun { completed, failed: failed.collect::<Result<_>>()? })
            })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskFilter {
    states: Option<Vec<ClientTaskState>>,
    target_id: Option<Id>,
}

#[derive(Serialize)]
struct TaskRun<'a> {
    completed: Vec<ClientTask<'a>>,
    failed: Vec<ClientTask<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientTask<'a> {
    id: &'a Id,
    state: ClientTaskState,
    work_type: &'a str,
    target_id: Option<&'a Id>,
    created_at: &'a str,
    #[serde(with = "serde_wasm_bindgen::preserve")]
    report: JsValue,
    /// Why it failed, where it just did.
    #[serde(with = "serde_wasm_bindgen::preserve", skip_serializing_if = "JsValue::is_undefined")]
    reason: JsValue,
}

impl<'a> ClientTask<'a> {
    fn new(task: &'a vault::client_tasks::ClientTask, reason: Option<&Error>) -> Result<Self> {
        Ok(ClientTask {
            id: &task.id,
            state: task.state,
            work_type: &task.work_type,
            target_id: task.target_id.as_ref(),
            created_at: &task.created_at,
            report: report(task)?,
            reason: reason.cloned().map_or(JsValue::UNDEFINED, JsValue::from),
        })
    }
}

/// What another client wrote there may hold numbers that serde would not convert.
fn report(task: &vault::client_tasks::ClientTask) -> Result<JsValue> {
    let unreadable = || Error::internal("a task's report could not be converted");
    let text = serde_json::to_string(&task.report).map_err(|_| unreadable())?;
    JSON::parse(&text).map_err(|_| unreadable())
}
