//! The links: for each right record the left records that may be the same person, and what to do.

use std::sync::Arc;

use serde::Serialize;

use super::block::Blocks;
use super::compare::{Comparer, Pattern};
use super::config::Thresholds;
use super::kin::Kin;
use super::kind::{EQUAL, Kind, Level};
use super::model::{Model, ModelError, Scorer};
use super::nicknames::Nicknames;
use super::people::People;
use super::{Run, Shape, walk};

/// What is to be done with a right record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The first candidate is the same person; nobody needs to look.
    Auto,
    /// A person must look at the candidates.
    Review,
    /// Nobody from before.
    Create,
}

/// Why the first candidate was not linked without a person's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The score is too low.
    Score,
    /// The next candidate is too near.
    Lead,
    /// Another right record fits the candidate as well.
    Wanted,
    /// The candidate is governed by somebody else.
    Reach,
    /// The records contradict each other in a field.
    Contradiction,
    /// No id is equal and the given names are not surely one, so that it may be a twin's or another sibling's; or
    /// such a sibling is known, and the given names are not equal.
    Sibling,
    /// A block was too large to be read, so that a candidate may be missing.
    Cut,
}

/// A left record that may be the same person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub(crate) left: u32,
    pub(crate) pattern: Pattern,
    /// The log-odds that both are one person's, in millibits.
    pub millibits: i32,
    /// Whether the right record's authority governs it.
    pub in_reach: bool,
    /// Whether both may be two people of one family: no id is equal, and the given names are not surely one.
    pub may_be_sibling: bool,
}

/// What was found for one right record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub(crate) right: u32,
    /// What is to be done.
    pub verdict: Verdict,
    /// Why it is not done without a person's word.
    pub doubt: Option<Doubt>,
    /// The best candidates, best first.
    pub candidates: Vec<Candidate>,
    /// How far the first leads over the next within reach, in millibits.
    pub lead: i32,
    /// Whether a candidate may be missing.
    pub cut: bool,
    /// Whether another person of the same family and day of birth is known.
    pub sibling: bool,
}

/// All links, and what is needed to read them.
#[derive(Debug)]
pub struct Links<'a> {
    people: &'a People,
    scorer: Arc<Scorer>,
    shape: Shape,
    /// One for each right record, in the order of their ids.
    pub all: Vec<Link>,
}

/// Finds the links of both files, by a frozen model.
pub(crate) fn link<'a>(
    people: &'a People,
    nicknames: &Nicknames,
    model: &Model,
    run: &Run<'_>,
) -> Result<Links<'a>, ModelError> {
    let scorer = Arc::new(model.scorer(people)?);
    let blocks = Blocks::new(people, false);
    let kin = Kin::new(people, false);
    let thresholds = people.config.decide;
    let state = || (Comparer::new(people, nicknames, false), Vec::new());
    let parts = walk::chunks(
        people.right.len(),
        run.threads,
        run.progress,
        state,
        |(comparer, rows), range| {
            let mut links = Vec::with_capacity(range.len());
            for row in range {
                let cells = people.right.row(row);
                let cut = blocks.candidates(people, cells, row, rows);
                let governor = people.right.reach(row);
                let reach = people.config.reach.is_some();
                let floor = thresholds.review.saturating_sub(thresholds.margin);
                let mut candidates: Vec<Candidate> = rows
                    .iter()
                    .filter_map(|left| {
                        let other = people.left.row(*left as usize);
                        let pattern = comparer.compare(other, cells);
                        let millibits = scorer.score(pattern, other);
                        let in_reach = !reach
                            || (governor != 0 && governor == people.left.reach(*left as usize));
                        (millibits >= floor).then_some(Candidate {
                            left: *left,
                            pattern,
                            millibits,
                            in_reach,
                            may_be_sibling: kin.may_be_siblings(pattern, other, cells),
                        })
                    })
                    .collect();
                candidates.sort_unstable_by_key(|one| {
                    (!one.in_reach, std::cmp::Reverse(one.millibits), one.left)
                });
                let sibling = |left| kin.has_sibling(comparer, left, number(row));
                links.push(first_view(row, candidates, cut, sibling, &thresholds));
            }
            links
        },
    );
    let mut all: Vec<Link> = parts.into_iter().flatten().collect();
    second_view(people, &kin, &mut all, &thresholds);
    Ok(Links {
        people,
        scorer,
        shape: Shape::TwoFiles,
        all,
    })
}

