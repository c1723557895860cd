"""Common words of identifiers and of English. Retrieval never treats them as rare names."""

COMMON_WORDS = frozenset(
    """
    a about above after again all also always an and any are as at back be been before below between both but by can
    could do does done down during each either else ever every few first for from had has have he her here him his how
    if in instead into is it its just last less like made make many may me might more most much must my never new next
    no none nor not nothing now of off often old on once one only or other our out over own per same she should since
    so some still such than that the their them then there these they this those three through to too two under until
    up upon us use used uses using very was way we well were what when where whether which while who whole whose why
    will with within without would yes yet you your

    abstract add added address all alias alpha amount apply arg args argument arguments array assert async attr attrs
    auto average await background base basic batch begin bit bits block body bool boolean bottom bound bounds buffer
    build builder button byte bytes cache call callback case cell change changed channel char character chars check
    child children class clean clear cli client clone close cls code col color column columns command comment common
    compare complete component config connection const constant container content context control convert copy core
    count counter create created current cursor data database date datetime day days debug decimal default define
    delete delta depth desc description dest destination dict dictionary diff dir directory disable display distance
    doc document double duration dump edit element elements email empty enable enabled encode end ends entries entry
    enum env environment equal error errors event events example exception exec execute exists exit expect expected
    export ext extend extra factory fail failed false field fields file filename files fill filter find flag flags
    flat float flush folder font foo format found fn fun func function functions generate get group groups handle
    handler hash head header headers height hello help hidden high hold hook host hour id identifier ids ignore image
    impl import index info init initial inner input insert instance int integer interface internal invalid io is item
    items iter iterator job join json key keys kind label lang language layer left len length level lib limit line
    lines link list listener lists load loaded local location lock log logger logging long loop low main make manager
    map mark match matches math matrix max maximum mean member memory menu merge message messages meta method methods
    middle min minimum minute mock mode model module modules month move name named names native node nodes null num
    number numbers obj object objects offset ok open operation option optional options order out output owner package
    page pair panel param parameter parameters params parent parse parser part parts password patch path paths pattern
    pending percent period phone pixel place plain player point pointer points pop port pos position post prefix
    prepare previous print priority private process progress project prop properties property props public push put
    query queue quit random range rate ratio raw read reader ready real reason record records ref reference region
    register remove rename render repeat replace report request required res reset resource response rest result
    results return right role root rotate round route row rows rule rules run runner sample save scale schema scope
    score screen search second seconds section seed select selected self send separator sequence server service
    session set sets settings setup shape short show sign signal simple single size skip sleep slice slot small sort
    source space spec split stack start started state static status step stop store str stream string strings style
    sub submit success sum super suite symbol sync system tab table tag tags target task tasks temp template test
    tests text this thread threshold time timeout timestamp title tmp token tokens tool top total trace track trim
    true try tuple turn type types undefined unique unit units unknown unused update updated upper url user users
    util utils val valid validate value values var variable vector verbose version view visible void wait warn warning
    week weight widget width window word words work worker wrap wrapper write writer xml year zero
    """.split()  # noqa: SIM905 - a list of literals would take 700 lines
)
"""The words, in lower case."""

MIN_LENGTH = 3
"""Minimum length of a rare word, in characters. Shorter words, such as `fn`, are abbreviations with many meanings."""
