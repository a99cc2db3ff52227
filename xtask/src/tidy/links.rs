//! The links of the documents: each relative one leads to a file that is there, and to a heading that it has. The index
//! by reader, `docs/README.md`, has a link to each document beside it, and the book's contents, `docs/SUMMARY.md`, to each below.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The index of the documents, by reader.
const INDEX: &str = "docs/README.md";
/// The contents of the book.
const CONTENTS: &str = "docs/SUMMARY.md";

/// A document, as far as links go.
#[derive(Debug, Default)]
struct Document {
    /// Where its links lead, each with its line, from 1.
    links: Vec<(usize, String)>,
    /// The anchors of its headings, as GitHub and mdBook make them.
    anchors: BTreeSet<String>,
}

/// Names each link of `documents` (path below the root, text) that leads nowhere; `exists` says whether a file or folder
/// of that path is there.
pub(super) fn breaches(
    documents: &[(PathBuf, String)],
    exists: impl Fn(&Path) -> bool,
) -> Vec<String> {
    let read: BTreeMap<&Path, Document> = documents
        .iter()
        .map(|(path, text)| (path.as_path(), read(text)))
        .collect();
    let mut breaches = Vec::new();
    let (mut indexed, mut in_contents) = (BTreeSet::new(), BTreeSet::new());
    for (path, document) in &read {
        for (line, target) in &document.links {
            let place = format!("{}:{line}: the link to {target}", path.display());
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let Some(file) = resolve(path, file) else {
                breaches.push(format!("{place} leads out of the repository"));
                continue;
            };
            if !exists(&file) {
                breaches.push(format!("{place} leads to no file"));
                continue;
            }
            if *path == Path::new(INDEX) {
                indexed.insert(file.clone());
            }
            if *path == Path::new(CONTENTS) {
                in_contents.insert(file.clone());
            }
            let has = |document: &Document| document.anchors.contains(anchor);
            if !anchor.is_empty() && read.get(file.as_path()).is_some_and(|one| !has(one)) {
                breaches.push(format!("{place} leads to no heading of {}", file.display()));
            }
        }
    }
    let folder = Path::new(INDEX).parent();
    for path in read.keys().filter(|path| path.parent() == folder) {
        if *path != Path::new(INDEX) && !indexed.contains(*path) {
            breaches.push(format!("{INDEX} has no row for {}", path.display()));
        }
    }
    if read.contains_key(Path::new(CONTENTS)) {
        let below = |path: &&&Path| folder.is_some_and(|folder| path.starts_with(folder));
        for path in read.keys().filter(below) {
            if *path != Path::new(CONTENTS) && !in_contents.contains(*path) {
                breaches.push(format!("{CONTENTS} lacks {}", path.display()));
            }
        }
    }
    breaches
}

/// The links of a text that lead to files of ours, each with its line.
pub(crate) fn links(text: &str) -> Vec<(usize, String)> {
    read(text).links
}

/// Reads the links to files of ours, and the headings.
fn read(text: &str) -> Document {
    let mut document = Document::default();
    let mut heading: Option<String> = None;
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            // With a scheme, it leads elsewhere.
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. })
                if !dest_url.contains("://") && !dest_url.starts_with("mailto:") =>
            {
                let line = 1 + text[..range.start].matches('\n').count();
                document.links.push((line, dest_url.into_string()));
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let anchor = anchor(&heading.take().unwrap_or_default());
                // The second of a name gets a number.
                let numbered = (1..).map(|number| format!("{anchor}-{number}"));
                let mut names = std::iter::once(anchor.clone()).chain(numbered);
                if let Some(free) = names.find(|name| !document.anchors.contains(name)) {
                    document.anchors.insert(free);
                }
            }
            Event::Text(words) | Event::Code(words) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&words);
                }
            }
            _ => {}
        }
    }
    document
}

/// A heading as an anchor: small letters, no marks, hyphens for blanks.
fn anchor(heading: &str) -> String {
    let kept = heading
        .chars()
        .filter(|char| char.is_alphanumeric() || [' ', '-', '_'].contains(char));
    kept.flat_map(char::to_lowercase)
        .map(|char| if char == ' ' { '-' } else { char })
        .collect()
}

/// The path below the root to which a link in `from` leads; none if that is outside.
pub(crate) fn resolve(from: &Path, link: &str) -> Option<PathBuf> {
    if link.is_empty() {
        return Some(from.to_owned());
    }
    let mut path = from.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                if !path.pop() {
                    return None;
                }
            }
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with these documents, which are all the files there are.
    fn of(documents: &[(&str, &str)]) -> Vec<String> {
        let documents: Vec<(PathBuf, String)> = documents
            .iter()
            .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
            .collect();
        breaches(&documents, |path| {
            path.as_os_str().is_empty() || documents.iter().any(|(one, _)| one == path)
        })
    }

    #[test]
    fn a_link_that_leads_nowhere_is_named_with_its_line() {
        let sync = (
            "docs/sync.md",
            "# Sync\n\n## First look\n\n## It's `all`\n\n## First look\n",
        );
        let right = "[a](docs/sync.md) [b](docs/sync.md#first-look-1) [c](docs/sync.md#its-all) [d](#here) <https://x.org>\n\n# Here\n\n\
                     ```text\n[no link](nowhere)\n```\n";
        let index = ("docs/README.md", "[sync](sync.md)");
        assert_eq!(of(&[("README.md", right), sync, index]), [""; 0]);
        let wrong = "[a](docs/gone.md)\n\n[b](docs/sync.md#last-look)\n[c](../elsewhere.md)\n";
        assert_eq!(
            of(&[("README.md", wrong), sync, index]),
            [
                "README.md:1: the link to docs/gone.md leads to no file",
                "README.md:3: the link to docs/sync.md#last-look leads to no heading of docs/sync.md",
                "README.md:4: the link to ../elsewhere.md leads out of the repository",
            ]
        );
        let other = ("docs/other.md", "[root](../README.md) [up](..)");
        assert_eq!(
            of(&[other, ("README.md", ""), index, sync]),
            ["docs/README.md has no row for docs/other.md"]
        );
        let contents = ("docs/SUMMARY.md", "[by reader](README.md) [sync](sync.md)");
        let index = ("docs/README.md", "[sync](sync.md) [all](SUMMARY.md)");
        let deep = ("docs/tutorials/go.md", "# Go");
        assert_eq!(
            of(&[index, sync, contents, deep]),
            ["docs/SUMMARY.md lacks docs/tutorials/go.md"]
        );
    }
}
