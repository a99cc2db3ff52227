//! Attendance (v3.1): made up for each school day, from the seed, the student and the day alone.

use std::collections::BTreeSet;

use clever_model::{RecordKind, Role};
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::reply::Reply;
use crate::world::{World, lot};

/// Marks a page when no `limit` is given.
const DEFAULT_LIMIT: usize = 100;
/// Largest `limit`.
const MAX_LIMIT: usize = 1000;
/// Days back where no range is asked for.
const DEFAULT_DAYS: i64 = 30;
/// Longest range that is answered, in days.
const MAX_DAYS: i32 = 400;

/// The place whose attendance a path asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    School(String),
    Section(String),
}

impl Place {
    /// Reads what follows the version in a path; `None` if it is not about attendance.
    pub(super) fn of(parts: &[&str]) -> Option<Self> {
        match *parts {
            ["attendance", "schools", id] => Some(Self::School(id.to_owned())),
            ["attendance", "sections", id] => Some(Self::Section(id.to_owned())),
            _ => None,
        }
    }
}

/// What a query asks for.
struct Query {
    first: Date,
    last: Date,
    status: Option<String>,
    limit: usize,
    after: Option<Mark>,
    before: Option<Mark>,
}

/// A mark's place: marks have no ids, and ascend by day and student.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mark {
    day: Date,
    student: String,
}

impl Mark {
    /// The place as it stands in links, which alone tell it.
    fn write(&self) -> String {
        format!("{}.{}", self.day, self.student)
    }

    fn read(text: &str) -> Option<Self> {
        let (day, student) = text.split_once('.')?;
        Some(Self {
            day: day.parse().ok()?,
            student: student.to_owned(),
        })
    }
}

fn today(world: &World) -> Date {
    TimeZone::UTC.to_datetime(world.now()).date()
}

impl Query {
    fn read(world: &World, query: &str) -> Result<Self, &'static str> {
        let today = today(world);
        let mut read = Self {
            first: today.saturating_sub(jiff::Span::new().days(DEFAULT_DAYS)),
            last: today,
            status: None,
            limit: DEFAULT_LIMIT,
            after: None,
            before: None,
        };
        let date = |text: &str| text.parse().map_err(|_| "a date is YYYY-MM-DD");
        let place = |text: &str| Mark::read(text).map(Some).ok_or("the cursor is not valid");
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "date_range_start" => read.first = date(&value)?,
                "date_range_end" => read.last = date(&value)?,
                "attendance_status" => {
                    if !["present", "absent", "tardy"].contains(&&*value) {
                        return Err("attendance_status must be one of: present absent tardy");
                    }
                    read.status = Some(value.into_owned());
                }
                "limit" => {
                    let asked = value.parse().ok();
                    let asked = asked.filter(|asked| (1..=MAX_LIMIT).contains(asked));
                    read.limit = asked.ok_or("limit must be from 1 to 1000")?;
                }
                "starting_after" => read.after = place(&value)?,
                "ending_before" => read.before = place(&value)?,
                _ => {}
            }
        }
        read.last = read.last.min(today);
        if (read.last - read.first).get_days() > MAX_DAYS {
            return Err("the range is longer than 400 days");
        }
        Ok(read)
    }

    /// The school days of the range, ascending.
    fn days(&self) -> Vec<Date> {
        let mut days = Vec::new();
        let mut day = self.first;
        while day <= self.last {
            // Summer is free.
            let free = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday)
                || matches!(day.month(), 7)
                || (day.month() == 6 && day.day() > 4)
                || (day.month() == 8 && day.day() < 17);
            if !free {
                days.push(day);
            }
            match day.tomorrow() {
                Ok(next) => day = next,
                Err(_) => break,
            }
        }
        days
    }
}

