//! A proof is used by whoever proved, not copied.

use clever_provision::{AccountId, AccountProof};

fn main() {
    let at = clever_model::Timestamp::UNIX_EPOCH;
    let proof = AccountProof::after_reauthentication(AccountId::new("a"), at);
    let copy = proof.clone();
    drop((proof, copy));
}
