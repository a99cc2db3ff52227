//! A subject of a login needs the login.

use clever_provision::Subject;

fn main() {
    let _ = Subject { connected: true };
}
