//! Who formats text through a pointer, which no list of calls tells: `Box<dyn Display>` made text of.
//!
//! Whoever formats hands over where the text goes, a `dyn core::fmt::Write`, and with it the address of that type's methods.
//! The compiler keeps them in the module's data: `drop`, size, alignment, and then `write_str`. The functions are named by their
//! places in the module's table; a type that needs no `drop` has zero there.

use std::collections::HashSet;

use wasmparser::{ElementItems, ElementKind, Operator, Parser, Payload};

use super::data::segments;

/// The addresses of the methods of all types that text is written to; `writers` are their `write_str`.
pub(super) fn addresses_of_methods(module: &[u8], writers: &HashSet<u32>) -> wasmparser::Result<HashSet<u32>> {
    let (places, all_places) = places_in_table(module, writers)?;
    let mut addresses = HashSet::new();
    for segment in segments(module)? {
        for (offset, [drop, _, _, write_str]) in segment.words(module) {
            // What lies in the table's place of `drop` tells methods from other data with such a number.
            if places.contains(&write_str) && drop < all_places {
                addresses.insert(segment.address.wrapping_add(offset as u32));
            }
        }
    }
    Ok(addresses)
}

/// The places of some functions, and how many there are in all.
fn places_in_table(module: &[u8], wanted: &HashSet<u32>) -> wasmparser::Result<(HashSet<u32>, u32)> {
    let (mut places, mut all_places) = (HashSet::new(), 0);
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ElementSection(section) = payload? else { continue };
        for element in section {
            let element = element?;
            let ElementKind::Active { offset_expr, .. } = element.kind else { continue };
            let (Operator::I32Const { value: first }, ElementItems::Functions(functions)) =
                (offset_expr.get_operators_reader().read()?, element.items)
            else {
                continue;
            };
            for (place, function) in (first.cast_unsigned()..).zip(functions) {
                if wanted.contains(&function?) {
                    places.insert(place);
                }
                all_places = all_places.max(place + 1);
            }
        }
    }
    Ok((places, all_places))
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        CodeSection, ConstExpr, DataSection, ElementSection, Elements, Function, FunctionSection, MemorySection,
        MemoryType, Module, RefType, TableSection, TableType, TypeSection,
    };

    use super::*;

    #[test]
    fn methods_are_found_by_their_place_in_the_table() {
        let mut types = TypeSection::new();
        types.ty().function([], []);
        let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
        for _ in 0..3 {
            functions.function(0);
            let mut function = Function::new([]);
            function.instructions().end();
            code.function(&function);
        }
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 4,
            maximum: None,
            shared: false,
        });
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(1), Elements::Functions(vec![2, 1, 0].into()));
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut data = DataSection::new();
        let words: [u32; 12] = [1, 8, 4, 2, 0, 8, 4, 3, 1024, 8, 4, 3];
        let words: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        data.active(0, &ConstExpr::i32_const(1024), words);
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&tables).section(&memories);
        module.section(&elements).section(&code).section(&data);
        let module = module.finish();

        // Function 0 has place 3, function 1 place 2.
        assert_eq!(addresses_of_methods(&module, &[0].into()).unwrap(), [1024 + 16].into());
        assert_eq!(addresses_of_methods(&module, &[0, 1].into()).unwrap(), [1024, 1024 + 16].into());
        assert_eq!(addresses_of_methods(&module, &[].into()).unwrap(), [].into());
    }
}
