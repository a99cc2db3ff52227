//! The one comparison of names: of records in files, and of two people alone.
//!
//! Names are compared folded: without case, marks and punctuation. A level says how far two of them agree; see
//! [`Kind::levels`].

use rapidfuzz::distance::{jaro_winkler, osa};

use crate::kind::{ABSENT, EQUAL, Kind, Level};
use crate::nicknames::{Bond, Nicknames};
use crate::placeholder::is_placeholder;
use crate::text;

/// Jaro-Winkler similarity from which on two words are alike.
const ALIKE: f64 = 0.85;

/// A given name's level of a sure nickname, or of one of several given names.
const NICKNAME: Level = 2;
/// A given or a family name's level of a slip of the pen.
const SPELLING: Level = 3;
/// A given name's level of an initial, or of a short form that several names have.
const SHORT: Level = 4;
/// A given name's level of two names that only resemble each other.
const GIVEN_ALIKE: Level = 5;
/// A given name's level of given and family name in each other's place.
const SWAPPED: Level = 6;
/// A given name's level of two names.
const GIVEN_DIFFERS: Level = 7;
/// A family name's level of one of several names.
const PART: Level = 2;
/// A family name's level of two names that only resemble each other.
const FAMILY_ALIKE: Level = 4;
/// A family name's level of two names.
const FAMILY_DIFFERS: Level = 5;

/// Compares two people's names, each a given and a family name as somebody wrote them: the level of the given
/// names, and that of the family names.
///
/// ```
/// use clever_linkage::{Kind, compare_names, names_agree};
///
/// let [given, family] = compare_names(["Bob", "Núñez"], ["Robert", "Nunez"]);
/// assert_eq!(Kind::GivenName.levels()[usize::from(given)], "nickname");
/// assert_eq!(Kind::FamilyName.levels()[usize::from(family)], "equal");
/// assert!(names_agree(given, family));
/// ```
#[must_use]
pub fn compare_names(a: [&str; 2], b: [&str; 2]) -> [Level; 2] {
    let read = |[of_given, of_family]: [&str; 2]| {
        let (mut one, mut other) = (String::new(), String::new());
        if !is_placeholder(Kind::GivenName, of_given) {
            text::fold(of_given, &mut one);
        }
        if !is_placeholder(Kind::FamilyName, of_family) {
            text::family(of_family, &mut other);
        }
        [one, other]
    };
    let ([given_a, family_a], [given_b, family_b]) = (read(a), read(b));
    let umlaut = text::has_umlaut(a[0]) || text::has_umlaut(b[0]);
    let level = |a: &str, b: &str, compare: &dyn Fn() -> Level| {
        if a.is_empty() || b.is_empty() {
            ABSENT
        } else {
            compare()
        }
    };
    let levels = [
        level(&given_a, &given_b, &|| {
            given(&given_a, &given_b, umlaut, Nicknames::common())
        }),
        level(&family_a, &family_b, &|| family(&family_a, &family_b)),
    ];
    if may_be_swapped(levels) {
        swapped(levels, [&given_a, &family_a], [&given_b, &family_b])
    } else {
        levels
    }
}

/// Says whether two names agree: both parts do, and at most one of them by a nickname, a part or a slip of the pen.
///
/// Whether the two are one person's is another question: twins have such names. See [`is_surely_one`].
#[must_use]
pub fn names_agree(given: Level, family: Level) -> bool {
    let slips = [given, family].into_iter().filter(|level| *level != EQUAL);
    matches!(given, EQUAL | NICKNAME | SPELLING)
        && matches!(family, EQUAL | PART | SPELLING)
        && slips.count() < 2
}

/// Says whether two given names are certainly one person's, so that no twin has the other one: equal, a short form of
/// one name alone, one of several given names, or given and family name exactly in each other's place.
#[must_use]
pub const fn is_surely_one(given: Level) -> bool {
    matches!(given, EQUAL | NICKNAME | SWAPPED)
}

