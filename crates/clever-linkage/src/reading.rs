//! How the values of a file's columns are read, and what can't be.
//!
//! What can't be read is absent for the comparison, and counted: a column of dates in a form that nobody knows
//! would else make every person new, without a word.

use crate::config::{FieldConfig, Side};
use crate::date::{self, DateColumn, DateForm};
use crate::kind::Kind;
use crate::{placeholder, text};

/// What a value is.
pub(crate) enum Value {
    /// A date or a grade.
    Number(u32),
    /// Text, folded.
    Text,
    Nothing,
}

/// What was read of a field of one file.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Reading {
    told: usize,
    placeholders: usize,
    /// How many values were not read, and the first record that has one.
    unread: (usize, usize),
    dates: DateColumn,
}

/// What was read of a column, in numbers: no value is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnReading {
    /// Which file.
    pub side: Side,
    /// The field's name.
    pub field: String,
    /// What sort of value it is.
    pub kind: Kind,
    /// The column's name.
    pub column: String,
    /// How many values the column has.
    pub told: usize,
    /// How many of them stand for no value: `Unknown`, `N/A`, 1900-01-01.
    pub placeholders: usize,
    /// How many of them can't be read as what the field is.
    pub unread: usize,
    /// The first record with a value that can't be read, from 1.
    pub first_unread: Option<usize>,
    /// In what form its dates were read, if that had to be found out.
    pub dates: Option<DateForm>,
}

impl Reading {
    /// Reads a record's value; its text goes to `folded`.
    pub(crate) fn read(
        &mut self,
        kind: Kind,
        value: &str,
        record: usize,
        folded: &mut String,
    ) -> Value {
        if value.trim().is_empty() {
            return Value::Nothing;
        }
        self.told += 1;
        if placeholder::is_placeholder(kind, value) {
            self.placeholders += 1;
            return Value::Nothing;
        }
        let number = match kind {
            Kind::Date => self.dates.read(value, record),
            Kind::Grade => date::grade(value),
            Kind::GivenName | Kind::Code | Kind::Text => {
                text::fold(value, folded);
                return Value::Text;
            }
            Kind::FamilyName => {
                text::family(value, folded);
                return Value::Text;
            }
            Kind::SisId | Kind::StudentNumber | Kind::StateId | Kind::Id | Kind::Email => {
                text::exact(value, folded);
                return Value::Text;
            }
        };
        let Some(number) = number else {
            if self.unread.0 == 0 {
                self.unread.1 = record;
            }
            self.unread.0 += 1;
            return Value::Nothing;
        };
        Value::Number(number)
    }

    /// In what form the dates are, if that had to be found out.
    pub(crate) const fn form(&self) -> Option<DateForm> {
        self.dates.form(self.unread.0)
    }

    /// What it comes to in numbers, once all records are read.
    pub(crate) fn of_column(&self, side: Side, field: &FieldConfig) -> ColumnReading {
        let stray = self.dates.stray_serials(self.unread.0);
        let unread = self.unread.0 + stray.0;
        let firsts = [self.unread, stray]
            .into_iter()
            .filter(|(many, _)| *many > 0);
        ColumnReading {
            side,
            field: field.name.clone(),
            kind: field.kind,
            column: field.column(side).to_owned(),
            told: self.told,
            placeholders: self.placeholders,
            unread,
            first_unread: firsts.map(|(_, first)| first).min(),
            dates: self.form(),
        }
    }
}
