//! The records of both files, as small numbers: equal values of a field have equal numbers.

use hashbrown::HashTable;
use thiserror::Error;
use xxhash_rust::xxh3::xxh3_64;

use crate::config::{ConfigError, MatchConfig, Side};
use crate::date::{self, DateForm};
use crate::kind::Kind;
use crate::reading::{ColumnReading, Reading, Value};
use crate::{placeholder, sketch, text};

/// A value's number; 0 where there is none.
pub(crate) type Symbol = u32;

/// Two files can't be compared.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum FileError {
    /// The configuration is unusable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A record without an id.
    #[error("record {record} of the {side} file has no id")]
    NoId {
        /// Which file.
        side: Side,
        /// Which record, from 1.
        record: usize,
    },
    /// An id twice.
    #[error("records {first} and {second} of the {side} file have the same id")]
    DuplicateId {
        /// Which file.
        side: Side,
        /// The first record, from 1.
        first: usize,
        /// The second record, from 1.
        second: usize,
    },
    /// A record with too few or too many values.
    #[error("record {record} of the {side} file has {found} values, not {wanted}")]
    Values {
        /// Which file.
        side: Side,
        /// Which record, from 1.
        record: usize,
        /// How many there are.
        found: usize,
        /// How many there must be.
        wanted: usize,
    },
    /// More than can be numbered.
    #[error("more than {} values", u32::MAX)]
    TooMany,
}

/// All values of a field, each once.
#[derive(Debug)]
pub(crate) struct Lexicon {
    text: String,
    /// Where each value ends; value 0 is the empty one.
    ends: Vec<u32>,
    /// How many records of the left and the right file have it.
    holders: Vec<[u32; 2]>,
    /// Whether some record writes it with an umlaut; of given names alone, and only as far as the last one that has one.
    umlauts: Vec<bool>,
    /// Of ids and addresses, what says of most pairs how far they agree.
    sketches: Vec<u32>,
    table: HashTable<Symbol>,
}

impl Lexicon {
    fn new() -> Self {
        Self {
            text: String::new(),
            ends: vec![0],
            holders: vec![[0; 2]],
            umlauts: Vec::new(),
            sketches: Vec::new(),
            table: HashTable::new(),
        }
    }

    fn number(&mut self, value: &str, side: Side) -> Result<Symbol, FileError> {
        if value.is_empty() {
            return Ok(0);
        }
        let hash = xxh3_64(value.as_bytes());
        let (text, ends) = (&self.text, &self.ends);
        let found = self
            .table
            .find(hash, |symbol| read(text, ends, *symbol) == value);
        let symbol = if let Some(symbol) = found {
            *symbol
        } else {
            let symbol = Symbol::try_from(self.ends.len()).map_err(|_| FileError::TooMany)?;
            self.text.push_str(value);
            let end = u32::try_from(self.text.len()).map_err(|_| FileError::TooMany)?;
            self.ends.push(end);
            self.holders.push([0; 2]);
            let (text, ends) = (&self.text, &self.ends);
            self.table.insert_unique(hash, symbol, |symbol| {
                xxh3_64(read(text, ends, *symbol).as_bytes())
            });
            symbol
        };
        if let Some(holders) = self.holders.get_mut(symbol as usize) {
            holders[side as usize] += 1;
        }
        Ok(symbol)
    }

    /// Gives back what only taking values in needs, and sketches them.
    fn settle(&mut self, kind: Kind) {
        let values = (0..self.ends.len()).filter_map(|at| Symbol::try_from(at).ok());
        let sketches: Option<Vec<u32>> = values
            .map(|symbol| sketch::sketch(kind, self.value(symbol)))
            .collect();
        self.sketches = sketches.unwrap_or_default();
        self.table = HashTable::new();
        self.text.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.holders.shrink_to_fit();
        self.umlauts.shrink_to_fit();
    }

    /// The sketches of two values, if they have some.
    pub(crate) fn sketches(&self, a: Symbol, b: Symbol) -> Option<(u32, u32)> {
        let of = |symbol: Symbol| self.sketches.get(symbol as usize).copied();
        of(a).zip(of(b))
    }

    /// How many numbers there are, with that of no value.
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The value of a number.
    pub(crate) fn value(&self, symbol: Symbol) -> &str {
        read(&self.text, &self.ends, symbol)
    }

    /// How many records of either file have it.
    pub(crate) fn holders(&self, symbol: Symbol) -> [u32; 2] {
        self.holders
            .get(symbol as usize)
            .copied()
            .unwrap_or_default()
    }

