//! What both passes over progenitor's code share.

use syn::visit::{self, Visit};
use syn::{Item, UseTree, parse_quote};

/// Tokens as text, with progenitor's blanks.
pub(super) fn quote_text(tokens: &impl quote::ToTokens) -> String {
    tokens.to_token_stream().to_string()
}

/// Shortens a path: the prelude's names, the version's own models (below `types`, if it is given), and
/// the names that the files import.
pub(super) fn short_path(path: &mut syn::Path, types: Option<&syn::Ident>) {
    let names: Vec<String> = path
        .segments
        .iter()
        .map(|part| part.ident.to_string())
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let Some(last) = path.segments.last().cloned() else {
        return;
    };
    match names.as_slice() {
        ["std", "option", "Option"] | ["std", "string", "String"] | ["std", "vec", "Vec"] => {
            *path = last.into();
        }
        ["crate", "scalar", _] | ["crate", "envelope", _] => *path = last.into(),
        ["crate", "event", "Event"] => *path = last.into(),
        ["crate", _, "enums", _] => *path = parse_quote!(enums::#last),
        ["crate", _, "types", _] | ["types", _] => {
            *path = match types {
                Some(types) => parse_quote!(#types::#last),
                None => last.into(),
            };
        }
        _ => {}
    }
}

/// Drops the imports whose names the rest of `file` does not use.
pub(super) fn drop_unused_imports(file: &mut syn::File) {
    struct Used(std::collections::BTreeSet<String>);
    impl Visit<'_> for Used {
        fn visit_path(&mut self, path: &syn::Path) {
            self.0
                .extend(path.segments.first().map(|part| part.ident.to_string()));
            visit::visit_path(self, path);
        }

        fn visit_attribute(&mut self, attribute: &syn::Attribute) {
            visit::visit_attribute(self, attribute);
            // Derives and serde's modules are named in attributes.
            let text = quote_text(attribute);
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            self.0.extend(words.map(ToOwned::to_owned));
        }
    }
    let mut used = Used(Default::default());
    for item in &file.items {
        if !matches!(item, Item::Use(_)) {
            used.visit_item(item);
        }
    }
    file.items.retain_mut(|item| match item {
        Item::Use(import) => keep_used(&mut import.tree, &used.0),
        _ => true,
    });
}

/// Says whether anything of `tree` is used, and drops the rest of it.
fn keep_used(tree: &mut UseTree, used: &std::collections::BTreeSet<String>) -> bool {
    match tree {
        UseTree::Path(path) => keep_used(&mut path.tree, used),
        UseTree::Name(name) => used.contains(&name.ident.to_string()),
        UseTree::Group(group) => {
            let kept = std::mem::take(&mut group.items);
            group.items = kept
                .into_iter()
                .filter_map(|mut tree| keep_used(&mut tree, used).then_some(tree))
                .collect();
            let left = group.items.len();
            if left == 1
                && let Some(only) = group.items.first().cloned()
            {
                *tree = only;
            }
            left > 0
        }
        UseTree::Rename(_) | UseTree::Glob(_) => true,
    }
}
