//! Names as frequent as they are in US schools: a share of each of the common ones, and a long tail.
//!
//! Children of one community have given and family names that go together, and communities live in some districts more
//! than in others; so two people of one school have the same names more often than the shares say.

use crate::random::Random;

/// Given names and how many of ten thousand children of a community have each.
type Shares = &'static [(&'static str, u64)];

const GIVEN: Shares = &[
    ("Emma", 100),
    ("Olivia", 98),
    ("Liam", 96),
    ("Noah", 95),
    ("Sophia", 90),
    ("Ava", 82),
    ("Jacob", 80),
    ("William", 78),
    ("Mason", 76),
    ("Ethan", 75),
    ("Michael", 74),
    ("Isabella", 74),
    ("Alexander", 72),
    ("James", 72),
    ("Elijah", 70),
    ("Benjamin", 68),
    ("Emily", 66),
    ("Mia", 66),
    ("Abigail", 62),
    ("Daniel", 62),
    ("Aiden", 60),
    ("Logan", 60),
    ("Matthew", 58),
    ("Madison", 58),
    ("Charlotte", 56),
    ("Lucas", 56),
    ("Jackson", 54),
    ("David", 52),
    ("Joseph", 52),
    ("Samuel", 50),
    ("Harper", 48),
    ("Avery", 46),
    ("Henry", 46),
    ("Elizabeth", 46),
    ("Sofia", 44),
    ("Carter", 44),
    ("Ella", 42),
    ("Amelia", 42),
    ("Owen", 42),
    ("Wyatt", 40),
    ("Evelyn", 40),
    ("John", 40),
    ("Jack", 40),
    ("Luke", 38),
    ("Jayden", 38),
    ("Grace", 36),
    ("Chloe", 36),
    ("Victoria", 36),
    ("Dylan", 36),
    ("Andrew", 36),
    ("Gabriel", 34),
    ("Christopher", 34),
    ("Joshua", 34),
    ("Lily", 32),
    ("Hannah", 32),
    ("Natalie", 30),
    ("Samantha", 28),
    ("Ryan", 28),
    ("Nathan", 28),
    ("Isaac", 26),
    ("Christian", 26),
    ("Zoey", 26),
    ("Addison", 26),
    ("Brooklyn", 24),
    ("Hunter", 24),
    ("Caleb", 24),
    ("Thomas", 22),
    ("Charles", 22),
    ("Leah", 22),
    ("Audrey", 22),
    ("Claire", 20),
    ("Savannah", 20),
    ("Katherine", 18),
    ("Alexandra", 16),
    ("Nicholas", 16),
    ("Jonathan", 16),
    ("Zachary", 14),
    ("Robert", 14),
    ("Jordan", 14),
    ("Jaylen", 12),
    ("Kaylee", 12),
    ("Riley", 12),
    ("Margaret", 10),
    ("Caroline", 10),
    ("Rebecca", 10),
    ("Jessica", 10),
    ("Timothy", 8),
    ("Patrick", 8),
    ("Kimberly", 6),
    ("Gregory", 5),
    ("Stephanie", 5),
    ("Theodore", 5),
    ("Josephine", 5),
    ("Penelope", 5),
    ("Frederick", 3),
    ("Barbara", 3),
];

const HISPANIC_GIVEN: Shares = &[
    ("Santiago", 110),
    ("Mateo", 105),
    ("Camila", 105),
    ("Sofía", 100),
    ("Diego", 95),
    ("Valentina", 90),
    ("José", 90),
    ("Ángel", 85),
    ("Isabella", 85),
    ("Luis", 80),
    ("Juan", 80),
    ("Daniel", 80),
    ("Ximena", 75),
    ("Jesús", 70),
    ("María", 70),
    ("Carlos", 65),
    ("Miguel", 65),
    ("David", 60),
    ("Emily", 60),
    ("Ashley", 55),
    ("Alexander", 55),
    ("Victoria", 50),
    ("Alejandro", 50),
    ("Samantha", 50),
    ("Andrés", 45),
    ("Gabriela", 45),
    ("Fernando", 40),
    ("Guadalupe", 40),
    ("Jorge", 40),
    ("Eduardo", 38),
    ("Ricardo", 35),
    ("Natalia", 35),
    ("Roberto", 30),
    ("Francisco", 30),
    ("Leonardo", 30),
    ("Daniela", 30),
    ("Mariana", 28),
    ("Esmeralda", 25),
    ("Rafael", 22),
    ("Enrique", 20),
    ("Ignacio", 8),
    ("Salvador", 8),
    ("Rosario", 6),
    ("Consuelo", 3),
];

