"""``pegboard reviews``: what people are asked about traces, and which traces wait for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import click
from pegboard import paging
from pegboard.cli import output
from pegboard.cli.opening import open_host
from pegboard.contracts.tracking import TrackingStore
from pegboard.errors import NotFound, command_line, quoted
from pegboard_scripting.client.author import user_of
from pegboard_stores import command_options, formats, tables
from pegboard_stores.reviews import (
    Categorical,
    FreeText,
    Input,
    LabelSchema,
    LabelType,
    Numeric,
    PassFail,
    QueueKind,
    ReviewQueue,
    ReviewQueues,
    ReviewStatus,
)

from pegboard_evaluation.reviews import label_schemas, review_queues

_MOST = 1000
"""How many traces are put into a queue with one request."""

experiment_option = click.option(
    "-x", "--experiment", default="0", metavar="NAME", help="Name or id; by default Default."
)


@click.group(
    epilog=output.examples(
        'pegboard reviews ask "Is it right?" -x chat --pass Right --fail Wrong',
        "pegboard reviews create hard -x chat --user ann --filter \"trace.status = 'OK'\"",
        "pegboard reviews list -x chat",
        "pegboard reviews show hard -x chat",
    )
)
def reviews() -> None:
    """Ask people about traces: questions, queues of traces, and who answered.

    The page shows a queue trace by trace, with a button or a field for each question.
    """


def _store() -> TrackingStore:
    return open_host(click.get_current_context()).tracking_store()


def _home(store: TrackingStore, reference: str) -> str:
    found = store.get_experiment_by_name(reference)
    return (store.get_experiment(reference) if found is None else found).experiment_id


@reviews.command(
    epilog=output.examples(
        'pegboard reviews ask "Is it right?" -x chat --pass Right --fail Wrong',
        "pegboard reviews ask tone --option kind --option curt --several",
        "pegboard reviews ask usefulness --min 1 --max 5 --comment",
        "pegboard reviews ask expected_response --expectation",
    )
)
@click.argument("name")
@experiment_option
@click.option("--pass", "good", metavar="LABEL", help="The button that says yes; needs --fail.")
@click.option("--fail", "bad", metavar="LABEL", help="The button that says no.")
@click.option("--option", "options", multiple=True, help="A text to choose; may be repeated.")
@click.option("--several", is_flag=True, help="Several options may be chosen.")
@click.option("--min", "least", type=float, help="The least of numbers.")
@click.option("--max", "most", type=float, help="The greatest of numbers.")
@click.option("--expectation", is_flag=True, help="Ask what the answer should have been.")
@click.option("--instruction", metavar="TEXT", help="Said to those who answer.")
@click.option("--comment", is_flag=True, help="Ask for the reason, too.")
@output.json_option
def ask(name: str, experiment: str, as_json: bool, **given: Any) -> None:
    """Add the question NAME to an experiment; without a form it is answered in words."""
    store = _store()
    made = label_schemas.kept_in(store).create(
        _home(store, experiment),
        name,
        type=LabelType.EXPECTATION if given["expectation"] else LabelType.FEEDBACK,
        input=_form(**given),
        instruction=given["instruction"],
        enable_comment=given["comment"],
        created_by=user_of(open_host(click.get_current_context())),
    )
    command_options.done(made, as_json, f"Added the question {quoted(name)}: {made.schema_id}.")


def _form(
    good: str | None,
    bad: str | None,
    options: Sequence[str],
    several: bool,
    least: float | None,
    most: float | None,
    **rest: object,
) -> Input:
    """Return the form of answers that options say; UsageError if they say two."""
    del rest
    forms: list[Input] = []
    if good is not None or bad is not None:
        if good is None or bad is None:
            raise click.UsageError("--pass and --fail go together.")
        forms.append(PassFail(good, bad))
    if options:
        forms.append(Categorical(tuple(options), several))
    if least is not None or most is not None:
        forms.append(Numeric(least, most))
    if len(forms) > 1 or (several and not options):
        raise click.UsageError(
            "Give buttons, options or bounds of numbers, and --several with options alone."
        )
    return forms[0] if forms else FreeText()


@reviews.command(epilog=output.examples("pegboard reviews questions -x chat"))
@experiment_option
@output.json_option
def questions(experiment: str, as_json: bool) -> None:
    """List the questions of an experiment."""
    store = _store()
    found = paging.items(partial(label_schemas.kept_in(store).list, _home(store, experiment)))
    columns = [
        tables.Column("Question", style="bold", most=60),
        tables.Column("Type"),
        tables.Column("Answers", most=60),
        tables.Column("Id", optional=1),
    ]
    command_options.print_found(found, _MOST, as_json, columns, _question, "There is no question.")


def _question(each: LabelSchema) -> list[object]:
    return [each.name, each.type, _described(each.input), each.schema_id]


def _described(form: Input) -> str:
    """Return in words how a question is answered."""
    match form:
        case PassFail(good, bad):
            return f"{good} / {bad}"
        case Categorical(options, several):
            return ("some of " if several else "") + ", ".join(options)
        case Numeric(least, most):
            ends = ["any" if each is None else formats.number(each) for each in (least, most)]
            return f"number, {' to '.join(ends)}"
    return "words"


@reviews.command(
    epilog=output.examples(
        "pegboard reviews create hard -x chat --user ann --user bob",
        "pegboard reviews create hard -x chat --question tone --filter \"trace.status = 'OK'\"",
    )
)
@click.argument("name")
@experiment_option
@click.option("--user", "users", multiple=True, help="Who works on it; may be repeated.")
@click.option(
    "--question", "asked", multiple=True, help="A question, by name; may be repeated; or else all."
)
@click.option("--filter", "where", metavar="TEXT", help="Put the traces that match into it.")
@click.option(
    "--limit",
    type=click.IntRange(1, _MOST),
    default=100,
    show_default=True,
    help="The most traces to put into it.",
)
@output.json_option
def create(name: str, experiment: str, as_json: bool, **given: Any) -> None:
    """Make the queue NAME, or put further traces into it."""
    store = _store()
    home, queues = _home(store, experiment), review_queues.kept_in(store)
    try:
        queue = queues.by_name(home, name)
    except NotFound:
        schemas = label_schemas.kept_in(store)
        every = [each.schema_id for each in paging.items(partial(schemas.list, home))]
        ids = [schemas.by_name(home, each).schema_id for each in given["asked"]]
        queue = queues.create(
            home,
            name,
            QueueKind.CUSTOM,
            created_by=user_of(open_host(click.get_current_context())),
            users=given["users"],
            schema_ids=ids or every,
        )
    traces: list[str] = []
    if given["where"] is not None:
        search = partial(store.traces().search, [home], filter=given["where"])
        traces = [each.trace_id for each in islice(paging.items(search), given["limit"])]
        if traces:
            queues.add(queue.queue_id, traces)
    command_options.done(
        queue,
        as_json,
        f"The queue {quoted(name)} holds {_counted(queues, queue)}: "
        f"{command_line('pegboard', 'reviews', 'show', name, '-x', experiment)}",
    )


def _counts(queues: ReviewQueues, queue: ReviewQueue) -> Counter[ReviewStatus]:
    every = partial(queues.items, queue.queue_id, max_results=_MOST)
    return Counter(each.status for each in paging.items(every))


def _counted(queues: ReviewQueues, queue: ReviewQueue) -> str:
    found = _counts(queues, queue)
    return f"{formats.counted(found.total(), 'trace')}, {found[ReviewStatus.PENDING]} of them open"


@reviews.command("list", epilog=output.examples("pegboard reviews list -x chat --user ann"))
@experiment_option
@click.option("--user", help="Only those that this user works on.")
@output.json_option
def list_queues(experiment: str, user: str | None, as_json: bool) -> None:
    """List queues, and how far they are."""
    store = _store()
    queues = review_queues.kept_in(store)
    found: Iterator[ReviewQueue] = paging.items(
        partial(queues.list, _home(store, experiment), user=user)
    )

    def row(each: ReviewQueue) -> list[object]:
        counts = _counts(queues, each)
        numbers = (str(counts[status]) for status in ReviewStatus)
        return [each.name, ", ".join(each.users) or "-", *numbers, each.queue_id]

    columns = [
        tables.Column("Queue", style="bold", most=40),
        tables.Column("Users", most=40),
        *(tables.Column(title, right=True) for title in ("Open", "Done", "Declined")),
        tables.Column("Id", optional=1),
    ]
    command_options.print_found(found, _MOST, as_json, columns, row, "There is no review queue.")


@reviews.command(epilog=output.examples("pegboard reviews show hard -x chat --status pending"))
@click.argument("name")
@experiment_option
@click.option(
    "--status", type=click.Choice([each.value for each in ReviewStatus]), help="Only these."
)
@command_options.limit_option(50)
@output.json_option
def show(name: str, experiment: str, status: str | None, limit: int, as_json: bool) -> None:
    """Show the traces of the queue NAME: what became of them, and who settled each."""
    store = _store()
    queues = review_queues.kept_in(store)
    queue = queues.by_name(_home(store, experiment), name)
    wanted = None if status is None else ReviewStatus(status)
    found = paging.items(partial(queues.items, queue.queue_id, status=wanted))
    columns = [
        tables.Column("Trace"),
        tables.Column("Status", styles={"complete": "green", "declined": "red"}),
        tables.Column("By"),
        tables.Column("When"),
    ]
    command_options.print_found(
        found,
        limit,
        as_json,
        columns,
        lambda each: [
            each.item_id,
            each.status,
            each.completed_by or "-",
            "-" if each.completed_time is None else formats.moment(each.completed_time),
        ],
        "No trace is in it.",
    )
