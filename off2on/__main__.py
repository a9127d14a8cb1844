"""`python -m off2on`: the command line, also where the entry point is not on the PATH."""

import sys

try:
    from off2on.cli import main

    main()
except KeyboardInterrupt:
    # while it is being imported
    sys.exit(130)
