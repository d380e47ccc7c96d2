"""``python -m runbook`` is the same program as the ``runbook`` script."""

from runbook.cli import main

if __name__ == "__main__":
    main()
