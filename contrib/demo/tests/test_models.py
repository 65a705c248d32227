from __future__ import annotations

import pytest
from pegboard_demo.models import CANDIDATES, Candidate, Data, load_data
from sklearn.metrics import r2_score


@pytest.fixture(scope="module")
def data() -> Data:
    return load_data()


def test_no_patient_is_both_learnt_from_and_tested_on(data: Data) -> None:
    train, test = (set(map(tuple, table.to_numpy())) for table in (data.train, data.test))
    assert len(train) + len(test) == 442
    assert not train & test


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_a_model_gets_better_step_by_step(candidate: Candidate, data: Data) -> None:
    stages = list(candidate.fit(candidate.params, data))
    steps = [stage.step for stage in stages]
    assert len(steps) >= 10
    assert steps == sorted(set(steps))
    _, truth = data.split("test")
    assert r2_score(truth, stages[-1].on_test) > 0.4
    assert r2_score(truth, stages[-1].on_test) > r2_score(truth, stages[0].on_test)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=lambda candidate: candidate.name)
def test_the_model_of_the_last_step_is_the_one_that_was_scored(
    candidate: Candidate, data: Data
) -> None:
    *_, last = candidate.fit(candidate.params, data)
    features, _ = data.split("test")
    assert last.model.predict(features) == pytest.approx(last.on_test)
