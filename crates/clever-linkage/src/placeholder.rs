//! Values that stand for no value: `Unknown`, `Test Student`, `N/A`, 1900-01-01. Two records that share one
//! of them have nothing in common.
//!
//! Taking a real value for a placeholder costs evidence and so a person's look; taking a placeholder for a
//! real value joins strangers. In doubt a value is a placeholder.

use crate::kind::Kind;

/// Words that say of any field that it has no value, in lower case.
const NOTHING: &[&str] = &[
    "null",
    "(null)",
    "nil",
    "none",
    "(none)",
    "n/a",
    "n.a.",
    "n.a",
    "#n/a",
    "#null!",
    "#ref!",
    "#value!",
    "#name?",
    "\\n",
    "unknown",
    "(unknown)",
    "unk",
    "undefined",
    "undisclosed",
    "unspecified",
    "not specified",
    "not available",
    "not applicable",
    "not provided",
    "not given",
    "not known",
    "no data",
    "tbd",
    "tba",
    "tbc",
    "(blank)",
    "empty",
    "(empty)",
    "missing",
    "pending",
    "desconocido",
    "ninguno",
    "inconnu",
    "unbekannt",
];

/// Words of names that name nobody, folded. `fnu` and `lnu` are what US visas write for "no name known".
const NOBODY: &[&str] = &[
    "anon",
    "anonymous",
    "alumno",
    "apellido",
    "available",
    "baby",
    "delete",
    "deleted",
    "demo",
    "desconocido",
    "dummy",
    "empty",
    "estudiante",
    "example",
    "fake",
    "fnu",
    "infant",
    "inconnu",
    "learner",
    "lnu",
    "name",
    "nfn",
    "nil",
    "nln",
    "nmn",
    "nobody",
    "nombre",
    "noname",
    "none",
    "null",
    "placeholder",
    "prueba",
    "pupil",
    "sample",
    "student",
    "tba",
    "tbc",
    "tbd",
    "teacher",
    "temp",
    "test",
    "tester",
    "testing",
    "twin",
    "undefined",
    "unknown",
    "unk",
    "unbekannt",
    "unnamed",
    "user",
    "username",
    "x",
];

/// Words that name nobody beside one of [`NOBODY`]: `No Name`, `First Name`, `Baby Girl`.
const BESIDE_NOBODY: &[&str] = &[
    "boy", "first", "given", "family", "girl", "last", "middle", "new", "no", "not", "sin", "the",
];

/// What stands before the `@` of addresses that no person has, without punctuation and digits at its end.
const NOBODYS_ADDRESS: &[&str] = &[
    "abc",
    "admin",
    "administrator",
    "anonymous",
    "changeme",
    "contact",
    "demo",
    "donotreply",
    "dummy",
    "email",
    "example",
    "fake",
    "frontoffice",
    "info",
    "invalid",
    "mail",
    "mailerdaemon",
    "na",
    "name",
    "nobody",
    "noemail",
    "nomail",
    "none",
    "noreply",
    "null",
    "office",
    "placeholder",
    "postmaster",
    "sample",
    "school",
    "student",
    "temp",
    "test",
    "tester",
    "teststudent",
    "undefined",
    "unknown",
    "user",
    "webmaster",
];

/// Says whether a field's value stands for no value: `N/A` in any field, `Test Student` in a name, `0` in an id,
/// `noreply@…` in an address. For a date see [`is_no_birthday`].
#[must_use]
pub fn is_placeholder(kind: Kind, text: &str) -> bool {
    match kind {
        Kind::GivenName | Kind::FamilyName => is_nobody(text),
        Kind::SisId | Kind::StudentNumber | Kind::StateId | Kind::Id => is_nobodys_id(text),
        Kind::Email => is_nobodys_address(text),
        Kind::Date | Kind::Grade | Kind::Code | Kind::Text => is_nothing(text),
    }
}

/// Whether a value of any sort says that there is none.
pub(crate) fn is_nothing(text: &str) -> bool {
    let text = text.trim();
    // As R, pandas and spreadsheets write it; "Na" and "Nan" are names.
    matches!(text, "NA" | "na" | "NaN" | "nan" | "NAN")
        || !text.chars().any(char::is_alphanumeric)
        || NOTHING.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether a part of a name names nobody. A single letter other than `X` is an initial.
fn is_nobody(text: &str) -> bool {
    if is_nothing(text) || !text.chars().any(char::is_alphabetic) {
        return true;
    }
    let mut nobody = false;
    let mut others = false;
    let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '\'' | '\u{2019}'));
    for word in words.filter(|word| !word.is_empty()) {
        let word = word.trim_matches(|c: char| c.is_ascii_digit());
        let is = |all: &[&str]| all.iter().any(|one| one.eq_ignore_ascii_case(word));
        if is(NOBODY) || is_one_letter_again(word) {
            nobody = true;
        } else if word.chars().count() > 1 && !is(BESIDE_NOBODY) {
            others = true;
        }
    }
    nobody && !others
}

/// `xx`, `aaa`, `zzzz`; but no letter that stands alone.
fn is_one_letter_again(word: &str) -> bool {
    let mut letters = word.chars().map(|c| c.to_ascii_lowercase());
    let Some(first) = letters.next() else {
        return false;
    };
    let more = letters.clone().count();
    // "Aa" and "Oo" are names; "xx" is none.
    letters.all(|c| c == first) && (more > 1 || more == 1 && first == 'x')
}

