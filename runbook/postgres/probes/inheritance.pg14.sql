-- params: limit
-- E13: partitions and INHERITS children.
SELECT i.inhrelid::int8 AS child_oid,
       i.inhparent::int8 AS parent_oid,
       i.inhdetachpending AS detaching,
       p.partdefid IS NOT NULL AS is_default
  FROM pg_catalog.pg_inherits i
  JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relkind IN ('r', 'p', 'f')
  LEFT JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = i.inhparent AND p.partdefid = i.inhrelid
 LIMIT $1::int8
