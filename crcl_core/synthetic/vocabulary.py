"""The words of captions: synonyms for everything that a scene can hold, the plainest word first."""

from typing import Final

from crcl_core.synthetic.scene import BackdropKind, Colour, Place, Shape, Size, Texture

# Each synonym in the singular and in the plural.
NOUNS: Final[dict[Shape, tuple[tuple[str, str], ...]]] = {
    Shape.CIRCLE: (("circle", "circles"), ("disc", "discs"), ("round disc", "round discs")),
    Shape.SQUARE: (("square", "squares"), ("square block", "square blocks")),
    Shape.TRIANGLE: (("triangle", "triangles"), ("three-cornered shape", "three-cornered shapes")),
    Shape.STAR: (("star", "stars"), ("five-pointed star", "five-pointed stars")),
    Shape.HEART: (("heart", "hearts"), ("love heart", "love hearts")),
    Shape.HEXAGON: (("hexagon", "hexagons"), ("six-sided tile", "six-sided tiles")),
    Shape.CRESCENT: (("crescent moon", "crescent moons"), ("crescent", "crescents")),
    Shape.RING: (("ring", "rings"), ("hoop", "hoops"), ("round ring", "round rings")),
    Shape.CROSS: (("cross", "crosses"), ("plus sign", "plus signs")),
    Shape.DIAMOND: (("diamond", "diamonds"), ("diamond shape", "diamond shapes")),
    Shape.FLOWER: (("flower", "flowers"), ("blossom", "blossoms")),
    Shape.FISH: (("fish", "fish"), ("swimming fish", "swimming fish")),
    Shape.HOUSE: (("house", "houses"), ("cottage", "cottages")),
    Shape.TREE: (("fir tree", "fir trees"), ("tree", "trees"), ("pine tree", "pine trees")),
    Shape.CLOUD: (("cloud", "clouds"), ("fluffy cloud", "fluffy clouds")),
    Shape.DROP: (("drop", "drops"), ("water drop", "water drops"), ("teardrop", "teardrops")),
}

COLOUR_WORDS: Final[dict[Colour, tuple[str, ...]]] = {
    Colour.RED: ("red", "bright red", "crimson"),
    Colour.ORANGE: ("orange", "bright orange", "tangerine"),
    Colour.YELLOW: ("yellow", "bright yellow", "golden yellow"),
    Colour.GREEN: ("green", "grass green", "emerald green"),
    Colour.TURQUOISE: ("turquoise", "aqua"),
    Colour.BLUE: ("blue", "royal blue", "bright blue"),
    Colour.PURPLE: ("purple", "violet", "deep purple"),
    Colour.PINK: ("pink", "rose pink", "candy pink"),
    Colour.BROWN: ("brown", "chocolate brown", "nut brown"),
    Colour.BLACK: ("black", "jet black", "pitch black"),
    Colour.WHITE: ("white", "snow white", "pure white"),
    Colour.GREY: ("grey", "gray", "silver grey"),
}

# As an adjective before the colour, and as words after the noun.
TEXTURE_ADJECTIVES: Final[dict[Texture, tuple[str, ...]]] = {
    Texture.STRIPED: ("striped", "stripy"),
    Texture.SPOTTED: ("spotted", "dotted", "polka-dotted"),
    Texture.CHECKERED: ("checkered", "checked"),
    Texture.CROSSHATCHED: ("crosshatched", "lattice-patterned"),
    Texture.ZIGZAG: ("zigzag-patterned", "wavy"),
}
TEXTURE_TAILS: Final[dict[Texture, tuple[str, ...]]] = {
    Texture.STRIPED: ("with stripes", "covered in stripes"),
    Texture.SPOTTED: ("with dots", "covered in spots"),
    Texture.CHECKERED: ("with a checkered pattern", "covered in checks"),
    Texture.CROSSHATCHED: ("with crossed lines", "covered in a lattice"),
    Texture.ZIGZAG: ("with zigzag lines", "covered in zigzags"),
}

SIZE_WORDS: Final[dict[Size, tuple[str, ...]]] = {
    Size.SMALL: ("small", "little", "tiny"),
    Size.LARGE: ("large", "big", "huge"),
}

