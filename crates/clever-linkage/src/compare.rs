//! In what degree two records agree, field by field.

use rapidfuzz::distance::osa;

use crate::kind::{ABSENT, EQUAL, Kind, Level};
use crate::names;
use crate::nicknames::Nicknames;
use crate::pattern::Pattern;
use crate::people::{Lexicon, People, Symbol};
use crate::places::Places;
use crate::sketch::{self, mailbox};

/// Values that were compared lately, a power of two.
const REMEMBERED: usize = 1 << 14;

/// Compares records of two files, or of one. Remembers what it compared; its answers depend on nothing else
/// than the two records and the holders of a mailbox.
pub(crate) struct Comparer<'a> {
    people: &'a People,
    nicknames: &'a Nicknames,
    remembered: Vec<Vec<(Symbol, Symbol, Level)>>,
    places: Places,
    /// How many records of a file may hold a mailbox of one person.
    one_holder: u32,
}

impl<'a> Comparer<'a> {
    pub(crate) fn new(people: &'a People, nicknames: &'a Nicknames, one_file: bool) -> Self {
        let fields = &people.config.field;
        Self {
            people,
            nicknames,
            places: Places::new(people),
            remembered: fields
                .iter()
                .map(|field| match field.kind {
                    Kind::GivenName | Kind::FamilyName | Kind::Code | Kind::Text => {
                        vec![(0, 0, ABSENT); REMEMBERED]
                    }
                    _ => Vec::new(),
                })
                .collect(),
            one_holder: if one_file { 2 } else { 1 },
        }
    }

    pub(crate) fn compare(&mut self, left: &[Symbol], right: &[Symbol]) -> Pattern {
        let mut pattern = Pattern::default();
        let people = self.people;
        for (at, (a, b)) in left.iter().zip(right).enumerate() {
            if *a == 0 || *b == 0 {
                continue;
            }
            let (kind, lexicon) = (people.config.field[at].kind, &people.lexicons[at]);
            let level = match kind {
                _ if a != b => self.unequal(at, kind, lexicon, *a, *b),
                Kind::Email if self.is_shared(lexicon.holders(*a)) => 2,
                Kind::GivenName | Kind::FamilyName => names::equal(kind, lexicon.value(*a)),
                _ => EQUAL,
            };
            pattern.set(at, level);
        }
        let Some(given) = self.places.given else {
            return pattern;
        };
        if let Some(family) = self.places.family {
            let levels = [pattern.level(given), pattern.level(family)];
            if names::may_be_swapped(levels) {
                let read = |field: usize, row: &[Symbol]| people.lexicons[field].value(row[field]);
                let of = |row| [read(given, row), read(family, row)];
                let [of_given, of_family] = names::swapped(levels, of(left), of(right));
                pattern.set(given, of_given);
                pattern.set(family, of_family);
            }
        }
        // An address that agrees while given names do not is the family's, as one that several have.
        if matches!(pattern.level(given), 3 | 5 | 7) && !self.id_is_equal(pattern, left, right) {
            for (at, field) in people.config.field.iter().enumerate() {
                if field.kind == Kind::Email && matches!(pattern.level(at), EQUAL | 3) {
                    pattern.set(at, 2);
                }
            }
        }
        pattern
    }

    fn id_is_equal(&self, pattern: Pattern, left: &[Symbol], right: &[Symbol]) -> bool {
        self.places
            .id_is_equal(self.people, self.one_holder, pattern, left, right)
    }

    /// Whether two given names are certainly one person's.
    pub(crate) fn is_one_given_name(&mut self, field: usize, a: Symbol, b: Symbol) -> bool {
        let people = self.people;
        a == b
            || (a != 0
                && b != 0
                && names::is_surely_one(self.unequal(
                    field,
                    Kind::GivenName,
                    &people.lexicons[field],
                    a,
                    b,
                )))
    }

    fn is_shared(&self, holders: [u32; 2]) -> bool {
        holders.iter().any(|holders| *holders > self.one_holder)
    }

    fn unequal(&mut self, at: usize, kind: Kind, lexicon: &Lexicon, a: Symbol, b: Symbol) -> Level {
        if let Some((of_a, of_b)) = lexicon.sketches(a, b) {
            let level = sketch::level(kind, of_a, of_b);
            return level.unwrap_or_else(|| words(kind, lexicon.value(a), lexicon.value(b)));
        }
        let slot = {
            // The same two values give the same answer whichever comes first.
            let (low, high) = (a.min(b), a.max(b));
            let mixed =
                (u64::from(low) << 32 | u64::from(high)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed >> 40) as usize % REMEMBERED
        };
        if let Some((x, y, level)) = self.remembered[at].get(slot)
            && (*x, *y) == (a, b)
        {
            return *level;
        }
        let level = match kind {
            Kind::Date => dates(a, b),
            Kind::Grade => {
                if a.abs_diff(b) == 1 {
                    2
                } else {
                    3
                }
            }
            Kind::GivenName => {
                let umlaut = lexicon.has_umlaut(a) || lexicon.has_umlaut(b);
                names::given(lexicon.value(a), lexicon.value(b), umlaut, self.nicknames)
            }
            _ => words(kind, lexicon.value(a), lexicon.value(b)),
        };
        if let Some(place) = self.remembered[at].get_mut(slot) {
            *place = (a, b, level);
        }
        level
    }
}

