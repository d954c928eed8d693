use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    api::{
        Id,
        vault::shares::{Acceptance, IncomingFilter, OutgoingFilter},
    },
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{
        answer::{done, record},
        arguments::object,
    },
    workflows::{NewShare, ShareTerms},
};

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "create" => {
            let share = arguments.take::<NewShare>("share")?;
            work(async move { record(&session.create_share(&share, &progress).await?) })
        }
        "incoming" => {
            let (filter, page) = (arguments.take::<IncomingFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.incoming_shares(&filter, &page).await?) })
        }
        "outgoing" => {
            let (filter, page) = (arguments.take::<OutgoingFilter>("filter")?, arguments.page()?);
            work(async move { record(&session.outgoing_shares(&filter, &page).await?) })
        }
        "get" => {
            let id = arguments.id()?;
            work(async move { record(&session.get_share(&id).await?) })
        }
        "info" => {
            let id = arguments.id()?;
            work(async move { record(&*session.share_info(&id).await?) })
        }
        "accept" => {
            let id = arguments.id()?;
            work(async move { record(&*session.accept_share(&id).await?) })
        }
        "change" => {
            let (id, terms) = (arguments.id()?, arguments.take::<ShareTerms>("change")?);
            work(async move { record(&session.change_share(&id, &terms).await?) })
        }
        "delete" => {
            let id = arguments.id()?;
            work(async move { done(session.delete_share(&id).await) })
        }
        "refresh" => {
            let item_id = arguments.take::<Id>("itemId")?;
            work(async move { record(&session.refresh_shares(&item_id, &progress).await?) })
        }
        _ => unknown(),
    }
}

impl FromJson for NewShare {
    fn from_json(share: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut share = object(share, flaws);
        NewShare {
            item_id: share.required("itemId", flaws),
            connection_id: share.required("connectionId", flaws),
            slot_id: share.or_default("slotId", flaws),
            terms: share.or_default("terms", flaws),
            acceptance_required: share.or_default("acceptanceRequired", flaws),
            on_sharing: share.or_default("onSharing", flaws),
            expires_at: share.or_default("expiresAt", flaws),
        }
    }
}

impl FromJson for IncomingFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        let must_accept = filter.or_default::<bool>("mustAccept", flaws);
        IncomingFilter {
            acceptance_required: must_accept.then_some(Acceptance::AcceptanceRequired),
            own_connection_id: filter.or_default("connectionId", flaws),
            ..IncomingFilter::default()
        }
    }
}

impl FromJson for OutgoingFilter {
    fn from_json(filter: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut filter = object(filter, flaws);
        OutgoingFilter {
            item_ids: filter.or_default("itemIds", flaws),
            own_connection_id: filter.or_default("connectionId", flaws),
            ..OutgoingFilter::default()
        }
    }
}

impl FromJson for ShareTerms {
    fn from_json(change: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut change = object(change, flaws);
        ShareTerms {
            // Left out, the end stays; null takes it away.
            expires_at: change.take_if_there("expiresAt").map(|instant| Option::from_json(instant, flaws)),
            on_sharing: change.or_default("onSharing", flaws),
        }
    }
}
