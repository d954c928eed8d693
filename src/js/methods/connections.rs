use super::{Arguments, ProgressListener, Session, Work, unknown, work};
use crate::{
    error::Result,
    js::answer::{done, record},
    workflows::ConnectionDetails,
};

pub(super) fn begin(
    method: &str,
    mut arguments: Arguments<'_>,
    session: Session,
    progress: ProgressListener,
) -> Result<Work> {
    match method {
        "accept" => {
            let details = ConnectionDetails {
                token: arguments.take("token")?,
                invitation_id: arguments.take("invitationId")?,
                name: arguments.take("name")?,
                keypair_id: arguments.take("keypairId")?,
            };
            work(async move { record(&session.accept_invitation(&details, &progress).await?) })
        }
        "list" => {
            let page = arguments.page()?;
            work(async move { record(&session.list_connections(&page).await?) })
        }
        "get" => {
            let id = arguments.id()?;
            work(async move { record(&session.get_connection(&id).await?) })
        }
        "delete" => {
            let id = arguments.id()?;
            work(async move { done(session.delete_connection(&id).await) })
        }
        _ => unknown(),
    }
}
