//! Panics that say nothing: they end what the module is doing, and leave out why.
//!
//! No panic of this library can be reached from outside, yet whatever might panic carries its words along: a message, the
//! place in the source, and `std`'s formatting to put them together. They are a tenth of what a page has to load. The
//! compiler leaves them out only where `std` itself is compiled anew, so what puts them together is taken out of the
//! compiled module: what of `std` never returns and what formats text becomes an instruction that traps, which is how every
//! panic ends, and `wasm-opt` then drops what was there for it alone. JavaScript gets a `RuntimeError`. Builds for tests keep
//! the words.
//!
//! Nothing but panics may format, then. Where anything else does, there is no module: the build names it and fails.

use std::collections::HashSet;

use anyhow::{Context, bail};
use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, Function, Module};
use wasmparser::{FunctionBody, KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use super::writers::addresses_of_methods;

/// Where the functions of `std` are at home.
const STD: [&str; 4] = ["core::", "alloc::", "std::", "__rustc::"];

/// Every module that is compiled with `std` has these two; where their names are not found, no name tells anything.
const IN_EVERY_MODULE: [&str; 2] = ["core::panicking::panic_fmt", "core::fmt::write"];

/// The module, which has its functions' names, without what puts its panics' words together.
pub(crate) fn speechless(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let functions = functions(module).context("cannot read the compiled module")?;
    for name in IN_EVERY_MODULE {
        if !functions.iter().any(|function| function.name.starts_with(name)) {
            bail!("the module has no function that is called {name}: its functions have other names than expected");
        }
    }
    let those = |wanted: fn(&FunctionFacts) -> bool| -> HashSet<u32> {
        (0..).zip(&functions).filter(|(_, function)| wanted(function)).map(|(index, _)| index).collect()
    };
    let formatting = those(FunctionFacts::formats);
    let of_std = those(|function| function.formats() || function.is_of_std());
    // A closure of somebody else's may have a name of `std`, and throw an error that JavaScript is to get.
    let ends_the_run =
        |function: &FunctionFacts| function.never_returns && function.is_of_std() && function.calls.is_subset(&of_std);
    let silenced: Vec<bool> = functions.iter().map(|function| function.formats() || ends_the_run(function)).collect();

    let writers =
        addresses_of_methods(module, &those(FunctionFacts::writes)).context("cannot read the module's data")?;
    let uses_formatting =
        |it: &FunctionFacts| !it.calls.is_disjoint(&formatting) || !it.constants.is_disjoint(&writers);
    let others = functions.iter().zip(&silenced).filter(|(_, is_silenced)| !**is_silenced);
    let other_formatters: Vec<&str> =
        others.filter(|(it, _)| uses_formatting(it)).map(|(it, _)| it.name.as_str()).collect();
    if !other_formatters.is_empty() {
        bail!("the module is built without text formatting, which is used by {}", other_formatters.join(", "));
    }

    let mut speechless = Module::new();
    let imported = functions.iter().filter(|function| function.is_imported).count();
    let mut silencer = Silencer { silenced: silenced.into_iter().skip(imported) };
    silencer
        .parse_core_module(&mut speechless, Parser::new(0), module)
        .context("cannot take functions out of the module")?;
    Ok(speechless.finish())
}

/// What has to be known of a function.
#[derive(Default)]
struct FunctionFacts {
    /// As people write it, without the hashes.
    name: String,
    is_imported: bool,
    /// Which functions it calls by themselves, not through a pointer.
    calls: HashSet<u32>,
    /// The numbers in it, of which some are addresses.
    constants: HashSet<u32>,
    /// Whether its end cannot be reached.
    never_returns: bool,
}

impl FunctionFacts {
    /// Whether it puts text together for a person, or hands a panic's text on.
    fn formats(&self) -> bool {
        const INHERENT: [&str; 4] = ["core::fmt::", "<core::fmt::", "alloc::fmt::", "<dyn core::fmt::"];
        const TRAITS: [&str; 2] = ["core::fmt::", "core::panic::"];
        let implemented = implemented_trait(&self.name).unwrap_or_default();
        INHERENT.iter().any(|home| self.name.starts_with(home))
            || TRAITS.iter().any(|home| implemented.starts_with(home))
    }

    /// Whether it is what a type does with text that is written to it.
    fn writes(&self) -> bool {
        implemented_trait(&self.name).is_some_and(|implemented| implemented.starts_with("core::fmt::Write>::write_str"))
    }

    fn is_of_std(&self) -> bool {
        let name = self.name.trim_start_matches('<');
        STD.iter().any(|home| name.starts_with(home))
    }
}

/// `core::fmt::Debug` of `<&T as core::fmt::Debug>::fmt`.
fn implemented_trait(name: &str) -> Option<&str> {
    let mut depth = 0;
    let mut before = '<';
    for (place, character) in name.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if before != '-' => depth -= 1,
            ' ' if depth == 1 => {
                if let Some(implemented) = name.get(place..).and_then(|rest| rest.strip_prefix(" as ")) {
                    return Some(implemented);
                }
            }
            _ => {}
        }
        if depth == 0 {
            return None;
        }
        before = character;
    }
    None
}

