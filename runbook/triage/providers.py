"""Managed servers: which provider runs this one, by what it shows, and which roles and schemas are the provider's own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runbook.postgres.rows import HintRow
from runbook.triage.case import Case, Facts, SideCase


@dataclass(frozen=True, slots=True)
class Provider:
    """``admin``: the role that a customer gets in place of a superuser; empty: one of another name.

    ``service``: roles of the provider that own what customers may not touch. ``schemas``: schemas of the provider.
    ``allowed``: the setting that lists the extensions a customer may create. ``hosts``: names of its servers.
    """

    name: str
    admin: str
    service: frozenset[str]
    schemas: frozenset[str] = frozenset()
    allowed: str = ""
    hosts: str = ""


def _roles(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Sources: each provider's documentation of its roles ("Understanding PostgreSQL roles and permissions" of RDS, "About
# PostgreSQL users and roles" of Cloud SQL and AlloyDB, "Create users" of Azure, "Postgres roles" of Supabase, "Manage
# roles" of Neon), and the issues that causes.yaml names. Crunchy Bridge gives out a real superuser, so it is not here.
PROVIDERS: dict[str, Provider] = {
    "rds": Provider("Amazon RDS", "rds_superuser", _roles("rdsadmin rds_superuser"), allowed="rds.allowed_extensions",
                    hosts=r"\.rds\.amazonaws\.com(\.cn)?$"),
    "aurora": Provider("Amazon Aurora", "rds_superuser", _roles("rdsadmin rds_superuser"),
                       allowed="rds.allowed_extensions", hosts=r"\.cluster-[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$"),
    "cloudsql": Provider("Google Cloud SQL", "cloudsqlsuperuser",
                         _roles("cloudsqladmin cloudsqlagent cloudsqlreplica cloudsqlsuperuser")),
    "alloydb": Provider("Google AlloyDB", "alloydbsuperuser", _roles("alloydbadmin alloydbagent alloydbsuperuser")),
    "azure": Provider("Azure Database for PostgreSQL", "azure_pg_admin", _roles("azuresu azure_superuser azure_pg_admin"),
                      allowed="azure.extensions", hosts=r"\.postgres\.database\.azure\.com$"),
    "supabase": Provider(
        "Supabase", "postgres",
        _roles("supabase_admin supabase_auth_admin supabase_storage_admin supabase_replication_admin"
               " supabase_realtime_admin supabase_functions_admin dashboard_user pgsodium_keyholder"),
        _roles("auth storage realtime vault pgsodium graphql graphql_public supabase_functions _realtime"),
        hosts=r"\.supabase\.(?:co|com)$",
    ),
    "neon": Provider("Neon", "neon_superuser", _roles("cloud_admin neon_superuser"), hosts=r"\.neon\.tech$"),
    "heroku": Provider("Heroku Postgres", "", _roles("heroku_admin rdsadmin"), _roles("heroku_ext")),
    "timescale": Provider("Timescale Cloud", "tsdbadmin", _roles("postgres"),
                          _roles("_timescaledb_internal _timescaledb_catalog _timescaledb_config"),
                          hosts=r"\.tsdb\.cloud\.timescale\.com$"),
    "aiven": Provider("Aiven", "avnadmin", _roles("postgres"), hosts=r"\.aivencloud\.com$"),
    "digitalocean": Provider("DigitalOcean", "doadmin", _roles("postgres"), hosts=r"\.db\.ondigitalocean\.com$"),
}  # fmt: skip

# Addresses at which a provider's own pooler answers, in transaction mode. Sources: Neon "Connection pooling", Supabase
# "Connect to your database", Azure "PgBouncer in Flexible Server", DigitalOcean "Manage connection pools".
_POOLED_HOSTS = re.compile(r"^[^.]+-pooler\.|\.pooler\.supabase\.com$")
_POOLED_PORTS = {"supabase": (6543,), "azure": (6432,), "digitalocean": (25061,)}


def managed_by(side: SideCase) -> str | None:
    """The provider whose signs this server shows, or whose name its address has; None for a server of one's own.

    An extension's settings are no sign: TimescaleDB and Citus run anywhere. The address counts only where it is the
    provider's own domain.
    """
    rows: tuple[HintRow, ...] = side.rows("provider")
    hints = {h.hint for h in rows if h.hint in PROVIDERS and not (h.hint == "timescale" and h.kind == "setting")}
    for specific in ("aurora", "alloydb", "supabase", "neon", "heroku"):  # they show another's signs as well
        if specific in hints:
            return specific
    if hints:
        return sorted(hints)[0]
    host = (side.target.host or "").lower()
    found = [key for key, p in PROVIDERS.items() if p.hosts and re.search(p.hosts, host)]
    return found[-1] if found else None


def pooled_endpoint(side: SideCase) -> bool:
    """The address is one at which a provider's pooler answers."""
    host = (side.target.host or "").lower()
    provider = managed_by(side)
    return bool(_POOLED_HOSTS.search(host)) or (side.target.port or 5432) in _POOLED_PORTS.get(provider or "", ())


