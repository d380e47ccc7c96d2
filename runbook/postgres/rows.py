"""The row type of every probe: what one row means, and in which units.

Conventions: ages and lags are seconds on the *server's* clock at the time of the probe; sizes are bytes; oids are
plain ints; ``schema``/``name`` are stored names without quotes; a ``None`` means the server would not say (no
privilege, no such feature in this version), never zero. Text is cleaned (``runbook.text.clean``). ``backend_start``
with ``pid`` is the identity of a session. Each probe's SQL has exactly these fields, in this order (tested).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from runbook.sql import quote_qualified


class _Named:
    """``qualified`` for rows that are about one relation or other schema object."""

    __slots__ = ()
    schema: str
    name: str

    @property
    def qualified(self) -> str:
        return quote_qualified(self.schema, self.name)


# -- E01 who and where ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """Probe ``identity``: one row."""

    server_version_num: int  # 160002
    server_version: str  # "16.2 (Debian 16.2-1)"
    version: str  # version(), with platform and vendor
    database: str
    database_oid: int
    session_role: str  # session_user
    role: str  # current_user: us
    superuser: bool
    sees_all_sessions: bool  # pg_read_all_stats: other roles' queries and times are visible
    is_monitor: bool  # pg_monitor
    backend_pid: int
    server_address: str | None  # None on a socket
    server_port: int | None
    client_address: str | None
    tls: bool | None
    is_standby: bool  # pg_is_in_recovery()
    read_only_default: bool  # default_transaction_read_only as a new session of ours would have it without our guard
    timezone: str
    search_path: str  # as configured for us, text
    schemas: tuple[str, ...]  # current_schemas(true)
    encoding: str
    collation: str
    started_at: datetime  # pg_postmaster_start_time()
    server_time: datetime  # clock_timestamp(): compare with Reading.at for clock skew
    block_size: int
    cluster_name: str
    database_owner: str
    database_connection_limit: int  # -1 none


# -- E02 settings -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SettingRow:
    """Probe ``settings``: what a new session of *our* role in this database gets (never what our guard set).

    ``value`` is in base units (``unit``: ms, s, B, kB, 8kB, MB, min or None). ``source`` is "role in database",
    "role", "database", "all roles", "configuration file", "command line", "environment variable", "client", "override",
    "default" ... as far as it is visible. For another role, apply probe ``role_settings``.
    """

    name: str
    value: str
    unit: str | None
    boot_value: str | None
    source: str
    type: str  # bool, integer, real, string, enum
    context: str  # user, superuser, sighup, postmaster ...
    pending_restart: bool


@dataclass(frozen=True, slots=True)
class RoleSettingRow:
    """Probe ``role_settings``: ALTER ROLE / ALTER DATABASE ... SET entries that concern the migration's role here.

    ``scope``: "role in database", "role", "database" or "all roles", strongest first; the first row of a name wins.
    Raw text as it was set ("5s", "on").
    """

    name: str
    value: str
    scope: str
    role: str | None
    database: str | None


# -- E03 extensions ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ExtensionRow:
    """Probe ``extensions``: installed ones."""

    name: str
    version: str
    schema: str
    owner: str


@dataclass(frozen=True, slots=True)
class AvailableExtensionRow:
    """Probe ``available_extensions``: what CREATE EXTENSION could install (the server reads its control files)."""

    name: str
    default_version: str | None
    versions: tuple[str, ...]
    trusted: bool  # 13+: whoever may CREATE on the database may create the default version
    needs_superuser: bool
    requires: tuple[str, ...]


# -- E04 roles and privileges -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RoleRow:
    """Probe ``role``: the migration's role; no row when there is no such role."""

    name: str
    superuser: bool
    inherit: bool
    create_role: bool
    create_db: bool
    can_login: bool
    replication: bool
    bypass_rls: bool
    connection_limit: int  # -1 none
    valid_until: datetime | None
    member_of: tuple[str, ...]  # directly or through others
    usable_roles: tuple[str, ...]  # pg_has_role USAGE, itself included
    settable_roles: tuple[str, ...]  # pg_has_role SET (16+) or MEMBER, itself included
    can_create_schema: bool  # CREATE on the database
    can_create_temp: bool
    can_connect: bool
    is_us: bool  # it is current_user


