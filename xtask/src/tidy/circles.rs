//! Files of a crate that use each other in a circle can't be read one after the other: no crate has any.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Item, UseTree};

/// A module by its names below the crate's root.
type Module = Vec<String>;

/// Names each circle of `sources`.
pub(super) fn breaches(package: &str, sources: &[(PathBuf, syn::File)]) -> Vec<String> {
    circles(sources)
        .iter()
        .map(|circle| {
            let files: Vec<&str> = circle.iter().map(String::as_str).collect();
            format!(
                "{package}: these files use each other in a circle: {}",
                files.join(", ")
            )
        })
        .collect()
}

/// The circles of a crate's files, as sets of paths below `src`.
fn circles(sources: &[(PathBuf, syn::File)]) -> Vec<BTreeSet<String>> {
    let arrows = arrows(sources);
    let reach: Vec<BTreeSet<usize>> = (0..arrows.len())
        .map(|from| reached(&arrows, from))
        .collect();
    let mut circles = BTreeSet::new();
    for (index, reached) in reach.iter().enumerate() {
        if !reached.contains(&index) {
            continue;
        }
        let circle: BTreeSet<String> = reached
            .iter()
            .filter(|other| reach[**other].contains(&index))
            .filter_map(|other| sources.get(*other))
            .map(|(path, _)| path.display().to_string())
            .collect();
        circles.insert(circle);
    }
    circles.into_iter().collect()
}

/// Which files each file uses, by their places in `sources`.
pub(super) fn arrows(sources: &[(PathBuf, syn::File)]) -> Vec<BTreeSet<usize>> {
    let modules: BTreeMap<Module, usize> = sources
        .iter()
        .enumerate()
        .map(|(index, (path, _))| (module_of(path), index))
        .collect();
    sources
        .iter()
        .enumerate()
        .map(|(index, (path, file))| {
            let mut uses = Uses {
                here: module_of(path),
                found: BTreeSet::new(),
            };
            uses.visit_file(file);
            let targets = uses.found.iter().filter_map(|path| deepest(&modules, path));
            targets.filter(|target| *target != index).collect()
        })
        .collect()
}

/// Every file that can be reached from `from`, over one arrow or more.
fn reached(arrows: &[BTreeSet<usize>], from: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut next: Vec<usize> = arrows[from].iter().copied().collect();
    while let Some(at) = next.pop() {
        if reached.insert(at) {
            next.extend(&arrows[at]);
        }
    }
    reached
}

/// `a/b.rs` and `a/b/mod.rs` as `a::b`; the crate's root has no names.
fn module_of(path: &Path) -> Module {
    let mut names: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let ends = names.last().map(String::as_str);
    if matches!(ends, Some("mod")) || (names.len() == 1 && matches!(ends, Some("lib" | "main"))) {
        names.pop();
    }
    names
}

/// The file that holds what a path names: its deepest module that is a file. The root and a parent that
/// merely declares its children are no targets of their children's `crate::` paths.
fn deepest(modules: &BTreeMap<Module, usize>, path: &Module) -> Option<usize> {
    (1..=path.len())
        .rev()
        .find_map(|length| modules.get(&path[..length]).copied())
}

/// What a file uses of its own crate.
struct Uses {
    here: Module,
    found: BTreeSet<Module>,
}

impl Uses {
    /// Turns a path as written into one below the crate's root; `None` for other crates'.
    fn resolve(&self, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => self.here.clone(),
            "super" => {
                let mut parent = self.here.clone();
                parent.pop()?;
                parent
            }
            _ => return None,
        };
        let mut rest = rest;
        while rest.first().is_some_and(|name| name == "super") {
            module.pop()?;
            rest = &rest[1..];
        }
        module.extend(rest.iter().cloned());
        Some(module)
    }

    fn tree(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.tree(before, &path.tree);
                before.pop();
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(before, tree);
                }
            }
            UseTree::Name(name) => {
                before.push(name.ident.to_string());
                self.found.extend(self.resolve(before));
                before.pop();
            }
            UseTree::Rename(name) => {
                before.push(name.ident.to_string());
                self.found.extend(self.resolve(before));
                before.pop();
            }
            UseTree::Glob(_) => self.found.extend(self.resolve(before)),
        }
    }
}

impl Visit<'_> for Uses {
    fn visit_item(&mut self, item: &Item) {
        match item {
            Item::Use(import) => self.tree(&mut Vec::new(), &import.tree),
            // Tests may look at anything.
            Item::Mod(module)
                if module.attrs.iter().any(|attribute| {
                    matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
                }) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if names.len() > 1 {
            self.found.extend(self.resolve(&names));
        }
        visit::visit_path(self, path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        let sources: Vec<(PathBuf, syn::File)> = files
            .iter()
            .map(|(path, text)| (PathBuf::from(path), syn::parse_file(text).unwrap()))
            .collect();
        let circles = circles(&sources).into_iter();
        circles.map(|circle| circle.into_iter().collect()).collect()
    }

    #[test]
    fn a_circle_is_found_however_it_is_written() {
        let root = ("lib.rs", "mod a; mod b; mod c;");
        assert_eq!(
            found(&[
                root,
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "fn f() { crate::c::g(); }"),
                ("c.rs", "use super::a::A;")
            ]),
            [["a.rs", "b.rs", "c.rs"]]
        );
        assert!(
            found(&[
                root,
                ("a.rs", "use crate::b::B;"),
                ("b.rs", "use crate::c;"),
                ("c.rs", "")
            ])
            .is_empty()
        );
        let tests = "#[cfg(test)] mod tests { use crate::a; }";
        assert!(found(&[root, ("a.rs", "use crate::b::B;"), ("b.rs", tests)]).is_empty());
    }

    #[test]
    fn a_parent_and_its_child_are_a_circle_if_each_uses_the_other() {
        let child = ("a/b.rs", "use super::A;");
        assert_eq!(
            found(&[("a/mod.rs", "mod b; use self::b::B;"), child]),
            [["a/b.rs", "a/mod.rs"]]
        );
        assert!(found(&[("a/mod.rs", "mod b;"), child]).is_empty());
    }
}
