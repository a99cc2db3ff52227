//! What `match` writes: decisions and clusters with ids and numbers only, and both records side by side for people.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;
use clever_linkage::{Comparison, Pair, Side};
use clever_provision::duplicates::Cluster;

use super::config::MatchFile;
use super::decided::{Shown, asked};
use super::table::{SeparatedFile, rows_of};
use crate::writing::write_whole;

/// For each right record the decision and the pairs.
pub(super) fn decisions(
    path: &Path,
    config: &MatchFile,
    comparison: &Comparison<'_>,
    shown: &[Shown],
) -> Result<()> {
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
        header.push("rule".to_owned());
        out.write_record(&header)?;
        for one in shown {
            let begin = [
                comparison.right_id(&comparison.all[one.place]).to_owned(),
                one.decision.clone(),
                one.doubt.clone().unwrap_or_default(),
            ];
            let end = [one.rule.clone()];
            if one.pairs.is_empty() {
                let blanks = header.len() - begin.len() - end.len();
                let blank = std::iter::repeat_n(String::new(), blanks);
                out.write_record(begin.into_iter().chain(blank).chain(end))?;
                continue;
            }
            for (at, pair) in one.pairs.iter().enumerate() {
                let middle = [
                    (at + 1).to_string(),
                    comparison.ids(pair)[0].to_owned(),
                    pair.millibits.to_string(),
                    lead(one, at),
                ];
                let fields = comparison
                    .agreements(pair)
                    .map(|one| one.millibits.to_string());
                let row = begin.iter().cloned().chain(middle).chain(fields);
                out.write_record(row.chain(end.iter().cloned()))?;
            }
        }
        Ok(out.flush()?)
    })
}

/// How far the first pair leads over the next one, if there is one.
fn lead(shown: &Shown, rank: usize) -> String {
    match (rank, shown.pairs.as_slice()) {
        (0, [first, next, ..]) => first.millibits.saturating_sub(next.millibits).to_string(),
        _ => String::new(),
    }
}

/// The records of each person that is in the file more than once.
pub(super) fn clusters(path: &Path, clusters: &[Cluster]) -> Result<()> {
    write_whole(path, |file| {
        let mut out = csv::Writer::from_writer(file);
        out.write_record(["cluster", "record", "weakest_millibits"])?;
        for cluster in clusters {
            // Named after its first record, so that it keeps its name from run to run.
            let name = cluster.ids.first().map(String::as_str).unwrap_or_default();
            for id in &cluster.ids {
                out.write_record([name, id, &cluster.weakest.to_string()])?;
            }
        }
        Ok(out.flush()?)
    })
}

/// Both records of each pair that a person must look at, side by side, with what each field says.
pub(super) fn review(
    path: &Path,
    config: &MatchFile,
    comparison: &Comparison<'_>,
    shown: &[Shown],
    left: SeparatedFile<'_>,
    (right, right_side): (SeparatedFile<'_>, Side),
) -> Result<()> {
    let [left_ids, right_ids] = asked(comparison, shown);
    let left_rows = rows_of(left, config, Side::Left, &left_ids)?;
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
        let rows =
            |rows: &BTreeMap<String, Vec<String>>, id| rows.get(id).cloned().unwrap_or_default();
        for one in shown.iter().filter(|one| one.is_asked) {
            let right = rows(&right_rows, comparison.right_id(&comparison.all[one.place]));
            // Who has no pair is here as well: one may be missing.
            if one.pairs.is_empty() {
                out.write_record(side_by_side(config, comparison, one, None, [&right, &[]]))?;
            }
            for (rank, pair) in one.pairs.iter().enumerate() {
                let left = rows(&left_rows, comparison.ids(pair)[0]);
                let ranked = Some((rank, pair));
                out.write_record(side_by_side(
                    config,
                    comparison,
                    one,
                    ranked,
                    [&right, &left],
                ))?;
            }
        }
        Ok(out.flush()?)
    })
}

/// A row of the review file.
fn side_by_side(
    config: &MatchFile,
    comparison: &Comparison<'_>,
    shown: &Shown,
    ranked: Option<(usize, &Pair)>,
    [right, left]: [&[String]; 2],
) -> Vec<String> {
    let text = |text: Option<String>| text.unwrap_or_default();
    let pair = ranked.map(|(_, pair)| pair);
    let mut row = vec![
        harmless(comparison.right_id(&comparison.all[shown.place])),
        text(pair.map(|pair| harmless(comparison.ids(pair)[0]))),
        text(ranked.map(|(rank, _)| (rank + 1).to_string())),
        text(pair.map(|pair| pair.millibits.to_string())),
        text(ranked.map(|(rank, _)| lead(shown, rank))),
        shown.doubt.clone().unwrap_or_default(),
        pair.is_some_and(|pair| pair.sibling_known).to_string(),
    ];
    let mut said = pair
        .into_iter()
        .flat_map(|pair| comparison.agreements(pair));
    let mut place = 0;
    for field in &config.field {
        let value = |row: &[String]| {
            row.get(place)
                .map(|value| harmless(value))
                .unwrap_or_default()
        };
        let one = said.next();
        row.extend([
            value(right),
            value(left),
            text(one.map(|one| one.word().to_owned())),
            text(one.map(|one| one.millibits.to_string())),
        ]);
        place += 1 + usize::from(field.scope.is_some());
    }
    row
}

/// A value that no spreadsheet takes for a formula, also if it expects another separator and makes two cells
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
