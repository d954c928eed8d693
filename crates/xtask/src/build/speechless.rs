//! Panics that say nothing: they end what the module is doing, and leave out why.
//!
//! No panic of this library can be reached from outside, yet whatever might panic carries its words along: a message, the
//! place in the source, and `std`'s formatting to put them together. They are a tenth of what a page has to load. The
//! compiler leaves them out only where `std` itself is compiled anew, so they are taken out of the compiled module: what of
//! `std` never returns and what formats text becomes an instruction that traps, which is how every panic ends, and
//! `wasm-opt` then drops what was there for it alone. JavaScript gets a `RuntimeError`. Builds for tests keep the words.
//!
//! Nothing but panics may format, then. Where anything else does, there is no module: the build names it and fails.

use std::collections::HashSet;

use anyhow::{Context, bail};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Function, Module};
use wasmparser::{FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

/// The module, which has its functions' names, without the words of its panics.
pub(crate) fn speechless(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let functions = functions(module).context("cannot read the compiled module")?;
    let formatting: HashSet<u32> =
        (0..).zip(&functions).filter(|(_, it)| it.formats()).map(|(index, _)| index).collect();
    let is_silenced: Vec<bool> =
        functions.iter().map(|function| function.formats() || function.is_end_of_std()).collect();

    let others = functions.iter().zip(&is_silenced).filter(|(_, is_silenced)| !**is_silenced);
    let speakers: Vec<&str> =
        others.filter(|(it, _)| !it.calls.is_disjoint(&formatting)).map(|(it, _)| it.name.as_str()).collect();
    if !speakers.is_empty() {
        bail!("the module is built without text formatting, which is used by {}", speakers.join(", "));
    }

    let mut silenced = Module::new();
    let imported = functions.iter().filter(|function| function.is_imported).count();
    let mut silencer = Silencer { is_silenced: is_silenced.into_iter().skip(imported) };
    silencer
        .parse_core_module(&mut silenced, Parser::new(0), module)
        .context("cannot take functions out of the module")?;
    Ok(silenced.finish())
}

/// What has to be known of a function.
#[derive(Default)]
struct Known {
    /// As people write it, without the hashes.
    name: String,
    is_imported: bool,
    /// Which functions it calls by themselves, not through a pointer.
    calls: HashSet<u32>,
    /// Whether its end cannot be reached.
    never_returns: bool,
}

impl Known {
    /// Whether it puts text together for a person, or hands a panic's text on.
    fn formats(&self) -> bool {
        const HOMES: [&str; 4] = ["core::fmt::", "<core::fmt::", "alloc::fmt::", "<dyn core::fmt::"];
        let implemented = self.name.rsplit_once(" as ").map_or("", |(_, implemented)| implemented);
        HOMES.iter().any(|home| self.name.starts_with(home))
            || ["core::fmt::", "core::panic::"].iter().any(|home| implemented.starts_with(home))
    }

    /// Whether this is how `std` ends a run.
    fn is_end_of_std(&self) -> bool {
        const HOMES: [&str; 4] = ["core::", "alloc::", "std::", "__rustc::"];
        let name = self.name.trim_start_matches('<');
        self.never_returns && HOMES.iter().any(|home| name.starts_with(home))
    }
}

/// All functions by their indices, those that are imported first.
fn functions(module: &[u8]) -> wasmparser::Result<Vec<Known>> {
    let mut functions: Vec<Known> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        functions.push(Known { is_imported: true, ..Known::default() });
                    }
                }
            }
            Payload::CodeSectionEntry(body) => functions.push(read(&body)?),
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    for names in names {
                        let Name::Function(names) = names? else { continue };
                        for naming in names {
                            let naming = naming?;
                            if let Some(function) = functions.get_mut(naming.index as usize) {
                                function.name = without_hashes(naming.name);
                            }
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok(functions)
}

fn read(body: &FunctionBody<'_>) -> wasmparser::Result<Known> {
    let mut known = Known::default();
    let (mut depth, mut leaves, mut before_end) = (0_u32, false, None);
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        match &operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                known.calls.insert(*function_index);
            }
            _ => {}
        }
        match &operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::End if depth > 0 => depth -= 1,
            Operator::End => known.never_returns = !leaves && matches!(before_end, Some(Operator::Unreachable)),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => leaves |= *relative_depth == depth,
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    leaves |= target? == depth;
                }
                leaves |= targets.default() == depth;
            }
            Operator::Return | Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => leaves = true,
            _ => {}
        }
        before_end = Some(operator);
    }
    Ok(known)
}

