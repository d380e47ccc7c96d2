"""What secrets and row values look like in text: one rule a kind, with its source beside it.

``hints`` are lower-case pieces of which one stands in every text that the rule can match: a rule is tried only where
one does. The patterns of providers' tokens follow gitleaks' rules (github.com/gitleaks/gitleaks, config/gitleaks.toml,
MIT) and the providers' own documentation; those of PostgreSQL follow its own message texts and connection strings.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PASSWORD, TOKEN, KEY, ROW_VALUE, HASH = "password", "token", "key", "row value", "password hash"


@dataclass(frozen=True, slots=True)
class SecretRule:
    """``replacement`` keeps what tells where the secret stood; ``kind`` is what people are told was removed."""

    kind: str
    pattern: re.Pattern[str]
    replacement: str
    hints: tuple[str, ...]
    source: str


def _rule(kind: str, pattern: str, replacement: str, hints: str, source: str, flags: int = re.I | re.S) -> SecretRule:
    return SecretRule(kind, re.compile(pattern, flags), replacement, tuple(hints.split()), source)


_GITLEAKS = "gitleaks.toml"
# Words in a name that say that its value is a secret: DB_PASSWORD, client_secret, apiKey.
_SECRET_NAME = (
    r"(?:pass(?:word|wd|phrase)|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key|"
    r"credentials?|shared[_-]?key)"
)

RULES: tuple[SecretRule, ...] = (
    # -- connection strings ----------------------------------------------------------------------------------------
    _rule(PASSWORD, r"([a-z][\w+.-]*://[^\s/@:'\"]*:)([^\s'\"]*)(@)", r"\1***\3", "://", "libpq, 32.1.1.2 Connection URIs"),
    _rule(
        PASSWORD,
        r"(\b\w*(?:pass(?:word|wd)?|pwd|secret|token)\w*\"?\s*=\s*[\w.]+\s*\(\s*)e?'(?:[^']|'')*'?",
        r"\1'***'",
        "pass pwd secret token",
        "UPDATE ... SET password = crypt('...', gen_salt('bf')) (contrib/pgcrypto)",
    ),
    _rule(
        PASSWORD,
        r"(\b(?:password|sslpassword|passwd|pwd|pgpassword|scram_client_key|scram_server_key|oauth_client_secret)\s*=(?!>)\s*)"
        r"('(?:[^'\\]|\\.|'')*'?|\"[^\"]*\"?|[^\s&;,'\"]+)",
        r"\1***",
        "password passwd pwd scram_ oauth_",
        "libpq, 32.1.2 Parameter Key Words; ADO.NET and JDBC connection strings",
    ),
    _rule(
        PASSWORD,
        r"^((?:[\w.*-]+|\[[\da-f:]+\]):(?:\d{1,5}|\*):[^:\s]+:[^:\s]+:)(\S+)\s*$",
        r"\1***",
        ":",
        "libpq, 32.16 The Password File: hostname:port:database:username:password",
        re.I | re.M,
    ),
    _rule(
        PASSWORD,
        r"((?:^|\s)(?:--(?:db-?)?pass(?:word|wd)?|--pw)(?:[ =]|:\s?))(\"[^\"]*\"|'[^']*'|[^\s\"']{4,})",
        r"\1***",
        "--pass --db --pw",
        "command lines of Flyway, Liquibase, Sequelize",
    ),
    # -- SQL ---------------------------------------------------------------------------------------------------------
    _rule(
        PASSWORD,
        r"(\bpassword\s+)(?:e?'(?:[^'\\]|''|\\.)*'?|\$(\w*)\$.*?\$\2\$)",
        r"\1'***'",
        "password",
        "CREATE ROLE ... PASSWORD",
    ),
    _rule(HASH, r"SCRAM-SHA-256\$\d+:[\w+/=]+(?:\$[\w+/=]+:[\w+/=]+)?", "***", "scram-sha-256$", "pg_authid.rolpassword"),
    _rule(HASH, r"\bmd5[0-9a-f]{32}\b", "***", "md5", "pg_authid.rolpassword"),
    _rule(
        PASSWORD,
        r"(\boptions\s*\([^)]*?\bpassword\s+)'(?:[^']|'')*'?",
        r"\1'***'",
        "password",
        "CREATE USER MAPPING ... OPTIONS (password '...')",
    ),
    # -- names that say that a value is secret: environment, JSON, YAML, properties --------------------------------------
    _rule(
        PASSWORD,
        rf"([\"']?\b[\w.-]*{_SECRET_NAME}[\w.-]*[\"']?\s*(?::|=>|:=)\s*)(\"(?:[^\"\\]|\\.)+\"|'(?:[^'\\]|\\.)+')",
        r"\1'***'",
        "pass pwd secret token key credential",
        "JSON, YAML, Ruby and Python literals",
    ),
    _rule(
        TOKEN,
        rf"(\b[\w-]*(?:{_SECRET_NAME})[\w-]*[\"']?\s*[:=]\s*[\"']?)(?!\s|\*\*\*)[^\s\"'&,;)\]}}]{{6,}}",
        r"\1***",
        "pass pwd secret token key credential",
        "environment, properties, query strings",
    ),
    # -- headers and tokens by their form -------------------------------------------------------------------------------
    _rule(
        TOKEN,
        r"(\bauthorization[\"']?\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+|\bbearer\s+)[\w.~+/=-]{8,}",
        r"\1***",
        "bearer authorization",
        "RFC 6750, RFC 7617",
    ),
    _rule(TOKEN, r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*", "***", "eyj", "RFC 7519: JSON web tokens", re.S),
    _rule(KEY, r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", "***", "akia asia abia acca", _GITLEAKS, re.S),
    _rule(
        TOKEN,
        r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,})",
        "***",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox xapp-",
        _GITLEAKS,
        re.S,
    ),
    _rule(TOKEN, r"\b(?:sk|rk|pk)_(?:live|test|prod)_\w{10,}", "***", "_live_ _test_ _prod_", f"{_GITLEAKS}: stripe", re.S),
    _rule(TOKEN, r"\bsk-(?:ant-|proj-)?[\w-]{20,}", "***", "sk-", f"{_GITLEAKS}: openai, anthropic", re.S),
    _rule(KEY, r"\bAIza[\w-]{35}", "***", "aiza", f"{_GITLEAKS}: gcp-api-key", re.S),
    _rule(TOKEN, r"\bya29\.[\w-]{20,}", "***", "ya29.", "Google OAuth access tokens (Cloud SQL IAM login)", re.S),
    _rule(TOKEN, r"\b(?:npm_\w{30,}|pypi-AgE[\w-]{40,}|hvs\.[\w-]{20,}|dop_v1_[a-f0-9]{40,}|dapi[a-f0-9]{32}"
          r"|SG\.[\w-]{16,}\.[\w-]{16,}|shpat_[a-fA-F0-9]{32}|sbp_[a-f0-9]{40}|napi_\w{30,}|pscale_(?:tkn|pw|oauth)_[\w.-]{20,}|vercel_\w{20,})",
          "***", "npm_ pypi- hvs. dop_v1_ dapi sg. shpat_ sbp_ napi_ pscale_ vercel_", _GITLEAKS, re.S),
    _rule(TOKEN, r"(https://hooks\.slack\.com/\w+/)[\w/+-]{20,}", r"\1***", "hooks.slack.com", _GITLEAKS),
    _rule(TOKEN, r"(X-Amz-(?:Signature|Security-Token|Credential)=)[^\s&\"']+", r"\1***", "x-amz-",
          "RDS IAM authentication tokens"),
    _rule(
        KEY,
        r"-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----|\Z)",
        "***",
        "private",
        "RFC 7468",
    ),
    # -- row values in what the server says of an error --------------------------------------------------------------
    _rule(
        ROW_VALUE,
        r"(\bKey \([^)\n]*\)=\().*?(\)(?= (?:already exists|is duplicated|is not present|is still referenced|"
        r"conflicts)|\.?\s*$))",
        r"\1…\2",
        "key (",
        "nbtinsert.c, ri_triggers.c: DETAIL of 23505, 23503, 23P01",
        re.S | re.M,
    ),
    _rule(ROW_VALUE, r"(conflicts with (?:existing )?key \([^)\n]*\)=\().*?(\)\.?\s*$)", r"\1…\2", "conflicts with",
          "execIndexing.c: DETAIL of 23P01", re.S | re.M),
    _rule(ROW_VALUE, r"(\bFailing row contains \().*?(\)\.?\s*(?:$|\n))", r"\1…\2", "failing row",
          "execMain.c: DETAIL of 23502, 23514, 44000", re.S),
    _rule(ROW_VALUE, r"(\bPartition key of the failing row contains \([^)\n]*\) = \().*?(\)\.?\s*(?:$|\n))", r"\1…\2",
          "partition key", "execPartition.c: DETAIL of 23514", re.S),
    _rule(ROW_VALUE, r"(\b(?:COPY|context:\s*COPY) [^\n,]+, line \d+(?:, column [^\n:]+)?: )[^\n]+", r"\1…", "copy ",
          "copyfrom.c: CONTEXT of errors in COPY"),
    _rule(ROW_VALUE, r"(\b(?:query )?parameters: )\$1 = [^\n]*", r"\1…", "parameters:", "postgres.c: log_parameter_max_length"),
    _rule(ROW_VALUE, r"(\[parameters?: )[\[({].*?[\])}]\]?(?=\n|$)", r"\1…]", "[parameter", "SQLAlchemy: StatementError"),
)  # fmt: skip
