//! Numbers, sizes and words of a shell, as people read and copy them.

pub(crate) use clever_sync::words::{counted, grouped};

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
        super::ZERO.to_owned()
    } else {
        grouped(number)
    }
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
        assert_eq!(count(1000), "1,000");
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
