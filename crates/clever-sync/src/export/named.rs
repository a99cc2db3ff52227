//! Records that others name. `OneRoster` requires some references that Clever leaves out, or that lead to records
//! which the app may not see: each gets a record to lead to.

use std::collections::BTreeSet;
use std::ops::Range;

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

/// The span of a district's terms; without any, the school year of an instant.
pub(super) fn span<'a>(
    terms: impl Iterator<Item = (&'a str, &'a str)>,
    instant: &str,
) -> (String, String) {
    let (starts, ends): (Vec<&str>, Vec<&str>) = terms
        .filter(|(start, end)| !start.is_empty() && !end.is_empty())
        .unzip();
    if let (Some(start), Some(end)) = (starts.into_iter().min(), ends.into_iter().max()) {
        return (start.to_owned(), end.to_owned());
    }
    let part = |range: Range<usize>| instant.get(range)?.parse::<u16>().ok();
    let year = part(0..4).unwrap_or_default();
    let month = part(5..7).unwrap_or_default();
    // School years begin in July.
    let begins = if month < 7 {
        year.saturating_sub(1)
    } else {
        year
    };
    (
        format!("{begins:04}-07-01"),
        format!("{:04}-06-30", begins + 1),
    )
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

    #[test]
    fn a_year_without_terms_is_that_of_the_last_run() {
        let of = |terms: &[(&'static str, &'static str)], instant| {
            let (start, end) = span(terms.iter().copied(), instant);
            format!("{start} {end}")
        };
        let instant = "2026-09-14T12:00:00Z";
        assert_eq!(of(&[], instant), "2026-07-01 2027-06-30");
        assert_eq!(
            of(&[("", "2027-01-01")], "2027-06-30T23:00:00Z"),
            "2026-07-01 2027-06-30"
        );
        let terms = [("2026-08-17", "2027-01-15"), ("2027-01-18", "2027-06-04")];
        assert_eq!(of(&terms, instant), "2026-08-17 2027-06-04");
    }
}
