//! More given names and their short forms than those of every day: of names that schools have had since 1980.
//!
//! Written by hand, and like the first list not complete. A short form that is a name of its own stands in [`OF_THEIR_OWN`], so that
//! it proves no other name.

/// Each line a name and its short forms.
pub(super) const MORE: &str = "\
adalynn addie
addison addie
adelina lina adela
adrian ade
adriana adri
adrienne adri
agustin tin agus
alan al
alana lana
alberto al
aldo al
alessandra ale sandra sandy
alessandro ale sandro
alexandria alex lexi
alfonso poncho fonso al
alfredo fredo fred
alice ali
alisha ali
allan al
allen al
alonso lonzo
alonzo lonzo lon
alvin al
alyssa aly lyssa ally
amador amado
andres dres
angelina angie lina
aniyah niyah
annabel anna bella belle
annabelle anna bella belle
annalise anna
annemarie anna
annette nettie
antoinette toni nettie
antonia toni tonia
arabella bella belle
archibald archie
ariana ari
arianna ari
ariel ari
arnold arnie
arnulfo nufo
arturo turo
ashleigh ash
ashley ash
ashton ash
aubrey bree
augustine augie
augustus augie
aurora rory
belinda linda
benito beni
bertram bert
beverly bev
braxton brax
brenda bren
brendan bren
brendon bren
brennan bren
brenton brent
brian bri
brianna bri bree anna
brigitte gitte
britney brit
brittany britt brit
brittney britt brit
brooklyn brook brooke
bryan bry
bryson bry
caitlin cait katie
caitlyn cait
camila cami mila
camilla cami milla
camille cami millie
candace candy
candice candy
carlos carlitos charly
carlton carl
carmelita carmen lita
carmelo melo
carmen carmina
casimir cas
catalina cata lina caty
cedric ced
charlene charlie
cheryl cher
chester chet
chloe clo
christa chris
christi chris
christiana chris tiana
claudia clau
clayton clay
clement clem
clementine clem
clinton clint
colleen col
colton colt
connor con
conrad con
consuelo chelo
cordelia delia cory
corinne cori
cornelius neil
courtney court
cristian cris
cristina cris
cristobal cris tobal
cristopher cris
crystal crys
curtis curt
cyrus cy
dakota kota
damian dame
damien dame
darrell darry
darryl darry
deandre dre andre
deangelo angelo
delilah lilah
delmar del
demetrius meech
derek rick
derrick rick
desiree desi dez
desmond dez des
destiny des
devin dev
devon dev
diana di
diane di
dimitri dima mitya
dominick nick
dominik nik
dominique nikki
donovan van
doris dory
dustin dusty
dwayne wayne
edgar ed
edith edie
edmundo mundo
elaina lainey laina
eliana ellie
elisabeth betsy betty eliza elle ellie libby liza lizzie elsa
elise ellie
elisha eli
ellen ellie nell
elliot eli
elliott eli
ellison ellie
eloise ellie
elwood woody
emanuel manu
emerson em
emilia em mila emmy
emiliano emi milo
emilio emi milo
emmalee em emmy
emmanuel manu
emmett em
enedina dina
ephraim eph
eric rick ricky
erica ricki
erik rick
erika ricki
ernesto neto
esmeralda esme
esteban teban
estefania estefi fany
esther essie
eugenia genie gena
eugenio geno
eva evie
evan ev
evangelina eva vangie lina
evangeline eva evie vangie
everett ev rhett
ezra ez
fabian fabi
fabiola fabi
faustino tino
felicia fee
felicity fliss flick
felipe lipe pipe
ferdinand ferdie fred
fernanda fer nanda
fidel fito
fiona fi
florencia flor
gabriella gabby bella ella
garrett gary
george georgie
georgia georgie
georgina georgie
gerald jerry
gerardo gera jerry
gianna gigi
gilbert gil bert
gilberto gil
giovanna gio vanna
giselle elle gigi
giuseppe beppe joe
glenn glen
gonzalo chalo
grace gracie
gracelyn gracie
graciela chela graci
grayson gray
griffin griff
griselda gris
harrison harry
harvey harv
hector tito
helena lena nell
henrietta hettie etta
herbert herb bert
hermenegildo gildo
hermione minnie
hezekiah kiah
hilario layo
horacio lacho
hubert bert
humberto berto
imani mani
imelda mel
imogen immy
inocencio chencho
irene rene renie
irving irv
isabelle bella belle izzy isa
isaiah zay
isaias isa
isidoro chilo
isidro chilo
israel izzy
izabella bella izzy
jackson jax
jada jade
jaden jay
jamal mal
janelle nelle
jasmin jas jazz
jasmine jas jazz minnie
jasper jas
jayden jay
jayla jay
jaylen jay
jazmin jaz
jazmine jaz
jeanette jean nettie
jeanne jeannie
jeremias jerry
jeremy jem
jermaine jerry
jillian jill jilly
jimena mena
joan joanie
joann jo
joanne jo
jocelyn joss
johanna jo hanna
johnathan john jon nathan
johnathon john jon
jonathon jon jonny
jordan jordy jory
jordyn jordy
jorge coque koki
joselyn joss
josue chue
joyce joy
juana juanita
judah jude
juliana jules
julianna jules anna
julianne jules
juliet jules
juliette jules
julissa juli
justin jus
kaitlin kait katie
kaitlyn kait katie
kameron kam
kamila kami mila
karina kari rina
katarina katie rina
katelyn kate katie
katharine kate kathy katie kit kitty
katheryn kate kathy katie
katrina trina
kellan kel
kelly kel
kelsey kels
kelvin kel
kevin kev
kiara kiki
kingston king
kirsten kris
kristin kris
kristine kris
kristopher kris
lana lanie
laura lauri laurie
laurel laurie
lauren ren
laurence larry
laurie lori
leah lee
leandro lean
leila lei
leilani lani lei
lena leni
leonard leon
leonardo nardo
leonel leo nel
leopoldo polo leo
leroy roy
leticia lety tish
letitia lettie tish
levi lev
liliana lili
lillianna anna
lincoln linc link
lisandro sandro
londyn lon
loretta etta lori
lorraine lori
louisa lou
louise lou
lourdes lulu
lucas luke
lucian luke
luciana lucy
lucinda lucy
lucretia lu
luella lu ella
luther luke
lydia lyd
lyndon lyn
mabel mae
macario maca
mackenzie kenzie mac mack
madalyn maddie
madeleine maddie
madelyn maddie
madelynn maddie
magdalena magda lena malena
makayla kayla mak
makenna kenna
makenzie kenzie mak
malachi mal kai
malcolm mal
malia lia
marcela marce chela
marcelino chelino
marcelo marce chelo
margarito mago
marguerite margie
marianne mari
maribel mari
maricela mari chela
marilyn mari lyn
marisol mari sol
marissa rissa mari
maritza mari
marvin marv
mateo teo
mathew mat
matias mati
matilde mati tilde
matteo teo
maureen mo
maurice mo
mauricio mau
maxim max
maximiliano max maxi
maximilliano max maxi
maximo max maxi
mckayla kayla
mckenna kenna
mckenzie kenzie
meghan meg
melinda mel mindy linda
melvin mel
meredith merry
mervin merv
micaela mica kayla
micheal mikey
mikaela mika kayla
mikayla kayla mika
mikhail misha
milagros mila
millicent millie
milton milt
minerva minnie
miriam miri mimi
mohamed mo
mohammad mo
mohammed mo
moises moy
monica moni
monique mo nikki
montgomery monty
mordecai mort
morgan mo
mortimer mort
muhammad mo
nadine dee
naomi nomi
natalia nat nati talia
nataly nat
nathalie nat
nathanael nate nat nathan
nathanial nate nat
nichole nicky nikki
nicholette nikki
nickolas nick nicky
nicolette nikki colette
nikita nik
nikolai nik niko
nikolas nik nick niko
noemi mimi
norbert bert
obadiah obie
octavia tavi
oleksandr sasha oleks
oleksandra sasha oles
oliverio oli
olivier oli
orlando lando
osvaldo valdo
oswald oz
oswaldo valdo
paola pao
pascual pasco
patience pat
patricio pato
paul paulie
paulina pau lina
paxton pax
pedro perico
philippa pippa pip
philomena mena
phineas finn
prescott scott
quentin quinn
quincy quin
quinton quint
rafaela rafa
ramon moncho
raphael raph rafe
raquel raque kel
raymundo mundo
rebeca beca becky
rebekah bekah becca becky
refugio cuco
reinaldo rey naldo
renata rena nata
reuben rube
reyna rey
reynaldo rey naldo
rhiannon rhi
rigoberto rigo
riley ry
rocio chio
roderick rick
rodolfo rodo fito
roger rodge
roland rollie
rolando rolo lando
ronaldo naldo
ronan ro
rosa rosita
rosalia lia rosa
rosalie rose
rosalind roz rose
rosalinda rosa linda
rosalyn roz rose
rosanna rosa anna
rosaura rosa
roseanne rose
rosemarie rose
rosendo chendo
rowan ro
roxana roxy
roxanna roxy
roxanne roxy
ruben rube
rudolph rudy
ruth ruthie
ryan ry
ryder ry
ryland ry
sabrina bri brina
samara sam
samson sam
sandra sandy
sanford sandy
sara sadie sally
sarah sadie sally
saul sol
savanna savvy vanna
savannah savvy vanna
scott scottie scotty
selena lena
selina lina
seraphina sera
serena rena
sergei serge seryozha
seymour sy
shayla shay
sheila shel
shelby shel
sheldon shel
shelton shel
silas si
simon si
skylar sky
skyler sky
soledad sole chole
solomon sol
spencer spence
stefan stef
stefanie stef steffi
sullivan sully
susanna anna
susannah hannah
suzanne suzie
sydney syd
sylvester sly
tatiana tati tania
thaddeus thad tad
thalia lia
theodor theo ted
theodora theo thea dora teddy
tiffany tiff
tonya toni
travis trav
trenton trent
trevor trev
trinity trin
tristan tris
tristen tris
tyler ty
tyrone ty
tyson ty
ulises uli
ulysses uly
valentin val tin vale
valentine val
valerie val
vasily vasya
vicente chente
victorino tino
viktor vik
viktoria vik tori
viola vi
violet vi
viviana vivi
vladimir vlad vova
volodymyr vova
whitney whit
wilfred fred wilf
wilfredo fredo wil
willem bill
winston win
woodrow woody
xavier xavi zave
ximena xime mena
yaretzi yare
yesenia yesi
yesica yesi
yevgeny zhenya
yuliana yuli
yvette evie
yvonne evie
zebulon zeb
";

/// Short forms that parents give as names, so that a child may have the one and a sister or brother the other.
pub(super) const OF_THEIR_OWN: &str = "\
adela andre angelo brent brook brooke carl clay clint colette colt cori cory delia dina dora dory \
dusty elsa esme finn gary glen gray hanna hannah jade jax jean jill joy juanita jude kai king lani \
lee leni leon lev lilah lili mack mae magda mica milla mindy misha neil nelle polo quinn rafe rene \
rhett rory rosita roy rudy sera shay talia tania thea tiana tito trent trina van wayne";
