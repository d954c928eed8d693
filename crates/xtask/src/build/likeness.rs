//! An order of a module's functions in which like lies beside like.
//!
//! Servers send the module gzipped, and gzip finds again only what stood within the last 32 kB. Functions that the compiler
//! made of one source for several types are alike to a great part, and lie anywhere; put together they cost a fraction.
//! It changes nothing but the order, and takes some 3 % off the download.

use std::collections::HashMap;

use anyhow::Context;
use wasm_encoder::{NameMap, NameSection, Section};
use wasmparser::{Parser, Payload, TypeRef};

/// How many bytes in a row are compared.
const GRAM: usize = 6;

/// A gram in more functions than this tells nothing of their likeness.
const COMMON: usize = 60;

/// How far back the next function is compared. Less than gzip's window: what is near is found more cheaply.
const WINDOW: usize = 16_000;

/// How much less each function counts than the one after it.
const FADING: f64 = 0.9;

/// What a short function is counted as longer: by their few grams alone they would all come first.
const HANDICAP: f64 = 20.0;

/// The module with names for its functions which, sorted, are in that order: for `wasm-opt --reorder-functions-by-name`.
pub(crate) fn named_by_likeness(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (imported, bodies) = functions(module).context("cannot read the optimised module")?;
    let mut ranks = vec![0; bodies.len()];
    for (rank, function) in order(&bodies).into_iter().enumerate() {
        if let Some(place) = ranks.get_mut(function) {
            *place = rank;
        }
    }
    let mut names = NameMap::new();
    for (index, rank) in (imported..).zip(ranks) {
        names.append(index, &format!("{rank:08}"));
    }
    let mut section = NameSection::new();
    section.functions(&names);
    let mut named = module.to_vec();
    section.append_to(&mut named);
    Ok(named)
}

/// How many functions the module imports, and the bodies of its own.
fn functions(module: &[u8]) -> wasmparser::Result<(u32, Vec<&[u8]>)> {
    let mut imported = 0;
    let mut bodies = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes()),
            _ => {}
        }
    }
    Ok((imported, bodies))
}

/// Begins with the largest, and goes on with whichever shares most with those before.
#[expect(clippy::indexing_slicing, reason = "every index is that of a function, of which all lists have one entry")]
fn order(bodies: &[&[u8]]) -> Vec<usize> {
    let grams: Vec<Vec<&[u8]>> = bodies.iter().map(|body| grams_of(body)).collect();
    let mut holders: HashMap<&[u8], Vec<usize>> = HashMap::new();
    for (function, grams) in grams.iter().enumerate() {
        for gram in grams {
            holders.entry(gram).or_default().push(function);
        }
    }
    holders.retain(|_, functions| (2..COMMON).contains(&functions.len()));

    let mut left: Vec<bool> = vec![true; bodies.len()];
    let mut order: Vec<usize> = Vec::with_capacity(bodies.len());
    let mut next = largest_left(bodies, &left);
    while let Some(function) = next {
        left[function] = false;
        order.push(function);
        let mut shared = vec![0.0; bodies.len()];
        let (mut weight, mut distance) = (1.0, 0);
        for &before in order.iter().rev() {
            for gram in &grams[before] {
                for &holder in holders.get(gram).into_iter().flatten() {
                    shared[holder] += weight;
                }
            }
            weight *= FADING;
            distance += bodies[before].len();
            if distance > WINDOW {
                break;
            }
        }
        let likeness = |function: usize| shared[function] / (grams[function].len() as f64 + HANDICAP);
        let alike = (0..bodies.len()).filter(|&function| left[function] && shared[function] > 0.0);
        next = alike.max_by(|&one, &other| likeness(one).total_cmp(&likeness(other)));
        next = next.or_else(|| largest_left(bodies, &left));
    }
    order
}

#[expect(clippy::indexing_slicing, reason = "as above")]
fn largest_left(bodies: &[&[u8]], left: &[bool]) -> Option<usize> {
    (0..bodies.len()).filter(|&function| left[function]).max_by_key(|&function| bodies[function].len())
}

/// The different grams of a function; of one that is shorter, all of it.
fn grams_of(body: &[u8]) -> Vec<&[u8]> {
    let mut grams: Vec<&[u8]> = body.windows(GRAM.min(body.len()).max(1)).collect();
    grams.sort_unstable();
    grams.dedup();
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_comes_beside_like() {
        let (numbers, letters) =
            (b"0123456789012345678901234567890".as_slice(), b"the quick brown fox jumps".as_slice());
        let bodies = [numbers, letters, &numbers[3..30], &letters[2..], b"x"];
        assert_eq!(order(&bodies), [0, 2, 1, 3, 4]);
    }

    #[test]
    fn names_follow_the_order_and_skip_what_is_imported() {
        let module = wasm_encoder_module();
        let named = named_by_likeness(&module).unwrap();
        assert_eq!(&named[..module.len()], module);
        let names = String::from_utf8_lossy(&named[module.len()..]).into_owned();
        assert!(names.contains("\u{1}\u{8}00000001") && names.contains("\u{2}\u{8}00000000"), "{names:?}");
    }

    /// One imported function and two of its own, of which the second is the larger.
    fn wasm_encoder_module() -> Vec<u8> {
        use wasm_encoder::{CodeSection, EntityType, Function, FunctionSection, ImportSection, Module, TypeSection};
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let mut imports = ImportSection::new();
        imports.import("a", "b", EntityType::Function(0));
        let mut functions = FunctionSection::new();
        let mut code = CodeSection::new();
        for instructions in [0, 3] {
            functions.function(0);
            let mut function = Function::new([]);
            for _ in 0..instructions {
                function.instructions().nop();
            }
            function.instructions().end();
            code.function(&function);
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&code);
        module.finish()
    }
}
