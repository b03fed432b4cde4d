"""`python -m flows.render_dev [OPTIONS] -- COMMAND`: the local Render task server."""

import sys

from flows.render_dev.main import main

sys.exit(main())
