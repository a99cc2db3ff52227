//! Which records are compared at all: those with an equal blocking key.

use crate::config::Key;
use crate::kind::Kind;
use crate::people::{Lexicon, People, Symbol, Table};
use crate::text;

/// The left records of each right record's blocks.
#[derive(Debug)]
pub(crate) struct Blocks {
    all: Vec<Block>,
}

#[derive(Debug)]
struct Block {
    /// The fields that are equal, where the key alone does not prove it.
    check: Vec<usize>,
    /// Left rows by key, then by row.
    rows: Vec<u32>,
    /// For each right row, where its left rows begin, and how many they are.
    ranges: Vec<(u32, u32)>,
}

/// How many blocks were too large to be read.
const CUT: u32 = u32::MAX;

impl Blocks {
    /// Joins both files by every key; one file with itself where `one_file`. Of the right rows every `step`-th is asked for.
    pub(crate) fn new(people: &People, one_file: bool, step: usize) -> Self {
        let right = if one_file {
            &people.left
        } else {
            &people.right
        };
        let limit = people.config.block_limit;
        let keys = people.config.blocks();
        let names = keys.iter().find_map(|key| match key {
            Key::Letters { names, .. } | Key::Initials { names, .. } => Some(*names),
            Key::Fields(_) => None,
        });
        let letters =
            names.map(|names| names.map(|field| Letters::of_all(&people.lexicons[field])));
        let of = |key| match key {
            Key::Fields(fields) if fields.len() == 1 && is_numbered(people, fields[0]) => {
                Block::of_values(people, right, fields[0], limit, step)
            }
            key => Block::new(people, right, &key, letters.as_ref(), limit, step),
        };
        let all = keys.into_iter().map(of).collect();
        Self { all }
    }

    /// The left rows to compare a right row with, ascending, each once; whether a block was left out.
    pub(crate) fn candidates(
        &self,
        people: &People,
        cells: &[u32],
        row: usize,
        out: &mut Vec<u32>,
    ) -> bool {
        out.clear();
        let mut cut = false;
        for block in &self.all {
            let (begin, len) = block.ranges[row];
            if len == CUT {
                cut = true;
                continue;
            }
            let rows = &block.rows[begin as usize..][..len as usize];
            out.extend(rows.iter().filter(|left| {
                let other = people.left.row(**left as usize);
                block
                    .check
                    .iter()
                    .all(|field| other[*field] == cells[*field])
            }));
        }
        out.sort_unstable();
        out.dedup();
        cut
    }
}

/// Whether the values of a field are numbered from 1 on, each once: dates and grades are what they say.
fn is_numbered(people: &People, field: usize) -> bool {
    !matches!(people.config.field[field].kind, Kind::Date | Kind::Grade)
}

impl Block {
    /// The block of one field, whose values are its keys: they are counted and not sorted.
    fn of_values(people: &People, right: &Table, field: usize, limit: u32, step: usize) -> Self {
        let left = &people.left;
        let mut begins = vec![0_u32; people.lexicons[field].len() + 1];
        for row in 0..left.len() {
            let value = left.row(row)[field] as usize;
            if value != 0 {
                begins[value + 1] += 1;
            }
        }
        for value in 1..begins.len() {
            begins[value] += begins[value - 1];
        }
        let mut next = begins.clone();
        let mut rows = vec![0_u32; begins.last().copied().unwrap_or_default() as usize];
        for row in 0..left.len() {
            let value = left.row(row)[field] as usize;
            if value != 0
                && let Ok(row) = u32::try_from(row)
            {
                rows[next[value] as usize] = row;
                next[value] += 1;
            }
        }
        let mut ranges = vec![(0, 0); right.len()];
        for row in (0..right.len()).step_by(step) {
            let value = right.row(row)[field] as usize;
            if value != 0 {
                let (begin, end) = (begins[value], begins[value + 1]);
                let len = end - begin;
                ranges[row] = (begin, if len > limit { CUT } else { len });
            }
        }
        Self {
            check: Vec::new(),
            rows,
            ranges,
        }
    }

