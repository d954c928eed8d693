//! What portable RSA says when it does not do what it was asked for, wherever it is at work.

use crate::Error;

pub(super) fn generate() -> Error {
    Error::internal("the key pair could not be generated")
}

pub(super) fn encrypt() -> Error {
    Error::internal("the data could not be encrypted")
}

pub(super) fn verify() -> Error {
    Error::decryption_failed()
}

pub(super) fn import() -> Error {
    Error::invalid_argument("the parts of the private key do not belong together")
}

pub(super) fn decrypt() -> Error {
    Error::decryption_failed()
}

pub(super) fn sign() -> Error {
    Error::internal("the data could not be signed")
}
