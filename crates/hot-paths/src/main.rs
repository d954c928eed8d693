//! `hot-paths NAME TIMES` takes one hot path so many times. `cargo xtask test native` runs it under callgrind, which counts
//! instructions: unlike time, they are the same on a busy machine, so that a slower path cannot hide in the noise.
//!
//! Beside each path stands its `bare` counterpart: the least that somebody who wrote only this, by the same crates, would
//! have to do. The number that is guarded is the ratio of the two, which depends little on compilers and processors.

mod bare;
mod offline;
mod slots;
mod wire;

use anyhow::{Context, bail};

/// Takes a path once. What it needs is made beforehand.
type Path = Box<dyn FnMut() -> anyhow::Result<()>>;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, times] = arguments.as_slice() else { bail!("usage: hot-paths NAME TIMES") };
    let times: usize = times.parse().context("TIMES is a number")?;
    let mut path = path(name)?;
    for _ in 0..times {
        path()?;
    }
    Ok(())
}

fn path(name: &str) -> anyhow::Result<Path> {
    match name {
        "open-item" => slots::open(),
        "open-item-bare" => bare::open(),
        "seal-item" => slots::seal(),
        "seal-item-bare" => bare::seal(),
        "read-items" => wire::read_items(),
        "read-items-bare" => bare::read_items(),
        "write-refresh" => wire::write_refresh(),
        "write-refresh-bare" => bare::write_refresh(),
        _ => bail!("there is no path {name}"),
    }
}