@dataclass(frozen=True, slots=True)
class AnyRoleRow:
    """Probe ``roles``: every role but the built-in pg_* ones."""

    name: str
    superuser: bool
    inherit: bool
    create_role: bool
    create_db: bool
    can_login: bool
    replication: bool
    bypass_rls: bool
    connection_limit: int


@dataclass(frozen=True, slots=True)
class SchemaRow:
    """Probe ``schemas``: user schemas; ``can_*`` are the migration's role's."""

    oid: int
    name: str
    owner: str
    can_create: bool
    can_use: bool
    in_search_path: bool  # of ours
    extension: str | None


@dataclass(frozen=True, slots=True)
class DefaultPrivilegeRow:
    """Probe ``default_privileges``: ALTER DEFAULT PRIVILEGES entries (pg_default_acl)."""

    creator: str  # objects that this role creates ...
    schema: str | None  # ... in this schema (None: any)
    object_type: str  # r tables, S sequences, f functions, T types, n schemas
    grantee: str  # 'public' for PUBLIC
    privileges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GrantRow:
    """Probe ``grants``: what somebody other than the owner was granted on a relation (pg_class.relacl)."""

    relation_oid: int
    grantee: str  # 'public' for PUBLIC
    privileges: tuple[str, ...]


# -- E05, E13 relations -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RelationRow(_Named):
    """Probe ``relations``: tables, partitioned tables, views, matviews, foreign tables, sequences of user schemas.

    Sizes are relpages x block_size (as of the last vacuum/analyze/index build), never from functions that wait.
    """

    oid: int
    schema: str
    name: str
    kind: str  # pg_class.relkind: r p v m f S
    owner: str
    persistence: str  # p u t
    rows: float  # reltuples; -1 never analysed (before 14: 0 rows and 0 pages mean the same and are shown as -1)
    pages: int
    bytes: int
    toast_bytes: int
    index_bytes: int
    is_partition: bool
    row_security: bool
    force_row_security: bool
    replica_identity: str  # d n f i
    privileges: tuple[str, ...]  # of the migration's role: SELECT INSERT ... MAINTAIN (17+); USAGE of a sequence
    extension: str | None
    live_tuples: int | None
    dead_tuples: int | None
    modified_since_analyze: int | None
    seq_scans: int | None
    index_scans: int | None
    inserts: int | None
    updates: int | None
    deletes: int | None
    last_vacuum_age_s: float | None  # manual or auto, the later
    last_analyze_age_s: float | None
    tablespace: str | None  # None: the database's
    access_method: str | None
    frozen_xid_age: int | None  # age(relfrozenxid)
    options: tuple[str, ...]  # reloptions
    partition_key: tuple[str, ...]  # column names of a partitioned table; expressions are left out
    partition_strategy: str | None  # r l h
    partition_bound: str | None  # of a partition, pg_get_expr(relpartbound); None when it is locked right now
    has_toast: bool
    of_type_oid: int | None  # a typed table's composite type
    attributes: int = 0  # pg_class.relnatts: column numbers given out, those of dropped columns among them


@dataclass(frozen=True, slots=True)
class InheritanceRow:
    """Probe ``inheritance``: partitions and INHERITS children."""

    child_oid: int
    parent_oid: int
    detaching: bool  # DETACH ... CONCURRENTLY unfinished (14+)
    is_default: bool


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """Probe ``columns``: of the relations above, in order."""

    relation_oid: int
    attnum: int
    name: str
    type: str  # format_type without typmod
    typmod: int
    type_schema: str
    type_kind: str  # pg_type.typtype
    not_null: bool
    has_default: bool
    identity: str
    generated: str
    collation: str | None  # when it is not the type's own
    inherited: bool
    customised: bool  # it has rights, a comment, storage, options or a statistics target of its own


@dataclass(frozen=True, slots=True)
class ConstraintRow:
    """Probe ``constraints``: of relations (domains' are in ``types``)."""

    relation_oid: int
    name: str
    kind: str  # p u c f x n t
    columns: tuple[str, ...]
    validated: bool
    references_oid: int | None
    referenced_columns: tuple[str, ...]
    index_name: str | None
    no_inherit: bool
    inherited: bool
    enforced: bool
    deferrable: bool
    deferred: bool
    on_delete: str | None  # a r c n d
    on_update: str | None
    match_full: bool
    period: bool  # 18+: WITHOUT OVERLAPS, or a foreign key with PERIOD
    expression: str | None  # CHECK only; None when its relation is locked right now