const FAMILY: Shares = &[
    ("Smith", 100),
    ("Johnson", 80),
    ("Williams", 68),
    ("Brown", 60),
    ("Jones", 58),
    ("Miller", 48),
    ("Davis", 46),
    ("Wilson", 34),
    ("Anderson", 33),
    ("Thomas", 31),
    ("Taylor", 31),
    ("Moore", 30),
    ("Jackson", 29),
    ("Martin", 28),
    ("Lee", 28),
    ("Thompson", 27),
    ("White", 27),
    ("Harris", 25),
    ("Clark", 23),
    ("Lewis", 22),
    ("Robinson", 21),
    ("Walker", 21),
    ("Young", 20),
    ("Allen", 20),
    ("King", 19),
    ("Wright", 19),
    ("Scott", 18),
    ("Nguyen", 18),
    ("Hill", 18),
    ("Green", 17),
    ("Adams", 17),
    ("Nelson", 17),
    ("Baker", 17),
    ("Hall", 16),
    ("Campbell", 16),
    ("Mitchell", 16),
    ("Carter", 15),
    ("Roberts", 15),
    ("Patel", 10),
    ("Kim", 11),
];

const HISPANIC_FAMILY: Shares = &[
    ("García", 210),
    ("Rodríguez", 195),
    ("Martínez", 190),
    ("Hernández", 185),
    ("López", 160),
    ("González", 150),
    ("Pérez", 120),
    ("Sánchez", 112),
    ("Ramírez", 100),
    ("Torres", 80),
    ("Flores", 78),
    ("Rivera", 72),
    ("Gómez", 70),
    ("Díaz", 66),
    ("Reyes", 60),
    ("Morales", 58),
    ("Cruz", 55),
    ("Ortiz", 52),
    ("Gutiérrez", 50),
    ("Chávez", 42),
    ("Ramos", 42),
    ("Ruiz", 38),
    ("Mendoza", 36),
    ("Castillo", 36),
    ("Vásquez", 30),
];

/// Short forms that people use, most of them in any list.
const SHORT: &[(&str, &str)] = &[
    ("William", "Will"),
    ("William", "Liam"),
    ("Michael", "Mike"),
    ("Alexander", "Alex"),
    ("Elijah", "Eli"),
    ("Benjamin", "Ben"),
    ("Abigail", "Abby"),
    ("Daniel", "Danny"),
    ("Matthew", "Matt"),
    ("Madison", "Maddie"),
    ("Joseph", "Joey"),
    ("Samuel", "Sam"),
    ("Elizabeth", "Lizzie"),
    ("Jackson", "Jack"),
    ("David", "Dave"),
    ("Andrew", "Drew"),
    ("Gabriel", "Gabe"),
    ("Christopher", "Chris"),
    ("Joshua", "Josh"),
    ("Victoria", "Tori"),
    ("Natalie", "Nat"),
    ("Samantha", "Sam"),
    ("Nathan", "Nate"),
    ("Isaac", "Ike"),
    ("Addison", "Addie"),
    ("Brooklyn", "Brook"),
    ("Thomas", "Tommy"),
    ("Charles", "Charlie"),
    ("Savannah", "Savvy"),
    ("Katherine", "Kate"),
    ("Alexandra", "Lexi"),
    ("Nicholas", "Nick"),
    ("Jonathan", "Jon"),
    ("Zachary", "Zach"),
    ("Robert", "Bobby"),
    ("Margaret", "Maggie"),
    ("Caroline", "Carrie"),
    ("Rebecca", "Becca"),
    ("Jessica", "Jess"),
    ("Timothy", "Tim"),
    ("Patrick", "Pat"),
    ("Kimberly", "Kim"),
    ("Gregory", "Greg"),
    ("Stephanie", "Steph"),
    ("Theodore", "Teddy"),
    ("Josephine", "Josie"),
    ("Penelope", "Penny"),
    ("Frederick", "Fred"),
    ("Barbara", "Barb"),
    ("Evelyn", "Evie"),
    ("Jacob", "Jake"),
    ("Isabella", "Bella"),
    ("Guadalupe", "Lupita"),
    ("José", "Pepe"),
    ("Francisco", "Paco"),
    ("Ignacio", "Nacho"),
    ("Eduardo", "Lalo"),
    ("Roberto", "Beto"),
    ("Alejandro", "Alex"),
    ("Enrique", "Kike"),
    ("Jesús", "Chuy"),
    ("Fernando", "Fer"),
    ("Gabriela", "Gaby"),
    ("Mateo", "Teo"),
    ("Santiago", "Santi"),
    ("Jordan", "Jory"),
    ("Hannah", "Hanny"),
    ("Mason", "Mase"),
    ("Charlotte", "Lottie"),
    ("Avery", "Ave"),
    ("Dylan", "Dyl"),
];

