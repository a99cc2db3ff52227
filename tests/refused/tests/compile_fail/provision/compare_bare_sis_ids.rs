//! An id of one district's system means nothing beside an id of another's.

use clever_provision::person::SisId;

fn main() {
    let (one, other) = (SisId::new("1511"), SisId::new("1511"));
    assert!(one.unwrap() == other.unwrap());
}
