SELECT
  sum("ledger"."amount") AS "total"
FROM "ledger"
LIMIT 200
