//! Records that others name. `OneRoster` requires some references that Clever leaves out, or that lead to records
//! which the app may not see: each gets a record to lead to.

use std::collections::BTreeSet;

/// The ids of a kind that can be named, and those that were and are not there.
pub(super) struct Named {
    word: &'static str,
    /// Stands for no id.
    none: String,
    known: BTreeSet<String>,
    missing: BTreeSet<String>,
}

impl Named {
    /// Of a kind with this name in a district; `known` are there.
    pub(super) fn new<'a>(
        district: &str,
        word: &'static str,
        known: impl Iterator<Item = &'a String>,
    ) -> Self {
        Self {
            word,
            none: format!("{district}-no-{word}"),
            known: known.cloned().collect(),
            missing: BTreeSet::new(),
        }
    }

    /// The id to write where a record names `id`, or nothing.
    pub(super) fn id(&mut self, id: &str) -> String {
        let id = if id.is_empty() { &self.none } else { id };
        if !self.known.contains(id) && !self.missing.contains(id) {
            self.missing.insert(id.to_owned());
        }
        id.to_owned()
    }

    /// What was named and is not there: id and title.
    pub(super) fn missing(&self) -> impl Iterator<Item = (&str, String)> {
        self.missing.iter().map(|id| {
            let title = if *id == self.none {
                format!("No {}", self.word)
            } else {
                format!("Unknown {} {id}", self.word)
            };
            (id.as_str(), title)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_named_leads_somewhere() {
        let known = ["a".to_owned()];
        let mut named = Named::new("d", "school", known.iter());
        assert_eq!(
            ["a", "", "b", "b"].map(|id| named.id(id)),
            ["a", "d-no-school", "b", "b"]
        );
        let missing: Vec<_> = named.missing().collect();
        let expected = [("b", "Unknown school b"), ("d-no-school", "No school")];
        assert_eq!(missing, expected.map(|(id, title)| (id, title.to_owned())));
    }
}
