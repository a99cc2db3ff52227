//! How large a district of so many students is: the proportions of four sizes, and of any size between them.

/// What follows from the number of students.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Profile {
    pub(super) schools: u32,
    pub(super) teachers: u32,
    pub(super) sections: u32,
    /// Sections of one student in elementary, middle and high schools, in hundredths.
    pub(super) subjects: [u32; 3],
}

/// Students and what there is for them, as whole numbers. `large` is Clever's own sandbox district (239 schools,
/// 8,412 teachers, 25,843 sections and 460,000 places for 56,635 students, by its documentation of API v2).
const ANCHORS: [(u32, [u32; 6]); 5] = [
    (0, [0, 0, 0, 200, 600, 600]),
    (300, [3, 24, 80, 200, 600, 600]),
    (5_000, [12, 350, 1_700, 400, 700, 700]),
    (60_000, [239, 8_450, 26_000, 600, 900, 1_000]),
    (1_000_000, [1_800, 80_000, 300_000, 800, 1_100, 1_200]),
];

impl Profile {
    /// The proportions for `students`, on a line between the sizes around; above the largest, as there.
    pub(super) fn of(students: u32) -> Self {
        let above = ANCHORS.iter().position(|(size, _)| *size >= students);
        let values = match above {
            Some(0) => ANCHORS[0].1,
            Some(at) => {
                let ((low, from), (high, to)) = (ANCHORS[at - 1], ANCHORS[at]);
                let (done, all) = (u64::from(students - low), u64::from(high - low));
                let between = |at: usize| {
                    let (from, to) = (u64::from(from[at]), u64::from(to[at]));
                    u32::try_from((from * (all - done) + to * done) / all).unwrap_or(u32::MAX)
                };
                std::array::from_fn(between)
            }
            None => {
                let (size, values) = ANCHORS[ANCHORS.len() - 1];
                let grown = |value: u32| {
                    let grown = u64::from(value) * u64::from(students) / u64::from(size);
                    u32::try_from(grown).unwrap_or(u32::MAX)
                };
                std::array::from_fn(|at| {
                    if at < 3 {
                        grown(values[at])
                    } else {
                        values[at]
                    }
                })
            }
        };
        let [schools, teachers, sections, elementary, middle, high] = values;
        Self {
            schools,
            teachers,
            sections,
            subjects: [elementary, middle, high],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_with_their_students_and_meet_the_named_ones() {
        for (students, values) in ANCHORS {
            assert_eq!(Profile::of(students).sections, values[2]);
        }
        assert_eq!(Profile::of(2_000_000).teachers, 160_000);
        let sizes: Vec<Profile> = (0..120).map(|step| Profile::of(step * 10_000)).collect();
        for pair in sizes.windows(2) {
            assert!(pair[0].schools <= pair[1].schools && pair[0].sections < pair[1].sections);
            assert!(pair[0].subjects <= pair[1].subjects);
        }
    }
}
