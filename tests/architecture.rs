//! The rooms of `src` and what each may import: down, and not back up (`ROOMS`). How imports are written, everywhere.
//!
//! Read with `syn`, because a path can be nested in a `use`, relative to its module, or inside a macro.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use syn::{
    Ident, Item, LitStr, Token, UseTree, Visibility, braced, bracketed,
    ext::IdentExt,
    parenthesized,
    parse::{ParseStream, Parser, discouraged::Speculative},
    token,
    visit::{self, Visit},
};

/// Each room and the rooms that it may import besides itself.
const ROOMS: [(&str, &[&str]); 6] = [
    ("js", &["workflows", "api", "crypto", "http", "error"]),
    ("workflows", &["api", "crypto", "http", "error"]),
    ("api", &["http", "error"]),
    ("crypto", &["error"]),
    ("http", &["error"]),
    ("error", &[]),
];

/// Crates that bring JavaScript's types, …
const JS_CRATES: [&str; 8] = [
    "gloo_events",
    "gloo_net",
    "gloo_timers",
    "js_sys",
    "serde_wasm_bindgen",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "web_sys",
];

/// … and the only places for them.
const JS_PLACES: [&str; 4] = ["js/", "http/fetch", "crypto/backend", "workflows/clock.rs"];

type ModulePath = Vec<String>;

/// What a file refers to.
enum Reference {
    /// A path, as written.
    Path(ModulePath),
    /// A string literal.
    Text(String),
    /// The JavaScript module of a `#[wasm_bindgen(module = "…")]`.
    JsModule(String),
}

/// The references of one file, each with the module that it stands in.
struct References {
    module: ModulePath,
    found: Vec<(ModulePath, Reference)>,
    /// The names that the file's `pub use` items add to their module, and the paths behind them.
    reexports: Vec<(ModulePath, String, ModulePath)>,
}

impl References {
    fn of(module: ModulePath, text: &str) -> References {
        let mut references = References { module, found: Vec::new(), reexports: Vec::new() };
        references.visit_file(&syn::parse_file(text).unwrap());
        references
    }

    fn add(&mut self, reference: Reference) {
        self.found.push((self.module.clone(), reference));
    }

    fn add_all(&mut self, references: syn::Result<Vec<Reference>>) {
        for reference in references.unwrap() {
            self.add(reference);
        }
    }

    fn add_use(&mut self, tree: &syn::UseTree, path: &mut ModulePath, is_public: bool) {
        let leaf = |references: &mut Self, path: &ModulePath, name: String| {
            references.add(Reference::Path(path.clone()));
            if is_public {
                references.reexports.push((references.module.clone(), name, path.clone()));
            }
        };
        match tree {
            syn::UseTree::Path(tree) => {
                path.push(tree.ident.to_string());
                self.add_use(&tree.tree, path, is_public);
                path.pop();
            }
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, path, is_public);
                }
            }
            syn::UseTree::Name(name) if name.ident == "self" => {
                let alias = path.last().unwrap().clone();
                leaf(self, path, alias);
            }
            syn::UseTree::Name(name) => {
                path.push(name.ident.to_string());
                leaf(self, path, name.ident.to_string());
                path.pop();
            }
            syn::UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                leaf(self, path, name.rename.to_string());
                path.pop();
            }
            _ => self.add(Reference::Path(path.clone())),
        }
    }
}

impl Visit<'_> for References {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        let is_public = !matches!(item.vis, syn::Visibility::Inherited);
        self.add_use(&item.tree, &mut Vec::new(), is_public);
    }

    /// `pub(crate)` imports nothing.
    fn visit_vis_restricted(&mut self, _: &syn::VisRestricted) {}

    fn visit_path(&mut self, path: &syn::Path) {
        self.add(Reference::Path(path.segments.iter().map(|segment| segment.ident.to_string()).collect()));
        visit::visit_path(self, path);
    }

    fn visit_lit_str(&mut self, text: &LitStr) {
        self.add(Reference::Text(text.value()));
    }

    fn visit_attribute(&mut self, attribute: &syn::Attribute) {
        match &attribute.meta {
            syn::Meta::List(list) => {
                self.visit_path(&list.path);
                self.add_all(scan.parse2(list.tokens.clone()));
            }
            meta if meta.path().is_ident("doc") => {}
            meta => visit::visit_meta(self, meta),
        }
    }

    fn visit_macro(&mut self, item: &syn::Macro) {
        self.visit_path(&item.path);
        self.add_all(scan.parse2(item.tokens.clone()));
    }
}

