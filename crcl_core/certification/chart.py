"""A certificate as a chart: one self-contained SVG."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

from crcl_core.certification.certificate import Certificate, Spread
from crcl_core.certification.split import Arm

_WIDTH, _HEIGHT = 640, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 24, 98, 60
_COLOURS = {Arm.RAW: "#8a8f98", Arm.RANDOM: "#c9a227", Arm.CLEANED: "#2b7a4b"}
_NAMES = {Arm.RAW: "raw", Arm.RANDOM: "randomly dropped", Arm.CLEANED: "cleaned"}
_N_TICKS = 5
# Of the plot's height, above and below the lowest and the highest point.
_MARGIN_RATIO = 0.25
_FLAT_SPAN = 1.0


def draw_chart(certificate: Certificate) -> str:
    """Draws r_sum of each arm: a point a seed, lines between the arms of one seed, a bar at the mean.

    The axis need not begin at zero, for points have no length that would lie; it says what it spans.

    Returns:
        SVG as text, with no script, no font and no link.
    """
    arms = tuple(_COLOURS)
    spreads = [certificate.r_sum(arm) for arm in arms]
    low, high = _span(spreads)
    centres = [_LEFT + (number + 0.5) * (_WIDTH - _LEFT - _RIGHT) / len(arms) for number in range(len(arms))]

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = [_text(_LEFT, 28, "Retrieval of held-out pairs after one recipe on three corpora", size=16, weight=600)]
    said = (*_gains(certificate), _scope(certificate))
    parts += [_text(_LEFT, 48 + 16 * number, line, size=12) for number, line in enumerate(said)]
    for tick in range(_N_TICKS):
        value = low + tick * (high - low) / (_N_TICKS - 1)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}" stroke="#e3e5e8"/>'
        )
        parts.append(_text(_LEFT - 8, y(value) + 4, f"{value:.1f}", size=11, anchor="end"))
    parts.append(
        f'<text x="16" y="{(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}" font-size="12" text-anchor="middle" fill="#24292f" '
        f'transform="rotate(-90 16 {(_TOP + _HEIGHT - _BOTTOM) / 2:.0f})">r_sum (0 to 600)</text>'
    )
    for number in range(len(certificate.results)):
        points = " ".join(
            f"{x:.1f},{y(spread.by_seed[number]):.1f}" for x, spread in zip(centres, spreads, strict=True)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="#b6bbc2" stroke-dasharray="3 3"/>')
    for arm, x, spread in zip(arms, centres, spreads, strict=True):
        colour, mean = _COLOURS[arm], y(spread.mean)
        parts.append(
            f'<line x1="{x - 34:.1f}" x2="{x + 34:.1f}" y1="{mean:.1f}" y2="{mean:.1f}" stroke="{colour}" '
            'stroke-width="4"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y(value):.1f}" r="4" fill="{colour}"/>' for value in spread.by_seed]
        n_pairs = sum(result.arms[arm].n_pairs for result in certificate.results) / len(certificate.results)
        parts.append(_text(x, _HEIGHT - 36, f"{_NAMES[arm]}: {spread.mean:.1f}", size=13, weight=600, anchor="middle"))
        parts.append(_text(x, _HEIGHT - 18, f"{n_pairs:.0f} pairs", size=11, anchor="middle"))
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="system-ui, sans-serif" role="img">'
    )
    title = f"<title>{escape('; '.join(_gains(certificate)))}</title>"
    background = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>'
    return "\n".join([head, title, background, *parts, "</svg>", ""])


def _span(spreads: Sequence[Spread]) -> tuple[float, float]:
    values = [value for spread in spreads for value in spread.by_seed]
    low, high = min(values), max(values)
    margin = _MARGIN_RATIO * max(high - low, _FLAT_SPAN)
    return max(0.0, low - margin), min(600.0, high + margin)


def _gains(certificate: Certificate) -> list[str]:
    return [f"cleaned over {_NAMES[arm]}: {_signed(certificate.gain(arm))}" for arm in (Arm.RAW, Arm.RANDOM)]


def _signed(gain: Spread) -> str:
    if gain.interval is None:
        return f"{gain.mean:+.1f}"
    return f"{gain.mean:+.1f} (95 %: {gain.interval[0]:+.1f} to {gain.interval[1]:+.1f})"


def _scope(certificate: Certificate) -> str:
    first, n_seeds = certificate.results[0], len(certificate.results)
    seeds = "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
    blind = "" if certificate.is_blind else "; cleaned with the held-out pairs seen"
    return (
        f"{seeds}, {first.n_held_out_images} held-out images, {first.n_steps} steps each; a line joins one seed{blind}"
    )


def _text(x: float, y: float, text: str, *, size: int, weight: int = 400, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" '
        f'fill="#24292f">{escape(text)}</text>'
    )
