//! `cargo xtask release X.Y.Z`: everything up to the tag. What is published from it, RELEASING.md says.
//!
//! The version and the changelog are committed first. Then that commit is built twice, in two clones in different folders: whoever
//! builds it again should get the same package, byte for byte, and this shows that they can. The tag comes last, so that a
//! release that failed half-way has none, and the same command goes on with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use base16ct::lower::encode_string;
use clap::Args;
use jiff::Timestamp;
use semver::Version;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{
    files, package, process, progress, tools,
    workspace::{WASM_TARGET, Workspace},
};

const CHANGELOG: &str = "CHANGELOG.md";
const MANIFEST: &str = "pkg-template/package.json";
const UNRELEASED: &str = "## Unreleased\n";

/// The crates whose dependencies are listed, by their folders, and for what they are compiled. The second module's crates are
/// those of the main module when it has RSA compiled in.
const LISTED: [(&str, &str, &[&str]); 3] = [
    ("", "vaultshare", &["--target", WASM_TARGET, "--features", "on-demand-compiled-in"]),
    ("crates/server", "vaultshare-server", &[]),
    ("crates/cli", "vaultshare-cli", &[]),
];

/// What to release.
#[derive(Args)]
pub(crate) struct Options {
    /// The version, later than the last one
    version: Version,
    /// Sign the tag
    #[arg(long, conflicts_with = "files_only")]
    sign: bool,
    /// Make the files of the release whose commit this is, and neither commit nor tag
    #[arg(long)]
    files_only: bool,
}

/// Makes the release's commit, its files and its tag.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let version = &options.version;
    check_manifest(&files::read(&workspace.path(MANIFEST))?)?;
    let changes = git(workspace, &["status", "--porcelain"])?;
    ensure!(changes.is_empty(), "there are changes that are not committed:\n{changes}");
    let tag = format!("v{version}");
    if !options.files_only {
        ensure!(git(workspace, &["tag", "--list", &tag])?.is_empty(), "{tag} is there already: a release is made once");
    }
    let subject = format!("release: {version}");
    if git(workspace, &["log", "-1", "--format=%s"])? == subject {
        progress::note(&format!("going on with the commit `{subject}`"));
    } else if options.files_only {
        bail!("the last commit is not `{subject}`");
    } else {
        progress::step(&format!("committing `{subject}`"), || commit(workspace, version, &subject))?;
    }
    let id = git(workspace, &["rev-parse", "HEAD"])?;
    let Build { clone, tarball } = build_twice(workspace)?;
    let name = format!("vaultshare-{version}.tgz");
    ensure!(tarball.ends_with(&name), "what was built is not {version}: {}", tarball.display());

    let folder = workspace.in_target(&format!("releases/{version}"));
    files::empty_folder(&folder)?;
    files::copy(&tarball, &folder.join(&name))?;
    progress::step("the server, the command line, and what they and the package are made of", || {
        collect_programs(workspace, &clone, &folder)
    })?;
    let sums = check_sums(&folder, files_of(&folder)?)?;
    files::write(&folder.join("SHA256SUMS"), &sums)?;
    let package = clone.join("pkg");
    let modules = check_sums(&package, modules_of(&package)?)?;
    let compiler = process::output(workspace.command("rustc").arg("--version"))?;
    let changelog = files::read(&workspace.path(CHANGELOG))?;
    let entries = section(&changelog, version)?;
    let notes = format!(
        "vaultshare {version}\n\n{entries}\n\nBuilt by {compiler}.\n\n{sums}\nWithin the package:\n\n{modules}"
    );
    let notes_file = folder.join("NOTES.md");
    files::write(&notes_file, notes)?;

    if options.files_only {
        println!("the files are in {}", folder.display());
        return Ok(());
    }
    let kind = if options.sign { "--sign" } else { "--annotate" };
    let mut command = workspace.command("git");
    process::run(command.args(["tag", kind, "--cleanup=verbatim", "--file"]).arg(&notes_file).args([&tag, &id]))?;
    println!("{tag} is tagged, and its files are in {}", folder.display());
    Ok(())
}

/// What npm shows beside a package, and proves its origin by.
fn check_manifest(manifest: &str) -> anyhow::Result<()> {
    let manifest: Value = serde_json::from_str(manifest)?;
    let missing: Vec<&str> =
        ["repository", "homepage", "bugs"].into_iter().filter(|name| manifest.get(name).is_none()).collect();
    ensure!(missing.is_empty(), "{MANIFEST} does not say where the sources are: {}", missing.join(", "));
    Ok(())
}

