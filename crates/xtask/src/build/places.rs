//! The places in the source that panics would name, taken out of a module whose panics say nothing.
//!
//! The compiler leaves a `core::panic::Location` wherever code might panic: address and length of the file's name, line, and
//! column, 32 bits each. Nothing but panics reads them, as long as nobody asks for `Location::caller()`. They and the names
//! become zeros, which weigh nothing.

use std::ops::Range;

use anyhow::Context;

use super::data::{Segment, segments};

/// How files of Rust are called. The compiler ends them with a zero, which it does not count.
const ENDING: &[u8] = b".rs";

/// No file of Rust is longer, or has longer lines.
const MOST_LINES: u32 = 100_000;
const MOST_COLUMNS: u32 = 1_000;

const LOCATION_BYTES: usize = 16;

/// The module without the places.
pub(crate) fn without_places(module: &[u8]) -> anyhow::Result<Vec<u8>> {
    let segments = segments(module).context("cannot read the module's data")?;
    let mut changed = module.to_vec();
    for segment in &segments {
        for (offset, words) in segment.words(module) {
            let Some(name) = name_of_place(module, &segments, words) else { continue };
            let start = segment.bytes.start + offset;
            for place in [name, start..start + LOCATION_BYTES] {
                changed.get_mut(place).unwrap_or_default().fill(0);
            }
        }
    }
    Ok(changed)
}

/// Where in the module the file's name lies, if these words are such a place.
fn name_of_place(
    module: &[u8],
    segments: &[Segment],
    [address, length, line, column]: [u32; 4],
) -> Option<Range<usize>> {
    if !(1..MOST_LINES).contains(&line) || !(1..MOST_COLUMNS).contains(&column) {
        return None;
    }
    let segment = segments
        .iter()
        .find(|segment| address >= segment.address && ((address - segment.address) as usize) < segment.bytes.len())?;
    let start = segment.bytes.start + (address - segment.address) as usize;
    let name = start..start.checked_add(length as usize)?;
    (name.end <= segment.bytes.end && module.get(name.clone())?.ends_with(ENDING)).then_some(name)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{ConstExpr, DataSection, MemorySection, MemoryType, Module};

    use super::*;

    /// A module with this data at an address that is not a multiple of four.
    fn module(data: &[u8]) -> Vec<u8> {
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut segments = DataSection::new();
        segments.active(0, &ConstExpr::i32_const(ADDRESS as i32), data.iter().copied());
        let mut module = Module::new();
        module.section(&memories).section(&segments);
        module.finish()
    }

    const ADDRESS: u32 = 1027;

    fn place(address: u32, length: u32, line: u32, column: u32) -> Vec<u8> {
        [address, length, line, column].iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn places_and_their_files_become_zeros() {
        let data = [b"src/lib.rs\0 text.rs  ".to_vec(), place(ADDRESS, 10, 42, 7), b"more".to_vec()].concat();
        let left = [vec![0; 10], b"\0 text.rs  ".to_vec(), vec![0; 16], b"more".to_vec()].concat();
        assert_eq!(without_places(&module(&data)).unwrap(), module(&left));
    }

    #[test]
    fn what_only_looks_like_one_stays() {
        for wrong in [
            place(ADDRESS, 9, 42, 7),
            place(ADDRESS, 10, 0, 7),
            place(ADDRESS, 10, 42, 0),
            place(ADDRESS, 10, u32::MAX, 7),
            place(ADDRESS - 1, 11, 42, 7),
            place(ADDRESS + 1000, 10, 42, 7),
            place(ADDRESS, u32::MAX, 42, 7),
            place(ADDRESS, 10, 42, 7)[..15].to_vec(),
        ] {
            let module = module(&[b"src/lib.rs\0 text.rs  ".to_vec(), wrong].concat());
            assert_eq!(without_places(&module).unwrap(), module);
        }
    }
}
