//! Which room may know which: read from the sources.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail by panicking")]

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The sources of `src`, by path. What follows `#[cfg(test)]` is left out.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut files) = (vec![root.clone()], Vec::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(source(&root, path));
            }
        }
    }
    assert!(files.len() > 50);
    files
}

fn source(root: &Path, path: PathBuf) -> (String, String) {
    let text = fs::read_to_string(&path).unwrap();
    let text = text.split("#[cfg(test)]").next().unwrap().to_owned();
    (path.strip_prefix(root).unwrap().display().to_string(), text)
}

/// The first segments after `use crate::`, of one import or of a nested list.
fn imports(source: &str) -> Vec<String> {
    imports_of("crate", source)
}

fn imports_of(root: &str, source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for import in source.split(&format!("use {root}::")).skip(1) {
        let import = import.split(';').next().unwrap();
        match import.strip_prefix('{') {
            None => names.push(first_segment(import)),
            Some(list) => names.extend(top_level(list.trim_end_matches('}')).iter().map(|name| first_segment(name))),
        }
    }
    names
}

fn first_segment(path: &str) -> String {
    path.trim().split([':', ',', ' ']).next().unwrap().to_owned()
}

/// Splits a list at the commas that are in no braces.
fn top_level(list: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0);
    for character in list.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

fn is_in_records(path: &str) -> bool {
    path.contains("/records/")
}

#[test]
fn imports_are_read_from_all_forms() {
    assert_eq!(
        imports("use crate::store::Store;\nuse crate::{\n    clock::{Clock, Millis},\n    query,\n};"),
        ["store", "clock", "query"]
    );
}

#[test]
fn records_import_the_store_and_nothing_of_requests_or_rules() {
    let below = ["clock", "error", "pagination", "query", "store", "token", "wire"];
    for (path, text) in sources().iter().filter(|(path, _)| is_in_records(path)) {
        for name in imports(text) {
            assert!(below.contains(&name.as_str()), "{path} imports {name}");
        }
        assert!(!text.contains("axum") && !text.contains("super::super"), "{path}");
    }
}

#[test]
fn of_the_clients_crate_the_server_uses_the_wire_and_public_keys() {
    for (path, text) in sources() {
        for name in imports_of("vaultshare", &text) {
            assert!(["api", "crypto"].contains(&name.as_str()), "{path} imports vaultshare::{name}");
        }
        let imports = text.split("use vaultshare::").skip(1).map(|import| import.split(';').next().unwrap());
        for used in imports.flat_map(|import| import.split("crypto::").skip(1)) {
            assert_eq!(first_segment(used), "PublicKey", "{path}");
        }
        for used in text.split("vaultshare::crypto::").skip(1) {
            assert_eq!(
                first_segment(used.split(';').next().unwrap()).trim_end_matches([')', '>', '&']),
                "PublicKey",
                "{path}"
            );
        }
        assert!(!text.contains("vaultshare::workflows") && !text.contains("vaultshare::http"), "{path}");
    }
}

#[test]
fn sql_is_in_records_alone() {
    // `testing` makes more rows for a test than requests could.
    let shared = ["auth.rs", "idempotency.rs", "rate_limit.rs", "testing/mod.rs", "testing/postgres.rs"];
    for (path, text) in sources() {
        if !is_in_records(&path) && !path.starts_with("store/") && !shared.contains(&path.as_str()) {
            assert!(!text.contains("sqlx::query") && !text.contains("Statement::"), "{path}");
        }
    }
}

#[test]
fn all_routes_are_in_the_route_tables() {
    // What is in the first two is in the OpenAPI documents too.
    for (call, tables) in [
        (".routes(", ["keystore/routes.rs", "vault/routes.rs"].as_slice()),
        (".route(", &["http.rs", "metrics.rs", "openapi.rs"]),
    ] {
        for (path, text) in sources() {
            assert!(!text.contains(call) || tables.contains(&path.as_str()), "{path} has {call}");
        }
    }
}

#[test]
fn the_services_do_not_import_each_other() {
    for (path, text) in sources() {
        let other = if path.starts_with("keystore/") { "vault" } else { "keystore" };
        if path.starts_with("keystore/") || path.starts_with("vault/") {
            assert!(!imports(&text).contains(&other.to_owned()), "{path} imports {other}");
        }
    }
}

#[test]
fn every_test_that_the_list_of_faults_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(root.join("../../docs/server-faults.md")).unwrap();
    let (mut folders, mut texts) = (vec![root.join("src"), root.join("tests")], String::new());
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let is_name = |text: &&str| {
        text.matches('_').count() > 3 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let names: Vec<&str> = list.split('`').skip(1).step_by(2).filter(is_name).collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        assert!(texts.contains(&format!("fn {name}(")), "{name}");
    }
}