/// All functions by their indices, those that are imported first.
fn functions(module: &[u8]) -> wasmparser::Result<Vec<FunctionFacts>> {
    let mut functions: Vec<FunctionFacts> = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    if matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)) {
                        functions.push(FunctionFacts { is_imported: true, ..FunctionFacts::default() });
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

fn read(body: &FunctionBody<'_>) -> wasmparser::Result<FunctionFacts> {
    let mut facts = FunctionFacts::default();
    let (mut depth, mut leaves, mut before_end) = (0_u32, false, None);
    for operator in body.get_operators_reader()? {
        let operator = operator?;
        match &operator {
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                facts.calls.insert(*function_index);
            }
            Operator::I32Const { value } => {
                facts.constants.insert(value.cast_unsigned());
            }
            _ => {}
        }
        match &operator {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => depth += 1,
            Operator::End if depth > 0 => depth -= 1,
            Operator::End => facts.never_returns = !leaves && matches!(before_end, Some(Operator::Unreachable)),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => leaves |= *relative_depth >= depth,
            Operator::BrTable { targets } => {
                for target in targets.targets() {
                    leaves |= target? >= depth;
                }
                leaves |= targets.default() >= depth;
            }
            Operator::Return | Operator::ReturnCall { .. } | Operator::ReturnCallIndirect { .. } => leaves = true,
            // Other ways to leave, which are not followed: the compiler makes none of them.
            Operator::Try { .. } | Operator::TryTable { .. } | Operator::Delegate { .. } => leaves = true,
            Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => leaves = true,
            Operator::BrOnCast { .. } | Operator::BrOnCastFail { .. } => leaves = true,
            _ => {}
        }
        before_end = Some(operator);
    }
    Ok(facts)
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
    /// For each of the module's own functions that have not been copied yet, whether it is one of them.
    silenced: Silenced,
}

impl<Silenced: Iterator<Item = bool>> Reencode for Silencer<Silenced> {
    type Error = std::convert::Infallible;

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Result<(), reencode::Error> {
        if self.silenced.next() == Some(true) {
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

    const STOPS: Instructions = |sink| {
        sink.unreachable();
    };
    const THROWS: Instructions = |sink| {
        sink.call(0).unreachable();
    };
    const RETURNS: Instructions = |sink| {
        sink.call(0);
    };

    #[test]
    fn what_ends_std_and_what_formats_traps() {
        let silenced = speechless(&module(&[
            ("core[c5930c85a12de822]::panicking::panic_fmt", STOPS),
            ("__rustc[0123456789abcdef]::rust_begin_unwind", |sink| {
                sink.call(1).unreachable();
            }),
            ("<alloc[3ca501edff3f0c7c]::vec::Vec<_, _>>::remove::assert_failed", STOPS),
            ("core::fmt::write::h7ef803593ad93ebf", RETURNS),
            ("<&[u8; 4] as core::fmt::Debug>::fmt::h1", RETURNS),
            ("<std::panicking::Payload as core::panic::PanicPayload>::get", RETURNS),
        ]));
        assert_eq!(traps(&silenced.unwrap()), [true; 6]);
    }

    #[test]
    fn everything_else_stays() {
        let module = module(&[
            ("core::panicking::panic_fmt", STOPS),
            ("core::fmt::write", RETURNS),
            ("wasm_bindgen::throw_str", THROWS),
            ("core::ops::function::FnOnce::call_once", THROWS),
            ("vaultshare::call::<<T as core::fmt::Display>::fmt>", RETURNS),
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
        let mut expected = [false; 10];
        expected[..2].fill(true);
        assert_eq!(traps(&speechless(&module).unwrap()), expected);
    }

    #[test]
    fn whoever_else_formats_is_named() {
        let error = speechless(&module(&[
            ("core::panicking::panic_fmt", STOPS),
            ("core::fmt::write", RETURNS),
            ("vaultshare::speaks", |sink| {
                sink.call(2);
            }),
        ]));
        assert!(error.unwrap_err().to_string().ends_with("used by vaultshare::speaks"));
    }

    #[test]
    fn a_module_without_the_names_is_refused() {
        for name in ["", "_RNvNtCs_4core9panicking9panic_fmt"] {
            assert!(speechless(&module(&[(name, STOPS), ("core::fmt::write", RETURNS)])).is_err(), "{name}");
        }
    }

    #[test]
    fn the_trait_is_the_one_that_the_name_begins_with() {
        assert_eq!(implemented_trait("<&T as core::fmt::Debug>::fmt"), Some("core::fmt::Debug>::fmt"));
        assert_eq!(implemented_trait("<fn() -> <A as B>::C as D>::e"), Some("D>::e"));
        assert_eq!(implemented_trait("<core::cell::Cell<T>>::call::<<T as core::fmt::Debug>::fmt>"), None);
        assert_eq!(implemented_trait("call::<<T as core::fmt::Debug>::fmt>"), None);
    }

    #[test]
    fn only_hashes_are_taken_out_of_names() {
        assert_eq!(
            without_hashes("<[T; 4] as core[c5930c85a12de822]::fmt::Debug>::fmt[1]"),
            "<[T; 4] as core::fmt::Debug>::fmt[1]"
        );
    }
}
