use std::num::NonZeroU32;

use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    api::vault::client_tasks::ClientTaskFilter,
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{answer::record, arguments::object},
    workflows::TaskSelection,
};

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "list" => {
            let (filter, page) = (arguments.take::<ClientTaskFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.list_tasks(&filter, &page).await?) })
        }
        "count" => work(async move { record(&session.count_tasks().await?) }),
        "run" => {
            let selection = arguments.take::<TaskSelection>("selection")?;
            work(async move { record(&session.run_tasks(&selection, &progress).await?) })
        }
        _ => unknown(),
    }
}

impl FromJson for ClientTaskFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        ClientTaskFilter { states: filter.or_default("states", flaws), target_id: filter.or_default("targetId", flaws) }
    }
}

impl FromJson for TaskSelection {
    fn from_json(selection: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut selection = object(selection, flaws);
        let limit = selection.or_default::<Option<NonZeroU32>>("limit", flaws);
        TaskSelection { limit: limit.map(NonZeroU32::get), ..TaskSelection::default() }
    }
}
