//! Dates and grades as files write them.
//!
//! Some forms mean something only beside the rest of their column: `4/3/2010` is a day of April or of March,
//! and `40209` is a spreadsheet's number of a day or somebody's number. Such values are kept as they stand
//! until the whole column is read, and then settled by all of it.

use std::ops::RangeInclusive;

use crate::placeholder::is_no_birthday;

/// A date as the decimal number `yyyymmdd`, or one that its column must settle; 0 if there is none.
pub(crate) type Cell = u32;

/// Marks a cell whose month and day stand in an order that the column settles.
const TURNABLE: Cell = 1 << 31;
/// Marks a cell that is a spreadsheet's number of a day, if it is a day at all.
const SERIAL: Cell = 1 << 30;
/// Spreadsheets' numbers of the days from 1927 to 2030: nobody in a school was born on others.
const SERIALS: RangeInclusive<u32> = 10_000..=47_500;
/// Years of two digits from here on were in the last century; spreadsheets read them so.
const PIVOT: u32 = 30;

/// In what form a column's dates were read, if that had to be found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateForm {
    /// The day stands before the month: a first number is no month, and no second one contradicts.
    DayFirst,
    /// All are a spreadsheet's numbers of days, counted from 1899-12-30.
    Serial,
}

/// What the dates of a column say together.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DateColumn {
    day_first: usize,
    month_first: usize,
    /// Spreadsheets' numbers, and the first record that has one.
    serials: (usize, usize),
    others: usize,
}

impl DateColumn {
    /// Reads the value of a record, which is not blank.
    pub(crate) fn read(&mut self, text: &str, record: usize) -> Option<Cell> {
        let cell = read(text)?;
        if cell & SERIAL != 0 {
            self.serials.0 += 1;
            if self.serials.0 == 1 {
                self.serials.1 = record;
            }
            return Some(cell);
        }
        self.others += 1;
        if cell & TURNABLE != 0 {
            let date = cell & !TURNABLE;
            match (date / 100 % 100 > 12, date % 100 > 12) {
                (true, false) => self.day_first += 1,
                (false, true) => self.month_first += 1,
                _ => {}
            }
        }
        Some(cell)
    }

    /// The form that was found out; `unread` is how many values of the column were not read.
    pub(crate) const fn form(&self, unread: usize) -> Option<DateForm> {
        if self.serials.0 > 0 && self.others == 0 && unread == 0 {
            Some(DateForm::Serial)
        } else if self.day_first > 0 && self.month_first == 0 {
            Some(DateForm::DayFirst)
        } else {
            None
        }
    }

    /// How many numbers stand among values that are dates, and so are none; and the first one's record.
    pub(crate) const fn stray_serials(&self, unread: usize) -> (usize, usize) {
        match self.form(unread) {
            Some(DateForm::Serial) => (0, 0),
            _ => self.serials,
        }
    }
}

/// The date of a cell, once the form of its column is known.
pub(crate) fn settled(cell: Cell, form: Option<DateForm>) -> Cell {
    let date = if cell & SERIAL != 0 {
        match form {
            Some(DateForm::Serial) => of_serial(cell & !SERIAL),
            _ => 0,
        }
    } else if cell & TURNABLE != 0 {
        let date = cell & !TURNABLE;
        match form {
            Some(DateForm::DayFirst) => {
                date / 10_000 * 10_000 + date % 100 * 100 + date / 100 % 100
            }
            _ => date,
        }
    } else {
        cell
    };
    if is_no_birthday(date) { 0 } else { date }
}

/// `2010-01-31`, `20100131`, `1/31/2010` as Clever writes it, `1/31/10`, `31-Jan-2010`, `Jan 31, 2010`, each
/// with a time behind it or without; `40209`. Days that no calendar has are kept: a slip of the pen still
/// resembles its original.
fn read(text: &str) -> Option<Cell> {
    let text = without_time(text.trim());
    let whole = text.split_once('.').map_or(text, |(whole, fraction)| {
        // What a table of numbers makes of a whole one.
        let is_fraction = whole.len() > 4 && fraction.bytes().all(|b| b.is_ascii_digit());
        if is_fraction { whole } else { text }
    });
    if !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit()) {
        return digits(whole);
    }
    let mut parts = text
        .split(['-', '/', '.', ',', ' '])
        .filter(|part| !part.is_empty());
    let (a, b, c) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    if let (Some(month), Some(day)) = (month(b), day(a)) {
        return join(year(c)?, month, day);
    }
    if let (Some(month), Some(day)) = (month(a), day(b)) {
        return join(year(c)?, month, day);
    }
    match (a.len(), c.len()) {
        (4, _) => join(number(a)?, month(b).or_else(|| number(b))?, number(c)?),
        (_, 4) => Some(join(number(c)?, number(a)?, number(b)?)? | TURNABLE),
        // With hyphens the year of two digits may be the first as well.
        (_, 1..=2) if !text.contains('-') => {
            Some(join(year(c)?, number(a)?, number(b)?)? | TURNABLE)
        }
        _ => None,
    }
}