@dataclass(frozen=True, slots=True)
class IndexRow(_Named):
    """Probe ``indexes``."""

    oid: int
    relation_oid: int
    schema: str
    name: str
    columns: tuple[str | None, ...]  # key columns; None for an expression
    included: tuple[str, ...]
    unique: bool
    primary: bool
    exclusion: bool
    valid: bool
    ready: bool
    live: bool
    building: bool  # pg_stat_progress_create_index shows it
    method: str
    pages: int
    has_expressions: bool
    has_predicate: bool
    replica_identity: bool
    nulls_not_distinct: bool
    constraint: bool  # it backs a constraint
    is_partition: bool
    scans: int | None
    expression_columns: tuple[str, ...]  # that expressions and predicate use, beside the key columns (pg_depend)
    default_operator_classes: bool
    parent_oid: int | None  # the partitioned index it is attached to
    tablespace: str | None
    collation_dependent: bool  # a key column sorts by another collation than C or POSIX
    plain: bool  # a B-tree over bare columns without a single option or comment


@dataclass(frozen=True, slots=True)
class TriggerRow:
    """Probe ``triggers``: user triggers (internal ones of foreign keys are left out)."""

    relation_oid: int
    name: str
    enabled: str  # O D R A
    function: str  # schema.name
    constraint: bool
    columns: tuple[str, ...]
    row_level: bool
    timing: str  # BEFORE, AFTER, INSTEAD OF
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DependantRow:
    """Probe ``dependants``: what depends on a relation, or on one column (``attnum`` > 0) of it.

    ``kind``: view, matview, rule, policy, trigger, function, statistics, publication, generated column, default,
    constraint, sequence, type. Indexes and the relation's own constraints are in their own probes.
    """

    relation_oid: int
    attnum: int
    kind: str
    description: str  # pg_describe_object
    dependant_oid: int | None  # the depending relation's oid, when it is one
    deptype: str  # pg_depend.deptype: n normal, a automatic
    default_attnum: int | None = None  # of a default: the column that has it, in the depending relation


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """Probe ``policies``: row-level security policies (without their expressions)."""

    relation_oid: int
    name: str
    permissive: bool
    command: str  # r a w d *
    roles: tuple[str, ...]  # 'public' for PUBLIC
    shows_all: bool  # USING (true)
    takes_all: bool  # WITH CHECK (true), or USING (true) in its place


@dataclass(frozen=True, slots=True)
class FunctionRow(_Named):
    """Probe ``functions``: outside pg_catalog and information_schema."""

    oid: int
    schema: str
    name: str
    arguments: tuple[str, ...]  # input types as format_type writes them
    returns: str
    volatility: str  # i s v
    language: str
    kind: str  # f p a w
    owner: str
    extension: str | None
    strict: bool
    security_definer: bool
    inlined_volatility: str | None  # i s v of the one expression a simple SQL function is inlined to; None: not known
    definition: str | None = field(default=None, repr=False)  # pg_get_functiondef, of users' SQL and PL/pgSQL


@dataclass(frozen=True, slots=True)
class FunctionUseRow:
    """Probe ``function_uses``: what depends on a user function.

    ``kind``: trigger, event trigger, default, generated column, constraint, index, view, matview, rule, policy,
    function, other.
    """

    function_oid: int
    kind: str
    description: str
    relation_oid: int | None  # the table of a trigger, default or constraint; the index; the view


@dataclass(frozen=True, slots=True)
class TypeRow(_Named):
    """Probe ``types``: enums, domains, ranges and free-standing composites of user schemas."""

    oid: int
    schema: str
    name: str
    kind: str  # e d c r m
    labels: tuple[str, ...]
    base: str | None
    base_typmod: int
    has_constraints: bool
    not_null: bool
    has_default: bool
    owner: str
    extension: str | None
    constraints: tuple[str, ...]  # names of a domain's


@dataclass(frozen=True, slots=True)
class SequenceRow(_Named):
    """Probe ``sequences``. ``last_value`` comes by pg_sequence_last_value for sequences not locked right now."""

    oid: int
    schema: str
    name: str
    type: str
    start: int
    minimum: int
    maximum: int
    increment: int
    cycle: bool
    cache: int
    last_value: int | None  # None: not called yet, no privilege, or locked
    owned_by_oid: int | None
    owned_by_attnum: int | None
    owner: str
    privileges: tuple[str, ...]  # of the migration's role: USAGE SELECT UPDATE


