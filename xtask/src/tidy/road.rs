//! A crate that is built along a road: its folders are stages in an order, and no file uses a later stage. And how many
//! names such a crate shows to whoever uses it.

use std::path::{Path, PathBuf};

use syn::{Item, UseTree, Visibility};

use super::circles;

/// The stages of a crate, first to last: folders or files below `src`. What is not named stands beside the road.
const ROADS: &[(&str, &[&str])] = &[(
    "clever-sync",
    &[
        "report", "progress", "store", "error", "learn", "check", "act", "tell", "export", "run",
    ],
)];

/// Crates and the most names that their front pages may show, apart from modules.
const NAMES: &[(&str, usize)] = &[("clever-provision", 30), ("clever-sync", 40)];

/// Names each arrow that points to a later stage, and a front page with too many names.
pub(super) fn breaches(package: &str, sources: &[(PathBuf, syn::File)]) -> Vec<String> {
    let mut breaches = Vec::new();
    for (of, stages) in ROADS {
        if *of == package {
            breaches.extend(turned(package, stages, sources));
        }
    }
    for (of, most) in NAMES {
        let lib = sources.iter().find(|(path, _)| path == Path::new("lib.rs"));
        if let (true, Some((_, lib))) = (*of == package, lib) {
            let names = names(lib);
            if names > *most {
                breaches.push(format!(
                    "{package}: its front page shows {names} names, and may show {most}"
                ));
            }
        }
    }
    breaches
}

/// The arrows from a stage to a later one.
fn turned(package: &str, stages: &[&str], sources: &[(PathBuf, syn::File)]) -> Vec<String> {
    let stage = |path: &Path| {
        let first = path.iter().next()?.to_string_lossy();
        let name = first.trim_end_matches(".rs");
        stages.iter().position(|stage| *stage == name)
    };
    let mut found = Vec::new();
    for ((from, _), targets) in sources.iter().zip(circles::arrows(sources)) {
        let targets = targets.into_iter().filter_map(|at| sources.get(at));
        for (to, _) in targets {
            if let (Some(here), Some(there)) = (stage(from), stage(to))
                && there > here
            {
                found.push(format!(
                    "{package}: {} uses {}, a later stage of the road",
                    from.display(),
                    to.display()
                ));
            }
        }
    }
    found
}

/// How many names a file re-exports or declares publicly, apart from modules.
fn names(file: &syn::File) -> usize {
    let public = |vis: &Visibility| matches!(vis, Visibility::Public(_));
    let of = |item: &Item| match item {
        Item::Use(item) if public(&item.vis) => leaves(&item.tree),
        Item::Fn(item) => usize::from(public(&item.vis)),
        Item::Struct(item) => usize::from(public(&item.vis)),
        Item::Enum(item) => usize::from(public(&item.vis)),
        Item::Trait(item) => usize::from(public(&item.vis)),
        Item::Type(item) => usize::from(public(&item.vis)),
        Item::Const(item) => usize::from(public(&item.vis)),
        _ => 0,
    };
    file.items.iter().map(of).sum()
}

fn leaves(tree: &UseTree) -> usize {
    match tree {
        UseTree::Path(path) => leaves(&path.tree),
        UseTree::Group(group) => group.items.iter().map(leaves).sum(),
        // Nobody can say how many these are.
        UseTree::Glob(_) => usize::MAX / 2,
        UseTree::Name(_) | UseTree::Rename(_) => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_to_a_later_stage_is_refused_and_one_back_is_not() {
        let of = |learn: &str, act: &str| {
            let sources = [
                ("lib.rs", "mod act; mod learn;"),
                ("learn/mod.rs", "mod diff;"),
                ("learn/diff.rs", learn),
                ("act.rs", act),
            ];
            let sources: Vec<(PathBuf, syn::File)> = sources
                .iter()
                .map(|(path, text)| (PathBuf::from(path), syn::parse_file(text).unwrap()))
                .collect();
            turned("a", &["learn", "act"], &sources)
        };
        assert!(of("", "use crate::learn::diff::D;").is_empty());
        assert_eq!(
            of("fn f() { crate::act::f(); }", ""),
            ["a: learn/diff.rs uses act.rs, a later stage of the road"]
        );
    }

    #[test]
    fn every_name_of_the_front_page_is_counted() {
        let text = "pub use a::{B, c::{D, E as F}}; use g::H; pub fn i() {} pub mod j; pub(crate) fn k() {}";
        assert_eq!(names(&syn::parse_file(text).unwrap()), 4);
    }
}
