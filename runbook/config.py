"""Where connections, thresholds and playbook folders come from.

Command line over environment over ``runbook.toml`` in the project (the current folder or one above it, up to the
repository's root) over the user's own ``runbook.toml``. Every value remembers its source.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

APP = "runbook"
COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "magenta", "white")


class ConfigError(ValueError):
    """One clear sentence: what is wrong, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Value:
    """One setting with where it came from: ``option --local``, ``environment RUNBOOK_LOCAL``, a file, ``default``."""

    value: Any
    source: str


@dataclass(frozen=True, slots=True)
class SideConfig:
    """One named side. ``dsn`` is a libpq connection string or URI, or a snapshot's path. ``role`` runs migrations."""

    key: str
    dsn: str = field(repr=False)
    source: str
    name: str
    colour: str = ""
    role: str | None = None


@dataclass(frozen=True, slots=True)
class IgnoreConfig:
    """One ``[[check.ignore]]``: hazards that are all right in the project, or in ``files`` (globs), and why."""

    hazards: tuple[str, ...]
    reason: str
    files: tuple[str, ...]
    source: str
    line: int  # where its hazard first stands in that file, 1-based


@dataclass(frozen=True)
class Config:
    """All of it, merged. ``sides`` are those that were named anywhere; ``local`` and ``production`` may be missing."""

    sides: Mapping[str, SideConfig] = field(default_factory=dict)
    values: Mapping[str, Value] = field(default_factory=dict)
    ignores: tuple[IgnoreConfig, ...] = ()

    @property
    def local(self) -> SideConfig | None:
        return self.sides.get("local")

    @property
    def production(self) -> SideConfig | None:
        return self.sides.get("production")

    @property
    def playbook_folders(self) -> tuple[Path, ...]:
        return tuple(Path(p).expanduser() for p in self._get("playbooks.folders"))

    @property
    def sessions_folder(self) -> Path:
        return Path(self._get("sessions.folder")).expanduser()

    @property
    def connect_timeout_s(self) -> float:
        return float(self._get("timeouts.connect_s"))

    @property
    def theme(self) -> str:
        return str(self._get("screen.theme"))

    @property
    def check_fail_on(self) -> str:
        return str(self._get("check.fail_on"))

    @property
    def check_format(self) -> str:
        return str(self._get("check.format"))

    @property
    def check_pg_version(self) -> int | None:
        """The major to assume where no server is asked, None: the newest."""
        value = self._get("check.pg_version")
        return int(value) if value else None

    def _get(self, key: str) -> Any:
        return self.values[key].value


_SETTINGS: tuple[tuple[str, str, type, str], ...] = (
    ("playbooks.folders", "RUNBOOK_PLAYBOOKS", list, "further folders of playbooks"),
    ("sessions.folder", "RUNBOOK_SESSIONS", str, "where sessions are recorded"),
    ("timeouts.connect_s", "RUNBOOK_CONNECT_TIMEOUT", float, "seconds to wait for a connection"),
    ("screen.theme", "RUNBOOK_THEME", str, "theme of the screens"),
    ("check.fail_on", "RUNBOOK_CHECK_FAIL_ON", str, "severity from which on a check fails"),
    ("check.pg_version", "RUNBOOK_CHECK_PG_VERSION", str, "major that a check assumes where no server is asked"),
    ("check.format", "RUNBOOK_CHECK_FORMAT", str, "format of a check's report"),
)
"""Key in the file, variable of the environment, type, meaning."""

_ONE_OF: dict[str, tuple[str, ...]] = {
    "check.fail_on": ("danger", "warning", "notice", "never"),
    "check.pg_version": tuple(str(major) for major in range(12, 19)),
    "check.format": ("text", "json", "sarif", "github", "gitlab", "markdown"),
}


def load(
    *,
    options: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    user_folder: Path | None = None,
) -> Config:
    """Merge all sources. ``options`` uses the keys of the file (``sides.local.dsn``). Raises ``ConfigError``."""
    environ = os.environ if environ is None else environ
    options = {k: v for k, v in (options or {}).items() if v not in (None, (), [])}
    files = [
        (path, _read(path))
        for path in (_project_file(folder or Path.cwd()), (user_folder or _user_folder()) / "runbook.toml")
        if path is not None and path.is_file()
    ]
    values = {key: _setting(key, variable, type_, options, environ, files) for key, variable, type_, _ in _SETTINGS}
    ignores = tuple(found for path, content in files for found in _ignores(path, content))
    return Config(_sides(options, environ, files), values, ignores)


