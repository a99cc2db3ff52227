//! In what degree two records agree, field by field.

use rapidfuzz::distance::{jaro_winkler, osa};

use super::kin::Places;
use super::kind::{ABSENT, EQUAL, Kind, Level};
use super::nicknames::{Bond, Nicknames};
use super::people::{Lexicon, People, Symbol};
use crate::text;

/// Jaro-Winkler similarity from which on two words are alike.
const ALIKE: f64 = 0.85;
/// Values that were compared lately, a power of two.
const REMEMBERED: usize = 1 << 14;

/// The levels of all fields, four bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Pattern(pub(crate) u64);

impl Pattern {
    pub(crate) const fn level(self, field: usize) -> Level {
        ((self.0 >> (4 * field)) & 15) as Level
    }

    fn set(&mut self, field: usize, level: Level) {
        self.0 = self.0 & !(15 << (4 * field)) | u64::from(level) << (4 * field);
    }
}

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
            let level = if a != b {
                self.unequal(at, kind, lexicon, *a, *b)
            } else if kind == Kind::Email && self.is_shared(lexicon.holders(*a)) {
                2
            } else {
                EQUAL
            };
            pattern.set(at, level);
        }
        let Some(given) = self.places.given else {
            return pattern;
        };
        if let Some(family) = self.places.family
            && pattern.level(given) >= 5
            && pattern.level(family) >= 4
            && let Some(level) = self.swapped((given, family), left, right)
        {
            pattern.set(given, level);
            pattern.set(family, ABSENT);
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

    /// Whether two given names are surely one person's.
    pub(crate) fn is_one_given_name(&mut self, field: usize, a: Symbol, b: Symbol) -> bool {
        let people = self.people;
        a == b
            || (a != 0
                && b != 0
                && self.unequal(field, Kind::GivenName, &people.lexicons[field], a, b) == 2)
    }

    fn is_shared(&self, holders: [u32; 2]) -> bool {
        holders.iter().any(|holders| *holders > self.one_holder)
    }

    fn unequal(&mut self, at: usize, kind: Kind, lexicon: &Lexicon, a: Symbol, b: Symbol) -> Level {
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
                given_names(lexicon.value(a), lexicon.value(b), umlaut, self.nicknames)
            }
            _ => words(kind, lexicon.value(a), lexicon.value(b)),
        };
        if let Some(place) = self.remembered[at].get_mut(slot) {
            *place = (a, b, level);
        }
        level
    }

    /// The level of given names where given and family name stand in each other's place: only where both are
    /// equal so is nobody else's name among them.
    fn swapped(
        &self,
        (given, family): (usize, usize),
        left: &[Symbol],
        right: &[Symbol],
    ) -> Option<Level> {
        let read = |field: usize, row: &[Symbol]| {
            let mut name = self.people.lexicons[field].value(row[field]).to_owned();
            text::one_form(&mut name);
            name
        };
        let one = (read(given, left), read(family, right));
        let two = (read(family, left), read(given, right));
        match (one.0 == one.1, two.0 == two.1) {
            (true, true) => Some(6),
            (true, false) if is_misspelt(&two.0, &two.1) => Some(5),
            (false, true) if is_misspelt(&one.0, &one.1) => Some(5),
            _ => None,
        }
    }
}

/// Two dates, `yyyymmdd`.
fn dates(a: u32, b: u32) -> Level {
    let turned = |date: u32| date / 10_000 * 10_000 + date % 100 * 100 + date / 100 % 100;
    if turned(a) == b {
        return 2;
    }
    match osa::distance(digits(a), digits(b)) {
        0 | 1 => 3,
        2 => 4,
        _ => 5,
    }
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

/// Two different given names, folded; `umlaut` where one of them was written with one.
fn given_names(a: &str, b: &str, umlaut: bool, nicknames: &Nicknames) -> Level {
    let in_one_word = |name: &str| {
        let mut name = name.replace(' ', "");
        if umlaut {
            text::one_form(&mut name);
        }
        name
    };
    if in_one_word(a) == in_one_word(b) {
        return 2;
    }
    let first = |name: &'_ str| name.find(' ').unwrap_or(name.len());
    let ((x, rest_x), (y, rest_y)) = (a.split_at(first(a)), b.split_at(first(b)));
    let rest = rests(rest_x, rest_y);
    let level = if x == y {
        Some(2)
    } else if is_letter(x) || is_letter(y) {
        return match (x.chars().next() == y.chars().next(), rest) {
            (true, Some(_)) => 4,
            _ => 7,
        };
    } else {
        nicknames.bond(x, y).map(|bond| match bond {
            Bond::Sure => 2,
            Bond::Shared => 4,
        })
    };
    if let (Some(level), Some(rest)) = (level, rest) {
        return level.max(rest);
    }
    if is_misspelt(a, b) {
        3
    } else if level.is_some() || shares_a_word(a, b) || is_alike(a, b) {
        5
    } else {
        7
    }
}

/// The further given names: the level that they allow, `None` where they are two people's.
fn rests(a: &str, b: &str) -> Option<Level> {
    let mut level = 2;
    let (mut a, mut b) = (a.split_whitespace(), b.split_whitespace());
    // One may have fewer: Mary is Mary Ann.
    while let (Some(x), Some(y)) = (a.next(), b.next()) {
        if x == y {
            continue;
        }
        if !(is_letter(x) || is_letter(y)) || x.chars().next() != y.chars().next() {
            return None;
        }
        // Maria F. may be Maria Fernanda or Maria Fatima.
        level = 4;
    }
    Some(level)
}

fn shares_a_word(a: &str, b: &str) -> bool {
    a.split(' ')
        .any(|x| x.len() > 2 && b.split(' ').any(|y| x == y))
}

/// Two different values, folded.
fn words(kind: Kind, a: &str, b: &str) -> Level {
    match kind {
        Kind::FamilyName => {
            if shares_a_word(a, b) {
                2
            } else if is_misspelt(a, b) {
                3
            } else if is_alike(a, b) {
                4
            } else {
                5
            }
        }
        Kind::Text => {
            if same_words(a, b) {
                2
            } else if is_misspelt(a, b) {
                3
            } else if is_alike(a, b) {
                4
            } else {
                5
            }
        }
        Kind::Code => {
            if within(a, b, 1) {
                2
            } else {
                3
            }
        }
        Kind::Email => {
            let name = |address: &'_ str| address.find('@').unwrap_or(address.len());
            let (a, b) = (&a[..name(a)], &b[..name(b)]);
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
            } else if a.len() > 4 && within(a, b, 1) {
                3
            } else {
                4
            }
        }
    }
}