/// Answers a request with the district's token.
pub(crate) fn answer(world: &World, place: &Place, path: &str, query: &str) -> Reply {
    let Some((students, school)) = roll(world, place) else {
        return Reply::message(404, "Resource not found");
    };
    let asked = match Query::read(world, query) {
        Ok(asked) => asked,
        Err(why) => return Reply::message(400, why),
    };
    let days = asked.days();
    let marks = || {
        days.iter().flat_map(|day| {
            students.iter().map(|student| Mark {
                day: *day,
                student: student.clone(),
            })
        })
    };
    let fits = |mark: &Mark| {
        asked
            .status
            .as_ref()
            .is_none_or(|wanted| status(world.seed, mark, place) == wanted)
    };
    let mut page: Vec<Mark>;
    let (mut earlier, mut later) = (asked.after.is_some(), asked.before.is_some());
    if let Some(before) = &asked.before {
        let below: Vec<Mark> = marks().filter(|mark| mark < before && fits(mark)).collect();
        earlier = below.len() > asked.limit;
        page = below[below.len().saturating_sub(asked.limit)..].to_vec();
    } else {
        let after = asked.after.as_ref();
        let above = marks().filter(|mark| after.is_none_or(|after| mark > after) && fits(mark));
        page = above.take(asked.limit + 1).collect();
        later = page.len() > asked.limit;
        page.truncate(asked.limit);
    }
    let data: Vec<Value> = page
        .iter()
        .map(|mark| record(world, mark, place, &school))
        .collect();
    let own = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let mut links = vec![json!({ "rel": "self", "uri": own })];
    let mut link = |rel: &str, cursor: &str, at: Option<&Mark>| {
        if let Some(at) = at {
            let uri = beside(path, query, cursor, &at.write());
            links.push(json!({ "rel": rel, "uri": uri }));
        }
    };
    link("prev", "ending_before", page.first().filter(|_| earlier));
    link("next", "starting_after", page.last().filter(|_| later));
    Reply::json(json!({ "data": data, "links": links }).to_string())
}

/// The address of a neighbouring page.
fn beside(path: &str, query: &str, cursor: &str, at: &str) -> String {
    let mut text = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name != "starting_after" && name != "ending_before" {
            text.append_pair(&name, &value);
        }
    }
    text.append_pair(cursor, at);
    format!("{path}?{}", text.finish())
}

/// The students of a school or section, and the school; `None` where there is no such place.
fn roll(world: &World, place: &Place) -> Option<(BTreeSet<String>, String)> {
    match place {
        Place::School(id) => {
            world.value(RecordKind::Schools, id)?;
            let at = |value: &Value| value["roles"]["student"]["school"] == **id;
            let students = world.with_role(Role::Student).values();
            let students = students
                // Cheaper than reading each.
                .filter(|student| student.json().contains(id))
                .filter(|student| at(&student.value()))
                .map(|student| student.id().into_owned());
            Some((students.collect(), id.to_owned()))
        }
        Place::Section(id) => {
            let section = world.value(RecordKind::Sections, id)?;
            let students = section["students"].as_array().into_iter().flatten();
            let students = students.filter_map(|id| id.as_str().map(str::to_owned));
            let school = section["school"].as_str().unwrap_or_default();
            Some((students.collect(), school.to_owned()))
        }
    }
}

/// Nine of ten are there; who is absent all day is absent in class.
fn status(seed: u64, mark: &Mark, place: &Place) -> &'static str {
    let day = mark.day.to_string();
    // One student in twenty misses a day in four.
    let often = lot::falls(seed, 5, &["often absent", &mark.student]);
    let absent = if often { 25 } else { 4 };
    if lot::falls(seed, absent, &["absent", &mark.student, &day]) {
        return "absent";
    }
    let place = match place {
        Place::School(_) => "daily",
        Place::Section(section) => section,
    };
    if lot::falls(seed, 3, &["tardy", &mark.student, &day, place]) {
        "tardy"
    } else {
        "present"
    }
}

fn record(world: &World, mark: &Mark, place: &Place, school: &str) -> Value {
    let status = status(world.seed, mark, place);
    let day = mark.day.to_string();
    let time = format!("{day}T15:30:00.000Z");
    let mut record = json!({
        "attendance_date": day, "attendance_status": status, "attendance_type": "daily",
        "created": time, "last_modified": time, "district_id": world.district_id(),
        "school_id": school, "student_id": mark.student,
    });
    if let Place::Section(section) = place {
        record["attendance_type"] = "section".into();
        record["section_id"] = section.as_str().into();
    }
    if status == "absent" {
        let excused = lot::falls(world.seed, 60, &["excused", &mark.student, &day]);
        record["excuse_code"] = if excused { "EX" } else { "UN" }.into();
    }
    record
}

#[cfg(test)]
mod tests;