def show(config: Config) -> Iterator[tuple[str, str, str]]:
    """Every value as (key, value, source), passwords masked."""
    for side in config.sides.values():
        yield f"sides.{side.key}.dsn", mask(side.dsn), side.source
        yield f"sides.{side.key}.name", side.name, side.source
        if side.colour:
            yield f"sides.{side.key}.colour", side.colour, side.source
        if side.role:
            yield f"sides.{side.key}.role", side.role, side.source
    for key in ("local", "production"):
        if key not in config.sides:
            yield f"sides.{key}.dsn", "(not given)", "default"
    for key, value in config.values.items():
        shown = ", ".join(map(str, value.value)) if isinstance(value.value, list | tuple) else str(value.value)
        yield key, shown or "(none)", value.source
    for ignore in config.ignores:
        where = f" in {', '.join(ignore.files)}" if ignore.files else ""
        yield "check.ignore", f"{', '.join(ignore.hazards)}{where}: {ignore.reason}", ignore.source


_SECRET_URI = re.compile(r"(?P<head>[a-zA-Z][\w+.-]*://[^\s/@:]*:)(?P<secret>[^\s@]*)@")
_SECRET_PAIR = re.compile(
    r"(?P<head>\b(?:password|sslpassword|passwd|pwd|pgpassword|scram_client_key|scram_server_key|"
    r"oauth_client_secret)\s*=\s*)(?P<secret>'(?:[^'\\]|\\.)*'?|\"[^\"]*\"?|[^\s&;,'\"]+)",
    re.IGNORECASE,
)


def mask(text: str) -> str:
    """``text`` with the passwords of connection strings and URIs replaced by ``***``."""
    return _SECRET_PAIR.sub(r"\g<head>***", _SECRET_URI.sub(r"\g<head>***@", text))


def _user_folder() -> Path:
    import platformdirs

    return Path(platformdirs.user_config_dir(APP, appauthor=False))


def _default_sessions() -> str:
    import platformdirs

    return str(Path(platformdirs.user_state_dir(APP, appauthor=False)) / "sessions")


def _project_file(folder: Path) -> Path | None:
    """The nearest ``runbook.toml`` from ``folder`` upwards, not above a repository's root."""
    for place in (folder, *folder.parents):
        if (place / "runbook.toml").is_file():
            return place / "runbook.toml"
        if (place / ".git").exists():
            return None
    return None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from None


def _setting(
    key: str,
    variable: str,
    type_: type,
    options: Mapping[str, Any],
    environ: Mapping[str, str],
    files: list[tuple[Path, dict[str, Any]]],
) -> Value:
    if key in options:
        return Value(_typed(options[key], type_, f"option for {key}"), f"option --{key.split('.')[0]}")
    if environ.get(variable):
        raw: Any = environ[variable]
        if type_ is list:
            raw = raw.split(os.pathsep)
        value = _one_of(key, _typed(raw, type_, f"environment {variable}"), f"environment {variable}")
        return Value(value, f"environment {variable}")
    section, name = key.split(".")
    for path, content in files:
        table = content.get(section, {})
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: [{section}] is a table")
        if name in table:
            given = str(table[name]) if key == "check.pg_version" else table[name]
            return Value(_one_of(key, _typed(given, type_, f"{path}: {key}"), f"{path}: {key}"), str(path))
    return Value(_default(key), "default")


def _default(key: str) -> Any:
    match key:
        case "playbooks.folders":
            return ()
        case "sessions.folder":
            return _default_sessions()
        case "timeouts.connect_s":
            return 5.0
        case "check.fail_on":
            return "danger"
        case "check.format":
            return "text"
        case _:
            return ""


def _typed(value: Any, type_: type, where: str) -> Any:
    if type_ is list:
        items = [value] if isinstance(value, str | Path) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str | Path) for i in items):
            raise ConfigError(f"{where} is a list of paths")
        return tuple(str(i) for i in items)
    if type_ is float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise ConfigError(f"{where} is a number of seconds, not {value!r}") from None
        if not 0 < number < 86400:
            raise ConfigError(f"{where} is a number of seconds above 0, not {value!r}")
        return number
    if not isinstance(value, str | Path):
        raise ConfigError(f"{where} is a text")
    return str(value)


def _one_of(key: str, value: Any, where: str) -> Any:
    allowed = _ONE_OF.get(key)
    if allowed is not None and value not in allowed:
        raise ConfigError(f"{where} is one of {', '.join(allowed)}, not {value!r}")
    return value


