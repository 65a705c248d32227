"""``pegboard prompts optimize``: refines a prompt by its tests."""

from __future__ import annotations

from typing import Any

import attrs
import click
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.errors import command_line
from pegboard_scripting.client import Client

from pegboard_evaluation import comparing
from pegboard_evaluation.prompt_tests import testing
from pegboard_evaluation.prompt_tests.command import tell
from pegboard_evaluation.prompt_tests.optimizing import Optimized, optimize_prompt


@click.command(
    epilog=output.examples(
        "pegboard prompts optimize support --proposer gateway:/chat",
        "pegboard prompts optimize support/4 --proposer openai:/gpt-4o --rounds 5 --budget 2",
    )
)
@click.argument("prompt", metavar="NAME[/VERSION|@ALIAS]")
@click.option("--proposer", required=True, metavar="URI", help="The model that writes variants.")
@click.option(
    "--rounds", type=click.IntRange(min=1), default=3, show_default=True, help="How many."
)
@click.option(
    "--budget",
    type=click.FloatRange(min=0),
    metavar="USD",
    help="Stop before a call that could cost more than this.",
)
@click.option("--resume", metavar="RUN", help="Go on with one that broke off.")
@output.json_option
def optimize(
    prompt: str,
    proposer: str,
    rounds: int,
    budget: float | None,
    resume: str | None,
    as_json: bool,
) -> None:
    """Let a model propose variants of a prompt, and register the best by its tests.

    Variants are chosen by one half of the cases; on the other half the best one is compared with
    the version that was there. If it is better, it is the next version; no alias is moved.
    """
    config = open_host(click.get_current_context(), creates_stores=False).config
    client = Client(config.pegboard.tracking_uri, config.pegboard.models_uri)
    resume = None if resume is None else comparing.run_id_of(client, resume)

    def begun(run_id: str) -> None:
        words = ("pegboard", "prompts", "optimize", prompt, "--proposer", proposer)
        output.note(f"If it breaks off: {command_line(*words, '--resume', run_id)}")

    found = optimize_prompt(
        prompt,
        proposer,
        rounds=rounds,
        budget=budget,
        resume=resume,
        client=client,
        begun=begun,
        told=tell,
    )
    if as_json:
        output.print_json(_plain(found))
    else:
        click.echo(_said(found))
    if found.stopped:
        output.note(found.stopped)
        click.get_current_context().exit(1)


def _plain(found: Optimized) -> dict[str, Any]:
    own = attrs.asdict(found, recurse=False)
    made = found.registered
    return own | {
        "of": testing.key_of(found.of),
        "registered": None if made is None else testing.key_of(made),
    }


def _said(found: Optimized) -> str:
    of = testing.key_of(found.of)
    tried = f"Variants asked: {found.tried}; proposals that were none: {found.refused}."
    if found.stopped:
        return tried
    if found.registered is None:
        return f"No variant is better than {of}. {tried}"
    sure = ""
    if found.interval is not None:
        low, high = found.interval
        sure = f" (95%: {low:+.3g} to {high:+.3g})"
    return (
        f"{testing.key_of(found.registered)} is registered: score {found.before:.3g} → "
        f"{found.after:.3g}, {found.after - found.before:+.3g}{sure}. {tried}"
    )