@dataclass(frozen=True, slots=True)
class TupleCounterRow:
    """Probe ``tuple_counters``: cumulative counters of one table and the server's clock; two samples give a rate."""

    relation_oid: int
    writes: int  # inserts + updates + deletes
    reads: int  # sequential + index scans
    at_s: float  # clock_timestamp() as a Unix time in seconds


@dataclass(frozen=True, slots=True)
class ColumnStatisticsRow:
    """Probe ``column_statistics``: what the planner knows of one of the largest tables, or of an index with expressions.

    Tables of fewer than 1,000 rows are left out. ``known`` counts columns with statistics, ``hidden`` those that our
    role may not see. ``without``: columns of a table, or expressions of an index (pg_attribute's names), that have none.
    """

    relation_oid: int
    table_oid: int  # the table of an index; else the relation itself
    name: str
    known: int
    without: tuple[str, ...]
    hidden: int
    width_bytes: float  # sum of the known columns' mean stored widths


# -- E06, E07, E08, E17 sessions and locks ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SessionRow:
    """Probe ``activity``: every session of the server but our own (``ours`` marks other connections of this tool)."""

    pid: int
    backend_start: datetime | None
    database: str | None
    role: str | None
    application_name: str
    client: str | None  # address, or "local socket"
    backend_type: str  # '' when hidden from our role
    state: str | None
    query: str | None  # None when hidden from our role
    query_hidden: bool
    wait_event_type: str | None
    wait_event: str | None
    xact_age_s: float | None
    query_age_s: float | None
    state_age_s: float | None
    backend_age_s: float | None
    backend_xid: int | None
    xmin_age: int | None  # age(backend_xmin), transactions
    leader_pid: int | None
    this_database: bool
    ours: bool
    autovacuum_wraparound: bool  # "(to prevent wraparound)": does not yield


@dataclass(frozen=True, slots=True)
class LockRow:
    """Probe ``locks``: relation locks on user relations of this database, and every lock that somebody waits for or
    that others may wait on (transactionid, virtualxid of waiters' targets, tuple, advisory, object ...).

    ``pid`` is None for a prepared transaction; ``PreparedTransactionRow.virtual_transaction`` then tells which one.
    """

    pid: int | None
    locktype: str
    mode: str
    granted: bool
    relation_oid: int | None
    schema: str | None
    relation: str | None  # bare name; for an index or TOAST, the name of the index; see ``table_oid``
    relation_kind: str | None
    table_oid: int | None  # the table of an index or TOAST table; the relation itself otherwise
    table_schema: str | None
    table: str | None
    page: int | None
    tuple: int | None
    transaction_id: int | None
    virtual_xid: str | None
    class_oid: int | None
    object_id: int | None
    object_subid: int | None
    virtual_transaction: str
    wait_s: float | None  # waitstart, 14+; None before, or not waiting
    fastpath: bool

    @property
    def qualified(self) -> str | None:
        return quote_qualified(self.schema, self.relation) if self.relation else None


@dataclass(frozen=True, slots=True)
class BlockingRow:
    """Probe ``blocking``: one row per session that waits for a heavyweight lock."""

    pid: int
    blocked_by: tuple[int, ...]  # pg_blocking_pids without repetition; 0 is a prepared transaction


@dataclass(frozen=True, slots=True)
class AdvisoryLockRow:
    """Probe ``advisory_locks``: of this database, with holder or waiter."""

    pid: int
    mode: str
    granted: bool
    key: int  # the 64-bit key, or (class << 32 | object) of the two-key form
    two_keys: bool
    role: str | None
    application_name: str | None
    state: str | None
    backend_start: datetime | None
    state_age_s: float | None
    query: str | None


@dataclass(frozen=True, slots=True)
class PreparedTransactionRow:
    """Probe ``prepared_transactions``: of all databases; ``relations`` only for this database."""

    transaction_id: int
    gid: str
    prepared_at: datetime
    age_s: float
    owner: str
    database: str
    this_database: bool
    relations: tuple[str, ...]  # schema.name, quoted
    modes: tuple[str, ...]
    virtual_transaction: str | None  # as its lock rows have it


