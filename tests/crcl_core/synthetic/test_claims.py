from dataclasses import replace

from crcl_core.synthetic import Claims, GroupClaim, n_contradictions
from crcl_core.synthetic.scene import (
    Arrangement,
    Backdrop,
    BackdropKind,
    Colour,
    Group,
    Place,
    SceneFacts,
    Shape,
    Size,
    Texture,
)

STARS = Group(shape=Shape.STAR, colour=Colour.RED, texture=Texture.STRIPED, size=Size.SMALL, count=3)
HEART = Group(shape=Shape.HEART, colour=Colour.BLUE, texture=Texture.PLAIN, size=Size.LARGE, count=1)
TWO_GROUPS = SceneFacts(
    groups=(STARS, HEART),
    arrangement=Arrangement.LEFT_TO_RIGHT,
    place=None,
    backdrop=Backdrop(kind=BackdropKind.STRIPES, colour=Colour.YELLOW),
)
ONE_GROUP = replace(TWO_GROUPS, groups=(HEART,), arrangement=Arrangement.SINGLE, place=Place.TOP)

SAYS_STARS = GroupClaim(shape=Shape.STAR, colour=Colour.RED, count=3)
SAYS_HEART = GroupClaim(shape=Shape.HEART, colour=Colour.BLUE, count=1)


class TestNContradictions:
    def test_a_true_caption_has_none(self) -> None:
        claims = Claims(groups=(SAYS_STARS, SAYS_HEART), order=Arrangement.LEFT_TO_RIGHT)
        assert n_contradictions(claims, TWO_GROUPS) == 0

    def test_leaving_something_out_is_no_contradiction(self) -> None:
        assert n_contradictions(Claims(groups=(SAYS_HEART,)), TWO_GROUPS) == 0

    def test_each_wrong_attribute_of_a_group_counts(self) -> None:
        wrong = GroupClaim(shape=Shape.STAR, colour=Colour.PINK, count=2, size=Size.LARGE, texture=Texture.STRIPED)
        assert n_contradictions(Claims(groups=(wrong,)), TWO_GROUPS) == 3

    def test_the_group_that_fits_best_is_the_one_that_is_meant(self) -> None:
        assert n_contradictions(Claims(groups=(replace(SAYS_HEART, count=2),)), TWO_GROUPS) == 1

    def test_two_claims_cannot_mean_the_same_group(self) -> None:
        assert n_contradictions(Claims(groups=(SAYS_HEART, SAYS_HEART)), ONE_GROUP) == 3

    def test_the_wrong_order_counts_once(self) -> None:
        claims = Claims(groups=(SAYS_HEART, SAYS_STARS), order=Arrangement.LEFT_TO_RIGHT)
        assert n_contradictions(claims, TWO_GROUPS) == 1
        assert n_contradictions(replace(claims, order=None), TWO_GROUPS) == 0

    def test_above_is_not_left_of(self) -> None:
        claims = Claims(groups=(SAYS_STARS, SAYS_HEART), order=Arrangement.TOP_TO_BOTTOM)
        assert n_contradictions(claims, TWO_GROUPS) == 1

    def test_place_and_backdrop_count_too(self) -> None:
        claims = Claims(
            groups=(SAYS_HEART,),
            place=Place.BOTTOM,
            backdrop_kind=BackdropKind.STRIPES,
            backdrop_colour=Colour.GREEN,
        )
        assert n_contradictions(claims, ONE_GROUP) == 2

    def test_a_landscape_contradicts_a_pattern_in_kind_and_colour(self) -> None:
        claims = Claims(groups=(SAYS_HEART,), backdrop_kind=BackdropKind.PLAIN, backdrop_colour=Colour.RED)
        at_sea = replace(ONE_GROUP, backdrop=Backdrop(kind=BackdropKind.SEA, colour=None))
        assert n_contradictions(claims, at_sea) == 2