def _ignores(path: Path, content: Mapping[str, Any]) -> Iterator[IgnoreConfig]:
    """The ``[[check.ignore]]`` tables of a file. Other keys of ``[check]`` must be settings."""
    section = content.get("check", {})
    if not isinstance(section, dict):
        raise ConfigError(f"{path}: [check] is a table")
    known = {key.split(".")[1] for key, *_ in _SETTINGS if key.startswith("check.")} | {"ignore"}
    unknown = sorted(set(section) - known)
    if unknown:
        raise ConfigError(f"{path}: [check] has no {unknown[0]!r}; there are {', '.join(sorted(known))}")
    tables = section.get("ignore", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise ConfigError(f"{path}: ignores are tables of their own, each begun with [[check.ignore]]")
    for table in tables:
        unknown = sorted(set(table) - {"hazards", "reason", "files"})
        if unknown:
            raise ConfigError(f"{path}: [[check.ignore]] has no {unknown[0]!r}; there are hazards, reason and files")
        hazards, files = _texts(path, table, "hazards"), _texts(path, table, "files")
        reason = table.get("reason")
        if not hazards:
            raise ConfigError(f'{path}: [[check.ignore]] names no hazards, as in hazards = ["table-rewrite"]')
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f'{path}: the [[check.ignore]] of {hazards[0]} gives no reason; add reason = "..."')
        yield IgnoreConfig(hazards, reason.strip(), files, str(path), _line_of(path, hazards[0]))


def _texts(path: Path, table: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = table.get(name, [])
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise ConfigError(f"{path}: {name} of [[check.ignore]] is a list of texts")
    return tuple(items)


def _line_of(path: Path, hazard: str) -> int:
    """TOML's reader tells no lines: the first line that names the hazard."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if hazard in line:
            return number
    return 1


def _sides(
    options: Mapping[str, Any], environ: Mapping[str, str], files: list[tuple[Path, dict[str, Any]]]
) -> dict[str, SideConfig]:
    sides: dict[str, SideConfig] = {}
    for path, content in reversed(files):
        for key, table in _side_tables(path, content):
            known = sides.get(key)
            dsn = _side_dsn(path, key, table) or (known.dsn if known else None)
            if dsn is None:
                raise ConfigError(f"{path}: [sides.{key}] has neither dsn nor service")
            sides[key] = SideConfig(
                key, dsn, str(path), str(table.get("name", key)), _colour(path, key, table), table.get("role")
            )
    for key in ("local", "production"):
        variable = f"RUNBOOK_{key.upper()}"
        if environ.get(variable):
            sides[key] = _given(sides, key, environ[variable], f"environment {variable}")
        if f"sides.{key}.dsn" in options:
            sides[key] = _given(sides, key, options[f"sides.{key}.dsn"], f"option --{key}")
        if key in sides and f"sides.{key}.role" in options:
            sides[key] = replace(sides[key], role=options[f"sides.{key}.role"])
    return sides


def _given(sides: Mapping[str, SideConfig], key: str, value: str, source: str) -> SideConfig:
    """A side from the command line or environment: the name of a configured side, or a connection string."""
    named = sides.get(value)
    if named is not None:
        return replace(named, key=key, source=f"{source} = {value} ({named.source})")
    known = sides.get(key)
    return SideConfig(
        key, value, source, known.name if known else key, known.colour if known else "", known.role if known else None
    )


def _side_tables(path: Path, content: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = content.get("sides", {})
    if not isinstance(tables, dict):
        raise ConfigError(f"{path}: [sides] holds one table a side, as in [sides.production]")
    for key, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: [sides.{key}] is a table")
        unknown = set(table) - {"dsn", "service", "name", "colour", "color", "role"}
        if unknown:
            raise ConfigError(
                f"{path}: [sides.{key}] has no {sorted(unknown)[0]!r}; there are dsn, service, name, colour and role"
            )
        yield key, table


def _side_dsn(path: Path, key: str, table: Mapping[str, Any]) -> str | None:
    if "service" in table:
        return f"service={table['service']}"
    dsn = table.get("dsn")
    if dsn is not None and not isinstance(dsn, str):
        raise ConfigError(f"{path}: sides.{key}.dsn is a text")
    return dsn


def _colour(path: Path, key: str, table: Mapping[str, Any]) -> str:
    colour = str(table.get("colour", table.get("color", "")))
    if colour and colour not in COLOURS and not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ConfigError(f"{path}: sides.{key}.colour is one of {', '.join(COLOURS)} or #rrggbb, not {colour!r}")
    return colour
