//! Keys and ciphertexts. Bytes in, bytes out: this room knows no HTTP, no JavaScript objects, no workflow.