@dataclass(frozen=True, slots=True)
class HorizonRow:
    """Probe ``horizon``: who holds back the xmin horizon, oldest first."""

    kind: str  # session, prepared transaction, replication slot, standby
    name: str  # pid, gid or slot name
    pid: int | None
    age_xids: int
    age_s: float | None
    this_database: bool
    detail: str | None


@dataclass(frozen=True, slots=True)
class ProgressRow:
    """Probe ``progress``: one running command with pg_stat_progress_*. ``done``/``total`` are in ``unit``."""

    pid: int
    command: str  # CREATE INDEX [CONCURRENTLY], REINDEX, VACUUM, CLUSTER, VACUUM FULL, ANALYZE, COPY FROM, BASE BACKUP
    relation_oid: int | None
    relation: str | None  # schema.name as regclass writes it; None in another database
    index_oid: int | None
    phase: str
    done: int | None
    total: int | None
    unit: str | None  # blocks, tuples, lockers, bytes
    lockers_done: int | None
    lockers_total: int | None
    current_locker_pid: int | None
    this_database: bool


# -- E11, E12, E18 capacity and replication ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ProcessesRow:
    """Probe ``processes``: one row."""

    checkpointer_age_s: float | None  # None: its type is hidden from us
    server_age_s: float


@dataclass(frozen=True, slots=True)
class WraparoundRow:
    """Probe ``wraparound``: every database of the server, the oldest transaction number first."""

    database: str
    age_xids: int  # age(datfrozenxid): transactions since the oldest one that may still be needed
    age_multixacts: int  # mxid_age(datminmxid)
    this_database: bool
    allows_connections: bool


@dataclass(frozen=True, slots=True)
class ConnectionsRow:
    """Probe ``connections``: client sessions counted by role, database, application and state, most first."""

    role: str | None
    database: str | None
    application_name: str
    state: str | None
    count: int
    role_limit: int | None  # -1 none
    database_limit: int | None
    role_superuser: bool | None


@dataclass(frozen=True, slots=True)
class ConnectionLimitsRow:
    """Probe ``connection_limits``: one row."""

    max_connections: int
    superuser_reserved: int
    reserved: int  # reserved_connections, 16+
    client_connections: int  # client backends now, all databases
    other_slots: int  # walsenders do not count since 12; parallel workers never: informational
    role_connections: int  # of the migration's role
    role_limit: int
    database_connections: int
    database_limit: int
    max_locks: int  # max_locks_per_transaction * (max_connections + max_prepared_transactions)
    locks: int  # entries in pg_locks that are not fast-path

    @property
    def ordinary_limit(self) -> int:
        """How many sessions roles without special rights may hold together."""
        return self.max_connections - self.superuser_reserved - self.reserved


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """Probe ``space``: one row per thing measured. None: no privilege to see it."""

    kind: str  # database, tablespace
    name: str
    bytes: int | None
    location: str | None


@dataclass(frozen=True, slots=True)
class WalRow:
    """Probe ``wal``: one row (pg_monitor)."""

    files: int
    bytes: int
    max_wal_bytes: int
    archive_ready: int | None  # segments waiting for the archiver, where pg_ls_archive_statusdir may be asked


@dataclass(frozen=True, slots=True)
class ArchiverRow:
    """Probe ``archiver``: one row, pg_stat_archiver. Ages in seconds; None: it never happened."""

    archived: int
    failed: int
    last_failed_wal: str | None
    archived_s: float | None
    failed_s: float | None


@dataclass(frozen=True, slots=True)
class ReplicationRow:
    """Probe ``replication``: pg_stat_replication as this server sees it."""

    pid: int
    role: str | None
    application_name: str
    client: str | None
    state: str | None
    sync_state: str | None
    sync_priority: int | None
    sent_lag_bytes: int | None
    replay_lag_bytes: int | None
    write_lag_s: float | None
    flush_lag_s: float | None
    replay_lag_s: float | None
    backend_start: datetime | None


@dataclass(frozen=True, slots=True)
class SlotRow:
    """Probe ``slots``: replication slots."""

    name: str
    plugin: str | None
    slot_type: str
    database: str | None
    temporary: bool
    active: bool
    active_pid: int | None
    xmin_age: int | None
    catalog_xmin_age: int | None
    retained_bytes: int | None  # WAL between restart_lsn and now
    wal_status: str | None  # reserved, extended, unreserved, lost (13+)
    safe_wal_bytes: int | None  # 13+
    two_phase: bool | None
    inactive_s: float | None  # 17+


