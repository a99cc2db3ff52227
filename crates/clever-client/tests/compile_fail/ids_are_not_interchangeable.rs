fn read(district: &clever_client::District, school: &clever_model::SchoolId) {
    district.section_users(school);
}

fn main() {}
