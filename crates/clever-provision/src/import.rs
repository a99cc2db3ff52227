//! An app's accounts from before, row by row: out of a file, or out of a query on the app's database.

use std::fmt;
use std::str::FromStr;

use clever_linkage::{Kind, is_placeholder};
use clever_model::{DistrictId, Role, Timestamp, UserId, read_date};
use serde::Serialize;

use crate::directory::{Account, AccountId, AccountState, Custody, LiveLink};
use crate::record::birth;
use crate::store::Facts;
use crate::subject::Class;

macro_rules! columns {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// What a column of the app's accounts says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum Column {
            $($(#[$doc])* $name),+
        }

        impl Column {
            /// Every column that is known.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The column's name in a header.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }
        }

        impl FromStr for Column {
            type Err = ();

            fn from_str(text: &str) -> Result<Self, ()> {
                Self::ALL.iter().copied().find(|one| one.as_str() == text).ok_or(())
            }
        }
    };
}

columns! {
    /// The app's id of the account; every row needs one.
    Account = "account",
    /// `student`, `employee` or `contact`, or one of Clever's roles.
    Class = "class",
    /// Who governs it: `personal`, `managed` or `unclaimed`.
    Custody = "custody",
    /// `active`, `archived` or `suspended`.
    State = "state",
    /// When somebody last entered it, in RFC 3339; empty where nobody ever did.
    LastUsed = "last_used",
    /// Clever's id of the holder, where the app knows it.
    CleverId = "clever_id",
    /// The holder's id in the district's system.
    SisId = "sis_id",
    /// The number that the district gave.
    StudentNumber = "student_number",
    /// The id that the state gave.
    StateId = "state_id",
    /// The given name.
    First = "first_name",
    /// The family name.
    Last = "last_name",
    /// The date of birth: `2010-01-31` or `1/31/2010`.
    Birth = "birth",
    /// The address; it decides nothing, and is shown to who reviews.
    Email = "email",
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What holds for rows that do not say it themselves.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The class.
    pub class: Option<Class>,
    /// Who governs the account: `personal`, if neither this nor the row says it.
    pub custody: Option<CustodyWord>,
    /// The district that the holders are of, and that governs accounts which are managed or unclaimed.
    pub district: Option<DistrictId>,
}

/// Who governs an account, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CustodyWord {
    /// Its holder: somebody signed up for it.
    Personal,
    /// The district, and somebody entered it.
    Managed,
    /// The district, and nobody ever entered it.
    Unclaimed,
}

impl FromStr for CustodyWord {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "personal" => Ok(Self::Personal),
            "managed" => Ok(Self::Managed),
            "unclaimed" => Ok(Self::Unclaimed),
            _ => Err("who governs an account is personal, managed or unclaimed".to_owned()),
        }
    }
}

/// An account out of a row.
#[derive(Debug, Clone)]
pub struct Imported {
    /// The account.
    pub account: Account,
    /// What the row knows of its holder.
    pub facts: Facts,
    /// Columns whose value could not be read and was left out.
    pub unread: Vec<Column>,
}

/// A row that gives no account. The error holds no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowError {
    /// No account's id.
    #[error("the row has no account id")]
    NoAccount,
    /// The class is missing.
    #[error("nobody says whether it is a student's, an employee's or a contact's account")]
    NoClass,
    /// A district governs the account, and it is not said which.
    #[error("a district governs the account, and no district is named")]
    NoDistrict,
    /// The row says of an unclaimed account that somebody entered it.
    #[error("the account is unclaimed, and yet somebody entered it")]
    Entered,
    /// A value on which a link may rest can't be read.
    #[error("`{0}` can't be read")]
    Unreadable(Column),
}

