"""Facts of the group rights: what is refused to the role beyond ownership and plain grants, and what would open it."""

from __future__ import annotations

from typing import Any

FACTS: tuple[tuple[str, str, str, str, Any], ...] = (
    (
        "rights",
        "refused",
        "str",
        "what a 42501 keeps for superusers or for an attribute: roles, database, read_file, parameter, system_trigger ...; "
        "empty: it refuses something else",
        "publication",
    ),
    ("rights", "refused_words", "str", "the same in words", "a publication FOR ALL TABLES or of a schema"),
    (
        "rights",
        "refused_way",
        "str",
        "what else than SUPERUSER opens it: attribute, predefined_role, parameter, alter_system, function, otherwise "
        "(another statement does), administrator; or empty",
        "otherwise",
    ),
    ("rights", "refused_opens", "str", "the attribute or the predefined role, or empty", "CREATEROLE"),
    (
        "rights",
        "reserved",
        "list",
        "statements for which production's role lacks such a thing: [{id, words, way, opens, privilege, object, sql, file, "
        "line}]",
        [
            {
                "id": "roles",
                "words": "creating, changing or dropping roles",
                "way": "attribute",
                "opens": "CREATEROLE",
                "privilege": "CREATEROLE",
                "object": "CREATEROLE",
                "sql": "CREATE ROLE app_rw",
                "file": "0007.sql",
                "line": 3,
            }
        ],
    ),
    (
        "rights",
        "role_wanted",
        "str",
        "the role, as stored, that a refused statement (or the first that will be) has to become; or empty",
        "app_owner",
    ),
    (
        "rights",
        "role_is_member",
        "bool",
        "the migration's role is a member of that role, directly or through others, perhaps without SET or INHERIT",
        False,
    ),
    ("rights", "role_inherits", "bool", "it has that role's privileges without SET ROLE", False),
    ("rights", "role_not_there", "bool", "the error is that a role does not exist, and not at login", False),
    (
        "rights",
        "roles_absent",
        "list",
        "roles that the migration names and neither it nor production has: [{role, on_local, similar, sql, file, line}]; "
        "similar: roles of production that are spelled alike",
        [
            {
                "role": "app_rw",
                "on_local": True,
                "similar": ["app-rw"],
                "sql": "GRANT SELECT ON orders TO app_rw",
                "file": "0007.sql",
                "line": 4,
            }
        ],
    ),
    (
        "rights",
        "new_objects",
        "list",
        "relations that the migration makes (or that the error names and that are the newest of their schema) on which "
        "roles lack what they have on the relations beside it: [{object, name, schema, kind, exists, owner, lacking: "
        "[{grantee, privileges, grant_sql, default_sql, revoke_sql}], default_creators}]; default_creators: other roles "
        "whose default privileges would have covered it",
        [
            {
                "object": "public.wishes",
                "name": "wishes",
                "exists": True,
                "owner": "deploy",
                "kind": "TABLE",
                "schema": "public",
                "lacking": [
                    {
                        "grantee": "app",
                        "privileges": ["SELECT"],
                        "grant_sql": "GRANT SELECT ON public.wishes TO app;",
                        "default_sql": "ALTER DEFAULT PRIVILEGES FOR ROLE deploy IN SCHEMA public GRANT SELECT ON TABLES "
                        "TO app;",
                        "revoke_sql": "REVOKE SELECT ON public.wishes FROM app;",
                    }
                ],
                "default_creators": ["app_owner"],
            }
        ],
    ),
    ("rights", "error_object_is_new", "bool", "the relation that a 42501 names is one of these, and exists", True),
    (
        "rights",
        "row_security",
        "list",
        "tables whose rows the migration reads, changes or adds while row-level security applies to its role there: [{object, "
        "name, command, nothing, forced, owner, owns, policies, hides, sql, file, line, index, on_local}]; command: "
        "select, insert, update, delete; hides: it may pass over rows (else it may refuse them); nothing: no policy lets the "
        "role do it at all; owns: its role owns the table, which is under FORCE; on_local: it applies there too",
        [
            {
                "object": "public.orders",
                "name": "orders",
                "command": "update",
                "hides": True,
                "nothing": False,
                "forced": False,
                "owner": "app_owner",
                "owns": False,
                "policies": ["by_tenant"],
                "on_local": False,
                "sql": "UPDATE orders SET note = ''",
                "file": "0007.sql",
                "line": 3,
                "index": 1,
            }
        ],
    ),
    (
        "rights",
        "rls_setting_given",
        "bool",
        "the migration sets a parameter with a dot in its name, as policies read",
        False,
    ),
)
"""Group, name, type, meaning, sample."""
