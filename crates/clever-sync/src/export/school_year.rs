//! Which school year a term belongs to, named by the year in which it ends, and the days of terms that lack some.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// A term of more days is no term, and says nothing of the others.
const MAX_DAYS: i32 = 400;

/// A term of so many days or more is a whole school year.
const YEAR_DAYS: i32 = 200;

/// A term that begins in July and ends before September, of at most so many days, is a summer's, after the school year that
/// ended.
const SUMMER_DAYS: i32 = 56;

/// A term with all of its days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    pub(super) start: Date,
    pub(super) end: Date,
    /// The year in which its school year ends.
    pub(super) year: i16,
}

/// The school years of a district.
#[derive(Debug)]
pub(super) struct SchoolYears {
    /// First and last day of each, by the year in which it ends.
    spans: BTreeMap<i16, (Date, Date)>,
    /// Terms of a whole school year.
    whole: Vec<(Date, Date)>,
    /// The one of the last run.
    present: i16,
}

/// The usual first day of a school year that begins in `year`.
fn july(year: i16) -> Date {
    Date::new(year, 7, 1).unwrap_or(Date::MIN)
}

/// The usual last day of a school year.
fn june(year: i16) -> Date {
    Date::new(year, 6, 30).unwrap_or(Date::MAX)
}

/// The year in which the school year ends that has this day, if nothing else is known.
fn since(day: Date) -> i16 {
    if day.month() < 7 {
        day.year()
    } else {
        day.year() + 1
    }
}

/// The year in which the school year of a term ends, by its own days.
fn by_days(start: Date, end: Date) -> i16 {
    let year = end.year();
    let this = match end.month() {
        1..=6 => true,
        // It began before, or is a summer's own: what begins in August is a school year's first.
        7 | 8 => start < july(year) || (start.month() == 7 && days(start, end) <= SUMMER_DAYS),
        // A school year that is the calendar's.
        _ => start.year() == year && start.month() <= 4,
    };
    if this { year } else { year + 1 }
}

fn days(start: Date, end: Date) -> i32 {
    start.until(end).map_or(i32::MAX, |span| span.get_days())
}

impl SchoolYears {
    /// Of the terms of a district and the day of its last run.
    pub(super) fn of(terms: &[(Option<Date>, Option<Date>)], today: Option<Date>) -> Self {
        let known = terms.iter().filter_map(|(start, end)| (*start).zip(*end));
        let known: Vec<(Date, Date)> = known
            .filter(|(start, end)| start <= end && days(*start, *end) <= MAX_DAYS)
            .collect();
        let is_whole = |(start, end): &&(Date, Date)| days(*start, *end) >= YEAR_DAYS;
        let mut years = Self {
            spans: BTreeMap::new(),
            whole: known.iter().filter(is_whole).copied().collect(),
            present: today.map_or(1970, since),
        };
        for (start, end) in known {
            let year = years.year(start, end);
            let span = years.spans.entry(year).or_insert((start, end));
            *span = (span.0.min(start), span.1.max(end));
        }
        years
    }

    /// The year in which the school year of these days ends.
    fn year(&self, start: Date, end: Date) -> i16 {
        let holds = |(from, to): &&(Date, Date)| *from <= start && end <= *to;
        let short = days(start, end) < YEAR_DAYS;
        if let Some((start, end)) = self.whole.iter().find(|whole| short && holds(whole)) {
            return by_days(*start, *end);
        }
        by_days(start, end)
    }

    fn span(&self, year: i16) -> (Date, Date) {
        let known = self.spans.get(&year).copied();
        known.unwrap_or_else(|| (july(year - 1), june(year)))
    }

