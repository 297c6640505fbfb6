"""Why a pair is suspect: the codes, and for each what was seen."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, ClassVar, final


class ReasonCode(StrEnum):
    """The reasons, the one that says most first: of several that hold, a pair's reason is the first here."""

    SHIFTED_BLOCK = "shifted_block"
    SWAPPED_BLOCK = "swapped_block"
    NOT_A_DESCRIPTION = "not_a_description"
    REPEATED_CAPTION = "repeated_caption"
    BETTER_CAPTION = "better_caption"
    BETTER_IMAGE = "better_image"
    UNSUPPORTED_WORDS = "unsupported_words"
    UNCERTAIN = "uncertain"
    NO_MATCH = "no_match"

    @property
    def precedence(self) -> int:
        """0 for the strongest."""
        return _ORDER[self]


_ORDER = {code: place for place, code in enumerate(ReasonCode)}


@dataclass(frozen=True)
class Evidence:
    """What speaks for one reason; abstract. Rows and pairs are counted from 0, blocks include both ends."""

    code: ClassVar[ReasonCode]

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """Its fields."""
        return asdict(self)


@final
@dataclass(frozen=True)
class ShiftedBlock(Evidence):
    """From the first to the last pair of a block, the captions belong `offset` rows further on."""

    code: ClassVar[ReasonCode] = ReasonCode.SHIFTED_BLOCK

    first_pair: int
    last_pair: int
    offset: int


@final
@dataclass(frozen=True)
class SwappedBlock(Evidence):
    """The captions of a block stand at another one's images; both are equally long."""

    code: ClassVar[ReasonCode] = ReasonCode.SWAPPED_BLOCK

    first_pair: int
    last_pair: int
    partner_first_pair: int
    partner_last_pair: int


@final
@dataclass(frozen=True)
class NotADescription(Evidence):
    """The caption says nothing of an image.

    Attributes:
        kind: file_name, url, no_words, placeholder or boilerplate.
        template: Of boilerplate, the caption without its numbers.
        n_pairs: How many captions of the corpus have that template.
    """

    code: ClassVar[ReasonCode] = ReasonCode.NOT_A_DESCRIPTION

    kind: str
    template: str | None = None
    n_pairs: int | None = None


@final
@dataclass(frozen=True)
class RepeatedCaption(Evidence):
    """The caption stands at many images, most of which it does not describe.

    Attributes:
        n_images: Distinct images.
        expected_mismatches: How many of its pairs are likely mismatched: the sum of 1 - correspondence.
    """

    code: ClassVar[ReasonCode] = ReasonCode.REPEATED_CAPTION

    n_images: int
    expected_mismatches: float


@dataclass(frozen=True)
class Candidate(Evidence):
    """Something in the corpus that fits better, as a model judges that never saw the pair; abstract.

    Attributes:
        similarity: Its cosine, in [-1, 1].
        own_similarity: That of the pair.
        correspondence: How likely it is the right one, in [0, 1]; None where too few pairs surely match to tell.
        is_fitting: Whether it fits as pairs that surely match do, and the pair itself does not.
    """

    similarity: float
    own_similarity: float
    correspondence: float | None
    is_fitting: bool

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """Its fields, and by how much the cosine is better."""
        return {**asdict(self), "gain": self.gain}

    @property
    def gain(self) -> float:
        """How much better the cosine is; above 0."""
        return self.similarity - self.own_similarity


@final
@dataclass(frozen=True)
class BetterCaption(Candidate):
    """A caption of the corpus that fits the image better; `caption` is its row among the distinct captions."""

    code: ClassVar[ReasonCode] = ReasonCode.BETTER_CAPTION

    caption: int


@final
@dataclass(frozen=True)
class BetterImage(Candidate):
    """An image of the corpus that fits the caption better; `image` is its row among the distinct images."""

    code: ClassVar[ReasonCode] = ReasonCode.BETTER_IMAGE

    image: int


@final
@dataclass(frozen=True)
class UnsupportedWord:
    """A word without which the caption fits the image better; `position` counts the caption's words from 0."""

    word: str
    position: int
    rise: float


@final
@dataclass(frozen=True)
class UnsupportedWords(Evidence):
    """Some words of the caption are not in the image, the worst first; `similarity` is that of the whole caption."""

    code: ClassVar[ReasonCode] = ReasonCode.UNSUPPORTED_WORDS

    words: tuple[UnsupportedWord, ...]
    similarity: float


@final
@dataclass(frozen=True)
class Uncertain(Evidence):
    """The rounds of the training disagree; `rounds` is what each one, from fresh weights, made of the pair at its end.

    Attributes:
        rounds: One a round, in [0, 1], low = bad.
        spread: The largest less the smallest.
    """

    code: ClassVar[ReasonCode] = ReasonCode.UNCERTAIN

    rounds: tuple[float, ...]
    spread: float


@final
@dataclass(frozen=True)
class NoMatch(Evidence):
    """The models agree that image and caption do not belong together, and nothing else stands out.

    Attributes:
        is_searched: Whether a better caption and a better image were looked for.
    """

    code: ClassVar[ReasonCode] = ReasonCode.NO_MATCH

    is_searched: bool
