//! No address from Clever proves anything.

use clever_auth::UnverifiedEmail;
use clever_provision::Proof;

fn proves(email: UnverifiedEmail) -> Proof {
    email.into()
}

fn main() {
    let _ = proves;
}
