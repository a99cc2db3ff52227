//! Which courses have which resources. At Clever that stands in no record, so it is kept beside them.

use std::collections::{BTreeMap, BTreeSet};

/// The resources of each course.
#[derive(Debug, Clone, Default)]
pub(crate) struct Mapping(BTreeMap<Box<str>, BTreeSet<String>>);

impl Mapping {
    /// Maps a resource to a course.
    pub(crate) fn map(&mut self, course: &str, resource: &str) {
        let of_course = self.0.entry(course.into()).or_default();
        of_course.insert(resource.to_owned());
    }

    /// The resources of a course.
    pub(crate) fn resources_of(&self, course: &str) -> &BTreeSet<String> {
        static NONE: BTreeSet<String> = BTreeSet::new();
        self.0.get(course).unwrap_or(&NONE)
    }

    /// The courses of a resource.
    pub(crate) fn courses_of(&self, resource: &str) -> BTreeSet<String> {
        let courses = self.0.iter();
        courses
            .filter(|(_, resources)| resources.contains(resource))
            .map(|(course, _)| course.to_string())
            .collect()
    }
}
