"""What only production's rows decide of a statement, and the query that would tell: made here, run by nobody here.

``data_checks`` is pure. Every query is one SELECT that reads, is bounded by LIMIT, quotes names through ``runbook.sql``
and brings the offending rows' keys: no row means that none offends now.
"""

from runbook.migration.data_checks.answers import with_answers
from runbook.migration.data_checks.present import Present
from runbook.migration.data_checks.statements import data_checks

__all__ = ["Present", "data_checks", "with_answers"]
