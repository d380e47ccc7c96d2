"""Who ended the migration's client, when it was not the server: the job's deadline, the driver's own timeout, a signal.

The words stand somewhere in the job's output, often far from the last thing that SQL said, and are nobody's error text.
Source of each row: the tool's code or documentation, named in the row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

RUNNER, CLIENT, MEMORY, VANISHED, KILLED = "runner", "client", "memory", "vanished", "killed"


@dataclass(frozen=True, slots=True)
class GaveUp:
    """``who``: runner (the time of the job was up), client (the driver, the ORM or a pooler gave up on the statement),
    memory (the client's container had no more), vanished (the server's log: nobody was left at the other end), killed (a
    signal ended the client, nothing says why). ``after_s``: the limit as it is printed."""

    who: str
    tool: str
    words: str
    after_s: float | None = None


@dataclass(frozen=True, slots=True)
class _Words:
    who: str
    tool: str
    pattern: re.Pattern[str]
    source: str


def _w(who: str, tool: str, pattern: str, source: str) -> _Words:
    return _Words(who, tool, re.compile(pattern), source)


# Within a line the first row that fits tells: a runner that says "context deadline exceeded" stands before Go's.
_WORDS: tuple[_Words, ...] = (
    _w(RUNNER, "Kubernetes Job", r"Job was active longer than specified deadline|\bDeadlineExceeded\b",
       "kubernetes pkg/controller/job/job_controller.go"),
    _w(RUNNER, "Kubernetes pod", r"Pod was active on the node longer than the specified deadline",
       "kubernetes pkg/kubelet/active_deadline.go"),
    _w(RUNNER, "Kubernetes probe", r"failed (?:liveness|startup) probe, will be restarted",
       "kubernetes pkg/kubelet/kuberuntime/kuberuntime_manager.go"),
    _w(RUNNER, "Helm", r"(?:(?:UPGRADE|INSTALLATION|ROLLBACK) FAILED|hooks? failed|due to (?:atomic|rollback-on-failure)).*"
       r"(?:timed out waiting for the condition|context deadline exceeded)", "helm pkg/cmd/upgrade.go, pkg/kube/wait.go"),
    _w(RUNNER, "kubectl or Helm", r"timed out waiting for the condition", "kubernetes apimachinery pkg/util/wait/error.go"),
    _w(RUNNER, "GitHub Actions", r"has exceeded the maximum execution time of (?P<limit>[\dhms. ]+(?:minutes)?)",
       "actions/runner, annotation of a job over timeout-minutes"),
    _w(RUNNER, "GitHub Actions", r"The action '.*' has timed out after (?P<limit>\d+ minutes)",
       "actions/runner src/Runner.Worker/StepsRunner.cs"),
    _w(RUNNER, "GitLab CI", r"Job failed: execution took longer than (?P<limit>[\dhms.]+)(?: seconds)?",
       "gitlab-runner common/build.go"),
    _w(RUNNER, "Azure Pipelines", r"ran longer than the maximum time of (?P<limit>\d+ minutes)",
       "learn.microsoft.com/azure/devops/pipelines/process/phases#timeouts"),
    _w(RUNNER, "CircleCI", r"Too long with no output \(exceeded (?P<limit>[\dhms.]+)\)",
       "support.circleci.com, no_output_timeout"),
    _w(RUNNER, "Jenkins", r"Cancelling nested steps due to timeout|Timeout has been exceeded",
       "jenkinsci/workflow-basic-steps-plugin TimeoutStepExecution.java"),
    _w(RUNNER, "AWS Lambda", r"Task timed out after (?P<limit>[\d.]+ seconds)", "docs.aws.amazon.com/lambda, timeout"),
    _w(RUNNER, "AWS CodeBuild", r"\bBUILD_TIMED_OUT\b|Build has timed out", "docs.aws.amazon.com/codebuild, TIMED_OUT"),
    _w(RUNNER, "Ansible", r"async task did not complete within the requested time - (?P<limit>\d+s)",
       "ansible lib/ansible/plugins/action, async"),
    _w(RUNNER, "systemd", r"start operation timed out\. Terminating|Failed with result 'timeout'",
       "systemd src/core/service.c"),
    _w(RUNNER, "Celery", r"\b(?:Soft)?TimeLimitExceeded\b", "celery billiard/exceptions.py"),
    _w(RUNNER, "timeout", r"(?:exit(?:ed with)?(?: code| status)?|non-zero code|\] Error|returned(?: exit code)?):? 124\b",
       "GNU coreutils timeout(1): 124 if the command times out"),
    _w(CLIENT, "DBConnection", r"closed by the pool, possibly due to a timeout|checked out the connection for longer than "
       r"(?P<limit>\d+ms)", "postgrex lib/postgrex/protocol.ex, db_connection holder.ex"),
    _w(CLIENT, "Npgsql", r"TimeoutException: Timeout during reading attempt", "npgsql NpgsqlReadBuffer.cs"),
    _w(CLIENT, "node-postgres", r"\bQuery read timeout\b", "node-postgres lib/client.js, query_timeout"),
    _w(CLIENT, "Knex", r"Defined query timeout of (?P<limit>\d+ms) exceeded", "knex lib/execution/query-runner.js"),
    _w(CLIENT, "JDBC", r"SocketTimeoutException: Read timed out", "pgjdbc socketTimeout"),
    _w(CLIENT, "Ruby", r"Timeout::Error|: execution expired\b", "ruby lib/timeout.rb"),
    _w(CLIENT, "asyncpg", r"^\s*(?:asyncio\.(?:exceptions\.)?)?TimeoutError:?\s*$", "asyncpg command_timeout: asyncio.timeout"),
    _w(CLIENT, "PgBouncer", r"(?:FATAL|ERROR):\s+(?:\w{5}: )?(?:query|transaction)[ _]timeout\b", "pgbouncer src/janitor.c"),
    _w(CLIENT, "Go", r"context deadline exceeded", "Go context.DeadlineExceeded"),
    _w(MEMORY, "the container", r"\bOOMKilled\b", "kubernetes, the terminated container's reason"),
    _w(KILLED, "signal", r"\bsignal: (?:killed|terminated)\b|\bReceived signal (?:9|15)\b|^(?:bash|sh|\S+\.sh): line \d+: +\d+ "
       r"(?:Killed|Terminated)\b|^(?:Killed|Terminated)$", "Go os.ProcessState.String, bash jobs.c"),
    _w(KILLED, "signal", r"(?:exit(?:ed with)?(?: code| status)?|non-zero(?: status of| code:?)|\] Error|returned(?: exit code)?)"
       r":? (?:137|143)\b", "128 + SIGKILL or SIGTERM: POSIX shells, OCI runtimes"),
    _w(VANISHED, "PostgreSQL's log", r"could not (?:send data to|receive data from) client: |"
       r"unexpected EOF on client connection with an open transaction|connection to client lost",
       "src/backend/libpq/pqcomm.c, src/backend/tcop/postgres.c"),
)  # fmt: skip

_QUICK = re.compile(
    r"eadline|time[d]? ?out|imeout|longer than|maximum execution|signal|Killed|Terminated|124|137|143|TimeLimit|TIMED_OUT"
    r"|probe, will|no output|expired|client|requested time"
)
_CONNECTING = re.compile(r"connect(?:ing)? to |dial |could not connect|attempt failed|acquir", re.I)
"""A deadline that was met before any SQL ran: the connection's own refusal says more."""
_RANK = (RUNNER, MEMORY, CLIENT, VANISHED, KILLED)
"""Of several: the sign of a signal says least, since a runner whose time is up sends one."""
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "seconds": 1.0, "minutes": 60.0}
_AMOUNT = re.compile(r"(\d+(?:\.\d+)?) ?(ms|seconds|minutes|h|m|s)")


