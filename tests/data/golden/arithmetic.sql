SELECT
  (sum("ledger"."amount") + min("ledger"."amount")) - -0.05 AS "a",
  sum("ledger"."amount") * 2 AS "b",
  sum("ledger"."amount") / nullif(count(*) - 8, 0) AS "c",
  sum("ledger"."amount") - (min("ledger"."amount") - max("ledger"."amount")) AS "d"
FROM "ledger"
LIMIT 200
