//! Who belongs where in a made-up district: families, schools, cohorts, sections and their teachers, as numbers.
//!
//! A few bytes a person are kept; all else follows from the seed. A *cohort* is the students of one grade at one
//! school. Each subject deals its cohort out in its own way, by a step through it that meets everyone once, so that classmates
//! differ from subject to subject and neither direction needs a table of the places.

use std::ops::Range;

use super::dice::{Dice, Stream};
use super::profile::Profile;

/// Grades, kindergarten first.
pub(super) const GRADE_COUNT: u32 = 13;
/// First and last grade of elementary, middle and high schools.
pub(super) const BANDS: [(u32, u32); 3] = [(0, 5), (6, 8), (9, 12)];
/// Not in any section.
const NOWHERE: u32 = u32::MAX;
/// Every so many teachers, one works at the next school as well.
const VISITORS: u32 = 20;
/// The first of them.
const VISITOR: u32 = 7;

#[derive(Debug)]
struct School {
    band: usize,
    /// Its first cohort; one a grade follows.
    cohorts: u32,
}

#[derive(Debug)]
struct Cohort {
    school: u32,
    grade: u32,
    subjects: u32,
}

/// The district as numbers. A list of *firsts* has one more entry than there are owners: each one's range ends where
/// the next one's begins.
#[derive(Debug)]
pub(super) struct Layout {
    seed: u64,
    pub(super) profile: Profile,
    /// The first student of each family, and the family of each student.
    families: Vec<u32>,
    family_of: Vec<u32>,
    /// The first contact of each family.
    contacts: Vec<u32>,
    schools: Vec<School>,
    cohorts: Vec<Cohort>,
    /// The first student of each cohort in `by_cohort`.
    students: Vec<u32>,
    /// The first section of each cohort.
    sections: Vec<u32>,
    /// The first teacher of each school.
    teachers: Vec<u32>,
    cohort_of: Vec<u32>,
    /// Each student's place in `by_cohort`.
    place: Vec<u32>,
    by_cohort: Vec<u32>,
    /// Students who take a class at their second school: section, student.
    guests: Vec<(u32, u32)>,
    /// The same by student.
    visits: Vec<(u32, u32)>,
}

/// Where a student is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) school: u32,
    pub(super) grade: u32,
    pub(super) second: Option<u32>,
    pub(super) family: u32,
    /// Whose birthday it is: a twin's is the one before's.
    pub(super) birthday: u32,
}

/// Where a section is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    pub(super) school: u32,
    pub(super) grade: u32,
    pub(super) subject: u32,
    /// The how manieth of the cohort's sections in the subject, and of how many.
    pub(super) part: u32,
    parts: u32,
    cohort: u32,
}

/// What a family's dice say of its children.
struct Size {
    children: u32,
    twins: bool,
    contacts: u32,
}

impl Layout {
    pub(super) fn new(seed: u64, students: u32) -> Self {
        let mut layout = Self {
            seed,
            profile: Profile::of(students),
            families: vec![0],
            family_of: Vec::with_capacity(students as usize),
            contacts: vec![0],
            schools: Vec::new(),
            cohorts: Vec::new(),
            students: Vec::new(),
            sections: Vec::new(),
            teachers: Vec::new(),
            cohort_of: Vec::with_capacity(students as usize),
            place: Vec::new(),
            by_cohort: Vec::new(),
            guests: Vec::new(),
            visits: Vec::new(),
        };
        layout.found_schools();
        let scheduled = layout.settle(students);
        layout.seat(&scheduled);
        layout.open_sections();
        layout.hire();
        layout.invite();
        layout
    }

