//! The page that each published crate has at the registry: from one pattern, with what a reader looks for there.

use std::fs;

use cargo_metadata::{Package, TargetKind};

/// What each README says, in this order.
const PARTS: [&str; 5] = [
    "- **From:** ",
    "- **To:** ",
    "```",
    "## Features\n",
    "## Rust version\n",
];

/// The most keywords that the registry takes.
const MAX_KEYWORDS: usize = 5;

/// Names what the page of `package` lacks. One that is not published has no page.
pub(super) fn breaches(package: &Package) -> Vec<String> {
    if package.publish.as_ref().is_some_and(Vec::is_empty) {
        return Vec::new();
    }
    let folder = package.manifest_path.parent();
    let path = folder.map(|folder| folder.join("README.md"));
    let readme = path.and_then(|path| fs::read_to_string(path).ok());
    let mut breaches = in_manifest(package);
    breaches.extend(in_readme(package, readme.as_deref().unwrap_or_default()));
    // A library's README is tried out with the other examples.
    let library = package
        .targets
        .iter()
        .find(|target| target.kind.contains(&TargetKind::Lib));
    if let Some(library) = library {
        let root = fs::read_to_string(&library.src_path).unwrap_or_default();
        if !root.contains(r#"#[doc = include_str!("../README.md")]"#) {
            breaches.push("src/lib.rs does not have its README compiled".to_owned());
        }
    }
    let named = |breach: String| format!("{}: {breach}", package.name);
    breaches.into_iter().map(named).collect()
}

fn in_manifest(package: &Package) -> Vec<String> {
    let mut breaches = Vec::new();
    let mut lacks = |what: &str| breaches.push(format!("Cargo.toml has no {what}"));
    if package.description.as_ref().is_none_or(String::is_empty) {
        lacks("description");
    }
    if !(1..=MAX_KEYWORDS).contains(&package.keywords.len()) {
        lacks("keywords, or more than the registry takes");
    }
    if package.categories.is_empty() {
        lacks("categories");
    }
    if package.repository.is_none() {
        lacks("repository");
    }
    if package.license.is_none() {
        lacks("license");
    }
    if package.metadata["docs"]["rs"]["all-features"] != true {
        lacks("docs.rs metadata with all features");
    }
    breaches
}

fn in_readme(package: &Package, readme: &str) -> Vec<String> {
    let mut breaches = Vec::new();
    if !readme.starts_with(&format!("# {}\n", package.name)) {
        breaches.push("README.md is missing, or does not begin with the name".to_owned());
    }
    let mut rest = readme;
    for part in PARTS {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => breaches.push(format!("README.md has no {:?} in its place", part.trim())),
        }
    }
    let version = package.rust_version.as_ref();
    let version = version.map(|version| format!("Rust {}.{} ", version.major, version.minor));
    if version.is_none_or(|version| !rest.contains(&version)) {
        breaches.push("README.md does not name the manifest's Rust version".to_owned());
    }
    // What only the documentation needs is no feature for users.
    let ours = |feature: &&String| !["default", "document-features"].contains(&feature.as_str());
    for feature in package.features.keys().filter(ours) {
        if !readme.contains(&format!("| `{feature}` |")) {
            breaches.push(format!("README.md does not say what `{feature}` adds"));
        }
    }
    breaches
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# a\n\nDoes.\n\n- **From:** x\n- **To:** y\n\n```sh\na\n```\n\n## Features\n\n| `f` | more |\n\n\
                          ## Rust version\n\nRust 1.95 or later.\n";

    /// A package as cargo describes it.
    fn package(change: impl FnOnce(&mut serde_json::Value)) -> Package {
        let mut package = serde_json::json!({
            "name": "a", "version": "0.1.0", "id": "path+file:///a#0.1.0", "dependencies": [], "targets": [],
            "features": { "default": [], "f": [] }, "manifest_path": "/nowhere/a/Cargo.toml",
            "description": "Does.", "license": "MIT", "repository": "https://example.org/a",
            "keywords": ["one"], "categories": ["database"], "rust_version": "1.95",
            "metadata": { "docs": { "rs": { "all-features": true } } },
        });
        change(&mut package);
        serde_json::from_value(package).unwrap()
    }

    #[test]
    fn a_whole_page_passes_and_each_part_is_missed() {
        let whole = package(|_| ());
        assert_eq!(in_manifest(&whole), [""; 0]);
        assert_eq!(in_readme(&whole, README), [""; 0]);
        for part in PARTS.iter().chain(&["# a\n", "1.95", "| `f` |"]) {
            let without = README.replace(part, "");
            assert!(!in_readme(&whole, &without).is_empty(), "{part}");
        }
        for field in [
            "description",
            "license",
            "repository",
            "keywords",
            "categories",
            "metadata",
        ] {
            let lacking = package(|package| drop(package.as_object_mut().unwrap().remove(field)));
            assert_eq!(in_manifest(&lacking).len(), 1, "{field}");
        }
        let many = package(|package| package["keywords"] = serde_json::json!(vec!["a"; 6]));
        assert_eq!(in_manifest(&many).len(), 1);
    }

    #[test]
    fn a_crate_that_stays_here_needs_no_page() {
        let kept = package(|package| package["publish"] = serde_json::json!([]));
        assert_eq!(breaches(&kept), [""; 0]);
        assert!(!breaches(&package(|_| ())).is_empty());
    }
}
