//! The `on-demand` crate where it is too large to be loaded by every page: in the npm package's second module, which is
//! loaded on its first use. The package's loader hands in what does that (`pkg-template/on-demand.js`).
//!
//! Bytes cross in arrays made for the purpose: they are transferred to a worker, and zeroized by whoever reads them.

// wasm-bindgen exports public functions only; who calls them is out of the compiler's sight.
#![allow(unreachable_pub)]

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
};

use js_sys::{Array, Promise, Uint8Array};
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_futures::JsFuture;
use zeroize::Zeroizing;

use crate::{Error, ErrorCode, Result, error::Cause};

#[wasm_bindgen]
extern "C" {
    /// What gives out instances of the second module.
    pub type OnDemandModule;

    /// One in a worker, for operations of some milliseconds.
    #[wasm_bindgen(method, js_name = sharedInstance)]
    fn shared_instance(this: &OnDemandModule) -> Instance;

    /// One in a worker of its own, for an operation of seconds.
    #[wasm_bindgen(method, js_name = newInstance)]
    fn new_instance(this: &OnDemandModule) -> Instance;

    /// One in this thread, for operations of microseconds.
    #[wasm_bindgen(method, js_name = localInstance)]
    fn local_instance(this: &OnDemandModule) -> Instance;

    type Instance;

    /// The result of one of the exports of `crates/on-demand-module`.
    #[wasm_bindgen(method)]
    fn call(this: &Instance, operation: &str, values: &Array) -> Promise;

    /// Calls an export without waiting for its result.
    #[wasm_bindgen(method)]
    fn notify(this: &Instance, operation: &str, values: &Array);

    #[wasm_bindgen(method)]
    fn terminate(this: &Instance);

    /// `LoadError` of `pkg-template/instantiate.js`; other errors have no kind.
    #[wasm_bindgen(extends = js_sys::Error)]
    type LoadError;

    #[wasm_bindgen(method, getter)]
    fn kind(this: &LoadError) -> Option<String>;
}

thread_local! {
    static MODULE: RefCell<Option<OnDemandModule>> = const { RefCell::new(None) };
    static KEYS_SO_FAR: Cell<u32> = const { Cell::new(0) };
}

/// Called by the package's loader once this module has started.
#[wasm_bindgen(js_name = useOnDemandModule)]
pub fn use_on_demand_module(module: OnDemandModule) {
    MODULE.set(Some(module));
}

pub(crate) async fn bson_from_yaml(yaml: &[u8]) -> Result<Option<Vec<u8>>> {
    let instance = instance(OnDemandModule::local_instance)?;
    call(&instance, "bsonFromYaml", &[array(yaml)]).await.map(take_bytes)
}

pub(crate) async fn qr_code(text: &[u8]) -> Result<Option<Vec<u8>>> {
    let instance = instance(OnDemandModule::local_instance)?;
    call(&instance, "qrCode", &[array(text)]).await.map(take_bytes)
}

pub(super) async fn rsa_generate(bits: u32) -> Result<Option<Zeroizing<Vec<u8>>>> {
    let instance = Terminating(instance(OnDemandModule::new_instance)?);
    call(&instance.0, "generate", &[bits.into()]).await.map(take_secret)
}

pub(super) async fn rsa_encrypt(spki_der: &[u8], plaintext: &[u8]) -> Result<Option<Vec<u8>>> {
    let instance = instance(OnDemandModule::shared_instance)?;
    call(&instance, "encrypt", &[array(spki_der), array(plaintext)]).await.map(take_bytes)
}

pub(super) async fn rsa_verify(spki_der: &[u8], signature: &[u8], data: &[u8]) -> Result<bool> {
    let instance = instance(OnDemandModule::shared_instance)?;
    let verified = call(&instance, "verify", &[array(spki_der), array(signature), array(data)]).await?;
    Ok(verified.is_truthy())
}

/// A private key that the second module stores under a number.
pub(crate) struct PrivateKey {
    instance: Instance,
    number: u32,
}

impl PrivateKey {
    pub(super) async fn import(pkcs1_der: &[u8]) -> Result<Option<Self>> {
        let number = KEYS_SO_FAR.get();
        KEYS_SO_FAR.set(number.wrapping_add(1));
        // Made before the call, so that dropping this future removes the key there too.
        let key = PrivateKey { instance: instance(OnDemandModule::shared_instance)?, number };
        let imported = call(&key.instance, "importKey", &[number.into(), array(pkcs1_der)]).await?;
        Ok(imported.is_truthy().then_some(key))
    }

    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>> {
        call(&self.instance, "decrypt", &[self.number.into(), array(ciphertext)]).await.map(take_secret)
    }

    pub(super) async fn sign(&self, data: &[u8]) -> Result<Option<Vec<u8>>> {
        call(&self.instance, "sign", &[self.number.into(), array(data)]).await.map(take_bytes)
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.instance.notify("forgetKey", &Array::of1(&self.number.into()));
    }
}

/// An instance whose worker ends with the work, also where the future is dropped.
struct Terminating(Instance);

impl Drop for Terminating {
    fn drop(&mut self) {
        self.0.terminate();
    }
}

fn instance(kind: impl FnOnce(&OnDemandModule) -> Instance) -> Result<Instance> {
    let instance = MODULE.with_borrow(|module| module.as_ref().map(kind));
    instance.ok_or_else(|| Error::internal("the package's loader has not handed in its second module"))
}

/// The result of an operation; `undefined` where that failed.
async fn call(instance: &Instance, operation: &str, values: &[JsValue]) -> Result<JsValue> {
    let result = instance.call(operation, &values.iter().collect());
    JsFuture::from(result).await.map_err(|error| not_carried_out(error.unchecked_ref()))
}

fn not_carried_out(error: &LoadError) -> Error {
    let message = String::from(error.message());
    match error.kind().as_deref() {
        Some("network") => {
            let cause: Cause = Rc::new(error.cause());
            Error::new(ErrorCode::Network, message).with_cause(Some(cause))
        }
        Some("status") => Error::new(ErrorCode::BadResponse, message),
        Some(_) => Error::internal(message),
        None => Error::internal(format!("the on-demand module stopped working: {message}")),
    }
}

fn array(bytes: &[u8]) -> JsValue {
    Uint8Array::from(bytes).into()
}

/// Copies bytes out of an array, and zeroizes that. `None` where there is no array.
fn take_bytes(result: JsValue) -> Option<Vec<u8>> {
    let array = result.dyn_into::<Uint8Array>().ok()?;
    let bytes = array.to_vec();
    array.fill(0, 0, array.length());
    Some(bytes)
}

fn take_secret(result: JsValue) -> Option<Zeroizing<Vec<u8>>> {
    take_bytes(result).map(Zeroizing::new)
}
