-- params: functions, limit
-- E13: functions outside pg_catalog, and those inside it whose names are asked for.
-- Definitions are for following calls: those with a body as text (deparsing SQL-standard ones could wait for locks), at most
-- 4 MiB of them, the short ones first.
-- The volatility a simple SQL function has once it is inlined: the worst of the names it calls (any overload counts).
WITH wanted AS MATERIALIZED (
    SELECT p.*, n.nspname, l.lanname
      FROM pg_catalog.pg_proc p
      JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
      JOIN pg_catalog.pg_language l ON l.oid = p.prolang
     WHERE (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema')
        OR (n.nspname = 'pg_catalog' AND p.proname = ANY ($1::text[]))
     ORDER BY p.oid
     LIMIT $2::int8
), simple AS MATERIALIZED (
    SELECT w.oid, lower(w.prosrc) AS body
      FROM wanted w
     WHERE w.lanname = 'sql' AND w.prokind = 'f' AND NOT w.proretset AND NOT w.prosecdef AND w.proconfig IS NULL
       AND w.prosrc ~* '^\s*select\s' AND w.prosrc !~* '\m(from|where|with|union|limit|group)\M'
       AND rtrim(w.prosrc, E'; \n\t') !~ ';'
), called AS MATERIALIZED (
    SELECT s.oid, max(CASE f.provolatile WHEN 'v' THEN 3 WHEN 's' THEN 2 ELSE 1 END) AS worst
      FROM simple s
     CROSS JOIN LATERAL regexp_matches(s.body, '([a-z_][a-z0-9_$]*)\s*\(', 'g') AS call
      JOIN pg_catalog.pg_proc f ON f.proname = call[1]
     GROUP BY s.oid
), bodies AS MATERIALIZED (
    SELECT w.oid, sum(octet_length(w.prosrc)) OVER (ORDER BY octet_length(w.prosrc), w.oid) AS sum_bytes
      FROM wanted w
     WHERE w.lanname IN ('sql', 'plpgsql') AND w.prokind IN ('f', 'p') AND w.nspname <> 'pg_catalog'
       AND octet_length(w.prosrc) BETWEEN 1 AND 32768
)
SELECT w.oid::int8 AS oid,
       w.nspname::text AS schema,
       w.proname::text AS name,
       ARRAY(SELECT format_type(a.type, NULL)
               FROM unnest(w.proargtypes::oid[]) WITH ORDINALITY AS a(type, place) ORDER BY a.place) AS arguments,
       format_type(w.prorettype, NULL) AS returns,
       w.provolatile::text AS volatility,
       w.lanname::text AS language,
       w.prokind::text AS kind,
       pg_get_userbyid(w.proowner)::text AS owner,
       e.extname::text AS extension,
       w.proisstrict AS strict,
       w.prosecdef AS security_definer,
       CASE WHEN s.oid IS NULL THEN NULL
            WHEN c.worst = 3 THEN 'v'
            WHEN c.worst = 2 OR s.body ~ '\m(current_|localtime|session_user|user)' THEN 's'
            ELSE 'i' END AS inlined_volatility,
       CASE WHEN b.sum_bytes <= 4194304 AND e.oid IS NULL THEN pg_get_functiondef(b.oid) END AS definition
  FROM wanted w
  LEFT JOIN bodies b ON b.oid = w.oid
  LEFT JOIN simple s ON s.oid = w.oid
  LEFT JOIN called c ON c.oid = w.oid
  LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_proc'::regclass AND x.objid = w.oid AND x.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
