//! Days, in each form that Clever or a district writes them in.

use jiff::civil::Date;

/// Before this year nobody was born who is in a school, and no term began: it stands for no date.
const FIRST_YEAR: i16 = 1900;

/// Reads a date: `2026-08-17`, with or without a time of day and a zone, `8/17/2026`, `08/17/2026`, `2026/8/17`,
/// `20260817`. The day is the one that is written: a zone does not move it.
///
/// `None` for any other form, for a day that no calendar has, and for years before 1900.
#[must_use]
pub fn read_date(text: &str) -> Option<Date> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_08_dates_of_every_form_are_read() {
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
                read_date(text).map(|day| day.to_string()).as_deref(),
                Some("2026-08-17"),
                "{text}"
            );
        }
        assert_eq!(
            read_date("2028-02-29")
                .map(|day| day.to_string())
                .as_deref(),
            Some("2028-02-29")
        );
    }

    #[test]
    fn what_is_no_day_of_a_calendar_is_not_read() {
        for text in [
            "",
            "2026-02-29",
            "31/1/2010",
            "1/31/10",
            "0001-01-01",
            "40209",
            "null",
        ] {
            assert_eq!(read_date(text), None, "{text}");
        }
    }
}
