fn read(teacher: &clever_client::LibraryTeacher, school: &clever_model::SchoolId) {
    let _ = teacher.students(school);
}

fn main() {}