/// `core[c5930c85a12de822]::fmt::write` as `core::fmt::write`.
fn without_hashes(name: &str) -> String {
    let mut rest = name;
    let mut plain = String::new();
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        let hash = behind.split_once(']').filter(|(hash, _)| hash.len() == 16);
        match hash.filter(|(hash, _)| hash.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some((_, behind)) => rest = behind,
            None => {
                plain.push('[');
                rest = behind;
            }
        }
    }
    plain + rest
}

/// Copies a module and puts a trap in the place of some functions.
struct Silencer<Silenced> {
    /// Of the module's own functions that have not been copied yet.
    is_silenced: Silenced,
}

impl<Silenced: Iterator<Item = bool>> Reencode for Silencer<Silenced> {
    type Error = std::convert::Infallible;

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), reencode::Error> {
        if self.is_silenced.next() == Some(true) {
            let mut trap = Function::new([]);
            trap.instructions().unreachable().end();
            code.function(&trap);
        } else {
            code.raw(body.as_bytes());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        EntityType, FunctionSection, ImportSection, InstructionSink, NameMap, NameSection, Section, TypeSection,
    };

    use super::*;

    type Instructions = fn(&mut InstructionSink<'_>);

    /// A module that imports a function, and has these by their names.
    fn module(functions: &[(&str, Instructions)]) -> Vec<u8> {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("a", "b", EntityType::Function(0));
        let (mut declared, mut code, mut named) = (FunctionSection::new(), CodeSection::new(), NameMap::new());
        for (index, (name, instructions)) in (1..).zip(functions) {
            declared.function(0);
            let mut function = Function::new([]);
            instructions(&mut function.instructions());
            function.instructions().end();
            code.function(&function);
            named.append(index, name);
        }
        let mut names = NameSection::new();
        names.functions(&named);
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&declared).section(&code);
        let mut bytes = module.finish();
        names.append_to(&mut bytes);
        bytes
    }

    /// Which of the module's own functions trap.
    fn traps(module: &[u8]) -> Vec<bool> {
        let bodies = Parser::new(0).parse_all(module).filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body.as_bytes() == [0, 0, 0x0b]),
            _ => None,
        });
        bodies.collect()
    }

    const ENDS: Instructions = |sink| {
        sink.call(0).unreachable();
    };
    const RETURNS: Instructions = |sink| {
        sink.call(0);
    };

    #[test]
    fn what_ends_std_and_what_formats_traps() {
        let silenced = speechless(&module(&[
            ("core[c5930c85a12de822]::panicking::panic_fmt", ENDS),
            ("__rustc[0123456789abcdef]::rust_begin_unwind", ENDS),
            ("<alloc[3ca501edff3f0c7c]::vec::Vec<_, _>>::remove::assert_failed", ENDS),
            ("core::fmt::write::h7ef803593ad93ebf", RETURNS),
            ("<&[u8; 4] as core::fmt::Debug>::fmt::h1", RETURNS),
            ("<std::panicking::Payload as core::panic::PanicPayload>::get", RETURNS),
        ]));
        assert_eq!(traps(&silenced.unwrap()), [true; 6]);
    }

    #[test]
    fn everything_else_stays() {
        let module = module(&[
            ("wasm_bindgen::throw_str", ENDS),
            ("core::cell::RefCell<T>::take", RETURNS),
            ("core::ptr::drop_in_place<alloc::boxed::Box<dyn core::fmt::Debug>>", RETURNS),
            ("<alloc::vec::Vec<core::fmt::Error> as core::clone::Clone>::clone", RETURNS),
            ("core::early_return", |sink| {
                sink.block(wasm_encoder::BlockType::Empty).i32_const(0).br_if(1).end().unreachable();
            }),
            ("core::returns", |sink| {
                sink.return_().unreachable();
            }),
        ]);
        assert_eq!(traps(&speechless(&module).unwrap()), [false; 6]);
    }

    #[test]
    fn whoever_else_formats_is_named() {
        let error = speechless(&module(&[
            ("core::fmt::write", RETURNS),
            ("vaultshare::speaks", |sink| {
                sink.call(1);
            }),
        ]));
        assert!(error.unwrap_err().to_string().ends_with("used by vaultshare::speaks"));
    }

    #[test]
    fn only_hashes_are_taken_out_of_names() {
        assert_eq!(
            without_hashes("<[T; 4] as core[c5930c85a12de822]::fmt::Debug>::fmt[1]"),
            "<[T; 4] as core::fmt::Debug>::fmt[1]"
        );
    }
}