class GivingUp:
    """Gathers, line by line, who gave up; ``found`` is what says most."""

    def __init__(self) -> None:
        self.found: GaveUp | None = None

    def see(self, line: str) -> None:
        """Look at one line of the output."""
        seen = read_gave_up(line)
        if seen is not None and (self.found is None or _RANK.index(seen.who) < _RANK.index(self.found.who)):
            self.found = seen


def read_gave_up(line: str) -> GaveUp | None:
    """Who gave up according to ``line``; None when it does not speak of that."""
    if not _QUICK.search(line):
        return None
    for row in _WORDS:
        match = row.pattern.search(line)
        if match is None or (row.who == CLIENT and _CONNECTING.search(line)):
            continue
        limit = match.groupdict().get("limit")
        return GaveUp(row.who, row.tool, line.strip()[:400], _seconds(limit) if limit else None)
    return None


def _seconds(text: str) -> float | None:
    """``10 minutes``, ``1h0m0s``, ``15000ms`` in seconds."""
    amounts = _AMOUNT.findall(text)
    return sum(float(number) * _UNITS[unit] for number, unit in amounts) if amounts else None


_LOST = (
    ("timed_out", re.compile(r"Connection timed out|ETIMEDOUT|connection timed out|Operation timed out")),
    ("reset", re.compile(r"[Cc]onnection reset by peer|ECONNRESET|[Bb]roken pipe|EPIPE|Connection reset")),
    (
        "closed",
        re.compile(
            r"server closed the connection unexpectedly|EOF detected|unexpected EOF|closed unexpectedly"
            r"|terminated unexpectedly|connection (?:to server )?was lost|driver: bad connection|closed in the middle"
            r"|Server has closed the connection|the connection is (?:lost|closed)"
        ),
    ),
)
"""How a connection that was open broke. Sources: strerror(3) and node's names of ETIMEDOUT, ECONNRESET and EPIPE;
libpq fe-secure.c and fe-misc.c for the end of the stream. libpq words ECONNRESET and EPIPE as the end of the stream too."""


def how_lost(text: str) -> str:
    """How the connection broke: timed_out (nobody answered any more), reset (it was refused in the middle), closed (the
    stream just ended, or libpq's word for a reset); empty when the text does not tell."""
    return next((how for how, pattern in _LOST if pattern.search(text)), "")
