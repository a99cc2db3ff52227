//! What `match` writes: links and clusters with ids and numbers only, and both records side by side for people.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Result;
use clever_provision::linkage::{Candidate, Clusters, Link, Links, MatchConfig, Side, Verdict};
use csv::StringRecord;

use super::table::Table;
use super::{SeparatedFile, word};
use crate::writing::write_whole;

/// For each right record the decision and the candidates.
pub(super) fn links(path: &Path, config: &MatchConfig, links: &Links<'_>) -> Result<()> {
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        let mut header: Vec<String> = [
            "right",
            "decision",
            "doubt",
            "rank",
            "left",
            "millibits",
            "lead",
        ]
        .map(str::to_owned)
        .into();
        header.extend(
            config
                .field
                .iter()
                .map(|field| format!("{}_millibits", field.name)),
        );
        out.write_record(&header)?;
        for link in &links.all {
            let begin = [
                links.right_id(link).to_owned(),
                word(link.verdict)?,
                doubt(link)?,
            ];
            if link.candidates.is_empty() {
                let blank = std::iter::repeat_n(String::new(), header.len() - begin.len());
                out.write_record(begin.into_iter().chain(blank))?;
                continue;
            }
            for (at, candidate) in link.candidates.iter().enumerate() {
                let middle = [
                    (at + 1).to_string(),
                    links.left_id(candidate).to_owned(),
                    candidate.millibits.to_string(),
                    lead(link, at),
                ];
                let fields = links
                    .fields(candidate)
                    .map(|(.., weight)| weight.to_string());
                out.write_record(begin.iter().cloned().chain(middle).chain(fields))?;
            }
        }
        Ok(out.flush()?)
    })
}

fn doubt(link: &Link) -> Result<String> {
    Ok(link.doubt.map(word).transpose()?.unwrap_or_default())
}

/// How far the first candidate leads.
fn lead(link: &Link, rank: usize) -> String {
    if rank == 0 {
        link.lead.to_string()
    } else {
        String::new()
    }
}

/// The records of each person that is in the file more than once.
pub(super) fn clusters(path: &Path, clusters: &Clusters<'_>) -> Result<()> {
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        out.write_record(["cluster", "record", "weakest_millibits"])?;
        for cluster in &clusters.all {
            // Named after its first record, so that it keeps its name from run to run.
            let name = clusters.ids(cluster).next().unwrap_or_default();
            for id in clusters.ids(cluster) {
                out.write_record([name, id, &cluster.weakest.to_string()])?;
            }
        }
        Ok(out.flush()?)
    })
}

/// Both records of each pair that a person must look at, side by side, with what each field says.
pub(super) fn review(
    path: &Path,
    config: &MatchConfig,
    links: &Links<'_>,
    left: SeparatedFile<'_>,
    (right, right_side): (SeparatedFile<'_>, Side),
) -> Result<()> {
    let asked = || {
        links
            .all
            .iter()
            .filter(|link| link.verdict == Verdict::Review)
    };
    let left_ids = asked()
        .flat_map(|link| &link.candidates)
        .map(|one| links.left_id(one));
    let left_rows = rows_of(left, config, Side::Left, &left_ids.collect())?;
    let right_ids = asked().map(|link| links.right_id(link)).collect();
    let right_rows = rows_of(right, config, right_side, &right_ids)?;
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        let mut header: Vec<String> = [
            "right",
            "left",
            "rank",
            "millibits",
            "lead",
            "doubt",
            "sibling_known",
        ]
        .map(str::to_owned)
        .into();
        for field in &config.field {
            let name = &field.name;
            header.extend([
                format!("{name}_right"),
                format!("{name}_left"),
                format!("{name}_agreement"),
                format!("{name}_millibits"),
            ]);
        }
        out.write_record(&header)?;
        for link in asked() {
            let right_row = right_rows.get(links.right_id(link));
            // Who has no candidate is here as well: one may be missing.
            if link.candidates.is_empty() {
                out.write_record(side_by_side(config, links, link, None, right_row, None)?)?;
            }
            for (rank, candidate) in link.candidates.iter().enumerate() {
                let left_row = left_rows.get(links.left_id(candidate));
                let ranked = Some((rank, candidate));
                out.write_record(side_by_side(
                    config, links, link, ranked, right_row, left_row,
                )?)?;
            }
        }
        Ok(out.flush()?)
    })
}

