//! Dates of an export, and how many of them could not be read.

use std::collections::BTreeMap;

use clever_model::read_date;
use jiff::civil::Date;

/// How many dates of each field said something and could not be read.
#[derive(Debug, Default)]
pub(super) struct Unreadable(pub(super) BTreeMap<&'static str, u64>);

impl Unreadable {
    /// Reads a date of a field; one that says something else is counted.
    pub(super) fn read(&mut self, field: &'static str, text: &str) -> Option<Date> {
        let date = read_date(text);
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
    fn field_08_dates_that_are_not_read_are_counted() {
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