/// The references in tokens whose grammar only their macro knows.
fn scan(input: ParseStream) -> syn::Result<Vec<Reference>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let ahead = input.fork();
        let group;
        if input.peek(token::Paren) {
            parenthesized!(group in input);
            found.extend(scan(&group)?);
        } else if input.peek(token::Bracket) {
            bracketed!(group in input);
            found.extend(scan(&group)?);
        } else if input.peek(token::Brace) {
            braced!(group in input);
            found.extend(scan(&group)?);
        } else if input.peek(Ident) && input.peek2(Token![=]) && input.peek3(LitStr) {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            let text = input.parse::<LitStr>()?.value();
            match name.to_string().as_str() {
                "module" | "raw_module" => found.push(Reference::JsModule(text)),
                "doc" => {}
                _ => found.push(Reference::Text(text)),
            }
        } else if let Ok(path) = ahead.call(syn::Path::parse_mod_style) {
            input.advance_to(&ahead);
            found.push(Reference::Path(path.segments.iter().map(|segment| segment.ident.to_string()).collect()));
        } else if input.peek(LitStr) {
            found.push(Reference::Text(input.parse::<LitStr>()?.value()));
        } else if input.peek(Ident::peek_any) {
            Ident::parse_any(input)?;
        } else {
            input.step(|cursor| match cursor.token_tree() {
                Some((_, rest)) => Ok(((), rest)),
                None => Err(cursor.error("a token was expected")),
            })?;
        }
    }
    Ok(found)
}

/// The files of `src`, their paths relative to it.
struct Sources {
    paths: BTreeSet<String>,
    modules: BTreeMap<ModulePath, String>,
    references: BTreeMap<String, References>,
    reexports: BTreeMap<(ModulePath, String), ModulePath>,
}

impl Sources {
    fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sources {
        let mut sources = Sources {
            paths: BTreeSet::new(),
            modules: BTreeMap::new(),
            references: BTreeMap::new(),
            reexports: BTreeMap::new(),
        };
        for (path, text) in files {
            sources.paths.insert(path.to_owned());
            let Some(stem) = path.strip_suffix(".rs") else {
                let references = text.split(['\'', '"']).map(|text| (Vec::new(), Reference::Text(text.to_owned())));
                let references = References { module: Vec::new(), found: references.collect(), reexports: Vec::new() };
                sources.references.insert(path.to_owned(), references);
                continue;
            };
            let mut module: ModulePath = stem.split('/').map(str::to_owned).collect();
            if module.last().is_some_and(|name| name == "mod" || path == "lib.rs") {
                module.pop();
            }
            sources.modules.insert(module.clone(), path.to_owned());
            sources.references.insert(path.to_owned(), References::of(module, text));
        }
        for references in sources.references.values() {
            for (module, name, path) in &references.reexports {
                if let Some(path) = sources.absolute(module, path) {
                    sources.reexports.insert((module.clone(), name.clone()), path);
                }
            }
        }
        sources
    }