/// The level of two equal names: an initial may stand for two names.
pub(crate) fn equal(kind: Kind, name: &str) -> Level {
    match kind {
        Kind::GivenName if are_initials(name) => SHORT,
        Kind::FamilyName if are_initials(name) => ABSENT,
        _ => EQUAL,
    }
}

/// The level of two given names, folded; `umlaut` if one of them was written with one.
pub(crate) fn given(a: &str, b: &str, umlaut: bool, nicknames: &Nicknames) -> Level {
    if have_same_letters(a, b) {
        return equal(Kind::GivenName, a);
    }
    if umlaut {
        let one_word = |name: &str| {
            let mut name = name.replace(' ', "");
            text::one_form(&mut name);
            name
        };
        if one_word(a) == one_word(b) {
            return NICKNAME;
        }
    }
    let first = |name: &'_ str| name.find(' ').unwrap_or(name.len());
    let ((x, rest_x), (y, rest_y)) = (a.split_at(first(a)), b.split_at(first(b)));
    let rest = rests(rest_x, rest_y);
    let level = if is_initial(x) || is_initial(y) {
        return match (x.chars().next() == y.chars().next(), rest) {
            (true, Some(_)) => SHORT,
            _ => GIVEN_DIFFERS,
        };
    } else if x == y {
        Some(NICKNAME)
    } else {
        nicknames.bond(x, y).map(|bond| match bond {
            Bond::Sure => NICKNAME,
            Bond::Shared => SHORT,
        })
    };
    if let (Some(level), Some(rest)) = (level, rest) {
        return level.max(rest);
    }
    if is_misspelt(a, b) {
        SPELLING
    } else if level.is_some() || shares_a_word(a, b) || is_alike(a, b) {
        GIVEN_ALIKE
    } else {
        GIVEN_DIFFERS
    }
}

/// The further given names: the level that they allow, `None` if they are two people's.
fn rests(a: &str, b: &str) -> Option<Level> {
    let mut level = NICKNAME;
    let (mut a, mut b) = (a.split_whitespace(), b.split_whitespace());
    // One may have fewer: Mary is Mary Ann.
    while let (Some(x), Some(y)) = (a.next(), b.next()) {
        if x == y {
            continue;
        }
        if !(is_initial(x) || is_initial(y)) || x.chars().next() != y.chars().next() {
            return None;
        }
        // Maria F. may be Maria Fernanda or Maria Fatima.
        level = SHORT;
    }
    Some(level)
}

/// The level of two family names, folded. An initial says only that it is not another one.
pub(crate) fn family(a: &str, b: &str) -> Level {
    if have_same_letters(a, b) {
        equal(Kind::FamilyName, a)
    } else if are_initials(a) || are_initials(b) {
        if a.chars().next() == b.chars().next() {
            ABSENT
        } else {
            FAMILY_DIFFERS
        }
    } else if shares_a_word(a, b) {
        PART
    } else if is_misspelt(a, b) {
        SPELLING
    } else if is_alike(a, b) {
        FAMILY_ALIKE
    } else {
        FAMILY_DIFFERS
    }
}

/// Whether names with these levels may have changed places.
pub(crate) const fn may_be_swapped([given, family]: [Level; 2]) -> bool {
    given >= GIVEN_ALIKE && family >= FAMILY_ALIKE
}

/// The levels of names that may have changed places. If both are equal then, they are nobody else's; if one is, the
/// other may be a slip of the pen.
pub(crate) fn swapped(levels: [Level; 2], a: [&str; 2], b: [&str; 2]) -> [Level; 2] {
    // One form keeps the first letter.
    let begin_alike = |x: &str, y: &str| x.chars().next() == y.chars().next();
    if !begin_alike(a[0], b[1]) && !begin_alike(a[1], b[0]) {
        return levels;
    }
    let read = |name: &str| {
        let mut name = name.to_owned();
        text::one_form(&mut name);
        name
    };
    let one = (read(a[0]), read(b[1]));
    let two = (read(a[1]), read(b[0]));
    match (one.0 == one.1, two.0 == two.1) {
        (true, true) => [SWAPPED, ABSENT],
        (true, false) if is_misspelt(&two.0, &two.1) => [GIVEN_ALIKE, ABSENT],
        (false, true) if is_misspelt(&one.0, &one.1) => [GIVEN_ALIKE, ABSENT],
        _ => levels,
    }
}

