//! What a session remembers, kept on the device for the next one: a server cannot go back behind what either has seen.

use super::{
    Session,
    login::server_not_proven,
    memory::{KeptMemory, ServerProof},
};
use crate::{
    crypto::places::Place,
    error::{Error, Result},
};

impl Session {
    /// What this session remembers, sealed under the DEK: for a client that keeps it between sessions.
    pub async fn export_memory(&self) -> Result<String> {
        let keys = self.keys()?;
        keys.dek.encrypt_note(&keys.remembered(), &Place::Memory { user: self.user_id().as_str() }).await
    }

    /// Adds what an earlier session of this user exported. `MISPLACED` where it was another user's; `SERVER_NOT_PROVEN` as
    /// [`Session::check_server`] has it.
    pub async fn import_memory(&self, sealed: &str) -> Result<()> {
        self.add_memory(sealed).await?;
        self.check_server()
    }

    async fn add_memory(&self, sealed: &str) -> Result<()> {
        let keys = self.keys()?;
        let memory = keys.dek.decrypt_note(sealed, &Place::Memory { user: self.user_id().as_str() }).await?;
        let memory = serde_json::from_slice(&memory);
        let memory = memory.map_err(|_| Error::invalid_argument("this is not what a session remembered"))?;
        keys.memory.borrow_mut().merge(memory);
        // They were accepted by what was known then.
        keys.forget_connections();
        Ok(())
    }

    /// `SERVER_NOT_PROVEN` where the Keystore has proved itself to a session that is remembered, and did not when this one was
    /// signed in.
    pub fn check_server(&self) -> Result<()> {
        let keys = self.keys()?;
        if keys.server == Some(ServerProof::Absent) && keys.memory.borrow().knows_proven_server() {
            return Err(server_not_proven());
        }
        Ok(())
    }

    /// How far back it remembers, in milliseconds since 1970.
    pub fn memory_since(&self) -> Result<u64> {
        Ok(self.keys()?.memory.borrow().since())
    }

    /// What a device keeps this user's memory under.
    pub fn memory_name(&self) -> Result<String> {
        Ok(self.keys()?.dek.memory_name())
    }

    /// Whether it has learnt something since [`Session::memory_was_kept`]; of a closed session nothing is to be kept.
    pub fn has_unkept_memory(&self) -> bool {
        self.keys().is_ok_and(|keys| keys.kept.borrow().version != Some(keys.memory.borrow().version()))
    }

    /// Adds what the device has kept, which another session may have written meanwhile, and gives what it is to keep instead:
    /// also where [`Session::check_server`] fails by then. `MISPLACED` and errors of decryption where it is not this user's.
    pub async fn merge_memory(&self, stored: Option<&str>) -> Result<KeptMemory> {
        let keys = self.keys()?;
        let is_own = stored.is_some_and(|stored| stored == keys.kept.borrow().text);
        if let Some(stored) = stored.filter(|_| !is_own) {
            self.add_memory(stored).await?;
        }
        let version = keys.memory.borrow().version();
        Ok(KeptMemory { text: self.export_memory().await?, version: Some(version) })
    }

    /// Says that the device has kept it.
    pub fn memory_was_kept(&self, kept: KeptMemory) {
        if let Ok(keys) = self.keys() {
            keys.kept.replace(kept);
        }
    }
}
