"""Names that extensions bring: for when the local side cannot be asked which extension an object belongs to.

Source: the extensions' own control and SQL files (contrib of PostgreSQL 18; PostGIS 3, pgvector 0.8, TimescaleDB 2).
"""

from __future__ import annotations

import re

_NAMES: dict[str, str] = {
    "citext": "citext",
    "hstore": "hstore",
    "ltree lquery ltxtquery": "ltree",
    "cube": "cube",
    "earth ll_to_earth earth_distance earth_box": "earthdistance",
    "seg": "seg",
    "isbn isbn13 issn ean13 upc": "isn",
    "lo": "lo",
    "uuid_generate_v1 uuid_generate_v1mc uuid_generate_v3 uuid_generate_v4 uuid_generate_v5 uuid_nil": "uuid-ossp",
    "crypt gen_salt digest hmac gen_random_bytes pgp_sym_encrypt pgp_sym_decrypt pgp_pub_encrypt pgp_pub_decrypt "
    "armor dearmor": "pgcrypto",
    "gin_trgm_ops gist_trgm_ops similarity word_similarity strict_word_similarity show_trgm": "pg_trgm",
    "unaccent": "unaccent",
    "levenshtein levenshtein_less_equal soundex difference metaphone dmetaphone daitch_mokotoff": "fuzzystrmatch",
    "crosstab crosstab2 crosstab3 crosstab4 connectby normal_rand": "tablefunc",
    "dblink dblink_connect dblink_exec": "dblink",
    "postgres_fdw": "postgres_fdw",
    "file_fdw": "file_fdw",
    "bloom": "bloom",
    "gin__int_ops gist__int_ops gist__intbig_ops query_int idx icount uniq": "intarray",
    "pg_stat_statements pg_stat_statements_reset": "pg_stat_statements",
    "geometry geography box2d box3d raster st_point st_setsrid st_makepoint st_distance st_dwithin st_contains "
    "st_intersects st_geomfromtext st_asgeojson st_transform addgeometrycolumn": "postgis",
    "vector halfvec sparsevec ivfflat hnsw vector_l2_ops vector_cosine_ops vector_ip_ops": "vector",
    "create_hypertable time_bucket add_retention_policy": "timescaledb",
    "pgp_armor_headers": "pgcrypto",
    "tsm_system_rows": "tsm_system_rows",
    "amcheck bt_index_check bt_index_parent_check verify_heapam": "amcheck",
}
_BY_NAME = {name: extension for names, extension in _NAMES.items() for name in names.split()}


def extension_of(name: str) -> str | None:
    """The extension that is known to bring an object of this name."""
    wanted = name.lower()
    if wanted in _BY_NAME:
        return _BY_NAME[wanted]
    return "postgis" if re.match(r"st_[a-z]", wanted) else None
