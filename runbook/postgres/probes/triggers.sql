-- params: limit
-- E13, E21: user triggers. tgtype bits: 1 row, 2 before, 4 insert, 8 delete, 16 update, 32 truncate, 64 instead of.
SELECT t.tgrelid::int8 AS relation_oid,
       t.tgname::text AS name,
       t.tgenabled::text AS enabled,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS function,
       t.tgconstraint <> 0 AS "constraint",
       ARRAY(SELECT a.attname::text
               FROM unnest(t.tgattr::int2[]) WITH ORDINALITY AS u(attnum, place)
               JOIN pg_catalog.pg_attribute a ON a.attrelid = t.tgrelid AND a.attnum = u.attnum
              ORDER BY u.place) AS columns,
       t.tgtype & 1 <> 0 AS row_level,
       CASE WHEN t.tgtype & 2 <> 0 THEN 'BEFORE' WHEN t.tgtype & 64 <> 0 THEN 'INSTEAD OF' ELSE 'AFTER' END AS timing,
       array_remove(ARRAY[CASE WHEN t.tgtype & 4 <> 0 THEN 'INSERT' END, CASE WHEN t.tgtype & 8 <> 0 THEN 'DELETE' END,
                          CASE WHEN t.tgtype & 16 <> 0 THEN 'UPDATE' END,
                          CASE WHEN t.tgtype & 32 <> 0 THEN 'TRUNCATE' END], NULL) AS events
  FROM pg_catalog.pg_trigger t
  JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
  JOIN pg_catalog.pg_namespace cn ON cn.oid = c.relnamespace
  JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
 WHERE NOT t.tgisinternal AND cn.nspname !~ '^pg_' AND cn.nspname <> 'information_schema'
 ORDER BY t.tgrelid, t.tgname
 LIMIT $1::int8