    fn found_schools(&mut self) {
        let all = self.profile.schools;
        // Middle and high schools are larger, so that there are fewer of them.
        let few = (all / 5).max(1);
        for (band, count) in [all.saturating_sub(2 * few).max(1), few, few]
            .into_iter()
            .enumerate()
        {
            for _ in 0..count {
                let school = self.schools.len() as u32;
                self.schools.push(School {
                    band,
                    cohorts: self.cohorts.len() as u32,
                });
                let (low, high) = BANDS[band];
                self.cohorts.extend((low..=high).map(|grade| Cohort {
                    school,
                    grade,
                    subjects: 0,
                }));
            }
        }
    }

    /// Makes families until there are enough students; whether each student is in sections at all.
    fn settle(&mut self, students: u32) -> Vec<bool> {
        let weights = self.weights();
        let mut scheduled = Vec::with_capacity(students as usize);
        let (mut made, mut contacts, mut family) = (0, 0, 0);
        while made < students {
            let size = self.size(family);
            for child in 0..size.children.min(students - made) {
                let mut dice = Dice::of(self.seed, Stream::Child, u64::from(made));
                let grade = match (child, size.twins) {
                    (1, true) => self.cohort(made - 1).grade,
                    _ => dice.below(GRADE_COUNT),
                };
                let school = &self.schools[self.school_of(&weights, family, grade) as usize];
                self.cohort_of
                    .push(school.cohorts + grade - BANDS[school.band].0);
                scheduled.push(!dice.chance(5));
                self.family_of.push(family);
                made += 1;
            }
            // As many contacts as students, by a few more or fewer to a family.
            contacts = (contacts + size.contacts).min(students);
            self.families.push(made);
            self.contacts.push(contacts);
            family += 1;
        }
        scheduled
    }

    fn size(&self, family: u32) -> Size {
        let mut dice = Dice::of(self.seed, Stream::Family, u64::from(family));
        let children = dice.pick(&[1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4]);
        Size {
            children,
            twins: children > 1 && dice.chance(80),
            contacts: dice.pick(&[0, 1, 2, 2, 2, 2, 2, 2, 3, 4]),
        }
    }

    /// For each band, its schools with their sizes added up.
    fn weights(&self) -> [Vec<(u32, u32)>; 3] {
        let mut all = [const { Vec::new() }; 3];
        for (at, school) in self.schools.iter().enumerate() {
            let of_band: &mut Vec<(u32, u32)> = &mut all[school.band];
            let before = of_band.last().map_or(0, |(_, sum)| *sum);
            let size = 2 + Dice::of(self.seed, Stream::School, at as u64).below(4);
            of_band.push((at as u32, before + size));
        }
        all
    }

    /// The school of a family's children of a grade: siblings go to one school as long as it has their grades.
    fn school_of(&self, weights: &[Vec<(u32, u32)>; 3], family: u32, grade: u32) -> u32 {
        let band = BANDS.iter().position(|(_, high)| grade <= *high);
        let band = band.unwrap_or(0);
        let weights = &weights[band];
        let sum = weights.last().map_or(1, |(_, sum)| *sum);
        let stream = Stream::FamilySchool;
        let lot = Dice::nth(self.seed, stream, band as u64, u64::from(family)).below(sum);
        let at = weights.partition_point(|(_, sum)| *sum <= lot);
        weights.get(at).map_or(0, |(school, _)| *school)
    }

    /// Sorts the students who are in sections into their cohorts.
    fn seat(&mut self, scheduled: &[bool]) {
        let mut firsts = vec![0; self.cohorts.len() + 1];
        let seated = |at: &usize| scheduled[*at];
        for at in (0..scheduled.len()).filter(seated) {
            firsts[self.cohort_of[at] as usize + 1] += 1;
        }
        for at in 1..firsts.len() {
            firsts[at] += firsts[at - 1];
        }
        self.students.clone_from(&firsts);
        self.place = vec![NOWHERE; scheduled.len()];
        self.by_cohort = vec![0; firsts[self.cohorts.len()] as usize];
        for at in (0..scheduled.len()).filter(seated) {
            let place = &mut firsts[self.cohort_of[at] as usize];
            self.place[at] = *place;
            self.by_cohort[*place as usize] = at as u32;
            *place += 1;
        }
    }

