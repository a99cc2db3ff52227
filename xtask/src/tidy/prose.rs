//! What people read in a file: the comments and texts of Rust source, and the sentences of a document. Code is
//! blanked out, so that a place in a passage is a place in its file.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

/// A comment block, a string literal, or a whole document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Passage {
    /// The line of the file on which it begins, from 1.
    pub(super) line: usize,
    /// Its text, with the line breaks of the file and without the marks of a comment.
    pub(super) text: String,
}

/// Reads the comments and string literals of Rust source. Line comments that follow each other are one passage.
pub(super) fn of_rust(source: &str) -> Vec<Passage> {
    let mut passages: Vec<Passage> = Vec::new();
    let (mut line, mut at) = (1, 0);
    // Whether the next comment continues the last passage.
    let mut in_comment = false;
    for token in tokenize(source, FrontmatterAllowed::No) {
        let end = at + token.len as usize;
        let text = &source[at..end];
        match token.kind {
            TokenKind::LineComment { .. } => {
                let words = text.trim_start_matches('/').trim_start_matches('!');
                match passages.last_mut() {
                    Some(last) if in_comment => last.text.extend(["\n", words]),
                    _ => passages.push(Passage {
                        line,
                        text: words.to_owned(),
                    }),
                }
                in_comment = true;
            }
            TokenKind::Whitespace => in_comment &= text.matches('\n').count() == 1,
            TokenKind::BlockComment { .. }
            | TokenKind::Literal {
                kind: LiteralKind::Str { .. } | LiteralKind::RawStr { .. },
                ..
            } => {
                passages.push(Passage {
                    line,
                    text: text.to_owned(),
                });
                in_comment = false;
            }
            _ => in_comment = false,
        }
        line += text.matches('\n').count();
        at = end;
    }
    for passage in &mut passages {
        passage.text = without_names(&without_code(&passage.text));
    }
    passages
}

/// Reads a Markdown document.
pub(super) fn of_markdown(document: &str) -> Passage {
    Passage {
        line: 1,
        text: without_code(document),
    }
}

/// Blanks the lines of fenced code, and what stands between backticks in a line.
fn without_code(text: &str) -> String {
    let mut fenced = false;
    let lines = text.split('\n').map(|line| {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            return String::new();
        }
        if fenced {
            return String::new();
        }
        let mut inside = false;
        line.chars()
            .map(|char| {
                inside ^= char == '`';
                if inside { '`' } else { char }
            })
            .collect()
    });
    lines.collect::<Vec<String>>().join("\n")
}

/// Blanks what a message is to be filled with: names of variables, between braces.
fn without_names(text: &str) -> String {
    let mut depth = 0_usize;
    let chars = text.chars().map(|char| {
        depth += usize::from(char == '{');
        let inside = depth > 0 && char != '\n';
        depth = depth.saturating_sub(usize::from(char == '}'));
        if inside { '{' } else { char }
    });
    chars.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(line: usize, text: &str) -> Passage {
        Passage {
            line,
            text: text.to_owned(),
        }
    }

    #[test]
    fn comments_and_texts_are_read_and_code_is_not() {
        let source = "//! One.\n//! Two.\n\n// Three `told` us.\nlet told = \"four {told}\"; // five\nlet x = '\"';\n";
        assert_eq!(
            of_rust(source),
            [
                passage(1, " One.\n Two."),
                passage(4, " Three `````` us."),
                passage(5, "\"four {{{{{{\""),
                passage(5, " five"),
            ]
        );
    }

    #[test]
    fn fenced_code_is_blank_and_keeps_its_lines() {
        assert_eq!(
            of_markdown("a\n```rust\nlet told;\n```\nb"),
            passage(1, "a\n\n\n\nb")
        );
    }
}