/// `20100131`, `20100131000000`, `01312010`, and a spreadsheet's `40209`.
fn digits(text: &str) -> Option<Cell> {
    let at = |from: usize, to: usize| text.get(from..to).and_then(number);
    match text.len() {
        5 => {
            let serial = text.parse().ok()?;
            SERIALS.contains(&serial).then_some(serial | SERIAL)
        }
        8 | 14 => {
            let is_year = |year: u32| (1850..2150).contains(&year);
            let (first, last) = (at(0, 4)?, at(4, 8)?);
            if text.len() == 8 && !is_year(first) && is_year(last) {
                return Some(join(last, at(0, 2)?, at(2, 4)?)? | TURNABLE);
            }
            join(first, at(4, 6)?, at(6, 8)?)
        }
        _ => None,
    }
}

/// Takes a time away, behind a `T` or a blank.
fn without_time(text: &str) -> &str {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let begins = bytes.iter().enumerate().position(|(at, byte)| {
        let time = match byte {
            b'T' | b't' => at > 0 && is_digit(at - 1),
            b' ' => {
                let hour = text[at + 1..].split(' ').next().unwrap_or_default();
                return is_digit(at + 1) && hour.contains(':');
            }
            _ => false,
        };
        time && is_digit(at + 1)
    });
    begins.map_or(text, |at| text[..at].trim_end())
}

fn number(part: &str) -> Option<u32> {
    let plain = (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| part.parse().ok()).flatten()
}

fn join(year: u32, month: u32, day: u32) -> Option<Cell> {
    (month < 100 && day < 100).then_some(year * 10_000 + month * 100 + day)
}

/// A year of two or of four digits.
fn year(part: &str) -> Option<u32> {
    match (part.len(), number(part)?) {
        (4, year) => Some(year),
        (2, year) if year < PIVOT => Some(2000 + year),
        (2, year) => Some(1900 + year),
        _ => None,
    }
}

/// A day, also as `31st`.
fn day(part: &str) -> Option<u32> {
    let digits = part.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let behind = part[digits.len()..].to_ascii_lowercase();
    let fine = digits.len() < 3 && matches!(behind.as_str(), "" | "st" | "nd" | "rd" | "th");
    fine.then(|| number(digits)).flatten()
}

/// A month by its name, or by the first letters of it.
fn month(part: &str) -> Option<u32> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let part = part.to_ascii_lowercase();
    let at = MONTHS.iter().position(|month| {
        part.len() > 2 && month.starts_with(&*part) || part == "sept" && *month == "september"
    })?;
    u32::try_from(at + 1).ok()
}

/// The date of a spreadsheet's number: days since 1899-12-30.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
const fn of_serial(serial: u32) -> Cell {
    // Days since 0000-03-01; 1899-12-30 is the 693,899th.
    let days = serial + 693_899;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + (month < 3) as u32;
    year * 10_000 + month * 100 + day
}

