"""Changes one attribute of a scene, for captions that are almost right."""

from collections.abc import Iterator
from dataclasses import replace

from crcl_core.synthetic.claims import Claims
from crcl_core.synthetic.palette import is_close
from crcl_core.synthetic.scene import LANDSCAPES, PATTERNS, Colour, Group, Place, SceneFacts, Shape, Size, Texture
from crcl_core.synthetic.scene_sampler import MAX_COUNT


def one_attribute_altered(facts: SceneFacts, claims: Claims) -> dict[str, list[SceneFacts]]:
    """Lists the scenes that differ from one in a single attribute of which a caption speaks.

    Args:
        facts: The scene; the altered ones need no geometry, since they are only written about.
        claims: What the caption claims of it; what it does not mention is not altered.

    Returns:
        Altered scenes by the name of the attribute: shape, colour, count, size, texture, place, order, backdrop.
        Names without a scene are left out.
    """
    altered: dict[str, list[SceneFacts]] = {}
    for number, (group, claim) in enumerate(zip(facts.groups, claims.groups, strict=False)):
        for name, others in _groups_altered(
            group, tells_size=claim.size is not None, tells_texture=claim.texture is not None
        ):
            groups = [(*facts.groups[:number], other, *facts.groups[number + 1 :]) for other in others]
            altered.setdefault(name, []).extend(replace(facts, groups=changed) for changed in groups)
    if claims.place is not None:
        altered["place"] = [replace(facts, place=place) for place in Place if place is not facts.place]
    if claims.order is not None:
        altered["order"] = [replace(facts, groups=facts.groups[::-1])]
    if claims.backdrop_kind is not None:
        altered["backdrop"] = list(_backdrops_altered(facts))
    return {name: scenes for name, scenes in altered.items() if scenes}


def _groups_altered(group: Group, *, tells_size: bool, tells_texture: bool) -> Iterator[tuple[str, list[Group]]]:
    yield "shape", [replace(group, shape=shape) for shape in Shape if shape is not group.shape]
    yield "colour", [replace(group, colour=colour) for colour in Colour if not is_close(colour, group.colour)]
    # "Five" for six is a miscount that people would forgive; half as many or twice as many is not.
    counts = [count for count in range(1, MAX_COUNT + 1) if count >= 2 * group.count or 2 * count <= group.count]
    yield "count", [replace(group, count=count) for count in counts]
    if tells_size:
        yield "size", [replace(group, size=Size.SMALL if group.size is Size.LARGE else Size.LARGE)]
    if tells_texture:
        others = [texture for texture in Texture if texture not in {group.texture, Texture.PLAIN}]
        yield "texture", [replace(group, texture=texture) for texture in others]


def _backdrops_altered(facts: SceneFacts) -> Iterator[SceneFacts]:
    backdrop = facts.backdrop
    for kind in LANDSCAPES if backdrop.colour is None else PATTERNS:
        if kind is not backdrop.kind:
            yield replace(facts, backdrop=replace(backdrop, kind=kind))
    if backdrop.colour is not None:
        for colour in Colour:
            if not is_close(colour, backdrop.colour):
                yield replace(facts, backdrop=replace(backdrop, colour=colour))
