"""Registered scorers and reviews of MLflow's own client, unchanged, against our server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import pytest
from pegboard.config import Config
from pegboard.host import Host
from pegboard_evaluation.genai import scorers
from pegboard_evaluation.genai.judging import make_judge
from pegboard_evaluation.genai.registry import load
from pegboard_stores.scorers import Scorers
from served import run_script, serving

OURS = [
    make_judge("our judge", "Is {{ outputs }} kind?", "openai:/small", "d", Literal["a", "b"]),
    make_judge("our number", "Rate {{ outputs }}.", "openai:/small", None, float | None),
    scorers.Guidelines(name="our rule", guidelines=["Be kind."], model="openai:/small"),
    scorers.RegexMatch(name="our pattern", pattern="a+", case_insensitive=True),
]

SCRIPT = """
from typing import Literal
from mlflow.exceptions import MlflowException
from mlflow.genai import judges, scorers
from mlflow.genai.scorers.registry import list_scorer_versions

mlflow.set_experiment("judged")
answer = {}

def kind(instructions, **more):
    return judges.make_judge(
        "kind", instructions, model="gateway:/judge", feedback_value_type=Literal["yes", "no"],
        **more,
    )

def about(scorer):
    return [scorer.name, scorer.sample_rate, scorer.filter_string, scorer.status.value]

answer["ours"] = {
    each.name: each.model_dump() for each in scorers.list_scorers(experiment_id="0")
}
made = kind("Is {{ outputs }} kind?", description="of answers").register()
kind("Is {{ inputs }} kind?").register()
scorers.Guidelines(name="polite", guidelines=["Be polite."], model="gateway:/judge").register()
other = mlflow.create_experiment("other")
made.register(name="elsewhere", experiment_id=other)

first = scorers.get_scorer(name="kind", version=1)
answer["first"] = [first.name, first.instructions, first.model, first.description]
answer["latest"] = scorers.get_scorer(name="kind").instructions
answer["listed"] = [about(each) for each in scorers.list_scorers()]
answer["elsewhere"] = [about(each) for each in scorers.list_scorers(experiment_id=other)]
answer["versions"] = [number for _, number in list_scorer_versions(name="kind")]

Sampling = scorers.ScorerSamplingConfig
first.start(sampling_config=Sampling(sample_rate=0.5, filter_string="trace.status = 'OK'"))
answer["started"] = about(scorers.get_scorer(name="kind"))
answer["updated"] = about(first.update(sampling_config=Sampling(sample_rate=0.25)))
answer["schedules"] = [about(each) for each in scorers.list_scorers()]
answer["stopped"] = [about(first.stop()), about(scorers.get_scorer(name="kind"))]

def refused(call):
    try:
        call()
    except MlflowException as error:
        return [error.error_code, error.message]

lacking = judges.make_judge(
    "told", "Is {{ outputs }} as {{ expectations }} say?", model="gateway:/judge"
).register()
answer["refused"] = [
    refused(lambda: scorers.get_scorer(name="unknown")),
    refused(lambda: scorers.get_scorer(name="kind", version=7)),
    refused(lambda: first.start(sampling_config=Sampling(sample_rate=2))),
    refused(lambda: first.start(sampling_config=Sampling(sample_rate=1, filter_string="?"))),
    refused(lambda: lacking.start(sampling_config=Sampling(sample_rate=1))),
]
scorers.delete_scorer(name="kind", version=2)
answer["left"] = [number for _, number in list_scorer_versions(name="kind")]
scorers.delete_scorer(name="kind", version="all")
answer["gone"] = [each.name for each in scorers.list_scorers()]
"""

REVIEWS = """
from mlflow.genai import label_schemas as labels, review_queues as reviews

mlflow.set_experiment("reviewed")
with mlflow.start_span("asked") as span:
    pass
mlflow.flush_trace_async_logging()
trace = span.trace_id
forms = {
    "right": labels.InputPassFail("Right", "Wrong"),
    "kind": labels.InputCategorical(["a", "b"], multi_select=True),
    "stars": labels.InputNumeric(1, 5),
    "said": labels.InputText(10),
    "any": labels.InputText(),
}

def question(it):
    return [it.name, it.type.value, repr(it.input), it.instruction, it.enable_comment]