/// A grade as a number from 1: a year before kindergarten, kindergarten, first grade and on; 0 where it tells
/// no year. `None` where it is no grade that is known.
pub(crate) fn grade(text: &str) -> Option<u32> {
    let lower = text.trim().to_lowercase();
    let word: String = lower
        .trim_start_matches("grade")
        .trim_end_matches("grade")
        .chars()
        .filter(|c| c.is_alphanumeric())
        .collect();
    let year = ["st", "nd", "rd", "th", ""]
        .iter()
        .find_map(|behind| word.strip_suffix(behind)?.parse::<u32>().ok());
    if let Some(year) = year {
        return match year {
            // Some systems write kindergarten so.
            0 => Some(3),
            1..=13 => Some(year + 3),
            _ => None,
        };
    }
    Some(match word.as_str() {
        "infanttoddler" | "preschool" | "ps" | "pk3" | "p3" => 1,
        "pk" | "prek" | "prekindergarten" | "pk4" | "p4" => 2,
        "k" | "kg" | "kn" | "kindergarten" | "transitionalkindergarten" | "tk" => 3,
        "freshman" => 12,
        "sophomore" => 13,
        "junior" => 14,
        "senior" => 15,
        "postgraduate" | "pg" => 16,
        "ungraded" | "other" | "ug" => 0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The dates of a column, and its form.
    fn column(texts: &[&str]) -> (Vec<u32>, Option<DateForm>) {
        let mut column = DateColumn::default();
        let cells: Vec<Option<Cell>> = texts.iter().map(|text| column.read(text, 1)).collect();
        let unread = cells.iter().filter(|cell| cell.is_none()).count();
        let form = column.form(unread);
        let dates = cells
            .into_iter()
            .map(|cell| cell.map_or(0, |cell| settled(cell, form)));
        (dates.collect(), form)
    }

    #[test]
    fn field_f15_dates_in_the_forms_that_are_met() {
        for text in [
            "2010-01-31",
            "20100131",
            "1/31/2010",
            "01/31/2010",
            "2010-01-31T00:00:00Z",
            "2010-01-31 00:00:00",
            "2010-01-31 00:00:00.000",
            "2010/01/31",
            "20100131000000",
            "20100131.0",
            "1/31/10",
            "01/31/10",
            "1/31/10 0:00",
            "1/31/2010 12:00:00 AM",
            "31-Jan-2010",
            "31-JAN-10",
            "31 January 2010",
            "Jan 31, 2010",
            "January 31st, 2010",
            "2010-Jan-31",
            "01312010",
            " 2010-01-31 ",
            "40209",
            "40209.0",
            "40209.5",
        ] {
            assert_eq!(column(&[text]).0, [20_100_131], "{text}");
        }
        for text in [
            "soon",
            "31.1",
            "2010-1",
            "2010-01-31-4",
            "999999999",
            "é2010101",
            "10-01-31",
            "31-Jnu-2010",
            "99999",
            "1511",
            "2010",
            "T",
            " :",
            "1/2/3",
            "Jan",
        ] {
            assert_eq!(column(&[text]).0, [0], "{text}");
        }
        assert_eq!(column(&["19451731"]).0, [19_451_731]);
        assert_eq!(column(&["31-Oct-85"]).0, [19_851_031]);
    }

    #[test]
    fn field_f15_a_column_settles_what_a_value_leaves_open() {
        use DateForm::{DayFirst, Serial};
        assert_eq!(column(&["4/3/2010"]), (vec![20_100_403], None));
        assert_eq!(
            column(&["4/3/2010", "31/1/2010"]),
            (vec![20_100_304, 20_100_131], Some(DayFirst))
        );
        assert_eq!(
            column(&["04.03.10", "31.01.10"]).0,
            [20_100_304, 20_100_131]
        );
        // Both orders: a slip of the pen, and the order is Clever's.
        assert_eq!(
            column(&["4/3/2010", "31/1/2010", "1/31/2010"]),
            (vec![20_100_403, 20_103_101, 20_100_131], None)
        );
        assert_eq!(
            column(&["40209", "38000"]),
            (vec![20_100_131, 20_040_114], Some(Serial))
        );
        // One date among them, or one word: the numbers are somebody's numbers.
        assert_eq!(column(&["40209", "2010-01-31"]).0, [0, 20_100_131]);
        assert_eq!(column(&["40209", "soon"]).0, [0, 0]);
    }

    #[test]
    fn field_f11_nobodys_birthdays_are_absent_whatever_they_are_written_like() {
        for text in [
            "1/1/1900",
            "1900-01-01",
            "0001-01-01 00:00:00",
            "0000-00-00",
            "1/1/70",
            "2010-00-00",
        ] {
            assert_eq!(column(&[text]).0, [0], "{text}");
        }
    }

    #[test]
    fn grades_ascend() {
        let years: Vec<Option<u32>> =
            ["PreKindergarten", "Kindergarten", "1", "12", "PostGraduate"]
                .iter()
                .map(|text| grade(text))
                .collect();
        assert_eq!(years, [2, 3, 4, 15, 16].map(Some));
        for text in ["8", "08", "8th", "Grade 8", "8th grade"] {
            assert_eq!(grade(text), Some(11), "{text}");
        }
        assert_eq!(grade("Ungraded"), Some(0));
        assert_eq!(grade("eight"), None);
        assert_eq!(grade("2010"), None);
    }
}