fn commit(workspace: &Workspace, version: &Version, subject: &str) -> anyhow::Result<()> {
    let last: Version = env!("CARGO_PKG_VERSION").parse()?;
    // The first release may have the version that stands there.
    let is_first = git(workspace, &["tag", "--list", "v*"])?.is_empty();
    ensure!(*version > last || is_first && *version == last, "{version} is not later than {last}");
    let changelog = files::read(&workspace.path(CHANGELOG))?;
    let dated = dated(&changelog, version, &Timestamp::now().strftime("%F").to_string())?;
    let manifest = files::read(&workspace.path("Cargo.toml"))?;
    let (old, new) = (format!("\nversion = \"{last}\"\n"), format!("\nversion = \"{version}\"\n"));
    ensure!(manifest.matches(&old).count() == 1, "Cargo.toml does not say the version once");
    let change = || {
        files::write(&workspace.path(CHANGELOG), &dated)?;
        files::write(&workspace.path("Cargo.toml"), manifest.replace(&old, &new))?;
        process::run(workspace.cargo().args(["update", "--workspace", "--offline", "--quiet"]))?;
        git(workspace, &["commit", "--quiet", "--all", "--message", subject]).map(drop)
    };
    // There was nothing that was not committed, so that this takes back what stands above and no more.
    change().inspect_err(|_| drop(git(workspace, &["reset", "--quiet", "--hard"])))
}

/// The changelog with what was unreleased under the version and the day.
fn dated(changelog: &str, version: &Version, day: &str) -> anyhow::Result<String> {
    let (before, after) = changelog.split_once(UNRELEASED).context("CHANGELOG.md has no section `Unreleased`")?;
    let entries = after.split("\n## ").next().unwrap_or_default();
    ensure!(!entries.trim().is_empty(), "nothing is listed as unreleased");
    Ok(format!("{before}{UNRELEASED}\n## {version} ({day})\n{after}"))
}

/// What the changelog says of a version.
fn section<'a>(changelog: &'a str, version: &Version) -> anyhow::Result<&'a str> {
    let of_version = |section: &&str| section.starts_with(&format!("{version} ("));
    let section = changelog.split("\n## ").find(of_version).context("CHANGELOG.md has no section of this version")?;
    Ok(section.split_once('\n').map_or("", |(_, entries)| entries).trim())
}

/// The first of two builds that are alike.
pub(crate) struct Build {
    clone: PathBuf,
    tarball: PathBuf,
}

/// Builds the npm package of the last commit in two clones, from nothing but that commit and the tools, and fails where a file of
/// one is not that of the other. Their folders have different names, because paths are what builds most often differ by.
pub(crate) fn build_twice(workspace: &Workspace) -> anyhow::Result<Build> {
    tools::ensure_cargo_program(workspace, &tools::wasm_bindgen(workspace)?)?;
    let folder = workspace.in_target("reproducible");
    files::empty_folder(&folder)?;
    let clones = [folder.join("a"), folder.join("another-folder")];
    for clone in &clones {
        let mut command = workspace.command("git");
        process::run(command.args(["clone", "--quiet", "--no-hardlinks", "."]).arg(clone))?;
    }
    for clone in &clones {
        // Programs that were compiled from crates.io, by version: what they are made of does not depend on this clone.
        files::copy_folder(&workspace.path(".tools"), &clone.join(".tools"))?;
        progress::step(&format!("building the package in {}", clone.display()), || {
            in_clone(workspace, clone, "--package-only")
        })?;
    }
    let [first, second] = &clones;
    let names = files_of(&first.join("pkg"))?;
    ensure!(names == files_of(&second.join("pkg"))?, "the two packages have other files");
    for name in &names {
        let read = |clone: &Path| files::read_bytes(&clone.join("pkg").join(name));
        ensure!(read(first)? == read(second)?, "{} differs between two builds of one commit", name.display());
    }
    let pack = |clone: &Path| package::pack_into(workspace, &clone.join("pkg"), &clone.join("target/packed"));
    let (tarball, other) = (pack(first)?, pack(second)?);
    ensure!(
        files::read_bytes(&tarball)? == files::read_bytes(&other)?,
        "npm packs the same files into different tarballs"
    );
    progress::note(&format!("{} files and their tarball are the same in both", names.len()));
    Ok(Build { clone: first.clone(), tarball })
}

