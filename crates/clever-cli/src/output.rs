//! The only place that prints. Results go to standard output, everything else to standard error, so
//! that a pipe carries results alone.

use std::io::{self, Write};

use anyhow::Result;
use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table};
use serde::Serialize;

/// Narrowest terminal that tables are fitted to, in columns.
const MIN_WIDTH: u16 = 60;

/// Prints one line of results.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    writeln!(io::stdout().lock(), "{}", text.as_ref())?;
    Ok(())
}

/// Prints one JSON document, on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, value)?;
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

/// Prints a text as it is.
pub(crate) fn raw(text: &[u8]) -> Result<()> {
    io::stdout().lock().write_all(text)?;
    Ok(())
}

/// Sees that what was printed is out.
pub(crate) fn flush() -> Result<()> {
    Ok(io::stdout().lock().flush()?)
}

/// Prints one line for the person who watches.
pub(crate) fn note(text: impl AsRef<str>) {
    // A closed standard error is no reason to stop the work.
    drop(writeln!(io::stderr().lock(), "{}", text.as_ref()));
}

/// Starts a table whose columns after the first `left` are numbers.
pub(crate) fn table(headers: &[&str], left: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED.with_rounded_corners())
        .set_content_arrangement(ContentArrangement::Dynamic);
    // A terminal that gives no room, or names none, would get one letter a line.
    if table.width().is_some_and(|width| width < MIN_WIDTH) {
        table.set_content_arrangement(ContentArrangement::Disabled);
    }
    table.set_header(
        headers
            .iter()
            .map(|header| Cell::new(header).add_attribute(Attribute::Bold)),
    );
    for column in table.column_iter_mut().skip(left) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// Writes a count as people read it: `12,345`; zero as `·`, so that what happened stands out.
pub(crate) fn count(number: u64) -> String {
    if number == 0 {
        "·".to_owned()
    } else {
        grouped(number)
    }
}

/// Writes a number with a comma between each three digits.
pub(crate) fn grouped(number: u64) -> String {
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
pub(crate) fn counted(number: u64, one: &str, many: &str) -> String {
    format!(
        "{} {}",
        grouped(number),
        if number == 1 { one } else { many }
    )
}

/// Writes a size in bytes as people read it.
pub(crate) fn bytes(number: u64) -> String {
    match number {
        0..=9_999 => format!("{} B", grouped(number)),
        10_000..=9_999_999 => format!("{} kB", grouped(number / 1000)),
        _ => format!("{} MB", grouped(number / 1_000_000)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        assert_eq!(count(0), "·");
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(counted(1, "user", "users"), "1 user");
        assert_eq!(bytes(1_703_350), "1,703 kB");
    }
}