    fn new(
        people: &People,
        right: &Table,
        key: &Key,
        letters: Option<&[Letters; 2]>,
        limit: u32,
        step: usize,
    ) -> Self {
        let left_keys = keys(&people.left, key, letters, 1);
        let right_keys = keys(right, key, letters, step);
        let mut ranges = vec![(0, 0); right.len()];
        let mut rest = left_keys.as_slice();
        let mut begin = 0_u32;
        let mut group: Option<(u64, u32, u32)> = None;
        for (key, row) in right_keys {
            let (begin, len) = match group {
                Some((of, begin, len)) if of == key => (begin, len),
                _ => {
                    let skip = rest.partition_point_near(key);
                    rest = &rest[skip..];
                    begin += u32::try_from(skip).unwrap_or(u32::MAX);
                    let len = rest.iter().take_while(|(other, _)| *other == key).count();
                    let len = u32::try_from(len).unwrap_or(CUT);
                    let len = if len > limit { CUT } else { len };
                    group = Some((key, begin, len));
                    (begin, len)
                }
            };
            ranges[row as usize] = (begin, len);
        }
        Self {
            // Two numbers fill a key and prove themselves; letters only bring together.
            check: match key {
                Key::Fields(fields) if fields.len() > 2 => fields.clone(),
                _ => Vec::new(),
            },
            rows: left_keys.into_iter().map(|(_, row)| row).collect(),
            ranges,
        }
    }
}

/// The letters of each value of a name, umlauts in one form: a sum over them that their order does not change, and the first.
struct Letters(Vec<(u64, u32)>);

impl Letters {
    fn of_all(lexicon: &Lexicon) -> Self {
        let mut name = String::new();
        let of = |symbol| {
            name.clear();
            name.push_str(lexicon.value(symbol));
            text::one_form(&mut name);
            let letters = name.chars().filter(|c| *c != ' ');
            let sum = letters.fold(0_u64, |sum, c| sum.wrapping_add(spread(u64::from(c))));
            (sum, name.chars().next().map_or(0, u32::from))
        };
        Self(
            std::iter::once((0, 0))
                .chain(lexicon.symbols().map(of))
                .collect(),
        )
    }

    fn of(&self, symbol: Symbol) -> Option<(u64, u32)> {
        self.0.get(told(symbol)? as usize).copied()
    }
}

/// A number that looks like any other, the same for the same number (SplitMix64).
const fn spread(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// (key, row) pairs of every `step`-th row, of those that have all of the key's fields; sorted by key.
fn keys(table: &Table, key: &Key, letters: Option<&[Letters; 2]>, step: usize) -> Vec<(u64, u32)> {
    let both = |cells: &[Symbol], names: &[usize; 2]| {
        let [given, family] = letters?;
        given.of(cells[names[0]]).zip(family.of(cells[names[1]]))
    };
    let mut all: Vec<(u64, u32)> = (0..table.len())
        .step_by(step)
        .filter_map(|row| {
            let cells = table.row(row);
            let key = match key {
                Key::Fields(fields) => of_fields(cells, fields)?,
                Key::Letters { names, date } => {
                    let date = date.map_or(Some(0), |date| told(cells[date]))?;
                    let (given, family) = both(cells, names)?;
                    mixed(given.0.wrapping_add(family.0), date)
                }
                Key::Initials { names, date } => {
                    let date = told(cells[*date])?;
                    let (given, family) = both(cells, names)?;
                    let (a, b) = (u64::from(given.1), u64::from(family.1));
                    mixed(a.min(b) << 32 | a.max(b), date)
                }
            };
            Some((key, u32::try_from(row).ok()?))
        })
        .collect();
    all.sort_unstable();
    all
}

fn told(value: Symbol) -> Option<Symbol> {
    (value != 0).then_some(value)
}

fn mixed(key: u64, value: Symbol) -> u64 {
    (key.rotate_left(23) ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn of_fields(cells: &[Symbol], fields: &[usize]) -> Option<u64> {
    let mut key = 0_u64;
    for field in fields {
        let value = told(cells[*field])?;
        key = if fields.len() > 2 {
            mixed(key, value)
        } else {
            key << 32 | u64::from(value)
        };
    }
    Some(key)
}

/// Looks for a key near the beginning first: keys are asked for in ascending order.
trait Near {
    fn partition_point_near(&self, key: u64) -> usize;
}

impl Near for [(u64, u32)] {
    fn partition_point_near(&self, key: u64) -> usize {
        let mut reach = 1;
        while self.get(reach).is_some_and(|(other, _)| *other < key) {
            reach *= 2;
        }
        self[..self.len().min(reach + 1)].partition_point(|(other, _)| *other < key)
    }
}
