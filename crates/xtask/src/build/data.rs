//! What a module puts into memory when it starts, as the numbers that addresses and places in tables are.

use std::ops::Range;

use wasmparser::{DataKind, Operator, Parser, Payload};

/// Bytes that lie together.
pub(super) struct Segment {
    pub(super) address: u32,
    /// Where in the module they lie.
    pub(super) bytes: Range<usize>,
}

pub(super) fn segments(module: &[u8]) -> wasmparser::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        let Payload::DataSection(section) = payload? else { continue };
        for data in section {
            let data = data?;
            let DataKind::Active { offset_expr, .. } = data.kind else { continue };
            if let Operator::I32Const { value } = offset_expr.get_operators_reader().read()? {
                let end = data.range.end as usize;
                let bytes = end - data.data.len()..end;
                segments.push(Segment { address: value.cast_unsigned(), bytes });
            }
        }
    }
    Ok(segments)
}

impl Segment {
    /// Every four words in a row, and how far behind the segment's beginning they stand: at addresses that are multiples of
    /// four, where the compiler puts them.
    pub(super) fn words(&self, module: &[u8]) -> impl Iterator<Item = (usize, [u32; 4])> {
        let unaligned = self.address.wrapping_neg() as usize % 4;
        let data = module.get(self.bytes.clone()).unwrap_or_default();
        let (words, _) = data.get(unaligned..).unwrap_or_default().as_chunks::<4>();
        let in_a_row = words.array_windows::<4>().map(|words| words.map(u32::from_le_bytes));
        (unaligned..).step_by(4).zip(in_a_row)
    }
}
