"""`python -m off2on`, as the workflow calls it."""

import sys

try:
    from off2on.cli import main

    main()
except KeyboardInterrupt:
    # while it is being imported
    sys.exit(130)