/// Whether two texts share a word of three letters or more.
pub(crate) fn shares_a_word(a: &str, b: &str) -> bool {
    a.split(' ')
        .any(|x| x.len() > 2 && b.split(' ').any(|y| x == y))
}

/// A letter that stands for a name. A single character of a script without cases may be a whole name.
fn is_initial(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some_and(char::is_lowercase) && letters.next().is_none()
}

fn are_initials(name: &str) -> bool {
    name.len() < 16 && name.split(' ').all(is_initial)
}

fn have_same_letters(a: &str, b: &str) -> bool {
    let letters = |name: &'_ str| name.chars().filter(|c| *c != ' ').collect::<Vec<_>>();
    a == b || ((a.contains(' ') || b.contains(' ')) && letters(a) == letters(b))
}

/// A slip of the pen or two, the longer the word; or only the spaces differ.
pub(crate) fn is_misspelt(a: &str, b: &str) -> bool {
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

/// Which letters a text has, and how many letters it is long. Letters that few names have may share a place, so that two texts
/// have no fewer in common than they seem to.
fn letters_of(text: &str) -> (u64, usize) {
    let mut length = 0;
    let letters = text.chars().fold(0, |all, c| {
        length += 1;
        all | 1_u64 << (u32::from(c) % 64)
    });
    (letters, length)
}

/// How many letters of each text the other one lacks, at least, and how long both are.
fn lacking(a: &str, b: &str) -> [(usize, usize); 2] {
    let ((of_a, long_a), (of_b, long_b)) = (letters_of(a), letters_of(b));
    let lacks = |one: u64, other: u64| (one & !other).count_ones() as usize;
    [(lacks(of_a, of_b), long_a), (lacks(of_b, of_a), long_b)]
}

/// Whether two words resemble each other.
pub(crate) fn is_alike(a: &str, b: &str) -> bool {
    if a == b {
        return true;
    }
    // Most pairs can't, by their letters alone: no letter that the other word lacks is a match, and Jaro and Winkler's similarity
    // grows with the matches.
    let common = lacking(a, b).map(|(lacks, long)| (long - lacks, long));
    let most = common[0].0.min(common[1].0) as f64;
    let jaro = common.map(|(_, long)| most / long.max(1) as f64);
    let jaro = (jaro[0] + jaro[1] + 1.0) / 3.0;
    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y);
    let begin = same.take(4).count() as f64;
    if jaro + 0.1 * begin * (1.0 - jaro) < ALIKE - 1e-9 {
        return false;
    }
    let args = jaro_winkler::Args::default().score_cutoff(ALIKE);
    jaro_winkler::similarity_with_args(a.chars(), b.chars(), &args).is_some()
}

/// Whether at most so many slips part two texts.
pub(crate) fn within(a: &str, b: &str, most: usize) -> bool {
    // Each letter that the other one lacks is a slip.
    let [(lacks_a, long_a), (lacks_b, long_b)] = lacking(a, b);
    if lacks_a.max(lacks_b).max(long_a.abs_diff(long_b)) > most {
        return false;
    }
    let args = osa::Args::default().score_cutoff(most);
    osa::distance_with_args(a.chars(), b.chars(), &args).is_some()
}