fn is_letter(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next().is_some() && letters.next().is_none()
}

/// A slip of the pen or two, the longer the word; or only the spaces differ.
fn is_misspelt(a: &str, b: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| *c != ' ').count();
    let most = match letters(a).max(letters(b)) {
        0..=3 => 0,
        4..=7 => 1,
        8..=13 => 2,
        _ => 3,
    };
    (most > 0 && within(a, b, most))
        || a.chars()
            .filter(|c| *c != ' ')
            .eq(b.chars().filter(|c| *c != ' '))
}

fn is_alike(a: &str, b: &str) -> bool {
    let args = jaro_winkler::Args::default().score_cutoff(ALIKE);
    jaro_winkler::similarity_with_args(a.chars(), b.chars(), &args).is_some()
}

fn within(a: &str, b: &str, most: usize) -> bool {
    let args = osa::Args::default().score_cutoff(most);
    osa::distance_with_args(a.chars(), b.chars(), &args).is_some()
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

    fn level(kind: Kind, a: &str, b: &str) -> &'static str {
        let names = Nicknames::default();
        let compared = |a, b| match kind {
            Kind::GivenName => given_names(a, b, false, &names),
            _ => words(kind, a, b),
        };
        let one = compared(a, b);
        assert_eq!(one, compared(b, a), "{a} {b}");
        kind.levels()[one as usize]
    }

    #[test]
    fn given_names_agree_in_degrees() {
        let level = |a, b| level(Kind::GivenName, a, b);
        assert_eq!(level("bill", "william"), "nickname");
        assert_eq!(level("mary ann", "mary"), "nickname");
        assert_eq!(level("maryann", "mary ann"), "nickname");
        assert_eq!(level("bill ray", "william ray"), "nickname");
        assert_eq!(level("jonh", "john"), "spelling");
        assert_eq!(level("j", "john"), "short");
        assert_eq!(level("j", "anna"), "differ");
        assert_eq!(level("marianna", "marian"), "spelling");
        assert_eq!(level("christa", "christopher"), "alike");
        assert_eq!(level("ann", "tom"), "differ");
    }

    #[test]
    fn field_f11_names_that_twins_have_are_not_one() {
        let level = |a, b| level(Kind::GivenName, a, b);
        for (a, b) in [
            ("jayden", "jaylen"),
            ("christian", "christina"),
            ("robert", "roberta"),
            ("paul", "paula"),
            ("mario", "maria"),
            ("rene", "renee"),
            ("anna maria", "anna sofia"),
            ("maria anna", "anna maria"),
            ("jean paul", "jean pierre"),
            ("maria jose", "jose"),
            ("jaeden", "jaden"),
            ("joe", "jo"),
            ("bill ray", "william tom"),
            ("alex", "alexandra"),
            ("chris", "christina"),
            ("nathan", "jonathan"),
            ("j", "jaylen"),
            ("j m", "jaylen mark"),
            ("maria f", "maria fernanda"),
            ("emma", "noah"),
        ] {
            assert!(!matches!(level(a, b), "equal" | "nickname"), "{a} {b}");
        }
    }

    #[test]
    fn field_f14_an_umlaut_makes_both_spellings_one() {
        let names = Nicknames::default();
        assert_eq!(given_names("jurgen", "juergen", true, &names), 2);
        assert_eq!(given_names("jurgen", "juergen", false, &names), 3);
    }

    #[test]
    fn family_names_agree_in_degrees() {
        let level = |a, b| level(Kind::FamilyName, a, b);
        assert_eq!(level("garcia lopez", "lopez"), "part");
        assert_eq!(level("de la cruz", "dela cruz"), "part");
        assert_eq!(level("delacruz", "de la cruz"), "spelling");
        assert_eq!(level("smith", "smyth"), "spelling");
        assert_eq!(level("lee", "li"), "differ");
    }

    #[test]
    fn ids_of_two_districts_say_nothing() {
        let level = |a, b| level(Kind::SisId, a, b);
        assert_eq!(level("d1\u{1f}1511", "d2\u{1f}1511"), "absent");
        assert_eq!(level("d1\u{1f}1511", "d1\u{1f}001511"), "zeros");
        assert_eq!(level("d1\u{1f}151178", "d1\u{1f}151187"), "digit");
        assert_eq!(level("d1\u{1f}1511", "d1\u{1f}1512"), "differ");
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
