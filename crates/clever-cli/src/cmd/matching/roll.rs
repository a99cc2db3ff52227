//! Who the records are for a decision: whose roster a person is in, who governs an account, and of which sort both are.

use std::collections::HashMap;

use anyhow::{Context, Result, bail};
use clever_linkage::{Kind, Side, is_placeholder};
use clever_model::{DistrictId, Role, UserId};
use clever_provision::{Account, AccountId, AccountState, Class, Custody, Person, Subject};

use super::config::{MatchFile, ROLES, role};

/// What both files say of their records beside the fields, by the records' places.
pub(super) struct Roll {
    sides: [Vec<Record>; 2],
    districts: Vec<DistrictId>,
    known: HashMap<String, usize>,
    everybody: Role,
    is_for_store: bool,
}

#[derive(Clone, Copy)]
struct Record {
    /// The place of the district in the list; `None` if the file names none.
    district: Option<u32>,
    role: Role,
}

impl Roll {
    /// Begins with nobody. Ids are Clever's if the decisions go to a store of accounts; else any text will do.
    pub(super) fn new(file: &MatchFile, is_for_store: bool) -> Self {
        Self {
            sides: [Vec::new(), Vec::new()],
            districts: Vec::new(),
            known: HashMap::new(),
            everybody: file.role_of_all(),
            is_for_store,
        }
    }

    /// Takes the next record of a file in: its id, and what its columns of reach and class say, if there are any.
    pub(super) fn push(
        &mut self,
        side: Side,
        id: &str,
        reach: Option<&str>,
        class: Option<&str>,
    ) -> Result<()> {
        if self.is_for_store && side == Side::Right {
            UserId::new(id).context("the id is none of Clever's")?;
        }
        let district = match reach {
            Some(text) if is_placeholder(Kind::Code, text) => None,
            // Without a column, all are one district's.
            text => Some(self.district(text.unwrap_or_default())?),
        };
        let role = match class {
            Some(text) => match role(text) {
                Some(role) => role,
                None => bail!("the class is not {ROLES}"),
            },
            None => self.everybody,
        };
        self.sides[side as usize].push(Record { district, role });
        Ok(())
    }

    fn district(&mut self, text: &str) -> Result<u32> {
        let text = text.trim();
        let place = match self.known.get(text) {
            Some(place) => *place,
            None => {
                let place = self.districts.len();
                // Files may name a governor as they like.
                let id = if self.is_for_store {
                    DistrictId::new(text).context("the district's id is none of Clever's")?
                } else {
                    DistrictId::new(format!("district-{place}"))?
                };
                self.districts.push(id);
                self.known.insert(text.to_owned(), place);
                place
            }
        };
        Ok(u32::try_from(place)?)
    }

    fn record(&self, side: Side, record: usize) -> Option<Record> {
        self.sides[side as usize]
            .get(record.checked_sub(1)?)
            .copied()
    }

    fn governor(&self, record: Record) -> Option<DistrictId> {
        let place = usize::try_from(record.district?).ok()?;
        self.districts.get(place).cloned()
    }

    /// The person of a record, by its place in the file (from 1); `None` if nobody vouches for the person.
    pub(super) fn subject(&self, side: Side, place: usize, id: &str) -> Option<Subject> {
        let record = self.record(side, place)?;
        let user = if self.is_for_store {
            UserId::new(id).ok()?
        } else {
            UserId::new(format!("record-{place}")).ok()?
        };
        Subject::roster(&Person::new(user, self.governor(record), [record.role])).ok()
    }

    /// The account of a record, as far as a file knows it: somebody may have entered it.
    pub(super) fn account(&self, side: Side, place: usize, id: &str) -> Option<Account> {
        let record = self.record(side, place)?;
        Some(Account {
            id: AccountId::new(id),
            version: 0,
            custody: match self.governor(record) {
                Some(by) => Custody::Managed { by },
                None => Custody::Personal,
            },
            class: Class::of(record.role),
            state: AccountState::Active,
            links: Vec::new(),
            methods: Vec::new(),
            last_used: None,
        })
    }
}
