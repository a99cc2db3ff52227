//! Chance that can be looked up: the same seed, stream and number give the same throws, on any machine.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, *Fast splittable pseudorandom number generators*, 2014).
//! Each record has dice of its own, so that any record can be made without those before it. Whole numbers only.

/// What dice are thrown for. A stream's throws tell nothing of another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Stream {
    /// A family's size.
    Family = 1,
    /// The school of a family's children in one band of grades: the first of three.
    FamilySchool,
    /// A family's name and address.
    FamilyName = 5,
    /// Whether a family's first contact teaches in the district.
    Parent,
    /// Where a child is: its grade, and whether it is in any section; then its second school.
    Child = 8,
    Birthday = 10,
    Student,
    Contact,
    /// An employee's name and address; thrown again wherever they are named.
    Employee,
    EmployeeRecord,
    School,
    Section,
    /// Who teaches a section.
    Teaching,
    /// How the students of a cohort are dealt out to a subject's sections.
    Dealing,
    Day,
    Upheaval,
}

/// Dice for one thing.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

/// The increment of SplitMix64.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Dice {
    pub(crate) fn of(seed: u64, stream: Stream, number: u64) -> Self {
        Self::nth(seed, stream, 0, number)
    }

    /// The dice of the `nth` of several streams alike.
    pub(crate) fn nth(seed: u64, stream: Stream, nth: u64, number: u64) -> Self {
        let stream = mix(seed ^ (stream as u64 + nth).wrapping_mul(GAMMA));
        Self(mix(stream ^ number.wrapping_mul(GAMMA)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u32) -> u32 {
        let high = self.next() >> 32;
        ((high * u64::from(end)) >> 32) as u32
    }

    /// A place below `end`, which is not 0.
    pub(crate) fn place(&mut self, end: usize) -> usize {
        self.below(u32::try_from(end).unwrap_or(u32::MAX)) as usize
    }

    /// Happens so many times of a thousand.
    pub(crate) fn chance(&mut self, of_thousand: u32) -> bool {
        self.below(1000) < of_thousand
    }

    /// One of a non-empty list.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.place(from.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_throws_are_those_of_splitmix64_and_stay() {
        // Reference values for the seed 1234567.
        let mut known = Dice(1_234_567);
        let throws = [(); 5].map(|()| known.next());
        let wanted = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(throws, wanted);
        let mut dice = Dice::of(7, Stream::Student, 42);
        assert_eq!([(); 4].map(|()| dice.below(1000)), [128, 958, 307, 162]);
        let mut other = Dice::of(7, Stream::Student, 43);
        assert_ne!([(); 4].map(|()| other.below(1000)), [128, 958, 307, 162]);
    }

    #[test]
    fn throws_are_even() {
        let mut counts = [0_u32; 6];
        for number in 0..60_000 {
            counts[Dice::of(1, Stream::Child, number).place(6)] += 1;
        }
        assert!(
            counts.iter().all(|count| (9_600..10_400).contains(count)),
            "{counts:?}"
        );
    }
}
