"""A process that starts the no-op on a Render server and waits for its end, by Render's own client."""

import sys

from render import Render

if __name__ == "__main__":
    print(Render().workflows.run_task("noop", [int(sys.argv[1])]).results)  # noqa: T201 — its result
