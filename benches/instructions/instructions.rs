//! Counts the instructions of the paths that run most often (gungraun, under Callgrind): unlike time, they are the same on a
//! busy machine, so that a slower path cannot hide in the noise. `cargo xtask test native` runs this and holds the results
//! against ceilings.
//!
//! Beside each path stands its bare counterpart: the least that somebody who wrote only this, by the same crates, would have
//! to do. What has a ceiling is the ratio of the two, which depends little on compilers and processors.

// Benches may fail as loudly as tests do.
#![allow(clippy::unwrap_used)]
// The macros write functions and modules that are public and have no documentation.
#![allow(missing_docs, unreachable_pub)]

mod offline;
mod primitives;
mod slots;
mod wire;

use gungraun::{library_benchmark, library_benchmark_group, main};

/// Takes a path once. What it needs is made beforehand.
type Path = Box<dyn FnMut() -> anyhow::Result<()>>;

/// How often a path is taken for one count, so that a single reallocation does not weigh.
const TIMES: usize = 10;

/// Makes a path ready and takes it once: what is only done the first time (asking the processor what it can) is not counted.
fn warmed_up(prepare: fn() -> anyhow::Result<Path>) -> Path {
    let mut path = prepare().unwrap();
    path().unwrap();
    path
}

#[library_benchmark(setup = warmed_up)]
#[bench::open_item(slots::open)]
#[bench::seal_item(slots::seal)]
#[bench::read_items(wire::read_items)]
#[bench::write_refresh(wire::write_refresh)]
fn ours(path: Path) -> Path {
    taken(path)
}

#[library_benchmark(setup = warmed_up)]
#[bench::open_item(primitives::open)]
#[bench::seal_item(primitives::seal)]
#[bench::read_items(primitives::read_items)]
#[bench::write_refresh(primitives::write_refresh)]
fn bare(path: Path) -> Path {
    taken(path)
}

/// Gives the path back, so that dropping what it holds is not counted.
fn taken(mut path: Path) -> Path {
    for _ in 0..TIMES {
        path().unwrap();
    }
    path
}

library_benchmark_group!(name = paths, compare_by_id = true, benchmarks = [ours, bare]);
main!(library_benchmark_groups = paths);