    /// A path from the crate's root; `None` for one into another crate.
    fn absolute(&self, module: &ModulePath, path: &[String]) -> Option<ModulePath> {
        let (first, rest) = path.split_first()?;
        let mut base = module.clone();
        match first.as_str() {
            "crate" => return Some(rest.to_vec()),
            "self" => {}
            "super" => {
                base.pop();
                if rest.first().is_some_and(|next| next == "super") {
                    return self.absolute(&base, rest);
                }
            }
            child => {
                base.push(child.to_owned());
                if !self.modules.contains_key(&base) {
                    return None;
                }
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The file that defines what a path leads to, re-exports followed.
    fn file_of(&self, path: &ModulePath) -> &str {
        let mut path = path.clone();
        // No name is re-exported more often than there are modules.
        for _ in &self.modules {
            let length = (0..=path.len()).rev().find(|length| self.modules.contains_key(&path[..*length])).unwrap_or(0);
            let name = path.get(length).cloned();
            let next = name.and_then(|name| self.reexports.get(&(path[..length].to_vec(), name)));
            match next {
                Some(next) => path = next.iter().chain(&path[length + 1..]).cloned().collect(),
                None => return self.modules.get(&path[..length]).map_or("lib.rs", String::as_str),
            }
        }
        "lib.rs"
    }

    /// The other files of `src` that a file imports.
    fn imports(&self, path: &str) -> BTreeSet<&str> {
        let found = self.references.get(path).into_iter().flat_map(|references| &references.found);
        let files = found.filter_map(|(module, reference)| match reference {
            Reference::Path(to) => self.absolute(module, to).map(|to| self.file_of(&to)),
            _ => None,
        });
        files.filter(|file| *file != path).collect()
    }

    fn check_rooms(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for path in self.paths.iter().filter(|path| path.ends_with(".rs") && *path != "lib.rs") {
            let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| *room == room_of(path)) else {
                violations.push(format!("{path} is in no room"));
                continue;
            };
            for file in self.imports(path) {
                if room_of(file) != room_of(path) && !allowed.contains(&room_of(file)) {
                    violations.push(format!("{path} imports {file}"));
                }
            }
        }
        violations
    }

    fn check_javascript(&self) -> Vec<String> {
        let mut violations = Vec::new();
        for (path, references) in &self.references {
            for (_, reference) in &references.found {
                match reference {
                    Reference::Path(to) => {
                        let name = to.first().map_or("", String::as_str);
                        if JS_CRATES.contains(&name) && !JS_PLACES.iter().any(|place| path.starts_with(place)) {
                            violations.push(format!("{path} uses {name}"));
                        }
                    }
                    Reference::JsModule(module) => {
                        let is_ours = module.strip_prefix("/src/").is_some_and(|module| self.paths.contains(module));
                        if !is_ours {
                            violations.push(format!("{path} imports {module}, which is not in src"));
                        }
                    }
                    Reference::Text(text) if text.contains("pkg-template") => {
                        violations.push(format!("{path} names pkg-template"));
                    }
                    Reference::Text(text)
                        if path.ends_with(".js") && text.starts_with('.') && text.ends_with(".js") =>
                    {
                        if !self.paths.contains(&relative_to(path, text)) {
                            violations.push(format!("{path} imports {text}, which is not in src"));
                        }
                    }
                    Reference::Text(_) => {}
                }
            }
        }
        violations
    }

    /// Circles among the files of `workflows`, whose `mod.rs` only declares and re-exports.
    fn check_circles(&self) -> Vec<String> {
        let files = self.paths.iter().filter(|path| path.starts_with("workflows/") && !path.ends_with("/mod.rs"));
        let mut reached: BTreeMap<_, _> = files.map(|path| (path.as_str(), self.imports(path))).collect();
        for _ in 0..reached.len() {
            let before = reached.clone();
            for targets in reached.values_mut() {
                let further: Vec<_> = targets.iter().filter_map(|target| before.get(target)).flatten().collect();
                targets.extend(further);
            }
        }
        let circular = reached.iter().filter(|(path, targets)| targets.contains(*path));
        circular.map(|(path, _)| format!("{path} imports itself in a circle")).collect()
    }

    /// Each once, in the order of their texts.
    fn violations(&self) -> Vec<String> {
        let violations = [self.check_rooms(), self.check_javascript(), self.check_circles()].concat();
        BTreeSet::from_iter(violations).into_iter().collect()
    }
}

/// `api/vault/items.rs` is in `api`, `error.rs` in `error`.
fn room_of(path: &str) -> &str {
    let first = path.split('/').next().unwrap_or(path);
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The path that a JavaScript file means by `./…` or `../…`.
fn relative_to(path: &str, import: &str) -> String {
    let mut segments: Vec<&str> = path.split('/').collect();
    segments.pop();
    for segment in import.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()),
            name => segments.push(name),
        }
    }
    segments.join("/")
}

