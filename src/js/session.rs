use js_sys::Promise;
use wasm_bindgen::{JsValue, prelude::wasm_bindgen};
use web_sys::AbortController;

use super::{
    ahead::prepare_key_pairs, call::Call, classifications::Classifications, closing::Closing, connections::Connections,
    encryption_spaces::EncryptionSpaces, invitations::Invitations, items::Items, shares::Shares, tasks::ClientTasks,
    templates::Templates,
};
use crate::{
    error::{Error, Result},
    workflows,
};

/// A signed-in user.
#[wasm_bindgen]
pub struct Session {
    handle: Handle,
}

/// What every part of a session holds of it.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) session: workflows::Session,
    closing: Closing,
    /// Tells the same to JavaScript.
    abort: AbortController,
}

impl Handle {
    /// The session, and a call that ends with it at the latest.
    pub(super) fn begin(&self, options: &JsValue) -> (workflows::Session, Call) {
        (self.session.clone(), Call::new(options).until(self.closing.clone()))
    }

    fn close(&self) {
        self.session.close();
        self.closing.come();
        self.abort.abort();
        wipe_stack();
    }
}

impl Session {
    pub(super) fn new(session: workflows::Session, prepare: bool) -> Result<Session> {
        let abort = AbortController::new().map_err(|_| Error::internal("there is no AbortController here"))?;
        if prepare {
            prepare_key_pairs(session.ready_key_pairs(), abort.signal());
        }
        Ok(Session { handle: Handle { session, closing: Closing::default(), abort } })
    }
}

#[wasm_bindgen]
impl Session {
    /// The user's secret.
    #[wasm_bindgen(getter)]
    pub fn secret(&self) -> Result<String> {
        Ok(self.handle.session.secret()?.to_string())
    }

    /// The user's id in the Vault.
    #[wasm_bindgen(getter, js_name = userId)]
    pub fn user_id(&self) -> String {
        self.handle.session.user_id().to_string()
    }

    /// Templates.
    #[wasm_bindgen(getter)]
    pub fn templates(&self) -> Templates {
        Templates::new(self.handle.clone())
    }

    /// Items.
    #[wasm_bindgen(getter)]
    pub fn items(&self) -> Items {
        Items::new(self.handle.clone())
    }

    /// Invitations.
    #[wasm_bindgen(getter)]
    pub fn invitations(&self) -> Invitations {
        Invitations::new(self.handle.clone())
    }

    /// Connections.
    #[wasm_bindgen(getter)]
    pub fn connections(&self) -> Connections {
        Connections::new(self.handle.clone())
    }

    /// Shares.
    #[wasm_bindgen(getter)]
    pub fn shares(&self) -> Shares {
        Shares::new(self.handle.clone())
    }

    /// Classification nodes.
    #[wasm_bindgen(getter)]
    pub fn classifications(&self) -> Classifications {
        Classifications::new(self.handle.clone())
    }

    /// Client tasks.
    #[wasm_bindgen(getter)]
    pub fn tasks(&self) -> ClientTasks {
        ClientTasks::new(self.handle.clone())
    }

    /// Shares of the first protocol.
    #[wasm_bindgen(getter, js_name = encryptionSpaces)]
    pub fn encryption_spaces(&self) -> EncryptionSpaces {
        EncryptionSpaces::new(self.handle.clone())
    }

    /// Ends both server sessions and closes.
    #[wasm_bindgen(js_name = signOut)]
    pub fn sign_out(&self, options: &JsValue) -> Promise {
        let handle = self.handle.clone();
        // Not within the session's own end, which is this call's success.
        Call::new(options).promise(async move {
            handle.session.sign_out().await?;
            handle.close();
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Ends every other session of this user.
    #[wasm_bindgen(js_name = endOtherSessions)]
    pub fn end_other_sessions(&self, options: &JsValue) -> Promise {
        let (session, call) = self.handle.begin(options);
        call.promise(async move {
            session.end_other_sessions().await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Wipes every key; what is under way is given up.
    pub fn close(&self) {
        self.handle.close();
    }
}

/// Overwrites the part of the stack that earlier calls used and left: ciphers keep expanded keys there while they work.
#[inline(never)]
fn wipe_stack() {
    const DEPTH: usize = 256 * 1024;
    let mut used = [0xAA_u8; DEPTH];
    zeroize::Zeroize::zeroize(&mut used[..]);
    std::hint::black_box(&used);
}
