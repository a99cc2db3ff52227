//! clever-client sends the operations of clever-raw and writes no path and no query name by hand: what
//! stands in `openapi/` must not be said twice.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;
use syn::visit::{self, Visit};

use crate::generate::documents;

/// Says whether a file is bound by the rule. The pages of a sign-in have paths of the application's own.
pub(super) fn is_bound(shown: &str) -> bool {
    shown.starts_with("crates/clever-client/src/") && !shown.contains("/web")
}

/// The words of the documents that stand for requests.
pub(super) struct Names {
    /// Words of paths, such as `users`.
    segments: BTreeSet<String>,
    /// Names of query parameters.
    parameters: BTreeSet<String>,
}

impl Names {
    /// Reads them from all versions' documents.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut names = Self {
            segments: BTreeSet::new(),
            parameters: BTreeSet::new(),
        };
        for document in documents::read(root)?.values() {
            for (path, item) in document["paths"].as_object().into_iter().flatten() {
                let words = path
                    .split('/')
                    .filter(|word| !word.is_empty() && !word.starts_with('{'));
                names.segments.extend(words.map(ToOwned::to_owned));
                for operation in item.as_object().into_iter().flat_map(|item| item.values()) {
                    let parameters = operation["parameters"].as_array();
                    let query = parameters
                        .into_iter()
                        .flatten()
                        .filter(|parameter| parameter["in"] == "query")
                        .filter_map(|parameter| parameter["name"].as_str());
                    names.parameters.extend(query.map(ToOwned::to_owned));
                }
            }
        }
        Ok(names)
    }

    /// Says whether a text in the code is a piece of a request.
    fn is_request(&self, text: &str) -> bool {
        if self.segments.contains(text) || self.parameters.contains(text) {
            return true;
        }
        // `users/{id}`, `/v3.1/users`, `{prefix}/sections`, `users?limit=1`.
        text.contains(['/', '?'])
            && !text.contains(' ')
            && text
                .split(['/', '?'])
                .any(|word| self.segments.contains(word))
    }

    /// Names each piece of a request in the code of `file`, apart from tests and documentation.
    pub(super) fn breaches(&self, shown: &str, file: &syn::File) -> Vec<String> {
        let mut texts = Texts::default();
        texts.visit_file(file);
        texts
            .0
            .into_iter()
            .filter(|text| self.is_request(text))
            .map(|text| {
                format!("{shown}: {text:?} is written by hand; take an operation of clever-raw")
            })
            .collect()
    }
}

/// The texts of a file's code.
#[derive(Default)]
struct Texts(Vec<String>);

impl Visit<'_> for Texts {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    // Documentation is an attribute.
    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_lit_str(&mut self, text: &syn::LitStr) {
        self.0.push(text.value());
    }

    fn visit_macro(&mut self, call: &syn::Macro) {
        // Labels of metrics are not sent to Clever.
        if call
            .path
            .segments
            .first()
            .is_some_and(|first| first.ident == "metrics")
        {
            return;
        }
        for token in call.tokens.clone() {
            if let proc_macro2::TokenTree::Literal(literal) = token
                && let Ok(syn::Lit::Str(text)) = syn::parse_str(&literal.to_string())
            {
                self.0.push(text.value());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_or_a_query_name_by_hand_is_found() {
        let names = Names::read(&crate::root().unwrap()).unwrap();
        let of = |code: &str| {
            let file = syn::parse_file(code).unwrap();
            names.breaches("a.rs", &file).len()
        };
        assert_eq!(of(r#"const A: &str = "users";"#), 1);
        assert_eq!(of(r#"fn f() { g(format!("sections/{id}/users")); }"#), 1);
        assert_eq!(of(r#"fn f() { g("starting_after") }"#), 1);
        assert_eq!(of("/// Reads `users`.\nfn f() {}"), 0);
        assert_eq!(
            of(r#"#[cfg(test)] mod tests { const A: &str = "users"; }"#),
            0
        );
        assert_eq!(of(r#"const A: &str = "the users of a school";"#), 0);
        assert!(is_bound("crates/clever-client/src/district.rs"));
        assert!(!is_bound("crates/clever-client/src/web/start.rs"));
    }
}
