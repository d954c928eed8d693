//! Finds what builds and tests need, and installs what is missing at a pinned version: into this repository where that
//! is possible (`.tools/`, `node_modules/`), through rustup or the system's package manager where it is not. Every
//! installation is announced, and a second run installs nothing.

mod browser;
mod cargo_programs;
mod engines;
mod node;
mod postgres;
mod python;
mod rust;
mod system;

pub(crate) use browser::Browser;
pub(crate) use cargo_programs::{
    cargo_about, cargo_cyclonedx, cargo_deny, cargo_fuzz, cargo_mutants, ensure as ensure_cargo_program,
    gungraun_runner, wasm_bindgen,
};
pub(crate) use engines::{Engine, EngineName};
pub(crate) use node::{
    ensure as ensure_node, ensure_packages as ensure_npm_packages, ensure_packages_of as ensure_npm_packages_of,
};
pub(crate) use postgres::ensure as ensure_postgres;
pub(crate) use python::{ensure_hadolint, ensure_schemathesis};
pub(crate) use rust::{ensure_component, ensure_wasm_target};
pub(crate) use system::ensure_program;
