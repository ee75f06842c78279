"""`python -m hashpact` is the command `hashpact`."""

from __future__ import annotations

from hashpact.cli.main import main

if __name__ == "__main__":
    main()