made = {
    name: labels.create_label_schema(
        name, type="expectation" if name == "said" else "feedback", input=form,
        instruction=f"About {name}", enable_comment=name == "stars",
    )
    for name, form in forms.items()
}
answer["questions"] = [question(each) for each in made.values()]
home = made["right"].experiment_id
answer["same"] = [
    labels.get_label_schema(schema_id=made["kind"].schema_id) == made["kind"],
    labels.get_label_schema("kind", experiment_id=home) == made["kind"],
    labels.get_label_schema("right", experiment_id=home).created_at == made["right"].created_at,
]
changed = labels.update_label_schema(
    made["stars"].schema_id, name="points", input=labels.InputNumeric(max_value=2.5)
)
answer["changed"] = question(changed)
labels.delete_label_schema(schema_id=made["any"].schema_id)
page = labels.list_label_schemas(max_results=3)
rest = labels.list_label_schemas(max_results=3, page_token=page.token)
answer["left"] += sorted(each.name for each in [*page, *rest])
answer["default"] = [question(each) for each in [*page, *rest] if each.is_default]

ids = [made["kind"].schema_id, made["right"].schema_id]
queue = reviews.create_review_queue(
    "Hard ones", queue_type="custom", users=["Zoe", "ann"], schema_ids=ids
)
own = reviews.get_or_create_user_queue("Ann")
answer["queues"] = [
    [queue.name, queue.queue_type.value, queue.users, queue.schema_ids == sorted(ids)],
    [own.name, own.queue_type.value, own.users, own.created_by],
    [sorted(each.name for each in reviews.list_review_queues(user="ann"))],
    [reviews.get_review_queue(name="hard ONES") == reviews.get_review_queue(queue.queue_id)],
]
[item] = reviews.add_items_to_review_queue(queue.queue_id, item_ids=[trace])
done = reviews.set_review_queue_item_status(
    queue.queue_id, item_id=trace, status="complete", completed_by="Ann"
)
answer["items"] = [
    [item.item_id == trace, item.item_type.value, item.status.value, item.completed_by],
    [done.status.value, done.completed_by, done.completed_time_ms >= item.creation_time_ms],
    [list(reviews.list_review_queue_items(queue.queue_id, status="complete")) == [done]],
    [list(reviews.list_review_queue_items(queue.queue_id, status="pending"))],
]

def again(**changes):
    return reviews.update_review_queue(queue.queue_id, **changes)