/// Reads a row. A value on which it rests who may get the account (id, class, custody, state, last use, Clever id) must
/// be readable; another one that is not is omitted, and listed in [`Imported::unread`].
///
/// # Errors
///
/// [`RowError`]; the row gives no account then.
pub fn read_row<'v>(
    cells: impl IntoIterator<Item = (Column, &'v str)>,
    defaults: &Defaults,
) -> Result<Imported, RowError> {
    let mut row = Row::default();
    for (column, text) in cells {
        let text = text.trim();
        if !text.is_empty() && !is_placeholder(Kind::Text, text) {
            row.take(column, text)?;
        }
    }
    let class = row.class.or(defaults.class).ok_or(RowError::NoClass)?;
    let custody = row.custody.or(defaults.custody);
    let district = || defaults.district.clone().ok_or(RowError::NoDistrict);
    let custody = match custody.unwrap_or(CustodyWord::Personal) {
        CustodyWord::Personal => Custody::Personal,
        CustodyWord::Managed => Custody::Managed { by: district()? },
        CustodyWord::Unclaimed if row.last_used.is_some() => return Err(RowError::Entered),
        CustodyWord::Unclaimed => Custody::Unclaimed { by: district()? },
    };
    let link = row.clever_id.map(|id| LiveLink {
        id,
        district: defaults.district.clone(),
        in_roster: true,
        by_admin: false,
    });
    Ok(Imported {
        account: Account {
            id: row.account.ok_or(RowError::NoAccount)?,
            version: 0,
            custody,
            class,
            state: row.state.unwrap_or(AccountState::Active),
            links: link.into_iter().collect(),
            methods: Vec::new(),
            last_used: row.last_used,
        },
        facts: Facts {
            district: defaults.district.clone(),
            ..row.facts
        },
        unread: row.unread,
    })
}

#[derive(Default)]
struct Row {
    account: Option<AccountId>,
    class: Option<Class>,
    custody: Option<CustodyWord>,
    state: Option<AccountState>,
    last_used: Option<Timestamp>,
    clever_id: Option<UserId>,
    facts: Facts,
    unread: Vec<Column>,
}

impl Row {
    fn take(&mut self, column: Column, text: &str) -> Result<(), RowError> {
        let unreadable = || RowError::Unreadable(column);
        let own = || Some(text.to_owned());
        match column {
            Column::Account => self.account = Some(AccountId::new(text)),
            Column::Class => self.class = Some(class(text).ok_or_else(unreadable)?),
            Column::Custody => self.custody = Some(text.parse().map_err(|_| unreadable())?),
            Column::State => self.state = Some(state(text).ok_or_else(unreadable)?),
            Column::LastUsed => self.last_used = Some(instant(text).ok_or_else(unreadable)?),
            Column::CleverId => {
                self.clever_id = Some(UserId::new(text).map_err(|_| unreadable())?);
            }
            Column::SisId if !is_placeholder(Kind::SisId, text) => {
                self.facts.sis_ids = vec![text.to_owned()];
            }
            Column::StudentNumber if !is_placeholder(Kind::StudentNumber, text) => {
                self.facts.student_number = own();
            }
            Column::StateId if !is_placeholder(Kind::StateId, text) => self.facts.state_id = own(),
            Column::First if !is_placeholder(Kind::GivenName, text) => self.facts.first = own(),
            Column::Last if !is_placeholder(Kind::FamilyName, text) => self.facts.last = own(),
            Column::Birth => match birth(text) {
                Some(birth) => self.facts.birth = Some(birth),
                None => self.unread.push(column),
            },
            Column::Email => self.facts.email = own(),
            // What stands for nobody is absent.
            _ => {}
        }
        Ok(())
    }
}

fn class(text: &str) -> Option<Class> {
    let word = text.to_ascii_lowercase();
    match word.as_str() {
        "employee" | "school_admin" => Some(Class::Employee),
        word => word.parse::<Role>().ok().map(Class::of),
    }
}

fn state(text: &str) -> Option<AccountState> {
    match text.to_ascii_lowercase().as_str() {
        "active" => Some(AccountState::Active),
        "archived" => Some(AccountState::Archived),
        "suspended" => Some(AccountState::Suspended),
        _ => None,
    }
}

/// An instant, or the beginning of a day.
fn instant(text: &str) -> Option<Timestamp> {
    let whole = text.replacen(' ', "T", 1);
    let day = || read_date(text).map(|day| format!("{day}T00:00:00Z"));
    whole
        .parse()
        .or_else(|_| format!("{whole}Z").parse())
        .ok()
        .or_else(|| day()?.parse().ok())
}
