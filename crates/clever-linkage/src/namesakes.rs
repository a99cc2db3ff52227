//! Whether a pair's names are nobody else's.
//!
//! Two findings about a pair of two files, each of which a policy may take for enough:
//!
//! * *rare names*: both names agree, and so do a place (a school, a postcode) with the grade, or the birth date; nobody else of
//!   either file has the names there, and they are so rare that hardly anybody else of that place and grade, or of that birthday,
//!   would have them;
//! * *another name*: one of the names is another altogether, but two ids and the birth date are equal, and nobody else of either
//!   file has the names of one of the two.

use std::collections::HashMap;

use crate::config::Side;
use crate::kind::{ABSENT, EQUAL, Kind};
use crate::model::{Scorer, millibits};
use crate::pattern::Pattern;
use crate::people::{People, Symbol, Table};
use crate::places::Places;

/// How much rarer the names must be than that one other person of the place had them, in millibits: one in a thousand.
const RARE: i32 = 10_000;
/// How much likelier the same names are among neighbours than the shares of both names say, in millibits: families of one
/// origin live beside each other and choose among the same names.
const NEIGHBOURS: i32 = 3_000;
/// Stands for whatever grade.
const ALL: Symbol = Symbol::MAX;
/// Digits from which on an address that is a number is one person's.
const NUMBER: usize = 5;

/// How often each pair of names stands in each place, and how many are there.
pub(crate) struct Namesakes<'a> {
    people: &'a People,
    places: Places,
    /// Digests of names with a place or a birth date, one for each record that has them, in order: of the left and the right file.
    /// Two different ones may be alike, which only makes a name less rare.
    named: [Vec<u32>; 2],
    /// Left records by place and grade, with 0 for those of the place without a grade, and [`ALL`] for all of it; by birth date.
    there: HashMap<(usize, Symbol, Symbol), u32>,
    /// Records with a value of the given and of the family name.
    told: [u64; 2],
}

impl<'a> Namesakes<'a> {
    /// Counts them; over one file there is nothing to count, as everybody's other records have the same names.
    pub(crate) fn new(people: &'a People, one_file: bool) -> Self {
        let mut all = Self {
            people,
            places: Places::new(people),
            named: [Vec::new(), Vec::new()],
            there: HashMap::new(),
            told: [0; 2],
        };
        let (Some(given), Some(family)) = (all.places.given, all.places.family) else {
            return all;
        };
        if one_file {
            return all;
        }
        all.named = [Side::Left, Side::Right].map(|side| all.digests(people.table(side)));
        for row in 0..people.left.len() {
            let cells = people.left.row(row);
            let (marks, grade): (Vec<usize>, _) = (all.marks().collect(), all.grade(cells));
            for field in marks {
                if cells[field] == 0 {
                    continue;
                }
                let of_grade = (all.places.birth != Some(field)).then_some(grade);
                for grade in of_grade.into_iter().chain([ALL]) {
                    let key = (field, cells[field], grade);
                    *all.there.entry(key).or_default() += 1;
                }
            }
        }
        all.told = [given, family].map(|field| {
            let lexicon = &people.lexicons[field];
            let holders = lexicon.symbols().map(|symbol| lexicon.holders(symbol));
            holders
                .map(|[left, right]| u64::from(left) + u64::from(right))
                .sum()
        });
        all
    }

    fn digests(&self, table: &Table) -> Vec<u32> {
        let mut all = Vec::with_capacity(table.len());
        for row in 0..table.len() {
            let cells = table.row(row);
            let names = self.names(cells);
            all.extend(
                self.marks()
                    .filter_map(|field| digest(names, field, cells[field])),
            );
        }
        all.sort_unstable();
        all
    }

