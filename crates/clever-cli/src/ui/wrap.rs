//! Long sentences in lines that a terminal shows whole.

/// Widest that a sentence is set, in columns; longer lines are hard to read.
const MAX_WIDTH: usize = 100;
/// Narrowest that it is broken for: below, the terminal's own breaks do no harm.
const MIN_WIDTH: usize = 40;
/// By how much the second line of a sentence is set in.
const INDENT: usize = 2;

/// Breaks one line of text at blanks, for a terminal of `width` columns; without a width it stays whole.
///
/// What stands between backticks is never broken: it is a command or a name that a person copies. A line that
/// follows is set in further than the first.
pub(super) fn lines(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width.filter(|width| *width >= MIN_WIDTH) else {
        return vec![text.to_owned()];
    };
    let width = width.min(MAX_WIDTH);
    let indent = text.len() - text.trim_start_matches(' ').len();
    let mut lines = vec![" ".repeat(indent)];
    let mut used = indent;
    for (at, word) in words(text.trim_start_matches(' ')).enumerate() {
        let length = word.chars().count();
        if at > 0 && used + 1 + length > width {
            lines.push(" ".repeat(indent + INDENT));
            used = indent + INDENT;
        } else if at > 0 {
            push(&mut lines, " ");
            used += 1;
        }
        push(&mut lines, word);
        used += length;
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// The words of a text; what stands between backticks is one.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    text.split(move |c| {
        quoted ^= c == '`';
        c == ' ' && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_broken_at_blanks_and_never_within_a_command() {
        let text =
            "hint: look with `cleverctl sync --dry-run --plan held.plan`, and ask the district";
        assert_eq!(lines(text, None), [text]);
        assert_eq!(lines(text, Some(200)), [text]);
        assert_eq!(lines(text, Some(20)), [text]);
        assert_eq!(
            lines(text, Some(44)),
            [
                "hint: look with",
                "  `cleverctl sync --dry-run --plan held.plan`,",
                "  and ask the district",
            ]
        );
        assert_eq!(lines("", Some(80)), [""]);
        assert_eq!(lines("  caused by: a b", Some(80)), ["  caused by: a b"]);
        for width in 40..100 {
            let whole = lines(text, Some(width)).join(" ");
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&whole), words(text));
        }
    }
}
