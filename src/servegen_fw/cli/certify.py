"""``servegen-fw certify``."""

from __future__ import annotations

from pathlib import Path

import click

from servegen_fw.cli import options
from servegen_fw.cli.main import EXIT_MISSED, EXIT_PASS


@click.command(
    "certify", short_help="Test whether a workload is what its suite claims, and whether it was sent."
)
@click.argument("path", metavar="RESULT|SUITE", type=click.Path(path_type=Path))
@options.suite_options
@options.case_option
@click.option(
    "--effort",
    type=click.FloatRange(min=0.1, max=1000),
    default=1.0,
    show_default=True,
    help="Factor on simulated arrivals and rows looked at; a large case is certified in part at 1.",
)
@options.json_option
@click.pass_context
def certify_command(
    ctx: click.Context,
    *,
    path: Path,
    overrides: tuple[str, ...],
    block: tuple[str, ...],
    strict: bool,
    cases: tuple[str, ...],
    effort: float,
    as_json: bool,
) -> None:
    """Certify RESULT, a folder that `run` made, or what SUITE composes, without sending it.

    Rates, burstiness, lengths, correlations and sessions are held against the suite's own law, with tolerances that
    follow from the sample sizes; for a RESULT also what left, and when.

    Exit status: 0 certified, 1 not certified, 2 bad input.
    """
    from servegen_fw.flow import certify_result, certify_suite
    from servegen_fw.results.certificate_page import certificate_page
    from servegen_fw.results.codec import certificate_to_json

    if path.is_dir():
        made = certify_result(path, cases=cases, effort=effort)
    else:
        suite, registry = options.load(path, overrides, block, strict)
        made = certify_suite(suite, registry=registry, cases=cases, effort=effort)
    found = []
    for certificate in made:
        found.append(certificate)
        if not as_json:
            click.echo(certificate_page(certificate))
    if as_json:
        options.echo_json([certificate_to_json(certificate) for certificate in found])
    good = bool(found) and all(certificate.verdict == "certified" for certificate in found)
    ctx.exit(EXIT_PASS if good else EXIT_MISSED)
