//! Short names for what a module imports from its JavaScript half, and no export of what it does not import.
//!
//! `wasm-bindgen` tells them apart by hashes, which no compression shortens, and writes each into both halves: 2 kB that
//! nobody reads. What only panics imported is not imported any more once they say nothing; where it is no export either, it is
//! dropped with all unused code.

use anyhow::{Context, bail};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Import, ImportSection, Imports, Module};
use wasmparser::{FunctionBody, Parser};

/// How the names begin that `wasm-bindgen` makes, and the one that is for whoever starts the module.
const MADE: &str = "export function __wb";
const TO_START: &str = "function __wbg_set_wasm(";

/// The module and its JavaScript half, called `half`, with other names for what they share.
pub(crate) fn shorten(module: &[u8], javascript: &str, half: &str) -> anyhow::Result<(Vec<u8>, String)> {
    let mut renamed = Module::new();
    let mut renamer = Renamer { half: format!("./{half}"), long: Vec::new() };
    renamer.parse_core_module(&mut renamed, Parser::new(0), module).context("cannot rename what the module imports")?;

    let mut javascript = javascript.to_owned();
    for (index, long) in renamer.long.iter().enumerate() {
        let (export, short) = (format!("export function {long}("), format!("export function {}(", short_name(index)));
        if javascript.matches(long.as_str()).count() != 1 || !javascript.contains(&export) {
            bail!("{half} does not export {long}, or uses it itself");
        }
        javascript = javascript.replace(&export, &short);
    }
    let javascript = javascript.replace(MADE, MADE.trim_start_matches("export "));
    Ok((renamed.finish(), javascript.replace(TO_START, &format!("export {TO_START}"))))
}

/// One that the JavaScript half has no other use for.
fn short_name(index: usize) -> String {
    format!("${index}")
}

/// Copies a module and gives what it imports from its other half new names.
struct Renamer {
    half: String,
    /// The names as they were, in order.
    long: Vec<String>,
}

impl Reencode for Renamer {
    type Error = std::convert::Infallible;

    fn parse_imports(
        &mut self,
        section: &mut ImportSection,
        imports: wasmparser::Imports<'_>,
    ) -> Result<(), reencode::Error> {
        let wasmparser::Imports::Single(_, import) = imports else {
            return reencode::utils::parse_imports(self, section, imports);
        };
        let ty = self.entity_type(import.ty)?;
        if import.module == self.half {
            let name = short_name(self.long.len());
            self.long.push(import.name.to_owned());
            section.imports(Imports::Single(Import { module: import.module, name: &name, ty }));
        } else {
            section.imports(Imports::Single(Import { module: import.module, name: import.name, ty }));
        }
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), reencode::Error> {
        code.raw(body.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{EntityType, TypeSection};

    use super::*;

    fn module(imports: &[(&str, &str)]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut section = ImportSection::new();
        for (from, name) in imports {
            section.import(from, name, EntityType::Function(0));
        }
        let mut module = Module::new();
        module.section(&types).section(&section);
        module.finish()
    }

    #[test]
    fn both_halves_get_the_same_names_and_other_files_keep_theirs() {
        let long = module(&[("./half.js", "ask_0123"), ("./other.js", "ask_0123"), ("./half.js", "tell_4567")]);
        let javascript = "export function tell_4567(arg0) {}\nexport function ask_0123() {}\nexport class Session {}\n";
        let (renamed, javascript) = shorten(&long, javascript, "half.js").unwrap();
        assert_eq!(renamed, module(&[("./half.js", "$0"), ("./other.js", "ask_0123"), ("./half.js", "$1")]));
        assert_eq!(javascript, "export function $1(arg0) {}\nexport function $0() {}\nexport class Session {}\n");
    }

    #[test]
    fn what_is_not_imported_is_no_export_but_for_what_starts_the_module() {
        let module = module(&[("./half.js", "__wbg_ask_0123")]);
        let javascript = "export function __wbg_ask_0123() {}\nexport function __wbg_tell_4567() {}\n\
            export function __wbg_set_wasm(val) {}\nexport class Session {}\n";
        let (_, javascript) = shorten(&module, javascript, "half.js").unwrap();
        assert_eq!(
            javascript,
            "export function $0() {}\nfunction __wbg_tell_4567() {}\n\
            export function __wbg_set_wasm(val) {}\nexport class Session {}\n"
        );
    }

    #[test]
    fn a_name_that_is_not_only_exported_is_refused() {
        let module = module(&[("./half.js", "ask")]);
        for javascript in ["", "export const ask = 1;", "export function ask() {}\nask();"] {
            assert!(shorten(&module, javascript, "half.js").is_err(), "{javascript}");
        }
    }
}
