"""Migration tools as the lab plays them: their layout, their history table, their transactions, how they print a failure.

psql is really run. The others need a JVM, Node, Ruby, Go or a project of their own, so what they do to the database and
the shape of their message are reproduced around the server's real answer; each module names what it was read from.
"""

from runbook.lab.tools.base import Outcome, Tool
from runbook.lab.tools.flyway import FLYWAY
from runbook.lab.tools.golang_migrate import GOLANG_MIGRATE
from runbook.lab.tools.printed import PRINTED
from runbook.lab.tools.prisma import PRISMA
from runbook.lab.tools.psql import PSQL

TOOLS: dict[str, Tool] = {t.name: t for t in (PSQL, FLYWAY, PRISMA, GOLANG_MIGRATE, *PRINTED)}
"""Every tool by the name that ``--runner`` knows it by, where it knows it."""

ONE_FILE = tuple(TOOLS)
"""For a migration of one file that may run in a transaction: any tool."""

__all__ = ["ONE_FILE", "TOOLS", "Outcome", "Tool"]
