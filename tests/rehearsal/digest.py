"""What a dump of the database and its cluster would show, as text to compare: catalogue, rows, sequences, roles."""

from __future__ import annotations

from psycopg.sql import SQL, Identifier

from tests.support import Database

_CATALOGUE = (
    "SELECT c.oid, n.nspname, c.relname, c.relkind, c.relfilenode, c.relowner, c.relacl::text, c.reloptions FROM pg_class c"
    " JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid >= 16384 ORDER BY c.oid",
    "SELECT attrelid, attname, atttypid, atttypmod, attnotnull, atthasdef, attidentity FROM pg_attribute"
    " WHERE attrelid >= 16384 AND attnum > 0 ORDER BY 1, attnum",
    "SELECT conname, conrelid, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE oid >= 16384 ORDER BY oid",
    "SELECT indexrelid, indisvalid, indisready, pg_get_indexdef(indexrelid) FROM pg_index WHERE indexrelid >= 16384 ORDER BY 1",
    "SELECT oid, typname, typowner FROM pg_type WHERE oid >= 16384 ORDER BY oid",
    "SELECT enumtypid, enumlabel, enumsortorder FROM pg_enum ORDER BY 1, 3",
    "SELECT oid, proname, prosrc FROM pg_proc WHERE oid >= 16384 ORDER BY oid",
    "SELECT tgrelid, tgname, tgenabled FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    "SELECT nspname, nspowner, nspacl::text FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' ORDER BY 1",
    "SELECT extname, extversion FROM pg_extension ORDER BY 1",
    "SELECT pubname FROM pg_publication ORDER BY 1",
    "SELECT oid FROM pg_largeobject_metadata ORDER BY 1",
    "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase"
    " WHERE d.datname = current_database() ORDER BY 1, 2",
    "SELECT rolname FROM pg_roles ORDER BY 1",
    "SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY 1",
    "SELECT description FROM pg_description WHERE objoid >= 16384 ORDER BY 1",
)


def digest(database: Database) -> list[str]:
    """Line by line, so that a difference shows what it is."""
    lines = []
    with database.connect() as connection:
        for sql in _CATALOGUE:
            lines += [str(row) for row in connection.execute(sql.encode())]
        relations = connection.execute(
            "SELECT n.nspname, c.relname, c.relkind FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.oid >= 16384 AND c.relkind IN ('r', 'm', 'S') AND n.nspname NOT LIKE 'pg_%' ORDER BY 1, 2"
        ).fetchall()
        for schema, name, kind in relations:
            columns = "t.last_value, t.is_called, t.log_cnt" if kind == "S" else "t::text"
            sql = SQL("SELECT " + columns + " FROM {} t ORDER BY 1").format(Identifier(schema, name))
            lines += [f"{schema}.{name} {row}" for row in connection.execute(sql)]
    return lines


def sessions(database: Database) -> int:
    """Our rehearsal's sessions that are still on the server."""
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'runbook%' AND datname = current_database()"
    )
    return int(database.execute(sql)[0][0])