COUNT_WORDS: Final[dict[int, tuple[str, ...]]] = {
    1: ("a", "one", "a single"),
    2: ("two", "a pair of", "two"),
    3: ("three", "three"),
    4: ("four", "four"),
    5: ("five", "five"),
    6: ("six", "half a dozen"),
}

PLACE_WORDS: Final[dict[Place, tuple[str, ...]]] = {
    Place.TOP_LEFT: ("in the top left corner", "at the upper left"),
    Place.TOP: ("at the top", "near the upper edge"),
    Place.TOP_RIGHT: ("in the top right corner", "at the upper right"),
    Place.LEFT: ("on the left", "at the left side"),
    Place.MIDDLE: ("in the middle", "in the centre"),
    Place.RIGHT: ("on the right", "at the right side"),
    Place.BOTTOM_LEFT: ("in the bottom left corner", "at the lower left"),
    Place.BOTTOM: ("at the bottom", "near the lower edge"),
    Place.BOTTOM_RIGHT: ("in the bottom right corner", "at the lower right"),
}

# "{}" is the colour. First what follows the objects, then what can begin a sentence.
BACKDROP_TAILS: Final[dict[BackdropKind, tuple[str, ...]]] = {
    BackdropKind.PLAIN: ("on a plain {} background", "on a sheet of plain {} paper", "against a smooth {} wall"),
    BackdropKind.STRIPES: ("on a {} striped background", "against a wall of {} stripes"),
    BackdropKind.CHECKERBOARD: ("on a {} checkerboard", "on a {} checkered tablecloth"),
    BackdropKind.POLKA_DOTS: ("on {} polka dot wallpaper", "on a {} background with polka dots"),
    BackdropKind.GRAPH_PAPER: ("on {} graph paper", "on a {} grid of thin lines"),
    BackdropKind.SUNBURST: ("in front of {} sun rays", "on a {} sunburst background"),
    BackdropKind.MEADOW: ("on a green meadow under a blue sky", "above a grassy field", "over green hills"),
    BackdropKind.SEA: ("above the sea", "over the waves of the ocean", "over the water at the seaside"),
    BackdropKind.DESERT: ("over the dunes of a desert", "in a sandy desert", "above golden sand"),
    BackdropKind.NIGHT_SKY: ("in a dark night sky", "in the starlit night", "in the sky at night"),
    BackdropKind.SNOW: ("in front of snowy mountains", "above a snowy landscape", "over snow-covered peaks"),
    BackdropKind.BRICK_WALL: ("in front of a brick wall", "on a wall of bricks", "on a brick wall"),
    BackdropKind.WOODEN_PLANKS: ("on a wooden table", "on wooden planks", "on a wooden floor"),
}
BACKDROP_NOUNS: Final[dict[BackdropKind, tuple[str, ...]]] = {
    BackdropKind.PLAIN: ("a plain {} background", "a sheet of {} paper"),
    BackdropKind.STRIPES: ("a {} striped background", "a wall of {} stripes"),
    BackdropKind.CHECKERBOARD: ("a {} checkerboard", "a {} checkered tablecloth"),
    BackdropKind.POLKA_DOTS: ("{} polka dot wallpaper", "a {} background with polka dots"),
    BackdropKind.GRAPH_PAPER: ("{} graph paper", "a {} grid of thin lines"),
    BackdropKind.SUNBURST: ("a {} sunburst", "a background of {} sun rays"),
    BackdropKind.MEADOW: ("a green meadow under a blue sky", "a grassy field"),
    BackdropKind.SEA: ("a view of the sea", "the wide ocean"),
    BackdropKind.DESERT: ("a sandy desert", "a desert with dunes"),
    BackdropKind.NIGHT_SKY: ("a dark night sky", "a starlit night"),
    BackdropKind.SNOW: ("a row of snowy mountains", "a snowy landscape"),
    BackdropKind.BRICK_WALL: ("a brick wall", "a wall of bricks"),
    BackdropKind.WOODEN_PLANKS: ("a wooden table", "a floor of wooden planks"),
}


def with_article(phrase: str) -> str:
    """Puts the right indefinite article before a phrase, in place of a leading "a " if it has one.

    None of the words above is spelt with a vowel and spoken with a consonant, or the reverse.
    """
    bare = phrase.removeprefix("a ")
    return f"an {bare}" if bare[0] in "aeiou" else f"a {bare}"