    /// Whether some record writes it with an umlaut, which folding took away.
    pub(crate) fn has_umlaut(&self, symbol: Symbol) -> bool {
        self.umlauts
            .get(symbol as usize)
            .copied()
            .unwrap_or_default()
    }

    fn write_umlaut(&mut self, symbol: Symbol) {
        let place = symbol as usize;
        if self.umlauts.len() <= place {
            self.umlauts.resize(place + 1, false);
        }
        self.umlauts[place] = true;
    }

    /// Every value's number.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = Symbol> + '_ {
        (1..self.ends.len()).filter_map(|at| Symbol::try_from(at).ok())
    }
}

fn read<'a>(text: &'a str, ends: &[u32], symbol: Symbol) -> &'a str {
    let at = symbol as usize;
    match (at.checked_sub(1).and_then(|at| ends.get(at)), ends.get(at)) {
        (Some(begin), Some(end)) => text.get(*begin as usize..*end as usize).unwrap_or_default(),
        _ => "",
    }
}

/// One file's records, in the order of their ids.
#[derive(Debug, Default)]
pub(crate) struct Table {
    ids: String,
    id_ends: Vec<u32>,
    /// Each record's numbers, one after the other.
    cells: Vec<Symbol>,
    /// Which record of its file each one was, from 1.
    records: Vec<u32>,
    width: usize,
}

impl Table {
    pub(crate) const fn len(&self) -> usize {
        self.id_ends.len()
    }

    pub(crate) fn id(&self, row: usize) -> &str {
        let begin = row.checked_sub(1).map_or(0, |before| self.id_ends[before]);
        &self.ids[begin as usize..self.id_ends[row] as usize]
    }

    pub(crate) fn row(&self, row: usize) -> &[Symbol] {
        &self.cells[row * self.width..][..self.width]
    }

    /// Which record of its file a row was, from 1.
    pub(crate) fn record(&self, row: usize) -> usize {
        self.records[row] as usize
    }

    /// Settles the dates of a field, now that all are known.
    fn settle(&mut self, field: usize, form: Option<DateForm>) {
        if self.width > 0 {
            for cells in self.cells.chunks_exact_mut(self.width) {
                cells[field] = date::settled(cells[field], form);
            }
        }
    }

    /// Brings the records into the order of their ids, so that the order of the file means nothing.
    fn sort(&mut self, side: Side) -> Result<(), FileError> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_unstable_by(|a, b| self.id(*a).cmp(self.id(*b)));
        if let Some(pair) = order
            .windows(2)
            .find(|pair| self.id(pair[0]) == self.id(pair[1]))
        {
            let records = [pair[0], pair[1]].map(|row| self.record(row));
            return Err(FileError::DuplicateId {
                side,
                first: records[0].min(records[1]),
                second: records[0].max(records[1]),
            });
        }
        if order.is_sorted() {
            return Ok(());
        }
        let mut sorted = Self {
            width: self.width,
            ids: String::with_capacity(self.ids.len()),
            id_ends: Vec::with_capacity(self.len()),
            cells: Vec::with_capacity(self.cells.len()),
            records: Vec::with_capacity(self.len()),
        };
        for row in order {
            sorted.ids.push_str(self.id(row));
            // No more than the unsorted ids are.
            sorted
                .id_ends
                .push(u32::try_from(sorted.ids.len()).unwrap_or(u32::MAX));
            sorted.cells.extend_from_slice(self.row(row));
            sorted.records.push(self.records[row]);
        }
        *self = sorted;
        Ok(())
    }
}

/// Takes the records in.
#[derive(Debug)]
pub struct PeopleBuilder {
    config: MatchConfig,
    lexicons: Vec<Lexicon>,
    left: Table,
    right: Table,
    /// The columns of each file.
    widths: [usize; 2],
    /// What was read of each field, of the left and the right file.
    readings: [Vec<Reading>; 2],
    folded: String,
    scoped: String,
}

/// The records of both files, ready to be compared.
#[derive(Debug)]
pub struct People {
    pub(crate) config: MatchConfig,
    pub(crate) lexicons: Vec<Lexicon>,
    pub(crate) left: Table,
    pub(crate) right: Table,
}

