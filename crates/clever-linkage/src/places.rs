//! Where a configuration has the fields that families share, and those that they don't.

use crate::kind::{EQUAL, Kind};
use crate::pattern::Pattern;
use crate::people::{People, Symbol};

/// Where the fields are that families share, and those that they don't.
#[derive(Debug, Clone, Default)]
pub(crate) struct Places {
    pub(crate) given: Option<usize>,
    pub(crate) family: Option<usize>,
    pub(crate) birth: Option<usize>,
    pub(crate) email: Option<usize>,
    pub(crate) grade: Option<usize>,
    /// Schools, postcodes and other words out of few.
    pub(crate) codes: Vec<usize>,
    pub(crate) ids: Vec<usize>,
}

impl Places {
    pub(crate) fn new(people: &People) -> Self {
        let fields = &people.config.field;
        let place = |kind| fields.iter().position(|field| field.kind == kind);
        Self {
            given: place(Kind::GivenName),
            family: place(Kind::FamilyName),
            birth: place(Kind::Date),
            email: place(Kind::Email),
            grade: place(Kind::Grade),
            codes: (0..fields.len())
                .filter(|at| fields[*at].kind == Kind::Code)
                .collect(),
            ids: (0..fields.len())
                .filter(|at| fields[*at].kind.is_id())
                .collect(),
        }
    }

    /// Whether an id is equal that no other record of either file has.
    pub(crate) fn id_is_equal(
        &self,
        people: &People,
        one_holder: u32,
        pattern: Pattern,
        left: &[Symbol],
        right: &[Symbol],
    ) -> bool {
        self.own_ids(people, one_holder, pattern, left, right)
            .next()
            .is_some()
    }

    /// The ids that are equal and that no other record of either file has.
    pub(crate) fn own_ids<'p>(
        &'p self,
        people: &'p People,
        one_holder: u32,
        pattern: Pattern,
        left: &'p [Symbol],
        right: &'p [Symbol],
    ) -> impl Iterator<Item = usize> + 'p {
        self.ids.iter().copied().filter(move |at| {
            let own = |value: Symbol, most: u32| {
                let holders = people.lexicons[*at].holders(value);
                holders.iter().all(|holders| *holders <= most)
            };
            match pattern.level(*at) {
                EQUAL => own(left[*at], one_holder),
                // Only leading zeros differ.
                2 => own(left[*at], 1) && own(right[*at], 1),
                _ => false,
            }
        })
    }
}
