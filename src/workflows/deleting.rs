use super::Session;
use crate::{
    api::Id,
    error::{ErrorCode, Result},
    http::Reply,
};

impl Session {
    /// A deletion whose answer was lost has perhaps been done: when it is asked for again, what is gone is what was wanted.
    pub(super) async fn delete_once(&self, content: (&'static str, &Id), deletion: Reply<'_, ()>) -> Result<()> {
        let wish = self.keys()?.unfinished.wish(content)?;
        match deletion.await {
            Err(error) if error.code() == ErrorCode::NotFound && !wish.made_before() => {
                wish.fulfilled();
                return Err(error);
            }
            Err(error) if error.code() != ErrorCode::NotFound => return Err(error),
            _ => {}
        }
        wish.fulfilled();
        self.keys()?.unfinished.forget();
        Ok(())
    }
}
