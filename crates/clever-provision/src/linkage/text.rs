//! Text as it is compared: folded, without marks, case and punctuation.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Parts after a family name that name no family.
const SUFFIXES: [&str; 5] = ["jr", "sr", "ii", "iii", "iv"];

/// Folds words: compatibility decomposition, no marks, lower case; apostrophes and points vanish, other
/// punctuation parts words. Words are parted by one space.
pub(crate) fn fold(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        text.chars().for_each(|c| push(c, out));
    } else {
        for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
            match plain(c) {
                Some(plain) => out.push_str(plain),
                None => c.to_lowercase().for_each(|c| push(c, out)),
            }
        }
    }
    if out.ends_with(' ') {
        out.pop();
    }
}

fn push(c: char, out: &mut String) {
    if c.is_alphanumeric() {
        out.push(c.to_ascii_lowercase());
    } else if !matches!(c, '\'' | '.' | '`' | '\u{2018}' | '\u{2019}' | '\u{2bc}')
        && !out.is_empty()
        && !out.ends_with(' ')
    {
        out.push(' ');
    }
}

/// Letters that no decomposition makes plain.
const fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' | 'ẞ' => "ss",
        'æ' | 'Æ' => "ae",
        'œ' | 'Œ' => "oe",
        'ø' | 'Ø' => "o",
        'đ' | 'Đ' | 'ð' | 'Ð' => "d",
        'ł' | 'Ł' => "l",
        'þ' | 'Þ' => "th",
        'ı' => "i",
        _ => return None,
    })
}

/// Takes "Jr" and its like from a folded family name.
pub(crate) fn without_suffix(folded: &mut String) {
    while let Some((rest, last)) = folded.rsplit_once(' ') {
        if !SUFFIXES.contains(&last) {
            return;
        }
        let keep = rest.len();
        folded.truncate(keep);
    }
}

/// An id or an address: without white space around it, in one case.
pub(crate) fn exact(text: &str, out: &mut String) {
    out.clear();
    let text = text.trim();
    if !text.eq_ignore_ascii_case("null") {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// A date as the decimal number `yyyymmdd`, 0 where none is told: `2010-01-31`, `20100131`, or `1/31/2010` as
/// Clever writes it. Days that no calendar has are kept: a slip of the pen still resembles its original.
pub(crate) fn date(text: &str) -> u32 {
    let text = text.trim();
    let text = text.split_once('T').map_or(text, |(day, _)| day);
    let number = |part: &str, most: u32| {
        let digits =
            !part.is_empty() && part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
        part.parse::<u32>()
            .ok()
            .filter(|number| digits && *number <= most)
    };
    let join = |y, m, d| Some(number(y, 9999)? * 10_000 + number(m, 99)? * 100 + number(d, 99)?);
    let mut parts = text.split(['-', '/', '.']);
    let found = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(day), None, ..) if day.len() == 8 && day.is_ascii() => {
            join(&day[..4], &day[4..6], &day[6..])
        }
        (Some(a), Some(b), Some(c), None) if a.len() == 4 => join(a, b, c),
        (Some(a), Some(b), Some(c), None) if c.len() == 4 => join(c, a, b),
        _ => None,
    };
    found.unwrap_or(0)
}

/// A grade as a number from 1: a year before kindergarten, kindergarten, first grade and on; 0 where it
/// tells no year.
pub(crate) fn grade(text: &str) -> u32 {
    let text = text.trim();
    if let Ok(year) = text.parse::<u32>()
        && (1..=13).contains(&year)
    {
        return year + 3;
    }
    match text.to_ascii_lowercase().as_str() {
        "infanttoddler" | "preschool" => 1,
        "pk" | "prekindergarten" => 2,
        "k" | "kg" | "kindergarten" | "transitionalkindergarten" | "tk" => 3,
        "postgraduate" => 16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> String {
        let mut out = String::new();
        fold(text, &mut out);
        out
    }

    #[test]
    fn marks_case_and_punctuation_say_nothing() {
        assert_eq!(folded("  O’Brien-Núñez "), "obrien nunez");
        assert_eq!(folded("O'BRIEN - NUNEZ"), "obrien nunez");
        assert_eq!(folded("Łukasz  Straße"), "lukasz strasse");
        assert_eq!(folded("ＡＢＣ"), "abc");
        assert_eq!(folded("李 小龙"), "李 小龙");
        assert_eq!(folded("--"), "");
    }

    #[test]
    fn suffixes_name_no_family() {
        let mut name = folded("Smith, Jr. III");
        without_suffix(&mut name);
        assert_eq!(name, "smith");
        let mut name = folded("III");
        without_suffix(&mut name);
        assert_eq!(name, "iii");
    }

    #[test]
    fn dates_in_the_forms_that_are_met() {
        for text in [
            "2010-01-31",
            "20100131",
            "1/31/2010",
            "01/31/2010",
            "2010-01-31T00:00:00Z",
        ] {
            assert_eq!(date(text), 20_100_131, "{text}");
        }
        for text in [
            "",
            "soon",
            "31.1",
            "2010-1",
            "2010-01-31-4",
            "999999999",
            "é2010101",
        ] {
            assert_eq!(date(text), 0, "{text}");
        }
        assert_eq!(date("19451731"), 19_451_731);
    }

    #[test]
    fn grades_ascend() {
        let years: Vec<u32> = ["PreKindergarten", "Kindergarten", "1", "12", "PostGraduate"]
            .iter()
            .map(|text| grade(text))
            .collect();
        assert_eq!(years, [2, 3, 4, 15, 16]);
        assert_eq!(grade("Ungraded"), 0);
    }
}