/// Whether an id is a placeholder that identifies no one: `0`, `99999`, `xxxx`, `test`, `123456789`.
fn is_nobodys_id(text: &str) -> bool {
    let text = text.trim();
    let mut all = text.chars().filter(|c| c.is_alphanumeric());
    let Some(first) = all.next() else {
        return true;
    };
    let same = all.clone().all(|c| c == first);
    let more = all.count();
    is_nothing(text)
        || same && (first == '0' || first.eq_ignore_ascii_case(&'x') || more >= 4)
        || matches!(text, "123456789" | "1234567890" | "987654321")
        || (text.chars().all(|c| !c.is_ascii_digit()) && is_nobody(text))
}

/// Whether an address is no person's: `test@…`, `noreply@…`, `office@…`, or nothing before or after its `@`.
fn is_nobodys_address(text: &str) -> bool {
    let text = text.trim();
    if is_nothing(text) {
        return true;
    }
    let Some((name, host)) = text.rsplit_once('@') else {
        return is_nobody(text);
    };
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    let plain = plain.trim_end_matches(|c: char| c.is_ascii_digit());
    let host = host.to_ascii_lowercase();
    plain.is_empty()
        || host.is_empty()
        || NOBODYS_ADDRESS.contains(&plain)
        || is_one_letter_again(plain)
        || plain == "x"
        || host.ends_with(".invalid")
        || matches!(
            host.as_str(),
            "invalid" | "none" | "noemail.com" | "nomail.com" | "none.com" | "test.com"
        )
}

/// Says whether a date, `yyyymmdd`, is what systems write where no birthday is known: the zero of some calendar,
/// a year that nobody alive was born in, or a year alone.
#[must_use]
pub const fn is_no_birthday(date: u32) -> bool {
    let (year, month, day) = (date / 10_000, date / 100 % 100, date % 100);
    year <= 1900
        || year >= 2100
        || month == 0
        || day == 0
        || matches!(
            date,
            // The zeros of Lotus, the Mac, Unix (and what it is west of Greenwich), DOS and of people.
            19_010_101 | 19_040_101 | 19_691_231 | 19_700_101 | 19_800_101 | 20_000_101
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_f11_placeholders_name_nobody() {
        for text in [
            "Unknown",
            "UNKNOWN",
            "Test Student",
            "test",
            "X",
            "x",
            "xx",
            "XXX",
            "null",
            "Null",
            "(null)",
            "N/A",
            "n/a",
            "NA",
            "-",
            "--",
            "?",
            "none",
            "None",
            "student",
            "Student 12",
            "Student12",
            "test1",
            "Test User",
            "No Name",
            "First Name",
            "last name",
            "FNU",
            "Lnu",
            "tbd",
            "nan",
            "#N/A",
            "123",
            "0",
            "Baby Girl",
            "Twin A",
            "New Student",
            "aaa",
            "zzzz",
            "",
            "  ",
            "\\N",
            "Student, Test",
            "test-student",
            "Sin Nombre",
            "Not Available",
            "student x",
        ] {
            assert!(is_nobody(text), "{text}");
        }
        for text in [
            "Ana",
            "J",
            "J.",
            "Na",
            "Nan",
            "Li",
            "Xavier",
            "Xi",
            "Testa",
            "Nulle",
            "Studenta",
            "Anna Test",
            "Noname Smith",
            "Oo",
            "Aa",
            "O'Neil",
            "Jo",
            "Nuñez",
            "李",
            "Boy",
            "Newman",
            "Max",
            "Uma",
            "Testino",
        ] {
            assert!(!is_nobody(text), "{text}");
        }
    }

    #[test]
    fn field_f11_placeholders_are_nobodys_id_and_address() {
        for text in [
            "0",
            "0000",
            "N/A",
            "null",
            "99999",
            "xxxx",
            "-",
            "none",
            "test",
            "TBD",
            "123456789",
            "11111",
        ] {
            assert!(is_nobodys_id(text), "{text}");
        }
        for text in [
            "1511", "777", "90000", "S500001", "a1", "00012", "x1", "jdoe",
        ] {
            assert!(!is_nobodys_id(text), "{text}");
        }
        for text in [
            "test@x.example",
            "Test2@school.example",
            "no-reply@x.example",
            "NoReply@x.example",
            "none@none.com",
            "n/a",
            "unknown",
            "@",
            "a@",
            "@b",
            "student@x.example",
            "test.student@x.example",
            "info@x.example",
            "xx@x.example",
            "someone@x.invalid",
            "-",
        ] {
            assert!(is_nobodys_address(text), "{text}");
        }
        for text in [
            "ana@x.example",
            "mbeki.family@mail.example",
            "a@x.example",
            "testa@x.example",
            "jo12@x.example",
        ] {
            assert!(!is_nobodys_address(text), "{text}");
        }
    }

    #[test]
    fn field_f11_placeholders_are_nobodys_birthday() {
        for date in [
            10_101, 19_000_101, 18_991_230, 19_700_101, 19_691_231, 99_991_231, 20_000_101,
            20_100_000, 20_100_100, 19_040_101,
        ] {
            assert!(is_no_birthday(date), "{date}");
        }
        for date in [20_100_131, 19_451_731, 19_850_101, 20_120_101] {
            assert!(!is_no_birthday(date), "{date}");
        }
    }
}
