use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    error::Result,
    http::{Flaws, FromJson, Json},
    js::{
        answer::{done, record},
        arguments::object,
    },
    workflows::NewInvitation,
};

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "create" => {
            let invitation = arguments.take::<NewInvitation>("invitation")?;
            work(async move { record(&*session.create_invitation(&invitation, &progress).await?) })
        }
        "list" => {
            let page = arguments.page()?;
            work(async move { record(&session.list_invitations(&page).await?) })
        }
        "cancel" => {
            let id = arguments.id()?;
            work(async move { done(session.cancel_invitation(&id).await) })
        }
        _ => unknown(),
    }
}

impl FromJson for NewInvitation {
    fn from_json(invitation: Json<'_>, flaws: &mut Flaws) -> Self {
        let mut invitation = object(invitation, flaws);
        NewInvitation {
            name: invitation.required("name", flaws),
            email: invitation.or_default("email", flaws),
            keypair_id: invitation.or_default("keypairId", flaws),
        }
    }
}