@dataclass(frozen=True, slots=True)
class PublicationRow:
    """Probe ``publications``: one row per publication and table, or one with relation_oid None for FOR ALL TABLES
    (and for schemas, whose tables are listed)."""

    name: str
    all_tables: bool
    inserts: bool
    updates: bool
    deletes: bool
    truncates: bool
    via_root: bool
    relation_oid: int | None


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """Probe ``subscriptions``: of this database, without connection strings."""

    name: str
    enabled: bool
    owner: str
    slot_name: str | None
    publications: tuple[str, ...]
    worker_pid: int | None
    last_message_age_s: float | None
    apply_errors: int | None  # 15+


@dataclass(frozen=True, slots=True)
class StandbyRow:
    """Probe ``standby``: one row when the server is in recovery, none on a primary."""

    receive_lsn: str | None
    replay_lsn: str | None
    unreplayed_bytes: int | None  # received and not replayed
    replay_age_s: float | None  # since the last replayed commit; grows on an idle primary as well
    replay_paused: bool
    receiver_status: str | None
    primary_host: str | None
    conflicts_tablespace: int
    conflicts_lock: int
    conflicts_snapshot: int
    conflicts_bufferpin: int
    conflicts_deadlock: int
    hot_standby_feedback: bool
    max_standby_streaming_delay_ms: int


# -- E16, E20, E21, E22 -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HistoryTableRow(_Named):
    """Probe ``history_tables``: a table with the name and columns of a known tool's history, in any schema."""

    tool: str  # alembic, django, rails, golang-migrate, dbmate, prisma, drizzle, flyway, knex, liquibase, goose, ...
    role: str  # history, lock
    relation_oid: int
    schema: str
    name: str
    columns: tuple[str, ...]
    rows: float
    can_select: bool  # we may read it
    locked: bool  # ACCESS EXCLUSIVE is held or waited for: reading would wait
    column_types: tuple[str, ...]  # beside ``columns``


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One row of a history (or lock) table, read by ``read_history``: newest first, at most 500 a table.

    ``values`` holds every column that exists as text (timestamps ISO with offset, booleans ``true``/``false``), None
    for NULL. The reading's name is ``history:schema.table``.
    """

    tool: str
    role: str  # history, lock
    schema: str
    name: str
    values: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class EncodingRow:
    """Probe ``encoding``: one row per database one may connect to and per collation in use whose version is off."""

    kind: str  # database, collation
    name: str
    encoding: str | None
    collation: str | None
    ctype: str | None
    provider: str | None  # c libc, i icu, b builtin
    recorded_version: str | None
    actual_version: str | None
    this_database: bool

    @property
    def version_differs(self) -> bool:
        return bool(self.recorded_version and self.actual_version and self.recorded_version != self.actual_version)


@dataclass(frozen=True, slots=True)
class NamedObjectRow:
    """Probe ``named_objects``: what DDL names and no other probe lists.

    ``kind``: tablespace, collation, server, foreign-data wrapper, user mapping. ``schema``: of a collation.
    ``detail``: a collation's provider, a server's wrapper, the role of a user mapping ('public' for all); ICU's own
    collations are left out but for the first.
    """

    kind: str
    schema: str | None
    name: str  # of a user mapping: its server
    detail: str | None


@dataclass(frozen=True, slots=True)
class EventTriggerRow:
    """Probe ``event_triggers``."""

    name: str
    event: str
    enabled: str  # O D R A
    function: str
    owner: str
    tags: tuple[str, ...]
    extension: str | None


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """Probe ``databases``: one that takes connections and is no template. Counters are those of the statistics."""

    name: str
    ours: bool
    may_connect: bool
    sessions: int
    rows_written: int


@dataclass(frozen=True, slots=True)
class HintRow:
    """Probe ``provider``: one sign of a managed provider or of a pooler.

    ``hint``: rds, aurora, cloudsql, alloydb, azure, supabase, neon, heroku, aiven, crunchy, timescale, citus,
    yugabyte, cockroach, redshift, pgbouncer, pgcat, supavisor, odyssey.
    """

    hint: str
    kind: str  # setting, role, extension, version, application_name
    value: str
