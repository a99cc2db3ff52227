//! Given names that one person may bear both of.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

mod more;

/// Common English and Spanish given names, each line a name and its short forms. Not complete, and of one
/// culture more than of others: add a district's own with [`Nicknames::add`].
const COMMON: &str = "\
abigail abby abbie gail
abraham abe bram
adelaide addie
adeline addie
agnes aggie
albert al bert bertie
alejandra ale aleja sandra
alejandro ale alex
alexander al alex alec lex sandy sasha xander
alexandra alex alexa lexi sandra sandy sasha
alexis alex lexi
alfred al alf alfie fred
alicia ali
alison ali allie
allison ali allie
amanda mandy
amelia amy millie mia
anastasia ana stacy stasia
andrea andi andie drea
andrew andy drew
angela angie
angelica angie
anna ann anne annie
anthony tony ant
antonio tony tono
arthur art artie
barbara barb barbie
bartholomew bart
beatrice bea trixie
beatriz bea bety
benjamin ben benny benji
bernard bernie
bernadette bernie
bradley brad
brandon bran
calvin cal
cameron cam
carolina caro
caroline carol carrie caro
cassandra cass cassie sandra
catherine cat cate cathy kate katie kathy kitty
cecilia ceci cece celia
charles charlie chuck chas
charlotte charlie lottie char
chelsea chels
christian chris
christina chris christy tina
christine chris christy tina
christopher chris kit topher
clara claire
clifford cliff
concepcion concha conchita
constance connie
cynthia cindy
daniel dan danny
daniela dani
danielle dani
david dave davey
deborah deb debbie
dennis denny
diego dieguito
dolores lola
dominic dom nick
donald don donny
dorothy dot dottie dolly
douglas doug
edmund ed eddie
eduardo edu lalo
edward ed eddie ned ted teddy
edwin ed eddie
eleanor ellie nell nora
elena ellie nena
elias eli
elijah eli
elizabeth beth betsy betty eliza elle ellie libby lisa liz liza lizzie
emily em emmy
emma em emmy
enrique kike quique
ernest ernie
esperanza espe
eugene gene
evelyn eve evie
ezekiel zeke
fernando fer nando
florence flo flossie
frances fran frannie
francesca fran frankie
francis fran frank
francisca paca pancha
francisco cisco frank paco pancho
franklin frank
frederick fred freddie fritz rick
gabriel gabe
gabriela gaby
gabrielle gabby elle
genevieve gen evie
geoffrey geoff jeff
gerald gerry jerry
gertrude gert trudy
giovanni gio
gregory greg
guadalupe lupe lupita
guillermo memo guille
gustavo gus tavo
gwendolyn gwen
harold hal harry
harriet hattie
helen nell
henry hal hank harry
howard howie
ignacio nacho
isaac ike zac
isabel bel izzy isa chabela
isabella bella izzy isa
jacob jake
jacqueline jackie
james jamie jim jimmy jay
janet jan
jason jay
javier javi
jeffrey jeff
jennifer jen jenn jenny
jeremiah jeremy jerry
jerome jerry
jessica jess jessie
jesus chuy chucho
joanna jo joan
joaquin quino
john jack jon johnny
jonathan jon jonny nathan
jose pepe chepe
joseph joe joey jo
josefina fina pepa
josephine jo josie
joshua josh
josiah joe
juan juanito
judith judy
julia jules julie
julian jules
julio julito
katherine kat kate kathy katie kay kit kitty
kathleen kathy kate katie
kathryn kat kate kathy katie
kenneth ken kenny
kimberly kim
kristen kris kristy
kristina kris tina
lawrence larry
leonard leo len lenny
leonardo leo
leslie les
lillian lil lily
linda lindy
lorenzo enzo
louis lou louie
lucia lucy
lucille lucy
luis lucho
madeline maddie
madison maddie
manuel manny manolo
marcus marc mark
margaret greta maggie marge margie meg megan peggy rita
margarita marga rita
maria mari mary
mariana mari
marjorie marge margie
martha marty
martin marty
mary molly polly
matilda tilda tillie
matthew matt matty
maximilian max
maxwell max
megan meg
melanie mel
melissa mel missy lissa
mercedes meche
michael mike mickey mick mikey
michelle shelly
miguel mike migue
mildred millie
miranda mira
mitchell mitch
montserrat montse
moses moe
nancy nan
natalie nat
natasha tasha nat
nathan nate nat
nathaniel nate nat nathan
nicholas nick nicky nico
nicolas nico
nicole nicky
norman norm
octavio tavo
oliver ollie
olivia liv livvy
oscar ozzie
pamela pam
patricia pat patty tricia trish
patrick pat paddy
penelope penny
peter pete
philip phil pip
phillip phil pip
priscilla cilla
prudence pru
rachel rae
rafael rafa
ramona mona
randall randy
raymond ray
rebecca becca becky
regina gina
reginald reg reggie
ricardo ricky rick
richard dick rich rick ricky
robert bob bobby rob robbie bert
roberta bobbie
roberto beto
rodney rod
rodrigo rodri
ronald ron ronny
rosario charo chayo
rosemary rose rosie
russell russ
salvador chava sal
samantha sam
samuel sam sammy
santiago santi
sebastian seb bastian
sergio checo
sharon shari
sidney sid
sophia sophie sofi
sofia sofi
stanley stan
stephanie steph
stephen steve stevie
steven steve stevie
stuart stu
susan sue susie suzy
susana susi
sylvia syl
tabitha tabby
tamara tammy
teresa tere terry tess
theodore ted teddy theo
theresa tess terry
thomas tom tommy
timothy tim timmy
tobias toby
valentina vale
valeria vale
vanessa nessa
veronica ronnie vero
victor vic
victoria tori vicky
vincent vin vince vinny
virginia ginny
vivian viv
walter walt wally
wendell wendy
wesley wes
wilhelmina mina billie
william bill billy will willie liam
winifred winnie
yolanda yoli
zachary zach zack
";