/// A part of a name to find people by: folded, without blanks. `None` for an initial, a placeholder or nothing.
#[must_use]
pub fn name_key(part: &str) -> Option<String> {
    if is_placeholder(Kind::GivenName, part) {
        return None;
    }
    let mut folded = String::new();
    text::fold(part, &mut folded);
    folded.retain(|c| c != ' ');
    (folded.chars().count() > 1).then_some(folded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_look_at_the_letters_changes_no_answer(a in "[a-eñ李 ]{0,9}", b in "[a-eñ李 ]{0,9}", most in 0_usize..4) {
            let args = osa::Args::default().score_cutoff(most);
            let is_within = osa::distance_with_args(a.chars(), b.chars(), &args).is_some();
            prop_assert_eq!(within(&a, &b, most), is_within);
            let args = jaro_winkler::Args::default().score_cutoff(ALIKE);
            let alike = jaro_winkler::similarity_with_args(a.chars(), b.chars(), &args).is_some();
            prop_assert_eq!(is_alike(&a, &b), alike);
        }
    }

    fn level(kind: Kind, a: &str, b: &str) -> &'static str {
        let compared = |a, b| match kind {
            Kind::GivenName => given(a, b, false, Nicknames::common()),
            _ => family(a, b),
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
        assert_eq!(level("maryann", "mary ann"), "equal");
        assert_eq!(level("bill ray", "william ray"), "nickname");
        assert_eq!(level("jonh", "john"), "spelling");
        assert_eq!(level("j", "john"), "short");
        assert_eq!(level("j", "j"), "short");
        assert_eq!(level("j m", "j m"), "short");
        assert_eq!(level("j", "anna"), "differ");
        assert_eq!(level("marianna", "marian"), "spelling");
        assert_eq!(level("christa", "christopher"), "alike");
        assert_eq!(level("ann", "tom"), "differ");
        assert_eq!(level("龙", "龙"), "equal");
    }

    #[test]
    fn field_f11_names_that_twins_have_are_not_one() {
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
            ("j", "j"),
            ("j m", "jaylen mark"),
            ("maria f", "maria fernanda"),
            ("emma", "noah"),
        ] {
            let level = given(a, b, false, Nicknames::common());
            assert!(!is_surely_one(level), "{a} {b}");
        }
    }

    #[test]
    fn field_f14_an_umlaut_makes_both_spellings_one() {
        let names = Nicknames::common();
        assert_eq!(given("jurgen", "juergen", true, names), NICKNAME);
        assert_eq!(given("jurgen", "juergen", false, names), SPELLING);
    }

    #[test]
    fn family_names_agree_in_degrees() {
        let level = |a, b| level(Kind::FamilyName, a, b);
        assert_eq!(level("garcia lopez", "lopez"), "part");
        assert_eq!(level("de la cruz", "dela cruz"), "equal");
        assert_eq!(level("delacruz", "de la cruz"), "equal");
        assert_eq!(level("smith", "smyth"), "spelling");
        assert_eq!(level("lee", "li"), "differ");
        // A Library student's name: the initial can't prove it, only disprove it.
        assert_eq!(level("s", "smith"), "absent");
        assert_eq!(level("s", "s"), "absent");
        assert_eq!(level("s", "jones"), "differ");
        assert_eq!(level("李", "李"), "equal");
    }

    #[test]
    fn two_people_alone_are_compared_as_records_are() {
        let agree = |a, b| {
            let [given, family] = compare_names(a, b);
            assert_eq!([given, family], compare_names(b, a));
            names_agree(given, family)
        };
        assert!(agree(["José", "O’Brien"], ["JOSE", "Obrien"]));
        assert!(agree(["Mary-Ann", "De La Cruz"], ["Maryann", "Delacruz"]));
        assert!(agree(["Bob", "Smith Jr."], ["Robert", "Smith"]));
        assert!(!agree(["Bob", "Smyth"], ["Robert", "Smith"]));
        assert!(!agree(["Test", "Student"], ["Test", "Student"]));
        assert!(!agree(["Ana", "R"], ["Ana", "R"]));
        assert!(!agree(["", "Smith"], ["", "Smith"]));
        assert_eq!(
            compare_names(["Kovalenko", "Oleksandra"], ["Oleksandra", "Kovalenko"]),
            [SWAPPED, ABSENT]
        );
    }
}