/// What a right record's own candidates say.
fn first_view(
    row: usize,
    mut candidates: Vec<Candidate>,
    cut: bool,
    has_sibling: impl FnOnce(u32) -> bool,
    thresholds: &Thresholds,
) -> Link {
    let floor = thresholds.review.saturating_sub(thresholds.margin);
    let next = candidates
        .get(1)
        .filter(|next| next.in_reach)
        .map_or(floor, |next| next.millibits);
    let lead = candidates
        .first()
        .map_or(0, |best| best.millibits.saturating_sub(next));
    candidates.truncate(thresholds.candidates.into());
    let sibling = candidates
        .first()
        .is_some_and(|best| has_sibling(best.left));
    Link {
        right: number(row),
        verdict: Verdict::Create,
        doubt: None,
        candidates,
        lead,
        cut,
        sibling,
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// What all right records together say: each left record goes to one of them only, and to that one clearly.
fn second_view(people: &People, kin: &Kin<'_>, all: &mut [Link], thresholds: &Thresholds) {
    let nobody = (i32::MIN, u32::MAX, i32::MIN);
    let mut wanted = vec![nobody; people.left.len()];
    for link in all.iter() {
        for candidate in link.candidates.iter().filter(|one| one.in_reach) {
            let (best, by, next) = &mut wanted[candidate.left as usize];
            if candidate.millibits > *best {
                (*next, *best, *by) = (*best, candidate.millibits, link.right);
            } else {
                *next = (*next).max(candidate.millibits);
            }
        }
    }
    for link in all {
        let doubt = match link.candidates.first() {
            Some(best) => {
                let (_, by, next) = wanted[best.left as usize];
                let led =
                    by == link.right && best.millibits.saturating_sub(next) >= thresholds.margin;
                doubt(people, kin, link, best, led, thresholds)
            }
            // Not nobody: somebody may be in what was not read.
            None => link.cut.then_some(Doubt::Cut),
        };
        let best = link.candidates.first().map(|best| best.millibits);
        let (verdict, doubt) = match (best, doubt) {
            (Some(_), None) => (Verdict::Auto, None),
            (Some(best), doubt) if best >= thresholds.review => (Verdict::Review, doubt),
            _ if link.cut => (Verdict::Review, Some(Doubt::Cut)),
            _ => (Verdict::Create, None),
        };
        (link.verdict, link.doubt) = (verdict, doubt);
        link.candidates
            .retain(|one| one.millibits >= thresholds.review);
    }
}

/// What speaks against the best candidate; `led` where it is nobody else's as nearly.
fn doubt(
    people: &People,
    kin: &Kin<'_>,
    link: &Link,
    best: &Candidate,
    led: bool,
    thresholds: &Thresholds,
) -> Option<Doubt> {
    if !best.in_reach {
        return Some(Doubt::Reach);
    }
    if let Some(doubt) = pair_doubt(people, kin, best.pattern, best.may_be_sibling, || {
        best.millibits < thresholds.auto
    }) {
        return Some(doubt);
    }
    if link.cut {
        Some(Doubt::Cut)
    } else if link.lead < thresholds.margin {
        Some(Doubt::Lead)
    } else if !led {
        Some(Doubt::Wanted)
    } else if link.sibling && !given_is_equal(people, best.pattern) {
        Some(Doubt::Sibling)
    } else {
        None
    }
}

/// What the two records themselves say against being one person's; `too_little` where their score does.
pub(crate) fn pair_doubt(
    people: &People,
    kin: &Kin<'_>,
    pattern: Pattern,
    may_be_sibling: bool,
    too_little: impl FnOnce() -> bool,
) -> Option<Doubt> {
    if may_be_sibling && kin.is_of_one_day(pattern) {
        Some(Doubt::Sibling)
    } else if too_little() {
        Some(Doubt::Score)
    } else if contradicts(people, pattern) {
        Some(Doubt::Contradiction)
    } else if may_be_sibling {
        Some(Doubt::Sibling)
    } else {
        None
    }
}

fn contradicts(people: &People, pattern: Pattern) -> bool {
    let mut fields = people.config.field.iter().enumerate();
    fields.any(|(at, field)| field.kind.contradicts(pattern.level(at)))
}

pub(crate) fn given_is_equal(people: &People, pattern: Pattern) -> bool {
    let mut fields = people.config.field.iter().enumerate();
    fields.all(|(at, field)| field.kind != Kind::GivenName || pattern.level(at) == EQUAL)
}

impl<'a> Links<'a> {
    /// The links of one file with itself.
    pub(crate) const fn within(people: &'a People, scorer: Arc<Scorer>, all: Vec<Link>) -> Self {
        Self {
            people,
            scorer,
            shape: Shape::OneFile,
            all,
        }
    }

    pub(crate) const fn people(&self) -> &People {
        self.people
    }

    /// How many records of one file have the value of a candidate's field, at most.
    pub(crate) fn holders(&self, field: usize, candidate: &Candidate) -> u32 {
        let value = self.people.left.row(candidate.left as usize)[field];
        let holders = self.people.lexicons[field].holders(value);
        holders[0].max(holders[1])
    }

    /// A right record's id.
    #[must_use]
    pub fn right_id(&self, link: &Link) -> &str {
        self.shape.right(self.people).id(link.right as usize)
    }

    /// A candidate's id.
    #[must_use]
    pub fn left_id(&self, candidate: &Candidate) -> &str {
        self.people.left.id(candidate.left as usize)
    }

    /// What each field says of a candidate: its level's name, and millibits.
    pub fn fields(&self, candidate: &Candidate) -> impl Iterator<Item = (&str, &'static str, i32)> {
        let cells = self.people.left.row(candidate.left as usize);
        let pattern = candidate.pattern;
        self.people
            .config
            .field
            .iter()
            .enumerate()
            .map(move |(at, field)| {
                let level = pattern.level(at);
                let name = field
                    .kind
                    .levels()
                    .get(level as usize)
                    .copied()
                    .unwrap_or_default();
                (
                    field.name.as_str(),
                    name,
                    self.scorer.weight(at, pattern, cells[at]),
                )
            })
    }

    /// The level of a candidate's field, by the field's kind; `None` where no field has it.
    #[must_use]
    pub fn level(&self, candidate: &Candidate, kind: Kind) -> Option<Level> {
        let at = self
            .people
            .config
            .field
            .iter()
            .position(|field| field.kind == kind)?;
        Some(candidate.pattern.level(at))
    }

    /// How many links of a verdict there are.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.all
            .iter()
            .filter(|link| link.verdict == verdict)
            .count()
    }

    /// How many of the links made without a person's word are false, as the scores expect it.
    #[must_use]
    pub fn expected_false(&self) -> f64 {
        let linked = self.all.iter().filter(|link| link.verdict == Verdict::Auto);
        let scores = linked.filter_map(|link| link.candidates.first());
        scores
            .map(|one| 1.0 / (1.0 + (f64::from(one.millibits) / 1000.0).exp2()))
            .sum()
    }
}
