"""Passwords that guessers try first, of the lengths that the policy may allow (8 and more), in lower case.

Straight walks on a keyboard and repetitions are found by rule (`passwords._is_run`) and need no entry.
"""

from __future__ import annotations

COMMON = frozenset(
    # One text: a literal of its words would be a line for each.
    """
    00001111 0123456789a 100200300 101010101 11112222 11223344 1122334455 112233445566 123123abc 123321123
    123321123321 12341234 12344321 1234512345 123454321 1234554321 123456788 1234567890a 1234567890abc 123456789a
    123456789abc 123456789q 123456789qwerty 12345678a 12345679 123456abc 123456abcdef 123456qwerty 12345qwert 1234qwer
    1234qwerasdf 123abc123 123qwe123 123qwe123qwe 123qweasd 123qweasdzxc 135792468 13579246810 147147147 147258369
    147852369 159357456 159753123 159951159 19841984 19851985 19861986 19871987 19881988 19891989 19901990 19911991
    19921992 1q2w3e4r! 1q2w3e4r5 1qaz2wsx 1qaz2wsx3edc 1qaz2wsx3edc4rfv 1qazxsw2 20002000 20102010 20202020 20242024
    20252025 20262026 246810121 271828182 31415926 314159265 3141592653 321654987 741852963 789456123 789456123a
    98765432 987654321a a123456789 a1234567890 a1b2c3d4 a1b2c3d4e5 a1b2c3d4e5f6 aa123456 aa12345678 aa123456789
    aaa111222 abc12345 abc123456 abc123abc123 abcd1234 abcd12345 abcdef123 abcdefg1 abcdefg123 abcdefgh1 admin123
    admin123! admin1234 admin12345 admin123456 adminadmin adminadminadmin administrator administrator1
    administrator123 alexander alexander1 andrew123 android1 angel123 angels123 anthony1 apple123 arsenal1 arsenal123
    asd123456 asdf1234 asdf12345 asdfasdf asdfgh123 asdfghjkl1 ashley123 asshole1 autumn2024 autumn2025 autumn2026
    babygirl babygirl1 babygirl12 babygirl123 barcelona barcelona1 baseball baseball1 baseball12 baseball123
    basketball basketball1 basketball123 batman123 batterystaple beatles1 benjamin bestfriend bestfriends bharat123
    bharat1234 bharat12345 bharatcrm bharatcrm1 bharatcrm123 bharatpassword birthday birthday1 blessed1 blink182
    budweiser bullshit business1 business123 butterfly butterfly1 changeit changeme changeme1 changeme12 changeme123
    changeme1234 charlie1 charlie123 chelsea1 chelseafc chocolate chocolate1 christmas christmas1 christopher
    christopher1 company1 company123 companyname computer computer1 computer123 corona123 correcthorse
    correcthorsebatterystaple corvette cowboys1 crmcrmcrm crmpassword customer customer1 customer123 customers123
    daniel123 database database1 database123 december1 default1 defaultpassword demo1234 demodemo demopassword
    development diamond1 diamonds1 docker123 donotforget dontforget dontforgetme dragon123 dragonball elizabeth
    elizabeth1 eminem123 enterpassword facebook facebook1 facebook123 family123 familyfirst february1 ferrari1
    followyourdreams football football1 football12 football123 forever1 forever123 forgetmenot fortnite1 friday123
    friends1 friendsforever fuckoff1 fuckyou1 fuckyou12 fuckyou123 fuckyou2 godisgood godisgreat godislove goodbye1
    goodmorning google123 greenday1 guest1234 guestguest hakunamatata hello123 hello1234 hello12345 hellohello
    hellokitty hellokitty1 helloworld helloworld1 helloworld123 hindustan hindustan1 iamthebest iamthebest1
    iamthebest123 idontcare idontknow idontknow1 idontknow123 ihatepasswords ihateyou ihateyou1 ilovegod iloveher
    ilovejesus ilovemyfamily ilovemymom ilovemyself iloveu123 iloveyou iloveyou! iloveyou1 iloveyou12 iloveyou123
    iloveyou1234 iloveyou2 iloveyouso iloveyousomuch india123 india1234 indiaindia insertpassword instagram instagram1
    internet internet1 internet123 iphone123 jaihind1 jaihind123 january1 jennifer jennifer1 jessica1 jessica123
    jesuschrist jesuschrist1 jesuslovesme jonathan jordan123 jordan23 juventus1 kubernetes lakers24 letmein1 letmein12
    letmein123 letmein1234 letmeinnow letmeinplease lightning linkedin linkedin1 linux123 livelaughlove livelovelaugh
    liverpool liverpool1 liverpool123 liverpoolfc liveyourlife localhost localhost1 localhost123 lovelove lovelove1
    lovers123 loveyou1 loveyou123 manager1 manager123 manchester manchesterunited marketing marketing1 marketing123
    marlboro marlboro1 master123 masterkey matrix123 matthew1 maverick maverick1 mercedes mercedes1 metallica
    metallica1 michael1 michael123 michelle michelle1 microsoft microsoft1 midnight midnight1 minecraft minecraft1
    minecraft123 monday123 monkey123 mother123 motherfucker mountain mylove123 mylovelyfamily mypassword mypassword1
    mypassword123 mypasswordis123 nevergiveup nevergiveup1 newpassword newpassword1 newpassword123 nicholas nicholas1
    nintendo nirvana1 nopassword nopassword1 nopasswordhere office123 office365 oldpassword opensesame opensesame1
    orange123 p@ssw0rd p@ssw0rd1 p@ssw0rd123 p@ssword p@ssword1 p@ssword123 pa$$w0rd pa$$word pass1234 pass12345
    pass123456 passw0rd passw0rd1 passw0rd123 password password! password1 password1! password12 password123
    password123! password1234 password1234! password12345 password123456 password1234567 password12345678
    passwordispassword passwordpassword patrick1 phoenix1 phoenix123 playstation playstation3 pokemon1 pokemon123
    postgres postgres1 postgres123 princess princess1 princess12 princess123 production production1 purple123
    q123456789 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6 qaz123456 qazwsx123 qazwsxedc qazwsxedcrfv qwe123456 qweasdzxc
    qweasdzxc123 qwerty11 qwerty12 qwerty123 qwerty123! qwerty1234 qwerty12345 qwerty123456 qwerty1234567 qwertyqwerty
    qwertyui1 rainbow1 rainbow123 raspberry realmadrid redis1234 rememberme rememberme1 rememberme123 root1234
    rootroot rootrootroot sales123 salesforce salesforce1 salesforce123 samantha samantha1 samsung1 samsung123
    scooby123 secret123 secret1234 secretpassword server123 service123 silver123 slipknot slipknot1 snoopy123
    spiderman spiderman1 spiderman123 spring2024 spring2025 spring2026 staging1 startrek startrek1 starwars starwars1
    starwars123 steelers steelers1 stephanie stephanie1 strawberry strawberry1 summer123 summer2024 summer2025
    summer2026 sunday123 sunshine sunshine1 sunshine12 sunshine123 superadmin superadmin123 supercalifragilistic
    superman superman1 superman123 superuser support1 support123 swordfish sysadmin sysadmin123 temp1234 temporary
    temporary1 temppassword test1234 test12345 test123456 testing123 testing1234 testpassword testpassword1 testtest
    testtest1 thepassword thisisapassword thisismypassword thisismypassword1 thisispassword thomas123 thunder1
    thunder123 tinkerbell topsecret topsecret1 topsecret123 trustno1 trustno1trustno1 trustnoone ubuntu123 user1234
    username username1 userpassword valentina veronica victoria victoria1 welcome1 welcome12 welcome123 welcome123!
    welcome1234 welcome12345 welcome2024 welcome2025 welcome2026 welcomeback welcomehome welcometo whatever whatever1
    whatever123 william1 windows10 windows11 winter123 winter2024 winter2025 winter2026 yankees1 yellow123
    yourpassword z123456789 zaq12wsx zaq12wsxcde3 zaq1zaq1 zxcv1234 zxcvbn123 zxcvbnm1 zxcvbnm123 zxcvbnm123456
    """.split()  # noqa: SIM905
)
