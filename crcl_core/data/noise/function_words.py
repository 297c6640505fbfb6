"""English words that say little about a picture by themselves."""

from typing import Final

_LISTED: Final = """
a about above across after against all along also am among an and another any are around as at away back be because
been before behind being below beneath beside besides between both but by can could did do does doing down each
either else ever every few for from had has have having he her here hers him his how if in inside into is it its
just like many may me more most much my n't near next no nor not of off on one only onto or other our out outside
over own past per several she should since so some someone something such than that the their them then there these
they this those though through to together too toward towards under until up upon very was we were what when where
which while who whom whose why will with within without would you your
"""

FUNCTION_WORDS: Final = frozenset(_LISTED.split())
"""Articles, pronouns, prepositions, conjunctions, auxiliaries and such; exchanging one seldom makes a caption wrong."""
