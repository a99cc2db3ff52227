//! Dates as they come, in each form that Clever or a district writes, as days.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// Before this year nobody was born who is in a school, and no term began: it stands for no date.
const FIRST_YEAR: i16 = 1900;

/// Reads a date: `2026-08-17`, with or without a time of day and a zone, `8/17/2026`, `08/17/2026`, `2026/8/17`,
/// `20260817`. The day is the one that is written: a zone does not move it.
pub(super) fn read(text: &str) -> Option<Date> {
    let text = text.trim();
    let (day, time) = text.split_once(['T', 't', ' ']).unwrap_or((text, ""));
    let is_of_time = |c: char| c.is_ascii_digit() || ":.,+- ZzAaPpMm".contains(c);
    if !time.chars().all(is_of_time) {
        return None;
    }
    let (parts, is_american): (Vec<&str>, bool) = if day.contains('/') {
        let parts: Vec<&str> = day.split('/').collect();
        let american = parts.first().is_some_and(|first| first.len() <= 2);
        (parts, american)
    } else if day.contains('-') {
        (day.split('-').collect(), false)
    } else {
        (vec![day.get(..4)?, day.get(4..6)?, day.get(6..)?], false)
    };
    let &[first, second, third] = parts.as_slice() else {
        return None;
    };
    let (year, month, day) = if is_american {
        (third, first, second)
    } else {
        (first, second, third)
    };
    let number = |text: &str, digits: std::ops::RangeInclusive<usize>| {
        let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
        let text = Some(text).filter(|_| is_number && digits.contains(&text.len()));
        text.and_then(|text| text.parse::<i16>().ok())
    };
    let small = |text| number(text, 1..=2).and_then(|number| i8::try_from(number).ok());
    let date = Date::new(number(year, 4..=4)?, small(month)?, small(day)?).ok()?;
    (date.year() >= FIRST_YEAR).then_some(date)
}

/// How many dates of each field said something and could not be read.
#[derive(Debug, Default)]
pub(super) struct Unreadable(pub(super) BTreeMap<&'static str, u64>);

impl Unreadable {
    /// Reads a date of a field; one that says something else is counted.
    pub(super) fn read(&mut self, field: &'static str, text: &str) -> Option<Date> {
        let date = read(text);
        if date.is_none() && !text.trim().is_empty() {
            self.count(field);
        }
        date
    }

    pub(super) fn count(&mut self, field: &'static str) {
        *self.0.entry(field).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_08_dates_of_every_form_are_read_and_others_are_counted() {
        for text in [
            "2026-08-17",
            "2026-08-17T00:00:00.000Z",
            "2026-08-17T06:00:00.000Z",
            "2026-08-17T23:59:59+14:00",
            "2026-08-17T22:00:00-07:00",
            "2026-08-17 00:00:00.000000",
            "2026-08-17 00:00",
            "2026-8-17",
            "2026/08/17",
            "8/17/2026",
            "08/17/2026",
            " 8/17/2026 ",
            "8/17/2026 12:00:00 AM",
            "20260817",
        ] {
            assert_eq!(
                read(text).map(|day| day.to_string()).as_deref(),
                Some("2026-08-17"),
                "{text}"
            );
        }
        assert_eq!(
            read("2028-02-29").map(|day| day.to_string()).as_deref(),
            Some("2028-02-29")
        );
        let mut unreadable = Unreadable::default();
        let odd = [
            "2026-02-29",
            "0000-00-00",
            "0001-01-01",
            "13/17/2026",
            "8/17/26",
            "17.8.2026",
            "Aug 17, 2026",
            "August 17",
            "1787000000",
            "2026-08",
            "2026-08-17 or so",
            "2026-08-17-1",
            "null",
            "٢٠٢٦-٠٨-١٧",
        ];
        for text in odd {
            assert_eq!(unreadable.read("dob", text), None, "{text}");
        }
        assert_eq!(unreadable.read("dob", " "), None);
        assert_eq!(unreadable.0["dob"], odd.len() as u64);
    }
}
