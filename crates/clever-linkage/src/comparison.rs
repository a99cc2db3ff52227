//! What was found: for each record the other ones that may be the same person's, with what speaks for it and
//! against it.

use std::cell::RefCell;
use std::cmp::Reverse;

use crate::block::Blocks;
use crate::compare::Comparer;
use crate::kin::Kin;
use crate::kind::{EQUAL, Kind, Level};
use crate::model::{Model, ModelError, Scorer};
use crate::namesakes::Namesakes;
use crate::nicknames::Nicknames;
use crate::pattern::Pattern;
use crate::people::{People, Table};
use crate::{Run, Shape, walk};

/// Two records that may be one person's, and how much speaks for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    left: u32,
    right: u32,
    pattern: Pattern,
    /// The log-odds that both are one person's, in millibits: 1,000 for each doubling of the odds.
    pub millibits: i32,
    /// Both may be two people of one family: no id of one person alone is equal, and the given names are not
    /// certainly the same.
    pub may_be_sibling: bool,
    /// Another person of the family and the birthday is known in one of the files.
    pub sibling_known: bool,
    /// Both names agree, and so do a place with the grade or the birth date; nobody else of either file has the names there, and they
    /// are too rare for that to be chance. Never over one file.
    pub has_rare_names: bool,
    /// One of the names is another altogether; but two ids and the birth date are equal, and nobody else of either file has the
    /// names of one of the two. Never over one file.
    pub has_another_name: bool,
}

/// What was found for one right record; over one file, for one of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matches {
    right: u32,
    /// The pairs that have at least [`MatchConfig::least`](crate::MatchConfig::least), best first. Over one file, the
    /// record with the smaller id is the left one.
    pub pairs: Vec<Pair>,
    /// A block was too large to be read, so that a pair may be missing.
    pub cut: bool,
}

/// What one field says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement<'a> {
    /// The field's name.
    pub field: &'a str,
    /// What sort of field it is.
    pub kind: Kind,
    /// How far the two values agree; see [`Kind::levels`].
    pub level: Level,
    /// What it adds to the score, in millibits.
    pub millibits: i32,
    /// How many records of one file have the left record's value, at most.
    pub holders: u32,
}

impl Agreement<'_> {
    /// The level's name.
    #[must_use]
    pub fn word(&self) -> &'static str {
        let levels = self.kind.levels();
        levels
            .get(usize::from(self.level))
            .copied()
            .unwrap_or_default()
    }

    /// Says whether the values contradict that the two records are one person's.
    #[must_use]
    pub fn contradicts(&self) -> bool {
        self.kind.contradicts(self.level)
    }

    /// Says whether the values are equal.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        self.level == EQUAL
    }
}

/// Two files compared, or one with itself: scores and evidence. Whose a record is, it does not say.
pub struct Comparison<'a> {
    people: &'a People,
    scorer: Scorer,
    kin: Kin<'a>,
    comparer: RefCell<Comparer<'a>>,
    shape: Shape,
    /// One for each right record, in the order of their ids.
    pub all: Vec<Matches>,
}

/// Compares by a frozen model.
pub(crate) fn compare<'a>(
    people: &'a People,
    nicknames: &'a Nicknames,
    model: &Model,
    shape: Shape,
    run: &Run<'_>,
) -> Result<Comparison<'a>, ModelError> {
    let scorer = model.scorer(people)?;
    let one_file = shape == Shape::OneFile;
    let blocks = Blocks::new(people, one_file, 1);
    let kin = Kin::new(people, one_file);
    let namesakes = Namesakes::new(people, one_file);
    let right = shape.right(people);
    let state = || (Comparer::new(people, nicknames, one_file), Vec::new());
    let parts = walk::chunks(
        right.len(),
        run.threads,
        run.progress,
        state,
        |(comparer, rows), range| {
            let mut found = Vec::with_capacity(range.len());
            for row in range {
                let cut = blocks.candidates(people, right.row(row), row, rows);
                let mut pairs: Vec<Pair> = rows
                    .iter()
                    .filter(|left| shape.counts(**left as usize, row))
                    .filter_map(|left| {
                        let pair = pair(people, shape, &scorer, &kin, comparer, (*left, row));
                        (pair.millibits >= people.config.least).then_some(pair)
                    })
                    .collect();
                for pair in &mut pairs {
                    pair.sibling_known = kin.has_sibling(comparer, pair.left, pair.right);
                    let (ours, theirs) = (people.left.row(pair.left as usize), right.row(row));
                    pair.has_rare_names = namesakes.are_rare(&scorer, pair.pattern, ours, theirs);
                    pair.has_another_name = !pair.sibling_known
                        && namesakes.is_another_name(pair.pattern, ours, theirs);
                }
                pairs.shrink_to_fit();
                pairs.sort_unstable_by_key(|pair| (Reverse(pair.millibits), pair.left));
                let right = number(row);
                found.push(Matches { right, pairs, cut });
            }
            found
        },
    );
    let all = parts.into_iter().flatten().collect();
    let comparer = RefCell::new(Comparer::new(people, nicknames, one_file));
    Ok(Comparison {
        people,
        scorer,
        kin,
        comparer,
        shape,
        all,
    })
}

