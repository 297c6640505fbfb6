"""`mispair certify`: the proof that cleaning a corpus helps a training on it."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mispair.certificate_file import read_certificate
from mispair.certificates import Certificate, NumberBySeed
from mispair.commands.options import DataOption, NoTtyOption, UrlOption, open_client
from mispair.tables import print_table

_ARMS = {"raw": "raw", "random": "randomly dropped", "cleaned": "cleaned"}
_VERDICTS = {
    "helps": "cleaning helps: the same training retrieves better on the cleaned corpus than on the raw one and than on "
    "one with as many pairs dropped at random",
    "harms": "cleaning harms: the same training retrieves worse on the cleaned corpus than on the raw one",
    "not_shown": "not shown: the differences between seeds are as large as those between the corpora",
}


def certify(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID")],
    *,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", dir_okay=False, help="Save the certificate, JSON.")
    ] = None,
    chart: Annotated[
        Path | None, typer.Option("--chart", metavar="FILE", dir_okay=False, help="Save its chart, SVG.")
    ] = None,
    data: DataOption = None,
    url: UrlOption = None,
    no_tty: NoTtyOption = False,
) -> None:
    """Show, and save, what a run's cleaning gains. The run must have been started with --set certify=true.

    One plain training recipe was run on the raw corpus, on the cleaned one and on one with as many pairs dropped at
    random, each with three seeds; r_sum is its retrieval of images that none of them saw.
    """
    for path, option in ((output, "-o"), (chart, "--chart")):
        if path is not None and not path.absolute().parent.is_dir():
            raise typer.BadParameter(f"the folder {path.absolute().parent} does not exist", param_hint=option)
    with open_client(data, url) as client, tempfile.TemporaryDirectory(prefix="mispair-certificate-") as folder:
        # Through a file also when none is kept: what is shown is read from the bytes that would be saved.
        kept = output or Path(folder) / "certificate.json"
        n_bytes = client.download_certificate(run_id, kept)
        certificate = read_certificate(kept)
        n_chart_bytes = None if chart is None else client.download_certificate_chart(run_id, chart)
    print_certificate(certificate, no_tty=no_tty)
    if output is not None:
        typer.echo(f"{output}: {n_bytes} bytes")
    if chart is not None:
        typer.echo(f"{chart}: {n_chart_bytes} bytes")


def print_certificate(certificate: Certificate, *, no_tty: bool) -> None:
    """Print a certificate as a table and two sentences."""
    first = certificate.seeds[0]
    rows = []
    for arm, name in _ARMS.items():
        n_pairs = first.arms[arm].n_pairs
        of_arm = certificate.r_sum[arm]
        weighted = certificate.weighted_r_sum[arm]
        rows.append((name, n_pairs, _number(of_arm), _number(weighted), " ".join(f"{x:.1f}" for x in of_arm.by_seed)))
    print_table(("trained on", "pairs", "r_sum", "weighted r_sum", "r_sum by seed"), rows, no_tty=no_tty)
    for over in ("raw", "random"):
        typer.echo(f"cleaned over {_ARMS[over]}: {_gain(certificate.gain[f'cleaned_over_{over}'])}")
    typer.echo(_VERDICTS.get(certificate.verdict, certificate.verdict))


def _number(number: NumberBySeed) -> str:
    spread = "" if number.standard_deviation is None else f" ± {number.standard_deviation:.1f}"
    return f"{number.mean:.1f}{spread}"


def _gain(gain: NumberBySeed) -> str:
    if gain.interval_95 is None:
        return f"{gain.mean:+.1f}"
    low, high = gain.interval_95
    return f"{gain.mean:+.1f} (95 % interval: {low:+.1f} to {high:+.1f})"