/// Whole names that are one name in two spellings or languages: a short form of both is still of one. Between the
/// whole names themselves nothing is sure.
const SPELLINGS: &str = "\
alan allan allen
alejandra alexandra
alejandro alexander
alison allison
anthony antonio
brittany britney brittney
caitlin caitlyn kaitlin kaitlyn katelyn
catherine katherine katharine kathryn katheryn
christian cristian
christina christine cristina kristina kristine
christopher cristopher kristopher
dominic dominick dominik
elisabeth elizabeth
emanuel emmanuel immanuel
eric erik
erica erika
gabriela gabriella
geoffrey jeffery jeffrey
isabel isabelle
isabella izabella
jocelyn joselyn
johnathan johnathon jonathan jonathon
juliana julianna
laurence lawrence
leticia letitia
mackenzie makenzie mckenzie
madalyn madeleine madeline madelyn madelynn
makayla mckayla mikaela mikayla
makenna mckenna
maria mary
mateo matteo
mathew matthew
mathias matias matthias
meghan megan
michael micheal miguel
mohamed mohammad mohammed muhammad
nichole nicole
nicholas nickolas nicolas nikolas
philip phillip
randal randall
rebeca rebecca rebekah
roxana roxanna
sara sarah
savanna savannah
sidney sydney
sofia sophia
stefanie stephanie
stephen steven
susanna susannah
terence terrance terrence
teresa theresa
theodor theodore
victor viktor
victoria viktoria
willem william
zachary zachery zackary zackery
";

/// How certain it is that two names are one person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// The short form is of this name alone: Bill and William.
    Sure,
    /// The short form is of other names as well: Alex and Alexandra, Chris and Christina.
    Shared,
}

/// Which given names go together. Groups may overlap, and a name in common joins no two groups: "al" is
/// Albert's and Alexander's, and still Albert is not Alexander.
#[derive(Debug, Clone)]
pub struct Nicknames {
    /// The whole names, by number; spellings of one name have one.
    whole: HashMap<String, u32>,
    /// For each name the whole names that it is a form of; a whole name is one of itself.
    forms_of: HashMap<String, BTreeSet<u32>>,
}

impl Default for Nicknames {
    fn default() -> Self {
        let mut all = Self::none();
        for (number, line) in SPELLINGS.lines().enumerate() {
            let number = u32::try_from(number).unwrap_or_default();
            for name in line.split(' ') {
                all.whole.insert(name.to_owned(), number);
            }
        }
        for line in COMMON.lines().chain(more::MORE.lines()) {
            all.add(line.split(' '));
        }
        for name in more::OF_THEIR_OWN.split(' ') {
            all.add([name]);
        }
        all
    }
}