/// Beginnings and ends of the rare names.
const ONSETS: &[&str] = &[
    "A", "Be", "Ca", "Da", "E", "Fa", "Ga", "Ha", "I", "Ja", "Ka", "La", "Ma", "Na", "O", "Pe",
    "Qua", "Ra", "Sa", "Ta", "U", "Va", "Wi", "Xa", "Ya", "Ze", "Bri", "Che", "Dri", "Gra", "Kri",
    "Sha", "Tre", "Jo", "Ke", "Mi",
];
const MIDDLES: &[&str] = &[
    "li", "ma", "ri", "sha", "ny", "de", "vo", "ki", "na", "ro", "ly", "ze", "mi", "ha", "ve",
    "lo", "ta", "be",
];
const GIVEN_ENDS: &[&str] = &[
    "ah", "n", "lyn", "ne", "ya", "us", "el", "son", "ra", "ka", "en", "la", "ssa", "na", "iq",
    "vin", "mir", "t",
];
const FAMILY_ENDS: &[&str] = &[
    "son", "man", "ski", "berg", "ton", "ley", "er", "field", "ani", "ez", "ova", "wicz", "stein",
    "well", "ford", "oglu", "mar", "dt", "nen", "shi", "raj", "wu", "bury", "ardi", "quist",
    "bach", "ino", "enko", "ham", "worth",
];

/// A community: whose names go together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Community {
    English,
    Hispanic,
}

fn rare(random: &mut Random, ends: &[&str], many: usize) -> String {
    // The first of a tail are met more often than the last.
    let at = random.below(many as u64).min(random.below(many as u64)) as usize;
    let onset = ONSETS[at % ONSETS.len()];
    let rest = at / ONSETS.len();
    let middle = MIDDLES[rest % MIDDLES.len()];
    let rest = rest / MIDDLES.len();
    let end = ends[rest % ends.len()];
    let more = rest / ends.len();
    if more == 0 {
        format!("{onset}{middle}{end}")
    } else {
        format!("{onset}{}{middle}{end}", MIDDLES[more % MIDDLES.len()])
    }
}

fn common(random: &mut Random, shares: Shares) -> Option<&'static str> {
    let mut place = random.below(10_000);
    for (name, share) in shares {
        if place < *share {
            return Some(name);
        }
        place -= share;
    }
    None
}

/// A given name.
pub(crate) fn given(random: &mut Random, community: Community) -> String {
    let shares = match community {
        Community::English => GIVEN,
        Community::Hispanic => HISPANIC_GIVEN,
    };
    common(random, shares).map_or_else(|| rare(random, GIVEN_ENDS, 9_000), str::to_owned)
}

/// A family name; of some Hispanic families both.
pub(crate) fn family(random: &mut Random, community: Community) -> String {
    let shares = match community {
        Community::English => FAMILY,
        Community::Hispanic => HISPANIC_FAMILY,
    };
    let one = |random: &mut Random| {
        common(random, shares).map_or_else(|| rare(random, FAMILY_ENDS, 150_000), str::to_owned)
    };
    let first = one(random);
    if community == Community::Hispanic && random.chance(250) {
        return format!("{first} {}", one(random));
    }
    first
}

/// A short form, if the name has one.
pub(crate) fn short(random: &mut Random, name: &str) -> Option<&'static str> {
    let all: Vec<&str> = SHORT
        .iter()
        .filter(|(whole, _)| *whole == name)
        .map(|(_, short)| *short)
        .collect();
    (!all.is_empty()).then(|| all[random.below(all.len() as u64) as usize])
}

/// A name that a twin has beside this one: it differs in a letter or two.
pub(crate) fn beside(name: &str) -> String {
    match name.strip_suffix('a') {
        Some(rest) => format!("{rest}o"),
        None if name.ends_with('n') => format!("{}m", &name[..name.len() - 1]),
        None => format!("{name}a"),
    }
}

/// A slip of the pen: two letters swapped, one left out, one twice, or one of a neighbouring key.
pub(crate) fn slip(random: &mut Random, word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let at = random.below(letters.len() as u64) as usize;
    match random.below(4) {
        0 if at + 1 < letters.len() => letters.swap(at, at + 1),
        1 if letters.len() > 3 => drop(letters.remove(at)),
        2 => letters.insert(at, letters[at]),
        _ => letters[at] = ['e', 'a', 'o', 'r', 's', 'n'][random.below(6) as usize],
    }
    letters.into_iter().collect()
}
