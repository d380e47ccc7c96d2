-- E21: event triggers: what runs along with every DDL statement.
SELECT t.evtname::text AS name,
       t.evtevent::text AS event,
       t.evtenabled::text AS enabled,
       quote_ident(n.nspname) || '.' || quote_ident(p.proname) AS function,
       pg_get_userbyid(t.evtowner)::text AS owner,
       coalesce(t.evttags, '{}') AS tags,
       e.extname::text AS extension
  FROM pg_catalog.pg_event_trigger t
  JOIN pg_catalog.pg_proc p ON p.oid = t.evtfoid
  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
  LEFT JOIN pg_catalog.pg_depend x ON x.classid = 'pg_catalog.pg_event_trigger'::regclass AND x.objid = t.oid
                                  AND x.deptype = 'e'
  LEFT JOIN pg_catalog.pg_extension e ON e.oid = x.refobjid
 ORDER BY 1