impl Nicknames {
    /// The common names, read once.
    pub(crate) fn common() -> &'static Self {
        static COMMON_ONES: LazyLock<Nicknames> = LazyLock::new(Nicknames::default);
        &COMMON_ONES
    }

    /// No names at all.
    #[must_use]
    pub fn none() -> Self {
        Self {
            whole: HashMap::new(),
            forms_of: HashMap::new(),
        }
    }

    /// Adds a name and its short forms, in lower case without marks.
    pub fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        let mut names = names.into_iter();
        let Some(whole) = names.next() else {
            return;
        };
        let next = u32::try_from(self.whole.len()).unwrap_or(u32::MAX);
        let number = *self.whole.entry(whole.to_owned()).or_insert(next);
        for name in std::iter::once(whole).chain(names) {
            self.forms_of
                .entry(name.to_owned())
                .or_default()
                .insert(number);
        }
    }

    /// Whether one person may bear both, and how certain that is; `None` of two equal names.
    pub(crate) fn bond(&self, a: &str, b: &str) -> Option<Bond> {
        let (of_a, of_b) = (self.forms_of.get(a)?, self.forms_of.get(b)?);
        if a == b {
            return None;
        }
        let mut bond = None;
        for whole in of_a.intersection(of_b) {
            let is_whole = |name| self.whole.get(name) == Some(whole);
            // The whole name may be a form of others: what matters is the short one's.
            let is_sure = match (is_whole(a), is_whole(b)) {
                (true, true) => false,
                (true, false) => of_b.len() == 1,
                (false, true) => of_a.len() == 1,
                (false, false) => of_a.len() == 1 && of_b.len() == 1,
            };
            if is_sure {
                return Some(Bond::Sure);
            }
            bond = Some(Bond::Shared);
        }
        bond
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_group_go_together_and_groups_stay_apart() {
        let names = Nicknames::default();
        assert_eq!(names.bond("bill", "william"), Some(Bond::Sure));
        assert_eq!(names.bond("bill", "liam"), Some(Bond::Sure));
        assert_eq!(names.bond("albert", "alexander"), None);
        assert_eq!(names.bond("nobody", "nobody"), None);
    }

    #[test]
    fn field_f11_a_short_form_of_several_names_is_surely_none_of_them() {
        let names = Nicknames::default();
        for (short, whole) in [
            ("alex", "alexander"),
            ("alex", "alexandra"),
            ("chris", "christian"),
            ("chris", "christina"),
            ("sam", "samuel"),
            ("pat", "patricia"),
            ("nathan", "jonathan"),
            ("mary", "maria"),
            ("michael", "miguel"),
            ("sofia", "sophia"),
        ] {
            assert_eq!(names.bond(short, whole), Some(Bond::Shared), "{short}");
            assert_eq!(names.bond(whole, short), Some(Bond::Shared), "{short}");
        }
        for (short, whole) in [
            ("beth", "elizabeth"),
            ("jake", "jacob"),
            ("mike", "michael"),
            ("tony", "anthony"),
        ] {
            assert_eq!(names.bond(short, whole), Some(Bond::Sure), "{short}");
        }
    }

    #[test]
    fn every_listed_name_is_folded_and_groups_have_two() {
        let mut names = BTreeSet::new();
        for line in COMMON.lines().chain(more::MORE.lines()) {
            assert!(line.split(' ').count() > 1, "{line}");
            names.insert(line.split(' ').next());
            assert!(
                line.bytes().all(|b| b.is_ascii_lowercase() || b == b' '),
                "{line}"
            );
        }
        assert!(names.len() > 700, "{}", names.len());
    }

    #[test]
    fn a_short_form_that_is_a_name_of_its_own_is_surely_nobodys() {
        let names = Nicknames::default();
        for (short, whole) in [
            ("brooke", "brooklyn"),
            ("hanna", "johanna"),
            ("thea", "theodora"),
            ("leon", "leonard"),
            ("talia", "natalia"),
        ] {
            assert_eq!(names.bond(short, whole), Some(Bond::Shared), "{short}");
        }
        for (short, whole) in [
            ("bekah", "rebekah"),
            ("chente", "vicente"),
            ("thad", "thaddeus"),
        ] {
            assert_eq!(names.bond(short, whole), Some(Bond::Sure), "{short}");
        }
    }
}
