//! What the crate offers to others stays small.

/// The names that `src/lib.rs` offers.
fn offered() -> usize {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/lib.rs")).unwrap();
    let code: String = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join(" ");
    let mut names = 0;
    for (at, _) in code.match_indices("pub ") {
        let rest = &code[at + 4..];
        let item = &rest[..rest.find([';', '(']).unwrap_or(rest.len())];
        let item = item.strip_prefix("const fn").map_or(item, |_| "fn");
        match item.split_whitespace().next() {
            Some("use") => {
                names += item
                    .split(',')
                    .filter(|one| !one.trim_matches([' ', '}']).is_empty())
                    .count();
            }
            Some("struct" | "enum" | "trait" | "mod" | "const" | "type") => names += 1,
            // Functions at the crate's root would be counted by their `use`.
            _ => {}
        }
    }
    names
}

#[test]
fn the_crate_offers_few_names() {
    let names = offered();
    assert!((20..=28).contains(&names), "{names} names");
}
