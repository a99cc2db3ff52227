//! Proofs as an app gives them, over both databases: what failed in the field, F10.

use super::store::{lax, stores, used};
use super::world::{account_id, ago, login, now, user};
use crate::directory::Account;
use crate::proof::{AccountProof, Proof};
use crate::subject::{Arrival, Class, Purpose, Subject};
use crate::{Basis, Decision, Rejection, decide};

#[tokio::test]
async fn field_f10_a_fresh_proof_needs_no_candidate() {
    for mut ground in stores("proof").await {
        let old = Account {
            links: Vec::new(),
            ..used(1)
        };
        ground.store.import(&[old], ago(1000)).await.unwrap();
        let subject = Subject {
            id: user(9),
            arrival: Arrival::Login {
                purpose: Purpose::Link,
                bound: true,
                said_new: false,
                verified_at: now(),
            },
            ..login(Class::Employee, 1)
        };
        let proofs = [Proof::Holder(AccountProof::after_reauthentication(
            account_id(1),
            now(),
        ))];
        let directory = ground
            .store
            .directory(&subject, &proofs, Vec::new())
            .await
            .unwrap();
        let decided = decide(&subject, &proofs, &directory, &lax(), now());
        let expected = Decision::Link {
            account: account_id(1),
            basis: Basis::Holder,
        };
        assert_eq!(decided.decision, expected);
        assert!(decided.why.rejected.is_empty());
        // A proof of an account that the directory was not asked for is said to be one.
        let directory = ground
            .store
            .directory(&subject, &[], Vec::new())
            .await
            .unwrap();
        let decided = decide(&subject, &proofs, &directory, &lax(), now());
        assert_ne!(decided.decision, expected);
        assert_eq!(
            decided.why.rejected.get(&account_id(1)),
            Some(&Rejection::NotInDirectory)
        );
    }
}