/// Two dates, `yyyymmdd`.
fn dates(a: u32, b: u32) -> Level {
    let turned = |date: u32| date / 10_000 * 10_000 + date % 100 * 100 + date / 100 % 100;
    if turned(a) == b {
        return 2;
    }
    // Each digit that the other one lacks is a slip, and most dates have more than two.
    let (many_a, many_b) = (how_many(a), how_many(b));
    let lacking: u64 = (0..10)
        .map(|digit| {
            let of = |many: u64| many >> (4 * digit) & 15;
            of(many_a).saturating_sub(of(many_b))
        })
        .sum();
    if lacking > 2 {
        return 5;
    }
    match osa::distance(digits(a), digits(b)) {
        0 | 1 => 3,
        2 => 4,
        _ => 5,
    }
}

/// How often a date has each digit, four bits each.
fn how_many(date: u32) -> u64 {
    let mut rest = date;
    (0..8).fold(0, |all, _| {
        let digit = rest % 10;
        rest /= 10;
        all + (1 << (4 * digit))
    })
}

fn digits(date: u32) -> [char; 8] {
    let mut rest = date;
    let mut all = ['0'; 8];
    for digit in all.iter_mut().rev() {
        *digit = char::from(b'0' + u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
    }
    all
}

/// Two different values, folded.
fn words(kind: Kind, a: &str, b: &str) -> Level {
    match kind {
        Kind::FamilyName => names::family(a, b),
        Kind::Text => {
            if same_words(a, b) {
                2
            } else if names::is_misspelt(a, b) {
                3
            } else if names::is_alike(a, b) {
                4
            } else {
                5
            }
        }
        Kind::Code => {
            if names::within(a, b, 1) {
                2
            } else {
                3
            }
        }
        Kind::Email => {
            let (a, b) = (mailbox(a), mailbox(b));
            if a == b && a.len() > 3 { 3 } else { 4 }
        }
        _ => {
            // Ids of two districts have nothing to say to each other.
            let part = |id: &'_ str| id.find('\u{1f}').map_or(0, |at| at + 1);
            let ((scope_a, a), (scope_b, b)) = (a.split_at(part(a)), b.split_at(part(b)));
            if scope_a != scope_b {
                ABSENT
            } else if a.trim_start_matches('0') == b.trim_start_matches('0') {
                2
            } else if a.len() > 4 && names::within(a, b, 1) {
                3
            } else {
                4
            }
        }
    }
}

fn same_words(a: &str, b: &str) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let sorted = |text: &'_ str| {
        let mut words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        words.sort_unstable();
        words
    };
    sorted(a) == sorted(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn agrees_with_the_text(kind: Kind, a: &str, b: &str) -> Result<(), TestCaseError> {
        if let Some((of_a, of_b)) = sketch::sketch(kind, a).zip(sketch::sketch(kind, b))
            && a != b
            && let Some(level) = sketch::level(kind, of_a, of_b)
        {
            prop_assert_eq!(level, words(kind, a, b), "{} {}", a, b);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn a_sketch_never_contradicts_the_text(
            a in "(d[12]\u{1f})?[0-3a]{1,6}", b in "(d[12]\u{1f})?[0-3a]{1,6}",
            one in "[ab]{1,4}@[xy]", other in "[ab]{1,4}@[xy]",
        ) {
            agrees_with_the_text(Kind::SisId, &a, &b)?;
            agrees_with_the_text(Kind::SisId, &a, &format!("0{a}"))?;
            agrees_with_the_text(Kind::Email, &one, &other)?;
        }
    }

    #[test]
    fn ids_of_two_districts_say_nothing() {
        let level = |a, b| Kind::SisId.levels()[words(Kind::SisId, a, b) as usize];
        assert_eq!(level("d1\u{1f}1511", "d2\u{1f}1511"), "absent");
        assert_eq!(level("d1\u{1f}1511", "d1\u{1f}001511"), "zeros");
        assert_eq!(level("d1\u{1f}151178", "d1\u{1f}151187"), "digit");
        assert_eq!(level("d1\u{1f}1511", "d1\u{1f}1512"), "differ");
    }

    #[test]
    fn a_look_at_the_digits_changes_no_answer() {
        let dates_of =
            |seed: u32| (0..400_u32).map(move |at| at.wrapping_mul(seed) % 90_000_000 + 10_000_000);
        for (a, b) in dates_of(2_654_435_761).zip(dates_of(40_503)) {
            for b in [b, a / 100 * 100 + b % 100, a + 1, a + 10_000] {
                let turned = a / 10_000 * 10_000 + a % 100 * 100 + a / 100 % 100;
                let whole = match osa::distance(digits(a), digits(b)) {
                    _ if turned == b => 2,
                    0 | 1 => 3,
                    2 => 4,
                    _ => 5,
                };
                assert_eq!(dates(a, b), whole, "{a} {b}");
            }
        }
    }

    #[test]
    fn dates_agree_in_degrees() {
        assert_eq!(dates(20_100_305, 20_100_503), 2);
        assert_eq!(dates(20_100_305, 20_100_306), 3);
        assert_eq!(dates(20_100_305, 20_010_305), 3);
        assert_eq!(dates(20_100_305, 20_110_306), 4);
        assert_eq!(dates(20_100_305, 19_991_231), 5);
    }
}