/// The build command of a clone, which compiles into the clone.
fn in_clone(workspace: &Workspace, clone: &Path, what: &str) -> anyhow::Result<()> {
    let mut cargo = workspace.cargo();
    cargo.current_dir(clone).env_remove("CARGO_TARGET_DIR").env_remove("CARGO_MANIFEST_DIR");
    process::run(cargo.args(["xtask", "build", what]))
}

fn files_of(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let inside = |file: PathBuf| file.strip_prefix(folder).map(Path::to_path_buf);
    Ok(files::all_files(folder)?.into_iter().map(inside).collect::<Result<_, _>>()?)
}

/// The two programs, and CycloneDX lists of what each of the three is made of.
fn collect_programs(workspace: &Workspace, clone: &Path, folder: &Path) -> anyhow::Result<()> {
    in_clone(workspace, clone, "--programs-only")?;
    for name in ["vaultshare-server", "vaultshare"] {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        files::copy(&clone.join("target/release").join(&file), &folder.join(&file))?;
    }
    let cyclonedx = tools::ensure_cargo_program(workspace, &tools::cargo_cyclonedx())?;
    let made = process::output(workspace.command("git").current_dir(clone).args(["show", "-s", "--format=%ct"]))?;
    for (member, package, arguments) in LISTED {
        let mut command = workspace.command(&cyclonedx);
        command.current_dir(clone.join(member)).args(["cyclonedx", "--format", "json", "--quiet"]).args(arguments);
        command.env("SOURCE_DATE_EPOCH", &made);
        process::run(&mut command)?;
        let list = format!("{package}.cdx.json");
        files::copy(&clone.join(member).join(&list), &folder.join(&list))?;
    }
    Ok(())
}

/// As `sha256sum` writes and checks them.
fn check_sums(folder: &Path, names: Vec<PathBuf>) -> anyhow::Result<String> {
    let mut sums = String::new();
    for name in names {
        let sum = Sha256::digest(files::read_bytes(&folder.join(&name))?);
        sums.push_str(&format!("{}  {}\n", encode_string(&sum), name.display()));
    }
    Ok(sums)
}

fn modules_of(package: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let is_module = |name: &PathBuf| name.extension().is_some_and(|kind| kind == "wasm");
    let modules: Vec<PathBuf> = files_of(package)?.into_iter().filter(is_module).collect();
    ensure!(!modules.is_empty(), "the package has no modules");
    Ok(modules)
}

fn git(workspace: &Workspace, arguments: &[&str]) -> anyhow::Result<String> {
    process::output(workspace.command("git").args(arguments))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const CHANGES: &str = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n";

    #[test]
    fn what_was_unreleased_is_the_new_versions() {
        let version = Version::new(0, 2, 0);
        let dated = dated(CHANGES, &version, "2026-12-01").unwrap();
        assert!(dated.contains("## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- New.\n\n## 0.1.0"), "{dated}");
        assert_eq!(section(&dated, &version).unwrap(), "- New.");
        assert_eq!(section(&dated, &Version::new(0, 1, 0)).unwrap(), "- Old.");
    }

    #[test]
    fn a_release_without_changes_is_refused() {
        let dated = dated(CHANGES, &Version::new(0, 2, 0), "2026-12-01").unwrap();
        assert!(super::dated(&dated, &Version::new(0, 3, 0), "2026-12-02").is_err());
        assert!(super::dated("# Changelog\n", &Version::new(0, 3, 0), "2026-12-02").is_err());
        assert!(section(&dated, &Version::new(0, 3, 0)).is_err());
    }

    #[test]
    fn a_package_that_names_no_sources_is_not_released() {
        assert!(check_manifest(r#"{ "repository": "r", "homepage": "h", "bugs": "b" }"#).is_ok());
        let error = check_manifest(r#"{ "homepage": "h" }"#).unwrap_err();
        assert!(error.to_string().ends_with("repository, bugs"), "{error}");
    }

    #[test]
    fn sums_are_as_others_check_them() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("abc"), "abc").unwrap();
        fs::write(folder.path().join("m.wasm"), "").unwrap();
        let sum = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  m.wasm\n";
        assert_eq!(
            check_sums(folder.path(), files_of(folder.path()).unwrap()).unwrap(),
            format!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc\n{sum}")
        );
        assert_eq!(check_sums(folder.path(), modules_of(folder.path()).unwrap()).unwrap(), sum);
    }
}