def state(facts: Facts, case: Case, lacking: list[dict[str, Any]] | None) -> None:
    """State every ``provider.*`` fact. ``lacking``: the rights that the migration's role lacks, None: not told."""
    side = case.production
    if side is None:
        ids = (
            "key",
            "name",
            "admin",
            "admin_member",
            "extension_trusted",
            "allowed_extensions",
            "refused_extensions",
            "owned",
        )
        facts.unknown_all([f"provider.{i}" for i in (*ids, "pooled_endpoint")], "no production side was given")
        return
    key = managed_by(side)
    provider = PROVIDERS[key] if key else None
    because = "signs that the server shows, or the domain of its address"
    facts.know("provider.key", key or "none", because, readings="production/provider")
    facts.know("provider.name", provider.name if provider else "", because, readings="production/provider")
    facts.know("provider.admin", provider.admin if provider else "", because)
    facts.know("provider.pooled_endpoint", pooled_endpoint(side), str(side.target))
    row = side.first("role")
    if row is None:
        facts.unknown("provider.admin_member", side.why_not("role"))
    else:
        mine = provider is not None and provider.admin in (row.name, *row.member_of) and bool(provider.admin)
        facts.know("provider.admin_member", mine, f"memberships of {row.name}", readings="production/role")
    facts.know(
        "provider.owned", list(_owned(case, side, provider, lacking or [])), "owners that are the provider's roles"
    )
    _state_allowed(facts, case, side, provider)
    named = case.error.subject.extension if case.error is not None and case.error.sqlstate == "42501" else None
    named = named or next((i["object"].strip('"') for i in lacking or () if i["kind"] == "extension"), None)
    available = side.catalog.extensions.get(named) if side.catalog is not None and named else None
    trusted = available is not None and available.trusted
    facts.know(
        "provider.extension_trusted",
        trusted,
        "pg_available_extension_versions",
        readings="production/available_extensions",
    )


def _owned(
    case: Case, side: SideCase, provider: Provider | None, lacking: list[dict[str, Any]]
) -> Iterator[dict[str, str]]:
    """Objects of the provider that the migration's role lacks a right on, or that the error names."""
    if provider is None:
        return
    seen = set()
    for item in lacking:
        if item["owner"] in provider.service and item["kind"] in ("owner", "schema_create", "schema_usage", "table"):
            seen.add(item["object"])
            yield {"object": item["object"], "owner": item["owner"], "privilege": item["privilege"]}
    error = case.error
    if error is None or error.sqlstate != "42501" or lacking:
        return
    subject = error.subject
    for relation in side.rows("relations"):
        if relation.name == subject.relation and relation.owner in provider.service and relation.name not in seen:
            yield {"object": f"{relation.schema}.{relation.name}", "owner": relation.owner, "privilege": "ownership"}
    for schema in side.rows("schemas"):
        if schema.name == subject.schema and subject.object_kind == "schema" and schema.owner in provider.service:
            yield {"object": schema.name, "owner": schema.owner, "privilege": "CREATE"}


def _state_allowed(facts: Facts, case: Case, side: SideCase, provider: Provider | None) -> None:
    """The provider's list of extensions, and those of the migration that are not on it."""
    setting = provider.allowed if provider is not None else ""
    value = next((s.value for s in side.rows("settings") if s.name == setting), None) if setting else None
    if value is None:
        facts.know("provider.allowed_extensions", [], "the server shows no list")
        facts.know("provider.refused_extensions", [], "the server shows no list")
        return
    allowed = [e.strip().lower() for e in value.split(",") if e.strip()]
    facts.know("provider.allowed_extensions", allowed, f"{setting}", readings="production/settings")
    from runbook.migration import ast

    statements = case.migration.statements if case.migration is not None else ()
    wanted = [s.node.extname for s in statements if ast.is_node(s.node, "CreateExtensionStmt")]
    have = {e.name for e in side.rows("extensions")}
    refused = [] if "*" in allowed else [e for e in dict.fromkeys(wanted) if e.lower() not in allowed and e not in have]
    facts.know("provider.refused_extensions", refused, f"compared with {setting}", readings="production/settings")
