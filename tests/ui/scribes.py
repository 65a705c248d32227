"""Prompts with something to see: a past, aliases that moved, runs and a data set."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import aviary
from pegboard.entities import Metric, RunTag
from pegboard_scripting.client import Client
from pegboard_stores.data_sets import DataSets
from pegboard_stores.scorers import Scorers

PROMPT, GREETING = "triage-answer", "greeting"
MARKUP = "<img src=x onerror=alert(1)>"
IS_PROMPT = {"mlflow.prompt.is_prompt": "true"}
_USER = "{{question}}\n\nRows:\n{{rows}}"
_SYSTEM = "You help the accounts team of {{company}}.\nUse only rows the tools returned. "
# system message, what is new, days ago, who
VERSIONS = (
    ("You answer questions about invoices for {{company}}.", "first", 120, "ann"),
    ("You help the accounts team of {{company}}.", "who it is for", 90, "ann"),
    (_SYSTEM, "no invoices of its own", 61, "kim"),
    (
        f"{_SYSTEM}Be helpful and complete.\nName the amount and the days overdue.",
        "amounts and days", 30, "ann",
    ),
    (
        f"{_SYSTEM}Answer in at most three sentences, then one list. Say who to call first and "
        "why.\nName the amount and the days overdue.",
        "brief, with a list", 4, "kim",
    ),
)  # fmt: skip
# days ago, alias, version (None: rolled back), who, why
MOVES = (
    (119, "production", "1", "ann", "first"),
    (80, "production", "2", "ann", ""),
    (60, "staging", "3", "kim", "try on April"),
    (55, "production", "3", "kim", "grounded .84"),
    (50, "production", None, "night-shift", "too long on phones"),
    (28, "production", "4", "ann", "amounts are right"),
    (3, "staging", "5", "kim", "a week of shadow traffic"),
)
INPUTS = (
    {"company": "Lowmere Supplies", "question": "Which invoices from March are unpaid?",
     "rows": "2024-311  Fenwick Foundry  03-08  18,240"},
    {"company": "Lowmere Supplies", "question": "Who should we call first?",
     "rows": "2024-319  Oakmoor Dairy  03-14  2,115"},
    {"company": "Hollin & Co", "question": "Is anything overdue?", "rows": "none"},
)  # fmt: skip
EXPECTED = {"expected_response": "Hello from the fake model."}
JUDGE = "kindness"
CONFIG = {"model_name": "agents", "temperature": 0.2, "max_tokens": 512}


def chat(system: str, config: Mapping[str, object] = CONFIG) -> dict[str, str]:
    """Return the tags of a version of a chat prompt."""
    messages = [{"role": "system", "content": system}, {"role": "user", "content": _USER}]
    return {
        **IS_PROMPT,
        "mlflow.prompt.text": json.dumps(messages),
        "_mlflow_prompt_type": "chat",
        "_mlflow_prompt_model_config": json.dumps(config),
    }


def text(template: str) -> dict[str, str]:
    """Return the tags of a version of a prompt that is one text."""
    return {**IS_PROMPT, "mlflow.prompt.text": template, "_mlflow_prompt_type": "text"}


def fill(store: str) -> dict[str, str]:
    """Register prompts with a past, and what used them; return ids by name."""
    client, now = Client(store), int(time.time() * 1000)
    for name in (PROMPT, GREETING):
        client.create_registered_model(name, {**IS_PROMPT, "team": "accounts"})
    steps = [(days, number, None) for number, (_, _, days, _) in enumerate(VERSIONS, 1)]
    steps += [(days, 0, move) for days, *move in MOVES]
    for days, number, move in sorted(steps, key=lambda step: -step[0]):
        with aviary.at(now - int(days * aviary.DAY)):
            if move is None:
                system, note, _, user = VERSIONS[number - 1]
                config = CONFIG if number > 3 else {"model_name": "agents", "temperature": 0.7}
                client.create_model_version(
                    PROMPT, "dummy-source", tags=chat(system, config), description=note, user=user
                )
            else:
                alias, version, user, reason = move
                if version is None:
                    client.rollback_registered_model_alias(PROMPT, alias, user=user, reason=reason)
                else:
                    client.set_registered_model_alias(
                        PROMPT, alias, version, user=user, reason=reason
                    )
    client.create_model_version(
        GREETING, "dummy-source", tags=text(f"Greet {{{{name}}}} {MARKUP}"), description=MARKUP
    )
    ids = {**_used(client, now), **_data_set(client)}
    _judge(client, ids["experiment"])
    return ids


def _used(client: Client, now: int) -> dict[str, str]:
    """Make runs that used versions, with scores."""
    experiment = client.create_experiment("support-answers")
    ids = {"experiment": experiment}
    for version, grounded, seconds in (("4", 0.88, 1.9), ("5", 0.94, 1.4)):
        linked = json.dumps([{"name": PROMPT, "version": version}])
        run = client.create_run(experiment, now, {}, f"judged-v{version}").info.run_id
        client.log_batch(
            run,
            metrics=[Metric("grounded", grounded, now, 0), Metric("latency", seconds, now, 0)],
            tags=[RunTag("mlflow.linkedPrompts", linked)],
        )
        client.set_terminated(run)
        ids[f"run-v{version}"] = run
    return ids


def _data_set(client: Client) -> dict[str, str]:
    sets = client.store.ability(DataSets)
    assert sets is not None
    made = sets.create("march-questions", experiment_ids=["0"])
    # What is expected is known of the first row alone.
    first, *others = [{"inputs": inputs} for inputs in INPUTS]
    sets.merge(made.data_set_id, [{**first, "expectations": EXPECTED}, *others])
    return {"data": made.data_set_id}


def _judge(client: Client, experiment: str) -> None:
    """Register a judge that asks an endpoint of the gateway."""
    scorers = client.store.ability(Scorers)
    assert scorers is not None
    judge = {
        "instructions": "Is {{ outputs }} kind?", "model": "gateway:/judge",
        "feedback_value_type": {"type": "boolean"},
    }  # fmt: skip
    told = {"name": JUDGE, "description": MARKUP, "instructions_judge_pydantic_data": judge}
    scorers.register(experiment, JUDGE, json.dumps(told))
