"""`python -m off2on`: the command line, also where the entry point is not on the PATH."""

from off2on.cli import main

main()
