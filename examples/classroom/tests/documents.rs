//! What the documents show is what the app runs, and the part about accounts stays small.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Before each piece of code stands where it is from.
const FROM: &str = "<!-- from ";

/// The pieces of Rust in a document: where each is said to be from, and its lines.
fn pieces(document: &str) -> Vec<(Option<String>, String)> {
    let mut pieces = Vec::new();
    let mut from = None;
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        if let Some(path) = line.strip_prefix(FROM) {
            from = path.strip_suffix(" -->").map(str::to_owned);
        } else if line.starts_with("```rust") {
            assert_eq!(line, "```rust", "no piece is ignored, or hides a part");
            let code = lines.by_ref().take_while(|line| *line != "```");
            pieces.push((from.take(), code.collect::<Vec<_>>().join("\n")));
        }
    }
    pieces
}

/// A text without the blanks at its lines' beginnings: a piece may stand further left than its source.
fn flush(text: &str) -> String {
    // An example in a module's own documentation is a source, too.
    let lines = text.lines().map(str::trim_start);
    let lines: Vec<&str> = lines
        .map(|line| line.strip_prefix("//! ").unwrap_or(line))
        .collect();
    lines.join("\n")
}

#[test]
fn the_documents_code_is_the_apps() {
    let documents = [
        ("docs/provisioning.md", 3),
        ("docs/tutorials/rust.md", 2),
        ("README.md", 1),
    ];
    for (document, least) in documents {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let pieces = pieces(&text);
        let taken = pieces.iter().filter(|(from, _)| from.is_some()).count();
        assert!(taken >= least, "{document} shows {taken} pieces");
        for (from, code) in pieces {
            let Some(from) = from else {
                assert!(document != "docs/provisioning.md", "from where? {code}");
                continue;
            };
            let source = fs::read_to_string(root().join(&from)).unwrap();
            // Parts that are left out are marked.
            for part in code.split("// …") {
                let part = flush(part);
                let part = part.trim_matches('\n');
                assert!(
                    flush(&source).contains(part),
                    "{document} shows what is not in {from}:\n{part}"
                );
            }
        }
    }
}

#[test]
fn the_part_about_accounts_is_small() {
    let source = fs::read_to_string(root().join("examples/classroom/src/accounts.rs")).unwrap();
    let lines = source.lines().count();
    assert!(lines < 120, "accounts.rs has {lines} lines");
    // Nothing of it hides in a longer line.
    let widest = source.lines().map(|line| line.chars().count()).max();
    assert!(widest.is_some_and(|widest| widest <= 110), "{widest:?}");
}
