//! The journeys of ARCHITECTURE.md: a table's row names a file and a function, and the file has that function.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// A row of a journey: the file and the function that it names.
struct Hop<'a> {
    file: &'a str,
    function: &'a str,
}

/// Names each row whose file is missing or lacks the function, and a document without any journey.
pub(super) fn breaches(root: &Path) -> Result<Vec<String>> {
    let shown = "ARCHITECTURE.md";
    let text = fs::read_to_string(root.join(shown)).context("could not read ARCHITECTURE.md")?;
    let hops: Vec<Hop<'_>> = text.lines().filter_map(hop).collect();
    if hops.is_empty() {
        return Ok(vec![format!("{shown}: no journey is left to check")]);
    }
    let missing = hops.iter().filter_map(|Hop { file, function }| {
        match fs::read_to_string(root.join(file)) {
            Err(error) => Some(format!("{shown}: {file}: {error}")),
            Ok(source) if !has(&source, function) => {
                Some(format!("{shown}: {file} has no function `{function}`"))
            }
            Ok(_) => None,
        }
    });
    Ok(missing.collect())
}

/// Reads a row `| path/file.rs | `function` | … |`.
fn hop(line: &str) -> Option<Hop<'_>> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let file = cells.next()?;
    let function = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
    file.strip_suffix(".rs")?;
    Some(Hop { file, function })
}

fn has(source: &str, function: &str) -> bool {
    let declared = format!("fn {function}");
    source
        .match_indices(&declared)
        .any(|(at, _)| source[at + declared.len()..].starts_with(['(', '<']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_a_file_and_a_function_that_it_has() {
        let row = hop("| crates/a/src/b.rs | `learn` | reads |");
        assert!(row.is_some_and(|hop| hop.file == "crates/a/src/b.rs" && hop.function == "learn"));
        for other in [
            "| File | Function | What |",
            "| --- | --- |",
            "text",
            "| a.rs | b |",
        ] {
            assert!(hop(other).is_none(), "{other}");
        }
        assert!(has("pub async fn learn<R>(run: R) {}", "learn"));
        assert!(!has("fn learnt() {}", "learn"));
    }

    #[test]
    fn a_journey_with_a_wrong_hop_is_named() {
        let folder = std::env::temp_dir().join(format!("hops-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("a.rs"), "fn here() {}").unwrap();
        let of = |table: &str| {
            fs::write(folder.join("ARCHITECTURE.md"), table).unwrap();
            breaches(&folder).unwrap().len()
        };
        assert_eq!(of("| a.rs | `here` | x |"), 0);
        assert_eq!(of("| a.rs | `gone` | x |\n| b.rs | `here` | x |"), 2);
        assert_eq!(of("no table"), 1);
        fs::remove_dir_all(&folder).unwrap();
    }
}
