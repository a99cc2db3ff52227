//! Which records are compared at all: those with an equal blocking key.

use xxhash_rust::xxh3::xxh3_64;

use crate::config::Key;
use crate::people::{People, Symbol, Table};
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
    /// Joins both files by every key; one file with itself where `one_file`.
    pub(crate) fn new(people: &People, one_file: bool) -> Self {
        let right = if one_file {
            &people.left
        } else {
            &people.right
        };
        let limit = people.config.block_limit;
        let all = people
            .config
            .blocks()
            .into_iter()
            .map(|key| Block::new(people, right, &key, limit))
            .collect();
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

impl Block {
    fn new(people: &People, right: &Table, key: &Key, limit: u32) -> Self {
        let left_keys = keys(people, &people.left, key);
        let right_keys = keys(people, right, key);
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

/// (key, row) pairs of the rows that have all of the key's fields, sorted by key.
fn keys(people: &People, table: &Table, key: &Key) -> Vec<(u64, u32)> {
    let mut letters = String::new();
    let mut all: Vec<(u64, u32)> = (0..table.len())
        .filter_map(|row| {
            let cells = table.row(row);
            let key = match key {
                Key::Fields(fields) => of_fields(cells, fields)?,
                Key::Letters { names, date } => {
                    let date = date.map_or(Some(0), |date| told(cells[date]))?;
                    read_names(people, cells, names, &mut letters)?;
                    let mut sorted: Vec<char> = letters.chars().filter(|c| *c != ' ').collect();
                    sorted.sort_unstable();
                    letters.clear();
                    letters.extend(sorted);
                    mixed(xxh3_64(letters.as_bytes()), date)
                }
                Key::Initials { names, date } => {
                    let date = told(cells[*date])?;
                    let begin = read_names(people, cells, names, &mut letters)?;
                    let (a, b) = (
                        letters.chars().next().map_or(0, u64::from),
                        letters[begin..].chars().next().map_or(0, u64::from),
                    );
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

/// Writes both names one after the other, umlauts in one form; where the second one begins. `None` where one
/// is absent.
fn read_names(
    people: &People,
    cells: &[Symbol],
    names: &[usize; 2],
    out: &mut String,
) -> Option<usize> {
    out.clear();
    let mut begin = 0;
    for field in names {
        begin = out.len();
        let mut name = people.lexicons[*field]
            .value(told(cells[*field])?)
            .to_owned();
        text::one_form(&mut name);
        out.push_str(&name);
    }
    Some(begin)
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
