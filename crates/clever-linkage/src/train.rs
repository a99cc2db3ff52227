//! Training without labels: expectation maximisation over how often each pattern of agreement occurs.
//!
//! How often unmatched people agree is counted (all pairs less the matches); how often matching people agree
//! is what the rounds find. See Fellegi and Sunter (1969), Winkler (1988).

use std::collections::BTreeMap;

use crate::block::Blocks;
use crate::compare::Comparer;
use crate::kind::{ABSENT, EQUAL, Kind, MAX_LEVELS};
use crate::model::{FieldModel, Frequencies, Model, Training};
use crate::nicknames::Nicknames;
use crate::pattern::Pattern;
use crate::people::People;
use crate::walk;
use crate::{Run, Shape};

/// Pairs picked without blocking, to learn how often unmatched people agree.
const PICKED: u64 = 2_000_000;
/// Right records whose candidates are looked at.
const SAMPLE: usize = 200_000;
/// Most rounds.
const ROUNDS: u32 = 200;

/// How often each pattern was met.
type Counts = BTreeMap<Pattern, u64>;
/// A number for each level of each field.
type Shares = Vec<[f64; MAX_LEVELS]>;

/// Finds weights for these records.
pub(crate) fn train(people: &People, nicknames: &Nicknames, shape: Shape, run: &Run<'_>) -> Model {
    let right = shape.right(people);
    let total = shape.pairs(people);
    let step = right.len().div_ceil(SAMPLE).max(1);
    let blocks = Blocks::new(people, shape == Shape::OneFile, step);
    let candidates = count_candidates(people, nicknames, shape, run, &blocks, step);
    drop(blocks);
    let picked = pick(people, nicknames, shape, run, total);
    let by_chance = by_chance(people, shape, &picked, total);
    let scale = step as f64;
    let begin = left_or_right(people, shape) as f64 * 0.5;
    let mut matches = begin.max(1.0);
    let mut shares: Shares = people
        .config
        .field
        .iter()
        .map(|field| fill(field.kind.first_guess()))
        .collect();
    let mut unmatched = by_chance.clone();
    let mut rounds = 0;
    while rounds < ROUNDS {
        rounds += 1;
        let prior = matches / total.max(matches + 1.0);
        let mut next: Shares = vec![[0.0; MAX_LEVELS]; shares.len()];
        let mut sum = 0.0;
        for (pattern, count) in &candidates {
            let mut odds = prior / (1.0 - prior);
            for (field, (m, u)) in shares.iter().zip(&unmatched).enumerate() {
                let level = pattern.level(field);
                if level != ABSENT {
                    odds *= m[level as usize] / u[level as usize];
                }
            }
            let weight = odds / (1.0 + odds) * *count as f64 * scale;
            sum += weight;
            for (field, levels) in next.iter_mut().enumerate() {
                levels[pattern.level(field) as usize] += weight;
            }
        }
        let (before, matched) = (shares.clone(), next.clone());
        for (field, (levels, share)) in next.iter().zip(&mut shares).enumerate() {
            let kind = people.config.field[field].kind;
            // A little of the first guess, so that what was not met is rare and not impossible.
            let told: f64 = levels[1..].iter().sum::<f64>() + 2.0;
            for ((level, share), guess) in levels
                .iter()
                .zip(share.iter_mut())
                .zip(fill(kind.first_guess()))
            {
                *share = (level + 2.0 * guess) / told;
            }
        }
        unmatched = without(&by_chance, &matched, total);
        let moved = shares
            .iter()
            .flatten()
            .zip(before.iter().flatten())
            .map(|(a, b)| (a - b).abs());
        let moved = moved.fold((matches - sum).abs() / matches.max(1.0), f64::max);
        matches = sum.max(1.0);
        if moved < 1e-6 {
            break;
        }
    }
    let prior = matches / total.max(matches + 1.0);
    let fields = people
        .config
        .field
        .iter()
        .zip(&people.lexicons)
        .enumerate()
        .map(|(at, (field, lexicon))| {
            let (m, u) = (&shares[at], &unmatched[at]);
            let weights = field.kind.levels().iter().enumerate().map(|(level, name)| {
                let weight = match level {
                    0 => 0,
                    // A mailbox of several people says nothing.
                    2 if field.kind == Kind::Email => 0,
                    level => millibits((m[level] / u[level]).log2()),
                };
                let level_is_equal = level == EQUAL as usize;
                (
                    (*name).to_owned(),
                    if level_is_equal {
                        weight.max(0)
                    } else {
                        weight
                    },
                )
            });
            FieldModel {
                name: field.name.clone(),
                kind: field.kind,
                weights: weights.collect(),
                frequencies: match field.kind {
                    Kind::Date | Kind::Grade => Frequencies::default(),
                    _ => Frequencies::count(lexicon, millibits(m[EQUAL as usize].log2()).min(0)),
                },
            }
        });
    Model {
        version: Model::VERSION,
        prior: millibits((prior / (1.0 - prior)).log2()),
        fields: fields.collect(),
        trained_on: Training {
            left: people.left.len() as u64,
            right: right.len() as u64,
            pairs: candidates.values().sum(),
            matches: matches.round() as u64,
            rounds,
        },
    }
}

