SELECT
  sum("ledger"."amount") AS "total"
FROM "ledger"
WHERE "ledger"."dept" IN ('Sales', 'Finance')
  AND "ledger"."posted" BETWEEN DATE '2024-01-01' AND DATE '2024-02-29'
  AND "ledger"."units" IS NOT NULL
LIMIT 200
