"""``pegboard rerun``: run again exactly what a run of a project ran."""

from __future__ import annotations

from typing import Any

import click
from pegboard.cli import output
from pegboard.cli.opening import open_host

from pegboard_projects.commands.run import carry_out, show_plan


@click.command(epilog=output.examples("pegboard rerun 1f3d1f5a --dry-run"))
@click.argument("run")
@click.option("--dry-run", is_flag=True, help="Say what would run and what differs; run nothing.")
@click.pass_context
def rerun(ctx: click.Context, run: str, dry_run: bool) -> None:
    """Run again what a run of a project ran, and say what differs.

    RUN is its id, the beginning of that, or its name. What came from git is fetched again at the
    same commit. A folder or zip file that is not as it was, or gone, is taken from the files of the
    run; of a folder in a git repository, what it holds now is run.
    """
    open_host(ctx)
    from pegboard_scripting.client import Client
    from pegboard_stores import named_runs

    from pegboard_projects import names, rerunning
    from pegboard_projects.planning import planned
    from pegboard_projects.recording import Place, code_of

    client = Client()
    earlier = rerunning.read(client, named_runs.find(client.store, run).info.run_id)
    with rerunning.restored(client, earlier) as (request, said):
        with planned(client.host, request, client.tracking_uri) as plan:
            code = code_of(plan.source)
            answer = code.question.answer() if code.question is not None else None
            differences = earlier.differences(plan, code, answer.dirty if answer else None)
            if dry_run:
                show_plan(plan, as_json=False)
        for sentence in [*said, *(differences or ["Nothing differs from what ran then."])]:
            output.note(output.clean(sentence))
        if not dry_run:
            tags: dict[str, Any] = {names.RERUN_OF: earlier.run.info.run_id}
            place = Place(experiment_id=earlier.run.info.experiment_id, tags=tags)
            ctx.exit(carry_out(request, place))
