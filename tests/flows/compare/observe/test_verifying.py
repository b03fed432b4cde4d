"""``verify`` is asked in a process of its own: whatever it does, the comparison learns why it has no answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flows.compare.observe.verifying import Verified, verified
from flows.local import run_job
from shared.run.loading import allow
from shared.run.new_job import make_job
from shared.run.policy import shard_policy
from shared.run.run import Run

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[1] / "pipelines"
ANSWERS = {
    "an_empty_list": Verified(),
    "a_text_in_a_list": Verified(("7 rows are twice",)),
    "nothing": Verified(failure="verify returned None, not a list of texts"),
    "yes": Verified(failure="verify returned True, not a list of texts"),
    "a_text": Verified(failure="verify returned a value of type str, not a list of texts"),
    "a_generator": Verified(failure="verify returned a value of type generator, not a list of texts"),
    "numbers": Verified(failure="verify returned a value of type list, not a list of texts"),
    "an_error": Verified(failure="verify raised ValueError: no database"),
    "an_end_of_the_process": Verified(failure="verify ended its process with exit status 3 and gave no answer"),
    "an_endless_wait": Verified(failure="verify was stopped after 3 s and gave no answer"),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A finished run of two shards."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHARDWISE_ISOLATION", "none")  # workers of earlier tests do not know the pipeline
        patch.setenv("SHARDWISE_PIPELINES", "")
        patch.setenv("SHARDWISE_PIPELINE_PATH", "")
        allow("answers:an_empty_list", FOLDER)
        job = make_job(
            pipeline="answers:an_empty_list", store_url=str(tmp_path_factory.mktemp("store")), num_shards=2, run_id="a"
        )
        run_job(job, 1, shard_policy())
        yield Run.of(job)


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_a_list_of_texts(run: Run, answer: str) -> None:
    """All else is not an answer, and says which kind it is of."""
    allow(f"answers:{answer}", FOLDER)
    asked = Run(replace(run.job, pipeline=f"answers:{answer}"), run.store)
    found = verified(asked, timeout=3 if answer == "an_endless_wait" else 60)
    assert found.problems == ANSWERS[answer].problems
    assert found.failure.partition(" (")[0] == ANSWERS[answer].failure