    /// How many students of a cohort are in sections.
    fn size_of(&self, cohort: usize) -> u32 {
        self.students[cohort + 1] - self.students[cohort]
    }

    /// Shares the district's sections out to the cohorts, by the places that each needs.
    fn open_sections(&mut self) {
        // Hundredths of a subject are carried over, so that the average is met.
        let mut carried = [0; 3];
        let mut places = Vec::with_capacity(self.cohorts.len());
        for at in 0..self.cohorts.len() {
            let band = self.schools[self.cohorts[at].school as usize].band;
            carried[band] += self.profile.subjects[band];
            self.cohorts[at].subjects = carried[band] / 100;
            carried[band] %= 100;
            places.push(u64::from(self.size_of(at)) * u64::from(self.cohorts[at].subjects));
        }
        let total: u64 = places.iter().sum();
        let mut shares = Shares::new(self.profile.sections, total);
        self.sections.push(0);
        let mut first = 0;
        for (at, places) in places.into_iter().enumerate() {
            let (share, subjects) = (shares.next(places), self.cohorts[at].subjects);
            // Every subject has a section, and every section a student.
            if places > 0 {
                first += share.max(subjects).min(subjects * self.size_of(at));
            }
            self.sections.push(first);
        }
    }

    /// Gives each school its teachers, by its sections.
    fn hire(&mut self) {
        let mut shares = Shares::new(self.profile.teachers, u64::from(self.section_count()));
        self.teachers.push(0);
        let mut first = 0;
        for at in 0..self.school_count() {
            first += shares.next(self.sections_at(at).len() as u64).max(2);
            self.teachers.push(first);
        }
    }

    /// Gives students who have a second school of their kind a class there.
    fn invite(&mut self) {
        for at in 0..self.student_count() {
            let child = self.child(at);
            let Some(school) = child.second.filter(|_| self.is_scheduled(at)) else {
                continue;
            };
            let school = &self.schools[school as usize];
            let (low, high) = BANDS[school.band];
            if !(low..=high).contains(&child.grade) {
                continue;
            }
            let sections = self.sections_in((school.cohorts + child.grade - low) as usize);
            if !sections.is_empty() {
                self.visits
                    .push((at, sections.start + at % sections.len() as u32));
            }
        }
        self.guests = self
            .visits
            .iter()
            .map(|(student, section)| (*section, *student))
            .collect();
        self.guests.sort_unstable();
    }

    pub(super) fn student_count(&self) -> u32 {
        self.cohort_of.len() as u32
    }

    pub(super) fn contact_count(&self) -> u32 {
        self.contacts.last().copied().unwrap_or(0)
    }

    pub(super) fn school_count(&self) -> u32 {
        self.schools.len() as u32
    }

    pub(super) fn section_count(&self) -> u32 {
        self.sections.last().copied().unwrap_or(0)
    }

    pub(super) fn teacher_count(&self) -> u32 {
        self.teachers.last().copied().unwrap_or(0)
    }

    /// First and last grade of a school, and its kind: elementary, middle, high.
    pub(super) fn grades_of(&self, school: u32) -> (u32, u32, usize) {
        let band = self.schools[school as usize].band;
        (BANDS[band].0, BANDS[band].1, band)
    }

    /// How many subjects a grade has in the school that has the most.
    pub(super) fn subjects(&self, grade: u32) -> u32 {
        let cohorts = self.cohorts.iter().filter(|cohort| cohort.grade == grade);
        cohorts.map(|cohort| cohort.subjects).max().unwrap_or(0)
    }

    fn sections_in(&self, cohort: usize) -> Range<u32> {
        self.sections[cohort]..self.sections[cohort + 1]
    }

    /// A school's sections: they lie together.
    pub(super) fn sections_at(&self, school: u32) -> Range<u32> {
        let school = &self.schools[school as usize];
        let (low, high) = BANDS[school.band];
        let first = school.cohorts as usize;
        self.sections[first]..self.sections[first + (high - low + 1) as usize]
    }

