//! The only place that prints. Results go to standard output, everything else to standard error, so
//! that a pipe carries results alone.
//!
//! What is printed may hold text from outside: a district's name, an id, a file's name, Clever's own words. Each
//! way out makes it harmless, so that no caller has to think of it. Clippy refuses every other way.

mod document;
mod json;
mod log;
mod number;
mod rows;
mod wrap;

use std::io::{self, IsTerminal, StderrLock, StdoutLock, Write};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clever_model::visible;

pub(crate) use document::Document;
#[cfg(feature = "schema")]
pub(crate) use document::Shape;
use document::Versioned;
pub(crate) use log::Log;
pub(crate) use number::{bytes, count, counted, grouped, word};
pub(crate) use rows::{Rows, table};

/// How a table shows zero, so that what happened stands out.
const ZERO: &str = "·";

#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn out() -> StdoutLock<'static> {
    io::stdout().lock()
}

#[expect(clippy::disallowed_methods, reason = "this is the place that prints")]
fn err() -> StderrLock<'static> {
    io::stderr().lock()
}

/// How a word is meant, which a terminal shows in colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// All is well.
    Good,
    /// Somebody should look.
    Doubtful,
    /// Something failed.
    Bad,
    /// What may be done next.
    Hint,
}

impl Tone {
    fn style(self) -> Style {
        let colour = match self {
            Self::Good => AnsiColor::Green,
            Self::Doubtful => AnsiColor::Yellow,
            Self::Bad => AnsiColor::Red,
            Self::Hint => AnsiColor::Cyan,
        };
        colour.on_default().bold()
    }
}

/// How the program speaks: what the options that all commands share ask for.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ui {
    /// Results are JSON documents for scripts.
    pub(crate) json: bool,
    /// Nothing is said but results and errors, and no result that says that nothing happened.
    pub(crate) quiet: bool,
    /// Results go to standard error: standard output is that of the command which does this beside.
    aside: bool,
    /// Whether results and notes are coloured.
    colour: [bool; 2],
}

impl Ui {
    /// How the arguments ask it to speak. Without a choice, a terminal gets colour unless its variables (`NO_COLOR`,
    /// `CLICOLOR`, `TERM`) say otherwise.
    pub(crate) fn new(json: bool, quiet: bool, choice: clap::ColorChoice) -> Self {
        let of = |found: ColorChoice| match choice {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => found != ColorChoice::Never,
        };
        Self {
            json,
            quiet,
            aside: false,
            colour: [
                of(AutoStream::choice(&out())),
                of(AutoStream::choice(&err())),
            ],
        }
    }

    /// The same for something that goes on by itself: results alone, in words, on standard error.
    #[cfg(feature = "console")]
    pub(crate) fn in_the_background(self) -> Self {
        Self {
            json: false,
            quiet: true,
            aside: true,
            ..self
        }
    }

    /// Says whether progress and asides are wanted: a script reads one document, and cron mails every line.
    pub(crate) fn is_talkative(&self) -> bool {
        !self.json && !self.quiet
    }

    /// Says whether a person watches results come.
    pub(crate) fn is_read(&self) -> bool {
        out().is_terminal()
    }

    /// Says whether a person watches progress and errors.
    pub(crate) fn is_watched(&self) -> bool {
        err().is_terminal()
    }

    fn results(&self) -> Box<dyn Write> {
        if self.aside {
            Box::new(err())
        } else {
            Box::new(out())
        }
    }

    /// Prints a sentence of results on a line of its own; a terminal gets it in lines that fit.
    pub(crate) fn line(&self, text: impl AsRef<str>) -> Result<()> {
        let mut out = self.results();
        for line in wrap::lines(&visible(text.as_ref()), rows::width(false)) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// Prints a sentence of results that begins with `word`, in the colour of `tone`.
    pub(crate) fn toned(&self, tone: Tone, word: &str, rest: &str) -> Result<()> {
        let text = visible(&format!("{word}{rest}")).into_owned();
        let mut out = self.results();
        for line in wrap::lines(&text, rows::width(false)) {
            writeln!(out, "{}", coloured(&line, word, tone, self.colour[0]))?;
        }
        Ok(())
    }

    /// Prints a command that a person copies, set in and on one line.
    pub(crate) fn command(&self, text: &str) -> Result<()> {
        writeln!(self.results(), "  {}", visible(text))?;
        Ok(())
    }

    /// Prints a table.
    pub(crate) fn rows(&self, table: &Rows) -> Result<()> {
        let mut out = self.results();
        for line in table.drawn(rows::width(false), self.colour[0]) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }

    /// Prints one JSON document, on one line: an object with the version of its shape.
    pub(crate) fn document(&self, value: &impl Document) -> Result<()> {
        let mut out = self.results();
        json::write(&mut out, &Versioned::new(value))?;
        out.flush()?;
        Ok(())
    }

    /// Prints a text of our own as it is: a script, a greeting.
    pub(crate) fn verbatim(&self, text: &[u8]) -> Result<()> {
        let mut out = self.results();
        out.write_all(text)?;
        Ok(out.flush()?)
    }

    /// Asks, and leaves the cursor behind the question.
    pub(crate) fn prompt(&self, text: &str) -> Result<()> {
        let mut out = self.results();
        write!(out, "{}", visible(text))?;
        Ok(out.flush()?)
    }

    /// Prints a sentence for the person who watches; a terminal gets it in lines that fit. What it begins with, as
    /// `error:` or `hint:`, is coloured.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        const BEGINNINGS: [(&str, Tone); 4] = [
            ("error:", Tone::Bad),
            ("warning:", Tone::Doubtful),
            ("note:", Tone::Hint),
            ("hint:", Tone::Hint),
        ];
        let text = visible(text.as_ref());
        let begin = BEGINNINGS.iter().find(|(word, _)| text.starts_with(word));
        let mut err = err();
        for (at, line) in wrap::lines(&text, rows::width(true)).iter().enumerate() {
            let line = match begin.filter(|_| at == 0) {
                Some((word, tone)) => coloured(line, word, *tone, self.colour[1]),
                None => line.clone(),
            };
            // A closed standard error is no reason to stop the work.
            drop(writeln!(err, "{line}"));
        }
    }
}

/// Colours `word` where a line begins with it.
fn coloured(line: &str, word: &str, tone: Tone, wanted: bool) -> String {
    match line.strip_prefix(word).filter(|_| wanted) {
        Some(rest) => {
            let style = tone.style();
            format!("{style}{word}{style:#}{rest}")
        }
        None => line.to_owned(),
    }
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
    pub(crate) fn document(&mut self, value: &impl Document) -> Result<()> {
        json::write(&mut self.0, &Versioned::new(value))
    }

    /// Prints them, and sees that they are out.
    pub(crate) fn print(&self, ui: &Ui) -> Result<()> {
        ui.verbatim(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_goes_to_the_word_that_is_meant_and_only_if_it_is_wanted() {
        assert_eq!(
            coloured("error: no", "error:", Tone::Bad, false),
            "error: no"
        );
        let shown = coloured("error: no", "error:", Tone::Bad, true);
        assert_eq!(
            anstream::adapter::strip_str(&shown).to_string(),
            "error: no"
        );
        assert!(
            shown.starts_with('\u{1b}') && shown.ends_with(" no"),
            "{shown:?}"
        );
    }
}
