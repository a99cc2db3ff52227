//! `clever_provision::decide` alone decides whether a person and an account are one: it looks at reach, proofs and
//! siblings, and whoever decides beside it forgets one of them.

use syn::visit::{self, Visit};

/// The folder of the decider.
const DECIDER: &str = "crates/clever-provision/src/decide/";

/// Files that may name the thresholds: they hold them, read them from a configuration, or compare a whole batch.
const THRESHOLDS: &[&str] = &[
    "crates/clever-provision/src/bulk.rs",
    "crates/clever-provision/src/policy.rs",
    "crates/clever-cli/src/cmd/matching/config.rs",
];

/// Enums that may have a link beside something else: the decision, what it comes to, and commands of such names.
const VERDICTS: &[(&str, &str)] = &[
    ("crates/clever-cli/src/cli.rs", "Command"),
    ("crates/clever-provision/src/decide/decision.rs", "Decision"),
    ("crates/clever-provision/src/rule.rs", "Outcome"),
];

/// Words for "the two are one", as a variant.
const LINKS: &[&str] = &[
    "Auto",
    "AutoLink",
    "Link",
    "Linked",
    "Match",
    "Matched",
    "Same",
    "SamePerson",
];

/// Words for "they are not", or "perhaps", as a variant.
const OTHERS: &[&str] = &[
    "Ask",
    "Create",
    "Different",
    "New",
    "NoMatch",
    "None",
    "Review",
    "Stranger",
    "Unsure",
];

/// Says whether a file is bound by the rule: what is shipped, and not what tests it.
pub(super) fn is_bound(shown: &str) -> bool {
    shown.starts_with("crates/")
        && shown.contains("/src/")
        && !shown.contains("/tests")
        && !shown.starts_with(DECIDER)
}

/// Names each place in the code of `file` that decides on a link by itself.
pub(super) fn breaches(shown: &str, file: &syn::File) -> Vec<String> {
    let mut found = Found::default();
    found.visit_file(file);
    let mut breaches: Vec<String> = found
        .links
        .into_iter()
        .map(|made| format!("{shown}: makes a `{made}`; `decide` alone does"))
        .collect();
    if !THRESHOLDS.contains(&shown) {
        breaches.extend(
            found
                .thresholds
                .into_iter()
                .map(|name| format!("{shown}: compares with `{name}`; `decide` alone does")),
        );
    }
    for (name, link, other) in found.verdicts {
        if !VERDICTS.contains(&(shown, name.as_str())) {
            breaches.push(format!(
                "{shown}: `{name}` has `{link}` beside `{other}`, as a verdict has; take `Decision` or `Outcome`"
            ));
        }
    }
    breaches
}

#[derive(Default)]
struct Found {
    /// Decisions that are made here.
    links: Vec<String>,
    /// Thresholds that are read here.
    thresholds: Vec<String>,
    /// Enums with a link beside something else.
    verdicts: Vec<(String, String, String)>,
}

impl Visit<'_> for Found {
    fn visit_item_mod(&mut self, module: &syn::ItemMod) {
        let is_test = module.attrs.iter().any(|attribute| {
            matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "test")
        });
        if !is_test {
            visit::visit_item_mod(self, module);
        }
    }

    // A pattern is no expression: to look at a decision is no decision.
    fn visit_expr_struct(&mut self, made: &syn::ExprStruct) {
        let names: Vec<String> = made
            .path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        match names.as_slice() {
            [.., "Decision", variant @ ("Link" | "LogIn" | "Merge")] => {
                self.links.push(format!("Decision::{variant}"));
            }
            [.., "Decided"] => self.links.push("Decided".to_owned()),
            _ => {}
        }
        visit::visit_expr_struct(self, made);
    }

    fn visit_expr_field(&mut self, field: &syn::ExprField) {
        if let syn::Member::Named(name) = &field.member
            && (name == "auto_millibits" || name == "margin_millibits")
        {
            self.thresholds.push(name.to_string());
        }
        visit::visit_expr_field(self, field);
    }

    fn visit_item_enum(&mut self, item: &syn::ItemEnum) {
        let variant = |words: &[&str]| {
            let mut all = item.variants.iter().map(|one| one.ident.to_string());
            all.find(|name| words.contains(&name.as_str()))
        };
        if let (Some(link), Some(other)) = (variant(LINKS), variant(OTHERS)) {
            self.verdicts.push((item.ident.to_string(), link, other));
        }
        visit::visit_item_enum(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(code: &str) -> Vec<String> {
        breaches(
            "crates/clever-linkage/src/link.rs",
            &syn::parse_file(code).unwrap(),
        )
    }

    #[test]
    fn a_link_a_threshold_or_a_verdict_beside_decide_is_found() {
        let link = "fn f() -> Decision { Decision::Link { account: a, basis: Basis::Score } }";
        assert_eq!(of(link).len(), 1);
        assert_eq!(
            of("fn f(p: &Policy) -> bool { score > p.auto_millibits }").len(),
            1
        );
        assert_eq!(of("enum Verdict { Auto, Review, Create }").len(), 1);
        assert_eq!(of("enum Found { Same(u32), Different }").len(), 1);
        assert_eq!(
            of("fn f() { g(Decided { decision, why, effects }) }").len(),
            1
        );
    }

    #[test]
    fn to_look_at_a_decision_is_no_decision() {
        let look = "fn f(d: &Decision) -> bool { matches!(d, Decision::Link { .. }) }
                    fn g(d: &Decision) { if let Decision::Link { account, .. } = d { h(account) } }
                    enum Answer { Linked(A), Merged(B) }
                    #[cfg(test)] mod tests { fn f() { g(Decided { decision }) } }";
        assert!(of(look).is_empty());
        assert!(!is_bound("crates/clever-provision/src/decide/mod.rs"));
        assert!(!is_bound("crates/clever-provision/src/tests/world.rs"));
        assert!(is_bound("crates/clever-cli/src/cmd/matching/mod.rs"));
    }
}
