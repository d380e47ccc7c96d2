"""One module per group of commands; ``runbook.cli`` registers them. Options and calls only, nothing is decided here."""
