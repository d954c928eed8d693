use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    api::vault::encryption_spaces::Direction,
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{answer::record, arguments::object},
    workflows::NewSpaceShare,
};

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "share" => {
            let share = arguments.take::<NewSpaceShare>("share")?;
            work(async move { record(&session.share_in_space(&share, &progress).await?) })
        }
        "list" => {
            let (direction, page) = (arguments.take::<Direction>("direction")?, arguments.page()?);
            work(async move { record(&session.list_space_shares(direction, &page).await?) })
        }
        "get" => {
            let id = arguments.id()?;
            work(async move { record(&session.get_space_share(&id).await?) })
        }
        _ => unknown(),
    }
}

impl FromJson for NewSpaceShare {
    fn from_json(share: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut share = object(share, flaws);
        NewSpaceShare {
            item_id: share.required("itemId", flaws),
            connection_id: share.required("connectionId", flaws),
            slot_id: share.or_default("slotId", flaws),
            terms: share.or_default("terms", flaws),
            expires_at: share.or_default("expiresAt", flaws),
        }
    }
}

impl FromJson for Direction {
    fn from_json(direction: Json<'_>, flaws: &mut Flaws) -> Self {
        match direction.into_text().as_deref() {
            Some("outgoing") => Direction::Outgoing,
            Some("incoming") => Direction::Incoming,
            _ => {
                flaws.note("\"incoming\" or \"outgoing\"");
                Direction::Incoming
            }
        }
    }
}