/// A row of the review file.
fn side_by_side(
    config: &MatchConfig,
    links: &Links<'_>,
    link: &Link,
    ranked: Option<(usize, &Candidate)>,
    right: Option<&Vec<String>>,
    left: Option<&Vec<String>>,
) -> Result<Vec<String>> {
    let number = |number: Option<String>| number.unwrap_or_default();
    let mut row = vec![
        harmless(links.right_id(link)),
        ranked.map_or_else(String::new, |(_, one)| harmless(links.left_id(one))),
        number(ranked.map(|(rank, _)| (rank + 1).to_string())),
        number(ranked.map(|(_, one)| one.millibits.to_string())),
        number(ranked.map(|(rank, _)| lead(link, rank))),
        doubt(link)?,
        link.sibling.to_string(),
    ];
    let said: Vec<(&'static str, i32)> = ranked.map_or_else(Vec::new, |(_, one)| {
        links
            .fields(one)
            .map(|(_, agreement, weight)| (agreement, weight))
            .collect()
    });
    let mut place = 0;
    for (at, field) in config.field.iter().enumerate() {
        let value = |row: Option<&Vec<String>>| {
            row.and_then(|row| row.get(place))
                .map(|value| harmless(value))
                .unwrap_or_default()
        };
        let (agreement, weight) = said.get(at).copied().unzip();
        row.extend([
            value(right),
            value(left),
            agreement.unwrap_or_default().to_owned(),
            number(weight.map(|weight| weight.to_string())),
        ]);
        place += 1 + usize::from(field.scope.is_some());
    }
    Ok(row)
}

/// A value that no spreadsheet takes for a formula, also where it expects another separator and makes two cells
/// of one value.
///
/// Source: OWASP, "CSV Injection"; full-width signs begin formulas in some languages.
fn harmless(value: &str) -> String {
    let mut written = String::with_capacity(value.len() + 1);
    let mut begins = true;
    for c in value.chars() {
        let is_sign = matches!(
            c,
            '=' | '+' | '-' | '@' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
        );
        let is_blank = matches!(c, '\t' | '\r' | '\n');
        if begins && (is_sign || is_blank && written.is_empty()) {
            written.push('\'');
        }
        begins = is_blank || matches!(c, ',' | ';' | '|') || begins && matches!(c, ' ' | '"');
        written.push(c);
    }
    written
}

/// The wanted columns of some rows, by id.
fn rows_of(
    file: SeparatedFile<'_>,
    config: &MatchConfig,
    side: Side,
    ids: &BTreeSet<&str>,
) -> Result<BTreeMap<String, Vec<String>>> {
    let mut table = Table::open(file, config, side)?;
    let mut rows = BTreeMap::new();
    let mut record = StringRecord::new();
    while table.next(&mut record)? {
        let id = record.get(table.id).unwrap_or_default();
        if ids.contains(id) {
            let values = table
                .columns
                .iter()
                .map(|at| record.get(*at).unwrap_or_default().to_owned());
            rows.insert(id.to_owned(), values.collect());
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_f15_no_value_is_a_formula() {
        for value in [
            "=HYPERLINK(\"http://x.example\")",
            "+1",
            "-1",
            "@SUM(1)",
            "\t1",
            "\r1",
            "\u{ff1d}1",
        ] {
            assert_eq!(harmless(value), format!("'{value}"));
        }
        assert_eq!(harmless("a;=1; +2"), "a;'=1; '+2");
        assert_eq!(harmless(" =1"), " '=1");
        for value in ["Ana", "2010-01-31", "", "a=b", "Smith-Jones", "a - b; c"] {
            assert_eq!(harmless(value), value);
        }
    }
}
