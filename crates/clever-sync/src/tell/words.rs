//! Numbers and ages as people read them, for whatever tells of a district.

use clever_model::Timestamp;

use crate::store::Paused;

/// Writes a number with a comma between each three digits.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Writes a count with its noun: `1 user`, `2,098 users`.
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// A share in percent, with one digit after the point.
#[must_use]
pub fn percent(count: u64, of: u64) -> String {
    if of == 0 {
        return "all".to_owned();
    }
    let tenths = (u128::from(count) * 1000 + u128::from(of) / 2) / u128::from(of);
    match tenths % 10 {
        0 => format!("{} %", tenths / 10),
        rest => format!("{}.{rest} %", tenths / 10),
    }
}

/// A value of a person's record that nobody asked to see: its first letter alone.
#[must_use]
pub fn masked(value: &str) -> String {
    let first: String = value.chars().take(1).collect();
    format!("{first}…")
}

/// Seconds since an instant.
pub(crate) fn age(at: Timestamp, now: Timestamp) -> i64 {
    now.as_second().saturating_sub(at.as_second())
}

/// How long ago an instant was.
#[must_use]
pub fn since(at: Option<Timestamp>, now: Timestamp) -> String {
    match at.map(|at| age(at, now)) {
        None => "never".to_owned(),
        Some(..60) => "just now".to_owned(),
        Some(seconds) => for_people(seconds) + " ago",
    }
}

/// Who paused a district, when and why, without a full stop.
#[must_use]
pub fn pause(paused: &Paused, now: Timestamp) -> String {
    let Paused {
        since: at,
        by,
        reason,
    } = paused;
    format!("paused {} by {by}: {reason}", since(Some(*at), now))
}

/// A time in its largest fitting unit.
#[must_use]
pub fn for_people(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "user", "users"), "1 user");
    }

    #[test]
    fn a_share_has_one_digit_and_no_more() {
        assert_eq!(percent(1, 3), "33.3 %");
        assert_eq!(percent(1, 2), "50 %");
        assert_eq!(percent(5, 5), "100 %");
        assert_eq!(percent(0, 0), "all");
    }

    #[test]
    fn an_instant_is_told_by_its_age() {
        let now = "2026-09-14T12:00:00Z".parse().unwrap();
        let told = |at: &str| since(Some(at.parse().unwrap()), now);
        assert_eq!(told("2026-09-14T11:59:50Z"), "just now");
        assert_eq!(told("2026-09-14T11:00:00Z"), "60 min ago");
        assert_eq!(told("2026-09-13T12:00:00Z"), "24 h ago");
        assert_eq!(told("2026-09-01T12:00:00Z"), "13 days ago");
        assert_eq!(since(None, now), "never");
    }
}
