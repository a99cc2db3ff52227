//! Rows of an app's accounts, whole and damaged.

use proptest::prelude::*;

use super::world::district;
use crate::directory::{AccountState, Custody};
use crate::import::{Column, CustodyWord, Defaults, RowError, read_row};
use crate::subject::Class;

fn defaults() -> Defaults {
    Defaults {
        class: Some(Class::Student),
        custody: None,
        district: Some(district(1)),
    }
}

#[test]
fn a_row_is_an_account_and_what_is_known_of_its_holder() {
    let row = [
        (Column::Account, "a1"),
        (Column::Class, "school_admin"),
        (Column::Custody, "Managed"),
        (Column::State, "archived"),
        (Column::LastUsed, "2026-01-31 08:00:00"),
        (Column::CleverId, "u1"),
        (Column::SisId, "0"),
        (Column::StudentNumber, "77"),
        (Column::First, "Unknown"),
        (Column::Last, "Núñez"),
        (Column::Birth, "1/31/2010"),
    ];
    let read = read_row(row, &defaults()).unwrap();
    assert!(read.unread.is_empty());
    assert_eq!(read.account.class, Class::Employee);
    assert_eq!(read.account.custody, Custody::Managed { by: district(1) });
    assert_eq!(read.account.state, AccountState::Archived);
    assert_eq!(
        read.account.last_used.unwrap().to_string(),
        "2026-01-31T08:00:00Z"
    );
    assert_eq!(read.account.links.len(), 1);
    // What stands for nobody is absent.
    assert!(read.facts.sis_ids.is_empty() && read.facts.first.is_none());
    assert_eq!(read.facts.birth, Some((2010, 1, 31)));
}

#[test]
fn what_a_link_may_rest_on_must_be_readable_and_the_rest_is_counted() {
    let read = |column, text| read_row([(Column::Account, "a1"), (column, text)], &defaults());
    for column in [
        Column::Class,
        Column::Custody,
        Column::State,
        Column::LastUsed,
    ] {
        let refused = read(column, "so-so").unwrap_err();
        assert_eq!(refused, RowError::Unreadable(column));
    }
    assert_eq!(
        read(Column::CleverId, "a/b").unwrap_err(),
        RowError::Unreadable(Column::CleverId)
    );
    let kept = read(Column::Birth, "31-Jan").unwrap();
    assert_eq!((kept.unread, kept.facts.birth), (vec![Column::Birth], None));
    assert_eq!(
        read(Column::Custody, "").unwrap().account.custody,
        Custody::Personal
    );
    assert_eq!(read_row([], &defaults()).unwrap_err(), RowError::NoAccount);
    let nobody = Defaults::default();
    assert_eq!(
        read_row([(Column::Account, "a")], &nobody).unwrap_err(),
        RowError::NoClass
    );
    let unclaimed = Defaults {
        custody: Some(CustodyWord::Unclaimed),
        ..defaults()
    };
    let entered = [(Column::Account, "a"), (Column::LastUsed, "2026-01-31")];
    assert_eq!(
        read_row(entered, &unclaimed).unwrap_err(),
        RowError::Entered
    );
    let nowhere = Defaults {
        district: None,
        ..unclaimed
    };
    assert_eq!(
        read_row([(Column::Account, "a")], &nowhere).unwrap_err(),
        RowError::NoDistrict
    );
}

proptest! {
    #[test]
    fn any_row_is_read_or_refused(cells in proptest::collection::vec((proptest::sample::select(Column::ALL), "\\PC{0,16}"), 0..14)) {
        let row = cells.iter().map(|(column, text)| (*column, text.as_str()));
        match read_row(row, &defaults()) {
            Ok(read) => prop_assert!(!read.account.id.as_str().is_empty()),
            Err(error) => prop_assert!(cells.iter().all(|(_, text)| text.len() < 9 || !error.to_string().contains(text))),
        }
    }
}
