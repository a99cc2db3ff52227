//! Whether two records may be two people of one family.
//!
//! Twins share family name, birthday, address, school and grade, and often all of their given name but one
//! letter. So without an id that is equal, a given name that is not certainly the same one is a sibling's until a
//! person says otherwise, whether a sibling is known in the files or not.

use std::collections::HashMap;

use crate::compare::Comparer;
use crate::config::Side;
use crate::kind::{EQUAL, Kind};
use crate::names;
use crate::pattern::Pattern;
use crate::people::{People, Symbol, Table};
use crate::places::Places;

/// Records of one family and birthday beyond which they are looked through no more: somebody else is among them.
const MOST_KIN: usize = 64;

/// Rows of one file by family name and birthday, for those that two or more share.
type Families = HashMap<(Symbol, Symbol), Vec<u32>>;

/// What is known of families, and the guard against taking one of them for another.
pub(crate) struct Kin<'a> {
    people: &'a People,
    places: Places,
    one_file: bool,
    left: Families,
    right: Families,
}

impl<'a> Kin<'a> {
    pub(crate) fn new(people: &'a People, one_file: bool) -> Self {
        let mut kin = Self {
            people,
            places: Places::new(people),
            one_file,
            left: HashMap::new(),
            right: HashMap::new(),
        };
        kin.left = kin.families(people.table(Side::Left));
        if !one_file {
            kin.right = kin.families(people.table(Side::Right));
        }
        kin
    }

    fn families(&self, table: &Table) -> Families {
        let of = |row: usize| Some((self.key(table.row(row))?, u32::try_from(row).ok()?));
        let mut rows: Vec<((Symbol, Symbol), u32)> = (0..table.len()).filter_map(of).collect();
        rows.sort_unstable();
        let families = rows.chunk_by(|(one, _), (other, _)| one == other);
        families
            .filter(|family| family.len() > 1)
            .map(|family| {
                // One more than are looked through says that there are too many.
                let rows = family.iter().take(MOST_KIN + 1).map(|(_, row)| *row);
                (family[0].0, rows.collect())
            })
            .collect()
    }

    fn key(&self, cells: &[Symbol]) -> Option<(Symbol, Symbol)> {
        let (family, birth) = (cells[self.places.family?], cells[self.places.birth?]);
        (family != 0 && birth != 0).then_some((family, birth))
    }

    fn kin<'f>(&self, families: &'f Families, cells: &[Symbol]) -> Option<&'f Vec<u32>> {
        families.get(&self.key(cells)?)
    }

    /// Whether the two records may be two of one family: no id of one person alone is equal, and the given name
    /// is not certainly the same.
    pub(crate) fn may_be_siblings(
        &self,
        pattern: Pattern,
        left: &[Symbol],
        right: &[Symbol],
    ) -> bool {
        let one_holder = if self.one_file { 2 } else { 1 };
        !self
            .places
            .id_is_equal(self.people, one_holder, pattern, left, right)
            && !self.is_one_name(pattern, left, right)
    }

    /// Whether the given names are certainly the same. A short form that several names have is one only beside an address
    /// with the whole name in it, which nobody else has.
    fn is_one_name(&self, pattern: Pattern, left: &[Symbol], right: &[Symbol]) -> bool {
        let Some(given) = self.places.given else {
            // Nothing tells twins apart.
            return false;
        };
        let level = pattern.level(given);
        names::is_surely_one(level)
            || Kind::GivenName.levels()[level as usize] == "short"
                && self.has_own_address(given, pattern, left, right)
    }

    fn has_own_address(
        &self,
        given: usize,
        pattern: Pattern,
        left: &[Symbol],
        right: &[Symbol],
    ) -> bool {
        let Some(email) = self
            .places
            .email
            .filter(|email| pattern.level(*email) == EQUAL)
        else {
            return false;
        };
        let lexicon = &self.people.lexicons[given];
        let first = |row: &[Symbol]| lexicon.value(row[given]).split(' ').next().unwrap_or("");
        let (a, b) = (first(left), first(right));
        let name = if a.len() > b.len() { a } else { b };
        let address = self.people.lexicons[email].value(left[email]);
        let own = address.rsplit_once('@').map_or("", |(name, _)| name);
        let of_family = self.places.family.is_some_and(|family| {
            let lexicon = &self.people.lexicons[family];
            [left, right].iter().any(|row| {
                lexicon
                    .value(row[family])
                    .split(' ')
                    .any(|word| word.contains(name))
            })
        });
        name.chars().count() > 2
            && !of_family
            && own
                .split(|c: char| !c.is_alphabetic())
                .any(|word| word == name || name.chars().count() > 4 && word.starts_with(name))
    }

    /// Whether another person of the family and birthday of one of the two is known in its file.
    pub(crate) fn has_sibling(&self, comparer: &mut Comparer<'_>, left: u32, right: u32) -> bool {
        let Some(given) = self.places.given else {
            return false;
        };
        let left_cells = self.people.left.row(left as usize);
        if !self.one_file {
            let right_cells = self.people.right.row(right as usize);
            return self.kin(&self.left, left_cells).is_some()
                || self.kin(&self.right, right_cells).is_some();
        }
        // Of one file, the two records are of the family themselves, and so are more of the same person's.
        let right_cells = self.people.left.row(right as usize);
        [left_cells, right_cells].iter().any(|cells| {
            let Some(kin) = self.kin(&self.left, cells) else {
                return false;
            };
            kin.len() > MOST_KIN
                || kin.iter().any(|other| {
                    let value = self.people.left.row(*other as usize)[given];
                    ![left, right].contains(other)
                        && ![left_cells[given], right_cells[given]]
                            .iter()
                            .all(|name| comparer.is_one_given_name(given, *name, value))
                })
        })
    }
}
