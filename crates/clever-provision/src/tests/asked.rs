//! What waits for a person's answer outside of the process.

use clever_auth::seal::{KeyId, NotOurs, SealingKeys, SystemRandomness};
use clever_model::{DistrictId, Role, Timestamp, UserId};

use super::world::{login, now};
use crate::person::KeptError;
use crate::subject::{Arrival, Class, Person, Subject};

fn keys(key: u8) -> SealingKeys {
    SealingKeys::new(KeyId(1), &[key; 32])
}

#[test]
fn a_subject_opens_where_it_was_sealed_for_ten_minutes() {
    let subject = login(Class::Employee, 1);
    let Arrival::Login { verified_at, .. } = subject.arrival else {
        panic!("a login");
    };
    let sealed = subject.seal(&keys(1), "tab", &SystemRandomness).unwrap();
    let at = |seconds| Timestamp::from_second(verified_at.as_second() + seconds).unwrap();
    let open = |key, place, seconds| Subject::unseal(&keys(key), place, &sealed, at(seconds));
    assert_eq!(open(1, "tab", 0), Ok(subject.clone()));
    assert_eq!(open(1, "tab", 600), Ok(subject.clone()));
    assert_eq!(open(1, "tab", 601), Err(KeptError::TooOld));
    // Another machine's clock may be behind a little.
    assert_eq!(open(1, "tab", -60), Ok(subject.clone()));
    assert_eq!(open(1, "tab", -61), Err(KeptError::TooOld));
    assert_eq!(open(1, "other tab", 0), Err(NotOurs.into()));
    assert_eq!(open(2, "tab", 0), Err(NotOurs.into()));
    let new = subject.says_new();
    let sealed = new.seal(&keys(1), "tab", &SystemRandomness).unwrap();
    assert_eq!(
        Subject::unseal(&keys(1), "tab", &sealed, at(0)),
        Ok(new.clone())
    );
}

#[test]
fn a_rosters_subject_never_becomes_a_login() {
    let id = UserId::new("u1").unwrap();
    let district = DistrictId::new("d1").unwrap();
    let person = Person::new(id, Some(district), [Role::Student]);
    let subject = Subject::roster(&person).unwrap();
    let sealed = subject.seal(&keys(1), "tab", &SystemRandomness).unwrap();
    let opened = Subject::unseal(&keys(1), "tab", &sealed, now());
    assert_eq!(opened, Err(KeptError::TooOld));
}
