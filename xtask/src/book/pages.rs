//! The pages of the book as a browser has them: each link leads to a file that is there, and to an element of that name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result};

/// A page, as far as links go.
#[derive(Debug, Default)]
struct Page {
    links: Vec<String>,
    names: BTreeSet<String>,
}

/// Names each link of the pages below `folder` that leads nowhere.
pub(super) fn breaches(folder: &Path) -> Result<Vec<String>> {
    let mut pages = BTreeMap::new();
    let mut files = BTreeSet::new();
    gathered(folder, folder, &mut |path, text| {
        if let Some(text) = text {
            pages.insert(path.clone(), read(text));
        }
        files.insert(path);
    })?;
    let mut breaches = Vec::new();
    for (path, page) in &pages {
        for link in &page.links {
            if let Some(why) = breach(path, link, &pages, &files) {
                breaches.push(format!("{}: {link} leads to {why}", path.display()));
            }
        }
    }
    Ok(breaches)
}

/// What is wrong with a link, if something is.
fn breach(
    from: &Path,
    link: &str,
    pages: &BTreeMap<PathBuf, Page>,
    files: &BTreeSet<PathBuf>,
) -> Option<&'static str> {
    // With a scheme, it leads elsewhere.
    if link.contains("://") || link.starts_with("mailto:") || link.starts_with("data:") {
        return None;
    }
    let (file, name) = link.split_once('#').unwrap_or((link, ""));
    let file = file.split('?').next().unwrap_or_default();
    let path = match file {
        "" => from.to_owned(),
        file => below(from, file)?,
    };
    if !files.contains(&path) {
        return Some("no file");
    }
    let has = |page: &Page| name.is_empty() || page.names.contains(name);
    match pages.get(&path) {
        Some(page) if !has(page) => Some("no heading"),
        _ => None,
    }
}

/// The path below the book's folder to which a link leads.
fn below(from: &Path, file: &str) -> Option<PathBuf> {
    let mut path = from.parent()?.to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    Some(path)
}

/// Hears of each file below `folder`, with its text if it is a page.
fn gathered(top: &Path, folder: &Path, hear: &mut dyn FnMut(PathBuf, Option<&str>)) -> Result<()> {
    for entry in fs::read_dir(folder).context("mdBook made no book")? {
        let path = entry?.path();
        if path.is_dir() {
            gathered(top, &path, hear)?;
            continue;
        }
        let short = path.strip_prefix(top).unwrap_or(&path).to_owned();
        if path.extension().is_some_and(|end| end == "html") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("could not read {}", path.display()))?;
            hear(short, Some(&text));
        } else {
            hear(short, None);
        }
    }
    Ok(())
}

/// Reads the links and the names of elements; mdBook writes attributes between double quotes.
fn read(text: &str) -> Page {
    let mut page = Page::default();
    for tag in text.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        if tag.starts_with("base ") {
            continue;
        }
        for attribute in ["href", "src"] {
            page.links.extend(value(tag, attribute));
        }
        page.names.extend(value(tag, "id"));
    }
    page
}

fn value(tag: &str, attribute: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!(" {attribute}=\""))?;
    let value = rest.split('"').next()?;
    Some(value.replace("&amp;", "&").replace("&quot;", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_held_to_its_links() {
        let folder = tempfile::tempdir().unwrap();
        let put = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put(
            "index.html",
            "<h1 id=\"top\">A</h1><a class=\"x\" href=\"docs/b.html#here\">b</a><img src=\"p.png\">",
        );
        put(
            "docs/b.html",
            "<h2 id=\"here\">B</h2><a href=\"../index.html#top\">a</a> <a href=\"https://x.org/#y\">x</a>",
        );
        put("p.png", "");
        assert_eq!(breaches(folder.path()).unwrap(), [""; 0]);
        put(
            "docs/c.html",
            "<a href=\"b.html#gone\">b</a><a href=\"d.html\">d</a><img src=\"../q.png\">",
        );
        assert_eq!(
            breaches(folder.path()).unwrap(),
            [
                "docs/c.html: b.html#gone leads to no heading",
                "docs/c.html: d.html leads to no file",
                "docs/c.html: ../q.png leads to no file",
            ]
        );
    }
}
