SELECT
  sum("ledger"."amount") AS "total"
FROM "ledger"
WHERE "ledger"."posted" IN (
  SELECT max("ledger"."posted")
  FROM "ledger"
)
LIMIT 200
