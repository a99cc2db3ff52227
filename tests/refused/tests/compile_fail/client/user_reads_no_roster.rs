fn roster(user: &clever_client::User) {
    user.list(clever_model::RecordKind::Users);
}

fn main() {}
