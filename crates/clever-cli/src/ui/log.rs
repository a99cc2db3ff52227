//! Where the libraries' log lines go: to standard error, as harmless as everything else that is printed.

use std::io::{self, Write};

use clever_model::visible;
use tracing_subscriber::fmt::MakeWriter;

/// Writes log lines.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Log;

impl<'a> MakeWriter<'a> for Log {
    type Writer = Lines<io::StderrLock<'static>>;

    fn make_writer(&'a self) -> Self::Writer {
        Lines(super::err())
    }
}

/// Takes one event a write, which ends with its only line feed, and lets no other one through.
#[derive(Debug)]
pub(crate) struct Lines<W>(W);

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        writeln!(
            self.0,
            "{}",
            visible(text.strip_suffix('\n').unwrap_or(&text))
        )?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use clever_model::is_hidden;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn field_13_an_event_is_one_line_whatever_its_fields_hold() {
        let kept = Kept::default();
        let into = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || Lines(into.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let odd = "X\nERROR forged\u{1b}[31m\u{202e}\u{9b}";
            tracing::info!(%odd, debug = ?odd, "{odd}");
        });
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let line = text.trim_end_matches('\n');
        assert!(!line.contains(is_hidden), "{text:?}");
    }
}