fn violations(files: &[(&str, &str)]) -> Vec<String> {
    Sources::parse(files.iter().copied()).violations()
}

fn read_files(folder: &Path, root: &Path, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_files(&path, root, files);
        } else {
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().replace('\\', "/");
            files.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
}

#[test]
fn imports_point_down() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    read_files(&root, &root, &mut files);
    assert!(files.len() > 50, "src was not found");
    let violations = Sources::parse(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))).violations();
    assert!(violations.is_empty(), "\n{}", violations.join("\n"));
}

/// Paths of the sources of all crates, and what they hold.
fn all_sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders: Vec<_> = ["src", "crates", "tests", "benches", "fuzz/fuzz_targets", "fuzz/src", "fuzz/tests"]
        .map(|folder| root.join(folder))
        .into();
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                if path.file_name().is_none_or(|name| name != "node_modules") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                sources.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    sources
}

/// Crates and modules that one module imports from in several statements of one visibility.
fn imported_twice(items: &[Item]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for item in items {
        match item {
            Item::Mod(module) => twice.extend(module.content.iter().flat_map(|(_, items)| imported_twice(items))),
            // A condition is of the whole statement.
            Item::Use(import) if import.attrs.is_empty() => {
                let first = match &import.tree {
                    UseTree::Path(path) => &path.ident,
                    UseTree::Name(name) => &name.ident,
                    UseTree::Rename(renamed) => &renamed.ident,
                    UseTree::Glob(_) | UseTree::Group(_) => continue,
                };
                let visibility = match &import.vis {
                    Visibility::Inherited => String::new(),
                    Visibility::Public(_) => "pub".to_owned(),
                    Visibility::Restricted(of) => format!("pub({:?})", of.path.segments.last().map(|last| &last.ident)),
                };
                // `use super::*` is how a module of tests begins.
                if !is_glob(&import.tree) && !seen.insert((visibility, first.to_string())) {
                    twice.push(first.to_string());
                }
            }
            _ => {}
        }
    }
    twice
}

fn is_glob(tree: &UseTree) -> bool {
    match tree {
        UseTree::Path(path) => is_glob(&path.tree),
        tree => matches!(tree, UseTree::Glob(_)),
    }
}

#[test]
fn a_module_imports_from_a_crate_in_one_statement() {
    let twice = |text: &str| imported_twice(&syn::parse_file(text).unwrap().items);
    assert_eq!(twice("use std::fs; use std::path::Path; mod a { use crate::b; use crate::{c, d}; }"), ["std", "crate"]);
    let apart = "use std::{fs, path::Path}; pub use std::io; use super::*; use super::a; #[cfg(unix)] use std::os;";
    assert!(twice(apart).is_empty());

    let sources = all_sources();
    assert!(sources.len() > 200, "the sources were not found");
    for (path, text) in sources {
        let twice = twice(&text);
        assert!(twice.is_empty(), "{path} imports from {} more than once", twice.join(", "));
    }
}

const LIB: (&str, &str) = ("lib.rs", "pub mod error; pub use error::{Error, Result};");
const ERROR: (&str, &str) = ("error.rs", "pub struct Error;");
const API: (&str, &str) = ("api/mod.rs", "mod id; pub use id::Id;");
const ID: (&str, &str) = ("api/id.rs", "use crate::{Result, http::Service}; pub struct Id;");
const HTTP: (&str, &str) = ("http/mod.rs", "pub struct Service;");

#[test]
fn what_points_down_is_allowed() {
    let workflow = ("workflows/items.rs", "use crate::{api::Id, http}; fn f() -> crate::Error { http::Service }");
    let js = ("js/mod.rs", "use js_sys::Array; #[wasm_bindgen(module = \"/src/js/idle.js\")] extern \"C\" {}");
    let script = ("js/idle.js", "import { turn } from '../turn.js';");
    let other = ("turn.js", "export const turn = './not/a/script';");
    assert_eq!(violations(&[LIB, ERROR, API, ID, HTTP, workflow, js, script, other]), [""; 0]);
}

