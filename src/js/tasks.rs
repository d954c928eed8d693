use js_sys::{JSON, Promise};
use serde::{Deserialize, Serialize};
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};

use super::{
    arguments::{Argument, object_or_default, positive_number},
    call::work,
    items::OutstandingTasks,
    results::{page, to_js},
    session_handle::SessionHandle,
    shares::LeftOut,
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
    workflows::{CompletedTask, FailedTask, TaskSelection},
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
                self::page(&tasks, ClientTask::new)
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
                let completed = run.completed.iter().map(ClientTask::completed).collect::<Result<_>>()?;
                let failed = run.failed.iter().map(ClientTask::failed).collect::<Result<_>>()?;
                to_js(&TaskRun { completed, failed })
            })
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TaskFilter {
    states: Option<Vec<ClientTaskState>>,
    target_id: Option<Id>,
}

impl Argument for TaskFilter {}

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
    /// Whom it left out, where it was just run.
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<Vec<LeftOut<'a>>>,
    /// Why it failed, where it just did.
    #[serde(with = "serde_wasm_bindgen::preserve", skip_serializing_if = "JsValue::is_undefined")]
    reason: JsValue,
}

impl<'a> ClientTask<'a> {
    fn new(task: &'a vault::client_tasks::ClientTask) -> Result<Self> {
        Ok(ClientTask {
            id: &task.id,
            state: task.state,
            work_type: &task.work_type,
            target_id: task.target_id.as_ref(),
            created_at: &task.created_at,
            report: report(task)?,
            left_out: None,
            reason: JsValue::UNDEFINED,
        })
    }

    fn completed(completed: &'a CompletedTask) -> Result<Self> {
        let left_out = Some(LeftOut::list(&completed.refreshed.left_out));
        Ok(ClientTask { left_out, ..ClientTask::new(&completed.task)? })
    }

    fn failed(failed: &'a FailedTask) -> Result<Self> {
        Ok(ClientTask { reason: failed.reason.clone().into(), ..ClientTask::new(&failed.task)? })
    }
}

/// What another client wrote there may hold numbers that serde would not convert.
fn report(task: &vault::client_tasks::ClientTask) -> Result<JsValue> {
    let unreadable = || Error::internal("a task's report could not be converted");
    let text = serde_json::to_string(&task.report).map_err(|_| unreadable())?;
    JSON::parse(&text).map_err(|_| unreadable())
}