fn pair(
    people: &People,
    shape: Shape,
    scorer: &Scorer,
    kin: &Kin<'_>,
    comparer: &mut Comparer<'_>,
    (left, row): (u32, usize),
) -> Pair {
    let (ours, theirs) = (people.left.row(left as usize), shape.right(people).row(row));
    let pattern = comparer.compare(ours, theirs);
    Pair {
        left,
        right: number(row),
        pattern,
        millibits: scorer.score(pattern, ours),
        may_be_sibling: kin.may_be_siblings(pattern, ours, theirs),
        sibling_known: false,
        has_rare_names: false,
        has_another_name: false,
    }
}

fn number(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

impl Pair {
    /// How likely it is that the two are two people's, by the score alone: from 0 to 1.
    #[must_use]
    pub fn chance_of_error(&self) -> f64 {
        1.0 / (1.0 + (f64::from(self.millibits) / 1000.0).exp2())
    }
}

impl<'a> Comparison<'a> {
    fn right(&self) -> &Table {
        self.shape.right(self.people)
    }

    /// The id of a right record.
    #[must_use]
    pub fn right_id(&self, matches: &Matches) -> &str {
        self.right().id(matches.right as usize)
    }

    /// Which record of its file a right record was, from 1.
    #[must_use]
    pub fn right_record(&self, matches: &Matches) -> usize {
        self.right().record(matches.right as usize)
    }

    /// The ids of a pair's left and right record.
    #[must_use]
    pub fn ids(&self, pair: &Pair) -> [&str; 2] {
        [
            self.people.left.id(pair.left as usize),
            self.right().id(pair.right as usize),
        ]
    }

    /// Which records of their files a pair's left and right one were, from 1.
    #[must_use]
    pub fn records(&self, pair: &Pair) -> [usize; 2] {
        [
            self.people.left.record(pair.left as usize),
            self.right().record(pair.right as usize),
        ]
    }

    /// Compares the records of two pairs of one file: the left or right one of each (0 or 1). Looks at them even if no
    /// key brought them together.
    #[must_use]
    pub fn between(
        &self,
        (one, of_one): (&Pair, usize),
        (other, of_other): (&Pair, usize),
    ) -> Pair {
        let row = |pair: &Pair, side: usize| if side == 0 { pair.left } else { pair.right };
        let (a, b) = (row(one, of_one), row(other, of_other));
        let (left, right) = (a.min(b), a.max(b));
        let mut comparer = self.comparer.borrow_mut();
        let mut pair = pair(
            self.people,
            self.shape,
            &self.scorer,
            &self.kin,
            &mut comparer,
            (left, right as usize),
        );
        pair.sibling_known = self.kin.has_sibling(&mut comparer, left, right);
        pair
    }

    /// What each field says of a pair, in the configuration's order.
    pub fn agreements<'c>(
        &'c self,
        pair: &Pair,
    ) -> impl Iterator<Item = Agreement<'c>> + use<'a, 'c> {
        let cells = self.people.left.row(pair.left as usize);
        let pattern = pair.pattern;
        let fields = self.people.config.field.iter().enumerate();
        fields.map(move |(at, field)| {
            let holders = self.people.lexicons[at].holders(cells[at]);
            Agreement {
                field: &field.name,
                kind: field.kind,
                level: pattern.level(at),
                millibits: self.scorer.weight(at, pattern, cells[at]),
                holders: holders[0].max(holders[1]),
            }
        })
    }
}