impl PeopleBuilder {
    /// Begins with no records.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with the configuration.
    pub fn new(config: MatchConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let width = config.field.len();
        let table = || Table {
            width,
            ..Table::default()
        };
        Ok(Self {
            lexicons: config.field.iter().map(|_| Lexicon::new()).collect(),
            left: table(),
            right: table(),
            widths: [Side::Left, Side::Right].map(|side| config.columns(side).len()),
            readings: [(); 2].map(|()| vec![Reading::default(); config.field.len()]),
            folded: String::new(),
            scoped: String::new(),
            config,
        })
    }

    /// Takes a record in: its id, and its values in the order of [`MatchConfig::columns`].
    ///
    /// # Errors
    ///
    /// Returns an error where there is no id, or not one value for each column.
    pub fn push<'v>(
        &mut self,
        side: Side,
        id: &str,
        values: impl IntoIterator<Item = &'v str>,
    ) -> Result<(), FileError> {
        let table = match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        let record = table.len() + 1;
        let id = id.trim();
        if id.is_empty() {
            return Err(FileError::NoId { side, record });
        }
        let wanted = self.widths[side as usize];
        let mut found = 0;
        let mut values = values.into_iter().inspect(|_| found += 1);
        let mut cells = [0; 16];
        let mut complete = true;
        for (at, cell) in cells.iter_mut().enumerate().take(self.config.field.len()) {
            let field = &self.config.field[at];
            let value = values.next();
            let scope = field.scope.as_ref().map(|_| values.next());
            let (Some(value), Some(scope)) = (value, scope.unwrap_or(Some(""))) else {
                complete = false;
                break;
            };
            let reading = &mut self.readings[side as usize][at];
            *cell = match reading.read(field.kind, value, record, &mut self.folded) {
                Value::Number(number) => number,
                Value::Nothing => 0,
                Value::Text if field.scope.is_none() => {
                    let symbol = self.lexicons[at].number(&self.folded, side)?;
                    if field.kind == Kind::GivenName && text::has_umlaut(value) {
                        self.lexicons[at].write_umlaut(symbol);
                    }
                    symbol
                }
                Value::Text if placeholder::is_nothing(scope) => 0,
                Value::Text => {
                    // No id has this character in it, so no two pairs read alike.
                    self.scoped.clear();
                    self.scoped.push_str(scope.trim());
                    self.scoped.push('\u{1f}');
                    self.scoped.push_str(&self.folded);
                    self.lexicons[at].number(&self.scoped, side)?
                }
            };
        }
        let more = values.count();
        if !complete || more > 0 {
            return Err(FileError::Values {
                side,
                record,
                found,
                wanted,
            });
        }
        table.ids.push_str(id);
        let end = u32::try_from(table.ids.len()).map_err(|_| FileError::TooMany)?;
        table.id_ends.push(end);
        table.cells.extend_from_slice(&cells[..table.width]);
        let record = u32::try_from(record).map_err(|_| FileError::TooMany)?;
        table.records.push(record);
        Ok(())
    }

    /// What was read so far, a column after another; of files without records nothing.
    #[must_use]
    pub fn readings(&self) -> Vec<ColumnReading> {
        let mut all = Vec::new();
        for (side, table) in [(Side::Left, &self.left), (Side::Right, &self.right)] {
            if table.len() == 0 {
                continue;
            }
            let fields = self.config.field.iter();
            for (field, reading) in fields.zip(&self.readings[side as usize]) {
                all.push(reading.of_column(side, field));
            }
        }
        all
    }

    /// Ends the taking in.
    ///
    /// # Errors
    ///
    /// Returns an error where two records of a file have one id.
    pub fn finish(mut self) -> Result<People, FileError> {
        for (at, field) in self.config.field.iter().enumerate() {
            if field.kind == Kind::Date {
                for (side, table) in [(Side::Left, &mut self.left), (Side::Right, &mut self.right)]
                {
                    let reading = &self.readings[side as usize][at];
                    table.settle(at, reading.form());
                }
            }
        }
        for (lexicon, field) in self.lexicons.iter_mut().zip(&self.config.field) {
            lexicon.settle(field.kind);
        }
        self.left.sort(Side::Left)?;
        self.right.sort(Side::Right)?;
        Ok(People {
            config: self.config,
            lexicons: self.lexicons,
            left: self.left,
            right: self.right,
        })
    }
}

impl People {
    /// How many records a file has.
    #[must_use]
    pub const fn len(&self, side: Side) -> usize {
        self.table(side).len()
    }

    /// Whether a file has no records.
    #[must_use]
    pub const fn is_empty(&self, side: Side) -> bool {
        self.len(side) == 0
    }

    pub(crate) const fn table(&self, side: Side) -> &Table {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}
