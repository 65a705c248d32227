"""Make one run with one param and one metric."""

from __future__ import annotations

from common import METRIC, answer, request, tracker


def main() -> None:
    """Run, answer."""
    asked = request()
    if asked["system"] == "wandb":
        import wandb

        run = wandb.init(project="benchmark", config={"rate": 0.1})
        run.log({METRIC: 0.5})
        run.finish()
    else:
        module = tracker(asked)
        with module.start_run():
            module.log_param("rate", 0.1)
            module.log_metric(METRIC, 0.5)
    answer(done=True)


if __name__ == "__main__":
    main()