    /// Whether a student is at a school, as the first or the second.
    pub(super) fn is_at(&self, student: u32, school: u32) -> bool {
        self.cohort(student).school == school || self.second(student) == Some(school)
    }

    fn teachers_at(&self, school: u32) -> Range<u32> {
        self.teachers[school as usize]..self.teachers[school as usize + 1]
    }

    fn cohort(&self, student: u32) -> &Cohort {
        &self.cohorts[self.cohort_of[student as usize] as usize]
    }

    /// A student's second school, which few have.
    fn second(&self, at: u32) -> Option<u32> {
        let school = self.cohort(at).school;
        let mut dice = Dice::nth(self.seed, Stream::Child, 1, u64::from(at));
        let other = dice.chance(10).then(|| dice.below(self.school_count()))?;
        // Rather of the same kind: a neighbour in the list.
        let other = match school + 1 {
            next if dice.chance(700) && next < self.school_count() => next,
            _ => other,
        };
        (other != school).then_some(other)
    }

    /// Where a student is.
    pub(super) fn child(&self, at: u32) -> Child {
        let family = self.family_of[at as usize];
        let cohort = self.cohort(at);
        let second_child = at == self.families[family as usize] + 1;
        let twin = second_child && self.size(family).twins;
        Child {
            school: cohort.school,
            grade: cohort.grade,
            second: self.second(at),
            family,
            birthday: if twin { at - 1 } else { at },
        }
    }

    /// Whether a student is in any section.
    fn is_scheduled(&self, at: u32) -> bool {
        self.place[at as usize] != NOWHERE
    }

    /// The family of a contact, and the how manieth of it the contact is.
    pub(super) fn family_of(&self, contact: u32) -> (u32, u32) {
        let family = self.contacts.partition_point(|first| *first <= contact) - 1;
        (family as u32, contact - self.contacts[family])
    }

    pub(super) fn children(&self, family: u32) -> Range<u32> {
        self.families[family as usize]..self.families[family as usize + 1]
    }

    pub(super) fn contacts(&self, family: u32) -> Range<u32> {
        self.contacts[family as usize]..self.contacts[family as usize + 1]
    }

    /// Where a section is.
    pub(super) fn class(&self, section: u32) -> Class {
        let cohort = self.sections.partition_point(|first| *first <= section) - 1;
        let of = &self.cohorts[cohort];
        let sections = self.sections_in(cohort);
        let (number, all) = (section - sections.start, sections.len() as u32);
        // The first subjects have one section more than the others, if they don't come out even.
        let (few, rest) = (all / of.subjects, all % of.subjects);
        let (subject, part, parts) = if number < rest * (few + 1) {
            (number / (few + 1), number % (few + 1), few + 1)
        } else {
            let number = number - rest * (few + 1);
            (rest + number / few, number % few, few)
        };
        Class {
            school: of.school,
            grade: of.grade,
            subject,
            part,
            parts,
            cohort: cohort as u32,
        }
    }

    /// How a cohort is dealt out in a subject: the step from one student to the next, and where to begin.
    fn dealing(&self, cohort: u32, subject: u32) -> (u64, u64) {
        let size = self.size_of(cohort as usize);
        // In the first subject, the homeroom, families stay together.
        if subject == 0 || size < 3 {
            return (1, 0);
        }
        let number = u64::from(cohort) << 8 | u64::from(subject);
        let mut dice = Dice::of(self.seed, Stream::Dealing, number);
        let (mut step, start) = (1 + dice.below(size - 1), dice.below(size));
        while gcd(step, size) != 1 {
            step = step % size + 1;
        }
        (u64::from(step), u64::from(start))
    }

