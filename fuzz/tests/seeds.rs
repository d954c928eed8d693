//! Feeds each target its seeds: examples of what it reads, and whatever was once found.

use std::{fs, path::Path};

use vaultshare_fuzz::TARGETS;

#[test]
fn every_seed_holds() {
    for (name, target) in TARGETS {
        let mut seeds = 0;
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name)).unwrap() {
            let path = entry.unwrap().path();
            println!("{}", path.display());
            target(&fs::read(&path).unwrap());
            seeds += 1;
        }
        assert!(seeds > 0, "{name} has no seeds");
    }
}

#[test]
fn every_target_has_its_program_and_its_result() {
    let read = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let (manifest, results) = (read("Cargo.toml"), read("../docs/fuzzing.md"));
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
    for (name, _) in TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"\npath = \"fuzz_targets/{name}.rs\"")), "{name}");
        assert!(read(&format!("fuzz_targets/{name}.rs")).contains(&format!("vaultshare_fuzz::{name}(data)")), "{name}");
        assert!(results.contains(&format!("| `{name}` ")), "{name}");
    }
}