#[test]
fn what_points_up_or_sideways_is_found_however_it_is_written() {
    for text in [
        "use crate::api::Id;",
        "use crate::{Error, api::{self, Id as Name}};",
        "use super::super::api::*;",
        "fn f(id: &crate::api::Id) {}",
        "fn f() { let _ = format!(\"{}\", crate::api::Id::parse(\"\")); }",
        "mod tests { use super::super::super::api::Id; }",
        "#[serde(with = \"x\", default(crate::api::Id))] struct S;",
    ] {
        let found = violations(&[LIB, ERROR, API, ID, HTTP, ("http/request.rs", text)]);
        assert!(!found.is_empty(), "{text}");
        assert!(found.iter().all(|found| found.starts_with("http/request.rs imports api/")), "{text}: {found:?}");
    }
    for (path, text, expected) in [
        ("api/x.rs", "use crate::crypto::Key;", "api/x.rs imports crypto/mod.rs"),
        ("crypto/x.rs", "use crate::http::Service;", "crypto/x.rs imports http/mod.rs"),
        ("crypto/x.rs", "use crate::api::Id;", "crypto/x.rs imports api/id.rs"),
        ("error.rs", "use crate::http::Service;", "error.rs imports http/mod.rs"),
        ("decimal.rs", "", "decimal.rs is in no room"),
    ] {
        let crypto = ("crypto/mod.rs", "pub struct Key;");
        assert_eq!(violations(&[LIB, ERROR, API, ID, HTTP, crypto, (path, text)]), [expected]);
    }
}

#[test]
fn types_of_javascript_are_found_outside_their_places() {
    for text in ["use js_sys::Date;", "fn f() { let _ = web_sys::window(); }", "#[wasm_bindgen::prelude::x] struct S;"]
    {
        assert_eq!(violations(&[("workflows/items.rs", text)]).len(), 1, "{text}");
        assert_eq!(violations(&[("api/id.rs", text)]).len(), 1, "{text}");
        for path in ["js/client.rs", "http/fetch.rs", "crypto/backend/webcrypto.rs", "workflows/clock.rs"] {
            assert_eq!(violations(&[(path, text)]), [""; 0], "{text}");
        }
    }
}

#[test]
fn what_comes_from_the_package_and_not_from_src_is_found() {
    for text in [
        "#[wasm_bindgen(raw_module = \"./on-demand.js\")] extern \"C\" {}",
        "#[cfg_attr(x, wasm_bindgen(module = \"/pkg-template/on-demand.js\"))] extern \"C\" {}",
        "#[wasm_bindgen(module = \"/src/js/missing.js\")] extern \"C\" {}",
        "const TYPES: &str = include_str!(\"../../pkg-template/index.d.ts\");",
    ] {
        assert_eq!(violations(&[("crypto/backend/rsa.rs", text)]).len(), 1, "{text}");
    }
    let script = ("crypto/backend/rsa.js", "import { error } from '../../../pkg-template/errors.js';");
    assert_eq!(violations(&[script]), ["crypto/backend/rsa.js names pkg-template"]);
    let script = ("crypto/backend/rsa.js", "import { error } from './errors.js';");
    assert_eq!(violations(&[script]), ["crypto/backend/rsa.js imports ./errors.js, which is not in src"]);
    let comment = ("crypto/backend/rsa.rs", "/// Not the one in pkg-template.\nstruct Worker;");
    assert_eq!(violations(&[comment]), [""; 0]);
}

#[test]
fn a_circle_is_found_also_through_re_exports() {
    let facade =
        ("workflows/mod.rs", "mod client; mod login; mod session; pub use client::Client; pub use session::Session;");
    let client = ("workflows/client.rs", "use super::login; pub struct Client;");
    let session = ("workflows/session.rs", "pub struct Session;");
    let login = ("workflows/login.rs", "use super::{Client, Session};");
    let found = violations(&[facade, client, login, session]);
    let circle = ["workflows/client.rs", "workflows/login.rs"].map(|path| format!("{path} imports itself in a circle"));
    assert_eq!(found, circle);
    let login = ("workflows/login.rs", "use super::Session;");
    assert_eq!(violations(&[facade, client, login, session]), [""; 0]);
}