    /// The term of these days. What is missing is that of its school year; a term without any day is of the school year of
    /// the last run, or of the one beside it if that alone has terms.
    pub(super) fn term(&self, start: Option<Date>, end: Option<Date>) -> Term {
        match (start, end) {
            (Some(start), Some(end)) => Term {
                start,
                end,
                year: self.year(start, end),
            },
            (Some(start), None) => {
                let year = since(start);
                let ends = [self.span(year).1, june(year)].into_iter();
                let end = ends.filter(|end| *end >= start).min().unwrap_or(start);
                Term { start, end, year }
            }
            (None, Some(end)) => {
                let year = if end.month() <= 8 {
                    end.year()
                } else {
                    end.year() + 1
                };
                let start = self.span(year).0.min(end);
                Term { start, end, year }
            }
            (None, None) => {
                let near = [self.present, self.present - 1, self.present + 1];
                let year = near.into_iter().find(|year| self.spans.contains_key(year));
                let year = year.unwrap_or(self.present);
                let (start, end) = self.span(year);
                Term { start, end, year }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<Date> {
        clever_model::read_date(text)
    }

    fn years(terms: &[(&str, &str)], today: &str) -> SchoolYears {
        let terms: Vec<_> = terms
            .iter()
            .map(|(start, end)| (day(start), day(end)))
            .collect();
        SchoolYears::of(&terms, day(today))
    }

    fn say(term: Term) -> String {
        format!("{} {} {}", term.start, term.end, term.year)
    }

    #[test]
    fn field_08_a_school_year_has_the_name_of_the_year_in_which_it_ends() {
        // A district that begins in August, one that begins in July, tracks the whole year round, a calendar year.
        for (terms, wanted) in [
            (
                &[
                    ("2026-08-17", "2026-12-18"),
                    ("2027-01-05", "2027-06-04"),
                    ("2026-10-20", "2026-12-31"),
                    ("2026-08-17", "2027-06-04"),
                    ("2027-06-07", "2027-06-30"),
                    ("2027-06-14", "2027-07-23"),
                    ("2027-07-06", "2027-08-06"),
                    ("2026-12-14", "2027-01-08"),
                ][..],
                2027,
            ),
            (
                &[
                    ("2026-07-06", "2026-09-25"),
                    ("2026-07-20", "2026-12-18"),
                    ("2026-07-01", "2026-08-28"),
                    ("2027-04-05", "2027-06-25"),
                    ("2026-07-06", "2027-06-25"),
                ],
                2027,
            ),
            (
                &[
                    ("2026-07-20", "2027-07-09"),
                    ("2026-07-20", "2026-08-14"),
                    ("2027-06-14", "2027-07-09"),
                ],
                2027,
            ),
            (
                &[("2027-01-11", "2027-12-10"), ("2027-01-11", "2027-06-30")],
                2027,
            ),
            (
                &[("2026-06-29", "2027-06-11"), ("2026-06-29", "2026-08-28")],
                2027,
            ),
            // The year's first days, alone.
            (
                &[("2026-08-17", "2026-08-17"), ("2026-08-03", "2026-08-28")],
                2027,
            ),
        ] {
            let years = years(terms, "2026-09-14");
            for (start, end) in terms {
                let term = years.term(day(start), day(end));
                assert_eq!(say(term), format!("{start} {end} {wanted}"));
            }
        }
    }

    #[test]
    fn field_08_an_odd_term_does_not_spoil_those_without_dates() {
        let terms = [
            ("2026-08-17", "2027-01-15"),
            ("2027-01-18", "2027-06-04"),
            ("1900-01-01", "2027-01-15"),
            ("2025-08-18", "2026-06-05"),
            ("2099-08-17", "2099-12-18"),
            ("2027-06-04", "2026-08-17"),
        ];
        let years = years(&terms, "2026-09-14");
        let of = |start, end| say(years.term(day(start), day(end)));
        assert_eq!(of("", ""), "2026-08-17 2027-06-04 2027");
        assert_eq!(of("2026-10-05", ""), "2026-10-05 2027-06-04 2027");
        assert_eq!(of("", "2026-12-18"), "2026-08-17 2026-12-18 2027");
        assert_eq!(of("2027-06-20", ""), "2027-06-20 2027-06-30 2027");
        assert_eq!(of("2031-09-01", ""), "2031-09-01 2032-06-30 2032");
        assert_eq!(of("", "2031-05-30"), "2030-07-01 2031-05-30 2031");
        assert_eq!(of("1900-01-01", "2027-01-15"), "1900-01-01 2027-01-15 2027");
    }

    #[test]
    fn a_district_without_terms_has_the_school_year_of_its_last_run() {
        for (today, wanted) in [
            ("2026-09-14T12:00:00Z", "2026-07-01 2027-06-30 2027"),
            ("2027-06-30T23:00:00Z", "2026-07-01 2027-06-30 2027"),
        ] {
            assert_eq!(say(years(&[], today).term(None, None)), wanted);
        }
        let last = years(&[("2025-08-18", "2026-06-05")], "2026-07-02");
        assert_eq!(say(last.term(None, None)), "2025-08-18 2026-06-05 2026");
        let far = years(&[("2099-08-17", "2099-12-18")], "2026-07-02");
        assert_eq!(say(far.term(None, None)), "2026-07-01 2027-06-30 2027");
    }
}
