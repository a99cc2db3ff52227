//! What a release says of itself: its section of CHANGELOG.md.

use anyhow::{Result, bail};
use cargo_metadata::semver::Version;

/// The heading of what no release has yet.
const UNRELEASED: &str = "Unreleased";

/// The section of `version`. While no tag is given, what is unreleased stands for it.
pub(super) fn of(changelog: &str, version: &Version, tagged: bool) -> Result<String> {
    let sections = sections(changelog)?;
    let named = |heading: &str| heading.split(' ').next() == Some(&version.to_string());
    let found = sections
        .iter()
        .find(|(heading, _)| named(heading) || (!tagged && *heading == UNRELEASED));
    let Some((heading, text)) = found else {
        bail!(
            "CHANGELOG.md has no section `## {version} — DATE`: name {UNRELEASED} so, and begin another"
        );
    };
    if !text.contains("\n- ") {
        bail!("the section `{heading}` of CHANGELOG.md says nothing");
    }
    Ok(text.trim().to_owned() + "\n")
}

/// Each section with its heading, after a look at their order: what is unreleased, then one a release, the newest first.
fn sections(changelog: &str) -> Result<Vec<(&str, &str)>> {
    let mut sections = Vec::new();
    let mut newest: Option<Version> = None;
    for part in changelog.split("\n## ").skip(1) {
        let (heading, text) = part.split_at(part.find('\n').unwrap_or(part.len()));
        if heading != UNRELEASED {
            let Some((version, date)) = heading.split_once(" — ") else {
                bail!(
                    "`## {heading}` in CHANGELOG.md is neither `{UNRELEASED}` nor `VERSION — DATE`"
                );
            };
            let version: Version = version.parse()?;
            let day: toml::value::Datetime = date.parse()?;
            if day.date.is_none() || day.time.is_some() {
                bail!("`## {heading}` in CHANGELOG.md has no day");
            }
            if newest.as_ref().is_some_and(|newer| version >= *newer) {
                bail!("`## {heading}` in CHANGELOG.md comes after an older release");
            }
            newest = Some(version);
        } else if !sections.is_empty() {
            bail!("`## {UNRELEASED}` is not the first section of CHANGELOG.md");
        }
        sections.push((heading, text));
    }
    Ok(sections)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.2.0 — 2027-02-01\n\n- Second.\n\n\
                             ## 0.1.0 — 2027-01-01\n\n- First.\n";

    fn notes(changelog: &str, version: &str, tagged: bool) -> Result<String> {
        of(changelog, &version.parse().unwrap(), tagged)
    }

    #[test]
    fn a_release_says_what_its_section_says() {
        assert_eq!(notes(CHANGELOG, "0.2.0", true).unwrap(), "- Second.\n");
        assert_eq!(notes(CHANGELOG, "0.1.0", true).unwrap(), "- First.\n");
        assert_eq!(notes(CHANGELOG, "0.3.0", false).unwrap(), "- New.\n");
    }

    #[test]
    fn a_changelog_that_is_not_ready_is_refused() {
        notes(CHANGELOG, "0.3.0", true).unwrap_err();
        notes(&CHANGELOG.replace("- Second.", ""), "0.2.0", true).unwrap_err();
        for (was, is) in [
            ("2027-02-01", "soon"),
            (" — 2027-02-01", ""),
            ("0.1.0", "0.2.1"),
            ("0.1.0 — 2027-01-01", "Unreleased"),
        ] {
            notes(&CHANGELOG.replace(was, is), "0.2.0", true).unwrap_err();
        }
    }
}
