-- params: limit
-- E18: publications with their tables, from the catalogs: pg_publication_tables locks from 17 on.
SELECT p.pubname::text AS name,
       p.puballtables AS all_tables,
       p.pubinsert AS inserts,
       p.pubupdate AS updates,
       p.pubdelete AS deletes,
       p.pubtruncate AS truncates,
       p.pubviaroot AS via_root,
       t.relation::int8 AS relation_oid
  FROM pg_catalog.pg_publication p
  LEFT JOIN (
       SELECT r.prpubid AS publication, r.prrelid AS relation FROM pg_catalog.pg_publication_rel r
       UNION
       SELECT s.pnpubid, c.oid FROM pg_catalog.pg_publication_namespace s
         JOIN pg_catalog.pg_class c ON c.relnamespace = s.pnnspid AND c.relkind IN ('r', 'p')
  ) AS t ON t.publication = p.oid
 ORDER BY 1, t.relation
 LIMIT $1::int8
