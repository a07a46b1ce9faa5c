SELECT
  sum("ledger"."amount") FILTER (WHERE "ledger"."dept" = 'Sales') AS "sales",
  sum("ledger"."amount") FILTER (WHERE "ledger"."dept" <> 'Sales') AS "others",
  count(*) FILTER (WHERE "ledger"."dept" = 'Sales') / nullif(count(*), 0) AS "part"
FROM "ledger"
LIMIT 200
