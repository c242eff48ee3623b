"""Run the command line: `python -m app_platform.local`."""

import sys

from app_platform.local.cli import main

if __name__ == "__main__":
    sys.exit(main())
