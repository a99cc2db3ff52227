fn feed(teacher: &clever_client::LibraryTeacher) {
    teacher.events();
}

fn main() {}