    /// The students of a section.
    pub(super) fn students_in(&self, section: u32, class: &Class) -> impl Iterator<Item = u32> {
        let (step, start) = self.dealing(class.cohort, class.subject);
        let first = self.students[class.cohort as usize];
        let size = u64::from(self.size_of(class.cohort as usize));
        let cut = |part: u32| size * u64::from(part) / u64::from(class.parts);
        let mut at = (step * cut(class.part) + start) % size.max(1);
        let cohort = &self.by_cohort[first as usize..(first as u64 + size) as usize];
        let own = cut(class.part)..cut(class.part + 1);
        let own = own.map(move |_| {
            let student = cohort[at as usize];
            at += step;
            if at >= size {
                at -= size;
            }
            student
        });
        let from = self.guests.partition_point(|(of, _)| *of < section);
        let guests = &self.guests[from..];
        let guests = &guests[..guests.partition_point(|(of, _)| *of == section)];
        own.chain(guests.iter().map(|(_, student)| *student))
    }

    /// The sections in which a student is, ascending.
    pub(super) fn sections_of_student(&self, at: u32) -> Vec<u32> {
        let place = self.place[at as usize];
        if place == NOWHERE {
            return Vec::new();
        }
        let cohort = self.cohort_of[at as usize];
        let sections = self.sections_in(cohort as usize);
        let size = u64::from(self.size_of(cohort as usize));
        let ordinal = u64::from(place - self.students[cohort as usize]);
        let mut all = Vec::new();
        let mut first = sections.start;
        while first < sections.end {
            let class = self.class(first);
            let (step, start) = self.dealing(cohort, class.subject);
            let dealt = inverse(step, size) * ((ordinal + size - start) % size) % size;
            let part = ((dealt + 1) * u64::from(class.parts) - 1) / size;
            all.push(first + part as u32);
            first += class.parts;
        }
        let from = self.visits.partition_point(|(of, _)| *of < at);
        let visits = self.visits[from..].iter();
        all.extend(
            visits
                .take_while(|(of, _)| *of == at)
                .map(|(_, section)| *section),
        );
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The teachers of a section, the primary one first; a few sections have none.
    pub(super) fn teachers_in(&self, section: u32, school: u32) -> Vec<u32> {
        let mut dice = Dice::of(self.seed, Stream::Teaching, u64::from(section));
        if dice.chance(3) {
            return Vec::new();
        }
        let (sections, teachers) = (self.sections_at(school), self.teachers_at(school));
        // One in thirty teaches nobody.
        let active = teachers.len() as u32 - teachers.len() as u32 / 30;
        let number = u64::from(section - sections.start);
        let primary = (number * u64::from(active) / sections.len() as u64) as u32;
        let others = match dice.below(1000) {
            0 => 9,
            1..=20 => 2,
            21..=140 => 1,
            _ => 0,
        };
        let others = 1..=others.min(active - 1);
        let mut all = vec![teachers.start + primary];
        all.extend(others.map(|more| teachers.start + (primary + more) % active));
        if dice.chance(20) && all.len() < 10 {
            let from = self.teachers_at(self.before(school));
            let visitors = (from.len() as u32 + VISITORS - 1 - VISITOR) / VISITORS;
            if visitors > 0 && from.start != teachers.start {
                all.push(from.start + VISITOR + VISITORS * dice.below(visitors));
            }
        }
        all
    }

    fn before(&self, school: u32) -> u32 {
        school.checked_sub(1).unwrap_or(self.school_count() - 1)
    }

    /// The schools of a teacher, the primary one first.
    pub(super) fn schools_of_teacher(&self, teacher: u32) -> (u32, Option<u32>) {
        let school = self.teachers.partition_point(|first| *first <= teacher) as u32 - 1;
        let number = teacher - self.teachers[school as usize];
        let next = (school + 1) % self.school_count();
        let visits = number % VISITORS == VISITOR && next != school;
        (school, visits.then_some(next))
    }

    /// The sections that a teacher teaches, ascending.
    pub(super) fn sections_of_teacher(&self, teacher: u32) -> Vec<u32> {
        let (school, next) = self.schools_of_teacher(teacher);
        let schools = [Some(school), next];
        let mut all: Vec<u32> = schools
            .into_iter()
            .flatten()
            .flat_map(|school| {
                self.sections_at(school)
                    .map(move |section| (school, section))
            })
            .filter(|(school, section)| self.teachers_in(*section, *school).contains(&teacher))
            .map(|(_, section)| section)
            .collect();
        all.sort_unstable();
        all
    }
}

/// Shares a total out in proportion, so that the shares add up to it.
struct Shares {
    total: u64,
    of: u64,
    seen: u64,
    given: u64,
}

impl Shares {
    fn new(total: u32, of: u64) -> Self {
        Self {
            total: u64::from(total),
            of: of.max(1),
            seen: 0,
            given: 0,
        }
    }

