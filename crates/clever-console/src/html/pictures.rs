//! Pictures as inline SVG, each with its numbers as text for whoever does not see it.

use clever_sync::look::Night;
use clever_sync::words::grouped;
use maud::{Markup, html};

/// Width and height of a night in the strip.
const NIGHT: usize = 9;

/// The last nights of a district, oldest first: a box a night.
pub(crate) fn strip(days: &[String], nights: &[Night]) -> Markup {
    let of = |day: &String| nights.iter().find(|night| night.day == *day);
    let state = |night: Option<&Night>| match night {
        None => "none",
        Some(night) if night.held > 0 => "held",
        Some(night) if night.failed > 0 && night.done == 0 => "failing",
        Some(night) if night.done > 0 => "ok",
        Some(_) => "none",
    };
    let count = |word: &str| days.iter().filter(|day| state(of(day)) == word).count();
    let says = format!(
        "of {} nights: {} in step, {} held, {} failed, {} without a run",
        days.len(),
        count("ok"),
        count("held"),
        count("failing"),
        count("none")
    );
    html! {
        svg.strip role="img" aria-label=(says) viewBox={ "0 0 " (days.len() * (NIGHT + 2)) " " (NIGHT * 2) } {
            @for (at, day) in days.iter().enumerate() {
                rect class=(state(of(day))) x=(at * (NIGHT + 2)) y="0" width=(NIGHT) height=(NIGHT * 2) rx="2" {
                    title { (day) ": " (state(of(day))) }
                }
            }
        }
    }
}

/// A weight from a middle line: to the right for, to the left against. `largest` fills its half.
pub(crate) fn bars(millibits: i32, largest: i32) -> Markup {
    let largest = largest.unsigned_abs().max(1);
    let length = millibits.unsigned_abs().min(largest) * 48 / largest;
    let (class, x) = if millibits < 0 {
        ("against", 50 - length)
    } else {
        ("for", 50)
    };
    html! {
        svg.bar aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none" {
            line x1="50" x2="50" y1="0" y2="10" {}
            rect class=(class) x=(x) y="1" width=(length.max(1)) height="8" {}
        }
    }
}

/// Columns over days, with the table behind them.
pub(crate) fn columns(title: &str, values: &[(String, u64)]) -> Markup {
    let most = most(values);
    let wide = values.len().max(1) * 10;
    html! {
        figure {
            figcaption { (title) }
            svg.chart role="img" aria-label={ (title) ": the table below has the numbers" } viewBox={ "0 0 " (wide) " 100" } preserveAspectRatio="none" {
                @for (at, (_, value)) in values.iter().enumerate() {
                    @let high = high(*value, most);
                    rect class="for" x=(at * 10 + 1) y=(100 - high) width="8" height=(high) {}
                }
            }
            (table(title, values))
        }
    }
}

/// A line over days, with the table behind it.
pub(crate) fn line(title: &str, values: &[(String, u64)]) -> Markup {
    let most = most(values);
    let wide = values.len().max(2) * 10;
    let mut points: Vec<String> = values
        .iter()
        .enumerate()
        .map(|(at, (_, value))| format!("{},{}", at * 10 + 5, 100 - high(*value, most)))
        .collect();
    // A line from a point to itself is a dot, which stays round however the picture is stretched.
    if let [only] = points.as_slice() {
        points.push(only.clone());
    }
    html! {
        figure {
            figcaption { (title) }
            svg.chart role="img" aria-label={ (title) ": the table below has the numbers" } viewBox={ "0 0 " (wide) " 100" } preserveAspectRatio="none" {
                polyline.dot[values.len() == 1] points=(points.join(" ")) {}
            }
            (table(title, values))
        }
    }
}

fn most(values: &[(String, u64)]) -> u64 {
    values
        .iter()
        .map(|(_, value)| *value)
        .max()
        .unwrap_or(0)
        .max(1)
}

fn high(value: u64, most: u64) -> u64 {
    value.saturating_mul(96) / most
}

fn table(title: &str, values: &[(String, u64)]) -> Markup {
    html! {
        details {
            summary { "Numbers" }
            table {
                thead { tr { th scope="col" { "Day" } th scope="col" { (title) } } }
                tbody { @for (day, value) in values { tr { td { (day) } td.number { (grouped(*value)) } } } }
            }
        }
    }
}
