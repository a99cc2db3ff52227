//! The only place that prints. Results go to standard output, everything else to standard error, so
//! that a pipe carries results alone.
//!
//! What is printed may hold text from outside: a district's name, an id, a file's name, Clever's own words. Each
//! way out makes it harmless, so that no caller has to think of it. Clippy refuses every other way.

mod json;
mod log;
mod rows;
mod wrap;

use std::io::{self, IsTerminal, StderrLock, StdoutLock, Write};

use anyhow::Result;
use clever_model::visible;
use serde::Serialize;

pub(crate) use log::Log;
pub(crate) use rows::{Rows, table};

#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn out() -> StdoutLock<'static> {
    io::stdout().lock()
}

#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn err() -> StderrLock<'static> {
    io::stderr().lock()
}

/// Says whether a person watches results come.
pub(crate) fn is_read() -> bool {
    out().is_terminal()
}

/// Says whether a person watches progress and errors.
pub(crate) fn is_watched() -> bool {
    err().is_terminal()
}

/// Prints a sentence of results on a line of its own; a terminal gets it in lines that fit.
pub(crate) fn line(text: impl AsRef<str>) -> Result<()> {
    let mut out = out();
    for line in wrap::lines(&visible(text.as_ref()), rows::width(false)) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// Prints a command that a person copies, set in and on one line.
pub(crate) fn command(text: &str) -> Result<()> {
    writeln!(out(), "  {}", visible(text))?;
    Ok(())
}

/// Prints a table.
pub(crate) fn rows(table: &Rows) -> Result<()> {
    writeln!(out(), "{}", table.drawn())?;
    Ok(())
}

/// Prints one JSON document, on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<()> {
    let mut out = out();
    json::write(&mut out, value)?;
    out.flush()?;
    Ok(())
}

/// Lines that are written together, each a record for a program.
#[derive(Debug, Default)]
pub(crate) struct Records(Vec<u8>);

impl Records {
    /// Adds a line of words.
    pub(crate) fn line(&mut self, text: &str) {
        self.0.extend_from_slice(visible(text).as_bytes());
        self.0.push(b'\n');
    }

    /// Adds a JSON document.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<()> {
        json::write(&mut self.0, value)
    }

    /// Prints them, and sees that they are out.
    pub(crate) fn print(&self) -> Result<()> {
        let mut out = out();
        out.write_all(&self.0)?;
        Ok(out.flush()?)
    }
}

/// Prints a text of our own as it is: a script, a greeting.
pub(crate) fn verbatim(text: &[u8]) -> Result<()> {
    let mut out = out();
    out.write_all(text)?;
    Ok(out.flush()?)
}

/// Asks, and leaves the cursor behind the question.
pub(crate) fn prompt(text: &str) -> Result<()> {
    let mut out = out();
    write!(out, "{}", visible(text))?;
    Ok(out.flush()?)
}

/// Prints a sentence for the person who watches; a terminal gets it in lines that fit.
pub(crate) fn note(text: impl AsRef<str>) {
    let mut err = err();
    for line in wrap::lines(&visible(text.as_ref()), rows::width(true)) {
        // A closed standard error is no reason to stop the work.
        drop(writeln!(err, "{line}"));
    }
}

/// Writes what a shell reads as this one word, for commands that a person copies.
///
/// A district's id in a hint must not become a command.
pub(crate) fn word(text: &str) -> String {
    // Only NUL can't be quoted, and no argument holds one.
    shlex::try_quote(text).map_or_else(|_| "''".to_owned(), std::borrow::Cow::into_owned)
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

    #[test]
    fn a_word_from_outside_stays_one_word_of_a_command() {
        assert_eq!(word("5a25ffb0c1bc2a0036000001"), "5a25ffb0c1bc2a0036000001");
        assert_eq!(word("sqlite:my roster.db"), "'sqlite:my roster.db'");
        assert_eq!(word("$(rm -rf ~)"), "'$(rm -rf ~)'");
        assert_eq!(word(""), "''");
    }
}
