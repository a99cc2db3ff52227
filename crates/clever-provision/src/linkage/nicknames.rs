//! Given names that one person may bear both of.

use std::collections::{BTreeMap, BTreeSet};

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

/// Which given names go together. Groups may overlap, and a name in common joins no two groups: "al" is
/// Albert's and Alexander's, and still Albert is not Alexander.
#[derive(Debug, Clone)]
pub struct Nicknames {
    groups: BTreeMap<String, BTreeSet<u32>>,
    next: u32,
}

impl Default for Nicknames {
    fn default() -> Self {
        let mut all = Self::none();
        for line in COMMON.lines() {
            all.add(line.split(' '));
        }
        all
    }
}

impl Nicknames {
    /// No names at all.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            groups: BTreeMap::new(),
            next: 0,
        }
    }

    /// Adds names that one person may bear, in lower case without marks.
    pub fn add<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) {
        for name in names {
            self.groups
                .entry(name.to_owned())
                .or_default()
                .insert(self.next);
        }
        self.next += 1;
    }

    /// Whether one person may bear both.
    #[must_use]
    pub fn go_together(&self, a: &str, b: &str) -> bool {
        match (self.groups.get(a), self.groups.get(b)) {
            (Some(a), Some(b)) => !a.is_disjoint(b),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_group_go_together_and_groups_stay_apart() {
        let names = Nicknames::default();
        assert!(names.go_together("bill", "william"));
        assert!(names.go_together("bill", "liam"));
        assert!(!names.go_together("albert", "alexander"));
        assert!(!names.go_together("nobody", "nobody"));
    }

    #[test]
    fn every_listed_name_is_folded_and_groups_have_two() {
        for line in COMMON.lines() {
            assert!(line.split(' ').count() > 1, "{line}");
            assert!(
                line.bytes().all(|b| b.is_ascii_lowercase() || b == b' '),
                "{line}"
            );
        }
    }
}