answer["refused"] += [
    refused(lambda: labels.create_label_schema("kind", type="feedback", input=forms["any"])),
    refused(lambda: labels.create_label_schema("FEEDBACK", type="feedback", input=forms["any"])),
    refused(lambda: labels.update_label_schema(made["right"].schema_id, input=forms["any"])),
    refused(lambda: labels.get_label_schema(schema_id="ls-1")),
    refused(lambda: reviews.create_review_queue("hard ones", queue_type="custom")),
    refused(lambda: again(schema_ids=[])),
    refused(lambda: reviews.add_items_to_review_queue(queue.queue_id, item_ids=["tr-1"])),
    refused(lambda: reviews.get_review_queue("rq-1")),
]
answer["renamed"] = again(name="Harder", users=[]).users
reviews.remove_items_from_review_queue(queue.queue_id, item_ids=[trace])
left = reviews.list_review_queue_items(queue.queue_id)
answer["emptied"] = [len(left), again(schema_ids=[]).name]
reviews.delete_review_queue(queue.queue_id)
answer["queues left"] = [each.name for each in reviews.list_review_queues()]
"""

EXISTS, WRONG, UNKNOWN = (
    "RESOURCE_ALREADY_EXISTS", "INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"
)  # fmt: skip


@pytest.fixture(scope="module")
def answer(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    place = tmp_path_factory.mktemp("place")
    with serving(place) as url:
        host = Host(Config())
        store = host.tracking_store(url).ability(Scorers)
        assert store is not None
        for each in OURS:
            store.register("0", each.name, json.dumps(each.model_dump()))
        found = run_script(mlflow_python, url, place, SCRIPT + REVIEWS)
        found["theirs"] = [load(each.serialized).model_dump() for each in store.latest(["1"])]
        host.close()
    assert isinstance(found, dict)
    return found


def test_scorers_of_scripts_are_the_same_for_both(answer: dict[str, Any]) -> None:
    for each in OURS:
        ours, theirs = each.model_dump(), answer["ours"][each.name]
        # MLflow adds the fields that it has further, and its own words for what is built in.
        for name in ("instructions_judge_pydantic_data", "builtin_scorer_pydantic_data"):
            for key, value in (ours.pop(name, None) or {}).items():
                if key != "instructions" or name.startswith("instructions"):
                    assert theirs[name].get(key) == value, (each.name, key)
        known = {key: theirs[key] for key in ours if key not in ("timeout", "aggregations")}
        assert known == {key: ours[key] for key in known}
    assert [each["name"] for each in answer["theirs"]] == ["polite", "told"]


def unscheduled(name: str) -> list[object]:
    return [name, None, None, "STOPPED"]


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("first", ["kind", "Is {{ outputs }} kind?", "gateway:/judge", "of answers"]),
        ("latest", "Is {{ inputs }} kind?"),
        ("listed", [unscheduled("kind"), unscheduled("polite")]),
        ("elsewhere", [unscheduled("elsewhere")]),
        ("versions", [1, 2]),
        ("started", ["kind", 0.5, "trace.status = 'OK'", "STARTED"]),
        ("updated", ["kind", 0.25, None, "STARTED"]),
        ("schedules", [["kind", 0.25, None, "STARTED"], unscheduled("polite")]),
        ("stopped", [["kind", 0.0, None, "STOPPED"]] * 2),
        ("left", [1, "Feedback", "kind", "points", "right", "said"]),
        ("gone", ["polite", "told"]),
        (
            "questions",
            [
                [
                    "right",
                    "feedback",
                    "InputPassFail(positive_label='Right', negative_label='Wrong')",
                    "About right",
                    False,
                ],
                [
                    "kind",
                    "feedback",
                    "InputCategorical(options=['a', 'b'], multi_select=True)",
                    "About kind",
                    False,
                ],
                [
                    "stars",
                    "feedback",
                    "InputNumeric(min_value=1.0, max_value=5.0)",
                    "About stars",
                    True,
                ],
                ["said", "expectation", "InputText(max_length=10)", "About said", False],
                ["any", "feedback", "InputText(max_length=None)", "About any", False],
            ],
        ),
        ("same", [True, True, True]),
        (
            "changed",
            [
                "points",
                "feedback",
                "InputNumeric(min_value=None, max_value=2.5)",
                "About stars",
                True,
            ],
        ),
        (
            "default",
            [
                [
                    "Feedback",
                    "feedback",
                    "InputText(max_length=None)",
                    "Share any feedback on this trace.",
                    False,
                ]
            ],
        ),
        (
            "queues",
            [
                ["Hard ones", "custom", ["ann", "zoe"], True],
                ["ann", "user", ["ann"], "ann"],
                [["Hard ones", "ann"]],
                [True],
            ],
        ),
        ("items", [[True, "trace", "pending", None], ["complete", "ann", True], [True], [[]]]),
        ("renamed", []),
        ("emptied", [0, "Harder"]),
        ("queues left", ["ann"]),
    ],
)
def test_mlflows_calls_work(answer: dict[str, object], what: str, expected: object) -> None:
    assert answer[what] == expected


def test_refusals_have_the_codes_and_words_of_mlflow(answer: dict[str, object]) -> None:
    refused = answer["refused"]
    assert isinstance(refused, list)
    for (code, said), (expected, words) in zip(
        refused,
        [
            ("RESOURCE_DOES_NOT_EXIST", "Scorer with name 'unknown' not found for experiment 1."),
            ("RESOURCE_DOES_NOT_EXIST", "Scorer with name 'kind' and version 7 not found for"),
            ("INVALID_PARAMETER_VALUE", "sample_rate"),
            ("INVALID_PARAMETER_VALUE", ""),
            ("INVALID_PARAMETER_VALUE", "expectations"),
            (EXISTS, "kind"),
            (WRONG, "FEEDBACK"),
            (WRONG, "kind of input"),
            (UNKNOWN, "ls-1"),
            (EXISTS, "hard ones"),
            (WRONG, "Hard ones"),
            (UNKNOWN, "tr-1"),
            (UNKNOWN, "rq-1"),
        ],
        strict=True,
    ):
        assert (code, words in said) == (expected, True), said