    fn next(&mut self, part: u64) -> u32 {
        self.seen += part;
        let due = self.seen * self.total / self.of;
        let share = due - self.given;
        self.given = due;
        u32::try_from(share).unwrap_or(u32::MAX)
    }
}

fn gcd(mut a: u32, mut b: u32) -> u32 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// What `step` is to be multiplied with to give 1, modulo `size`; they have no divisor in common.
fn inverse(step: u64, size: u64) -> u64 {
    let (mut old, mut new) = ((step as i64, 1_i64), (size as i64, 0_i64));
    while new.0 != 0 {
        let times = old.0 / new.0;
        (old, new) = (new, (old.0 - times * new.0, old.1 - times * new.1));
    }
    old.1.rem_euclid(size.max(1) as i64) as u64
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// For each person, the sections that name them.
    fn turned(layout: &Layout) -> (BTreeMap<u32, BTreeSet<u32>>, BTreeMap<u32, BTreeSet<u32>>) {
        let (mut students, mut teachers) = (BTreeMap::new(), BTreeMap::new());
        for section in 0..layout.section_count() {
            let class = layout.class(section);
            let mut here = BTreeSet::new();
            for at in layout.students_in(section, &class) {
                assert!(here.insert(at), "a student is in a section once");
                students
                    .entry(at)
                    .or_insert_with(BTreeSet::new)
                    .insert(section);
            }
            assert!(!here.is_empty(), "a section has a student");
            let all = layout.teachers_in(section, class.school);
            assert!(all.len() <= 10);
            for teacher in all {
                let own = teachers.entry(teacher).or_insert_with(BTreeSet::new);
                assert!(own.insert(section), "a teacher teaches a section once");
            }
        }
        (students, teachers)
    }

    #[test]
    fn who_is_in_a_section_and_in_which_sections_one_is_are_the_same() {
        for (seed, size) in [(1, 1), (2, 60), (3, 300), (4, 2_000)] {
            let layout = Layout::new(seed, size);
            assert_eq!(layout.student_count(), size);
            let (students, teachers) = turned(&layout);
            for at in 0..size {
                let of = students.get(&at).cloned().unwrap_or_default();
                let found = layout.sections_of_student(at);
                assert_eq!(
                    found,
                    of.into_iter().collect::<Vec<_>>(),
                    "student {at} of {size}"
                );
                assert_eq!(found.is_empty(), !layout.is_scheduled(at));
            }
            for at in 0..layout.teacher_count() {
                let of = teachers.get(&at).cloned().unwrap_or_default();
                let found = layout.sections_of_teacher(at);
                assert_eq!(
                    found,
                    of.into_iter().collect::<Vec<_>>(),
                    "teacher {at} of {size}"
                );
            }
        }
    }

    #[test]
    fn a_step_and_its_inverse_meet() {
        for size in [3_u64, 7, 12, 100, 97_531] {
            for step in (1..size)
                .filter(|step| gcd(*step as u32, size as u32) == 1)
                .take(50)
            {
                assert_eq!(step * inverse(step, size) % size, 1, "{step} of {size}");
            }
        }
    }
}