    /// The fields that tell people of one name apart: places and the birth date.
    fn marks(&self) -> impl Iterator<Item = usize> + '_ {
        self.places.codes.iter().copied().chain(self.places.birth)
    }

    fn names(&self, cells: &[Symbol]) -> [Symbol; 2] {
        [self.places.given, self.places.family].map(|field| field.map_or(0, |field| cells[field]))
    }

    /// How many left records are neighbours of somebody: those of the place and grade, or of the birthday. A grade that is absent
    /// says of nobody that he is no neighbour: who has none is everybody's, and everybody of the place is his.
    fn neighbours(&self, field: usize, cells: &[Symbol]) -> u32 {
        let with = |grade: Symbol| self.there.get(&(field, cells[field], grade));
        let with = |grade: Symbol| with(grade).copied().unwrap_or_default();
        match self.grade(cells) {
            0 => with(ALL),
            _ if self.places.birth == Some(field) => with(ALL),
            grade => with(grade) + with(0),
        }
    }

    fn grade(&self, cells: &[Symbol]) -> Symbol {
        self.places.grade.map_or(0, |field| cells[field])
    }

    /// How many records of a file have these names beside this value.
    fn holders(&self, side: Side, names: [Symbol; 2], field: usize, value: Symbol) -> usize {
        let Some(digest) = digest(names, field, value) else {
            return 0;
        };
        let all = &self.named[side as usize];
        let begin = all.partition_point(|one| *one < digest);
        all[begin..]
            .iter()
            .take_while(|one| **one == digest)
            .count()
    }

    /// Whether names and a place with the grade agree, or names and the birth date, and the names are nobody else's there.
    pub(crate) fn are_rare(
        &self,
        scorer: &Scorer,
        pattern: Pattern,
        left: &[Symbol],
        right: &[Symbol],
    ) -> bool {
        let (Some(given), Some(family)) = (self.places.given, self.places.family) else {
            return false;
        };
        if pattern.level(given) != EQUAL || pattern.level(family) != EQUAL {
            return false;
        }
        let agrees = |field: &usize| matches!(pattern.level(*field), ABSENT | EQUAL);
        if !self.places.ids.iter().chain(&self.places.birth).all(agrees) {
            return false;
        }
        // Where a grade is known of one alone, the place says less than it seems.
        let is_near = self.places.grade.is_none_or(|grade| {
            matches!(
                Kind::Grade.levels()[pattern.level(grade) as usize],
                "equal" | "next"
            ) || left[grade] == 0 && right[grade] == 0
        });
        self.marks().any(|field| {
            let is_birthday = self.places.birth == Some(field);
            (is_near || is_birthday)
                && pattern.level(field) == EQUAL
                && self.holders(Side::Left, self.names(left), field, left[field]) == 1
                && self.holders(Side::Right, self.names(right), field, right[field]) == 1
                && self.rarity(scorer, pattern, left, [given, family], field) >= RARE
        })
    }

    /// How unlikely it is that one of the neighbours has these names by chance, in millibits, less all that speaks against the pair.
    fn rarity(
        &self,
        scorer: &Scorer,
        pattern: Pattern,
        left: &[Symbol],
        names: [usize; 2],
        mark: usize,
    ) -> i32 {
        let there = self.neighbours(mark, left).max(1);
        let mut rarity = -millibits(u64::from(there)) - NEIGHBOURS;
        for (field, told) in names.into_iter().zip(self.told) {
            let holders = self.people.lexicons[field].holders(left[field]);
            let holders = u64::from(holders[0]) + u64::from(holders[1]);
            rarity += millibits(told.max(1)) - millibits(holders.max(1));
        }
        // Nothing else that speaks for it counts.
        let others = (0..left.len()).filter(|field| !names.contains(field) && *field != mark);
        let against = others.map(|field| scorer.weight(field, pattern, left[field]).min(0));
        rarity.saturating_add(against.sum())
    }

    /// Whether one of the names is another altogether, and two ids and the birth date say that it is one person's even so.
    pub(crate) fn is_another_name(
        &self,
        pattern: Pattern,
        left: &[Symbol],
        right: &[Symbol],
    ) -> bool {
        let (Some(given), Some(family), Some(birth)) =
            (self.places.given, self.places.family, self.places.birth)
        else {
            return false;
        };
        let level = |field: usize, kind: Kind| kind.levels()[pattern.level(field) as usize];
        let is_one = match (
            level(given, Kind::GivenName),
            level(family, Kind::FamilyName),
        ) {
            ("differ", family) => matches!(family, "equal" | "part"),
            (given, "differ") => matches!(given, "equal" | "nickname"),
            _ => false,
        };
        if self.told == [0; 2] || !is_one || pattern.level(birth) != EQUAL {
            return false;
        }
        let ids = self
            .places
            .own_ids(self.people, 1, pattern, left, right)
            .count();
        if ids == 0 || ids == 1 && !self.has_own_address(pattern, left, right) {
            return false;
        }
        let is_called = |side: Side, names: [Symbol; 2], cells: &[Symbol]| {
            self.marks()
                .any(|field| self.holders(side, names, field, cells[field]) > 0)
        };
        let (of_left, of_right) = (self.names(left), self.names(right));
        [left, right].iter().all(|cells| {
            !is_called(Side::Right, of_left, cells) && !is_called(Side::Left, of_right, cells)
        })
    }

    /// Whether an address is equal that nobody else has and that is no family's: it has a given name in it, or one's first letter
    /// beside the family name; or it is a number, and not that of an id.
    fn has_own_address(&self, pattern: Pattern, left: &[Symbol], right: &[Symbol]) -> bool {
        let (Some(email), Some(given), Some(family)) =
            (self.places.email, self.places.given, self.places.family)
        else {
            return false;
        };
        let lexicon = &self.people.lexicons[email];
        if pattern.level(email) != EQUAL
            || lexicon.holders(left[email]).iter().any(|many| *many > 1)
        {
            return false;
        }
        let address = lexicon.value(left[email]);
        let own = address.rsplit_once('@').map_or("", |(name, _)| name);
        let letters: String = own.chars().filter(|c| c.is_alphabetic()).collect();
        let word = |field: usize, cells: &[Symbol]| {
            let name = self.people.lexicons[field].value(cells[field]);
            name.replace(' ', "")
        };
        let families = [left, right].map(|cells| word(family, cells));
        let is_of_names = [left, right].iter().any(|cells| {
            let name = word(given, cells);
            let first = self.people.lexicons[given].value(cells[given]);
            let first = first.split(' ').next().unwrap_or_default();
            let initial = first.chars().next().map(String::from).unwrap_or_default();
            let has = |name: &str| {
                name.chars().count() > 2
                    && letters.contains(name)
                    && !families.iter().any(|family| family.contains(name))
            };
            has(&name)
                || has(first)
                || !initial.is_empty()
                    && families.iter().any(|family| {
                        family.chars().count() > 2
                            && (letters == format!("{initial}{family}")
                                || letters == format!("{family}{initial}"))
                    })
        });
        let digits: String = own.chars().filter(char::is_ascii_digit).collect();
        let is_number = digits.len() >= NUMBER
            && letters.chars().count() < 2
            && !self.places.ids.iter().any(|field| {
                let id = self.people.lexicons[*field].value(left[*field]);
                let id: String = id.chars().filter(char::is_ascii_digit).collect();
                !id.is_empty() && (id.ends_with(&digits) || digits.ends_with(&id))
            });
        is_of_names || is_number
    }
}

/// A digest of names beside a value; `None` if one of them is absent.
fn digest([given, family]: [Symbol; 2], field: usize, value: Symbol) -> Option<u32> {
    if given == 0 || family == 0 || value == 0 {
        return None;
    }
    let mix =
        |hash: u64, value: u64| (hash.rotate_left(23) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let names = u64::from(given) << 32 | u64::from(family);
    let all = mix(mix(mix(0, names), field as u64), u64::from(value));
    u32::try_from(all >> 32).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_wants_both_names_and_a_value() {
        assert_eq!(digest([0, 1], 3, 1), None);
        assert_eq!(digest([1, 0], 3, 1), None);
        assert_eq!(digest([1, 1], 3, 0), None);
        assert_ne!(digest([1, 2], 3, 1), digest([2, 1], 3, 1));
        assert_ne!(digest([1, 2], 3, 1), digest([1, 2], 4, 1));
    }
}
