//! Which records are compared at all: those with an equal blocking key.

use super::people::{People, Table};

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
            .map(|fields| Block::new(&people.left, right, fields, limit))
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
    fn new(left: &Table, right: &Table, fields: Vec<usize>, limit: u32) -> Self {
        let left_keys = keys(left, &fields);
        let right_keys = keys(right, &fields);
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
            // Two numbers fill a key and prove themselves.
            check: if fields.len() > 2 { fields } else { Vec::new() },
            rows: left_keys.into_iter().map(|(_, row)| row).collect(),
            ranges,
        }
    }
}

/// Each row's key, where all its fields are told, in the keys' order.
fn keys(table: &Table, fields: &[usize]) -> Vec<(u64, u32)> {
    let mut all: Vec<(u64, u32)> = (0..table.len())
        .filter_map(|row| {
            let cells = table.row(row);
            let mut key = 0_u64;
            for field in fields {
                let value = cells[*field];
                if value == 0 {
                    return None;
                }
                key = if fields.len() > 2 {
                    (key.rotate_left(23) ^ u64::from(value)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                } else {
                    key << 32 | u64::from(value)
                };
            }
            Some((key, u32::try_from(row).ok()?))
        })
        .collect();
    all.sort_unstable();
    all
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