fn left_or_right(people: &People, shape: Shape) -> usize {
    people.left.len().min(shape.right(people).len())
}

fn fill(guess: &[f64]) -> [f64; MAX_LEVELS] {
    let mut all = [0.0; MAX_LEVELS];
    for (place, guess) in all.iter_mut().zip(guess) {
        *place = *guess;
    }
    all
}

fn millibits(bits: f64) -> i32 {
    // Within any weight that a field could have; a cast saturates.
    (bits * 1000.0).round() as i32
}

fn add(mut one: Counts, other: Counts) -> Counts {
    for (pattern, count) in other {
        *one.entry(pattern).or_default() += count;
    }
    one
}

/// How often each pattern occurs among the candidates of every `step`-th right record.
fn count_candidates(
    people: &People,
    nicknames: &Nicknames,
    shape: Shape,
    run: &Run<'_>,
    blocks: &Blocks,
    step: usize,
) -> Counts {
    let right = shape.right(people);
    let state = || {
        (
            Comparer::new(people, nicknames, shape == Shape::OneFile),
            Vec::new(),
        )
    };
    let parts = walk::chunks(
        right.len(),
        run.threads,
        run.progress,
        state,
        |(comparer, rows), range| {
            let mut counts = std::collections::HashMap::new();
            for row in range.filter(|row| row % step == 0) {
                let cells = right.row(row);
                blocks.candidates(people, cells, row, rows);
                for left in rows
                    .iter()
                    .filter(|left| shape.counts(**left as usize, row))
                {
                    *counts
                        .entry(comparer.compare(people.left.row(*left as usize), cells))
                        .or_default() += 1;
                }
            }
            counts.into_iter().collect::<Counts>()
        },
    );
    parts.into_iter().fold(Counts::new(), add)
}

/// How often each pattern occurs among pairs that no key brought together.
fn pick(people: &People, nicknames: &Nicknames, shape: Shape, run: &Run<'_>, total: f64) -> Counts {
    let (left, right) = (&people.left, shape.right(people));
    let all = left.len() as u64 * right.len() as u64;
    if all == 0 || total < 1.0 {
        return Counts::new();
    }
    let picked = all.min(PICKED);
    let state = || Comparer::new(people, nicknames, shape == Shape::OneFile);
    let parts = walk::chunks(
        picked as usize,
        run.threads,
        &|_| (),
        state,
        |comparer, range| {
            let mut counts = std::collections::HashMap::new();
            for at in range {
                // Evenly over all pairs, and where those are many in no step with either file.
                let at = if all == picked {
                    at as u64
                } else {
                    spread(at as u64) % all
                };
                let (l, r) = (
                    (at / right.len() as u64) as usize,
                    (at % right.len() as u64) as usize,
                );
                if shape.counts(l, r) {
                    *counts
                        .entry(comparer.compare(left.row(l), right.row(r)))
                        .or_default() += 1;
                }
            }
            counts.into_iter().collect::<Counts>()
        },
    );
    parts.into_iter().fold(Counts::new(), add)
}

/// A number that looks like any other, the same for the same number (SplitMix64).
const fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many of all pairs are at each level: equal values are counted exactly, the rest by the picked pairs.
fn by_chance(people: &People, shape: Shape, picked: &Counts, total: f64) -> Shares {
    let mut all: Shares = vec![[0.0; MAX_LEVELS]; people.config.field.len()];
    for (pattern, count) in picked {
        for (field, levels) in all.iter_mut().enumerate() {
            levels[pattern.level(field) as usize] += *count as f64;
        }
    }
    let pairs: f64 = picked.values().map(|count| *count as f64).sum();
    for (field, levels) in all.iter_mut().enumerate() {
        for level in levels.iter_mut() {
            // Half a pair where none was met.
            *level = level.max(0.5) / pairs.max(1.0) * total;
        }
        let kind = people.config.field[field].kind;
        if matches!(kind, Kind::Date | Kind::Grade) {
            continue;
        }
        let lexicon = &people.lexicons[field];
        let equal: f64 = lexicon
            .symbols()
            .map(|symbol| {
                let [left, right] = lexicon.holders(symbol).map(f64::from);
                match shape {
                    Shape::TwoFiles => left * right,
                    Shape::OneFile => left * (left - 1.0) / 2.0,
                }
            })
            .sum();
        let shared = if kind == Kind::Email { levels[2] } else { 0.0 };
        levels[EQUAL as usize] = (equal - shared).max(0.5);
    }
    all
}

/// The shares of each level among unmatched people: of all pairs, less those that match.
fn without(all: &Shares, matched: &Shares, total: f64) -> Shares {
    all.iter()
        .zip(matched)
        .map(|(all, matched)| {
            let mut shares = [0.0; MAX_LEVELS];
            for ((share, all), matched) in shares.iter_mut().zip(all).zip(matched).skip(1) {
                // Never nothing: half a pair, or a hundredth of what was counted.
                *share = (all - matched).max(0.5).max(all * 0.01);
            }
            let told: f64 = shares[1..].iter().sum();
            let _ = total;
            shares.map(|share| share / told)
        })
        .collect()
}
